#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times the benchmark programs natively, in our engine and in the peers found on PATH.

Engines take turns: every round runs each of them once, and the smallest processor time (user
and system, of the whole process, start-up included) of the rounds counts. All engines must print
the same checksum.
"""

import argparse
import json
import math
import os
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

NODE_SCRIPT = """
const bytes = require('fs').readFileSync(process.argv[1]);
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
console.log(BigInt.asUintN(64, exports.run(Number(process.argv[2]))).toString());
"""

# How each peer calls the export `run` of MODULE with N, and how it prints the result.
PEERS = {
    "wasm3": (["--func", "run", "MODULE", "N"], r"^Result: (-?\d+)$"),
    "iwasm": (["-f", "run", "MODULE", "N"], r"^(0x[0-9a-f]+):i64$"),
    "wasmtime": (["run", "--invoke", "run", "MODULE", "N"], r"^(-?\d+)$"),
    "node": (["-e", NODE_SCRIPT, "MODULE", "N"], r"^(\d+)$"),
}
GROUPS = ("trained", "held-out")


class BenchError(Exception):
    """A run that failed, or a file that is missing."""


@dataclass(frozen=True)
class Program:
    """One line of programs.txt."""

    name: str
    n: int
    group: str


@dataclass(frozen=True)
class Engine:
    """A way to run a program."""

    name: str
    command: list  # MODULE, NATIVE and N stand for the program's files and argument
    pattern: str  # finds the checksum in the output

    def arguments(self, build_dir, program_name, n):
        """The command line that runs a program."""
        words = {
            "MODULE": str(build_dir / f"{program_name}.wasm"),
            "NATIVE": str(build_dir / f"{program_name}.native"),
            "N": str(n),
        }
        return [words.get(word, word) for word in self.command]

    def checksum(self, output):
        """The checksum in the output of a run, as an unsigned number of 64 bits."""
        match = re.search(self.pattern, output, re.MULTILINE)
        if not match:
            raise BenchError(f"no result in the output: {last_line(output)}")
        return int(match.group(1), 0) % 2**64


def last_line(text):
    """The last line that is not blank, for messages."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else "(nothing)"


def run_once(arguments, timeout_s):
    """Runs a command; returns its processor time in seconds and its output."""
    with subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        killer = threading.Timer(timeout_s, process.kill)
        killer.start()
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        killer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise BenchError(f"exit status {process.returncode}: {last_line(output)}")
    return usage.ru_utime + usage.ru_stime, output


def read_programs(path, percent):
    """The programs listed in programs.txt, with so many percent of their work."""
    programs = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, n, group = line.split()
            if group not in GROUPS:
                raise BenchError(f"{path}: unknown group {group}")
            programs.append(Program(name, max(1, int(n) * percent // 100), group))
    return programs


def select_programs(programs, names):
    """The programs of the given names, or all."""
    if not names:
        return programs
    unknown = set(names) - {program.name for program in programs}
    if unknown:
        raise BenchError(f"unknown programs: {', '.join(sorted(unknown))}")
    return [program for program in programs if program.name in names]


def find_engines(driver, wanted):
    """Native code, our engine if there is a driver, and the peers on PATH."""
    engines = [Engine("native", ["NATIVE", "N"], r"^(\d+)$")]
    if driver:
        engines.append(Engine("pinfold", [driver, "MODULE", "run", "N"], r"^(\d+)$"))
    for name, (arguments, pattern) in PEERS.items():
        path = shutil.which(name)
        if path and (wanted is None or name in wanted):
            engines.append(Engine(name, [path, *arguments], pattern))
    return engines


def measure(engines, arguments_of, runs, timeout_s):
    """Runs each engine once a round; returns {engine: seconds} and {engine: complaint}."""
    seconds = {}
    complaints = {}
    expected = None
    for _ in range(runs):
        for engine in engines:
            if engine.name in complaints:
                continue
            try:
                taken, output = run_once(arguments_of(engine), timeout_s)
                checksum = engine.checksum(output)
                expected = checksum if expected is None else expected
                if checksum != expected:
                    raise BenchError(f"checksum {checksum} instead of {expected}")
            except (BenchError, OSError) as error:
                complaints[engine.name] = str(error)
                seconds.pop(engine.name, None)
                continue
            seconds[engine.name] = min(taken, seconds.get(engine.name, math.inf))
    return seconds, complaints


def geometric_mean(values):
    """The geometric mean, or None of nothing."""
    if not values:
        return None
    return math.exp(sum(math.log(value) for value in values) / len(values))


def geometric_means(programs, results, engine_name):
    """The mean ratios to native over all programs and over each group; None where one failed."""
    means = {}
    for group in ("all", *GROUPS):
        members = [program for program in programs if group in ("all", program.group)]
        times = [results[program.name] for program in members]
        complete = all(engine_name in time and "native" in time for time in times)
        ratios = [time[engine_name] / time["native"] for time in times] if complete else []
        means[group] = geometric_mean(ratios)
    return means


def fibonacci(n):
    """The n-th Fibonacci number; fibonacci(1) = fibonacci(2) = 1."""
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


class Table:
    """Prints the rows as they come."""

    def __init__(self, engines):
        self.others = [engine.name for engine in engines if engine.name != "native"]

    def row(self, label, n, native, cells):
        """Prints one row of ready-made strings, one cell for each engine but native."""
        line = f"{label:<17}{n:>9}{native:>10}" + "".join(f"{cell:>10}" for cell in cells)
        print(line.rstrip(), flush=True)

    def head(self):
        """Prints the heading."""
        print("processor time; ratio to native for every other engine; * = held out")
        self.row("program", "n", "native", self.others)

    def program(self, program, seconds):
        """Prints the ratios of a program."""
        native = seconds.get("native")
        cells = []
        for name in self.others:
            complete = native and name in seconds
            cells.append(f"{seconds[name] / native:.2f}" if complete else "failed")
        label = program.name + ("*" if program.group == "held-out" else "")
        self.row(label, program.n, milliseconds(native), cells)

    def means(self, means):
        """Prints the geometric means, given as {engine: {group: mean}}."""
        for group in ("all", *GROUPS):
            values = [means[name][group] for name in self.others]
            cells = ["-" if value is None else f"{value:.2f}" for value in values]
            self.row(f"geomean {group}", "", "", cells)

    def empty(self, seconds):
        """Prints the times of an empty run."""
        cells = [milliseconds(seconds.get(name)) for name in self.others]
        self.row("empty run", 0, milliseconds(seconds.get("native")), cells)


def milliseconds(seconds):
    """A time for the table."""
    return "failed" if seconds is None else f"{seconds * 1000:.1f} ms"


def fib_calls(n):
    """The calls of fib(n): as the source says, and as clang compiles it.

    clang turns the second recursion into a loop, so that fib(n) calls fib(n - 1), fib(n - 3), ...
    and the calls obey C(n) = C(n - 1) + C(n - 2) with C(0) = C(1) = 1.
    """
    return 2 * fibonacci(n + 1) - 1, fibonacci(n + 1)


def print_fib(n, seconds):
    """Prints the time of one guest call."""
    source_calls, executed_calls = fib_calls(n)
    print(f"\nfib({n}): {source_calls} calls in the source, {executed_calls} executed")
    for name, taken in seconds.items():
        source_ns = taken * 1e9 / source_calls
        executed_ns = taken * 1e9 / executed_calls
        print(f"  {name:<10}{source_ns:6.2f} ns per source call,{executed_ns:6.2f} ns per executed")


def print_load(driver, modules, repeat, timeout_s):
    """Prints the driver's loading speed for each module; returns {file: line} and success."""
    lines = {}
    good = True
    for module in modules:
        try:
            _, output = run_once([driver, "--load", module, str(repeat)], timeout_s)
            lines[module] = last_line(output)
        except (BenchError, OSError) as error:
            lines[module] = f"failed: {error}"
            good = False
        print(f"load {Path(module).name}: {lines[module]}", flush=True)
    return lines, good


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build-dir", type=Path, required=True, help="holds NAME.wasm, .native")
    parser.add_argument("--driver", help="our engine: DRIVER MODULE run N")
    parser.add_argument("--runs", type=int, default=7, help="rounds (7)")
    parser.add_argument("--percent", type=int, default=100, metavar="P",
                        help="of each program's n, to check the results quickly (100)")
    parser.add_argument("--programs", nargs="*", metavar="NAME", help="only these")
    parser.add_argument("--peers", nargs="*", metavar="NAME", help="only these of the peers")
    parser.add_argument("--cpu", type=int, help="run everything on this processor")
    parser.add_argument("--timeout", type=float, default=120, help="seconds for a run (120)")
    parser.add_argument("--load-module", action="append", default=[], metavar="FILE",
                        help="also time the loading of this module")
    parser.add_argument("--load-repeat", type=int, default=20, help="loads of each (20)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    arguments = parser.parse_args()
    arguments.build_dir = arguments.build_dir.resolve()
    if arguments.runs < 1:
        parser.error("--runs must be at least 1")
    if arguments.load_module and not arguments.driver:
        parser.error("--load-module needs --driver")
    return arguments


def run_programs(arguments, programs, engines):
    """Measures and prints everything about the programs; returns the figures and success."""
    table = Table(engines)
    table.head()
    results = {}
    complaints = []
    for program in programs:
        def arguments_of(engine, name=program.name, n=program.n):
            return engine.arguments(arguments.build_dir, name, n)

        seconds, failed = measure(engines, arguments_of, arguments.runs, arguments.timeout)
        results[program.name] = seconds
        complaints += [f"{program.name}: {name}: {text}" for name, text in failed.items()]
        table.program(program, seconds)
    means = {name: geometric_means(programs, results, name) for name in table.others}
    table.means(means)

    def empty_run(engine):
        return engine.arguments(arguments.build_dir, programs[0].name, 0)

    empty, failed = measure(engines, empty_run, arguments.runs, arguments.timeout)
    complaints += [f"empty run: {name}: {text}" for name, text in failed.items()]
    table.empty(empty)
    for program in programs:
        if program.name == "fib":
            print_fib(program.n, results["fib"])
    for complaint in complaints:
        print(f"FAILED {complaint}")
    figures = {
        "runs": arguments.runs,
        "programs": {
            program.name: {
                "n": program.n, "group": program.group, "seconds": results[program.name],
            } for program in programs
        },
        "geometric_means": means,
        "empty_run_seconds": empty,
        "complaints": complaints,
    }
    return figures, not complaints


def main():
    """Returns the exit status: 0 if every run of every engine was right."""
    arguments = parse_arguments()
    if arguments.cpu is not None:
        os.sched_setaffinity(0, {arguments.cpu})
    try:
        listed = read_programs(Path(__file__).with_name("programs.txt"), arguments.percent)
        programs = select_programs(listed, arguments.programs)
    except BenchError as error:
        print(error, file=sys.stderr)
        return 2
    engines = find_engines(arguments.driver, arguments.peers)
    figures, good = run_programs(arguments, programs, engines)
    if arguments.load_module:
        figures["load"], loaded = print_load(
            arguments.driver, arguments.load_module, arguments.load_repeat, arguments.timeout)
        good = good and loaded
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
