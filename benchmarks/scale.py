"""Time and memory of `fieldguide train` and `fieldguide predict` as the pictures grow to 100,000.

python benchmarks/scale.py --data DATA --work FOLDER [--sizes 3000 20000 100000]

DATA holds train/<class>/ and validation/<class>/ with a few thousand photos. Larger sets are made from them: every
picture is a crop of 60 to 90% of a photo's sides, turned by up to 10 degrees, perhaps mirrored, its colours shifted,
scaled back to the photo's size and encoded again. So files differ as much in bytes and looks as photos do (neither the
cache nor the search for near-duplicates gets off lightly) and cost the same to decode. Pictures made from validation
photos stay in validation: the accuracy is one on unseen photos, though those repeat. All sizes are made that way,
the smallest too, and a smaller set is a part of a larger one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import cv2
import measure
import numpy as np

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
GRAIN = np.random.default_rng(0).normal(0, 4, size=(1600, 1600, 3)).astype(np.int16)
KEPT_MB_PER_PICTURE = 0.25  # the file, its decoded pixels and its features


def main() -> None:
    arguments = parse()
    sizes = sorted(arguments.sizes)
    sources = list_photos(arguments.data)
    check_room(arguments.work, sizes[-1])
    packages = ["fieldguide", "keras", "tensorflow", "ai-edge-litert", "numpy", "opencv-python-headless"]
    machine = {**measure.hardware(), "versions": measure.versions(sys.executable, packages)}
    rows: list[dict[str, object]] = []
    for size in sizes:
        folder = arguments.work / f"pictures-{size}"
        make_set(sources, size, folder, pool=arguments.work / "pool")
        for row in measure_size(size, folder, arguments):
            rows.append(row)
            print(f"{size:>7} pictures  {row['command']:<8} {row['seconds']:8.1f} s", flush=True)
            measure.write_csv(arguments.results / "scale.csv", [{**each, **machine} for each in rows])
    print(f"written to {arguments.results / 'scale.csv'}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and validation/ class folders")
    parser.add_argument("--work", type=Path, required=True, help="folder for the pictures made, the runs and the cache")
    parser.add_argument("--sizes", type=int, nargs="+", default=[3000, 20_000, 100_000])
    parser.add_argument("--predict-up-to", type=int, default=100_000, help="larger sets are only trained on")
    parser.add_argument("--results", type=Path, default=Path(__file__).resolve().parent / "results")
    arguments = parser.parse_args()
    for part in ("train", "validation"):
        if not (arguments.data / part).is_dir():
            parser.error(f"{arguments.data / part} is not there.")
    return arguments


def list_photos(data: Path) -> list[Path]:
    """The photos of all classes and parts in turn, so that the first n of them hold every class and part alike."""
    found = []
    for folder in sorted(path for part in ("train", "validation") for path in (data / part).iterdir() if path.is_dir()):
        photos = sorted(folder.iterdir())
        found += [((place + 0.5) / len(photos), photo) for place, photo in enumerate(photos)]
    return [photo for _, photo in sorted(found)]


def check_room(work: Path, size: int) -> None:
    work.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(work).free / 1e6
    if free < 2 * size * KEPT_MB_PER_PICTURE:  # fieldguide's cache takes at most half of what is free
        needed = 2 * size * KEPT_MB_PER_PICTURE / 1000
        raise SystemExit(f"{work} has {free / 1000:.0f} GB free; {size} pictures need {needed:.0f} GB.")


def make_set(sources: Sequence[Path], size: int, folder: Path, *, pool: Path) -> None:
    """Put `size` pictures below `folder`, as links to those made in `pool`; what is there already is kept."""

    def make(number: int) -> None:
        variant, place = divmod(number, len(sources))
        source = sources[place]
        inside = Path(source.parent.parent.name, source.parent.name, f"{source.stem}-{variant:03d}.jpg")
        if not (folder / inside).exists():
            if not (pool / inside).exists():
                (pool / inside).parent.mkdir(parents=True, exist_ok=True)
                write_variant(source, pool / inside, np.random.default_rng((place, variant)))
            (folder / inside).parent.mkdir(parents=True, exist_ok=True)
            os.link(pool / inside, folder / inside)

    cv2.setNumThreads(1)
    with ThreadPoolExecutor(CORES) as threads:
        for done, _ in zip(count(1), threads.map(make, range(size)), strict=False):
            if done % 5000 == 0:
                print(f"made {done} of {size} pictures", flush=True)


def write_variant(source: Path, target: Path, random: np.random.Generator) -> None:
    """Write another picture of what `source` shows, of the same size."""
    photo = cv2.imread(str(source), cv2.IMREAD_COLOR)
    if photo is None:
        raise SystemExit(f"{source} cannot be read.")
    height, width = photo.shape[:2]
    share = random.uniform(0.6, 0.9, size=2)
    corner = random.uniform(0, 1 - share)
    centre = ((corner + share / 2) * (width, height)).tolist()
    warp = cv2.getRotationMatrix2D(centre, random.uniform(-10, 10), 1.0)
    warp[:, 2] += np.array([width, height]) / 2 - centre  # the crop's centre comes to the middle ...
    stretch = np.diag([*(1 / share), 1.0])  # ... and its sides to the edges
    stretch[:2, 2] = np.array([width, height]) / 2 * (1 - 1 / share)
    if random.random() < 0.5:
        stretch = np.array([[-1.0, 0, width - 1], [0, 1, 0], [0, 0, 1]]) @ stretch
    whole = stretch @ np.vstack([warp, [0, 0, 1]])
    picture = cv2.warpAffine(photo, whole[:2], (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    levels = np.arange(256)[:, None] * random.uniform(0.8, 1.2, size=3) + random.uniform(-20, 20)
    picture = cv2.LUT(picture, np.clip(levels, 0, 255).astype(np.uint8)[:, None])
    top, left = random.integers(0, GRAIN.shape[0] - height), random.integers(0, GRAIN.shape[1] - width)
    grain = GRAIN[top : top + height, left : left + width]  # which enlarging took away: bytes as in a photo
    picture = cv2.add(picture, grain, dtype=cv2.CV_8U)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(85, 96))]
    _, encoded = cv2.imencode(".jpg", picture, quality)
    partial = target.with_suffix(".partial")
    partial.write_bytes(encoded.tobytes())
    partial.replace(target)


def measure_size(size: int, folder: Path, arguments: argparse.Namespace) -> Iterator[dict[str, object]]:
    """The rows of one size: training with an empty cache, then predicting the same pictures from their files."""
    cache, output, log = (arguments.work / name for name in ("cache", f"run-{size}", "log.txt"))
    for old in (cache, output):
        shutil.rmtree(old, ignore_errors=True)
    environment = {"FIELDGUIDE_CACHE": str(cache), "CUDA_VISIBLE_DEVICES": ""}
    fieldguide = measure.fieldguide_command()
    commands = {"train": [*fieldguide, "train", str(folder), "--output", str(output)]}
    if size <= arguments.predict_up_to:
        commands["predict"] = [*fieldguide, "predict", str(output), str(folder)]
    for name, command in commands.items():
        cost = measure.run(command, log=log, environment=environment)
        if cost.returncode != 0:
            raise SystemExit(f"{name} ended with exit code {cost.returncode}:\n{measure.tail(log)}")
        row: dict[str, object] = {
            "command": name,
            "pictures": size,
            "seconds": cost.seconds,
            "ms_per_picture": 1000 * cost.seconds / size,  # stays the same where time grows linearly
            "cpu_seconds": cost.cpu_seconds,
            "peak_private_mb": cost.peak_private_mb,
            "peak_rss_mb": cost.peak_rss_mb,
            **dict.fromkeys(("cache_mb", "accuracy", "accuracy_low", "accuracy_high", "count", "stages")),
        }
        if name == "train":
            correct, scored = measure.read_accuracy(output)
            row["cache_mb"] = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file()) / 1e6
            row["accuracy"], row["count"] = correct / scored, scored
            row["accuracy_low"], row["accuracy_high"] = measure.wilson(correct, scored)
            row["stages"] = "; ".join(f"{stage} {took:.2f}" for stage, took in measure.read_stages(output).items())
        yield row
    shutil.rmtree(cache, ignore_errors=True)
    shutil.rmtree(output)


if __name__ == "__main__":
    main()
