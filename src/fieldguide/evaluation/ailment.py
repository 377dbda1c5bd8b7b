"""What may ail a training: the kinds, and the record of one that was found."""

from __future__ import annotations

from dataclasses import dataclass

from fieldguide.evaluation.remedies import Remedy
from fieldguide.intervals import Estimate

LEAK = "leak suspected"
FEW_HELD = "validation set too small"
RATE_TOO_HIGH = "learning rate too high"
RATE_TOO_LOW = "learning rate too low"
UNFINISHED = "not trained to the end"
UNSTABLE = "unstable training"
LABELS = "labels suspect"
COLLAPSED = "class collapsed"
AUGMENTATION = "augmentation too strong"
OVERFITTING = "overfitting"
UNDERFITTING = "underfitting"
GOOD = "good fit"
UNCLEAR = "cannot tell"

# What explains the rest comes first. Without numbers there is nothing else to say. A split that leaks or shows next to
# nothing makes the other figures worthless; wrong labels make a network learn by heart; one that jumps about, or that
# has not learnt enough for whatever reason, forgets a class here and there.
KINDS = (
    RATE_TOO_HIGH,
    FEW_HELD,
    LEAK,
    RATE_TOO_LOW,
    LABELS,
    UNSTABLE,
    AUGMENTATION,
    UNFINISHED,
    COLLAPSED,
    OVERFITTING,
    UNDERFITTING,
    GOOD,
    UNCLEAR,
)
WELL = (GOOD, UNCLEAR)  # kinds that call nobody ill

CERTAIN = "certain"  # it was counted
SHOWN = "shown"  # a test or an interval says so, chance is excluded
LIKELY = "likely"  # the figures are what this ailment leaves, and hardly another
POSSIBLE = "possible"  # other causes leave such figures too


@dataclass(frozen=True)
class Figure:
    """A number that a verdict rests on, with its interval where it has one."""

    name: str  # in words, such as "accuracy on training pictures"
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None  # pictures

    @classmethod
    def of(cls, name: str, estimate: Estimate) -> Figure:
        """An estimate's figure.

        Args:
            name: in words.
            estimate: with its interval.
        """
        return cls(name, estimate.value, estimate.low, estimate.high, estimate.n)

    def to_dict(self) -> dict[str, object]:
        """The fields by name."""
        return {"name": self.name, "value": self.value, "low": self.low, "high": self.high, "n": self.n}


@dataclass(frozen=True)
class Ailment:
    """One finding about a training: what it is, what says so, how sure that is, and what to try next.

    Example:
        >>> found = Ailment(GOOD, "It fits well.", ("98.0% and 97.5%.",), (), SHOWN)
        >>> found.ill
        False
    """

    kind: str  # one of KINDS
    sentence: str
    evidence: tuple[str, ...]  # sentences
    figures: tuple[Figure, ...]
    sure: str  # "certain", "shown", "likely" or "possible"
    remedy: Remedy | None = None
    since: int | None = None  # the epoch with which it began, where it began with one

    @property
    def ill(self) -> bool:
        """Whether anything is wrong."""
        return self.kind not in WELL

    def __str__(self) -> str:
        lines = [self.sentence, *(f"  - {line}" for line in self.evidence)]
        return "\n".join([*lines, f"  Next: {self.remedy}"] if self.remedy else lines)

    def to_dict(self) -> dict[str, object]:
        """The fields by name, ready for JSON."""
        return {
            "kind": self.kind,
            "sentence": self.sentence,
            "evidence": list(self.evidence),
            "figures": [figure.to_dict() for figure in self.figures],
            "sure": self.sure,
            "remedy": self.remedy.to_dict() if self.remedy else None,
            "since": self.since,
        }
