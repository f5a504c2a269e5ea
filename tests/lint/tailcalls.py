#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that handlers chain by jumps: tailcalls.py BINARY [SECTION] | --self-test

Disassembles an executable, an object or a static library (x86-64, objdump) and looks at every
function in SECTION (default: pinfold_handlers). A handler leaves by an indirect jump, by a direct
jump to an out-of-line function (slow_...), or, where it traps or halts, by a return. A call in a
handler would let the stack grow with every instruction executed, or cost every path a prologue;
gcc makes one without a word when a handler's local has its address taken.
"""
import bisect
import re
import subprocess
import sys

SECTION = "pinfold_handlers"

# Where a handler may jump by name, condition or not; {handler: callees} that it may call; and what
# may have no way out but a return, as the last handler of a run does. Regular expressions.
JUMP_TARGETS = r"slow_\w+"
CALLS = {}
EXITS = r"\w*(halt|exit|trap|unreachable)\w*"

FUNCTION = re.compile(r"^([0-9a-f]+) <([^>]+)>:$")
INSTRUCTION = re.compile(r"^\s+([0-9a-f]+):\t(?:(?:bnd|notrack|repz?|repnz|data16|cs|ds) )*(\S+)\s*(.*)$")
RELOCATION = re.compile(r"^\s+([0-9a-f]+): (R_X86_64_\w+)\t(\S+?)([+-]0x[0-9a-f]+)?$")
SYMBOL = re.compile(r"^([0-9a-f]{16}) .{7} (\S+)\t[0-9a-f]{16}\s+(?:\.hidden )?(\S+)$")
TARGET = re.compile(r"^[0-9a-f]+ <([^>+]+)(\+0x[0-9a-f]+)?>")
# What a compiler appends to the name of a function that it split or cloned.
CLONE = re.compile(r"\.(cold|part|isra|constprop|llvm|lto_priv)\b.*$")
# Fills the gaps between functions; also what stands behind a call that does not return.
PADDING = re.compile(r"^(nop[wl]?|xchg|int3|ud2|data16)$")


class Handler:
    def __init__(self, name):
        self.name = name
        self.indirect = 0
        self.slow = 0
        self.returns = 0
        self.calls = []
        self.strays = []
        self.last = None  # mnemonic of the last instruction that is no padding

    def problems(self):
        for callee in self.calls:
            if callee not in CALLS.get(self.name, ()):
                yield f"{self.name}: calls {callee}"
        for target in self.strays:
            yield f"{self.name}: jumps to {target}"
        if self.indirect + self.slow == 0 and not re.fullmatch(EXITS, self.name):
            yield f"{self.name}: never jumps to the next handler"
        if self.last is None or not self.last.startswith(("jmp", "ret", "ud2")):
            yield f"{self.name}: runs over its end ({self.last})"


class Symbols:
    """Functions by place, for relocations against a section instead of a name."""

    def __init__(self):
        self.by_section = {}

    def add(self, section, address, name):
        if name != section and not name.startswith(".L"):
            bisect.insort(self.by_section.setdefault(section, []), (address, name))

    def at(self, section, address):
        rows = self.by_section.get(section, [])
        at = bisect.bisect_left(rows, (address, ""))
        return rows[at][1] if at < len(rows) and rows[at][0] == address else None


def relocation_target(symbols, name, addend):
    """What a PC-relative relocation of a four-byte field at an instruction's end points at."""
    offset = int(addend or "0", 16) + 4
    if name in symbols.by_section:
        return symbols.at(name, offset) or f"{name}+{offset:#x}"
    return name if offset == 0 else f"{name}+{offset:#x}"


def is_branch(mnemonic):
    return mnemonic.startswith("j")


def note_branch(handler, mnemonic, operands, target):
    """Files a jump under what it does; `target` is a name, or None for one within the handler."""
    if operands.startswith("*"):
        handler.indirect += 1
    elif target is None:
        return
    elif re.fullmatch(JUMP_TARGETS, CLONE.sub("", target)):
        handler.slow += 1
    elif CLONE.sub("", target) != handler.name:
        handler.strays.append(target)


def named_target(handler, operands):
    """The function that a direct branch's operand names, or None when it stays in its own."""
    match = TARGET.match(operands)
    if not match:
        return operands
    name, inside = match.groups()
    if name == handler.name:
        return None
    return name + (inside or "")


class Parser:
    """Reads objdump's text line by line: symbol table first, then instructions and relocations."""

    def __init__(self, section):
        self.section = section
        self.handlers = []
        self.symbols = Symbols()
        self.inside = False   # the section that we look for
        self.pending = None   # (mnemonic, operands) of a direct branch or call: a relocation decides

    def flush(self):
        """Files the last branch by the name in its operand: no relocation came."""
        if self.pending is not None:
            self.resolve(named_target(self.handlers[-1], self.pending[1]))

    def resolve(self, target):
        mnemonic, operands = self.pending
        self.pending = None
        handler = self.handlers[-1]
        if mnemonic.startswith("call"):
            handler.calls.append(target or handler.name)
        else:
            note_branch(handler, mnemonic, operands, target)

    def instruction(self, mnemonic, operands):
        self.flush()
        handler = self.handlers[-1]
        if not PADDING.match(mnemonic) or mnemonic == "ud2":
            handler.last = mnemonic
        if mnemonic.startswith("call") and operands.startswith("*"):
            handler.calls.append("through a pointer")
        elif mnemonic.startswith("call") or is_branch(mnemonic):
            self.pending = (mnemonic, operands)
            if operands.startswith("*"):
                self.flush()
        elif mnemonic.startswith("ret"):
            handler.returns += 1

    def line(self, line):
        if line.startswith("SYMBOL TABLE:"):
            self.flush()
            self.symbols = Symbols()  # of the next member of a library
        elif line.startswith("Disassembly of section "):
            self.flush()
            self.inside = line == f"Disassembly of section {self.section}:"
        elif match := SYMBOL.match(line):
            self.symbols.add(match.group(2), int(match.group(1), 16), match.group(3))
        elif not self.inside:
            return
        elif match := FUNCTION.match(line):
            self.flush()
            self.handlers.append(Handler(match.group(2)))
        elif match := RELOCATION.match(line):
            if self.pending is not None:
                self.resolve(relocation_target(self.symbols, match.group(3), match.group(4)))
        elif match := INSTRUCTION.match(line):
            self.instruction(match.group(2), match.group(3))


def parse(text, section):
    parser = Parser(section)
    for line in text.split("\n"):
        parser.line(line.rstrip())
    parser.flush()
    return parser.handlers


def check(text, section):
    """Returns (problems, handlers)."""
    handlers = parse(text, section)
    problems = [problem for handler in handlers for problem in handler.problems()]
    if not handlers:
        problems.append(f"no function in section {section}")
    return problems, handlers


def report(problems, handlers):
    for problem in problems:
        print(problem)
    indirect = sum(handler.indirect for handler in handlers)
    slow = sum(handler.slow for handler in handlers)
    returns = sum(handler.returns for handler in handlers)
    calls = sum(len(handler.calls) for handler in handlers)
    print(f"tailcalls.py: {len(handlers)} handlers, {indirect} indirect jumps, {slow} jumps to slow "
          f"paths, {returns} returns, {calls} calls, {len(problems)} problems")
    return int(bool(problems))


def fake(body, section=SECTION, name="op_add", symbols=""):
    """objdump's text for one function: a line of `body` is an instruction or a relocation."""
    lines = [symbols, f"Disassembly of section {section}:", "", f"0000000000000000 <{name}>:"]
    for at, instruction in enumerate(body):
        if instruction.startswith("R_X86_64"):
            lines.append(f"\t\t\t{at:x}: {instruction}")
        else:
            lines.append(f"{at:4x}:\t{instruction}".rjust(8))
    return "\n".join(lines)


TEXT_SYMBOLS = ("SYMBOL TABLE:\n"
                "0000000000000000 l    d  .text\t0000000000000000 .text\n"
                "0000000000000040 l     F .text\t0000000000000021 slow_div\n"
                "0000000000000080 l     F .text\t0000000000000021 helper\n")

# (what it shows, objdump's text, a part of the only problem expected, or None)
EXAMPLES = [
    ("an indirect jump is a way out", fake(["add    %eax,%ebx", "jmp    *(%rdi)"]), None),
    ("a prefix does not hide it", fake(["notrack jmp *%rax"]), None),
    ("padding after the jump is nothing",
     fake(["jmp    *%rax", "nopw   0x0(%rax,%rax,1)", "xchg   %ax,%ax"]), None),
    ("a conditional jump inside is nothing",
     fake(["je     10 <op_add+0x10>", "jmp    *(%rdi)", "jmp    *8(%rdi)"]), None),
    ("slow paths may be jumped to", fake(["jne    50 <slow_grow>", "jmp    *(%rdi)"]), None),
    ("a clone of a slow path is one", fake(["jmp    50 <slow_grow.isra.0>"]), None),
    ("a trap may return", fake(["je     8 <op_add+0x8>", "jmp    *(%rdi)", "ret"]), None),
    ("the last handler may only return", fake(["ret"], name="op_halt"), None),
    ("a relocation names the slow path",
     fake(["jmp    5 <op_add+0x5>", "R_X86_64_PLT32\tslow_grow-0x4"]), None),
    ("a relocation against a section is looked up",
     fake(["jmp    5 <op_add+0x5>", "R_X86_64_PC32\t.text+0x3c"], symbols=TEXT_SYMBOLS), None),
    ("and found to be no slow path",
     fake(["jne    5 <op_add+0x5>", "R_X86_64_PC32\t.text+0x7c", "jmp    *(%rdi)"],
          symbols=TEXT_SYMBOLS), "op_add: jumps to helper"),
    ("a relocation of a load is no jump",
     fake(["mov    0x0(%rip),%rax", "R_X86_64_PC32\t.rodata-0x4", "jmp    *(%rdi)"]), None),
    ("a direct call", fake(["call   50 <memset@plt>", "jmp    *(%rdi)"]), "op_add: calls memset@plt"),
    ("a call to a slow path is a call too", fake(["call   50 <slow_grow>", "jmp    *(%rdi)"]),
     "op_add: calls slow_grow"),
    ("a call known by its relocation",
     fake(["call   5 <op_add+0x5>", "R_X86_64_PLT32\tsqrt-0x4", "jmp    *(%rdi)"]),
     "op_add: calls sqrt"),
    ("the call that gcc kept", fake(["call   *(%rdi)", "jmp    *(%rdi)"]),
     "op_add: calls through a pointer"),
    ("clang's spelling of a call", fake(["callq  *0x8(%rdi)", "jmpq   *(%rdi)"]),
     "op_add: calls through a pointer"),
    ("a jump to just anything", fake(["jmp    50 <helper>"]), "op_add: "),
    ("a handler that only returns", fake(["mov    %eax,%ebx", "ret"]),
     "op_add: never jumps to the next handler"),
    ("a handler that runs over its end", fake(["jmp    *(%rdi)", "add    %eax,%ebx"]),
     "op_add: runs over its end"),
    ("no handlers at all", fake(["jmp    *(%rdi)"], section=".text"),
     "no function in section pinfold_handlers"),
]


def self_test():
    failures = 0
    for title, text, expected in EXAMPLES:
        problems, _ = check(text, SECTION)
        # A stray jump is also no way out, hence a second problem that we do not ask about.
        as_expected = not problems if expected is None else problems and expected in problems[0]
        if not as_expected:
            failures += 1
            print(f"self-test: {title}: got {problems}")
    print(f"tailcalls.py: self-test, {failures} failures in {len(EXAMPLES)} examples")
    return int(failures != 0)


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__)
        return 2
    if sys.argv[1] == "--self-test":
        return self_test()
    section = sys.argv[2] if len(sys.argv) == 3 else SECTION
    # Both options name the section, else objdump lists megabytes that nobody reads.
    command = ["objdump", "-t", "-d", "-r", "--no-show-raw-insn", "-j", section, "-j", ".text",
               sys.argv[1]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 and not done.stdout:
        print(done.stderr.strip())
        return 1
    return report(*check(done.stdout, section))


if __name__ == "__main__":
    sys.exit(main())
