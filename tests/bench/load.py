#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What modules cost to load, in time and memory by their size: both must be linear.

First a module whose functions are repeated until it has the size, then CPython if tests/guests has
it, then the hostile modules of hostile.py in two sizes, with how much more a byte of the larger one
takes. Memory is what a policy's `limits.engine` must at least allow, in bytes for each byte of the
module, which is not in it (nor are linear memories); two megabytes of it are there for any module.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import hostile

SERIES_MB = (1, 2, 4, 8, 16, 25)
FACTOR = 4  # between the two sizes of a hostile module


class LoadError(Exception):
    """A module that was neither loaded nor refused for a limit."""


def read_leb(data, at):
    """An unsigned LEB128 number and what is behind it."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at


def read_sections(data):
    """The sections of a module, as pairs of id and content."""
    at = 8
    while at < len(data):
        number = data[at]
        size, at = read_leb(data, at + 1)
        yield number, data[at:at + size]
        at += size


def repeat_functions(data, size):
    """The module with its functions so many times that it has about the size."""
    code = sum(len(content) for number, content in read_sections(data) if number == 10)
    copies = max(1, (size - len(data) + code) // code)
    out = bytearray(data[:8])
    for number, content in read_sections(data):
        if number == 0:
            continue
        if number in (3, 10):
            count, start = read_leb(content, 0)
            content = hostile.leb(count * copies) + content[start:] * copies
        out += bytes([number]) + hostile.leb(len(content)) + content
    return bytes(out)


def find_python():
    """CPython, as tests/guests/run.py keeps it; None if it does not."""
    guests = Path(os.environ.get("PINFOLD_GUESTS", Path.home() / ".cache/pinfold/guests"))
    return next(iter(sorted(guests.glob("python-*/python.wasm"))), None)


class Loader:
    """Runs bench-load."""

    def __init__(self, program, timeout_s):
        self.program = program
        self.timeout_s = timeout_s

    def cost(self, module):
        """Milliseconds and memory for a million and for one byte, or the text of a refusal."""
        with tempfile.NamedTemporaryFile(suffix=".wasm") as file:
            file.write(module)
            file.flush()
            done = subprocess.run([self.program, file.name], capture_output=True, text=True,
                                  timeout=self.timeout_s, check=False)
        words = done.stdout.split()
        if done.returncode != 0 or not words:
            raise LoadError(done.stderr.strip() or f"exit status {done.returncode}")
        if words[0] == "refused":
            return float(words[1]) * 1e9 / len(module), None, " ".join(words[2:])
        seconds = float(words[1]) + float(words[2])
        return seconds * 1e9 / len(module), int(words[3]) / len(module), ""


def print_row(label, module, cost, ratio=""):
    """A module's size and cost."""
    ms, memory, refusal = cost
    memory_text = f"{memory:9.2f} x" if memory is not None else f"  refused: {refusal}"
    print(f"{label:<34}{len(module) / 1e6:8.2f} MB{ms:10.1f} ms/MB{ratio:>8}{memory_text}",
          flush=True)


def print_series(loader, source, label):
    """The functions of one module, repeated."""
    for size in SERIES_MB:
        module = repeat_functions(source, size * 1000000)
        print_row(label, module, loader.cost(module))


def print_hostile(loader, size, names):
    """Each kind in two sizes; returns whether each was loaded or refused."""
    good = True
    for name, maker in hostile.KINDS.items():
        if names and name not in names:
            continue
        ratio, smaller = "", None
        for length in (size, FACTOR * size):
            module = maker(length)
            try:
                cost = loader.cost(module)
                if smaller:
                    ratio = f"x {cost[0] / smaller:.1f}"
                smaller = cost[0]
                print_row(name, module, cost, ratio)
            except (LoadError, subprocess.TimeoutExpired) as error:
                print(f"{name}: FAILED {error}", flush=True)
                good = False
    return good


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loader", required=True, help="the program bench-load")
    parser.add_argument("--module", type=Path, help="whose functions are repeated")
    parser.add_argument("--hostile-bytes", type=int, default=1000000,
                        help="the smaller size of hostile modules (1000000)")
    parser.add_argument("--kinds", nargs="*", metavar="KIND", help="only these hostile modules")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for a module (300)")
    return parser.parse_args()


def main():
    """Returns the exit status: 0 if every module was loaded, or refused for a limit."""
    arguments = parse_arguments()
    loader = Loader(arguments.loader, arguments.timeout)
    python = find_python()
    if arguments.module:
        print_series(loader, arguments.module.read_bytes(), arguments.module.name)
    if python:
        module = python.read_bytes()
        print_row("CPython", module, loader.cost(module))
    return 0 if print_hostile(loader, arguments.hostile_bytes, arguments.kinds) else 1


if __name__ == "__main__":
    sys.exit(main())
