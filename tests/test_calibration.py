from __future__ import annotations

import math

import numpy as np
import pytest

from fieldguide.calibration import (
    calibration_error,
    expected_calibration_error,
    fit_temperature,
    log_loss,
    picture_losses,
    reliability_bins,
    softmax,
    temper,
)
from fieldguide.errors import InputError


def drawn(n: int, k: int, seed: int = 0, scale: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from their softmax: a perfectly calibrated model."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, scale, (n, k))
    labels = (softmax(logits).cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return logits, labels


@pytest.mark.parametrize("factor", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("k", [2, 5, 30])
def test_the_factor_that_logits_were_multiplied_by_is_found(factor: float, k: int) -> None:
    logits, labels = drawn(20_000, k)
    assert fit_temperature(logits * factor, labels) == pytest.approx(factor, rel=0.05)


def test_a_sigmoid_and_its_two_column_softmax_agree() -> None:
    logits, labels = drawn(500, 2)
    gap = logits[:, 1] - logits[:, 0]
    np.testing.assert_allclose(softmax(gap), softmax(logits))
    np.testing.assert_allclose(softmax(gap)[:, 1], 1 / (1 + np.exp(-gap)))
    assert fit_temperature(gap, labels) == pytest.approx(fit_temperature(logits, labels), rel=1e-3)
    assert fit_temperature(gap[:, None], labels) == fit_temperature(gap, labels)


def test_no_other_temperature_has_a_smaller_loss() -> None:
    logits, labels = drawn(300, 4, scale=6.0)
    best = fit_temperature(logits, labels)
    for other in (best * 0.97, best * 1.03, 1.0):
        assert log_loss(softmax(logits, best), labels) <= log_loss(softmax(logits, other), labels)


def test_where_every_picture_is_right_certainty_is_not_claimed() -> None:
    assert fit_temperature(np.array([[3.0, 0.0], [0.0, 3.0]]), np.array([0, 1])) == 1.0
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, int)) == 1.0


def test_where_every_picture_is_wrong_the_model_is_made_least_sure() -> None:
    assert fit_temperature(np.array([[3.0, 0.0], [0.0, 3.0]]), np.array([1, 0])) == pytest.approx(20.0, rel=0.01)


def test_logits_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(InputError, match="not finite"):
        fit_temperature(np.array([[np.nan, 0.0]]), np.array([0]))
    with pytest.raises(InputError, match="2 rows of logits came with 3 labels"):
        fit_temperature(np.zeros((2, 3)), np.zeros(3, int))


def test_huge_logits_do_not_overflow() -> None:
    logits = np.array([[1e4, -1e4], [-1e4, 1e4]])
    np.testing.assert_array_equal(softmax(logits), [[1, 0], [0, 1]])
    assert math.isfinite(log_loss(softmax(logits), np.array([1, 1])))


def test_tempering_probabilities_is_dividing_logits() -> None:
    logits, _ = drawn(50, 6)
    np.testing.assert_allclose(temper(softmax(logits), 1.7), softmax(logits, 1.7))
    np.testing.assert_allclose(temper(softmax(logits, 1.7), 1 / 1.7), softmax(logits))
    np.testing.assert_array_equal(temper(np.array([[1.0, 0.0]]), 3.0), [[1.0, 0.0]])


def test_log_loss_is_the_mean_over_pictures() -> None:
    probabilities = np.array([[0.5, 0.5], [0.25, 0.75]])
    np.testing.assert_allclose(picture_losses(probabilities, np.array([0, 0])), [math.log(2), math.log(4)])
    assert log_loss(probabilities, np.array([0, 0])) == pytest.approx(1.5 * math.log(2))
    assert math.isnan(log_loss(np.zeros((0, 2)), np.zeros(0, int)))


def test_bins_hold_as_many_pictures_each_and_all_of_them() -> None:
    logits, labels = drawn(1003, 3)
    bins = reliability_bins(softmax(logits), labels)
    assert bins.shape == (15, 3)
    assert bins[:, 2].sum() == 1003
    assert bins[:, 2].max() - bins[:, 2].min() <= 1
    assert (np.diff(bins[:, 0]) > 0).all()


def test_pictures_of_one_stated_probability_share_a_bin_whatever_their_order() -> None:
    probabilities = np.tile([0.8, 0.2], (100, 1))
    labels = np.array([0] * 80 + [1] * 20)
    assert reliability_bins(probabilities, labels).tolist() == [[pytest.approx(0.8), pytest.approx(0.8), 100]]
    assert expected_calibration_error(probabilities, labels) == pytest.approx(0.0, abs=1e-12)
    assert expected_calibration_error(probabilities, labels[::-1]) == pytest.approx(0.0, abs=1e-12)


def test_the_error_of_a_model_that_is_too_sure_is_its_excess() -> None:
    probabilities = np.tile([0.95, 0.05], (200, 1))
    labels = np.array([0] * 150 + [1] * 50)
    assert expected_calibration_error(probabilities, labels) == pytest.approx(0.2)


def test_few_pictures_make_few_bins() -> None:
    logits, labels = drawn(125, 2)
    assert len(reliability_bins(softmax(logits), labels)) == 2
    assert len(reliability_bins(softmax(logits[:4]), labels[:4])) == 1
    assert math.isnan(expected_calibration_error(np.zeros((0, 2)), np.zeros(0, int)))


def test_a_calibrated_model_has_a_small_error() -> None:
    logits, labels = drawn(20_000, 4)
    assert expected_calibration_error(softmax(logits), labels) < 0.015
    assert expected_calibration_error(softmax(logits * 3), labels) > 0.1


def within(bins: np.ndarray, chances: np.ndarray) -> bool:
    """Whether the interval holds the error that these bins would have, were each share what it is by chance."""
    found = calibration_error(bins)
    truth = float((np.abs(bins[:, 0] - chances) * bins[:, 2]).sum() / bins[:, 2].sum())
    assert found.low <= found.value <= found.high
    return found.low <= truth <= found.high


@pytest.mark.parametrize(("sizes", "excess"), [([13], 0.0), ([50] * 4, 0.0), ([60] * 15, 0.0), ([60] * 15, 0.1)])
def test_the_interval_of_the_error_holds_the_truth(sizes: list[int], excess: float) -> None:
    rng, n = np.random.default_rng(5), np.array(sizes)
    stated = np.linspace(0.6, 0.99, len(n))
    held = 0
    for _ in range(300):
        bins = np.stack([stated, rng.binomial(n, stated - excess) / n, n], axis=1)
        held += within(bins, stated - excess)
    assert held >= 270


def test_the_interval_stays_wide_where_all_pictures_were_right() -> None:
    few, many = (calibration_error(np.array([[0.999, 1.0, n]])) for n in (13.0, 1300.0))
    assert few.high > 0.2
    assert few.low == many.low == 0
    assert many.high < 0.004
    assert few.n == 13


def test_an_error_beyond_chance_does_not_reach_down_to_zero() -> None:
    assert calibration_error(np.array([[0.9, 0.7, 500.0]])).low > 0.15
    assert math.isnan(calibration_error(np.zeros((0, 3))).value)
