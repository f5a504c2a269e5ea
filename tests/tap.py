# SPDX-License-Identifier: Apache-2.0
"""What test programs in Python share: they print TAP (the Test Anything Protocol)."""
import os
import shutil
import traceback


class Skip(Exception):
    """Why a test cannot be made here."""


def tests_of(module):
    """The tests among a program's functions, in their order: their names are sentences, with at
    least three words."""
    return [value for name, value in vars(module).items()
            if callable(value) and getattr(value, "__module__", "") == module.__name__ and
            name.count("_") >= 2]


def run(tests):
    """Runs all; the exit status of the program."""
    failed = 0
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__name__}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {test.__name__} # SKIP {reason}", flush=True)
        except Exception:  # a test may fail in any way
            failed += 1
            print(f"not ok {number} - {test.__name__}", flush=True)
            for line in traceback.format_exc().splitlines():
                print(f"# {line}")
    return 1 if failed else 0


def program(module, folder, set_up=None, workers=None):
    """All of a program: its tests after set_up, and the folder that they used is removed. Needs the
    worker programs of a build, if it is named; the exit status."""
    os.umask(0o022)  # policies that others may write are refused
    try:
        if workers and not os.path.exists(f"{workers}/pinfold-worker"):
            print("1..0 # SKIP PINFOLD_TEST_WORKERS names no release build")
            return 0
        if set_up:
            set_up()
        return run(tests_of(module))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
