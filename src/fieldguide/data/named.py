"""The files that a table names: which are there, which rows name each, and which pictures no row names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fieldguide.data.columns import PICTURE_ENDINGS, Columns, TableOptions, is_on
from fieldguide.data.skipped import Skipped
from fieldguide.data.table_file import TableFile
from fieldguide.errors import InputError
from fieldguide.files import explained, is_hidden, walk

PARTS = ("train", "validation", "test")
TRIED_ENDINGS = (".jpg", ".jpeg", ".png")  # of names that have none
NOT_NAMED = "the table does not name it"


@dataclass(frozen=True)
class TableSource:
    """The table that labels came from, and what is odd about it."""

    path: Path
    options: TableOptions
    rows: int
    repeated: tuple[str, ...] = ()  # files that several rows name and agree on, each with its lines
    contradicting: tuple[str, ...] = ()  # files that rows disagree on, each with what they say
    unmarked: tuple[str, ...] = ()  # columns of 0 and 1 without a 1, of which no class is made
    spread: tuple[str, ...] = ()  # cells that go over several lines, by line and column
    marked: bool = False  # whether labels are columns of 0 and 1

    def words(self) -> list[str]:
        """The arguments that name its pictures on a command line."""
        return [str(self.path), *self.options.words()]

    def to_dict(self) -> dict[str, object]:
        """Path and options, ready for JSON."""
        return {"path": str(self.path), "rows": self.rows, **self.options.to_dict()}


@dataclass(frozen=True, eq=False)
class NamedFiles:
    """The files of a table."""

    root: Path  # that names are relative to
    rows: Mapping[Path, tuple[int, ...]]  # each file that is there, with the rows that name it
    left_out: tuple[Skipped, ...]  # named and not there, and there and not named


def files_of(table: TableFile, columns: Columns, folder: Path | None) -> NamedFiles:
    """The files that a table names.

    Args:
        table: with a row for each picture.
        columns: where its file names are.
        folder: what they are relative to; None for the table's own.

    Raises:
        InputError: a row names none, or no file is there.
    """
    root = _normal(table.path.parent if folder is None else folder)
    found: dict[Path, list[int]] = {}
    missing: dict[Path, Skipped] = {}
    for row, cells in enumerate(table.rows):
        name = cells[columns.file]
        if not name:
            raise InputError(f"{table.path}, {table.place(row)}, names no file: mend it, or take it out.")
        path = _found(root, name)
        if path is not None:
            found.setdefault(path, []).append(row)
        else:
            path = _path(root, name)
            closed = os.path.isdir(path)  # noqa: PTH112 - False where it cannot be told
            reason = f"{'a folder' if closed else 'no such file'} ({table.place(row)} of the table)"
            missing.setdefault(path, Skipped(path, reason, missing=not closed))
    if not found:
        first = next(iter(missing))
        raise InputError(
            f"none of the {len(missing):,} files that {table.path} names is there, such as {first}: name the folder "
            "that its names are relative to with folder= (--pictures)."
        )
    unnamed = [Skipped(path, NOT_NAMED) for path in _unnamed(found, None if folder is None else root)]
    return NamedFiles(root, {path: tuple(rows) for path, rows in found.items()}, (*missing.values(), *unnamed))


def source_of(
    table: TableFile, columns: Columns, options: TableOptions, repeated: Sequence[str], contradicting: Sequence[str]
) -> TableSource:
    """What is said of the table that labels came from.

    Args:
        table: with a row for each picture.
        columns: of it.
        options: that it was read by.
        repeated: files that several rows name and agree on.
        contradicting: files that rows disagree on.
    """
    marks = columns.labels if columns.marked else ()
    unmarked = [table.columns[index] for index in marks if not any(is_on(cells[index]) for cells in table.rows)]
    spread = [
        f"{table.place(row)}, column '{table.columns[index]}'"
        for row, cells in enumerate(table.rows)
        for index, cell in enumerate(cells)
        if table.counted == "line" and ("\n" in cell or "\r" in cell)
    ]
    return TableSource(
        path=table.path,
        options=options,
        rows=len(table.rows),
        repeated=tuple(repeated),
        contradicting=tuple(contradicting),
        unmarked=tuple(unmarked),
        spread=tuple(spread),
        marked=columns.marked,
    )


def relative(path: Path, root: Path) -> str:
    """`path` as seen from `root`, with forward slashes; whole where it lies elsewhere."""
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.as_posix()


def _normal(folder: Path) -> Path:
    """A folder by a path without `..`, from which the files in it can be told by name."""
    normal = Path(os.path.normpath(folder))
    with suppress(OSError):
        if not normal.samefile(folder):  # beyond a link, `..` leads back to where that points
            return Path(os.path.realpath(folder))
    return normal


def _path(root: Path, name: str) -> Path:
    return Path(os.path.normpath(root / name))


def _found(root: Path, name: str) -> Path | None:
    """The file of that name, perhaps written on Windows or without its ending; None where there is none."""
    spellings = [name, *([name.replace("\\", "/")] if "\\" in name else [])]
    for spelling in spellings:
        path = _path(root, spelling)
        if os.path.isfile(path):  # noqa: PTH113 - False where it cannot be told
            return path
    if not name.lower().endswith(PICTURE_ENDINGS):
        for path in (_path(root, spelling + ending) for spelling in spellings for ending in TRIED_ENDINGS):
            if os.path.isfile(path):  # noqa: PTH113
                return path
    return None


def _unnamed(named: Mapping[Path, object], folder: Path | None) -> list[Path]:
    """Picture files, by their endings, that the table does not name: below the folder that was said to be that of the
    pictures, or else in the same folders as those that it names."""
    if folder is not None:
        there: Iterable[Path] = (found.path for found in walk(folder) if found.kind == "file")
    else:
        places = sorted({path.parent for path in named})
        there = (place / name for place in places for name in _names(place))
    normal = (Path(os.path.normpath(path)) for path in there)
    return [path for path in normal if path.name.lower().endswith(PICTURE_ENDINGS) and path not in named]


def _names(place: Path) -> list[str]:
    with explained(place, "read the folder"):
        return sorted(name for name in os.listdir(place) if not is_hidden(name))  # noqa: PTH208 - names alone
