"""Keras models of trunks: pixels in, the features that a head reads out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fieldguide.model import lite0
from fieldguide.model.bases import base_model
from fieldguide.model.bases import weights_of as base_weights_of
from fieldguide.model.cuts import PIXELS, require_cut, split_at
from fieldguide.model.trunk import LITE0_LAST, Trunk

if TYPE_CHECKING:
    import keras


def map_model(
    trunk: Trunk, target_size: tuple[int, int], weights: str | Path | Mapping[str, np.ndarray] | None, *, seed: int = 0
) -> keras.Model:
    """A trunk from pixels (n, height, width, 3) in 0..255 to its last map, nothing of it trainable.

    Args:
        trunk: what to build.
        target_size: (height, width) of the pictures.
        weights: of the bundled backbone, as `lite0.read_weights` names them, None for its own; of others what
            `base_model` takes.
        seed: of random weights.

    Raises:
        InputError: a layer is none of the backbone's, or it cannot take pictures of this size.
        FileError: the weights cannot be had.
        ModelError: the weights are not those of this backbone.
    """
    import keras

    if not trunk.bundled:
        model = base_model(trunk.backbone, target_size, weights=weights, cut=trunk.cut, seed=seed)
        for name in trunk.taps:
            require_cut(model, name)
        return model
    whole = lite0.lite0(target_size)
    model = keras.Model(whole.input, whole.get_layer(trunk.cut or LITE0_LAST).output, name=trunk.backbone)
    if not isinstance(weights, Mapping | None):  # a file, or random ones: as of any other base
        weights = lite0_weights(weights, target_size, seed)
    model.trainable = False
    return lite0.load_weights(model, weights)


def lite0_weights(weights: str | Path, target_size: tuple[int, int], seed: int) -> Mapping[str, np.ndarray] | None:
    """Weights of the bundled backbone out of a file, or random ones, as `lite0.read_weights` names them."""
    if weights == "imagenet":
        return None
    return lite0.weights_of(base_model("efficientnet_lite0", target_size, weights=weights, seed=seed))


def feature_model(
    trunk: Trunk,
    target_size: tuple[int, int],
    weights: str | Path | Mapping[str, np.ndarray] | None,
    *,
    maps: Sequence[str] = (),
) -> keras.Model:
    """A trunk from pixels (n, height, width, 3) in 0..255 to features (n, features), its layers all its own.

    Args:
        trunk: what to build.
        target_size: (height, width) of the pictures.
        weights: as `map_model` takes them.
        maps: layers that no shortcut goes around, whose outputs come besides, one after the other.

    Raises:
        InputError: a layer is none of the backbone's, or it cannot take pictures of this size.
        FileError: the weights cannot be had.
        ModelError: the weights are not those of this backbone.

    Example:
        >>> feature_model(Trunk(taps=("block3b_add",)), (64, 64), None).output_shape
        (None, 1320)
    """
    import keras

    base = map_model(trunk, target_size, weights)
    for name in maps:
        require_cut(base, name)
    tapped = [*(base.get_layer(name).output for name in trunk.taps), base.output]
    features = pooled(tapped, trunk)
    outputs = [features, *(base.get_layer(name).output for name in maps)] if maps else features
    return keras.Model(base.input, outputs, name=f"{trunk.backbone}_features")


def read_maps(model: keras.Model, trunk: Trunk) -> keras.Model:
    """A model from pixels to features and, after them, to the map of each tap and the last map, with the same layers.

    Args:
        model: what `feature_model` returned.
        trunk: that it is of.
    """
    import keras

    maps = [*(model.get_layer(name).output for name in trunk.taps), model.get_layer(_pool_name(trunk)).input]
    return keras.Model(model.input, [model.output, *maps])


def last_width(model: keras.Model, trunk: Trunk) -> int:
    """How many of the features come of the last map.

    Args:
        model: what `feature_model` returned.
        trunk: that it is of.
    """
    return int(model.get_layer(_pool_name(trunk)).output.shape[-1])


def tail_model(base: keras.Model, trunk: Trunk, start: str) -> tuple[keras.Model, int]:
    """The last part of a trunk, from the activation after the layer `start` to features, its layers those of `base`.

    Features of maps before or at `start` are known already where the rest is trained: they come in beside the
    activation, and are the first ones of those that go out.

    Args:
        base: what `map_model` returned.
        trunk: that it is.
        start: a layer that no shortcut goes around, or "pixels" for all of it.

    Returns:
        The model from [activation, features known already] to features, or from the activation alone where none are
        known; and how many are known.
    """
    import keras

    if start == PIXELS:
        tapped = [*(base.get_layer(name).output for name in trunk.taps), base.output]
        return keras.Model(base.input, pooled(tapped, trunk)), 0
    names = [layer.name for layer in base.layers]
    early = [name for name in trunk.taps if names.index(name) <= names.index(start)]
    late = trunk.taps[len(early) :]
    _, part = split_at(base, start, maps=late)
    features = pooled(part.outputs, replace(trunk, taps=late))
    known = sum(base.get_layer(name).output.shape[-1] for name in early)
    if not known:
        return keras.Model(part.input, features), 0
    given = keras.Input((known,), name="known")
    return keras.Model([part.input, given], keras.layers.Concatenate(name="all_features")([given, features])), known


def pooled(maps: Sequence[keras.KerasTensor], trunk: Trunk) -> keras.KerasTensor:
    """The features that come of the maps of the taps and of the last map, as one vector for each picture."""
    from keras import layers

    kinds = {"average": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D, "flatten": layers.Flatten}
    vectors = [
        layers.GlobalAveragePooling2D(name=f"{name}_mean")(tapped)
        for name, tapped in zip(trunk.taps, maps, strict=False)
    ]
    vectors.append(kinds[trunk.pooling](name=_pool_name(trunk))(maps[-1]))
    return vectors[0] if len(vectors) == 1 else layers.Concatenate(name="features")(vectors)


def _pool_name(trunk: Trunk) -> str:
    """The name of the layer that pools the last map."""
    return "avg_pool" if trunk.pooling == "average" else f"{trunk.pooling}_pool"


def weights_of(model: keras.Model, trunk: Trunk) -> dict[str, np.ndarray]:
    """The weights of a trunk in a model, as `map_model` takes them."""
    return lite0.weights_of(model) if trunk.bundled else base_weights_of(model)
