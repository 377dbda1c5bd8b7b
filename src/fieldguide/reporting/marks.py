"""What is marked in the curves of a training, and where the labels go, so that none lies on another."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from fieldguide.evaluation.ailment import OVERFITTING
from fieldguide.evaluation.case import SCRATCH, Case
from fieldguide.evaluation.diagnose import Diagnosis
from fieldguide.evaluation.signs import Signs
from fieldguide.reporting import svg
from fieldguide.training.fit import Run
from fieldguide.training.record import Epoch, Schedule
from fieldguide.training.scratch_recipe import ScratchRecipe

DROP = 0.7  # a rate that falls below this share of the one before, at once, is a change to be marked
# An average letter of a label, its sign, and between two labels: in the type of a narrow screen (style.css), which is
# the largest beside the panel. There no label may lie on another; on a wide one they have room to spare.
LETTER, GLYPH, APART = 11.2, 16.0, 10.0
ROW_HEIGHT = 22


@dataclass(frozen=True)
class Marks:
    """Places among the epochs, from 0.

    Args:
        best: the lowest loss on held-out pictures.
        since: the first epoch in which it learnt by heart.
        grown: the first epochs with pictures of another size, and both sizes in words.
        added: the first epochs of those that were added to a training that had ended.
    """

    best: int | None = None
    since: int | None = None
    grown: tuple[tuple[int, str], ...] = ()
    added: tuple[int, ...] = ()

    @classmethod
    def of(cls, run: Run, diagnosis: Diagnosis | None = None) -> Marks:
        """The marks of a run; none but of a training from random weights.

        Args:
            run: from `train`.
            diagnosis: of it, which says since when it overfits.
        """
        epochs = run.epochs
        if not isinstance(run.recipe, ScratchRecipe) or not epochs or any(one.phase != SCRATCH for one in epochs):
            return cls()
        found = diagnosis.ailments if diagnosis is not None else ()
        since = next((one.since for one in found if one.kind == OVERFITTING and one.since is not None), None)
        known = len(epochs) > 1 and all(math.isfinite(one.val_loss) for one in epochs)
        return cls(
            best=Signs(Case(epochs, tuple(run.parts.train.counts.values()))).best - 1 if known else None,
            since=since - 1 if since is not None else None,
            grown=_grown(run.recipe, run.schedules, len(epochs)),
            added=tuple(each.first for each in run.schedules if each.first),
        )


def rate_changes(epochs: Sequence[Epoch]) -> list[int]:
    """The places of epochs before which the learning rate fell at once.

    It had been steady: on a smooth schedule every epoch has a rate of its own.
    """
    return [place for place in range(2, len(epochs)) if _fell(epochs, place)]


def _fell(epochs: Sequence[Epoch], place: int) -> bool:
    first, before, now = (epoch.rate for epoch in epochs[place - 2 : place + 1])
    if not first or not before or now is None:
        return False
    return 0.95 <= before / first <= 1.05 and now / before < DROP


def _grown(recipe: ScratchRecipe, schedules: Sequence[Schedule], epochs: int) -> tuple[tuple[int, str], ...]:
    """Where the pictures began to be of another size; each schedule begins with small ones again."""
    sizes = []
    for one, following in itertools.zip_longest(schedules, schedules[1:]):
        places = range(one.first, epochs if following is None else following.first)
        sizes += [recipe.size_at((place - one.first) / one.epochs) for place in places]
    return tuple(
        (place, f"pictures {_side(one)} | {_side(other)} px")
        for place, (one, other) in enumerate(itertools.pairwise(sizes), 1)
        if one != other
    )


def _side(size: tuple[int, int]) -> str:
    height, width = size
    return str(height) if height == width else f"{height}x{width}"


@dataclass(frozen=True)
class Label:
    """The name of a mark: what it says and where its mark is; the sign before it is the mark in small."""

    x: float
    words: str
    sign: str = ""  # "kept", "best", "since" or none
    kind: str = "muted"

    @property
    def width(self) -> float:
        """Pixels that it takes, rather too many than too few."""
        return LETTER * len(self.words) + (GLYPH if self.sign else 0.0)


def rows_of(labels: Sequence[Label], left: float, right: float) -> list[tuple[Label, float, int]]:
    """Where labels go: each with its left end and its row, from 0 upwards.

    Args:
        labels: in the order in which they are given their place.
        left: the end that none may reach beyond, in pixels.
        right: likewise.

    Example:
        >>> near = [Label(50.0, "epoch 4, best"), Label(56.0, "epoch 5, kept"), Label(300.0, "64 | 96")]
        >>> [row for _, _, row in rows_of(near, 46, 360)]
        [0, 1, 0]
    """
    placed: list[tuple[Label, float, int]] = []
    for label in labels:
        start = max(left, min(label.x - label.width / 2, right - label.width))
        taken = {
            row for other, at, row in placed if start < at + other.width + APART and at < start + label.width + APART
        }
        placed.append((label, start, next(row for row in itertools.count() if row not in taken)))
    return placed


def drawn(label: Label, start: float, y: float) -> str:
    """A label with its sign.

    Args:
        label: that is drawn.
        start: its left end.
        y: its baseline.
    """
    middle = y - 4
    signs = {
        "kept": f'<circle class="accent" cx="{start + 5:.1f}" cy="{middle:.1f}" r="4"/>',
        "best": f'<circle class="ring" cx="{start + 5:.1f}" cy="{middle:.1f}" r="4"/>',
        "since": f'<rect class="since" x="{start:.1f}" y="{middle - 5:.1f}" width="10" height="10"/>',
    }
    return signs.get(label.sign, "") + svg.text(
        start + (GLYPH if label.sign else 0.0), y, label.words, "start", label.kind
    )
