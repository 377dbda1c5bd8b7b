"""Whether a training that is killed at any moment ends with the same weights as one that is not.

python benchmarks/resume_kills.py --data DATA [--kills 30] [--quick]

One training from scratch runs through; then others, alike but for their folders, are killed (SIGKILL) at moments drawn
evenly over its length, resumed, killed again, and so on until one ends and the next begins. Every checkpoint that a
kill leaves is opened, and at each end all weights of `model.keras` are compared with the first one's, bit by bit, and
all that the last checkpoint holds: early stopping keeps an earlier epoch, and the training goes on to the last one.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measure
import numpy as np

HERE = Path(__file__).resolve().parent
PACKAGES = ("fieldguide", "keras", "tensorflow", "numpy")
SETTINGS = ["--recipe", "scratch", "--size", "tiny", "--side", "48", "--augment", "strong", "--mix", "both"]
SETTINGS += ["--dropout", "0.3", "--block-dropout", "0.1", "--patience", "50", "--minimum", "0.03"]
SETTINGS += ["--epochs"]


def main() -> None:
    arguments = parse()
    work = Path(tempfile.mkdtemp(prefix="resume-kills-"))
    os.environ["FIELDGUIDE_CACHE"] = str(work / "cache")
    run(arguments, work / "first")  # decodes the pictures and compiles the bytecode
    started = time.monotonic()
    run(arguments, work / "whole")
    seconds = time.monotonic() - started
    expected = weights(work / "whole")
    print(f"uninterrupted: {seconds:.1f} s, {len(expected)} arrays", flush=True)
    rng, epochs, ends = random.Random(arguments.seed), [], []
    while len(epochs) < arguments.kills:
        folder = work / f"killed-{len(ends) + 1}"
        while True:  # killed again and again, until it ends or there were enough kills
            after = rng.uniform(0.5, 1.05 * seconds) if len(epochs) < arguments.kills else None
            if run(arguments, folder, after):
                break
            epochs.append(checked(folder))
            print(f"kill {len(epochs)} after {after:.1f} s, in epoch {epochs[-1] + 1}", flush=True)
        ends.append(same(weights(folder), expected))
        print(f"training {len(ends)} ended: {'the same weights' if ends[-1] else 'OTHER WEIGHTS'}", flush=True)
    row = {
        "kills": len(epochs),
        "before_the_first_checkpoint": sum(epoch == 0 for epoch in epochs),
        "between_checkpoints": sum(0 < epoch < arguments.epochs for epoch in epochs),
        "after_the_last_one": sum(epoch >= arguments.epochs for epoch in epochs),
        "trainings": len(ends),
        "same_weights": sum(ends),
        "epochs": arguments.epochs,
        "best_epoch": int(expected["best"]),
        **measure.hardware(),
        "versions": measure.versions(sys.executable, PACKAGES),
    }
    measure.write_csv(arguments.results / "resume_kills.csv", [row])
    shutil.rmtree(work)
    if not all(ends):
        raise SystemExit("some weights differ")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder of class folders, divided or not")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="three kills: to see it run")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.kills = 3
        arguments.results = Path(tempfile.mkdtemp())
    return arguments


def run(arguments: argparse.Namespace, folder: Path, after: float | None = None) -> bool:
    """Begins a training in `folder` or resumes it, and kills it after so many seconds; whether it ended before."""
    if (folder / "card.json").exists():
        return True  # it was killed after its last file
    begun = (folder / "asked.json").exists()
    words = ["--resume", str(folder)] if begun else [str(arguments.data), "--output", str(folder), *SETTINGS]
    words += [] if begun else [str(arguments.epochs)]
    process = subprocess.Popen(
        [sys.executable, "-m", "fieldguide", "train", *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        _, said = process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if not (folder / "asked.json").exists():
            shutil.rmtree(folder, ignore_errors=True)  # it had not begun
        return False
    if process.returncode:
        raise SystemExit(f"a training failed: {said.decode(errors='replace')}")
    return True


def checked(folder: Path) -> int:
    """The epoch of the checkpoint that is there, opened in full; 0 where there is none yet."""
    from fieldguide.training import checkpoint

    return checkpoint.read(folder).epoch if (folder / checkpoint.FOLDER / checkpoint.LAST).exists() else 0


def weights(folder: Path) -> dict[str, np.ndarray]:
    """All weights of a finished run, those that were kept and all that the last epoch left."""
    import fieldguide as fg
    from fieldguide.training import checkpoint

    guide, last = fg.load(folder), checkpoint.read(folder)
    kept = {**(guide.weights or {}), "head/kernel": guide.head.kernel, "head/bias": guide.head.bias}
    arrays = {f"last/{name}": value for name, value in last.arrays.items()}
    return {**kept, **arrays, "best": np.array(last.progress.best_epoch)}


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return set(one) == set(other) and all(np.array_equal(value, other[name]) for name, value in one.items())


if __name__ == "__main__":
    main()
