"""Draws applied on the host: each picture is warped once, by OpenCV, and the pictures of a batch over threads.

OpenCV lets go of the interpreter while it warps. Beyond the edge its fill modes are not SciPy's, which Keras's are:
"constant" blends the edge with the fill, and "wrap" repeats after `width` pixels where SciPy's repeats after
`width - 1`. Both are done here as SciPy does, so that every applier means the same.

Pictures may be warped to another size than theirs. The result is then what the same draws make of a picture that was
brought to that size before, edges and all, but sampled once, from the picture as it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fieldguide.augmentation.affine import IDENTITY, from_another_size
from fieldguide.augmentation.draws import Draws, checked_size
from fieldguide.augmentation.settings import Settings
from fieldguide.errors import InputError
from fieldguide.parallel import Crew

_AT_ONCE = (1, 3, 4)  # channels that OpenCV takes at once, and exactly; of 2 it rounds the places to 1/32 pixel
SCIPY_MODES = ("mirror", "grid-constant", "grid-mirror", "grid-wrap")  # further fill modes, by SciPy itself
_ROUNDING = 1e-6  # pixels: a point so little beyond the edge is on it

Finish = Callable[[np.ndarray, int], None]


@dataclass(frozen=True)
class Sampling:
    """How levels are found between pixels and beyond the edge.

    Args:
        fill_mode: "nearest", "constant", "reflect" or "wrap", as in `Settings`.
        cval: The level beyond the edge for "constant".
        order: 0 takes the nearest pixel, 1 interpolates linearly, 2 to 5 are splines of that order, by SciPy.
        channels_first: Pictures are (channels, height, width), otherwise (height, width, channels).
    """

    fill_mode: str = "nearest"
    cval: float = 0.0
    order: int = 1
    channels_first: bool = False


class Warper:
    """Warps batches of pictures over threads that stay.

    Example:
        >>> from fieldguide.augmentation.draws import draw
        >>> settings = Settings(rotation_range=40, horizontal_flip=True)
        >>> pictures = np.zeros((8, 150, 150, 3), np.uint8)
        >>> draws = draw(settings, (150, 150), range(8), seed=1)
        >>> Warper().apply(pictures, draws, settings, scale=1 / 255).shape
        (8, 150, 150, 3)
    """

    def __init__(self, crew: Crew | None = None) -> None:
        """A warper whose threads start with the first batch.

        Args:
            crew: threads to use; default one for each processor.
        """
        self.crew = crew or Crew()
        self._scratch = _Scratch()

    def apply(
        self,
        pictures: np.ndarray,
        draws: Draws,
        settings: Settings,
        *,
        scale: float = 1.0,
        out: np.ndarray | None = None,
        size: tuple[int, int] | None = None,
    ) -> np.ndarray:
        """The pictures as their draws say, times `scale`.

        Args:
            pictures: uint8 or float (n, height, width, channels) with levels in `settings.value_range`; 1 or 3 channels
                where the settings shift channels.
            draws: a row for each picture, for the result's height and width.
            settings: that the draws were made from.
            scale: by which the result's levels are multiplied, such as 1 / 255.
            out: float32 (n, *size, channels) to write to; default a new array.
            size: (height, width) of the result; default that of the pictures. Crops of larger pictures stay sharp. Each
                level comes from four pixels: of pictures much more than twice as large, fine lines break up.

        Returns:
            float32 (n, *size, channels).

        Raises:
            InputError: `size` is none of a picture, or `out` has another shape than the result.
            InputTypeError: `size` is no pair of whole numbers.
        """
        sampling = Sampling(settings.fill_mode, settings.cval, 0 if settings.interpolation == "nearest" else 1)

        def finish(result: np.ndarray, place: int) -> None:
            if settings.recolours:
                _recolour(result, draws, place, settings, scale)
            top, left, bottom, right = (int(edge) for edge in draws.boxes[place])
            result[top:bottom, left:right] = settings.cval * scale

        wanted = finish if settings.recolours or settings.erasing else None
        rows = range(len(pictures))
        return self.warp(pictures, rows, draws.matrices, sampling, scale=scale, out=out, finish=wanted, size=size)

    def warp(
        self,
        pictures: Sequence[np.ndarray] | np.ndarray,
        rows: Sequence[int] | np.ndarray,
        matrices: np.ndarray | None,
        sampling: Sampling,
        *,
        scale: float = 1.0,
        out: np.ndarray | None = None,
        finish: Finish | None = None,
        size: tuple[int, int] | None = None,
    ) -> np.ndarray:
        """Some of the pictures, each warped by its matrix and multiplied by `scale`.

        Args:
            pictures: (n, height, width, channels) of any number type, or as `sampling` says; or a list of pictures,
                alike in shape. Nothing of it is copied or changed.
            rows: which of them.
            matrices: float64 (len(rows), 2, 3), from a pixel (x, y) of the result to a point of the picture, were it of
                the result's size; None moves nothing.
            sampling: between pixels and beyond the edge.
            scale: by which levels are multiplied.
            out: float32 (len(rows), ...) to write to; default a new array.
            finish: called with each result, a part of `out`, and its place there; in any thread.
            size: (height, width) of the result, as for `apply`; default that of the pictures.

        Returns:
            `out`.

        Raises:
            InputError: `size` is none of a picture, or `out` has another shape than the result.
            InputTypeError: `size` is no pair of whole numbers.
        """
        taken = tuple(pictures.shape[1:] if isinstance(pictures, np.ndarray) else pictures[0].shape)
        shape = taken if size is None else _of_size(taken, checked_size(size), sampling.channels_first)
        result = _place((len(rows), *shape), out)
        table = np.broadcast_to(IDENTITY, (len(rows), 2, 3)) if matrices is None else matrices
        still = ((table == IDENTITY).all(axis=(1, 2)) & (shape == taken)).tolist()
        scaled = Sampling(sampling.fill_mode, sampling.cval * scale, sampling.order, sampling.channels_first)

        def work(place: int) -> None:
            picture = pictures[rows[place]]
            if still[place]:
                _convert(picture, result[place], scale)
            else:
                levels = self._scratch.like(picture)
                _convert(picture, levels, scale)
                _warp(levels, result[place], table[place], scaled)
            if finish is not None:
                finish(result[place], place)

        self.crew.each(work, len(rows))
        return result


def warp(picture: np.ndarray, matrix: np.ndarray, sampling: Sampling) -> np.ndarray:
    """One picture, warped.

    Args:
        picture: of any number type, (height, width, channels), or as `sampling` says.
        matrix: float64 (2, 3), from a pixel (x, y) of the result to a point of the picture.
        sampling: between pixels and beyond the edge.

    Returns:
        float32, of the picture's shape.
    """
    levels = np.ascontiguousarray(picture, np.float32)
    result = np.empty_like(levels)
    _warp(levels, result, matrix, sampling)
    return result


def _warp(picture: np.ndarray, result: np.ndarray, matrix: np.ndarray, sampling: Sampling) -> None:
    """Warps float32 pixels, contiguous, into `result`, whose size may be another."""
    if sampling.order > 1 or sampling.fill_mode in SCIPY_MODES:
        _spline(picture, result, matrix, sampling)
    elif sampling.channels_first:
        for plane, place in zip(picture, result, strict=True):
            _warp_plane(plane, place, matrix, sampling)
    elif picture.shape[2] in _AT_ONCE:
        _warp_plane(picture, result, matrix, sampling)
    else:
        for channel in range(picture.shape[2]):
            place = np.empty(result.shape[:2], np.float32)
            _warp_plane(np.ascontiguousarray(picture[..., channel]), place, matrix, sampling)
            result[..., channel] = place


def _warp_plane(picture: np.ndarray, result: np.ndarray, matrix: np.ndarray, sampling: Sampling) -> None:
    """Warps (h, w) or (h, w, channels)."""
    import cv2

    size, taken = result.shape[:2], picture.shape[:2]
    if picture.ndim == 3 and picture.shape[2] == 1:  # OpenCV knows no single channel
        picture, result = picture[..., 0], result[..., 0]
    method = cv2.INTER_NEAREST if sampling.order == 0 else cv2.INTER_LINEAR
    if sampling.fill_mode == "wrap":
        across, down = _wrapped(matrix, size, taken, sampling.order)
        cv2.remap(picture, across, down, method, dst=result)
        return
    border = cv2.BORDER_REFLECT if sampling.fill_mode == "reflect" else cv2.BORDER_REPLICATE
    flags = method | cv2.WARP_INVERSE_MAP
    onto = matrix if size == taken else from_another_size(matrix, size, taken)
    cv2.warpAffine(picture, onto, size[::-1], dst=result, flags=flags, borderMode=border)
    if sampling.fill_mode == "constant":
        result[_beyond(matrix, size)] = sampling.cval


def _wrapped(matrix: np.ndarray, size: tuple[int, int], taken: tuple[int, int], order: int) -> list[np.ndarray]:
    """The points to sample, float32 x (h, w) and y (h, w), brought inside by whole periods of the picture."""
    height, width = size
    columns, rows = np.arange(width), np.arange(height)[:, None]
    points = []
    for (across, down, start), side, side_taken in zip(matrix, size[::-1], taken[::-1], strict=True):
        point, last = across * columns + down * rows + start, side - 1
        # A whole period before the first pixel lies the last one, as SciPy has it; one behind the last lies the first.
        before, behind = point < 0, point > last
        point[before] = last - np.mod(-point[before], last) if last else 0
        point[behind] = np.mod(point[behind], last) if last else 0
        if side != side_taken:
            point = np.clip((point + 0.5) * (side_taken / side) - 0.5, 0, side_taken - 1)
        points.append(np.floor(point + 0.5).astype(np.float32) if order == 0 else point.astype(np.float32))
    return points


def _beyond(matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Which pixels of the result lie beyond the picture's edge: bool (h, w)."""
    height, width = size
    rows = np.arange(height)
    first, last = np.full(height, -np.inf), np.full(height, np.inf)  # of each row, the columns that lie within
    for (across, down, start), most in zip(matrix, (width - 1, height - 1), strict=True):
        begins = down * rows + start
        if across:
            ends = np.sort([(-_ROUNDING - begins) / across, (most + _ROUNDING - begins) / across], axis=0)
            first, last = np.maximum(first, ends[0]), np.minimum(last, ends[1])
        else:
            last[(begins < -_ROUNDING) | (begins > most + _ROUNDING)] = -np.inf
    columns = np.arange(width)
    return (columns < first[:, None]) | (columns > last[:, None])


def _spline(picture: np.ndarray, result: np.ndarray, matrix: np.ndarray, sampling: Sampling) -> None:
    """Warps by SciPy, channel by channel: splines of order 2 to 5, and its own fill modes."""
    from scipy import ndimage

    planes = picture if sampling.channels_first else np.moveaxis(picture, 2, 0)
    places = result if sampling.channels_first else np.moveaxis(result, 2, 0)
    size, taken = places[0].shape, planes[0].shape
    onto = matrix if size == taken else from_another_size(matrix, size, taken)
    turned, start = onto[::-1, 1::-1], onto[::-1, 2]  # SciPy counts rows first
    for plane, place in zip(planes, places, strict=True):
        place[:] = ndimage.affine_transform(
            plane, turned, start, size, order=sampling.order, mode=sampling.fill_mode, cval=sampling.cval
        )


def _of_size(shape: tuple[int, ...], size: tuple[int, int], channels_first: bool) -> tuple[int, ...]:
    """The shape of pictures, with another height and width."""
    return (shape[0], *size) if channels_first else (*size, shape[2])


def _place(shape: tuple[int, ...], out: np.ndarray | None) -> np.ndarray:
    """Where the results go: `out`, or a new array."""
    if out is None:
        return np.empty(shape, np.float32)
    if out.shape != shape:
        raise InputError(f"out has the shape {out.shape}; expected that of the result, {shape}.")
    return out


def _convert(picture: np.ndarray, result: np.ndarray, scale: float) -> None:
    """The picture's levels times `scale`, as float32."""
    if scale == 1:
        result[...] = picture
    else:
        np.multiply(picture, np.float32(scale), out=result, casting="unsafe")


def _recolour(result: np.ndarray, draws: Draws, place: int, settings: Settings, scale: float) -> None:
    """Brightness, then contrast about the mean, then each colour's shift, in one multiplication and one addition."""
    factor, contrast = float(draws.factors[place]), float(draws.contrasts[place])
    low, high = settings.value_range
    mean = float(result.mean()) * factor if contrast != 1 else 0.0
    offsets: np.ndarray | float = mean * (1 - contrast)
    if settings.channel_shift_range:  # for 1 or 3 channels
        offsets = offsets + draws.offsets[place][: result.shape[2]] * scale
    result *= np.float32(factor * contrast)
    result += np.asarray(offsets, np.float32)
    np.clip(result, np.float32(low * scale), np.float32(high * scale), out=result)


class _Scratch(threading.local):
    """An array for each thread, so that none is allocated for each picture."""

    def __init__(self) -> None:
        self._array = np.empty(0, np.float32)

    def like(self, picture: np.ndarray) -> np.ndarray:
        """float32 of the picture's shape, with any content."""
        if self._array.size < picture.size:
            self._array = np.empty(picture.size, np.float32)
        return self._array[: picture.size].reshape(picture.shape)
