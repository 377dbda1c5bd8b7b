"""Pictures that may show several classes, one or none: which each shows, as a table says."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fieldguide.data.columns import Columns, TableOptions, columns_of, is_on
from fieldguide.data.dataset import Dataset, Skipped, picked, relative
from fieldguide.data.named import TableSource, files_of, source_of
from fieldguide.data.table_file import TableFile, read_table_file
from fieldguide.data.table_labels import again, parts_of, refuse_alike, refuse_lost, said_parts, separator_of
from fieldguide.errors import InputError, InputTypeError
from fieldguide.files import path_of
from fieldguide.words import shortened

FEWEST_CLASSES = 2


@dataclass(frozen=True, eq=False)
class TaggedDataset:
    """Pictures with the classes that each shows. Nothing is opened: what cannot be read shows when it is read.

    Example:
        >>> import fieldguide as fg
        >>> rows = "file,tags\\nhorses/horse01-0.jpg,animal;outdoors\\nhumans/human01-00.jpg,outdoors\\n"
        >>> _ = Path("tags.csv").write_text(rows + "humans/human-copy.jpg,\\n")
        >>> data = fg.TaggedDataset.from_table("tags.csv", folder="photos")
        >>> print(data)
        3 pictures of 2 classes (animal 1, outdoors 2), 1 of none
        >>> data.labels.tolist()
        [[True, True], [False, False], [False, True]]
    """

    root: Path
    paths: tuple[Path, ...]
    labels: np.ndarray  # bool (n, classes)
    class_names: tuple[str, ...]
    table: TableSource
    skipped: tuple[Skipped, ...] = ()
    given: np.ndarray | None = None  # int8 (n,), an index into PARTS, where the table says

    @classmethod
    def from_table(
        cls,
        table: str | Path,
        *,
        folder: str | Path | None = None,
        file_column: str | None = None,
        label_columns: str | Sequence[str] = (),
        part_column: str | None = None,
        separator: str | None = None,
    ) -> TaggedDataset:
        """The pictures that a table names, each with its labels, and perhaps divided as the table says.

        Labels stand in one column, "beach;sunset", or in one column of 0 and 1 for each class. An empty cell, or 0 for
        every class, is a picture that shows none of them. Where several rows name a file, it has the labels of all.

        Args:
            table: as of `Dataset.from_table`.
            folder: what its file names are relative to; default the table's own folder.
            file_column: the column of files; by default it is guessed.
            label_columns: the column of labels, or several of 0 and 1; by default they are guessed.
            part_column: the column of parts; by default it is guessed.
            separator: between the labels of a picture; default ";" or "|", whichever is there.

        Returns:
            A TaggedDataset, classes in sorted order and the pictures by name, whatever the order of the rows.

        Raises:
            InputTypeError: if an argument is of another kind.
            InputKeyError: if a column that was named is not there.
            FileError: if the table cannot be read.
            InputError: as of `Dataset.from_table`; or there are fewer than two classes.
        """
        if not isinstance(label_columns, str | list | tuple):
            raise InputTypeError(
                f"label_columns is {shortened(label_columns)}; expected the name of a column, or a list of several."
            )
        options = TableOptions(
            folder=None if folder is None else path_of("folder", folder, "photos"),
            file_column=file_column,
            label_columns=(label_columns,) if isinstance(label_columns, str) else tuple(label_columns),
            part_column=part_column,
            separator=separator,
        )
        return cls.from_options(table, options)

    @classmethod
    def from_options(
        cls, table: str | Path, options: TableOptions, *, fewest_classes: int = FEWEST_CLASSES
    ) -> TaggedDataset:
        """The same as `from_table`, with what is said of the table in one record.

        Args:
            table: as of `from_table`.
            options: its folder, columns and separator.
            fewest_classes: how many there must be; 1 is enough to measure a classifier.
        """
        read = read_table_file(table)
        return cls.from_rows(read, columns_of(read, options), options, fewest_classes=fewest_classes)

    @classmethod
    def from_rows(
        cls, table: TableFile, columns: Columns, options: TableOptions, *, fewest_classes: int = FEWEST_CLASSES
    ) -> TaggedDataset:
        """The same of a table that was read already.

        Args:
            table: with a row for each picture.
            columns: of it.
            options: that they were found by.
            fewest_classes: how many there must be.
        """
        return _tagged(table, columns, options, fewest_classes)

    def __len__(self) -> int:
        return len(self.paths)

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {count:,}" for name, count in self.counts.items())
        of_none = f", {self.unlabelled:,} of none" if self.unlabelled else ""
        return f"{len(self):,} pictures of {len(self.class_names)} classes ({counts}){of_none}"

    @property
    def counts(self) -> dict[str, int]:
        """How many pictures show each class, in the order of `class_names`."""
        return {name: int(n) for name, n in zip(self.class_names, self.labels.sum(axis=0), strict=True)}

    @property
    def unlabelled(self) -> int:
        """How many pictures show none of the classes."""
        return int((~self.labels.any(axis=1)).sum())

    @property
    def pictures(self) -> Dataset:
        """The same pictures without labels, as they are decoded and compared."""
        none = np.zeros(len(self), np.int32)
        return Dataset(self.root, self.paths, none, ("pictures",), self.skipped, given=self.given, table=self.table)

    def name(self, row: int) -> str:
        """The path of picture `row` as seen from the root, with forward slashes."""
        return relative(self.paths[row], self.root)

    def select(self, rows: Sequence[int] | np.ndarray) -> TaggedDataset:
        """The same data set with only the pictures of these rows; what was skipped stays with the whole.

        Args:
            rows: row numbers, or a bool for each picture.
        """
        rows, paths, given = picked(rows, self.paths, self.given)
        return replace(self, paths=paths, labels=self.labels[rows], given=given, skipped=())

    def readable(self, pictures: Dataset) -> TaggedDataset:
        """The same data set with only the pictures that could be read; the others are among its `skipped`.

        Args:
            pictures: what became of `self.pictures` when they were read.
        """
        row_of = {path: row for row, path in enumerate(self.paths)}
        rows = np.array([row_of[path] for path in pictures.paths], np.int64)
        return replace(self.select(rows), skipped=pictures.skipped)


def _tagged(table: TableFile, columns: Columns, options: TableOptions, fewest_classes: int) -> TaggedDataset:
    """The pictures and labels of a table whose columns are known."""
    files = files_of(table, columns, options.folder)
    separator = None
    if not columns.marked:
        separator = options.separator or separator_of(table, columns.labels[0])
        if options.separator == "":
            raise InputError("separator is ''; expected what stands between labels, such as ';'.")
    said = [_labels(table, columns, row, separator) for row in range(len(table.rows))]
    refuse_lost(table, files, said)
    left_out, contradicting, repeated = [*files.left_out], [], []
    kept: list[tuple[int, Path, set[str]]] = []
    for path, rows in files.rows.items():
        name = relative(path, files.root)
        parts = parts_of(table, columns, rows)
        if len(parts) > 1:
            contradicting.append(f"{name}: {said_parts(parts)}")
            left_out.append(Skipped(path, f"two parts: {said_parts(parts)}"))
            continue
        kept.append((next(iter(parts)), path, set().union(*(said[row] for row in rows))))
        repeated += [again(table, name, rows)] if len(rows) > 1 else []
    names = sorted({label for _, _, labels in kept for label in labels})
    refuse_alike(table, names)
    if len(names) < fewest_classes:
        only = f"one label only, '{names[0]}'" if names else "no label"
        raise InputError(f"{table.path} has {only}; expected two or more: add rows, or name the columns of labels.")
    kept.sort(key=lambda each: (each[0], each[1].parts))
    return TaggedDataset(
        root=files.root,
        paths=tuple(path for _, path, _ in kept),
        labels=np.array([[name in labels for name in names] for _, _, labels in kept], bool),
        class_names=tuple(names),
        table=source_of(table, columns, options, repeated, contradicting),
        skipped=tuple(left_out),
        given=None if columns.part is None else np.array([part for part, _, _ in kept], np.int8),
    )


def _labels(table: TableFile, columns: Columns, row: int, separator: str | None) -> set[str]:
    """What a row says of its picture."""
    cells = table.rows[row]
    if columns.marked:
        return {table.columns[index] for index in columns.labels if is_on(cells[index])}
    cell = unicodedata.normalize("NFC", cells[columns.labels[0]])
    parts = [cell] if separator is None else cell.split(separator)
    return {part.strip() for part in parts if part.strip()}
