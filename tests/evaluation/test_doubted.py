"""Labels in doubt of a run: which pictures they are of, by what models said that were not fitted to them."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

from fieldguide.data.dataset import Dataset
from fieldguide.data.split import split
from fieldguide.evaluation.doubted import doubted
from fieldguide.reporting.doubted import in_doubt
from fieldguide.training.fit import train
from fieldguide.training.recipe import Recipe
from fieldguide.training.stores import whole

RECIPE = Recipe(target_size=(96, 96), penalties=(0.1,), folds=3)


def test_a_wrong_label_comes_first_and_is_told_with_its_file(small_photos: Path) -> None:
    data = Dataset.from_directory(small_photos)
    labels = data.labels.copy()
    labels[4] = 1 - labels[4]
    parts = split(replace(data, labels=labels), test=0.0, seed=0)
    run = train(parts, recipe=RECIPE)
    found = doubted(run)
    assert found is not None
    assert run.answers is not None
    assert sorted(found.files) == sorted(parts.train.name(row) for row in range(len(parts.train)))
    first = found.suspects.order[0]
    assert found.files[first] == data.name(4)
    assert found.suspects.labels[first] == labels[4]
    page = in_doubt(found, whole(parts), target_size=(96, 96), resize="crop")
    assert found.suspects.count >= 1
    assert data.paths[4].name in page
    assert "data:image/jpeg" in page


def test_too_few_pictures_tell_nothing_of_labels(small_photos: Path) -> None:
    data = Dataset.from_directory(small_photos)
    few = data.select(np.concatenate([np.flatnonzero(data.labels == label)[:8] for label in (0, 1)]))
    assert doubted(train(split(few, test=0.0), recipe=RECIPE)) is None


def test_a_classifier_no_better_than_guessing_doubts_no_label(small_photos: Path) -> None:
    data = Dataset.from_directory(small_photos)
    labels = np.arange(len(data)) % 2  # half of the horses and half of the humans each
    run = train(split(replace(data, labels=labels), test=0.0, seed=0), recipe=RECIPE)
    assert run.answers is not None and len(run.answers.rows) >= 20
    assert doubted(run) is None


def test_the_run_folder_has_the_table(small_job: object) -> None:
    folder = small_job.folder  # type: ignore[attr-defined]
    with (folder / "suspects.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    run = small_job.run  # type: ignore[attr-defined]
    assert len(rows) == len(run.answers.rows)
    assert [int(row["rank"]) for row in rows] == list(range(1, len(rows) + 1))
