"""Whether pictures of something else are told better by a backbone's last map or by the maps of all its blocks.

python benchmarks/novelty_maps.py DATA

DATA holds the sets. Of trashnet each class is left out in turn, of caltech_50 ten classes at random, three times; a
fifth of the pictures of the learnt classes is kept back at random, copies together. Columns as in novelty.py.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import measure
import numpy as np
from featured import Featured, environment, store_and_groups
from novelty import MANY, OUT_OF_MANY, TEST, auroc, without

from fieldguide.answers.novelty import Novelty
from fieldguide.intervals import wilson
from fieldguide.model.trunk import ALL_BLOCKS
from fieldguide.training import features

RESULTS = Path(__file__).resolve().parent / "results" / "novelty_maps.csv"
SEEDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    options = parser.parse_args()
    fixed = environment(sys.executable)
    rows: list[dict[str, object]] = []
    for name in ("trashnet", MANY):
        pictures = of_all_blocks(options.data / name)
        for shown, left_out, seed in cases(pictures):
            learnt, new = without(pictures, left_out)
            for maps in ("last", "all"):
                rows.append(
                    {"learnt": name, "shown": shown, "seed": seed, **measured(learnt, new, maps, seed), **fixed}
                )
                print(*list(rows[-1].values())[:-1], flush=True)
    measure.write_csv(RESULTS, rows)


def of_all_blocks(folder: Path) -> Featured:
    """A set with the features of all blocks, those of the last map last."""
    store, groups = store_and_groups(folder)
    values = features.compute(store, trunk=ALL_BLOCKS).values
    own = store.dataset
    return Featured(folder.name, values, own.labels, groups, np.zeros(len(store), bool), own.class_names)


def cases(pictures: Featured) -> Iterator[tuple[str, np.ndarray, int]]:
    """What is left out."""
    if pictures.name != MANY:
        yield from ((name, np.array([label]), 0) for label, name in enumerate(pictures.class_names))
        return
    for seed in range(SEEDS):
        rng = np.random.default_rng((seed, 7))
        yield f"{OUT_OF_MANY} classes", rng.choice(len(pictures.class_names), OUT_OF_MANY, replace=False), seed


def measured(pictures: Featured, shown: np.ndarray, maps: str, seed: int) -> dict[str, object]:
    """How well what is shown is told from kept-back pictures."""
    first = -ALL_BLOCKS.widths((224, 224))[-1] if maps == "last" else 0
    different = np.unique(pictures.groups)
    kept_back = np.random.default_rng((seed, 11)).permutation(different)[: round(TEST * len(different))]
    back = np.isin(pictures.groups, kept_back)
    read = replace(pictures, features=pictures.features[:, first:])
    learnt = read.select(np.flatnonzero(~back))
    _, labels = np.unique(learnt.labels, return_inverse=True)
    novelty = Novelty.fit(learnt.features, labels, groups=learnt.groups, seed=seed)
    scores = novelty.scores(np.concatenate([read.features[back], shown[:, first:]]))
    new = np.arange(len(scores)) >= back.sum()
    alarms = scores > novelty.threshold
    false = wilson(int(alarms[~new].sum()), int((~new).sum()))
    return {
        "maps": maps,
        "learnt_from": len(labels),
        "kept_back": int((~new).sum()),
        "new": int(new.sum()),
        "auroc": auroc(scores, new),
        "false_alarms": false.value,
        "low": false.low,
        "high": false.high,
        "found": float(alarms[new].mean()),
    }


if __name__ == "__main__":
    main()
