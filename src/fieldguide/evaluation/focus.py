"""Where in a picture the weight of a heat map lies, in words: for a terminal, and for those who cannot see the map.

Also how much of it lies around the middle, where a background is rather than what a picture is of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldguide.evaluation.heatmaps import Heat
from fieldguide.intervals import Estimate, difference, wilson
from fieldguide.words import counted

SPREAD_BELOW = 0.4  # share of the weight in the best quarter; of a map that is the same everywhere each has 0.25
OUTSIDE_FROM = 2 / 3  # share of the weight in the outer half from which a map lies mostly there
FEWEST_MAPS = 8  # of which "many lie outside" can be said
_QUARTER = 16  # places on a side of a quarter, of twice as many on a side of the picture
_PLACES = (
    ("the upper left", "the top", "the upper right"),
    ("the left", "the centre", "the right"),
    ("the lower left", "the bottom", "the lower right"),
)


@dataclass(frozen=True)
class Focus:
    """The quarter of a picture, half as high and half as wide, that holds most of what speaks for a class.

    Example:
        >>> print(Focus("the upper left", 0.62))
        looks at the upper left: 62% of the weight lies in that quarter of the picture
        >>> print(Focus("the centre", 0.31))
        looks all over the picture: no quarter of it holds more than 31% of the weight
    """

    place: str  # such as "the upper left" or "the centre"; "" where nothing speaks for the class
    share: float  # of the weight, 0..1, that lies in this quarter

    @property
    def spread(self) -> bool:
        """Whether the weight lies all over the picture."""
        return bool(self.place) and self.share < SPREAD_BELOW

    def __str__(self) -> str:
        if not self.place:
            return "finds nothing in the picture that speaks for the class"
        if self.spread:
            return f"looks all over the picture: no quarter of it holds more than {self.share:.0%} of the weight"
        return f"looks at {self.place}: {self.share:.0%} of the weight lies in that quarter of the picture"

    def to_dict(self) -> dict[str, object]:
        """The fields by name; the place is None where there is none."""
        return {"place": self.place or None, "share": self.share}


def focus(heat: Heat) -> Focus:
    """Where a classifier looked, in words.

    Args:
        heat: its map.

    Example:
        >>> values = np.zeros((7, 7), np.float32)
        >>> values[1, 1], values[5, 5] = 3, 1
        >>> focus(Heat(values, 0, "top_activation", "hirescam"))
        Focus(place='the upper left', share=0.75)
    """
    weights = np.maximum(heat.enlarged((2 * _QUARTER, 2 * _QUARTER)), 0)
    total = float(weights.sum())
    if total <= 0:
        return Focus("", 0.0)
    # The sum over any rectangle from four corners of the sums up to each place.
    sums = np.pad(weights.cumsum(axis=0, dtype=np.float64).cumsum(axis=1), ((1, 0), (1, 0)))
    starts = np.array([0, _QUARTER // 2, _QUARTER])
    ends = starts + _QUARTER
    quarters = sums[np.ix_(ends, ends)] - sums[np.ix_(starts, ends)] - sums[np.ix_(ends, starts)]
    quarters += sums[np.ix_(starts, starts)]
    row, column = divmod(int(quarters.argmax()), 3)
    return Focus(_PLACES[row][column], round(float(quarters[row, column]) / total, 6))


def outer(heat: Heat) -> float:
    """The share of the weight in the outer half of the picture: a frame around a middle that is as large as it.

    Args:
        heat: a map. One that is the same everywhere has 0.5 there; one in which nothing speaks for the class has 0.

    Example:
        >>> values = np.zeros((7, 7), np.float32)
        >>> values[3, 3], values[0, 0] = 1, 4
        >>> round(outer(Heat(values, 0, "top_activation", "hirescam")), 2)
        0.79
    """
    weights = np.maximum(heat.enlarged((2 * _QUARTER, 2 * _QUARTER)), 0).astype(np.float64)
    total = float(weights.sum())
    if total <= 0:
        return 0.0
    edges = np.linspace(0, 1, 2 * _QUARTER + 1)
    start, end = (1 - 0.5**0.5) / 2, (1 + 0.5**0.5) / 2
    inside = (
        np.clip(np.minimum(edges[1:], end) - np.maximum(edges[:-1], start), 0, None) * 2 * _QUARTER
    )  # of each place
    return 1 - float(inside @ weights @ inside) / total


@dataclass(frozen=True)
class Outside:
    """How often the maps of mistakes lie mostly in the outer half of the picture, and those of right answers.

    Example:
        >>> print(Outside(wilson(20, 24), wilson(5, 24)))
        In 20 of these 24 mistakes (83.3%, 95% CI 64.1-93.3%) two thirds or more of what spoke for the class ...
    """

    mistakes: Estimate
    right: Estimate

    def __str__(self) -> str:
        told = (
            f"In {_of(self.mistakes)} of these {counted(self.mistakes.n, 'mistake')} ({_figures(self.mistakes)}) two "
            "thirds or more of what spoke for the class that was named lies in the outer half of the picture, around "
            f"its middle; of {counted(self.right.n, 'right answer')} drawn at random, in {_of(self.right)} "
            f"({_figures(self.right)})."
        )
        if difference(self.mistakes, self.right).low > 0:
            return f"{told} Where it errs, it looked more at what lies around: it may have gone by the background."
        return (
            f"{told} The two do not differ clearly: these pictures may have what matters there, or it goes by the "
            "background in its right answers too."
        )


def often_outside(heats: Sequence[Heat]) -> Estimate | None:
    """The share of maps that lie mostly in the outer half, where that is clearly more than half of them; else None.

    Args:
        heats: of pictures that were taken for the class of the map.
    """
    found = outside(heats)
    return found if found.n >= FEWEST_MAPS and found.low > 0.5 else None


def outside(heats: Sequence[Heat]) -> Estimate:
    """The share of maps that lie mostly in the outer half, with Wilson's interval."""
    return wilson(sum(outer(heat) >= OUTSIDE_FROM for heat in heats), len(heats))


def _of(estimate: Estimate) -> str:
    return f"{round(estimate.value * estimate.n):,}"


def _figures(estimate: Estimate) -> str:
    return estimate.percent.replace(" (", ", ").removesuffix(")")
