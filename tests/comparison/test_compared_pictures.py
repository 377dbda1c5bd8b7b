"""What tells the pictures of a comparison from others: what they are, how they are divided, and their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fieldguide.comparison.pictures import Pictures, differences
from fieldguide.comparison.record import Result
from fieldguide.data.dataset import Dataset
from fieldguide.data.split import Parts, split
from fieldguide.errors import InputError
from fieldguide.training.recipe import Recipe

RECIPE = Recipe(target_size=(96, 96))


@pytest.fixture(scope="module")
def parts(small_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(tmp_path_factory.mktemp("cache")))
        found = split(Dataset.from_directory(small_photos), test=0.25)
        Pictures.of(found, RECIPE)  # so that they are decoded once
        yield found


def digests(parts: Parts, rows: np.ndarray | None = None) -> dict[str, str]:
    return Pictures.of(parts, RECIPE).digests(rows)


def test_the_same_pictures_are_the_same(parts: Parts) -> None:
    assert differences(digests(parts), digests(parts)) == []
    assert differences(digests(parts, np.arange(8)), digests(parts, np.arange(8))) == []


@pytest.mark.parametrize(
    ("part", "said"),
    [("train", "the training pictures are the same"), ("test", "the pictures that measure are the same")],
)
def test_another_order_is_another_comparison(parts: Parts, part: str, said: str) -> None:
    given = parts.train if part == "train" else parts.test
    order = np.arange(len(given))
    order[:2] = [1, 0]
    swapped = given.select(order)
    turned = replace(parts, train=swapped) if part == "train" else replace(parts, test=swapped)
    assert differences(digests(parts), digests(turned)) == [
        f"{said}, but come in another order: files or folders were renamed"
    ]


def test_pictures_that_moved_between_the_parts_are_said_to_be_divided_otherwise(parts: Parts) -> None:
    train, test = parts.train, parts.test
    row, other = int(np.flatnonzero(train.labels == 0)[0]), int(np.flatnonzero(test.labels == 0)[0])
    moved = replace(
        parts,
        train=replace(train, paths=(*train.paths[:row], test.paths[other], *train.paths[row + 1 :])),
        test=replace(test, paths=(*test.paths[:other], train.paths[row], *test.paths[other + 1 :])),
    )
    assert differences(digests(parts), digests(moved)) == [
        "the same pictures are divided otherwise into those that are learnt from and those that measure"
    ]


def test_other_labels_are_noticed(parts: Parts) -> None:
    relabelled = replace(parts, test=replace(parts.test, labels=parts.test.labels[::-1].copy()))
    assert differences(digests(parts), digests(relabelled)) == [
        "the pictures that measure or their classes are not the same"
    ]


def test_a_run_whose_measured_pictures_come_in_another_order_is_refused(parts: Parts, tmp_path: Path) -> None:
    rows = np.arange(8)
    result = Result("8 pictures", 1, 8.0, 0, 1.0, 8, len(parts.test), (0,), 0, "at once", 1.0)
    result.write(tmp_path, {"copies": 1, **digests(parts, rows)})
    assert Result.read(tmp_path, {"copies": 1, **digests(parts, rows)}) == result
    turned = replace(parts, test=parts.test.select(np.arange(len(parts.test))[::-1]))
    with pytest.raises(
        InputError, match="was made otherwise: the pictures that measure are the same, but come in anot"
    ):
        Result.read(tmp_path, {"copies": 1, **digests(turned, rows)})
