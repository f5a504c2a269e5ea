# SPDX-License-Identifier: Apache-2.0
"""Lua's own tests. Those of 5.3 are in a package of fengari, a Lua in JavaScript: programs in
template literals, and what they have in common in others at the top of each file. Those of 5.4 are
in no package: a folder of this machine may hold them."""
import glob
import os
import re

LITERAL = r"`((?:[^`\\]|\\.)*)`"
COMMON = re.compile(r"^const \w+ = " + LITERAL, re.MULTILINE | re.DOTALL)
PROGRAM = re.compile(r"\bluaCode = (?:\w+ \+ )?" + LITERAL, re.DOTALL)
ESCAPE = re.compile(r"\\(.)", re.DOTALL)
CONTROLS = {"0": "\0", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}

# The suite of 5.4 as it is published: all.lua and what it runs.
SUITE = os.environ.get("PINFOLD_LUA_TESTS") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), *[".."] * 3, "shared", "lua-tests")


def text_of(literal):
    """What JavaScript makes of a template literal without substitutions."""
    return ESCAPE.sub(lambda match: CONTROLS.get(match[1], match[1]), literal)


def programs(folder):
    """Yields (name, bytes) of the programs of 5.3."""
    for path in sorted(glob.glob(f"{folder}/*.test.js")):
        with open(path, encoding="utf-8") as file:
            script = file.read()
        common = "\n".join(COMMON.findall(script))
        for number, program in enumerate(PROGRAM.findall(script), 1):
            name = os.path.basename(path).removesuffix(".test.js")
            yield f"{name}-{number}.lua", text_of(f"{common}\n{program}").encode()
