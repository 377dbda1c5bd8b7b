"""From which probability a class is said to be shown, chosen on pictures that the probabilities were not fitted to."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from fieldguide.words import counted

FEWEST_SHOWN = 10  # held-out pictures that show a class; of fewer, the best threshold is mostly chance
ABOVE_ALWAYS = 0.02  # by which F1 must beat that of naming the class for every picture
USUAL = 0.5  # where nothing can be told


@dataclass(frozen=True)
class Threshold:
    """The threshold of one class."""

    value: float
    own: bool  # chosen for this class; else the one that serves all classes best
    f1: float  # on the pictures that chose, so optimistic; nan where none shows the class
    why: str  # it is not its own; empty where it is

    def to_dict(self) -> dict[str, object]:
        """The fields by name, ready for JSON."""
        return {**asdict(self), "f1": None if np.isnan(self.f1) else self.f1}


def thresholds_for(probabilities: np.ndarray, truth: np.ndarray) -> tuple[Threshold, ...]:
    """The threshold of each class with the highest F1 on these pictures.

    A class that few of them show, or whose best F1 is hardly that of naming it for every picture, takes the one
    threshold that gives the highest F1 over all classes together: its own would be chance, and often near 0.

    Args:
        probabilities: float (n, classes), of pictures they were not fitted to.
        truth: bool (n, classes).

    Source:
        Z. Lipton, C. Elkan, B. Narayanaswamy (2014), "Optimal thresholding of classifiers to maximize F1 measure",
        ECML PKDD: why F1 alone would name an uninformative class everywhere.

    Example:
        >>> stated = np.linspace(0.05, 0.95, 40)[:, None]
        >>> (found,) = thresholds_for(stated, stated > 0.7)
        >>> found.own, found.f1, abs(found.value - 0.7) < 0.02
        (True, 1.0, True)
    """
    shared = best_threshold(probabilities.ravel(), truth.ravel())[0]
    found = []
    for label in range(truth.shape[1]):
        scores, shown = probabilities[:, label], truth[:, label]
        count = int(shown.sum())
        value, f1 = best_threshold(scores, shown)
        always = 2 * count / (len(shown) + count) if count else 0.0
        why = ""
        if count < FEWEST_SHOWN:
            shows = counted(count, "held-out picture shows", "held-out pictures show")
            why = f"{shows} it, too few to choose one by"
        elif f1 < always + ABOVE_ALWAYS:
            why = "it is told hardly better than by naming it for every picture"
        own = Threshold(value, True, f1, "")
        found.append(Threshold(shared, False, _f1(scores, shown, shared), why) if why else own)
    return tuple(found)


def best_threshold(scores: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """The threshold with the highest F1, half-way between two scores, and that F1; of equals the one nearest 0.5.

    Args:
        scores: float (n,), 0..1.
        truth: bool (n,). Where none is true, the threshold is 0.5 and F1 not defined.

    Example:
        >>> best_threshold(np.array([0.9, 0.8, 0.3, 0.1]), np.array([True, True, False, False]))
        (0.55, 1.0)
    """
    if not truth.any():
        return USUAL, float("nan")
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order].astype(np.float64)
    hits = np.cumsum(truth[order])
    ends = np.flatnonzero(np.append(ranked[1:] < ranked[:-1], True))  # equal scores are said together
    f1 = 2 * hits[ends] / (ends + 1 + hits[-1])
    below = np.append(ranked[1:], 0.0)[ends]
    between = (ranked[ends] + below) / 2
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    place = best[np.abs(between[best] - USUAL).argmin()]
    return round(float(between[place]), 6), float(f1[place])


def _f1(scores: np.ndarray, truth: np.ndarray, threshold: float) -> float:
    said = scores >= threshold
    return float(2 * (said & truth).sum() / (said.sum() + truth.sum())) if truth.any() else float("nan")
