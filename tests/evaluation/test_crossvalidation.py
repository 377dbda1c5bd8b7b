"""Every picture is measured once, by a model that has seen neither it nor a copy of it; folds are like one another."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from finished_runs import dataset, finished_run, stated
from pictures import folder_of

from fieldguide.calibration import temper
from fieldguide.data.dataset import Dataset
from fieldguide.errors import InputError, InputTypeError
from fieldguide.evaluation.crossvalidation import (
    CrossValidation,
    assign_folds,
    cross_validate,
    pooled,
    refuse_what_cannot_be_folded,
)
from fieldguide.evaluation.diagnose import diagnose
from fieldguide.evaluation.folds import FoldScore, on_the_models, on_the_spread, trained_accuracy
from fieldguide.evaluation.metrics import Score, score
from fieldguide.intervals import wilson
from fieldguide.reporting.page import report
from fieldguide.training.recipe import Recipe
from fieldguide.training.scratch_recipe import ScratchRecipe

SMALL = Recipe(target_size=(64, 64), penalties=(0.1,))


@pytest.fixture(scope="module")
def photos(small_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 pictures of each of two classes, a file that is cut short, and a copy of a horse among the humans."""
    folder = tmp_path_factory.mktemp("folds") / "photos"
    shutil.copytree(small_photos, folder)
    shutil.copy2(min((folder / "horses").glob("horse0*.jpg")), folder / "humans" / "no-human.jpg")
    return folder


@pytest.fixture(scope="module")
def measured(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> CrossValidation:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(tmp_path_factory.mktemp("folds-cache")))
        return cross_validate(Dataset.from_directory(photos), folds=3, recipe=SMALL)


def test_every_readable_picture_is_predicted_once(measured: CrossValidation) -> None:
    data = measured.parts.train
    assert (len(data), len(measured.parts.validation), len(measured.parts.test)) == (61, 0, 0)
    assert measured.score.names == tuple(data.name(row) for row in range(61))
    assert measured.score.labels.tolist() == data.labels.tolist() == measured.labels.tolist()
    assert measured.probabilities.shape == (61, 2)
    assert measured.probabilities.dtype == np.float32
    assert measured.probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
    rows = np.concatenate([fold.rows for fold in measured.score.folds])
    assert sorted(rows.tolist()) == list(range(61))
    for number, fold in enumerate(measured.score.folds):
        assert (measured.fold_of[fold.rows] == number).all()
        assert fold.accuracy.n == len(fold.rows)
        assert fold.trained.n == 61 - len(fold.rows)
    assert [entry.path.name for entry in measured.score.skipped] == ["horse-truncated.jpg"]


def test_the_score_is_of_all_pictures_together(measured: CrossValidation) -> None:
    result = measured.score
    right = sum(round(fold.accuracy.value * len(fold.rows)) for fold in result.folds)
    assert result.accuracy == wilson(right, 61)
    assert result.accuracy.value > 0.85
    assert result.part == "cross-validation"


def test_a_copy_is_in_the_fold_of_its_twin_whatever_its_label(measured: CrossValidation) -> None:
    names = list(measured.score.names)
    copy = names.index("humans/no-human.jpg")
    assert measured.parts.groups[copy] == measured.parts.groups[0]
    assert measured.fold_of[copy] == measured.fold_of[0]
    assert not measured.score.right[copy]  # it is a horse, and no model was told otherwise


def test_no_model_has_seen_what_it_predicts(photos: Path) -> None:
    """Labels that say nothing can be learnt by heart, and not be told."""
    data = Dataset.from_directory(photos)
    nonsense = np.random.default_rng(3).permutation(data.labels)
    result = cross_validate(replace(data, labels=nonsense), folds=2, recipe=SMALL.with_(penalties=(0.001,))).score
    assert trained_accuracy(result.folds).value > 0.9
    assert result.accuracy.value < 0.7


def test_folds_are_like_one_another_and_seeded() -> None:
    labels = np.repeat(np.arange(10), 7)
    groups = np.arange(70)
    fold_of = assign_folds(labels, groups, 5, seed=0)
    assert np.bincount(fold_of).tolist() == [14] * 5  # and not the two left of every class in the first two folds
    for label in range(10):
        assert set(np.bincount(fold_of[labels == label], minlength=5)) == {1, 2}
    assert (fold_of == assign_folds(labels, groups, 5, seed=0)).all()
    assert (fold_of != assign_folds(labels, groups, 5, seed=1)).any()


def test_groups_are_never_divided() -> None:
    rng = np.random.default_rng(0)
    labels = np.sort(rng.integers(0, 3, 90))
    groups = rng.integers(0, 40, 90)  # over the classes' borders too
    groups = np.unique(groups, return_inverse=True)[1].reshape(-1)
    fold_of = assign_folds(labels, groups, 4, seed=0)
    assert all(len(np.unique(fold_of[groups == group])) == 1 for group in np.unique(groups))
    assert set(fold_of) == {0, 1, 2, 3}


def test_a_class_smaller_than_the_folds_is_named_with_what_would_work() -> None:
    data = dataset(("cat", "dog"), np.repeat([0, 1], [9, 3]))
    with pytest.raises(
        InputError, match=r"'dog' in photos has 3 pictures: each of the 5 .* most folds that work are 3"
    ):
        refuse_what_cannot_be_folded(data, 5)
    refuse_what_cannot_be_folded(data, 3)
    alike = np.array([*range(9), 9, 9, 9])
    with pytest.raises(InputError, match=r"3 readable pictures, which come to 1 different ones.* No number of folds"):
        refuse_what_cannot_be_folded(data, 3, alike)


def test_copies_do_not_count_for_a_class(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cats": 4, "dogs": 2})
    shutil.copy2(tmp_path / "dogs" / "0.jpg", tmp_path / "dogs" / "again.jpg")
    with pytest.raises(InputError, match=r"'dogs' .* 3 readable pictures, which come to 2 different ones"):
        cross_validate(Dataset.from_directory(tmp_path), folds=3)


@pytest.mark.parametrize("folds", [1, 101, 2.5, True, "5", None])
def test_what_is_no_number_of_folds_is_refused(folds: Any) -> None:
    with pytest.raises(InputError, match="expected a whole number from 2 to 100, such as 5"):
        cross_validate(dataset(("cat", "dog"), np.repeat([0, 1], 9)), folds=folds)


def test_divided_pictures_and_other_recipes_are_refused() -> None:
    data = dataset(("cat", "dog"), np.repeat([0, 1], 9))
    with pytest.raises(InputTypeError, match=r"recipe is ScratchRecipe.* networks from random weights are not"):
        cross_validate(data, recipe=ScratchRecipe())  # type: ignore[arg-type]
    with pytest.raises(InputTypeError, match=r"data is 'photos' \(str\); expected a Dataset"):
        cross_validate("photos")  # type: ignore[arg-type]
    given = replace(data, given=np.tile([0, 1, 0], 6).astype(np.int8))
    with pytest.raises(InputError, match=r"comes divided into train and validation, .* such as photos/train"):
        refuse_what_cannot_be_folded(given, 3)
    refuse_what_cannot_be_folded(replace(data, given=np.ones(18, np.int8)), 3)  # of one part only


def pooled_score(wrong: list[int], temperatures: tuple[float, float] = (2.0, 0.5), n: int = 40) -> Score:
    """A cross-validation in two folds, of which the second has the odd rows."""
    data = dataset(("cat", "dog"), np.repeat([0, 1], n // 2))
    every = stated(data.labels, wrong, 2)
    folds, scores = [], []
    for start, temperature in enumerate(temperatures):
        rows = np.arange(start, n, 2)
        names = [data.name(int(row)) for row in rows]
        own = score(every[rows], data.labels[rows], data.class_names, names, temperature=temperature)
        scores.append(own)
        folds.append(FoldScore(rows, own.accuracy, wilson(n // 2, n // 2), temperature))
    return pooled(scores, folds, data)


def test_pooling_puts_each_picture_in_its_place_and_undoes_its_own_temperature() -> None:
    result = pooled_score([0, 3])
    every = stated(result.labels, [0, 3], 2)
    assert result.probabilities.tolist() == every.tolist()
    assert result.right.tolist() == [row not in (0, 3) for row in range(40)]
    before = np.where((np.arange(40) % 2 == 0)[:, None], temper(every, 0.5), temper(every, 2.0))
    losses = -np.log(before[np.arange(40), result.labels])
    assert result.log_loss_before == pytest.approx(losses.mean(), rel=1e-5)
    assert result.temperature == pytest.approx(1.0)  # the geometric mean


def test_the_words_say_which_models_are_meant() -> None:
    result = pooled_score([0, 2, 4, 3])
    assert result.pictures == "pictures, each by a model that had not seen it"
    assert str(result).splitlines()[:2] == [
        "accuracy 90.0% (95% CI 76.9-96.0%), n=40 pictures, each by a model that had not seen it",
        "over the 2 folds the accuracy goes from 85.0% to 95.0%, standard deviation 7.1 points",
    ]
    assert on_the_spread(result.folds) in str(result)
    assert "had the other one to learn from" in on_the_models(result.folds)
    fields = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert [fold["n"] for fold in fields["folds"]] == [20, 20]
    assert fields["folds"][0]["temperature"] == 2.0


def test_the_verdict_compares_the_folds_models_with_themselves() -> None:
    """The classifier that is kept has learnt from every picture that measured, so its own accuracy tells nothing."""
    result = pooled_score(list(range(0, 80, 2)), n=400)
    data = dataset(("cat", "dog"), np.repeat([0, 1], 200))
    run = finished_run(data, data.select([]), train_right=200)  # half of them right: of no consequence here
    diagnosis = diagnose(run, result)
    assert diagnosis.overfits == "yes"
    assert diagnosis.verdict == (
        "It overfits: 100.0% on the pictures the models learnt from, 90.0% on 400 unseen pictures; expect the latter."
    )
    assert diagnosis.evidence[0].startswith(
        "The models of the folds recognise 100.0% of the pictures they learnt from, on average, and 90.0% of all 400, "
        "each by the model that had not seen it: a gap of 10.0 points"
    )


def test_the_report_says_nothing_that_is_true_of_a_test_part_only(tmp_path: Path) -> None:
    result = pooled_score([0, 2, 4, 3])
    data = dataset(("cat", "dog"), np.repeat([0, 1], 20))
    run = finished_run(data, data.select([]))
    text = report(run, result, tmp_path / "report.html").read_text()
    assert "right for <strong>90.0%</strong> of unseen pictures" in text
    assert "n=40 pictures, each by a model that had not seen it" in text
    assert "little pessimistic" in text
    assert "Fold by fold" in text
    assert "Bengio and Grandvalet" in text
    assert "each model divided its logits by a temperature of its own" not in text  # 1.00 on average: nothing changed
    for untrue in (
        "they took no part",
        "it had not seen</",
        "as delivered",
        "cross-validation pictures",
        "Measure with",
    ):
        assert untrue not in text, untrue
