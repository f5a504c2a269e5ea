#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The editor in examples/editor, scripted: editor.py BUILD SOURCE; prints TAP.

Its plugins do their work; bad ones are named with their reason, and neither the editor nor the
document notices more of them than that.
"""
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
import tap  # pylint: disable=wrong-import-position
from tap import Skip  # pylint: disable=wrong-import-position

BUILD = os.path.abspath(sys.argv[1])
SOURCE = os.path.abspath(sys.argv[2])
EDITOR = f"{BUILD}/examples/editor"
# Confined programs cannot have sanitizers: test.sh names the release build that has them.
WORKERS = os.environ.get("PINFOLD_TEST_WORKERS", BUILD)
ENVIRONMENT = {**os.environ, "PINFOLD_LIBEXEC": WORKERS}
FOLDER = tempfile.mkdtemp(prefix="pinfold-editor-")
PLUGINS = f"{FOLDER}/plugins"
DOCUMENT = f"{FOLDER}/document.md"
SCRIPT = f"{FOLDER}/script"
SECONDS = 60

TEXT = "# Title\n\none two\nthree\n\n```\na   code\nblock\n```\n\n- item\n  more\n\nlast gr\u00fc\u00df\n"


def write(path, text):
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    os.chmod(path, 0o644)


def read(path=DOCUMENT):
    with open(path, "rb") as file:
        return file.read().decode()


def set_up():
    """Copies: policies are refused where a group may write them, as perhaps in the sources."""
    os.mkdir(PLUGINS, 0o755)
    for name in ("words", "format", "replace"):
        shutil.copyfile(f"{SOURCE}/plugins/{name}/{name}.yaml", f"{PLUGINS}/{name}.yaml")
        if os.path.exists(f"{BUILD}/plugins/{name}.wasm"):
            shutil.copyfile(f"{BUILD}/plugins/{name}.wasm", f"{PLUGINS}/{name}.wasm")
    for name in ("crash", "forever", "hungry"):
        shutil.copyfile(f"{SOURCE}/tests/editor/guests/{name}.yaml", f"{PLUGINS}/{name}.yaml")
        shutil.copyfile(f"{BUILD}/tests/editor/{name}.wasm", f"{PLUGINS}/{name}.wasm")


def edit(script, text=TEXT):
    """Runs a script on a document; (status, stdout, stderr)."""
    write(DOCUMENT, text)
    write(SCRIPT, script)
    done = subprocess.run([EDITOR, "--plugins", PLUGINS, "--script", SCRIPT, DOCUMENT],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
                          check=False, env=ENVIRONMENT)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def expect(got, status, stdout=None, stderr=()):
    """Compares; `stderr` lists what its lines have to begin with or to have in them."""
    lines = got[2].splitlines()
    assert got[0] == status, f"exit status {got[0]}, not {status}: {got}"
    if stdout is not None:
        assert got[1] == stdout, got
    assert len(lines) == len(stderr), got
    for line, part in zip(lines, stderr):
        assert re.search(part, line), f"not '{part}': {line}"


# --- the editor by itself ------------------------------------------------------------------------


def lines_are_added_changed_deleted_and_printed():
    expect(edit("a\nd\ne\n.\n0a\nfirst\n.\n3c\nC\n.\n2d\n,n\n$i\nD\n.\n$p\n1\n.\nw\nq\nx\n", "a\nb\nc\n"),
           0, "1\tfirst\n2\tC\n3\tc\n4\td\n5\te\ne\nfirst\nfirst\n16 bytes written\n")
    assert read() == "first\nC\nc\nd\nD\ne\n", read()


def a_change_is_undone_and_redone():
    expect(edit("2d\nu\nw\n"), 0)
    assert read() == TEXT
    expect(edit("1,3d\nu\nu\nw\n"), 0)
    assert read() == "".join(TEXT.splitlines(True)[3:])
    expect(edit("u\n"), 1, "", ["nothing to undo"])


def what_is_no_command_is_told_with_its_line():
    expect(edit("fly\n0d\n99p\n3,2p\n;\n# comment\n\n../words\nformat-\n"), 1, "", [
        r"script:1: no command: fly", r":2: no such lines: there are 14", r":3: no such lines",
        r":4: no such lines", r":5: no command: ;", r":8: no command: ./words",
        r":9: no command: format-"])


def text_for_lines_that_are_not_there_is_no_commands():
    expect(edit("99a\n1d\n.\n0c\n1d\nw\n.\nw\n"), 1, None, [
        r":1: no such lines", r":4: no such lines"])
    assert read() == TEXT


def files_are_opened_and_written():
    other = f"{FOLDER}/other.md"
    expect(edit(f"w {other}\ne {other}\n1d\nw\ne {DOCUMENT}\n1p\ne {FOLDER}\nw /nonexistent/x\n1p\n"),
           1, None, ["Is a directory", "/nonexistent/x: No such file"])
    assert read(other) == TEXT.replace("# Title\n", "") and read() == TEXT


def a_missing_newline_at_the_end_is_added():
    expect(edit("w\n", "no newline"), 0, "11 bytes written\n")
    assert read() == "no newline\n"


def documents_cannot_write_to_the_terminal():
    expect(edit("1p\n", b"a\x1b[2J\xc2\x9bb\tc\x7f\n"), 0, "a?[2J?b\tc?\n")


def a_document_that_is_too_large_is_refused():
    status, _, error = edit("1p\n", b"x" * (16 * 1024 * 1024))
    assert status == 2 and "at most 16 MiB" in error, error
    assert edit("w\n", b"x" * (16 * 1024 * 1024 - 1))[0] == 0


def wrong_command_lines_are_refused():
    for arguments in (["--fly"], ["a", "b"], ["--script"], ["--script", "/nonexistent"]):
        done = subprocess.run([EDITOR, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=SECONDS, check=False, env=ENVIRONMENT)
        assert done.returncode == 2 and done.stderr, done


# --- good plugins --------------------------------------------------------------------------------


def words_are_counted():
    expect(edit("words\n3,4words\n$words\n1words\n"), 0,
           f"14 lines, 15 words, {len(TEXT)} characters\n2 lines, 3 words, 14 characters\n"
           "1 line, 2 words, 10 characters\n1 line, 2 words, 8 characters\n")
    expect(edit("words\n", ""), 0, "0 lines, 0 words, 0 characters\n")


def paragraphs_are_wrapped_and_nothing_else():
    expect(edit("format 20\nw\nformat 20\nw\n"), 0)
    assert read() == TEXT.replace("one two\nthree\n", "one two three\n"), read()
    text = "word " * 30 + "end\n\n    indented " + "code " * 30 + "\n| a table " + "x " * 50 + "|\n"
    expect(edit("format\nw\n", text), 0)
    lines = read().splitlines()
    assert max(map(len, lines[:3])) <= 72 and len(lines[0]) > 66, lines
    assert lines[3:] == text.splitlines()[1:], lines


def wrapping_keeps_what_markdown_means():
    text = ("a hard break  \nhere and\\\nthere\nSome 12. numbers and - dashes and # signs would begin "
            "something\n[name]: address\n[other]: address\ntext\n~~~\nfence  \n~~~\n")
    expect(edit("format 20\nw\n", text), 0)
    lines = read().splitlines()
    assert lines[:2] == ["a hard break  ", "here and\\"], lines
    assert not any(re.match(r"12\.|[-#] ", line) for line in lines), lines
    assert lines[-6:] == ["[name]: address", "[other]: address", "text", "~~~", "fence  ", "~~~"]
    assert " ".join(read().split()) == " ".join(text.split())


def a_real_document_keeps_its_words_and_its_code():
    text = read(f"{SOURCE}/README.md")
    expect(edit("format 60\nw\n", text), 0)
    once = read()
    expect(edit("format 60\nw\n", once), 0)
    assert read() == once != text
    assert once.split() == text.split()
    assert re.findall(r"```.*?```", once, re.DOTALL) == re.findall(r"```.*?```", text, re.DOTALL)


def text_is_searched_and_replaced():
    if not os.path.exists(f"{PLUGINS}/replace.wasm"):
        raise Skip("no rustc for wasm32-unknown-unknown")
    expect(edit("replace /o/00/\nw\n3,4replace ,t,,\nreplace /none/x\n,p\n", "one\ntwo\ntoo\nt t\n"), 0,
           "4 replaced in 3 lines\n20 bytes written\n3 replaced in 2 lines\n0 replaced in 0 lines\n"
           "00ne\ntw00\n0000\n \n")
    for wrong in ("", "/", "/a", "//a/", "/a/b/c"):
        expect(edit(f"replace {wrong}\n"), 1, "", ["replace: replace /OLD/NEW/"])
    expect(edit("replace \u20acgr\u00fc\u20ac--\u20ac\nw\n", "gr\u00fc\u00df\n"), 0)
    assert read() == "--\u00df\n"


def arguments_that_a_plugin_does_not_take_are_told():
    expect(edit("format wide\nformat 19\nformat 1001\nwords\n"), 1,
           f"14 lines, 15 words, {len(TEXT)} characters\n", [r"format: format \[WIDTH\], from 20 to 1000"] * 3)


def a_change_by_a_plugin_is_undone():
    expect(edit("format 20\nu\nw\n"), 0)
    assert read() == TEXT


def a_plugin_keeps_its_memory_over_many_commands():
    expect(edit("format 20\nwords\nu\n" * 1000 + "w\n"), 0)
    assert read() == TEXT


def a_document_larger_than_a_plugins_memory_is_counted():
    text = ("seven words in each of these lines " * 30 + "\n") * 6000
    assert len(text) > 4 * 1024 * 1024
    expect(edit("words\n", text), 0, f"6000 lines, 1260000 words, {len(text)} characters\n")


# --- bad plugins ---------------------------------------------------------------------------------


def bad_plugins_are_named_with_their_reason_and_the_document_is_whole():
    script = ("words\nforever\nwords\nhungry\nwords\ncrash\nformat 20\nforever calls\nhungry editor\n"
              "crash address\ncrash division\ncrash stack\ncrash lines\nwords\nw\nu\n,p\n")
    wrapped = TEXT.replace("one two\nthree\n", "one two three\n")
    before, after = (f"{lines} lines, 15 words, {len(TEXT)} characters\n" for lines in (14, 13))
    size = len(wrapped.encode())
    begin = time.monotonic()
    expect(edit(script), 1,
           f"{before}looping\n{before}{before}looping\n{after}{size} bytes written\n{TEXT}", [
               r"script:2: plugin 'forever': .* deadline: limits.time is 500ms",
               r"script:4: plugin 'hungry': .*out of bounds memory access.* limits.memory, which is 4MiB",
               r"script:6: plugin 'crash': .*unreachable",
               r"script:8: plugin 'forever': .* deadline: limits.time is 500ms",
               r"script:9: plugin 'hungry': .*a document has at most 16 MiB",
               r"script:10: plugin .crash.: .*out of bounds memory access",
               r"script:11: plugin .crash.: .*integer divide by zero",
               r"script:12: plugin .crash.: .*call stack exhausted",
               r"script:13: plugin .crash.: .*there are no such lines"])
    assert read() == wrapped
    assert time.monotonic() - begin < SECONDS / 2


def a_plugin_that_failed_cannot_be_undone():
    expect(edit("2d\ncrash\nu\nw\n"), 1, None, ["unreachable"])
    assert read() == TEXT


def a_plugin_that_is_not_granted_what_it_needs_is_refused_with_a_hint():
    policy = f"{PLUGINS}/format.yaml"
    granted = read(policy)
    write(policy, granted.replace("  - buffer.replace\n", ""))
    try:
        got = edit("format\nwords\nw\n")
    finally:
        write(policy, granted)
    expect(got, 1, None, [r":1: denied: plugin 'format' tried to .*buffer\.replace.*"
                          r"add `- buffer\.replace` under host_functions: in .*format\.yaml"])
    assert read() == TEXT and got[1].startswith("14 lines"), got


def a_plugin_without_a_policy_is_refused():
    shutil.copyfile(f"{PLUGINS}/words.wasm", f"{PLUGINS}/lawless.wasm")
    try:
        expect(edit("lawless\nw\n"), 1, None, [r":1: .*lawless\.yaml: .*No such file"])
    finally:
        os.unlink(f"{PLUGINS}/lawless.wasm")
    assert read() == TEXT


def workers_of(process):
    """Not its children: it knows them by pidfds."""
    found = []
    for descriptor in os.listdir(f"/proc/{process}/fdinfo"):
        with open(f"/proc/{process}/fdinfo/{descriptor}", encoding="ascii") as file:
            found += re.findall(r"^Pid:\s+([1-9]\d*)$", file.read(), re.MULTILINE)
    return [int(number) for number in found if read(f"/proc/{number}/comm") == "pinfold-worker\n"]


def a_worker_that_is_killed_is_named_and_the_document_is_whole():
    policy = f"{PLUGINS}/forever.yaml"
    limited = read(policy)
    write(policy, limited.replace("500ms", "50s"))
    write(DOCUMENT, TEXT)
    write(SCRIPT, "forever\nformat 20\nw\n")
    editor = subprocess.Popen([EDITOR, "--plugins", PLUGINS, "--script", SCRIPT, DOCUMENT],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=ENVIRONMENT)
    try:
        # It says so when half of the document is spoilt.
        assert editor.stdout.readline() == b"looping\n"
        workers = workers_of(editor.pid)
        assert len(workers) == 1, workers
        os.kill(workers[0], signal.SIGKILL)
        error = editor.communicate(timeout=SECONDS)[1].decode()
    finally:
        editor.kill()
        write(policy, limited)
    expect((editor.returncode, "", error), 1, "",
           [r"script:1: plugin 'forever': its worker was killed \(SIGKILL\)"])
    assert read() == TEXT.replace("one two\nthree\n", "one two three\n")


# --- at a terminal -------------------------------------------------------------------------------


def at_a_terminal_an_interrupt_ends_the_plugin_and_not_the_editor():
    if not os.path.exists("/dev/ptmx"):
        raise Skip("no pseudo-terminals")
    policy = f"{PLUGINS}/forever.yaml"
    limited = read(policy)
    write(policy, limited.replace("500ms", "50s"))
    write(DOCUMENT, TEXT)
    editor, terminal = pty.fork()
    if editor == 0:
        os.execve(EDITOR, [EDITOR, "--plugins", PLUGINS, DOCUMENT], ENVIRONMENT)
    shown = b""

    def give_up(*_):
        raise TimeoutError(f"the editor shows only {shown}")

    def wait_for(text):
        nonlocal shown
        while text not in shown:
            shown += os.read(terminal, 4096)
        shown = shown.split(text, 1)[1]

    try:
        signal.signal(signal.SIGALRM, give_up)
        signal.alarm(SECONDS)
        wait_for(b"* ")
        os.write(terminal, b"forever\n")
        wait_for(b"looping")
        os.write(terminal, b"\x03")
        wait_for(b"plugin 'forever': the call was cancelled")
        os.write(terminal, b"2d\nq\n")
        wait_for(b"is not written")
        os.write(terminal, b"w\nq\n")
        wait_for(b"bytes written")
        assert os.waitpid(editor, 0)[1] == 1 << 8
    finally:
        signal.alarm(0)
        if sys.exc_info()[0]:
            os.kill(editor, signal.SIGKILL)
        os.close(terminal)
        write(policy, limited)
    assert read() == TEXT.replace("\n\n", "\n", 1)


if __name__ == "__main__":
    sys.exit(tap.program(sys.modules[__name__], FOLDER, set_up, WORKERS))
