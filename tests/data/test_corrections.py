"""Corrections: what is written down stays, the last line counts, and the data set is as they say."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from pictures import folder_of, put

from fieldguide.data.check import check
from fieldguide.data.corrections import Corrections
from fieldguide.data.dataset import Dataset
from fieldguide.data.decisions import append, decided
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import split
from fieldguide.errors import InputError, InputKeyError, InputTypeError, MissingFileError


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return Dataset.from_directory(folder_of(tmp_path / "photos", {"cats": 4, "dogs": 4}))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "corrections.csv"


def kinds(data: Dataset) -> dict[str, str]:
    return {data.name(row): data.class_names[label] for row, label in enumerate(data.labels)}


def test_labels_change_and_pictures_are_left_out_and_nothing_is_touched(data: Dataset, file: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in data.paths}
    Corrections.record(file, data, {"cats/0.jpg": "dogs", "cats/1.jpg": None, "dogs/0.jpg": "dogs"})
    corrections = Corrections.read(file)
    mended = corrections.apply(data)
    assert str(corrections) == str(mended.corrected) == "1 label corrected, 1 picture left out, 1 confirmed"
    expected = {**kinds(data), "cats/0.jpg": "dogs"}
    del expected["cats/1.jpg"]
    assert kinds(mended) == expected
    assert [(entry.path.name, entry.reason) for entry in mended.skipped] == [("1.jpg", "left out by corrections.csv")]
    assert mended.found == data.found == 8
    assert {path: path.stat().st_mtime_ns for path in data.paths} == before
    assert data.corrected is None and kinds(data)["cats/0.jpg"] == "cats"


def test_the_last_line_of_a_picture_counts(data: Dataset, file: Path) -> None:
    Corrections.record(file, data, {"cats/0.jpg": "dogs", "cats/1.jpg": "dogs"})
    Corrections.record(file, data, {"cats/0.jpg": None})
    append(file, [decided(data, 1, None, undone=True)])
    corrections = Corrections.read(file)
    assert [line.file for line in corrections.lines] == ["cats/0.jpg", "cats/1.jpg", "cats/0.jpg", "cats/1.jpg"]
    assert {name: line.now for name, line in corrections.standing.items()} == {"cats/0.jpg": None}


def test_the_file_is_as_documented(data: Dataset, file: Path) -> None:
    Corrections.record(file, data, {"cats/0.jpg": "dogs", "cats/1.jpg": "cats", "cats/2.jpg": None})
    append(file, [decided(data, 2, None, undone=True)])
    header, *rows = [line.split(",") for line in file.read_text().splitlines()]
    assert header == ["file", "sha256", "was", "now", "when"]
    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("cats/0.jpg", "cats", "dogs"),
        ("cats/1.jpg", "cats", ""),
        ("cats/2.jpg", "cats", "-"),
        ("cats/2.jpg", "cats", "?"),
    ]


def test_what_was_written_before_is_never_changed(data: Dataset, file: Path) -> None:
    contents = []
    for row in range(5):
        append(file, [decided(data, row, "dogs")])
        contents.append(file.read_bytes())
    assert all(later.startswith(earlier) for earlier, later in pairwise(contents))


@pytest.mark.parametrize("cut", [1, 20, 60, 100])
def test_a_line_cut_short_costs_that_line_only(cut: int, data: Dataset, file: Path) -> None:
    Corrections.record(file, data, {"cats/0.jpg": "dogs"})
    Corrections.record(file, data, {"cats/1.jpg": "dogs"})
    whole = file.read_bytes()
    file.write_bytes(whole[:-cut])
    kept = Corrections.read(file).standing
    assert "cats/0.jpg" in kept
    append(file, [decided(data, 2, "dogs")])
    assert set(Corrections.read(file).standing) == {*kept, "cats/2.jpg"}


def test_odd_names_of_files_and_classes(tmp_path: Path, file: Path) -> None:
    names = ("=1+1", "-", "?", "with,comma", "line\nbreak", "'=1", '"q"')
    for seed, name in enumerate(names):
        put(tmp_path / "odd" / name / f"@{name}.jpg", seed)
        put(tmp_path / "odd" / name / "b.jpg", 50 + seed)
    data = Dataset.from_directory(tmp_path / "odd")
    turned = {f"{name}/@{name}.jpg": names[(place + 1) % len(names)] for place, name in enumerate(names)}
    Corrections.record(file, data, turned)
    assert len(file.read_text().splitlines()) == 1 + len(names)
    assert kinds(Corrections.read(file).apply(data)) == {**kinds(data), **turned}


def test_a_corrected_label_resolves_two_labels(data: Dataset, file: Path) -> None:
    shutil.copy(data.root / "cats" / "0.jpg", data.root / "dogs" / "copy.jpg")
    data = Dataset.from_directory(data.root)
    found = check(data)
    assert found.worst == "problem" and "two labels" in [one.kind for one in found.findings]
    Corrections.record(file, data, {"dogs/copy.jpg": "cats"})
    mended = Corrections.read(file).apply(data)
    after = check(mended)
    assert "two labels" not in [one.kind for one in after.findings]
    assert "corrections.csv: 1 label corrected" in str(after)
    assert json.loads(json.dumps(after.to_dict()))["corrections"] == {
        "file": "corrections.csv", "changed": 1, "left_out": 0, "confirmed": 0,
    }  # fmt: skip
    assert "corrections" not in found.to_dict()
    assert PixelStore.build(mended).fingerprint != PixelStore.build(data).fingerprint


def test_parts_know_of_the_corrections(data: Dataset, file: Path) -> None:
    Corrections.record(file, data, {"cats/0.jpg": "dogs", "cats/1.jpg": None})
    train = split(Corrections.read(file).apply(data), test=0.25).train
    assert train.corrected is not None and train.corrected.changed == 1
    assert [entry.reason for entry in train.skipped] == ["left out by corrections.csv"]


def test_a_divided_folder_stays_divided(tmp_path: Path, file: Path) -> None:
    folder_of(tmp_path / "set" / "train", {"cats": 3, "dogs": 3})
    folder_of(tmp_path / "set" / "test", {"cats": 1, "dogs": 1}, first_seed=20)
    data = Dataset.from_directory(tmp_path / "set")
    Corrections.record(file, data, {"train/cats/0.jpg": "dogs", "train/cats/1.jpg": None})
    mended = Corrections.read(file).apply(data)
    assert mended.given is not None and len(mended.given) == len(mended) == 7
    Corrections.record(file, data, {"test/cats/0.jpg": None, "test/dogs/0.jpg": None})
    with pytest.raises(InputError, match="leaves no picture in the test part"):
        Corrections.read(file).apply(data)


def test_other_pictures_are_named(data: Dataset, file: Path, tmp_path: Path) -> None:
    Corrections.record(file, data, {"cats/0.jpg": "dogs"})
    corrections = Corrections.read(file)
    other = Dataset.from_directory(folder_of(tmp_path / "other", {"cats": 4, "dogs": 4}, first_seed=100))
    with pytest.raises(InputError, match=r"made for other pictures: cats/0\.jpg in .*other is another picture now"):
        corrections.apply(other)
    few = Dataset.from_directory(folder_of(tmp_path / "few", {"apes": 1, "dogs": 1}))
    with pytest.raises(InputError, match=r"is of other pictures: cats/0\.jpg is not in .*few"):
        corrections.apply(few)
    data.paths[0].write_bytes(b"")
    with pytest.raises(InputError, match=r"cats/0\.jpg in .*photos cannot be read \(an empty file\)"):
        corrections.apply(data)
    data.paths[0].unlink()
    with pytest.raises(InputError, match=r"cats/0\.jpg is not in .*photos\. Name the folder"):
        corrections.apply(Dataset.from_directory(data.root))


def test_lines_that_make_no_sense_are_named(data: Dataset, file: Path) -> None:
    Corrections.record(file, data, {"cats/0.jpg": "dogs"})
    text = file.read_text()
    for old, new, expected in (
        (",dogs,", ",wrens,", r"gives cats/0\.jpg the class 'wrens', which .*photos has no folder of \(cats, dogs\)"),
        (",cats,", ",dogs,", r"says that cats/0\.jpg was of class 'dogs', and it is of 'cats'"),
    ):
        file.write_text(text.replace(old, new))
        with pytest.raises(InputError, match=expected):
            Corrections.read(file).apply(data)
    for old, new, expected in (
        (",cats,", ",,", r"line 2, names no class"),
        ("cats/0.jpg,", ",", r"line 2, names no file"),
        (text.splitlines()[1].split(",")[1], "abc", r"line 2, holds 'abc'; expected a SHA-256 of 64 digits"),
    ):
        file.write_text(text.replace(old, new))
        with pytest.raises(InputError, match=expected):
            Corrections.read(file)


def test_a_class_must_not_be_emptied(data: Dataset, file: Path) -> None:
    Corrections.record(file, data, dict.fromkeys((f"cats/{number}.jpg" for number in range(4)), "dogs"))
    with pytest.raises(InputError, match=r"corrections\.csv leaves no picture of class 'cats' in .*photos"):
        Corrections.read(file).apply(data)


def test_they_are_applied_once(data: Dataset, file: Path) -> None:
    Corrections.record(file, data, {"cats/0.jpg": "dogs"})
    corrections = Corrections.read(file)
    with pytest.raises(InputError, match=r"corrected already, by corrections\.csv"):
        corrections.apply(corrections.apply(data))


def test_nothing_is_added_to_a_file_of_another_kind(data: Dataset, file: Path) -> None:
    file.write_text("dear diary\n")
    with pytest.raises(InputError, match=r"begins with 'dear diary'; expected corrections"):
        Corrections.record(file, data, {"cats/0.jpg": "dogs"})
    assert file.read_text() == "dear diary\n"


def test_what_is_recorded_must_be_there(data: Dataset, file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputKeyError, match=r"no picture 'cats/9\.jpg' in"):
        Corrections.record(file, data, {"cats/0.jpg": "dogs", "cats/9.jpg": "dogs"})
    with pytest.raises(InputKeyError, match="is to be of class 'apes', which there is not; expected one of cats, dogs"):
        Corrections.record(file, data, {"cats/0.jpg": "apes"})
    assert not file.exists()
    with pytest.raises(InputTypeError, match="expected a path"):
        Corrections.read(3)  # type: ignore[arg-type]
    with pytest.raises(MissingFileError, match="does not exist"):
        Corrections.read(tmp_path / "none.csv")
