"""Labels that are worth a second look: those that a classifier, asked out of fold, would not have given.

The ranking is by the odds of another class against the given one. With 5% of the labels changed at random, 83% to 100%
of the changed ones are among the first 8% listed, on each of seven sets of pictures and three seeds
(benchmarks/results/suspects.csv). Weighed were self-confidence, normalised margin, confidence-weighted entropy, each
also at other temperatures and relative to what is usual in the class. Odds do not depend on the temperature but for a
factor, so that nothing need be fitted to labels that are in doubt. Scores relative to the class find fewer: in a rare
class wrong labels are what is usual.

Where the suspects end is not told by the confident joint, which names a quarter of all pictures where most classes are
rare, but by how many labels seem to be wrong: as many as disagree with the classifier in the half of the pictures that
it is surest of. So on each set more of the changed labels are suspects (80% to 99%, against 68% to 94%), and where
classes are alike more of the suspects are changed ones. With 5% changed that share is told to be 5% to 7%.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldguide.answers.stated import stated_labels, stated_probabilities
from fieldguide.errors import InputError
from fieldguide.intervals import Estimate, wilson
from fieldguide.words import are, counted

SMALLEST = 1e-7  # a probability below it counts as this much: beyond, a softmax in float32 tells nothing apart
SUREST = 0.5  # share of the pictures that tell how many labels are wrong; fewer leave wider intervals
SHOWN = 20  # suspects that are printed
_ALMOST = 1e-9  # a mean of equal numbers may exceed them by a rounding


@dataclass(frozen=True)
class Suspect:
    """A picture whose label is in doubt."""

    row: int  # in what was given
    given: str  # its class by its label
    suggested: str  # the most probable other class
    given_probability: float  # that was stated for the given class
    suggested_probability: float
    score: float  # logarithm of the odds of the suggested class against the given one; above 0 it is the likelier

    def __str__(self) -> str:
        stated = f"{100 * self.suggested_probability:.1f}% against {100 * self.given_probability:.1f}%"
        return f"row {self.row:,}: given as {self.given}, looks like {self.suggested} ({stated})"

    def to_dict(self) -> dict[str, object]:
        """The fields by name."""
        return {
            "row": self.row,
            "given": self.given,
            "suggested": self.suggested,
            "given_probability": self.given_probability,
            "suggested_probability": self.suggested_probability,
            "score": self.score,
        }


@dataclass(frozen=True, eq=False)
class Suspects:
    """All pictures, the label most in doubt first, and how many of them are suspects."""

    class_names: tuple[str, ...]
    order: np.ndarray  # int64 (n,): rows, the most suspicious first
    count: int  # the first so many of them are suspects
    labels: np.ndarray  # int64 (n,), as given
    suggested: np.ndarray  # int64 (n,): the most probable class besides the given one
    scores: np.ndarray  # float64 (n,): logarithm of the odds of the suggested class against the given one
    probabilities: np.ndarray  # float64 (n, 2): stated for the given and for the suggested class
    # Pictures by given and by confident class: how many labelled `row` are stated to be `column` with at least the
    # probability that is usual for pictures of `column`. Pictures of no confident class are in no cell.
    confident_joint: np.ndarray  # int64 (k, k)
    wrong: Estimate  # share of wrong labels; see `basis`

    @property
    def joint(self) -> np.ndarray:
        """Shares of all pictures by given and true class, as confident learning estimates them: float64 (k, k).

        Off the diagonal it is too large where classes are alike: a hard picture counts as a wrong label.
        """
        support = np.bincount(self.labels, minlength=len(self.class_names))
        rows = self.confident_joint / np.maximum(self.confident_joint.sum(axis=1, keepdims=True), 1)
        return rows * support[:, None] / len(self.labels)

    @property
    def basis(self) -> str:
        """What the share of wrong labels rests on, in words."""
        return (
            f"of the {counted(self.wrong.n, 'picture')} that the classifier was surest of, out of fold, so many are "
            "labelled otherwise; right if labels go wrong by chance and it errs on none of those. It is too high where "
            "classes are alike, and too low where hard pictures are the ones labelled wrongly; the interval knows of "
            "chance alone"
        )

    def listed(self, limit: int | None = None) -> tuple[Suspect, ...]:
        """The suspects in order of suspicion; with a limit so many pictures, suspects or not.

        Args:
            limit: how many at the most.
        """
        rows = self.order[: self.count if limit is None else limit]
        return tuple(
            Suspect(
                row=int(row),
                given=self.class_names[self.labels[row]],
                suggested=self.class_names[self.suggested[row]],
                given_probability=float(self.probabilities[row, 0]),
                suggested_probability=float(self.probabilities[row, 1]),
                score=float(self.scores[row]),
            )
            for row in rows
        )

    def __str__(self) -> str:
        lines = [
            f"{are(self.count, 'label')} in doubt, of {len(self.labels):,}",
            f"share of wrong labels about {self.wrong.percent}: {self.basis}",
            *(str(one) for one in self.listed(min(self.count, SHOWN))),
        ]
        if self.count > SHOWN:
            lines.append(f"... and {self.count - SHOWN:,} more")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """The suspects and the estimates, ready for JSON; not the rest of the ranking."""
        return {
            "n": len(self.labels),
            "wrong": self.wrong.to_dict(),
            "basis": self.basis,
            "suspects": [one.to_dict() for one in self.listed()],
            "confident_joint": self.confident_joint.tolist(),
        }


def find_suspects(probabilities: np.ndarray, labels: np.ndarray, class_names: Sequence[str]) -> Suspects:
    """The pictures ranked by how much their labels are in doubt, with where the suspects end.

    The probabilities must be of pictures that were held out, copies included: what a classifier has learnt it confirms.
    Of a class with a handful of pictures little was learnt, so that its pictures are listed sooner than they deserve.

    Args:
        probabilities: float (n, k), rows summing to 1, each by a classifier that did not see the picture.
        labels: int (n,), 0..k-1, as given.
        class_names: k of them.

    Raises:
        InputError: if the numbers do not fit together, or rows are no probabilities.

    Source:
        C. Northcutt, L. Jiang, I. Chuang (2021), "Confident learning: estimating uncertainty in dataset labels",
        Journal of Artificial Intelligence Research 70, for the confident joint and ranking by what was held out.

    Example:
        >>> stated = np.array([[0.9, 0.1], [0.8, 0.2], [0.02, 0.98], [0.3, 0.7], [0.1, 0.9], [0.01, 0.99]])
        >>> found = find_suspects(stated, np.array([0, 0, 0, 1, 1, 1]), ["cat", "dog"])
        >>> for suspect in found.listed():
        ...     print(suspect)
        row 2: given as cat, looks like dog (98.0% against 2.0%)
        >>> found.confident_joint
        array([[2, 1],
               [0, 2]])
    """
    if isinstance(class_names, str):
        raise InputError(f"class_names is {class_names!r}; expected a list of names, one for each class.")
    k = len(class_names)
    stated = stated_probabilities(probabilities, k)
    given = stated_labels(labels, len(stated), k)
    every = np.arange(len(given))
    of_given = stated[every, given]
    others = stated.copy()
    others[every, given] = -1
    suggested = others.argmax(axis=1)
    of_suggested = others[every, suggested]
    scores = np.log(np.clip(of_suggested, SMALLEST, 1)) - np.log(np.clip(of_given, SMALLEST, 1))
    wrong = _share_of_wrong(stated, given)
    return Suspects(
        class_names=tuple(class_names),
        order=np.argsort(-scores, kind="stable"),
        count=min(round(wrong.value * len(given)), int((scores > 0).sum())),
        labels=given,
        suggested=suggested,
        scores=scores,
        probabilities=np.stack([of_given, of_suggested], axis=1),
        confident_joint=confident_joint(stated, given),
        wrong=wrong,
    )


def confident_joint(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many pictures of each given class are confidently of each class: int64 (k, k), given by confident.

    A picture is confidently of a class if that is stated with at least the mean probability that pictures labelled so
    get for it; where several are, of the most probable of these. A class without pictures is nobody's.

    Args:
        probabilities: float (n, k), rows summing to 1, of held-out pictures.
        labels: int (n,), 0..k-1.

    Source:
        Northcutt, Jiang, Chuang (2021), equations 1 and 2.
    """
    k = probabilities.shape[1]
    counts = np.bincount(labels, minlength=k)
    sums = np.bincount(labels, probabilities[np.arange(len(labels)), labels], k)
    usual = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    confident = probabilities >= usual - _ALMOST
    rows = np.flatnonzero(confident.any(axis=1))
    classes = np.where(confident[rows], probabilities[rows], -1).argmax(axis=1)
    return np.bincount(labels[rows] * k + classes, minlength=k * k).reshape(k, k)


def _share_of_wrong(probabilities: np.ndarray, labels: np.ndarray) -> Estimate:
    """The share of labels that disagree among the pictures with the largest odds of the first class to the second.

    How sure a classifier is of a held-out picture knows nothing of the label that this one was given. So the half that
    it is surest of has as many wrong labels as the other, if they come by chance, and hardly a wrong answer.
    """
    best = np.partition(np.clip(probabilities, SMALLEST, 1), -2, axis=1)[:, -2:]
    surest = np.argsort(best[:, 0] / best[:, 1], kind="stable")[: max(1, round(SUREST * len(labels)))]
    return wilson(int((probabilities[surest].argmax(axis=1) != labels[surest]).sum()), len(surest))
