"""Which part of a picture goes where in the target, and the pixels for it, reduced without aliasing."""

from __future__ import annotations

import numpy as np

RESIZE_RULES = ("crop", "squash", "pad")
BACKGROUND = (255, 255, 255)  # white: the bars of "pad", and what transparent pictures are laid on

_BLUR = 1 / 3  # standard deviation of the blur before reducing, in target pixels
_WIDE_BLUR = 2.4  # above this ratio the blur needs five taps instead of three

Box = tuple[int, int, int, int]  # top, left, height, width


def plan(size: tuple[int, int], target_size: tuple[int, int], resize: str) -> tuple[Box, tuple[int, int]]:
    """The box of the picture that is used, in its pixels, and the size it gets within the target.

    Args:
        size: (height, width) of the picture.
        target_size: (height, width) of the result.
        resize: One of RESIZE_RULES.

    Example:
        >>> plan((375, 500), (224, 224), "crop")
        ((0, 62, 375, 375), (224, 224))
        >>> plan((375, 500), (224, 224), "pad")
        ((0, 0, 375, 500), (168, 224))
    """
    (height, width), (rows, columns) = size, target_size
    if resize == "squash":
        return (0, 0, height, width), target_size
    taller = height * columns >= width * rows  # than the target
    if resize == "pad":
        if taller:
            columns = max(1, round(width * rows / height))
        else:
            rows = max(1, round(height * columns / width))
        return (0, 0, height, width), (rows, columns)
    if taller:
        used = min(height, max(1, round(width * rows / columns)))
        return ((height - used) // 2, 0, used, width), target_size
    used = min(width, max(1, round(height * columns / rows)))
    return (0, (width - used) // 2, height, used), target_size


def cut(pixels: np.ndarray, box: Box, size: tuple[int, int]) -> np.ndarray:
    """The box, given in pixels of a picture of this size, of `pixels`, which may be a smaller version of it."""
    starts, lengths = box[:2], box[2:]
    slices = []
    for start, length, full, now in zip(starts, lengths, size, pixels.shape[:2], strict=True):
        first = round(start * now / full)
        slices.append(slice(first, max(first + 1, round((start + length) * now / full))))
    return pixels[tuple(slices)]


def resize(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The pixels at another size: cubic interpolation, after a blur where it reduces.

    The blur leaves little of what the target is too coarse to show, which would alias. Up to a ratio of 2.4 the two
    together come closer to an ideal reduction (Lanczos-3) than averages over areas do, from there to 4 as close within
    0.3 dB and with less aliasing of fine patterns, always in a third of the time (see benchmarks/decode.py). Larger
    ratios should be brought below 4 by whole factors first.

    Args:
        pixels: uint8 (h, w) or (h, w, channels).
        size: (height, width) of the result.
    """
    import cv2

    if pixels.shape[:2] == tuple(size):
        return pixels
    ratios = [now / then for now, then in zip(pixels.shape[:2], size, strict=True)]
    if max(ratios) > 1:
        down, across = ((3 if ratio < _WIDE_BLUR else 5) if ratio > 1 else 1 for ratio in ratios)
        pixels = cv2.GaussianBlur(pixels, (across, down), sigmaX=ratios[1] * _BLUR, sigmaY=ratios[0] * _BLUR)
    return cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_CUBIC)


def frame(pixels: np.ndarray, target_size: tuple[int, int]) -> np.ndarray:
    """RGB of the target's size: grey tripled, and bars of BACKGROUND around what does not fill it."""
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    height, width = pixels.shape[:2]
    if (height, width) == tuple(target_size):
        return np.ascontiguousarray(pixels)
    framed = np.full((*target_size, 3), BACKGROUND, np.uint8)
    top, left = (target_size[0] - height) // 2, (target_size[1] - width) // 2
    framed[top : top + height, left : left + width] = pixels
    return framed


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels turned and mirrored as EXIF's orientation 1 to 8 asks, ready for display."""
    if orientation in (2, 3, 7, 8):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 6, 7):
        pixels = pixels[::-1]
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    return np.ascontiguousarray(pixels)
