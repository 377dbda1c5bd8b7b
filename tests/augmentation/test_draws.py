"""Draws depend on seed, epoch and row alone, fill their ranges evenly, and come at the rates that were asked for."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from fieldguide.augmentation.affine import matrices
from fieldguide.augmentation.draws import CROPPED_AREA, NUMBERS, draw, draws_of, numbers_for, uniforms
from fieldguide.augmentation.settings import Settings
from fieldguide.errors import InputError, InputTypeError

EVERYTHING = Settings(
    rotation_range=40,
    width_shift_range=0.2,
    height_shift_range=0.1,
    shear_range=10,
    zoom_range=0.2,
    crop_area=(0.35, 1),
    horizontal_flip=True,
    vertical_flip=True,
    brightness_range=(0.5, 1.5),
    contrast_range=(0.8, 1.2),
    channel_shift_range=20,
    erasing=0.5,
)
# The first numbers of rows 0, 1 and 1,000,000 for seed 0, epoch 0; written down once, from the code itself.
GOLDEN = [
    [0.049920065672091285, 0.6703283700586791],
    [0.18670452030252627, 0.45453079945154873],
    [0.1889912774368856, 0.5156225019579328],
]
FIELDS = ("matrices", "factors", "contrasts", "offsets", "boxes")


def test_a_row_is_drawn_alike_in_any_company() -> None:
    whole = draw(EVERYTHING, (50, 60), range(100), seed=3, epoch=2)
    some = draw(EVERYTHING, (50, 60), [70, 3, 3, 99], seed=3, epoch=2)
    assert len(whole) == 100
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(some, name), getattr(whole, name)[[70, 3, 3, 99]])


@pytest.mark.parametrize("other", [{"seed": 4}, {"epoch": 1}, {"seed": 3 + 2**64}])
def test_another_seed_or_epoch_draws_something_else(other: dict[str, int]) -> None:
    one = uniforms(range(50), NUMBERS, seed=3, epoch=0)
    two = uniforms(range(50), NUMBERS, **{"seed": 3, "epoch": 0, **other})
    assert not (one == two).any()


def test_the_numbers_of_a_row_are_what_they_were() -> None:
    """A change here changes every augmented picture: trainings could no longer be repeated."""
    np.testing.assert_allclose(
        uniforms([0, 1, 1_000_000], 2, seed=0, epoch=0),
        GOLDEN,
        rtol=0,
        atol=1e-15,
    )


def test_numbers_are_even_and_independent() -> None:
    numbers = uniforms(range(20_000), NUMBERS, seed=1, epoch=0)
    assert 0 <= numbers.min() < 1e-4
    assert 1 - 1e-4 < numbers.max() < 1
    counts = np.stack([np.histogram(column, 20, (0, 1))[0] for column in numbers.T])
    assert ((counts - 1000) ** 2 / 1000).sum(axis=1).max() < 50  # chi-squared, 19 degrees: 43.8 is one in a thousand
    correlations = np.corrcoef(numbers, rowvar=False) - np.eye(NUMBERS)
    assert np.abs(correlations).max() < 0.03
    rows = np.corrcoef(numbers[:-1, 0], numbers[1:, 0])[0, 1]
    epochs = np.corrcoef(numbers[:, 0], uniforms(range(20_000), NUMBERS, seed=1, epoch=1)[:, 0])[0, 1]
    assert abs(rows) < 0.03
    assert abs(epochs) < 0.03


def test_ranges_are_filled_and_kept() -> None:
    draws = draw(EVERYTHING, (50, 60), range(5000), seed=1)
    for values, low, high in (
        (draws.factors, 0.5, 1.5),
        (draws.contrasts, 0.8, 1.2),
        (draws.offsets, -20, 20),
    ):
        assert low <= values.min() < low + 0.02 * (high - low)
        assert high - 0.02 * (high - low) < values.max() <= high
    turned = draw(Settings(rotation_range=40), (50, 60), range(5000), seed=1).matrices
    angles = np.rad2deg(np.arctan2(turned[:, 1, 0], turned[:, 0, 0]))
    assert 39 < np.abs(angles).max() <= 40
    assert abs(angles.mean()) < 1
    moved = draw(Settings(width_shift_range=0.2, height_shift_range=0.1), (50, 60), range(5000), seed=1).matrices
    assert 11.8 < np.abs(moved[:, 0, 2]).max() <= 12
    assert 4.9 < np.abs(moved[:, 1, 2]).max() <= 5


def test_rates() -> None:
    flips = draw(Settings(horizontal_flip=True), (50, 60), range(5000), seed=1).matrices
    assert abs((flips[:, 0, 0] < 0).mean() - 0.5) < 0.02
    assert (flips[:, 1, 1] == 1).all()
    boxes = draw(Settings(erasing=0.3), (50, 60), range(5000), seed=1).boxes
    assert abs((boxes[:, 2] > boxes[:, 0]).mean() - 0.3) < 0.02


def test_rectangles_lie_inside_and_have_the_area_and_shape_that_were_asked_for() -> None:
    height, width = 100, 120
    settings = Settings(erasing=1, erasing_area=(0.1, 0.2), erasing_ratio=(0.5, 2))
    top, left, bottom, right = draw(settings, (height, width), range(3000), seed=1).boxes.T
    assert top.min() == left.min() == 0
    assert bottom.max() == height
    assert right.max() == width
    area = (bottom - top) * (right - left) / (height * width)
    assert 0.095 < area.min() < area.max() < 0.205  # sides are whole pixels
    ratio = (bottom - top) / (right - left)
    assert 0.48 < ratio.min() < ratio.max() < 2.08
    assert abs((ratio > 1).mean() - 0.5) < 0.05


def crops(settings: Settings, size: tuple[int, int], count: int = 5000) -> tuple[np.ndarray, ...]:
    """Of each draw: first and last row, first and last column that is seen, and the share of each side that is kept."""
    table = draw(settings, size, range(count), seed=1).matrices
    assert not table[:, 0, 1].any() and not table[:, 1, 0].any()
    top, left = table[:, 1, 2], table[:, 0, 2]
    down, across = table[:, 1, 1], table[:, 0, 0]
    return top, top + down * (size[0] - 1), left, left + across * (size[1] - 1), down, across


def test_crops_lie_inside_and_have_the_area_and_shape_that_were_asked_for() -> None:
    settings = Settings(crop_area=(0.3, 0.5), crop_ratio=(0.5, 1.6))
    top, bottom, left, right, down, across = crops(settings, (100, 120))
    assert -1e-9 < top.min() < 0.5 and 98.5 < bottom.max() < 99 + 1e-9
    assert -1e-9 < left.min() < 0.5 and 118.5 < right.max() < 119 + 1e-9
    area = down * across
    assert 0.3 <= area.min() < 0.301 and 0.499 < area.max() <= 0.5
    assert abs(area.mean() - 0.4) < 0.003
    ratio = np.log(across / down)
    assert np.log(0.5) <= ratio.min() < np.log(0.505) and np.log(1.584) < ratio.max() <= np.log(1.6)
    assert abs(ratio.mean() - (np.log(0.5) + np.log(1.6)) / 2) < 0.02  # evenly over the logarithm
    for first, kept, side in ((top, down, 99), (left, across, 119)):
        place = first / (side * (1 - kept))  # 0 at one end of the room that is left, 1 at the other
        counts = np.histogram(place, 10, (0, 1))[0]
        assert ((counts - 500) ** 2 / 500).sum() < 33  # chi-squared, 9 degrees: 27.9 is one in a thousand


def test_crops_wider_or_higher_than_the_picture_are_cut_to_fit() -> None:
    top, bottom, left, right, down, across = crops(Settings(crop_area=(0.9, 1), crop_ratio=(0.5, 2)), (50, 60))
    assert max(down.max(), across.max()) == 1
    assert min(down.min(), across.min()) > np.sqrt(0.9 / 2) - 1e-9
    assert min(top.min(), left.min()) > -1e-9 and bottom.max() < 49 + 1e-9 and right.max() < 59 + 1e-9
    assert (np.maximum(down, across) == 1).mean() > 0.8


def test_crops_are_zooms_and_shifts_beside_the_others() -> None:
    numbers = uniforms(range(50), NUMBERS, seed=4, epoch=0)
    varied = replace(EVERYTHING, crop_area=(0.2, 0.6), crop_ratio=(0.5, 2))
    area, ratio, down, across = numbers[:, CROPPED_AREA:].T
    area, ratio = 0.2 + 0.4 * area, np.exp(np.log(2) * (2 * ratio - 1))
    kept = np.minimum(np.sqrt(area / ratio), 1), np.minimum(np.sqrt(area * ratio), 1)
    moved = (2 * down - 1) * (1 - kept[0]) / 2 * 49, (2 * across - 1) * (1 - kept[1]) / 2 * 59
    expected = matrices(
        (50, 60),
        rotation=80 * numbers[:, 0] - 40,
        shift=((0.2 * numbers[:, 1] - 0.1) * 50 + moved[0], (0.4 * numbers[:, 2] - 0.2) * 60 + moved[1]),
        shear=20 * numbers[:, 3] - 10,
        zoom=((0.8 + 0.4 * numbers[:, 4]) * kept[0], (0.8 + 0.4 * numbers[:, 5]) * kept[1]),
        flip=(numbers[:, 6] < 0.5, numbers[:, 7] < 0.5),
    )
    np.testing.assert_allclose(draws_of(varied, (50, 60), numbers).matrices, expected, atol=1e-9)


def test_what_is_not_cropped_is_drawn_as_if_there_were_no_crops() -> None:
    settings = replace(EVERYTHING, crop_area=(1, 1), crop_ratio=(0.5, 2))
    assert (numbers_for(settings), numbers_for(EVERYTHING)) == (CROPPED_AREA, NUMBERS) == (18, 22)
    numbers = uniforms(range(50), NUMBERS, seed=3, epoch=2)
    np.testing.assert_array_equal(uniforms(range(50), CROPPED_AREA, seed=3, epoch=2), numbers[:, :CROPPED_AREA])
    some, cropped = draw(settings, (50, 60), range(50), seed=3, epoch=2), draws_of(EVERYTHING, (50, 60), numbers)
    for field in fields(some):
        expected = getattr(draws_of(settings, (50, 60), numbers), field.name)
        np.testing.assert_array_equal(getattr(some, field.name), expected)
        assert np.array_equal(getattr(cropped, field.name), expected) == (field.name != "matrices")


def test_nothing_that_varies_leaves_all_as_it_is() -> None:
    draws = draw(Settings(), (50, 60), range(4), seed=1)
    np.testing.assert_array_equal(draws.matrices, [[[1, 0, 0], [0, 1, 0]]] * 4)
    assert (draws.factors == 1).all()
    assert (draws.contrasts == 1).all()
    assert not draws.offsets.any()
    assert not draws.boxes.any()


@pytest.mark.parametrize(
    ("given", "kind", "expected"),
    [
        ({"rows": [3, -1]}, InputError, r"^the lowest row is -1; expected whole numbers from 0"),
        ({"rows": [2**63]}, InputError, r"^the highest row is 9223372036854775808; expected .* up to 922"),
        ({"rows": [2**64]}, InputTypeError, r"^rows are of type object; expected whole numbers"),
        ({"rows": [True]}, InputTypeError, r"^rows are of type bool"),
        ({"seed": -1}, InputError, r"^seed is -1; expected a whole number from 0"),
        ({"seed": 1.5}, InputTypeError, r"^seed is 1\.5; expected a whole number from 0"),
        ({"seed": True}, InputTypeError, r"^seed is True; expected"),
        ({"epoch": -1}, InputError, r"^epoch is -1; expected"),
        ({"epoch": 1.5}, InputTypeError, r"^epoch is 1\.5; expected"),
        ({"epoch": np.array([1, 2])}, InputTypeError, r"^epoch is array\(\[1, 2\]\); expected"),
        ({"epoch": True}, InputTypeError, r"^epoch is True; expected"),
        ({"epoch": 2**64}, InputError, r"^epoch is 18446744073709551616; expected .* fits into 64 bits"),
    ],
)
def test_what_no_draw_can_be_made_from_is_said(given: dict[str, Any], kind: type[Exception], expected: str) -> None:
    with pytest.raises(kind, match=expected):
        uniforms(**{"rows": [1], "count": 1, "seed": 0, "epoch": 0, **given})


def test_the_largest_numbers_and_no_rows_will_do() -> None:
    assert uniforms([], 3, seed=0, epoch=0).shape == (0, 3)
    assert uniforms([2**63 - 1], 3, seed=2**99, epoch=2**64 - 1).shape == (1, 3)


@pytest.mark.parametrize(
    ("size", "kind", "expected"),
    [
        (64, InputTypeError, r"^size is 64; expected \(height, width\) in pixels, such as \(150, 150\)"),
        ((64.0, 96.0), InputTypeError, r"^size is \(64\.0, 96\.0\); expected"),
        ((64, 96, 3), InputError, r"^size is \(64, 96, 3\); expected \(height, width\)"),
        ((0, 96), InputError, r"^size is \(0, 96\); expected .*, each at least 1"),
    ],
)
def test_a_size_is_two_numbers_of_pixels(size: Any, kind: type[Exception], expected: str) -> None:
    with pytest.raises(kind, match=expected):
        draw(EVERYTHING, size, [0])
    assert len(draw(EVERYTHING, np.array([64, 96]), [0])) == 1  # type: ignore[arg-type]


def test_numbers_of_numpy_are_as_good() -> None:
    expected = uniforms([3, 5], NUMBERS, seed=7, epoch=2)
    np.testing.assert_array_equal(uniforms(np.array([3, 5], np.uint32), NUMBERS, seed=7, epoch=2), expected)
    np.testing.assert_array_equal(uniforms([3, 5], NUMBERS, seed=np.int64(7), epoch=np.uint8(2)), expected)


def test_a_part_of_a_row_is_refused() -> None:
    with pytest.raises(InputTypeError, match="rows are of type float64"):
        draw(Settings(), (8, 8), [1.5])  # type: ignore[list-item]
