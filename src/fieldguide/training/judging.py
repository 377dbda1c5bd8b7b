"""Which figure counts where settings are chosen: of every picture alike, or of every class where they differ much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fieldguide.calibration import picture_losses, softmax

STRONG = 3.0  # largest class to smallest, from which every class counts alike
JUDGES = ("auto", "pictures", "classes")


@dataclass(frozen=True)
class Judge:
    """Held-out loss and accuracy, of every picture or of every class alike.

    Example:
        >>> labels, logits = np.array([0, 0, 0, 1]), np.array([[-2.0], [-2.0], [-2.0], [-2.0]])
        >>> [round(judge.accuracy(logits, labels), 3) for judge in (Judge(), Judge(by_classes=True))]
        [0.75, 0.5]
    """

    by_classes: bool = False

    def weights(self, labels: np.ndarray) -> np.ndarray:
        """How much each picture counts: float64 (n,), 1 on average."""
        if not self.by_classes or not len(labels):
            return np.ones(len(labels))
        of_class = 1.0 / np.maximum(np.bincount(labels), 1)
        return of_class[labels] / of_class[labels].mean()

    def losses(self, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The cross-entropy of each picture in nats, times how much it counts."""
        return picture_losses(softmax(logits), labels) * self.weights(labels)

    def loss(self, logits: np.ndarray, labels: np.ndarray) -> float:
        """The mean cross-entropy in nats."""
        return float(self.losses(logits, labels).mean())

    def accuracy(self, logits: np.ndarray, labels: np.ndarray) -> float:
        """The share that is right; of every class alike it is the balanced accuracy."""
        return float(((softmax(logits).argmax(axis=1) == labels) * self.weights(labels)).mean())


def judge_for(counts: Mapping[str, int], judge_by: str) -> Judge:
    """What judges settings for classes of these sizes.

    Args:
        counts: pictures to learn from, of each class.
        judge_by: "pictures", "classes", or "auto": every class alike where the largest has three times the pictures of
            the smallest one or more.
    """
    if judge_by == "auto":
        return Judge(imbalance(counts) >= STRONG)
    return Judge(judge_by == "classes")


def imbalance(counts: Mapping[str, int]) -> float:
    """How many times the pictures of the smallest class the largest one has; classes without pictures left aside."""
    present = [count for count in counts.values() if count] or [1]
    return max(present) / min(present)


def about(counts: Mapping[str, int], judge_by: str) -> str:
    """Which figure counts and why, in a sentence; "" where every picture counts alike and nobody asked.

    Example:
        >>> print(about({"cats": 950, "dogs": 50}, "auto"))
        'cats' has 19 times the pictures of 'dogs' (950 and 50): balanced accuracy counts, in which every class is alike
        >>> about({"cats": 500, "dogs": 490}, "auto")
        ''
    """
    present = {name: count for name, count in counts.items() if count}
    if judge_by != "auto":
        figure = {"classes": "balanced accuracy counts, in which every class is alike", "pictures": "accuracy counts"}
        return f"as asked for, {figure[judge_by]}"
    if imbalance(counts) < STRONG:
        return ""
    most, least = max(present, key=lambda name: present[name]), min(present, key=lambda name: present[name])
    return (
        f"'{most}' has {imbalance(counts):.3g} times the pictures of '{least}' ({present[most]:,} and "
        f"{present[least]:,}): balanced accuracy counts, in which every class is alike"
    )
