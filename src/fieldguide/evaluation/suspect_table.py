"""The suspects as a table in a run's folder: every picture that was ranked, the label most in doubt first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fieldguide.data.tables import cell, rows_of, table_text, text_of
from fieldguide.errors import InputError
from fieldguide.evaluation.suspects import Suspects
from fieldguide.files import write_text

SUSPECTS_FILE = "suspects.csv"
COLUMNS = ("rank", "file", "label", "suggested", "label_probability", "suggested_probability", "suspect")
WHAT = "a list of suspects, which `fieldguide train` writes"
_SAID = {True: "yes", False: "no"}


@dataclass(frozen=True)
class Ranked:
    """A picture in the ranking."""

    rank: int  # 1 is the label most in doubt
    file: str  # as seen from the pictures' root, in one line
    label: str  # that it was given, in one line
    suggested: str  # the most probable other class, in one line
    label_probability: float
    suggested_probability: float
    suspect: bool

    def cells(self) -> list[object]:
        """The line of it."""
        shares = (f"{self.label_probability:.6f}", f"{self.suggested_probability:.6f}")
        names = (cell(self.file), cell(self.label), cell(self.suggested))
        return [self.rank, *names, *shares, _SAID[self.suspect]]


def write_suspects(path: str | Path, suspects: Suspects, files: Sequence[str]) -> Path:
    """Writes the ranking as a CSV file, atomically.

    Args:
        path: of the file.
        suspects: from `find_suspects`.
        files: one for each row that `find_suspects` was given: the pictures as seen from their root.

    Raises:
        InputError: there are more or fewer files than rows.
        FileError: it cannot be written.

    Example:
        >>> import numpy as np
        >>> from fieldguide.evaluation.suspects import find_suspects
        >>> found = find_suspects(np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([0, 1]), ["cat", "dog"])
        >>> print(write_suspects("suspects.csv", found, ["cat/1.jpg", "dog/1.jpg"]).read_text(), end="")
        rank,file,label,suggested,label_probability,suggested_probability,suspect
        1,dog/1.jpg,dog,cat,0.200000,0.800000,no
        2,cat/1.jpg,cat,dog,0.900000,0.100000,no
    """
    if len(files) != len(suspects.labels):
        raise InputError(
            f"{len(files):,} files were given for {len(suspects.labels):,} pictures; expected one for each."
        )
    ranked = (
        Ranked(
            rank,
            files[one.row],
            one.given,
            one.suggested,
            one.given_probability,
            one.suggested_probability,
            rank <= suspects.count,
        )
        for rank, one in enumerate(suspects.listed(len(files)), 1)
    )
    write_text(path, table_text([COLUMNS, *(one.cells() for one in ranked)]))
    return Path(path)


def read_suspects(path: str | Path) -> tuple[Ranked, ...]:
    """The ranking in a file.

    Args:
        path: of a file that `write_suspects` wrote.

    Raises:
        FileError: it cannot be read.
        InputError: it is another kind of file, or damaged; the message names the line.
    """
    return tuple(_ranked(where, row) for where, row in rows_of(Path(path), COLUMNS, WHAT))


def _ranked(where: str, row: list[str]) -> Ranked:
    rank, file, label, suggested, *shares, suspect = row
    try:
        of_label, of_suggested = (float(share) for share in shares)
        whole = int(rank)
    except ValueError:
        of_label = of_suggested = math.nan
        whole = 0
    sound = whole >= 1 and 0 <= of_label <= 1 and 0 <= of_suggested <= 1 and suspect in _SAID.values()
    if not (sound and file and label and suggested):
        raise InputError(f"{where}, is no line of {WHAT}: train again, or mend the line.")
    return Ranked(
        whole, text_of(file), text_of(label), text_of(suggested), of_label, of_suggested, suspect == _SAID[True]
    )
