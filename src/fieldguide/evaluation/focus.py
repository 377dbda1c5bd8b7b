"""Where in a picture the weight of a heat map lies, in words: for a terminal, and for those who cannot see the map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldguide.evaluation.heatmaps import Heat

SPREAD_BELOW = 0.4  # share of the weight in the best quarter; of a map that is the same everywhere each has 0.25
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
