"""The threshold of each class: the highest F1 where that can be told, and a common one where it cannot."""

from __future__ import annotations

import math

import numpy as np

from fieldguide.training.thresholds import best_threshold, thresholds_for


def f1(scores: np.ndarray, truth: np.ndarray, threshold: float) -> float:
    said = scores >= threshold
    return float(2 * (said & truth).sum() / (said.sum() + truth.sum()))


def test_no_other_threshold_does_better() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        scores, truth = rng.random(40).round(1), rng.random(40) < 0.3
        if not truth.any():
            continue
        value, best = best_threshold(scores, truth)
        assert abs(f1(scores, truth, value) - best) < 1e-9
        assert all(f1(scores, truth, other) <= best + 1e-9 for other in np.linspace(0, 1, 101))


def test_of_thresholds_as_good_the_one_nearest_to_a_half_is_taken_and_none_shown_is_no_news() -> None:
    assert best_threshold(np.array([0.9, 0.8, 0.2]), np.array([True, False, False]))[0] == 0.85
    value, best = best_threshold(np.array([0.9, 0.2]), np.array([False, False]))
    assert value == 0.5 and math.isnan(best)


def test_a_class_that_few_show_or_that_is_not_told_takes_the_common_one() -> None:
    rng = np.random.default_rng(2)
    truth = np.zeros((200, 4), bool)
    truth[:60, 0], truth[:4, 1], truth[:100, 2] = True, True, True
    stated = np.stack(
        [np.where(truth[:, 0], 0.6, 0.3), np.where(truth[:, 1], 0.9, 0.1), rng.random(200), truth[:, 3] * 0.0]
    )
    own, few, untold, none = thresholds_for(stated.T, truth)
    assert own.own and own.value == 0.45 and own.f1 == 1 and own.why == ""
    assert not few.own and few.why == "4 held-out pictures show it, too few to choose one by"
    assert not untold.own and untold.why.startswith("it is told hardly better than by naming it")
    assert few.value == untold.value == none.value == best_threshold(stated.T.ravel(), truth.ravel())[0]
    assert math.isnan(none.f1) and none.to_dict()["f1"] is None
