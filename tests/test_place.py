"""Runs go beside the pictures, from wherever a command is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldguide.errors import InputError
from fieldguide.place import require_outside, runs_folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for part in ("train", "validation"):
        for name in ("cats", "dogs"):
            (folder / part / name).mkdir(parents=True)
    (tmp_path / "link").symlink_to(folder)
    return folder


@pytest.mark.parametrize(
    ("here", "pictures", "runs"),
    [
        (".", "photos", "runs"),
        ("photos", ".", "../runs"),
        ("photos", "../photos", "../runs"),
        ("photos", "../link", "../runs"),
        ("link", ".", "../runs"),
        ("photos/train", "..", "../../runs"),
        ("photos/train/cats", "..", "../../runs"),
        ("photos", "train", "runs"),
    ],
)
def test_runs_are_never_among_the_pictures(
    photos: Path, monkeypatch: pytest.MonkeyPatch, here: str, pictures: str, runs: str
) -> None:
    monkeypatch.chdir(photos.parent / here)
    assert runs_folder(pictures) == Path(runs)
    require_outside(runs_folder(pictures) / "run", pictures)


@pytest.mark.parametrize("inside", ["photos/run", "photos/train/run", "link/deep/down/run", "photos/../photos/run"])
@pytest.mark.parametrize("pictures", ["photos", "link"])
def test_a_folder_among_the_pictures_is_refused_with_one_that_is_not(
    photos: Path, monkeypatch: pytest.MonkeyPatch, inside: str, pictures: str
) -> None:
    monkeypatch.chdir(photos.parent)
    with pytest.raises(InputError, match=r"would be taken for pictures of a class .* such as runs/run\.$"):
        require_outside(inside, pictures)


def test_another_place_is_asked_for_as_it_was_given(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos.parent)
    with pytest.raises(InputError, match=r"name a folder outside of it with folder=, such as runs/run\.$"):
        require_outside("photos/run", "photos", asked="folder=")
    with pytest.raises(InputError, match=r"taken for one of the pictures .* name a file outside of it with --output"):
        require_outside("photos/rates.svg", "photos", what="file")


@pytest.mark.parametrize("outside", ["run", "photos-2/run", "photos", "..", "runs/photos"])
def test_a_folder_elsewhere_is_taken(photos: Path, monkeypatch: pytest.MonkeyPatch, outside: str) -> None:
    monkeypatch.chdir(photos.parent)
    require_outside(outside, "photos")
