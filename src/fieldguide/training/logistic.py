"""Logistic regression on fixed features, trained to convergence, several fits at once over the same rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fieldguide.batches import weights_of_classes
from fieldguide.model.head import Head, units_for
from fieldguide.parallel import sparing_threads

MOST_ITERATIONS = 200
CONVERGED = 1e-4  # largest entry of the gradient
CORRECTIONS = 8  # past steps that L-BFGS models the curvature from; more cost more than they save
Watch = Callable[[list[Head]], None]


@dataclass(frozen=True, eq=False)
class Examples:
    """What there is to learn from."""

    features: np.ndarray  # float32 (n, features)
    # int (n,) in 0..classes-1; or bool (n, classes), where each class is a question of its own
    labels: np.ndarray
    classes: int

    @property
    def independent(self) -> bool:
        """Whether a picture may show several classes, or none."""
        return self.labels.ndim == 2

    @property
    def units(self) -> int:
        """Output units of a head for them."""
        return self.classes if self.independent else units_for(self.classes)


@dataclass(frozen=True, eq=False)
class Scaling:
    """Evens out features: each to mean 0 and variance 1 over some rows."""

    mean: np.ndarray  # float64 (features,)
    scale: np.ndarray  # float64 (features,)

    @classmethod
    def of(cls, features: np.ndarray, rows: np.ndarray) -> Scaling:
        """The scaling that evens out `features[rows]`, float32 (n, features)."""
        mean, square = np.zeros(features.shape[1]), np.zeros(features.shape[1])
        for start in range(0, len(rows), 4096):  # in blocks, so that no second copy of the features is made
            block = features[rows[start : start + 4096]].astype(np.float64)
            mean += block.sum(axis=0) / len(rows)
            square += np.square(block).sum(axis=0) / len(rows)
        deviation = np.sqrt(np.maximum(square - mean * mean, 0))
        # A feature that is the same everywhere carries nothing; dividing by next to nothing would blow it up.
        return cls(mean, np.where(deviation > 1e-6, deviation, np.inf))

    def plain(self, coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Kernel and bias on plain features from coefficients (features + 1, units) on standardised ones."""
        kernel = coefficients[:-1] / self.scale[:, None]
        return kernel, coefficients[-1] - self.mean @ kernel

    def gradient(self, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
        """The gradient for standardised coefficients from that for the plain kernel and bias."""
        return np.concatenate([(kernel - self.mean[:, None] * bias) / self.scale[:, None], bias[None]])


@dataclass(frozen=True, eq=False)
class Problem:
    """One of several fits over the same rows."""

    weights: np.ndarray  # float32 (n,), summing to 1; 0 for rows that are held out
    scaling: Scaling


def problem_for(examples: Examples, rows: np.ndarray, power: float) -> Problem:
    """The fit to `rows`, whose classes are weighted by their frequency to the power of -`power`.

    With power 0 every picture counts alike, with 1 every class does.
    """
    weights = np.zeros(len(examples.labels), np.float32)
    weights[rows] = class_weights(examples.labels[rows], examples.classes, power)
    return Problem(weights / weights.sum(), Scaling.of(examples.features, rows))


def class_weights(labels: np.ndarray, classes: int, power: float) -> np.ndarray:
    """The weight of each picture by the frequency of its class to the power of -`power`: float32 (n,), 1 on average."""
    return weights_of_classes(labels, classes, power)[labels]


def fit(
    examples: Examples,
    problems: Sequence[Problem],
    *,
    penalty: float | np.ndarray,
    start: np.ndarray | None = None,
    tolerance: float = CONVERGED,
    watch: Watch | None = None,
) -> tuple[list[Head], np.ndarray]:
    """Multinomial or binary logistic regressions at their minimum, one for each problem, found together.

    The features are read once for all problems in each step, which is what takes the time.

    Args:
        examples: features, not yet evened out, and labels.
        problems: which rows count how much, and how features are evened out.
        penalty: L2 strength: each loss is the weighted mean of the cross-entropies + penalty / 2 * the sum of the
            squared coefficients of the standardised features. float64 (units,) gives each unit its own.
        start: where to begin, as the second value returned for a stronger penalty.
        tolerance: largest entry of the gradient at which the fits count as converged.
        watch: called with the heads after each step that improved the fits.

    Returns:
        The heads on plain features, and the coefficients, float64 (problems, features + 1, units).

    Source:
        R. H. Byrd, P. Lu, J. Nocedal, C. Zhu (1995), "A limited memory algorithm for bound constrained
        optimization", in SciPy's implementation.
    """
    from scipy.optimize import minimize

    features, units = examples.features, examples.units
    shape = (len(problems), features.shape[1] + 1, units)
    targets = _targets(examples)
    independent = examples.independent

    def heads(coefficients: np.ndarray) -> list[Head]:
        plain = [problem.scaling.plain(part) for problem, part in zip(problems, coefficients, strict=True)]
        return [
            Head(kernel.astype(np.float32), bias.astype(np.float32), independent=independent) for kernel, bias in plain
        ]

    def loss_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        coefficients = flat.reshape(shape)
        found = heads(coefficients)
        logits = features @ np.concatenate([head.kernel for head in found], axis=1)
        logits += np.concatenate([head.bias for head in found])
        loss = 0.0
        for place, problem in enumerate(problems):
            columns = slice(place * units, (place + 1) * units)
            losses, slopes = _cross_entropy(logits[:, columns], targets, independent=independent)
            loss += float(losses @ problem.weights)
            np.multiply(slopes, problem.weights[:, None], out=logits[:, columns])
        kernels, biases = features.T @ logits, logits.sum(axis=0, dtype=np.float64)
        gradient = np.empty(shape)
        for place, problem in enumerate(problems):
            columns = slice(place * units, (place + 1) * units)
            gradient[place] = problem.scaling.gradient(kernels[:, columns].astype(np.float64), biases[columns])
        gradient[:, :-1] += penalty * coefficients[:, :-1]
        return loss + 0.5 * float((penalty * np.square(coefficients[:, :-1])).sum()), gradient.ravel()

    def seen(flat: np.ndarray) -> None:
        if watch is not None:
            watch(heads(flat.reshape(shape)))

    with sparing_threads():
        result = minimize(
            loss_and_gradient,
            (np.zeros(shape) if start is None else start).ravel(),
            jac=True,
            method="L-BFGS-B",
            callback=seen,
            options={"maxiter": MOST_ITERATIONS, "gtol": tolerance, "maxcor": CORRECTIONS},
        )
    coefficients = result.x.reshape(shape)
    return heads(coefficients), coefficients


def _targets(examples: Examples) -> np.ndarray:
    """float32 (n, units): the second class's 0 or 1, one-hot rows, or 0 and 1 for each class."""
    labels = examples.labels
    if examples.independent:
        return labels.astype(np.float32)
    if examples.classes == 2:
        return labels.astype(np.float32)[:, None]
    return np.eye(examples.classes, dtype=np.float32)[labels]


def _cross_entropy(logits: np.ndarray, targets: np.ndarray, *, independent: bool) -> tuple[np.ndarray, np.ndarray]:
    """Loss of every row (n,), and its gradient with respect to the logits (n, units)."""
    if logits.shape[1] == 1 or independent:
        losses = np.logaddexp(0, logits) - targets * logits
        return losses.sum(axis=1), 1 / (1 + np.exp(-np.clip(logits, -60, 60))) - targets
    shifted = logits - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    sums = powers.sum(axis=1, keepdims=True)
    losses = np.log(sums[:, 0]) - (shifted * targets).sum(axis=1)
    return losses, powers / sums - targets
