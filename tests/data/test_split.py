"""Parts: stratified, seeded, and without a picture on both sides; a folder that came divided stays so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from pictures import encoded, folder_of, put, scene

from fieldguide.data.dataset import Dataset
from fieldguide.data.parts import Leak
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import Parts, assign, split
from fieldguide.data.twins import find_twins
from fieldguide.errors import InputError

SHARES = [(0.8, 0.0, 0.2), (0.6, 0.2, 0.2), (0.5, 0.25, 0.25), (0.9, 0.0, 0.1), (1.0, 0.0, 0.0), (0.1, 0.2, 0.7)]


def store_of(root: Path) -> PixelStore:
    return PixelStore.build(Dataset.from_directory(root), target_size=(32, 32))


def names(data: Dataset) -> set[str]:
    return {data.name(row) for row in range(len(data))}


def all_names(parts: Parts) -> list[str]:
    return [part.name(row) for part in (parts.train, parts.validation, parts.test) for row in range(len(part))]


# ------------------------------------------------------------------ the rule, on many random sets


@pytest.mark.parametrize("shares", SHARES)
def test_without_copies_every_class_is_divided_within_one_picture(shares: tuple[float, ...]) -> None:
    for seed in range(40):
        rng = np.random.default_rng((seed, 1))
        labels = rng.permutation(np.repeat(np.arange(5), rng.integers(8, 200, 5)))
        part_of = assign(labels, rng.permutation(len(labels)), shares, seed=seed)
        for label in range(5):
            counts = np.bincount(part_of[labels == label], minlength=3)
            exact = np.array(shares) * counts.sum()
            assert (np.abs(counts - exact) <= 1 + 1e-9).all() or counts.min() == 1
            assert ((counts > 0) == (np.array(shares) > 0)).all()


@pytest.mark.parametrize("shares", SHARES)
def test_groups_are_never_divided_and_shares_hold_as_far_as_they_can(shares: tuple[float, ...]) -> None:
    for seed in range(40):
        rng = np.random.default_rng((seed, 2))
        sizes = rng.integers(1, 7, 120)
        groups = rng.permutation(np.repeat(rng.permutation(1000)[:120], sizes))
        label_of = dict(zip(np.unique(groups).tolist(), rng.integers(0, 3, 120).tolist(), strict=True))
        labels = np.array([label_of[group] for group in groups.tolist()])
        part_of = assign(labels, groups, shares, seed=seed)
        for group in np.unique(groups):
            assert len(np.unique(part_of[groups == group])) == 1
        for label in range(3):
            counts = np.bincount(part_of[labels == label], minlength=3)
            assert (np.abs(counts - np.array(shares) * counts.sum()) <= sizes.max()).all()


@pytest.mark.parametrize("shares", [shares for shares in SHARES if shares[0] < 1])
@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_small_classes_reach_every_part_that_they_can(shares: tuple[float, ...], size: int) -> None:
    wanted = sum(share > 0 for share in shares)
    for seed in range(20):
        labels = np.repeat([0, 1], [size, 50])
        counts = np.bincount(assign(labels, np.arange(len(labels)), shares, seed=seed)[:size], minlength=3)
        assert (counts > 0).sum() == min(wanted, size)
        assert counts[0] > 0, "there must be something to learn from"


def test_one_large_group_goes_where_there_is_room() -> None:
    labels, groups = np.zeros(100, int), np.concatenate([np.zeros(60, int), np.arange(1, 41)])
    part_of = assign(labels, groups, (0.8, 0.0, 0.2), seed=0)
    assert (part_of[groups == 0] == 0).all()
    assert np.bincount(part_of, minlength=3).tolist() == [80, 0, 20]


def test_a_group_under_two_labels_counts_once() -> None:
    labels = np.repeat([0, 1], 20)
    groups = np.arange(40)
    groups[25] = groups[3]
    for seed in range(20):
        part_of = assign(labels, groups, (0.75, 0.0, 0.25), seed=seed)
        assert part_of[25] == part_of[3]


def test_the_seed_decides() -> None:
    labels, groups = np.repeat([0, 1], 50), np.arange(100)
    same = [assign(labels, groups, (0.8, 0.0, 0.2), seed=3).tolist() for _ in range(2)]
    other = assign(labels, groups, (0.8, 0.0, 0.2), seed=4).tolist()
    assert same[0] == same[1] != other


# ------------------------------------------------------------------ on folders


def test_every_picture_is_in_one_part(tmp_path: Path) -> None:
    store = store_of(folder_of(tmp_path, {"a": 20, "b": 30, "c": 10}))
    parts = split(store, validation=0.2, test=0.3, seed=1)
    assert sorted(all_names(parts)) == sorted(names(store.dataset))
    assert [list(part.counts.values()) for part in (parts.train, parts.validation, parts.test)] == [
        [10, 15, 5], [4, 6, 2], [6, 9, 3],
    ]  # fmt: skip
    assert str(parts) == "30 train, 12 validation, 18 test"
    for fact in ("at random by class", "seed 1", "30% to measure", "20% to choose", "copies stay together"):
        assert fact in parts.how
    assert parts.leaks == ()
    assert len(parts.groups) == len(parts.train)


def test_a_data_set_and_its_store_are_divided_alike(tmp_path: Path) -> None:
    data = Dataset.from_directory(folder_of(tmp_path, {"a": 10, "b": 10}))
    by_data, by_store = split(data, seed=5), split(PixelStore.build(data), seed=5)
    assert all_names(by_data) == all_names(by_store)
    assert all_names(by_data) == all_names(split(data, seed=5))
    assert all_names(by_data) != all_names(split(data, seed=6))
    assert (len(by_data.train), len(by_data.validation), len(by_data.test)) == (16, 0, 4)


def with_copies(root: Path) -> Path:
    """Eight pictures of each class in two to four versions each, under other names and in other folders."""
    folder_of(root, {"a": 8, "b": 8})
    for number in range(16):
        name = "a" if number < 8 else "b"
        shutil.copy(root / name / f"{number % 8}.jpg", root / name / f"z{number}.jpg")
        if number % 2:
            put(root / name / "more" / f"{number}.jpg", number, 70)
            put(root / name / f"y{number}.jpg", number, 80)
    return root


def test_copies_and_versions_of_a_picture_stay_on_one_side(tmp_path: Path) -> None:
    store = store_of(with_copies(tmp_path))
    groups = find_twins(store).groups
    assert len(np.unique(groups)) == 16
    row_of = {store.dataset.name(row): row for row in range(len(store))}
    for seed in range(10):
        parts = split(store, validation=0.25, test=0.25, seed=seed)
        sides = [{int(groups[row_of[name]]) for name in names(p)} for p in (parts.train, parts.validation, parts.test)]
        assert sum(len(side) for side in sides) == 16
        assert all(sides)
        assert [int(groups[row_of[parts.train.name(row)]]) for row in range(len(parts.train))] == parts.groups.tolist()
        assert parts.leaks == ()


def test_one_picture_under_two_labels_stays_on_one_side(tmp_path: Path) -> None:
    root = folder_of(tmp_path, {"a": 8, "b": 8})
    shutil.copy(root / "a" / "0.jpg", root / "b" / "also.jpg")
    (root / "a" / "again.jpg").write_bytes(encoded(scene(9), 70))  # a version of b/1.jpg
    store = store_of(root)
    for seed in range(10):
        parts = split(store, test=0.3, seed=seed)
        for pair in ({"a/0.jpg", "b/also.jpg"}, {"b/1.jpg", "a/again.jpg"}):
            assert pair <= names(parts.train) or pair <= names(parts.test)


def test_what_cannot_be_read_is_listed_with_the_training_part(tmp_path: Path) -> None:
    root = folder_of(tmp_path, {"a": 5, "b": 5})
    (root / "a" / "cut.jpg").write_text("no picture")
    (root / "stray.txt").write_text("")
    parts = split(store_of(root))
    assert {entry.path.name for entry in parts.train.skipped} == {"cut.jpg", "stray.txt"}
    assert len(all_names(parts)) + len(parts.train.skipped) == 12


# ------------------------------------------------------------------ folders that came divided


def divided(root: Path, *parts: str) -> Path:
    """Parts with two classes of four pictures each, all different."""
    for number, part in enumerate(parts):
        folder_of(root / part, {"a": 4, "b": 4}, first_seed=100 * number)
    return root


@pytest.mark.parametrize(
    ("folders", "sizes", "measured"),
    [
        (("train", "val", "test"), (8, 8, 8), "test"),
        (("train", "test"), (8, 0, 8), "test"),
        (("train", "valid"), (8, 0, 8), "validation"),  # it measures, whatever it is called
    ],
)
def test_given_parts_are_respected(
    tmp_path: Path, folders: tuple[str, ...], sizes: tuple[int, int, int], measured: str
) -> None:
    parts = split(store_of(divided(tmp_path, *folders)), validation=0.3, test=0.1, seed=4)
    assert (len(parts.train), len(parts.validation), len(parts.test)) == sizes
    assert {name.split("/")[0] for name in names(parts.train)} == {"train"}
    assert {name.split("/")[0] for name in names(parts.test)} == {folders[-1]}
    assert (parts.measured, parts.leaks) == (measured, ())
    assert parts.how.startswith("as the folder came")
    assert (f"nothing is chosen on {measured}" in parts.how) == (len(folders) == 2)
    assert measured in str(parts)


def test_train_alone_is_divided_as_any_folder(tmp_path: Path) -> None:
    parts = split(store_of(divided(tmp_path, "train")), test=0.25)
    assert (len(parts.train), len(parts.test)) == (6, 2)
    assert "at random by class" in parts.how


def test_leaks_between_given_parts_are_listed_by_name(tmp_path: Path) -> None:
    root = divided(tmp_path, "train", "validation", "test")
    shutil.copy(root / "train" / "a" / "1.jpg", root / "validation" / "a" / "copy.jpg")
    shutil.copy(root / "train" / "a" / "1.jpg", root / "test" / "b" / "copy.jpg")
    (root / "test" / "a" / "resaved.jpg").write_bytes(encoded(scene(2), 75))
    parts = split(store_of(root))
    assert set(parts.leaks) == {
        Leak("train/a/1.jpg", "train", "validation/a/copy.jpg", "validation"),
        Leak("train/a/1.jpg", "train", "test/b/copy.jpg", "test"),
        Leak("train/a/2.jpg", "train", "test/a/resaved.jpg", "test"),
    }
    assert set(parts.leaked_measured) == {"test/b/copy.jpg", "test/a/resaved.jpg"}
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (8, 9, 10), "they are told of, not moved"
    assert [Leak(**leak) for leak in json.loads(json.dumps(parts.to_dict()))["leaks"]] == list(parts.leaks)


@pytest.mark.parametrize(
    ("given", "part", "measured"),
    [
        (("train", "validation", "test"), "validation", "test"),
        (("train", "validation"), "train", "validation"),  # validation alone only measures
    ],
)
def test_a_leak_into_the_measuring_part_counts(
    tmp_path: Path, given: tuple[str, ...], part: str, measured: str
) -> None:
    root = divided(tmp_path, *given)
    shutil.copy(root / part / "a" / "1.jpg", root / measured / "a" / "copy.jpg")
    parts = split(store_of(root))
    assert parts.leaks == (Leak(f"{part}/a/1.jpg", part, f"{measured}/a/copy.jpg", measured),)
    assert parts.leaked_measured == (f"{measured}/a/copy.jpg",)


def test_a_class_without_pictures_to_train_on_is_refused(tmp_path: Path) -> None:
    root = divided(tmp_path, "train", "test")
    folder_of(root / "test", {"c": 2}, first_seed=300)
    with pytest.raises(InputError, match=r"class 'c' is in test only \(.*test/c\): nothing can be learnt of it; put"):
        split(store_of(root))


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("validation", "test"), [(0, 1), (1, 0), (-0.1, 0.2), (0.5, 0.5), (0.2, 20), (float("nan"), 0.2)]
)
def test_shares_that_make_no_sense_are_refused_before_anything_is_read(
    tmp_path: Path, validation: float, test: float
) -> None:
    data = Dataset(tmp_path, (tmp_path / "missing.jpg",), np.zeros(1, np.int32), ("a",))
    with pytest.raises(InputError, match="expected shares from 0 to 1 that leave some to train on"):
        split(data, validation=validation, test=test)


def test_a_class_with_one_picture_is_refused(tmp_path: Path) -> None:
    root = folder_of(tmp_path, {"a": 5, "b": 2})
    (root / "b" / "1.jpg").write_text("no picture")
    with pytest.raises(InputError) as caught:
        split(store_of(root))
    assert str(caught.value).startswith(f"class 'b' in {root} has 1 readable picture; at least 2 are needed")


def test_without_anything_to_measure_all_is_trained_on(tmp_path: Path) -> None:
    parts = split(store_of(folder_of(tmp_path, {"a": 3, "b": 3})), test=0)
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (6, 0, 0)
    assert str(parts) == "6 train"
