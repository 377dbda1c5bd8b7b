"""Single pictures turned, shifted, sheared, zoomed and recoloured, by the names that Keras gives these functions.

`x` is always one picture with three axes. The random ones draw from NumPy's global generator, as Keras's do, so that
`numpy.random.seed` makes a notebook repeatable; none of them seeds it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fieldguide.augmentation.affine import IDENTITY, matrices
from fieldguide.augmentation.warp import Sampling, warp
from fieldguide.errors import InputError, InputTypeError
from fieldguide.preprocessing import arguments
from fieldguide.preprocessing.arguments import number


def apply_affine_transform(
    x: np.ndarray,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> np.ndarray:
    """The picture turned, shifted, sheared and zoomed about its centre, in one sampling.

    Args:
        x: of any number type, three axes.
        theta: degrees; the picture turns counter-clockwise where positive.
        tx: pixels; it moves to the left where positive.
        ty: pixels; it moves up where positive.
        shear: degrees.
        zx: horizontal factor; above 1 the picture shrinks.
        zy: vertical factor.
        row_axis: 0, 1 or 2.
        col_axis: likewise.
        channel_axis: 0 or 2.
        fill_mode: "nearest", "constant", "reflect" or "wrap".
        cval: level beyond the edge for "constant".
        order: of the interpolation, 0 (nearest pixel), 1 (linear) to 5 (splines).

    Returns:
        A picture like `x`, of its shape and type; `x` itself where nothing is asked for.

    Raises:
        InputError: the axes make no sense, a number is not finite, or there is no such fill mode or order.
        InputTypeError: what should be a number is none.

    Example:
        >>> picture = np.zeros((4, 4, 1)); picture[1, 1] = 1
        >>> moved = apply_affine_transform(picture, tx=-1, row_axis=0, col_axis=1, channel_axis=2)
        >>> np.argwhere(moved[..., 0]).tolist()
        [[1, 2]]
    """
    if len({row_axis, col_axis, channel_axis}) != 3:
        axes = f"row_axis={row_axis}, col_axis={col_axis}, channel_axis={channel_axis}"
        raise InputError(f"{axes} were given; they must be distinct.")
    if not {row_axis, col_axis, channel_axis} <= {0, 1, 2}:
        wrong = sorted({row_axis, col_axis, channel_axis} - {0, 1, 2})
        raise InputError(f"{wrong} were given as axes; expected 0, 1 and 2, one for each.")
    x = np.asarray(x)
    if x.ndim != 3:
        raise InputError(f"x has shape {x.shape}; expected one picture with three axes.")
    if channel_axis not in (0, 2):
        raise InputError(f"channel_axis is {channel_axis}; channels must be the first or the last axis, 0 or 2.")
    numbers = {"theta": theta, "tx": tx, "ty": ty, "shear": shear, "zx": zx, "zy": zy, "cval": cval}
    for name, value in numbers.items():
        number(name, value)
    sampling = Sampling(arguments.fill_mode(fill_mode), cval, arguments.order(order))
    size = (x.shape[row_axis], x.shape[col_axis])
    matrix = matrices(size, rotation=theta, shift=(ty, tx), shear=shear, zoom=(zy, zx))
    if np.array_equal(matrix, IDENTITY):
        return x
    upright = np.transpose(x, (row_axis, col_axis, channel_axis))
    result = warp(upright, matrix, sampling)
    return np.transpose(like(result, x.dtype), np.argsort((row_axis, col_axis, channel_axis)))


def like(levels: np.ndarray, kind: np.dtype) -> np.ndarray:
    """Levels in another number type: rounded and kept within its range where it holds whole numbers."""
    if not np.issubdtype(kind, np.integer):
        return levels.astype(kind, copy=False)
    limits = np.iinfo(kind)
    return np.clip(np.floor(levels + 0.5), limits.min, limits.max).astype(kind)


def apply_channel_shift(x: np.ndarray, intensity: float, channel_axis: int = 0) -> np.ndarray:
    """All levels raised by `intensity`, kept between the picture's own lowest and highest.

    The same for every channel, whatever the name suggests: `fg.Augment` shifts each by itself.

    Args:
        x: three axes.
        intensity: in the picture's levels.
        channel_axis: makes no difference; it is there for the sake of the signature.

    Example:
        >>> apply_channel_shift(np.array([[[0.0, 5.0, 9.0]]]), 3.0)
        array([[[3., 8., 9.]]])
    """
    x, intensity = np.asarray(x), number("intensity", intensity)
    return np.clip(x + intensity, np.min(x), np.max(x))


def apply_brightness_shift(x: np.ndarray, brightness: float, scale: bool = True) -> np.ndarray:
    """All levels multiplied by `brightness`, and kept within what the picture can show.

    Args:
        x: three axes. Levels count as 0 to 1 where none is higher than 1, else as 0 to 255. Of four channels the last
            one, how opaque a pixel is, stays as it is; channels are where Keras's setting has them.
        brightness: the factor.
        scale: stretch the picture's levels to 0..255 first.

    Returns:
        float32 of the picture's shape, in its own range of levels, or in 0..255 if `scale`.

    Example:
        >>> apply_brightness_shift(np.array([[[0.25], [0.75]]]), 1.5, scale=False).ravel().tolist()
        [0.375, 1.0]
    """
    number("brightness", brightness)
    levels = np.asarray(x).astype(np.float32)
    channel_axis = 2 if arguments.data_format(None) == "channels_last" else 0
    if scale:
        levels -= levels.min()
        if (high := levels.max()) > 0:
            levels *= np.float32(255) / high
        return _multiplied(levels, brightness, (0, 255), channel_axis)
    return brightened(levels, brightness, channel_axis)


def brightened(levels: np.ndarray, brightness: float, channel_axis: int) -> np.ndarray:
    """Levels multiplied by `brightness`, within 0..1 where none is higher than 1, 0..255, or else their own range."""
    low, high = float(levels.min()), float(levels.max())
    if low < 0 or high > 255:
        return _multiplied(levels, brightness, (low, high), channel_axis)
    return _multiplied(levels, brightness, (0, 1 if high <= 1 else 255), channel_axis)


def _multiplied(levels: np.ndarray, factor: float, within: tuple[float, float], channel_axis: int) -> np.ndarray:
    """Distances to the lowest level multiplied, but for those of a fourth channel, which says how opaque pixels are."""
    low, high = within
    result = np.clip((levels - low) * np.float32(factor), 0, high - low) + low
    if levels.shape[channel_axis] == 4:
        opacity = (slice(None),) * channel_axis + (3,)
        result[opacity] = levels[opacity]
    return result


def flip_axis(x: np.ndarray, axis: int) -> np.ndarray:
    """The picture turned round along one axis; a view of it."""
    return np.flip(np.asarray(x), axis)


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
