"""Whether the pictures that measure are of another kind than those that were learnt from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldguide.evaluation.evidence import percent
from fieldguide.evaluation.metrics import Score
from fieldguide.intervals import Estimate, difference, wilson
from fieldguide.training.fit import Run
from fieldguide.training.recipe import Recipe
from fieldguide.words import counted

CLEAR = 0.10  # share that must be lost besides what chance may lose


@dataclass(frozen=True)
class Shift:
    """How much better pictures held out of those that were learnt from are told than pictures that came apart."""

    held_out: Estimate  # in the classes' shares of the measured pictures
    measured: Estimate
    part: str  # what the measured pictures are called
    how: str  # they were held out

    @property
    def verdict(self) -> str:
        """In a sentence."""
        return (
            f"The {self.part} pictures are unlike those it learnt from: {percent(self.held_out)} right of pictures "
            f"held out of those, {percent(self.measured)} of {counted(self.measured.n, f'{self.part} picture')}; "
            "expect the latter on pictures like these."
        )

    @property
    def evidence(self) -> str:
        """With the interval, and what else it may come of."""
        lost = difference(self.held_out, self.measured)
        return (
            f"Of the pictures it learnt from some were held out ({self.how}): with the classes in the shares that they "
            f"have among the {self.part} pictures, {self.held_out.percent} of them were right, {100 * lost.value:.1f} "
            f"points more (95% CI {100 * lost.low:.1f} to {100 * lost.high:.1f}) than of the {self.part} pictures "
            "themselves. So these are of another kind; or the others come in series (frames of a film, many photos of "
            "one thing), in which one tells what the next is."
        )

    @property
    def advice(self) -> tuple[str, ...]:
        """What helps against it."""
        return (
            "Put pictures like those it will be used on into train, if only a few dozen of each class.",
            "See what differs between the parts: background, light, camera, size. The maps beside the mistakes help.",
        )


def shift_of(run: Run, score: Score, measured: Estimate) -> Shift | None:
    """What there is to say of measured pictures that came apart from those that were learnt from.

    The classes may be shared out otherwise there, which alone changes an accuracy: held-out pictures are counted so
    that each class has the share that it has among the measured ones. Pictures that were divided at random are of one
    kind; a validation part may be of any; and of a training from random weights the curves tell it.

    Args:
        run: from `train`.
        score: of its classifier.
        measured: its accuracy on pictures that stand in no other part.

    Returns:
        None where no more than 10 points are surely lost.
    """
    if run.parts.shares is not None or len(run.parts.validation) or score.folds or run.held is None:
        return None
    if not isinstance(run.recipe, Recipe):
        return None
    right = run.held.probabilities.argmax(axis=1) == run.held.labels
    held_out = _in_shares(run.held.labels, right, np.bincount(score.labels, minlength=len(score.class_names)))
    if held_out is None or difference(held_out, measured).low < CLEAR:
        return None
    return Shift(held_out, measured, run.parts.measured, run.choices.how)


def _in_shares(labels: np.ndarray, right: np.ndarray, wanted: np.ndarray) -> Estimate | None:
    """The share that is right if the classes had other shares; None where a class that has one was not held out.

    Its interval is Wilson's for as many pictures as tell it as well as these do (L. Kish, 1965, "Survey sampling").
    """
    counts = np.bincount(labels, minlength=len(wanted))
    shares = wanted / wanted.sum()
    if ((shares > 0) & (counts == 0)).any():
        return None
    weight = np.divide(shares, counts, out=np.zeros(len(shares)), where=counts > 0)[labels]
    effective = weight.sum() ** 2 / np.square(weight).sum()
    return wilson(float((weight * right).sum() / weight.sum()) * effective, float(effective))
