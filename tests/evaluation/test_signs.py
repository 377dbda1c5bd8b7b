from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated_cases import level, rising, simulate

from fieldguide.evaluation.signs import Signs, coin, smoothed


def test_an_odd_epoch_does_not_move_a_smoothed_curve() -> None:
    values = np.linspace(1, 0, 20)
    odd = values.copy()
    odd[10] = 7.0
    assert np.abs(smoothed(odd) - values).max() <= 1 / 19 + 1e-9


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=40))
def test_smoothing_keeps_length_and_bounds(values: list[float]) -> None:
    smooth = smoothed(np.array(values))
    assert len(smooth) == len(values)
    assert min(values) <= smooth.min() and smooth.max() <= max(values)


def test_the_end_is_a_fifth_of_the_epochs_and_at_most_five() -> None:
    tails = [Signs(simulate(level(0.5), level(0.5), epochs=epochs)).tail for epochs in (1, 4, 10, 25, 100)]
    assert tails == [1, 1, 2, 5, 5]


def test_more_epochs_at_the_end_do_not_narrow_an_interval() -> None:
    """The pictures are the same in each of them."""
    brief, long = (Signs(simulate(level(0.8), level(0.7), epochs=epochs)) for epochs in (4, 40))
    assert brief.held.n == long.held.n == 400
    assert abs((brief.held.high - brief.held.low) - (long.held.high - long.held.low)) < 0.01


def test_the_commonest_class_sets_what_a_blind_guess_gets() -> None:
    signs = Signs(replace(simulate(level(0.9), level(0.9)), counts=(90, 10), held=None))
    assert signs.majority == signs.commonest == 0.9
    assert signs.blind == pytest.approx(-(0.9 * math.log(0.9) + 0.1 * math.log(0.1)))


def test_the_best_epoch_is_that_of_the_smoothed_loss() -> None:
    signs = Signs(simulate(level(0.9), level(0.9), val_loss=lambda epoch: 0.01 if epoch == 25 else abs(epoch - 9) + 1))
    assert signs.best == 9


def test_a_steady_fall_is_told_from_ups_and_downs() -> None:
    rng = np.random.default_rng(0)
    assert Signs(simulate(lambda epoch: 0.5 + 0.01 * epoch, level(0.6), n=5000)).pace.steady
    restless = simulate(lambda epoch: 0.8 + 0.1 * float(rng.normal()), level(0.6))
    assert not Signs(restless).pace.steady


@pytest.mark.parametrize(("heads", "tosses", "expected"), [(5, 5, 1 / 32), (0, 7, 1.0), (2, 3, 0.5)])
def test_the_coin_is_fair(heads: int, tosses: int, expected: float) -> None:
    assert coin(heads, tosses) == pytest.approx(expected)


def test_learning_nothing_is_told_from_learning_little() -> None:
    assert Signs(simulate(level(0.5), level(0.5))).nothing_learnt
    assert not Signs(simulate(rising(0.5, 0.65, 4), level(0.6))).nothing_learnt
