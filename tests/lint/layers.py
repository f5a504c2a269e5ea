#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The drawing in ARCHITECTURE.md, enforced: layers.py SOURCE_ROOT | --self-test

Fails on an include that goes up, sideways into another trust domain, or is not written from the
root; on a file of C without a layer; on files and functions that are too long; and on a missing
SPDX line. Everything it knows about the tree is in the tables right below.
"""
import fnmatch
import os
import re
import sys

# Bottom-up. (layer, what it may include besides itself and whatever that includes, files by path
# without extension). The first pattern that fits a file gives its layer.
LAYERS = [
    ("sdk", [], ["sdk/*"]),
    ("base", ["sdk"], ["sandbox/base/*"]),
    ("shared", ["base"], ["sandbox/policy*", "sandbox/plan", "sandbox/message", "sandbox/channel*",
                        "sandbox/report", "sandbox/start", "sandbox/file_request"]),
    ("data", ["base"], [f"sandbox/wasm/{name}" for name in (
        "limits", "opcode", "type", "value", "instruction", "module", "operation*", "sequences")]),
    ("front", ["data"], [f"sandbox/wasm/{name}" for name in (
        "decode*", "dylink", "layout", "validate*", "translate*", "compile*")]),
    ("state", ["front"], [f"sandbox/wasm/{name}" for name in (
        "exception", "trap*", "memory", "table", "instance", "code")]),
    ("run", ["state"], [f"sandbox/wasm/{name}" for name in (
        "run*", "handler*", "slow", "numeric*", "vector*", "link")]),
    ("engine", ["run"], ["sandbox/wasm/instantiate", "sandbox/wasm/engine",
                         "sandbox/wasm/dynamic*"]),
    ("jail", ["shared"], ["sandbox/jail/*"]),
    ("launcher", ["jail"], ["sandbox/launcher*"]),
    ("wasi", ["engine", "shared"], ["wasi/*"]),
    ("worker", ["wasi", "jail"], ["sandbox/hostcall", "sandbox/session*", "sandbox/worker*"]),
    ("host", ["shared"], ["host/*"]),
    ("examples", ["sdk"], ["examples/*"]),
    ("plugins", ["sdk"], ["plugins/*"]),
    ("tests", ["worker", "launcher", "host"], ["tests/*"]),
]

# Guests stand alone, as an outsider's code would: their includes are their own affair.
GUESTS = ["plugins/*", "tests/bench/programs/*"]

# Tables of words that host and worker both know; each still has one place.
SHARED_TABLES = {"sandbox/wasm/trap.def"}

# Functions that may be long because each is one flat list: "path:function".
LONG_FUNCTIONS = set()

FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70

CODE = (".c", ".h", ".inc")
LENGTH_CHECKED = (".c", ".h", ".py", ".sh")
SPDX_CHECKED = (".c", ".h", ".inc", ".def", ".py", ".sh", ".yaml", ".yml", ".wat", "meson.build",
                "meson_options.txt", ".clang-format", ".clang-tidy", ".ci/run")
LICENCES = ("Apache-2.0", "0BSD")
ROOTS = ("sdk", "sandbox", "wasi", "host", "examples", "plugins", "tests")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]*)"', re.MULTILINE)
TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
DIRECTIVE = re.compile(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', re.MULTILINE)
NOT_A_NAME = {"__attribute__", "__asm__", "_Alignas", "__declspec"}


def layer_of(path):
    stem = os.path.splitext(path)[0]
    for layer, _, patterns in LAYERS:
        if any(fnmatch.fnmatchcase(stem, pattern) for pattern in patterns):
            return layer
    return None


def reachable():
    """For each layer, the set of those it may include."""
    sets = {}
    for layer, below, _ in LAYERS:
        sets[layer] = {layer}.union(*(sets[name] for name in below))
    return sets


REACHABLE = reachable()


def check_includes(path, text):
    """Yields what is wrong with the #include "..." lines of a file."""
    if any(fnmatch.fnmatchcase(path, pattern) for pattern in GUESTS):
        return
    layer = layer_of(path)
    if layer is None:
        yield f"{path}: has no layer: add it to the table in tests/lint/layers.py"
        return
    for match in INCLUDE.finditer(text):
        included = match.group(1)
        where = f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
        if included.split("/")[0] not in ROOTS or "/../" in included:
            yield f'{where}: "{included}" is not written from the root'
            continue
        target = layer_of(included)
        if included in SHARED_TABLES:
            continue
        if target is None:
            yield f'{where}: "{included}" has no layer'
        elif target not in REACHABLE[layer]:
            yield f'{where}: {layer} must not include {target}: "{included}"'


def find_cycles(texts):
    """Yields the cycles among headers, which the order of layers does not exclude within one."""
    graph = {path: [name for name in INCLUDE.findall(text) if name in texts]
             for path, text in texts.items() if path.endswith(".h")}
    done = set()
    for start in sorted(graph):
        stack = [(start, [start])]
        while stack:
            node, trail = stack.pop()
            for target in graph.get(node, []):
                if target == start:
                    yield f"{start}: include cycle: {' > '.join(trail + [start])}"
                elif target not in done and target not in trail:
                    stack.append((target, trail + [target]))
        done.add(start)


def blank(match):
    """Keeps the newlines, and of a literal its quotes."""
    text = match.group(0)
    return '""' if text[0] in "\"'" else "\n" * text.count("\n")


def functions(text):
    """Yields (name, first line, last line) of each function body of a C file."""
    text = DIRECTIVE.sub(blank, TOKEN.sub(blank, text))
    depth = 0
    start = 0  # of the declaration that we are in
    name = None
    for at, character in enumerate(text):
        if character == "{":
            if depth == 0:
                header = text[start:at]
                if re.fullmatch(r'\s*extern\s*""\s*', header):
                    start = at + 1
                    continue
                name = function_name(header)
                first = start + len(header) - len(header.lstrip())
            depth += 1
        elif character == "}" and depth > 0:
            depth -= 1
            if depth == 0:
                if name is not None:
                    yield name, text.count("\n", 0, first) + 1, text.count("\n", 0, at) + 1
                start = at + 1
        elif character in ";}" and depth == 0:
            start = at + 1


def function_name(header):
    """The name of the function that a declaration before a brace defines, or None."""
    if "=" in header:
        return None
    for match in re.finditer(r"(\w+)\s*\(", header):
        if match.group(1) not in NOT_A_NAME:
            return match.group(1)
    return None


def check_lengths(path, text):
    lines = text.count("\n")
    if path.endswith(LENGTH_CHECKED) and lines > FILE_LINES_MAX:
        yield f"{path}: {lines} lines, more than {FILE_LINES_MAX}"
    if path.endswith(CODE):
        for name, first, last in functions(text):
            length = last - first + 1
            if length > FUNCTION_LINES_MAX and f"{path}:{name}" not in LONG_FUNCTIONS:
                yield f"{path}:{first}: {name}: {length} lines, more than {FUNCTION_LINES_MAX}"


def check_licence(path, text):
    if not path.endswith(SPDX_CHECKED):
        return
    head = text.split("\n")[:2]  # the second one where the first is #!
    if not any(f"SPDX-License-Identifier: {name}" in line for line in head for name in LICENCES):
        yield f"{path}: no SPDX line"


def check(texts):
    """Everything wrong with a tree, given as {path: text}."""
    problems = []
    for path in sorted(texts):
        if path.endswith(CODE):
            problems += check_includes(path, texts[path])
        problems += check_lengths(path, texts[path])
        problems += check_licence(path, texts[path])
    return problems + list(find_cycles(texts))


def read_tree(root):
    texts = {}
    for folder, subfolders, files in os.walk(root):
        inside = os.path.relpath(folder, root)
        # A build directory holds copies and generated files; .git is none of our business.
        subfolders[:] = [name for name in subfolders
                         if name not in (".git", "__pycache__", "node_modules", "build")
                         and not name.startswith("build-")
                         and not os.path.exists(os.path.join(folder, name, "meson-private"))]
        for name in files:
            path = os.path.normpath(os.path.join(inside, name))
            if path.endswith(SPDX_CHECKED + LENGTH_CHECKED):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    texts[path] = file.read()
    return texts


SPDX = "// SPDX-License-Identifier: Apache-2.0\n"

# (what it shows, the tree, a part of the only problem expected, or None for a clean tree)
EXAMPLES = [
    ("downward includes pass", {"wasi/wasi.c": '#include "sandbox/wasm/engine.h"\n'
                                               '#include "sandbox/base/error.h"\n'
                                               '#include <stdio.h>\n'}, None),
    ("upward include", {"sandbox/base/arena.c": '#include "sandbox/wasm/module.h"\n'},
     "sandbox/base/arena.c:2: base must not include data"),
    ("upward include within the engine",
     {"sandbox/wasm/decode.h": '\n#  include "sandbox/wasm/instance.h"\n'},
     "sandbox/wasm/decode.h:3: front must not include state"),
    ("host looks into the engine", {"host/api.c": '#include "sandbox/wasm/engine.h"\n'},
     "host must not include engine"),
    ("engine knows policy", {"sandbox/wasm/engine.c": '#include "sandbox/policy.h"\n'},
     "engine must not include shared"),
    ("host may see the shared files", {"host/cli/run.c": '#include "sandbox/channel.h"\n'}, None),
    ("not from the root", {"sandbox/wasm/type.c": '#include "type.h"\n'},
     '"type.h" is not written from the root'),
    ("climbing", {"sandbox/wasm/type.c": '#include "sandbox/wasm/../base/error.h"\n'},
     "is not written from the root"),
    ("no layer", {"sandbox/wasm/oddity.c": ""}, "has no layer"),
    ("guests stand alone", {"plugins/greet/greet.c": '#include "greet.h"\n'}, None),
    ("include cycle", {"sandbox/wasm/type.h": '#include "sandbox/wasm/module.h"\n',
                       "sandbox/wasm/module.h": '#include "sandbox/wasm/type.h"\n'},
     "include cycle"),
    ("file too long", {"host/a.c": "\n" * 800}, "host/a.c: 801 lines"),
    ("file of the longest length", {"host/a.c": "\n" * 799}, None),
    ("tables may be long", {"sandbox/wasm/opcode.def": "\n" * 5000}, None),
    ("function too long", {"host/a.c": "int f(int x)\n{\n" + "x++;\n" * 68 + "}\n"},
     "host/a.c:2: f: 71 lines"),
    ("function of the longest length",
     {"host/a.c": "int f(int x)\n{\n" + "x++;\n" * 67 + "}\n"}, None),
    ("braces in literals, comments and macros do not count",
     {"host/a.c": "#define OPEN \\\n    {\nint f(void)\n{\n/* } */ // }\nputs(\"}\");\n"
                  "g('}');\n" + "h();\n" * 68 + "}\n"}, "f: 74 lines"),
    ("an initialiser is no function", {"host/a.c": "int t[] = {\n" + "f(1),\n" * 90 + "};\n"}, None),
    ("attributes are no names",
     {"host/a.c": "__attribute__((cold)) int f(void)\n{\n" + "\n" * 80 + "}\n"}, ": f: 83 lines"),
    ("functions inside extern C are found",
     {"sdk/a.c": 'extern "C" {\nint f(void)\n{\n' + "\n" * 80 + "}\n}\n"}, ": f: 83 lines"),
]


def self_test():
    failures = 0
    for title, files, expected in EXAMPLES:
        problems = check({path: SPDX + text for path, text in files.items()})
        as_expected = (not problems if expected is None
                       else len(problems) == 1 and expected in problems[0])
        if not as_expected:
            failures += 1
            print(f"self-test: {title}: got {problems}")
    for path in ("host/a.c", "meson.build", "tests/x.py"):
        if check({path: "\n"}) != [f"{path}: no SPDX line"]:
            failures += 1
            print(f"self-test: {path} passes without an SPDX line")
    print(f"layers.py: self-test, {failures} failures in {len(EXAMPLES) + 3} examples")
    return failures != 0


def main():
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    if sys.argv[1] == "--self-test":
        return int(self_test())
    texts = read_tree(sys.argv[1])
    problems = check(texts)
    print("\n".join(problems + [f"layers.py: {len(problems)} problems in {len(texts)} files"]))
    return int(bool(problems) or not texts)


if __name__ == "__main__":
    sys.exit(main())
