"""The learning rate at every step of every schedule, and the optimisers that Keras is given."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from fieldguide.errors import InputError
from fieldguide.training.optimiser import OPTIMISERS, SCHEDULES, Optimiser

STEPS = 400


def rates(optimiser: Optimiser, steps: int = STEPS) -> np.ndarray:
    return np.array([optimiser.rate_at(step, steps) for step in range(steps)])


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("warm_up", [0.0, 0.1])
@pytest.mark.parametrize("steps", [1, 2, 7, STEPS])
def test_rates_are_above_zero_throughout_and_never_above_the_peak(schedule: str, warm_up: float, steps: int) -> None:
    found = rates(Optimiser(rate=0.3, schedule=schedule, warm_up=warm_up), steps)
    assert (found > 0).all()
    assert found.max() <= 0.3 + 1e-12
    assert steps < 7 or found.max() == pytest.approx(0.3)


def test_cosine_falls_to_nothing_along_half_a_cosine() -> None:
    found = rates(Optimiser(rate=1.0, schedule="cosine", warm_up=0.0))
    assert found[0] == 1.0
    assert found[-1] == pytest.approx(0.0, abs=1e-4)
    assert found[STEPS // 2] == pytest.approx(0.5)
    assert found[STEPS // 4] == pytest.approx(0.5 * (1 + np.cos(np.pi / 4)))
    assert (np.diff(found) < 0).all()


def test_warming_up_rises_evenly_from_next_to_nothing_to_the_peak() -> None:
    found = rates(Optimiser(rate=1.0, schedule="cosine", warm_up=0.25))
    rise = found[: STEPS // 4]
    assert rise[0] == pytest.approx(1 / rise.size)
    assert rise[-1] == 1.0
    np.testing.assert_allclose(np.diff(rise), 1 / rise.size)
    assert (np.diff(found[STEPS // 4 :]) < 0).all()


def test_one_cycle_begins_at_a_25th_rises_for_three_tenths_and_falls_to_nothing() -> None:
    found = rates(Optimiser(rate=1.0, schedule="one_cycle"))
    assert found[0] == pytest.approx(0.04, abs=1e-3)
    assert int(found.argmax()) == round(0.3 * STEPS) - 1
    assert found[-1] == pytest.approx(0.0, abs=1e-4)
    assert (np.diff(found[: found.argmax() + 1]) > 0).all()
    assert (np.diff(found[round(0.3 * STEPS) :]) < 0).all()


def test_constant_stays_and_plateau_is_divided_once_for_each_reduction() -> None:
    assert set(rates(Optimiser(rate=0.1, schedule="constant", warm_up=0.0))) == {0.1}
    plateau = Optimiser(rate=0.1, schedule="plateau", warm_up=0.0, divisor=10)
    assert [plateau.rate_at(50, 100, reductions) for reductions in range(3)] == pytest.approx([0.1, 0.01, 0.001])


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "lion", "optimiser is 'lion'; expected one of adamw, adam, sgd, rmsprop"),
        ("schedule", "linear", "schedule is 'linear'; expected one of cosine"),
        ("rate", 0.0, "rate is 0.0; expected a number above 0"),
        ("rate", -1.0, "rate is -1.0"),
        ("rate", 100.0, "at most 10"),
        ("rate", float("nan"), "rate is nan"),
        ("warm_up", 1.0, "warm_up is 1.0; expected a number from 0 and below 1"),
        ("weight_decay", -0.1, "weight_decay is -0.1"),
        ("momentum", 1.0, "momentum is 1.0"),
        ("divisor", 1.0, "divisor is 1.0; expected a number above 1"),
        ("patience", 0, "patience is 0; expected a whole number"),
        ("patience", 2.5, "patience is 2.5"),
        ("patience", True, "patience is True"),
        ("rate", "0.1", "rate is '0.1'; expected a number above 0 and at most 10, such as 0.001"),
        ("weight_decay", "none", "weight_decay is 'none'; expected a number from 0"),
        ("warm_up", True, "warm_up is True"),
    ],
)
def test_what_is_out_of_range_is_named(field: str, value: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Optimiser(**{field: value})  # type: ignore[arg-type]


def test_numpys_numbers_are_taken_as_pythons() -> None:
    made = Optimiser(rate=np.float32(0.5), patience=np.int64(3))  # type: ignore[arg-type]
    assert made == Optimiser(rate=0.5, patience=3)
    assert json.loads(json.dumps(made.to_dict())) == made.to_dict()


@pytest.mark.keras
@pytest.mark.parametrize("name", OPTIMISERS)
def test_weights_shrink_by_the_usual_share_of_the_kind(name: str) -> None:
    made = Optimiser(name)
    assert made.weight_decay == {"adamw": 0.05, "sgd": 0.05, "adam": 0.0, "rmsprop": 0.0}[name]
    assert Optimiser(**made.to_dict()) == made  # type: ignore[arg-type]
    assert made.build().weight_decay in (made.weight_decay, None)


@pytest.mark.parametrize("name", ["adam", "rmsprop"])
def test_a_decay_that_would_do_nothing_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=rf"weight_decay is 0.1, and {name} has none: take adamw or sgd"):
        Optimiser(name, weight_decay=0.1)


def test_the_rate_rises_in_the_first_steps_but_of_one_cycle() -> None:
    optimiser = Optimiser(schedule="plateau", warm_up=0.25)
    assert [optimiser.warming(step, 8) for step in range(4)] == [True, True, False, False]
    assert not Optimiser(schedule="one_cycle", warm_up=0.25).warming(0, 8)


@pytest.mark.keras
@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser_makes_a_loss_smaller_at_the_rate_it_is_given(name: str) -> None:
    import keras

    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(64, 4)).astype(np.float32)
    targets = inputs @ np.array([[1.0], [-2.0], [0.5], [3.0]], np.float32)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    optimiser = Optimiser(name, rate=0.05, weight_decay=0.0).build()
    model.compile(optimiser, "mse")
    optimiser.learning_rate = 0.0
    before = float(model.train_on_batch(inputs, targets))
    assert float(model.train_on_batch(inputs, targets)) == pytest.approx(before), "a rate of 0 changes nothing"
    optimiser.learning_rate = 0.05
    losses = [float(model.train_on_batch(inputs, targets)) for _ in range(60)]
    assert losses[-1] < 0.5 * before


@pytest.mark.keras
@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_kernels_shrink_and_biases_and_norms_do_not(name: str) -> None:
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.BatchNormalization()])
    model.layers[0].set_weights([np.ones((4, 3), np.float32), np.ones(3, np.float32)])
    optimiser = Optimiser(name, rate=0.1, weight_decay=0.5).build()
    # A loss that is 0 whatever the weights: all that moves them is the decay.
    model.compile(optimiser, lambda targets, outputs: 0.0 * keras.ops.mean(outputs, axis=-1))
    for _, _ in itertools.product(range(3), range(2)):
        model.train_on_batch(np.zeros((8, 4), np.float32), np.zeros((8, 3), np.float32))
    kernel, bias = model.layers[0].get_weights()
    gamma, beta = model.layers[1].get_weights()[:2]
    np.testing.assert_allclose(kernel, 0.95**6, rtol=1e-5)
    assert (bias == 1).all()
    assert (gamma == 1).all()
    assert (beta == 0).all()
