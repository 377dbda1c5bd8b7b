"""Sets of labelled pictures as a frozen backbone sees them, and what a head states of those it did not learn from.

Shared by the benchmarks of doubt: suspects.py, naming.py and novelty.py.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import measure
import numpy as np

from fieldguide.calibration import softmax
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.data.twins import find_twins
from fieldguide.model.head import Head
from fieldguide.training import features
from fieldguide.training.choose import choose, folds_for
from fieldguide.training.logistic import Examples, fit, problem_for
from fieldguide.training.recipe import Recipe

PACKAGES = ("fieldguide", "scipy", "numpy", "ai-edge-litert", "opencv-python-headless")


@dataclass(frozen=True, eq=False)
class Featured:
    """A set of pictures, each as its pooled features."""

    name: str
    features: np.ndarray  # float32 (n, 1280)
    labels: np.ndarray  # int (n,)
    groups: np.ndarray  # int (n,): copies and near-copies share a number
    given: np.ndarray  # bool (n,): stands in the part that came to measure with
    class_names: tuple[str, ...]

    def select(self, rows: np.ndarray) -> Featured:
        """Some of the pictures, with the same classes."""
        parts = {part: getattr(self, part)[rows] for part in ("features", "labels", "groups", "given")}
        return replace(self, **parts)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Stated:
    """What heads state of the pictures that they did not learn from, and the head that learnt from all."""

    rows: np.ndarray  # int (held,), of the pictures that were given
    logits: np.ndarray  # float32 (held, units)
    temperature: float
    penalty: float
    head: Head

    @property
    def probabilities(self) -> np.ndarray:
        """Calibrated, float64 (held, k)."""
        return softmax(self.logits, self.temperature)


def featured(folder: Path) -> Featured:
    """The pictures of a folder, at the size that a training would choose for them."""
    dataset = Dataset.from_directory(folder)
    store = PixelStore.build(dataset)
    recipe = Recipe.auto(store)
    if (recipe.target_size, recipe.resize) != (store.target_size, store.resize):
        store = PixelStore.build(dataset, target_size=recipe.target_size, resize=recipe.resize)
    found = store.dataset
    given = np.zeros(len(store), bool) if found.given is None else found.given > found.given.min()
    values = features.compute(store).values
    return Featured(folder.name, values, found.labels, find_twins(store).groups, given, found.class_names)


def stated(pictures: Featured, seed: int, *, whole: bool = True) -> Stated:
    """A head with settings chosen out of fold, as a training does it.

    Args:
        pictures: to learn from.
        seed: of the folds.
        whole: fit the head to all pictures too.
    """
    recipe = Recipe(seed=seed)
    folds, _ = folds_for(pictures.labels, pictures.groups, 0, recipe)
    examples = Examples(pictures.features, pictures.labels, len(pictures.class_names))
    chosen = choose(examples, folds, recipe)
    rows = np.concatenate([fold.held for fold in folds])
    head = Head(np.zeros((0, 0), np.float32), np.zeros(0, np.float32))
    if whole:
        problem = problem_for(examples, np.arange(len(pictures.labels)), chosen.power)
        head = fit(examples, [problem], penalty=chosen.penalty)[0][0]
    return Stated(rows, chosen.logits, chosen.temperature, chosen.penalty, head)


def kept_rows(path: Path) -> list[dict[str, object]]:
    """The rows that were measured before, none where there is no file."""
    return list(csv.DictReader(path.open(encoding="utf-8"))) if path.exists() else []


def known(rows: list[dict[str, object]], key: Mapping[str, object]) -> bool:
    """Whether there is a row with these values."""
    return any(all(str(row[name]) == str(value) for name, value in key.items()) for row in rows)


def mean_and_least(rows: list[dict[str, object]], column: str) -> str:
    """The mean over the rows and the smallest, in percent."""
    values = [100 * float(str(row[column])) for row in rows]
    return f"{np.mean(values):.1f} ({min(values):.1f})"


def environment(python: str) -> dict[str, str]:
    """The columns that say what it was measured with: no timings here, so no hardware."""
    return {"versions": measure.versions(python, PACKAGES)}
