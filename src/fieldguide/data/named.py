"""The files that a table names: which are there, what each row says of them, and which files no row names."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fieldguide.data.columns import PICTURE_ENDINGS, Columns, TableOptions, is_on, part_of
from fieldguide.data.table_file import TableFile
from fieldguide.errors import InputError
from fieldguide.files import explained, is_hidden, walk

PARTS = ("train", "validation", "test")
SEPARATORS = (";", "|")  # between the labels of one picture, where none is named
TRIED_ENDINGS = (".jpg", ".jpeg", ".png")  # of names that have none
NOT_NAMED = "the table does not name it"
NOT_THERE = "no such file"  # with where the table names it
_SHOWN = 3  # in a message


@dataclass(frozen=True)
class TableSource:
    """The table that labels came from, and what is odd about it."""

    path: Path
    options: TableOptions
    rows: int
    repeated: tuple[str, ...] = ()  # files that several rows name and agree on, each with its lines
    contradicting: tuple[str, ...] = ()  # files that rows disagree on, each with what they say
    unmarked: tuple[str, ...] = ()  # columns of 0 and 1 without a 1, of which no class is made

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
    left_out: tuple[tuple[Path, str], ...]  # named and not there, and there and not named; each with the reason


@dataclass(frozen=True, eq=False)
class Listing:
    """What a table says, as a data set is made from it."""

    root: Path
    paths: tuple[Path, ...]
    labels: np.ndarray  # int32 (n,)
    class_names: tuple[str, ...]
    given: np.ndarray | None  # int8 (n,)
    left_out: tuple[tuple[Path, str], ...]
    source: TableSource


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
    missing: dict[Path, str] = {}
    for row, cells in enumerate(table.rows):
        name = cells[columns.file]
        if not name:
            raise InputError(f"{table.path}, {table.place(row)}, names no file: mend it, or take it out.")
        path = _found(root, name)
        if path is not None:
            found.setdefault(path, []).append(row)
        else:
            reason = "a folder" if os.path.isdir(_path(root, name)) else NOT_THERE  # noqa: PTH112
            missing.setdefault(_path(root, name), f"{reason} ({table.place(row)} of the table)")
    if not found:
        first = next(iter(missing))
        raise InputError(
            f"none of the {len(missing):,} files that {table.path} names is there, such as {first}: name the folder "
            "that its names are relative to with folder= (--pictures)."
        )
    unnamed = [(path, NOT_NAMED) for path in _unnamed(found, table.path, folder)]
    return NamedFiles(root, {path: tuple(rows) for path, rows in found.items()}, (*missing.items(), *unnamed))


def several_labels(table: TableFile, columns: Columns, separator: str | None) -> bool:
    """Whether rows of a table may carry several labels, or none: then each class is a question of its own.

    Args:
        table: with a row for each picture.
        columns: where its labels are.
        separator: that was named; None to see whether one of the usual ones is there.
    """
    if columns.marked:
        return any(sum(is_on(cells[index]) for index in columns.labels) != 1 for cells in table.rows)
    return separator is not None or separator_of(table, columns.labels[0]) is not None


def separator_of(table: TableFile, column: int) -> str | None:
    """The usual separator that stands between labels of one picture; None where none does."""
    for separator in SEPARATORS:
        if any(separator in cells[column] for cells in table.rows):
            return separator
    return None


def listing_of(table: TableFile, columns: Columns, options: TableOptions, fewest_classes: int) -> Listing:
    """A label for each file that the table names, the files in order of part, class and name.

    Args:
        table: with a row for each picture.
        columns: of it.
        options: that it was read by.
        fewest_classes: how many there must be.

    Raises:
        InputError: pictures carry several labels, there are too few classes, two differ by case only, no file
            of a class is there, or none of any.
    """
    if several_labels(table, columns, options.separator):
        raise InputError(
            f"{table.path} gives pictures several labels, or none, where one each was expected: `fieldguide train` "
            "takes it as it is, and fg.TaggedDataset.from_table reads it."
        )
    files = files_of(table, columns, options.folder)
    label_of = [_label(table, columns, row) for row in range(len(table.rows))]
    refuse_lost(table, files, [{label} - {""} for label in label_of])
    kept: list[tuple[int, str, Path]] = []
    left_out, contradicting, repeated = [*files.left_out], [], []
    for path, rows in files.rows.items():
        name = relative(path, files.root)
        labels = {label_of[row]: row for row in reversed(rows) if label_of[row]}
        if len(labels) > 1:
            said = ", ".join(f"'{label}' ({table.place(row)})" for label, row in sorted(labels.items(), key=_by_row))
            contradicting.append(f"{name}: {said}")
            left_out.append((path, f"two labels: {said}"))
        elif not labels:
            left_out.append((path, f"no label ({table.place(rows[0])} of the table)"))
        elif len(parts := parts_of(table, columns, rows)) > 1:
            contradicting.append(f"{name}: {said_parts(parts)}")
            left_out.append((path, f"two parts: {said_parts(parts)}"))
        else:
            kept.append((next(iter(parts)), next(iter(labels)), path))
            repeated += [again(table, name, rows)] if len(rows) > 1 else []
    class_names = _class_names(table, {label for _, label, _ in kept}, fewest_classes)
    kept.sort(key=lambda each: (each[0], each[1], each[2].parts))
    index = {name: label for label, name in enumerate(class_names)}
    return Listing(
        root=files.root,
        paths=tuple(path for _, _, path in kept),
        labels=np.array([index[label] for _, label, _ in kept], np.int32),
        class_names=class_names,
        given=None if columns.part is None else np.array([part for part, _, _ in kept], np.int8),
        left_out=tuple(left_out),
        source=source_of(table, columns, options, repeated, contradicting),
    )


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
    return TableSource(table.path, options, len(table.rows), tuple(repeated), tuple(contradicting), tuple(unmarked))


def parts_of(table: TableFile, columns: Columns, rows: Sequence[int]) -> dict[int, int]:
    """part -> the first of these rows that names it; {0: row} where the table has no parts.

    Raises:
        InputError: a row names none.
    """
    if columns.part is None:
        return {0: rows[0]}
    return {part_of(table, row, columns.part): row for row in reversed(rows)}


def said_parts(parts: Mapping[int, int]) -> str:
    """The names of parts, in order."""
    return " and ".join(PARTS[part] for part in sorted(parts))


def again(table: TableFile, name: str, rows: Sequence[int]) -> str:
    """A file that several rows name, with where they stand."""
    return f"{name} ({table.counted}s {', '.join(str(table.lines[row]) for row in rows)})"


def refuse_alike(table: TableFile, names: Iterable[str]) -> None:
    """Sees to it that no two classes differ by case or spaces only.

    Raises:
        InputError: two do.
    """
    folded: dict[str, str] = {}
    for name in sorted(names):
        other = folded.setdefault(" ".join(unicodedata.normalize("NFC", name).split()).casefold(), name)
        if other != name:
            raise InputError(
                f"the labels '{other}' and '{name}' in {table.path} differ only by case or spaces: write them alike."
            )


def relative(path: Path, root: Path) -> str:
    """`path` as seen from `root`, with forward slashes; whole where it lies elsewhere."""
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.as_posix()


def refuse_lost(table: TableFile, files: NamedFiles, said: Sequence[Collection[str]]) -> None:
    """Sees to it that no class is lost with its files; one that only disputed rows name is told with those.

    Args:
        table: with a row for each picture.
        files: that it names.
        said: the labels of each row.

    Raises:
        InputError: no file of a class is there.
    """
    present = {label for rows in files.rows.values() for row in rows for label in said[row]}
    if gone := sorted({label for labels in said for label in labels} - present):
        shown = ", ".join(f"'{name}'" for name in gone[:_SHOWN])
        more = f" and {len(gone) - _SHOWN:,} more" if len(gone) > _SHOWN else ""
        row = next(row for row, labels in enumerate(said) if gone[0] in labels)
        raise InputError(
            f"none of the files of {'class' if len(gone) == 1 else 'the classes'} {shown}{more} in {table.path} is "
            f"there, such as that of {table.place(row)}: put them there, or take "
            f"{'the class' if len(gone) == 1 else 'these classes'} out of the table."
        )


def _class_names(table: TableFile, there: set[str], fewest: int) -> tuple[str, ...]:
    refuse_alike(table, there)
    if len(there) < fewest:
        only = f"one class only, '{min(there)}'" if there else "no label"
        raise InputError(f"{table.path} has {only}: a classifier needs at least two; add rows of other pictures.")
    return tuple(sorted(there))


def _label(table: TableFile, columns: Columns, row: int) -> str:
    cells = table.rows[row]
    if columns.marked:
        return next(table.columns[index] for index in columns.labels if is_on(cells[index]))
    return unicodedata.normalize("NFC", cells[columns.labels[0]])


def _by_row(item: tuple[str, int]) -> int:
    return item[1]


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


def _unnamed(named: Mapping[Path, object], table: Path, folder: Path | None) -> list[Path]:
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
