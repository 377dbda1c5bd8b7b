"""Draws applied on the host: each picture is warped once, by OpenCV, and the pictures of a batch over threads.

OpenCV lets go of the interpreter while it warps. Beyond the edge its fill modes are not SciPy's, which Keras's are:
"constant" blends the edge with the fill, and "wrap" repeats after `width` pixels where SciPy's repeats after
`width - 1`. Both are done here as SciPy does, so that every applier means the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fieldguide.augmentation.affine import IDENTITY
from fieldguide.augmentation.draws import Draws
from fieldguide.augmentation.settings import Settings
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
    ) -> np.ndarray:
        """The pictures as their draws say, times `scale`.

        Args:
            pictures: uint8 or float (n, height, width, channels) with levels in `settings.value_range`; 1 or 3 channels
                where the settings shift channels.
            draws: a row for each picture, for this height and width.
            settings: that the draws were made from.
            scale: by which the result's levels are multiplied, such as 1 / 255.
            out: float32 (n, height, width, channels) to write to; default a new array.

        Returns:
            float32 (n, height, width, channels).
        """
        sampling = Sampling(settings.fill_mode, settings.cval, 0 if settings.interpolation == "nearest" else 1)

        def finish(result: np.ndarray, place: int) -> None:
            if settings.recolours:
                _recolour(result, draws, place, settings, scale)
            top, left, bottom, right = (int(edge) for edge in draws.boxes[place])
            result[top:bottom, left:right] = settings.cval * scale

        wanted = finish if settings.recolours or settings.erasing else None
        return self.warp(pictures, range(len(pictures)), draws.matrices, sampling, scale=scale, out=out, finish=wanted)

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
    ) -> np.ndarray:
        """Some of the pictures, each warped by its matrix and multiplied by `scale`.

        Args:
            pictures: (n, height, width, channels) of any number type, or as `sampling` says; or a list of pictures,
                alike in shape. Nothing of it is copied or changed.
            rows: which of them.
            matrices: float64 (len(rows), 2, 3), from a pixel (x, y) of the result to a point of the picture; None
                leaves all pictures as they are.
            sampling: between pixels and beyond the edge.
            scale: by which levels are multiplied.
            out: float32 (len(rows), ...) to write to; default a new array.
            finish: called with each result, a part of `out`, and its place there; in any thread.

        Returns:
            `out`.
        """
        shape = pictures.shape[1:] if isinstance(pictures, np.ndarray) else pictures[0].shape
        result = np.empty((len(rows), *shape), np.float32) if out is None else out
        still = [True] * len(rows) if matrices is None else (matrices == IDENTITY).all(axis=(1, 2)).tolist()
        scaled = Sampling(sampling.fill_mode, sampling.cval * scale, sampling.order, sampling.channels_first)

        def work(place: int) -> None:
            picture = pictures[rows[place]]
            if matrices is None or still[place]:
                _convert(picture, result[place], scale)
            else:
                levels = self._scratch.like(picture)
                _convert(picture, levels, scale)
                _warp(levels, result[place], matrices[place], scaled)
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
    """Warps float32 pixels, contiguous, into `result`."""
    if sampling.order > 1 or sampling.fill_mode in SCIPY_MODES:
        _spline(picture, result, matrix, sampling)
    elif sampling.channels_first:
        for plane, place in zip(picture, result, strict=True):
            _warp_plane(plane, place, matrix, sampling)
    elif picture.shape[2] in _AT_ONCE:
        _warp_plane(picture, result, matrix, sampling)
    else:
        for channel in range(picture.shape[2]):
            place = np.empty(picture.shape[:2], np.float32)
            _warp_plane(np.ascontiguousarray(picture[..., channel]), place, matrix, sampling)
            result[..., channel] = place


def _warp_plane(picture: np.ndarray, result: np.ndarray, matrix: np.ndarray, sampling: Sampling) -> None:
    """Warps (h, w) or (h, w, channels)."""
    import cv2

    height, width = picture.shape[:2]
    if picture.ndim == 3 and picture.shape[2] == 1:  # OpenCV knows no single channel
        picture, result = picture[..., 0], result[..., 0]
    method = cv2.INTER_NEAREST if sampling.order == 0 else cv2.INTER_LINEAR
    if sampling.fill_mode == "wrap":
        across, down = _wrapped(matrix, (height, width), sampling.order)
        cv2.remap(picture, across, down, method, dst=result)
        return
    border = cv2.BORDER_REFLECT if sampling.fill_mode == "reflect" else cv2.BORDER_REPLICATE
    flags = method | cv2.WARP_INVERSE_MAP
    cv2.warpAffine(picture, matrix, (width, height), dst=result, flags=flags, borderMode=border)
    if sampling.fill_mode == "constant":
        result[_beyond(matrix, (height, width))] = sampling.cval


def _wrapped(matrix: np.ndarray, size: tuple[int, int], order: int) -> list[np.ndarray]:
    """The points to sample, float32 x (h, w) and y (h, w), brought inside by whole periods of the picture."""
    height, width = size
    columns, rows = np.arange(width), np.arange(height)[:, None]
    points = []
    for (across, down, start), last in zip(matrix, (width - 1, height - 1), strict=True):
        point = across * columns + down * rows + start
        # A whole period before the first pixel lies the last one, as SciPy has it; one behind the last lies the first.
        before, behind = point < 0, point > last
        point[before] = last - np.mod(-point[before], last) if last else 0
        point[behind] = np.mod(point[behind], last) if last else 0
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
    turned, start = matrix[::-1, 1::-1], matrix[::-1, 2]  # SciPy counts rows first
    for plane, place in zip(planes, places, strict=True):
        place[:] = ndimage.affine_transform(
            plane, turned, start, order=sampling.order, mode=sampling.fill_mode, cval=sampling.cval
        )


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
