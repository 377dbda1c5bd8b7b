from __future__ import annotations

import json
import math

import numpy as np
import pytest
from finished_runs import stated

from fieldguide.calibration import log_loss, softmax, temper
from fieldguide.errors import InputError
from fieldguide.evaluation.metrics import Score, mean_recall, score, weakest_classes
from fieldguide.intervals import wilson


def of(probabilities: np.ndarray, labels: np.ndarray, k: int, temperature: float = 1.0) -> Score:
    names = [f"{row}.jpg" for row in range(len(labels))]
    return score(probabilities, labels, [f"class {i}" for i in range(k)], names, temperature=temperature)


def random_score(n: int, k: int, *, temperature: float = 1.0) -> Score:
    rng = np.random.default_rng((n, k))
    labels = rng.integers(0, k, n)
    logits = rng.normal(0, 1, (n, k))
    logits[np.arange(n), labels] += 3
    return of(softmax(logits), labels, k, temperature=temperature)


@pytest.mark.parametrize(("n", "k"), [(1, 2), (7, 3), (400, 2), (1000, 200)])
def test_every_picture_given_is_scored(n: int, k: int) -> None:
    result = random_score(n, k)
    assert result.n == result.accuracy.n == result.balanced_accuracy.n == result.log_loss.n == n
    assert result.confusion.sum() == n
    assert sum(one.support for one in result.classes) == sum(one.predicted for one in result.classes) == n
    assert result.bins[:, 2].sum() == n


def test_figures_worked_by_hand() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    probabilities = np.full((8, 4), 0.1, np.float32)
    for row, predicted in enumerate([0, 0, 0, 1, 1, 1, 0, 2]):
        probabilities[row, predicted] = 0.7
    result = of(probabilities, labels, 4)
    np.testing.assert_array_equal(result.confusion, [[3, 1, 0, 0], [0, 2, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]])
    assert result.accuracy == wilson(6, 8)
    assert result.balanced_accuracy.value == pytest.approx((3 / 4 + 1 + 1 / 2) / 3)
    assert [one.recall.value for one in result.classes[:3]] == [0.75, 1.0, 0.5]
    assert [one.precision.value for one in result.classes[:3]] == pytest.approx([0.75, 2 / 3, 1.0])
    assert result.log_loss.value == pytest.approx((6 * -math.log(0.7) + 2 * -math.log(0.1)) / 8, rel=1e-5)
    assert result.right.tolist() == [True] * 3 + [False] + [True] * 2 + [False, True]


def test_a_class_without_pictures_has_no_recall_and_does_not_lower_the_balanced_accuracy() -> None:
    result = of(np.eye(3)[[0, 1, 0]], np.array([0, 1, 0]), 3)
    assert math.isnan(result.classes[2].recall.value)
    assert math.isnan(result.classes[2].precision.value)
    assert result.balanced_accuracy.value == 1.0
    assert result.to_dict()["classes"][2]["recall"]["value"] is None  # type: ignore[index]
    assert "not defined" in str(result)
    assert [one.name for one in weakest_classes(result, 9)] == ["class 0", "class 1"]


def test_balanced_accuracy_is_accuracy_where_classes_have_as_many_pictures() -> None:
    labels = np.repeat([0, 1, 2], 50)
    result = of(stated(labels, [3, 60, 61, 110, 111, 112], 3), labels, 3)
    assert result.balanced_accuracy.value == pytest.approx(result.accuracy.value)
    assert result.balanced_accuracy.low == pytest.approx(result.accuracy.low, abs=2e-3)
    assert result.balanced_accuracy.high == pytest.approx(result.accuracy.high, abs=2e-3)


def test_the_interval_of_the_balanced_accuracy_is_as_wide_as_the_rarest_class_makes_it() -> None:
    labels = np.array([0] * 1000 + [1] * 10)
    result = of(stated(labels, range(1000, 1003), 2), labels, 2)
    assert result.accuracy.high - result.accuracy.low < 0.01
    assert result.balanced_accuracy.value == pytest.approx(0.85)
    assert result.balanced_accuracy.high - result.balanced_accuracy.low > 0.2


def test_no_mistake_among_few_pictures_is_no_certainty() -> None:
    labels = np.array([0, 1] * 10)
    result = of(stated(labels, [], 2), labels, 2)
    assert result.accuracy.value == result.balanced_accuracy.value == 1.0
    assert result.accuracy.low == pytest.approx(result.balanced_accuracy.low) == pytest.approx(0.839, abs=1e-3)


@pytest.mark.parametrize(
    ("counts", "recalls"), [((50, 50), (0.98, 0.9)), ((100, 20, 20), (0.99, 0.9, 0.7)), ((5,) * 30, (0.9,) * 30)]
)
def test_the_interval_of_the_balanced_accuracy_covers_the_truth(
    counts: tuple[int, ...], recalls: tuple[float, ...]
) -> None:
    rng = np.random.default_rng(1)
    support, truth = np.array(counts), np.array(recalls)
    covered = 0
    for _ in range(1000):
        found = mean_recall(rng.binomial(support, truth), support)
        covered += int(found.low <= truth.mean() <= found.high)
    assert covered >= 900


def test_before_the_temperature_is_what_the_logits_said() -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 3, (500, 4))
    labels = (softmax(logits / 2).cumsum(axis=1) > rng.random((500, 1))).argmax(axis=1)
    result = of(softmax(logits, 2.0), labels, 4, temperature=2.0)
    assert result.log_loss_before == pytest.approx(log_loss(softmax(logits), labels), rel=1e-4)
    assert result.calibration_error.value < result.calibration_error_before.value
    np.testing.assert_allclose(temper(softmax(logits, 2.0), 0.5), softmax(logits))


def test_a_temperature_of_one_changes_nothing() -> None:
    result = random_score(200, 3)
    assert result.log_loss_before == pytest.approx(result.log_loss.value)
    assert result.calibration_error_before == result.calibration_error


def test_the_same_seed_gives_the_same_interval() -> None:
    one, other = random_score(300, 3), random_score(300, 3)
    assert one.log_loss == other.log_loss
    assert one.log_loss.low < one.log_loss.value < one.log_loss.high


def test_what_is_printed_fits_a_terminal_and_says_n() -> None:
    result = of(stated(np.array([0, 1] * 500), range(16), 2), np.array([0, 1] * 500), 2, temperature=1.5)
    text = str(result)
    assert text.startswith("accuracy 98.4% (95% CI 97.4-99.0%), n=1,000 test pictures\n")
    assert max(len(line) for line in text.splitlines()) <= 80
    many = str(random_score(1000, 40))
    assert "the 10 of 40 classes with the lowest recall" in many
    assert max(len(line) for line in many.splitlines()) <= 80


def test_a_score_is_ready_for_json_and_holds_no_list_of_pictures() -> None:
    result = random_score(1000, 3, temperature=1.4)
    text = json.dumps(result.to_dict(), allow_nan=False)
    assert len(text) < 2000
    assert json.loads(text)["accuracy"]["n"] == 1000


@pytest.mark.parametrize(
    ("probabilities", "labels", "k", "names", "message"),
    [
        (np.zeros((0, 2)), np.zeros(0, int), 2, 0, "no pictures to score"),
        (np.full((3, 1), 1.0), np.zeros(3, int), 1, 3, "at least two classes"),
        (np.full((3, 3), 1 / 3), np.zeros(3, int), 2, 3, "for 2 class names"),
        (np.full((3, 2), 0.5), np.zeros(2, int), 2, 3, "so that none goes unscored"),
        (np.full((3, 2), 0.5), np.zeros(3, int), 2, 4, "so that none goes unscored"),
        (np.full((3, 2), 0.5), np.array([0, 1, 2]), 2, 3, "from 0 to 1"),
        (np.full((3, 2), 0.5), np.array([0, 1, -1]), 2, 3, "from 0 to 1"),
        (np.full((3, 2), 0.5), np.zeros(3), 2, 3, "whole numbers"),
        (np.array([[0.5, 0.5], [3.0, -2.0]]), np.zeros(2, int), 2, 2, "1.jpg"),
        (np.array([[0.5, 0.5], [np.nan, 1.0]]), np.zeros(2, int), 2, 2, "1.jpg sum to nan"),
    ],
)
def test_what_does_not_fit_is_refused(
    probabilities: np.ndarray, labels: np.ndarray, k: int, names: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        score(probabilities, labels, ["cat", "dog", "fox"][:k], [f"{row}.jpg" for row in range(names)])


def test_a_temperature_must_be_positive() -> None:
    with pytest.raises(InputError, match="temperature is 0"):
        of(np.full((2, 2), 0.5), np.array([0, 1]), 2, temperature=0.0)
