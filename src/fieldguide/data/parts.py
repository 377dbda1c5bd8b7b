"""What all divided sets have in common, of one label for a picture or several."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from fieldguide.errors import InputError


@dataclass(frozen=True)
class Leak:
    """One picture that stands in two parts of a set that came divided."""

    name: str
    part: str  # the earlier of the two: "train" or "validation"
    other: str
    other_part: str  # the later of the two


def require_train(given: np.ndarray, source: Path) -> None:
    """Sees to it that some picture is of the training part.

    Args:
        given: int8 (n,), the part of each picture.
        source: what says so, a table.

    Raises:
        InputError: none is.
    """
    if len(given) and 0 not in given:
        raise InputError(
            f"{source} says train for no picture: say it for some, or rename the column if it says no parts."
        )


class Divided:
    """How a divided set is told: the parts with pictures in them, the leaks, and both ready for JSON."""

    train: Sized
    validation: Sized
    test: Sized
    seed: int
    how: str
    measured: str
    leaks: tuple[Leak, ...]
    shares: tuple[float, float] | None  # that were to choose and to measure; None where it came divided

    def __str__(self) -> str:
        named = [("train", self.train), ("validation", self.validation), (self.measured, self.test)]
        return ", ".join(f"{len(part):,} {name}" for name, part in named if len(part))

    @property
    def leaked_measured(self) -> tuple[str, ...]:
        """The pictures of the measuring part that stand in a part that was learnt from or that chose."""
        return tuple(leak.other for leak in self.leaks if leak.other_part == self.measured)

    def to_dict(self) -> dict[str, object]:
        """Sizes, seed, how it was divided and the leaks."""
        return {
            "train": len(self.train),
            "validation": len(self.validation),
            "test": len(self.test),
            "measured": self.measured,
            "seed": self.seed,
            "how": self.how,
            "leaks": [asdict(leak) for leak in self.leaks],
        }
