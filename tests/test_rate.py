"""The learning rate found on a folder: where its plot goes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fieldguide.cli import main
from fieldguide.data.dataset import Dataset

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.mark.keras
def test_from_within_the_pictures_the_plot_goes_beside_them(
    small_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(small_photos, tmp_path / "photos")
    monkeypatch.chdir(tmp_path / "photos")
    assert main(["rate", ".", "--net", "classic", "--size", "tiny", "--side", "32", "--steps", "20"]) == 0
    assert "\nPlot       ../rates.svg\n" in capfd.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "rates.svg"]
    assert Dataset.from_directory(".").found == Dataset.from_directory(small_photos).found
    assert main(["rate", ".", "--output", "rates.svg"]) == 2
    assert "rates.svg lies in ., where it would be taken for one of the pictures" in capfd.readouterr().err
