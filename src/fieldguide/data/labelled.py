"""Labelled pictures from whatever was named: a folder of class folders, or a table."""

from __future__ import annotations

from pathlib import Path

from fieldguide.data.columns import TableOptions, columns_of
from fieldguide.data.dataset import Dataset
from fieldguide.data.table_file import is_table, read_table_file
from fieldguide.data.table_labels import several_labels
from fieldguide.data.tagged import TaggedDataset
from fieldguide.errors import InputError

FOLDERS = TableOptions()  # nothing is said of a table


def labelled(source: str | Path, options: TableOptions = FOLDERS, *, fewest_classes: int = 2) -> Dataset:
    """The pictures of a folder or of a table.

    Args:
        source: a folder of class folders, or the path of a table.
        options: what is said of the table.
        fewest_classes: how many there must be.

    Raises:
        InputError: as `Dataset.from_directory` and `from_table` raise it; or something is said of a table, and there
            is none.
        FileError: it cannot be read.

    Example:
        >>> print(labelled("photos"))
        66 pictures in 2 classes (horses 33, humans 33)
    """
    if is_table(source):
        return Dataset.from_options(source, options, fewest_classes=fewest_classes)
    refuse_without_table(source, options)
    return Dataset.from_directory(source, fewest_classes=fewest_classes)


def pictures_of(source: str | Path, options: TableOptions = FOLDERS) -> Dataset | TaggedDataset:
    """The pictures of a folder or of a table, with one label each, or several or none, as the table says; read once.

    Args:
        source: a folder of class folders, or the path of a table.
        options: what is said of the table.

    Raises:
        InputError: as `labelled` raises it, or `TaggedDataset.from_table`.
        FileError: it cannot be read.

    Example:
        >>> print(pictures_of("photos"))
        66 pictures in 2 classes (horses 33, humans 33)
    """
    if not is_table(source):
        return labelled(source, options)
    table = read_table_file(source)
    columns = columns_of(table, options)
    if several_labels(table, columns, options.separator):
        return TaggedDataset.from_rows(table, columns, options)
    return Dataset.from_rows(table, columns, options)


def refuse_without_table(source: str | Path, options: TableOptions) -> None:
    """Sees to it that nothing is said of a table where a folder is named.

    Raises:
        InputError: something is.
    """
    flags = [word for word in options.words() if word.startswith("--")]
    if flags and not is_table(source):
        said = f"{', '.join(flags)} {'is' if len(flags) == 1 else 'are'}"
        raise InputError(
            f"{said} for a table of labels, and {source} is none: name a table such as labels.csv, or leave that out."
        )
