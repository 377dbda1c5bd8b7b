"""Training the last blocks of the backbone too, from activations kept at the cut: the rest is never run again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fieldguide import console
from fieldguide.calibration import fit_temperature, picture_losses, softmax
from fieldguide.model.engine import DEFAULT_CUT
from fieldguide.model.head import Head
from fieldguide.model.lite0 import lite0, load_weights, tail, train_only_after, weights_of
from fieldguide.training.choose import Fold, loss_and_accuracy
from fieldguide.training.features import Features
from fieldguide.training.logistic import Examples, problem_for
from fieldguide.training.recipe import Recipe
from fieldguide.training.record import Epoch

if TYPE_CHECKING:
    import keras

ROOM_TO_GAIN = 0.03  # held-out errors below this share are too few to show that fine-tuning helps
FEWEST_HELD_OUT = 40  # pictures, below which chance alone looks like a gain
SMALLEST_GAIN = 0.02  # of the loss: rounding alone may lower it by less, and on every picture alike
FORWARD_BATCH = 128
WARM_UP = 0.15  # share of the steps in which the rate rises: at full rate from the start, Adam undoes the head


@dataclass(frozen=True, eq=False)
class Tuned:
    """What fine-tuning came to: the best epoch's weights, and what they do on the held-out pictures."""

    weights: dict[str, np.ndarray]  # of the whole backbone
    head: Head
    epochs: tuple[Epoch, ...]
    logits: np.ndarray  # float32 (held, units) of the fold's held-out rows


def fine_tune(features: Features, examples: Examples, fold: Fold, head: Head, *, recipe: Recipe, power: float) -> Tuned:
    """The backbone and head after training the blocks behind the cut, at the epoch with the lowest held-out loss.

    Batch norms stay in inference mode. Adam's rate rises linearly, then falls along a cosine. The order of the
    pictures depends on the seed and the epoch alone.

    Args:
        features: computed `with_cut`.
        examples: the same pictures' features and labels.
        fold: rows to fit to, and rows that choose the epoch.
        head: fitted on the frozen features of the fold's rows; training starts from it.
        recipe: for target size, epochs, rate, patience, batch size and seed.
        power: of the class weights.

    Source:
        I. Loshchilov, F. Hutter (2017), "SGDR: Stochastic gradient descent with warm restarts", ICLR (cosine).
    """
    base, model = _trainable(head, recipe.target_size)
    fitted, held = features.cuts(fold.fitted), features.cuts(fold.held)
    targets, held_targets = examples.labels[fold.fitted], examples.labels[fold.held]
    weights = problem_for(examples, fold.fitted, power).weights[fold.fitted] * np.float32(len(fold.fitted))
    batches = -(-len(fitted) // recipe.batch_size)
    _compile(model, recipe, head.kernel.shape[1], batches)
    best: tuple[float, list[np.ndarray], np.ndarray] | None = None
    epochs: list[Epoch] = []
    with console.progress("Fine-tuning", recipe.fine_tune_epochs * batches) as bar:
        for number in range(1, recipe.fine_tune_epochs + 1):
            for rows in _shuffled(len(fitted), recipe, number):
                model.train_on_batch(
                    fitted[rows].astype(np.float32),
                    targets[rows][:, None].astype(np.float32),
                    sample_weight=weights[rows],
                )
                bar.advance()
            logits = _forward(model, held)
            epochs.append(_epoch(number, _forward(model, fitted), targets, logits, held_targets))
            if best is None or epochs[-1].val_loss < best[0]:
                best = (epochs[-1].val_loss, model.get_weights(), logits)
            elif number - _best_place(epochs) >= recipe.patience:
                break
    assert best is not None
    model.set_weights(best[1])
    kernel, bias = model.layers[-1].get_weights()
    place = _best_place(epochs)
    epochs[place - 1] = replace(epochs[place - 1], chosen=True)
    return Tuned(weights_of(base), Head(kernel, bias), tuple(epochs), best[2])


def clearly_better(tuned: np.ndarray, frozen: np.ndarray, labels: np.ndarray) -> bool:
    """Whether fine-tuning lowered the held-out loss by more than its standard error and 2%, and lost no accuracy.

    Each is calibrated by its own temperature first, as the finished classifier would be.

    Args:
        tuned: logits (held, units).
        frozen: logits (held, units) of the head on the frozen backbone, fitted to the same pictures.
        labels: int (held,).
    """
    if not np.isfinite(tuned).all():  # it diverged: the head on the frozen backbone is as good as ever
        return False
    one, other = (softmax(logits, fit_temperature(logits, labels)) for logits in (tuned, frozen))
    gain = picture_losses(other, labels) - picture_losses(one, labels)
    error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
    lost = (other.argmax(axis=1) == labels).sum() - (one.argmax(axis=1) == labels).sum()
    noticeable = SMALLEST_GAIN * picture_losses(other, labels).mean()
    return bool(gain.mean() > max(error, noticeable) and lost <= 0)


def _trainable(head: Head, target_size: tuple[int, int]) -> tuple[keras.Model, keras.Model]:
    """The whole backbone, and the part behind its cut with the head, sharing layers; logits out."""
    import keras

    base = train_only_after(load_weights(lite0(target_size)), DEFAULT_CUT)
    behind = tail(base, DEFAULT_CUT)
    dense = keras.layers.Dense(head.kernel.shape[1], name="logits")
    model = keras.Model(behind.input, dense(behind.output))
    dense.set_weights([head.kernel, head.bias])
    return base, model


def _compile(model: keras.Model, recipe: Recipe, units: int, batches: int) -> None:
    import keras

    loss = (
        keras.losses.BinaryCrossentropy(from_logits=True)
        if units == 1
        else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    steps = recipe.fine_tune_epochs * batches
    warm_up = round(WARM_UP * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warm_up, warmup_target=recipe.fine_tune_rate, warmup_steps=warm_up
    )
    model.compile(
        keras.optimizers.Adam(rate), loss, jit_compile=False if keras.backend.backend() == "tensorflow" else "auto"
    )


def _shuffled(count: int, recipe: Recipe, epoch: int) -> Iterator[np.ndarray]:
    order = np.random.default_rng((recipe.seed, epoch)).permutation(count)
    for start in range(0, count, recipe.batch_size):
        yield np.sort(order[start : start + recipe.batch_size])


def _forward(model: keras.Model, activations: np.ndarray) -> np.ndarray:
    """Logits float32 (n, units); every batch of one size, so that nothing is compiled twice."""
    parts = []
    for start in range(0, len(activations), FORWARD_BATCH):
        batch = activations[start : start + FORWARD_BATCH].astype(np.float32)
        filled = np.zeros((FORWARD_BATCH, *batch.shape[1:]), np.float32)
        filled[: len(batch)] = batch
        parts.append(np.asarray(model.predict_on_batch(filled))[: len(batch)])
    return np.concatenate(parts)


def _epoch(number: int, logits: np.ndarray, labels: np.ndarray, held: np.ndarray, held_labels: np.ndarray) -> Epoch:
    loss, accuracy = loss_and_accuracy(logits, labels)
    val_loss, val_accuracy = loss_and_accuracy(held, held_labels)
    return Epoch("fine-tune", number, loss, accuracy, val_loss, val_accuracy, n=len(labels), val_n=len(held_labels))


def _best_place(epochs: list[Epoch]) -> int:
    """The number of the epoch with the lowest held-out loss."""
    return min(epochs, key=lambda epoch: epoch.val_loss).epoch
