#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What documents show of examples/hello.c is what is compiled and run: examples.py SOURCE_ROOT

sdk/README.md has the whole of it, README.md some of its lines, in their order.
"""
import os
import re
import sys


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def blocks(text):
    return re.findall(r"^```c\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def code_of(root):
    first, rest = read(root, "examples/hello.c").split("\n", 1)
    assert "SPDX" in first
    return rest


def missing_line(code, excerpt):
    """The first line of the excerpt that the code does not have, or not in that order."""
    lines = iter(line.strip() for line in code.splitlines())
    for line in filter(None, map(str.strip, excerpt.splitlines())):
        if line not in lines:
            return line
    return None


def main():
    root = sys.argv[1]
    code = code_of(root)
    problems = []
    if code not in blocks(read(root, "sdk/README.md")):
        problems.append("sdk/README.md: does not have the text of examples/hello.c")
    for excerpt in blocks(read(root, "README.md")):
        line = missing_line(code, excerpt)
        if line is not None:
            problems.append(f"README.md: not in examples/hello.c: {line}")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
