"""How well stated probabilities can be taken at their word, and the one number that mends them: the temperature.

Logits come with one column for each class (softmax) or as one number for two classes (sigmoid, the second class).
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from fieldguide.errors import InputError
from fieldguide.intervals import LEVEL, UNDEFINED, Estimate, wilson

COLDEST, HOTTEST = 0.05, 20.0  # the temperatures that are searched
BINS = 15
FEWEST_IN_A_BIN = 50  # fewer pictures say little about a share
SMALLEST = 1e-7  # a probability below it counts as this much, so that no single picture makes the log loss infinite


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities of all classes, float64 (n, k), rows summing to 1.

    Args:
        logits: float (n, k) for a softmax, or (n,) or (n, 1) for a sigmoid, which gives (n, 2).
        temperature: the logits are divided by it; above 1 makes a model less sure of itself.

    Example:
        >>> import numpy as np
        >>> softmax(np.array([[0.0, 0.0], [2.0, 0.0]])).round(2)
        array([[0.5 , 0.5 ],
               [0.88, 0.12]])
    """
    scaled = _columns(logits) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    np.exp(scaled, out=scaled)
    scaled /= scaled.sum(axis=1, keepdims=True)
    return scaled


def temper(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """The probabilities as they would be had the logits been divided by `temperature`: float64 (n, k).

    Example:
        >>> import numpy as np
        >>> temper(np.array([[0.9, 0.1]]), 2.0).round(2)
        array([[0.75, 0.25]])
    """
    with np.errstate(divide="ignore"):  # the logarithm of 0 is -inf, and that is what a softmax needs here
        return softmax(np.log(np.asarray(probabilities, np.float64)), temperature)


def picture_losses(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The log loss of every picture in nats, float64 (n,).

    Args:
        probabilities: float (n, k), rows summing to 1.
        labels: int (n,), 0..k-1.
    """
    of_truth = np.asarray(probabilities, np.float64)[np.arange(len(labels)), labels]
    return -np.log(np.clip(of_truth, SMALLEST, 1.0))


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The mean log loss in nats: 0 is perfect, log(k) is guessing.

    Example:
        >>> import numpy as np
        >>> round(log_loss(np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([0, 1])), 3)
        0.693
    """
    return float(picture_losses(probabilities, labels).mean()) if len(labels) else math.nan


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature that makes the log loss on these pictures smallest, 0.05..20.

    It changes no decision, only how sure the model says it is. Use logits of pictures that the model did not learn
    from. Where every picture is right the loss only falls as the temperature goes to 0, which would claim certainty;
    then, and for no pictures at all, the answer is 1.

    Args:
        logits: float (n, k) for a softmax, or (n,) or (n, 1) for a sigmoid.
        labels: int (n,), 0..k-1.

    Raises:
        InputError: if a logit is not finite, or the numbers of logits and labels differ.

    Source:
        C. Guo, G. Pleiss, Y. Sun, K. Weinberger (2017), "On calibration of modern neural networks", ICML.

    Example:
        >>> import numpy as np
        >>> round(fit_temperature(np.array([4.0, 4.0, 4.0, -4.0]), np.array([1, 1, 0, 0])), 2)  # wrong once in four
        3.64
    """
    from scipy.optimize import minimize_scalar

    columns = _columns(logits)
    labels = np.asarray(labels)
    if len(columns) != len(labels):
        raise InputError(f"{len(columns):,} rows of logits came with {len(labels):,} labels; expected one for each.")
    if not np.isfinite(columns).all():
        raise InputError("some logits are not finite; expected numbers: the training has diverged, lower its rate.")
    if (columns.argmax(axis=1) == labels).all():
        return 1.0

    # Differences to the logit of the truth: the loss is then log(sum(exp(difference / temperature))).
    gaps = columns - columns[np.arange(len(labels)), labels][:, None]

    def loss(log_temperature: float) -> float:
        scaled = gaps * math.exp(-log_temperature)
        most = scaled.max(axis=1)  # at least 0
        return float((most + np.log(np.exp(scaled - most[:, None]).sum(axis=1))).mean())

    # The loss is convex in 1 / temperature, so it has one minimum in its logarithm as well.
    bounds = (math.log(COLDEST), math.log(HOTTEST))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return float(math.exp(found.x))


def reliability_bins(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Stated against observed accuracy, in bins with as many pictures each: float64 (bins, 3).

    Args:
        probabilities: float (n, k), rows summing to 1.
        labels: int (n,), 0..k-1.
        bins: how many at the most; fewer where a bin would hold less than 50 pictures; equal statements share a bin,
            so that one may still hold fewer.

    Returns:
        For each bin the mean stated probability of the predicted class, the share that was right, and how many
        pictures it holds. No row where there are no pictures.

    Source:
        A. Kumar, P. Liang, T. Ma (2019), "Verified uncertainty calibration", NeurIPS (equal-mass bins).
    """
    if not len(labels):
        return np.zeros((0, 3))
    probabilities = np.asarray(probabilities, np.float64)
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    order = np.argsort(confidence, kind="stable")
    wanted = max(1, min(bins, len(labels) // FEWEST_IN_A_BIN))
    edges = np.linspace(0, len(labels), wanted + 1).round().astype(np.int64)
    # Pictures of one stated probability stay in one bin: where they fell among two, their order would decide.
    ranked = confidence[order]
    edges[1:-1] = np.searchsorted(ranked, ranked[edges[1:-1]])
    edges = np.unique(edges)
    sizes = np.diff(edges)
    starts = edges[:-1]
    stated = np.add.reduceat(ranked, starts) / sizes
    observed = np.add.reduceat(right[order].astype(np.float64), starts) / sizes
    return np.stack([stated, observed, sizes], axis=1)


def calibration_error(bins: np.ndarray) -> Estimate:
    """By how much stated and observed accuracy differ on average in the bins of `reliability_bins`, with its interval.

    The figure is biased upwards: chance alone makes a gap in every bin. The interval allows for that. From below it
    takes off what chance would make, on average, of the bins whose gaps it can explain; and each bin's gap may be as
    far from what was found as the Wilson interval of its share allows, so that the interval stays wide where all
    pictures were right. Simulated with 13 to 7,500 pictures, calibrated or up to 25 points too sure, it holds the truth
    in 93% to 100% of cases. A bootstrap over pictures does not: its resamples are biased once more, so that it held the
    truth in none of the cases where the percentages were right, and of 13 pictures, nearly all right, in a sixth.

    Args:
        bins: from `reliability_bins`.

    Source:
        G. Zou, A. Donner (2008), "Construction of confidence limits about effect measures: a general approach",
        Statistics in Medicine 27, for the sum of the bins (MOVER); R. Newcombe (1998), for a single one.

    Example:
        >>> import numpy as np
        >>> print(calibration_error(np.array([[0.7, 0.5, 100.0], [0.95, 0.94, 100.0]])))
        0.105 (95% CI 0.047-0.163)
    """
    if not len(bins):
        return UNDEFINED
    stated, observed, held = bins.T
    shares = [wilson(round(share * n), round(n)) for share, n in zip(observed, held, strict=True)]
    low, high = (np.array([getattr(share, side) for share in shares]) for side in ("low", "high"))
    weights, gaps = held / held.sum(), np.abs(stated - observed)
    to_ends = np.abs(stated - low), np.abs(stated - high)
    tail = (1 - LEVEL) / 2
    error = (high - low) / 2 / NormalDist().inv_cdf(1 - tail)
    # Chance may have made all of a gap: of many bins, one or another lies far off.
    chance = ((low <= stated) & (stated <= high)) | (gaps <= NormalDist().inv_cdf(1 - tail / len(bins)) * error)
    smallest, largest = np.where(chance, 0.0, np.minimum(*to_ends)), np.maximum(*to_ends)
    made = float((weights * np.where(chance, math.sqrt(2 / math.pi) * error, 0.0)).sum())  # the mean of |N(0, error)|
    value = float((weights * gaps).sum())
    below, above = (math.sqrt(float(np.square(weights * (gaps - end)).sum())) for end in (smallest, largest))
    return Estimate(value, max(0.0, value - made - below), min(1.0, value + above), round(float(held.sum())))


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> float:
    """By how much the stated probability of the predicted class and its accuracy differ on average, 0..1.

    It is 0 for a model that is right nine times in ten where it says 90%. The estimate is biased upwards, the more
    so the fewer pictures there are: about 0.02 even for a perfect statement about 1,000 pictures, 90% of them right.

    Args:
        probabilities: float (n, k), rows summing to 1.
        labels: int (n,), 0..k-1.
        bins: how many at the most, as in `reliability_bins`.

    Example:
        >>> import numpy as np
        >>> sure = np.tile([0.9, 0.1], (10, 1))
        >>> round(expected_calibration_error(sure, np.array([0] * 9 + [1])), 3)
        0.0
    """
    return calibration_error(reliability_bins(probabilities, labels, bins)).value


def _columns(logits: np.ndarray) -> np.ndarray:
    """Logits as float64 (n, k): those of a sigmoid become two columns, the first of them 0."""
    logits = np.array(logits, np.float64)  # a copy, so that callers may work in place
    if logits.ndim == 2 and logits.shape[1] > 1:
        return logits
    flat = logits.reshape(-1)
    return np.stack([np.zeros_like(flat), flat], axis=1)
