"""Logistic regression on fixed features, trained to convergence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fieldguide.model.head import Head, units_for

MOST_ITERATIONS = 200
TOLERANCE = 1e-4  # largest gradient entry at which a fit counts as converged
Watch = Callable[[np.ndarray, np.ndarray], None]


@dataclass(frozen=True, eq=False)
class Scaling:
    """Evens out features: each to mean 0 and variance 1 over the training rows."""

    mean: np.ndarray  # float32 (features,)
    scale: np.ndarray  # float32 (features,)

    @classmethod
    def of(cls, features: np.ndarray) -> Scaling:
        """The scaling that evens out these rows, float32 (n, features)."""
        deviation = features.std(axis=0)
        # A feature that is the same everywhere carries nothing; dividing by next to nothing would blow it up.
        scale = np.where(deviation > 1e-6, deviation, np.inf)
        return cls(features.mean(axis=0, dtype=np.float64).astype(np.float32), scale.astype(np.float32))

    def apply(self, features: np.ndarray) -> np.ndarray:
        """Standardised rows, float32 (n, features)."""
        return ((features - self.mean) / self.scale).astype(np.float32)

    def unscaled(self, weights: np.ndarray) -> Head:
        """The head on plain features from `weights`, (features + 1, units), fitted on standardised ones."""
        kernel = weights[:-1] / self.scale[:, None]
        bias = weights[-1] - self.mean.astype(np.float64) @ kernel
        return Head(kernel.astype(np.float32), bias.astype(np.float32))


def class_weights(labels: np.ndarray, classes: int, power: float) -> np.ndarray:
    """A weight for every row, float32 (n,), of mean 1: class frequency to the power of -`power`.

    With 0 every picture counts alike, with 1 every class does.
    """
    counts = np.bincount(labels, minlength=classes)
    weights = np.where(counts > 0, np.maximum(counts, 1.0) ** -power, 0.0)[labels]
    return (weights / weights.mean()).astype(np.float32)


def fit(
    features: np.ndarray,
    labels: np.ndarray,
    classes: int,
    *,
    penalty: float,
    weights: np.ndarray | None = None,
    start: np.ndarray | None = None,
    watch: Watch | None = None,
) -> np.ndarray:
    """Coefficients (features + 1, units), float64, of multinomial or binary logistic regression, at its minimum.

    Args:
        features: float32 (n, features), standardised.
        labels: int (n,) in 0..classes-1.
        classes: how many.
        penalty: L2 strength: the loss is mean cross-entropy + penalty / 2 * sum of squared coefficients (no bias).
        weights: of the rows, (n,); default all 1.
        start: coefficients to start from, e.g. of a stronger penalty.
        watch: called with (coefficients, training logits) after each pass over the rows that improved the fit.

    Source:
        R. H. Byrd, P. Lu, J. Nocedal, C. Zhu (1995), "A limited memory algorithm for bound constrained
        optimization", in SciPy's implementation.
    """
    from scipy.optimize import minimize

    units = units_for(classes)
    shape = (features.shape[1] + 1, units)
    row_weights = (np.ones(len(labels), np.float32) if weights is None else weights) / np.float32(len(labels))
    targets = _targets(labels, classes)

    def loss_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        coefficients = flat.reshape(shape)
        logits = features @ coefficients[:-1].astype(np.float32) + coefficients[-1].astype(np.float32)
        losses, residual = _cross_entropy(logits, targets)
        residual *= row_weights[:, None]
        gradient = np.empty(shape)
        gradient[:-1] = features.T @ residual
        gradient[:-1] += penalty * coefficients[:-1]
        gradient[-1] = residual.sum(axis=0)
        loss = float(losses @ row_weights) + 0.5 * penalty * float(np.square(coefficients[:-1]).sum())
        return loss, gradient.ravel()

    def seen(flat: np.ndarray) -> None:
        if watch is not None:
            watch(flat.reshape(shape), logits_of(features, flat.reshape(shape)))

    first = np.zeros(shape) if start is None else start
    result = minimize(
        loss_and_gradient,
        first.ravel(),
        jac=True,
        method="L-BFGS-B",
        callback=seen,
        options={"maxiter": MOST_ITERATIONS, "gtol": TOLERANCE, "maxcor": 20},
    )
    return result.x.reshape(shape)


def logits_of(features: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """float32 (n, units) from standardised features."""
    return features @ coefficients[:-1].astype(np.float32) + coefficients[-1].astype(np.float32)


def path(
    features: np.ndarray, labels: np.ndarray, classes: int, penalties: Sequence[float], weights: np.ndarray
) -> list[np.ndarray]:
    """Coefficients for every penalty, strongest first, each fit started from the one before."""
    fits: list[np.ndarray] = []
    for penalty in penalties:
        fits.append(fit(features, labels, classes, penalty=penalty, weights=weights, start=fits[-1] if fits else None))
    return fits


def _targets(labels: np.ndarray, classes: int) -> np.ndarray:
    """float32 (n, units): the second class's 0 or 1, or one-hot rows."""
    if classes == 2:
        return labels.astype(np.float32)[:, None]
    return np.eye(classes, dtype=np.float32)[labels]


def _cross_entropy(logits: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Loss of every row (n,), and its gradient with respect to the logits (n, units)."""
    if logits.shape[1] == 1:
        losses = np.logaddexp(0, logits) - targets * logits
        return losses[:, 0], 1 / (1 + np.exp(-np.clip(logits, -60, 60))) - targets
    shifted = logits - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    sums = powers.sum(axis=1, keepdims=True)
    losses = np.log(sums[:, 0]) - (shifted * targets).sum(axis=1)
    return losses, powers / sums - targets
