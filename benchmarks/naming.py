"""How often the true class is among the named ones, and how many are named, by several rules.

python benchmarks/naming.py SET SET ... [--seeds 5] [--kept FOLDER]

Each SET holds class folders. The rules rest on what was stated out of fold of the pictures to learn from; they are
measured on test pictures, by a head that learnt from all of the others. How the two are parted is in the column
`parted`: "as usual" as a training does it, which keeps copies together and the largest groups of them in training; "by
groups" at random; "as it came" where the set came with a part to measure with, which may be of other things; and "few"
with as few to learn from as are named. Rows that are there already are not made again.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import measure
import numpy as np
from featured import Featured, environment, featured, kept_rows, known, mean_and_least, stated

from fieldguide.answers.naming import ERROR_RATE, Naming
from fieldguide.calibration import softmax
from fieldguide.data.split import assign
from fieldguide.intervals import wilson

RESULTS = Path(__file__).resolve().parent / "results" / "naming.csv"
TEST = 0.2
FEW = {"cats_vs_dogs": (30, 60), "trashnet": (60, 120)}  # pictures to learn from, of which a fifth is held out in turns
FEW_SEEDS = 10
Rule = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--kept", type=Path, help="folder for features and answers, to weigh rules again")
    options = parser.parse_args()
    rows, fixed = kept_rows(RESULTS), environment(sys.executable)
    for folder in options.sets:
        pictures = featured(folder, kept=options.kept)
        for parted, seed in cases(pictures, options.seeds):
            key = {"set": pictures.name, "parted": parted, "seed": str(seed)}
            if not known(rows, key):
                kept = options.kept and options.kept / f"naming-{pictures.name}-{parted.replace(':', '')}-{seed}.npz"
                test = test_of(pictures, parted, seed)
                rows += [{**key, **row, **fixed} for row in measured(pictures, test, seed, kept)]
                measure.write_csv(RESULTS, rows)
                print(table([row for row in rows if key.items() <= row.items()]), flush=True)
    print(table(rows))


def cases(pictures: Featured, seeds: int) -> Iterator[tuple[str, int]]:
    """How the pictures are parted, and the seeds."""
    yield from (("as usual", seed) for seed in range(seeds))
    if len(np.unique(pictures.groups)) < 0.9 * len(pictures.groups):
        yield from (("by groups", seed) for seed in range(seeds))
    if pictures.given.any():
        yield ("as it came", 0)
    for few in FEW.get(pictures.name, ()):
        yield from ((f"few: {few}", seed) for seed in range(FEW_SEEDS))


def test_of(pictures: Featured, parted: str, seed: int) -> np.ndarray:
    """The pictures to measure with, bool (n,)."""
    if parted == "as it came":
        return pictures.given
    if parted == "as usual":
        return assign(pictures.labels, pictures.groups, (1 - TEST, TEST), seed=seed) == 1
    rng = np.random.default_rng((seed, 8))
    if parted == "by groups":
        different = np.unique(pictures.groups)
        return np.isin(pictures.groups, rng.permutation(different)[: round(TEST * len(different))])
    each = int(parted.split()[-1]) // len(pictures.class_names)
    of_class = [np.flatnonzero(pictures.labels == label) for label in range(len(pictures.class_names))]
    learnt = np.concatenate([rng.permutation(rows)[:each] for rows in of_class])
    return ~np.isin(pictures.groups, pictures.groups[learnt])


def measured(pictures: Featured, test: np.ndarray, seed: int, kept: Path | None) -> Iterator[dict[str, object]]:
    """What each rule names for the test pictures."""
    train = pictures.select(np.flatnonzero(~test))
    answers = stated(train, seed, new=pictures.features[test], kept=kept)
    truth, groups = train.labels[answers.rows], train.groups[answers.rows]
    logits, labels = answers.new, pictures.labels[test]
    k = len(pictures.class_names)
    rng = np.random.default_rng((seed, 9))
    for name, rule in rules(groups, rng).items():
        heat = 1.0 if name.endswith("temperature 1") else answers.temperature
        named = rule(softmax(answers.logits, heat), truth, softmax(logits, heat))
        hits, sizes = named[np.arange(len(labels)), labels], named.sum(axis=1)
        share = wilson(int(hits.sum()), len(hits))
        by_class = [wilson(int(hits[labels == label].sum()), int((labels == label).sum())) for label in range(k)]
        found = [one for one in by_class if one.n]
        yield {
            "rule": name,
            "learnt_from": len(train.labels),
            "groups": len(np.unique(train.groups)),
            "n": len(labels),
            "classes": k,
            "accuracy": float((logits_to_class(logits) == labels).mean()),
            "held_out_accuracy": float((logits_to_class(answers.logits) == truth).mean()),
            "coverage": share.value,
            "low": share.low,
            "high": share.high,
            "mean_size": float(sizes.mean()),
            "single": float((sizes == 1).mean()),
            "none_named": float((sizes == 0).mean()),
            "lowest_of_a_class": min(one.value for one in found),
            "classes_clearly_short": sum(one.high < 1 - ERROR_RATE for one in found),
        }


def logits_to_class(logits: np.ndarray) -> np.ndarray:
    """The most probable class, int (n,)."""
    return softmax(logits).argmax(axis=1)


def rules(groups: np.ndarray, rng: np.random.Generator) -> dict[str, Rule]:
    """What is weighed: from held-out probabilities and labels, and from a test picture's, to the named classes."""

    def odds(stated: np.ndarray, truth: np.ndarray, new: np.ndarray) -> np.ndarray:
        return Naming.fit(stated, truth, groups=groups).sets(new)

    def odds_by_picture(stated: np.ndarray, truth: np.ndarray, new: np.ndarray) -> np.ndarray:
        return Naming.fit(stated, truth).sets(new)

    def probability(stated: np.ndarray, truth: np.ndarray, new: np.ndarray) -> np.ndarray:
        return 1 - new <= quantile(1 - of_truth(stated, truth))

    def by_class(stated: np.ndarray, truth: np.ndarray, new: np.ndarray) -> np.ndarray:
        scores = 1 - of_truth(stated, truth)
        return or_best(1 - new <= [quantile(scores[truth == label]) for label in range(new.shape[1])], new)

    def sums(penalty: float) -> Rule:
        def named(stated: np.ndarray, truth: np.ndarray, new: np.ndarray) -> np.ndarray:
            scores = of_truth(summed(stated, rng.random(len(stated)), penalty), truth)
            return or_best(summed(new, rng.random(len(new)), penalty) <= quantile(scores), new)

        return named

    return {
        "odds": odds,
        "odds, temperature 1": odds,
        "odds, copies count each": odds_by_picture,
        "LAC": probability,
        "LAC or best": lambda stated, truth, new: or_best(probability(stated, truth, new), new),
        "LAC or best, temperature 1": lambda stated, truth, new: or_best(probability(stated, truth, new), new),
        "APS": sums(0.0),
        "APS, temperature 1": sums(0.0),
        "RAPS 0.1": sums(0.1),
        "LAC by class or best": by_class,
    }


def quantile(scores: np.ndarray) -> float:
    """The largest score of a true class that is let pass, infinite where there are too few."""
    place = math.ceil((len(scores) + 1) * (1 - ERROR_RATE) - 1e-9)
    return float(np.sort(scores)[place - 1]) if place <= len(scores) else math.inf


def of_truth(values: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The value of the true class, float (n,)."""
    return values[np.arange(len(truth)), truth]


def or_best(named: np.ndarray, stated: np.ndarray) -> np.ndarray:
    """The sets, with the most probable class where none was named."""
    return named | (~named.any(axis=1, keepdims=True) & (stated == stated.max(axis=1, keepdims=True)))


def summed(stated: np.ndarray, uniform: np.ndarray, penalty: float) -> np.ndarray:
    """APS and RAPS: probability of the class and of all likelier ones, less a random part of its own: float (n, k)."""
    order = np.argsort(-stated, axis=1, kind="stable")
    ranks = np.argsort(order, axis=1, kind="stable")
    sums = np.take_along_axis(np.cumsum(np.take_along_axis(stated, order, 1), axis=1), ranks, 1)
    return sums - uniform[:, None] * stated + penalty * np.maximum(0, ranks)


def table(rows: list[dict[str, object]]) -> str:
    """Means over the seeds in Markdown: coverage with the least in brackets, and the numbers of classes named."""
    lines = ["| set | parted | rule | coverage % | mean size | one class % |", "|---" * 6 + "|"]
    for case in dict.fromkeys((row["set"], row["parted"], row["rule"]) for row in rows):
        own = [row for row in rows if (row["set"], row["parted"], row["rule"]) == case]
        size = np.mean([float(str(row["mean_size"])) for row in own])
        cells = (*case, mean_and_least(own, "coverage"), f"{size:.2f}", mean_and_least(own, "single"))
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
