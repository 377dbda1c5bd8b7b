"""Intervals over pictures and seeds: right in the limits that are known, and as often right as they promise."""

from __future__ import annotations

import numpy as np
import pytest

from fieldguide.comparison import spread
from fieldguide.intervals import wilson


def table(runs: int, pictures: int, *, picture_spread: float, seed_spread: float, seed: int) -> np.ndarray:
    """Right and wrong answers: pictures differ in how hard they are, and runs in how good they are."""
    rng = np.random.default_rng(seed)
    hard = rng.normal(1.5, picture_spread, pictures)
    good = rng.normal(0.0, seed_spread, (runs, 1))
    return rng.random((runs, pictures)) < 1 / (1 + np.exp(-hard - good))


def test_one_run_has_wilsons_interval() -> None:
    right = np.arange(200) < 150
    found, known = spread.accuracy(right[None]), wilson(150, 200)
    assert found.value == known.value
    assert found.n == 200
    assert found.low == pytest.approx(known.low, abs=0.002)
    assert found.high == pytest.approx(known.high, abs=0.002)


def test_runs_that_agree_on_every_picture_tell_no_more_than_one() -> None:
    right = np.arange(200) < 150
    one, three = spread.accuracy(right[None]), spread.accuracy(np.stack([right] * 3))
    assert (three.low, three.high) == pytest.approx((one.low, one.high))


def test_runs_that_differ_in_level_widen_the_interval() -> None:
    level = np.stack([np.arange(1000) < count for count in (700, 800, 900)])
    found = spread.accuracy(level)
    assert found.value == pytest.approx(0.8)
    assert found.high - found.low > 2 * (wilson(800, 1000).high - wilson(800, 1000).low)


def test_where_all_are_right_the_interval_is_that_of_the_pictures() -> None:
    found, known = spread.accuracy(np.ones((3, 50), bool)), wilson(50, 50)
    assert (found.value, found.low, found.high, found.n) == (1.0, known.low, known.high, 50)


def test_a_single_picture_is_no_error() -> None:
    assert spread.accuracy(np.ones((2, 1), bool)).high == 1.0


@pytest.mark.parametrize(("picture_spread", "seed_spread"), [(2.0, 0.0), (2.0, 0.3), (1.0, 0.5)])
def test_intervals_hold_the_truth_about_as_often_as_they_say(picture_spread: float, seed_spread: float) -> None:
    truth = float(table(400, 2000, picture_spread=picture_spread, seed_spread=seed_spread, seed=1).mean())
    held, level = 0, 0
    for number in range(300):
        one, other = (
            table(3, 200, picture_spread=picture_spread, seed_spread=seed_spread, seed=2 * number + place + 10)
            for place in range(2)
        )
        found = spread.accuracy(one)
        held += found.low <= truth <= found.high
        same = spread.gain(one, _another(one, other, number))
        level += same.low <= 0 <= same.high
    assert 0.9 <= held / 300 <= 0.995
    assert level / 300 >= 0.93


@pytest.mark.parametrize(("picture_spread", "seed_spread"), [(2.0, 0.0), (2.0, 0.3), (1.0, 0.5), (0.0, 1.0)])
@pytest.mark.parametrize("pictures", [50, 200])
def test_intervals_of_two_runs_hold_what_these_runs_would_reach_on_all_pictures(
    picture_spread: float, seed_spread: float, pictures: int
) -> None:
    held, gaps, rounds = 0, 0, 400
    for number in range(rounds):
        rng = np.random.default_rng((number, pictures))
        good = rng.normal(0.0, seed_spread, (2, 1))
        hard = rng.normal(1.5, picture_spread, 20_000)
        chances = 1 / (1 + np.exp(-hard - good))
        truth = float(chances.mean())
        right = rng.random((2, pictures)) < chances[:, :pictures]
        found = spread.accuracy(right)
        held += found.low <= truth <= found.high
        trained = rng.binomial(400, 0.99, 2) / 400
        gap = spread.gap(trained.tolist(), 400, right)
        gaps += gap.low <= 0.99 - truth <= gap.high
    assert 0.92 <= held / rounds <= 0.985, f"{held} of {rounds}"
    assert gaps / rounds >= 0.92, f"{gaps} of {rounds}"


def test_two_runs_far_apart_tell_of_other_pictures_alone_and_three_of_other_seeds_too() -> None:
    level = np.stack([np.arange(1000) < count for count in (700, 900, 800)])
    two, three = spread.accuracy(level[:2]), spread.accuracy(level)
    alone = wilson(800, 1000)
    assert two.value == three.value == pytest.approx(0.8)
    assert two.high - two.low < 1.2 * (alone.high - alone.low)
    assert three.low < two.low < two.high < three.high


def _another(one: np.ndarray, other: np.ndarray, seed: int) -> np.ndarray:
    """Runs that are no better and no worse than `one`, on its pictures: each answer is taken from another run of it."""
    rng = np.random.default_rng((seed, 3))
    return np.take_along_axis(one, rng.integers(0, len(one), one.shape), axis=0)


def test_a_gain_is_of_the_same_pictures() -> None:
    right = np.arange(300) < 200
    better = right | (np.arange(300) >= 285)
    found = spread.gain(np.stack([better] * 2), np.stack([right] * 2))
    assert found.value == pytest.approx(15 / 300)
    assert found.low > 0
    unpaired = wilson(215, 300).low - wilson(200, 300).high
    assert unpaired < 0, "two separate intervals would not have told"


def test_two_that_never_differ_are_not_said_to_be_equal_beyond_doubt() -> None:
    right = np.ones((3, 40), bool)
    found = spread.gain(right, right)
    assert found.value == 0
    assert found.low < 0 < found.high


def test_more_pairs_make_the_interval_wider() -> None:
    one = table(3, 200, picture_spread=1, seed_spread=0.2, seed=5)
    other = table(3, 200, picture_spread=1, seed_spread=0.2, seed=6)
    alone, six = spread.gain(one, other), spread.gain(one, other, pairs=6)
    assert six.low < alone.low < alone.high < six.high


def test_a_gap_is_training_less_held_out() -> None:
    right = np.stack([np.arange(100) < count for count in (70, 72, 74)])
    found = spread.gap([1.0, 0.99, 1.0], 500, right)
    assert found.value == pytest.approx(0.99667 - 0.72, abs=1e-4)
    assert 0.1 < found.low < found.value < found.high < 0.5
    one = spread.gap([1.0], 500, right[:1])
    assert one.low < 0.3 < one.high


@pytest.mark.parametrize(("p", "m"), [(0.97, 30), (0.99, 50), (0.9, 30), (0.98, 200), (0.995, 100), (0.75, 100)])
@pytest.mark.parametrize("alike", [1.0, 0.5, 0.0])
def test_the_interval_of_a_gap_holds_the_truth_near_all_right_too(p: float, m: int, alike: float) -> None:
    rounds, held = 500, 0
    for seed in range(rounds):
        rng = np.random.default_rng((seed, m))
        own = rng.random((3, m))
        shared = rng.random(m)  # an answer is that of all runs, or of this run by itself
        right = np.where(rng.random(m) < alike, shared, own) < p
        trained = rng.binomial(400, 0.99, 3) / 400
        found = spread.gap(trained.tolist(), 400, right)
        assert found.low <= found.value <= found.high
        held += found.low <= 0.99 - p <= found.high
    assert held / rounds >= 0.92, f"{held} of {rounds}"


def test_a_gap_of_nothing_is_not_beyond_doubt() -> None:
    found = spread.gap([1.0, 1.0, 1.0], 1000, np.ones((3, 30), bool))
    assert found.value == 0
    assert found.high > 0.1, "30 pictures that are all right may be of a class of which a tenth is wrong"
    assert found.low > -0.01


def test_a_change_of_the_gap_counts_training_and_held_out_pictures() -> None:
    right = np.stack([np.arange(200) < count for count in (140, 142, 144)])
    better = np.stack([np.arange(200) < count for count in (170, 168, 172)])
    plain, cured = ([1.0, 1.0, 0.99], 400, right), ([0.9, 0.92, 0.91], 400, better)
    found = spread.gap_change(plain, cured)
    assert found.value == pytest.approx((0.99667 - 0.71) - (0.91 - 0.85), abs=1e-4)
    assert found.low > 0
    back = spread.gap_change(cured, plain)
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low))
