"""Keras's own image generator, which fieldguide's is compared with, and what its results have to be compared by."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from hypothesis import strategies as st
from keras.src.legacy.preprocessing import image as keras_image

# Levels of 0..255. SciPy interpolates in double precision, OpenCV in single, with places of 1/1,000 pixel or better.
LINEAR = 0.01
# Splines are SciPy's in both; only the matrix is put together in another order.
SPLINE = 0.01
# Where a point lies halfway between two pixels, or just on an edge that the fill makes sharp, rounding decides which
# side it is on: see `ties`. So many pixels of a picture, and so large a share of many, may then differ by more.
TIES = 2
TIES_SHARE = 0.002
# Keras brightens by way of Pillow: levels are cut to whole ones before, which the factor then multiplies, and after.
BYTES = 1.0


def tolerance(order: int, brightest: float = 0.0) -> float:
    """How many levels, of 0..255, pixels may differ by."""
    return (LINEAR if order <= 1 else SPLINE) + (BYTES * (1 + brightest) if brightest else 0.0)


@contextmanager
def as_keras_does() -> Iterator[None]:
    """Inside, what Keras's class warns of is no error: SciPy's deprecations, tiff files, and more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Oracle(keras_image.ImageDataGenerator):
    """Keras's class with one of its faults taken away: it moves pictures down by what it calls the width's shift.

    To give it the two ranges exchanged would not do: it draws the height's first, so the numbers would be exchanged
    too. Therefore the shifts are exchanged once they are drawn.
    """

    gain = 1.0  # the largest factor that levels were multiplied by in `standardize`

    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
        given = transform_parameters
        with as_keras_does():
            return np.asarray(super().apply_transform(x, {**given, "tx": given.get("ty", 0), "ty": given.get("tx", 0)}))

    def standardize(self, x: np.ndarray) -> np.ndarray:
        before = float(np.ptp(x))
        x = super().standardize(x)
        if before:
            self.gain = max(self.gain, float(np.ptp(x)) / before)
        return x


def ties(order: int, fill_mode: str) -> bool:
    """Whether rounding may decide between two levels far apart."""
    return order == 0 or fill_mode in ("constant", "wrap")


def assert_alike(ours: np.ndarray, keras: np.ndarray, most: float, *, ties: bool = False) -> None:
    """Fails where a level differs by more than `most`; with `ties` a few pixels of a picture may."""
    assert ours.shape == keras.shape
    assert ours.dtype == keras.dtype
    differ = np.abs(ours.astype(np.float64) - keras.astype(np.float64))
    beyond = int((differ > most).sum())
    channels = min(ours.shape[-1], ours.shape[-3])
    pixels = max(ours.shape[-3:]) + TIES * (len(ours) if ours.ndim == 4 else 1)  # a shift may bring a row to the edge
    allowed = pixels * channels + TIES_SHARE * ours.size if ties else 0
    assert beyond <= allowed, f"{beyond} of {ours.size} levels differ by more than {most:.3g}, up to {differ.max():.3g}"


def zooms() -> st.SearchStrategy[Any]:
    return st.floats(0, 0.6) | st.tuples(st.floats(0.5, 1.0), st.floats(1.0, 1.6)) | st.just((1, 1)) | st.just(0)


def shifts() -> st.SearchStrategy[Any]:
    """A share, pixels, whole pixels, or a list of either."""
    return st.one_of(
        st.just(0),
        st.floats(0.01, 0.5),
        st.floats(1.0, 4.0),
        st.integers(1, 4),
        st.lists(st.integers(-3, 3), min_size=1, max_size=3),
        st.lists(st.floats(-0.3, 0.3), min_size=1, max_size=3),
    )


def variations() -> dict[str, st.SearchStrategy[Any]]:
    """Everything that varies at random, by the generator's names."""
    return {
        "rotation_range": st.sampled_from((0, 0, 10, 40.5, 180)),
        "width_shift_range": shifts(),
        "height_shift_range": shifts(),
        "shear_range": st.sampled_from((0.0, 0.0, 0.2, 25)),
        "zoom_range": zooms(),
        "channel_shift_range": st.sampled_from((0.0, 0.0, 30.0)),
        "horizontal_flip": st.booleans(),
        "vertical_flip": st.booleans(),
        "brightness_range": st.sampled_from((None, None, (0.5, 1.5), [0.2, 0.9])),
    }


def samplings() -> dict[str, st.SearchStrategy[Any]]:
    """How levels are found between pixels and beyond the edge."""
    return {
        "fill_mode": st.sampled_from(("nearest", "constant", "reflect", "wrap")),
        "cval": st.sampled_from((0.0, 100.0)),
        "interpolation_order": st.sampled_from((0, 1, 1, 1, 3)),
        "data_format": st.sampled_from(("channels_last", "channels_last", "channels_first")),
        "dtype": st.sampled_from(("float32", "float32", "float64")),
    }


def brightest(settings: dict[str, Any]) -> float:
    """The highest factor of brightness that may be drawn; 0 for none."""
    return max(settings.get("brightness_range") or (0.0,))


def pictures(seed: int, count: int, side: int, channels: int, kind: str, data_format: str = "channels_last") -> Any:
    """Noise with smooth parts: square pictures with levels of a kind."""
    rng = np.random.default_rng((seed, 3))
    rows, columns = np.mgrid[0:side, 0:side] / side
    smooth = 90 * (rows * rng.uniform(0, 1, (count, 1, 1)) + columns)[..., None] * rng.uniform(0.3, 1, channels)
    levels = np.clip(smooth + rng.uniform(20, 70, (count, side, side, channels)), 0, 255)
    if data_format == "channels_first":
        levels = np.moveaxis(levels, 3, 1)
    return {
        "bytes": levels.astype(np.uint8),
        "levels": levels.astype(np.float32),
        "unit": (levels / 255).astype(np.float32),
        "signed": (levels - 100).astype(np.float32),
        "double": levels,
    }[kind]
