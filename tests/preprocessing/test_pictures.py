"""load_img, img_to_array, array_to_img and save_img: Keras's results, upright, and errors that say what to do."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fieldguide.errors import FileError, InputError
from fieldguide.preprocessing import pictures

FORMATS = ("channels_last", "channels_first")


@pytest.fixture(scope="module")
def keras_utils() -> Any:
    import keras

    return keras.utils


def same(one: Image.Image, other: Image.Image) -> bool:
    return (one.mode, one.size, one.tobytes()) == (other.mode, other.size, other.tobytes())


@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
@pytest.mark.parametrize("name", ["photo", "grey", "palette", "clear", "deep"])
def test_load_img_gives_what_keras_gives(
    name: str, color_mode: str, picture_files: dict[str, Path], keras_utils: Any
) -> None:
    path = picture_files[name]
    for options in (
        {},
        {"target_size": (30, 20)},
        {"target_size": (30, 20), "interpolation": "bicubic", "keep_aspect_ratio": True},
    ):
        ours = pictures.load_img(path, color_mode, **options)
        theirs = keras_utils.load_img(path, color_mode, **options)
        assert isinstance(ours, Image.Image)
        assert same(ours, theirs)
        np.testing.assert_array_equal(pictures.img_to_array(ours), keras_utils.img_to_array(theirs))


def test_a_picture_has_not_the_format_of_its_file(picture_files: dict[str, Path], keras_utils: Any) -> None:
    assert keras_utils.load_img(picture_files["photo"]).format == "JPEG"
    assert not getattr(pictures.load_img(picture_files["photo"]), "format", None)


def test_a_photo_taken_sideways_is_upright(picture_files: dict[str, Path], keras_utils: Any) -> None:
    path = picture_files["sideways"]
    assert keras_utils.load_img(path).size == (64, 45)  # as Keras has it
    upright = keras_utils.load_img(path).transpose(Image.Transpose.ROTATE_270)
    assert same(pictures.load_img(str(path)), upright)


@pytest.mark.parametrize("shape", [(5, 6, 3), (5, 6, 1), (5, 6)])
@pytest.mark.parametrize("data_format", [None, *FORMATS])
@pytest.mark.parametrize("dtype", [None, "uint8", "float64"])
def test_img_to_array_gives_what_keras_gives(
    shape: tuple[int, ...], data_format: str | None, dtype: str | None, keras_utils: Any
) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    ours = pictures.img_to_array(image, data_format=data_format, dtype=dtype)
    theirs = keras_utils.img_to_array(image, data_format=data_format, dtype=dtype)
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    np.testing.assert_array_equal(ours, theirs)


@given(
    channels=st.sampled_from([1, 3, 4]),
    data_format=st.sampled_from(FORMATS),
    scale=st.booleans(),
    dtype=st.sampled_from([None, "float64", "float16"]),
    low=st.sampled_from([0.0, -3.0, 7.0]),
    span=st.sampled_from([0.0, 1.0, 200.0]),
    seed=st.integers(0, 99),
)
@settings(max_examples=120, deadline=None, derandomize=True, database=None)
def test_array_to_img_gives_what_keras_gives(
    channels: int, data_format: str, scale: bool, dtype: str | None, low: float, span: float, seed: int
) -> None:
    import keras

    array = (low if scale else 0.0) + span * np.random.default_rng(seed).random((4, 5, channels))
    array = array if data_format == "channels_last" else array.transpose(2, 0, 1)
    before = array.copy()
    ours = pictures.array_to_img(array, data_format=data_format, scale=scale, dtype=dtype)
    assert same(ours, keras.utils.array_to_img(array, data_format=data_format, scale=scale, dtype=dtype))
    np.testing.assert_array_equal(array, before)


def test_grey_above_255_becomes_whole_numbers(keras_utils: Any) -> None:
    array = np.linspace(0, 60000, 20).reshape(4, 5, 1)
    ours = pictures.array_to_img(array, scale=False)
    assert ours.mode == "I"
    assert same(ours, keras_utils.array_to_img(array, scale=False))


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.JPG", "a.bmp", "a.webp"])
def test_save_img_writes_what_keras_writes(name: str, tmp_path: Path, keras_utils: Any) -> None:
    array = np.random.default_rng(1).random((9, 7, 3))
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    pictures.save_img(tmp_path / "ours" / name, array)
    keras_utils.save_img(tmp_path / "theirs" / name, array)
    assert (tmp_path / "ours" / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes()


def test_save_img_passes_options_and_takes_open_files(tmp_path: Path, keras_utils: Any) -> None:
    array = np.random.default_rng(1).random((3, 9, 7))
    ours, theirs = io.BytesIO(), io.BytesIO()
    pictures.save_img(ours, array, "channels_first", "jpg", quality=31)
    keras_utils.save_img(theirs, array, "channels_first", "jpg", quality=31)
    assert ours.getvalue() == theirs.getvalue()
    with (tmp_path / "named.png").open("wb") as stream:
        pictures.save_img(stream, array, "channels_first")
    assert pictures.load_img(tmp_path / "named.png").size == (7, 9)
    pictures.save_img(tmp_path / "short.tif", array, "channels_first")  # an ending that Keras does not know


def test_transparency_in_a_jpeg_is_warned_of(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="JPEG files hold no transparency"):
        pictures.save_img(tmp_path / "clear.jpg", np.random.default_rng(1).random((9, 7, 4)))
    assert pictures.load_img(tmp_path / "clear.jpg", "rgba").mode == "RGBA"


def test_errors_are_of_keras_kind_and_say_more(tmp_path: Path, keras_utils: Any) -> None:
    (tmp_path / "notes.jpg").write_text("some notes")
    gone, notes = tmp_path / "gone.jpg", tmp_path / "notes.jpg"
    for path, reason in ((gone, "gone: moved or deleted"), (notes, "not a picture: text")):
        with pytest.raises(OSError):
            keras_utils.load_img(path)
        with pytest.raises(FileError, match=f"cannot read the picture .*{path.name}: {reason}"):
            pictures.load_img(path)
    with pytest.raises(FileError, match="cannot read this picture: not a picture: text"):
        pictures.load_img(io.BytesIO(b"some notes"))


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("load_img", ("photo", "grey"), "color_mode is 'grey'"),
        ("load_img", (7,), "path is of type int"),
        ("img_to_array", (np.zeros((2, 3, 4, 5)),), r"unsupported image shape: img is an array \(2, 3, 4, 5\)"),
        ("img_to_array", (np.zeros((2, 3)), "last"), "data_format is 'last'; expected one of channels_first"),
        ("array_to_img", (np.zeros((2, 3)),), r"x has the shape \(2, 3\); expected an image array of rank 3"),
        ("array_to_img", (np.zeros((2, 3, 2)),), "unsupported channel number"),
        ("array_to_img", (np.zeros((0, 3, 3)),), r"\(0, 3, 3\)"),
        ("save_img", ("noise", np.zeros((2, 3, 3))), "no format is given.*end the path in .png or .jpg"),
        ("save_img", (io.BytesIO(), np.zeros((2, 3, 3))), 'no format is given.*pass file_format="png"'),
        ("save_img", ("noise.xyz", np.zeros((2, 3, 3))), "format is 'xyz', which cannot be written"),
    ],
)
def test_bad_arguments_are_named(
    name: str,
    arguments: tuple[Any, ...],
    message: str,
    picture_files: dict[str, Path],
    keras_utils: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = tuple(
        picture_files["photo"] if isinstance(each, str) and each == "photo" else each for each in arguments
    )
    with pytest.raises((ValueError, TypeError, KeyError)) as theirs:
        getattr(keras_utils, name)(*arguments)
    with pytest.raises(InputError, match=message) as ours:
        getattr(pictures, name)(*arguments)
    assert isinstance(ours.value, theirs.type)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"cannot write .*lost.a\.png: it does not exist"):
        pictures.save_img(tmp_path / "lost" / "a.png", np.zeros((2, 3, 3)))


def test_keras_is_not_loaded_where_it_is_not_needed(picture_files: dict[str, Path]) -> None:
    code = (
        "import sys\nfrom fieldguide.preprocessing.pictures import load_img, img_to_array\n"
        f"img_to_array(load_img({str(picture_files['photo'])!r}), 'channels_last')\nprint('keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
