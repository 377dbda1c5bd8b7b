"""Which pictures a classifier gets wrong or is least sure of, and which classes it takes for one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldguide.evaluation.metrics import Score


@dataclass(frozen=True)
class Mistake:
    """A picture that was taken for something else."""

    row: int  # in the scored part
    name: str  # relative path
    truth: str
    predicted: str
    probability: float  # that was stated for the predicted class
    truth_probability: float  # that was stated for the true class

    def __str__(self) -> str:
        return f"{self.name}: {self.truth}, taken for {self.predicted} ({100 * self.probability:.1f}%)"

    def to_dict(self) -> dict[str, object]:
        """The fields by name, without the row."""
        return {
            "name": self.name,
            "truth": self.truth,
            "predicted": self.predicted,
            "probability": self.probability,
            "truth_probability": self.truth_probability,
        }


@dataclass(frozen=True)
class Confused:
    """How often pictures of one class were taken for another one."""

    truth: str
    predicted: str
    count: int
    of: int  # pictures of the true class

    def __str__(self) -> str:
        return f"{self.truth} taken for {self.predicted}: {self.count:,} of {self.of:,}"

    def to_dict(self) -> dict[str, object]:
        """The fields by name."""
        return {"truth": self.truth, "predicted": self.predicted, "count": self.count, "of": self.of}


@dataclass(frozen=True)
class Unsure:
    """A picture for which two classes were nearly as probable."""

    row: int  # in the scored part
    name: str  # relative path
    truth: str
    first: str  # the most probable class
    second: str
    probability: float  # of the first
    second_probability: float

    @property
    def right(self) -> bool:
        """Whether the most probable class is the true one."""
        return self.first == self.truth

    @property
    def margin(self) -> float:
        """By how much the first is more probable than the second, 0..1."""
        return self.probability - self.second_probability

    def __str__(self) -> str:
        told = "right" if self.right else f"wrong, it is {self.truth}"
        return (
            f"{self.name}: {self.first} {100 * self.probability:.1f}%, {self.second} "
            f"{100 * self.second_probability:.1f}% ({told})"
        )

    def to_dict(self) -> dict[str, object]:
        """The fields by name, without the row, and the margin."""
        return {
            "name": self.name,
            "truth": self.truth,
            "first": self.first,
            "second": self.second,
            "probability": self.probability,
            "second_probability": self.second_probability,
            "margin": self.margin,
        }


def margins(probabilities: np.ndarray) -> np.ndarray:
    """By how much the most probable class is more probable than the second: float32 (n,) in 0..1.

    Args:
        probabilities: float (n, k), rows summing to 1, k from 2.

    Example:
        >>> margins(np.array([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75]])).tolist()
        [0.25, 0.625]
    """
    largest = np.partition(probabilities, -2, axis=1)
    return (largest[:, -1] - largest[:, -2]).astype(np.float32)


def least_sure(score: Score, limit: int = 12) -> tuple[Unsure, ...]:
    """The pictures with the smallest margin between the two most probable classes, right or wrong, the smallest first.

    Args:
        score: from `score`.
        limit: how many at the most.

    Source:
        T. Scheffer, C. Decomain, S. Wrobel (2001), "Active hidden Markov models for information extraction", IDA, for
        the margin as a measure of doubt.

    Example:
        >>> import numpy as np
        >>> from fieldguide.evaluation import metrics
        >>> stated = np.array([[0.9, 0.1], [0.55, 0.45], [0.3, 0.7]])
        >>> result = metrics.score(stated, np.array([0, 1, 1]), ["cat", "dog"], ["a.jpg", "b.jpg", "c.jpg"])
        >>> print(least_sure(result, 1)[0])
        b.jpg: cat 55.0%, dog 45.0% (wrong, it is dog)
    """
    rows = np.argsort(margins(score.probabilities), kind="stable")[:limit]
    found = []
    for row in rows:
        shares = score.probabilities[row]
        first, second = np.argsort(-shares, kind="stable")[:2]
        found.append(
            Unsure(
                row=int(row),
                name=score.names[row],
                truth=score.class_names[score.labels[row]],
                first=score.class_names[first],
                second=score.class_names[second],
                probability=float(shares[first]),
                second_probability=float(shares[second]),
            )
        )
    return tuple(found)


def worst_errors(score: Score, limit: int = 24) -> tuple[Mistake, ...]:
    """The most confident mistakes, the most confident first: pictures worth a look, and labels worth a check.

    Args:
        score: from `score`.
        limit: how many at the most.

    Example:
        >>> import numpy as np
        >>> from fieldguide.evaluation import metrics
        >>> stated = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]])
        >>> result = metrics.score(stated, np.array([1, 1, 1]), ["cat", "dog"], ["a.jpg", "b.jpg", "c.jpg"])
        >>> for mistake in worst_errors(result):
        ...     print(mistake)
        a.jpg: dog, taken for cat (90.0%)
        b.jpg: dog, taken for cat (60.0%)
    """
    predicted = score.predicted
    wrong = np.flatnonzero(predicted != score.labels)
    stated = score.probabilities[wrong, predicted[wrong]]
    rows = wrong[np.argsort(-stated, kind="stable")][:limit]
    return tuple(
        Mistake(
            row=int(row),
            name=score.names[row],
            truth=score.class_names[score.labels[row]],
            predicted=score.class_names[predicted[row]],
            probability=float(score.probabilities[row, predicted[row]]),
            truth_probability=float(score.probabilities[row, score.labels[row]]),
        )
        for row in rows
    )


def most_confused(score: Score, limit: int = 5) -> tuple[Confused, ...]:
    """The pairs of classes with the most mistakes between them, in the direction in which they were made."""
    mistakes = score.confusion - np.diag(np.diag(score.confusion))
    order = np.argsort(-mistakes, axis=None, kind="stable")[:limit]
    pairs = [divmod(int(place), len(score.class_names)) for place in order]
    support = score.confusion.sum(axis=1)
    return tuple(
        Confused(score.class_names[truth], score.class_names[other], int(mistakes[truth, other]), int(support[truth]))
        for truth, other in pairs
        if mistakes[truth, other]
    )
