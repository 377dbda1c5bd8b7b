"""A head with hidden layers, trained on features that are computed once: an epoch is matrix products and no more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fieldguide import console
from fieldguide.model.head import Head, units_for
from fieldguide.training.choose import PICTURES, Fold, loss_and_accuracy
from fieldguide.training.judging import Judge
from fieldguide.training.lessons import Lessons
from fieldguide.training.losses import loss_of
from fieldguide.training.recipe import Recipe
from fieldguide.training.record import Epoch
from fieldguide.training.seen import Seen

if TYPE_CHECKING:
    import keras

MOST_VALUES_AT_ONCE = 50_000_000  # features that go through the head at once where nothing is learnt


@dataclass(frozen=True, eq=False)
class Dense:
    """What the training of a head with hidden layers came to."""

    head: Head  # of the epoch with the lowest held-out loss
    epochs: tuple[Epoch, ...]
    logits: np.ndarray  # float32 (held, units) of the fold's held-out pictures


def fit_dense(seen: Seen, fold: Fold, *, recipe: Recipe, power: float = 0.0, judge: Judge = PICTURES) -> Dense:
    """A head with the recipe's hidden layers, at the epoch with the lowest held-out loss.

    Adam's rate falls along a cosine; dropout is before the last layer. Order, views and dropout depend on the seed and
    the epoch alone. Weights begin as Keras's do: Glorot's uniform distribution.

    Args:
        seen: what the frozen trunk sees in the pictures.
        fold: pictures to fit to, and pictures that choose the epoch.
        recipe: for the widths, dropout, epochs, rate, patience, batch size and seed, and for the loss, sampling, mixing
            and label smoothing.
        power: of the class weights.
        judge: says which held-out loss is the lowest.

    Source:
        D. P. Kingma, J. Ba (2015), "Adam: A method for stochastic optimization", ICLR. N. Srivastava et al. (2014),
        "Dropout: A simple way to prevent neural networks from overfitting", JMLR 15.
    """
    import keras

    labels, count = seen.labels, len(fold.fitted)
    lessons = Lessons(labels[fold.fitted], seen.classes, recipe, power)
    inputs, units = seen.features[0].values.shape[1] - seen.first_column, units_for(seen.classes)
    model = _model(inputs, units, recipe)
    steps = max(1, recipe.head_epochs * len(lessons))
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(recipe.head_rate, steps)),
        loss_of(units, recipe.loss, recipe.gamma),
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )
    best: tuple[float, Head, np.ndarray] | None = None
    epochs: list[Epoch] = []
    judged: list[float] = []
    with console.progress("Training the head", recipe.head_epochs * len(lessons), percent=True) as bar:
        for number in range(1, recipe.head_epochs + 1):
            view_of = np.random.default_rng((recipe.seed, number, seen.views)).integers(seen.views, size=count)
            for place, rows in enumerate(lessons.batches(number)):
                values = [seen.values(fold.fitted[rows], view_of[rows])]
                (shown,), targets, weights = lessons.shown(number, place, rows, values)
                model.train_on_batch(shown, targets, sample_weight=weights)
                bar.advance()
            head = head_of(model)
            logits, fitted = _logits(head, seen, fold.held), _logits(head, seen, fold.fitted)
            loss, accuracy = loss_and_accuracy(fitted, labels[fold.fitted])
            val_loss, val_accuracy = loss_and_accuracy(logits, labels[fold.held])
            epochs.append(Epoch("head", number, loss, accuracy, val_loss, val_accuracy, n=count, val_n=len(fold.held)))
            judged.append(judge.loss(logits, labels[fold.held]))
            if best is None or judged[-1] < best[0]:
                best = (judged[-1], head, logits)
            elif not math.isfinite(judged[-1]) or number - best_epoch(judged) >= recipe.patience:
                break
    assert best is not None
    place = best_epoch(judged) - 1
    epochs[place] = replace(epochs[place], chosen=True)
    return Dense(best[1], tuple(epochs), best[2])


def dense_layers(widths: Sequence[int], units: int, dropout: float, seed: int) -> list[keras.layers.Layer]:
    """The layers of a head in Keras: hidden ones, dropout, and one that gives logits."""
    from keras import layers

    made = [layers.Dense(width, activation="relu", name=f"hidden{place}") for place, width in enumerate(widths, 1)]
    dropped = [layers.Dropout(dropout, seed=seed, name="head_dropout")] if dropout else []
    return [*made, *dropped, layers.Dense(units, name="logits")]


def head_of(model: keras.Model) -> Head:
    """The head that a model ends with, copied."""
    found = [
        tuple(np.array(value, np.float32) for value in layer.get_weights())
        for layer in model.layers
        if layer.name == "logits" or layer.name.startswith("hidden")
    ]
    kernel, bias = found[-1]
    return Head(kernel, bias, tuple((one, other) for one, other in found[:-1]))


def _model(inputs: int, units: int, recipe: Recipe) -> keras.Model:
    import keras

    value = given = keras.Input((inputs,), name="features")
    rng = np.random.default_rng((recipe.seed, 0))
    for layer in dense_layers(recipe.dense, units, recipe.dropout, recipe.seed):
        value = layer(value)
        if layer.weights:  # drawn here, so that they are the same on every backend
            kernel, bias = layer.get_weights()
            edge = math.sqrt(6 / sum(kernel.shape))
            layer.set_weights([rng.uniform(-edge, edge, kernel.shape).astype(np.float32), bias])
    return keras.Model(given, value)


def _logits(head: Head, seen: Seen, pictures: np.ndarray) -> np.ndarray:
    """Logits of pictures as they are, in blocks that fit in memory."""
    block = max(1, MOST_VALUES_AT_ONCE // max(1, head.inputs))
    views = np.zeros(len(pictures), np.int64)
    parts = [
        head.logits(seen.values(pictures[start : start + block], views[start : start + block]))
        for start in range(0, len(pictures), block)
    ]
    return np.concatenate(parts)


def best_epoch(losses: Sequence[float]) -> int:
    """The number of the epoch with the lowest of these losses."""
    return 1 + int(np.argmin([loss if math.isfinite(loss) else math.inf for loss in losses]))
