"""What a classifier's answers in words were worth: how often it gave which kind, and whether its promises were kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fieldguide.answers.naming import Coverage, coverage
from fieldguide.answers.reply import KINDS, UNLIKE, UNSURE, kinds_of
from fieldguide.intervals import Estimate, wilson
from fieldguide.model.classifier import Classifier

MOST_SHORT = 3  # classes that are named, of those whose promise was not kept


@dataclass(frozen=True)
class KindScore:
    """How often one kind of answer was given, and what it was worth."""

    kind: str  # "one", "several", "unsure" or "unlike"
    share: Estimate  # of all pictures
    right: Estimate  # of these: the true class was named; where none is, it was the most probable one

    def to_dict(self) -> dict[str, object]:
        """The fields by name."""
        return {"kind": self.kind, "share": self.share.to_dict(), "right": self.right.to_dict()}


@dataclass(frozen=True, eq=False)
class Replied:
    """The answers on pictures with labels.

    Example:
        >>> named = np.array([[True, False], [True, True], [False, True], [True, False]])
        >>> found = replied(named, None, np.array([0, 1, 1, 1]), np.array([0, 0, 1, 0]), ["cats", "dogs"], (0.95, None))
        >>> for one in found.kinds:
        ...     print(one.kind, one.right.percent)
        one 66.7% (95% CI 20.8-93.9%)
        several 100.0% (95% CI 20.7-100.0%)
    """

    named: np.ndarray | None = field(
        repr=False
    )  # bool (n, k): the classes that were named; None where nothing is promised of them
    unlike: np.ndarray | None = field(
        repr=False
    )  # bool (n,): called unlike all that was learnt from; None where that is not told
    coverage: Coverage | None  # how often the true class was named
    false_alarms: Estimate | None  # share of the pictures, which are of its classes, that were called unlike
    promised_alarms: float | None  # at most
    kinds: tuple[KindScore, ...]  # those that were given

    @property
    def alarms_kept(self) -> bool:
        """Whether the promise of few false alarms may well have been kept, as far as these pictures can show."""
        return (
            self.false_alarms is None or self.promised_alarms is None or self.false_alarms.low <= self.promised_alarms
        )

    def to_dict(self) -> dict[str, object]:
        """All figures, ready for JSON; not the answers to all pictures."""
        return {
            "coverage": self.coverage and self.coverage.to_dict(),
            "false_alarms": self.false_alarms and self.false_alarms.to_dict(),
            "promised_false_alarms": self.promised_alarms,
            "kinds": [one.to_dict() for one in self.kinds],
        }


def replied(
    named: np.ndarray | None,
    unlike: np.ndarray | None,
    labels: np.ndarray,
    predicted: np.ndarray,
    class_names: Sequence[str],
    promised: tuple[float | None, float | None],
) -> Replied:
    """What the answers were worth.

    Args:
        named: bool (n, k), from `Naming.sets`; None where no rule named them.
        unlike: bool (n,), from `Novelty.unlike`; likewise.
        labels: int (n,), the truth.
        predicted: int (n,), the most probable classes.
        class_names: k of them.
        promised: the share of pictures whose class is named, and the share that is called unlike at the most.
    """
    k = len(class_names)
    sets = np.arange(k) == predicted[:, None] if named is None else named
    kinds = kinds_of(sets, unlike)
    right = np.where(np.isin(kinds, (UNSURE, UNLIKE)), predicted == labels, sets[np.arange(len(labels)), labels])
    given = [(kind, kinds == kind) for kind in KINDS if (kinds == kind).any()]
    return Replied(
        named=named,
        unlike=unlike,
        coverage=None if named is None else coverage(named, labels, class_names, promised=promised[0] or 0.0),
        false_alarms=None if unlike is None else wilson(int(unlike.sum()), len(unlike)),
        promised_alarms=None if unlike is None else promised[1],
        kinds=tuple(
            KindScore(kind, wilson(int(of.sum()), len(of)), wilson(int(right[of].sum()), int(of.sum())))
            for kind, of in given
        ),
    )


def replied_by(
    classifier: Classifier, features: np.ndarray, probabilities: np.ndarray, labels: np.ndarray
) -> Replied | None:
    """What a classifier's answers to these pictures were worth; None where it does not say when it does not know.

    Args:
        classifier: that is measured.
        features: float32 (n, features), what its network sees in the pictures.
        probabilities: float32 (n, k), what it states of them.
        labels: int (n,), the truth.
    """
    if not classifier.replying:
        return None
    naming, novelty = classifier.naming, classifier.novelty
    return replied(
        None if naming is None else naming.sets(probabilities),
        classifier.unlike(features),
        labels,
        probabilities.argmax(axis=1),
        classifier.class_names,
        (None if naming is None else 1 - naming.error_rate, None if novelty is None else novelty.false_alarms),
    )


def pooled_replies(
    found: Sequence[Replied | None],
    rows: Sequence[np.ndarray],
    labels: np.ndarray,
    predicted: np.ndarray,
    class_names: Sequence[str],
) -> Replied | None:
    """The answers of all folds together, each by its fold's model; None where one of them gave none.

    A rule that not every fold's model has is passed over.

    Args:
        found: of each fold.
        rows: of each fold's pictures among all.
        labels: int (n,), the truth of all pictures.
        predicted: int (n,), the most probable classes.
        class_names: k of them.
    """
    every = [one for one in found if one is not None]
    if len(every) < len(found):
        return None
    named = _joined([one.named for one in every], rows, (len(labels), len(class_names)))
    unlike = _joined([one.unlike for one in every], rows, (len(labels),))
    if named is None and unlike is None:
        return None
    promised = every[0].coverage.promised if named is not None and every[0].coverage is not None else None
    return replied(named, unlike, labels, predicted, class_names, (promised, every[0].promised_alarms))


def on_the_promises(found: Replied) -> list[str]:
    """Whether the promises were kept, a line each.

    Example:
        >>> named = np.array([[True, False], [True, True]] * 10)
        >>> found = replied(named, None, np.zeros(20, int), np.zeros(20, int), ["cats", "dogs"], (0.95, None))
        >>> print(*on_the_promises(found), sep=chr(10))
        true class named 100.0% (95% CI 83.9-100.0%), promised 95%
          one class alone named 50.0% (95% CI 29.9-70.1%)
    """
    lines = []
    if (kept := found.coverage) is not None:
        promised = f"{100 * kept.promised:g}%"
        against = f"promised {promised}" if kept.kept else f"below the promised {promised}"
        lines.append(f"true class named {kept.share.percent}, {against}")
        lines.append(f"  one class alone named {kept.single.percent}")
        lines += [f"  less often of {one.name}: {one.share.percent}" for one in kept.falling_short[:MOST_SHORT]]
    if found.false_alarms is not None and found.promised_alarms is not None:
        most = f"{100 * found.promised_alarms:g}%"
        against = f"promised {most} at most" if found.alarms_kept else f"over the promised {most}"
        lines.append(f"called unlike all it learnt from {found.false_alarms.percent}, {against}")
    return lines


def _joined(
    parts: Sequence[np.ndarray | None], rows: Sequence[np.ndarray], shape: tuple[int, ...]
) -> np.ndarray | None:
    """What was said of each picture, where it stands among all; None where one part is missing."""
    whole = np.zeros(shape, bool)
    for part, own in zip(parts, rows, strict=True):
        if part is None:
            return None
        whole[own] = part
    return whole
