"""A network in training: its averaged weights by value, its penalty, its scaled loss."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scratch_trainings import QUICK, training

from fieldguide.data.pixels import PixelStore
from fieldguide.model.nets import Net
from fieldguide.training.learner import AVERAGED_EVERY, Learner

pytestmark = [
    # Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.keras,
]


def weights_of(learner: Learner) -> list[np.ndarray]:
    arrays = learner.arrays()
    return [arrays[f"weights/{place}"] for place in range(sum(name.startswith("weights/") for name in arrays))]


def test_the_averaged_weights_are_those_made_by_hand(small_store: PixelStore) -> None:
    begun = training(small_store, QUICK.with_(average=0.8, batch_size=2))
    learner, averaged, steps = begun.learner, None, 0
    assert len(begun.batches) >= 16
    for epoch in (1, 2):
        for batch in begun.batches.epoch(epoch):
            learner.learn(batch, 0.01)
            steps += 1
            if steps % AVERAGED_EVERY:
                continue
            now = weights_of(learner)
            # After 4 steps the weights themselves; then older ones count less, at first much less: (1 + s) / (10 + s).
            kept = min(0.8, (1 + steps) / (10 + steps)) ** 4
            averaged = (
                now if averaged is None else [kept * a + (1 - kept) * b for a, b in zip(averaged, now, strict=True)]
            )
    assert averaged is not None
    found = learner.answering()
    for place, value in enumerate(averaged):
        np.testing.assert_allclose(found[f"weights/{place}"], value, rtol=1e-5, atol=1e-7)
    assert not np.allclose(found["weights/0"], weights_of(learner)[0], atol=1e-5)
    _, body = learner.finished()
    np.testing.assert_array_equal(body["conv1/kernel"], found["weights/0"])


@pytest.mark.parametrize("batch_size", [2, 8, 64])
def test_every_epoch_is_judged_by_weights_of_its_own(batch_size: int, small_store: PixelStore) -> None:
    begun = training(small_store, QUICK.with_(average=0.99, batch_size=batch_size))
    answered = []
    for epoch in (1, 2, 3):
        for batch in begun.batches.epoch(epoch):
            begun.learner.learn(batch, 0.01)
        answered.append(begun.learner.answering()["weights/0"])
    assert not np.array_equal(answered[0], answered[1])
    assert not np.array_equal(answered[1], answered[2])


def test_without_averaging_the_weights_themselves_answer(small_store: PixelStore) -> None:
    begun = training(small_store, QUICK.with_(average=0.0))
    for batch in begun.batches.epoch(1):
        begun.learner.learn(batch, 0.01)
    found = begun.learner.answering()
    for place, value in enumerate(weights_of(begun.learner)):
        np.testing.assert_array_equal(found[f"weights/{place}"], value)


def test_a_mirrored_answer_is_the_average_of_both(small_store: PixelStore) -> None:
    begun = training(small_store, QUICK.with_(average=0.0))
    for batch in begun.batches.epoch(1):
        begun.learner.learn(batch, 0.01)
    rows = np.arange(5)
    pixels = small_store.read(rows).astype(np.float32)
    one, other = (begun.learner._forward(seen) for seen in (pixels, pixels[:, :, ::-1]))
    assert not np.allclose(one, other, atol=1e-4)
    np.testing.assert_allclose(begun.learner.logits(small_store, rows), one, atol=1e-5)
    np.testing.assert_allclose(begun.learner.logits(small_store, rows, mirrored=True), (one + other) / 2, atol=1e-5)


def test_the_penalty_is_what_l2_says(small_store: PixelStore) -> None:
    net = replace(QUICK.net, l2=0.01)
    learner = Learner(QUICK.with_(net=net), 2, steps=8)
    kernels = [value for value in weights_of(learner) if value.ndim > 1]
    assert learner.penalty() == pytest.approx(0.01 * sum(float((kernel**2).sum()) for kernel in kernels), rel=1e-5)
    assert Learner(QUICK, 2, steps=8).penalty() == 0


def test_a_weight_that_is_no_number_is_found() -> None:
    learner = Learner(QUICK.with_(net=Net("classic", "tiny", target_size=(32, 32))), 2, steps=8)
    assert learner.finite()
    arrays = learner.arrays()
    arrays["weights/2"][0, 0, 0, 0] = np.nan
    learner.restore(arrays)
    assert not learner.finite()


@pytest.mark.parametrize(
    ("precision", "scaled"), [("float32", False), ("mixed_bfloat16", False), ("mixed_float16", True)]
)
def test_the_loss_is_scaled_where_small_gradients_would_be_lost(precision: str, scaled: bool) -> None:
    import keras

    learner = Learner(QUICK, 2, steps=8, precision=precision)
    assert isinstance(learner._optimiser, keras.optimizers.LossScaleOptimizer) == scaled
    assert learner._model.optimizer is learner._optimiser
