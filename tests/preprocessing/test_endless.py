"""`fit` with fewer steps than an epoch has: every epoch has its steps, and no picture is left out."""

from __future__ import annotations

import multiprocessing
import random
import warnings
from typing import Any

import numpy as np
import pytest
from oracle import as_keras_does, keras_image

import fieldguide as fg

pytestmark = pytest.mark.keras

COUNT, BATCH = 20, 4  # 5 steps


def flow_of(generator: Any, workers: int = 1, multiprocess: bool = False, shuffle: bool = True) -> Any:
    """Batches of pictures whose first level is their number."""
    x = np.arange(COUNT, dtype=np.float32).reshape(COUNT, 1, 1, 1) * np.ones((1, 2, 2, 1), np.float32)
    flow = generator.flow(x, np.arange(COUNT), batch_size=BATCH, seed=3, shuffle=shuffle)
    flow.workers, flow.use_multiprocessing = workers, multiprocess
    return flow


class Seen:
    """What a model was trained with: the labels of each step, epoch by epoch."""

    def __init__(self) -> None:
        import keras

        seen = self
        self.epochs: list[list[list[int]]] = []

        class Note(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
                seen.epochs.append([])

            def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
                code = int(logs["labels"])
                seen.epochs[-1].append([label for label in range(COUNT) if code >> label & 1])

        self.callback = Note()

    def model(self) -> Any:
        import keras

        class Labels(keras.metrics.Metric):
            """The labels of the last batch, a bit each; 20 bits are exact in float32."""

            def __init__(self) -> None:
                super().__init__(name="labels")
                self.code = self.add_variable((), "zeros", name="code")

            def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
                self.code.assign(keras.ops.sum(2.0 ** keras.ops.cast(y_true, "float32")))

            def result(self) -> Any:
                return keras.ops.convert_to_tensor(self.code) + 0.0

        model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
        model.compile("sgd", "mse", metrics=[Labels()], run_eagerly=True)
        return model

    @property
    def steps(self) -> list[int]:
        return [len(epoch) for epoch in self.epochs]

    @property
    def batches(self) -> list[list[int]]:
        return [batch for epoch in self.epochs for batch in epoch]


def expected(epochs: int, first: int = 0) -> list[list[int]]:
    """The labels of every batch of some epochs, as the iterator itself gives them."""
    flow = flow_of(fg.ImageDataGenerator())
    flow.epoch = first
    return [sorted(next(flow)[1].tolist()) for _ in range(epochs * len(flow))]


MANY_WORKERS = [(1, False), (2, False)]


@pytest.mark.parametrize(("workers", "multiprocess"), MANY_WORKERS)
def test_every_epoch_has_its_steps_and_goes_on_where_the_last_one_stopped(workers: int, multiprocess: bool) -> None:
    seen = Seen()
    flow = flow_of(fg.ImageDataGenerator(), workers, multiprocess)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        seen.model().fit(flow, epochs=4, steps_per_epoch=3, verbose=0, callbacks=[seen.callback])
    assert seen.steps == [3, 3, 3, 3]
    assert seen.batches == expected(3)[:12]


def test_keras_cuts_every_second_epoch_short() -> None:
    seen = Seen()
    flow = flow_of(keras_image.ImageDataGenerator())
    with as_keras_does():
        seen.model().fit(flow, epochs=4, steps_per_epoch=3, verbose=0, callbacks=[seen.callback])
    assert seen.steps == [3, 2, 3, 2]


@pytest.mark.parametrize(("workers", "multiprocess"), MANY_WORKERS)
def test_whole_epochs_are_given_in_order(workers: int, multiprocess: bool) -> None:
    seen = Seen()
    flow = flow_of(fg.ImageDataGenerator(), workers, multiprocess)
    seen.model().fit(flow, epochs=2, verbose=0, shuffle=False, callbacks=[seen.callback])
    assert seen.batches == expected(2)
    assert flow.epoch == 2


def test_fit_shuffles_the_batches_of_an_epoch_unless_told_not_to() -> None:
    """By Python's own generator, so only their order is not the flow's."""
    orders = []
    for seed in (1, 2):
        random.seed(seed)
        seen = Seen()
        seen.model().fit(flow_of(fg.ImageDataGenerator()), epochs=2, verbose=0, callbacks=[seen.callback])
        for epoch, number in zip(seen.epochs, (0, 1), strict=True):
            assert sorted(epoch) == sorted(expected(1, first=number))
        orders.append(seen.batches)
    assert orders[0] != orders[1]


def test_as_many_steps_as_an_epoch_has_are_whole_epochs() -> None:
    seen = Seen()
    flow = flow_of(fg.ImageDataGenerator())
    seen.model().fit(flow, epochs=2, steps_per_epoch=5, verbose=0, shuffle=False, callbacks=[seen.callback])
    assert seen.batches == expected(2)
    assert flow.num_batches == 5


def test_more_steps_than_an_epoch_has_end_with_its_last_batch_and_a_warning_as_in_keras() -> None:
    for kind in (fg.ImageDataGenerator, keras_image.ImageDataGenerator):
        seen, flow = Seen(), flow_of(kind())
        with pytest.warns(UserWarning, match="ran out of data"):
            seen.model().fit(flow, epochs=2, steps_per_epoch=7, verbose=0, callbacks=[seen.callback])
        assert seen.steps == [5, 5]


def test_another_fit_begins_with_an_epoch_that_was_not_given() -> None:
    seen = Seen()
    flow, model = flow_of(fg.ImageDataGenerator()), seen.model()
    model.fit(flow, epochs=2, steps_per_epoch=3, verbose=0)
    model.fit(flow, epochs=1, steps_per_epoch=3, verbose=0, callbacks=[seen.callback])
    assert seen.batches == expected(1, first=2)[:3]
    model.fit(flow, epochs=1, verbose=0, shuffle=False, callbacks=[seen.callback])
    assert seen.batches[3:] == expected(1, first=3)


def test_training_that_was_interrupted_goes_on_with_the_epochs_that_were_to_come() -> None:
    seen = Seen()
    flow = flow_of(fg.ImageDataGenerator())
    flow.epoch = 2
    seen.model().fit(flow, epochs=2, verbose=0, shuffle=False, callbacks=[seen.callback])
    assert seen.batches == expected(2, first=2)


def test_validation_of_some_steps_is_of_the_first_ones_and_has_an_end() -> None:
    seen = Seen()
    flow, measured = flow_of(fg.ImageDataGenerator()), flow_of(fg.ImageDataGenerator(), shuffle=False)
    model = seen.model()
    model.fit(flow, epochs=2, steps_per_epoch=2, validation_data=measured, validation_steps=2, verbose=0)
    first = model.evaluate(measured, steps=2, verbose=0)
    assert model.evaluate(measured, steps=2, verbose=0) == first
    assert measured.num_batches == 5


@pytest.mark.parametrize("steps", [3, None])
def test_measuring_on_the_same_data_in_between_moves_nothing(steps: int | None) -> None:
    import keras

    seen = Seen()
    flow, model = flow_of(fg.ImageDataGenerator()), seen.model()
    losses = []

    class Measure(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            held = list(seen.epochs)
            losses.append(model.predict(flow, verbose=0).tolist())
            seen.epochs[:] = held

    model.optimizer.learning_rate = 0.0
    model.fit(flow, epochs=2, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[seen.callback, Measure()])
    assert seen.batches == expected(2)[: 2 * (steps or 5)]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_validation_in_fit_sees_the_same_in_every_epoch(workers: int) -> None:
    seen = Seen()
    flow, measured = flow_of(fg.ImageDataGenerator()), flow_of(fg.ImageDataGenerator(), workers)  # shuffled
    model = seen.model()
    model.optimizer.learning_rate = 0.0
    history = model.fit(flow, epochs=3, validation_data=measured, validation_steps=2, shuffle=False, verbose=0)
    assert len(set(history.history["val_loss"])) == 1


def test_once_a_fit_is_over_there_is_an_end_again() -> None:
    seen = Seen()
    flow = flow_of(fg.ImageDataGenerator())
    model = seen.model()
    model.fit(flow, epochs=1, steps_per_epoch=2, verbose=0)
    assert flow.num_batches == 5
    assert len(model.predict(flow, verbose=0)) == COUNT


def test_workers_that_are_processes() -> None:
    import keras

    if keras.backend.backend() == "jax":
        pytest.skip("JAX runs threads, which a fork may lock up")
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("no fork here")
    seen = Seen()
    flow = flow_of(fg.ImageDataGenerator(), 2, True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)  # Python 3.12
        model = seen.model()
        model.fit(flow, epochs=2, verbose=0, shuffle=False, callbacks=[seen.callback])
        assert seen.batches == expected(2)
        model.fit(flow, epochs=2, steps_per_epoch=3, verbose=0, callbacks=[seen.callback])
    assert seen.batches[10:] == expected(2, first=2)[:6]
