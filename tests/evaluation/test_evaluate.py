"""Measuring: every picture given is scored or skipped by name, and the figures are those one can work by hand."""

from __future__ import annotations

import csv
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from pictures import folder_of, put

from fieldguide.data.dataset import Dataset
from fieldguide.data.split import split
from fieldguide.errors import InputError
from fieldguide.evaluation.evaluate import evaluate
from fieldguide.intervals import wilson
from fieldguide.job import Outcome
from fieldguide.model.classifier import Classifier
from fieldguide.model.head import Head
from fieldguide.model.loading import load

SIDE = (32, 48)


def guide(*class_names: str) -> Classifier:
    """A classifier that says something definite, and something else of every picture."""
    units = 1 if len(class_names) == 2 else len(class_names)
    rng = np.random.default_rng(len(class_names))
    head = Head(rng.normal(0, 0.2, (1280, units)).astype(np.float32), np.zeros(units, np.float32))
    return Classifier(head, class_names, target_size=SIDE, resize="squash", temperature=1.5)


def test_scored_and_skipped_make_up_all_that_was_given(tmp_path: Path) -> None:
    photos = folder_of(tmp_path / "photos", {"cats": 7, "dogs": 5})
    (photos / "cats" / "torn.jpg").write_bytes((photos / "cats" / "0.jpg").read_bytes()[:400])
    (photos / "dogs" / "notes.txt").write_text("no picture")
    (photos / "loose.jpg").write_bytes((photos / "cats" / "1.jpg").read_bytes())
    data = Dataset.from_directory(photos)
    score = evaluate(guide("cats", "dogs"), data)
    assert (score.n, len(score.skipped)) == (12, 3)
    assert score.n + len(score.skipped) == data.found == 15
    assert {entry.path.name for entry in score.skipped} == {"torn.jpg", "notes.txt", "loose.jpg"}
    assert all(entry.reason for entry in score.skipped)
    assert score.confusion.sum() == 12


def test_each_picture_is_scored_by_its_own_probabilities(tmp_path: Path) -> None:
    photos = folder_of(tmp_path / "photos", {"cats": 4, "dogs": 3, "foxes": 2})
    classifier = guide("cats", "dogs", "foxes")
    score = evaluate(classifier, Dataset.from_directory(photos), part="validation", seed=4)
    stated = {entry.path: np.array(entry.probabilities) for entry in classifier.predict(photos)}
    assert len(score.names) == 9
    for name, label, given in zip(score.names, score.labels, score.probabilities, strict=True):
        np.testing.assert_allclose(given, stated[photos / name], atol=1e-6)
        assert score.class_names[label] == name.split("/")[0]
    assert (score.part, score.temperature) == ("validation", 1.5)


def test_classes_are_known_by_name_and_need_not_all_be_there(tmp_path: Path) -> None:
    photos = folder_of(tmp_path / "photos", {"cats": 4, "foxes": 3})
    classifier = guide("foxes", "dogs", "cats")  # in another order than the folders'
    score = evaluate(classifier, Dataset.from_directory(photos))
    assert score.class_names == ("foxes", "dogs", "cats")
    assert [one.support for one in score.classes] == [3, 0, 4]
    assert [score.class_names[label] for label in score.labels] == ["cats"] * 4 + ["foxes"] * 3
    assert math.isnan(score.classes[1].recall.value)


def test_a_folder_that_is_no_class_is_refused(tmp_path: Path) -> None:
    photos = folder_of(tmp_path / "photos", {"cats": 2, "wolves": 2})
    with pytest.raises(InputError, match=r"photos has a folder 'wolves', which is no class .*\(cats, dogs\): rename"):
        evaluate(guide("cats", "dogs"), Dataset.from_directory(photos))
    many = guide("cats", *(f"class {n}" for n in range(9)))
    with pytest.raises(InputError, match=r"\(cats, class 0, class 1, class 2, class 3, \.\.\.\)"):
        evaluate(many, Dataset.from_directory(photos))


def test_parts_of_a_divided_folder_are_measured_one_at_a_time(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for number, part in enumerate(("train", "test")):
        folder_of(photos / part, {"cats": 3, "dogs": 3}, first_seed=10 * number)
    with pytest.raises(
        InputError, match=r"divided into train, test, and .* may have learnt .* such as .*photos/test\."
    ):
        evaluate(guide("cats", "dogs"), Dataset.from_directory(photos))
    assert evaluate(guide("cats", "dogs"), Dataset.from_directory(photos / "test")).n == 6
    parts = split(Dataset.from_directory(photos))
    assert evaluate(guide("cats", "dogs"), parts.test).n == 6


def test_of_no_pictures_nothing_is_measured(tmp_path: Path) -> None:
    data = Dataset.from_directory(folder_of(tmp_path / "photos", {"cats": 2, "dogs": 2}))
    with pytest.raises(InputError, match="there is no picture to measure on"):
        evaluate(guide("cats", "dogs"), data.select([]))


def test_pictures_it_learnt_from_are_left_out_wherever_they_lie(small_job: Outcome, tmp_path: Path) -> None:
    run = small_job.run
    whole = Dataset.from_directory(small_job.findings.root)
    score = evaluate(run.classifier, whole)
    assert set(score.names) == {run.parts.test.name(row) for row in range(len(run.parts.test))}
    assert score.n + len(score.seen) + len(score.skipped) == whole.found
    assert len(score.seen) == len(run.parts.train)
    assert f"{len(score.seen)} pictures left out that it learnt from" in str(score)
    assert score.to_dict()["seen"] == len(score.seen)
    learnt, new = run.parts.train, run.parts.test
    for data, row in ((learnt, 0), (learnt, 1), (new, 0)):
        target = tmp_path / "elsewhere" / data.class_names[data.labels[row]] / f"renamed-{row}-{len(data)}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(data.paths[row], target)
    for name in ("horses", "humans"):
        put(tmp_path / "elsewhere" / name / "fresh.jpg", 70 + len(name))
    moved = evaluate(load(small_job.folder), Dataset.from_directory(tmp_path / "elsewhere"))
    assert len(moved.seen) == 2
    assert moved.n == 3
    assert all("renamed" in name for name in moved.seen)


def test_all_are_measured_if_that_is_asked_for(small_job: Outcome) -> None:
    learnt = small_job.run.parts.train
    assert evaluate(small_job.run.classifier, learnt, include_seen=True).n == len(learnt)
    with pytest.raises(InputError, match=rf"every one of the {len(learnt)} pictures in .*name a folder .* new to it"):
        evaluate(small_job.run.classifier, learnt)


def test_a_class_of_which_nothing_can_be_read_is_an_error(tmp_path: Path) -> None:
    photos = folder_of(tmp_path / "photos", {"cats": 2})
    put(photos / "dogs" / "0.jpg", 7).write_text("no picture any more")
    with pytest.raises(InputError, match="no picture of class 'dogs' can be read"):
        evaluate(guide("cats", "dogs"), Dataset.from_directory(photos))


def test_the_figures_of_a_run_are_those_worked_by_hand_from_its_predictions(small_job: Outcome) -> None:
    score, part = small_job.score, small_job.run.parts.test
    assert score is not None
    with (small_job.folder / "predictions.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == score.n == len(part)
    assert [row["file"] for row in rows] == [part.name(number) for number in range(len(part))]
    assert {row["part"] for row in rows} == {"test"}
    names = ("horses", "humans")
    for row in rows:
        assert float(row["horses"]) + float(row["humans"]) == pytest.approx(1, abs=2e-6)
        assert float(row["margin"]) == pytest.approx(abs(float(row["horses"]) - float(row["humans"])), abs=2e-6)
        assert row["predicted"] == max(names, key=lambda name: float(row[name]))
        assert row["label"] == row["file"].split("/")[0]
    right = [row["label"] == row["predicted"] for row in rows]
    metrics = json.loads((small_job.folder / "card.json").read_text())["metrics"]
    assert metrics["n"] == len(rows)
    by_hand = wilson(sum(right), len(rows))
    assert metrics["accuracy"]["value"] == pytest.approx(by_hand.value)
    assert (metrics["accuracy"]["low"], metrics["accuracy"]["high"]) == pytest.approx((by_hand.low, by_hand.high))
    for fields in metrics["classes"]:
        of_class = [row for row in rows if row["label"] == fields["name"]]
        assert fields["support"] == len(of_class)
        hits = sum(row["predicted"] == fields["name"] for row in of_class)
        assert fields["recall"]["value"] == pytest.approx(hits / len(of_class))
    loss = -np.mean([math.log(max(float(row[row["label"]]), 1e-7)) for row in rows])
    assert metrics["log_loss"]["value"] == pytest.approx(loss, abs=1e-4)
    assert sum(map(sum, metrics["confusion"])) == len(rows)


def test_measuring_again_from_the_saved_files_gives_the_same(
    small_job: Outcome, small_photos: Path, small_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldguide.model.loading import load

    monkeypatch.setenv("FIELDGUIDE_CACHE", str(small_cache))
    assert small_job.score is not None
    for name in small_job.score.names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy2(small_photos / name, tmp_path / name)
    again = evaluate(load(small_job.folder), Dataset.from_directory(tmp_path))
    assert sorted(again.names) == sorted(small_job.score.names)
    assert again.accuracy == small_job.score.accuracy
    assert again.log_loss.value == pytest.approx(small_job.score.log_loss.value, rel=1e-5)
