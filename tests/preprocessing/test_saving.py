"""Batches are written as pictures of every format, under Keras's names, and what goes wrong is told with the file."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from oracle import as_keras_does, keras_image, pictures
from PIL import Image

import fieldguide as fg
from fieldguide.preprocessing.saving import Saving

FORMATS = ("png", "PNG", "jpg", "JPG", "jpeg", "jpe", "jfif", "bmp", "gif", "tif", "tiff", "webp")


def written(saving: Saving, batch: np.ndarray, folder: Path, rows: tuple[int, ...] = (7, 3)) -> list[Path]:
    saving.write(batch, np.array(rows), np.random.RandomState(5), 1e4)
    return sorted(folder.iterdir())


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_ending_that_keras_takes(form: str, channels: int, tmp_path: Path) -> None:
    x = pictures(1, 2, 12, channels, "levels")
    ours, keras = tmp_path / "ours", tmp_path / "keras"
    keras.mkdir()
    next(fg.ImageDataGenerator().flow(x, save_to_dir=ours, save_format=form, save_prefix="a", seed=1))
    names = sorted(path.name for path in ours.iterdir())
    assert len(names) == 2
    for name in names:
        with Image.open(ours / name) as image:
            assert image.size == (12, 12)
    if channels == 4 and form.lower().startswith("j"):
        return  # Keras fails: JPEG knows no transparency
    with as_keras_does():
        flow = keras_image.ImageDataGenerator().flow(x, save_to_dir=keras, save_format=form, save_prefix="a", seed=1)
        next(flow)
    assert names == sorted(path.name for path in keras.iterdir())
    for name in names:
        assert (ours / name).read_bytes() == (keras / name).read_bytes()


def test_names_are_prefix_row_and_number(tmp_path: Path) -> None:
    saving = Saving(tmp_path / "new" / "folder", "aug", "png", "channels_last")
    x = pictures(1, 2, 9, 3, "levels")
    numbers = np.random.RandomState(5).randint(10_000, size=2)
    found = written(saving, x, tmp_path / "new" / "folder")
    assert [path.name for path in found] == [f"aug_3_{numbers[1]}.png", f"aug_7_{numbers[0]}.png"]
    for path, picture in zip(found, x[::-1], strict=True):
        stretched = (picture - picture.min()) / np.ptp(picture) * 255
        np.testing.assert_allclose(np.asarray(Image.open(path)), stretched, atol=1)


def test_channels_may_come_first(tmp_path: Path) -> None:
    x = pictures(1, 1, 9, 3, "levels")
    last, first = tmp_path / "last", tmp_path / "first"
    (one,) = written(Saving(last, "", "png", "channels_last"), x, last, (0,))
    (two,) = written(Saving(first, "", "png", "channels_first"), np.moveaxis(x, 3, 1), first, (0,))
    assert one.read_bytes() == two.read_bytes()


def test_a_jpeg_leaves_transparency_out(tmp_path: Path) -> None:
    (path,) = written(Saving(tmp_path, "", "JPG", "channels_last"), pictures(1, 1, 9, 4, "levels"), tmp_path, (0,))
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("JPEG", "RGB")


def test_without_a_folder_nothing_is_written_or_drawn(tmp_path: Path) -> None:
    source = np.random.RandomState(5)
    Saving(None, "a", "png", "channels_last").write(np.zeros((2, 4, 4, 3)), np.arange(2), source, 1e4)
    assert source.randint(10_000) == np.random.RandomState(5).randint(10_000)


@pytest.mark.parametrize("form", ["jpog", "", "txt", ".png"])
def test_what_is_no_format(form: str, tmp_path: Path) -> None:
    with pytest.raises(fg.InputError, match=rf"^save_format is '{form}', which cannot be written; expected"):
        Saving(tmp_path / "new", "a", form, "channels_last")
    assert not list(tmp_path.iterdir())
    with pytest.raises(fg.InputTypeError, match=r"^save_format is None; expected the ending"):
        Saving(tmp_path, "a", None, "channels_last")  # type: ignore[arg-type]
    Saving(None, "a", form, "channels_last")  # of no matter where nothing is written


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(fg.FileError, match=r"^cannot write pictures to .*file"):
        Saving(tmp_path / "file", "a", "png", "channels_last")
    with pytest.raises(fg.FileError, match=r"^cannot write pictures to .*file/below"):
        fg.ImageDataGenerator().flow(np.zeros((1, 4, 4, 3)), save_to_dir=tmp_path / "file" / "below")


def test_a_folder_that_is_gone_is_no_matter_of_the_format(tmp_path: Path) -> None:
    saving = Saving(tmp_path / "out", "a", "png", "channels_last")
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(fg.FileError, match=r"^cannot write .*a_7_\d+\.png: [^;?]*$"):
        written(saving, np.zeros((2, 4, 4, 3)), tmp_path)
