"""Choosing a head's settings on pictures it was not fitted to, so that no figure need be quoted on those that chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldguide.calibration import fit_temperature, picture_losses, softmax
from fieldguide.data.split import assign
from fieldguide.train.logistic import Scaling, class_weights, fit, logits_of, path
from fieldguide.train.recipe import Recipe
from fieldguide.train.record import Epoch, Trial

MANY_PICTURES = 20_000  # beyond, one fold tells as much as five
IMBALANCE = 1.5  # largest class to smallest, from which weighting classes is tried
POWERS = (0.5, 1.0)


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows to fit to and rows held out; every class of the held-out rows is among the fitted ones."""

    fitted: np.ndarray  # int64
    held: np.ndarray  # int64


@dataclass(frozen=True, eq=False)
class Chosen:
    """The settings of the head that did best on held-out pictures."""

    penalty: float
    power: float  # of the class weights
    trials: tuple[Trial, ...]
    folds: tuple[Fold, ...]
    logits: np.ndarray  # float32 (held, units), of the held-out rows of all folds, one after the other
    labels: np.ndarray  # int (held,)

    @property
    def temperature(self) -> float:
        """The temperature that calibrates the held-out logits."""
        return fit_temperature(self.logits, self.labels)

    @property
    def right(self) -> np.ndarray:
        """Which held-out pictures were classified right, bool (held,)."""
        return softmax(self.logits).argmax(axis=1) == self.labels


def folds_for(labels: np.ndarray, groups: np.ndarray, validation: int, recipe: Recipe) -> tuple[tuple[Fold, ...], str]:
    """How rows are held out, and that in words.

    Args:
        labels: int (n,), of the training rows and then of the `validation` rows.
        groups: int (n - validation,): training rows of one group stay together.
        validation: how many of the last rows are a validation part; if there are any, they alone are held out.
        recipe: for the number of folds and the seed.
    """
    count = len(labels) - validation
    if validation:
        split = Fold(np.arange(count), np.arange(count, len(labels)))
        return (_only_known_classes(split, labels),), f"on the {validation:,} pictures of the validation part"
    fold_of = assign(labels, groups, [1 / recipe.folds] * recipe.folds, seed=recipe.seed)
    used = recipe.folds if count <= MANY_PICTURES else 1
    folds = [Fold(np.flatnonzero(fold_of != number), np.flatnonzero(fold_of == number)) for number in range(used)]
    kept = tuple(fold for fold in (_only_known_classes(fold, labels) for fold in folds) if len(fold.held))
    if used == 1:
        return kept, f"on {len(kept[0].held):,} of the {count:,} training pictures, held out"
    return kept, f"out of fold: {used} times a part of the {count:,} training pictures was held out"


def choose(features: np.ndarray, labels: np.ndarray, classes: int, folds: Sequence[Fold], recipe: Recipe) -> Chosen:
    """The penalty with the lowest held-out loss, and class weights where they raise the balanced accuracy.

    Args:
        features: float32 (n, features).
        labels: int (n,).
        classes: how many.
        folds: from `folds_for`.
        recipe: for the penalties.

    Source:
        The one-standard-error rule for class weights: Breiman et al. (1984), "Classification and Regression Trees".
    """
    labels_held = np.concatenate([labels[fold.held] for fold in folds])
    scaled = [_scaled(features, fold) for fold in folds]
    by_penalty: list[list[np.ndarray]] = []
    for (fitted, held), fold in zip(scaled, folds, strict=True):
        fits = path(
            fitted, labels[fold.fitted], classes, recipe.penalties, class_weights(labels[fold.fitted], classes, 0)
        )
        by_penalty.append([logits_of(held, coefficients) for coefficients in fits])
    candidates = [np.concatenate([logits[place] for logits in by_penalty]) for place in range(len(recipe.penalties))]
    losses = [float(picture_losses(softmax(logits), labels_held).mean()) for logits in candidates]
    best = int(np.argmin(losses))
    penalty, power, logits = recipe.penalties[best], 0.0, candidates[best]
    trials = [
        Trial(f"L2 penalty {value:g}", loss, _accuracy(candidate, labels_held), place == best)
        for place, (value, loss, candidate) in enumerate(zip(recipe.penalties, losses, candidates, strict=True))
    ]
    counts = np.bincount(labels, minlength=classes)
    if counts.max() >= IMBALANCE * max(1, counts[counts > 0].min()):
        power, logits, more = _weighted(scaled, labels, classes, folds, penalty, logits)
        trials += more
    return Chosen(penalty, power, tuple(trials), tuple(folds), logits, labels_held)


def learning_curve(
    features: np.ndarray, labels: np.ndarray, classes: int, fold: Fold, penalty: float, power: float
) -> tuple[Epoch, ...]:
    """The head's way to its minimum on one fold: an epoch for each pass over its pictures that improved it."""
    fitted, held = _scaled(features, fold)
    epochs: list[Epoch] = []

    def watch(coefficients: np.ndarray, logits: np.ndarray) -> None:
        loss, accuracy = loss_and_accuracy(logits, labels[fold.fitted])
        val_loss, val_accuracy = loss_and_accuracy(logits_of(held, coefficients), labels[fold.held])
        epochs.append(Epoch("head", len(epochs) + 1, loss, accuracy, val_loss, val_accuracy))

    weights = class_weights(labels[fold.fitted], classes, power)
    fit(fitted, labels[fold.fitted], classes, penalty=penalty, weights=weights, watch=watch)
    return tuple(epochs)


def _weighted(
    scaled: list[tuple[np.ndarray, np.ndarray]],
    labels: np.ndarray,
    classes: int,
    folds: Sequence[Fold],
    penalty: float,
    plain: np.ndarray,
) -> tuple[float, np.ndarray, list[Trial]]:
    """Class weights that raise the held-out balanced accuracy by more than its standard error, if any do."""
    held = np.concatenate([labels[fold.held] for fold in folds])
    power, chosen = 0.0, plain
    most = _balanced(plain, held, classes) + _balanced_error(plain, held, classes)
    trials = []
    for candidate in POWERS:
        logits = np.concatenate(
            [
                logits_of(
                    rows,
                    fit(
                        fitted,
                        labels[fold.fitted],
                        classes,
                        penalty=penalty,
                        weights=class_weights(labels[fold.fitted], classes, candidate),
                    ),
                )
                for (fitted, rows), fold in zip(scaled, folds, strict=True)
            ]
        )
        better = _balanced(logits, held, classes) > most
        if better:
            power, chosen, most = candidate, logits, _balanced(logits, held, classes)
        loss, accuracy = loss_and_accuracy(logits, held)
        trials.append(Trial(f"class weights to the power {candidate:g}", loss, accuracy, better))
    return power, chosen, trials


def _only_known_classes(fold: Fold, labels: np.ndarray) -> Fold:
    """The fold without held-out rows of classes that it has nothing to fit to."""
    return Fold(fold.fitted, fold.held[np.isin(labels[fold.held], labels[fold.fitted])])


def _scaled(features: np.ndarray, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
    fitted = features[fold.fitted]
    scaling = Scaling.of(fitted)
    return scaling.apply(fitted), scaling.apply(features[fold.held])


def loss_and_accuracy(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Mean cross-entropy in nats and accuracy of logits (n, units)."""
    return float(picture_losses(softmax(logits), labels).mean()), _accuracy(logits, labels)


def _accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    return float((softmax(logits).argmax(axis=1) == labels).mean())


def _recalls(logits: np.ndarray, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    right = softmax(logits).argmax(axis=1) == labels
    counts = np.bincount(labels, minlength=classes)
    present = counts > 0
    return np.bincount(labels, right, classes)[present] / counts[present], counts[present]


def _balanced(logits: np.ndarray, labels: np.ndarray, classes: int) -> float:
    return float(_recalls(logits, labels, classes)[0].mean())


def _balanced_error(logits: np.ndarray, labels: np.ndarray, classes: int) -> float:
    """The standard error of the balanced accuracy."""
    recalls, counts = _recalls(logits, labels, classes)
    return float(np.sqrt((recalls * (1 - recalls) / counts).sum()) / len(recalls))
