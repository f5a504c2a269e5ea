# SPDX-License-Identifier: Apache-2.0
"""What CPython does as a guest: files.py FOLDER. Prints nothing that depends on its version."""
import collections
import hashlib
import json
import os
import re
import shutil
import sys

FOLDER = sys.argv[1]


def at(*names):
    return os.path.join(FOLDER, *names)


def say(*values):
    print(json.dumps(values, sort_keys=True, ensure_ascii=False))


def refused(action, *arguments):
    try:
        action(*arguments)
    except OSError as error:
        return type(error).__name__
    return "allowed"


def records(count):
    state = 12345
    for number in range(count):
        state = (state * 1103515245 + 12345) % 2**31
        yield {"number": number, "name": f"näme-{state:08x}", "ratio": state / 2**31,
               "tags": [chr(97 + state % 26) * (state % 5), None, state % 2 == 0]}


def texts():
    made = list(records(5000))
    with open(at("records.json"), "w", encoding="utf-8") as file:
        json.dump(made, file, ensure_ascii=False, indent=1)
    with open(at("records.json"), encoding="utf-8") as file:
        text = file.read()
    assert json.loads(text) == made
    say("json", len(text), sum(record["ratio"] for record in made), made[-1])
    names = re.findall(r'"näme-([0-9a-f]{2})(?=[0-9a-f]*7)[0-9a-f]{6}"', text)
    say("re", len(names), collections.Counter(names).most_common(3))
    say("sub", re.sub(r"(?i)(N)(\w+)-(?P<rest>\d+)", r"\g<rest>:\2", "Näme-17 name-4 NAME-99x"))
    for name in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b"):
        digest = hashlib.new(name)
        for _ in range(4):
            digest.update(text.encode())
        say(name, digest.hexdigest())


def folders():
    os.makedirs(at("a", "b", "c"))
    for number in range(200):
        with open(at("a", f"file-{number:03}"), "wb") as file:
            file.write(bytes([number]) * number * 100)
    say("listed", len(os.listdir(at("a"))), sorted(os.listdir(at("a")))[:3])
    say("sizes", sum(entry.stat().st_size for entry in os.scandir(at("a")) if entry.is_file()))
    say("kinds", sorted(entry.name for entry in os.scandir(at("a")) if entry.is_dir()))
    os.rename(at("a", "file-007"), at("a", "b", "c", "moved"))
    os.replace(at("a", "file-008"), at("a", "file-009"))
    os.remove(at("a", "file-010"))
    say("walk", [(os.path.relpath(top, FOLDER), len(names), len(files))
                 for top, names, files in sorted(os.walk(at("a")))])
    say("stat", os.stat(at("a", "file-009")).st_size, os.path.isdir(at("a", "b")),
        os.path.exists(at("a", "file-010")))
    say("errors", refused(open, at("a", "file-010")), refused(os.rmdir, at("a")),
        refused(os.mkdir, at("a", "b")), refused(os.listdir, at("a", "file-001")),
        refused(open, at("a"), "wb"), refused(os.remove, at("a", "b")))
    shutil.rmtree(at("a", "b"))
    say("left", len(os.listdir(at("a"))))


def bytes_of_files():
    with open(at("data"), "w+b") as file:
        file.write(b"0123456789" * 1000)
        file.seek(5000)
        file.write(b"middle")
        file.truncate(7000)
        file.seek(-3, os.SEEK_END)
        say("end", file.read().decode(), file.tell())
    with open(at("data"), "ab") as file:
        file.write(b"appended")
    descriptor = os.open(at("data"), os.O_RDWR)
    say("pread", os.pread(descriptor, 6, 5000).decode(), os.pwrite(descriptor, b"X", 9000))
    say("size", os.fstat(descriptor).st_size, os.lseek(descriptor, 0, os.SEEK_CUR))
    os.close(descriptor)
    os.utime(at("data"), ns=(1_000_000_000_000_000_000, 1_234_567_890_000_000_000))
    say("time", os.stat(at("data")).st_mtime_ns)
    os.symlink("data", at("link"))
    say("link", os.readlink(at("link")), os.path.islink(at("link")), os.path.getsize(at("link")))
    shutil.copyfile(at("link"), at("copy"))
    with open(at("copy"), "rb") as file:
        say("copy", hashlib.sha256(file.read()).hexdigest())
    os.remove(at("link"))
    say("all", sorted(os.listdir(FOLDER)))


texts()
folders()
bytes_of_files()
