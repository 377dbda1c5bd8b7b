"""The power law: found again where it is known, with intervals that hold what it says as often as they promise."""

from __future__ import annotations

import numpy as np
import pytest

from fieldguide.comparison.curve import Curve, fit_power_law, learning_curve, usual_step

SIZES = [63, 125, 250, 500, 1000, 2000]


@pytest.mark.parametrize(("floor", "slope", "exponent"), [(0.05, 0.1, 0.5), (0.0, 0.08, 0.35), (0.1, 0.02, 0.8)])
def test_a_law_without_noise_is_found_again(floor: float, slope: float, exponent: float) -> None:
    errors = floor + slope * (np.array(SIZES) / SIZES[-1]) ** -exponent
    found = fit_power_law(SIZES, errors[None])
    curve = Curve(SIZES[-1], 1000, found, None)
    for pictures in (63, 400, 2000, 4000):
        known = floor + slope * (pictures / SIZES[-1]) ** -exponent
        assert curve.error_at(pictures) == pytest.approx(known, abs=0.002)


def test_each_row_is_fitted_by_itself() -> None:
    rows = np.random.default_rng(0).uniform(0.1, 0.4, (20, 6))
    together = fit_power_law(SIZES, rows)
    curves = [Curve(2000, 1, law[None], None) for law in together]
    assert together.shape == (20, 3)
    assert (together >= 0).all()
    # A worse law than the one found is never closer.
    weight = 1 / (rows.mean(axis=0) * (1 - rows.mean(axis=0)))
    for row, curve in zip(rows, curves, strict=True):
        rest = sum(w * (curve.error_at(n) - e) ** 2 for n, e, w in zip(SIZES, row, weight, strict=True))
        level = (row * weight).sum() / weight.sum()
        assert rest <= (weight * (row - level) ** 2).sum() + 1e-12


def test_more_pictures_never_harm() -> None:
    rising = np.linspace(0.1, 0.3, 6)  # the error grows with the pictures
    curve = Curve(2000, 100, fit_power_law(SIZES, rising[None]), None)
    assert curve.error_at(2000) == pytest.approx(curve.error_at(4000))


def simulated(floor: float, slope: float, exponent: float, *, runs: int, n: int, seed: int) -> list[np.ndarray]:
    """Right and wrong of runs on more and more pictures, whose errors follow a law but for what chance does to them."""
    rng = np.random.default_rng(seed)
    hard = rng.random(n)  # the same pictures measure every run
    levels = np.sort(0.7 * rng.random(20_000) + 0.3 * rng.random(20_000))
    rights = []
    for size in SIZES:
        share = size / SIZES[-1]
        error = floor + slope * share**-exponent
        apart = np.sqrt(0.004 * error * (1 - error))
        shared = rng.normal() * np.sqrt(share) * apart
        own = error + shared + rng.normal(size=runs) * np.sqrt(1 - share) * apart
        ends = levels[np.clip((own * len(levels)).astype(int), 0, len(levels) - 1)]
        rights.append(0.7 * hard + 0.3 * rng.random((runs, n)) >= ends[:, None])
    return rights


@pytest.mark.parametrize(
    ("law", "n", "least"), [((0.05, 0.1, 0.5), 500, 0.88), ((0.2, 0.0, 0.5), 500, 0.9), ((0.1, 0.02, 0.8), 200, 0.88)]
)
def test_the_interval_of_a_gain_holds_the_truth(law: tuple[float, float, float], n: int, least: float) -> None:
    _, slope, exponent = law
    truth = slope * (1 - 1.5**-exponent)
    held, rounds = 0, 60
    for number in range(rounds):
        curve = learning_curve(SIZES, simulated(*law, runs=3, n=n, seed=number), rounds=200)
        found = curve.gain(1000)
        assert found is not None
        assert found.low <= found.value <= found.high
        held += found.low - 1e-9 <= truth <= found.high
    assert held / rounds >= least, f"{held} of {rounds}"


def test_a_steep_curve_is_told_from_a_flat_one() -> None:
    steep = learning_curve(SIZES, simulated(0.02, 0.15, 0.5, runs=3, n=1000, seed=1)).gain(1000)
    flat = learning_curve(SIZES, simulated(0.2, 0.0, 0.5, runs=3, n=1000, seed=1)).gain(1000)
    assert steep is not None
    assert flat is not None
    assert steep.low > 0.01
    assert flat.high < 0.01


def test_one_run_of_each_tells_nothing_of_how_far_it_varies() -> None:
    curve = learning_curve(SIZES, simulated(0.05, 0.1, 0.5, runs=1, n=300, seed=2))
    assert curve.gain(1000) is None
    assert curve.accuracy_at(2000).low == curve.accuracy_at(2000).high


def test_where_nothing_is_wrong_the_interval_is_not_empty() -> None:
    curve = learning_curve(SIZES, [np.ones((3, 100), bool)] * 6)
    known = curve.accuracy_at(2000)
    assert known.value == 1
    assert known.low < 0.998
    gain = curve.gain(1000)
    assert gain is not None
    assert gain.value == 0
    assert gain.high > 0


def test_the_same_runs_give_the_same_curve() -> None:
    rights = simulated(0.05, 0.1, 0.5, runs=3, n=300, seed=3)
    one, other = (learning_curve(SIZES, rights, seed=4).gain(1000) for _ in range(2))
    assert one == other


@pytest.mark.parametrize(("pictures", "step"), [(7, 1), (52, 10), (999, 100), (1000, 1000), (20_000, 10_000)])
def test_a_step_is_a_round_number_not_above_the_pictures(pictures: int, step: int) -> None:
    assert usual_step(pictures) == step
