#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A generated page is what its program prints: generated.py PROGRAM FILE"""
import difflib
import subprocess
import sys


def main():
    program, path = sys.argv[1:]
    printed = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    with open(path, encoding="utf-8") as file:
        kept = file.read()
    print("".join(difflib.unified_diff(kept.splitlines(True), printed.splitlines(True),
                                       path, "what the program prints")))
    return int(kept != printed)


if __name__ == "__main__":
    sys.exit(main())
