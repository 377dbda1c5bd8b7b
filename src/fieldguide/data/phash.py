"""What a picture looks like in 64 bits, its brightness and its contrast: enough to find versions of it."""

from __future__ import annotations

import math

import numpy as np

SIDE = 32
_HALFWAY = 4 * SIDE
_KEPT = 10  # frequencies a side; the 64 lowest pairs of them, the constant left out, become bits


def _cosines() -> np.ndarray:
    """The first rows of the orthonormal discrete cosine transform: float64 (_KEPT, SIDE)."""
    frequency, place = np.arange(_KEPT)[:, None], np.arange(SIDE)[None]
    rows = np.cos(np.pi * frequency * (2 * place + 1) / (2 * SIDE)) * np.sqrt(2 / SIDE)
    rows[0] /= np.sqrt(2)
    return rows


def _lowest() -> np.ndarray:
    """Flat indices into (_KEPT, _KEPT) of the 64 lowest frequencies but the constant, in a fixed order."""
    down, across = np.indices((_KEPT, _KEPT))
    return np.lexsort((down.ravel(), (down**2 + across**2).ravel()))[1:65]


_COSINES, _LOWEST = _cosines(), _lowest()


def describe(pixels: np.ndarray) -> tuple[int, float, float]:
    """The perceptual hash of a whole picture, the mean of its grey levels and their standard deviation.

    Each bit says whether one low frequency of a small grey version is above the (lower) median of them all, so scaling,
    recompression and changes of brightness or contrast move few bits. A picture of one colour has the hash 0.

    Args:
        pixels: uint8 (h, w) grey or (h, w, 3) RGB; of one picture at any size.

    Returns:
        The hash (0 to 2**64 - 1), mean and standard deviation (0..255).

    Source: C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010, section 3.2.1; here
    with the frequencies nearest to the origin instead of a square of them.
    """
    levels = small_grey(pixels).astype(np.float64)
    strengths = (_COSINES @ levels @ _COSINES.T).ravel()[_LOWEST]
    middle = np.partition(strengths, 31)[31]
    bits = strengths > middle + 1e-6  # so that rounding decides nothing where all are equal
    mean = levels.sum() / levels.size
    contrast = math.sqrt(((levels - mean) ** 2).sum() / levels.size)
    return int.from_bytes(np.packbits(bits).tobytes(), "big"), float(mean), contrast


def small_grey(pixels: np.ndarray) -> np.ndarray:
    """The whole picture in 32 x 32 grey levels: uint8 (32, 32), averages of areas."""
    import cv2

    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    while min(grey.shape) >= 2 * _HALFWAY:  # an odd row or column is lost: less than a 250th, each time
        height, width = grey.shape[0] // 2, grey.shape[1] // 2
        grey = cv2.resize(grey[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
    if min(grey.shape) > _HALFWAY:  # averages over whole pixels are much faster than over parts of them
        grey = cv2.resize(grey, (_HALFWAY, _HALFWAY), interpolation=cv2.INTER_LINEAR)
    return cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
