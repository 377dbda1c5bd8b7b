"""One run of a comparison, from where it was interrupted if it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from fieldguide.calibration import softmax
from fieldguide.comparison.pictures import Pictures
from fieldguide.comparison.plan import Planned
from fieldguide.comparison.record import Result
from fieldguide.model.trunk import BUNDLED
from fieldguide.training import checkpoint as checkpoints
from fieldguide.training import features as frozen
from fieldguide.training.fit import train
from fieldguide.training.recipe import Recipe
from fieldguide.training.scratch import Training
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.stores import whole
from fieldguide.training.watching import Watched, watch

WATCHED = 200  # pictures of each kind that are looked at after each epoch: nothing is chosen by it
Told = Callable[[int], None]


def make(pictures: Pictures, planned: Planned, place: Path, told: Told | None = None) -> Result:
    """What one run comes to, from where it was interrupted if it was.

    Args:
        pictures: of all runs.
        planned: the run.
        place: its folder.
        told: called with the number of epochs that are trained, at first and after each.

    Raises:
        InputError: what was kept of it is of other pictures or settings.
        FileError: something cannot be read or written.
        TrainingError: its loss is no number any more.
    """
    recipe = planned.recipe
    if isinstance(recipe, ScratchRecipe):
        return _network(pictures, planned, recipe, place, told)
    return _head(pictures, planned, recipe)


def _head(pictures: Pictures, planned: Planned, recipe: Recipe) -> Result:
    """A head on a frozen backbone."""
    started = time.perf_counter()
    parts = pictures.chosen(planned.rows, planned.copies)
    run = train(parts, recipe=recipe)
    measured = frozen.compute(pictures.store.select(parts.test), trunk=run.classifier.trunk or BUNDLED).values
    return _result(
        planned,
        (run.train_accuracy.value, len(parts.train)),
        run.classifier.head.probabilities(measured).argmax(axis=1) == parts.test.labels,
        epochs=0,
        ended=f"L2 penalty {run.choices.penalty:g}, chosen {run.choices.how}",
        seconds=time.perf_counter() - started,
    )


def _network(pictures: Pictures, planned: Planned, recipe: ScratchRecipe, place: Path, told: Told | None) -> Result:
    """A network from random weights, with a checkpoint after each epoch."""
    started = time.perf_counter()
    parts = pictures.chosen(planned.rows, planned.copies)
    every = whole(parts)
    store = pictures.store.select(every)
    kept = cache(lambda size: pictures.kept(size).select(every))
    training = Training(store, _fewer(watch(parts, recipe)), recipe, place, kept=kept)
    if (place / checkpoints.FOLDER / checkpoints.LAST).exists():
        training.take_up(checkpoints.read(place))
    before = training.seconds
    training.run(told)
    found = training.result()
    logits = training.learner.logits(store, np.arange(len(parts.train), len(store)))
    return _result(
        planned,
        (found.train_accuracy.value, len(planned.rows)),
        softmax(logits).argmax(axis=1) == parts.test.labels,
        epochs=len(found.epochs),
        ended=found.ended,
        seconds=before + time.perf_counter() - started,
    )


def _result(
    planned: Planned, training: tuple[float, int], right: np.ndarray, *, epochs: int, ended: str, seconds: float
) -> Result:
    return Result(
        point=planned.point,
        number=planned.number,
        x=planned.x,
        seed=planned.recipe.seed,
        train_accuracy=training[0],
        train_n=training[1],
        n=len(right),
        wrong=tuple(np.flatnonzero(~right).tolist()),
        epochs=epochs,
        ended=ended,
        seconds=seconds,
    )


def _fewer(watched: Watched) -> Watched:
    """Looks at fewer pictures after each epoch, since nothing is chosen by it: the final figures are of all of them."""
    sample, held = (rows[:: -(-len(rows) // WATCHED)] for rows in (watched.sample, watched.held))
    return replace(watched, sample=sample, held=held)
