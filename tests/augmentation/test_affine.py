"""Matrices lead from the result to the picture: exact for known quantities, about the centre, in the stated order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldguide.augmentation.affine import IDENTITY, from_another_size, matrices

SIZES = [(4, 4), (5, 9), (30, 7)]


def at(matrix: np.ndarray, x: float, y: float) -> list[float]:
    """The point of the picture that the pixel (x, y) of the result is taken from."""
    return (matrix @ [x, y, 1]).tolist()


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_the_identity(size: tuple[int, int]) -> None:
    np.testing.assert_array_equal(matrices(size), IDENTITY)


def test_a_shift_moves_up_and_to_the_left() -> None:
    assert at(matrices((10, 20), shift=(3.0, 5.0)), 0, 0) == [5, 3]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "change",
    [{"rotation": 37.0}, {"shear": 20.0}, {"zoom": (0.5, 2.0)}, {"flip": (True, False)}, {"flip": (False, True)}],
)
def test_the_centre_stays(size: tuple[int, int], change: dict[str, Any]) -> None:
    centre = [(size[1] - 1) / 2, (size[0] - 1) / 2]
    np.testing.assert_allclose(at(matrices(size, **change), *centre), centre, atol=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_flips_are_exact(size: tuple[int, int]) -> None:
    height, width = size
    np.testing.assert_array_equal(matrices(size, flip=(False, True)), [[-1, 0, width - 1], [0, 1, 0]])
    np.testing.assert_array_equal(matrices(size, flip=(True, False)), [[1, 0, 0], [0, -1, height - 1]])
    np.testing.assert_array_equal(matrices(size, flip=(True, True)), [[-1, 0, width - 1], [0, -1, height - 1]])


def test_a_quarter_turn_is_counter_clockwise() -> None:
    """What was at the right end of the middle row is at the top of the middle column."""
    np.testing.assert_allclose(at(matrices((5, 5), rotation=90.0), 2, 0), [4, 2], atol=1e-12)


def test_factors_above_one_shrink() -> None:
    np.testing.assert_allclose(at(matrices((5, 9), zoom=(1.0, 2.0)), 6, 0), [8, 0])
    np.testing.assert_allclose(at(matrices((5, 9), zoom=(2.0, 1.0)), 0, 3), [0, 4])


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    rotation=st.floats(-180, 180),
    shift=st.tuples(st.floats(-20, 20), st.floats(-20, 20)),
    shear=st.floats(-60, 60),
    zoom=st.tuples(st.floats(0.3, 3), st.floats(0.3, 3)),
    flip=st.tuples(st.booleans(), st.booleans()),
)
def test_the_steps_are_combined_in_the_stated_order(
    size: Any, rotation: float, shift: Any, shear: float, zoom: Any, flip: Any
) -> None:
    """Turned, shifted, sheared, zoomed, then flipped: the product of one matrix each, about the centre."""
    angle, slant = np.deg2rad(rotation), np.deg2rad(shear)
    middle = np.array([[1, 0, (size[1] - 1) / 2], [0, 1, (size[0] - 1) / 2], [0, 0, 1]])
    turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]]).T
    move = np.array([[1, 0, shift[1]], [0, 1, shift[0]], [0, 0, 1]])
    lean = np.array([[1, -np.sin(slant), 0], [0, np.cos(slant), 0], [0, 0, 1]])
    scale = np.diag([zoom[1], zoom[0], 1.0])
    mirror = np.diag([-1.0 if flip[1] else 1.0, -1.0 if flip[0] else 1.0, 1.0])
    whole = middle @ turn @ move @ lean @ scale @ mirror @ np.linalg.inv(middle)
    found = matrices(size, rotation=rotation, shift=shift, shear=shear, zoom=zoom, flip=flip)
    np.testing.assert_allclose(found, whole[:2], atol=1e-9)


@pytest.mark.parametrize("taken", [(5, 9), (10, 18), (7, 60)])
def test_a_picture_of_another_size_is_met_at_the_same_places(taken: tuple[int, int]) -> None:
    """Its edges, half a pixel beyond the outermost centres, become the result's; what is in between, in proportion."""
    whole = from_another_size(IDENTITY, (5, 9), taken)
    np.testing.assert_allclose(at(whole, -0.5, -0.5), [-0.5, -0.5], atol=1e-12)
    np.testing.assert_allclose(at(whole, 8.5, 4.5), [taken[1] - 0.5, taken[0] - 0.5], atol=1e-12)
    varied = matrices((5, 9), rotation=20.0, shift=(1.0, 2.0), zoom=(0.7, 1.2), flip=(False, True))
    found = from_another_size(varied, (5, 9), taken)
    np.testing.assert_allclose(at(found, 3, 1), at(whole, *at(varied, 3, 1)), atol=1e-12)
    assert whole.dtype == np.float64 and (from_another_size(varied, (5, 9), (5, 9)) == varied).all()


def test_one_matrix_for_each_picture() -> None:
    rotation = np.array([0.0, 90.0, 10.0])
    many = matrices((6, 8), rotation=rotation, shift=(1.0, 0.0), flip=(np.array([True, False, True]), False))
    assert many.shape == (3, 2, 3)
    for place, each in enumerate(many):
        one = matrices((6, 8), rotation=rotation[place], shift=(1.0, 0.0), flip=(place != 1, False))
        np.testing.assert_allclose(each, one)
    assert matrices((6, 8), rotation=np.zeros(0)).shape == (0, 2, 3)
