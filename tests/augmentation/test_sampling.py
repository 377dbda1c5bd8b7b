"""Sampling by Keras's backend means what the host's warp means."""

from __future__ import annotations

import numpy as np
import pytest

from fieldguide.augmentation import warp
from fieldguide.augmentation.affine import IDENTITY, matrices
from fieldguide.augmentation.draws import draw
from fieldguide.augmentation.sampling import sample
from fieldguide.augmentation.settings import FILL_MODES, INTERPOLATIONS, Settings

pytestmark = pytest.mark.keras

CLOSE = 1e-3  # pixels: nearer to a place where the result jumps, float32 and float64 may disagree
TOLERANCE = 0.01  # of 255 levels


def sampled(pictures: np.ndarray, table: np.ndarray, fill_mode: str, interpolation: str = "bilinear") -> np.ndarray:
    from keras import ops

    result = sample(
        ops.convert_to_tensor(pictures),
        ops.convert_to_tensor(table.astype(np.float32)),
        fill_mode=fill_mode,
        cval=7.0,
        interpolation=interpolation,
    )
    return np.asarray(ops.convert_to_numpy(result))


def warped(pictures: np.ndarray, table: np.ndarray, fill_mode: str, interpolation: str = "bilinear") -> np.ndarray:
    sampling = warp.Sampling(fill_mode, 7.0, 1 if interpolation == "bilinear" else 0)
    return np.stack([warp.warp(picture, matrix, sampling) for picture, matrix in zip(pictures, table, strict=True)])


def jumps(table: np.ndarray, size: tuple[int, int], fill_mode: str, interpolation: str) -> np.ndarray:
    """Which pixels of the results are taken from so near a tie or an edge that either answer is right: (n, h, w)."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    found = np.zeros((len(table), *size), bool)
    for axis, last in ((0, size[1] - 1), (1, size[0] - 1)):
        entries = table[:, axis, :, None, None]
        points = entries[:, 0] * columns + entries[:, 1] * rows + entries[:, 2]
        if fill_mode == "constant":
            found |= (np.abs(points) < CLOSE) | (np.abs(points - last) < CLOSE)
        if fill_mode == "wrap":
            found |= np.abs(points / last - np.round(points / last)) * last < CLOSE
        if interpolation == "nearest":
            found |= np.abs(points - np.floor(points) - 0.5) < CLOSE
    return found


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    """Worst-case pictures, in which neighbours differ by up to 255 levels: uint8 (24, 40, 61, 3)."""
    return np.random.default_rng(5).integers(0, 256, (24, 40, 61, 3), dtype=np.uint8)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_it_agrees_with_the_host(noise: np.ndarray, fill_mode: str, interpolation: str) -> None:
    settings = Settings(
        rotation_range=180,
        width_shift_range=1,
        height_shift_range=1,
        shear_range=30,
        zoom_range=(0.3, 3),
        horizontal_flip=True,
        vertical_flip=True,
    )
    table = draw(settings, (40, 61), range(len(noise)), seed=2).matrices
    either = jumps(table, (40, 61), fill_mode, interpolation)
    assert either.mean() < 0.02
    difference = np.abs(
        sampled(noise, table, fill_mode, interpolation) - warped(noise, table, fill_mode, interpolation)
    )
    assert difference[~either].max() <= TOLERANCE


@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_flips_and_whole_shifts_are_exact(noise: np.ndarray, fill_mode: str) -> None:
    """Points on pixels, and on the edge: nothing is blended, and none is taken for one beyond the edge."""
    flips = matrices((40, 61), flip=(np.array([True, False, True, False]), np.array([True, True, False, False])))
    shifts = matrices((40, 61), shift=(np.array([3.0, -5.0]), np.array([-7.0, 11.0])))
    table = np.concatenate([flips, shifts])
    assert np.array_equal(sampled(noise[:6], table, fill_mode), warped(noise[:6], table, fill_mode))
    assert np.array_equal(sampled(noise[:1], flips[:1], fill_mode)[0], noise[0, ::-1, ::-1])


@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_a_quarter_turn_keeps_the_edges(fill_mode: str) -> None:
    """float32 knows no right angle: its points lie a little beyond the edge, and must not be filled up."""
    picture = np.random.default_rng(6).integers(1, 256, (1, 51, 51, 1), dtype=np.uint8)
    table = matrices((51, 51), rotation=np.array([90.0]))
    assert np.abs(sampled(picture, table, fill_mode)[0] - np.rot90(picture[0])).max() < TOLERANCE


@pytest.mark.parametrize("shape", [(1, 9, 3), (9, 1, 1), (1, 1, 4), (2, 2, 2)], ids=str)
@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_the_smallest_pictures_and_any_number_of_channels(shape: tuple[int, int, int], fill_mode: str) -> None:
    picture = np.random.default_rng(7).integers(0, 256, (1, *shape), dtype=np.uint8)
    for interpolation in INTERPOLATIONS:
        assert np.array_equal(sampled(picture, IDENTITY[None], fill_mode, interpolation), picture)
    turned = sampled(picture, matrices(shape[:2], rotation=np.array([30.0])), fill_mode)
    assert turned.shape == picture.shape
    assert np.isfinite(turned).all()


def test_float_pictures_are_taken_as_they_are(noise: np.ndarray) -> None:
    table = matrices((40, 61), rotation=np.array([20.0]))
    whole, shares = sampled(noise[:1], table, "reflect"), sampled(noise[:1] / np.float32(255), table, "reflect")
    assert np.abs(shares * 255 - whole).max() < 1e-3
