"""The fused batch norm is Keras's own: the same values, gradients and statistics, in either precision."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = [
    # Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.keras,
]

SHAPE = (6, 5, 7, 4)


def maps(seed: int = 0) -> np.ndarray:
    """Feature maps whose channels differ much."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=SHAPE) * [0.1, 1.0, 5.0, 30.0] + [0, 3, -2, 100]).astype(np.float32)


def trained(fused: bool, precision: str, steps: int = 3) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Weights after some steps of a network with one norm, and its outputs in training and in use."""
    import keras

    from fieldguide.model.norms import FusedBatchNormalization

    norm = FusedBatchNormalization if fused else keras.layers.BatchNormalization
    layer = norm(momentum=0.9, epsilon=1e-3, name="norm", dtype=precision)
    inputs = keras.Input(SHAPE[1:])
    outputs = keras.layers.Dense(1, kernel_initializer="ones", dtype="float32")(keras.layers.Flatten()(layer(inputs)))
    model = keras.Model(inputs, outputs)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.uniform(0.5, 2, 4), rng.normal(size=4), rng.normal(size=4), rng.uniform(1, 2, 4)])
    model.compile(keras.optimizers.SGD(1e-4), "mse", jit_compile=False)
    for step in range(steps):
        model.train_on_batch(maps(step), np.arange(SHAPE[0], dtype=np.float32)[:, None])
    with_own = np.asarray(keras.ops.cast(layer(maps(9), training=True), "float32"))
    in_use = np.asarray(keras.ops.cast(layer(maps(9), training=False), "float32"))
    return [np.asarray(value) for value in layer.get_weights()], with_own, in_use


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-4), ("mixed_bfloat16", 0.03)])
def test_it_trains_as_keras_does(precision: str, tolerance: float) -> None:
    mine, own, used = trained(True, precision)
    theirs, their_own, their_used = trained(False, precision)
    for one, other in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(own, their_own, rtol=tolerance, atol=2 * tolerance)
    np.testing.assert_allclose(used, their_used, rtol=tolerance, atol=2 * tolerance)


def test_statistics_have_moved_and_gradients_have_come_through() -> None:
    weights, own, _ = trained(True, "float32")
    start, _, _ = trained(True, "float32", steps=0)
    moved = [np.abs(one - other).max() for one, other in zip(weights, start, strict=True)]
    assert min(moved) > 1e-3
    gamma, beta = weights[:2]
    np.testing.assert_allclose(own.mean(axis=(0, 1, 2)), beta, atol=1e-3)
    np.testing.assert_allclose(own.std(axis=(0, 1, 2)), gamma, rtol=0.06)
