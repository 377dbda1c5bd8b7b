"""Choices are made on pictures that the compared fits did not see, and copies never help to make one."""

from __future__ import annotations

import numpy as np
import pytest

from fieldguide.calibration import fit_temperature, log_loss, softmax
from fieldguide.training.choose import (
    CLASSES,
    MANY_PICTURES,
    Fold,
    choose,
    folds_for,
    learning_curve,
    loss_and_accuracy,
)
from fieldguide.training.logistic import Examples, fit, problem_for
from fieldguide.training.recipe import Recipe

ONE_PENALTY = Recipe(penalties=(0.03,))


def clouds(counts: tuple[int, ...], *, distance: float = 1.5, features: int = 8, seed: int = 0) -> Examples:
    """Overlapping clouds with as many pictures of each class as said, in random order."""
    rng = np.random.default_rng((seed, *counts))
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    centres = rng.normal(0, 1, (len(counts), features))
    values = distance * centres[labels] / np.sqrt(features) + rng.normal(0, 1, (len(labels), features))
    return Examples(values.astype(np.float32), labels, len(counts))


def parted(validation: int, examples: Examples) -> Fold:
    """The only fold there is where the last rows are a validation part."""
    (fold,), _ = folds_for(examples.labels, np.arange(len(examples.labels) - validation), validation, Recipe())
    return fold


# Folds


def test_every_training_row_is_held_out_once_and_fitted_otherwise() -> None:
    labels = clouds((30, 20, 11)).labels
    folds, how = folds_for(labels, np.arange(61), 0, Recipe())
    assert len(folds) == 5
    assert sorted(np.concatenate([fold.held for fold in folds])) == list(range(61))
    for fold in folds:
        assert sorted(np.concatenate([fold.fitted, fold.held])) == list(range(61))
        shares = np.bincount(labels[fold.held], minlength=3)
        assert abs(shares - np.array([6, 4, 2.2])).max() <= 1
    assert how == "out of fold: 5 times a part of the 61 training pictures was held out"


@pytest.mark.parametrize("seed", range(5))
def test_a_group_never_stands_on_both_sides(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 40, 200)
    folds, _ = folds_for(groups % 2, groups, 0, Recipe(seed=seed, folds=3))
    assert len(folds) == 3
    assert [fold for fold in folds if np.intersect1d(groups[fold.fitted], groups[fold.held]).size] == []


def test_the_seed_decides_the_folds() -> None:
    labels = np.arange(100) % 2
    one, again, other = (folds_for(labels, np.arange(100), 0, Recipe(seed=seed))[0][0].held for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert set(one) != set(other)


def test_of_a_validation_part_nothing_is_fitted_and_nothing_else_is_held_out() -> None:
    labels = np.arange(50) % 3
    folds, how = folds_for(labels, np.arange(38), 12, Recipe())
    assert len(folds) == 1
    np.testing.assert_array_equal(folds[0].fitted, np.arange(38))
    np.testing.assert_array_equal(folds[0].held, np.arange(38, 50))
    assert how == "on the 12 pictures of the validation part"


def test_held_out_rows_of_a_class_with_nothing_to_fit_to_are_left_aside() -> None:
    labels = np.array([0, 1] * 20 + [2])  # one picture of the third class: the fold that holds it out knows none
    folds, _ = folds_for(labels, np.arange(41), 0, Recipe())
    assert 40 not in np.concatenate([fold.held for fold in folds])
    assert sum(40 in fold.fitted for fold in folds) == 4
    assert np.concatenate([fold.held for fold in folds]).size == 40
    choose(Examples(clouds((20, 21)).features, labels, 3), folds, ONE_PENALTY)


def test_a_fold_that_would_know_one_class_only_is_none() -> None:
    labels = np.array([0] * 10 + [1])
    folds, how = folds_for(labels, np.arange(11), 0, Recipe())
    assert len(folds) == 4
    assert all(10 in fold.fitted for fold in folds)
    assert how.startswith("out of fold: 4 times")


def test_copies_of_one_picture_each_leave_nothing_to_hold_out() -> None:
    folds, _ = folds_for(np.array([0, 0, 1, 1]), np.array([7, 7, 8, 8]), 0, Recipe())
    assert folds == ()


def test_of_very_many_pictures_one_fold_will_do() -> None:
    count = MANY_PICTURES + 1
    folds, how = folds_for(np.arange(count) % 2, np.arange(count), 0, Recipe())
    assert len(folds) == 1
    assert len(folds[0].held) == pytest.approx(count / 5, abs=1)
    assert how == f"on {len(folds[0].held):,} of the 20,001 training pictures, held out"


# Choosing


def test_the_labels_of_a_validation_part_change_no_fit() -> None:
    examples = clouds((80, 80, 80))
    fold = parted(60, examples)
    labels = examples.labels.copy()
    labels[fold.held] = np.roll(labels[fold.held], 7)  # as many of each class, so that no weighting starts
    assert (labels != examples.labels).any()
    one = choose(examples, [fold], ONE_PENALTY)
    other = choose(Examples(examples.features, labels, 3), [fold], ONE_PENALTY)
    np.testing.assert_array_equal(one.logits, other.logits)
    assert one.trials[0].loss < other.trials[0].loss
    assert one.temperature != other.temperature


def test_the_features_of_held_out_rows_change_no_fit() -> None:
    examples = clouds((60, 60))
    folds, _ = folds_for(examples.labels, np.arange(120), 0, ONE_PENALTY)
    first = folds[0]
    features = examples.features.copy()
    features[first.held[1:]] = 1e4
    alone = choose(examples, [first], ONE_PENALTY).logits[0]
    moved = choose(Examples(features, examples.labels, 2), [first], ONE_PENALTY).logits[0]
    np.testing.assert_array_equal(alone, moved)


def test_each_fold_is_judged_by_the_head_that_did_not_see_it() -> None:
    examples = clouds((50, 50))
    folds, _ = folds_for(examples.labels, np.arange(100), 0, ONE_PENALTY)
    chosen = choose(examples, folds, ONE_PENALTY)
    start = 0
    for fold in folds:
        heads, _ = fit(examples, [problem_for(examples, fold.fitted, 0.0)], penalty=0.03)
        given = softmax(chosen.logits[start : start + len(fold.held)])
        np.testing.assert_allclose(given, heads[0].probabilities(examples.features[fold.held]), atol=0.02)
        start += len(fold.held)
    assert start == len(chosen.labels) == 100


def test_a_picture_learnt_by_heart_gains_nothing_where_it_is_held_out() -> None:
    """Features that name each row, and random labels: a head that had seen a row would know its label."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(60) % 2)
    examples = Examples(np.eye(60, dtype=np.float32), labels, 2)
    folds, _ = folds_for(labels, np.arange(60), 0, Recipe())
    chosen = choose(examples, folds, Recipe(penalties=(0.001,)))
    seen = fit(examples, [problem_for(examples, np.arange(60), 0.0)], penalty=0.001)[0][0]
    assert loss_and_accuracy(seen.logits(examples.features), labels)[1] == 1.0
    assert chosen.right.mean() < 0.6


def test_the_penalty_with_the_lowest_held_out_loss_is_chosen() -> None:
    examples = clouds((60, 60), features=40)
    folds, _ = folds_for(examples.labels, np.arange(120), 0, Recipe())
    chosen = choose(examples, folds, Recipe())
    best = min(chosen.trials, key=lambda trial: trial.loss)
    assert [trial for trial in chosen.trials if trial.chosen] == [best]
    assert best.name == f"L2 penalty {chosen.penalty:g}"
    assert best.loss == pytest.approx(log_loss(softmax(chosen.logits), chosen.labels))
    assert best.accuracy == pytest.approx(chosen.right.mean())
    np.testing.assert_array_equal(chosen.labels, np.concatenate([examples.labels[fold.held] for fold in folds]))


def test_penalties_are_tried_until_the_loss_has_risen_twice() -> None:
    rng = np.random.default_rng(0)
    noise = Examples(rng.normal(0, 1, (100, 60)).astype(np.float32), np.arange(100) % 2, 2)
    folds, _ = folds_for(noise.labels, np.arange(100), 0, Recipe())
    chosen = choose(noise, folds, Recipe())
    assert [trial.name for trial in chosen.trials] == ["L2 penalty 1", "L2 penalty 0.3", "L2 penalty 0.1"]
    assert chosen.penalty == 1.0
    clear = clouds((60, 60), distance=20)
    folds, _ = folds_for(clear.labels, np.arange(120), 0, Recipe())
    assert len(choose(clear, folds, Recipe()).trials) == len(Recipe().penalties)


def test_the_order_of_the_penalties_in_the_recipe_does_not_matter() -> None:
    examples = clouds((40, 40))
    folds, _ = folds_for(examples.labels, np.arange(80), 0, Recipe())
    one, other = (choose(examples, folds, Recipe(penalties=given)) for given in ((0.1, 1.0, 0.01), (0.01, 0.1, 1.0)))
    assert one.trials == other.trials


def test_the_temperature_calibrates_the_held_out_logits() -> None:
    examples = clouds((50, 50), features=60)
    fold = parted(40, examples)
    chosen = choose(examples, [fold], Recipe(penalties=(0.001,)))
    assert chosen.temperature == fit_temperature(chosen.logits, chosen.labels)
    assert chosen.temperature > 1.2  # learnt nearly by heart: too sure of itself
    calibrated = log_loss(softmax(chosen.logits, chosen.temperature), chosen.labels)
    assert calibrated < log_loss(softmax(chosen.logits), chosen.labels)


# Imbalance


def balanced(chosen_logits: np.ndarray, labels: np.ndarray) -> float:
    right = softmax(chosen_logits).argmax(axis=1) == labels
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def test_class_weights_are_taken_where_they_help_a_rare_class() -> None:
    examples = clouds((600, 40), distance=1.5)
    folds, _ = folds_for(examples.labels, np.arange(640), 0, ONE_PENALTY)
    chosen = choose(examples, folds, ONE_PENALTY)
    assert chosen.power > 0
    assert [trial.name for trial in chosen.trials[-2:]] == [
        "class weights to the power 0.5",
        "class weights to the power 1",
    ]
    assert any(trial.chosen for trial in chosen.trials[-2:])
    plain = choose(examples, folds, ONE_PENALTY).trials[0]
    heads = [fit(examples, [problem_for(examples, fold.fitted, 0.0)], penalty=0.03)[0][0] for fold in folds]
    unweighted = np.concatenate(
        [head.logits(examples.features[fold.held]) for head, fold in zip(heads, folds, strict=True)]
    )
    assert balanced(chosen.logits, chosen.labels) > balanced(unweighted, chosen.labels) + 0.1
    assert plain.accuracy > 0.9  # what weighting costs in plain accuracy is seen in the trials
    assert chosen.trials[-1].accuracy < plain.accuracy


def test_where_every_class_counts_alike_the_balanced_loss_chooses() -> None:
    examples, recipe = clouds((300, 20), distance=1.5), Recipe(penalties=(0.3, 0.03))
    folds, _ = folds_for(examples.labels, np.arange(320), 0, recipe)
    chosen = choose(examples, folds, recipe, judge=CLASSES)
    assert [trial.name for trial in chosen.trials] == [
        "every class alike, L2 penalty 0.3",
        "every class alike, L2 penalty 0.03",
        "class weights to the power 0",
        "class weights to the power 0.5",
    ]
    assert all(trial.balanced is not None for trial in chosen.trials)
    assert chosen.power == 1
    without = next(trial for trial in chosen.trials if trial.name == "class weights to the power 0")
    assert CLASSES.accuracy(chosen.logits, chosen.labels) > (without.balanced or 1) + 0.1
    plain = choose(examples, folds, recipe.with_(class_weights=0), judge=CLASSES)
    assert plain.power == 0
    assert len(plain.trials) == 2
    assert CLASSES.loss(plain.logits, plain.labels) > CLASSES.loss(chosen.logits, chosen.labels)


def test_balanced_sampling_of_all_pictures_at_once_is_weights_by_class() -> None:
    examples = clouds((120, 30))
    folds, _ = folds_for(examples.labels, np.arange(150), 0, ONE_PENALTY)
    sampled, weighted = (
        choose(examples, folds, ONE_PENALTY.with_(**setting))
        for setting in ({"sampling": "balanced"}, {"class_weights": 1})
    )
    assert sampled.power == weighted.power == 1
    np.testing.assert_array_equal(sampled.logits, weighted.logits)


def test_class_weights_are_left_where_they_do_not_help() -> None:
    examples = clouds((300, 60), distance=25)
    folds, _ = folds_for(examples.labels, np.arange(360), 0, ONE_PENALTY)
    chosen = choose(examples, folds, ONE_PENALTY)
    assert chosen.power == 0
    assert [trial.chosen for trial in chosen.trials] == [True, False, False]


def test_classes_of_like_size_are_not_weighted() -> None:
    examples = clouds((50, 60))
    folds, _ = folds_for(examples.labels, np.arange(110), 0, ONE_PENALTY)
    chosen = choose(examples, folds, ONE_PENALTY)
    assert chosen.power == 0
    assert len(chosen.trials) == 1


# The curve


def test_the_curve_leads_down_to_the_head_that_was_fitted() -> None:
    examples = clouds((60, 60, 60))
    fold = parted(60, examples)
    curve, reached = learning_curve(examples, fold, 0.01, 0.0)
    head = fit(examples, [problem_for(examples, fold.fitted, 0.0)], penalty=0.01)[0][0]
    np.testing.assert_array_equal(reached.kernel, head.kernel)
    assert [epoch.epoch for epoch in curve] == list(range(1, len(curve) + 1))
    assert {epoch.phase for epoch in curve} == {"head"}
    assert curve[0].loss > curve[-1].loss
    for rows, given in (
        (fold.fitted, (curve[-1].loss, curve[-1].accuracy)),
        (fold.held, (curve[-1].val_loss, curve[-1].val_accuracy)),
    ):
        assert given == pytest.approx(loss_and_accuracy(head.logits(examples.features[rows]), examples.labels[rows]))


def test_where_nothing_can_be_learnt_the_curve_has_one_point() -> None:
    examples = Examples(np.ones((20, 3), np.float32), np.arange(20) % 2, 2)
    curve, _ = learning_curve(examples, parted(4, examples), 0.01, 0.0)
    assert len(curve) == 1
    assert curve[0].loss == pytest.approx(np.log(2))
