"""Whether the pictures that measure are of another kind than those that were learnt from."""

from __future__ import annotations

from dataclasses import dataclass

from fieldguide.evaluation.evidence import percent
from fieldguide.evaluation.metrics import Score
from fieldguide.intervals import Estimate, difference
from fieldguide.training.fit import Run
from fieldguide.training.recipe import Recipe
from fieldguide.words import counted

CLEAR = 0.10  # share that must be lost besides what chance may lose


@dataclass(frozen=True)
class Shift:
    """How much better held-out pictures of those that were learnt from are told than pictures that came apart."""

    held_out: Estimate
    measured: Estimate
    part: str  # what the measured pictures are called

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
            f"Of the pictures that it learnt from, parts were held out in turns: {self.held_out.percent} of them were "
            f"right, {100 * lost.value:.1f} points more (95% CI {100 * lost.low:.1f} to {100 * lost.high:.1f}) than of "
            f"the {self.part} pictures. So it generalises to pictures like its own, and these are of another kind; or "
            "its own come in series (frames of a film, many photos of one thing), of which each tells what the next is."
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

    Pictures that were divided at random are of one kind. And of a training from random weights the curves tell it.

    Args:
        run: from `train`.
        score: of its classifier.
        measured: its accuracy on pictures that stand in no other part.

    Returns:
        None where no more than 10 points are surely lost.
    """
    if run.parts.shares is not None or score.folds or not isinstance(run.recipe, Recipe):
        return None
    if difference(run.choices.held_out, measured).low < CLEAR:
        return None
    return Shift(run.choices.held_out, measured, run.parts.measured)
