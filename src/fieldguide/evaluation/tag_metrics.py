"""What a classifier of several labels is worth on pictures that it has not seen: each figure with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from fieldguide import console
from fieldguide.data.dataset import Skipped
from fieldguide.errors import InputError
from fieldguide.intervals import LEVEL, UNDEFINED, Estimate, mean_of_shares, wilson
from fieldguide.words import counted

ROUNDS, FEWEST_ROUNDS = 1000, 200  # of the bootstrap; fewer where there are many pictures
WEIGHTS_AT_ONCE = 4_000_000  # numbers in memory
_NAME_WIDTH = 24
PRINTED = 20  # classes


@dataclass(frozen=True)
class TagClassScore:
    """How well one class is recognised."""

    name: str
    support: int  # pictures that show it
    said: int  # pictures that it was said of
    threshold: float  # probability from which it is said
    average_precision: Estimate  # over all thresholds; `support` / n is what guessing gives
    precision: Estimate  # of those that it was said of, how many show it
    recall: Estimate  # of those that show it, of how many it was said
    f1: Estimate  # the harmonic mean of both

    def to_dict(self) -> dict[str, object]:
        """The fields by name."""
        figures = {name: getattr(self, name).to_dict() for name in ("average_precision", "precision", "recall", "f1")}
        plain = {"name": self.name, "support": self.support, "said": self.said, "threshold": self.threshold}
        return {**plain, **figures}


@dataclass(frozen=True, eq=False)
class TagScore:
    """What a classifier of several labels is worth, from `evaluate_tags` or `tag_score`.

    Example:
        >>> import numpy as np
        >>> from fieldguide.evaluation.tag_metrics import tag_score
        >>> stated = np.array([[0.9, 0.1], [0.8, 0.7], [0.2, 0.6], [0.1, 0.2]])
        >>> truth = np.array([[1, 0], [1, 1], [0, 0], [0, 0]], bool)
        >>> score = tag_score(stated, truth, ["beach", "sunset"], list("abcd"), thresholds=[0.5, 0.5])
        >>> score.mean_average_precision.value, score.exact.value
        (1.0, 0.75)
        >>> score.classes[1].precision.value, score.classes[1].recall.value
        (0.5, 1.0)
    """

    part: str  # what these pictures are called
    class_names: tuple[str, ...]
    names: tuple[str, ...]  # of the pictures, relative to their root
    labels: np.ndarray  # bool (n, classes), the truth
    probabilities: np.ndarray  # float32 (n, classes)
    thresholds: tuple[float, ...]
    mean_average_precision: Estimate  # over the classes that some picture shows
    exact: Estimate  # share of the pictures with all labels right and no other
    classes: tuple[TagClassScore, ...]
    different: int  # pictures, copies counted once: those that the intervals of average precisions rest on
    skipped: tuple[Skipped, ...] = ()  # files that could not be read
    seen: tuple[str, ...] = ()  # pictures left out since it learnt from them or was chosen by them

    @property
    def n(self) -> int:
        """How many pictures were scored."""
        return len(self.labels)

    @property
    def said(self) -> np.ndarray:
        """Which classes each picture was said to show, bool (n, classes)."""
        return self.probabilities >= np.array(self.thresholds, np.float32)

    @property
    def pictures(self) -> str:
        """What it was measured on, after a number."""
        return f"{self.part} picture{'' if self.n == 1 else 's'}"

    def __str__(self) -> str:
        lines = [
            f"mean average precision {self.mean_average_precision}, n={self.n:,} {self.pictures}",
            f"all labels right {self.exact.percent}",
        ]
        lines += [f"{counted(len(self.skipped), 'file')} left out that could not be read"] if self.skipped else []
        if self.seen:
            lines.append(f"{counted(len(self.seen), 'picture')} left out that it learnt from or was chosen by")
        lines += ["", *class_lines(self.classes)]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """All figures, ready for JSON; not the probabilities of all pictures."""
        return {
            "part": self.part,
            "n": self.n,
            "different": self.different,
            "skipped": [{"path": str(entry.path), "reason": entry.reason} for entry in self.skipped],
            "seen": len(self.seen),
            "mean_average_precision": self.mean_average_precision.to_dict(),
            "exact": self.exact.to_dict(),
            "classes": [one.to_dict() for one in self.classes],
        }


def class_lines(classes: Sequence[TagClassScore]) -> list[str]:
    """The classes as a table of text, those with the lowest average precision where there are many."""
    shown = weakest_tags(classes, PRINTED) if len(classes) > PRINTED else tuple(classes)
    head = f"{'class':<{_NAME_WIDTH}} {'n':>5}  {'avg. precision':<20} {'from':>5}  precision  recall     F1"
    lines = [head.rstrip()]
    for one in shown:
        name = one.name if len(one.name) <= _NAME_WIDTH else one.name[: _NAME_WIDTH - 3] + "..."
        range_ = "not defined"
        if one.support:
            known = one.average_precision
            range_ = f"{known.value:.3f} ({known.low:.3f}-{known.high:.3f})"
        figures = "  ".join(f"{_share(each):<9}" for each in (one.precision, one.recall, one.f1))
        lines.append(f"{name:<{_NAME_WIDTH}} {one.support:>5,}  {range_:<20} {one.threshold:>5.2f}  {figures}".rstrip())
    if len(shown) < len(classes):
        lines.append(f"the {len(shown)} of {len(classes)} classes with the lowest average precision")
    return lines


def weakest_tags(classes: Sequence[TagClassScore], limit: int) -> tuple[TagClassScore, ...]:
    """The classes with the lowest average precision, the lowest first; those that no picture shows are left out."""
    measured = [one for one in classes if one.support]
    return tuple(sorted(measured, key=lambda one: (one.average_precision.value, -one.support, one.name))[:limit])


def tag_score(
    probabilities: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    names: Sequence[str],
    *,
    thresholds: Sequence[float],
    groups: np.ndarray | None = None,
    part: str = "test",
    seed: int = 0,
) -> TagScore:
    """The score of these predictions, with 95% intervals.

    The mean average precision has the wider of two intervals: the bootstrap's, in which copies of a picture are drawn
    together, corrected for bias; and Wilson's for the effective number of pictures, at most the different ones that
    show some class, which does not shrink to nothing at 1. Simulated with 3 to 12 classes and 49 to 800 pictures the
    two together cover the truth in 92% of cases or more, where plain percentiles of the bootstrap do in 75% to 98%; of
    10 classes that always come together, on 60 pictures, in 99%. The average precision of a
    class has Wilson's, as if it were a share of the different pictures that show it. Precision, recall and the share of
    pictures with all labels right have Wilson's for all pictures, copies among them. F1 is 2J / (1 + J), where J is the
    share of right ones among the pictures that show the class or were said to: its interval is Wilson's for J, taken
    through that formula, and does not shrink to nothing at 100%.

    Args:
        probabilities: float (n, k), 0..1, each class by itself.
        labels: bool (n, k), the truth; a row may be empty.
        class_names: k of them.
        names: of the n pictures.
        thresholds: of the k classes.
        groups: int (n,), pictures with the same number are copies; None where there are none.
        part: what these pictures are called.
        seed: of the bootstrap.

    Raises:
        InputError: there is no picture, or the numbers do not fit together.

    Source:
        B. Efron and R. Tibshirani (1993), "An Introduction to the Bootstrap", chapters 13 and 14, and 8 for data in
        groups; E. B. Wilson (1927), JASA 22; K. Boyd, K. Eng, C. Page (2013), "Area under the precision-recall curve:
        point estimates and confidence intervals", ECML PKDD, for the binomial interval of an average precision, here
        in Wilson's form.
    """
    probabilities, labels = np.asarray(probabilities, np.float32), np.asarray(labels)
    _refuse_what_does_not_fit(probabilities, labels, class_names, names, thresholds)
    groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
    values, mean = _average_precisions(probabilities, labels, groups, seed)
    said = probabilities >= np.array(thresholds, np.float32)
    hits = (said & labels).sum(axis=0)
    classes = tuple(
        TagClassScore(
            name,
            int(labels[:, k].sum()),
            int(said[:, k].sum()),
            float(thresholds[k]),
            values[k],
            wilson(int(hits[k]), int(said[:, k].sum())),
            wilson(int(hits[k]), int(labels[:, k].sum())),
            f1_estimate(int(hits[k]), int((said | labels)[:, k].sum()), int(labels[:, k].sum())),
        )
        for k, name in enumerate(class_names)
    )
    return TagScore(
        part=part,
        class_names=tuple(class_names),
        names=tuple(names),
        labels=labels,
        probabilities=probabilities,
        thresholds=tuple(float(each) for each in thresholds),
        mean_average_precision=mean,
        exact=wilson(int((said == labels).all(axis=1).sum()), len(labels)),
        classes=classes,
        different=len(np.unique(groups)),
    )


def average_precision(scores: np.ndarray, truth: np.ndarray) -> float:
    """The mean, over the pictures that show a class, of the precision among all that are ranked as high or higher.

    Pictures of equal scores are ranked together. Where no picture shows the class, it is not defined (nan).

    Args:
        scores: float (n,).
        truth: bool (n,).

    Source:
        C. Buckley, E. Voorhees (2000), "Evaluating evaluation measure stability", SIGIR; C. Manning, P. Raghavan,
        H. Schuetze (2008), "Introduction to Information Retrieval", section 8.4.

    Example:
        >>> round(average_precision(np.array([0.9, 0.8, 0.7]), np.array([True, False, True])), 4)
        0.8333
    """
    return float(Ranked.of(scores, truth).precisions(np.ones((1, len(scores)), np.int64))[0])


def mean_precision(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The mean average precision over the classes that some picture shows; nan where none shows any.

    Args:
        probabilities: float (n, k).
        labels: bool (n, k).
    """
    shown = np.flatnonzero(labels.any(axis=0))
    each = [average_precision(probabilities[:, label], labels[:, label]) for label in shown]
    return float(np.mean(each)) if each else math.nan


def precision_recall(scores: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision and recall from each score on, the highest first: float64 (m,), (m,), and the scores (m,).

    Args:
        scores: float (n,).
        truth: bool (n,), some true.

    Example:
        >>> precision, recall, _ = precision_recall(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]))
        >>> precision.round(2).tolist(), recall.tolist()
        ([1.0, 0.5, 0.67], [0.5, 0.5, 1.0])
    """
    order, ends = _ranking(scores)
    hits = np.cumsum(truth[order])[ends]
    return hits / (ends + 1), hits / max(1, int(truth.sum())), scores[order][ends]


def f1_estimate(hits: int, either: int, support: int) -> Estimate:
    """F1 with its interval.

    Args:
        hits: pictures that show the class and were said to.
        either: pictures that show it or were said to.
        support: pictures that show it; without any F1 is not defined.

    Example:
        >>> print(f1_estimate(8, 10, 9))
        0.889 (95% CI 0.658-0.971)
    """
    if not support:
        return UNDEFINED
    shared = wilson(hits, either)
    value, low, high = (2 * each / (1 + each) for each in (shared.value, shared.low, shared.high))
    return Estimate(value, low, high, either)


def _average_precisions(
    probabilities: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int
) -> tuple[list[Estimate], Estimate]:
    """Average precision of each class, and the mean over those that some picture shows."""
    values = [_of_class(probabilities[:, k], labels[:, k], groups) for k in range(labels.shape[1])]
    shown = np.flatnonzero(labels.any(axis=0))
    if not len(shown):
        return values, UNDEFINED
    n = len(labels)
    _, of_group = np.unique(groups, return_inverse=True)
    of_group = of_group.reshape(-1)
    count = int(of_group.max()) + 1
    rounds = int(np.clip(WEIGHTS_AT_ONCE // n, FEWEST_ROUNDS, ROUNDS))
    rng = np.random.default_rng((seed, n))
    drawn = np.empty((rounds, len(shown)))
    ranked = [Ranked.of(probabilities[:, k], labels[:, k]) for k in shown]
    block = max(1, WEIGHTS_AT_ONCE // n)
    with console.progress("Resampling", len(range(0, rounds, block)) * len(ranked), percent=True) as bar:
        for start in range(0, rounds, block):
            some = slice(start, min(start + block, rounds))
            weights = rng.multinomial(count, np.full(count, 1 / count), size=some.stop - start)[:, of_group]
            for place, one in enumerate(ranked):
                drawn[some, place] = one.precisions(weights)
                bar.advance()
    there = np.isfinite(drawn)
    means = np.where(there, drawn, 0).sum(axis=1)[there.any(axis=1)] / there.sum(axis=1)[there.any(axis=1)]
    different = np.array([len(np.unique(groups[labels[:, k]])) for k in shown])
    any_shown = len(np.unique(groups[labels.any(axis=1)]))
    known = mean_of_shares(np.array([values[k].value for k in shown]), different, different=any_shown)
    ends = [*_bias_corrected(known.value, means), known.low, known.high]
    return values, Estimate(known.value, min(known.value, *ends), max(known.value, *ends), n)


def _bias_corrected(value: float, drawn: np.ndarray) -> tuple[float, float]:
    """The bias-corrected percentile interval: resamples repeat pictures, and so their average precision is too high."""
    if not len(drawn):
        return value, value
    normal = NormalDist()
    below = (np.sum(drawn < value) + np.sum(drawn == value) / 2) / len(drawn)
    shift = normal.inv_cdf(float(np.clip(below, 1 / len(drawn), 1 - 1 / len(drawn))))
    edge = normal.inv_cdf(0.5 + LEVEL / 2)
    low, high = np.quantile(drawn, [normal.cdf(2 * shift - edge), normal.cdf(2 * shift + edge)])
    return float(low), float(high)


def _of_class(scores: np.ndarray, truth: np.ndarray, groups: np.ndarray) -> Estimate:
    """The average precision of a class, as a share of the different pictures that show it."""
    if not truth.any():
        return UNDEFINED
    different = len(np.unique(groups[truth]))
    found = average_precision(scores, truth)
    return replace(wilson(found * different, different), value=found, n=int(truth.sum()))


def _ranking(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pictures from the highest score on, and the last place of each run of equal scores."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    return order, np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))


@dataclass(frozen=True, eq=False)
class Ranked:
    """Pictures from the highest score on, and where among them those lie that show a class."""

    order: np.ndarray  # int64 (n,)
    showing: np.ndarray  # int64 (m,), places in that order
    ends: np.ndarray  # int64 (m,), the last place of the run of equal scores that each is in
    found: np.ndarray  # int64 (m,), how many of `showing` come up to there, less one

    @classmethod
    def of(cls, scores: np.ndarray, truth: np.ndarray) -> Ranked:
        """The ranking of pictures by the score of one class.

        Args:
            scores: float (n,).
            truth: bool (n,).
        """
        order, ends = _ranking(scores)
        showing = np.flatnonzero(truth[order])
        own = ends[np.searchsorted(ends, showing)]
        return cls(order, showing, own, np.searchsorted(showing, own, side="right") - 1)

    def precisions(self, weights: np.ndarray) -> np.ndarray:
        """The average precision for each row of weights, float64 (rounds,); nan where no weight shows the class.

        Args:
            weights: int (rounds, n), how often each picture counts.
        """
        ranked = weights[:, self.order]
        shown = ranked[:, self.showing]
        hits = np.cumsum(shown, axis=1)
        total = shown.sum(axis=1)
        taken = np.cumsum(ranked, axis=1)[:, self.ends]
        sums = (shown * hits[:, self.found] / np.maximum(taken, 1)).sum(axis=1)
        return np.where(total > 0, sums / np.maximum(total, 1), np.nan)


def _refuse_what_does_not_fit(
    probabilities: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    names: Sequence[str],
    thresholds: Sequence[float],
) -> None:
    shape = (len(names), len(class_names))
    if probabilities.shape != shape or labels.shape != shape or len(thresholds) != shape[1]:
        raise InputError(
            f"probabilities of shape {probabilities.shape} came with labels of shape {labels.shape}, {len(names):,} "
            f"names, {len(class_names)} classes and {len(thresholds)} thresholds; expected (pictures, classes) twice."
        )
    if not len(labels):
        raise InputError("there are no pictures to score: give at least one.")
    if labels.dtype != bool:
        raise InputError(f"labels are {labels.dtype}; expected bool, one for each picture and class.")
    if not (np.isfinite(probabilities).all() and probabilities.min() >= 0 and probabilities.max() <= 1):
        raise InputError("probabilities must be numbers from 0 to 1.")


def _share(known: Estimate) -> str:
    return "-" if math.isnan(known.value) else f"{100 * known.value:.1f}%"
