"""Training the last blocks of the backbone too, from activations kept at the cut: the rest is never run again."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fieldguide import console
from fieldguide.model.cuts import train_only_after
from fieldguide.model.head import Head
from fieldguide.model.trunk_model import map_model, tail_model, weights_of
from fieldguide.training.choose import PICTURES, Fold, loss_and_accuracy
from fieldguide.training.dense import best_epoch, dense_layers, head_of
from fieldguide.training.judging import Judge
from fieldguide.training.layerwise import Pace, layerwise_adam, paces_of
from fieldguide.training.lessons import Lessons
from fieldguide.training.losses import loss_of
from fieldguide.training.recipe import Recipe
from fieldguide.training.record import Epoch
from fieldguide.training.seen import Seen

if TYPE_CHECKING:
    import keras

ROOM_TO_GAIN = 0.03  # held-out errors below this share are too few to show that fine-tuning helps
FEWEST_HELD_OUT = 40  # pictures, below which chance alone looks like a gain
FORWARD_BATCH = 128
WARM_UP = 0.15  # share of the steps in which the rate rises: at full rate from the start, Adam undoes the head


@dataclass(frozen=True, eq=False)
class Tuned:
    """What fine-tuning came to: the best epoch's weights, and what they do on the held-out pictures."""

    weights: dict[str, np.ndarray]  # of the whole backbone
    head: Head
    epochs: tuple[Epoch, ...]
    logits: np.ndarray  # float32 (held, units) of the fold's held-out rows
    trained: int  # parameters, the head's among them
    frozen: int  # parameters of the trunk that stayed as they were
    fitted: np.ndarray  # int64, rows of the pictures that were learnt from
    features_of: Callable[[np.ndarray], np.ndarray]  # from rows to what the head now reads, float32 (n, features)


def fine_tune(seen: Seen, fold: Fold, head: Head, *, recipe: Recipe, power: float, judge: Judge = PICTURES) -> Tuned:
    """Trunk and head after training what follows the layer `recipe.start`, at the epoch with the lowest held-out loss.

    Batch norms stay in inference mode. Adam's rate rises linearly, then falls along a cosine; of lower stages it is
    lower, and with `recipe.gradual` they join in later. The order of the
    pictures, and which view of each is learnt from, depend on the seed and the epoch alone.

    Args:
        seen: what the frozen part sees in the pictures, with the activations where training starts.
        fold: rows to fit to, and rows that choose the epoch.
        head: fitted on the frozen features of the fold's rows; training starts from it.
        recipe: for target size, epochs, rate, patience, batch size and seed, and for the loss, sampling, mixing and
            label smoothing.
        power: of the class weights.
        judge: says which held-out loss is the lowest.

    Source:
        I. Loshchilov, F. Hutter (2017), "SGDR: Stochastic gradient descent with warm restarts", ICLR (cosine).
    """
    base, behind, model, known = _trainable(head, seen, recipe)
    labels = seen.labels
    targets, held_targets = labels[fold.fitted], labels[fold.held]
    lessons = Lessons(targets, seen.classes, recipe, power)
    _compile(model, recipe, head.kernel.shape[1], len(lessons), _stages(base, seen, recipe.start))
    best: tuple[float, list[np.ndarray], np.ndarray] | None = None
    epochs: list[Epoch] = []
    judged: list[float] = []
    with console.progress("Fine-tuning", recipe.fine_tune_epochs * len(lessons), percent=True) as bar:
        for number in range(1, recipe.fine_tune_epochs + 1):
            view_of = np.random.default_rng((recipe.seed, number, seen.views)).integers(seen.views, size=len(targets))
            for place, rows in enumerate(lessons.batches(number)):
                inputs = _inputs(seen, fold.fitted[rows], view_of[rows], known)
                shown, wanted, weights = lessons.shown(number, place, rows, inputs)
                model.train_on_batch(shown, wanted, sample_weight=weights)
                bar.advance()
            logits = _forward(model, seen, fold.held, known)
            fitted = _forward(model, seen, fold.fitted, known)
            epochs.append(_epoch(number, fitted, targets, logits, held_targets))
            judged.append(judge.loss(logits, held_targets))
            if best is None or judged[-1] < best[0]:
                best = (judged[-1], model.get_weights(), logits)
            elif number - best_epoch(judged) >= recipe.patience:
                break
    assert best is not None
    model.set_weights(best[1])
    trained = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    values = weights_of(base, seen.trunk)
    frozen = sum(value.size for value in values.values()) + head.size - trained
    place = best_epoch(judged)
    epochs[place - 1] = replace(epochs[place - 1], chosen=True)
    return Tuned(
        weights=values,
        head=head_of(model),
        epochs=tuple(epochs),
        logits=best[2],
        trained=trained,
        frozen=frozen,
        fitted=fold.fitted,
        features_of=lambda pictures: _forward(behind, seen, pictures, known),
    )


def _trainable(head: Head, seen: Seen, recipe: Recipe) -> tuple[keras.Model, keras.Model, keras.Model, int]:
    """The whole trunk, the part of it behind where training starts, and that with the head, sharing layers.

    And how many features are known already; see `tail_model`.
    """
    import keras

    base = train_only_after(map_model(seen.trunk, recipe.target_size, seen.weights), recipe.start)
    behind, known = tail_model(base, seen.trunk, recipe.start)
    value = behind.output
    widths = [len(bias) for _, bias in head.hidden]
    layers = dense_layers(widths, head.kernel.shape[1], recipe.dropout, recipe.seed)
    for layer in layers:
        value = layer(value)
    model = keras.Model(behind.inputs, value)
    for layer, values in zip([each for each in layers if each.weights], head.layers, strict=True):
        layer.set_weights(list(values))
    looking = keras.Model(behind.inputs, behind.output)  # takes a list, as the model with the head does
    if keras.backend.backend() == "tensorflow":
        looking.jit_compile = False
    return base, looking, model, known


def _stages(base: keras.Model, seen: Seen, start: str) -> list[list[str]]:
    """The names of the layers of each stage that is trained."""
    ends, stages = seen.trunk.spec.cuts, list[list[str]]([[]])
    names = [layer.name for layer in base.layers]
    for name in names[names.index(start) + 1 :]:
        stages[-1].append(name)
        if name in ends:
            stages.append([])
    return [stage for stage in stages if stage]


def _compile(model: keras.Model, recipe: Recipe, units: int, batches: int, stages: list[list[str]]) -> None:
    import keras

    steps = recipe.fine_tune_epochs * batches
    warm_up = round(WARM_UP * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warm_up, warmup_target=recipe.fine_tune_rate, warmup_steps=warm_up
    )
    paces = paces_of(model, stages, steps, gradual=recipe.gradual)
    optimiser = layerwise_adam(rate, paces) if {*paces} != {Pace(1.0, 0)} else keras.optimizers.Adam(rate)
    loss = loss_of(units, recipe.loss, recipe.gamma)
    model.compile(optimiser, loss, jit_compile=False if keras.backend.backend() == "tensorflow" else "auto")


def _inputs(seen: Seen, pictures: np.ndarray, views: np.ndarray, known: int) -> list[np.ndarray]:
    """The activations where training starts, of one view of each picture, and the features known already."""
    maps = seen.maps(pictures, views).astype(np.float32)
    return [maps, seen.values(pictures, views)[:, :known]] if known else [maps]


def _forward(model: keras.Model, seen: Seen, pictures: np.ndarray, known: int) -> np.ndarray:
    """What a model makes of pictures as they are, float32 (n, ...); batches of one size, so that one is compiled."""
    parts = []
    for start in range(0, len(pictures), FORWARD_BATCH):
        batch = pictures[start : start + FORWARD_BATCH]
        filled = np.resize(batch, FORWARD_BATCH)
        found = model.predict_on_batch(_inputs(seen, filled, np.zeros(FORWARD_BATCH, np.int64), known))
        parts.append(np.asarray(found)[: len(batch)])
    return np.concatenate(parts)


def _epoch(number: int, logits: np.ndarray, labels: np.ndarray, held: np.ndarray, held_labels: np.ndarray) -> Epoch:
    loss, accuracy = loss_and_accuracy(logits, labels)
    val_loss, val_accuracy = loss_and_accuracy(held, held_labels)
    return Epoch("fine-tune", number, loss, accuracy, val_loss, val_accuracy, n=len(labels), val_n=len(held_labels))
