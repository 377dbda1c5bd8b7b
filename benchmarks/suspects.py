"""How many labels that were changed at random are found among the first listed, and how many seem to be wrong.

python benchmarks/suspects.py SET SET ... [--seeds 3] [--kept FOLDER]

Each SET holds class folders, of which the pictures to learn from are taken. Of their labels a share is changed, each to
another class at random; then a head on the frozen backbone is asked out of fold. `rare` rows are of sets of which most
classes were cut to a few pictures. Rows that are there already are not made again.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import measure
import numpy as np
from featured import Featured, environment, featured, kept_rows, known, mean_and_least, stated

from fieldguide.calibration import softmax
from fieldguide.evaluation.suspects import SMALLEST, Suspects, find_suspects

RESULTS = Path(__file__).resolve().parent / "results" / "suspects.csv"
LISTED = 0.08  # of all pictures
CHANGED = 0.05
OTHER_SHARES = (0.0, 0.10)  # of labels changed, at seed 0
RARE = {"trashnet": (400, 500, 30, 20, 12, 6), "cats_vs_dogs": (950, 30), "rock_paper_scissors_green": (300, 30, 10)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--kept", type=Path, help="folder for features and answers, to weigh rules again")
    options = parser.parse_args()
    rows, fixed = kept_rows(RESULTS), environment(sys.executable)
    for folder in options.sets:
        pictures = featured(folder, kept=options.kept)
        pictures = pictures.select(np.flatnonzero(~pictures.given))
        cases = [(pictures.name, CHANGED, seed) for seed in range(options.seeds)]
        cases += [(pictures.name, share, 0) for share in OTHER_SHARES]
        cases += [(f"{pictures.name}, rare", CHANGED, seed) for seed in range(options.seeds) if pictures.name in RARE]
        for name, share, seed in cases:
            key = {"set": name, "changed": f"{share:.3f}", "seed": str(seed)}
            if not known(rows, key):
                taken = rare(pictures, seed) if name != pictures.name else pictures
                kept = options.kept and options.kept / f"suspects-{name}-{share:g}-{seed}.npz"
                rows.append({**key, **found(taken, share, seed, kept), **fixed})
                measure.write_csv(RESULTS, rows)
                print(*rows[-1].values(), flush=True)
    print(table(rows))


def rare(pictures: Featured, seed: int) -> Featured:
    """The set with its classes cut to a few pictures."""
    rng = np.random.default_rng((seed, 6))
    each = enumerate(RARE[pictures.name])
    kept = [rng.permutation(np.flatnonzero(pictures.labels == label))[:most] for label, most in each]
    return pictures.select(np.concatenate(kept))


def found(pictures: Featured, share: float, seed: int, kept: Path | None) -> dict[str, object]:
    """What is found of the changed labels, by several rankings and rules."""
    rng = np.random.default_rng((seed, 5))
    k, n = len(pictures.class_names), len(pictures.labels)
    changed = rng.choice(n, round(share * n), replace=False)
    labels = pictures.labels.copy()
    labels[changed] = (labels[changed] + rng.integers(1, k, len(changed))) % k
    answers = stated(replace(pictures, labels=labels), seed, kept=kept)
    given, wrong = labels[answers.rows], (labels != pictures.labels)[answers.rows]
    probabilities = softmax(answers.logits)
    suspects = find_suspects(probabilities, given, pictures.class_names)
    joint = suspects.confident_joint
    confident = _confidently_other(probabilities, suspects)

    def within(score: np.ndarray) -> float:
        first = np.argsort(-score, kind="stable")[: int(LISTED * n)]
        return float(wrong[first].sum() / wrong.sum()) if wrong.any() else float("nan")

    first = suspects.order[: suspects.count]
    few = np.bincount(given, minlength=k)[given] <= np.bincount(given).max() / 5  # pictures of a rare class
    return {
        "n": n,
        "classes": k,
        "held_out_accuracy": float((probabilities.argmax(axis=1) == given).mean()),
        **{f"found_in_8%_by_{name}": within(score) for name, score in rankings(probabilities, suspects).items()},
        "suspects": suspects.count / n,
        "found_in_suspects": float(wrong[first].sum() / max(1, wrong.sum())),
        "changed_among_suspects": float(wrong[first].mean()) if len(first) else float("nan"),
        "right_rare_listed": float((few & ~wrong)[first].sum() / max(1, (few & ~wrong).sum())),
        "by_confident_joint": float(confident.mean()),
        "found_by_confident_joint": float(wrong[confident].sum() / max(1, wrong.sum())),
        "changed_among_confident_joint": float(wrong[confident].mean()) if confident.any() else float("nan"),
        "share_of_wrong": suspects.wrong.value,
        "low": suspects.wrong.low,
        "high": suspects.wrong.high,
        "share_by_joint": float(1 - np.trace(suspects.joint)),
        "pictures_in_joint": int(joint.sum()),
    }


def rankings(probabilities: np.ndarray, suspects: Suspects) -> dict[str, np.ndarray]:
    """Scores of suspicion, the larger the more: what is weighed."""
    stated = np.clip(probabilities, SMALLEST, 1)
    of_given, of_other = suspects.probabilities.T
    entropy = -(stated * np.log(stated)).sum(axis=1) / np.log(stated.shape[1])
    counts = np.bincount(suspects.labels, minlength=stated.shape[1])
    usual = np.bincount(suspects.labels, of_given, stated.shape[1]) / np.maximum(counts, 1)
    relative = np.log(stated) - np.log(np.clip(usual, SMALLEST, 1))
    every = np.arange(len(stated))
    of_given_relative = relative[every, suspects.labels].copy()
    relative[every, suspects.labels] = -np.inf
    return {
        "odds": suspects.scores,
        "self_confidence": -of_given,
        "margin": of_other - of_given,
        "weighted_entropy": entropy / np.clip(of_given, SMALLEST, 1),
        "odds_relative_to_class": relative.max(axis=1) - of_given_relative,
    }


def _confidently_other(probabilities: np.ndarray, suspects: Suspects) -> np.ndarray:
    """Pictures off the diagonal of the confident joint, bool (n,)."""
    k = probabilities.shape[1]
    counts = np.bincount(suspects.labels, minlength=k)
    usual = np.bincount(suspects.labels, suspects.probabilities[:, 0], k) / np.maximum(counts, 1)
    confident = (probabilities >= usual - 1e-9) & (counts > 0)
    return confident.any(axis=1) & (np.where(confident, probabilities, -1).argmax(axis=1) != suspects.labels)


def table(rows: list[dict[str, object]]) -> str:
    """Means over the seeds with the least in brackets, in percent, in Markdown."""
    columns = [name for name in rows[0] if str(name).startswith("found") or name in {"suspects", "share_of_wrong"}]
    lines = ["| set | changed | " + " | ".join(columns) + " |", "|---" * (len(columns) + 2) + "|"]
    for case in dict.fromkeys((row["set"], row["changed"]) for row in rows):
        own = [row for row in rows if (row["set"], row["changed"]) == case]
        lines.append(f"| {case[0]} | {case[1]} | " + " | ".join(mean_and_least(own, name) for name in columns) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
