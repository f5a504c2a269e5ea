# SPDX-License-Identifier: Apache-2.0
"""What test programs in Python share: they print TAP (the Test Anything Protocol)."""
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
