#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes samples.bin, the modules of the runner's own sample scripts: samples.py OUTPUT

Module k begins at offset 256 k; the scripts, written by hand, have these numbers. With --list the
numbers are printed instead.
"""
import sys

MAGIC = b"\0asm\1\0\0\0"
I32, F32, EXTERNREF = 0x7f, 0x7d, 0x6f


def leb(number):
    assert number < 0x4000
    return bytes([number]) if number < 0x80 else bytes([number & 0x7f | 0x80, number >> 7])


def vector(items):
    return leb(len(items)) + b"".join(items)


def section(number, content):
    return bytes([number]) + leb(len(content)) + content


def name(text):
    data = text.encode()
    return leb(len(data)) + data


def functype(parameters, results):
    return bytes([0x60]) + vector([bytes([t]) for t in parameters]) + vector(
        [bytes([t]) for t in results])


def module(functions, imports=(), start=None, extra=b"", exports=()):
    """functions: (name or None, parameters, results, body without end); imports: () -> ()."""
    types = [functype([], [])] + [functype(f[1], f[2]) for f in functions]
    bodies = [b"\0" + f[3] + b"\x0b" for f in functions]
    named = [name(f[0]) + b"\0" + leb(len(imports) + i) for i, f in enumerate(functions) if f[0]]
    result = MAGIC + section(1, vector(types))
    if imports:
        result += section(2, vector([name(m) + name(n) + b"\0\0" for m, n in imports]))
    result += section(3, vector([leb(i + 1) for i in range(len(functions))]))
    result += extra + section(7, vector(named + list(exports)))
    if start is not None:
        result += section(8, leb(start))
    return result + section(10, vector([leb(len(body)) + body for body in bodies]))


GLOBAL = section(6, b"\1\x7f\0\x41\7\x0b")  # one constant global, an i32 of 7

MODULES = {
    "full": module([
        ("add", [I32, I32], [I32], b"\x20\0\x20\1\x6a"),
        ("div", [I32, I32], [I32], b"\x20\0\x20\1\x6d"),
        ("nan", [], [F32], b"\x43\0\0\xc0\x7f"),
        ("echo", [EXTERNREF], [EXTERNREF], b"\x20\0"),
        ("function", [], [0x70], b"\xd2\0"),
        ("recurse", [], [], b"\x10\5"),
        ("a\0b\u00e9", [], [], b""),
    ], extra=GLOBAL, exports=[name("seven") + b"\3\0"]),
    "truncated": MAGIC + b"\1\7\1",
    "mistyped": module([("f", [], [I32], b"")]),
    "importing": module([("call", [], [], b"\x10\0")], imports=[("M", "a\0b\u00e9")]),
    "unlinkable": module([("call", [], [], b"\x10\0")], imports=[("nowhere", "f")]),
    "trapping": module([("f", [], [], b"\0")], start=0),
    "later": module([("f", [], [], b"\x41\0\xfb\x1c\x1a")]),  # ref.i31: needs gc types
    "dependent": module([("call", [], [], b"\x10\0")], imports=[("T", "f")]),
}


def main():
    if sys.argv[1:] == ["--list"]:
        for number, (title, data) in enumerate(MODULES.items()):
            print(title, f'"offset":{256 * number},"length":{len(data)}')
        return 0
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    with open(sys.argv[1], "wb") as file:
        for data in MODULES.values():
            assert len(data) <= 256
            file.write(data.ljust(256, b"\0"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
