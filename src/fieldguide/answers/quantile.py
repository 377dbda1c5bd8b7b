"""The largest value that is let pass, so that a new picture exceeds it no more often than was promised."""

from __future__ import annotations

import math

import numpy as np

from fieldguide.errors import InputError
from fieldguide.words import counted

_ROUNDING = 1e-9  # of sums of shares


def upper(values: np.ndarray, rate: float, groups: np.ndarray | None = None) -> tuple[float, int]:
    """What a new picture's value exceeds with a probability of at most `rate`, and how many pictures tell so.

    The new picture counts as one of them, and may have any value. So with fewer than 1 / rate - 1 pictures nothing can
    be promised, and the answer is infinite.

    Args:
        values: float (n,), of pictures that come as the new one will.
        rate: between 0 and 1.
        groups: (n,): pictures with the same number are copies, and count as one picture together.

    Raises:
        InputError: if there is not one group for each value.

    Source:
        V. Vovk, A. Gammerman, G. Shafer (2005), "Algorithmic learning in a random world"; R. Dunn, L. Wasserman,
        A. Ramdas (2023), "Distribution-free prediction sets for two-layer hierarchical models", JASA 118, for groups.

    Example:
        >>> upper(np.arange(19.0), 0.05), upper(np.arange(18.0), 0.05)
        ((18.0, 19), (inf, 18))
        >>> upper(np.array([1.0, 1.0, 1.0, 2.0, 3.0]), 0.3, groups=np.array([0, 0, 0, 1, 2]))
        (3.0, 3)
    """
    weights = _weights(groups, len(values))
    n = round(float(weights.sum()))
    order = np.argsort(values, kind="stable")
    place = int(np.searchsorted(np.cumsum(weights[order]), (1 - rate) * (n + 1) - _ROUNDING))
    return (float(values[order[place]]) if place < len(values) else math.inf), n


def needed(rate: float) -> int:
    """How many pictures are needed to promise anything at this rate.

    Example:
        >>> needed(0.05), needed(0.1)
        (19, 9)
    """
    return math.ceil(1 / rate - _ROUNDING) - 1


def _weights(groups: np.ndarray | None, count: int) -> np.ndarray:
    """What each picture counts, so that every group counts 1: float64 (count,)."""
    if groups is None:
        return np.ones(count)
    groups = np.asarray(groups)
    if groups.shape != (count,):
        raise InputError(f"groups have shape {groups.shape} for {counted(count, 'picture')}; expected one number each.")
    _, inverse, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return 1 / sizes[inverse.reshape(-1)]
