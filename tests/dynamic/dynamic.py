#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Dynamic linking as users meet it: dynamic.py BUILD; prints TAP.

The modules are what clang and wasm-ld made of the sources beside this.
"""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
import tap  # pylint: disable=wrong-import-position
from tap import Skip  # pylint: disable=wrong-import-position

BUILD = os.path.abspath(sys.argv[1])
GUESTS = f"{BUILD}/tests/dynamic"
# Confined programs cannot have sanitizers: test.sh names the release build that has them.
WORKERS = os.environ.get("PINFOLD_TEST_WORKERS", BUILD)
FOLDER = tempfile.mkdtemp(prefix="pinfold-dynamic-")
SECONDS = 60

CIRCLE = "add 16\npointers 1 1 2\ncall 15 42\nweak -4\nadd 61\n"
SHAPES = """a square of 5 in a side module: 25
a shape ends
106 104 1 8
43 a log that is longer than what a string holds in itself, read
101 a log that is longer than what a string holds in itself, read, read
"""


def guest(name):
    if not os.path.exists(f"{GUESTS}/{name}.wasm"):
        raise Skip(f"{name}.wasm could not be built here")
    return f"{GUESTS}/{name}.wasm"


def pinfold(*arguments):
    """Runs it; (status, stdout, stderr)."""
    done = subprocess.run([f"{BUILD}/pinfold", *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=SECONDS, check=False,
                          env={**os.environ, "PINFOLD_LIBEXEC": WORKERS})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def expect(got, status, stdout, stderr=""):
    assert got[0] == status, got
    assert got[1] == stdout, got
    assert stderr in got[2], got


def linked(main, *sides):
    """The options that link a main module with sides."""
    return [f"--link={side}.wasm={guest(side)}" for side in sides] + [guest(main)]


def a_c_program_runs_with_its_side_module():
    expect(pinfold("run", *linked("circle_main", "circle_side")), 0, CIRCLE)


def a_cxx_program_runs_with_its_side_module():
    expect(pinfold("run", *linked("shapes_main", "shapes_side")), 0, SHAPES)


def a_policy_links_side_modules_too():
    shutil.copyfile(guest("circle_side"), f"{FOLDER}/side.wasm")
    with open(f"{FOLDER}/policy.yaml", "w", encoding="utf-8") as file:
        file.write("pinfold: 1\nwasi: { stdout: inherit }\n"
                   "link:\n  - { name: libcircle.so, file: side.wasm }\n")
    os.chmod(f"{FOLDER}/policy.yaml", 0o644)
    expect(pinfold("run", "--policy", f"{FOLDER}/policy.yaml", guest("circle_main")), 0, CIRCLE)


def a_position_independent_main_module_gets_its_memory_from_the_linker():
    expect(pinfold("call", *linked("pie_main", "circle_side"), "heap"), 0, "1048656\n")
    expect(pinfold("call", *linked("pie_main", "circle_side"), "value"), 0, "8\n")


def a_library_that_is_needed_is_named_with_the_option_that_links_it():
    expect(pinfold("run", guest("shapes_main")), 121, "",
           "the main module needs shapes_side.wasm: link it with --link shapes_side.wasm=FILE\n")


def a_side_module_of_another_program_names_what_it_misses():
    for order in (("circle_side", "shapes_side"), ("shapes_side", "circle_side")):
        expect(pinfold("run", *linked("shapes_main", *order)), 121, "",
               "import 'main_twice' of module 'env' in library 'circle_side.wasm'")


def what_nobody_defines_is_named_before_anything_runs():
    expect(pinfold("run", guest("circle_main")), 121, "",
           "import 'side_add' of module 'env' is no function that the application offers")
    expect(pinfold("run", *linked("circle_main", "shapes_side")), 121, "", "'side_add'")


def fuel_and_time_of_a_program_are_those_of_its_side_modules_too():
    expect(pinfold("run", "--fuel", "2000", *linked("circle_main", "circle_side")), 122, "",
           "limits.fuel of 2000")


if __name__ == "__main__":
    sys.exit(tap.program(sys.modules[__name__], FOLDER, workers=WORKERS))
