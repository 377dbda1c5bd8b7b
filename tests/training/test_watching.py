"""Which pictures are learnt from and which are looked at: what chooses is never what measures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fieldguide.data.dataset import Dataset
from fieldguide.data.parts import Leak
from fieldguide.data.split import Parts, split
from fieldguide.errors import InputError
from fieldguide.training.optimiser import Optimiser
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.stopping import Stopping, Targets
from fieldguide.training.watching import MOST_WATCHED, watch

PLAIN = ScratchRecipe()
CHOOSING = [
    PLAIN.with_(stopping=Stopping()),
    PLAIN.with_(targets=Targets(0.9, 0.8)),
    PLAIN.with_(optimiser=Optimiser(schedule="plateau")),
]


@pytest.fixture(scope="module")
def data(small_photos: Path) -> Dataset:
    return Dataset.from_directory(small_photos)


def rows_of(parts: Parts) -> tuple[set[int], set[int], set[int]]:
    """The rows of train, validation and test."""
    first, second = len(parts.train), len(parts.train) + len(parts.validation)
    return set(range(first)), set(range(first, second)), set(range(second, second + len(parts.test)))


@pytest.mark.parametrize("recipe", [PLAIN, *CHOOSING])
def test_a_validation_part_chooses(data: Dataset, recipe: ScratchRecipe) -> None:
    parts = split(data, validation=0.2, test=0.2)
    train, validation, _ = rows_of(parts)
    found = watch(parts, recipe)
    assert (set(found.fitted), set(found.held), found.chooses) == (train, validation, True)
    assert found.how == "the 12 pictures of validation"


def test_without_anything_to_choose_the_measuring_part_is_looked_at(data: Dataset) -> None:
    parts = split(data, test=0.2)
    train, _, test = rows_of(parts)
    found = watch(parts, PLAIN)
    assert (set(found.fitted), set(found.held), found.chooses) == (train, test, False)
    assert found.how == "the 12 pictures that measure, which decided nothing"


@pytest.mark.parametrize("recipe", CHOOSING)
def test_what_chooses_is_held_out_of_train_and_never_measures(data: Dataset, recipe: ScratchRecipe) -> None:
    parts = split(data, test=0.2)
    train, _, test = rows_of(parts)
    found = watch(parts, recipe)
    assert found.chooses
    assert set(found.fitted) | set(found.held) == train
    assert not set(found.fitted) & set(found.held)
    assert not set(found.held) & test
    assert 4 <= len(found.held) <= 10
    labels = parts.train.labels[found.held]
    assert len(set(labels.tolist())) == 2


def test_copies_stay_on_one_side(data: Dataset) -> None:
    parts = split(data, test=0.2)
    pairs = replace(parts, groups=np.arange(len(parts.train)) // 2)
    found = watch(pairs, CHOOSING[0])
    held = set(found.held.tolist())
    assert all((row ^ 1) in held for row in held if (row ^ 1) < len(parts.train))


def test_with_nothing_to_measure_on_some_are_held_out(data: Dataset) -> None:
    parts = split(data, test=0.0)
    found = watch(parts, PLAIN)
    assert found.chooses
    assert len(found.fitted) + len(found.held) == len(parts.train)


def test_leaked_pictures_are_not_looked_at(data: Dataset) -> None:
    parts = split(data, test=0.2)
    leak = Leak(parts.train.name(0), "train", parts.test.name(3), "test")
    found = watch(replace(parts, leaks=(leak,)), PLAIN)
    assert len(parts.train) + 3 not in found.held
    assert len(found.held) == len(parts.test) - 1


def test_an_epoch_is_measured_on_as_many_training_pictures_as_held_out_ones(data: Dataset) -> None:
    parts = split(data, test=0.5)
    many = 20_000
    big = replace(
        parts,
        train=replace(parts.train, paths=parts.train.paths * many, labels=np.tile(parts.train.labels, many)),
    )
    found = watch(big, PLAIN)
    assert len(found.sample) == 200  # no fewer, since the held-out ones are very few
    assert set(found.sample) <= set(found.fitted)
    both = replace(big, test=replace(big.test, paths=big.test.paths * many, labels=np.tile(big.test.labels, many)))
    found = watch(replace(both, test=big.train), PLAIN)
    assert len(found.sample) == len(found.held) == MOST_WATCHED


def test_too_few_to_hold_any_out_is_an_error(data: Dataset) -> None:
    parts = split(data, test=0.2)
    one = replace(parts, groups=np.zeros(len(parts.train), np.int64))
    with pytest.raises(InputError, match="has too few different pictures to hold some out"):
        watch(one, CHOOSING[0])
