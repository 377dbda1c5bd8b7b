"""Average precision, F1 and their intervals against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fieldguide.errors import InputError
from fieldguide.evaluation.tag_metrics import (
    average_precision,
    f1_estimate,
    mean_precision,
    precision_recall,
    tag_score,
    weakest_tags,
)
from fieldguide.intervals import wilson

TRUE, FALSE = True, False


@pytest.mark.parametrize(
    ("scores", "truth", "expected"),
    [
        ([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 0], 1.0),
        ([0.9, 0.8, 0.7, 0.6], [0, 0, 1, 1], (1 / 3 + 2 / 4) / 2),
        ([0.9, 0.8, 0.7, 0.6], [1, 0, 1, 0], (1 + 2 / 3) / 2),
        ([0.5, 0.5, 0.5, 0.5], [1, 0, 0, 1], 0.5),  # all alike: what guessing gives
        ([0.9, 0.5, 0.5, 0.1], [0, 1, 0, 1], (1 / 3 + 2 / 4) / 2),  # equal scores are ranked together
    ],
)
def test_average_precision_by_hand(scores: list[float], truth: list[int], expected: float) -> None:
    assert average_precision(np.array(scores), np.array(truth, bool)) == pytest.approx(expected)


def test_a_class_that_no_picture_shows_has_none() -> None:
    assert math.isnan(average_precision(np.array([0.5, 0.4]), np.array([False, False])))
    labels = np.array([[1, 0], [0, 0], [1, 0]], bool)
    stated = np.array([[0.9, 0.1], [0.8, 0.9], [0.1, 0.2]])
    assert mean_precision(stated, labels) == pytest.approx((1 + 2 / 3) / 2)
    score = tag_score(stated, labels, ["a", "b"], list("xyz"), thresholds=[0.5, 0.5])
    assert score.mean_average_precision.value == pytest.approx((1 + 2 / 3) / 2)
    b = score.classes[1]
    assert math.isnan(b.average_precision.value) and math.isnan(b.recall.value) and math.isnan(b.f1.value)
    assert b.precision.value == 0 and b.support == 0 and b.said == 1
    assert score.to_dict()["classes"][1]["f1"]["value"] is None  # type: ignore[index]
    assert weakest_tags(score.classes, 5) == score.classes[:1]
    assert math.isnan(mean_precision(stated, np.zeros((3, 2), bool)))
    none = tag_score(stated, np.zeros((3, 2), bool), ["a", "b"], list("xyz"), thresholds=[0.5, 0.5])
    assert math.isnan(none.mean_average_precision.value) and "not defined" in str(none)


def test_figures_at_the_threshold_by_hand() -> None:
    stated = np.array([[0.9, 0.6], [0.7, 0.3], [0.4, 0.8], [0.2, 0.1], [0.6, 0.2]])
    truth = np.array([[1, 1], [0, 0], [1, 1], [0, 1], [1, 0]], bool)
    score = tag_score(stated, truth, ["a", "b"], list("vwxyz"), thresholds=[0.6, 0.3])
    a, b = score.classes
    # a is said of v, w, z, of which v and z show it; x shows it and is missed. At the threshold counts as said.
    assert (a.precision.value, a.recall.value, a.f1.value) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    # b is said of v, w, x, of which v and x show it; y is missed.
    assert (b.precision.value, b.recall.value, b.f1.value) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert (a.support, a.said, b.support, b.said) == (3, 3, 3, 3)
    # right in both: v and z; w has a and b too many, x lacks a, y lacks b
    assert score.exact.value == pytest.approx(2 / 5) and score.exact.n == 5
    assert (a.recall.low, a.recall.high) == (wilson(2, 3).low, wilson(2, 3).high)
    assert "all labels right 40.0%" in str(score)


def test_f1_and_its_interval_are_those_of_the_shared_share() -> None:
    # 6 hits, 2 missed, 2 too many: F1 = 12 / 16
    found = f1_estimate(6, 10, 8)
    assert found.value == pytest.approx(0.75)
    shared = wilson(6, 10)
    assert found.low == pytest.approx(2 * shared.low / (1 + shared.low))
    assert found.high == pytest.approx(2 * shared.high / (1 + shared.high))
    assert f1_estimate(10, 10, 10).low < 0.95  # at 100% it does not shrink to nothing


def test_precision_and_recall_at_every_threshold() -> None:
    precision, recall, scores = precision_recall(np.array([0.2, 0.9, 0.2, 0.5]), np.array([True, True, False, False]))
    assert scores.tolist() == [0.9, 0.5, 0.2]
    assert precision.tolist() == [1, 0.5, 0.5] and recall.tolist() == [0.5, 0.5, 1]


def test_intervals_cover_widen_with_copies_and_are_drawn_alike() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((80, 3)) < 0.3
    stated = np.clip(0.3 * truth + 0.5 * rng.random((80, 3)), 0, 1)
    names = [str(row) for row in range(80)]
    kwargs = {"thresholds": [0.4] * 3}
    one = tag_score(stated, truth, ["a", "b", "c"], names, **kwargs)  # type: ignore[arg-type]
    again = tag_score(stated, truth, ["a", "b", "c"], names, **kwargs)  # type: ignore[arg-type]
    assert one.mean_average_precision == again.mean_average_precision
    assert one.mean_average_precision.low < one.mean_average_precision.value < one.mean_average_precision.high
    copies = np.repeat(np.arange(80), 4)
    many = [f"{row}" for row in range(320)]
    alone = tag_score(stated[copies], truth[copies], ["a", "b", "c"], many, **kwargs)  # type: ignore[arg-type]
    grouped = tag_score(stated[copies], truth[copies], ["a", "b", "c"], many, groups=copies, **kwargs)  # type: ignore[arg-type]
    assert grouped.different == 80 and alone.different == 320
    assert grouped.mean_average_precision.value == pytest.approx(one.mean_average_precision.value)

    def width(score: object) -> float:
        known = score.mean_average_precision  # type: ignore[attr-defined]
        return float(known.high - known.low)

    assert width(alone) < 0.7 * width(grouped)
    assert width(grouped) == pytest.approx(width(one), rel=0.25)


@pytest.mark.parametrize("classes", [1, 5, 20])
def test_labels_that_come_together_are_no_more_pictures(classes: int) -> None:
    truth = np.zeros((60, classes), bool)
    truth[:30] = True
    names = [str(place) for place in range(60)]
    score = tag_score(truth * 0.8 + 0.1, truth, names[:classes], names, thresholds=[0.5] * classes)
    assert score.mean_average_precision.low == pytest.approx(wilson(30, 30).low)


@pytest.mark.parametrize("copies", [1, 8])
def test_a_perfect_ranking_of_few_is_no_proof(copies: int) -> None:
    truth = np.zeros((800, 2), bool)
    truth[:3, 0] = truth[3:6, 1] = True
    rows = np.repeat(np.arange(800), copies)
    stated = truth[rows] * 0.8 + 0.1
    names = [str(place) for place in range(len(rows))]
    score = tag_score(stated, truth[rows], ["a", "b"], names, thresholds=[0.5, 0.5], groups=rows)
    known = score.mean_average_precision
    assert known.value == known.high == 1
    assert known.low == pytest.approx(wilson(6, 6).low)  # six different pictures show a class
    assert score.classes[0].average_precision.low == pytest.approx(wilson(3, 3).low)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stated": np.zeros((2, 3))}, r"shape \(2, 3\) came with labels of shape \(2, 2\)"),
        ({"thresholds": [0.5]}, "2 classes and 1 thresholds"),
        ({"labels": np.zeros((2, 2), np.int64)}, "labels are int64; expected bool"),
        ({"stated": np.full((2, 2), 1.5)}, "numbers from 0 to 1"),
        ({"stated": np.full((2, 2), np.nan)}, "numbers from 0 to 1"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object], said: str) -> None:
    given = {"stated": np.zeros((2, 2)), "labels": np.zeros((2, 2), bool), "thresholds": [0.5, 0.5], **changes}
    with pytest.raises(InputError, match=said):
        tag_score(given["stated"], given["labels"], ["a", "b"], ["x", "y"], thresholds=given["thresholds"])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no pictures to score"):
        tag_score(np.zeros((0, 2)), np.zeros((0, 2), bool), ["a", "b"], [], thresholds=[0.5, 0.5])


def test_of_many_classes_the_weakest_are_printed() -> None:
    truth = np.eye(25, dtype=bool).repeat(2, axis=0)
    stated = np.where(truth, 0.9, 0.1)
    score = tag_score(
        stated, truth, [f"class {n:02d}" for n in range(25)], list(map(str, range(50))), thresholds=[0.5] * 25
    )
    assert "the 20 of 25 classes with the lowest average precision" in str(score)
    assert score.exact.value == 1
    # Where nothing is wrong, resampling shows nothing: the intervals do not shrink to it.
    assert score.classes[0].average_precision.low < 0.5 and 0.9 < score.mean_average_precision.low < 1
