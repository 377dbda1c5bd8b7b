"""The host's applier: SciPy's pixels for every fill mode, one sampling, and the same over any number of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import LINEAR, assert_alike, pictures, ties
from scipy import ndimage

from fieldguide.augmentation.affine import IDENTITY, matrices
from fieldguide.augmentation.draws import Draws, draw
from fieldguide.augmentation.settings import FILL_MODES, Settings
from fieldguide.augmentation.warp import SCIPY_MODES, Sampling, Warper, warp
from fieldguide.parallel import Crew

VARIED = Settings(rotation_range=40, width_shift_range=0.2, zoom_range=0.2, horizontal_flip=True)


def by_scipy(picture: np.ndarray, matrix: np.ndarray, sampling: Sampling) -> np.ndarray:
    """The picture (height, width, channels) warped by SciPy in double precision."""
    rows = matrix[::-1, 1::-1], matrix[::-1, 2]
    options: dict[str, Any] = {"order": sampling.order, "mode": sampling.fill_mode, "cval": sampling.cval}
    planes = [ndimage.affine_transform(plane, *rows, **options) for plane in np.moveaxis(picture, 2, 0)]
    return np.stack(planes, axis=2)


@settings(max_examples=120, deadline=None, derandomize=True, database=None)
@given(
    size=st.tuples(st.integers(2, 40), st.integers(2, 40)),
    channels=st.integers(1, 5),
    fill_mode=st.sampled_from((*FILL_MODES, *SCIPY_MODES)),
    order=st.sampled_from((0, 1, 1, 2, 3)),
    rotation=st.sampled_from((0.0, 17.3, -140.1)),
    shift=st.tuples(st.floats(-90, 90), st.floats(-90, 90)),
    zoom=st.tuples(st.floats(0.3, 3), st.floats(0.3, 3)),
    seed=st.integers(0, 99),
)
def test_pixels_are_scipys(
    size: Any, channels: int, fill_mode: str, order: int, rotation: float, shift: Any, zoom: Any, seed: int
) -> None:
    picture = np.random.default_rng(seed).uniform(0, 255, (*size, channels)).astype(np.float32)
    matrix = matrices(size, rotation=rotation, shift=shift, zoom=zoom)
    sampling = Sampling(fill_mode, 30.0, order)
    expected = by_scipy(picture, matrix, sampling)
    result = warp(picture, matrix, sampling)
    # A narrow picture met again and again, hundreds of pixels away, multiplies the rounding of single precision.
    assert_alike(result, expected, LINEAR * 4, ties=ties(order, fill_mode))
    turned = warp(np.moveaxis(picture, 2, 0), matrix, Sampling(fill_mode, 30.0, order, channels_first=True))
    np.testing.assert_allclose(np.moveaxis(turned, 0, 2), result, atol=LINEAR * 4)


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("shift", [(-12, 0), (0, -12), (12, 12), (-3, 3), (-9, 1)])
def test_whole_pixels_are_exact_also_by_whole_periods(fill_mode: str, order: int, shift: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).uniform(0, 255, (4, 4, 3)).astype(np.float32)
    sampling, matrix = Sampling(fill_mode, 7.0, order), matrices((4, 4), shift=shift)
    np.testing.assert_array_equal(warp(picture, matrix, sampling), by_scipy(picture, matrix, sampling))


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("order", [0, 1])
def test_flips_are_exact(channels: int, order: int) -> None:
    picture = np.random.default_rng(1).uniform(0, 255, (9, 13, channels)).astype(np.float32)
    for flip, expected in (((False, True), picture[:, ::-1]), ((True, False), picture[::-1])):
        np.testing.assert_array_equal(warp(picture, matrices((9, 13), flip=flip), Sampling(order=order)), expected)


def test_a_white_picture_stays_white() -> None:
    """No level rises above the highest there is, by which its range is told."""
    picture = np.full((60, 60, 3), 255, np.float32)
    rng = np.random.default_rng(1)
    for _ in range(50):
        matrix = matrices((60, 60), rotation=rng.uniform(-40, 40), zoom=tuple(rng.uniform(0.8, 1.2, 2)))
        assert warp(picture, matrix, Sampling()).max() == 255
        assert warp(picture / 255, matrix, Sampling()).max() == 1


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.float64, np.float16])
@pytest.mark.parametrize("scale", [1.0, 1 / 255])
def test_every_number_type_is_read(kind: Any, scale: float) -> None:
    x = pictures(1, 3, 12, 3, "bytes").astype(kind)
    found = matrices((12, 12), rotation=np.array([0.0, 20.0, 30.0]))
    result = Warper(Crew(2)).warp(x, [2, 0, 1], found, Sampling(), scale=scale)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result[0], x[2].astype(np.float32) * scale, rtol=1e-6)
    for place, row in ((1, 0), (2, 1)):
        np.testing.assert_allclose(result[place], warp(x[row], found[place], Sampling()) * scale, atol=LINEAR * scale)


def test_what_is_given_is_not_changed_and_out_is_written_to() -> None:
    x = pictures(1, 4, 12, 3, "levels")
    kept, out = x.copy(), np.empty_like(x)
    draws = draw(VARIED, (12, 12), range(4), seed=1)
    assert Warper(Crew(1)).apply(x, draws, VARIED, out=out) is out
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize("kind", ["bytes", "levels"])
def test_any_number_of_threads_gives_the_same_pixels(kind: str) -> None:
    varied = Settings(rotation_range=40, contrast_range=(0.5, 1.5), erasing=0.5, fill_mode="wrap")
    x = pictures(1, 24, 20, 3, kind)
    draws = draw(varied, (20, 20), range(24), seed=1)
    one, four = (Warper(Crew(threads)).apply(x, draws, varied, scale=1 / 255) for threads in (1, 4))
    np.testing.assert_array_equal(one, four)


def test_sizes_may_change_from_batch_to_batch() -> None:
    warper = Warper(Crew(2))
    for side in (8, 30, 12, 30):
        x = pictures(1, 3, side, 3, "bytes")
        draws = draw(VARIED, (side, side), range(3), seed=1)
        expected = Warper(Crew(1)).apply(x, draws, VARIED)
        np.testing.assert_array_equal(warper.apply(x, draws, VARIED), expected)


def drawn(**changes: Any) -> Draws:
    """The draws of one picture that stays as it is, but for these."""
    plain = {
        "matrices": IDENTITY[None],
        "factors": np.ones(1),
        "contrasts": np.ones(1),
        "offsets": np.zeros((1, 3)),
        "boxes": np.zeros((1, 4)),
    }
    return Draws(**{**plain, **changes})


@pytest.mark.parametrize("scale", [1.0, 1 / 255])
def test_levels_change_exactly_as_drawn(scale: float) -> None:
    levels = pictures(1, 1, 12, 3, "levels")
    varied = Settings(brightness_range=(0, 2), contrast_range=(0, 2), channel_shift_range=50)

    def apply(**changes: Any) -> np.ndarray:
        return Warper(Crew(1)).apply(levels, drawn(**changes), varied, scale=scale) / scale

    close: dict[str, Any] = {"atol": 1e-2, "rtol": 0}
    np.testing.assert_allclose(apply(), levels, **close)
    np.testing.assert_allclose(apply(factors=np.array([1.5])), np.clip(levels * 1.5, 0, 255), **close)
    mean = levels.mean()
    np.testing.assert_allclose(apply(contrasts=np.array([0.5])), mean + (levels - mean) * 0.5, **close)
    offsets = np.array([[20.0, -30.0, 0.0]])
    np.testing.assert_allclose(apply(offsets=offsets), np.clip(levels + offsets, 0, 255), **close)
    together = {"factors": np.array([0.8]), "contrasts": np.array([1.2]), "offsets": offsets}
    expected = np.clip((levels * 0.8 - mean * 0.8) * 1.2 + mean * 0.8 + offsets, 0, 255)
    np.testing.assert_allclose(apply(**together), expected, **close)


def test_a_rectangle_is_painted_over() -> None:
    levels = pictures(1, 1, 12, 3, "levels")
    boxes = np.array([[2, 3, 5, 9]])
    result = Warper(Crew(1)).apply(levels, drawn(boxes=boxes), Settings(erasing=1, cval=100), scale=0.5)
    assert (result[0, 2:5, 3:9] == 50).all()
    result[0, 2:5, 3:9] = levels[0, 2:5, 3:9] * 0.5
    np.testing.assert_array_equal(result, levels * 0.5)


def test_pictures_of_a_list() -> None:
    x = pictures(1, 3, 12, 3, "bytes")
    draws = draw(VARIED, (12, 12), range(3), seed=1)
    expected = Warper(Crew(1)).warp(x, range(3), draws.matrices, Sampling())
    np.testing.assert_array_equal(Warper(Crew(1)).warp(list(x), range(3), draws.matrices, Sampling()), expected)
