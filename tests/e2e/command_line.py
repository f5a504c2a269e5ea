#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line as users meet it: command_line.py BUILD SOURCE; prints TAP.

Guests and broken workers are those that the build made for test_e2e.c.
"""
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
import tap  # pylint: disable=wrong-import-position
from tap import Skip  # pylint: disable=wrong-import-position

BUILD = os.path.abspath(sys.argv[1])
SOURCE = os.path.abspath(sys.argv[2])
PINFOLD = f"{BUILD}/pinfold"
GUESTS = f"{BUILD}/tests/e2e"
# Confined programs cannot have sanitizers: test.sh names the release build that has them.
WORKERS = os.environ.get("PINFOLD_TEST_WORKERS", BUILD)
COMMAND = f"{GUESTS}/command.wasm"
NUMBERS = f"{GUESTS}/numbers.wasm"
GREET = f"{BUILD}/plugins/greet.wasm"
FOLDER = tempfile.mkdtemp(prefix="pinfold-cli-")
SECONDS = 60


def pinfold(*arguments, environment=None, stdin=subprocess.DEVNULL):
    """Runs it; (status, stdout, stderr)."""
    done = subprocess.run([PINFOLD, *arguments], stdin=stdin, capture_output=True,
                          timeout=SECONDS, check=False,
                          env={**os.environ, "PINFOLD_LIBEXEC": WORKERS, **(environment or {})})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def run(*arguments, environment=None, stdin=subprocess.DEVNULL):
    """pinfold run of the guest in command.c, which needs wasi-libc."""
    if not os.path.exists(COMMAND):
        raise Skip("no wasi-libc")
    return pinfold("run", *arguments, environment=environment, stdin=stdin)


def expect(got, status, stdout=None, stderr=()):
    """Compares; `stderr` lists what must be in there."""
    assert got[0] == status, f"exit status {got[0]}, not {status}: {got}"
    if stdout is not None:
        assert got[1] == stdout, got
    for part in [stderr] if isinstance(stderr, str) else stderr:
        assert part in got[2], got


def write(name, text):
    path = f"{FOLDER}/{name}"
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    os.chmod(path, 0o644)
    return path


def libexec_with(worker):
    """A folder in which the worker program is another one."""
    folder = tempfile.mkdtemp(dir=FOLDER)
    os.symlink(f"{WORKERS}/pinfold-launcher", f"{folder}/pinfold-launcher")
    os.symlink(f"{WORKERS}/tests/e2e/{worker}", f"{folder}/pinfold-worker")
    return {"PINFOLD_LIBEXEC": folder}


# --- run -----------------------------------------------------------------------------------------


def a_command_gets_its_name_and_arguments():
    expect(run(COMMAND, "print", "--help", ""), 0, "0: command\n1: print\n2: --help\n3: \n", "")


def the_exit_status_of_a_command_is_the_guests_own():
    for status in (0, 1, 42, 255):
        expect(run(COMMAND, "exit", str(status)), status, "")


def stderr_of_a_command_is_stderr():
    expect(run(COMMAND, "error"), 0, "", "to stderr\n")


def a_command_has_clock_and_random_numbers_without_a_policy():
    expect(run(COMMAND, "sources"), 0, "both\n")


def a_command_has_no_environment_and_no_files_without_a_policy():
    expect(run(COMMAND, "env", "PATH"), 0, "(not there)\n")
    expect(run(COMMAND, "open"), 1)


def a_policy_grants_only_what_it_says():
    policy = write("none.yaml", "pinfold: 1\n")
    expect(run("--policy", policy, COMMAND, "print"), 0, "")
    policy = write("out.yaml", "pinfold: 1\nwasi: { stdout: inherit }\n")
    expect(run("--policy", policy, COMMAND, "print"), 0, "0: command\n1: print\n")


def options_add_to_a_policy():
    policy = write("env.yaml", "pinfold: 1\nwasi: { stdout: inherit, env: { A: b }, args: [env] }\n")
    expect(run("--policy", policy, COMMAND, "A"), 0, "b\n")
    expect(run("--policy", policy, "--env", "A=c=d", COMMAND, "A"), 0, "c=d\n")


def memory_ends_where_the_option_says():
    expect(run("--memory", "1MiB", COMMAND, "memory"), 0)
    pages = [int(run("--memory", size, COMMAND, "memory")[1].split()[0]) for size in
             ("1MiB", "2MiB")]
    assert pages[1] - pages[0] == 16, pages


def output_ends_where_the_policy_says():
    policy = write("output.yaml", "pinfold: 1\nlimits: { output: 5 }\nwasi: { stdout: inherit }\n")
    expect(run("--policy", policy, COMMAND, "print"), 122, "0: co", "limits.output is 5")


def output_that_cannot_be_written_is_told():
    if not os.path.exists(COMMAND):
        raise Skip("no wasi-libc")
    with open("/dev/full", "wb") as full:
        done = subprocess.run([PINFOLD, "run", COMMAND, "print"], stdin=subprocess.DEVNULL,
                              stdout=full, stderr=subprocess.PIPE, timeout=SECONDS, check=False,
                              env={**os.environ, "PINFOLD_LIBEXEC": WORKERS})
    assert done.returncode == 125 and b"could be written" in done.stderr, done


def output_into_a_pipe_that_does_not_wait_is_whole():
    if not os.path.exists(COMMAND):
        raise Skip("no wasi-libc")
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    worker = subprocess.Popen([PINFOLD, "run", COMMAND, "much"], stdin=subprocess.DEVNULL,
                              stdout=writer, env={**os.environ, "PINFOLD_LIBEXEC": WORKERS})
    os.close(writer)
    time.sleep(0.3)  # the pipe is full by now
    with os.fdopen(reader, "rb") as file:
        got = len(file.read())
    assert worker.wait(SECONDS) == 0 and got == 1000000, got


def a_deadline_holds_while_nobody_reads_the_output():
    if not os.path.exists(COMMAND):
        raise Skip("no wasi-libc")
    reader, writer = os.pipe()
    begin = time.monotonic()
    done = subprocess.run([PINFOLD, "run", "--time", "200ms", COMMAND, "much"], timeout=SECONDS,
                          stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE,
                          env={**os.environ, "PINFOLD_LIBEXEC": WORKERS}, check=False)
    os.close(reader)
    os.close(writer)
    assert done.returncode == 122 and time.monotonic() - begin < SECONDS / 2, done


def input_that_is_not_there_yet_is_no_error():
    reader, writer = os.pipe()
    try:
        expect(run(COMMAND, "input", stdin=reader), 0, "0 ready, -1 read, none yet\n")
        os.write(writer, b"x")
        expect(run(COMMAND, "input", stdin=reader), 0, "1 ready, 1 read\n")
    finally:
        os.close(writer)
    expect(run(COMMAND, "input", stdin=reader), 0, "1 ready, 0 read\n")
    os.close(reader)
    expect(run(COMMAND, "input"), 0, "1 ready, 0 read\n")


def files_of_a_plugin_are_no_larger_than_the_applications_own():
    if not os.path.exists(COMMAND):
        raise Skip("no wasi-libc")
    folder = tempfile.mkdtemp(dir=FOLDER)
    command = [PINFOLD, "run", "--dir", f"{folder}::/d:write", COMMAND, "extend", "/d/file"]
    for limit, answer in ((1 << 30, b"File too large\n"), (1 << 34, b"extended\n")):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=SECONDS, check=False,
                              env={**os.environ, "PINFOLD_LIBEXEC": WORKERS},
                              preexec_fn=lambda limits=(limit, limit): resource.setrlimit(
                                  resource.RLIMIT_FSIZE, limits))
        assert done.stdout == answer, done


def input_that_is_closed_is_nothing_of_the_hosts():
    if not os.path.exists(COMMAND):
        raise Skip("no wasi-libc")
    done = subprocess.run(["sh", "-c", 'exec "$@" <&-', "sh", PINFOLD, "run", COMMAND, "input"],
                          capture_output=True, timeout=SECONDS, check=False,
                          env={**os.environ, "PINFOLD_LIBEXEC": WORKERS})
    assert done.stdout == b"1 ready, -1 read, closed\n", done


def a_file_that_is_only_read_can_be_synchronized():
    write("read", "only")
    expect(run("--dir", f"{FOLDER}::/d", COMMAND, "sync", "/d/read"), 0, "synchronized\n")


def captured_and_logged_output_is_shown():
    policy = write("capture.yaml", "pinfold: 1\nwasi: { stdout: capture }\n")
    expect(run("--policy", policy, COMMAND, "print"), 0, "0: command\n1: print\n", "")
    policy = write("log.yaml", "pinfold: 1\nwasi: { stdout: log }\n")
    expect(run("--policy", policy, COMMAND, "print"), 0, "", "[command] 1: print\n")


def write_user(name="user.wasm"):
    """A module whose `sum` is numbers.add, and whose `_start` calls that."""
    sections = ((1, b"\2\x60\2\x7f\x7f\1\x7f\x60\0\0"), (2, b"\1\7numbers\3add\0\0"),
                (3, b"\2\0\1"), (7, b"\2\3sum\0\1\6_start\0\2"),
                (10, b"\2\x08\0\x20\0\x20\1\x10\0\x0b\x09\0\x41\1\x41\2\x10\0\x1a\x0b"))
    return write(name, b"\0asm\1\0\0\0" + b"".join(bytes((id, len(content))) + content
                                                    for id, content in sections))


def libraries_are_linked_by_name():
    user = write_user()
    expect(pinfold("run", "--link", f"numbers={NUMBERS}", user), 0, "", "")
    expect(pinfold("call", "--link", f"numbers={NUMBERS}", user, "sum", "40", "2"), 0, "42\n")
    expect(pinfold("call", "--link", f"unused={GREET}", "--grant", "app.log", user, "sum", "1", "2"),
           121, "", ["import 'add' of module 'numbers' is no function that the application offers",
                     "import 'log' of module 'app' in library 'unused'"])
    expect(pinfold("call", "--link", f"numbers={user}", user, "sum", "1", "2"), 121, "",
           "library 'numbers' exports nothing of that name")
    expect(pinfold("run", "--link", f"numbers={FOLDER}/none.wasm", user), 125, "",
           "library 'numbers': cannot open module")
    expect(pinfold("run", "--link", f"numbers={write('cut.wasm', b'no module')}", user), 121, "",
           "library 'numbers': magic header not detected (at offset 0x0)")
    for text, part in (("numbers", "NAME=FILE"), ("num/bers=x", "is no name of a library"),
                       ("=x", "NAME=FILE")):
        expect(pinfold("run", "--link", text, user), 2, "", part)
    expect(pinfold("run", "--link", "a=b", "--link", "a=c", user), 2, "", "'a' is given twice")
    expect(pinfold("inspect", "--link", f"numbers={NUMBERS}", user), 2, "", "--help")


def libraries_of_a_policy_lie_in_its_folder():
    user = write_user()
    os.makedirs(f"{FOLDER}/libraries", exist_ok=True)
    with open(NUMBERS, "rb") as file:
        write("libraries/numbers.wasm", file.read())
    policy = write("libraries/policy.yaml", "pinfold: 1\nlink:\n"
                                         "  - { name: numbers, file: numbers.wasm }\n")
    expect(pinfold("call", "--policy", policy, user, "sum", "40", "2"), 0, "42\n")
    status, out, _ = pinfold("policy", "explain", policy)
    assert status == 0 and f"links numbers: {FOLDER}/libraries/numbers.wasm ({policy}:3)" in out, out
    shown = json.loads(pinfold("policy", "explain", "--format", "json", policy)[1])
    assert shown["link"] == [{"name": "numbers", "file": f"{FOLDER}/libraries/numbers.wasm",
                              "pinned": False, "line": 3}], shown
    write("libraries/policy.yaml", "pinfold: 1\nlink:\n  - { name: numbers }\n")
    expect(pinfold("call", "--policy", policy, user, "sum", "1", "2"), 120, "",
           f"{policy}:3:5: link[].file: missing")


def a_directory_that_cannot_be_granted_is_told():
    for text, part in ((".", "HOST::GUEST"), ("/::/", "whole system"), ("/proc::/p", "/proc"),
                       ("~::/h", "not expanded"), (f"{FOLDER}/none::/d", "No such file"),
                       (f"{GREET}::/d", "not a directory"), (f"{FOLDER}::d", "no name for"),
                       (f"{FOLDER}::/d:rw", "read, write")):
        expect(pinfold("call", "--dir", text, NUMBERS, "nothing"), 2, "", part)
    expect(pinfold("call", "--dir", "/usr::/u", "--dir", "/usr/bin::/b:write", NUMBERS, "nothing"),
           2, "", "overlaps '/usr'")
    expect(pinfold("call", "--dir", "/usr::/u", "--dir", "/etc::/u", NUMBERS, "nothing"), 2, "",
           "given twice")
    expect(pinfold("call", "--dir", ".::.", "--dir", f"{FOLDER}::/d:write", NUMBERS, "nothing"), 0)


def no_plugin_may_write_its_policy():
    os.mkdir(f"{FOLDER}/below")
    policy = write("write.yaml", "pinfold: 1\nwasi:\n  dirs:\n"
                                 "  - { host: ., guest: ., access: write }\n")
    for command in (("policy", "check", policy), ("policy", "explain", policy),
                    ("call", "--policy", policy, NUMBERS, "nothing")):
        expect(pinfold(*command), 120, "", [f"{policy}:4:5: wasi.dirs", "the policy is in there"])
    policy = write("write.yaml", "pinfold: 1\nwasi:\n  dirs:\n"
                                 "  - { host: below, guest: /b, access: write }\n")
    expect(pinfold("call", "--policy", policy, NUMBERS, "nothing"), 0)
    expect(pinfold("call", "--policy", policy, "--dir", f"{FOLDER}::/d:write", NUMBERS, "nothing"),
           2, "", "the policy is in there")
    policy = write("read.yaml", "pinfold: 1\nwasi: { dirs: [{ host: ., guest: . }] }\n")
    expect(pinfold("call", "--policy", policy, NUMBERS, "nothing"), 0)


def no_plugin_may_write_the_programs_that_confine_it():
    folder = tempfile.mkdtemp(dir=FOLDER)
    for program in ("pinfold-launcher", "pinfold-worker"):
        os.symlink(f"{WORKERS}/{program}", f"{folder}/{program}")
    # Where the links are, and where they lead.
    for writable in (folder, WORKERS):
        expect(pinfold("call", "--dir", f"{writable}::/d:write", NUMBERS, "nothing",
                       environment={"PINFOLD_LIBEXEC": folder}), 2, "",
               "pinfold-launcher is in there")
    expect(pinfold("call", "--dir", f"{folder}::/d", NUMBERS, "nothing",
                   environment={"PINFOLD_LIBEXEC": folder}), 0)


# --- how things end ------------------------------------------------------------------------------


def a_trap_is_told_with_its_place():
    expect(run(COMMAND, "trap"), 134, "", ["unreachable", "offset 0x"])


def a_deadline_is_told_with_what_allows_more():
    expect(run("--time", "100ms", COMMAND, "spin"), 122, "", ["limits.time is 100ms", "raise"])


def fuel_that_is_used_up_is_a_trap():
    got = run("--fuel", "1000000", COMMAND, "spin")
    assert got[0] in (122, 134) and "fuel" in got[2], got


def a_memory_that_is_too_large_is_told():
    module = write("large.wasm", b"\0asm\1\0\0\0\5\4\1\0\xe8\7")
    expect(pinfold("call", "--memory", "1MiB", module, "x"), 122, "", "memory")


def a_file_that_is_missing_is_told():
    expect(pinfold("run", "/nonexistent.wasm"), 125, "", ["/nonexistent.wasm", "No such file"])
    expect(pinfold("run", "--policy", "/nonexistent.yaml", GREET), 120, "", "No such file")


def a_worker_that_violates_its_filter_is_told():
    expect(pinfold("validate", GREET, environment=libexec_with("worker-violate")), 123, "",
           "system call")


def a_worker_that_crashes_is_told():
    expect(pinfold("validate", GREET, environment=libexec_with("worker-crash")), 124, "",
           "crashed")


def a_worker_that_breaks_the_protocol_is_told():
    expect(pinfold("validate", GREET, environment=libexec_with("worker-forge")), 123, "",
           "rule of the protocol")


def workers_that_are_not_there_are_told():
    expect(pinfold("validate", GREET, environment={"PINFOLD_LIBEXEC": "/nonexistent"}), 125, "",
           "PINFOLD_LIBEXEC")


def a_module_that_is_none_is_told_with_the_place():
    expect(pinfold("run", write("bad.wasm", "nothing")), 121, "", ["magic header", "offset 0x0"])


def a_module_for_a_later_guest_interface_is_told():
    module = write("later.wasm", b"\0asm\1\0\0\0\0\x0d\x0bpinfold.abi\2")
    got = pinfold("call", "--format", "json", module, "x")
    error = json.loads(got[2])
    assert got[0] == 121 and error["status"] == "ABI" and "guest interface: 2" in error["text"], got


def a_function_that_the_host_does_not_offer_is_told():
    expect(pinfold("call", GREET, "greet"), 121, "", ["'log'", "'app'"])


def errors_are_an_object_where_json_is_asked_for():
    got = pinfold("call", "--format", "json", write("bad.wasm", "nothing"), "x")
    error = json.loads(got[2])
    assert got[0] == error["exit"] == 121 and error["status"] == "INVALID", got
    assert error["offset"] == 0 and "magic" in error["text"], got


# --- call ----------------------------------------------------------------------------------------


def results_of_a_call_are_printed():
    expect(pinfold("call", NUMBERS, "add", "2", "-3"), 0, "-1\n", "")
    expect(pinfold("call", NUMBERS, "add64", "0x7fffffffffffffff", "0"), 0,
           "9223372036854775807\n")
    expect(pinfold("call", NUMBERS, "half", "5"), 0, "2.5\n")
    expect(pinfold("call", NUMBERS, "half32", "5"), 0, "2.5\n")
    expect(pinfold("call", NUMBERS, "nothing"), 0, "")
    expect(pinfold("call", NUMBERS, "half", "inf"), 0, "inf\n")
    # Rounded to f64 first it would be the tie that goes to 2.
    expect(pinfold("call", NUMBERS, "half32", "2.00000011920928955078125001"), 0, "1.00000012\n")


def a_signature_says_what_the_numbers_mean():
    expect(pinfold("call", NUMBERS, "add(a: u32, b: u32) -> u32", "4294967295", "0"), 0,
           "4294967295\n")
    expect(pinfold("call", NUMBERS, "reverse(text: str) -> str", "Ada"), 0, "adA\n")
    expect(pinfold("call", NUMBERS, "add(a: bool, b: bool) -> bool", "true", "false"), 0, "true\n")


def results_are_json_where_that_is_asked_for():
    got = pinfold("call", "--format", "json", NUMBERS, "reverse(text: str) -> str", "Ada")
    assert json.loads(got[1]) == {"results": ["adA"]}, got
    got = pinfold("call", "--format", "json", NUMBERS, "half", "nan")
    assert json.loads(got[1]) == {"results": ["nan"]}, got
    got = pinfold("call", "--format", "json", NUMBERS, "reverse(b: bytes) -> bytes", "ab")
    assert json.loads(got[1]) == {"results": [[98, 97]]}, got
    for text in ("1", str(2**64 - 1)):
        got = pinfold("call", "--format", "json", NUMBERS, "add64(a: u64, b: u64) -> u64", text,
                      "0")
        assert json.loads(got[1]) == {"results": [text]}, got
    got = pinfold("call", "--format", "json", NUMBERS, "nothing")
    assert json.loads(got[1]) == {"results": []}, got


def arguments_that_do_not_fit_are_refused():
    expect(pinfold("call", NUMBERS, "add", "2"), 2, "", "takes 2 arguments, not 1")
    for wrong in ("", "x", "1x", "4294967296", "-2147483649", "1.5", "0x"):
        expect(pinfold("call", NUMBERS, "add", "1", wrong), 2, "", f"'{wrong}' is no i32")
    expect(pinfold("call", NUMBERS, "half", "one"), 2, "", "is no f64")
    for wrong in ("1e300", "-1e300"):
        expect(pinfold("call", NUMBERS, "half32", wrong), 2, "", "is no f32")
    expect(pinfold("call", NUMBERS, "half", "1e999"), 2, "", "is no f64")
    expect(pinfold("call", NUMBERS, "missing"), 121, "", "exports no function 'missing'")
    expect(pinfold("call", NUMBERS, "add(a: f32) -> i32", "1"), 121, "", "(i32, i32) -> i32")
    expect(pinfold("call", NUMBERS, "add(a: out i32, b: i32) -> i32", "1", "1"), 2, "", "out")
    expect(pinfold("call", NUMBERS, "add(", "1"), 2, "", "column")


# --- inspect, validate, policy -------------------------------------------------------------------


def inspect_shows_imports_exports_memory_and_grants():
    status, text, _ = pinfold("inspect", GREET)
    assert status == 0
    for part in ("function app.log(i32, i32, i32)", "function greet(i32, i32) -> i64",
                 "memory 0: 128 KiB", "static data: 65536 to",
                 "stack limit: 0 (stack first)", "code",
                 "    - app.log"):
        assert part in text, text


def inspect_names_what_a_policy_can_grant_once():
    def name(text):
        return bytes([len(text)]) + text.encode()

    imports = b"".join(name(module) + name(function) + b"\0\0" for module, function in
                       (("app", "log"), ("app", "log"), ("a.b:c", "x y"),
                        ("wasi_snapshot_preview1", "clock_time_get")))
    imports = b"\4" + imports
    module = write("imports.wasm", b"\0asm\1\0\0\0\1\4\1\x60\0\0\2" +
                   bytes([len(imports)]) + imports)
    _, text, _ = pinfold("inspect", module)
    assert text.endswith("grant its imports:\n  host_functions:\n    - app.log\n  wasi:\n"
                         "    clock: coarse\n"), text
    got = json.loads(pinfold("inspect", "--format", "json", module)[1])
    assert got["grants"] == {"host_functions": ["app.log"], "wasi": ["clock: coarse"],
                             "features": []}, got


def inspect_tells_the_layout_and_what_limits_the_stack():
    for name, layout, evidence in (("low", "stack after data", "__stack_low"),
                                   ("data", "stack after data", "__data_end"),
                                   ("first", "stack first", "stack first")):
        module = f"{GUESTS}/deep_{name}.wasm"
        _, text, _ = pinfold("inspect", module)
        assert f"  layout: {layout}\n  stack limit: " in text, text
        assert f" ({evidence}): what overflows it traps\n" in text, text
        got = json.loads(pinfold("inspect", "--format", "json", module)[1])
        assert got["layout"] == layout, got
        assert [region["evidence"] for region in got["data"] if region["kind"] == "stack"] == \
            [evidence], got
    _, text, _ = pinfold("inspect", f"{GUESTS}/deep_silent.wasm")
    assert "  layout: unknown\n  stack limit: cannot tell" in text, text
    assert "-Wl,--stack-first or -Wl,--export=__stack_low" in text, text


def a_guests_stack_that_overflows_traps_where_its_end_is_known():
    def dive(name, depth, *options):
        return pinfold("call", *options, f"{GUESTS}/deep_{name}.wasm", "dive(n: i32) -> i32", depth)

    for name, limit in (("low", "which is __stack_low"), ("data", "which is __data_end"),
                        ("first", "below 0, where its memory begins")):
        expect(dive(name, "50"), 0, "1276\n")
        expect(dive(name, "100"), 134, "", ["guest stack overflow, in function ", limit,
                                            "-Wl,-z,stack-size=N"])
    policy = write("stack.yaml", "pinfold: 1\nlimits: { stack_low: 4096 }\n")
    expect(dive("silent", "50", "--policy", policy), 0, "1276\n")
    expect(dive("silent", "100", "--policy", policy), 134, "", "below 4096, which is limits.stack_low")
    policy = write("high.yaml", "pinfold: 1\nlimits: { stack_low: 1000000 }\n")
    expect(dive("silent", "50", "--policy", policy), 2, "", "begins no higher")


def values_of_globals_have_their_sign():
    # An i32 of -1, an i64 of -2, and one whose value is not one constant.
    bodies = b"\3\x7f\0\x41\x7f\x0b\x7e\0\x42\x7e\x0b\x7f\0\x41\5\x41\3\x6a\x0b"
    exports = b"\3\1a\3\0\1b\3\1\1c\3\2"
    module = write("globals.wasm", b"\0asm\1\0\0\0\6" + bytes([len(bodies)]) + bodies + b"\7" +
                   bytes([len(exports)]) + exports)
    _, text, _ = pinfold("inspect", module)
    assert "a: i32 = -1\n" in text and "b: i64 = -2\n" in text and "c: i32\n" in text, text


def features_that_a_module_uses_are_shown_with_the_lines_that_switch_them_on():
    # Functions of atomic.fence; and of v128.const, v128.not, drop and return_call.
    head = b"\0asm\1\0\0\0\1\4\1\x60\0\0\3\2\1\0\x0a"
    module = write("atomic.wasm", head + b"\7\1\5\0\xfe\3\0\x0b")
    _, text, _ = pinfold("inspect", module)
    assert "features needed: threads\n" in text and "  features:\n    threads: on\n" in text, text
    inspected = json.loads(pinfold("inspect", "--format", "json", module)[1])
    assert inspected["grants"]["features"] == ["threads: on"], inspected
    expect(pinfold("validate", module), 0)
    expect(pinfold("call", module, "f()"), 121, stderr="write `threads: on` under features:")
    module = write("vectors.wasm", head + b"\x1b\1\x19\0\xfd\x0c" + bytes(16) +
                   b"\xfd\x4d\x1a\x12\0\x0b")
    _, text, _ = pinfold("inspect", module)
    assert "features needed: simd tail-call\n" in text and "policy lines" not in text, text


def several_memories_are_shown_and_need_a_grant():
    # Of one page; of 64-bit addresses, and more pages than there is memory.
    memories = b"\2\0\1\4" + b"\x80" * 6 + b"\x40"
    module = write("memories.wasm", b"\0asm\1\0\0\0\5" + bytes([len(memories)]) + memories)
    _, text, _ = pinfold("inspect", module)
    assert "memory 0: 64 KiB, growing to the policy's limit (from 1 pages)" in text, text
    assert "memory 1: more than there is, growing to the policy's limit (64-bit, from " in text, text
    assert "features needed: memory64 multi-memory\n" in text, text
    assert "  limits:\n    memories: 2\n" in text, text
    small = write("two.wasm", b"\0asm\1\0\0\0\5\5\2\0\1\0\1")
    expect(pinfold("call", small, "f()"), 122, stderr="add `memories: 2` under limits")
    policy = write("two.yaml", "pinfold: 1\nlimits: { memories: 2 }\n")
    _, _, err = pinfold("call", "--policy", policy, small, "f()")
    assert "exports no function" in err, err


def inspect_as_json_has_the_same():
    got = pinfold("inspect", "--format", "json", GREET)
    module = json.loads(got[1])
    assert module["imports"][0]["module"] == "app", module
    assert {"kind": "function", "name": "greet", "type": "(i32, i32) -> i64"} in module["exports"]
    assert module["memories"][0]["minimum_pages"] == 2, module
    assert [section["kind"] for section in module["sections"]][0] == "type", module


def names_cannot_write_to_the_terminal():
    name = b"\x1b[2J\nexports:\xc2\x9b"
    export = bytes([1, len(name)]) + name + b"\2\0"
    module = write("escape.wasm", b"\0asm\1\0\0\0\5\3\1\0\1\7" + bytes([len(export)]) + export)
    _, text, _ = pinfold("inspect", module)
    assert "\x1b" not in text and "\x9b" not in text and "\\x1B[2J\\x0Aexports" in text, text


def validate_tells_of_each_module():
    bad = write("bad.wasm", "nothing")
    status, out, err = pinfold("validate", GREET, bad, NUMBERS)
    assert status == 121 and out == f"{GREET}: valid\n{NUMBERS}: valid\n", (status, out)
    assert f"{bad}: " in err and "magic header" in err
    error = json.loads(pinfold("validate", "--format", "json", bad)[2])
    assert error["file"] == bad, error


def paths_that_are_not_text_are_shown():
    module = FOLDER.encode() + b"/\xff.wasm"
    with open(GREET, "rb") as source, open(module, "wb") as file:
        file.write(source.read())
    got = json.loads(pinfold("validate", "--format", "json", module)[1])
    assert got["module"].endswith("/\\xFF.wasm"), got


def validate_runs_nothing():
    # Its start function would never return.
    spins = write("spins.wasm", b"\0asm\1\0\0\0\1\4\1\x60\0\0\3\2\1\0\x08\1\0\x0a\x09\1\7\0\3\x40"
                                b"\x0c\0\x0b\x0b")
    expect(pinfold("validate", spins), 0, f"{spins}: valid\n")
    expect(pinfold("call", "--time", "50ms", spins, "x"), 122)


def policy_check_tells_line_column_and_the_right_spelling():
    # A copy: the sources may be somebody else's, whose policies are refused.
    with open(f"{SOURCE}/plugins/greet/greet.yaml", encoding="ascii") as file:
        good = write("greet.yaml", file.read())
    bad = write("bad.yaml", "pinfold: 1\nlimits:\n  tme: 1s\n")
    status, out, err = pinfold("policy", "check", good, bad)
    assert status == 120 and out == f"{good}: good\n", (status, out)
    assert f"{bad}:3:3: " in err and "did you mean 'limits.time'?" in err, err


def policy_explain_tells_every_key_and_its_line():
    policy = write("explain.yaml", "pinfold: 1\nlimits:\n  time: 1s\nhost_functions: [app.log]\n")
    status, out, _ = pinfold("policy", "explain", policy)
    rows = {line.split()[0]: line.split() for line in out.splitlines()}
    assert status == 0 and rows["limits.time"][1:4] == ["1s", "line", "3"], out
    assert rows["limits.memory"][1:3] == ["256MiB", "default"], out
    assert f"grants app.log ({policy}:4)" in out, out
    got = json.loads(pinfold("policy", "explain", "--format", "json", policy)[1])
    assert got["keys"]["limits.time"] == {"value": "1s", "line": 3}, got
    assert got["host_functions"] == ["app.log"], got


def policy_explain_tells_directories_without_links():
    os.mkdir(f"{FOLDER}/real")
    os.symlink("real", f"{FOLDER}/linked")
    policy = write("dirs.yaml", "pinfold: 1\nwasi:\n  dirs:\n  - { host: linked, guest: /d }\n"
                                "  - { host: real/../real, guest: ., links: none }\n")
    real = os.path.realpath(f"{FOLDER}/real")
    _, out, _ = pinfold("policy", "explain", policy)
    assert f"grants {real} as /d: read, links follow ({policy}:4)\n" in out, out
    assert f"grants {real} as .: read, links none ({policy}:5)\n" in out, out
    got = json.loads(pinfold("policy", "explain", "--format", "json", policy)[1])
    assert got["keys"]["wasi.dirs"] == {"value": "2 granted", "line": 3}, got
    assert got["dirs"][0] == {"host": real, "guest": "/d", "access": "read", "links": "follow",
                              "line": 4}, got


# --- doctor, help --------------------------------------------------------------------------------


def doctor_starts_a_worker():
    status, out, _ = pinfold("doctor")
    assert status == 0 and "yes  worker" in out and out.endswith("Plugins can be run here.\n"), out
    names = [probe["name"] for probe in json.loads(pinfold("doctor", "--format", "json")[1])]
    assert names[0] == "kernel" and names[-1] == "worker", names


def doctor_tells_when_no_worker_starts():
    status, out, _ = pinfold("doctor", environment=libexec_with("worker-crash"))
    assert status == 125 and "NO   worker" in out and "cannot be run here" in out, out


def help_is_there_for_every_command():
    for command in ("run", "call", "inspect", "validate", "policy", "doctor"):
        for arguments in ([command, "--help"], ["help", command]):
            status, out, _ = pinfold(*arguments)
            assert status == 0 and out.startswith(f"usage: pinfold {command}"), out
        assert f"  {command} " in pinfold("--help")[1]
    expect(pinfold("--version"), 0)


def wrong_command_lines_are_refused():
    expect(pinfold(), 2, "", "usage")
    expect(pinfold("fly"), 2, "", "no command 'fly'")
    expect(pinfold("run"), 2, "", "usage: pinfold run")
    expect(pinfold("run", "--fly", GREET), 2, "", "no option here")
    expect(pinfold("inspect", "--policy", "x", GREET), 2, "", "--help")
    expect(pinfold("run", "--format", "xml", GREET), 2, "", "text or json")
    expect(pinfold("run", "--time", "soon", GREET), 2, "", "limits.time")
    expect(pinfold("run", "--dir", ".", GREET), 2, "", "HOST::GUEST")
    expect(pinfold("policy", "fly", "x"), 2, "", "check and explain")
    expect(pinfold("run", "--time"), 2, "", "needs a value")
    error = json.loads(pinfold("run", "--format", "json")[2])
    assert error["status"] == "USAGE" and "usage: pinfold run" in error["text"], error


if __name__ == "__main__":
    sys.exit(tap.program(sys.modules[__name__], FOLDER, workers=WORKERS))
