"""The layers of a network trained from scratch as plain data, and what can be counted without building it.

Each is a `Layer` record that says which layers it takes its input from, so that several builders (the Keras model, the
fast CPU graph, the reader of model files) follow the same network, and those that do not need Keras never load it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

# The class of the Keras layer of each kind.
KERAS_CLASSES: Mapping[str, str] = {
    "pixels": "InputLayer",
    "rescale": "Rescaling",  # (pixel - zero_point) * scale
    "grey": "Conv2D",  # three channels to one, with fixed weights
    "conv": "Conv2D",
    "dwconv": "DepthwiseConv2D",
    "norm": "BatchNormalization",
    "relu": "ReLU",
    "swish": "Activation",
    "hard_swish": "Activation",
    "sigmoid": "Activation",
    "max_pool": "MaxPooling2D",
    "average_pool": "AveragePooling2D",
    "global_average": "GlobalAveragePooling2D",  # (height, width, channels) -> (channels,)
    "squeeze": "GlobalAveragePooling2D",  # (height, width, channels) -> (1, 1, channels)
    "add": "Add",
    "multiply": "Multiply",
    "flatten": "Flatten",
    "dense": "Dense",
    "dropout": "Dropout",
    "spatial_dropout": "SpatialDropout2D",
}
DROPOUTS = ("dropout", "spatial_dropout")  # they act in training only
NORM_EPSILON = 1e-3  # of every batch norm
NORM_PARTS = ("gamma", "beta", "mean", "variance")  # the weights of a batch norm, in Keras's order
HEAD = "probabilities"  # the last layer of a classifier
_CONVOLUTIONS = ("grey", "conv", "dwconv")
_WINDOWS = (*_CONVOLUTIONS, "max_pool", "average_pool")
_WITH_CHANNELS = ("grey", "conv", "dense")


@dataclass(frozen=True)
class Layer:
    """One layer of a network, enough to build it anywhere."""

    kind: str  # a key of KERAS_CLASSES
    name: str
    inputs: tuple[str, ...] = ()  # names of the layers whose output it takes; none for the pixels
    channels: int = 0  # going out of a convolution or a dense layer; elsewhere they stay as they are
    kernel: int = 1  # side of the window of a convolution or a pooling
    stride: int = 1
    padding: str = "same"  # or "valid": no window reaches over the edge
    bias: bool = False
    rate: float = 0.0  # share that a dropout takes out
    scale: float = 1.0  # of a rescaling
    zero_point: int = 0  # the pixel value that a rescaling makes 0


def without_dropout(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """The same layers without those that act in training only."""
    instead: dict[str, str] = {}
    kept = []
    for layer in layers:
        inputs = tuple(instead.get(name, name) for name in layer.inputs)
        if layer.kind in DROPOUTS:
            instead[layer.name] = inputs[0]
        else:
            kept.append(replace(layer, inputs=inputs))
    return tuple(kept)


def output_shapes(layers: Iterable[Layer], target_size: tuple[int, int]) -> dict[str, tuple[int, ...]]:
    """What comes out of each layer, by its name: (height, width, channels), or (features,) once it is a vector.

    Args:
        layers: each after those it takes its input from; the first is the pixels.
        target_size: (height, width) of the pictures.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in layers:
        shapes[layer.name] = _output_shape(layer, [shapes[name] for name in layer.inputs], target_size)
    return shapes


def _output_shape(layer: Layer, inputs: Sequence[tuple[int, ...]], target_size: tuple[int, int]) -> tuple[int, ...]:
    if layer.kind == "pixels":
        return (*target_size, 3)
    shape = inputs[0]
    if layer.kind == "flatten":
        return (math.prod(shape),)
    if layer.kind == "global_average":
        return shape[-1:]
    if layer.kind == "squeeze":
        return (1, 1, shape[-1])
    if layer.kind in _WINDOWS:
        lost = 0 if layer.padding == "same" else layer.kernel - 1
        shape = (*(-(-(side - lost) // layer.stride) for side in shape[:2]), shape[2])
    return (*shape[:-1], layer.channels) if layer.kind in _WITH_CHANNELS else shape


def weight_shapes(layers: Iterable[Layer], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The shape of each weight, by names such as `conv1/kernel` and `stem_norm/gamma`, in the order of the layers.

    Kernels are (height, width, in, out) for convolutions and (height, width, channels, 1) for depthwise ones, as in
    Keras. Batch norms have gamma, beta, mean and variance.

    Args:
        layers: of the network.
        shapes: from `output_shapes`.
    """
    found: dict[str, tuple[int, ...]] = {}
    for layer in layers:
        channels = shapes[layer.name][-1]
        if layer.kind == "norm":
            found |= {f"{layer.name}/{part}": (channels,) for part in NORM_PARTS}
        if (kernel := _kernel_shape(layer, shapes)) is not None:
            found[f"{layer.name}/kernel"] = kernel
            if layer.bias:
                found[f"{layer.name}/bias"] = (channels,)
    return found


def multiply_adds(layers: Iterable[Layer], shapes: Mapping[str, tuple[int, ...]]) -> int:
    """How many multiply-adds the convolutions and dense layers of one forward pass need.

    Args:
        layers: of the network.
        shapes: from `output_shapes`.
    """
    total = 0
    for layer in layers:
        if (kernel := _kernel_shape(layer, shapes)) is not None:
            places = math.prod(shapes[layer.name][:-1])
            total += places * math.prod(kernel)
    return total


def _kernel_shape(layer: Layer, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...] | None:
    """The shape of a layer's kernel, None where it has none."""
    if layer.kind not in (*_CONVOLUTIONS, "dense"):
        return None
    channels = shapes[layer.inputs[0]][-1]
    if layer.kind == "dense":
        return channels, layer.channels
    return layer.kernel, layer.kernel, channels, 1 if layer.kind == "dwconv" else layer.channels
