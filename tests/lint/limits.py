#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints sdk/limits.md, from the header that has the limits: limits.py sandbox/wasm/limits.h [PAGE]

With PAGE it tells the differences instead, and whether each limit has a word about it.
"""
import difflib
import re
import sys
from pathlib import Path

INTRODUCTION = """<!-- Made from sandbox/wasm/limits.h; do not edit:
     python3 tests/lint/limits.py sandbox/wasm/limits.h >sdk/limits.md -->
# Limits of the engine

WebAssembly allows an engine to have limits of its own. A module that exceeds one of these is refused with an error of kind
*limit* (`PNF_LIMIT`), never as malformed or invalid; what happens at run time (a table that would grow too large, calls
that nest too deeply) is refused to the guest, or traps. They cannot be raised. What a policy limits comes before them
(see [policy.md](policy.md)); the size of memories is limited by that and by their address type alone.
"""
UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"))


def value_text(name, expression):
    """10000000u as "10 000 000", and bytes in units."""
    value = 1
    for factor in re.findall(r"\d+", expression):
        value *= int(factor)
    if name.endswith("_BYTES"):
        for unit, word in UNITS:
            if value % unit == 0:
                return f"{value // unit} {word}"
    return f"{value:,}".replace(",", " ")


def page(header):
    """The page's text, and the names of limits without a comment."""
    text, silent = INTRODUCTION, []
    for line in header.split("#include <stdint.h>")[1].splitlines():
        heading = re.fullmatch(r"/\* (.*) \*/", line)
        limit = re.fullmatch(r"#define LIMIT_(\w+)\s+(.*?)(?:\s+/\* (.*) \*/)?", line)
        if heading:
            text += f"\n## {heading.group(1)}\n\n| limit | |\n|---|---|\n"
        elif limit and limit.group(3):
            text += f"| {value_text(limit.group(1), limit.group(2))} | {limit.group(3)} |\n"
        elif limit:
            silent.append(limit.group(1))
    return text, silent


def main():
    text, silent = page(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for name in silent:
        print(f"limits.py: LIMIT_{name} has no comment behind it", file=sys.stderr)
    if len(sys.argv) == 2:
        print(text, end="")
        return int(bool(silent))
    kept = Path(sys.argv[2]).read_text(encoding="utf-8")
    print("".join(difflib.unified_diff(kept.splitlines(True), text.splitlines(True), sys.argv[2],
                                       "what limits.h says")))
    return int(bool(silent) or kept != text)


if __name__ == "__main__":
    sys.exit(main())
