"""Which settings recognise hands that were never seen: whole hands are held out of the training pictures, in turns.

python benchmarks/unseen_hands.py TRAIN [--seed 0]

TRAIN holds class folders whose files are named after the hand they show, such as paper01-000.png. The hands are divided
into four parts, each held out once while the others are learnt from, for 20 epochs at 32 x 32 pixels. The test pictures
of the set have no part in it. Rows that are there already are not made again.
"""

from __future__ import annotations

import argparse
import csv
import functools
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import measure
import numpy as np

from fieldguide.calibration import softmax
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.training.scratch import Training
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.watching import Watched
from fieldguide.training.wishes import Wishes

PARTS = ((1, 2), (3, 4), (5, 6), (7,))
QUICK = Wishes("scratch", epochs=20, side=32, augment="strong", mirrored=False)
SETTINGS: dict[str, dict[str, Any]] = {
    "as by default": {},
    "dropout 0.5": {"dropout": 0.5},
    "grey": {"grayscale": True},
    "grey, dropout 0.5": {"grayscale": True, "dropout": 0.5},
    "grey, dropout 0.5, mirrored": {"grayscale": True, "dropout": 0.5, "mirrored": True},
    "grey, dropout 0.5, mix-up": {"grayscale": True, "dropout": 0.5, "mix": "mix_up"},
    "grey, dropout 0.5, CutMix": {"grayscale": True, "dropout": 0.5, "mix": "cut_mix"},
    "grey, dropout 0.5, 40 epochs": {"grayscale": True, "dropout": 0.5, "epochs": 40},
}
RESULTS = Path(__file__).resolve().parent / "results" / "unseen_hands.csv"
PACKAGES = ("fieldguide", "keras", "tensorflow", "numpy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("train", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dataset = Dataset.from_directory(options.train)
    rows = list(csv.DictReader(RESULTS.open(encoding="utf-8"))) if RESULTS.exists() else []
    for name, settings in SETTINGS.items():
        for hands in PARTS:
            key = {"settings": name, "held_out": " ".join(map(str, hands)), "seed": str(options.seed)}
            if not any(key.items() <= row.items() for row in rows):
                found = held_out(dataset, hands, settings, options.seed)
                fixed = {**measure.hardware(), "versions": measure.versions(sys.executable, PACKAGES)}
                rows.append({**key, **found, **fixed})
                measure.write_csv(RESULTS, rows)
                print(rows[-1], flush=True)
    for name in SETTINGS:
        own = [row for row in rows if row["settings"] == name and row["seed"] == str(options.seed)]
        right, count = (sum(int(row[part]) for row in own) for part in ("right", "pictures"))
        low, high = measure.wilson(right, count)
        print(f"{name:20} {100 * right / count:.1f}% of {count:,} ({100 * low:.1f}-{100 * high:.1f}%)")


def held_out(dataset: Dataset, hands: tuple[int, ...], settings: dict[str, Any], seed: int) -> dict[str, str]:
    """How many pictures of these hands a network recognises that has learnt from the others."""
    recipe = replace(QUICK, **settings).recipe_for(PixelStore.build(dataset), seed=seed)
    assert isinstance(recipe, ScratchRecipe)
    hand = np.array([int(re.sub(r"\D+(\d\d).*", r"\1", path.name)) for path in dataset.paths])
    held = np.isin(hand, hands)
    kept = functools.cache(lambda size: PixelStore.build(dataset, target_size=size, resize=recipe.resize))
    store = kept(recipe.target_size)
    watched = Watched(np.flatnonzero(~held), np.flatnonzero(~held)[::8], np.flatnonzero(held), False, "by hand")
    training = Training(store, watched, recipe, None, kept=kept)
    training.run()
    stated = training.learner.logits(store, watched.held, mirrored=recipe.net.mirrored)
    answers = softmax(stated).argmax(axis=1)
    right = int((answers == store.dataset.labels[watched.held]).sum())
    return {"right": str(right), "pictures": str(len(watched.held)), "loss": f"{training.epochs[-1].val_loss:.3f}"}


if __name__ == "__main__":
    main()
