"""Where Keras's generator is wrong, ours is right: one test for each case, with what Keras does beside it."""

# ruff: noqa: NPY002 - the state of NumPy's global generator is what some of these tests look at
from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle import LINEAR, as_keras_does, keras_image
from pictures import encoded, folder_of, put, scene
from PIL import Image

import fieldguide as fg


def dot(height: int, width: int, row: int, column: int, data_format: str = "channels_last") -> np.ndarray:
    """A black picture with one white pixel."""
    picture = np.zeros((height, width, 1), np.float32)
    picture[row, column] = 255
    return picture if data_format == "channels_last" else np.moveaxis(picture, 2, 0)


def where(picture: np.ndarray, data_format: str = "channels_last") -> tuple[int, int]:
    """Row and column of the brightest pixel."""
    plane = picture[..., 0] if data_format == "channels_last" else picture[0]
    row, column = np.unravel_index(int(plane.argmax()), plane.shape)
    return int(row), int(column)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_the_widths_shift_moves_to_the_side_and_the_heights_up_or_down(data_format: str) -> None:
    picture = dot(21, 21, 10, 10, data_format)
    for argument, moved_axis in (("width_shift_range", 1), ("height_shift_range", 0)):
        options: dict[str, Any] = {argument: [4], "data_format": data_format, "fill_mode": "constant"}
        row, column = where(fg.ImageDataGenerator(**options).random_transform(picture, seed=1), data_format)
        assert abs((row, column)[moved_axis] - 10) == 4
        assert (row, column)[1 - moved_axis] == 10
        with as_keras_does():
            keras = keras_image.ImageDataGenerator(**options).random_transform(picture, seed=1)
        assert where(keras, data_format)[moved_axis] == 10  # it moved along the other axis


@pytest.mark.parametrize("change", [{"theta": 90}, {"shear": 30}, {"zx": 0.5, "zy": 0.5}, {"zx": 2.0, "zy": 0.7}])
@pytest.mark.parametrize("size", [(21, 41), (41, 21)])
def test_the_centre_of_a_picture_that_is_not_square_stays_where_it_is(change: dict[str, float], size: Any) -> None:
    height, width = size
    picture = dot(height, width, height // 2, width // 2)
    options: dict[str, Any] = {"fill_mode": "constant"}
    centre = (height // 2, width // 2)
    assert where(fg.ImageDataGenerator(**options).apply_transform(picture, change)) == centre
    with as_keras_does():
        keras = keras_image.ImageDataGenerator(**options).apply_transform(picture, change)
    assert where(keras) != centre


def test_brightness_of_levels_in_0_to_1() -> None:
    picture = scene(1).resize((20, 20))
    levels = np.asarray(picture, np.float32) / 255
    options: dict[str, Any] = {"brightness_range": (0.5, 0.5)}
    np.testing.assert_allclose(fg.ImageDataGenerator(**options).random_transform(levels), levels / 2, atol=1e-6)
    brighter = fg.ImageDataGenerator(brightness_range=(1.5, 1.5)).random_transform(levels)
    np.testing.assert_allclose(brighter, np.minimum(levels * 1.5, 1), atol=1e-6)
    keras = keras_image.ImageDataGenerator(**options).random_transform(levels)
    assert keras.max() == 0  # black, but for levels of just 1


def test_brightness_where_channels_come_first() -> None:
    levels = np.moveaxis(np.asarray(scene(1).resize((20, 20)), np.float32), 2, 0)
    options: dict[str, Any] = {"brightness_range": (0.5, 0.5), "data_format": "channels_first"}
    np.testing.assert_allclose(fg.ImageDataGenerator(**options).random_transform(levels), levels / 2, atol=1e-4)
    with pytest.raises(ValueError, match="Unsupported channel number"):
        keras_image.ImageDataGenerator(**options).random_transform(levels)


def test_hidden_folders_are_no_classes(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cats": 2, "dogs": 2, ".ipynb_checkpoints": 1, "__pycache__": 1})
    flow = fg.ImageDataGenerator().flow_from_directory(tmp_path, target_size=(8, 8))
    assert flow.class_indices == {"cats": 0, "dogs": 1}
    assert next(flow)[1].shape == (4, 2)
    keras = keras_image.ImageDataGenerator().flow_from_directory(str(tmp_path), target_size=(8, 8))
    assert len(keras.class_indices) == 4


def test_unreadable_files_are_counted_and_named_when_the_folder_is_read(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cats": 3, "dogs": 3})
    (tmp_path / "cats" / "1.jpg").write_bytes(b"<html>not found</html>")
    (tmp_path / "dogs" / "2.jpg").write_bytes((tmp_path / "dogs" / "2.jpg").read_bytes()[:900])
    with pytest.warns(UserWarning, match=r"^2 files of .* are left out: cats/1\.jpg \(.*\), dogs/2\.jpg \(truncated"):
        flow = fg.ImageDataGenerator().flow_from_directory(tmp_path, target_size=(8, 8))
    assert (flow.samples, len(flow.skipped)) == (4, 2)
    assert len(next(flow)[0]) == 4
    keras = keras_image.ImageDataGenerator().flow_from_directory(str(tmp_path), target_size=(8, 8))
    with pytest.raises(OSError, match=r"cannot identify image file|truncated"):
        next(keras)


def damaged_within(path: Path) -> None:
    """Harms a JPEG file in its middle, so that it begins and ends well."""
    content = bytearray(path.read_bytes())
    start = content.index(b"\xff\xda")
    content[start : start + 14] = b"\xff\xd9" + b"\0" * 12
    path.write_bytes(bytes(content))


def test_a_file_whose_damage_shows_in_mid_epoch_is_named_and_another_takes_its_place(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cats": 3, "dogs": 3})
    flow = fg.ImageDataGenerator(rotation_range=30).flow_from_directory(
        tmp_path, target_size=(16, 16), class_mode="sparse", batch_size=3, seed=1
    )
    whole = [flow[place] for place in range(2)]
    fresh = fg.ImageDataGenerator(rotation_range=30).flow_from_directory(
        tmp_path, target_size=(16, 16), class_mode="sparse", batch_size=3, seed=1, cache=False
    )
    damaged_within(tmp_path / "cats" / "1.jpg")
    order = flow.index_array.tolist()
    batch, place = divmod(order.index(flow.filenames.index("cats/1.jpg")), 3)
    with pytest.warns(UserWarning, match=r"cats/1\.jpg cannot be read \(.*\); another picture takes its place"):
        pictures, labels = fresh[batch]
    others = [each for each in range(3) if each != place]
    np.testing.assert_array_equal(pictures[others], whole[batch][0][others])  # the others are varied as ever
    np.testing.assert_array_equal(labels[others], whole[batch][1][others])
    assert len(pictures) == 3
    assert labels[place] in whole[batch][1][others]  # the label is that of the picture that took the place
    assert [item.path.name for item in fresh.skipped] == ["1.jpg"]
    np.testing.assert_array_equal(fresh[1 - batch][0], whole[1 - batch][0])
    assert len(fresh[batch][0]) == 3  # and is not warned of again


def test_where_results_are_told_apart_by_their_place_none_may_be_missing(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cats": 2, "dogs": 2})
    flow = fg.ImageDataGenerator().flow_from_directory(tmp_path, target_size=(8, 8), shuffle=False)
    damaged_within(tmp_path / "cats" / "1.jpg")
    with pytest.raises(OSError, match=r"cats/1\.jpg cannot be read .* without shuffling none may be missing"):
        flow[0]


def test_a_batch_of_which_nothing_can_be_read_takes_a_picture_of_another(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cats": 1, "dogs": 1})
    flow = fg.ImageDataGenerator().flow_from_directory(
        tmp_path, target_size=(8, 8), batch_size=1, class_mode="sparse", cache=False
    )
    damaged_within(tmp_path / "cats" / "0.jpg")
    with pytest.warns(UserWarning, match=r"cats/0\.jpg cannot be read"):
        labels = [float(flow[place][1][0]) for place in range(2)]
    assert labels == [1.0, 1.0]


def test_where_no_picture_can_be_read_any_more_it_is_an_error(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cats": 1, "dogs": 1})
    flow = fg.ImageDataGenerator().flow_from_directory(tmp_path, target_size=(8, 8), cache=False)
    for path in (tmp_path / "cats" / "0.jpg", tmp_path / "dogs" / "0.jpg"):
        damaged_within(path)
    with (
        pytest.warns(UserWarning, match="cannot be read"),
        pytest.raises(
            fg.FileError,
            match=r"none of the 2 pictures can be read, among them .*cats/0\.jpg \(truncated.*\): put them back",
        ),
    ):
        flow[0]


def test_a_file_that_is_gone_is_a_missing_file(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cats": 2, "dogs": 2})
    flow = fg.ImageDataGenerator().flow_from_directory(tmp_path, target_size=(8, 8), shuffle=False, cache=False)
    (tmp_path / "cats" / "1.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"cats/1\.jpg cannot be read \(gone.*: put it back, or leave it out"):
        flow[0]


def test_pictures_stand_upright_as_exif_says(tmp_path: Path) -> None:
    lying = Image.Exif()
    lying[0x0112] = 6
    (tmp_path / "cats").mkdir()
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[:, :8] = 255  # white on the left, so on top once it stands upright
    Image.fromarray(picture).save(tmp_path / "cats" / "0.jpg", exif=lying, quality=98)
    options: dict[str, Any] = {"target_size": (16, 16), "class_mode": None}
    ours = next(fg.ImageDataGenerator().flow_from_directory(tmp_path, **options))[0]
    keras = next(keras_image.ImageDataGenerator().flow_from_directory(str(tmp_path), **options))[0]
    assert ours[:7].min() > 230
    assert ours[9:].max() < 25
    assert keras[:, :7].min() > 230


@pytest.mark.parametrize(("ending", "form"), [("webp", "WEBP"), ("gif", "GIF")])
def test_webp_and_gif_are_seen(ending: str, form: str, tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    scene(1).save(tmp_path / "cats" / f"0.{ending}", form)
    assert fg.ImageDataGenerator().flow_from_directory(tmp_path, target_size=(8, 8)).samples == 1
    assert keras_image.ImageDataGenerator().flow_from_directory(str(tmp_path), target_size=(8, 8)).samples == 0


def global_state() -> list[Any]:
    return [np.asarray(each).tolist() for each in np.random.get_state()]


def test_with_a_seed_numpys_global_state_is_left_alone(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cats": 2, "dogs": 2})
    generator = fg.ImageDataGenerator(rotation_range=30, featurewise_center=True)
    x = np.zeros((4, 8, 8, 3), np.uint8)
    np.random.seed(5)
    before = global_state()
    generator.fit(x, augment=True, seed=1)
    for flow in (
        generator.flow(x, seed=1, save_to_dir=tmp_path / "seen"),
        generator.flow_from_directory(tmp_path, classes=["cats", "dogs"], target_size=(8, 8), seed=1),
    ):
        next(flow)
        flow[0]
    generator.random_transform(x[0], seed=1)
    generator.get_random_transform((8, 8, 3), seed=1)
    assert global_state() == before
    next(keras_image.ImageDataGenerator().flow(x, seed=1))
    assert global_state() != before


def test_without_a_seed_numpys_global_generator_gives_one_and_is_never_seeded() -> None:
    x = np.arange(4 * 8 * 8, dtype=np.uint8).reshape(4, 8, 8, 1)

    def batches() -> np.ndarray:
        flow = fg.ImageDataGenerator(rotation_range=90).flow(x, batch_size=2)
        return np.stack([next(flow) for _ in range(6)])

    np.random.seed(5)
    first, second = batches(), batches()
    np.random.seed(5)
    np.testing.assert_array_equal(batches(), first)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("from_files", [False, True])
def test_the_validation_subset_is_not_varied_but_brought_to_the_standard(from_files: bool, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "rotation_range": 90,
        "brightness_range": (0.3, 0.5),
        "validation_split": 0.5,
        "rescale": 1 / 255,
        "samplewise_center": True,
    }
    x = np.stack([np.asarray(scene(seed, 16, 16)) for seed in range(4)])
    (tmp_path / "cats").mkdir()
    for number, picture in enumerate(x):
        Image.fromarray(picture).save(tmp_path / "cats" / f"{number}.png")

    def validation(generator: Any) -> np.ndarray:
        if not from_files:
            return np.asarray(next(generator.flow(x, subset="validation", shuffle=False, seed=1)))
        reading = {"target_size": (16, 16), "class_mode": None, "shuffle": False, "seed": 1}
        return np.asarray(next(generator.flow_from_directory(str(tmp_path), subset="validation", **reading)))

    plain = x[:2].astype(np.float32) / 255
    expected = plain - plain.mean(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(validation(fg.ImageDataGenerator(**options)), expected, atol=1e-5)
    with as_keras_does():
        keras = validation(keras_image.ImageDataGenerator(**options))
    assert np.abs(keras - expected).max() > 0.1


def test_the_opacity_of_a_picture_is_not_brightened() -> None:
    """As in Keras: the fourth channel says how opaque a pixel is."""
    levels = np.full((6, 6, 4), 100, np.float32)
    for options in ({}, {"data_format": "channels_first"}):
        generator = fg.ImageDataGenerator(brightness_range=(0.5, 0.5), **options)  # type: ignore[arg-type]
        picture = levels if not options else np.moveaxis(levels, 2, 0)
        for result in (generator.random_transform(picture), next(generator.flow(picture[None]))[0]):
            upright = result if not options else np.moveaxis(result, 0, 2)
            np.testing.assert_allclose(upright[..., :3], 50, atol=LINEAR)
            np.testing.assert_allclose(upright[..., 3], 100, atol=LINEAR)


def test_nothing_is_warned_of(tmp_path: Path) -> None:
    """Keras asks SciPy for a name that goes with SciPy 2, and is warned for every picture."""
    put(tmp_path / "cats" / "0.jpg", 1)
    options: dict[str, Any] = {"rotation_range": 40, "zoom_range": 0.2, "shear_range": 10, "interpolation_order": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        next(fg.ImageDataGenerator(**options).flow_from_directory(tmp_path, target_size=(16, 16)))
    picture = np.zeros((8, 8, 3), np.float32)
    with pytest.warns(DeprecationWarning, match="scipy"):
        keras_image.ImageDataGenerator(**options).random_transform(picture, seed=1)


def test_half_precision_is_given(tmp_path: Path) -> None:
    x = np.stack([np.asarray(scene(seed, 12, 12)) for seed in range(2)])
    options: dict[str, Any] = {"rotation_range": 30, "rescale": 1 / 255}
    half = next(fg.ImageDataGenerator(dtype="float16", **options).flow(x, seed=1))
    whole = next(fg.ImageDataGenerator(**options).flow(x, seed=1))
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, whole, atol=1e-3)
    with pytest.raises(RuntimeError, match="data type not supported"), as_keras_does():
        next(keras_image.ImageDataGenerator(dtype="float16", **options).flow(x, seed=1))


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64])
def test_arrays_are_not_copied(dtype: Any) -> None:
    x = np.zeros((4, 8, 8, 3), dtype)
    flow = fg.ImageDataGenerator().flow(x)
    assert flow.x is x
    assert next(flow).dtype == keras_image.ImageDataGenerator().flow(x).x.dtype == np.float32


def test_a_picture_that_was_given_as_bytes_of_a_jpeg_is_the_same_from_disk(tmp_path: Path) -> None:
    """What `flow` and `flow_from_directory` make of one picture does not differ."""
    put(tmp_path / "cats" / "0.jpg", 3)
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "0.jpg").write_bytes(encoded(scene(3)))
    generator = fg.ImageDataGenerator(rotation_range=40, rescale=1 / 255)
    file = next(
        generator.flow_from_directory(tmp_path, classes=["cats"], target_size=(60, 80), class_mode=None, seed=1)
    )
    picture = np.asarray(fg.load_img(tmp_path / "again" / "0.jpg"))
    np.testing.assert_array_equal(next(generator.flow(picture[None], seed=1)), file)
