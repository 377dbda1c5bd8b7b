"""The loss by which heads and networks learn: what it is of known answers, and its slope where it is nearly 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fieldguide.errors import InputError
from fieldguide.training.losses import loss_of, require_loss

pytestmark = [
    # Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.keras,
]

LOGITS = np.random.default_rng(0).normal(0, 3, (50, 4)).astype(np.float32)
SHARES = np.random.default_rng(1).dirichlet([0.3] * 4, 50).astype(np.float32)


def found(loss: Any, targets: np.ndarray, logits: np.ndarray) -> np.ndarray:
    from keras import ops

    return np.asarray(loss(ops.convert_to_tensor(targets), ops.convert_to_tensor(logits)))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_it_is_the_formula_of_the_paper(gamma: float) -> None:
    p = np.exp(LOGITS.astype(float))
    p /= p.sum(axis=1, keepdims=True)
    expected = -(SHARES * (1 - p) ** gamma * np.log(p)).sum(axis=1)
    np.testing.assert_allclose(found(loss_of(4, "focal", gamma), SHARES, LOGITS), expected, rtol=2e-4, atol=1e-5)
    if gamma == 0:
        np.testing.assert_allclose(found(loss_of(4, "cross_entropy", 2.0), SHARES, LOGITS), expected, rtol=1e-4)
    q = 1 / (1 + np.exp(-LOGITS[:, :1].astype(float)))
    t = SHARES[:, :1]
    expected = -(t * (1 - q) ** gamma * np.log(q) + (1 - t) * q**gamma * np.log(1 - q))[:, 0]
    np.testing.assert_allclose(found(loss_of(1, "focal", gamma), t, LOGITS[:, :1]), expected, rtol=2e-4, atol=1e-5)


def test_its_slope_is_a_number_where_an_answer_is_sure() -> None:
    """By training one unit on pictures that it tells with certainty: no weight may become none."""
    import keras

    sure = np.array([[60.0], [-60.0], [0.1]], np.float32)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", loss_of(1, "focal", 0.5))
    loss = model.train_on_batch(sure, np.array([[1.0], [0.0], [1.0]]))
    assert np.isfinite(loss)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_what_is_told_well_counts_less() -> None:
    logits, targets = np.array([[3.0], [0.0]], np.float32), np.ones((2, 1), np.float32)
    plain, focal = (found(loss_of(1, name), targets, logits) for name in ("cross_entropy", "focal"))
    assert focal[0] / plain[0] == pytest.approx((1 / (1 + np.exp(3))) ** 2, rel=1e-3)
    assert focal[1] / plain[1] == pytest.approx(0.25, rel=1e-3)


@pytest.mark.parametrize(
    ("loss", "gamma", "said"),
    [
        ("binary_crossentropy", 2, "follows from the number of classes"),
        ("mse", 2, r"expected one of cross_entropy, focal\."),
        (None, 2, "loss is None"),
        ("focal", -0.1, "gamma is -0.1; expected a number from 0 to 10"),
        ("focal", "much", "gamma is 'much'"),
    ],
)
def test_a_loss_that_there_is_not_is_refused(loss: Any, gamma: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        require_loss(loss, gamma)
