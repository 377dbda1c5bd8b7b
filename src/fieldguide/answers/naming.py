"""Which classes to name for a picture, so that the true one is among them as often as was promised.

A class is named if it is nearly as probable as the most probable one: its odds against that one must not be smaller
than what all but a few of the true classes reach, on pictures that were held out (split conformal prediction). Odds
were chosen by measurement (benchmarks/results/naming.csv). A fixed smallest probability (LAC) names as few classes but
may name none, which then has to be mended; sums of probabilities (APS, RAPS) name more classes than the promise needs;
a threshold for each class is left to chance where a class has a few dozen pictures, as most have. And odds do not mind
the temperature, which was fitted on the same held-out pictures: other temperatures give the same sets.

The promise is of pictures that come as the held-out ones did, in the mean over all of them and not for each class.
Held-out answers are by classifiers that learnt from a part of the pictures, and the one that is used learnt from all
of them: it should be a little better, so that a little more is kept than promised, but a proof holds for twice the rate
of error only. Promised 95%, the mean over five seeds is 96% to 99.8% on six sets of pictures. Copies are no news: with
groups, each group counts as one picture, or one set would be at 86%, whose test pictures have fewer copies than the
others (91% with groups, and 97% where the groups are parted at random). And no promise holds for pictures of another
kind: 85%, where hands are shown that were never learnt from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldguide.answers.quantile import needed, upper
from fieldguide.answers.stated import stated_labels, stated_probabilities
from fieldguide.bounds import number
from fieldguide.intervals import Estimate, wilson
from fieldguide.words import counted

ERROR_RATE = 0.05
CHANCE = 0.025  # one-sided
SMALLEST = 1e-7  # a probability below it counts as this much: beyond, a softmax in float32 tells nothing apart
_ROUNDING = 3e-7  # of a logarithm, where the same probabilities are stored in float32


@dataclass(frozen=True)
class ClassCoverage:
    """How often the true class was named, of one class."""

    name: str
    share: Estimate

    def to_dict(self) -> dict[str, object]:
        """The fields by name."""
        return {"name": self.name, "share": self.share.to_dict()}


@dataclass(frozen=True)
class Coverage:
    """How often the true class was among the named ones, and how many were named."""

    promised: float  # share of the pictures
    share: Estimate  # of the pictures whose class was named
    mean_size: float  # classes named for a picture
    single: Estimate  # share of the pictures with one class named
    classes: tuple[ClassCoverage, ...]

    @property
    def kept(self) -> bool:
        """Whether the promise may well have been kept, as far as these pictures can show."""
        return self.share.high >= self.promised

    @property
    def falling_short(self) -> tuple[ClassCoverage, ...]:
        """The classes that are named clearly less often than promised, the least often named first.

        Clearly: of classes that are named as often as promised, each may seem short by chance, and of many some do. One
        of all is counted short by chance in 1 of 40 cases at most (exact binomial tails, Bonferroni's correction).
        """
        from scipy.special import bdtr

        measured = [one for one in self.classes if one.share.n]
        short = [
            one
            for one in measured
            if bdtr(round(one.share.value * one.share.n), one.share.n, self.promised) < CHANCE / len(measured)
        ]
        return tuple(sorted(short, key=lambda one: one.share.value))

    def __str__(self) -> str:
        kept = "as promised" if self.kept else "less often than promised"
        of = counted(self.share.n, "picture")
        lines = [
            f"the true class is among the named in {self.share.percent} of {of}: {kept}, {100 * self.promised:g}%",
            f"{self.mean_size:.2f} classes are named in the mean, and one alone for {self.single.percent}",
        ]
        lines += [f"less often for {one.name}: {one.share.percent}" for one in self.falling_short]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """All figures, ready for JSON."""
        return {
            "promised": self.promised,
            "kept": self.kept,
            "share": self.share.to_dict(),
            "mean_size": self.mean_size,
            "single": self.single.to_dict(),
            "classes": [one.to_dict() for one in self.classes],
        }


@dataclass(frozen=True)
class Naming:
    """A rule that says which classes to name: those with odds against the most probable one that are large enough.

    Example:
        >>> stated = np.array([[0.9, 0.1]] * 17 + [[0.4, 0.6]] * 2 + [[0.2, 0.8]])
        >>> naming = Naming.fit(stated, np.zeros(20, int))
        >>> naming.sets(np.array([[0.7, 0.3], [0.1, 0.9], [0.5, 0.5]]))
        array([[ True,  True],
               [False,  True],
               [ True,  True]])
        >>> print(naming)
        named are the most probable class and those at least 0.25 times as probable: in at least 95 of 100 pictures
        like the 20 that were held out, the true class is among them
    """

    error_rate: float
    gap: float  # largest logarithm of the odds of the most probable class against a named one; infinite names all
    n: int  # pictures it rests on, or groups of copies

    @classmethod
    def fit(
        cls,
        probabilities: np.ndarray,
        labels: np.ndarray,
        *,
        groups: np.ndarray | None = None,
        error_rate: float = ERROR_RATE,
    ) -> Naming:
        """The rule that names the true class for all but a share of the pictures.

        Args:
            probabilities: float (n, k), rows summing to 1, each by a classifier that did not see the picture.
            labels: int (n,), 0..k-1.
            groups: (n,): pictures with the same number are copies, and count as one picture together.
            error_rate: share of the pictures whose true class may stay unnamed, between 0 and 1.

        Raises:
            InputError: if the numbers do not fit together, rows are no probabilities, or the rate is out of range.

        Source:
            M. Sadinle, J. Lei, L. Wasserman (2019), "Least ambiguous set-valued classifiers with bounded error levels",
            JASA 114. With answers out of fold it is cross-conformal: V. Vovk (2015),
            "Cross-conformal predictors", Annals of Mathematics and Artificial Intelligence 74; R. Barber, E. Candès,
            A. Ramdas, R. Tibshirani (2021), "Predictive inference with the jackknife+", Annals of Statistics 49.
        """
        rate = number("error_rate", error_rate, "a share between 0 and 1, such as 0.05", lambda value: 0 < value < 1)
        shape = np.shape(probabilities)
        stated = stated_probabilities(probabilities, shape[1] if len(shape) == 2 else 0)
        truth = stated_labels(labels, len(stated), stated.shape[1])
        gaps = _gaps(stated)[np.arange(len(truth)), truth]
        return cls(rate, *upper(gaps, rate, groups))

    def sets(self, probabilities: np.ndarray) -> np.ndarray:
        """Which classes to name for each picture: bool (n, k). The most probable one always is.

        Args:
            probabilities: float (n, k), rows summing to 1, at the temperature at which the rule was fitted.

        Raises:
            InputError: if rows are no probabilities.
        """
        shape = np.shape(probabilities)
        return _gaps(stated_probabilities(probabilities, shape[1] if len(shape) == 2 else 0)) <= self.gap + _ROUNDING

    def coverage(self, probabilities: np.ndarray, labels: np.ndarray, class_names: Sequence[str]) -> Coverage:
        """How often the true class is among the named ones, on pictures that the rule does not rest on.

        Args:
            probabilities: float (n, k), rows summing to 1, of the classifier that is used.
            labels: int (n,), 0..k-1.
            class_names: k of them.

        Raises:
            InputError: if the numbers do not fit together, or rows are no probabilities.
        """
        k = len(class_names)
        named = self.sets(stated_probabilities(probabilities, k))
        return coverage(named, stated_labels(labels, len(named), k), class_names, promised=1 - self.error_rate)

    def __str__(self) -> str:
        if math.isinf(self.gap):
            return (
                f"all classes are named, for {counted(self.n, 'held-out picture')} are too few to promise the true one "
                f"in {100 * (1 - self.error_rate):g} of 100 pictures: {needed(self.error_rate):,} are needed at least"
            )
        often = f"in at least {100 * (1 - self.error_rate):g} of 100 pictures like the {self.n:,} that were held out"
        if not self.gap:
            return f"named is the most probable class alone: {often}, it is the true one"
        odds = f"{math.exp(-self.gap):.2g}"
        return (
            f"named are the most probable class and those at least {odds} times as probable: {often}, the true class "
            "is among them"
        )

    def to_dict(self) -> dict[str, float | int | None]:
        """The fields by name, ready for JSON; the gap is None where all classes are named."""
        return {"error_rate": self.error_rate, "gap": None if math.isinf(self.gap) else self.gap, "n": self.n}

    @classmethod
    def from_dict(cls, fields: dict[str, float | int | None]) -> Naming:
        """The rule that `to_dict` wrote down."""
        gap = fields["gap"]
        return cls(float(fields["error_rate"] or 0), math.inf if gap is None else float(gap), int(fields["n"] or 0))


def coverage(named: np.ndarray, labels: np.ndarray, class_names: Sequence[str], *, promised: float) -> Coverage:
    """How often the true class is among the named ones, whatever rules have named them.

    Args:
        named: bool (n, k), from `Naming.sets`: of one rule, or each picture by a rule that does not rest on it.
        labels: int (n,), 0..k-1.
        class_names: k of them.
        promised: share of the pictures.

    Example:
        >>> named = np.array([[True, False], [True, True], [False, True], [True, False]])
        >>> print(coverage(named, np.array([0, 1, 1, 1]), ["cats", "dogs"], promised=0.95).share.percent)
        75.0% (95% CI 30.1-95.4%)
    """
    k = len(class_names)
    hits, sizes = named[np.arange(len(labels)), labels], named.sum(axis=1)
    support, found = np.bincount(labels, minlength=k), np.bincount(labels, hits, k)
    return Coverage(
        promised=promised,
        share=wilson(int(hits.sum()), len(hits)),
        mean_size=float(sizes.mean()),
        single=wilson(int((sizes == 1).sum()), len(sizes)),
        classes=tuple(
            ClassCoverage(name, wilson(int(hit), int(count)))
            for name, hit, count in zip(class_names, found, support, strict=True)
        ),
    )


def _gaps(probabilities: np.ndarray) -> np.ndarray:
    """Logarithm of the odds of the most probable class against each: float64 (n, k), 0 or larger."""
    logs = np.log(np.clip(probabilities, SMALLEST, 1))
    return logs.max(axis=1, keepdims=True) - logs
