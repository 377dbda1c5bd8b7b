"""How long common bases take for a picture, each as a multiple of the bundled one, measured in turns in one run.

python benchmarks/backbones.py [--backbones NAME ...] [--rounds 5]

Every base runs on random pictures of the size it was trained for, with random weights (which change no timing), through
Keras on the processor, in batches. In each round every base has one turn, so that whatever else slows the machine down
slows all of them; a row holds the median over the rounds. Set KERAS_BACKEND for another backend than TensorFlow.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import measure
import numpy as np

from fieldguide.model.backbones import backbone
from fieldguide.model.bases import base_model

BUNDLED = "efficientnet_lite0"
COMMON = (
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "efficientnet_b0",
    "efficientnet_v2_b0",
    "densenet121",
    "resnet50",
    "inception_v3",
    "xception",
    "convnext_tiny",
    "vgg16",
)


def main() -> None:
    import keras

    arguments = parse()
    names = list(dict.fromkeys([BUNDLED, *(backbone(name).name for name in arguments.backbones)]))
    runs = {name: prepared(name, arguments.batch) for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(arguments.rounds):
        for name, (model, pixels) in runs.items():
            begin = time.perf_counter()
            model.predict_on_batch(pixels)
            seconds[name].append((time.perf_counter() - begin) / arguments.batch)
        print(f"round {number + 1} of {arguments.rounds}", flush=True)
    packages = ["fieldguide", "keras", "tensorflow", "jax", "numpy"]
    machine = {**measure.hardware(), "versions": measure.versions(sys.executable, packages)}
    rows = []
    for name in names:
        spec = backbone(name)
        # Of the rounds' ratios, not of the times: both halves of a ratio then had the same company on the machine.
        ratios = [own / other for own, other in zip(seconds[name], seconds[BUNDLED], strict=True)]
        row = {
            "backbone": name,
            "side": spec.target_size[0],
            "parameters": spec.parameters,
            "multiply_adds": spec.multiply_adds,
            "times_as_long": statistics.median(ratios),
            "shortest": min(ratios),
            "longest": max(ratios),
            "rounds": arguments.rounds,
            "batch": arguments.batch,
            "backend": keras.config.backend(),
        }
        rows.append({**row, **machine})
        print(f"{spec.title:<18} {row['times_as_long']:6.2f} times as long as {backbone(BUNDLED).title}", flush=True)
    measure.write_csv(arguments.results / "backbones.csv", rows)
    print(f"written to {arguments.results / 'backbones.csv'}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbones", nargs="+", default=COMMON, help="names from fieldguide's table")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=8, help="pictures at a time")
    parser.add_argument("--results", type=Path, default=Path(__file__).resolve().parent / "results")
    return parser.parse_args()


def prepared(name: str, batch: int) -> tuple[Any, np.ndarray]:
    """A base that has run once, so that it is compiled, and pictures for it."""
    spec = backbone(name)
    pixels = np.random.default_rng(0).integers(0, 256, (batch, *spec.target_size, 3)).astype(np.float32)
    model = base_model(name, spec.target_size, weights="random")
    model.predict_on_batch(pixels)
    return model, pixels


if __name__ == "__main__":
    main()
