"""The labels that a flow, a dataset or arrays would give to `fit`, without reading a picture where that can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fieldguide.data.arguments import said
from fieldguide.data.dataset import Dataset
from fieldguide.errors import InputError, InputTypeError

NUMBERS, ONE_HOT, SEVERAL, NONE, OTHER = "numbers", "one-hot", "several", "none", "other"
_ROUNDING = 1e-3


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels as `fit` would see them."""

    values: np.ndarray | None  # of all pictures, or of the first batch; None where there are none
    classes: int | None  # where the data tells how many there are
    source: str  # what they come from, at the beginning of a sentence
    sampled: bool = False  # only the first batch was looked at

    @property
    def form(self) -> str:
        """NUMBERS of classes, ONE_HOT rows or shares that sum to 1, SEVERAL classes at once, NONE or OTHER."""
        values = self.values
        if values is None:
            return NONE
        if values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1):
            return NUMBERS if (values == np.round(values)).all() else OTHER
        if values.ndim != 2 or not ((values >= 0) & (values <= 1)).all():
            return OTHER
        if (abs(values.sum(axis=1) - 1) < _ROUNDING).all():
            return ONE_HOT
        return SEVERAL if (values == np.round(values)).all() else OTHER

    @property
    def count(self) -> int | None:
        """How many classes there are: as the data tells, or by the columns of its rows; None where neither is known."""
        if self.classes is None and self.form in (ONE_HOT, SEVERAL) and self.values is not None:
            return int(self.values.shape[1])
        return self.classes

    @property
    def largest(self) -> int:
        """The largest number of a class."""
        return 0 if self.values is None or not self.values.size else int(self.values.max())

    def __str__(self) -> str:
        count = "" if self.count is None else f" of {self.count} classes"
        if self.form == NUMBERS and self.values is not None:
            least = int(self.values.min()) if self.values.size else 0
            return f"labels {least} to {self.largest}{count}"
        return {
            ONE_HOT: f"one-hot labels{count}",
            SEVERAL: f"rows of 0 and 1{count}, several of which may hold",
            NONE: "no labels",
        }.get(self.form, "shares between 0 and 1" if self.shares else "labels that name no classes")

    @property
    def shares(self) -> bool:
        """Whether they lie between 0 and 1, as smoothed labels do."""
        values = self.values
        return values is not None and bool(((values >= 0) & (values <= 1)).all())


def labels_of(data: Any) -> Labels:
    """The labels of what `fit` is given.

    Args:
        data: a flow of `ImageDataGenerator`, fieldguide's or Keras's; another `keras.utils.PyDataset`; a `tf.data` or
            grain dataset; a pair (pictures, labels); or a `Dataset`.

    Raises:
        InputTypeError: it is of another kind.
        InputError: it has labels for several outputs, or they are text.
    """
    if isinstance(data, Dataset):
        return Labels(data.labels, len(data.class_names), "the data set has")
    if isinstance(data, tuple | list):
        if len(data) not in (2, 3):
            raise InputTypeError(f"data is a {type(data).__name__} of {len(data)}; expected (pictures, labels).")
        return Labels(_numbers(data[1]), None, "the array has")
    if hasattr(data, "class_mode"):
        return _of_flow(data)
    if hasattr(data, "image_data_generator") and hasattr(data, "y"):
        return Labels(None if data.y is None else _numbers(data.y), None, "the flow has")
    names = getattr(data, "class_names", None)
    return Labels(_first(data), None if names is None else len(names), "the dataset has", sampled=True)


def _of_flow(flow: Any) -> Labels:
    mode, names = flow.class_mode, getattr(flow, "class_indices", None)
    source = f"class_mode={mode!r} gives"
    if mode == "multi_output":
        raise InputError("class_mode is 'multi_output', which is for models with several outputs: look at one of them.")
    if mode in (None, "input"):
        return Labels(None, None, source)
    if mode == "raw":
        return Labels(_numbers(flow.labels), None, source)
    classes = None if names is None else len(names)
    if mode == "categorical" and classes:
        rows = np.zeros((len(flow.classes), classes), np.float32)
        for row, label in zip(rows, flow.classes, strict=True):
            row[label] = 1
        return Labels(rows, classes, source)
    return Labels(_numbers(flow.classes), classes, source)


def _first(data: Any) -> np.ndarray | None:
    """The labels of the first batch."""
    from keras.utils import PyDataset

    if isinstance(data, PyDataset):
        batch = data[0]
    elif hasattr(data, "__iter__") and not hasattr(data, "__next__") and not isinstance(data, str | np.ndarray | dict):
        batch = next(iter(data), ())
    else:
        once = ", which gives each batch once only" if hasattr(data, "__next__") else ""
        raise InputTypeError(
            f"data is {said(data)}{once}; expected what fit is given: a flow of ImageDataGenerator, a dataset, or a "
            "pair (pictures, labels)."
        )
    return _numbers(batch[1]) if isinstance(batch, tuple | list) and len(batch) > 1 else None


def _numbers(labels: Any) -> np.ndarray:
    if isinstance(labels, dict) or (isinstance(labels, tuple) and len(labels) and np.ndim(labels[0])):
        raise InputError(
            "there are labels for several outputs; expected those of one: look at one output after another."
        )
    if hasattr(labels, "detach"):
        labels = labels.detach().cpu()
    found = np.asarray(labels)
    if found.dtype == bool:
        found = found.astype(np.int32)
    if found.dtype.kind not in "iuf":
        example = f", such as {found.flat[0]!r}" if found.size else ""
        raise InputError(f"the labels are text{example}; expected numbers of classes, or one-hot rows.")
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise InputError("some labels are no finite numbers; expected numbers of classes, or one-hot rows.")
    return found
