"""Choosing a head's settings on pictures it was not fitted to, so that no figure need be quoted on those that chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from fieldguide import console
from fieldguide.calibration import fit_temperature, picture_losses, softmax
from fieldguide.data.split import assign
from fieldguide.model.head import Head
from fieldguide.training.judging import Judge
from fieldguide.training.logistic import Examples, fit, problem_for
from fieldguide.training.recipe import Recipe
from fieldguide.training.record import Answers, Epoch, Trial

MANY_PICTURES = 20_000  # beyond, one fold tells as much as five
IMBALANCE = 1.5  # largest class to smallest, from which weighting classes is tried
POWERS = (0.0, 0.5, 1.0)  # of the class weights
PICTURES, CLASSES = Judge(), Judge(by_classes=True)
# Gradient at which fits are compared: their held-out losses hold to about 0.003. A fit that starts this close, where
# the one before ended, stays there: so penalties and weights that hardly differ may be told with the same figures.
CLOSE_ENOUGH = 1e-3


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows to fit to, of two classes or more, and rows held out, of no other classes."""

    fitted: np.ndarray  # int64
    held: np.ndarray  # int64
    # int64, rows of other views of the fitted pictures: fitted to, and counted in no figure
    varied: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def rows(self) -> np.ndarray:
        """All rows that are fitted to."""
        return np.concatenate([self.fitted, self.varied])


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
    def answers(self) -> Answers:
        """What was said of the held-out pictures."""
        rows = np.concatenate([fold.held for fold in self.folds])
        return Answers(rows, self.labels, softmax(self.logits, self.temperature))

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

    Returns:
        The folds, none where the pictures are too few to hold any out, and the words.
    """
    count = len(labels) - validation
    if validation:
        split = Fold(np.arange(count), np.arange(count, len(labels)))
        return (_only_known_classes(split, labels),), f"on the {validation:,} pictures of the validation part"
    fold_of = assign(labels, groups, [1 / recipe.folds] * recipe.folds, seed=recipe.seed)
    used = recipe.folds if count <= MANY_PICTURES else 1
    folds = [Fold(np.flatnonzero(fold_of != number), np.flatnonzero(fold_of == number)) for number in range(used)]
    two_classes = [fold for fold in folds if len(np.unique(labels[fold.fitted])) > 1]
    kept = tuple(fold for fold in (_only_known_classes(fold, labels) for fold in two_classes) if len(fold.held))
    if len(kept) == 1:
        return kept, f"on {len(kept[0].held):,} of the {count:,} training pictures, held out"
    return kept, f"out of fold: {len(kept)} times a part of the {count:,} training pictures was held out"


def choose(
    examples: Examples, folds: Sequence[Fold], recipe: Recipe, *, what: str = "", judge: Judge = PICTURES
) -> Chosen:
    """The penalty with the lowest held-out loss, and class weights where they help.

    Penalties are tried from the strongest on, until the loss has risen twice. Where every picture counts alike, all
    this is without class weights, which are then taken if they raise the balanced accuracy by more than its standard
    error. Where every class does, it is with classes weighted alike, and weaker weights are taken if their loss is
    lower: benchmarks/imbalance.py weighs this against other rules.

    Args:
        examples: features and labels.
        folds: from `folds_for`.
        recipe: for the penalties, and for class weights that are given. Balanced sampling is the same as weights by
            class here, where all pictures are fitted to at once.
        what: the head reads, for the names of the trials.
        judge: says which held-out loss is the lowest.
    """
    truth = np.concatenate([examples.labels[fold.held] for fold in folds])
    given = 1.0 if recipe.sampling == "balanced" else recipe.class_weights
    power = given if given is not None else 1.0 if judge.by_classes else 0.0
    problems = [problem_for(examples, fold.rows, power) for fold in folds]
    tried: list[tuple[float, float, np.ndarray, np.ndarray]] = []  # penalty, loss, logits, coefficients
    start = None
    with console.progress("Trying penalties", len(recipe.penalties)) as bar:
        for penalty in sorted(recipe.penalties, reverse=True):
            heads, start = fit(
                examples, problems, penalty=penalty, start=start, tolerance=CLOSE_ENOUGH, watch=lambda _: bar.advance(0)
            )
            logits = _held_out(heads, examples, folds)
            tried.append((penalty, judge.loss(logits, truth), logits, start))
            bar.advance()
            losses = [loss for _, loss, *_ in tried]
            if len(tried) - np.argmin(losses) > 2:
                break
    penalty, _, logits, start = min(tried, key=lambda entry: entry[1])
    alike = "every class alike, " if power == 1 else ""
    trials = [
        _trial(f"{what}{alike}L2 penalty {value:g}", found, truth, judge, value == penalty)
        for value, _, found, _ in tried
    ]
    counts = np.bincount(examples.labels, minlength=examples.classes)  # the views of a picture change no ratio much
    if given is None and counts.max() >= IMBALANCE * max(1, counts[counts > 0].min()):
        known = power
        power, logits, more = _weighted(examples, folds, penalty, (known, logits), start, what, judge)
        if power != known and judge.by_classes:  # another weighting is taken, at this penalty
            trials = [replace(each, chosen=False) for each in trials]
        trials += more
    return Chosen(penalty, power, tuple(trials), tuple(folds), logits, truth)


def _trial(name: str, logits: np.ndarray, truth: np.ndarray, judge: Judge, chosen: bool) -> Trial:
    balanced = judge.accuracy(logits, truth) if judge.by_classes else None
    return Trial(name, *loss_and_accuracy(logits, truth), chosen, balanced)


def learning_curve(examples: Examples, fold: Fold, penalty: float, power: float) -> tuple[tuple[Epoch, ...], Head]:
    """The head's way to its minimum on one fold, an epoch for each pass that improved it, and the head there."""
    labels = examples.labels
    epochs: list[Epoch] = []

    def watch(heads: list[Head]) -> None:
        logits = heads[0].logits(examples.features)
        loss, accuracy = loss_and_accuracy(logits[fold.fitted], labels[fold.fitted])
        val_loss, val_accuracy = loss_and_accuracy(logits[fold.held], labels[fold.held])
        figures = (loss, accuracy, val_loss, val_accuracy)
        epochs.append(Epoch("head", len(epochs) + 1, *figures, n=len(fold.fitted), val_n=len(fold.held)))
        bar.advance()

    with console.progress("Following the head", 0) as bar:
        heads, _ = fit(examples, [problem_for(examples, fold.rows, power)], penalty=penalty, watch=watch)
        if not epochs:  # nothing could be learnt: the start is the minimum
            watch(heads)
    return tuple(epochs), heads[0]


def _weighted(
    examples: Examples,
    folds: Sequence[Fold],
    penalty: float,
    first: tuple[float, np.ndarray],
    start: np.ndarray,
    what: str,
    judge: Judge,
) -> tuple[float, np.ndarray, list[Trial]]:
    """The class weights that do best on held-out pictures, their logits and what was tried.

    Args:
        first: the power that is known, and its logits.
    """
    truth = np.concatenate([examples.labels[fold.held] for fold in folds])
    tried: list[tuple[float, np.ndarray]] = []  # power, logits
    for power in POWERS:
        if power == first[0]:
            continue
        problems = [problem_for(examples, fold.rows, power) for fold in folds]
        heads, _ = fit(examples, problems, penalty=penalty, start=start, tolerance=CLOSE_ENOUGH)
        tried.append((power, _held_out(heads, examples, folds)))
    if judge.by_classes:
        best, logits = min([first, *tried], key=lambda entry: judge.loss(entry[1], truth))
    else:
        best, logits = max(tried, key=lambda entry: CLASSES.accuracy(entry[1], truth))
        needed = CLASSES.accuracy(first[1], truth) + _balanced_error(first[1], truth)
        if CLASSES.accuracy(logits, truth) <= needed:
            best, logits = first
    trials = [
        _trial(f"{what}class weights to the power {power:g}", found, truth, judge, power == best)
        for power, found in tried
    ]
    return best, logits, trials


def _held_out(heads: Sequence[Head], examples: Examples, folds: Sequence[Fold]) -> np.ndarray:
    """Logits of every fold's held-out rows by the head that did not see them, one fold after the other."""
    return np.concatenate([head.logits(examples.features[fold.held]) for head, fold in zip(heads, folds, strict=True)])


def _only_known_classes(fold: Fold, labels: np.ndarray) -> Fold:
    """The fold without held-out rows of classes that it has nothing to fit to."""
    return replace(fold, held=fold.held[np.isin(labels[fold.held], labels[fold.fitted])])


def loss_and_accuracy(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Mean cross-entropy in nats and accuracy of logits (n, units)."""
    return float(picture_losses(softmax(logits), labels).mean()), _accuracy(logits, labels)


def _accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    return float((softmax(logits).argmax(axis=1) == labels).mean())


def _balanced_error(logits: np.ndarray, labels: np.ndarray) -> float:
    """The standard error of the balanced accuracy."""
    right = softmax(logits).argmax(axis=1) == labels
    _, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    recalls = np.bincount(place, right) / counts
    return float(np.sqrt((recalls * (1 - recalls) / counts).sum()) / len(recalls))
