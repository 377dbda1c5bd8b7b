"""Pictures of several labels: what a table says of them, how they are divided, and what is wrong with them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pictures import put

from fieldguide.data.check import check
from fieldguide.data.columns import TableOptions
from fieldguide.data.dataset import Dataset
from fieldguide.data.labelled import pictures_of
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import split
from fieldguide.data.tag_check import check_tags
from fieldguide.data.tag_split import assign_tags, split_readable, split_tags
from fieldguide.data.tagged import TaggedDataset
from fieldguide.data.twins import Twins
from fieldguide.errors import InputError, InputTypeError


def written(place: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    """A table beside files that nobody reads."""
    for name, *_ in rows:
        if name != "lost.jpg":
            (place / name).touch()
    with (place / "tags.csv").open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([header, *rows])
    return place / "tags.csv"


def shown(data: TaggedDataset) -> dict[str, list[str]]:
    """The labels of each picture by its name."""
    names = np.array(data.class_names, object)
    return {data.name(row): names[data.labels[row]].tolist() for row in range(len(data))}


SETS = {"a.jpg": ["beach", "sunset"], "b.jpg": ["sunset"], "c.jpg": []}


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        (("file", "tags"), [("c.jpg", ""), ("b.jpg", "sunset"), ("a.jpg", "sunset; beach")]),
        (("file", "labels"), [("a.jpg", "beach|sunset|beach"), ("b.jpg", "|sunset"), ("c.jpg", "")]),
        (("file", "beach", "sunset"), [("a.jpg", "1", "true"), ("b.jpg", "0", "1"), ("c.jpg", "", "no")]),
    ],
)
def test_labels_stand_in_one_cell_or_in_columns_of_0_and_1(
    header: Sequence[str], rows: list[tuple[str, ...]], tmp_path: Path
) -> None:
    path = written(tmp_path, header, rows)
    data = pictures_of(path)
    assert isinstance(data, TaggedDataset) and shown(data) == shown(TaggedDataset.from_table(path))
    assert shown(data) == SETS and data.class_names == ("beach", "sunset")
    assert str(data) == "3 pictures of 2 classes (beach 1, sunset 2), 1 of none"
    assert data.labels.dtype == bool and data.counts == {"beach": 1, "sunset": 2}


def test_a_separator_of_ones_own_and_rows_that_add_up(tmp_path: Path) -> None:
    rows = [("a.jpg", "beach"), ("a.jpg", "sunset"), ("b.jpg", "sunset"), ("c.jpg", "")]
    alone = written(tmp_path, ("file", "label"), [("a.jpg", "beach"), ("b.jpg", "sunset")])
    assert isinstance(pictures_of(alone), Dataset)
    path = written(tmp_path, ("file", "label"), rows)
    assert isinstance(pictures_of(path, TableOptions(separator=",")), TaggedDataset)
    data = TaggedDataset.from_table(path, label_columns="label", separator=",")
    assert shown(data) == SETS and data.table.repeated == ("a.jpg (lines 2, 3)",)
    path = written(tmp_path, ("file", "label"), [("a.jpg", "beach, sunset"), ("b.jpg", "sunset"), ("c.jpg", "")])
    assert shown(TaggedDataset.from_table(path, separator=",")) == SETS


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("a.jpg", "beach;"), ("b.jpg", "")], "has one label only, 'beach'; expected two or more"),
        ([("a.jpg", "; ;"), ("b.jpg", "")], "has no label; expected two or more"),
        ([("a.jpg", "beach;Beach"), ("b.jpg", "")], "the labels 'Beach' and 'beach' in"),
        (
            [("a.jpg", "beach;sunset"), ("lost.jpg", "owl;beach")],
            "files of class 'owl' in .* such as that of line 3: put",
        ),
        ([("a.jpg", "x;y"), ("lost.jpg", "b;c;d;e")], "files of the classes 'b', 'c', 'd' and 1 more in .*: put them"),
    ],
)
def test_what_cannot_be_learnt_is_refused(rows: list[tuple[str, str]], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        TaggedDataset.from_table(written(tmp_path, ("file", "tags"), rows))


def test_parts_and_what_is_left_out(tmp_path: Path) -> None:
    rows = [("a.jpg", "x;y", "train"), ("b.jpg", "y", "test"), ("c.jpg", "x", "train"), ("c.jpg", "x", "val")]
    path = written(tmp_path, ("file", "tags", "split"), rows)
    data = TaggedDataset.from_table(path)
    assert data.given is not None and data.given.tolist() == [0, 2]
    assert [(each.path.name, each.reason) for each in data.skipped] == [("c.jpg", "two parts: train and validation")]
    with pytest.raises(InputError, match="separator is ''"):
        TaggedDataset.from_table(path, separator="")


def test_a_column_without_a_1_is_named(tmp_path: Path) -> None:
    rows = [("a.jpg", "1", "1", "0", ""), ("b.jpg", "0", "1", "0", "no")]
    data = made(tmp_path, rows, ("file", "x", "y", "night", "fog"))
    assert data.class_names == ("x", "y") and data.table.unmarked == ("night", "fog")
    (finding,) = [one for one in check_tags(data).findings if one.kind == "no 1"]
    text = "2 columns of tags.csv without a 1, of which no class is made: 'night', 'fog'"
    assert (finding.level, finding.text) == ("warning", text)
    alone = [("a.jpg", "1", "0", "0", ""), ("b.jpg", "0", "1", "0", "no")]
    one = Dataset.from_table(written(tmp_path, ("file", "x", "y", "night", "fog"), alone))
    assert one.class_names == ("x", "y") and one.table is not None and one.table.unmarked == ("night", "fog")
    assert "no 1" in [each.kind for each in check(one).findings]


def test_pictures_of_none_and_missing_files_are_counted_apart(tmp_path: Path) -> None:
    data = made(tmp_path, [("a.jpg", "x;y"), ("b.jpg", "x"), ("c.jpg", ""), ("d.jpg", ""), ("lost.jpg", "x")])
    (tmp_path / "d.jpg").write_bytes(b"none")
    found = check_tags(data)
    assert (found.found, found.read, found.missing, len(found.skipped)) == (4, 3, 1, 2)
    assert str(found).startswith(f"{tmp_path / 'tags.csv'}: 4 files found, 3 read, 1 skipped, 1 missing\n")
    told = found.to_dict()
    assert (told["found"], told["missing"]) == (4, 1)
    (note,) = [one for one in found.findings if one.kind == "no label"]
    assert note.level == "note"
    assert note.text == "1 picture without a label, each taken as one that shows none of the classes"


def test_a_class_that_no_picture_to_learn_from_shows_is_a_problem(tmp_path: Path) -> None:
    tags = [
        ("x;y", "train"),
        ("x", "train"),
        ("", "train"),
        ("z;y", "test"),
        ("z;w", "validation"),
        ("x", "test"),
        ("", "val"),
    ]
    rows = [(f"{number}.jpg", *each) for number, each in enumerate(tags)]
    data = made(tmp_path, rows, ("file", "tags", "part"))
    (untaught,) = [one for one in check_tags(data).findings if one.kind == "untaught"]
    assert untaught.level == "problem" and untaught.paths == ("4.jpg", "3.jpg")
    assert untaught.text.startswith("no picture to learn from shows 'w', 'z', in validation or test only")
    for name in ("3.jpg", "4.jpg"):
        (tmp_path / name).write_bytes(b"none")
    (unread,) = [one for one in check_tags(data).findings if one.kind == "untaught"]
    assert unread.text == "no readable picture shows 'w', 'z': `train` refuses that"


# ------------------------------------------------------------------ dividing


def test_rare_labels_are_shared_out_as_their_shares_say() -> None:
    rng = np.random.default_rng(3)
    labels = rng.random((600, 5)) < np.array([0.5, 0.2, 0.05, 0.02, 0.01])
    labels[:2, 4] = True
    part_of = assign_tags(labels, np.arange(600), (0.8, 0.0, 0.2), seed=1)
    assert set(part_of.tolist()) == {0, 2}
    counts = np.array([labels[part_of == part].sum(axis=0) for part in (0, 2)])
    wanted = labels.sum(axis=0) * 0.2
    assert (np.abs(counts[1] - wanted) <= 1.5).all(), (counts, wanted)
    assert (counts >= 1).all()
    assert abs((part_of == 2).sum() - 120) <= 6
    assert (part_of == assign_tags(labels, np.arange(600), (0.8, 0.0, 0.2), seed=1)).all()
    assert (part_of != assign_tags(labels, np.arange(600), (0.8, 0.0, 0.2), seed=2)).any()


def test_groups_stay_together_and_two_of_a_label_go_to_two_parts() -> None:
    rng = np.random.default_rng(4)
    groups = rng.integers(0, 40, 120)
    labels = np.zeros((120, 3), bool)
    labels[:, 0] = groups % 2 == 0
    labels[:, 1] = np.isin(groups, [3, 4])
    part_of = assign_tags(labels, groups, [0.25] * 4, seed=0)
    assert all(len(set(part_of[groups == group].tolist())) == 1 for group in np.unique(groups))
    assert len(set(part_of[labels[:, 1]].tolist())) == 2
    assert len(set(assign_tags(labels[:, 2:], groups, [0.5, 0.5], seed=0).tolist())) == 2  # of no label at all


def test_pictures_of_one_label_and_of_two_are_divided_alike() -> None:
    labels = np.repeat(np.array([[1, 0], [0, 1], [1, 1], [0, 0]], bool), [8, 8, 16, 20], axis=0)
    part_of = assign_tags(labels, np.arange(52), (0.75, 0.25), seed=0)
    kinds = labels @ np.array([1, 2])
    assert [int((part_of[kinds == kind] == 1).sum()) for kind in (1, 2, 3, 0)] == [2, 2, 4, 5]


def made(place: Path, rows: Sequence[tuple[str, ...]], header: Sequence[str] = ("file", "tags")) -> TaggedDataset:
    """A table of real pictures, another scene for each name."""
    path = written(place, header, rows)
    for number, (name, *_) in enumerate(rows):
        if name != "lost.jpg":
            put(place / name, number)
    return TaggedDataset.from_table(path)


def test_a_division_is_leak_proof_and_counts_every_picture(tmp_path: Path) -> None:
    rows = [(f"{number}.jpg", ("x;y", "x", "y", "")[number % 4]) for number in range(24)]
    data = made(tmp_path, rows)
    put(tmp_path / "1.jpg", 0)  # a copy of 0.jpg with other labels
    (tmp_path / "2.jpg").write_bytes(b"none")
    parts = split_tags(data, test=0.25, seed=2)
    assert str(parts) == f"{len(parts.train)} train, {len(parts.test)} test"
    assert len(parts.train) + len(parts.test) == 23 and len(parts.groups) == 23
    assert [each.path.name for each in parts.train.skipped] == ["2.jpg"]
    names = [{part.name(row) for row in range(len(part))} for part in (parts.train, parts.test)]
    assert any({"0.jpg", "1.jpg"} <= each for each in names)
    assert parts.how == "at random, rare labels first (seed 2), 25% to measure; copies stay together"
    findings = check_tags(data)
    kinds = {one.kind: (one.level, one.paths) for one in findings.findings}
    assert kinds["two labels"] == ("problem", ("0.jpg = 1.jpg (differ in y)",))
    assert kinds["few pictures"][0] == "warning" and "imbalance" not in kinds
    assert findings.counts == {"x": 12, "y": 11} and findings.found == 24


def test_parts_that_the_table_says_are_taken_with_their_leaks(tmp_path: Path) -> None:
    parts = ["train"] * 6 + ["validation"] * 4
    rows = [(f"{number}.jpg", "x;y" if number % 2 else "", part) for number, part in enumerate(parts)]
    data = made(tmp_path, rows, ("file", "tags", "part"))
    put(tmp_path / "9.jpg", 1)
    found = split_tags(data)
    assert found.measured == "validation" and found.how == "as the table says, and nothing is chosen on validation"
    assert (len(found.train), len(found.validation), len(found.test)) == (6, 0, 4)
    assert found.leaked_measured == ("9.jpg",) and found.to_dict()["leaks"]


def test_what_cannot_be_divided_is_refused(tmp_path: Path) -> None:
    rows = [("a.jpg", "x;y"), ("b.jpg", "x"), ("c.jpg", "x"), ("d.jpg", "")]
    data = TaggedDataset.from_table(written(tmp_path, ("file", "tags"), rows))
    alone = Twins(np.arange(4), (), ())
    with pytest.raises(InputError, match="1 readable picture do not show 'x'"):
        split_readable(data, alone)
    with pytest.raises(InputError, match="1 readable picture show 'y'"):
        split_readable(data.select([0, 1, 2, 3, 3]), Twins(np.arange(5), (), ()))
    with pytest.raises(InputError, match=r"test is 20; expected shares"):
        split_readable(data, alone, test=20)
    with pytest.raises(InputTypeError, match=r"expected a TaggedDataset, such as fg\.TaggedDataset\.from_table"):
        split_tags("photos")  # type: ignore[arg-type]
    parts = [("a.jpg", "x;y", "train"), ("b.jpg", "x", "train"), ("c.jpg", "z;y", "test"), ("d.jpg", "z", "test")]
    given = TaggedDataset.from_table(written(tmp_path, ("file", "tags", "part"), parts))
    with pytest.raises(InputError, match="no picture to train on shows 'z'"):
        split_readable(given, alone)
    untaught = [(name, tags, "val" if part == "train" else part) for name, tags, part in parts]
    none = TaggedDataset.from_table(written(tmp_path, ("file", "tags", "part"), untaught))
    with pytest.raises(InputError, match="says train for no picture: say it for some"):
        split_readable(none, alone)


def test_given_parts_need_no_more_than_training_does(tmp_path: Path) -> None:
    tags = ["x;y", "x", "", "", "x", ""]
    rows = [(f"{number}.jpg", each, "train" if number < 4 else "test") for number, each in enumerate(tags)]
    data = TaggedDataset.from_table(written(tmp_path, ("file", "tags", "part"), rows))
    parts = split_readable(data, Twins(np.arange(6), (), ()))
    assert parts.train.counts == {"x": 2, "y": 1} and parts.test.counts == {"x": 1, "y": 0}
    with pytest.raises(InputError, match=r"every picture to train on shows 'x' in .*: add rows that do not"):
        split_readable(data.select([0, 1, 4, 5]), Twins(np.arange(4), (), ()))


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_one_part_alone(part: str, tmp_path: Path) -> None:
    labels = ["a", "b", "a;b", "", "a", "b", "a", "b"]
    rows = [(f"{number}.jpg", label, part) for number, label in enumerate(labels)]
    data = made(tmp_path, rows, ("file", "tags", "part"))
    single = [(name, label[:1] or "a", part) for name, label, _ in rows]
    one = Dataset.from_table(written(tmp_path, ("file", "label", "part"), single))
    said = {(each.kind, each.level) for found in (check_tags(data), check(one)) for each in found.findings}
    if part == "train":
        assert split_tags(data).how.endswith("copies stay together; the table says train for all")
        assert split(one).how.endswith("copies stay together; the table says train for all")
        assert ("one part", "note") in said and "no training part" not in [kind for kind, _ in said]
    else:
        for divide in (lambda: split_tags(data), lambda: split(one)):
            with pytest.raises(InputError, match="says train for no picture: say it for some, or rename the column"):
                divide()
        assert ("no training part", "warning") in said and "one part" not in [kind for kind, _ in said]


def test_a_table_of_which_nothing_can_be_read_is_named(tmp_path: Path) -> None:
    data = TaggedDataset.from_table(written(tmp_path, ("file", "tags"), [("a.jpg", "x;y"), ("b.jpg", "x")]))
    with pytest.raises(
        InputError, match=r"no picture of .*tags\.csv can be read \(2 tried; a\.jpg: .*\): replace its f"
    ):
        split_tags(data)


def test_pictures_are_decoded_without_labels(tmp_path: Path) -> None:
    data = made(tmp_path, [("a.jpg", "x;y"), ("b.jpg", "")])
    store = PixelStore.build(data.pictures)
    assert shown(data.readable(store.dataset)) == shown(data)
