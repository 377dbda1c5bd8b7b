"""Sets of labelled pictures as a frozen backbone sees them, and what a head states of those it did not learn from.

Shared by the benchmarks of doubt: suspects.py, naming.py, novelty.py, novelty_maps.py and replies.py.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import measure
import numpy as np

from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.data.twins import find_twins
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
    """What heads state of the pictures that they did not learn from, and of new ones the head that learnt from all."""

    rows: np.ndarray  # int (held,), of the pictures that were learnt from
    logits: np.ndarray  # float32 (held, units)
    temperature: float
    new: np.ndarray  # float32 (new, units)


def featured(folder: Path, *, kept: Path | None = None) -> Featured:
    """The pictures of a folder, at the size that a training would choose for them.

    Args:
        folder: of class folders.
        kept: a folder that holds what an earlier call found for these pictures, or will.
    """
    file = kept and kept / f"features-{folder.name}.npz"
    if file is not None and file.exists():
        with np.load(file) as arrays:
            names = tuple(map(str, arrays["class_names"]))
            rest = (arrays[part] for part in ("features", "labels", "groups", "given"))
            return Featured(folder.name, *rest, names)
    store, groups = store_and_groups(folder)
    own = store.dataset
    given = np.zeros(len(store), bool) if own.given is None else own.given > own.given.min()
    values = features.compute(store).values
    found = Featured(folder.name, values, own.labels, groups, given, own.class_names)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **vars(found))
    return found


def store_and_groups(folder: Path) -> tuple[PixelStore, np.ndarray]:
    """The pictures of a folder, at the size that a training would choose for them, and which of them are copies."""
    dataset = Dataset.from_directory(folder)
    store = PixelStore.build(dataset)
    recipe = Recipe.auto(store)
    resize = "crop" if recipe.resize == "auto" else recipe.resize
    if (recipe.target_size, resize) != (store.target_size, store.resize):
        store = PixelStore.build(dataset, target_size=recipe.target_size, resize=resize)
    return store, find_twins(store).groups


def stated(pictures: Featured, seed: int, *, new: np.ndarray | None = None, kept: Path | None = None) -> Stated:
    """What a head states whose settings were chosen out of fold, as a training does it.

    Args:
        pictures: to learn from.
        seed: of the folds.
        new: features of pictures that the head which learnt from all others is asked about.
        kept: a file that holds the answers from an earlier call with the same pictures, or will.
    """
    if kept is not None and kept.exists():
        with np.load(kept) as file:
            return Stated(file["rows"], file["logits"], float(file["temperature"]), file["new"])
    recipe = Recipe(seed=seed)
    folds, _ = folds_for(pictures.labels, pictures.groups, 0, recipe)
    examples = Examples(pictures.features, pictures.labels, len(pictures.class_names))
    chosen = choose(examples, folds, recipe)
    answers = np.zeros((0, chosen.logits.shape[1]), np.float32)
    if new is not None:
        problem = problem_for(examples, np.arange(len(pictures.labels)), chosen.power)
        answers = fit(examples, [problem], penalty=chosen.penalty)[0][0].logits(new)
    found = Stated(np.concatenate([fold.held for fold in folds]), chosen.logits, chosen.temperature, answers)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, rows=found.rows, logits=found.logits, temperature=found.temperature, new=found.new)
    return found


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
