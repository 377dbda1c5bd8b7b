"""Keras models put together: a backbone and a head that ends in probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fieldguide.model.head import Head
from fieldguide.model.lite0 import lite0, load_weights

if TYPE_CHECKING:
    import keras


def classifier_model(head: Head, target_size: tuple[int, int], weights: Mapping[str, np.ndarray] | None) -> keras.Model:
    """The complete classifier: pixels (n, height, width, 3) in 0..255 in, probabilities out.

    Scaling the pixels is the model's first layer and the sigmoid (n, 1) or softmax (n, classes) its last, so nothing
    is left for a caller to get wrong. The layers of the backbone are its own, by name, not a model inside it.

    Args:
        head: of two classes with one unit, or of more with one unit each.
        target_size: (height, width) of the pictures.
        weights: of the backbone, as `lite0.read_weights` names them; None for the bundled ones.
    """
    import keras

    base = load_weights(lite0(target_size), weights)
    units = head.kernel.shape[1]
    dense = head_layer(units)
    model = keras.Model(base.input, dense(base.output), name="classifier")
    dense.set_weights([head.kernel, head.bias])
    return model


def head_layer(units: int) -> keras.layers.Layer:
    """One sigmoid unit, or as many softmax units as there are classes, named "probabilities"."""
    import keras

    return keras.layers.Dense(units, activation="sigmoid" if units == 1 else "softmax", name="probabilities")
