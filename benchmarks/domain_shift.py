"""What a classifier is worth on pictures unlike those it learnt from: hands over green or white, then in many places.

python benchmarks/domain_shift.py --green GREEN --official OFFICIAL --places PLACES [--seeds 0 1 2]

GREEN and PLACES hold class folders of rock, paper and scissors, OFFICIAL train/ and test/ above them. Each row learns
from all of GREEN, or from the training pictures of OFFICIAL, by `fieldguide train --recipe features`, and is measured
on all of PLACES, which chooses nothing; `by_itself` is the same from four fifths of PLACES, measured on the last fifth.
The verdict is what fieldguide says of it. Rows that are there already are not made again.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import measure
from featured import kept_rows, known

RESULTS = Path(__file__).resolve().parent / "results" / "domain_shift.csv"
PACKAGES = ["fieldguide", "keras", "tensorflow", "ai-edge-litert", "numpy", "opencv-python-headless"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    for name in ("green", "official", "places"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    learnt_from = {"green": options.green, "official": options.official / "train", "by_itself": None}
    rows = kept_rows(RESULTS)
    for name, train in learnt_from.items():
        for seed in options.seeds:
            key = {"learnt_from": name, "seed": str(seed)}
            if known(rows, key):
                continue
            with tempfile.TemporaryDirectory(prefix="shift-") as place:
                data = options.places if train is None else divided(Path(place) / "data", train, options.places)
                rows.append({**key, **measured(data, Path(place), seed)})
            measure.write_csv(RESULTS, rows)
            print(*rows[-1].values(), flush=True)


def divided(data: Path, train: Path, test: Path) -> Path:
    """A folder whose training part is one set, and whose test part another; of links."""
    data.mkdir()
    (data / "train").symlink_to(train.resolve())
    (data / "test").symlink_to(test.resolve())
    return data


def measured(data: Path, work: Path, seed: int) -> dict[str, object]:
    """One run, and what it says."""
    command = [*measure.fieldguide_command(), "train", str(data), "--recipe", "features", "--seed", str(seed)]
    cost = measure.run([*command, "--output", str(work / "run")], log=work / "log")
    if cost.returncode:
        raise SystemExit(measure.tail(work / "log"))
    right, count = measure.read_accuracy(work / "run")
    low, high = measure.wilson(right, count)
    card = json.loads((work / "run" / "card.json").read_text(encoding="utf-8"))
    replied = card["metrics"]["replied"]
    return {
        "pictures": count,
        "accuracy": right / count,
        "low": low,
        "high": high,
        "true_class_named": replied["coverage"]["share"]["value"] if replied["coverage"] else "",
        "called_unlike": replied["false_alarms"]["value"] if replied["false_alarms"] else "",
        "verdict": card["diagnosis"]["verdict"],
        **measure.hardware(),
        "versions": measure.versions(sys.executable, PACKAGES),
    }


if __name__ == "__main__":
    main()
