"""The datasets of folders are Keras's own, file by file and pixel by pixel, but for what is mended."""

from __future__ import annotations

import importlib.util
import io
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import encoded, folder_of, put, scene
from PIL import Image

from fieldguide.errors import FileError, InputError, InputTypeError
from fieldguide.preprocessing.folders import image_dataset_from_directory

pytestmark = pytest.mark.keras
SIZE = (16, 24)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of sound pictures of many shapes, some of them in folders inside."""
    root = tmp_path_factory.mktemp("photos")
    for number in range(30):
        name = ("cats", "dogs", "dogs/old", "Emus")[number % 4]
        (root / name).mkdir(parents=True, exist_ok=True)
        picture = scene(number, 20 + number % 7, 40 - number)
        picture.convert(("RGB", "L")[number % 5 == 0]).save(
            root / name / f"{number}.{('jpg', 'PNG', 'jpeg')[number % 3]}"
        )
    return root


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of PNG files, which TensorFlow decodes into any colours, some of them transparent."""
    root = tmp_path_factory.mktemp("drawings")
    for number in range(8):
        place = root / ("birds", "fish")[number % 2]
        place.mkdir(exist_ok=True)
        scene(number, 18, 30).convert(("RGB", "RGBA", "L", "P")[number % 4]).save(place / f"{number}.png")
    return root


def keras_gives(directory: Path, **arguments: Any) -> Any:
    import keras

    return keras.utils.image_dataset_from_directory(str(directory), verbose=False, **arguments)


def ours_gives(directory: Path, **arguments: Any) -> Any:
    return image_dataset_from_directory(directory, verbose=False, **arguments)


def same(ours: Any, keras: Any, epochs: int = 1, tolerance: float = 0) -> None:
    assert type(ours) is type(keras)
    if isinstance(ours, list):
        for one, other in zip(ours, keras, strict=True):
            same(one, other, epochs, tolerance)
        return
    assert ours.file_paths == keras.file_paths
    assert ours.class_names == keras.class_names
    assert ours.skipped == ()
    for _ in range(epochs):
        for one, other in zip(ours, keras, strict=True):
            for left, right in zip(parts(one), parts(other), strict=True):
                assert left.dtype == right.dtype
                assert left.shape == right.shape
                np.testing.assert_allclose(np.asarray(left), np.asarray(right), rtol=0, atol=tolerance)
    if hasattr(ours, "element_spec"):
        assert ours.element_spec == keras.element_spec


def parts(element: Any) -> tuple[Any, ...]:
    return tuple(element) if isinstance(element, (tuple, list)) else (element,)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"seed": 3, "label_mode": "categorical", "batch_size": 7},
        {"seed": 4, "label_mode": None, "batch_size": None},
        {"seed": 5, "labels": None},
        {"shuffle": False, "labels": [number % 3 for number in range(30)]},
        {"seed": 6, "labels": [number % 2 for number in range(30)], "label_mode": "binary"},
        {"seed": 7, "class_names": ["dogs", "cats"], "label_mode": "binary"},
        {"seed": 8, "validation_split": 0.3, "subset": "both"},
        {"seed": 9, "validation_split": 0.3, "subset": "training", "batch_size": 4},
        {"seed": 9, "validation_split": 0.3, "subset": "validation", "label_mode": "categorical"},
        {"shuffle": False, "validation_split": 0.2, "subset": "validation"},
        {"seed": 1, "interpolation": "nearest"},
        {"seed": 1, "interpolation": "Area", "color_mode": "grayscale"},
        {"seed": 1, "crop_to_aspect_ratio": True},
        {"seed": 1, "crop_to_aspect_ratio": True, "interpolation": "bicubic", "data_format": "channels_first"},
        {"seed": 1, "pad_to_aspect_ratio": True, "data_format": "channels_first"},
        {"seed": 1, "data_format": "channels_first", "image_size": 20},
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_a_sound_folder_gives_what_keras_gives(arguments: dict[str, Any], photos: Path) -> None:
    arguments = {"image_size": SIZE, **arguments}
    if arguments.get("shuffle", True):
        arguments.setdefault("seed", 2)
    same(ours_gives(photos, **arguments), keras_gives(photos, **arguments), epochs=2)


@pytest.mark.parametrize("color_mode", ["grayscale", "rgb", "rgba"])
def test_drawings_in_all_colours(color_mode: str, drawings: Path) -> None:
    arguments = {"seed": 1, "image_size": SIZE, "color_mode": color_mode, "label_mode": "binary"}
    same(ours_gives(drawings, **arguments), keras_gives(drawings, **arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        {"seed": 3},
        {"seed": 4, "label_mode": "categorical", "batch_size": None},
        {"shuffle": False, "label_mode": "binary", "color_mode": "grayscale"},
        {"seed": 5, "validation_split": 0.3, "subset": "both", "pad_to_aspect_ratio": True},
        {"seed": 6, "labels": None, "crop_to_aspect_ratio": True, "data_format": "channels_first"},
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_grain_gives_what_keras_gives(arguments: dict[str, Any], drawings: Path) -> None:
    pytest.importorskip("grain", reason="grain is not installed")
    arguments = {"image_size": SIZE, "format": "grain", **arguments}
    same(ours_gives(drawings, **arguments), keras_gives(drawings, **arguments))


@pytest.mark.skipif(importlib.util.find_spec("grain") is not None, reason="grain is installed")
def test_grain_that_is_not_installed_is_missed_at_once(drawings: Path) -> None:
    with pytest.raises(InputError, match="grain is not installed: install it, or use format='tf'"):
        ours_gives(drawings, format="grain")


def test_the_seed_that_keras_sets_makes_it_repeatable(photos: Path) -> None:
    import keras

    keras.utils.set_random_seed(5)
    first = keras_gives(photos, image_size=SIZE).file_paths
    keras.utils.set_random_seed(5)
    assert ours_gives(photos, image_size=SIZE).file_paths == first


def test_labels_may_be_a_tuple_and_shuffled(photos: Path) -> None:
    labels = tuple(range(30))
    with pytest.raises(TypeError, match="item assignment"):  # though its docstring allows it
        keras_gives(photos, labels=labels, seed=1)
    dataset = ours_gives(photos, labels=labels, seed=1, image_size=SIZE)
    assert dataset.file_paths == keras_gives(photos, labels=list(labels), seed=1).file_paths


def test_links_are_followed_if_asked_for(photos: Path, tmp_path: Path) -> None:
    put(tmp_path / "root" / "cats" / "1.jpg", 1)
    (tmp_path / "root" / "cats" / "more").symlink_to(photos / "dogs")
    for follow in (False, True):
        arguments = {"shuffle": False, "follow_links": follow, "image_size": SIZE}
        same(ours_gives(tmp_path / "root", **arguments), keras_gives(tmp_path / "root", **arguments))


def pictures_of(dataset: Any) -> np.ndarray:
    return np.concatenate([np.asarray(batch) for batch in dataset])


def test_unreadable_files_are_left_out_and_named(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cats": 5, "dogs": 5})
    (tmp_path / "cats" / "3.jpg").write_bytes(encoded(scene(3))[:500])
    (tmp_path / "dogs" / "4.jpg").write_text("no picture")
    arguments = {"seed": 1, "image_size": SIZE, "validation_split": 0.3, "subset": "both"}
    with pytest.warns(
        UserWarning, match=r"2 files of .* are left out: cats/3\.jpg \(truncated.*dogs/4\.jpg \(not a pic"
    ):
        parts = ours_gives(tmp_path, **arguments)
    assert [item.path.name for item in parts[0].skipped] == ["3.jpg", "4.jpg"]
    gone = {str(item.path) for item in parts[0].skipped}
    for one, other in zip(parts, keras_gives(tmp_path, **arguments), strict=True):
        assert one.file_paths == [path for path in other.file_paths if path not in gone]
        assert sum(len(labels) for _, labels in one) == len(one.file_paths)


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cats": 1, "dogs": 1, "__pycache__": 1, ".ipynb_checkpoints": 1, "dogs/.hidden": 1})
    put(tmp_path / "cats" / "._0.jpg", 1)
    dataset = ours_gives(tmp_path, image_size=SIZE, shuffle=False)
    assert dataset.class_names == ["cats", "dogs"]
    assert dataset.file_paths == [str(tmp_path / name / "0.jpg") for name in ("cats", "dogs")]
    assert len(ours_gives(tmp_path, labels=None, image_size=SIZE).file_paths) == 2


def bytes_of(image: Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def odd_pictures() -> dict[str, bytes]:
    """Pictures that TensorFlow decodes into some colours only, all of one scene without loss, or nearly."""
    plain = scene(1, *SIZE)
    turned = [plain.transpose(Image.Transpose.ROTATE_180)]
    return {
        "animated.webp": bytes_of(plain, "WEBP", lossless=True, save_all=True, append_images=turned),
        "bitmap.bmp": bytes_of(plain, "BMP"),
        "clear.webp": bytes_of(plain.convert("RGBA").rotate(0), "WEBP", lossless=True),
        "cmyk.jpg": bytes_of(plain.convert("CMYK"), "JPEG", quality=100, subsampling=0),
        "photo.jpg": bytes_of(plain, "JPEG", quality=100, subsampling=0),
        "picture.gif": bytes_of(plain, "GIF"),
        "web.jpg": bytes_of(plain, "WEBP", lossless=True),
    }


@pytest.mark.parametrize(("color_mode", "mode"), [("grayscale", "L"), ("rgb", "RGB"), ("rgba", "RGBA")])
def test_every_format_is_read_in_every_colour(color_mode: str, mode: str, tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    for name, content in odd_pictures().items():
        (tmp_path / "all" / name).write_bytes(content)
    arguments = {"labels": None, "shuffle": False, "image_size": SIZE, "color_mode": color_mode}
    dataset = ours_gives(tmp_path, **arguments)
    assert [Path(path).name for path in dataset.file_paths] == sorted(odd_pictures())
    expected = np.asarray(scene(1, *SIZE).convert(mode), np.float32).reshape(*SIZE, -1)
    for path, picture in zip(dataset.file_paths, pictures_of(dataset), strict=True):
        assert np.abs(picture - expected).mean() < (12 if path.endswith("gif") else 3), path


def test_transparent_webp_loses_its_alpha_as_png_does(tmp_path: Path) -> None:
    picture = scene(1, *SIZE).convert("RGBA")
    picture.putalpha(scene(2, *SIZE).convert("L"))
    for ending in ("png", "webp"):
        (tmp_path / "all").mkdir(exist_ok=True)
        picture.save(tmp_path / "all" / f"1.{ending}", lossless=True, exact=True)
    for color_mode in ("rgb", "rgba"):
        one, other = pictures_of(
            ours_gives(tmp_path, labels=None, shuffle=False, image_size=SIZE, color_mode=color_mode)
        )
        np.testing.assert_array_equal(one, other)


def test_what_tensorflow_cannot_decode_is_named(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cats": 1})
    (tmp_path / "cats" / "scan.jpg").write_bytes(bytes_of(scene(1), "TIFF"))
    scene(1).convert("P").save(tmp_path / "cats" / "palette.bmp")
    scene(1).convert("1").save(tmp_path / "cats" / "packed.bmp")
    scene(1).convert("L").save(tmp_path / "cats" / "grey.bmp")
    with pytest.warns(UserWarning, match=r"a TIFF picture, which TensorFlow cannot decode: save it as JPEG or PNG"):
        dataset = ours_gives(tmp_path, image_size=SIZE, shuffle=False)
    assert [Path(path).name for path in dataset.file_paths] == ["0.jpg", "grey.bmp"]
    assert pictures_of(dataset.map(lambda pictures, labels: pictures)).shape == (2, *SIZE, 3)


def test_a_stratified_split_takes_the_same_share_of_every_class(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cats": 16, "dogs": 4})
    arguments = {"seed": 3, "image_size": SIZE, "validation_split": 0.25, "split": "stratified"}
    training, validation = ours_gives(tmp_path, subset="both", **arguments)
    assert [Path(path).parent.name for path in validation.file_paths].count("dogs") == 1
    assert len(validation.file_paths) == 5
    assert not set(training.file_paths) & set(validation.file_paths)
    assert len(training.file_paths) == 15
    assert ours_gives(tmp_path, subset="training", **arguments).file_paths == training.file_paths
    assert ours_gives(tmp_path, subset="validation", **arguments).file_paths == validation.file_paths
    (labels,) = [labels.numpy().tolist() for _, labels in validation]
    assert labels == [int(Path(path).parent.name == "dogs") for path in validation.file_paths]


def test_a_leak_proof_split_keeps_copies_together(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cats": 12, "dogs": 12})
    for name in ("cats", "dogs"):
        for number in range(0, 12, 2):  # a copy, or the same picture encoded anew
            old = tmp_path / name / f"{number}.jpg"
            again = old.read_bytes() if number % 4 else encoded(Image.open(old), 60)
            (tmp_path / name / f"copy-{number}.jpg").write_bytes(again)
    (tmp_path / "cats" / "broken.jpg").write_bytes(b"")
    arguments = {"seed": 1, "image_size": SIZE, "validation_split": 0.3, "subset": "both"}

    def leaks(datasets: list[Any]) -> set[str]:
        sides = [{path.replace("copy-", "") for path in dataset.file_paths} for dataset in datasets]
        return sides[0] & sides[1]

    with pytest.warns(UserWarning, match="broken"):
        datasets = ours_gives(tmp_path, split="leak-proof", **arguments)
    assert leaks(datasets) == set()
    assert sum(len(dataset.file_paths) for dataset in datasets) == 36
    assert 8 <= len(datasets[1].file_paths) <= 14
    assert leaks(keras_gives(tmp_path, **arguments))


def test_without_shuffling_the_two_subsets_never_overlap(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cats": 8, "dogs": 8})
    arguments = {"shuffle": False, "image_size": SIZE, "validation_split": 0.25, "split": "stratified"}
    training, validation = (ours_gives(tmp_path, subset=name, **arguments) for name in ("training", "validation"))
    assert (
        sorted(training.file_paths + validation.file_paths)
        == ours_gives(tmp_path, shuffle=False, image_size=SIZE).file_paths
    )


def test_a_split_too_small_for_the_folder(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cats": 2, "dogs": 2})
    arguments = {"seed": 1, "image_size": SIZE, "validation_split": 0.2}
    assert (
        len(keras_gives(tmp_path, subset="validation", **arguments).file_paths) == 4
    )  # all of them, and none to train on
    with pytest.raises(ValueError, match="No images found"):
        keras_gives(tmp_path, subset="training", **arguments)
    assert len(ours_gives(tmp_path, subset="training", **arguments).file_paths) == 4
    with pytest.raises(InputError, match=r"of 4 pictures in .* none is left for validation with validation_split=0\.2"):
        ours_gives(tmp_path, subset="validation", **arguments)


def test_it_says_what_it_found(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import keras

    image_dataset_from_directory(photos, seed=1, validation_split=0.2, subset="both")
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "Found 30 files belonging to 3 classes.", "Using 24 files for training.", "Using 6 files for validation.",
    ]  # fmt: skip
    keras.utils.image_dataset_from_directory(str(photos), seed=1, validation_split=0.2, subset="both")
    assert capsys.readouterr().out.splitlines() == said
    for arguments in ({"labels": None}, {"class_names": ["cats"]}):  # one class, and none
        image_dataset_from_directory(photos, seed=1, **arguments)
        said = capsys.readouterr().out.splitlines()
        keras.utils.image_dataset_from_directory(str(photos), seed=1, **arguments)
        assert capsys.readouterr().out.splitlines() == said


@pytest.mark.parametrize("split", ["random", "leak-proof"])
def test_what_it_found_is_what_is_left(split: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder_of(tmp_path, {"cats": 4, "dogs": 4})
    (tmp_path / "cats" / "1.jpg").write_bytes(b"no picture")
    with pytest.warns(UserWarning, match=r"^1 file of .* is left out"):
        parts = image_dataset_from_directory(tmp_path, seed=1, validation_split=0.25, subset="both", split=split)
    assert capsys.readouterr().out.splitlines()[0] == "Found 7 files belonging to 2 classes."
    assert sum(len(part.file_paths) for part in parts) == 7


def test_one_number_is_both_sides_as_in_keras(photos: Path) -> None:
    for gives in (ours_gives, keras_gives):
        assert next(iter(gives(photos, image_size=12)))[0].shape[1:] == (12, 12, 3)


def test_a_batch_size_of_a_wrong_kind_is_a_type_error(photos: Path) -> None:
    for gives in (ours_gives, keras_gives):
        with pytest.raises(TypeError):
            gives(photos, batch_size=2.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": "folders"}, r"labels is 'folders'; expected 'inferred'"),
        ({"labels": [0, 1]}, r"labels has 2 entries and .* has 30 files"),
        ({"labels": [0.5] * 30}, r"expected whole numbers"),
        ({"labels": [1, 2] * 15, "label_mode": "categorical"}, r"labels holds 1, 2; .* from 0 to 1"),
        ({"labels": [0] * 30, "class_names": ["cats"]}, r"class_names is given"),
        ({"labels": None, "class_names": ["cats"]}, r"class_names is given"),
        (
            {"class_names": ["cats", "owls"]},
            r"names 'owls', of which .* no folder; its folders: 'Emus', 'cats', 'dogs'",
        ),
        ({"class_names": ["cats", "cats"]}, r"each name once"),
        ({"label_mode": "one-hot"}, r"label_mode is 'one-hot'"),
        ({"label_mode": "binary"}, r"takes 2 classes, and there are 3: Emus, cats, dogs"),
        ({"color_mode": "bgr"}, r"color_mode is 'bgr'"),
        ({"batch_size": 0}, r"batch_size is 0"),
        ({"batch_size": 2.5}, r"batch_size is 2\.5"),
        ({"image_size": (10,)}, r"image_size is \(10,\)"),
        ({"interpolation": "cubic"}, r"interpolation is 'cubic'"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, r"choose one"),
        ({"data_format": "last"}, r"data_format is 'last'"),
        ({"format": "torch"}, r"format is 'torch'"),
        ({"split": "fair"}, r"split is 'fair'; expected one of 'random', 'stratified', 'leak-proof'"),
        ({"split": "leak-proof", "seed": 1}, r"split is 'leak-proof' and there is no validation_split, so nothing is"),
        ({"split": "stratified"}, r"split is 'stratified' and there is no validation_split"),
        ({"validation_split": 20, "subset": "training"}, r"validation_split is 20"),
        ({"validation_split": 0.2}, r"expected both or neither"),
        ({"subset": "training"}, r"expected both or neither"),
        ({"validation_split": 0.2, "subset": "test"}, r"subset is 'test'"),
        ({"validation_split": 0.2, "subset": "training"}, r"without a seed"),
        ({"seed": -1}, r"seed is -1"),
    ],
)
def test_what_cannot_be_used(arguments: dict[str, Any], message: str, photos: Path) -> None:
    with pytest.raises(InputError, match=message):
        ours_gives(photos, **arguments)


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="it does not exist"):
        ours_gives(tmp_path / "fotos")
    with pytest.raises(InputError, match=r"expected a folder on this machine"):
        image_dataset_from_directory("gs://bucket/photos")
    with pytest.raises(InputTypeError, match=r"directory is None"):
        image_dataset_from_directory(None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"no picture was found in .*; expected a folder for each class"):
        ours_gives(tmp_path)
    flat = folder_of(tmp_path / "flat", {".": 3})
    with pytest.raises(InputError, match=r"flat holds no class folders but 3 pictures: .* labels, pass labels=None\.$"):
        ours_gives(flat)
    assert len(ours_gives(flat, labels=None, image_size=SIZE).file_paths) == 3
    shutil.rmtree(flat)
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "1.jpg").write_bytes(b"")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(InputError, match=r"no picture of .* can be read: 1 file .* \(an empty file\)"):
            ours_gives(tmp_path)
