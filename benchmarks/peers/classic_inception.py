"""The way courses have taught since 2019: InceptionV3 cut at `mixed7` and frozen, `ImageDataGenerator`, 20 epochs.

python classic_inception.py DATA --output FOLDER [--epochs 2]

DATA holds train/<class>/ and validation/<class>/, two classes. The weights are random (ImageNet's would have to be
downloaded), which changes nothing about the time; the accuracy therefore means nothing and is not quoted. A few epochs
are timed and `result.json` gives the seconds that 20 would take: all that happens once, the first epoch (it traces the
graph), and 19 times the mean of the others.
"""

from __future__ import annotations

import time

BEGIN = time.perf_counter()

import argparse  # noqa: E402
import json  # noqa: E402
from pathlib import Path  # noqa: E402

import tensorflow as tf  # noqa: E402

EPOCHS = 20
SIZE = (150, 150)
BATCH = 20


class Clock(tf.keras.callbacks.Callback):
    """Notes the seconds of every epoch, validation included."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self._begin = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.seconds.append(time.perf_counter() - self._begin)
        print(f"epoch {epoch + 1}: {self.seconds[-1]:.1f} s", flush=True)


def build() -> tf.keras.Model:
    base = tf.keras.applications.InceptionV3(input_shape=(*SIZE, 3), include_top=False, weights=None)
    base.trainable = False
    values = tf.keras.layers.Flatten()(base.get_layer("mixed7").output)
    values = tf.keras.layers.Dense(1024, activation="relu")(values)
    values = tf.keras.layers.Dropout(0.2)(values)
    model = tf.keras.Model(base.input, tf.keras.layers.Dense(1, activation="sigmoid")(values))
    optimizer = tf.keras.optimizers.RMSprop(learning_rate=1e-4)
    model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=2, help="how many to time, at least 2")
    arguments = parser.parse_args()
    if arguments.epochs < 2:
        parser.error(f"--epochs is {arguments.epochs}: at least 2, the first one also traces the graph.")
    generator = tf.keras.preprocessing.image.ImageDataGenerator
    augmented = generator(
        rescale=1 / 255,
        rotation_range=40,
        width_shift_range=0.2,
        height_shift_range=0.2,
        shear_range=0.2,
        zoom_range=0.2,
        horizontal_flip=True,
    )
    reading = {"target_size": SIZE, "batch_size": BATCH, "class_mode": "binary"}
    train = augmented.flow_from_directory(arguments.data / "train", **reading)
    validation = generator(rescale=1 / 255).flow_from_directory(arguments.data / "validation", **reading)
    tf.keras.utils.set_random_seed(0)
    model = build()
    clock = Clock()
    model.fit(train, validation_data=validation, epochs=arguments.epochs, callbacks=[clock], verbose=0)
    arguments.output.mkdir(parents=True, exist_ok=True)
    model.save(arguments.output / "model.keras")
    once = time.perf_counter() - BEGIN - sum(clock.seconds)
    first, *others = clock.seconds
    total = once + first + (EPOCHS - 1) * sum(others) / len(others)
    result = {
        "count": validation.samples,
        "stages": {"once": once},
        "epochs": clock.seconds,
        "seconds_20_epochs": total,
    }
    (arguments.output / "result.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
