"""A network in training: Keras's model and optimiser, the averaged weights, and all of it as arrays."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldguide.batches import Batch
from fieldguide.data.pixels import PixelStore
from fieldguide.model.build import body_weights, dropout_seeds, head_of, scratch_model
from fieldguide.model.head import Head, units_for
from fieldguide.training.checkpoint import Arrays
from fieldguide.training.losses import loss_of
from fieldguide.training.precision import accelerated
from fieldguide.training.scratch_recipe import ScratchRecipe

if TYPE_CHECKING:
    import keras

AVERAGED_EVERY = 4  # steps, at the most: what lies between two of them hardly differs
AVERAGED_AN_EPOCH = 4  # times, at the least, if it has so many steps: each epoch is judged by weights of its own
FORWARD_BATCH = 128


class Learner:
    """A network that learns batch by batch, and can be stopped and taken up again between two epochs.

    Its arrays hold all that the next step depends on: weights, the statistics of norms, the optimiser's variables and
    the averaged weights. Dropout is drawn from the seed and the epoch.
    """

    def __init__(self, recipe: ScratchRecipe, classes: int, *, steps: int, precision: str = "float32") -> None:
        """A network with random weights, which the recipe's seed decides.

        Args:
            recipe: for the network, the optimiser, the averaging and the seed.
            classes: two or more.
            steps: in an epoch.
            precision: "float32", or a Keras policy such as "mixed_bfloat16".
        """
        self.recipe = recipe
        self._averaged_every = max(1, min(AVERAGED_EVERY, steps // AVERAGED_AN_EPOCH))
        self._model = scratch_model(recipe.net, units_for(classes), seed=recipe.seed, precision=precision)
        self._seeds = dropout_seeds(self._model)
        self._optimiser: Any = _scaled(recipe.optimiser.build(), precision)
        loss = loss_of(units_for(classes), recipe.loss, recipe.gamma)
        _compile(self._model, self._optimiser, loss, units_for(classes))
        self._optimiser.build(self._model.trainable_variables)
        self._averaged: list[np.ndarray] | None = None
        self._steps = 0

    def begin(self, epoch: int) -> None:
        """Sets what is drawn inside the model to what this epoch draws."""
        for place, generator in enumerate(self._seeds):
            drawn = np.random.default_rng((self.recipe.seed, epoch, place)).integers(0, 2**31, 2)
            generator.state.assign(drawn.astype("uint32"))

    def learn(self, batch: Batch, rate: float) -> tuple[float, float]:
        """One step; the loss and the accuracy of the batch before it, as the fit saw it.

        Args:
            batch: to learn from.
            rate: the learning rate of this step.
        """
        self._optimiser.learning_rate = rate
        found = self._model.train_on_batch(batch.pixels, batch.targets, sample_weight=batch.weights)
        loss, accuracy = float(found[0]), float(found[1])
        self._steps += 1
        if self.recipe.average and self._steps % self._averaged_every == 0 and math.isfinite(loss):
            self._average()
        return loss, accuracy

    def penalty(self) -> float:
        """What L2 adds to the loss now."""
        return sum(float(loss) for loss in self._model.losses)

    def finite(self) -> bool:
        """Whether all weights are numbers, which the loss alone does not tell: max pooling swallows what is none."""
        every = [*self._model.get_weights(), *(self._averaged or ())]
        return all(np.isfinite(value).all() for value in every)

    def finished(self) -> tuple[Head, dict[str, np.ndarray]]:
        """The network as it would be used now, with averaged weights if the recipe averages: its head and body."""
        with_training = self._model.get_weights()
        self._use_averaged()
        head, body = head_of(self._model), body_weights(self._model)
        self._model.set_weights(with_training)
        return head, body

    def logits(self, store: PixelStore, rows: np.ndarray, *, mirrored: bool = False) -> np.ndarray:
        """What the network would say now of some pictures, unvaried and without dropout: float32 (n, units).

        Args:
            store: of the pictures.
            rows: int64 (n,), which of them.
            mirrored: the average over each and its mirror image.
        """
        with_training = self._model.get_weights()
        self._use_averaged()
        found = [self._forward(pixels) for pixels in _pixels(store, rows)]
        if mirrored:
            other = (self._forward(np.asarray(pixels)[:, :, ::-1]) for pixels in _pixels(store, rows))
            found = [(one + two) / 2 for one, two in zip(found, other, strict=True)]
        self._model.set_weights(with_training)
        return np.concatenate(found)

    def arrays(self) -> Arrays:
        """All that the next epoch depends on, by name: copies, which later steps leave as they are."""
        found = _named("weights", self._model.get_weights())
        found |= _named("optimiser", [np.asarray(value) for value in self._optimiser.variables])
        found |= _named("averaged", self._averaged or ())
        return found | {"steps": np.array(self._steps)}

    def answering(self) -> Arrays:
        """The weights that the network would be used with now, by name, copied: the averaged ones, if there are any."""
        return _named("weights", self._averaged or self._model.get_weights())

    def settle(self, arrays: Arrays) -> None:
        """Ends the training with these weights.

        Args:
            arrays: from `answering`.
        """
        self._model.set_weights(_numbered(arrays, "weights"))
        self._averaged = None

    def restore(self, arrays: Arrays) -> None:
        """Takes up where `arrays` were taken.

        Raises:
            ValueError: they are of another network or optimiser.
        """
        self._model.set_weights(_numbered(arrays, "weights"))
        for variable, value in zip(self._optimiser.variables, _numbered(arrays, "optimiser"), strict=True):
            variable.assign(value)
        self._averaged = _numbered(arrays, "averaged") or None
        self._steps = int(arrays["steps"])

    def _average(self) -> None:
        """Moves the averaged weights towards those of now; at first quickly, since the first ones are random."""
        now = self._model.get_weights()
        if self._averaged is None:
            self._averaged = now
            return
        kept = min(self.recipe.average, (1 + self._steps) / (10 + self._steps)) ** self._averaged_every
        pairs = zip(self._averaged, now, strict=True)
        self._averaged = [np.float32(kept) * average + np.float32(1 - kept) * value for average, value in pairs]

    def _use_averaged(self) -> None:
        if self._averaged is not None:
            self._model.set_weights(self._averaged)

    def _forward(self, pixels: np.ndarray) -> np.ndarray:
        """Every batch of one size, so that nothing is compiled twice."""
        filled = np.zeros((FORWARD_BATCH, *pixels.shape[1:]), np.float32)
        filled[: len(pixels)] = pixels
        return np.asarray(self._model.predict_on_batch(filled), np.float32)[: len(pixels)]


def _pixels(store: PixelStore, rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), FORWARD_BATCH):
        yield store.read(rows[start : start + FORWARD_BATCH])


def _named(name: str, values: Iterable[np.ndarray]) -> Arrays:
    return {f"{name}/{place}": np.array(value) for place, value in enumerate(values)}


def _numbered(arrays: Arrays, name: str) -> list[np.ndarray]:
    found: Iterable[int] = sorted(int(key.split("/")[1]) for key in arrays if key.startswith(f"{name}/"))
    return [np.array(arrays[f"{name}/{place}"]) for place in found]


def _scaled(optimiser: Any, precision: str) -> Any:
    """The optimiser, of a loss that is scaled up where half precision would lose small gradients.

    Keras does so by itself only where the model itself, and not its layers, has the policy.
    """
    import keras

    return keras.optimizers.LossScaleOptimizer(optimiser) if precision == "mixed_float16" else optimiser


def _compile(model: keras.Model, optimiser: Any, loss: Any, units: int) -> None:
    import keras

    right = _right_of_two if units == 1 else _right
    # XLA on a processor takes ten times as long for convolutions.
    jit = False if keras.backend.backend() == "tensorflow" and not accelerated() else "auto"
    model.compile(optimiser, loss, weighted_metrics=[], metrics=[right], jit_compile=jit)


def _right(targets: Any, logits: Any) -> Any:
    """Which are right, of targets that may be mixed: the class with the largest share counts."""
    from keras import ops

    return ops.cast(ops.equal(ops.argmax(targets, axis=-1), ops.argmax(logits, axis=-1)), "float32")


def _right_of_two(targets: Any, logits: Any) -> Any:
    from keras import ops

    return ops.cast(ops.equal(targets > 0.5, logits > 0), "float32")
