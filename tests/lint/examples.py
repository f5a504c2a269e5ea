#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What documents show of examples is what is compiled and run: examples.py SOURCE_ROOT

sdk/README.md has the whole of examples/hello.c; what README.md shows of host, plugin and policy are
lines of these files, in their order.
"""
import os
import re
import sys


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def code_of(root, path):
    first, rest = read(root, path).split("\n", 1)
    assert "SPDX" in first
    return rest


# Each block of README.md in these languages, by number, is an excerpt of this file.
SHOWN = [("c", 0, "examples/hello.c"), ("c", 1, "plugins/greet/greet.c"),
         ("yaml", 0, "plugins/greet/greet.yaml")]


def missing_line(code, excerpt):
    """The first line of the excerpt that the code does not have, or not in that order."""
    lines = iter(line.strip() for line in code.splitlines())
    for line in filter(None, map(str.strip, excerpt.splitlines())):
        if line not in lines:
            return line
    return None


def main():
    root = sys.argv[1]
    problems = []
    if code_of(root, "examples/hello.c") not in blocks(read(root, "sdk/README.md"), "c"):
        problems.append("sdk/README.md: does not have the text of examples/hello.c")
    readme = read(root, "README.md")
    for language in {language for language, _, _ in SHOWN}:
        shown = sum(each == language for each, _, _ in SHOWN)
        if len(blocks(readme, language)) != shown:
            problems.append(f"README.md: not {shown} blocks of {language}")
    for language, number, path in SHOWN:
        excerpts = blocks(readme, language)[number:number + 1]
        line = missing_line(code_of(root, path), excerpts[0] if excerpts else "(nothing)")
        if line is not None:
            problems.append(f"README.md: not in {path}: {line}")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
