"""What a person sees while waiting: one line of progress on stderr, never on stdout."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fieldguide.errors import FieldguideError

WHEN_WIDTH = len("10 min 05 s so far")  # the longest there is, so that a shorter one leaves nothing of it
JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # they belong to words and to emoji
SHOW_AFTER_SECONDS = 0.4  # shorter work stays silent
REDRAW_SECONDS = 0.1
LOG_SECONDS = 15.0  # between lines when stderr is a file or a pipe


class Progress:
    """One stage's progress: a bar on a terminal, a line now and then in a log."""

    def __init__(self, title: str, total: int, done: int = 0, *, percent: bool = False) -> None:
        self.title = title
        self.total = total
        self.done = done
        self._percent = percent
        self._before = done  # by another process, at a pace of its own
        self._started = time.monotonic()
        self._drawn = 0.0
        self._terminal = sys.stderr.isatty()

    def advance(self, count: int = 1) -> None:
        """Counts `count` more units as done; 0 shows that work goes on."""
        self.done += count
        now = time.monotonic()
        waited = SHOW_AFTER_SECONDS if self._terminal else LOG_SECONDS
        pause = REDRAW_SECONDS if self._terminal else LOG_SECONDS
        if now - self._started >= waited and now - self._drawn >= pause:
            self._drawn = now
            self._draw(now - self._started)

    def skip(self, count: int) -> None:
        """Counts `count` units as done before, which say nothing of the time that the others take."""
        self._before += count
        self.advance(count)

    def close(self) -> None:
        """Leaves the finished bar as the stage's last line."""
        if self._drawn:
            self._draw(time.monotonic() - self._started, ended=True)
            if self._terminal:
                print(file=sys.stderr)

    def _draw(self, seconds: float, *, ended: bool = False) -> None:
        share = min(1.0, self.done / self.total) if self.total else 1.0
        made = self.done - self._before
        left = seconds * (self.total - self.done) / made if made else 0.0
        when = f"{clock(left)} left" if share < 1 else f"in {clock(seconds)}"
        if not ended and not (self.total and made):
            when = f"{clock(seconds)} so far"
        counts = f"{self.done:,}/{self.total:,}" if self.total else f"{self.done:,}" if self.done else "..."
        if self._percent:
            counts = f"{100 * share:.0f}%"
        if not self._terminal:
            print(f"{self.title}: {counts}, {when}", file=sys.stderr)
            return
        columns = _columns()
        width = max(8, min(30, columns - len(f"{self.title:<20} [] {counts} {when:<{WHEN_WIDTH}}")))
        filled = round(width * share)
        bar = "[" + "#" * filled + "-" * (width - filled) + "] " if self.total else ""
        # Cut on a narrow terminal: a line that wraps could not be drawn over.
        line = f"{self.title:<20} {bar}{counts} {when:<{WHEN_WIDTH}}"[:columns]
        print(f"\r{line}", end="", file=sys.stderr, flush=True)


def _columns() -> int:
    """Width of the terminal that stderr goes to; stdout may be a file."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return columns or shutil.get_terminal_size().columns  # some terminals do not know and say 0


@contextmanager
def progress(title: str, total: int, done: int = 0, *, percent: bool = False) -> Iterator[Progress]:
    """A Progress that closes its line when the block ends.

    Args:
        title: what is being done.
        total: how many units there are; 0 where that is not known.
        done: how many of them were done before, which say nothing of the time that the others take.
        percent: say how far it is as a share, where the units say nothing to a person.

    Example:
        >>> with progress("Reading", 3) as bar:
        ...     for _ in range(3):
        ...         bar.advance()
        >>> bar.done
        3
    """
    bar = Progress(title, total, done, percent=percent)
    try:
        yield bar
    finally:
        bar.close()


def clock(seconds: float) -> str:
    """Seconds as a person says them: '8 s', '3 min 05 s', '2 h 10 min'."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def command() -> str:
    """How a person calls fieldguide from where they are: 'fieldguide', or its path where a shell finds none."""
    if shutil.which("fieldguide"):
        return "fieldguide"
    script = Path(sys.executable).with_name("fieldguide")
    called = [str(script)] if script.exists() else [sys.executable, "-m", "fieldguide"]
    near = os.path.relpath(called[0])
    called[0] = min(called[0], near if os.sep in near else f".{os.sep}{near}", key=len)
    return shlex.join(called)


def called(words: str) -> str:
    """A command of fieldguide as it can be given from here; what is kept in files or as JSON says `fieldguide`.

    Args:
        words: that begin with "fieldguide".
    """
    return command() + words.removeprefix("fieldguide")


def say(text: str) -> None:
    """Says on stderr what is being done, a line of its own."""
    print(text, file=sys.stderr)


def warn(text: str) -> None:
    """Says a warning on stderr."""
    print(f"warning: {text}", file=sys.stderr)


@contextmanager
def native_notes_aside() -> Iterator[None]:
    """Keeps what compiled libraries write to stderr off the screen, and shows it only if the block fails unexpectedly.

    TensorFlow and others write start-up notes to the file descriptor itself, whatever Python's streams are. Python's
    own stderr (progress, warnings, errors) stays where it is. For a program's entry point, not for libraries: it
    changes the whole process.
    """
    try:
        notes = tempfile.TemporaryFile()  # noqa: SIM115 - closed below, once its content has been shown
    except OSError:  # no room for a temporary file: the notes are seen, and the command says what is wrong
        yield
        return
    sys.stderr.flush()
    original, descriptor = sys.stderr, os.dup(2)
    with notes, os.fdopen(os.dup(descriptor), "w", buffering=1, errors="replace") as screen:
        os.dup2(notes.fileno(), 2)
        sys.stderr = screen
        expected = False
        try:
            yield
            expected = True
        except (FieldguideError, KeyboardInterrupt, BrokenPipeError, SystemExit):
            expected = True
            raise
        finally:
            sys.stderr = original
            os.dup2(descriptor, 2)
            os.close(descriptor)
            if not expected:
                notes.seek(0)
                original.write(notes.read().decode(errors="replace"))


def shown(text: str) -> str:
    """A name as it may be printed: control characters, which could steer a terminal, are written as escapes.

    Example:
        >>> shown("birds\\x1b[2J.jpg")
        'birds\\\\x1b[2J.jpg'
    """
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in ("Cc", "Cf") and character not in JOINERS
        else character
        for character in text
    )
