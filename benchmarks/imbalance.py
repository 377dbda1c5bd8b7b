"""Which rule for choosing a head's settings recognises rare classes best: sets cut to be imbalanced, frozen features.

python benchmarks/imbalance.py SET SET ... [--seeds 5] [--kept FOLDER] [--hidden]

Each SET holds class folders. Its classes are cut to sizes as in `CASES`, the largest one a class that the seed draws;
what is left measures. Settings of the head, penalty and power of the class weights, are chosen out of fold by each of
`RULES`, and a head fitted to all of the cut set with them is measured. With --hidden it is a head with a hidden layer,
trained with each of `WAYS`. Rows that are there already are not made again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measure
import numpy as np
from featured import Featured, environment, featured, kept_rows, known

from fieldguide.batches import Mixing
from fieldguide.calibration import fit_temperature, picture_losses, softmax
from fieldguide.model.trunk import BUNDLED
from fieldguide.training.choose import CLASSES, CLOSE_ENOUGH, folds_for
from fieldguide.training.dense import fit_dense
from fieldguide.training.features import Features
from fieldguide.training.logistic import Examples, class_weights, fit, problem_for
from fieldguide.training.recipe import Recipe
from fieldguide.training.seen import Seen

RESULTS = Path(__file__).resolve().parent / "results" / "imbalance.csv"
RESULTS_HIDDEN = RESULTS.with_name("imbalance_hidden.csv")
POWERS = (0.0, 0.5, 1.0)
# Set -> pictures of its largest class and of its smallest one; those between fall in one ratio.
CASES = {
    "caltech_50": (24, 3),
    "trashnet": (300, 12),
    "cats_vs_dogs": (950, 50),
    "rock_paper_scissors_places": (300, 15),
}
FEWEST_TO_MEASURE = 6  # of a class
HIDDEN = 256
# How a hidden layer is trained -> settings of the recipe, and the power of the class weights.
WAYS: dict[str, tuple[dict[str, Any], float]] = {
    "plain": ({}, 0.0),
    "weights, power 0.5": ({}, 0.5),
    "weights, power 1 (the default)": ({}, 1.0),
    "balanced sampling": ({"sampling": "balanced"}, 0.0),
    "focal loss": ({"loss": "focal"}, 0.0),
    "focal loss, weights": ({"loss": "focal"}, 1.0),
    "label smoothing 0.1, weights": ({"label_smoothing": 0.1}, 1.0),
    "mix-up, weights": ({"mixing": Mixing("mix_up", alpha=0.2)}, 1.0),
}


@dataclass(frozen=True, eq=False)
class Grid:
    """What heads say of pictures that they did not learn from, for each power and penalty."""

    logits: dict[tuple[float, float], np.ndarray]
    labels: np.ndarray
    classes: int

    def loss(self, key: tuple[float, float], balanced: bool) -> float:
        """The held-out loss, of every picture or every class alike."""
        losses = picture_losses(softmax(self.logits[key]), self.labels)
        return float(losses @ class_weights(self.labels, self.classes, 1.0 if balanced else 0.0) / len(losses))

    def recalls(self, key: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
        right = softmax(self.logits[key]).argmax(axis=1) == self.labels
        counts = np.bincount(self.labels, minlength=self.classes)
        return np.bincount(self.labels, right, self.classes)[counts > 0] / counts[counts > 0], counts[counts > 0]

    def balanced_accuracy(self, key: tuple[float, float]) -> float:
        return float(self.recalls(key)[0].mean())

    def error(self, key: tuple[float, float]) -> float:
        recalls, counts = self.recalls(key)
        return float(np.sqrt((recalls * (1 - recalls) / counts).sum()) / len(recalls))

    def best_penalty(self, power: float, *, balanced: bool) -> tuple[float, float]:
        """The key of the penalty with the lowest loss at this power."""
        return min((key for key in self.logits if key[0] == power), key=lambda key: self.loss(key, balanced))


def plain(grid: Grid) -> tuple[float, float]:
    return grid.best_penalty(0.0, balanced=False)


def by_standard_error(grid: Grid) -> tuple[float, float]:
    """Class weights where they raise the balanced accuracy by more than its standard error."""
    start = plain(grid)
    best = max(((power, start[1]) for power in POWERS[1:]), key=grid.balanced_accuracy)
    return best if grid.balanced_accuracy(best) > grid.balanced_accuracy(start) + grid.error(start) else start


def by_balanced_accuracy(grid: Grid) -> tuple[float, float]:
    """Class weights where they raise the balanced accuracy at all."""
    return max(((power, plain(grid)[1]) for power in POWERS), key=grid.balanced_accuracy)


def balanced_loss_then_error(grid: Grid) -> tuple[float, float]:
    """The penalty by the balanced loss, class weights as in `by_standard_error`."""
    start = grid.best_penalty(0.0, balanced=True)
    best = max(((power, start[1]) for power in POWERS[1:]), key=grid.balanced_accuracy)
    return best if grid.balanced_accuracy(best) > grid.balanced_accuracy(start) + grid.error(start) else start


def balanced_loss_power(grid: Grid) -> tuple[float, float]:
    """The penalty by the plain loss, class weights by the balanced one."""
    return min(((power, plain(grid)[1]) for power in POWERS), key=lambda key: grid.loss(key, True))


def balanced_loss_both(grid: Grid) -> tuple[float, float]:
    """Penalty and class weights together by the balanced loss."""
    return min(grid.logits, key=lambda key: grid.loss(key, True))


def balanced_accuracy_both(grid: Grid) -> tuple[float, float]:
    """Of each power its best penalty by the balanced loss, of those the one with the best balanced accuracy."""
    return max((grid.best_penalty(power, balanced=True) for power in POWERS), key=grid.balanced_accuracy)


def as_trained(grid: Grid) -> tuple[float, float]:
    """As `fieldguide train` does it: the penalty with all classes weighted alike, weaker weights if they do better."""
    penalty = grid.best_penalty(1.0, balanced=True)[1]
    return min(((power, penalty) for power in POWERS), key=lambda key: grid.loss(key, True))


def always(power: float) -> Callable[[Grid], tuple[float, float]]:
    return lambda grid: grid.best_penalty(power, balanced=power > 0)


RULES: dict[str, Callable[[Grid], tuple[float, float]]] = {
    "no weights, plain loss": plain,
    "weights if balanced accuracy rises by its standard error, plain loss": by_standard_error,
    "the same, penalty by balanced loss": balanced_loss_then_error,
    "weights by balanced accuracy, plain loss": by_balanced_accuracy,
    "weights by balanced loss, penalty by plain loss": balanced_loss_power,
    "weights and penalty by balanced loss": balanced_loss_both,
    "weights by balanced accuracy, penalty by balanced loss": balanced_accuracy_both,
    "always power 0.5, penalty by balanced loss": always(0.5),
    "always power 1, penalty by balanced loss": always(1.0),
    "penalty at power 1, then weights, by balanced loss (the default)": as_trained,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--kept", type=Path, help="folder for features, to weigh rules again")
    parser.add_argument("--hidden", action="store_true", help="a head with a hidden layer")
    options = parser.parse_args()
    results, measured = (RESULTS_HIDDEN, of_hidden) if options.hidden else (RESULTS, of_rules)
    rows, fixed = kept_rows(results), environment(sys.executable)
    for folder in options.sets:
        pictures = featured(folder, kept=options.kept)
        for seed in range(options.seeds):
            key = {"set": pictures.name, "seed": str(seed)}
            if not known(rows, key):
                rows += [{**key, **found, **fixed} for found in measured(pictures, seed)]
                measure.write_csv(results, rows)
                print(pictures.name, seed, flush=True)
    print(table(rows))


def cut(pictures: Featured, seed: int) -> tuple[Featured, Featured]:
    """An imbalanced set to learn from, and pictures of every class that are left to measure with."""
    rng = np.random.default_rng((seed, 11))
    classes = len(pictures.class_names)
    sizes = np.geomspace(*CASES[pictures.name], classes).round().astype(int)[rng.permutation(classes)]
    divided = bool(pictures.given.any())
    learnt, left = [], []
    for label, size in enumerate(sizes):
        rows = rng.permutation(np.flatnonzero((pictures.labels == label) & ~(pictures.given if divided else False)))
        size = min(size, len(rows) - FEWEST_TO_MEASURE)
        learnt.append(rows[:size])
        left.append(np.flatnonzero((pictures.labels == label) & pictures.given) if divided else rows[size:])
    own = pictures.select(np.sort(np.concatenate(learnt)))
    measuring = np.sort(np.concatenate(left))
    return own, pictures.select(measuring[~np.isin(pictures.groups[measuring], own.groups)])  # no copy measures


def of_hidden(pictures: Featured, seed: int) -> list[dict[str, object]]:
    """A row for each way of training a hidden layer; the epoch is chosen on a fifth of the pictures."""
    own, test = cut(pictures, seed)
    classes, count = len(own.class_names), len(own.labels)
    fold = folds_for(own.labels, own.groups, 0, Recipe(seed=seed))[0][0]
    features = Features(own.features, 0, tuple(map(str, range(count))), None)
    seen = Seen(BUNDLED, None, own.labels, classes, count, (features,))
    rows = []
    for name, (settings, power) in WAYS.items():
        recipe = Recipe(dense=(HIDDEN,), seed=seed).with_(**settings)
        found = fit_dense(seen, fold, recipe=recipe, power=power, judge=CLASSES)
        stated = softmax(found.head.logits(test.features), fit_temperature(found.logits, own.labels[fold.held]))
        rows.append({"rule": name, **facts(own, test), "power": power, "penalty": 0.0, **figures(own, test, stated)})
    return rows


def of_rules(pictures: Featured, seed: int) -> list[dict[str, object]]:
    """A row for each rule."""
    own, test = cut(pictures, seed)
    recipe = Recipe(seed=seed)
    examples = Examples(own.features, own.labels, len(own.class_names))
    folds, _ = folds_for(own.labels, own.groups, 0, recipe)
    logits, heads = {}, {}
    for power in POWERS:
        problems = [problem_for(examples, fold.rows, power) for fold in folds]
        problems.append(problem_for(examples, np.arange(len(own.labels)), power))
        start = None
        for penalty in sorted(recipe.penalties, reverse=True):
            found, start = fit(examples, problems, penalty=penalty, start=start, tolerance=CLOSE_ENOUGH)
            held = [head.logits(own.features[fold.held]) for head, fold in zip(found[:-1], folds, strict=True)]
            logits[power, penalty], heads[power, penalty] = np.concatenate(held), found[-1]
    grid = Grid(logits, np.concatenate([own.labels[fold.held] for fold in folds]), examples.classes)
    rows = []
    for name, rule in RULES.items():
        power, penalty = chosen = rule(grid)
        temperature = fit_temperature(grid.logits[chosen], grid.labels)
        stated = softmax(heads[chosen].logits(test.features), temperature)
        rows.append(
            {"rule": name, **facts(own, test), "power": power, "penalty": penalty, **figures(own, test, stated)}
        )
    return rows


def facts(own: Featured, test: Featured) -> dict[str, object]:
    counts = np.bincount(own.labels)
    return {
        "classes": len(own.class_names),
        "learnt": len(own.labels),
        "largest": int(counts.max()),
        "smallest": int(counts.min()),
        "measured": len(test.labels),
    }


def figures(own: Featured, test: Featured, stated: np.ndarray) -> dict[str, object]:
    """What was told of the pictures that measure."""
    classes, right = len(own.class_names), stated.argmax(axis=1) == test.labels
    rare = np.isin(test.labels, np.argsort(np.bincount(own.labels, minlength=classes))[: max(1, classes // 3)])
    balanced = class_weights(test.labels, classes, 1.0)
    return {
        "accuracy": float(right.mean()),
        "balanced_accuracy": float((right * balanced).mean()),
        "recall_of_the_rarest_third": float((right * balanced)[rare].sum() / balanced[rare].sum()),
        "balanced_loss": float((picture_losses(stated, test.labels) * balanced).mean()),
    }


def table(rows: list[dict[str, object]]) -> str:
    """Means over the seeds, in percent, in Markdown."""
    columns = ["accuracy", "balanced_accuracy", "recall_of_the_rarest_third"]
    lines = ["| set | rule | " + " | ".join(columns) + " | powers |", "|---" * (len(columns) + 3) + "|"]
    for case in dict.fromkeys((row["set"], row["rule"]) for row in rows):
        own = [row for row in rows if (row["set"], row["rule"]) == case]
        means = [f"{100 * np.mean([float(str(row[name])) for row in own]):.1f}" for name in columns]
        powers = " ".join(f"{float(str(row['power'])):g}" for row in own)
        lines.append(f"| {case[0]} | {case[1]} | {' | '.join(means)} | {powers} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
