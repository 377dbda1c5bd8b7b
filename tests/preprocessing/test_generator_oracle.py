"""The generator gives what Keras's own class gives: draws, pixels, order, labels, statistics, over random settings.

Where Keras is wrong the two differ on purpose; `test_generator_mended.py` shows those cases one by one.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import (
    LINEAR,
    Oracle,
    as_keras_does,
    assert_alike,
    brightest,
    keras_image,
    pictures,
    samplings,
    ties,
    tolerance,
    variations,
)
from pictures import scene

import fieldguide as fg
from fieldguide.preprocessing import image

KINDS = ("bytes", "levels", "double", "signed", "unit")
SEEDS = st.integers(0, 2**32 - 1)


def few(examples: int) -> Any:
    return settings(max_examples=examples, deadline=None, derandomize=True, database=None)


def both(given_settings: dict[str, Any]) -> tuple[fg.ImageDataGenerator, Oracle]:
    """The two generators; Keras warns where one setting rules out another, as ours does."""
    with as_keras_does():
        return fg.ImageDataGenerator(**given_settings), Oracle(**given_settings)


def keras_draw(keras: Oracle, shape: tuple[int, ...], seed: int) -> dict[str, Any]:
    with as_keras_does():
        return dict(keras.get_random_transform(shape, seed))


# ruff: noqa: NPY002 - Keras draws from NumPy's global generator

# --- draws


def same_draws(given_settings: dict[str, Any], seed: int, shape: tuple[int, int, int]) -> None:
    ours, keras = both(given_settings)
    expected = keras_draw(keras, shape, seed)
    assert ours.get_random_transform(shape, seed) == expected
    assert list(ours.get_random_transform(shape, seed)) == list(expected)
    with as_keras_does():
        np.random.seed(seed)
        expected = dict(keras.get_random_transform(shape))
        np.random.seed(seed)
    assert ours.get_random_transform(shape) == expected  # without a seed both draw from NumPy's global generator


SHAPES = st.tuples(st.integers(1, 50), st.integers(1, 50), st.sampled_from((1, 3, 4)))
DRAWN = {"given_settings": st.fixed_dictionaries(variations()), "seed": SEEDS, "shape": SHAPES}


@few(100)
@given(**DRAWN)
def test_the_same_seed_draws_the_same(given_settings: Any, seed: int, shape: Any) -> None:
    same_draws(given_settings, seed, shape)


@pytest.mark.long
@few(5000)
@given(**DRAWN)
def test_the_same_seed_draws_the_same_thousands_of_times(given_settings: Any, seed: int, shape: Any) -> None:
    same_draws(given_settings, seed, shape)


# --- pixels of one picture


def same_picture(given_settings: dict[str, Any], seed: int, side: int, channels: int, kind: str) -> None:
    chosen = dict(given_settings)
    if kind == "unit" or chosen["data_format"] == "channels_first":
        chosen["brightness_range"] = None  # black in Keras, and an error; see test_generator_mended.py
    if kind == "signed" and chosen["brightness_range"]:
        # Keras brightens by the distance to the lowest level, which one pixel on the edge may change for all of them.
        chosen |= {"fill_mode": "nearest", "interpolation_order": 1}
    ours, keras = both(chosen)
    picture = pictures(seed % 97, 1, side, channels, kind, chosen["data_format"])[0]
    most = tolerance(chosen["interpolation_order"], brightest(chosen))
    most = most / 255 if kind == "unit" else most + (kind == "bytes")  # bytes are rounded in both
    result = ours.random_transform(picture.copy(), seed)
    with as_keras_does():
        expected = keras.random_transform(picture.copy(), seed)
    sharp = ties(chosen["interpolation_order"], chosen["fill_mode"])
    assert_alike(result, expected, most, ties=sharp)


@pytest.mark.parametrize(("side", "most"), [(224, 0.01), (500, 0.02), (1000, 0.05)])
def test_how_far_apart_large_pictures_of_noise_are(side: int, most: float) -> None:
    """As the documentation says: places between pixels are 32-bit numbers, the coarser the larger they are."""
    classic: dict[str, Any] = {"rotation_range": 40, "shear_range": 20, "zoom_range": 0.2, "horizontal_flip": True}
    ours, keras = both({**classic, "width_shift_range": 0.2, "height_shift_range": 0.2})
    noise = np.random.default_rng(side).uniform(0, 255, (3, side, side, 1)).astype(np.float32)
    with as_keras_does():
        expected = next(keras.flow(noise, seed=1))
    assert_alike(next(ours.flow(noise, seed=1)), expected, most)


PICTURE = {
    "given_settings": st.fixed_dictionaries({**variations(), **samplings()}),
    "seed": SEEDS,
    "side": st.integers(4, 40),
    "channels": st.sampled_from((1, 3, 4)),
    "kind": st.sampled_from(KINDS),
}


@few(150)
@given(**PICTURE)
def test_a_picture_is_transformed_alike(given_settings: Any, seed: int, side: int, channels: int, kind: str) -> None:
    same_picture(given_settings, seed, side, channels, kind)


@pytest.mark.long
@few(5000)
@given(**PICTURE)
def test_thousands_of_pictures_are_transformed_alike(
    given_settings: Any, seed: int, side: int, channels: int, kind: str
) -> None:
    same_picture(given_settings, seed, side, channels, kind)


@few(60)
@given(
    flips=st.tuples(st.booleans(), st.booleans()),
    shift=st.tuples(st.integers(-5, 5), st.integers(-5, 5)),
    size=st.tuples(st.integers(2, 30), st.integers(2, 30)),
    fill_mode=st.sampled_from(("nearest", "constant", "reflect", "wrap")),
    order=st.sampled_from((0, 1)),
    data_format=st.sampled_from(("channels_last", "channels_first")),
)
def test_pictures_that_are_not_square_are_flipped_and_moved_by_whole_pixels_alike(
    flips: Any, shift: Any, size: Any, fill_mode: str, order: int, data_format: str
) -> None:
    """Keras is right about them here: of its centre, which is not theirs, nothing is left in the matrix of a shift."""
    ours, keras = both({"fill_mode": fill_mode, "interpolation_order": order, "data_format": data_format})
    rng = np.random.default_rng(7)
    shape = (*size, 3) if data_format == "channels_last" else (3, *size)
    picture = rng.uniform(0, 255, shape).astype(np.float32)
    wanted = {"tx": shift[0], "ty": shift[1], "flip_horizontal": flips[0], "flip_vertical": flips[1]}
    np.testing.assert_allclose(
        ours.apply_transform(picture, wanted), keras.apply_transform(picture, wanted), rtol=0, atol=LINEAR
    )


# --- batches of arrays


def same_batches(chosen: dict[str, Any], kind: str, seed: int, count: int, flowing: dict[str, Any]) -> None:
    chosen = dict(chosen)
    if kind == "unit" or chosen["data_format"] == "channels_first":
        chosen["brightness_range"] = None
    if kind == "unit":
        chosen["channel_shift_range"] /= 255
    if kind == "signed" and chosen["brightness_range"]:
        chosen |= {"fill_mode": "nearest", "interpolation_order": 1}
    resets = flowing.pop("resets")
    side, channels = 12, flowing.pop("channels")
    ours, keras = both(chosen)
    x = pictures(seed % 89, count, side, channels, kind, chosen["data_format"])
    if flowing.pop("fits") and not chosen["brightness_range"]:  # `fit` varies rescaled levels, which Keras makes black
        with as_keras_does():
            ours.fit(x, augment=True, seed=5)
            keras.fit(x, augment=True, seed=5)
    labels, weights = np.arange(count), np.linspace(0, 1, count)
    with as_keras_does():
        flow = ours.flow(x, labels, sample_weight=weights, seed=seed, **flowing)
        other = keras.flow(x, labels, sample_weight=weights, seed=seed, **flowing)
        assert (len(flow), flow.n) == (len(other), other.n)
        for step in range(2 * len(other) + 3):
            if step in resets:
                flow.reset()
                other.reset()
            batch, expected = flow.next(), next(other)
            np.testing.assert_array_equal(batch[1], expected[1])
            np.testing.assert_array_equal(batch[2], expected[2])
            unit = kind == "unit"
            most = tolerance(chosen["interpolation_order"], brightest(chosen)) / (255 if unit else 1)
            most = most * keras.gain + 1e-6 * float(np.abs(expected[0]).max())
            sharp = ties(chosen["interpolation_order"], chosen["fill_mode"])
            assert_alike(batch[0], expected[0], most, ties=sharp)


def inverted(picture: np.ndarray) -> np.ndarray:
    return -picture


def in_place(picture: np.ndarray) -> np.ndarray:
    picture /= 127.5
    picture -= 1
    return picture


STANDARDS: dict[str, st.SearchStrategy[Any]] = {
    "rescale": st.sampled_from((None, None, 1 / 255, 2.0)),
    "samplewise_center": st.booleans(),
    "samplewise_std_normalization": st.booleans(),
    "featurewise_center": st.booleans(),
    "featurewise_std_normalization": st.booleans(),
    "preprocessing_function": st.sampled_from((None, None, inverted, in_place)),
}
MILD: dict[str, st.SearchStrategy[Any]] = {
    **variations(),
    "zoom_range": st.sampled_from((0, 0.2, (0.8, 1.1))),  # pictures must not become a single level, which no
    "width_shift_range": st.sampled_from((0, 0.2, 2, [-2, 2])),  # division by its deviation could compare
    "height_shift_range": st.sampled_from((0, 0.2, 2, [-2, 2])),
}
BATCHES: dict[str, Any] = {
    "chosen": st.fixed_dictionaries({**MILD, **samplings(), **STANDARDS}),
    "kind": st.sampled_from(KINDS),
    "seed": st.integers(0, 2**31),
    "count": st.integers(1, 9),
    "flowing": st.fixed_dictionaries(
        {
            "batch_size": st.integers(1, 5),
            "shuffle": st.booleans(),
            "channels": st.sampled_from((1, 3, 4)),
            "resets": st.sets(st.integers(0, 9), max_size=2),
            "fits": st.booleans(),
        }
    ),
}


@few(60)
@given(**BATCHES)
def test_batches_of_arrays_are_alike(chosen: Any, kind: str, seed: int, count: int, flowing: Any) -> None:
    same_batches(chosen, kind, seed, count, dict(flowing))


@pytest.mark.long
@few(3000)
@given(**BATCHES)
def test_thousands_of_batches_of_arrays_are_alike(chosen: Any, kind: str, seed: int, count: int, flowing: Any) -> None:
    same_batches(chosen, kind, seed, count, dict(flowing))


def test_the_first_epoch_by_place_is_alike_too() -> None:
    ours, keras = both({"rotation_range": 30})
    x = pictures(1, 7, 16, 3, "levels")
    flow, other = ours.flow(x, batch_size=3, seed=4), keras.flow(x, batch_size=3, seed=4)
    for place in range(3):
        assert_alike(flow[place], other[place], LINEAR)


@pytest.mark.parametrize("subset", ["training", "validation"])
@pytest.mark.parametrize("labelled", [False, True])
def test_subsets_of_arrays_are_alike(subset: str, labelled: bool) -> None:
    ours, keras = both({"validation_split": 0.3})
    x, y = pictures(1, 11, 8, 3, "bytes"), np.arange(11) % 2 if labelled else None
    flow = ours.flow(x, y, subset=subset, seed=1, batch_size=4)
    other = keras.flow(x, y, subset=subset, seed=1, batch_size=4)
    for _ in range(5):
        for one, two in zip(parts(next(flow)), parts(next(other)), strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("several", [False, True])
def test_arrays_beside_the_pictures_come_along(several: bool) -> None:
    ours, keras = both({})
    x, beside = pictures(1, 6, 8, 3, "bytes"), np.arange(12).reshape(6, 2)
    both_x = (x, [beside, beside[:, 0]]) if several else (x, beside)
    flow, other = ours.flow(both_x, batch_size=4, seed=2), keras.flow(both_x, batch_size=4, seed=2)
    for _ in range(3):
        batch, expected = next(flow), next(other)
        assert type(batch) is type(expected)
        for one, two in zip(batch, expected, strict=True):
            np.testing.assert_array_equal(one, two)


def parts(batch: Any) -> list[Any]:
    """A batch's arrays, in one list."""
    if isinstance(batch, tuple | list):
        return [array for each in batch for array in parts(each)]
    return [batch]


def test_pictures_are_saved_under_the_same_names(tmp_path: Path) -> None:
    ours, keras = both({"rotation_range": 20})
    x = pictures(1, 5, 16, 3, "bytes")
    for name, generator in (("ours", ours), ("keras", keras)):
        (tmp_path / name).mkdir()
        flow = generator.flow(x, batch_size=2, seed=3, save_to_dir=tmp_path / name, save_prefix="seen")
        with as_keras_does():
            for _ in range(4):
                next(flow)
    names = [sorted(path.name for path in (tmp_path / name).iterdir()) for name in ("ours", "keras")]
    assert names[0] == names[1]
    assert len(names[0]) >= 5
    for name in names[0]:
        one, two = (np.asarray(fg.load_img(tmp_path / side / name), float) for side in ("ours", "keras"))
        assert_alike(one, two, 1 + LINEAR)


# --- batches of files

FORMS = ("photo.jpg", "photo.png", "grey.jpg", "grey.png", "clear.png", "palette.png", "photo.bmp")


def write_picture(path: Path, form: str, seed: int, size: tuple[int, int]) -> None:
    image = scene(seed, *size)
    if form.startswith("grey"):
        image = image.convert("L")
    elif form.startswith("palette"):
        image = image.convert("P")
    elif form.startswith("clear"):
        image = image.convert("RGBA")
        image.putalpha(scene(seed + 1, *size).convert("L"))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def lay(root: Path, files: list[Any]) -> list[str]:
    names = []
    for number, (name, form, size) in enumerate(files):
        names.append(f"{name}/{number}-{form}")
        write_picture(root / names[-1], form, number, size)
    return names


def same_flows(flow: Any, other: Any) -> None:
    """Same files, labels and order, and two epochs of the same batches."""
    for name in ("filenames", "filepaths", "samples", "n", "image_shape", "class_mode", "color_mode", "batch_size"):
        assert getattr(flow, name) == getattr(other, name), name
    assert getattr(flow, "class_indices", None) == getattr(other, "class_indices", None)
    assert len(flow) == len(other)
    if flow.class_mode not in ("input", "raw", "multi_output", None):
        assert list(flow.classes) == list(other.classes)
    for _ in range(2 * len(other)):
        batch, expected = flow.next(), next(other)
        ours, keras = parts(batch), parts(expected)
        assert len(ours) == len(keras)
        assert_alike(ours[0], keras[0], LINEAR)
        for one, two in zip(ours[1:], keras[1:], strict=True):
            assert one.dtype == two.dtype
            np.testing.assert_allclose(one, two, atol=LINEAR if flow.class_mode == "input" else 0)


FILES = st.lists(
    st.tuples(
        st.sampled_from(("cats", "dogs", "birds")),
        st.sampled_from(FORMS),
        st.tuples(st.integers(9, 40), st.integers(9, 40)),
    ),
    min_size=6,
    max_size=12,
)
READING: dict[str, st.SearchStrategy[Any]] = {
    "color_mode": st.sampled_from(("rgb", "rgba", "grayscale")),
    "interpolation": st.sampled_from(("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")),
    "keep_aspect_ratio": st.booleans(),
    "batch_size": st.integers(1, 5),
    "shuffle": st.booleans(),
}
VARYING = st.sampled_from(
    ({}, {"rotation_range": 30, "rescale": 1 / 255}, {"horizontal_flip": True, "zoom_range": 0.2})
)


def same_folders(files: list[Any], reading: dict[str, Any], varying: dict[str, Any], mode: Any, subset: Any) -> None:
    # Keras varies what it validates with; ours does not.
    settings_given = {} if subset == "validation" else varying
    ours, keras = both({**settings_given, "validation_split": 0.4})
    with tempfile.TemporaryDirectory() as place, as_keras_does():
        lay(Path(place), files)
        given_too = {**reading, "target_size": (16, 16), "class_mode": mode, "subset": subset, "seed": 8}
        other = keras.flow_from_directory(place, **given_too)
        if other.samples == 0:
            with pytest.raises(fg.InputError):
                ours.flow_from_directory(place, **given_too)
            return
        same_flows(ours.flow_from_directory(place, cache=len(files) % 2 == 0, **given_too), other)


FOLDERS: dict[str, Any] = {
    "files": FILES,
    "reading": st.fixed_dictionaries(READING),
    "varying": VARYING,
    "mode": st.sampled_from(("categorical", "binary", "sparse", "input", None)),
    "subset": st.sampled_from((None, "training", "validation")),
}


@few(25)
@given(**FOLDERS)
def test_batches_of_folders_are_alike(files: Any, reading: Any, varying: Any, mode: Any, subset: Any) -> None:
    same_folders(files, reading, varying, mode, subset)


@pytest.mark.long
@few(800)
@given(**FOLDERS)
def test_hundreds_of_folders_are_alike(files: Any, reading: Any, varying: Any, mode: Any, subset: Any) -> None:
    same_folders(files, reading, varying, mode, subset)


MODES = ("categorical", "lists", "binary", "sparse", "input", "raw", "multi_output", None)


@few(25)
@given(
    files=FILES,
    reading=st.fixed_dictionaries({name: each for name, each in READING.items() if name != "keep_aspect_ratio"}),
    varying=VARYING,
    mode=st.sampled_from(MODES),
    subset=st.sampled_from((None, "training", "validation")),
    weighted=st.booleans(),
)
def test_batches_of_dataframes_are_alike(
    files: Any, reading: Any, varying: Any, mode: Any, subset: Any, weighted: bool
) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed: it is the user's, not fieldguide's")
    ours, keras = both({**({} if subset == "validation" else varying), "validation_split": 0.4})
    with tempfile.TemporaryDirectory() as place, as_keras_does():
        names = lay(Path(place), files)
        table = pandas.DataFrame({"filename": names, "class": ["ab"[number % 2] for number in range(len(names))]})
        table["many"] = [["a", "b"][: 1 + number % 2] for number in range(len(names))]
        table["x"], table["y"] = range(len(names)), np.linspace(0, 1, len(names))
        columns: Any = {"lists": "many", "raw": ["x", "y"], "multi_output": ["x", "y"]}.get(mode, "class")
        given_too = {
            **reading,
            "y_col": columns,
            "weight_col": "y" if weighted else None,
            "target_size": (16, 16),
            "class_mode": "categorical" if mode == "lists" else mode,
            "subset": subset,
            "seed": 8,
        }
        same_flows(
            ours.flow_from_dataframe(table, place, **given_too), keras.flow_from_dataframe(table, place, **given_too)
        )


def test_pictures_of_files_are_saved_under_the_same_names(tmp_path: Path) -> None:
    lay(
        tmp_path / "photos",
        [("cats", "photo.jpg", (20, 30)), ("dogs", "grey.png", (20, 30)), ("dogs", "clear.png", (9, 9))],
    )
    ours, keras = both({"rotation_range": 20})
    names = []
    for name, generator in (("ours", ours), ("keras", keras)):
        (tmp_path / name).mkdir()
        flow = generator.flow_from_directory(
            tmp_path / "photos", target_size=(12, 12), batch_size=2, seed=3, save_to_dir=tmp_path / name
        )
        with as_keras_does():
            next(flow)
            next(flow)
        names.append(sorted(path.name for path in (tmp_path / name).iterdir()))
    assert names[0] == names[1]
    assert len(names[0]) == 3


# --- the functions beside the class


@pytest.mark.parametrize(
    ("name", "given_too"),
    [
        ("random_rotation", (40,)),
        ("random_shear", (25,)),
        ("random_zoom", ((0.7, 1.3),)),
        ("random_channel_shift", (30.0,)),
        ("random_brightness", ((0.5, 1.5),)),
    ],
)
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0)])
def test_the_functions_are_alike(name: str, given_too: tuple[Any, ...], order: tuple[int, int, int]) -> None:
    row, column, channel = order
    picture = pictures(3, 1, 20, 3, "levels", "channels_last" if channel == 2 else "channels_first")[0]
    axes: dict[str, int] = {"row_axis": row, "col_axis": column, "channel_axis": channel}
    if name == "random_channel_shift":
        axes = {"channel_axis": channel}
    elif name == "random_brightness":
        if channel == 0:
            return  # Keras then takes the rows for channels
        axes = {}
    for seed in range(5):
        np.random.seed(seed)
        ours = getattr(image, name)(picture, *given_too, **axes)
        np.random.seed(seed)
        with as_keras_does():
            keras = getattr(keras_image, name)(picture, *given_too, **axes)
        assert_alike(ours, keras, tolerance(1, 1.5 if name == "random_brightness" else 0))
