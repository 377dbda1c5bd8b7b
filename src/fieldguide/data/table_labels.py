"""The labels that a table gives the files that it names: one for each, or several or none."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fieldguide.data.columns import Columns, TableOptions, is_on, part_of
from fieldguide.data.named import PARTS, NamedFiles, TableSource, files_of, relative, source_of
from fieldguide.data.skipped import Skipped
from fieldguide.data.table_file import TableFile
from fieldguide.errors import InputError

SEPARATORS = (";", "|")  # between the labels of one picture, where none is named
_SHOWN = 3  # in a message


@dataclass(frozen=True, eq=False)
class Listing:
    """What a table says, as a data set is made from it."""

    root: Path
    paths: tuple[Path, ...]
    labels: np.ndarray  # int32 (n,)
    class_names: tuple[str, ...]
    given: np.ndarray | None  # int8 (n,)
    left_out: tuple[Skipped, ...]
    source: TableSource


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
            left_out.append(Skipped(path, f"two labels: {said}"))
        elif not labels:
            left_out.append(Skipped(path, f"no label ({table.place(rows[0])} of the table)"))
        elif len(parts := parts_of(table, columns, rows)) > 1:
            contradicting.append(f"{name}: {said_parts(parts)}")
            left_out.append(Skipped(path, f"two parts: {said_parts(parts)}"))
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
