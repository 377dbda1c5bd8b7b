"""What a classifier looked at in its mistakes, for the report: the pictures as it took them, and two maps of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fieldguide import console
from fieldguide.data.dataset import Dataset
from fieldguide.errors import InputError
from fieldguide.evaluation.explain import Mistake
from fieldguide.evaluation.focus import Outside, often_outside, outside
from fieldguide.evaluation.heatmaps import Heat, heat_maps_of_classes
from fieldguide.evaluation.metrics import Score
from fieldguide.model.classifier import Classifier
from fieldguide.reporting.pictures import read

RIGHT_ANSWERS = 24  # that mistakes are compared with


@dataclass(frozen=True, eq=False)
class Looked:
    """The maps of some mistakes, and where they lie, where there is something to be said of that."""

    pixels: Mapping[str, np.ndarray] = field(default_factory=dict)  # by name: uint8 (height, width, 3)
    maps: Mapping[str, tuple[Heat, Heat]] = field(default_factory=dict)  # of the class named and of the true one
    outside: Outside | None = None
    why_none: str = ""  # a sentence where there are no maps, and it is worth saying


def looked(classifier: Classifier, score: Score, worst: Sequence[Mistake], source: Dataset) -> Looked:
    """What a classifier looked at in its mistakes.

    Of a cross-validation there is nothing to look at: the models that were wrong are not kept, and the classifier that
    is has learnt from these very pictures.

    Args:
        classifier: that made them.
        score: of it.
        worst: the mistakes.
        source: the pictures that were scored, or more.
    """
    if not worst:
        return Looked()
    if score.folds:
        return Looked(
            why_none="What they looked at is not shown: the models of the folds, which made these mistakes, are not "
            "kept, and the classifier has learnt from these pictures since."
        )
    with console.progress("Looking at mistakes", len(worst)) as bar:
        try:
            pixels, maps = _maps(classifier, score, [mistake.row for mistake in worst], source, bar)
        except InputError as error:  # a network without maps, or a backend that gives no gradients
            return Looked(why_none=f"What it looked at is not shown: {error}")
    return Looked(pixels, maps, _outside(classifier, score, [named for named, _ in maps.values()], source))


def _maps(
    classifier: Classifier, score: Score, rows: Sequence[int], source: Dataset, bar: console.Progress
) -> tuple[dict[str, np.ndarray], dict[str, tuple[Heat, Heat]]]:
    """The pictures in these rows of a score that are still there, and the maps of the class named and the true one."""
    row_of = {source.name(row): row for row in range(len(source))}
    wanted = {row_of[score.names[row]]: row for row in rows if score.names[row] in row_of}
    found = read(source, wanted, target_size=classifier.target_size, resize=classifier.resize)
    if not found:
        return {}, {}
    scored = [wanted[row] for row in found]
    classes = np.stack([score.predicted[scored], score.labels[scored]], axis=1)
    heats = heat_maps_of_classes(classifier, np.stack(list(found.values())), classes=classes, watch=bar.advance)
    names = [score.names[row] for row in scored]
    maps = {name: (named, true) for name, (named, true) in zip(names, heats, strict=True)}
    return dict(zip(names, found.values(), strict=True)), maps


def _outside(classifier: Classifier, score: Score, heats: Sequence[Heat], source: Dataset) -> Outside | None:
    """How often the maps of mistakes lie outside, beside those of right answers: these are looked at only if it is."""
    often = often_outside(heats)
    right = np.flatnonzero(score.right)
    if often is None or not len(right):
        return None
    rows = np.sort(np.random.default_rng(0).permutation(right)[:RIGHT_ANSWERS])
    with console.progress("Looking at answers", len(rows)) as bar:
        _, maps = _maps(classifier, score, rows.tolist(), source, bar)
    return Outside(often, outside([named for named, _ in maps.values()])) if maps else None
