"""Corrections of labels: a file that is only ever added to, and the data set as it says.

A line says what one picture is, whatever folder it lies in. The last line of a picture counts, so that whoever thinks
again adds another one, and nothing that was decided is ever lost. Pictures are not touched, nor is a table of labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fieldguide.data.dataset import PARTS, Corrected, Dataset
from fieldguide.data.decisions import Correction, append, decided, read_lines, sha256
from fieldguide.data.tables import one_line
from fieldguide.errors import InputError, InputKeyError, PictureError
from fieldguide.files import path_of
from fieldguide.parallel import bounded_map

_SHOWN = 3  # classes, in a message


@dataclass(frozen=True)
class Corrections:
    """What was decided of the labels of pictures, and in which file that is written down.

    Example:
        >>> import fieldguide as fg
        >>> data = fg.Dataset.from_directory("photos")
        >>> file = fg.Corrections.record("corrections.csv", data, {"horses/horse01-0.jpg": "humans"})
        >>> print(fg.Corrections.read(file))
        1 label corrected
    """

    path: Path
    lines: tuple[Correction, ...]  # as they stand in the file

    @classmethod
    def read(cls, path: str | Path) -> Corrections:
        """The corrections in a file. A last line that was cut short by a power failure is passed over.

        Args:
            path: of a file that `fieldguide relabel` or `record` wrote.

        Raises:
            InputTypeError: if it is no path.
            FileError: if it cannot be read.
            InputError: if it is another kind of file, or a line of it makes no sense.

        Example:
            >>> import fieldguide as fg
            >>> data = fg.Dataset.from_directory("photos")
            >>> file = fg.Corrections.record("looked-at.csv", data, {"horses/horse01-0.jpg": None})
            >>> print(fg.Corrections.read(file))
            1 picture left out
        """
        path = path_of("path", path, "corrections.csv")
        return cls(path, read_lines(path))

    @classmethod
    def record(cls, path: str | Path, data: Dataset, decisions: Mapping[str, str | None]) -> Path:
        """Adds decisions to a corrections file, which is made if it is missing; each is on the disk afterwards.

        Args:
            path: of the file.
            data: the pictures, labelled by their folders or a table.
            decisions: names of pictures, as `data.name(row)` gives them, with the class of each: the one that it has
                if that is right, another one, or None to leave the picture out.

        Returns:
            The path.

        Raises:
            InputTypeError: if the path is none.
            InputKeyError: if there is no such picture or class.
            InputError: if the file is of another kind, or a picture cannot be read.
            FileError: if it cannot be written.

        Example:
            >>> import fieldguide as fg
            >>> data = fg.Dataset.from_directory("photos")
            >>> fg.Corrections.record("mine.csv", data, {"horses/horse01-0.jpg": "humans"}).name
            'mine.csv'
        """
        path = path_of("path", path, "corrections.csv")
        row_of = {data.name(row): row for row in range(len(data))}
        lines = []
        for name, now in decisions.items():
            if name not in row_of:
                raise InputKeyError(f"there is no picture {name!r} in {data.source}: name it as `data.name(row)` does.")
            if now is not None and now not in data.class_names:
                known = ", ".join(data.class_names)
                raise InputKeyError(f"{name} is to be of class {now!r}, which there is not; expected one of {known}.")
            lines.append(decided(data, row_of[name], now))
        append(path, lines)
        return path

    @property
    def standing(self) -> dict[str, Correction]:
        """What counts: the last decision of each file, unless it was undone."""
        last = {line.file: line for line in self.lines}
        return {file: line for file, line in last.items() if not line.undone}

    @property
    def summary(self) -> Corrected:
        """How many labels it changes, how many pictures it leaves out, and how many labels it confirms."""
        lines = self.standing.values()
        left_out = sum(line.now is None for line in lines)
        confirmed = sum(line.now == line.was for line in lines)
        return Corrected(self.path.name, len(lines) - left_out - confirmed, left_out, confirmed)

    def __str__(self) -> str:
        return str(self.summary)

    def apply(self, data: Dataset) -> Dataset:
        """The data set with the labels that were decided; pictures that are left out are among its `skipped`.

        Args:
            data: the pictures that the corrections are of, labelled by their folders or a table.

        Raises:
            InputError: if a picture is missing or has changed since, a class is unknown, or a class or a given part
                would be left without a picture.

        Example:
            >>> import fieldguide as fg
            >>> data = fg.Dataset.from_directory("photos")
            >>> file = fg.Corrections.record("c.csv", data, {"horses/horse01-0.jpg": "humans"})
            >>> print(fg.Corrections.read(file).apply(data))
            66 pictures in 2 classes (horses 32, humans 34)
        """
        if data.corrected is not None:
            given = "from_directory" if data.table is None else "from_table"
            raise InputError(
                f"the labels are corrected already, by {data.corrected.file}: apply {self.path} to what "
                f"Dataset.{given} gives."
            )
        standing = self.standing
        row_of = {one_line(data.name(row)): row for row in range(len(data))}
        for line in standing.values():
            self._refuse_unknown(line, data, row_of)
        rows = {row_of[file]: line for file, line in standing.items()}
        self._refuse_changed(rows, data)
        label_of = _label_of(data)
        labels = data.labels.copy()
        for row, line in rows.items():
            if line.now is not None:
                labels[row] = label_of[line.now]
        out = {row: f"left out by {self.path.name}" for row, line in sorted(rows.items()) if line.now is None}
        result = replace(data, labels=labels, corrected=self.summary).without(out)
        self._refuse_losses(data, result)
        return result

    def _refuse_unknown(self, line: Correction, data: Dataset, row_of: Mapping[str, int]) -> None:
        if line.file not in row_of:
            named = "folder" if data.table is None else "table"
            raise InputError(
                f"{self.path} is of other pictures: {line.file} is not in {data.source}. Name the {named} that it was "
                "made for, or take the lines of pictures out that are gone."
            )
        label = data.class_names[data.labels[row_of[line.file]]]
        if one_line(label) != line.was:
            raise InputError(
                f"{self.path} says that {line.file} was of class '{line.was}', and it is of '{label}' in "
                f"{data.source}: name the pictures that the corrections were made for, or mend the line."
            )
        if line.now is not None and line.now not in _label_of(data):
            of_it, make = "folder", "make a folder with pictures of that class"
            if data.table is not None:
                of_it, make = "row", "add rows of that class"
            raise InputError(
                f"{self.path} gives {line.file} the class '{line.now}', which {data.source} has no {of_it} of "
                f"({', '.join(data.class_names[:8])}{', ...' if len(data.class_names) > 8 else ''}): mend the line, or "
                f"{make}."
            )

    def _refuse_changed(self, rows: Mapping[int, Correction], data: Dataset) -> None:
        def changed(row: int) -> str:
            try:
                return "" if sha256(data.paths[row]) == rows[row].sha256 else "is another picture now"
            except PictureError as error:
                return f"cannot be read ({error})"

        for row, why in zip(rows, bounded_map(changed, rows), strict=True):
            if why:
                raise InputError(
                    f"{self.path} was made for other pictures: {data.name(row)} in {data.source} {why}. Look at it "
                    "again with `fieldguide relabel`, or take its lines out."
                )

    def _refuse_losses(self, before: Dataset, after: Dataset) -> None:
        had, has = before.counts, after.counts
        lost = [f"'{name}'" for name in before.class_names if had[name] and not has[name]]
        if lost:
            classes, that = ("class", "that class") if len(lost) == 1 else ("the classes", "those classes")
            shown = ", ".join(lost[:_SHOWN]) + (f" and {len(lost) - _SHOWN:,} more" if len(lost) > _SHOWN else "")
            away = f"move the {'folder' if len(lost) == 1 else 'folders'} of {that} away"
            if before.table is not None:
                away = f"take the rows of {that} out of the table"
            raise InputError(
                f"{self.path} leaves no picture of {classes} {shown} in {before.source}: take lines of it out, or "
                f"{away}."
            )
        if before.given is not None and after.given is not None:
            parts = [PARTS[part] for part in np.setdiff1d(before.given, after.given)]
            if parts:
                named = f"{' and '.join(parts)} {'part' if len(parts) == 1 else 'parts'}"
                raise InputError(
                    f"{self.path} leaves no picture in the {named} of {before.source}: take lines of it out."
                )


def _label_of(data: Dataset) -> dict[str, int]:
    return {one_line(name): label for label, name in enumerate(data.class_names)}
