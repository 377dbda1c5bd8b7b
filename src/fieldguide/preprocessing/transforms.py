"""Single pictures turned, shifted, sheared, zoomed and recoloured, by the names that Keras gives these functions.

`x` is always one picture with three axes.
"""

from __future__ import annotations

import numpy as np

from fieldguide.augmentation.affine import IDENTITY, matrices
from fieldguide.augmentation.warp import Sampling, warp
from fieldguide.errors import InputError
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
