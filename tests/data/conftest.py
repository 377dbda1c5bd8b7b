"""Real photos for the tests of data: the sample that comes with the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldguide.data import samples


@pytest.fixture(scope="session")
def sample_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's photos: train and validation with a folder for horses and one for humans. Not to be changed."""
    return samples.unpack("horses_or_humans", tmp_path_factory.mktemp("samples"))
