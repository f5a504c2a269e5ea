#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real programs, confined, do what they do natively: run.py PINFOLD [NAME...]

PINFOLD is the command line; build.py gets the programs. Each runs under the policy file of its name
and sees one folder, as /work; what it prints and the files that it makes are compared with those of
the same program outside. The last line is "N passed, N failed, N skipped".
"""
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import build
import lua_tests

HERE = os.path.dirname(os.path.abspath(__file__))
README = os.path.join(HERE, "..", "..", "README.md")
PINFOLD = os.path.abspath(sys.argv[1])
SECONDS = 900
DATA_BYTES = 20_000_000
LUA_PROGRAMS_MIN = 200

# How each program prints a file, for the test that it can print no other.
PRINT = {
    "cmark": ["{path}"],
    "bzip2": ["-kcf", "{path}"],
    "zstd": ["-qcf", "{path}"],
    "sqlite3": [":memory:", "SELECT readfile('{path}')"],
    "lua": ["-e", "print(io.open('{path}'):read('a'))"],
    "python": ["-I", "-c", "print(open('{path}').read())"],
}
# How it makes a file, if it does.
MAKE = {
    "bzip2": ["-k", "{path}"],
    "zstd": ["-q", "{path}"],
    "sqlite3": ["{path}.db", "CREATE TABLE made (x)"],
    "lua": ["-e", "assert(io.open('{path}.new', 'w'))"],
    "python": ["-I", "-c", "open('{path}.new', 'w')"],
}


class Failure(Exception):
    """What was not as expected."""


def expect(right, *values):
    if not right:
        raise Failure(" ".join(str(value) for value in values))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def ratio(guest, native):
    return f"{guest:.2f} s, native {native:.2f} s, ratio {guest / native:.1f}"


class Pair:
    """A program, as a guest and natively, with a folder for each."""

    def __init__(self, name, module, native, folder):
        self.name, self.module, self.native_program, self.folder = name, module, native, folder
        self.guest_folder, self.native_folder = f"{folder}/guest", f"{folder}/native"
        os.makedirs(self.guest_folder)
        os.makedirs(self.native_folder)
        # Where nobody else may write, as a policy has to be: a clone need not be such a place.
        self.policy = shutil.copy(f"{HERE}/{name}.yaml", f"{folder}/policy.yaml")
        os.chmod(self.policy, 0o600)

    def execute(self, command, folder):
        environment = {"PATH": os.environ["PATH"], "HOME": self.folder, "LC_ALL": "C.UTF-8"}
        if "PINFOLD_LIBEXEC" in os.environ:
            environment["PINFOLD_LIBEXEC"] = os.environ["PINFOLD_LIBEXEC"]
        start = time.monotonic()
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False,
                                  timeout=SECONDS, cwd=folder, env=environment)
        except subprocess.TimeoutExpired as error:
            raise Failure(f"{command[0]}: not done after {SECONDS} s") from error
        return done, time.monotonic() - start

    def guest(self, arguments, access="write"):
        words = [word.format(work="/work") for word in arguments]
        return self.execute([PINFOLD, "run", "--policy", self.policy, "--dir",
                             f"{self.guest_folder}::/work:{access}", self.module, *words],
                            self.folder)

    def native(self, arguments):
        words = [word.format(work=self.native_folder) for word in arguments]
        return self.execute([self.native_program, *words], self.native_folder)

    def give(self, name, content):
        """A file for both."""
        for folder in (self.guest_folder, self.native_folder):
            with open(f"{folder}/{name}", "wb") as file:
                file.write(content)

    def same(self, arguments, files=()):
        """Runs both; what they print and the files that they make are the same. Says how long."""
        guest, guest_seconds = self.guest(arguments)
        native, native_seconds = self.native(arguments)
        expect(native.returncode == 0, "native:", native)
        expect(guest.returncode == 0, "guest:", guest.returncode, guest.stderr.decode()[-2000:])
        expect(guest.stdout == native.stdout, "printed", guest.stdout[:2000], "not",
               native.stdout[:2000])
        for name in files:
            expect(read(f"{self.guest_folder}/{name}") == read(f"{self.native_folder}/{name}"),
                   name, "differs from what the native program made")
        return native.stdout, ratio(guest_seconds, native_seconds)


# --- checks: each is a sentence and a function, which may say more --------------------------------


def cmark_checks(pair):
    def converts():
        pair.give("README.md", read(README))
        printed, times = pair.same(["{work}/README.md"])
        expect(b"<h1>" in printed, "no heading")
        return times

    yield "turns this project's README into the same HTML", converts


def data():
    """The same bytes everywhere: text of made words, noise, and a hole."""
    source = random.Random(20)
    words = ["".join(source.choices("etaoinshrdlu", k=source.randint(1, 9))) for _ in range(4000)]
    text = bytearray()
    while len(text) < DATA_BYTES * 3 // 4:
        text += " ".join(source.choices(words, k=1000)).encode() + b"\n"
    text += source.randbytes(DATA_BYTES // 5)
    return bytes(text).ljust(DATA_BYTES, b"\0")


def archive_checks(pair, suffix, compress, restore):
    original = data()
    packed = f"data{suffix}"

    def compresses():
        pair.give("data", original)
        _, times = pair.same([*compress, "{work}/data"], [packed])
        size = os.path.getsize(f"{pair.guest_folder}/{packed}")
        expect(size < DATA_BYTES * 3 // 5, size, "bytes are not compressed")
        return f"{size} bytes, {times}"

    def restores():
        shutil.copy(f"{pair.guest_folder}/{packed}", f"{pair.native_folder}/{packed}")
        for folder in (pair.guest_folder, pair.native_folder):
            os.remove(f"{folder}/data")
        _, times = pair.same([*restore, "{work}/" + packed], ["data"])
        expect(read(f"{pair.guest_folder}/data") == original, "the guest restored something else")
        return times

    yield "compresses 20 MB to the same bytes", compresses
    yield "restores them, and so does the native program what the guest has made", restores


def bzip2_checks(pair):
    return archive_checks(pair, ".bz2", ["-k"], ["-dk"])


def zstd_checks(pair):
    return archive_checks(pair, ".zst", ["-q"], ["-dq"])


def sqlite3_checks(pair):
    def runs():
        pair.give("million.sql", read(f"{HERE}/million.sql"))
        printed, times = pair.same(["-batch", "-bail", "{work}/rows.db", ".read {work}/million.sql"])
        expect(printed.startswith(b"rows|1000000|"), "no rows:", printed[:200])
        return times

    def opens():
        shutil.copy(f"{HERE}/million_check.sql", pair.native_folder)
        answers = []
        for folder in (pair.guest_folder, pair.native_folder):
            done, _ = pair.native(["-batch", "-bail", f"{folder}/rows.db",
                                   ".read {work}/million_check.sql"])
            expect(done.returncode == 0, done)
            answers.append(done.stdout)
        expect(answers[0].startswith(b"ok\n800000|"), "not whole:", answers[0][:200])
        expect(answers[0] == answers[1], "other answers from the guest's database")
        left = sorted(os.listdir(pair.guest_folder))
        expect(left == ["million.sql", "rows.db"], "left behind:", left)

    yield "runs a script with a million rows, against a file", runs
    yield "leaves a database that the native program finds whole and the same", opens


def lua_checks(pair):
    def runs():
        total = passed = 0
        for name, program in lua_tests.programs(f"{os.path.dirname(pair.module)}/tests"):
            pair.give(name, program)
            total += 1
            # What changed since 5.3, or looks into the interpreter, fails natively.
            if pair.native([name])[0].returncode == 0:
                guest, _ = pair.guest([name])
                expect(guest.returncode == 0, name, guest.stderr.decode()[-2000:])
                passed += 1
        expect(passed >= LUA_PROGRAMS_MIN, "the native program passes", passed, "of", total)
        return f"{passed} of {total}"

    def both(name, first, last):
        arguments = ["-e", first, name]
        (native, native_seconds), (guest, seconds) = pair.native(arguments), pair.guest(arguments)
        for done in (native, guest):
            expect(done.returncode == 0 and last in done.stdout, name, done.returncode,
                   done.stdout[-500:], done.stderr.decode()[-2000:])
        return ratio(seconds, native_seconds)

    def finishes():
        if not os.path.exists(f"{lua_tests.SUITE}/all.lua"):
            raise build.Missing(f"no tests of Lua 5.4 in {lua_tests.SUITE}")
        for folder in (pair.guest_folder, pair.native_folder):
            shutil.copytree(lua_tests.SUITE, folder, dirs_exist_ok=True)
        times = both("all.lua", "_port = true", b"final OK !!!")
        # What that leaves out as not portable works, too, but in main.lua and files.lua, which
        # start commands: WASI has none.
        for name in ("attrib.lua", "gc.lua", "math.lua", "strings.lua"):
            both(name, "Message = print", b"OK")
        return times

    yield "runs those programs of Lua 5.3's test suite that the native one passes", runs
    yield "runs the test suite of Lua 5.4 to the end", finishes


def python_checks(pair):
    def runs():
        pair.give("files.py", read(f"{HERE}/files.py"))
        _, times = pair.same(["-I", "{work}/files.py", "{work}"], ["copy", "records.json"])
        return times

    yield "runs a script with json, hashlib, re and files", runs


def confinement_checks(pair):
    secret = f"{pair.folder}/secret"
    text = b"nothing for guests\n"

    def prepare():
        for path in (secret, f"{pair.guest_folder}/inside"):
            with open(path, "wb") as file:
                file.write(text)
        os.symlink("inside", f"{pair.guest_folder}/within")
        os.symlink("../secret", f"{pair.guest_folder}/relative")
        os.symlink(secret, f"{pair.guest_folder}/absolute")

    def prints(path):
        done, _ = pair.guest([word.format(path=path) for word in PRINT[pair.name]], "read")
        return done.stdout.strip()

    def confined():
        prepare()
        for path in ("/work/inside", "/work/within"):
            expect(prints(path), path, "is inside, and it could not print it")
        for path in (secret, "/work/../secret", "/work/relative", "/work/absolute", "/etc/passwd"):
            printed = prints(path)
            expect(not printed, path, "is outside of the folder, and it printed", printed[:200])

    def makes(path, access):
        """How many files are new, inside and beside the folder."""
        folders = (pair.guest_folder, pair.folder)
        before = sum(len(os.listdir(folder)) for folder in folders)
        pair.guest([word.format(path=path) for word in MAKE[pair.name]], access)
        return sum(len(os.listdir(folder)) for folder in folders) - before

    def makes_nothing():
        os.symlink("..", f"{pair.guest_folder}/outside")
        for path, access in (("/work/inside", "read"), ("/work/../secret", "write"),
                             ("/work/outside/secret", "write"), (secret, "write")):
            expect(makes(path, access) == 0, "it made a file from", path, "with access to", access)
        expect(makes("/work/inside", "write") == 1, "it could not have made one anyway")

    yield "prints nothing from outside of its folder", confined
    if pair.name in MAKE:
        yield "makes no file outside of its folder, or in one that it may only read", makes_nothing


CHECKS = {"cmark": cmark_checks, "bzip2": bzip2_checks, "zstd": zstd_checks,
          "sqlite3": sqlite3_checks, "lua": lua_checks, "python": python_checks}


def run_checks(pair, counts):
    for checks in (CHECKS[pair.name](pair), confinement_checks(pair)):
        for sentence, check in checks:
            try:
                said = check()
            except build.Missing as error:
                counts["skipped"] += 1
                print(f"skip  {pair.name} {sentence}: {error}", flush=True)
            except (Failure, OSError) as error:
                counts["failed"] += 1
                print(f"FAIL  {pair.name} {sentence}: {error}", flush=True)
            else:
                counts["passed"] += 1
                print(f"ok    {pair.name} {sentence}" + (f" ({said})" if said else ""), flush=True)


def main():
    beside = os.path.dirname(PINFOLD)
    if os.path.exists(f"{beside}/pinfold-launcher"):
        os.environ.setdefault("PINFOLD_LIBEXEC", beside)
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    with tempfile.TemporaryDirectory(prefix="pinfold-guests-") as folder:
        for name, module, native, error in build.programs(sys.argv[2:]):
            if not error and not os.path.exists(native):
                error = build.Missing(f"{native} is not there")
            if error:
                skipped = isinstance(error, build.Missing)
                counts["skipped" if skipped else "failed"] += 1
                print(f"{'skip' if skipped else 'FAIL'}  {name}: {error}", flush=True)
            else:
                run_checks(Pair(name, module, native, f"{folder}/{name}"), counts)
                shutil.rmtree(f"{folder}/{name}")
    print(", ".join(f"{number} {word}" for word, number in counts.items()))
    return counts["failed"] != 0


if __name__ == "__main__":
    sys.exit(main())
