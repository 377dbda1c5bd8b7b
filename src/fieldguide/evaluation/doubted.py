"""The labels in doubt among the pictures of a training, by what it said of them out of fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldguide.evaluation.metrics import mean_recall
from fieldguide.evaluation.suspects import Suspects, find_suspects
from fieldguide.intervals import wilson
from fieldguide.training.fit import Run

FEWEST = 20  # pictures, below which what is usual of a class is not known


@dataclass(frozen=True, eq=False)
class Doubted:
    """A ranking of pictures by how much their labels are in doubt, and which pictures these are."""

    suspects: Suspects
    files: tuple[str, ...]  # as seen from the pictures' root, one for each row of the ranking


def doubted(run: Run) -> Doubted | None:
    """The labels in doubt of a training; None where nothing is known of them.

    What is said of a picture comes from a model that was not fitted to it. Of a training from random weights, of fewer
    than 20 pictures, and where those answers are not surely better than guessing, nothing is known.

    Args:
        run: from `train`.
    """
    said = run.answers
    if said is None or len(said.rows) < FEWEST or not _tells(said.probabilities, said.labels):
        return None
    train, count = run.parts.train, len(run.parts.train)
    files = tuple(
        train.name(int(row)) if row < count else run.parts.validation.name(int(row) - count) for row in said.rows
    )
    return Doubted(find_suspects(said.probabilities, said.labels, train.class_names), files)


def _tells(probabilities: np.ndarray, labels: np.ndarray) -> bool:
    """Whether answers are surely better than guessing: on all pictures, or on those of every class alike."""
    support = np.bincount(labels, minlength=probabilities.shape[1])
    hits = np.bincount(labels[probabilities.argmax(axis=1) == labels], minlength=len(support))
    better = wilson(hits.sum(), len(labels)).low > support.max() / len(labels)
    return bool(better or mean_recall(hits, support).low > 1 / np.count_nonzero(support))
