"""The words for a heat map name the quarter that holds most of it, and do not when there is none."""

from __future__ import annotations

import numpy as np
import pytest

from fieldguide.evaluation.focus import (
    FEWEST_MAPS,
    OUTSIDE_FROM,
    SPREAD_BELOW,
    Focus,
    Outside,
    focus,
    often_outside,
    outer,
    outside,
)
from fieldguide.evaluation.heatmaps import Heat
from fieldguide.intervals import wilson


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


def test_the_outer_half_is_a_half_and_holds_what_lies_there() -> None:
    assert outer(heat(np.ones((7, 7)))) == pytest.approx(0.5)
    assert outer(heat(spot(0, 3))) > 0.95
    assert outer(heat(spot(3, 4))) < 0.01
    assert outer(heat(-np.ones((7, 7)))) == 0
    assert outer(heat(np.ones((3, 11)))) == pytest.approx(0.5), "of maps that are not square too"


def test_many_maps_outside_are_told_only_where_they_are_clearly_more_than_half() -> None:
    middle, edge = heat(spot(4, 4)), heat(spot(0, 4))
    assert outer(edge) > OUTSIDE_FROM > outer(middle)
    assert outside([edge, middle]).value == 0.5
    assert often_outside([edge] * (FEWEST_MAPS - 1)) is None, "too few to say"
    assert often_outside([edge] * 13 + [middle] * 11) is None, "no more than chance would have"
    found = often_outside([edge] * 20 + [middle] * 4)
    assert found == wilson(20, 24)


def test_mistakes_outside_are_compared_with_right_answers() -> None:
    apart, alike = str(Outside(wilson(20, 24), wilson(5, 24))), str(Outside(wilson(20, 24), wilson(18, 23)))
    assert "In 20 of these 24 mistakes (83.3%, 95% CI 64.1-93.3%)" in apart
    assert "of 24 right answers drawn at random, in 5 (20.8%, 95% CI 9.2-40.5%)" in apart
    assert apart.endswith("it may have gone by the background.")
    assert "of 23 right answers drawn at random, in 18 (" in alike
    assert "The two do not differ clearly" in alike and "may have gone" not in alike
