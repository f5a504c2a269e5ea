#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write opcodes.csv, the list of opcodes that test_opcode.c holds the opcode table against.

Usage:
    tests/unit/wasm/extract_opcodes.py SPEC > tests/unit/wasm/opcodes.csv

SPEC is a clone of github.com/WebAssembly/spec, bare or not; its HEAD is read through git, so a
work tree is not needed. The only input is the binary grammar of instructions in SpecTec.

Columns: page (0 for one-byte opcodes, else the prefix byte) and code in decimal; the mnemonic of
the text format; the immediates in binary order, by the names of their grammar rules; and the
signature in the letters of opcode.def, empty where the context decides.

The grammar gives abstract syntax, such as `VNARROW (I8 X `16) (I16 X `8) S`. How that is spelled
in text, and how each constructor is typed (SpecTec rules Instr_ok), is what this script knows; it
never looks at Pinfold's own table. `else` and `end` have bytes but are not instructions in the
grammar, so they are added here.
"""

import csv
import re
import subprocess
import sys

GRAMMAR = "specification/wasm-3.0/5.3-binary.instructions.spectec"

# One grammar alternative: "| 0xFD 15:Bu32 <immediates> => <abstract syntax>".
ALTERNATIVE = re.compile(r"\|\s*0x([0-9A-F]{2})(?:\s+(\d+):Bu32)?(.*?)=>\s*(.+)")

# Operators whose text form is "<first type>.<operator>" followed by the suffixes.
TYPED = {
    "UNOP", "BINOP", "TESTOP", "RELOP", "CVTOP", "VVUNOP", "VVBINOP", "VVTERNOP", "VVTESTOP",
    "VUNOP", "VBINOP", "VTERNOP", "VTESTOP", "VRELOP", "VSHIFTOP", "VSWIZZLOP", "VCVTOP",
    "VEXTUNOP", "VEXTBINOP", "VEXTTERNOP",
}

# Operators that are named by their own constructor: VSPLAT (I8 X `16) is i8x16.splat.
SELF_NAMED = {
    "CONST", "LOAD", "STORE", "VLOAD", "VSTORE", "VLOAD_LANE", "VSTORE_LANE", "VCONST", "VSHUFFLE",
    "VSPLAT", "VEXTRACT_LANE", "VREPLACE_LANE", "VBITMASK", "VNARROW",
}

# Signatures by constructor: t is the first type, u the second, l what a lane is on the stack.
SIGNATURES = {
    "NOP": ":", "CONST": ":t", "UNOP": "t:t", "BINOP": "tt:t", "TESTOP": "t:i", "RELOP": "tt:i",
    "CVTOP": "u:t", "LOAD": "a:t", "STORE": "at:", "MEMORY.SIZE": ":a", "MEMORY.GROW": "a:a",
    "MEMORY.INIT": "aii:", "MEMORY.FILL": "aia:", "DATA.DROP": ":", "ELEM.DROP": ":",
    "VLOAD": "a:v", "VSTORE": "av:", "VLOAD_LANE": "av:v", "VSTORE_LANE": "av:", "VCONST": ":v",
    "VVUNOP": "v:v", "VVBINOP": "vv:v", "VVTERNOP": "vvv:v", "VVTESTOP": "v:i", "VUNOP": "v:v",
    "VBINOP": "vv:v", "VTERNOP": "vvv:v", "VTESTOP": "v:i", "VRELOP": "vv:v", "VSHIFTOP": "vi:v",
    "VBITMASK": "v:i", "VSWIZZLOP": "vv:v", "VSHUFFLE": "vv:v", "VSPLAT": "l:v",
    "VEXTRACT_LANE": "v:l", "VREPLACE_LANE": "vl:v", "VNARROW": "vv:v", "VCVTOP": "v:v",
    "VEXTUNOP": "v:v", "VEXTBINOP": "vv:v", "VEXTTERNOP": "vvv:v",
}

LETTERS = {"i32": "i", "i64": "I", "f32": "f", "f64": "F", "v128": "v"}

TYPE = re.compile(r"[ifv]\d+(x\d+)?")


def alternatives(text):
    """Yield (page, code, immediates, abstract syntax) for each instruction of the grammar."""
    text = re.sub(r";;.*", "", text)
    for block in text.split("\ngrammar ")[1:]:
        if not block.startswith("Binstr/"):
            continue
        # An alternative may run over several lines; a new one starts with a bar.
        for piece in re.split(r"\n\s*(?=\|)", block)[1:]:
            match = ALTERNATIVE.match(" ".join(piece.split()))
            if match is None:
                continue
            byte, code, immediates, syntax = match.groups()
            if code is None:
                yield 0, int(byte, 16), immediates, syntax
            else:
                yield int(byte, 16), int(code), immediates, syntax


def immediate_names(source):
    """Reduce "l*:Blist(Blabelidx) l_n:Blabelidx" to "list(labelidx) labelidx"."""
    source = re.sub(r"\(in(_\d)?:Binstr\)\*.*", "", source)
    source = re.sub(r"\(\w+:B(\w+)\)\^16", r"x:B\1^16", source)
    names = re.findall(r":B(\w+(?:\(\w+\)|\^16)?)", source)
    return " ".join(name.replace("(B", "(") for name in names)


def words_of(syntax):
    """Split abstract syntax into lower-case words, with shapes and widths already joined."""
    # Reference types and the bytes of a constant are immediates, however they are written.
    syntax = re.sub(r"\(REF [^)]*\)|\$.*", "", syntax)
    syntax = re.sub(r"\((\w+) X `(\d+)\)", r"\1x\2", syntax)
    syntax = re.sub(r"SHAPE `(\d+) X `(\d+) _ (\w)", r"\1x\2 \3", syntax)
    syntax = re.sub(r"(SPLAT|ZERO) `(\d+)", r"\2 \1", syntax)
    syntax = re.sub(r"`(\d+) _ (\w)", r"\1 \2", syntax)
    syntax = syntax.replace("`", "").replace("(", " ").replace(")", " ")
    # What is in lower case stands for the immediates.
    return [word.lower() for word in syntax.split() if word[0].isupper() or word[0].isdigit()
            or TYPE.fullmatch(word)]


def join_suffixes(name, suffixes):
    """Append suffixes: a width sticks to a load, a store or an extension, the rest take a bar."""
    for position, suffix in enumerate(suffixes):
        sticks = position == 0 and suffix[0].isdigit()
        name += suffix if sticks else "_" + suffix
    return name


def conversion(operator, source, suffixes):
    """Spell extend, convert, promote...: the half comes before the source shape."""
    half = [word for word in suffixes if word in ("low", "high")]
    rest = [word for word in suffixes if word not in ("low", "high")]
    return "_".join([operator] + half + [source] + rest)


def mnemonic(syntax):
    words = words_of(syntax)
    constructor = words[0].upper()
    if constructor in SELF_NAMED:
        shape = words[1]
        operator = words[0].removeprefix("v")
        if constructor in ("VLOAD_LANE", "VSTORE_LANE"):
            return f"{shape}.{operator.removesuffix('_lane')}{words[2]}_lane"
        return f"{shape}." + join_suffixes(operator, words[2:])
    if constructor in TYPED:
        shape, rest = words[1], words[2:]
        if TYPE.fullmatch(rest[0]):
            source, operator, suffixes = rest[0], rest[1], rest[2:]
            if operator.startswith("relaxed_dot"):
                # The second operand's lanes hold seven bits; the text names the byte lanes of both.
                tail = ["add"] if operator.endswith("_add") else []
                return "_".join([f"{shape}.relaxed_dot_i8x16_i7x16"] + tail + suffixes)
            return f"{shape}." + conversion(operator, source, suffixes)
        if rest[0] == "extend":
            return f"{shape}.extend{rest[1]}_s"
        return f"{shape}." + join_suffixes(rest[0], rest[1:])
    # Everything else is spelled as it is written: STRUCT.GET S is struct.get_s.
    drop = ("else", "eps")
    return join_suffixes(words[0], [word for word in words[1:] if word not in drop])


def signature(syntax):
    words = words_of(syntax)
    letters = SIGNATURES.get(words[0].upper(), "")
    # The types that t and u stand for; a packed lane is an i32 on the stack.
    types = [LETTERS.get(word, "") for word in words[1:3]] + ["", ""]
    lane = LETTERS.get(words[1].split("x")[0], "i") if len(words) > 1 else ""
    return letters.replace("t", types[0]).replace("u", types[1]).replace("l", lane)


def git(repository, *arguments):
    return subprocess.run(["git", "-C", repository, *arguments], check=True, capture_output=True,
                          text=True).stdout


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    text = git(sys.argv[1], "show", "HEAD:" + GRAMMAR)
    rows = {(0, 0x05): ("else", "", ""), (0, 0x0B): ("end", "", "")}
    for page, code, immediates, syntax in alternatives(text):
        row = (mnemonic(syntax), immediate_names(immediates), signature(syntax))
        if rows.setdefault((page, code), row) != row:
            sys.exit(f"two readings of {page:#x} {code}: {rows[page, code]} and {row}")
    commit = git(sys.argv[1], "rev-parse", "HEAD").strip()
    print("# SPDX-License-Identifier: Apache-2.0")
    print(f"# Made by extract_opcodes.py from WebAssembly/spec {commit}")
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["page", "code", "mnemonic", "immediates", "signature"])
    for page, code in sorted(rows):
        writer.writerow([page, code, *rows[page, code]])


if __name__ == "__main__":
    main()
