"""Single pictures turned, shifted, sheared, zoomed and recoloured at random, by the names that Keras has for it.

`x` is always one picture with three axes. All draw from NumPy's global generator, as Keras's do, so that
`numpy.random.seed` makes a notebook repeatable; none of them seeds it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fieldguide.errors import InputError, InputTypeError
from fieldguide.preprocessing.arguments import number
from fieldguide.preprocessing.transforms import apply_affine_transform, apply_brightness_shift, apply_channel_shift


def random_rotation(
    x: np.ndarray,
    rg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """The picture turned by up to `rg` degrees either way.

    Args:
        x: three axes.
        rg: degrees.
        row_axis: as of `apply_affine_transform`.
        col_axis: likewise.
        channel_axis: likewise.
        fill_mode: likewise.
        cval: likewise.
        interpolation_order: its `order`.

    Example:
        >>> random_rotation(np.zeros((8, 8, 3)), 40, row_axis=0, col_axis=1, channel_axis=2).shape
        (8, 8, 3)
    """
    rg = number("rg", rg)
    theta = _uniform(-rg, rg)
    return apply_affine_transform(
        x, theta, 0, 0, 0, 1, 1, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order
    )


def random_shift(
    x: np.ndarray,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """The picture moved by up to `wrg` of its width and `hrg` of its height, either way.

    Args:
        x: three axes.
        wrg: share of the width, to the left or right.
        hrg: share of the height, up or down.
        row_axis: as of `apply_affine_transform`.
        col_axis: likewise.
        channel_axis: likewise.
        fill_mode: likewise.
        cval: likewise.
        interpolation_order: its `order`.

    Example:
        >>> picture = np.arange(16.0).reshape(4, 4, 1)
        >>> across = random_shift(picture, 0.5, 0.0, row_axis=0, col_axis=1, channel_axis=2)
        >>> rows = across[..., 0] - picture[:, :1, 0]  # every row has moved alike: nothing moved up or down
        >>> bool(np.allclose(rows, rows[0], atol=1e-4))
        True
    """
    wrg, hrg = number("wrg", wrg), number("hrg", hrg)
    down = _uniform(-hrg, hrg) * np.shape(x)[row_axis]
    across = _uniform(-wrg, wrg) * np.shape(x)[col_axis]
    return apply_affine_transform(
        x, 0, across, down, 0, 1, 1, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order
    )


def random_shear(
    x: np.ndarray,
    intensity: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """The picture sheared by up to `intensity` degrees either way.

    Args:
        x: three axes.
        intensity: degrees, not a share: 0.2 cannot be seen.
        row_axis: as of `apply_affine_transform`.
        col_axis: likewise.
        channel_axis: likewise.
        fill_mode: likewise.
        cval: likewise.
        interpolation_order: its `order`.

    Example:
        >>> random_shear(np.zeros((8, 8, 3)), 20, row_axis=0, col_axis=1, channel_axis=2).shape
        (8, 8, 3)
    """
    intensity = number("intensity", intensity)
    shear = _uniform(-intensity, intensity)
    return apply_affine_transform(
        x, 0, 0, 0, shear, 1, 1, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order
    )


def random_zoom(
    x: np.ndarray,
    zoom_range: tuple[float, float],
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """The picture made larger or smaller, by factors of their own in width and height.

    Args:
        x: three axes.
        zoom_range: lowest and highest factor; above 1 things look smaller.
        row_axis: as of `apply_affine_transform`.
        col_axis: likewise.
        channel_axis: likewise.
        fill_mode: likewise.
        cval: likewise.
        interpolation_order: its `order`.

    Raises:
        InputError: `zoom_range` has not two entries, or one is not finite.
        InputTypeError: it is no tuple or list of numbers.

    Example:
        >>> random_zoom(np.zeros((8, 8, 3)), (0.8, 1.2), row_axis=0, col_axis=1, channel_axis=2).shape
        (8, 8, 3)
    """
    low, high = _two("zoom_range", zoom_range)
    across, down = (1.0, 1.0) if low == high == 1 else (_uniform(low, high), _uniform(low, high))
    return apply_affine_transform(
        x, 0, 0, 0, 0, across, down, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order
    )


def random_channel_shift(x: np.ndarray, intensity_range: float, channel_axis: int = 0) -> np.ndarray:
    """The picture after `apply_channel_shift` by up to `intensity_range` either way.

    Args:
        x: three axes.
        intensity_range: in the picture's levels.
        channel_axis: makes no difference.

    Example:
        >>> random_channel_shift(np.zeros((8, 8, 3)), 20.0).shape
        (8, 8, 3)
    """
    most = number("intensity_range", intensity_range)
    return apply_channel_shift(x, _uniform(-most, most), channel_axis)


def random_brightness(x: np.ndarray, brightness_range: tuple[float, float], scale: bool = True) -> np.ndarray:
    """The picture after `apply_brightness_shift` by a factor from a range.

    Args:
        x: three axes.
        brightness_range: lowest and highest factor.
        scale: as in `apply_brightness_shift`.

    Raises:
        InputError: `brightness_range` has not two entries, or one is not finite.
        InputTypeError: it is no tuple or list of numbers.

    Example:
        >>> random_brightness(np.full((8, 8, 3), 100.0), (0.5, 0.5), scale=False).max()
        np.float32(50.0)
    """
    return apply_brightness_shift(x, _uniform(*_two("brightness_range", brightness_range)), scale)


def _two(name: str, value: Any) -> tuple[float, float]:
    several = isinstance(value, tuple | list | np.ndarray)
    if not several or len(value) != 2:
        kind = InputError if several else InputTypeError
        raise kind(f"{name} is {value!r}; expected a tuple or list of two numbers, such as (0.8, 1.2).")
    return number(name, value[0]), number(name, value[1])


def _uniform(low: float, high: float) -> float:
    return np.random.uniform(low, high)  # noqa: NPY002 - drawn from where Keras draws from; see the module's first lines
