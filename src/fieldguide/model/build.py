"""Keras models put together: of a network trained from scratch, and of a finished classifier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldguide.errors import InputError
from fieldguide.model.head import Head
from fieldguide.model.layers import HEAD, NORM_EPSILON, NORM_PARTS, Layer, without_dropout
from fieldguide.model.nets import Net
from fieldguide.model.parameters import initial_weights, require_weights
from fieldguide.model.trunk import BUNDLED, Trunk
from fieldguide.model.trunk_model import feature_model

if TYPE_CHECKING:
    import keras

MOMENTUM = 0.9  # of a batch norm's statistics: an epoch of 2,000 pictures has 62 batches, too few for Keras's 0.99
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
_HEADS = ("logits", HEAD)


def scratch_model(net: Net, units: int, *, seed: int, precision: str = "float32") -> keras.Model:
    """A network to train: pixels (n, height, width, 3) in 0..255 in, logits (n, units) out.

    With pooling "average" it takes pictures of any size. Scaling the pixels is its first layer, so that it takes uint8
    as well as float32. Its dropout is at work in training only and its L2 penalty is in `model.losses`. The weights at
    the start depend on `seed` alone, and are the same on every backend.

    Args:
        net: what to build.
        units: 1 for two classes, else one for each class.
        seed: of the first weights and of the dropout.
        precision: in which the convolutions compute: "float32", "mixed_bfloat16" or "mixed_float16". Weights and
            logits are float32 in any case.

    Raises:
        InputError: if the units or the precision are none.

    Example:
        >>> model = scratch_model(Net("classic", "tiny", target_size=(32, 32)), 3, seed=0)
        >>> model.output_shape
        (None, 3)
    """
    import keras

    if units < 1:
        raise InputError(f"units is {units}; expected 1 for two classes, or one for each class.")
    if precision not in PRECISIONS:
        raise InputError(f"precision is {precision!r}; expected one of {', '.join(PRECISIONS)}.")
    factory = _Factory(net.l2, seed, precision, training=True)
    # An average takes pictures of any size, so that a training may begin with small ones.
    size = net.target_size if net.pooling == "flatten" else (None, None)
    pixels, features = _run(net.layers, size, factory)
    penalty = keras.regularizers.L2(net.l2) if net.l2 else None
    dense = keras.layers.Dense(
        units, kernel_initializer="zeros", kernel_regularizer=penalty, name="logits", dtype="float32"
    )
    model = keras.Model(pixels, dense(features), name="scratch")
    weights = initial_weights(net, units, seed)
    dense.set_weights([weights.pop(f"{HEAD}/{part}") for part in ("kernel", "bias")])
    set_body_weights(model, weights)
    return model


def dropout_seeds(model: keras.Model) -> list[keras.random.SeedGenerator]:
    """The generators of a model's dropout layers, in their order: with their states set, training goes on the same."""
    import keras

    return [layer.seed_generator for layer in model.layers if isinstance(layer, keras.layers.Dropout)]


def body_weights(model: keras.Model) -> dict[str, np.ndarray]:
    """Copies of the weights of a model but for its head, by names such as `conv1/kernel` and `stem_norm/gamma`."""
    return {
        name: np.array(value, np.float32)
        for layer in _body(model)
        for name, value in zip(_weight_names(layer), layer.get_weights(), strict=True)
    }


def set_body_weights(model: keras.Model, weights: Mapping[str, np.ndarray]) -> None:
    """Fills a model, but for its head, with weights as `body_weights` gives them.

    Raises:
        InputError: if they are not those of this network.
    """
    layers = list(_body(model))
    expected = {
        name: tuple(variable.shape)
        for layer in layers
        for name, variable in zip(_weight_names(layer), layer.weights, strict=True)
    }
    require_weights(weights, expected)
    for layer in layers:
        layer.set_weights([weights[name] for name in _weight_names(layer)])


def head_of(model: keras.Model) -> Head:
    """The last layer of a model as a Head, copied."""
    kernel, bias = next(layer for layer in model.layers if layer.name in _HEADS).get_weights()
    return Head(np.array(kernel, np.float32), np.array(bias, np.float32))


def body_model(net: Net, weights: Mapping[str, np.ndarray]) -> keras.Model:
    """A trained network without its head: pixels (n, height, width, 3) in 0..255 in, features (n, features) out.

    Nothing in it is random: the dropout is left out. Where the network is a mirrored one, its layers are used twice.

    Args:
        net: the network.
        weights: as `body_weights` gives them.

    Raises:
        InputError: if they are not those of this network.
    """
    import keras

    factory = _Factory(0.0, 0, "float32", training=False)
    pixels, features = _run(without_dropout(net.layers), net.target_size, factory, mirrored=net.mirrored)
    model = keras.Model(pixels, features, name=f"{net.family}_{net.size}")
    set_body_weights(model, weights)
    return model


def classifier_model(
    head: Head,
    target_size: tuple[int, int],
    weights: Mapping[str, np.ndarray] | None,
    *,
    net: Net | None = None,
    trunk: Trunk = BUNDLED,
) -> keras.Model:
    """The complete classifier: pixels (n, height, width, 3) in 0..255 in, probabilities out.

    Scaling the pixels is the model's first layer and the sigmoid (n, 1) or softmax (n, classes) its last, so nothing
    is left for a caller to get wrong. The layers of the network are its own, by name, not a model inside it.

    Args:
        head: of two classes with one unit, or of more with one unit each.
        target_size: (height, width) of the pictures.
        weights: of the trunk, as `trunk_model.map_model` takes them, None for the bundled ones; or of `net`.
        net: the network, where it was trained from scratch.
        trunk: the network, where it was not.
    """
    import keras

    if net is None:
        base = feature_model(trunk, target_size, weights)
    else:
        base = body_model(net, {} if weights is None else weights)
    value, last = base.output, head_layer(head.kernel.shape[1], independent=head.independent)
    hidden = [
        keras.layers.Dense(len(bias), activation="relu", name=f"hidden{place}")
        for place, (_, bias) in enumerate(head.hidden, 1)
    ]
    for layer in (*hidden, last):
        value = layer(value)
    model = keras.Model(base.input, value, name="classifier")
    for layer, weights_ in zip((*hidden, last), head.layers, strict=True):
        layer.set_weights(list(weights_))
    return model


def head_layer(units: int, *, independent: bool = False) -> keras.layers.Layer:
    """One sigmoid unit, or as many softmax units as there are classes, named "probabilities".

    Args:
        units: of the layer.
        independent: whether each is a question of its own, and a sigmoid.
    """
    import keras

    return keras.layers.Dense(units, activation="sigmoid" if units == 1 or independent else "softmax", name=HEAD)


class _Factory:
    """Makes the Keras layer for a Layer record; weights are all zero, since they are always filled afterwards."""

    def __init__(self, l2: float, seed: int, precision: str, *, training: bool) -> None:
        self._l2, self._seed, self._precision, self._training = l2, seed, precision, training

    def layer(self, layer: Layer, place: int) -> keras.layers.Layer:
        """The Keras layer, named like the record."""
        from keras import layers

        kind, name, dtype = layer.kind, layer.name, self._precision
        if kind in ("conv", "dwconv", "dense", "grey"):
            return self._with_kernel(layer)
        if kind == "rescale":  # in float32 also where the rest is not: half a level would be lost
            offset = -layer.zero_point * layer.scale
            return layers.Rescaling(layer.scale, offset, name=name, dtype="float32")
        if kind == "norm":
            from fieldguide.model import norms

            norm = norms.FusedBatchNormalization if self._training else layers.BatchNormalization
            return norm(momentum=MOMENTUM, epsilon=NORM_EPSILON, name=name, dtype=dtype)
        if kind in ("max_pool", "average_pool"):
            made = layers.MaxPooling2D if kind == "max_pool" else layers.AveragePooling2D
            return made(layer.kernel, layer.stride, padding=layer.padding, name=name, dtype=dtype)
        if kind in ("dropout", "spatial_dropout"):
            made = layers.Dropout if kind == "dropout" else layers.SpatialDropout2D
            own = int(np.random.default_rng((self._seed, place)).integers(2**31))
            return made(layer.rate, seed=own, name=name, dtype=dtype)
        if kind == "squeeze":
            return layers.GlobalAveragePooling2D(keepdims=True, name=name, dtype=dtype)
        activation = {"swish": "silu", "hard_swish": "hard_silu", "sigmoid": "sigmoid"}.get(kind)
        if activation is not None:
            return layers.Activation(activation, name=name, dtype=dtype)
        plain = {
            "relu": layers.ReLU,
            "global_average": layers.GlobalAveragePooling2D,
            "add": layers.Add,
            "multiply": layers.Multiply,
            "flatten": layers.Flatten,
        }
        return plain[kind](name=name, dtype=dtype)

    def _with_kernel(self, layer: Layer) -> keras.layers.Layer:
        from keras import layers, regularizers

        common: dict[str, Any] = {"use_bias": layer.bias, "name": layer.name, "dtype": self._precision}
        penalty = regularizers.L2(self._l2) if self._l2 and layer.kind != "grey" else None
        if layer.kind == "dense":
            return layers.Dense(layer.channels, kernel_initializer="zeros", kernel_regularizer=penalty, **common)
        window: dict[str, Any] = {"kernel_size": layer.kernel, "strides": layer.stride, "padding": layer.padding}
        if layer.kind == "dwconv":
            return layers.DepthwiseConv2D(
                depthwise_initializer="zeros", depthwise_regularizer=penalty, **window, **common
            )
        made = layers.Conv2D(layer.channels, kernel_initializer="zeros", kernel_regularizer=penalty, **window, **common)
        made.trainable = layer.kind != "grey"
        return made


def _run(
    layers: Sequence[Layer],
    target_size: tuple[int | None, int | None],
    factory: _Factory,
    *,
    mirrored: bool = False,
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The network's input and its features, of a mirrored one the average over the picture and its mirror image."""
    import keras

    made = [None if layer.kind == "pixels" else factory.layer(layer, place) for place, layer in enumerate(layers)]

    def through(value: keras.KerasTensor) -> keras.KerasTensor:
        outputs: dict[str, keras.KerasTensor] = {}
        for layer, keras_layer in zip(layers, made, strict=True):
            if keras_layer is not None:
                inputs = [outputs[name] for name in layer.inputs]
                value = keras_layer(inputs if len(inputs) > 1 else inputs[0])
            outputs[layer.name] = value
        return value

    pixels = keras.Input((*target_size, 3), name="pixels")
    features = through(pixels)
    if mirrored:
        other = through(keras.ops.flip(pixels, axis=2))
        features = keras.layers.Average(name="both_ways")([features, other])
    return pixels, features


def _body(model: keras.Model) -> Iterator[keras.layers.Layer]:
    return (layer for layer in model.layers if layer.weights and layer.name not in _HEADS)


def _weight_names(layer: keras.layers.Layer) -> tuple[str, ...]:
    parts = NORM_PARTS if len(layer.weights) == len(NORM_PARTS) else ("kernel", "bias")[: len(layer.weights)]
    return tuple(f"{layer.name}/{part}" for part in parts)
