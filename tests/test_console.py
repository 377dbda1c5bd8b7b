"""What is seen while waiting: a bar on a terminal, lines in a log, nothing on stdout; native notes kept aside."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fieldguide import console
from fieldguide.console import called, clock, command, progress

WORK = """
import sys, time
from fieldguide import console
console.SHOW_AFTER_SECONDS, console.REDRAW_SECONDS, console.LOG_SECONDS = 0.0, 0.0, 0.0
with console.progress(sys.argv[1], 1500) as bar:
    for _ in range(3):
        bar.advance(500)
        time.sleep(0.01)
print("result")
"""


def on_terminal(code: str, *arguments: str, columns: int = 80) -> tuple[str, str]:
    """stdout and what a terminal of this width shows of stderr."""
    pty = pytest.importorskip("pty", reason="terminals are a thing of Unix")
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    shown = bytearray()

    def listen() -> None:
        try:
            while data := os.read(ours, 4096):
                shown.extend(data)
        except OSError:
            return  # the other side is closed

    listener = threading.Thread(target=listen)
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=theirs, text=True, env=environment
    ) as worker:
        os.close(theirs)
        listener.start()
        stdout, _ = worker.communicate(timeout=60)
        assert worker.returncode == 0
    listener.join(timeout=10)
    os.close(ours)
    return stdout, shown.decode()


@pytest.mark.parametrize("title", ["Reading pictures", "Fit", "A title that is quite long"])
@pytest.mark.parametrize("columns", [80, 60, 30])
def test_a_terminal_shows_one_line_that_fills_up(title: str, columns: int) -> None:
    stdout, shown = on_terminal(WORK, title, columns=columns)
    assert stdout == "result\n"
    lines = shown.rstrip("\r\n").split("\r")[1:]
    assert shown.count("\n") == 1, "the bar wraps or scrolls"
    assert all(line.startswith(title[:columns]) for line in lines)
    assert {len(line) <= columns for line in lines} == {True}
    if columns == 80:
        assert [line.count("#") for line in lines] == sorted(line.count("#") for line in lines)
        assert "500/1,500" in lines[0]
        assert re.search(r"\[#+\] 1,500/1,500 in 0 s", lines[-1])


def test_a_log_gets_lines_now_and_then() -> None:
    done = subprocess.run([sys.executable, "-c", WORK, "Reading"], capture_output=True, text=True, check=True)
    assert done.stdout == "result\n"
    assert done.stderr.splitlines()[0].startswith("Reading: 500/1,500, ")
    assert done.stderr.splitlines()[-1] == "Reading: 1,500/1,500, in 0 s"
    assert "\r" not in done.stderr


def test_what_was_done_before_says_nothing_of_the_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    with progress("Training", 1000, done=900) as bar:
        for _ in range(10):
            now[0] += 20
            bar.advance()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Training: 901/1,000, 33 min 00 s left"
    assert lines[-1] == "Training: 910/1,000, 30 min 00 s left"


def test_where_the_units_say_nothing_a_share_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    with progress("1 of 4 runs", 10_000, percent=True) as bar:
        now[0] += 20
        bar.advance(2_500)
    assert capsys.readouterr().err.splitlines()[0] == "1 of 4 runs: 25%, 1 min 00 s left"


def test_short_work_stays_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Reading", 3) as bar:
        bar.advance(2)
        bar.advance()
    assert bar.done == 3
    assert capsys.readouterr() == ("", "")


def test_nothing_to_do_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Reading", 0):
        pass
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (3599.7, "1 h 00 min"),
        (7800, "2 h 10 min"),
    ],
)  # fmt: skip
def test_times_are_said_as_people_say_them(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize("here", ["elsewhere", "beside it"])
def test_the_command_that_is_named_works_where_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path if here == "elsewhere" else Path(sys.executable).parent)
    named = shlex.split(command())
    assert os.sep in named[0], "a shell looks for other names on its path only"
    done = subprocess.run([*named, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("fieldguide ")


NATIVE = """
import os, sys
from fieldguide import console
from fieldguide.errors import InputError
try:
    with console.native_notes_aside():
        os.write(2, b"native note\\n")
        print("python warning", file=sys.stderr)
        if sys.argv[1] == "expected":
            raise InputError("bad input")
        if sys.argv[1] == "unexpected":
            raise ZeroDivisionError
except Exception as error:
    print(type(error).__name__)
os.write(2, b"after\\n")
print("python after", file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("ending", "note", "error"),
    [("good", "", ""), ("expected", "", "InputError\n"), ("unexpected", "native note\n", "ZeroDivisionError\n")],
)
def test_native_notes_show_only_where_something_unexpected_happened(ending: str, note: str, error: str) -> None:
    done = subprocess.run([sys.executable, "-c", NATIVE, ending], capture_output=True, text=True, check=True)
    assert done.stdout == error
    assert done.stderr == f"python warning\n{note}after\npython after\n"


def test_a_terminal_stays_one_while_native_notes_are_aside() -> None:
    code = WORK.replace("with console.progress", "with console.native_notes_aside(), console.progress")
    stdout, shown = on_terminal(code, "Reading")
    assert stdout == "result\n"
    assert "[####" in shown


def test_no_file_is_left_open(tmp_path: Path) -> None:
    code = (
        "import os; from fieldguide import console\n"
        "before = os.listdir('/dev/fd')\n"
        "for _ in range(3):\n"
        "    with console.native_notes_aside(): pass\n"
        "assert os.listdir('/dev/fd') == before"
    )
    if not Path("/dev/fd").is_dir():
        pytest.skip("this system does not list open files")
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_the_next_command_is_one_that_the_shell_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "an environment" / "bin" / "fieldguide"
    script.parent.mkdir(parents=True)
    monkeypatch.setattr(sys, "executable", str(script.with_name("python")))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert command() == "'an environment/bin/python' -m fieldguide"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    assert command() == "'an environment/bin/fieldguide'"
    assert called("fieldguide train fieldguide") == "'an environment/bin/fieldguide' train fieldguide"
    monkeypatch.setenv("PATH", str(script.parent))
    assert command() == "fieldguide"
