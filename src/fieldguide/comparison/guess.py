"""What naming the commonest class each time would reach, and which points of a comparison are shown to be better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldguide.comparison.phrases import listed
from fieldguide.comparison.point import Point
from fieldguide.words import capital, counted


@dataclass(frozen=True)
class Guess:
    """The answer that needs no training: the class that is commonest among the pictures that measure.

    Example:
        >>> guess = Guess.of(np.array([0, 0, 0, 1]), np.array([0, 1, 1, 0]), ("cats", "dogs"))
        >>> guess.name, guess.share, guess.train_share
        ('cats', 0.75, 0.5)
    """

    name: str  # of the class
    share: float  # of the measuring pictures that it is right for
    train_share: float  # of the training pictures that naming their commonest class is right for
    n: int  # pictures that measure

    @classmethod
    def of(cls, labels: np.ndarray, train_labels: np.ndarray, class_names: Sequence[str]) -> Guess:
        """The guess for these pictures.

        Args:
            labels: int (n,), of the pictures that measure.
            train_labels: int (n,), of those that are learnt from.
            class_names: by label.
        """
        counts = np.bincount(labels, minlength=len(class_names))
        learnt = np.bincount(train_labels).max() / len(train_labels)
        return cls(class_names[int(counts.argmax())], float(counts.max() / len(labels)), float(learnt), len(labels))

    @property
    def words(self) -> str:
        """What it is and how often it is right: "naming the commonest class each time (50.0%)".

        Example:
            >>> Guess("cats", 0.5, 0.5, 24).words
            'naming the commonest class each time (50.0%)'
        """
        return f"naming the commonest class each time ({100 * self.share:.1f}%)"

    def beaten_by(self, points: Sequence[Point]) -> list[Point]:
        """The points that are shown to be better, all of them being looked at together."""
        return [point for point in points if point.accuracy_among(len(points)).low > self.share]

    def on(self, points: Sequence[Point]) -> str:
        """Which of some points are shown to be better, in a sentence; for where at least one is."""
        better = self.beaten_by(points)
        others = [point.name for point in points if point not in better]
        if not others:
            return f"{'All are' if len(points) > 1 else f'{_trained(points[0])} is'} better than {self.words}."
        return f"Not shown to be better than {self.words}: {listed(others)}."

    def on_none(self, points: Sequence[Point]) -> tuple[str, list[str]]:
        """In a line and in sentences, that no point is shown to be better, and what may be the cause.

        Args:
            points: all of them; of numbers of pictures the largest alone.
        """
        low, high = (f"{100 * end(point.accuracy.value for point in points):.1f}%" for end in (min, max))
        who = f"{_trained(points[0])} is not" if len(points) == 1 else "None is"
        held = f"is {low}" if low == high else f"lies between {low} and {high}"
        headline = f"{who} shown to be better than naming the commonest class"
        first = f"{who} shown to be better than {self.words}: held-out accuracy {held}."
        run = max((result for point in points for result in point.results), key=lambda result: result.train_n)
        measured = f"{counted(self.n, 'picture')} to measure on"
        few = [measured, f"{run.train_n:,} to learn from"] + ([counted(run.epochs, "epoch")] if run.epochs else [])
        told = f"{listed(few)} are too few to choose by"
        top = max(points, key=lambda point: point.train_accuracy.value).train_accuracy
        if top.low > self.train_share:
            learnt = f"Of the training pictures up to {100 * top.value:.1f}% are right"
            return headline, [first, f"{learnt}: {told}, or the labels do not fit the pictures."]
        unlearnt = "not even the training pictures are shown to be learnt"
        return headline, [first, f"{capital(told)}, or the learning rate does not suit: {unlearnt}."]


def _trained(point: Point) -> str:
    """What is compared with the guess where it is one point, which numbers of pictures alone are."""
    return f"A classifier trained on {point.name}"
