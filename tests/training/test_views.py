"""Views of a picture: the first is the picture, others vary by their number and by what is in the picture alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fieldguide.augmentation.settings import Settings
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.training.views import View

VARIED = Settings(rotation_range=20, zoom_range=0.2, horizontal_flip=True)


@pytest.fixture(scope="module")
def store(small_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return PixelStore.build(Dataset.from_directory(small_photos), target_size=(32, 48))


def test_the_first_view_is_the_picture_and_the_second_its_mirror(store: PixelStore) -> None:
    rows = np.array([3, 0])
    np.testing.assert_array_equal(View(0, VARIED).read(store, rows), store.read(rows))
    mirrored = View(1, Settings(horizontal_flip=True)).read(store, rows)
    np.testing.assert_array_equal(mirrored, store.read(rows)[:, :, ::-1])
    np.testing.assert_array_equal(View(2, Settings(horizontal_flip=True)).read(store, rows), store.read(rows))


def test_a_view_depends_on_its_number_and_the_picture_alone(store: PixelStore) -> None:
    several = View(2, VARIED).read(store, np.array([4, 1, 2]))
    assert several.dtype == np.uint8
    np.testing.assert_array_equal(View(2, VARIED).read(store, np.array([1]))[0], several[1])
    some = store.select(store.dataset.select([1]))  # the same picture, first of another set
    np.testing.assert_array_equal(View(2, VARIED).read(some, np.array([0]))[0], several[1])
    assert np.abs(View(4, VARIED).read(store, np.array([1]))[0].astype(int) - several[1]).mean() > 5


def test_views_have_names_by_their_settings() -> None:
    assert View(0, VARIED).key == View(0).key == ""
    names = {View(number, settings).key for number in (1, 2) for settings in (VARIED, Settings(rotation_range=5))}
    assert len(names) == 4
