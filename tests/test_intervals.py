"""Intervals against published figures and against what they promise: to hold the truth 95 times in 100."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from fieldguide.intervals import UNDEFINED, Estimate, bootstrap, difference, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [  # R. G. Newcombe (1998), "Two-sided confidence intervals for the single proportion", Stat. Med. 17, table I
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_intervals(successes: int, n: int, low: float, high: float) -> None:
    estimate = wilson(successes, n)
    assert (round(estimate.low, 4), round(estimate.high, 4)) == (low, high)
    assert (estimate.value, estimate.n) == (successes / n, n)


@pytest.mark.parametrize("n", [1, 2, 10, 1000, 10**9])
def test_wilson_stays_between_0_and_1_and_holds_the_share(n: int) -> None:
    for successes in {0, 1, n // 2, n - 1, n}:
        estimate = wilson(successes, n)
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    mirrored = wilson(n - 1, n)
    assert mirrored.low == pytest.approx(1 - wilson(1, n).high, abs=1e-9)


def test_wilson_covers_the_true_share_about_95_times_in_100() -> None:
    rng = np.random.default_rng((0, 1))
    for share, n in ((0.5, 40), (0.9, 60), (0.98, 200)):
        draws = [wilson(int(successes), n) for successes in rng.binomial(n, share, 2000)]
        covered = np.mean([estimate.low <= share <= estimate.high for estimate in draws])
        assert 0.92 < covered < 0.98


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [  # R. G. Newcombe (1998), Stat. Med. 17, "... difference between independent proportions", table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((5, 56), (0, 29), -0.0381, 0.1926),
    ],
)
def test_differences_have_the_published_intervals(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    estimate = difference(wilson(*first), wilson(*second))
    assert (round(estimate.low, 4), round(estimate.high, 4)) == (low, high)
    assert estimate.value == pytest.approx(first[0] / first[1] - second[0] / second[1])
    assert estimate.n == min(first[1], second[1])
    turned = difference(wilson(*second), wilson(*first))
    assert (turned.low, turned.high) == pytest.approx((-estimate.high, -estimate.low))


def test_the_bootstrap_covers_a_mean_about_95_times_in_100() -> None:
    rng = np.random.default_rng((0, 2))
    covered = 0
    for trial in range(200):
        values = rng.normal(3.0, 2.0, 60)
        estimate = bootstrap(lambda rows, values=values: values[rows].mean(), 60, seed=trial, rounds=300)  # type: ignore[misc]
        covered += estimate.low <= 3.0 <= estimate.high
        assert estimate.low <= estimate.value <= estimate.high
    assert 0.88 < covered / 200 < 0.99


def test_the_bootstrap_agrees_with_the_formula_for_a_mean() -> None:
    values = np.random.default_rng((0, 3)).normal(0, 1, 400)
    estimate = bootstrap(lambda rows: float(values[rows].mean()), 400, rounds=2000)
    reach = 1.96 * values.std() / math.sqrt(400)
    assert estimate.high - estimate.value == pytest.approx(reach, rel=0.1)
    assert estimate.value - estimate.low == pytest.approx(reach, rel=0.1)


def test_the_bootstrap_is_repeatable_and_seeded() -> None:
    values = np.random.default_rng((0, 4)).normal(0, 1, 50)

    def mean(rows: np.ndarray) -> float:
        return float(values[rows].mean())

    assert bootstrap(mean, 50, seed=1) == bootstrap(mean, 50, seed=1)
    assert bootstrap(mean, 50, seed=1) != bootstrap(mean, 50, seed=2)


def test_strata_keep_their_sizes_in_every_resample() -> None:
    strata = np.array([3] * 40 + [7] * 2 + [1])
    drawn: list[tuple[int, ...]] = []

    def sizes(rows: np.ndarray) -> float:
        drawn.append(tuple(int((strata[rows] == stratum).sum()) for stratum in (3, 7, 1)))
        return 0.0

    bootstrap(sizes, len(strata), strata=strata, rounds=50)
    assert set(drawn) == {(40, 2, 1)}
    drawn.clear()
    bootstrap(sizes, len(strata), rounds=50)
    assert any(small == 0 for _, _, small in drawn), "without strata a small class does vanish"


def test_what_rests_on_nothing_is_not_defined() -> None:
    assert wilson(0, 0) is UNDEFINED
    assert bootstrap(lambda rows: 1.0, 0) is UNDEFINED
    assert str(UNDEFINED) == UNDEFINED.percent == "not defined"
    assert UNDEFINED.to_dict() == {"value": None, "low": None, "high": None, "n": 0}
    assert math.isnan(difference(UNDEFINED, wilson(1, 2)).value)
    json.dumps(UNDEFINED.to_dict(), allow_nan=False)


def test_figures_are_read_with_their_interval() -> None:
    estimate = Estimate(0.984, 0.9762, 0.9898, 1000)
    assert str(estimate) == "0.984 (95% CI 0.976-0.990)"
    assert estimate.percent == "98.4% (95% CI 97.6-99.0%)"
    assert json.loads(json.dumps(estimate.to_dict())) == {"value": 0.984, "low": 0.9762, "high": 0.9898, "n": 1000}
