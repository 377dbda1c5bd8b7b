"""Pictures a second through the classic recipe, from arrays: fieldguide beside what people use, and beside the floor.

python benchmarks/augmentation.py --data DATA --peers-python .peers/bin/python [--sides 150 224] [--quick]

The rows are the functions of `array_contenders.py`, and `albumentations_*` by `peers/albumentations_affine.py`. All
augment the same photos (centre crops of DATA/train, uint8) in batches of 32, each in a process of its own, in turns.
Ratios are taken within a round. "At least" is what the project set out to reach with `flow`; of the rows with
`cv2.warpAffine` alone into memory that is there already, the quickest counts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import measure
import numpy as np
import turns
from array_contenders import CONTENDERS
from classic import BATCH
from frozen_features import read_photos
from turns import Ratio, Turn

HERE = Path(__file__).resolve().parent
PEERS = ("one_thread", "own_threads", "pool")
PACKAGES = ("fieldguide", "keras", "tensorflow", "scipy", "numpy", "opencv-python-headless")
PEER_PACKAGES = ("albumentations", "numpy", "opencv-python-headless")
REQUIRED = {"keras_generator": 10.0, "keras_layers": 8.0, "keras_layers_in_step": 8.0}
REQUIRED |= {f"albumentations_{each}": 1.5 for each in PEERS}
BARE = ("warp_own_threads", "warp_pool", "warp_pool_and_own", "warp_pool_float")
SHARE_OF_BARE = 0.8


def main() -> None:
    arguments = parse()
    rows: list[dict[str, object]] = []
    for side in arguments.sides:
        with tempfile.TemporaryDirectory() as folder:
            pixels = Path(folder) / "pixels.npy"
            np.save(pixels, read_photos(arguments.data / "train", arguments.count, side))
            with turns.started(commands(pixels, arguments), Path(folder)) as contenders:
                found = turns.take_turns(contenders, arguments.rounds)
        versions = {name: versions_of(name, arguments.peers_python) for name in found}
        fixed = {"side": side, "batch": BATCH, "pictures": arguments.count, "rounds": arguments.rounds}
        rows += [{**row, **fixed, **measure.hardware(), "versions": versions[row["row"]]} for row in compared(found)]
    for row in rows:
        print(
            f"{row['side']:>4} {row['row']:<28}{row['pictures_per_second']:>8.0f}/s{row['cpu_ms_per_picture']:>7.3f} ms"
            f"{row['flow_is_times']:>8.2f}x ({row['flow_is_times_least']:.2f}-{row['flow_is_times_largest']:.2f}) "
            f"engine{row['engine_is_times']:>8.2f}x  {row['required']:>4} {row['met']}"
        )
    measure.write_csv(arguments.results / "augmentation.csv", rows)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ class folders")
    parser.add_argument("--peers-python", help="interpreter with albumentations; without it those rows are left out")
    parser.add_argument("--sides", type=int, nargs="+", default=[150, 224])
    parser.add_argument("--count", type=int, default=512, help="pictures in an epoch (default 512)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long a turn is at least (default 1)")
    parser.add_argument("--quick", action="store_true", help="64 pictures, 2 rounds, 0.2 s: to see that it runs")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.count, arguments.rounds, arguments.seconds = 64, 2, 0.2
    if arguments.count % BATCH:
        parser.error(f"--count {arguments.count} is no multiple of {BATCH}")
    return arguments


def commands(pixels: Path, arguments: argparse.Namespace) -> dict[str, list[str]]:
    """What starts each contender."""
    options = [str(pixels), "--seconds", str(arguments.seconds)]
    ours = [sys.executable, str(HERE / "array_contenders.py")]
    found = {name: [*ours, name, *options] for name in CONTENDERS}
    if arguments.peers_python:
        peer = [arguments.peers_python, str(HERE / "peers" / "albumentations_affine.py")]
        found |= {f"albumentations_{each}": [*peer, each, *options] for each in PEERS}
    return found


def compared(found: Mapping[str, Sequence[Turn]]) -> list[dict[str, object]]:
    """A row for each contender: its rate, and how many times as fast fieldguide is."""
    best = max((name for name in found if name in BARE), key=lambda name: Ratio.over(rates(found[name])).median)
    rows: list[dict[str, object]] = []
    for name, each in found.items():
        flow = Ratio.of(found["flow"], each)
        required = SHARE_OF_BARE if name == best else REQUIRED.get(name)
        rows.append(
            {
                "row": name,
                **Ratio.over(rates(each)).columns("pictures_per_second"),
                "cpu_ms_per_picture": Ratio.over([1e3 * turn.cpu_seconds / turn.pictures for turn in each]).median,
                **flow.columns("flow_is_times"),
                **Ratio.of(found["engine"], each).columns("engine_is_times"),
                "required": "" if required is None else required,
                "met": "" if required is None else "yes" if flow.median >= required else "no",
            }
        )
    return rows


def rates(each: Sequence[Turn]) -> list[float]:
    return [turn.rate for turn in each]


def versions_of(name: str, peers_python: str | None) -> str:
    if peers_python and name.startswith("albumentations"):
        return measure.versions(peers_python, PEER_PACKAGES)
    return measure.versions(sys.executable, PACKAGES)


if __name__ == "__main__":
    main()
