"""Means over several runs on the same pictures, with intervals for both: other pictures, and other seeds.

Every figure is a mean over S runs, each measured on the same m pictures. It would have come out otherwise with other
pictures, and with other seeds. Both are taken into account as in a two-way table of runs and pictures with random
effects: the variance of the mean is that of the pictures' own means, divided by m, and that of the runs' own means,
divided by S, less what of the latter is the pictures' doing already.

Of fewer than FEWEST_RUNS runs the intervals are over other pictures alone, for the mean of these very runs. Two runs
have one degree of freedom to tell from how far seeds lie apart, at which Student's t is 12.7: their intervals would
reach over nearly everything, and hold no more of a truth that matters.

Source: S. Searle, G. Casella, C. McCulloch (1992), "Variance components", chapter 4 (the two-way table);
F. Satterthwaite (1946), "An approximate distribution of estimates of variance components", Biometrics Bulletin 2
(degrees of freedom).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from fieldguide.intervals import LEVEL, Estimate, wilson

FEWEST_RUNS = 3  # from which on how far they lie apart says something of other seeds


@dataclass(frozen=True)
class Mean:
    """A mean over runs and pictures, and how far it would vary."""

    value: float
    variance: float  # of the mean, over other pictures, and from FEWEST_RUNS runs on over other seeds
    freedom: float  # degrees of freedom of that variance
    n: int  # pictures

    def reach(self, level: float = LEVEL) -> float:
        """Half the width of the interval by Student's t."""
        return quantile(self.freedom, level) * math.sqrt(self.variance)


def mean_of(values: np.ndarray) -> Mean:
    """The mean of a table of runs and pictures.

    Args:
        values: (runs, pictures), such as 1 for right and 0 for wrong. Of fewer than FEWEST_RUNS runs the variance is
            that over other pictures alone: of other seeds too little is known.

    Example:
        >>> mean_of(np.array([[1, 1, 0, 1], [1, 1, 0, 0]])).value
        0.625
    """
    runs, pictures = values.shape
    value = float(values.mean())
    if pictures < 2:
        return Mean(value, 0.0, 1.0, pictures)
    by_picture = values.mean(axis=0)
    of_pictures = float(by_picture.var(ddof=1)) / pictures
    if runs < FEWEST_RUNS:
        return Mean(value, of_pictures, pictures - 1.0, pictures)
    by_run = values.mean(axis=1)
    of_runs = float(by_run.var(ddof=1)) / runs
    rest = values - by_picture - by_run[:, None] + value
    of_both = float(np.square(rest).sum()) / ((runs - 1) * (pictures - 1)) / (runs * pictures)
    added = max(0.0, of_runs - of_both)
    parts = [(of_pictures, pictures - 1.0)] + ([(of_runs, runs - 1.0)] if added else [])
    return Mean(value, of_pictures + added, freedom_of(of_pictures + added, parts), pictures)


def accuracy(right: np.ndarray, *, pairs: int = 1) -> Estimate:
    """The share of right answers over runs and pictures, with its interval.

    Its ends are Wilson's for as many pictures as would give the variance found, so that they stay within 0 and 1.

    Args:
        right: bool (runs, pictures).
        pairs: how many such shares are looked at together: the interval is widened so that all of them hold at once
            (Bonferroni).
    """
    return _share(mean_of(right.astype(np.float64)), 1 - (1 - LEVEL) / pairs)


def training_accuracy(shares: Sequence[float], n: int) -> Estimate:
    """The mean of the runs' training accuracies, each on n pictures, with its interval."""
    return _share(_training_mean(np.array(shares), n))


def gap(shares: Sequence[float], n: int, right: np.ndarray) -> Estimate:
    """Training accuracy less held-out accuracy, with its interval.

    To either side the pictures count for as much as Wilson's intervals of the two accuracies reach there, so that it
    holds near 100% too, where none or few are wrong; the runs, for how far their gaps lie apart.

    Args:
        shares: the runs' training accuracies, each on n pictures.
        n: pictures that were learnt from.
        right: bool (runs, pictures) of the held-out ones.

    Source:
        R. G. Newcombe (1998), "Interval estimation for the difference between independent proportions",
        Statistics in Medicine 17, method 10 (from the two Wilson intervals).
    """
    gaps, m = np.array(shares) - right.mean(axis=1), right.shape[1]
    learnt, held = wilson(float(np.mean(shares)) * n, n), _over_pictures(right)
    z = NormalDist().inv_cdf(0.5 + LEVEL / 2)
    below = math.hypot(learnt.value - learnt.low, held.high - held.value) / z
    above = math.hypot(learnt.high - learnt.value, held.value - held.low) / z
    value = float(gaps.mean())
    low, high = (_bounded(value, _with_runs(gaps, side**2, m), m) for side in (below, above))
    return Estimate(value, low.low, high.high, m)


def gain(right: np.ndarray, other: np.ndarray, *, pairs: int = 1) -> Estimate:
    """By how much the first share of right answers is above the second, on the same pictures, with its interval.

    Two pictures are added to what the variance is estimated from, one that only the first has right and one that only
    the second has right: without them two that never differ would seem to be equal beyond doubt.

    Args:
        right: bool (runs, pictures).
        other: likewise, of as many runs on the same pictures.
        pairs: how many such differences are looked at together: the interval is widened so that all of them hold at
            once (Bonferroni).

    Source:
        D. Bonett, R. Price (2012), "Adjusted Wald confidence interval for a difference of binomial proportions based
        on paired data", Journal of Educational and Behavioral Statistics 37.
    """
    apart = right.astype(np.float64) - other
    return _bounded(float(apart.mean()), mean_of(_with_two_more(apart)), right.shape[1], pairs)


def gap_change(
    one: tuple[Sequence[float], int, np.ndarray], other: tuple[Sequence[float], int, np.ndarray], *, pairs: int = 1
) -> Estimate:
    """By how much the first gap is above the second, with its interval.

    Args:
        one: training accuracies, the number of training pictures, and bool (runs, pictures) of the held-out ones.
        other: likewise, of as many runs measured on the same pictures.
        pairs: as in `gain`.
    """
    (shares, n, right), (other_shares, other_n, other_right) = one, other
    apart = right.astype(np.float64) - other_right
    changes = np.array(shares) - np.array(other_shares) - apart.mean(axis=1)
    found = _gap_variance(changes, [(shares, n), (other_shares, other_n)], _with_two_more(apart))
    return _bounded(float(changes.mean()), found, right.shape[1], pairs)


def quantile(freedom: float, level: float = LEVEL) -> float:
    """The reach of a two-sided interval in standard errors, by Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(max(1.0, freedom), 0.5 + level / 2))


def freedom_of(variance: float, parts: Sequence[tuple[float, float]]) -> float:
    """Degrees of freedom of a variance that is put together of parts, by Satterthwaite.

    Args:
        variance: the sum.
        parts: (variance, degrees of freedom) of each.
    """
    spread = sum(part**2 / freedom for part, freedom in parts)
    return variance**2 / spread if spread else math.inf


def _share(mean: Mean, level: float = LEVEL) -> Estimate:
    share, n, usual = mean.value, float(mean.n), NormalDist()
    reach = usual.inv_cdf(0.5 + level / 2)  # what Wilson's interval does not know of is taken off the pictures
    if mean.variance > 0 and 0 < share < 1:
        reach = quantile(mean.freedom, level)
        n = share * (1 - share) / mean.variance
    n *= (usual.inv_cdf(0.5 + LEVEL / 2) / reach) ** 2
    return replace(wilson(share * n, n), n=mean.n)


def _training_mean(shares: np.ndarray, n: int) -> Mean:
    value = float(shares.mean())
    of_pictures = value * (1 - value) / n
    if len(shares) < FEWEST_RUNS:
        return Mean(value, of_pictures, math.inf, n)
    of_runs = float(shares.var(ddof=1)) / len(shares)
    variance = of_pictures + of_runs
    return Mean(value, variance, freedom_of(variance, [(of_runs, len(shares) - 1.0)]), n)


def _over_pictures(right: np.ndarray) -> Estimate:
    """The share of right answers of these runs, with Wilson's interval over other pictures alone."""
    by_picture = right.mean(axis=0)
    value, n = float(by_picture.mean()), float(len(by_picture))
    variance = float(by_picture.var(ddof=1)) / n if len(by_picture) > 1 else 0.0
    if variance > 0:
        n = value * (1 - value) / variance
    return wilson(value * n, n)


def _gap_variance(gaps: np.ndarray, training: Sequence[tuple[Sequence[float], int]], held: np.ndarray) -> Mean:
    """How far the mean of the runs' gaps would vary: over training pictures, held-out pictures and seeds."""
    of_pictures = sum(_adjusted(float(np.mean(shares)), n) for shares, n in training)
    pictures = max(2, held.shape[1])
    of_pictures += float(held.mean(axis=0).var(ddof=1)) / pictures if held.shape[1] > 1 else 0.25
    return _with_runs(gaps, of_pictures, pictures)


def _with_runs(gaps: np.ndarray, of_pictures: float, pictures: int) -> Mean:
    """The mean of the runs' gaps, with the variance over pictures and with what the runs say of that over seeds."""
    value, freedom = float(gaps.mean()), max(1.0, pictures - 1.0)
    if len(gaps) < FEWEST_RUNS:
        return Mean(value, of_pictures, freedom, pictures)
    of_runs = float(gaps.var(ddof=1)) / len(gaps)
    parts = [(of_pictures, freedom), (of_runs, len(gaps) - 1.0)]
    return Mean(value, of_pictures + of_runs, freedom_of(of_pictures + of_runs, parts), pictures)


def _adjusted(share: float, n: int) -> float:
    """The variance of a share on n pictures; not 0 where all or none are right."""
    share = (share * n + 1) / (n + 2)
    return share * (1 - share) / (n + 2)


def _with_two_more(apart: np.ndarray) -> np.ndarray:
    ones = np.ones((len(apart), 1))
    return np.concatenate([apart, ones, -ones], axis=1)


def _bounded(value: float, spread: Mean, n: int, pairs: int = 1) -> Estimate:
    reach = spread.reach(1 - (1 - LEVEL) / pairs)
    return Estimate(value, max(-1.0, value - reach), min(1.0, value + reach), n)
