"""Which learning rate the search suggests at several seeds, and at which rates the pictures are really learnt best.

python benchmarks/rate_search.py --cats DATA/train --trash TRASH --horses HORSES/train [--seeds 6]

Of each class the first pictures by name are taken, four fifths of them to learn from. Rows that are there already are
not made again. What 30 epochs at one rate learn is told by the mean of their losses, in nats: the last ones lie at the
least that smoothed labels allow, at many rates.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import measure
import numpy as np

import fieldguide as fg
from fieldguide.batches import Mixing
from fieldguide.training.learner import Learner
from fieldguide.training.precision import chosen_precision

NETS = {"plain": ("adamw", "sgd", "rmsprop"), "classic": ("adam", "sgd", "rmsprop")}
SIDE, EPOCHS = 48, 30
LADDER = {"sgd": (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)}
USUAL_LADDER = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
RESULTS = Path(__file__).resolve().parent / "results" / "rate_search.csv"
PACKAGES = ("fieldguide", "keras", "tensorflow", "numpy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    for name in ("cats", "trash", "horses"):
        parser.add_argument(f"--{name}", type=Path, help="class folders")
    parser.add_argument("--seeds", type=int, default=6)
    options = parser.parse_args()
    rows = list(csv.DictReader(RESULTS.open(encoding="utf-8"))) if RESULTS.exists() else []
    fixed = {**measure.hardware(), "versions": measure.versions(sys.executable, PACKAGES)}
    for pictures, each in (("cats", 100), ("trash", 50), ("horses", 100)):
        folder = getattr(options, pictures)
        if folder is None:
            continue
        with tempfile.TemporaryDirectory() as place:
            first_of(folder, each, Path(place))
            parts = fg.split(fg.Dataset.from_directory(place), validation=0.0, test=0.2)
            store = fg.PixelStore.build(parts.train, target_size=(SIDE, SIDE))
            for key, found in measured(pictures, store, options.seeds, rows):
                rows.append({**key, **found, **fixed})
                measure.write_csv(RESULTS, rows)
                print(*key.values(), *found.values(), flush=True)
    print(table(rows))


def table(rows: list[dict[str, str]]) -> str:
    """What docs/from-scratch.md shows: the suggestions, and the rate that was learnt best, in Markdown."""
    lines = ["| network, optimiser | pictures | suggested at seeds 0 to 5 | learnt best at |", "|---|---|---|---|"]
    for net, optimiser in dict.fromkeys((row["net"], row["optimiser"]) for row in rows):
        for pictures in dict.fromkeys(row["pictures"] for row in rows):
            key = {"net": net, "optimiser": optimiser, "pictures": pictures}.items()
            found = [row for row in rows if key <= row.items()]
            rates = ", ".join(row["rate"] for row in found if row["kind"] == "suggested")
            trained = [row for row in found if row["kind"] == "trained"]
            best = min(trained, key=lambda row: float(row["mean_loss"]))["rate"] if trained else ""
            lines.append(f"| {net}, {optimiser} | {pictures} | {rates} | {best} |")
    return "\n".join(lines)


def first_of(folder: Path, each: int, place: Path) -> None:
    """Links the first pictures of every class, by name."""
    for source in sorted(path for path in folder.iterdir() if path.is_dir()):
        (place / source.name).mkdir()
        for picture in sorted(source.iterdir())[:each]:
            (place / source.name / picture.name).symlink_to(picture.resolve())


def measured(
    pictures: str, store: fg.PixelStore, seeds: int, rows: list[dict[str, str]]
) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """What is not among the rows yet."""
    for family, optimiser in [(family, each) for family, found in NETS.items() for each in found]:
        net = fg.Net(family, "tiny", target_size=(SIDE, SIDE))
        recipe = fg.ScratchRecipe(net=net, optimiser=fg.Optimiser(optimiser))
        kinds = [("suggested", str(seed)) for seed in range(seeds)] + [
            ("trained", f"{rate:g}") for rate in LADDER.get(optimiser, USUAL_LADDER)
        ]
        for kind, of in kinds:
            key = {
                "pictures": pictures,
                "n": str(len(store)),
                "net": family,
                "optimiser": optimiser,
                "kind": kind,
                "seed_or_rate": of,
            }
            if any(key.items() <= row.items() for row in rows):
                continue
            if kind == "suggested":
                search = fg.find_rate(store, recipe.with_(seed=int(of)))
                low, high = search.between
                found = {
                    "rate": f"{search.suggested or 'none'}",
                    "lowest": f"{search.lowest:.2g}",
                    "grown": f"{search.grown:.2g}",
                    "grown_between": f"{low:.2g} {high:.2g}",
                    "mean_loss": "",
                }
            else:
                loss = mean_loss(store, recipe, float(of))
                found = {"rate": of, "lowest": "", "grown": "", "grown_between": "", "mean_loss": f"{loss:.4f}"}
            yield key, found


def mean_loss(store: fg.PixelStore, recipe: fg.ScratchRecipe, rate: float) -> float:
    """The loss of pictures as they are, learnt at one rate, in nats; it may be no number."""
    plain = recipe.with_(augment=None, mixing=Mixing(), average=0.0)
    batches = plain.batches(store, np.arange(len(store)))
    learner = Learner(plain, batches.classes, steps=len(batches), precision=chosen_precision(plain.precision))
    losses = []
    for epoch in range(1, EPOCHS + 1):
        learner.begin(epoch)
        losses.append(np.mean([learner.learn(batch, rate)[0] for batch in batches.epoch(epoch)]))
    return float(np.mean(losses))


if __name__ == "__main__":
    main()
