"""What training from random weights comes to: accuracy over seeds, the classic way beside it, and what is said of it.

python benchmarks/from_scratch.py --data DATA [--hands HANDS] [--seeds 0 1 2] [--only scratch classic ...]

DATA holds train/ and validation/ photos of two classes (the figures shown are of cats and dogs), HANDS train/ and test/
of rock, paper and scissors. Nothing is chosen on what measures. Rows: `scratch`, `fieldguide train DATA --recipe
scratch`, once for each seed; `classic`, the course's network with Keras's ImageDataGenerator, whose best epoch counts,
and `quick`, how soon fieldguide, asked for few epochs, is as accurate; `overfitting`, the classic network without
augmentation, and what fieldguide says of it; `rock_paper_scissors`, `fieldguide train HANDS --recipe scratch`, once for
each seed, and `grey_hands`, the same with the settings that benchmarks/unseen_hands.py found. With --only, other rows
stay as they were. `quick` and `grey_hands` answer of pictures as they are, and not of their mirror images too, as the
command does by itself; `mirrored_hands` is `grey_hands` with them.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
from pathlib import Path

import measure

HERE = Path(__file__).resolve().parent
OF_HANDS = ("rock_paper_scissors", "grey_hands", "mirrored_hands")
ROWS = ("scratch", "classic", "overfitting", *OF_HANDS)
WRITTEN = ("scratch", "classic", "quick", "overfitting", *OF_HANDS)
PACKAGES = ("fieldguide", "keras", "tensorflow", "numpy", "opencv-python-headless")
QUICK_EPOCHS = 20  # of fieldguide, to be as accurate as the classic way
OVERFITTING = ["--net", "classic", "--side", "150", "--augment", "none", "--label-smoothing", "0", "--average", "0"]
OVERFITTING += ["--optimiser", "adam", "--rate", "0.001", "--schedule", "constant", "--epochs", "20"]
GREY = ["--grayscale", "--dropout", "0.5"]
WORDS = {
    "scratch": [],
    "overfitting": OVERFITTING,
    "rock_paper_scissors": [],
    "grey_hands": ["--no-mirrored", *GREY],
    "mirrored_hands": GREY,
}


def main() -> None:
    arguments = parse()
    work = Path(tempfile.mkdtemp(prefix="from-scratch-", dir=arguments.work))
    os.environ["FIELDGUIDE_CACHE"] = str(work / "cache")
    rows: list[dict[str, object]] = []
    for name in [row for row in ROWS if row in arguments.only]:
        if name == "classic":
            rows += classic(arguments, work)
        else:
            data = arguments.hands if name in OF_HANDS else arguments.data
            seeds = arguments.seeds[:1] if name == "overfitting" else arguments.seeds
            words = WORDS.get(name, [])
            rows += [ours(name, data, work / f"{name}-{seed}", [*words, "--seed", str(seed)]) for seed in seeds]
        save(rows, arguments.results / "from_scratch.csv")
    print(f"written to {arguments.results}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and validation/ class folders")
    parser.add_argument("--hands", type=Path, help="folder with train/ and test/ class folders")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--classic-epochs", type=int, default=60)
    parser.add_argument("--only", nargs="+", choices=ROWS, default=ROWS)
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--work", type=Path, help="where to put a temporary folder (default: the system's)")
    arguments = parser.parse_args()
    if arguments.hands is None:
        arguments.only = [name for name in arguments.only if name not in OF_HANDS]
    return arguments


def ours(name: str, data: Path, folder: Path, words: list[str]) -> dict[str, object]:
    """One run of fieldguide, from the start of its process to the end, and what it says."""
    command = [
        *measure.fieldguide_command(),
        "train",
        str(data),
        "--recipe",
        "scratch",
        "--output",
        str(folder),
        *words,
    ]
    log = folder.with_suffix(".log")
    cost = measure.run(command, log=log)
    if cost.returncode:
        raise SystemExit(measure.tail(log))
    right, count = measure.read_accuracy(folder)
    low, high = measure.wilson(right, count)
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    row = {
        "row": name,
        "seed": words[-1] if "--seed" in words else "",
        "accuracy": right / count,
        "low": low,
        "high": high,
        "pictures": count,
        "train_accuracy": card["train_accuracy"]["value"],
        "seconds": cost.seconds,
        "cpu_seconds": cost.cpu_seconds,
        "training_seconds": card["seconds"]["training"],
        "epochs": len(list(csv.DictReader((folder / "history.csv").open(encoding="utf-8")))),
        "parameters": parameters(folder),
        "verdict": card["diagnosis"]["verdict"],
    }
    print(row, flush=True)
    return row


def classic(arguments: argparse.Namespace, work: Path) -> list[dict[str, object]]:
    """The classic way to its best epoch, and fieldguide, quick enough to be as accurate in less time."""
    output = work / "classic"
    script = [sys.executable, str(HERE / "peers" / "classic_scratch.py"), str(arguments.data), str(output)]
    cost = measure.run([*script, "--epochs", str(arguments.classic_epochs)], log=work / "classic.log")
    if cost.returncode:
        raise SystemExit(measure.tail(work / "classic.log"))
    epochs = list(csv.DictReader((output / "epochs.csv").open(encoding="utf-8")))
    best = max(epochs, key=lambda row: float(row["val_accuracy"]))  # chosen on what measures: flattering to it
    count = int(best["pictures"])
    right = round(float(best["val_accuracy"]) * count)
    low, high = measure.wilson(right, count)
    row = {
        "row": "classic",
        "seed": "0",
        "accuracy": right / count,
        "low": low,
        "high": high,
        "pictures": count,
        "train_accuracy": "",  # Keras measures it on augmented pictures, with dropout at work: not the same
        "seconds": float(best["seconds"]),
        "cpu_seconds": "",
        "training_seconds": float(best["seconds"]),
        "epochs": int(best["epoch"]),
        "parameters": 9_494_561,
        "verdict": "",
    }
    print(row, flush=True)
    quick = ours(
        "quick", arguments.data, work / "quick", ["--epochs", str(QUICK_EPOCHS), "--no-mirrored", "--seed", "0"]
    )
    if quick["accuracy"] < right / count:
        print(f"not as accurate: {quick['accuracy']:.3f} against {right / count:.3f}", flush=True)
        return [row, quick]
    ratio = float(best["seconds"]) / float(str(quick["seconds"]))
    print(f"fieldguide: {ratio:.2f} times as fast, {quick['accuracy']:.3f} against {right / count:.3f}", flush=True)
    return [{**row, "times_quick": ratio}, {**quick, "times_quick": 1.0}]


def parameters(folder: Path) -> int:
    """Of the network in a run's folder."""
    import fieldguide as fg

    guide = fg.load(folder)
    return sum(value.size for value in (guide.weights or {}).values()) + guide.head.kernel.size + guide.head.bias.size


def save(rows: list[dict[str, object]], path: Path) -> None:
    """These rows, in the place of rows of the same names that stand there, in the order of `WRITTEN`."""
    fixed = {**measure.hardware(), "versions": measure.versions(sys.executable, PACKAGES)}
    known = list(csv.DictReader(path.open(encoding="utf-8"))) if path.exists() else []
    kept = [row for row in known if row["row"] not in {row["row"] for row in rows}]
    every = [*kept, *({"times_quick": "", **row, **fixed} for row in rows)]
    measure.write_csv(path, sorted(every, key=lambda row: WRITTEN.index(str(row["row"]))))


if __name__ == "__main__":
    main()
