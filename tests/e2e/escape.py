#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Directories hold: escape.py BUILD; prints TAP.

A guest (guests/escape.c) tries to get out of its directories, with openat2 and without it, alone
and while somebody else swaps a directory for a link. What is outside must be the same afterwards.
PINFOLD_RACE_SECONDS: how long the swapping goes on.
"""
import ctypes
import os
import re
import shutil
import socket
import stat
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
import tap  # pylint: disable=wrong-import-position

BUILD = os.path.abspath(sys.argv[1])
PINFOLD = f"{BUILD}/pinfold"
GUEST = f"{BUILD}/tests/e2e/escape.wasm"
WORKERS = os.environ.get("PINFOLD_TEST_WORKERS", BUILD)
RACE_SECONDS = float(os.environ.get("PINFOLD_RACE_SECONDS", "1.5"))
ROOT = os.path.realpath(tempfile.mkdtemp(prefix="pinfold-escape-"))
SECONDS = 120

# Swaps what "swap" is, by one rename there and back, until its standard input ends.
SWAPPER = """
import ctypes, os, select, sys
os.chdir(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
exchange = lambda: libc.renameat2(-100, b"swap", -100, b"other", 2)
print("ready", flush=True)
count = 0
while count % 64 or not select.select([0], [], [], 0)[0]:
    assert exchange() == 0, os.strerror(ctypes.get_errno())
    count += 1
print(count)
"""

POLICY = """pinfold: 1
wasi:
  stdout: inherit
  args: [{arguments}]
  dirs:
    - {{ host: {root}/d, guest: /d, access: write }}
    - {{ host: {root}/r, guest: /r, access: read }}
    - {{ host: {root}/o, guest: /o, access: write, links: none }}
"""


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def make_tree():
    """The directories of the guest, hostile links in them, and the outside."""
    for name in ("", "outside", "outside/dir", "d", "d/sub", "r", "r/sub", "o", "race"):
        os.makedirs(f"{ROOT}/{name}", exist_ok=True)
    write(f"{ROOT}/outside/secret", "secret")
    write(f"{ROOT}/outside/f", "secret")
    write(f"{ROOT}/outside/dir/inner", "secret")
    for folder in ("d", "r", "o"):
        write(f"{ROOT}/{folder}/file", "inside")
    write(f"{ROOT}/d/sub/deep", "inside")
    for name, text in {
            "abs": f"{ROOT}/outside/secret", "absdir": f"{ROOT}/outside",
            "rel": "../outside/secret", "reldir": "../outside", "dangling": "../outside/new",
            "dangling-abs": f"{ROOT}/outside/new", "chain": "chain2", "chain2": "sub/../../outside",
            "up": "sub/../..", "updown": "../d/file", "magic": "/proc/self/root",
            "descriptor": "/proc/self/fd/0", "loop": "loop", "inside": "sub/deep",
            "insidedir": "sub", "to-come": "sub/come"}.items():
        os.symlink(text, f"{ROOT}/d/{name}")
    os.symlink("file", f"{ROOT}/o/link")
    os.mkfifo(f"{ROOT}/d/fifo")
    with socket.socket(socket.AF_UNIX) as bound:
        here = os.getcwd()
        os.chdir(f"{ROOT}/d")
        bound.bind("socket")
        os.chdir(here)


def state_of(folder):
    """Everything about what is in a folder, but access times, which reading may change."""
    state = {}
    for path, folders, files in os.walk(folder):
        for name in [".", *folders, *files]:
            full = f"{path}/{name}"
            found = os.lstat(full)
            content = None
            if stat.S_ISREG(found.st_mode):
                with open(full, "rb") as file:
                    content = file.read()
            state[full] = (found.st_ino, found.st_mode, found.st_nlink, found.st_size,
                           found.st_mtime_ns, found.st_ctime_ns, content)
    return state


def refuse_openat2():
    """In the child: a filter that says that there is no openat2, as old kernels do."""
    libc = ctypes.CDLL(None, use_errno=True)
    load, jump_equal, answer = 0x20, 0x15, 0x06
    enosys = 0x00050000 | 38
    program = b"".join(struct.pack("HBBI", *line) for line in (
        (load, 0, 0, 0), (jump_equal, 0, 1, 437), (answer, 0, 0, enosys),
        (answer, 0, 0, 0x7FFF0000)))
    code = ctypes.create_string_buffer(program)
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(code)))
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    assert libc.prctl(22, 2, header, 0, 0) == 0  # PR_SET_SECCOMP, a filter


def run(*arguments, walk=False):
    """The guest under its policy; (status, output)."""
    policy = f"{ROOT}/policy.yaml"
    write(policy, POLICY.format(root=ROOT, arguments=", ".join(arguments)))
    done = subprocess.run([PINFOLD, "run", "--policy", policy, GUEST], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=SECONDS, check=False,
                          preexec_fn=refuse_openat2 if walk else None,
                          env={**os.environ, "PINFOLD_LIBEXEC": WORKERS})
    return done.returncode, (done.stdout + done.stderr).decode()


def unchanged_outside(before):
    after = {name: state_of(f"{ROOT}/{name}") for name in before}
    for name, state in before.items():
        assert after[name] == state, (
            f"changed in {name}: {set(state.items()) ^ set(after[name].items())}")


def every_trick(walk):
    before = {name: state_of(f"{ROOT}/{name}") for name in ("outside", "r")}
    status, output = run(walk=walk)
    assert status == 0, f"exit status {status}: {output}"
    assert re.search(r"escape: \d{3,} attempts, 0 wrong", output), output
    unchanged_outside(before)
    assert sorted(os.listdir(f"{ROOT}/o")) == ["file", "link"], os.listdir(f"{ROOT}/o")


def race(walk):
    """Rounds of the guest until the time is over, while the swapping goes on."""
    swap = f"{ROOT}/d/swap"
    os.mkdir(swap)
    write(f"{swap}/f", "inside")
    os.symlink("../outside", f"{ROOT}/d/other")
    before = {"outside": state_of(f"{ROOT}/outside")}
    with subprocess.Popen([sys.executable, "-c", SWAPPER, f"{ROOT}/d"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as swapper:
        try:
            assert swapper.stdout.readline() == b"ready\n"
            end = os.times().elapsed + RACE_SECONDS
            while os.times().elapsed < end:
                status, output = run("race", "2000", walk=walk)
                assert status in (0, 2), output
            swaps = int(swapper.communicate(b"\n", timeout=SECONDS)[0])
        finally:
            swapper.kill()
    assert swaps > 1000, swaps
    assert status == 0, f"one side was never seen: {output}"
    unchanged_outside(before)
    print(f"# {output.strip()}, {swaps} swaps in all")
    for name in ("swap", "other"):
        path = f"{ROOT}/d/{name}"
        if os.path.islink(path):
            os.unlink(path)
        else:
            shutil.rmtree(path)


def no_trick_leads_out_of_a_directory():
    every_trick(walk=False)


def no_trick_leads_out_where_the_kernel_has_no_openat2():
    every_trick(walk=True)


def what_is_swapped_meanwhile_leads_nowhere():
    race(walk=False)


def what_is_swapped_meanwhile_leads_nowhere_where_the_kernel_has_no_openat2():
    race(walk=True)


if __name__ == "__main__":
    sys.exit(tap.program(sys.modules[__name__], ROOT, make_tree))
