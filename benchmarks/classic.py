"""The classic recipe of augmentation and the course's network, as all contenders of these benchmarks are given them."""

from __future__ import annotations

from typing import Any

import numpy as np

BATCH = 32
ROTATION = 40  # degrees
SHIFT = 0.2  # of a side
SHEAR = 0.2  # degrees
ZOOM = 0.2
RESCALE = 1 / 255

# Arguments of `ImageDataGenerator`, Keras's and fieldguide's.
GENERATOR: dict[str, Any] = {
    "rotation_range": ROTATION,
    "width_shift_range": SHIFT,
    "height_shift_range": SHIFT,
    "shear_range": SHEAR,
    "zoom_range": ZOOM,
    "horizontal_flip": True,
    "fill_mode": "nearest",
    "rescale": RESCALE,
}


def matrices(count: int, side: int, seed: int = 0) -> np.ndarray:
    """Draws of the recipe, for those who only warp: float64 (count, 2, 3), from places in the result to the source."""
    random = np.random.default_rng(seed)
    centre, back = np.eye(3), np.eye(3)
    centre[:2, 2], back[:2, 2] = (side - 1) / 2, -(side - 1) / 2
    found = np.empty((count, 2, 3))
    for row in range(count):
        turn, lean = np.radians(random.uniform(-ROTATION, ROTATION)), np.radians(random.uniform(-SHEAR, SHEAR))
        across, down = random.uniform(-SHIFT, SHIFT, 2) * side
        wide, high = random.uniform(1 - ZOOM, 1 + ZOOM, 2) * (random.choice([-1, 1]), 1)
        rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
        shift_and_shear = np.array([[1, -np.sin(lean), across], [0, np.cos(lean), down], [0, 0, 1]])
        found[row] = (centre @ rotation @ shift_and_shear @ np.diag([wide, high, 1]) @ back)[:2]
    return found


def course_network(side: int) -> Any:
    """The course's first network for photos: three blocks of a convolution and a pooling, compiled for two classes."""
    import keras

    layers = [keras.Input((side, side, 3))]
    for filters in (16, 32, 64):
        layers += [keras.layers.Conv2D(filters, 3, activation="relu"), keras.layers.MaxPooling2D()]
    layers += [keras.layers.Flatten(), keras.layers.Dense(512, activation="relu")]
    model = keras.Sequential([*layers, keras.layers.Dense(1, activation="sigmoid")])
    model.compile(keras.optimizers.RMSprop(1e-3), "binary_crossentropy", metrics=["accuracy"])
    return model
