"""Choosing the settings of a head for several labels on pictures it was not fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from fieldguide import console
from fieldguide.calibration import fit_temperature
from fieldguide.data.tag_split import TagParts, assign_tags
from fieldguide.model.head import Head
from fieldguide.training.choose import CLOSE_ENOUGH, MANY_PICTURES, Fold
from fieldguide.training.logistic import Examples, Problem, Scaling, fit
from fieldguide.training.thresholds import FEWEST_SHOWN, Threshold, thresholds_for
from fieldguide.words import counted

MOST_SPANNED = 2_000  # pictures, of which the turned features of all folds are held in memory
SURE = 2.0  # standard errors by which the maps of all blocks must be better to be read


@dataclass(frozen=True, eq=False)
class TagChosen:
    """What did best on held-out pictures, class by class."""

    penalties: np.ndarray  # float64 (classes,), L2
    tried: tuple[tuple[float, float], ...]  # penalty and mean held-out loss of a decision, in nats
    logits: np.ndarray  # float32 (held, classes), of the held-out pictures of all folds
    truth: np.ndarray  # bool (held, classes)
    rows: np.ndarray  # int64 (held,), of train and then validation

    @cached_property
    def temperature(self) -> float:
        """The one temperature that calibrates the held-out logits of all classes."""
        return fit_temperature(self.logits.reshape(-1, 1), self.truth.reshape(-1).astype(np.int64))

    @cached_property
    def probabilities(self) -> np.ndarray:
        """What was stated of the held-out pictures, calibrated: float32 (held, classes)."""
        return _sigmoid(self.logits / np.float32(self.temperature))

    @cached_property
    def thresholds(self) -> tuple[Threshold, ...]:
        """The threshold of each class."""
        return thresholds_for(self.probabilities, self.truth)

    @property
    def losses(self) -> np.ndarray:
        """The mean loss of the decisions on each held-out picture, float64 (held,)."""
        return _losses(self.logits, self.truth).mean(axis=1)


def tag_folds(parts: TagParts, *, folds: int, seed: int) -> tuple[tuple[Fold, ...], str]:
    """How pictures are held out to choose by, and that in words.

    Args:
        parts: of which a validation part, if there is one, is held out alone.
        folds: of the training pictures otherwise.
        seed: of the shuffle.
    """
    count = len(parts.train)
    leaked = {leak.other for leak in parts.leaks if leak.other_part == "validation"}
    new = [row for row in range(len(parts.validation)) if parts.validation.name(row) not in leaked]
    if 2 * len(new) >= max(1, len(parts.validation)):  # what is left of one that leaks may be too few to choose by
        fold = Fold(np.arange(count), count + np.array(new))
        also = counted(len(leaked), "more stands in train too and chooses", "more stand in train too and choose")
        apart = f"; {also} nothing" if leaked else ""
        return (fold,), f"on the {len(new):,} pictures of the validation part{apart}"
    fold_of = assign_tags(parts.train.labels, parts.groups[:count], [1 / folds] * folds, seed=seed)
    used = range(folds if count <= MANY_PICTURES else 1)
    found = tuple(Fold(np.flatnonzero(fold_of != each), np.flatnonzero(fold_of == each)) for each in used)
    found = tuple(fold for fold in found if len(fold.held) and len(fold.fitted))
    why = ", since most of the validation part stands in train too" if leaked else ""
    if len(found) == 1:
        return found, f"on {len(found[0].held):,} of the {count:,} training pictures, held out{why}"
    return found, f"out of fold: {len(found)} times a part of the {count:,} training pictures was held out{why}"


def choose_tags(examples: Examples, folds: Sequence[Fold], penalties: Sequence[float]) -> TagChosen:
    """The penalty of each class with its lowest held-out loss; of a class that few pictures show, that of all classes.

    Args:
        examples: features and labels, each class a question of its own.
        folds: from `tag_folds`.
        penalties: that are tried, from the strongest on until every class has been better before for two of them.
    """
    rows = np.concatenate([fold.held for fold in folds])
    truth = examples.labels[rows]
    narrowed = [Narrowed.of(examples, fold.fitted) for fold in folds]
    tried: list[tuple[float, np.ndarray, np.ndarray]] = []  # penalty, loss of each class, logits
    starts: list[np.ndarray | None] = [None] * len(folds)
    with console.progress("Trying penalties", len(penalties)) as bar:
        for penalty in sorted(penalties, reverse=True):
            found = []
            for place, (fold, own) in enumerate(zip(folds, narrowed, strict=True)):
                heads, starts[place] = fit(
                    own.examples,
                    [own.problem],
                    penalty=penalty,
                    start=starts[place],
                    tolerance=CLOSE_ENOUGH,
                    watch=lambda _: bar.advance(0),
                )
                found.append(heads[0].logits(own.examples.features[fold.held]))
            logits = np.concatenate(found)
            tried.append((penalty, _losses(logits, truth).mean(axis=0), logits))
            bar.advance()
            best = np.array([losses for _, losses, _ in tried]).argmin(axis=0)
            if (len(tried) - best > 2).all():
                break
    by_class = np.array([losses for _, losses, _ in tried])  # (tried, classes)
    best = by_class.argmin(axis=0)
    best[truth.sum(axis=0) < FEWEST_SHOWN] = by_class.mean(axis=1).argmin()
    return TagChosen(
        penalties=np.array([tried[place][0] for place in best]),
        tried=tuple((penalty, float(losses.mean())) for penalty, losses, _ in tried),
        logits=np.stack([tried[place][2][:, label] for label, place in enumerate(best)], axis=1),
        truth=truth,
        rows=rows,
    )


def clearly_lower(one: TagChosen, other: TagChosen) -> bool:
    """Whether the losses of one are lower than those of the other, on the same pictures, by more than chance."""
    gaps = other.losses - one.losses
    return bool(gaps.mean() > SURE * gaps.std() / np.sqrt(max(1, len(gaps))))


def fitted_tags(examples: Examples, rows: np.ndarray, penalties: np.ndarray) -> Head:
    """The head with these penalties, fitted to these pictures."""
    own = Narrowed.of(examples, rows)
    with console.progress("Fitting the head", 0) as bar:
        heads, _ = fit(own.examples, [own.problem], penalty=penalties, watch=lambda _: bar.advance())
    return own.plain(heads[0])


@dataclass(frozen=True, eq=False)
class Narrowed:
    """A fit to some pictures in as many dimensions as they span, where these are far fewer than the features.

    The solution of an L2-penalised fit lies in the span of what it is fitted to, and turning the axes changes no
    penalty: so nothing but the time is another.

    Source:
        T. Hastie, R. Tibshirani (2004), "Efficient quadratic regularization for expression arrays", Biostatistics 5.
    """

    examples: Examples
    problem: Problem
    basis: tuple[np.ndarray, Scaling] | None  # float64 (features, dimensions) and what evened them out; None: as it was

    @classmethod
    def of(cls, examples: Examples, rows: np.ndarray) -> Narrowed:
        """The fit to these rows."""
        problem = problem_of(examples, rows)
        features = examples.features
        if len(rows) > min(MOST_SPANNED, features.shape[1] // 2):
            return cls(examples, problem, None)
        even = (features - problem.scaling.mean) / problem.scaling.scale  # float64 (n, features)
        basis = np.linalg.svd(even[rows], full_matrices=False)[2].T
        values = (even @ basis).astype(np.float32)
        as_they_are = Scaling(np.zeros(basis.shape[1]), np.ones(basis.shape[1]))
        turned = Examples(values, examples.labels, examples.classes)
        return cls(turned, Problem(problem.weights, as_they_are), (basis, problem.scaling))

    def plain(self, head: Head) -> Head:
        """A head for these dimensions as one for the features."""
        if self.basis is None:
            return head
        basis, scaling = self.basis
        kernel = (basis @ head.kernel.astype(np.float64)) / scaling.scale[:, None]
        bias = head.bias - scaling.mean @ kernel
        return replace(head, kernel=kernel.astype(np.float32), bias=bias.astype(np.float32))


def problem_of(examples: Examples, rows: np.ndarray) -> Problem:
    """The fit to these rows, in which every picture counts alike."""
    weights = np.zeros(len(examples.labels), np.float32)
    weights[rows] = 1 / len(rows)
    return Problem(weights, Scaling.of(examples.features, rows))


def _losses(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The loss of every decision in nats, float64 (n, classes)."""
    wide = logits.astype(np.float64)
    return np.logaddexp(0, wide) - truth * wide


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return (1 / (1 + np.exp(-np.clip(logits, -60, 60)))).astype(np.float32)
