"""One thing that is compared: all runs of one size of network, one number of pictures or one recipe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fieldguide.comparison import spread
from fieldguide.comparison.record import Result
from fieldguide.intervals import Estimate


@dataclass(frozen=True, eq=False)
class Point:
    """The runs of one point, measured on the same pictures with one seed each."""

    name: str
    x: float  # parameters or training pictures; 0 for a recipe
    results: tuple[Result, ...]

    @cached_property
    def right(self) -> np.ndarray:
        """Which of the measuring pictures each run had right: bool (runs, pictures)."""
        return np.stack([result.right for result in self.results])

    @property
    def training(self) -> tuple[list[float], int, np.ndarray]:
        """The runs' training accuracies, the number of pictures these are of, and `right`."""
        return [result.train_accuracy for result in self.results], self.results[0].train_n, self.right

    @cached_property
    def accuracy(self) -> Estimate:
        """On the measuring pictures, with an interval over other pictures and, from three runs on, other seeds."""
        return spread.accuracy(self.right)

    def accuracy_among(self, points: int) -> Estimate:
        """The same, its interval widened so that those of this many points hold at once."""
        return spread.accuracy(self.right, pairs=points)

    @cached_property
    def train_accuracy(self) -> Estimate:
        """On the training pictures, unvaried and without dropout, likewise."""
        return spread.training_accuracy(*self.training[:2])

    @cached_property
    def gap(self) -> Estimate:
        """Training accuracy less held-out accuracy, likewise."""
        return spread.gap(*self.training)

    def gain_over(self, other: Point, *, pairs: int = 1) -> Estimate:
        """By how much its accuracy is above another's, on the same pictures.

        Args:
            other: with as many runs.
            pairs: how many such differences are looked at together.
        """
        return spread.gain(self.right, other.right, pairs=pairs)

    def gap_over(self, other: Point, *, pairs: int = 1) -> Estimate:
        """By how much its gap is above another's; the arguments are those of `gain_over`."""
        return spread.gap_change(self.training, other.training, pairs=pairs)

    def to_dict(self) -> dict[str, object]:
        """Its figures and those of each run, ready for JSON."""
        return {
            "name": self.name,
            "x": self.x,
            "train_accuracy": self.train_accuracy.to_dict(),
            "accuracy": self.accuracy.to_dict(),
            "gap": self.gap.to_dict(),
            "runs": [
                {
                    "seed": result.seed,
                    "train_accuracy": result.train_accuracy,
                    "train_n": result.train_n,
                    "accuracy": result.accuracy,
                    "n": result.n,
                    "epochs": result.epochs,
                    "ended": result.ended,
                    "seconds": round(result.seconds, 2),
                }
                for result in self.results
            ],
        }


def points_of(results: Iterable[Result]) -> tuple[Point, ...]:
    """The points of some runs, in the order in which they first come."""
    found: dict[str, list[Result]] = {}
    for result in results:
        found.setdefault(result.point, []).append(result)
    return tuple(Point(name, runs[0].x, tuple(runs)) for name, runs in found.items())
