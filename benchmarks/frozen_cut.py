"""Frozen training at a cut that courses use: InceptionV3 at `mixed7` with a dense head, classic and with fieldguide.

python benchmarks/frozen_cut.py --data DATA [--epochs-timed 2] [--views 1 4]

DATA holds train/<class>/ and validation/<class>/, two classes. All rows train the same head (flatten, 1,024 units,
dropout 0.2, a sigmoid) on the same random weights for 20 epochs at 150 x 150, whole processes, one after the other.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import measure

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "frozen_cut.csv"
EPOCHS = 20
PACKAGES = ("fieldguide", "keras", "tensorflow", "numpy", "opencv-python-headless")
WORDS = ["--recipe", "features", "--backbone", "inception_v3", "--weights", "random", "--cut", "mixed7"]
WORDS += ["--side", "150", "--pooling", "flatten", "--dense", "1024", "--dropout", "0.2", "--frame", "squash"]
WORDS += ["--epochs", str(EPOCHS), "--patience", str(EPOCHS), "--batch-size", "128"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and validation/ class folders")
    parser.add_argument("--epochs-timed", type=int, default=2, help="of the classic way; the others are extrapolated")
    parser.add_argument("--views", type=int, nargs="+", default=[1, 4], help="of each picture, for fieldguide")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="frozen-cut-") as place:
        work = Path(place)
        classic = classic_row(options, work)
        rows = [classic, *(own_row(views, options, work, float(str(classic["seconds"]))) for views in options.views)]
    fixed = {**measure.hardware(), "versions": measure.versions(sys.executable, PACKAGES)}
    measure.write_csv(RESULTS, [{**row, **fixed} for row in rows])
    print(f"written to {RESULTS}")


def classic_row(options: argparse.Namespace, work: Path) -> dict[str, object]:
    """What 20 epochs take that run the whole network over augmented pictures each time."""
    script = [sys.executable, str(HERE / "peers" / "classic_inception.py"), str(options.data)]
    command = [*script, "--output", str(work / "classic"), "--epochs", str(options.epochs_timed)]
    cost = measure.run(command, log=work / "classic.log")
    if cost.returncode:
        raise SystemExit(measure.tail(work / "classic.log"))
    found = json.loads((work / "classic" / "result.json").read_text(encoding="utf-8"))
    timed = ", ".join(f"{seconds:.0f}" for seconds in found["epochs"])
    return shown("classic", found["seconds_20_epochs"], 1.0, f"20 epochs, from epochs of {timed} s")


def own_row(views: int, options: argparse.Namespace, work: Path, classic: float) -> dict[str, object]:
    """What `fieldguide train` takes, that runs the frozen part once for each view."""
    output = work / f"views-{views}"
    command = [*measure.fieldguide_command(), "train", str(options.data), "--output", str(output)]
    log = work / f"views-{views}.log"
    kept = {"FIELDGUIDE_CACHE": str(work / f"cache-{views}")}
    cost = measure.run([*command, *WORDS, "--views", str(views)], log=log, environment=kept)
    if cost.returncode:
        raise SystemExit(measure.tail(log))
    stages = ", ".join(f"{name} {seconds:.0f}" for name, seconds in measure.read_stages(output).items() if seconds > 1)
    return shown(f"fieldguide, {views} views", cost.seconds, classic / cost.seconds, stages)


def shown(row: str, seconds: float, times: float, note: str) -> dict[str, object]:
    found: dict[str, object] = {"row": row, "seconds": seconds, "times_as_quick": times, "note": note}
    print(*found.values(), flush=True)
    return found


if __name__ == "__main__":
    main()
