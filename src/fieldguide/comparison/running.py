"""The runs of a comparison, one after the other; each is kept as it ends, and taken up where it was interrupted."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from fieldguide import console
from fieldguide.calibration import softmax
from fieldguide.comparison.pictures import Pictures
from fieldguide.comparison.plan import Planned
from fieldguide.comparison.record import RUNS, Result
from fieldguide.errors import TrainingError
from fieldguide.training import checkpoint as checkpoints
from fieldguide.training import features as frozen
from fieldguide.training.fit import train
from fieldguide.training.recipe import Recipe
from fieldguide.training.scratch import Training
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.stores import whole
from fieldguide.training.watching import Watched, watch
from fieldguide.words import counted

WATCHED = 200  # pictures of each kind that are looked at after each epoch: nothing is chosen by it


def run_all(pictures: Pictures, planned: Sequence[Planned], folder: Path) -> list[Result]:
    """The result of every run, in order; those that are there already are not made again.

    Args:
        pictures: of all runs.
        planned: the runs.
        folder: of the comparison.

    Raises:
        InputError: a run that is there was made otherwise.
        FileError: something cannot be read or written.
        TrainingError: a run's loss is no number any more; the other runs are kept.
    """
    places = [folder / RUNS / each.name for each in planned]
    settings = [{**each.settings(), **pictures.digests(each.rows)} for each in planned]
    results = [Result.read(place, each) for place, each in zip(places, settings, strict=True)]
    missing = [number for number, result in enumerate(results) if result is None]
    for place, result in zip(places, results, strict=True):
        if result is not None:  # where it was interrupted just before they went
            shutil.rmtree(place / checkpoints.FOLDER, ignore_errors=True)
    first = planned[0].recipe
    if missing and isinstance(first, Recipe):
        frozen.compute(pictures.store, backbone=first.backbone)  # once, and kept for all runs
    if len(missing) < len(planned):
        console.say(f"{counted(len(planned) - len(missing), 'run')} of {len(planned)} kept from before")
    for order, number in enumerate(missing):
        each = planned[number]
        left = _time_left(planned, results, missing[order:])
        console.say(f"Run {number + 1} of {len(planned)}: {each.point}, seed {each.recipe.seed}{left}")
        try:
            result = _run(pictures, each, places[number])
        except TrainingError as error:
            raise TrainingError(f"run {each.name}: {error}") from error
        result.write(places[number], settings[number])
        results[number] = result
        shutil.rmtree(places[number] / checkpoints.FOLDER, ignore_errors=True)
    return [result for result in results if result is not None]


def _time_left(planned: Sequence[Planned], results: Sequence[Result | None], missing: Sequence[int]) -> str:
    """What the runs so far say of those to come: of the same point if there is one, else by their work."""
    done = [(each, result.seconds) for each, result in zip(planned, results, strict=True) if result is not None]
    if not done:
        return ""
    pace = sum(seconds for _, seconds in done) / sum(each.work for each, _ in done)
    spent: dict[str, list[float]] = {}
    for each, seconds in done:
        spent.setdefault(each.point, []).append(seconds)
    to_come = [spent.get(planned[number].point, [pace * planned[number].work]) for number in missing]
    return f"; about {console.clock(sum(sum(seconds) / len(seconds) for seconds in to_come))} left"


def _run(pictures: Pictures, planned: Planned, place: Path) -> Result:
    """One run, from where it was interrupted if it was."""
    recipe = planned.recipe
    if isinstance(recipe, ScratchRecipe):
        return _network(pictures, planned, recipe, place)
    return _head(pictures, planned, recipe)


def _head(pictures: Pictures, planned: Planned, recipe: Recipe) -> Result:
    """A head on a frozen backbone."""
    started = time.perf_counter()
    parts = pictures.chosen(planned.rows, planned.copies)
    run = train(parts, recipe=recipe)
    measured = frozen.compute(pictures.store.select(parts.test), backbone=recipe.backbone).values
    return _result(
        planned,
        (run.train_accuracy.value, len(parts.train)),
        run.classifier.head.probabilities(measured).argmax(axis=1) == parts.test.labels,
        epochs=0,
        ended=f"L2 penalty {run.choices.penalty:g}, chosen {run.choices.how}",
        seconds=time.perf_counter() - started,
    )


def _network(pictures: Pictures, planned: Planned, recipe: ScratchRecipe, place: Path) -> Result:
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
    training.run()
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
