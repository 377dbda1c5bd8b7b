"""The pictures of the trainings from random weights, decoded once."""

from __future__ import annotations

from pathlib import Path

import pytest
from scratch_trainings import SIDE

from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore


@pytest.fixture(scope="session")
def small_store(small_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    """The small photos at 32 x 32 pixels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return PixelStore.build(Dataset.from_directory(small_photos), target_size=SIDE)
