#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The installed library as a newcomer finds it: install.py SOURCE_ROOT BUILD_ROOT MESON PLUGIN POLICY

Installs into a folder of its own, compiles the smallest host with what pkg-config says, by each
compiler that is there, and runs it away from the build, with nothing in its environment but the
way to the library. Prints TAP.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

COMPILERS = ("gcc", "clang-19")
OUTPUT = "[2] greeting somebody\nHello, Ada!\n"
INSTALLED = (
    "include/pinfold.h",
    "include/pinfold_plugin.h",
    "include/pinfold_status.def",
    "libexec/pinfold/pinfold-launcher",
    "libexec/pinfold/pinfold-worker",
)


class Failure(Exception):
    pass


class Skipped(Exception):
    pass


def run(command, **options):
    """The output of a command that must do well."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, check=False, timeout=120, **options)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}")
    return done.stdout


def find_one(root, name):
    found = [os.path.join(folder, name) for folder, _, files in os.walk(root) if name in files]
    if len(found) != 1:
        raise Failure(f"{name} is installed {len(found)} times in {root}")
    return found[0]


class Installation:
    def __init__(self, folder, arguments):
        self.folder = folder
        self.source, self.build, self.meson, self.plugin, self.policy = arguments
        self.root = os.path.join(folder, "root")
        run([self.meson, "install", "-C", self.build, "--no-rebuild", "--quiet", "--destdir",
             self.root])
        self.config = find_one(self.root, "pinfold.pc")
        self.library = find_one(self.root, "libpinfold.so")
        self.prefix = os.path.dirname(os.path.dirname(find_one(self.root, "pinfold.h")))
        self.flags = run(["pkg-config", "--cflags", "--libs", "pinfold"],
                         env=dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(self.config),
                                  PKG_CONFIG_SYSROOT_DIR=self.root)).split()
        # Mode and owner are what a policy's must be, whatever those of the sources are.
        self.work = os.path.join(folder, "work")
        os.mkdir(self.work, 0o755)
        shutil.copyfile(self.plugin, os.path.join(self.work, "greet.wasm"))
        shutil.copyfile(self.policy, os.path.join(self.work, "greet.yaml"))
        os.chmod(os.path.join(self.work, "greet.yaml"), 0o644)

    def run_host(self, program):
        environment = {"LD_LIBRARY_PATH": os.path.dirname(self.library), "PATH": os.defpath}
        return run([program], cwd=self.work, env=environment)


def check_files(installed):
    """everything is installed where it belongs"""
    for name in INSTALLED:
        if not os.path.isfile(os.path.join(installed.prefix, name)):
            raise Failure(f"{name} is not installed")
    with open(installed.config, encoding="utf-8") as file:
        if installed.source in file.read():
            raise Failure("pinfold.pc names the source folder")


def check_symbols(installed):
    """the library exports pnf_*, versioned, and nothing else"""
    names = [line.split()[-1] for line in
             run(["nm", "-D", "--defined-only", installed.library]).splitlines()]
    wrong = [name for name in names
             if name != "PINFOLD_0" and not re.fullmatch(r"pnf_\w+@@PINFOLD_0", name)]
    with open(os.path.join(installed.prefix, "include/pinfold.h"), encoding="utf-8") as header:
        declared = set(re.findall(r"^PNF_API[^;]*?(pnf_\w+)\(", header.read(), re.MULTILINE))
    if wrong:
        raise Failure(f"exported: {', '.join(wrong)}")
    exported = {name.split("@")[0] for name in names} - {"PINFOLD_0"}
    if exported != declared:
        raise Failure(f"exported or declared, not both: {sorted(exported ^ declared)}")


def check_host(installed, compiler):
    """the smallest host compiles without a warning and runs"""
    if not shutil.which(compiler):
        raise Skipped(f"there is no {compiler}")
    program = os.path.join(installed.folder, "hello-" + compiler)
    run([compiler, "-Wall", "-Wextra", "-Werror", "-o", program,
         os.path.join(installed.source, "examples/hello.c"), *installed.flags])
    output = installed.run_host(program)
    if output != OUTPUT:
        raise Failure(f"printed {output!r}")


def check_cplusplus(installed):
    """the header is C++ as well"""
    if not shutil.which("g++"):
        raise Skipped("there is no g++")
    for standard in ("c++11", "c++20"):
        run(["g++", "-std=" + standard, "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
             os.path.join(installed.source, "tests/install/header.cc"), *installed.flags])


def check_workers(installed):
    """the workers that run are the installed ones"""
    libexec = os.path.join(installed.prefix, "libexec/pinfold")
    worker = os.path.join(libexec, "pinfold-worker")
    program = os.path.join(installed.folder, "hello-gcc")
    if not os.path.exists(program):
        raise Skipped("there is no gcc")
    # In the worker's place stands a program that cannot be one.
    shutil.copyfile("/bin/true", worker + ".new")
    os.chmod(worker + ".new", 0o755)
    os.rename(worker, worker + ".kept")
    os.rename(worker + ".new", worker)
    try:
        output = installed.run_host(program)
    except Failure as failure:
        output = str(failure)
    os.rename(worker + ".kept", worker)
    if "Hello" in output:
        raise Failure("the host found a worker elsewhere")


def main():
    checks = [(check_files, ()), (check_symbols, ())]
    checks += [(check_host, (compiler,)) for compiler in COMPILERS]
    checks += [(check_cplusplus, ()), (check_workers, ())]
    print(f"1..{len(checks)}", flush=True)
    status = 0
    with tempfile.TemporaryDirectory(prefix="pinfold-install-") as folder:
        installed = Installation(folder, sys.argv[1:])
        for number, (check, arguments) in enumerate(checks, 1):
            name = " ".join([check.__doc__, *arguments])
            try:
                check(installed, *arguments)
                print(f"ok {number} - {name}", flush=True)
            except Skipped as skipped:
                print(f"ok {number} - {name} # SKIP {skipped}", flush=True)
            except Failure as failure:
                status = 1
                print(f"not ok {number} - {name}", flush=True)
                print(re.sub("^", "# ", str(failure), flags=re.MULTILINE), flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
