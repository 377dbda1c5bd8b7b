"""Every kind of trouble planted in a folder is found, and a clean folder gives no remark."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from pictures import encoded, folder_of, put, scene
from PIL import Image

from fieldguide.data.check import FEW_PICTURES, Finding, Findings, check
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.data.twins import find_twins
from fieldguide.errors import InputError

ENOUGH = {"cats": FEW_PICTURES, "dogs": FEW_PICTURES + 3}


def findings_of(root: Path) -> Findings:
    found = check(PixelStore.build(Dataset.from_directory(root), target_size=(32, 32)))
    assert found.read + len(found.skipped) == found.found
    assert sum(found.counts.values()) == found.read
    return found


def only(found: Findings) -> Finding:
    (finding,) = found.findings
    return finding


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "photos", ENOUGH)


def test_a_clean_folder_gives_no_remark(photos: Path) -> None:
    found = findings_of(photos)
    assert found.findings == ()
    assert found.worst is None
    assert (found.found, found.read, found.skipped, found.hidden, found.counts) == (63, 63, (), 0, ENOUGH)
    assert str(found).splitlines() == [
        f"{photos}: 63 files found, 63 read, 0 skipped",
        "2 classes: cats 30, dogs 33",
        "nothing to remark",
    ]


def test_unreadable_and_stray_files_are_listed_with_the_reason(photos: Path) -> None:
    (photos / "cats" / "cut.jpg").write_bytes((photos / "cats" / "0.jpg").read_bytes()[:-400])
    (photos / "notes.txt").write_text("notes")
    (photos / ".hidden").write_text("")
    found = findings_of(photos)
    finding = only(found)
    assert (finding.kind, finding.level, finding.count) == ("skipped", "warning", 2)
    assert finding.text == "2 files are left out, each with the reason"
    assert finding.paths[0] == "notes.txt: not in a class folder: move it into the folder of its class"
    assert finding.paths[1].startswith("cats/cut.jpg: truncated")
    assert "65 files found, 63 read, 2 skipped, 1 hidden left aside" in str(found)


def test_copies_are_a_warning(photos: Path) -> None:
    shutil.copy(photos / "cats" / "4.jpg", photos / "cats" / "copy.jpg")
    finding = only(findings_of(photos))
    assert (finding.kind, finding.level, finding.count) == ("duplicates", "warning", 1)
    assert finding.text == "1 picture is there more than once, byte for byte"
    assert finding.paths == ("cats/4.jpg = cats/copy.jpg",)


def test_versions_are_a_note(photos: Path) -> None:
    (photos / "cats" / "resaved.jpg").write_bytes(encoded(scene(4), 70))
    finding = only(findings_of(photos))
    assert (finding.kind, finding.level, finding.count) == ("near-duplicates", "note", 1)
    assert finding.paths == ("cats/4.jpg ~ cats/resaved.jpg",)


def test_one_picture_under_two_labels_is_a_problem(photos: Path) -> None:
    shutil.copy(photos / "cats" / "4.jpg", photos / "dogs" / "copy.jpg")
    (photos / "dogs" / "resaved.jpg").write_bytes(encoded(scene(9), 70))
    found = findings_of(photos)
    kinds = ["two labels", "alike under two labels", "duplicates", "near-duplicates"]
    assert [finding.kind for finding in found.findings] == kinds
    assert found.worst == "problem"
    assert found.findings[0].paths == ("cats/4.jpg = dogs/copy.jpg",)
    # A version of a picture may differ in just what the classes are about, so this is no certain error.
    assert (found.findings[1].level, found.findings[1].paths) == ("warning", ("cats/9.jpg = dogs/resaved.jpg",))


def test_the_files_named_show_the_conflict(photos: Path) -> None:
    for number in range(3):
        shutil.copy(photos / "cats" / "4.jpg", photos / "cats" / f"copy{number}.jpg")
    shutil.copy(photos / "cats" / "4.jpg", photos / "dogs" / "copy.jpg")
    (path,) = findings_of(photos).findings[0].paths
    assert "dogs/copy.jpg" in path


def test_a_leak_between_given_parts_is_a_problem(tmp_path: Path) -> None:
    folder_of(tmp_path / "train", ENOUGH)
    folder_of(tmp_path / "val", {"cats": 30, "dogs": 30}, first_seed=100)
    folder_of(tmp_path / "test", {"cats": 30, "dogs": 30}, first_seed=200)
    shutil.copy(tmp_path / "train" / "cats" / "4.jpg", tmp_path / "val" / "cats" / "leak.jpg")
    put(tmp_path / "test" / "cats" / "leak.jpg", 105, 70)  # a version of val/cats/5.jpg
    found = findings_of(tmp_path)
    leaks = next(finding for finding in found.findings if finding.kind == "leaks")
    assert (leaks.level, leaks.count) == ("problem", 2)
    assert "2 pictures are in more than one of train, validation, test" in leaks.text
    assert set(leaks.paths) == {
        "train/cats/4.jpg = val/cats/leak.jpg",
        "val/cats/5.jpg = test/cats/leak.jpg",
    }
    assert found.findings[0] is leaks
    shutil.copy(tmp_path / "train" / "cats" / "4.jpg", tmp_path / "train" / "cats" / "again.jpg")
    (tmp_path / "val" / "cats" / "leak.jpg").unlink()
    (tmp_path / "test" / "cats" / "leak.jpg").unlink()
    assert only(findings_of(tmp_path)).kind == "duplicates", "copies within one part leak nothing"


def test_small_classes_are_a_warning(tmp_path: Path) -> None:
    finding = only(findings_of(folder_of(tmp_path, {"cats": FEW_PICTURES - 1, "dogs": FEW_PICTURES})))
    assert (finding.kind, finding.level) == ("few pictures", "warning")
    assert finding.text == "1 class with fewer than 30 pictures: 'cats' with 29"


@pytest.mark.parametrize(("most", "expected"), [(89, []), (90, ["imbalance"])])
def test_imbalance_is_a_warning_from_three_to_one(tmp_path: Path, most: int, expected: list[str]) -> None:
    found = findings_of(folder_of(tmp_path, {"cats": 30, "dogs": most}))
    assert [finding.kind for finding in found.findings] == expected
    if expected:
        assert only(found).text == "'dogs' has 90 pictures and 'cats' 30: look at the balanced accuracy too"


def test_a_class_that_nothing_teaches_is_a_problem(tmp_path: Path) -> None:
    folder_of(tmp_path / "train", {"cats": 30, "dogs": 30})
    folder_of(tmp_path / "test", {"cats": 30, "dogs": 30, "emus": 30}, first_seed=700)
    finding = next(each for each in findings_of(tmp_path).findings if each.kind == "untaught")
    assert (finding.level, finding.count) == ("problem", 30)
    assert finding.text.startswith("1 class without a picture to learn from, in validation or test only")
    assert finding.paths[0].startswith("test/emus/")


def test_tiny_pictures_are_a_note(photos: Path) -> None:
    scene(500, 47, 200).save(photos / "cats" / "tiny.png")
    scene(501, 48, 200).save(photos / "cats" / "not tiny.png")
    finding = only(findings_of(photos))
    assert (finding.kind, finding.level, finding.count) == ("tiny", "note", 1)
    assert finding.paths == ("cats/tiny.png: 200x47",)


def test_blank_pictures_are_a_warning(photos: Path) -> None:
    Image.new("RGB", (80, 60), (40, 90, 200)).save(photos / "dogs" / "lens cap.png")
    finding = only(findings_of(photos))
    assert (finding.kind, finding.level, finding.count) == ("blank", "warning", 1)
    assert finding.paths == ("dogs/lens cap.png",)


def everything_wrong(root: Path) -> Path:
    """A folder with every kind of finding, each with many files."""
    folder_of(root / "train", {"a class with a rather long name": 95, "b": 29})
    folder_of(root / "validation", {"a class with a rather long name": 3, "b": 3}, first_seed=1000)
    few, many = root / "train" / "b", root / "train" / "a class with a rather long name"
    for number in range(25):
        (many / f"unreadable{number}.jpg").write_text("no picture")
        Image.new("RGB", (80, 60), (number * 10, 0, 0)).save(many / f"blank{number}.png")
        scene(2000 + number, 20, 20).save(many / f"tiny{number}.png")
        shutil.copy(many / f"{number}.jpg", many / f"copy{number}.jpg")
        (many / f"near{number}.jpg").write_bytes(encoded(scene(25 + number), 70))
        shutil.copy(many / f"{50 + number}.jpg", root / "validation" / "b" / f"leak{number}.jpg")
    assert few.is_dir()
    return root


def test_all_findings_together_still_fit_a_screen_and_keep_their_counts(tmp_path: Path) -> None:
    found = findings_of(everything_wrong(tmp_path))
    kinds = [finding.kind for finding in found.findings]
    assert set(kinds) == {
        "two labels", "leaks", "skipped", "duplicates", "near-duplicates", "imbalance", "tiny", "blank",
    }  # fmt: skip
    levels = [finding.level for finding in found.findings]
    assert levels == sorted(levels, key=["problem", "warning", "note"].index)
    lines = str(found).splitlines()
    assert len(lines) <= 40  # of which ten name skipped files
    assert "    ... and 24 more" in lines
    assert lines[-1].startswith("--json lists all files")
    assert {finding.count for finding in found.findings if finding.kind in ("skipped", "tiny", "blank")} == {25}


def test_findings_are_ready_for_json(tmp_path: Path) -> None:
    found = findings_of(everything_wrong(tmp_path))
    read_back = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert read_back["found"] == found.found
    assert read_back["read"] + len(read_back["skipped"]) == read_back["found"]
    assert [finding["kind"] for finding in read_back["findings"]] == [finding.kind for finding in found.findings]
    assert read_back["skipped"][0]["reason"]
    tiny = next(finding for finding in read_back["findings"] if finding["kind"] == "tiny")
    assert len(tiny["paths"]) == 25  # all of them, however few are printed


@pytest.mark.skipif(sys.platform == "darwin", reason="file names are Unicode there")
def test_odd_file_names_are_no_trouble(photos: Path) -> None:
    odd = os.fsdecode(b"caf\xe9 \n.jpg")
    (photos / "cats" / odd).write_text("no picture")
    found = findings_of(photos)
    json.dumps(found.to_dict())
    str(found).encode("utf-8", "backslashreplace")


def test_many_classes_are_counted_not_all_named(tmp_path: Path) -> None:
    found = findings_of(folder_of(tmp_path, {f"class{number:02}": 2 for number in range(30)}))
    line = str(found).splitlines()[1]
    assert line.startswith("30 classes: class00 2, ")
    assert line.endswith("class07 2, and 22 more")


def test_a_folder_and_its_store_give_the_same(photos: Path) -> None:
    data = Dataset.from_directory(photos)
    store = PixelStore.build(data)
    assert check(data) == check(store) == check(store, twins=find_twins(store))


def test_a_class_that_cannot_be_read_is_an_error(photos: Path) -> None:
    for path in (photos / "dogs").iterdir():
        path.write_text("no picture")
    with pytest.raises(InputError, match="no picture of class 'dogs' can be read"):
        findings_of(photos)


def test_the_samples_deliberate_flaws_are_found(sample_photos: Path) -> None:
    found = check(Dataset.from_directory(sample_photos))
    assert (found.found, found.read) == (522, 521)
    kinds = {finding.kind: finding for finding in found.findings}
    assert kinds["skipped"].paths[0].startswith("train/horses/horse-truncated.jpg: truncated")
    assert kinds["duplicates"].paths == ("train/humans/human-copy.jpg = train/humans/human01-00.jpg",)
    assert kinds.keys() <= {"skipped", "duplicates", "near-duplicates"}
    assert found.worst == "warning"
