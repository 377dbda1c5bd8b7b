"""The sample pictures inside the package: complete, safe to unpack, and as they are described."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fieldguide.data import samples
from fieldguide.errors import FileError, InputError

REPOSITORY = Path(__file__).resolve().parent.parent.parent
NAME = "horses_or_humans"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return samples.unpack(NAME, tmp_path_factory.mktemp("samples"))


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_the_counts_are_those_stated(photos: Path) -> None:
    sample = samples.about(NAME)
    assert len(files(photos / "train")) == sample.train
    assert len(files(photos / "validation")) == sample.validation
    assert len(files(samples.unseen(photos))) == sample.unseen
    assert tuple(sorted(path.name for path in (photos / "train").iterdir())) == sample.class_names
    assert tuple(sorted(path.name for path in (photos / "validation").iterdir())) == sample.class_names
    assert str(sample.train + sample.validation + sample.unseen) in sample.title


def test_all_pictures_but_the_truncated_one_can_be_read(photos: Path) -> None:
    unreadable = []
    for path in files(photos) + files(samples.unseen(photos)):
        with Image.open(path) as picture:
            assert (picture.format, picture.size, picture.mode) == ("JPEG", (224, 224), "RGB"), path
            try:
                picture.load()
            except OSError:
                unreadable.append(path.name)
    assert unreadable == ["horse-truncated.jpg"]


def test_no_picture_is_there_twice_but_the_deliberate_copy(photos: Path) -> None:
    names = defaultdict(list)
    for path in files(photos.parent):
        names[hashlib.sha256(path.read_bytes()).digest()].append(path.name)
    assert [twins for twins in names.values() if len(twins) > 1] == [["human-copy.jpg", "human01-00.jpg"]]


def test_the_unseen_characters_are_in_no_other_part(photos: Path) -> None:
    def characters(folder: Path) -> set[str]:
        return {path.stem.split("-")[0] for path in files(folder)}

    parts = [characters(photos / "train"), characters(photos / "validation"), characters(samples.unseen(photos))]
    assert parts[2] == {"horse6", "valhuman05"}
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


def test_the_attribution_lies_beside_the_pictures(photos: Path) -> None:
    sample = samples.about(NAME)
    text = (photos.parent / "ABOUT.txt").read_text()
    notice = (REPOSITORY / "NOTICE").read_text()
    for fact in (sample.author, sample.licence, sample.licence_url, sample.source_url):
        assert fact in text
        assert fact in notice
        assert fact in str(sample)
    assert sample.to_dict()["licence"] == "CC BY 2.0"


def test_a_second_unpacking_touches_nothing(photos: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in files(photos.parent)}
    assert samples.unpack(NAME, photos.parent.parent) == photos
    assert {path: path.stat().st_mtime_ns for path in files(photos.parent)} == before
    assert [path.name for path in photos.parent.parent.iterdir()] == [NAME]


def test_a_changed_copy_is_neither_used_nor_overwritten(tmp_path: Path) -> None:
    photos = samples.unpack(NAME, tmp_path)
    changed = photos / "train" / "humans" / "human01-00.jpg"
    changed.write_bytes(b"mine")
    with pytest.raises(FileError, match=r"human01-00\.jpg is missing or changed.*delete"):
        samples.unpack(NAME, tmp_path)
    assert changed.read_bytes() == b"mine"


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(FileError, match="taken"):
        samples.unpack(NAME, tmp_path / "taken")


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(InputError, match=r"'cats'.*horses_or_humans"):
        samples.about("cats")
    with pytest.raises(InputError, match="horses_or_humans"):
        samples.unpack("../horses_or_humans", "anywhere")
    assert samples.names() == (NAME,)


def test_a_damaged_archive_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray((samples._ARCHIVES / f"{NAME}.zip").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / f"{NAME}.zip").write_bytes(content)
    monkeypatch.setattr(samples, "_ARCHIVES", tmp_path)
    with pytest.raises(FileError, match="install fieldguide again"):
        samples.unpack(NAME, tmp_path / "here")
    assert not (tmp_path / "here").exists()


@pytest.mark.parametrize("name", ["../out.jpg", "/out.jpg", "a/../../out.jpg", "..\\out.jpg", "C:out.jpg"])
def test_no_member_may_leave_the_folder(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as file:
        file.writestr("good.jpg", b"")
        file.writestr(name, b"")
    with zipfile.ZipFile(tmp_path / "bad.zip") as file, pytest.raises(FileError, match="outside"):
        samples._safe_members(file, tmp_path / "bad.zip")


def test_no_member_may_be_a_link(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.jpg")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as file:
        file.writestr(link, "/etc/hostname")
    with zipfile.ZipFile(tmp_path / "bad.zip") as file, pytest.raises(FileError, match="outside"):
        samples._safe_members(file, tmp_path / "bad.zip")


def test_an_archive_that_fills_the_disk_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("large.jpg", bytes(samples._LARGEST_BYTES + 1))
    with zipfile.ZipFile(tmp_path / "bad.zip") as file, pytest.raises(FileError, match="at most"):
        samples._safe_members(file, tmp_path / "bad.zip")


def test_the_archive_is_what_the_script_makes(shared_data: Path, tmp_path: Path) -> None:
    code = (
        "import pathlib, sys; sys.path.insert(0, sys.argv[1]); import make_samples as script;"
        "script.TARGET = pathlib.Path(sys.argv[2]); sys.argv[1:] = [sys.argv[3]]; script.main()"
    )
    made = tmp_path / "made.zip"
    command = [sys.executable, "-c", code, str(REPOSITORY / "scripts"), str(made), str(shared_data)]
    subprocess.run(command, check=True, capture_output=True)
    shipped = samples._ARCHIVES / f"{NAME}.zip"
    with zipfile.ZipFile(made) as ours, zipfile.ZipFile(shipped) as theirs:
        assert ours.namelist() == theirs.namelist()
        for name in ours.namelist()[2:200:20]:  # the bytes also depend on the JPEG encoder, the pixels hardly
            with Image.open(ours.open(name)) as mine, Image.open(theirs.open(name)) as shown:
                difference = np.asarray(mine, np.float32) - np.asarray(shown, np.float32)
            assert np.abs(difference).mean() < 2, name
