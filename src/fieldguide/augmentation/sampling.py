"""Draws applied by Keras's backend: pictures moved, recoloured and erased from, so that any backend can compile it.

The meaning is that of `warp`, the host's applier, and so SciPy's. Every fill mode leads a point beyond the edge back to
one within it, where four pixels are weighted; coordinates are float32, good to about a millionth of the picture's side.
"""

from __future__ import annotations

from typing import Any

from fieldguide.augmentation.draws import Draws
from fieldguide.augmentation.settings import Settings

_ROUNDING = 1e-6  # of the side: a point so little beyond the edge is on it, since float32 cannot tell


def varied(pictures: Any, draws: Draws, settings: Settings) -> Any:
    """The pictures as their draws say.

    Args:
        pictures: tensor (n, height, width, channels) of any number type; n may be unknown while a graph is traced.
        draws: of float32 tensors, a row for each picture, for this height and width.
        settings: that the draws were made from: what they leave alone is not computed.

    Returns:
        float32 tensor (n, height, width, channels).
    """
    return _erased(_recoloured(_warped(pictures, draws, settings), draws, settings), draws, settings)


def sample(
    pictures: Any,
    matrices: Any,
    *,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation: str = "bilinear",
) -> Any:
    """The pictures, each warped by its matrix.

    Args:
        pictures: tensor (n, height, width, channels) of any number type; n may be unknown while a graph is traced.
        matrices: float32 tensor (n, 2, 3), from a pixel (x, y) of the result to a point of the picture.
        fill_mode: "nearest", "constant", "reflect" or "wrap", as in `Settings`.
        cval: the level beyond the edge for "constant".
        interpolation: "bilinear" or "nearest".

    Returns:
        float32 tensor (n, height, width, channels).
    """
    from keras import ops

    count = ops.shape(pictures)[0]
    height, width, channels = pictures.shape[1:]
    across, down = _points(matrices, height, width)
    beyond = _beyond(across, width) | _beyond(down, height) if fill_mode == "constant" else None
    across, down = _within(across, width, fill_mode), _within(down, height, fill_mode)

    pixels = ops.reshape(pictures, (-1, channels))
    starts = ops.reshape(ops.arange(count, dtype="int32") * (height * width), (-1, 1, 1))

    def fetch(row: Any, column: Any) -> Any:
        return ops.cast(_pixels_at(pixels, starts + row * width + column), "float32")  # (n, height, width, channels)

    if interpolation == "nearest":
        result = fetch(_whole(ops.floor(down + 0.5)), _whole(ops.floor(across + 0.5)))
    else:
        left, right, rightward = _neighbours(across, width)
        top, bottom, downward = _neighbours(down, height)
        upper = _between(fetch(top, left), fetch(top, right), rightward)
        lower = _between(fetch(bottom, left), fetch(bottom, right), rightward)
        result = _between(upper, lower, downward)
    return result if beyond is None else ops.where(beyond[..., None], ops.cast(cval, "float32"), result)


def _warped(images: Any, draws: Draws, settings: Settings) -> Any:
    """Moves the pixels: float32 (n, height, width, channels)."""
    from keras import ops

    if settings.warps:
        return sample(
            images,
            draws.matrices,
            fill_mode=settings.fill_mode,
            cval=settings.cval,
            interpolation=settings.interpolation,
        )
    images = ops.cast(images, "float32")
    for flips, axis in ((settings.vertical_flip, 1), (settings.horizontal_flip, 2)):
        if flips:
            mirrored = draws.matrices[:, 2 - axis, 2 - axis] < 0
            images = ops.where(mirrored[:, None, None, None], ops.flip(images, axis=axis), images)
    return images


def _recoloured(images: Any, draws: Draws, settings: Settings) -> Any:
    """Brightness, then contrast about the mean, then each colour's shift, then the levels a picture can have."""
    if not settings.recolours:
        return images
    from keras import ops

    factors, contrasts = draws.factors[:, None, None, None], draws.contrasts[:, None, None, None]
    offsets: Any = 0.0
    if settings.contrast_range:
        means = ops.mean(images, axis=(1, 2, 3), keepdims=True) * factors
        offsets = means * (1.0 - contrasts)
    if settings.channel_shift_range:
        offsets = offsets + draws.offsets[:, None, None, : images.shape[-1]]
    return ops.clip(images * (factors * contrasts) + offsets, *settings.value_range)


def _erased(images: Any, draws: Draws, settings: Settings) -> Any:
    """Paints over the rectangles."""
    if not settings.erasing:
        return images
    from keras import ops

    height, width = images.shape[1:3]
    rows = ops.arange(height, dtype="float32")[:, None, None]
    columns = ops.arange(width, dtype="float32")[:, None]
    top, left, bottom, right = (draws.boxes[:, edge, None, None, None] for edge in range(4))
    inside = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)  # (n, height, width, 1)
    return ops.where(inside, ops.cast(settings.cval, "float32"), images)


def _pixels_at(pixels: Any, places: Any) -> Any:
    """The pixels (channels,) at these places: (*places.shape, channels)."""
    import keras

    if keras.backend.backend() == "tensorflow":  # whose tensors take no tensors as indices
        return keras.ops.take(pixels, places, axis=0)
    return pixels[places]  # `take` looks for places beyond the end, which on JAX takes a third of the time


def _points(matrices: Any, height: int, width: int) -> tuple[Any, Any]:
    """Where each pixel of the result is taken from: x and y, each (n, height, width)."""
    from keras import ops

    columns = ops.arange(width, dtype="float32")
    rows = ops.arange(height, dtype="float32")[:, None]
    entries = matrices[:, :, :, None, None]
    across, down = (
        entries[:, axis, 0] * columns + (entries[:, axis, 1] * rows + entries[:, axis, 2]) for axis in range(2)
    )
    return across, down


def _beyond(points: Any, size: int) -> Any:
    """Which points lie beyond the first or the last pixel's centre."""
    return (points < -_ROUNDING * size) | (points > size - 1 + _ROUNDING * size)


def _within(points: Any, size: int, fill_mode: str) -> Any:
    """The points brought to 0..size - 1, as the fill mode says."""
    from keras import ops

    last = size - 1
    if fill_mode == "reflect":
        # The picture and its mirror image take 2 * size pixels; halfway to the mirror the edge's level holds.
        turned = ops.mod(points + 0.5, 2.0 * size)
        points = ops.minimum(turned, 2.0 * size - turned) - 0.5
    elif fill_mode == "wrap" and last:
        points = ops.where(_beyond(points, size), ops.mod(points, float(last)), points)
    return ops.clip(points, 0.0, float(last))


def _neighbours(points: Any, size: int) -> tuple[Any, Any, Any]:
    """The pixels before and after each point, and how far it lies between them: 0..1, (n, height, width, 1)."""
    from keras import ops

    before = ops.clip(ops.floor(points), 0.0, float(max(size - 2, 0)))
    place = _whole(before)
    return place, place + min(1, size - 1), (points - before)[..., None]


def _whole(numbers: Any) -> Any:
    from keras import ops

    return ops.cast(numbers, "int32")


def _between(first: Any, second: Any, share: Any) -> Any:
    return first + share * (second - first)
