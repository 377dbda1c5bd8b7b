"""The words for a heat map name the quarter that holds most of it, and do not when there is none."""

from __future__ import annotations

import numpy as np
import pytest

from fieldguide.evaluation.focus import SPREAD_BELOW, Focus, focus
from fieldguide.evaluation.heatmaps import Heat


def heat(values: np.ndarray) -> Heat:
    return Heat(np.asarray(values, np.float32), 0, "top_activation", "hirescam")


def spot(row: int, column: int, side: int = 8) -> np.ndarray:
    """A map with one hot place, and something against the class elsewhere."""
    values = np.full((side, side), -0.5)
    values[row, column] = 10
    return values


@pytest.mark.parametrize(
    ("row", "column", "place"),
    [
        (1, 1, "the upper left"),
        (0, 6, "the upper right"),
        (7, 0, "the lower left"),
        (6, 7, "the lower right"),
    ],
)
def test_a_spot_in_a_corner_is_there(row: int, column: int, place: str) -> None:
    found = focus(heat(spot(row, column)))
    assert found.place == place
    assert found.share == pytest.approx(1)
    assert str(found) == f"looks at {place}: 100% of the weight lies in that quarter of the picture"


def test_what_lies_between_the_corners_has_names_too() -> None:
    rows, columns = np.mgrid[:14, :14]
    for (row, column), place in {
        (6.5, 6.5): "the centre",
        (2, 6.5): "the top",
        (11, 6.5): "the bottom",
        (6.5, 2): "the left",
        (6.5, 11): "the right",
    }.items():
        blob = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 8)
        assert focus(heat(blob)).place == place


def test_shares_are_exact_where_the_map_fits_the_quarters() -> None:
    """Flat halves: a quarter of the weight of a flat map, three eighths where a half has three times as much."""
    assert focus(heat(np.ones((4, 4)))).share == pytest.approx(0.25)
    values = np.ones((32, 32))
    values[:, :16] = 3
    found = focus(heat(values))
    assert found.share == pytest.approx(3 / 8)
    assert found.spread
    assert str(found) == "looks all over the picture: no quarter of it holds more than 38% of the weight"


def test_where_nothing_speaks_for_the_class_that_is_said() -> None:
    found = focus(heat(-np.ones((7, 7))))
    assert found == Focus("", 0.0)
    assert str(found) == "finds nothing in the picture that speaks for the class"
    assert found.to_dict() == {"place": None, "share": 0.0}
    assert not found.spread


def test_spread_begins_where_it_is_said() -> None:
    assert Focus("the top", SPREAD_BELOW - 0.01).spread
    assert not Focus("the top", SPREAD_BELOW).spread
