"""Measuring on all pictures, where few are there: each by a model that has learnt from the others only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fieldguide import console
from fieldguide.bounds import whole
from fieldguide.calibration import temper
from fieldguide.data.arguments import said, store_of
from fieldguide.data.dataset import PARTS, Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import Parts, assign, split
from fieldguide.data.twins import Twins, find_twins
from fieldguide.errors import InputError, InputTypeError
from fieldguide.evaluation.evaluate import evaluate
from fieldguide.evaluation.folds import CROSS_VALIDATION, FoldScore, mean_temperature
from fieldguide.evaluation.metrics import Score, score
from fieldguide.evaluation.replied import pooled_replies
from fieldguide.training.fit import train
from fieldguide.training.phases import hold_out
from fieldguide.training.recipe import Recipe
from fieldguide.words import counted

FEWEST_FOLDS, MOST_FOLDS = 2, 100


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What models are worth on pictures that each of them had not seen, all pictures together.

    Example:
        >>> import fieldguide as fg
        >>> measured = fg.cross_validate(fg.Dataset.from_directory("photos"), folds=3)
        >>> measured.score.n, measured.probabilities.shape
        (65, (65, 2))
        >>> run = fg.train(measured.parts, recipe=measured.recipe)
        >>> print(run.parts)
        65 train
    """

    score: Score  # of all pictures, in the order of `parts.train`
    parts: Parts  # all pictures to train on: what the classifier is made from that is kept
    recipe: Recipe  # of every training
    fold_of: np.ndarray  # int8 (n,): the fold of each picture, from 0

    @property
    def probabilities(self) -> np.ndarray:
        """What is stated of each picture by the model that had not seen it, calibrated: float32 (n, k)."""
        return self.score.probabilities

    @property
    def labels(self) -> np.ndarray:
        """The given class of each picture, int32 (n,)."""
        return self.score.labels

    def __str__(self) -> str:
        return str(self.score)

    def to_dict(self) -> dict[str, object]:
        """How it was divided and all figures, ready for JSON; not the probabilities of all pictures."""
        return {"how": self.parts.how, "recipe": self.recipe.to_dict(), **self.score.to_dict()}


def cross_validate(
    data: Dataset | PixelStore,
    *,
    folds: int = 5,
    recipe: Recipe | None = None,
    seed: int = 0,
    twins: Twins | None = None,
) -> CrossValidation:
    """How well models do on each picture that have learnt from the others, with predictions for all of them.

    The pictures are divided into folds, class by class; copies and near-copies of a picture are in one fold. For each
    fold a model is trained on all others, as `train` does it: its choices are made among its own training pictures. It
    predicts the fold that it has not seen. The predictions of all folds together give one score.

    It is the score of models that learnt from fewer pictures than there are, so a little pessimistic for the one that
    learns from all: `train(result.parts, recipe=result.recipe)`. The interval takes predictions for independent, and is
    a little too narrow, since the models share training pictures.

    Args:
        data: a data set that does not come divided, or its pixel store if that was built already.
        folds: how many, from 2 to 100, and no more than any class has different pictures.
        recipe: of every training; default `Recipe.auto` of all pictures, which looks at their number and sizes only.
        seed: of the shuffle; the same seed gives the same folds.
        twins: from `find_twins`, if it was called already for this store.

    Raises:
        InputTypeError: if the pictures or the recipe are of another kind.
        InputError: if the pictures come divided, a class has fewer different pictures than there are folds, or folds
            is no such number.

    Source:
        Y. Bengio, Y. Grandvalet (2004), "No unbiased estimator of the variance of k-fold cross-validation", Journal of
        Machine Learning Research 5, for why the interval is too narrow and cannot be mended.

    Example:
        >>> import fieldguide as fg
        >>> measured = fg.cross_validate(fg.Dataset.from_directory("photos"), folds=3, seed=1)
        >>> print(measured)
        accuracy ... n=65 pictures, each by a model that had not seen it
        ...
        >>> measured.fold_of.shape
        (65,)
    """
    require_folds(folds)
    if recipe is not None and not isinstance(recipe, Recipe):
        raise InputTypeError(
            f"recipe is {said(recipe)}; expected a Recipe, such as fg.Recipe.auto(data): networks from random weights "
            "are not cross-validated."
        )
    store = store_of("data", data)
    dataset = store.dataset
    refuse_what_cannot_be_folded(dataset, folds)
    twins = twins or find_twins(store)
    refuse_what_cannot_be_folded(dataset, folds, twins.groups)
    recipe = recipe or Recipe.auto(store, seed=seed)
    fold_of = assign_folds(dataset.labels, twins.groups, folds, seed=seed)
    divided = [_parts(dataset, fold_of, number, twins, seed) for number in range(folds)]
    for parts in divided:
        hold_out(parts, recipe)  # refused now, before the first of them is trained
    scores, found = [], []
    for number, parts in enumerate(divided):
        console.say(
            f"Fold {number + 1} of {folds}: {len(parts.test):,} pictures, by a model of the other {len(parts.train):,}"
        )
        run = train(parts, recipe=recipe)
        own = _measured(evaluate(run.classifier, parts.test, part=f"fold {number + 1}", seed=seed), parts.test)
        scores.append(own)
        found.append(
            FoldScore(np.flatnonzero(fold_of == number), own.accuracy, run.train_accuracy, run.classifier.temperature)
        )
    how = f"into {folds} folds by class (seed {seed}), of which each was predicted by a model of the others; copies "
    whole_set = replace(split(store, validation=0.0, test=0.0, seed=seed, twins=twins), how=f"{how}stay together")
    return CrossValidation(pooled(scores, found, dataset, seed=seed), whole_set, recipe, fold_of)


def require_folds(folds: object) -> None:
    """Sees to it that folds are a number of them.

    Raises:
        InputError: they are no whole number, or one out of range.

    Example:
        >>> require_folds(1)
        Traceback (most recent call last):
        fieldguide.errors.InputError: folds is 1; expected a whole number from 2 to 100, such as 5.
    """
    expected = f"a whole number from {FEWEST_FOLDS} to {MOST_FOLDS}, such as 5"
    whole("folds", folds, expected, FEWEST_FOLDS, MOST_FOLDS)


def refuse_what_cannot_be_folded(data: Dataset, folds: int, groups: np.ndarray | None = None) -> None:
    """Sees to it that pictures do not come divided and that every class reaches into all folds.

    Args:
        data: the pictures.
        folds: how many.
        groups: int (n,); pictures of one number are one picture, and count for the class of the first of them. None
            where that is not known yet.

    Raises:
        InputError: they do, or a class has fewer pictures.
    """
    present = [] if data.given is None else np.unique(data.given).tolist()
    if len(present) > 1:
        one = f"name one of the parts, such as {data.root / PARTS[present[0]]}, or put all pictures of a class into one"
        what = f"{one} folder" if data.table is None else "take out the column that says so, or name another one for it"
        raise InputError(
            f"{data.source} comes divided into {' and '.join(PARTS[part] for part in present)}, and cross-validation "
            f"divides the pictures itself: {what}."
        )
    counts = _different(data.labels, np.arange(len(data)) if groups is None else groups, len(data.class_names))
    fewest = int(counts.argmin())
    if counts[fewest] >= folds:
        return
    different, files = int(counts[fewest]), int((data.labels == fewest).sum())
    has = counted(files, "readable picture" if groups is not None else "picture")
    if different < files:
        come = "comes" if files == 1 else "come"
        has += f", which {come} to {different:,} different ones, since copies and look-alikes stay together"
    most = f"The most folds that work are {different}" if different >= FEWEST_FOLDS else "No number of folds works"
    raise InputError(
        f"class '{data.class_names[fewest]}' in {data.root} has {has}: each of the {folds} folds needs one of its own. "
        f"{most}: give fewer, add pictures to the class, or remove it."
    )


def assign_folds(labels: np.ndarray, groups: np.ndarray, folds: int, *, seed: int) -> np.ndarray:
    """A fold for every picture: class by class in equal shares, whole groups at a time.

    Args:
        labels: int (n,).
        groups: int (n,); pictures of one group come into one fold.
        folds: how many, at the most 127.
        seed: of the shuffle.

    Returns:
        int8 (n,), from 0 to below `folds`.

    Example:
        >>> assign_folds(np.array([0] * 4 + [1] * 4), np.arange(8), 3, seed=0).tolist()
        [1, 2, 0, 0, 2, 1, 0, 1]
    """
    fold_of = assign(labels, groups, [1 / folds] * folds, seed=seed)
    # What does not divide evenly comes into a class's first folds: so each class begins where the last one ended.
    counts = _different(labels, groups, int(labels.max()) + 1)
    begins = (np.cumsum(counts) - counts) % folds
    _, first, number = np.unique(groups, return_index=True, return_inverse=True)
    return ((fold_of + begins[labels[first]][number.reshape(-1)]) % folds).astype(np.int8)


def _different(labels: np.ndarray, groups: np.ndarray, classes: int) -> np.ndarray:
    """How many different pictures each class has: int64 (classes,)."""
    first = np.unique(groups, return_index=True)[1]
    return np.bincount(labels[first], minlength=classes)


def _parts(dataset: Dataset, fold_of: np.ndarray, number: int, twins: Twins, seed: int) -> Parts:
    """All folds but one to train on, and that one to measure with."""
    learnt, held = fold_of != number, fold_of == number
    nothing = np.zeros(len(dataset), bool)
    return Parts(
        train=dataset.select(learnt),
        validation=dataset.select(nothing),
        test=dataset.select(held),
        groups=twins.groups[learnt],
        seed=seed,
        how=f"fold {number + 1}",
    )


def _measured(own: Score, held: Dataset) -> Score:
    """The score of a fold, if it is of every picture in it.

    Raises:
        InputError: one cannot be read any more, or is now the same as one that was learnt from.
    """
    if own.n < len(held):
        lost = [name for name in map(held.name, range(len(held))) if name not in set(own.names)]
        raise InputError(
            f"{held.root / lost[0]} could be read when the pictures were divided and has changed since: run the "
            "command again."
        )
    return own


def pooled(scores: Sequence[Score], folds: Sequence[FoldScore], data: Dataset, *, seed: int = 0) -> Score:
    """One score of the predictions of all folds, each picture where it stands in the data set.

    Args:
        scores: of each fold's model on its fold.
        folds: likewise, with the rows of its pictures.
        data: all pictures.
        seed: of the bootstrap intervals.
    """
    stated = np.empty((len(data), len(data.class_names)), np.float32)
    before = np.empty_like(stated)
    for own, fold in zip(scores, folds, strict=True):
        stated[fold.rows] = own.probabilities
        before[fold.rows] = temper(own.probabilities, 1.0 / fold.temperature)
    names = [data.name(row) for row in range(len(data))]
    result, uncalibrated = (
        score(each, data.labels, data.class_names, names, part=CROSS_VALIDATION, seed=seed) for each in (stated, before)
    )
    return replace(
        result,
        temperature=mean_temperature(folds),
        log_loss_before=uncalibrated.log_loss.value,
        calibration_error_before=uncalibrated.calibration_error,
        bins_before=uncalibrated.bins,
        skipped=data.skipped,
        folds=tuple(folds),
        replied=pooled_replies(
            [own.replied for own in scores],
            [fold.rows for fold in folds],
            result.labels,
            result.predicted,
            data.class_names,
        ),
    )
