"""The classic way from scratch: the course's network with Keras's ImageDataGenerator, as week 2 of courses teaches it.

python benchmarks/peers/classic_scratch.py DATA OUTPUT --epochs 60

Writes OUTPUT/epochs.csv: for each epoch the seconds since the start, and the accuracy on DATA/validation.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))


def main() -> None:
    started = time.perf_counter()
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    import keras
    from classic import BATCH, GENERATOR, RESCALE, course_network
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    keras.utils.set_random_seed(arguments.seed)
    options = {"target_size": (150, 150), "batch_size": BATCH, "class_mode": "binary"}
    train = ImageDataGenerator(**GENERATOR).flow_from_directory(arguments.data / "train", **options)
    held = ImageDataGenerator(rescale=RESCALE).flow_from_directory(
        arguments.data / "validation", shuffle=False, **options
    )
    model = course_network(150)
    # Week 2 trains with a tenth of week 1's rate, for longer.
    model.compile(keras.optimizers.RMSprop(1e-4), "binary_crossentropy", metrics=["accuracy"])
    arguments.output.mkdir(parents=True, exist_ok=True)
    measuring = 0.0
    with (arguments.output / "epochs.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "seconds", "accuracy", "val_accuracy", "pictures"])
        for epoch in range(1, arguments.epochs + 1):
            history = model.fit(train, epochs=1, verbose=0)
            seconds = time.perf_counter() - started - measuring  # measuring is not what is compared
            begun = time.perf_counter()
            accuracy = model.evaluate(held, verbose=0)[1]
            measuring += time.perf_counter() - begun
            row = [epoch, f"{seconds:.2f}", f"{history.history['accuracy'][0]:.4f}", f"{accuracy:.4f}", held.samples]
            writer.writerow(row)
            file.flush()
            print(*row, flush=True)


if __name__ == "__main__":
    main()
