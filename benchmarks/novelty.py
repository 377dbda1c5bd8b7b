"""How well pictures of classes that were never learnt are told from those of the learnt ones, by several scores.

python benchmarks/novelty.py DATA [--seeds 3] [--kept FOLDER]

DATA holds the sets. Of some each class is left out in turn, of caltech_50 ten classes at random; and pictures of other
sets are shown to what has learnt a whole set. A fifth of the pictures of the learnt classes is kept back at random,
copies together; or where a set came with a part to measure with, which may be of other animals, that ("as it came").
`auroc` is the chance that a new picture scores above a kept-back one; `found` and `false_alarms` are the shares of the
new and of the kept-back pictures above the threshold that fieldguide sets. Rows that are there already are not made
again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import measure
import numpy as np
from featured import Featured, environment, featured, kept_rows, known

from fieldguide.answers.novelty import Novelty
from fieldguide.calibration import softmax
from fieldguide.intervals import wilson
from fieldguide.training.logistic import Examples, fit, problem_for

RESULTS = Path(__file__).resolve().parent / "results" / "novelty.csv"
LEFT_OUT = ("trashnet", "rock_paper_scissors_green")  # one class at a time
MANY, OUT_OF_MANY = "caltech_50", 10
STRANGERS = {  # learnt -> shown
    "cats_vs_dogs": ("horses_or_humans", "trashnet", "caltech_50", "rock_paper_scissors_green"),
    "horses_or_humans": ("cats_vs_dogs", "trashnet"),
    "trashnet": ("cats_vs_dogs", "horses_or_humans"),
}
AS_IT_CAME = {
    "horses_or_humans": ("cats_vs_dogs", "trashnet"),
    "cats_vs_dogs": ("horses_or_humans", "trashnet"),
}
MOST_SHOWN = 500  # pictures of one set, at random
MOST_LEARNT = 1000  # likewise, where other sets are shown
TEST = 0.2
SHRINKAGE = 0.1  # of covariances, towards a multiple of the identity
PRINCIPAL = 256  # dimensions beyond which ViM takes the residual
PENALTY = 0.1  # of the head


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--kept", type=Path, help="folder for features, to weigh scores again")
    options = parser.parse_args()
    rows, fixed = kept_rows(RESULTS), environment(sys.executable)
    sets = {
        name: featured(options.data / name, kept=options.kept)
        for name in sorted({*LEFT_OUT, MANY, *STRANGERS, *AS_IT_CAME})
    }
    for key, learnt, shown in cases(sets, options.seeds):
        if not known(rows, key):
            for row in measured(learnt, shown, int(key["seed"]), key["parted"]):
                rows.append({**key, **row, **fixed})
            measure.write_csv(RESULTS, rows)
            print(table([row for row in rows if key.items() <= row.items()]), flush=True)
    print(table(rows))


def cases(sets: dict[str, Featured], seeds: int) -> Iterator[tuple[dict[str, str], Featured, np.ndarray]]:
    """What is learnt, and features of what is shown."""
    for case in at_random(sets, seeds):
        yield {**case[0], "parted": "at random"}, *case[1:]
    for name, others in AS_IT_CAME.items():
        for other in others:
            rng = np.random.default_rng((0, 10))
            shown = sets[other].features[rng.permutation(len(sets[other].labels))[:MOST_SHOWN]]
            yield {"learnt": name, "shown": other, "seed": "0", "parted": "as it came"}, sets[name], shown


def at_random(sets: dict[str, Featured], seeds: int) -> Iterator[tuple[dict[str, str], Featured, np.ndarray]]:
    """The cases in which what is kept back is so at random."""
    for name in LEFT_OUT:
        pictures = sets[name]
        for label, left_out in enumerate(pictures.class_names):
            yield {"learnt": name, "shown": left_out, "seed": "0"}, *without(pictures, np.array([label]))
    for seed in range(seeds):
        chosen = np.random.default_rng((seed, 7)).choice(len(sets[MANY].class_names), OUT_OF_MANY, replace=False)
        yield {"learnt": MANY, "shown": f"{OUT_OF_MANY} classes", "seed": str(seed)}, *without(sets[MANY], chosen)
    for name, strangers in STRANGERS.items():
        for other in strangers:
            features = sets[other].features
            rng = np.random.default_rng((0, 10))
            rows, learnt = (rng.permutation(len(each)) for each in (features, sets[name].labels))
            pictures = sets[name].select(learnt[:MOST_LEARNT])
            yield {"learnt": name, "shown": other, "seed": "0"}, pictures, features[rows[:MOST_SHOWN]]


def without(pictures: Featured, labels: np.ndarray) -> tuple[Featured, np.ndarray]:
    """The set without these classes, and the features of their pictures."""
    out = np.isin(pictures.labels, labels)
    return pictures.select(np.flatnonzero(~out)), pictures.features[out]


def measured(pictures: Featured, shown: np.ndarray, seed: int, parted: str) -> Iterator[dict[str, object]]:
    """How well each score tells what is shown from kept-back pictures."""
    back = pictures.given
    if parted == "at random":
        different = np.unique(pictures.groups)
        kept_back = np.random.default_rng((seed, 11)).permutation(different)[: round(TEST * len(different))]
        back = np.isin(pictures.groups, kept_back)
    learnt = pictures.select(np.flatnonzero(~back))
    classes, labels = np.unique(learnt.labels, return_inverse=True)
    novelty = Novelty.fit(learnt.features, labels, groups=learnt.groups, seed=seed)
    asked = np.concatenate([pictures.features[back], shown])
    new = np.arange(len(asked)) >= back.sum()
    alarms = novelty.scores(asked) > novelty.threshold
    false = wilson(int(alarms[~new].sum()), int((~new).sum()))
    for name, scores in {"kept": novelty.scores(asked), **others(learnt.features, labels, len(classes), asked)}.items():
        own = name == "kept"
        yield {
            "score": name,
            "learnt_from": len(labels),
            "classes": len(classes),
            "kept_back": int((~new).sum()),
            "new": int(new.sum()),
            "auroc": auroc(scores, new),
            "found_at_5%": float((scores[new] > np.quantile(scores[~new], 0.95)).mean()),
            "false_alarms": false.value if own else "",
            "low": false.low if own else "",
            "high": false.high if own else "",
            "found": float(alarms[new].mean()) if own else "",
            "bytes": novelty.bytes if own else "",
        }


def others(learnt: np.ndarray, labels: np.ndarray, k: int, asked: np.ndarray) -> dict[str, np.ndarray]:
    """Other scores of the asked pictures, the larger the newer."""
    near, far = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (learnt, asked))
    cosines = far @ near.T
    among = near @ near.T
    np.fill_diagonal(among, -1)
    usual = np.maximum(1 - np.partition(among, -5, axis=1)[:, -5], 1e-4)  # of each learnt picture: to its fifth nearest
    means = np.stack([near[labels == label].mean(axis=0) for label in range(k)])
    found = {
        "nearest of all": 1 - cosines.max(axis=1),
        "fifth nearest": 1 - np.partition(cosines, -5, axis=1)[:, -5],
        "nearest, relative to its own": ((1 - cosines) / np.sqrt(usual)).min(axis=1),
        "nearest class mean": -(far @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T).max(axis=1),
    }
    overall = near.mean(axis=0)
    within, around = shrunk(near - means[labels]), shrunk(near - overall)
    white, centres = whitened(far, within), whitened(means, within)
    found["Mahalanobis"] = np.min([np.square(white - centre).sum(axis=1) for centre in centres], axis=0)
    found["relative Mahalanobis"] = found["Mahalanobis"] - np.square(whitened(far - overall, around)).sum(axis=1)
    examples = Examples(learnt, labels, k)
    head = fit(examples, [problem_for(examples, np.arange(len(labels)), 0.0)], penalty=PENALTY, tolerance=1e-3)[0][0]
    logits, own = (head.logits(rows) for rows in (asked, learnt))
    found["1 - largest probability"] = 1 - softmax(logits).max(axis=1)
    if k > 2:  # one logit has no energy of its own
        energy, middle = np.logaddexp.reduce(logits, axis=1), learnt.mean(axis=0)
        _, directions = np.linalg.eigh((learnt - middle).T @ (learnt - middle))
        rest = directions[:, : max(1, learnt.shape[1] - PRINCIPAL)]  # of the smallest variance
        residual, usual_residual = (np.linalg.norm((rows - middle) @ rest, axis=1) for rows in (asked, learnt))
        found["energy"] = -energy
        found["ViM"] = own.max(axis=1).mean() / usual_residual.mean() * residual - energy
    nearest, sure = found["nearest of all"], found["1 - largest probability"]
    found["nearest and probability"] = nearest / nearest.std() + sure / sure.std()
    return found


def shrunk(rows: np.ndarray) -> np.ndarray:
    """The lower triangle of a shrunk covariance's Cholesky factor."""
    covariance = rows.T @ rows / len(rows)
    spread = np.trace(covariance) / len(covariance)
    return np.linalg.cholesky((1 - SHRINKAGE) * covariance + SHRINKAGE * spread * np.eye(len(covariance)))


def whitened(rows: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """The rows in coordinates in which the covariance is the identity."""
    from scipy.linalg import solve_triangular

    return solve_triangular(factor, rows.T, lower=True).T


def auroc(scores: np.ndarray, new: np.ndarray) -> float:
    """The chance that a new picture scores above another one."""
    ranks = np.empty(len(scores))
    ranks[np.argsort(scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return float((ranks[new].sum() - new.sum() * (new.sum() + 1) / 2) / (new.sum() * (~new).sum()))


def table(rows: list[dict[str, object]]) -> str:
    """Mean AUROC with the least in brackets, in Markdown: by what is learnt, whether its own classes are left out."""
    lines = ["| learnt | shown | score | AUROC % | found at 5% |", "|---" * 5 + "|"]
    kinds = {name: "other sets" for row in rows for name in [str(row["shown"])] if name in STRANGERS or name == MANY}
    cases = dict.fromkeys((row["learnt"], kinds.get(str(row["shown"]), _own(row)), row["score"]) for row in rows)
    for case in cases:
        own = [row for row in rows if (row["learnt"], kinds.get(str(row["shown"]), _own(row)), row["score"]) == case]
        values, found = ([100 * float(str(row[name])) for row in own] for name in ("auroc", "found_at_5%"))
        lines.append(
            f"| {' | '.join(map(str, case))} | {np.mean(values):.1f} ({min(values):.1f}) | {np.mean(found):.0f} |"
        )
    return "\n".join(lines)


def _own(row: dict[str, object]) -> str:
    """What a class that was left out, or a set, is called in the table."""
    return "other sets" if row["shown"] in LEFT_OUT else "a class left out"


if __name__ == "__main__":
    main()
