"""A class without a picture in the part that measures is named, with why."""

from __future__ import annotations

from pathlib import Path

from pictures import folder_of, put

from fieldguide.data.check import Findings, check
from fieldguide.data.coverage import with_unmeasured
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import split
from fieldguide.data.twins import find_twins


def found_in(root: Path, *, test: float = 0.2, validation: float = 0.0) -> Findings:
    store = PixelStore.build(Dataset.from_directory(root))
    twins = find_twins(store)
    parts = split(store, test=test, validation=validation, twins=twins)
    return with_unmeasured(check(store, twins=twins), parts, store.dataset, twins)


def texts(found: Findings) -> list[str]:
    return [one.text for one in found.findings if one.kind == "not measured"]


def test_a_class_of_one_group_of_look_alikes_is_warned_of_first(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cats": 8, "dogs": 8})
    for number in range(6):
        put(tmp_path / "film" / f"{number}.jpg", 99, quality=70 + 4 * number)
    found = found_in(tmp_path)
    (text,) = texts(found)
    assert text == (
        "'film' has no test picture, and no figure says how well it is recognised: all its 6 pictures were taken for "
        "one group of look-alikes (copies or frames of one film), which stays together. Add pictures taken apart from "
        "these"
    )
    assert found.findings[0].text == text and found.findings[0].level == "warning"


def test_a_class_of_few_groups_and_one_that_came_without_are_told_apart(tmp_path: Path) -> None:
    folder_of(tmp_path / "few", {"cats": 8, "dogs": 8, "owls": 2})
    (text,) = texts(found_in(tmp_path / "few", validation=0.2))
    assert text.endswith(
        "'owls' has no test picture, and no figure says how well it is recognised: 2 pictures of it are "
        "too few to divide"
    )
    folder_of(tmp_path / "given" / "train", {"cats": 4, "dogs": 4})
    folder_of(tmp_path / "given" / "test", {"cats": 4}, first_seed=50)
    (text,) = texts(found_in(tmp_path / "given"))
    assert text.startswith("'dogs' has no test picture") and text.endswith(": the folder came without")


def test_many_classes_are_counted_and_none_is_named_where_nothing_measures(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cats": 8} | {f"kind {number}": 2 for number in range(5)})
    found = texts(found_in(tmp_path, validation=0.2))
    assert len(found) == 4
    assert found[-1] == "2 more classes have no test picture either"
    assert texts(found_in(tmp_path, test=0.0)) == []
