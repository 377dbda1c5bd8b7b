"""The functions for single pictures: exact at known parameters, Keras's where Keras is right, and its errors."""

# ruff: noqa: NPY002 - they draw from NumPy's global generator, as Keras's do
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracle import LINEAR, as_keras_does, assert_alike, keras_image, pictures, ties, tolerance

from fieldguide.errors import InputError, InputTypeError
from fieldguide.preprocessing import image, transforms

LAST: dict[str, Any] = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}
FIRST: dict[str, Any] = {"row_axis": 1, "col_axis": 2, "channel_axis": 0}


@pytest.mark.parametrize(
    "change",
    [
        {"theta": 33.0},
        {"shear": 20.0},
        {"zx": 0.7, "zy": 1.4},
        {"tx": 3, "ty": -2},
        {"theta": 10, "tx": 1.5, "zx": 1.2},
    ],
)
@pytest.mark.parametrize("fill_mode", ["nearest", "constant", "reflect", "wrap", "mirror", "grid-wrap"])
@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("axes", [LAST, FIRST])
def test_affine_transformations_are_keras_own_on_squares(
    change: dict[str, Any], fill_mode: str, order: int, axes: dict[str, Any]
) -> None:
    data_format = "channels_last" if axes is LAST else "channels_first"
    picture = pictures(2, 1, 21, 3, "levels", data_format)[0]
    given: dict[str, Any] = {"fill_mode": fill_mode, "cval": 30.0, "order": order, **axes}
    ours = transforms.apply_affine_transform(picture, **change, **given)
    with as_keras_does():
        keras = keras_image.apply_affine_transform(picture, **change, **given)
    assert_alike(ours, keras, tolerance(order), ties=ties(order, fill_mode))


def test_nothing_to_do_gives_the_picture_itself() -> None:
    picture = pictures(1, 1, 9, 3, "bytes")[0]
    assert transforms.apply_affine_transform(picture, **LAST) is picture


def test_rows_and_columns_may_change_places() -> None:
    picture = pictures(1, 1, 9, 3, "levels")[0]
    turned = transforms.apply_affine_transform(picture, tx=2, row_axis=1, col_axis=0, channel_axis=2)
    upright = transforms.apply_affine_transform(picture.transpose(1, 0, 2), tx=2, **LAST)
    np.testing.assert_array_equal(turned, upright.transpose(1, 0, 2))


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32, np.float64, np.float16])
def test_the_type_of_levels_stays(kind: Any) -> None:
    picture = pictures(1, 1, 9, 3, "levels")[0]
    result = transforms.apply_affine_transform(picture.astype(kind), theta=20, **LAST)
    assert result.dtype == kind
    expected = transforms.apply_affine_transform(picture, theta=20, **LAST)
    np.testing.assert_allclose(result.astype(np.float64), expected, atol=1.5)


def test_whole_numbers_are_rounded_and_kept_within_their_range() -> None:
    levels = np.array([-3.0, 0.49, 0.5, 254.6, 300.0], np.float32)
    assert transforms.like(levels, np.dtype(np.uint8)).tolist() == [0, 0, 1, 255, 255]
    assert transforms.like(levels, np.dtype(np.float32)) is levels


@pytest.mark.parametrize(
    ("axes", "shape", "message"),
    [
        ({"row_axis": 0, "col_axis": 0, "channel_axis": 2}, (4, 4, 3), "they must be distinct"),
        ({"row_axis": 0, "col_axis": 1, "channel_axis": 3}, (4, 4, 3), r"^\[3\] were given as axes"),
        ({"row_axis": 0, "col_axis": 2, "channel_axis": 1}, (4, 4, 3), "channels must be the first or the last axis"),
        (LAST, (4, 4), r"x has shape \(4, 4\); expected one picture with three axes"),
    ],
)
def test_axes_that_make_no_sense(axes: dict[str, Any], shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        transforms.apply_affine_transform(np.zeros(shape), theta=10, **axes)
    with pytest.raises(ValueError):
        keras_image.apply_affine_transform(np.zeros(shape), theta=10, **axes)


@pytest.mark.parametrize("channel_axis", [0, 2])
@pytest.mark.parametrize("intensity", [-40.0, 25.0, 1000.0])
def test_channel_shift_is_keras_own(channel_axis: int, intensity: float) -> None:
    picture = pictures(1, 1, 9, 3, "levels", "channels_last" if channel_axis else "channels_first")[0]
    ours = transforms.apply_channel_shift(picture, intensity, channel_axis)
    np.testing.assert_allclose(ours, keras_image.apply_channel_shift(picture, intensity, channel_axis), atol=1e-4)


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", ["levels", "signed"])
@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.7])
def test_brightness_is_keras_own_but_for_its_rounding(scale: bool, channels: int, kind: str, factor: float) -> None:
    picture = pictures(1, 1, 9, channels, kind)[0]
    ours = transforms.apply_brightness_shift(picture, factor, scale)
    keras = keras_image.apply_brightness_shift(picture.copy(), factor, scale)
    np.testing.assert_allclose(ours, keras, atol=tolerance(1, max(factor, 0.01)))


def test_brightness_of_a_black_picture() -> None:
    assert transforms.apply_brightness_shift(np.zeros((4, 4, 3)), 2.0).max() == 0


def test_a_flip_is_a_view() -> None:
    picture = np.arange(12).reshape(2, 2, 3)
    np.testing.assert_array_equal(transforms.flip_axis(picture, 1), keras_image.flip_axis(picture, 1))
    assert transforms.flip_axis(picture, 0).base is not None


def test_random_shift_moves_to_the_side_what_is_called_the_width() -> None:
    picture = np.zeros((21, 21, 1), np.float32)
    picture[10, 10] = 1
    np.random.seed(4)
    moved = image.random_shift(picture, 0.4, 0.0, **LAST, fill_mode="constant")
    assert moved[10].sum() > 0.99
    with as_keras_does():
        np.random.seed(4)
        keras = keras_image.random_shift(picture, 0.4, 0.0, **LAST, fill_mode="constant")
    np.testing.assert_allclose(keras[..., 0].T, moved[..., 0], atol=LINEAR)


@pytest.mark.parametrize("name", ["random_zoom", "random_brightness"])
def test_a_range_takes_two_numbers(name: str) -> None:
    picture = np.zeros((4, 4, 3))
    with pytest.raises(InputError, match=r"_range is \(1,\); expected a tuple or list of two numbers"):
        getattr(image, name)(picture, (1,))
    with pytest.raises(ValueError, match="tuple or list"):
        getattr(keras_image, name)(picture, (1,))


@pytest.mark.parametrize("name", ["random_zoom", "random_brightness"])
def test_one_number_is_no_range(name: str) -> None:
    picture = np.zeros((4, 4, 3))
    with pytest.raises(InputTypeError, match=r"_range is 0\.2; expected a tuple or list of two numbers"):
        getattr(image, name)(picture, 0.2)
    with pytest.raises(TypeError):
        getattr(keras_image, name)(picture, 0.2)
    with pytest.raises(InputTypeError, match=r"_range is 'a'; expected a number"):
        getattr(image, name)(picture, ("a", "b"))


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("random_rotation", ("a",), "rg is 'a'; expected a number"),
        ("random_shift", ("a", 0.1), "wrg is 'a'; expected a number"),
        ("random_shear", ("a",), "intensity is 'a'; expected a number"),
        ("random_channel_shift", ("a",), "intensity_range is 'a'; expected a number"),
        ("apply_affine_transform", ("a",), "theta is 'a'; expected a number"),
        ("apply_channel_shift", ("a",), "intensity is 'a'; expected a number"),
        ("apply_brightness_shift", ("x",), "brightness is 'x'; expected a number"),
    ],
)
def test_what_is_no_number(name: str, given: tuple[object, ...], message: str) -> None:
    with pytest.raises(InputTypeError, match=f"^{message}"):
        getattr(image, name)(np.zeros((4, 4, 3)), *given)
    with pytest.raises(TypeError), as_keras_does():
        getattr(keras_image, name)(np.zeros((4, 4, 3)), *given)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fill_mode": "x"}, "fill_mode is 'x'; expected one of nearest, constant, reflect, wrap"),
        ({"interpolation_order": 9}, r"interpolation_order is 9; expected 0 \(nearest pixel\)"),
    ],
)
def test_fill_modes_and_orders_that_there_are_not(options: dict[str, Any], message: str) -> None:
    for turned in (0, 30):
        with pytest.raises(InputError, match=f"^{message}"):
            image.random_rotation(np.zeros((4, 4, 3)), turned, **LAST, **options)
    with pytest.raises(RuntimeError), as_keras_does():
        keras_image.random_rotation(np.zeros((4, 4, 3)), 30, **LAST, **options)


def test_zoom_by_nothing_draws_nothing() -> None:
    np.random.seed(1)
    before = np.random.random_sample()
    np.random.seed(1)
    image.random_zoom(np.zeros((4, 4, 3)), (1, 1), **LAST)
    assert np.random.random_sample() == before
