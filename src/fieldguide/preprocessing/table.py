"""What `flow_from_dataframe` finds: the files a dataframe names, with their labels, as Keras takes them, mended.

The dataframe is pandas', but pandas is not imported: a table needs columns that can be listed, and no more.
"""

# ruff: noqa: PTH100, PTH112, PTH113, PTH118 - names stay text, put together as Keras does

from __future__ import annotations

import importlib.util
import os
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fieldguide.console import shown
from fieldguide.data.dataset import Skipped
from fieldguide.data.soundness import unsound
from fieldguide.errors import InputError, InputKeyError, InputTypeError
from fieldguide.preprocessing.listing import EXTENSIONS, left_out, listed

CLASS_MODES = ("binary", "categorical", "input", "multi_output", "raw", "sparse", None)
_WITH_CLASSES = ("binary", "categorical", "sparse")


@dataclass(frozen=True, eq=False)
class Table:
    """The pictures that a dataframe names, row by row; from `read_table`."""

    filenames: list[str]  # as the dataframe has them
    filepaths: list[str]
    classes: list[Any] | None  # an index for each picture, or a list of them; None in the modes without classes
    class_indices: dict[Any, int] | None
    targets: np.ndarray | list[np.ndarray] | None  # (n, ...) of "raw"; one such array for each column of "multi_output"
    weights: np.ndarray | None  # (n,), as the dataframe has them
    directory: str
    skipped: tuple[Skipped, ...] = ()  # missing files and files that cannot be read
    excluded: int = 0  # rows whose labels are not among the classes that were asked for
    remarks: tuple[str, ...] = ()

    @property
    def num_classes(self) -> int | None:
        """How many classes there are; None in the modes without classes."""
        return None if self.class_indices is None else len(self.class_indices)

    def notes(self) -> list[str]:
        """What a person should be warned of, a sentence each."""
        return [*self.remarks, *([left_out(self.skipped, self.directory)] if self.skipped else [])]


def read_table(
    dataframe: Any,
    directory: str | Path | None = None,
    *,
    x_col: Hashable = "filename",
    y_col: Hashable | list[Hashable] = "class",
    weight_col: Hashable | None = None,
    classes: Collection[Any] | None = None,
    class_mode: str | None = "categorical",
    split: tuple[float, float] | None = None,
    validate_filenames: bool = True,
) -> Table:
    """The pictures that a dataframe names: those that Keras takes, in its order, with its class indices and targets.

    Rows go in three steps. First those whose file is missing or is no picture by its name; then those whose label is
    not among `classes`; then `split` takes its share of what is left. Files that cannot be decoded are left out last,
    so that they move no other picture from one part to the other.

    Args:
        dataframe: A pandas DataFrame.
        directory: What the file names are relative to; None where they are whole, or relative to the current folder.
        x_col: The column of file names.
        y_col: The column of labels; a list of columns for "multi_output", and, if wanted, for "raw".
        weight_col: The column of sample weights.
        classes: Which labels to take, in the order of their indices; all of them, sorted, if None or empty.
        class_mode: "binary", "categorical" (a row's label may be a list of labels), "sparse", "raw" (y_col's values
            as they are), "multi_output" (the same, column by column), "input" (the picture itself) or None.
        split: (start, stop), the share of the rows that is taken: (0, 0.2) for the first fifth.
        validate_filenames: Whether files are looked at. If not, every row is taken as it is.

    Returns:
        A Table of at least one picture.

    Raises:
        InputTypeError: A column holds values of a kind that `class_mode` does not take.
        InputKeyError: A column is missing.
        InputError: A label or weight is missing, there are not two classes in "binary", or no picture is
            left.

    Example:
        >>> import pandas  # doctest: +SKIP
        >>> labels = pandas.DataFrame({"file": ["1.jpg"], "label": ["cat"]})  # doctest: +SKIP
        >>> read_table(labels, "photos", x_col="file", y_col="label", class_mode="sparse")  # doctest: +SKIP
    """
    if class_mode not in CLASS_MODES:
        raise InputError(f"class_mode is {class_mode!r}; expected one of {', '.join(map(repr, CLASS_MODES))}.")
    if not hasattr(dataframe, "columns") or not hasattr(dataframe, "iloc"):
        raise InputTypeError(_no_dataframe(dataframe))
    root = str(directory or "")
    if isinstance(classes, (str, set, frozenset)) or not (classes is None or isinstance(classes, Collection)):
        raise InputTypeError(f"classes is {classes!r}; expected a list, whose order gives the class indices.")
    classes = None if classes is None else list(classes)
    names = _file_names(dataframe, x_col)
    paths = [os.path.join(root, name) for name in names]
    labels = _labels(dataframe, y_col, class_mode, classes) if class_mode in _WITH_CLASSES else None
    targets = _targets(dataframe, y_col, class_mode)
    weights = None if weight_col is None else _weights(dataframe, weight_col)

    rows, skipped = _present(paths) if validate_filenames else (list(range(len(paths))), [])
    if not rows:
        raise InputError(_nothing(paths, skipped, x_col, root))
    found, indices = len(rows), None
    remarks: list[str] = []
    if labels is not None:
        indices, remarks = _class_indices([labels[row] for row in rows], classes, y_col)
        rows = [row for row in rows if _chosen(labels[row], indices) is not None]
    elif classes:
        remarks = [f"classes is not used with class_mode={class_mode!r}: leave it out."]
    excluded = found - len(rows)
    rows = _share(rows, split)
    reasons = unsound([paths[row] for row in rows]) if validate_filenames else {}
    skipped += [Skipped(Path(paths[rows[place]]), reason) for place, reason in reasons.items()]
    rows = [row for place, row in enumerate(rows) if place not in reasons]
    if not rows:
        raise InputError(f"no picture can be read: {left_out(skipped, root)}")
    return Table(
        filenames=[names[row] for row in rows],
        filepaths=[paths[row] for row in rows],
        classes=None if labels is None or indices is None else [_chosen(labels[row], indices) for row in rows],
        class_indices=indices,
        targets=[column[rows] for column in targets] if isinstance(targets, list) else _rows_of(targets, rows),
        weights=_rows_of(weights, rows),
        directory=root,
        skipped=tuple(skipped),
        excluded=excluded,
        remarks=tuple(remarks),
    )


def _no_dataframe(value: Any) -> str:
    """What came instead of a dataframe, and how to get one."""
    kind = type(value)
    name = f"{kind.__module__}.{kind.__name__}".removeprefix("builtins.")
    what = repr(value) if isinstance(value, (str, Path)) or value is None else f"a {name}"
    cure = "pandas.DataFrame(...) makes one of a dictionary of columns"
    if isinstance(value, (str, Path)):
        cure = f"pandas.read_csv({str(value)!r}) reads one"
    elif hasattr(value, "to_pandas"):
        cure = "its to_pandas() makes one"
    missing = "" if importlib.util.find_spec("pandas") else " (pandas is not installed here: `pip install pandas`)"
    return f"dataframe is {what}; expected a pandas DataFrame: {cure}{missing}."


def _share(rows: list[int], split: tuple[float, float] | None) -> list[int]:
    """The part of the rows that a split takes."""
    if split is None:
        return rows
    start, stop = (int(share * len(rows)) for share in split)
    if start >= stop:
        raise InputError(
            f"of {len(rows)} pictures none is in the part from {split[0]:g} to {split[1]:g}: add pictures, or change "
            "validation_split."
        )
    return rows[start:stop]


def _rows_of(values: np.ndarray | None, rows: Sequence[int]) -> np.ndarray | None:
    return None if values is None else values[list(rows)]


def _column(dataframe: Any, name: Any, argument: str) -> Any:
    """A column of the dataframe, once it is seen to be there."""
    there = list(dataframe.columns)
    if isinstance(name, (list, set, dict)):
        raise InputTypeError(
            f"{argument} is {name!r}; expected the name of one column (several are for class_mode 'raw' or "
            "'multi_output')."
        )
    if name not in there:
        has = ", ".join(repr(column) for column in there) or "no columns at all"
        raise InputKeyError(f"{argument} is {name!r}, but the dataframe has no such column; it has {has}.")
    if there.count(name) > 1:
        raise InputError(f"{argument} is {name!r}, and the dataframe has {there.count(name)} columns of that name.")
    return dataframe[name]


def _file_names(dataframe: Any, x_col: Any) -> list[str]:
    names: list[str] = _column(dataframe, x_col, "x_col").tolist()
    for row, name in enumerate(names):
        if not isinstance(name, str):
            raise InputTypeError(
                f"row {row} of column x_col={x_col!r} is {name!r}; expected names of files, which must be strings."
            )
    return names


def _labels(dataframe: Any, y_col: Any, class_mode: str | None, classes: Collection[Any] | None) -> list[Any]:
    """The column of labels, once each is seen to be of a kind that the mode takes."""
    labels: list[Any] = _column(dataframe, y_col, "y_col").tolist()
    kinds = (str, list, tuple) if class_mode == "categorical" else (str,)
    expected = "strings, or lists or tuples of strings" if class_mode == "categorical" else "strings"
    for row, label in enumerate(labels):
        if isinstance(label, kinds):
            continue
        where = f"row {row} of column y_col={y_col!r}"
        if _is_missing(label):
            raise InputTypeError(
                f"{where} has no label ({label!r}); class_mode={class_mode!r} takes {expected}: leave such rows out "
                f"with dataframe.dropna(subset=[{y_col!r}])."
            )
        if isinstance(label, (list, tuple)):  # several labels for a picture
            raise InputTypeError(
                f"{where} is {label!r}; class_mode={class_mode!r} takes {expected}: for lists of labels use "
                "class_mode='categorical'."
            )
        cure = f"dataframe[{y_col!r}].astype(str), or class_mode='raw' to predict numbers"
        raise InputTypeError(f"{where} is {label!r}; class_mode={class_mode!r} takes {expected}: use {cure}.")
    count = len(set(classes or labels)) if class_mode == "binary" else 2
    if count != 2:
        raise InputError(
            f"class_mode='binary' takes 2 classes, and {'classes' if classes else f'column {y_col!r}'} has {count}: "
            "use class_mode='categorical' or 'sparse'."
        )
    return labels


def _class_indices(
    labels: Sequence[Any], classes: Collection[Any] | None, y_col: Any
) -> tuple[dict[Any, int], list[str]]:
    """label -> index, and a remark where classes were asked for that no row has."""
    ones = [one for label in labels for one in (label if isinstance(label, (list, tuple)) else (label,))]
    try:
        there = dict.fromkeys(ones)
        names = list(dict.fromkeys(classes)) if classes else sorted(there)
    except TypeError as error:  # labels that cannot be sorted, or lists of lists
        raise InputTypeError(f"the labels of column y_col={y_col!r} are not all strings: {error}.") from None
    absent = [repr(name) for name in names if name not in there]
    remark = f"classes names {listed(absent)}, which no row of column {y_col!r} has"
    has = f"its labels are {listed([repr(name) for name in there])}" if there else "it has no labels"
    if len(absent) == len(names) and classes:
        raise InputError(f"{remark}; {has}.")
    return {name: index for index, name in enumerate(names)}, [f"{remark}; {has}."] if absent else []


def _chosen(label: Any, indices: dict[Any, int]) -> Any:
    """The index of a label, or a list of them; None where no class that was asked for has it."""
    if not isinstance(label, (list, tuple)):
        return indices.get(label)
    known = [indices[one] for one in label if one in indices]
    return known if known or not label else None  # a picture that was given no label at all shows none of the classes


def _targets(dataframe: Any, y_col: Any, class_mode: str | None) -> np.ndarray | list[np.ndarray] | None:
    """What "raw" and "multi_output" learn: arrays with a row for each of the dataframe's."""
    if class_mode == "multi_output":
        if not isinstance(y_col, list):
            raise InputTypeError(
                f"y_col is {y_col!r}; class_mode='multi_output' takes a list of columns, one for each output."
            )
        return [_stacked(_column(dataframe, name, "y_col").tolist(), name) for name in y_col]
    if class_mode != "raw":
        return None
    if isinstance(y_col, list):
        for name in y_col:
            _column(dataframe, name, "y_col")
        return np.asarray(dataframe[y_col].to_numpy())
    values = np.asarray(_column(dataframe, y_col, "y_col").to_numpy())
    nested = values.dtype == object and all(isinstance(value, (list, tuple, np.ndarray)) for value in values)
    return _stacked(values.tolist(), y_col) if nested else values


def _stacked(values: list[Any], name: Any) -> np.ndarray:
    try:
        return np.array(values)
    except ValueError:  # rows of different lengths
        raise InputError(f"the rows of column y_col={name!r} differ in shape; expected arrays of one shape.") from None


def _weights(dataframe: Any, weight_col: Any) -> np.ndarray:
    column = _column(dataframe, weight_col, "weight_col")
    kind = getattr(column.dtype, "type", object)
    if not issubclass(kind, np.number):
        raise InputTypeError(f"column weight_col={weight_col!r} holds {column.dtype}; expected numbers.")
    for row, weight in enumerate(column.tolist()):
        if _is_missing(weight):
            raise InputError(f"row {row} of column weight_col={weight_col!r} is {weight!r}; expected a number.")
    return np.asarray(column.to_numpy(), kind)


def _is_missing(value: Any) -> bool:
    """Whether it stands for no value: None, NaN, or pandas' own."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or bool(np.isscalar(value) and value != value)


def _present(paths: Sequence[str]) -> tuple[list[int], list[Skipped]]:
    """The rows whose file is there and is a picture by its name, and the others with the reason."""
    rows, skipped = [], []
    for row, path in enumerate(paths):
        if not path.lower().endswith(EXTENSIONS):
            skipped.append(Skipped(Path(path), "its name has no picture's ending"))
        elif not os.path.isfile(path):
            skipped.append(Skipped(Path(path), "a folder" if os.path.isdir(path) else "no such file"))
        else:
            rows.append(row)
    return rows, skipped


def _nothing(paths: Sequence[str], skipped: Sequence[Skipped], x_col: Any, root: str) -> str:
    if not paths:
        return "the dataframe has no rows; expected one for each picture."
    where = f"in {root}" if root else f"in the current folder ({os.path.abspath('.')}); pass directory if it is another"
    cure = f"expected names of pictures with their endings ({', '.join(EXTENSIONS)}), {where}"
    names = [f"{shown(str(item.path))} ({item.reason})" for item in skipped]
    return f"none of the {len(paths):,} files of column x_col={x_col!r} was found: {listed(names)}; {cure}."
