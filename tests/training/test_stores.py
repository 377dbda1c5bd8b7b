"""The pictures of a training at more than one size: the same ones, decoded before it begins."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError
from fieldguide.training.stores import at_size


@pytest.fixture
def photos(small_photos: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name in ("horses", "humans"):
        (folder / name).mkdir(parents=True)
        for path in sorted((small_photos / name).glob("*[0-9].*"))[:4]:
            shutil.copy2(path, folder / name)
    return folder


def test_only_the_rows_that_are_learnt_from_are_decoded(photos: Path) -> None:
    data = Dataset.from_directory(photos)
    store = PixelStore.build(data, target_size=(32, 32))
    rows = [1, 2, 6]
    larger = at_size(store, (40, 40), rows)
    assert (larger.decoded, len(larger), larger.target_size) == (3, len(store), (40, 40))
    np.testing.assert_array_equal(larger.read(rows), PixelStore.build(data, target_size=(40, 40)).read(rows))
    assert at_size(store, (32, 32), rows) is store


def test_a_picture_that_is_gone_meanwhile_is_named(photos: Path) -> None:
    store = PixelStore.build(Dataset.from_directory(photos), target_size=(32, 32))
    store.dataset.paths[2].unlink()
    with pytest.raises(InputError, match=rf"{store.dataset.paths[2].name} could be read when .* cannot be read now"):
        at_size(store, (40, 40), [1, 2])


def test_a_picture_that_is_another_one_meanwhile_is_named(photos: Path) -> None:
    store = PixelStore.build(Dataset.from_directory(photos), target_size=(32, 32))
    assert cv2.imwrite(str(store.dataset.paths[2]), np.zeros((50, 50, 3), np.uint8))
    with pytest.raises(InputError, match=rf"{store.dataset.paths[2].name} changed while it was being read"):
        at_size(store, (40, 40), [1, 2])
