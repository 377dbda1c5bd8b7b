"""How the error falls as pictures are added: a power law, fitted to runs on more and more of them, and what it says.

Source: J. Hestness et al. (2017), "Deep learning scaling is predictable, empirically", arXiv 1712.00409 (the power
law); R. Figueroa et al. (2012), "Predicting sample size required for classification performance", BMC Medical
Informatics and Decision Making 12 (its weighted fit to small samples).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from fieldguide.intervals import LEVEL, Estimate

EXPONENTS = np.geomspace(0.05, 2.0, 60)  # that are tried; beyond, a curve is straight or a step
ROUNDS = 2000
FEWEST_SIZES = 4  # three figures are fitted


@dataclass(frozen=True, eq=False)
class Curve:
    """error = floor + slope * (pictures / largest) ** -exponent, and how else it may run.

    Example:
        >>> sizes = [100, 200, 400, 800]
        >>> curve = Curve(800, n=1, main=fit_power_law(sizes, 0.05 + 2 * np.array([sizes]) ** -0.5), draws=None)
        >>> round(curve.error_at(3200), 2)
        0.09
    """

    largest: int  # training pictures of the largest size
    n: int  # pictures that measured
    main: np.ndarray  # float64 (1, 3): floor, slope, exponent
    draws: np.ndarray | None  # float64 (rounds, 3), likewise; None where the runs tell nothing of how far it may vary

    def error_at(self, pictures: float) -> float:
        """The error at this many training pictures."""
        return float(self._errors(self.main, pictures)[0])

    def accuracy_at(self, pictures: float) -> Estimate:
        """The accuracy at this many training pictures, with its interval where there is one."""
        value = 1 - self.error_at(pictures)
        if self.draws is None:
            return Estimate(value, value, value, self.n)
        return self._interval(value, 1 - self._errors(self.draws, pictures))

    def gain(self, more: int) -> Estimate | None:
        """By how much the accuracy would rise with more pictures than the largest size had; None if it cannot be told.

        Args:
            more: how many more.
        """
        if self.draws is None:
            return None
        value = self.error_at(self.largest) - self.error_at(self.largest + more)
        gains = self._errors(self.draws, self.largest) - self._errors(self.draws, self.largest + more)
        return self._interval(value, gains)

    def _errors(self, laws: np.ndarray, pictures: float) -> np.ndarray:
        return laws[:, 0] + laws[:, 1] * (pictures / self.largest) ** -laws[:, 2]

    def _interval(self, value: float, values: np.ndarray) -> Estimate:
        """As wide as the percentile interval and the bias-corrected one together.

        Neither alone holds what it promises near the limits of what is fitted: at a floor of 0 most draws lie to one
        side of the curve found. Both together do, in simulations.
        """
        usual = NormalDist()
        below = float((values < value).mean() + (values == value).mean() / 2)
        off = 2 * usual.inv_cdf(min(max(below, 1 / len(values)), 1 - 1 / len(values)))
        shares = (0.5 - LEVEL / 2, 0.5 + LEVEL / 2)
        ends = [*shares, *(usual.cdf(off + usual.inv_cdf(share)) for share in shares)]
        found = [value, *np.quantile(values, ends).tolist()]
        return Estimate(value, min(found), max(found), self.n)


def fit_power_law(sizes: Sequence[int] | np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Floor, slope and exponent of the power laws that come closest to some errors: float64 (rows, 3).

    By least squares, in which a size counts the less the more an error of its height varies: by 1 / (e (1 - e)). Floor
    and slope are not negative, so that more pictures never harm.

    Args:
        sizes: (k,) numbers of training pictures, the largest last.
        errors: (rows, k), each row fitted by itself.

    Example:
        >>> sizes = np.array([50, 100, 200, 400])
        >>> fit_power_law(sizes, 0.1 + 0.05 * (sizes / 400.0)[None] ** -1)[0, :2].round(2).tolist()
        [0.1, 0.05]
    """
    share = np.asarray(sizes, np.float64) / sizes[-1]
    middle = np.clip(errors.mean(axis=0), 0.005, 0.995)
    weight = 1 / (middle * (1 - middle))
    weight = weight / weight.sum()
    best, found = np.full(len(errors), np.inf), np.zeros((len(errors), 3))
    level = errors @ weight
    for exponent in EXPONENTS:
        x = share**-exponent
        centre = float(x @ weight)
        slope = ((errors - level[:, None]) * (x - centre)) @ weight / (np.square(x - centre) @ weight)
        slope = np.maximum(0.0, slope)
        floor = level - slope * centre
        below = floor < 0
        slope = np.where(below, (errors * x) @ weight / (np.square(x) @ weight), slope)
        floor = np.where(below, 0.0, floor)
        rest = np.square(errors - floor[:, None] - slope[:, None] * x) @ weight
        closer = rest < best
        best = np.where(closer, rest, best)
        found[closer] = np.stack([floor, slope, np.full(len(errors), exponent)], axis=1)[closer]
    return found


def learning_curve(sizes: Sequence[int], rights: Sequence[np.ndarray], *, seed: int = 0, rounds: int = ROUNDS) -> Curve:
    """The power law through some sizes, with the curves that it might have been as well.

    Each round draws other pictures to measure on, with replacement and the same for all sizes, and lets the mean of
    each size vary as its runs were seen to vary. How far runs of one size lie apart is estimated from all sizes
    together, as a multiple of e (1 - e): three runs of one size would tell little. Runs of a large share of the
    pictures are like one another since they share them, not because pictures do not matter: both the estimate and
    what is drawn allow for the share that two runs have in common.

    Args:
        sizes: numbers of training pictures, rising; the last is all of them.
        rights: of each size bool (runs, pictures): which of the measuring pictures each run had right.
        seed: of the rounds.
        rounds: how many.
    """
    means = np.stack([right.mean(axis=0) for right in rights])  # (sizes, pictures)
    runs, n = min(len(right) for right in rights), means.shape[1]
    errors = 1 - means.mean(axis=1)
    main = fit_power_law(sizes, errors[None])
    if runs < 2:
        return Curve(sizes[-1], n, main, None)
    share = np.asarray(sizes, np.float64) / sizes[-1]
    typical = np.clip(errors, 0.5 / n, 1 - 0.5 / n)
    typical = typical * (1 - typical)
    apart = np.array([right.mean(axis=1).var(ddof=1) for right in rights])
    dispersion = float(apart.sum() / (typical * (1 - share)).sum())
    rng = np.random.default_rng((seed, n, len(sizes)))
    freedom = (len(sizes) - 1) * (runs - 1)
    dispersions = dispersion * freedom / rng.chisquare(freedom, rounds)
    counts = rng.multinomial(n, np.full(n, 1 / n), rounds)  # how often each picture was drawn
    drawn = 1 - counts @ means.T / n
    # Where next to nothing was wrong, nothing else would ever be drawn: half a picture may be wrong (Jeffreys' prior).
    drawn += (rng.gamma(0.5, size=drawn.shape) - 0.5) / n
    in_common = 1 / runs + (1 - 1 / runs) * share
    drawn += rng.normal(size=drawn.shape) * np.sqrt(dispersions[:, None] * typical * in_common)
    return Curve(sizes[-1], n, main, fit_power_law(sizes, np.clip(drawn, 0.0, 1.0)))


def usual_step(pictures: int) -> int:
    """How many more pictures a person may think of: the largest power of ten that is not more than there are.

    Example:
        >>> usual_step(321), usual_step(2000)
        (100, 1000)
    """
    return int(10 ** int(np.log10(max(1, pictures)) + 1e-9))
