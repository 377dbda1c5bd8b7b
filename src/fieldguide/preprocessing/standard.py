"""Levels brought to a standard: statistics of a set of pictures, and pictures centred and scaled by them."""

from __future__ import annotations

import math

import numpy as np

from fieldguide.errors import InputError

EPSILON = 1e-6  # added to a standard deviation, which may be zero


def mean_of(pictures: np.ndarray, channel_axis: int) -> np.ndarray:
    """Each channel's mean, shaped to be taken from one picture: (1, 1, channels) or (channels, 1, 1).

    Args:
        pictures: float (n, ...), four axes.
        channel_axis: 1 or 3.
    """
    return _of_channels(np.mean(pictures, axis=_others(channel_axis)), channel_axis)


def deviation_of(pictures: np.ndarray, channel_axis: int) -> np.ndarray:
    """Each channel's standard deviation, shaped like `mean_of`."""
    return _of_channels(np.std(pictures, axis=_others(channel_axis)), channel_axis)


def whitening_of(pictures: np.ndarray, epsilon: float) -> np.ndarray:
    """The matrix that takes all linear correlation from centred pictures: (pixels, pixels) of the flattened picture.

    Args:
        pictures: float (n, ...), centred.
        epsilon: added to the singular values, which may be zero.

    Source:
        A. Krizhevsky (2009), "Learning multiple layers of features from tiny images", appendix A (ZCA whitening).
    """
    count = len(pictures)
    directions, lengths, _ = np.linalg.svd(pictures.reshape(count, -1).T, full_matrices=False)
    return (directions * (np.sqrt(count) / (lengths + epsilon))) @ directions.T


def centre_each(pictures: np.ndarray) -> None:
    """Takes from all levels their mean, in place."""
    pictures -= np.mean(pictures, keepdims=True)


def scale_each(pictures: np.ndarray) -> None:
    """Divides all levels by their standard deviation, in place."""
    pictures /= np.std(pictures, keepdims=True) + EPSILON


def whitened(pictures: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """One picture or several, multiplied by a whitening matrix."""
    return (pictures.reshape(-1, math.prod(pictures.shape[-3:])) @ matrix).reshape(pictures.shape)


def by_features(
    pictures: np.ndarray, mean: np.ndarray | None, deviation: np.ndarray | None, whitening: np.ndarray | None
) -> np.ndarray:
    """One picture or several, centred, scaled and whitened by the statistics of others; in place but for whitening.

    Args:
        pictures: float.
        mean: From `mean_of`; None leaves them as they are, as with the other two.
        deviation: From `deviation_of`.
        whitening: From `whitening_of`.

    Raises:
        InputError: A statistic is that of pictures of another shape.
    """
    name = ""
    shape: tuple[int, ...] = ()
    try:
        if mean is not None:
            name, shape = "mean", np.shape(mean)
            pictures -= mean
        if deviation is not None:
            name, shape = "std", np.shape(deviation)
            pictures /= deviation + EPSILON
        if whitening is not None:
            name, shape = "zca_whitening_matrix", np.shape(whitening)
            pictures = whitened(pictures, whitening)
    except ValueError:
        raise InputError(
            f"pictures of shape {pictures.shape[-3:]} were given, and the generator's {name}, of shape {shape}, is "
            "that of others: call fit with pictures of this shape."
        ) from None
    return pictures


def _others(channel_axis: int) -> tuple[int, ...]:
    return tuple(axis for axis in range(4) if axis != channel_axis)


def _of_channels(values: np.ndarray, channel_axis: int) -> np.ndarray:
    shape = [1, 1, 1]
    shape[channel_axis - 1] = len(values)
    return values.reshape(shape)
