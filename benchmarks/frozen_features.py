"""Pictures a second through the frozen backbone on a CPU: fieldguide's engine beside `keras.Model.predict`.

python benchmarks/frozen_features.py --photos FOLDER [--count 256] [--rounds 9] [--results FOLDER]

All rows run the same network with the same weights on the same decoded pixels, in turns within each round; a ratio is
the median over rounds of the ratio within a round. The rows:

keras_predict            `predict` on float32 pixels (converted before the clock starts), the reference
engine                   `LiteEngine.features` on uint8 pixels, as many pictures a call as the batch: what is compared
engine_with_cut          the same, and the activation at the cut that fine-tuning starts from
engine_one_thread        on one core
litert_shared            one LiteRT interpreter with a thread for each core, one picture a call
litert_shared_batched    the same, a whole batch a call
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import measure
import numpy as np
from PIL import Image, ImageOps

sys.path.insert(0, str(measure.REPOSITORY / "src"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from fieldguide.model.engine import DEFAULT_CUT, LiteEngine, lite_graph
from fieldguide.model.lite0 import lite0, load_weights, read_weights
from fieldguide.parallel import thread_count

REFERENCE = "keras_predict"
Run = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    """Measure and write results/frozen_features.csv."""
    arguments = parse()
    pixels = read_photos(arguments.photos, arguments.count, arguments.side)
    runs = contenders(arguments.side, arguments.batch)
    wanted = {name: run(as_input(name, pixels)) for name, run in runs.items()}  # also the warming up
    seconds = time_rounds(runs, pixels, arguments.rounds)
    packages = ["tensorflow", "keras", "ai-edge-litert", "numpy"]
    machine = {**measure.hardware(), "versions": measure.versions(sys.executable, packages)}
    rows: list[dict[str, object]] = []
    for name, times in seconds.items():
        ratios = [reference / mine for reference, mine in zip(seconds[REFERENCE], times, strict=True)]
        difference = np.abs(wanted[name] - wanted[REFERENCE]).max()
        rows.append(
            {
                "row": name,
                "pictures_per_second": len(pixels) / statistics.median(times),
                "best_pictures_per_second": len(pixels) / min(times),
                "times_keras_predict": statistics.median(ratios),
                "least_ratio": min(ratios),
                "largest_ratio": max(ratios),
                "largest_difference": f"{difference:.1e}",
                "side": arguments.side,
                "batch": arguments.batch,
                "pictures": len(pixels),
                "rounds": arguments.rounds,
                **machine,
            }
        )
        row = rows[-1]
        print(f"{name:<22}{row['pictures_per_second']:8.1f}/s {row['times_keras_predict']:6.2f}x {difference:.1e}")
    measure.write_csv(arguments.results / "frozen_features.csv", rows)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True, help="a folder of photos, searched below")
    parser.add_argument("--count", type=int, default=256)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--results", type=Path, default=Path(__file__).resolve().parent / "results")
    arguments = parser.parse_args()
    if arguments.count % arguments.batch:
        parser.error(f"--count {arguments.count} is no multiple of --batch {arguments.batch}")
    return arguments


def read_photos(folder: Path, count: int, side: int) -> np.ndarray:
    """Centre crops of `count` photos drawn with a seed, uint8 (count, side, side, 3)."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    rows = np.random.default_rng(0).permutation(len(paths))[:count]
    if len(rows) < count:
        raise SystemExit(f"{folder} holds {len(rows)} photos; {count} are wanted.")
    pictures = []
    for row in rows:
        with Image.open(paths[row]) as photo:
            pictures.append(np.asarray(ImageOps.fit(photo.convert("RGB"), (side, side), Image.Resampling.BICUBIC)))
    return np.stack(pictures)


def contenders(side: int, batch: int) -> dict[str, Run]:
    """What is timed: functions from pixels to features."""
    size = (side, side)
    model = load_weights(lite0(size))
    model.jit_compile = False  # XLA on a CPU is ten times slower: predict at its best is without
    engine, single = LiteEngine(target_size=size), LiteEngine(target_size=size, threads=1)

    def in_batches(step: Run) -> Run:
        return lambda pixels: np.concatenate([step(pixels[at : at + batch]) for at in range(0, len(pixels), batch)])

    return {
        REFERENCE: lambda pixels: model.predict(pixels, batch_size=batch, verbose=0),
        "engine": in_batches(engine.features),
        "engine_with_cut": in_batches(lambda pixels: engine.features_and_cut(pixels)[0]),
        "engine_one_thread": in_batches(single.features),
        "litert_shared": shared_interpreter(size, 1),
        "litert_shared_batched": shared_interpreter(size, batch),
    }


def shared_interpreter(size: tuple[int, int], batch: int) -> Run:
    """One interpreter that uses every core for each call."""
    from ai_edge_litert.interpreter import Interpreter

    graph = lite_graph(read_weights(), size, DEFAULT_CUT)
    interpreter: Any = Interpreter(model_content=graph, num_threads=thread_count())
    index = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(index, (batch, *size, 3))
    interpreter.allocate_tensors()
    output = interpreter.get_output_details()[0]["index"]

    def run(pixels: np.ndarray) -> np.ndarray:
        found = []
        for at in range(0, len(pixels), batch):
            interpreter.set_tensor(index, pixels[at : at + batch])
            interpreter.invoke()
            found.append(interpreter.get_tensor(output))
        return np.concatenate(found)

    return run


def as_input(name: str, pixels: np.ndarray) -> np.ndarray:
    """The pixels as this contender takes them."""
    return pixels.astype(np.float32) if name == REFERENCE else pixels


def time_rounds(runs: dict[str, Run], pixels: np.ndarray, rounds: int) -> dict[str, list[float]]:
    """Seconds of each contender in each round; they take turns, and each round starts with the next one."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    names = list(runs)
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            given = as_input(name, pixels)
            begin = time.perf_counter()
            runs[name](given)
            seconds[name].append(time.perf_counter() - begin)
    return seconds


if __name__ == "__main__":
    main()
