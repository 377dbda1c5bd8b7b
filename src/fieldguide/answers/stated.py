"""Probabilities and labels as they were given: taken as arrays that fit together, or refused in words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fieldguide.errors import InputError
from fieldguide.words import counted

SUM_TOLERANCE = 1e-3  # by which a row may miss 1: it comes as float32, or rounded from a file


def stated_probabilities(probabilities: np.ndarray, classes: int) -> np.ndarray:
    """The probabilities as float64 (n, classes).

    Args:
        probabilities: float (n, classes), rows summing to 1; for a sigmoid both columns.
        classes: how many there are, two or more.

    Raises:
        InputError: if the shape is another one, or a row is no set of probabilities.

    Example:
        >>> stated_probabilities(np.array([[2.0, 1.0]]), 2)
        Traceback (most recent call last):
        fieldguide.errors.InputError: the probabilities of row 0 sum to 3.000; expected numbers from 0 to 1 that sum to
        1: apply a softmax to logits first.
    """
    probabilities = np.asarray(probabilities)
    if classes < 2 or probabilities.ndim != 2 or probabilities.shape[1] != classes or probabilities.dtype.kind != "f":
        raise InputError(
            f"probabilities are {probabilities.dtype} of shape {probabilities.shape} for {classes} class names; "
            "expected floats (pictures, classes) with at least two classes; for a sigmoid give both columns."
        )
    probabilities = probabilities.astype(np.float64)
    require_sums(probabilities, "the probabilities of row {:,}".format)
    return probabilities


def require_sums(probabilities: np.ndarray, called: Callable[[int], str]) -> None:
    """Sees to it that every row holds numbers from 0 on that sum to 1.

    Args:
        probabilities: float (n, k).
        called: says what a row is called, from its number.

    Raises:
        InputError: naming the first row that does not.
    """
    sums = probabilities.sum(axis=1)
    bad = np.flatnonzero(~((np.abs(sums - 1) <= SUM_TOLERANCE) & (probabilities.min(axis=1) >= 0)))
    if len(bad):
        raise InputError(
            f"{called(int(bad[0]))} sum to {sums[bad[0]]:.3f}; expected numbers from 0 to 1 that sum to 1: apply a "
            "softmax to logits first."
        )


def stated_labels(labels: np.ndarray, count: int, classes: int) -> np.ndarray:
    """The labels as int64 (count,).

    Args:
        labels: int (count,), 0..classes-1.
        count: of the pictures they belong to.
        classes: how many there are.

    Raises:
        InputError: if they are of another number or kind, or out of range, or there are none.

    Example:
        >>> stated_labels(np.array([0, 2]), 2, 2)
        Traceback (most recent call last):
        fieldguide.errors.InputError: labels reach from 0 to 2; expected whole numbers from 0 to 1.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise InputError(f"labels are {labels.dtype} of shape {labels.shape}; expected whole numbers, one a picture.")
    if len(labels) != count or not count:
        raise InputError(
            f"{counted(len(labels), 'label')} came for {counted(count, 'picture')}; expected one each, at least one."
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise InputError(
            f"labels reach from {labels.min()} to {labels.max()}; expected whole numbers from 0 to {classes - 1}."
        )
    return labels.astype(np.int64)
