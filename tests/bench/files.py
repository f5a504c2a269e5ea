#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times files through a grant against the same program natively and in the peers found on PATH.

Wall clock, start-up included: two processes are at work. Engines take turns, the smallest time of
the rounds counts, and all must print the same checksum.
"""
import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Task, count, and what is measured.
TASKS = [("write", 1024, "MiB"), ("read", 1024, "MiB"), ("open", 100_000, "opens")]
PEERS = {
    "iwasm": ["--dir=FOLDER", "MODULE", "FOLDER"],
    "wasmtime": ["run", "--dir=FOLDER", "MODULE", "FOLDER"],
}


def engines_of(arguments, folder):
    """{name: command line but for task and count}"""
    engines = {
        "native": [arguments.native, folder],
        "pinfold": [arguments.pinfold, "run", "--dir", f"{folder}::/data:write", arguments.module,
                    "/data"],
    }
    for name, words in PEERS.items():
        path = shutil.which(name)
        if path:
            engines[name] = [path] + [
                word.replace("FOLDER", folder).replace("MODULE", arguments.module)
                for word in words]
    return engines


def run_once(command):
    """Seconds and output; None where it failed."""
    begin = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=600,
                          check=False)
    seconds = time.perf_counter() - begin
    if done.returncode != 0:
        print(f"FAILED {' '.join(command)}: {done.stderr.decode(errors='replace').strip()}")
        return None, None
    return seconds, done.stdout


def measure(engines, task, count, runs, data):
    """{name: seconds}, and whether everything was right. Each writes a new file: to overwrite one
    takes a file system longer."""
    best = {}
    outputs = set()
    failed = set()
    for _ in range(runs):
        for name, command in engines.items():
            if name in failed:
                continue
            if task == "write":
                data.unlink(missing_ok=True)
            seconds, output = run_once([*command, task, str(count)])
            if seconds is None:
                failed.add(name)
                continue
            outputs.add(output)
            best[name] = min(seconds, best.get(name, seconds))
    if len(outputs) > 1:
        print(f"FAILED {task}: the checksums differ")
    return best, len(outputs) == 1 and not failed & {"native", "pinfold"}


def main():
    """0 if all went well."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pinfold", required=True, help="the command line")
    parser.add_argument("--native", required=True, help="the program, natively")
    parser.add_argument("--module", required=True, help="the program as a guest")
    parser.add_argument("--runs", type=int, default=5, help="rounds (5)")
    parser.add_argument("--percent", type=int, default=100, help="of the work (100)")
    parser.add_argument("--folder", type=Path, help="where the file is (temporary)")
    arguments = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        engines = engines_of(arguments, folder)
        print("files: wall clock; ratio to native for every other engine")
        for task, most, unit in TASKS:
            count = max(1, most * arguments.percent // 100)
            best, right = measure(engines, task, count, arguments.runs,
                                  Path(folder) / "data")
            good = good and right
            cells = [f"{name} {seconds / best['native']:.2f}" if name != "native"
                     else f"native {seconds * 1000:.0f} ms" for name, seconds in best.items()]
            print(f"{task:<6}{count:>8} {unit:<6}", "   ".join(cells), flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
