"""The lines of a corrections file: what was decided of one picture, read, made, and added so that nothing is lost."""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from fieldguide.data.dataset import Dataset
from fieldguide.data.decode import load_bytes
from fieldguide.data.tables import cell, one_line, rows_of, table_text, text_of
from fieldguide.errors import FileError, InputError, PictureError
from fieldguide.files import explained, write_text

COLUMNS = ("file", "sha256", "was", "now", "when")
WHAT = "corrections, which `fieldguide relabel` writes"
RIGHT, LEFT_OUT, UNDONE = "", "-", "?"  # what stands in `now` besides names of classes; `cell` keeps those apart
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Correction:
    """What was decided of one picture.

    Its label is right where `now` is what it was.
    """

    file: str  # as seen from the pictures' root, in one line
    sha256: str  # of the file's bytes, in hexadecimal digits
    was: str  # its class by its folder
    now: str | None  # its class; None where it has none
    when: str  # in UTC, for people
    undone: bool = False  # as if nothing had been decided; otherwise a picture without a class is left out

    def cells(self) -> list[str]:
        """The line of it."""
        now = UNDONE if self.undone else LEFT_OUT if self.now is None else cell(self.now)
        return [cell(self.file), self.sha256, cell(self.was), RIGHT if self.now == self.was else now, self.when]


def read_lines(path: Path) -> tuple[Correction, ...]:
    """The lines of a file. A last one that was cut short, as by a power failure, is passed over.

    Raises:
        FileError: it cannot be read.
        InputError: it is another kind of file, or a line of it makes no sense.
    """
    return tuple(_correction(where, row) for where, row in rows_of(path, COLUMNS, WHAT, torn=True))


def lines_text(lines: Iterable[Correction]) -> str:
    """The text of a file of these lines."""
    return table_text([COLUMNS, *(line.cells() for line in lines)])


def decided(data: Dataset, row: int, now: str | None, *, undone: bool = False) -> Correction:
    """The line that says what a picture is, as of this moment.

    Args:
        data: labelled by its folders.
        row: of the picture.
        now: its class; None leaves it out.
        undone: takes back what was decided before.

    Raises:
        InputError: the picture cannot be read.
    """
    try:
        digest = sha256(data.paths[row])
    except PictureError as error:
        raise InputError(f"{data.paths[row]} cannot be read ({error}): put the picture back.") from error
    when = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    was = one_line(data.class_names[data.labels[row]])
    is_now = None if undone or now is None else one_line(now)
    return Correction(one_line(data.name(row)), digest, was, is_now, when, undone)


def append(path: Path, lines: Iterable[Correction]) -> None:
    """Adds lines to a corrections file, all of them or none; the file is made if it is missing.

    Raises:
        InputError: there is another kind of file.
        FileError: it cannot be written.
    """
    lines = tuple(lines)
    if not os.path.lexists(path):
        write_text(path, lines_text(lines))
        return
    read_lines(path)  # nothing is ever added to a file of another kind
    with explained(path, "write"), path.open("a+b", buffering=0) as file:  # every write goes to its end
        file.seek(0)
        content = file.read()
        end = _sound_end(content)
        file.truncate(end)
        data = (b"" if content[:end].endswith(b"\n") else b"\n") + table_text(line.cells() for line in lines).encode()
        try:
            if file.write(data) != len(data):
                raise FileError(f"cannot write {path}: the disk is full: free some space.")
            os.fsync(file.fileno())
        except OSError:
            file.truncate(end)
            raise


def _sound_end(content: bytes) -> int:
    """The bytes of a file without a last line that was cut short; one that only lacks its line ending is whole."""
    last = content[content.rfind(b"\n") + 1 :]
    cells = next(csv.reader([last.decode(errors="replace")]), [])
    return len(content) - (len(last) if len(cells) < len(COLUMNS) else 0)


def sha256(path: Path) -> str:
    """The SHA-256 of a picture file's bytes.

    Raises:
        PictureError: it cannot be read.
    """
    return hashlib.sha256(load_bytes(path)).hexdigest()


def _correction(where: str, row: list[str]) -> Correction:
    file, digest, was, now, when = row
    if not _SHA256.fullmatch(digest):
        raise InputError(f"{where}, holds {one_line(digest)[:80]!r}; expected a SHA-256 of 64 digits: take it out.")
    if not file or not was:
        raise InputError(f"{where}, names no {'class' if file else 'file'}: mend the line, or take it out.")
    was = text_of(was)
    decided_class = None if now in (LEFT_OUT, UNDONE) else was if now == RIGHT else text_of(now)
    return Correction(text_of(file), digest, was, decided_class, when, now == UNDONE)
