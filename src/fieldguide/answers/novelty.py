"""Which pictures are unlike anything that was learnt from, by how far the nearest learnt picture is.

Features are taken at length 1, and learnt pictures as far as they lie in the few directions in which they differ most:
what a new picture has besides lies in none of these, and keeps it away from all. So a few hundred kilobytes tell new
pictures from known ones as well as the nearest of all whole features does.

The threshold is that of pictures which were held out with all others of their kind: a picture that is held out at
random meets its own series among the learnt ones, the same animal or place, and a new animal of a known class would be
taken for something else.

Measured on classes that were left out and on other sets (benchmarks/results/novelty.csv), the chance that a new picture
scores above a known one is 99% to 100% for pictures of something else entirely, 92% for classes left out of fifty or of
three, and 83% for kinds of waste left out of six, where new classes are much like known ones: with 5% of false alarms
promised, and 0% to 2% measured, 57% to 100% of the first, half of ten classes out of fifty, and 1% to 43% of the others
are found. No other score was better on all of them: the fifth nearest, the mean of a class, Mahalanobis' distance (also
relative) and ViM are worse on most; the distance in proportion to the nearest picture's own neighbours, and what the
classifier states, are better on one set and worse on others, and the latter fails where a new class is stated with
certainty.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fieldguide.answers.quantile import needed, upper
from fieldguide.answers.stated import stated_labels
from fieldguide.bounds import number
from fieldguide.errors import InputError
from fieldguide.intervals import Estimate, wilson
from fieldguide.parallel import sparing_threads
from fieldguide.words import counted

FALSE_ALARMS = 0.05
RANK = 64  # directions that are kept; twice as many tell no more, and leave room for half the pictures
MOST_BYTES = 1_000_000  # of what is kept
MOST_FEATURES = 15_625  # of a picture: of more, fewer than 16 directions could be kept
FOLDS = 5
KINDS = 5  # of pictures in a class, that are held out as a whole: with more, new animals are called unlike too often
KIND_RANK = 32  # directions that tell them
BASIS_PICTURES = 1_000  # that tell the directions: so many, and more take longer and tell no others
_SPARE = 16  # directions more than wanted, so that the wanted ones are found well
_PASSES = 4
_ROUNDS = 15
_BLOCK = 4096  # pictures at a time
_SHORTEST = 1e-12  # features that are all zero are like nothing


@dataclass(frozen=True, eq=False)
class Novelty:
    """A rule that says which pictures are unlike those that were learnt from, small enough to be kept with a model.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.arange(200) % 2
        >>> learnt = np.eye(2, 8)[labels] + rng.normal(0, 0.1, (200, 8))
        >>> novelty = Novelty.fit(learnt, labels)
        >>> novelty.unlike(np.stack([learnt[0], np.eye(8)[5]]))
        array([False,  True])
        >>> print(novelty)
        a picture is unlike anything it learnt from if its score is above 0...: at most 5 of 100 pictures like the 200
        that were held out are taken for such
    """

    basis: np.ndarray  # float16 (features, rank): directions in which the learnt pictures lie
    references: np.ndarray  # float16 (m, rank): learnt pictures, each class's
    threshold: float  # the largest score that is nothing new; infinite where too few pictures tell
    false_alarms: float  # share of pictures like the learnt ones that may be above it
    n: int  # pictures the threshold rests on, or groups of copies

    @classmethod
    def fit(
        cls,
        features: np.ndarray,
        labels: np.ndarray,
        *,
        groups: np.ndarray | None = None,
        held: np.ndarray | None = None,
        alike: np.ndarray | None = None,
        false_alarms: float = FALSE_ALARMS,
        seed: int = 0,
    ) -> Novelty:
        """The rule for these pictures, with a threshold from scores of pictures that were held out.

        Features of pictures that the network itself has learnt from lie closer together than those of new ones. Such
        pictures set no threshold: where there are any, `held` says which are not.

        Args:
            features: float (n, features), of the pictures that were learnt from.
            labels: int (n,), 0 or larger. Where not all pictures can be kept, each class keeps its share or more.
            groups: (n,): pictures with the same number are copies: held out together, and counted as one.
            held: bool (n,), pictures that the network has not learnt from, where it has from the others: they set the
                threshold, and new pictures are compared with the others. None where the network learnt from none of
                them: then all are held out in turns.
            alike: float (n, any), by which it is told which pictures of a class are of one kind; None for the features,
                where the network has not learnt from them.
            false_alarms: share of the pictures like these that may be called unlike, between 0 and 1.
            seed: of the choice of pictures.

        Raises:
            InputError: if the numbers do not fit together, features are not finite or too many, or the share is out
                of range.

        Source:
            Y. Sun, Y. Ming, X. Zhu, Y. Li (2022), "Out-of-distribution detection with deep nearest neighbors", ICML.
        """
        rate = number("false_alarms", false_alarms, "a share between 0 and 1, such as 0.05", lambda one: 0 < one < 1)
        rows = _features(features)
        if rows.shape[1] > MOST_FEATURES:
            raise InputError(
                f"pictures came with {rows.shape[1]:,} features; expected {MOST_FEATURES:,} at the most, of which "
                "enough can be kept to tell pictures apart: pool them."
            )
        truth = stated_labels(labels, len(rows), int(np.max(labels, initial=0)) + 1)
        groups = np.arange(len(rows)) if groups is None else np.asarray(groups)
        if groups.shape != truth.shape:
            raise InputError(f"groups have shape {groups.shape} for {len(rows):,} pictures; expected one number each.")
        telling = np.ones(len(rows), bool) if held is None else _truths(held, len(rows))
        learnt = telling if held is None else ~telling
        scores = np.full(len(rows), math.inf)
        with sparing_threads():
            fold_of = _folds(rows if alike is None else _features(alike), truth, groups, seed)
            for fold in range(FOLDS):
                out, fitted = np.flatnonzero(telling & (fold_of == fold)), np.flatnonzero(learnt & (fold_of != fold))
                if len(out) and len(fitted):
                    scores[out] = _scores(rows[out], *_learnt(rows, truth, fitted, seed))
            basis, references = _learnt(rows, truth, np.flatnonzero(learnt), seed)
        threshold, n = upper(scores[telling], rate, groups[telling])
        return cls(basis, references, threshold, rate, n)

    def scores(self, features: np.ndarray) -> np.ndarray:
        """How unlike the learnt pictures each one is: float32 (n,), 0 for no difference and above 1 for nothing alike.

        Args:
            features: float (n, features), of the same network.

        Raises:
            InputError: if they are of another number, or not finite.
        """
        rows = _features(features)
        if rows.shape[1] != len(self.basis):
            raise InputError(
                f"pictures came with {rows.shape[1]:,} features; expected {len(self.basis):,}, of the same network as "
                "those that were learnt from."
            )
        return _scores(rows, self.basis, self.references)

    def unlike(self, features: np.ndarray) -> np.ndarray:
        """Which pictures are unlike anything that was learnt from: bool (n,).

        Args:
            features: float (n, features), of the same network.

        Raises:
            InputError: if they are of another number, or not finite.
        """
        return self.scores(features) > self.threshold

    def measured(self, features: np.ndarray) -> Estimate:
        """The share of false alarms on pictures of the learnt classes that were not learnt from.

        Args:
            features: float (n, features), of the same network.

        Raises:
            InputError: if they are of another number, or not finite.
        """
        alarms = self.unlike(features)
        return wilson(int(alarms.sum()), len(alarms))

    def __str__(self) -> str:
        if math.isinf(self.threshold):
            return (
                f"no picture is called unlike what it learnt from: {counted(self.n, 'picture')} are too few to tell "
                f"how far apart they usually are, {needed(self.false_alarms):,} are needed at least"
            )
        return (
            f"a picture is unlike anything it learnt from if its score is above {self.threshold:.3f}: at most "
            f"{100 * self.false_alarms:g} of 100 pictures like the {self.n:,} that were held out are taken for such"
        )

    @property
    def bytes(self) -> int:
        """Of what is kept: at most 1 MB."""
        return int(self.basis.nbytes + self.references.nbytes)


def _features(features: np.ndarray) -> np.ndarray:
    """Features as float32 (n, features), or refused in words."""
    rows = np.asarray(features)
    if rows.ndim != 2 or not rows.shape[1] or rows.dtype.kind != "f":
        raise InputError(f"features are {rows.dtype} of shape {rows.shape}; expected floats (pictures, features).")
    if not np.isfinite(rows).all():
        raise InputError("some features are not finite; expected numbers: the network has diverged.")
    return rows.astype(np.float32, copy=False)


def _directions_of(rows: np.ndarray) -> np.ndarray:
    """The rows at length 1: how bright or rich in contrast a picture is, is no matter of what it shows."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _SHORTEST)


def _truths(held: np.ndarray, count: int) -> np.ndarray:
    """Which pictures are held, bool (count,), seen to be some of them and not all."""
    held = np.asarray(held)
    if held.shape != (count,) or held.dtype != bool or held.all() or not held.any():
        raise InputError(
            f"held is {held.dtype} of shape {held.shape} with {np.count_nonzero(held):,} set, for {count:,} pictures; "
            "expected one truth value each, some of them true and some not."
        )
    return held


def _folds(rows: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """A fold for each picture, int (n,): the pictures of a class that are alike come into one, and so do copies.

    So a picture that is held out meets none of its own series, animal or place, as a new one of its class will not.
    """
    rng = np.random.default_rng((seed, 24))
    telling = _chosen(labels, BASIS_PICTURES, seed)
    basis = _basis(_directions_of(rows[telling]), min(KIND_RANK, len(telling), rows.shape[1]), seed)
    found = np.concatenate(list(_projected(rows, basis)))
    fold_of = np.zeros(len(rows), np.int64)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        kinds = min(KINDS, len(own))
        place = (np.arange(kinds) + rng.integers(FOLDS)) % FOLDS
        fold_of[own] = rng.permutation(place)[_nearest_means(found[own], kinds, rng)]
    _, first, number = np.unique(groups, return_index=True, return_inverse=True)
    return fold_of[first][number.reshape(-1)]


def _nearest_means(rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """The nearest of so many means of each row, int (n,), the means being those of the rows nearest to them.

    Source:
        S. Lloyd (1982), "Least squares quantization in PCM", IEEE Transactions on Information Theory 28 (k-means).
    """
    means = rows[rng.choice(len(rows), count, replace=False)]
    for _ in range(_ROUNDS):
        nearest = (np.square(means).sum(axis=1) - 2 * rows @ means.T).argmin(axis=1)
        sizes = np.bincount(nearest, minlength=count)
        sums = np.stack([np.bincount(nearest, column, count) for column in rows.T], axis=1)
        means = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], means)
    return np.asarray((np.square(means).sum(axis=1) - 2 * rows @ means.T).argmin(axis=1))


def _learnt(rows: np.ndarray, labels: np.ndarray, fitted: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Basis and references of the fitted rows, float16, in as many bytes as there may be."""
    width = rows.shape[1]
    rank = min(RANK, len(fitted), width, MOST_BYTES // (4 * width))
    most = MOST_BYTES // (2 * rank) - width
    telling = fitted[_chosen(labels[fitted], BASIS_PICTURES, seed)]
    basis = _basis(_directions_of(rows[telling]), rank, seed).astype(np.float16)
    kept = fitted[_chosen(labels[fitted], most, seed)]
    return basis, np.concatenate(list(_projected(rows[kept], basis))).astype(np.float16)


def _projected(rows: np.ndarray, basis: np.ndarray) -> Iterator[np.ndarray]:
    """The rows at length 1 as they lie in the directions of the basis: float32 (n, rank), in blocks."""
    wide = basis.astype(np.float32)
    return (_directions_of(rows[start : start + _BLOCK]) @ wide for start in range(0, len(rows), _BLOCK))


def _basis(rows: np.ndarray, rank: int, seed: int) -> np.ndarray:
    """The directions that hold the most of the rows: float32 (features, rank), orthonormal.

    Source:
        N. Halko, P. G. Martinsson, J. A. Tropp (2011), "Finding structure with randomness", SIAM Review 53,
        algorithm 4.4 (subspace iteration).
    """
    width = min(rank + _SPARE, *rows.shape)
    found = np.random.default_rng((seed, 21)).normal(size=(rows.shape[1], width)).astype(np.float32)
    for _ in range(_PASSES):
        found, _ = np.linalg.qr(rows.T @ (rows @ found))
    _, _, turns = np.linalg.svd(rows @ found, full_matrices=False)
    return found @ turns[:rank].T


def _chosen(labels: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Places of at most so many pictures, at random: of each class as many as of others, while it has them."""
    if len(labels) <= most:
        return np.arange(len(labels))
    shuffled = np.random.default_rng((seed, 22)).permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    ranked = labels[order]
    turn = np.arange(len(order)) - np.searchsorted(ranked, ranked)  # 0, 1, 2, ... in each class
    return np.sort(order[np.argsort(turn, kind="stable")[:most]])


def _scores(rows: np.ndarray, basis: np.ndarray, references: np.ndarray) -> np.ndarray:
    """The squared distance of each row, brought to length 1, to the nearest reference: float32 (n,)."""
    known = references.astype(np.float32)
    lengths = np.square(known).sum(axis=1)
    nearest = [(lengths - 2 * block @ known.T).min(axis=1) for block in _projected(rows, basis)]
    return np.concatenate([np.zeros(0, np.float32), *nearest]) + 1
