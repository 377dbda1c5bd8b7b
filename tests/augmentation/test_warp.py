"""The host's applier: SciPy's pixels for every fill mode, one sampling, and the same over any number of threads."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import LINEAR, assert_alike, pictures, ties
from scipy import ndimage

from fieldguide.augmentation.affine import IDENTITY, from_another_size, matrices
from fieldguide.augmentation.draws import NUMBERS, Draws, draw, draws_of
from fieldguide.augmentation.settings import FILL_MODES, Settings
from fieldguide.augmentation.warp import SCIPY_MODES, Sampling, Warper, warp
from fieldguide.errors import InputError, InputTypeError
from fieldguide.parallel import Crew

SIZES = [(20, 30), (40, 60), (25, 31), (9, 64)]
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


# To another size than the pictures'


def beside(picture: np.ndarray, matrix: np.ndarray, size: tuple[int, int], sampling: Sampling) -> np.ndarray:
    """The picture (height, width, channels), brought to `size` and warped, by NumPy and SciPy in double precision."""
    places = matrix @ np.stack(
        [*np.indices(size)[::-1].reshape(2, -1), np.ones(size[0] * size[1])]
    )  # x, y in the result
    beyond, points = np.zeros(places.shape[1], bool), []
    for place, side, taken in zip(places, size[::-1], picture.shape[1::-1], strict=True):
        last = side - 1
        beyond |= (place < -1e-6) | (place > last + 1e-6)
        if sampling.fill_mode == "wrap":
            outside = (place < 0) | (place > last)
            place = np.where(outside, np.mod(place, last), place)
        points.append((place + 0.5) * taken / side - 0.5)
        if sampling.fill_mode != "reflect":
            points[-1] = np.clip(points[-1], 0, taken - 1)
    planes = [
        ndimage.map_coordinates(plane, points[::-1], order=sampling.order, mode="reflect")
        for plane in np.moveaxis(picture, 2, 0)
    ]
    result = np.stack(planes, axis=1).reshape(*size, -1)
    if sampling.fill_mode == "constant":
        result[beyond.reshape(size)] = sampling.cval
    return result


def onto(picture: np.ndarray, matrix: np.ndarray | None, size: tuple[int, int], sampling: Sampling) -> np.ndarray:
    """One picture, warped to another size."""
    return Warper(Crew(1)).warp([picture], [0], None if matrix is None else matrix[None], sampling, size=size)[0]


@settings(max_examples=120, deadline=None, derandomize=True, database=None)
@given(
    taken=st.tuples(st.integers(2, 40), st.integers(2, 40)),
    size=st.tuples(st.integers(2, 40), st.integers(2, 40)),
    channels=st.integers(1, 5),
    fill_mode=st.sampled_from(FILL_MODES),
    order=st.sampled_from((0, 1, 1)),
    rotation=st.sampled_from((0.0, 17.3, -140.1)),
    shift=st.tuples(st.floats(-60, 60), st.floats(-60, 60)),
    zoom=st.tuples(st.floats(0.3, 3), st.floats(0.3, 3)),
    seed=st.integers(0, 99),
)
def test_another_size_is_reached_in_the_same_warp(
    taken: Any, size: Any, channels: int, fill_mode: str, order: int, rotation: float, shift: Any, zoom: Any, seed: int
) -> None:
    picture = np.random.default_rng(seed).uniform(0, 255, (*taken, channels)).astype(np.float32)
    matrix = matrices(size, rotation=rotation, shift=shift, zoom=zoom)
    sampling = Sampling(fill_mode, 30.0, order)
    result = onto(picture, matrix, size, sampling)
    assert_alike(
        result, beside(picture, matrix, size, sampling).astype(np.float32), LINEAR * 4, ties=ties(order, fill_mode)
    )
    turned = onto(np.moveaxis(picture, 2, 0), matrix, size, Sampling(fill_mode, 30.0, order, channels_first=True))
    np.testing.assert_allclose(np.moveaxis(turned, 0, 2), result, atol=LINEAR * 4)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("fill_mode", "border"), [("nearest", cv2.BORDER_REPLICATE), ("reflect", cv2.BORDER_REFLECT)])
def test_another_size_is_opencvs(channels: int, fill_mode: str, border: int) -> None:
    picture = pictures(1, 1, 40, channels, "levels")[0]
    matrix = matrices((25, 32), rotation=20.0, shift=(3.0, -2.0), zoom=(0.8, 0.7), flip=(False, True))
    bring = np.array([[40 / 32, 0, (40 / 32 - 1) / 2], [0, 40 / 25, (40 / 25 - 1) / 2], [0, 0, 1]])
    whole = (bring @ np.concatenate([matrix, [[0, 0, 1]]]))[:2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    expected = cv2.warpAffine(picture, whole, (32, 25), flags=flags, borderMode=border).reshape(25, 32, channels)
    np.testing.assert_allclose(onto(picture, matrix, (25, 32), Sampling(fill_mode)), expected, atol=1e-3)


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_at_the_pictures_own_size_nothing_changes(fill_mode: str, order: int, channels: int) -> None:
    x = pictures(1, 4, 20, channels, "bytes")
    table, sampling = draw(VARIED, (20, 20), range(4), seed=1).matrices, Sampling(fill_mode, 7.0, order)
    table[0] = IDENTITY
    plain, sized = (Warper(Crew(1)).warp(x, range(4), table, sampling, size=size) for size in (None, (20, 20)))
    np.testing.assert_array_equal(sized, plain)
    np.testing.assert_array_equal(sized[0], x[0])


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("first", [False, True], ids=["channels_last", "channels_first"])
def test_whole_factors_are_exact(fill_mode: str, channels: int, first: bool) -> None:
    """Half the size takes the mean of four pixels, a third the middle one of nine: nothing else, and no frame."""
    picture = np.random.default_rng(1).integers(0, 256, (12, 18, channels)).astype(np.float32)
    given = np.moveaxis(picture, 2, 0) if first else picture
    sampling = Sampling(fill_mode, 7.0, channels_first=first)

    def small(size: tuple[int, int]) -> np.ndarray:
        results = [onto(given, matrix, size, sampling) for matrix in (None, IDENTITY)]
        np.testing.assert_array_equal(results[0], results[1])
        return np.moveaxis(results[0], 0, 2) if first else results[0]

    np.testing.assert_array_equal(small((6, 9)), picture.reshape(6, 2, 9, 2, channels).mean(axis=(1, 3)))
    np.testing.assert_array_equal(small((4, 6)), picture[1::3, 1::3])
    np.testing.assert_array_equal(small((6, 6)), picture[:, 1::3].reshape(6, 2, 6, channels).mean(axis=1))
    larger = cv2.resize(picture, (36, 24), interpolation=cv2.INTER_LINEAR).reshape(24, 36, channels)
    np.testing.assert_allclose(small((24, 36)), larger, atol=1e-3)


@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_flips_and_gradients_of_half_the_size_are_exact(fill_mode: str) -> None:
    rows, columns = np.mgrid[:40, :60].astype(np.float32)
    picture = np.stack([rows, columns, rows + columns], axis=2)
    flipped = onto(picture, matrices((20, 30), flip=(True, True)), (20, 30), Sampling(fill_mode))
    halves = 2 * np.mgrid[:20, :30].astype(np.float32) + 0.5
    np.testing.assert_array_equal(flipped[::-1, ::-1, :2], np.moveaxis(halves, 0, 2))


def test_what_is_beyond_the_edge_does_not_depend_on_the_pictures_size() -> None:
    black = Settings(rotation_range=40, width_shift_range=0.3, zoom_range=(0.8, 1.5), fill_mode="constant", cval=255)
    draws = draw(black, (20, 30), range(8), seed=2)
    filled = [Warper().apply(np.zeros((8, *taken, 3), np.uint8), draws, black, size=(20, 30)) for taken in SIZES]
    assert 0.1 < (filled[0] == 255).mean() < 0.6
    for other in filled[1:]:
        np.testing.assert_array_equal(other, filled[0])


def test_a_crop_of_a_larger_picture_is_sharp() -> None:
    """Half the side of a picture kept twice as large: its own pixels, one by one."""
    picture = np.random.default_rng(1).integers(0, 256, (1, 40, 64, 3), dtype=np.uint8)
    numbers = np.full((1, NUMBERS), 0.5)
    numbers[0, -2:] = 4.75 / 9.5, 3.75 / 15.5  # so far from the first place of the room to the last, in pixels
    cut = Settings(crop_area=(0.25, 0.25), crop_ratio=(1, 1))
    result = Warper(Crew(1)).apply(picture, draws_of(cut, (20, 32), numbers), cut, size=(20, 32))
    np.testing.assert_allclose(result[0], picture[0, 10:30, 8:40], atol=LINEAR)


def test_another_size_is_recoloured_and_erased_from_as_drawn() -> None:
    x = pictures(1, 6, 40, 3, "bytes")
    varied = Settings(contrast_range=(0.5, 1.5), channel_shift_range=30, erasing=0.7, cval=50)
    draws = draw(varied, (20, 20), range(6), seed=1)
    half = x.reshape(6, 20, 2, 20, 2, 3).mean(axis=(2, 4))
    expected = Warper(Crew(1)).apply(half, draws, varied, scale=1 / 255)
    out = np.empty((6, 20, 20, 3), np.float32)
    for threads in (1, 4):
        assert Warper(Crew(threads)).apply(x, draws, varied, scale=1 / 255, out=out, size=(20, 20)) is out
        np.testing.assert_allclose(out, expected, atol=1e-5)


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("fill_mode", ["nearest", "reflect", *SCIPY_MODES])
def test_splines_reach_another_size_too(order: int, fill_mode: str) -> None:
    picture = pictures(1, 1, 24, 3, "levels")[0]
    table = matrices((12, 16), rotation=20.0)
    whole = from_another_size(table, (12, 16), (24, 24))
    planes = [
        ndimage.affine_transform(plane, whole[::-1, 1::-1], whole[::-1, 2], (12, 16), order=order, mode=fill_mode)
        for plane in np.moveaxis(picture, 2, 0)
    ]
    np.testing.assert_allclose(
        onto(picture, table, (12, 16), Sampling(fill_mode, 0, order)), np.stack(planes, 2), atol=1e-3
    )


@pytest.mark.parametrize(
    ("given", "kind", "expected"),
    [
        ({"size": 64}, InputTypeError, r"^size is 64; expected \(height, width\) in pixels"),
        ({"size": (6.0, 6.0)}, InputTypeError, r"^size is \(6\.0, 6\.0\); expected"),
        ({"size": (0, 6)}, InputError, r"^size is \(0, 6\); expected .*, each at least 1"),
        (
            {"size": (6, 6), "out": np.empty((2, 12, 12, 3), np.float32)},
            InputError,
            r"^out has the shape \(2, 12, 12, 3\); expected that of the result, \(2, 6, 6, 3\)",
        ),
        ({"out": np.empty((3, 12, 12, 3), np.float32)}, InputError, r"^out has the shape \(3, 12, 12, 3\); expected"),
    ],
)
def test_what_is_no_size_is_said(given: dict[str, Any], kind: type[Exception], expected: str) -> None:
    x = pictures(1, 2, 12, 3, "bytes")
    with pytest.raises(kind, match=expected):
        Warper(Crew(1)).warp(x, range(2), None, Sampling(), **given)
