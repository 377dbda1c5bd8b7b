"""What is said of test pictures in plain words, and how often the true class is among those that are named.

python benchmarks/replies.py SET SET ... [--seeds 5] [--kept FOLDER]

Each SET holds class folders, of which a fifth is kept back for the test, copies together. Rows that are there already
are not made again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import measure
import numpy as np
from featured import Featured, environment, featured, kept_rows, known, stated

from fieldguide.answers.naming import Naming
from fieldguide.answers.novelty import Novelty
from fieldguide.answers.reply import ONE, SEVERAL, UNLIKE, UNSURE, replies
from fieldguide.calibration import softmax
from fieldguide.data.split import assign

RESULTS = Path(__file__).resolve().parent / "results" / "replies.csv"
TEST = 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--kept", type=Path, help="folder for features and answers, those of naming.py among them")
    options = parser.parse_args()
    rows, fixed = kept_rows(RESULTS), environment(sys.executable)
    for folder in options.sets:
        pictures = featured(folder, kept=options.kept)
        for seed in range(options.seeds):
            key = {"set": pictures.name, "seed": str(seed)}
            if not known(rows, key):
                kept = options.kept and options.kept / f"naming-{pictures.name}-as usual-{seed}.npz"
                rows.append({**key, **said(pictures, seed, kept), **fixed})
                measure.write_csv(RESULTS, rows)
                print(*rows[-1].values(), flush=True)


def said(pictures: Featured, seed: int, kept: Path | None) -> dict[str, object]:
    """How many test pictures get which kind of answer, and for how many of them the likeliest class is the true one."""
    test = assign(pictures.labels, pictures.groups, (1 - TEST, TEST), seed=seed) == 1
    train = pictures.select(np.flatnonzero(~test))
    answers = stated(train, seed, new=pictures.features[test], kept=kept)
    naming = Naming.fit(
        softmax(answers.logits, answers.temperature), train.labels[answers.rows], groups=train.groups[answers.rows]
    )
    novelty = Novelty.fit(train.features, train.labels, groups=train.groups, seed=seed)
    probabilities, labels = softmax(answers.new, answers.temperature), pictures.labels[test]
    unlike = novelty.unlike(pictures.features[test])
    found = replies(probabilities, naming.sets(probabilities), pictures.class_names, unlike=unlike)
    kinds = np.array([reply.kind for reply in found])
    truth = [pictures.class_names[label] for label in labels]
    among = np.array([name in reply.classes for name, reply in zip(truth, found, strict=True)])
    best = probabilities.argmax(axis=1) == labels
    row: dict[str, object] = {"n": len(labels), "accuracy": float(best.mean())}
    for kind in (ONE, SEVERAL, UNSURE, UNLIKE):
        of_kind = kinds == kind
        right = best if kind in {UNSURE, UNLIKE} else among  # where no class is named: of the likeliest one
        row[kind] = float(of_kind.mean())
        row[f"{kind}_right"] = float(right[of_kind].mean()) if of_kind.any() else float("nan")
    return row


if __name__ == "__main__":
    main()
