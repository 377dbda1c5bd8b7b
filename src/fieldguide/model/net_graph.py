"""A network trained from scratch as .tflite files, written from its layers and its weights, without a converter.

Batch norm is folded into the convolution before it, in float64, wherever nothing else uses that convolution's output;
so is a ReLU into what it follows.

Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
CVPR 2018, section 3.2, for folding batch norm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from fieldguide.model.layers import NORM_EPSILON, NORM_PARTS, Layer, output_shapes, without_dropout
from fieldguide.model.writer import GraphWriter

_WEIGHTED = ("grey", "conv", "dwconv", "dense")
_TAKE_RELU = (*_WEIGHTED, "add", "multiply", "max_pool", "average_pool")  # LiteRT's operators that end in one if asked


def net_graphs(
    layers: Iterable[Layer], target_size: tuple[int, int], weights: Mapping[str, np.ndarray], *, rows: int
) -> tuple[bytes, ...]:
    """A network as one .tflite file, or as two where it has dense layers behind its convolutions.

    The first takes one picture, uint8 pixels (1, height, width, 3), so that its activations stay near the processor.
    The second takes the vectors of several, float32 (rows, values): a dense layer's weights are many, and each time
    they come from memory they should serve more than one picture. The last of the files gives the features.

    Args:
        layers: of the network, from the pixels to the features; dropout is left out.
        target_size: (height, width) of the pictures.
        weights: by the names that `layers.weight_shapes` gives.
        rows: how many pictures the dense layers take at a time.
    """
    kept = without_dropout(layers)
    shapes = output_shapes(kept, target_size)
    dense = next((place for place, layer in enumerate(kept) if layer.kind == "dense"), len(kept))
    graphs = [_Making(kept[:dense], shapes, weights, 1).packed()]
    if dense < len(kept):
        graphs.append(_Making(kept[dense:], shapes, weights, rows).packed())
    return tuple(graphs)


class _Making:
    """A graph of some layers, and which tensor holds the output of which layer."""

    def __init__(
        self,
        layers: tuple[Layer, ...],
        shapes: Mapping[str, tuple[int, ...]],
        weights: Mapping[str, np.ndarray],
        rows: int,
    ) -> None:
        self.graph = GraphWriter()
        self.values: dict[str, int] = {}
        self._layers, self._shapes, self._weights, self._rows = layers, shapes, weights, rows
        self._users: dict[str, list[Layer]] = {layer.name: [] for layer in layers}
        for layer in layers:
            for name in layer.inputs:
                self._users.setdefault(name, []).append(layer)

    def packed(self) -> bytes:
        """The finished file: what the first layer takes in, what the last one gives out."""
        before = self._layers[0].inputs
        if before:
            given = self.values[before[0]] = self._tensor(before[0], before[0])
        else:
            given = self._pixels()
        for layer in self._layers:
            self._add(layer)
        return self.graph.packed([given], [self.values[self._layers[-1].name]])

    def _pixels(self) -> int:
        """The pixels; the rescaling that follows them is how they are read."""
        pixels, rescale = self._layers[:2]
        height, width, _ = self._shapes[pixels.name]
        given, self.values[rescale.name] = self.graph.scaled_pixels((height, width), rescale.scale, rescale.zero_point)
        self.values[pixels.name] = given
        return given

    def _tensor(self, name: str, layer: str) -> int:
        """A new tensor of the shape that comes out of a layer."""
        return self.graph.tensor(name, (self._rows, *self._shapes[layer]))

    def _add(self, layer: Layer) -> None:
        """Appends the operators of a layer, unless it went into an earlier one."""
        if layer.name in self.values:
            return
        norm = self._only_user(layer, "norm") if layer.kind in ("conv", "dwconv") else None
        last = norm or layer
        relu = self._only_user(last, "relu") if layer.kind in _TAKE_RELU else None
        last = relu or last
        inputs = [self.values[name] for name in layer.inputs]
        output = self._tensor(last.name, last.name)
        if layer.kind in _WEIGHTED:
            inputs = [*inputs, *self._folded(layer, norm)]
        if layer.kind == "norm":
            inputs = self._multiplied(layer, inputs[0])
        if layer.kind == "swish":
            gate = self._tensor(f"{layer.name}_gate", layer.name)
            self.graph.operator("LOGISTIC", inputs, gate)
            inputs = [*inputs, gate]
        inputs = [*inputs, *self._fixed_inputs(layer)]
        self.graph.operator(_OPERATORS[layer.kind], inputs, output, self._options(layer, with_relu=relu is not None))
        for done in (layer, norm, relu):
            if done is not None:
                self.values[done.name] = output

    def _only_user(self, layer: Layer, kind: str) -> Layer | None:
        """The layer of this kind that alone takes the output, if it is so."""
        users = self._users[layer.name]
        return users[0] if len(users) == 1 and users[0].kind == kind else None

    def _folded(self, layer: Layer, norm: Layer | None) -> list[int]:
        """Kernel and bias in LiteRT's layout, batch norm multiplied in."""
        kernel = self._weights[f"{layer.name}/kernel"]
        bias = self._weights[f"{layer.name}/bias"] if layer.bias else np.zeros(self._shapes[layer.name][-1])
        # Dense (in, out) -> (out, in); convolutions (h, w, in, out) -> (out, h, w, in); depthwise
        # (h, w, channels, 1) -> (1, h, w, channels)
        kernel = kernel.T if layer.kind == "dense" else kernel.transpose(3, 0, 1, 2)
        if norm is not None:
            scale, shift = self._scale_and_shift(norm)
            kernel = kernel.astype(np.float64) * (scale if layer.kind == "dwconv" else scale[:, None, None, None])
            bias = bias.astype(np.float64) * scale + shift
        return [
            self.graph.constant(f"{layer.name}/kernel", np.ascontiguousarray(kernel, np.float32)),
            self.graph.constant(f"{layer.name}/bias", bias.astype(np.float32)),
        ]

    def _multiplied(self, norm: Layer, value: int) -> list[int]:
        """What a batch norm that could not be folded adds up: its input times a scale, and a shift."""
        scale, shift = (part.astype(np.float32) for part in self._scale_and_shift(norm))
        scaled = self._tensor(f"{norm.name}_scaled", norm.name)
        options = self.graph.schema.MulOptionsT()
        self.graph.operator("MUL", [value, self.graph.constant(f"{norm.name}/scale", scale)], scaled, options)
        return [scaled, self.graph.constant(f"{norm.name}/shift", shift)]

    def _scale_and_shift(self, norm: Layer) -> tuple[np.ndarray, np.ndarray]:
        gamma, beta, mean, variance = (self._weights[f"{norm.name}/{part}"].astype(np.float64) for part in NORM_PARTS)
        scale = gamma / np.sqrt(variance + NORM_EPSILON)
        return scale, beta - mean * scale

    def _fixed_inputs(self, layer: Layer) -> list[int]:
        """What an operator must be told by a tensor: which axes, which shape."""
        if layer.kind in ("global_average", "squeeze"):
            return [self.graph.constant(f"{layer.name}/axes", np.array([1, 2], np.int32))]
        if layer.kind == "flatten":
            return [
                self.graph.constant(f"{layer.name}/shape", np.array([self._rows, *self._shapes[layer.name]], np.int32))
            ]
        return []

    def _options(self, layer: Layer, *, with_relu: bool) -> Any:
        """The operator's settings in LiteRT's schema; None where it has none."""
        schema, kind = self.graph.schema, layer.kind
        if kind not in _OPTIONS:
            return None
        options = getattr(schema, _OPTIONS[kind])()
        if kind in ("grey", "conv", "dwconv", "max_pool", "average_pool"):
            options.padding = schema.Padding.SAME if layer.padding == "same" else schema.Padding.VALID
            options.strideH = options.strideW = layer.stride
        if kind in ("max_pool", "average_pool"):
            options.filterHeight = options.filterWidth = layer.kernel
        if kind == "dwconv":
            options.depthMultiplier = 1
        if kind == "squeeze":
            options.keepDims = True
        if kind == "flatten":
            options.newShape = [self._rows, *self._shapes[layer.name]]
        if with_relu:
            options.fusedActivationFunction = schema.ActivationFunctionType.RELU
        return options


_OPERATORS: Mapping[str, str] = {
    "grey": "CONV_2D",
    "conv": "CONV_2D",
    "dwconv": "DEPTHWISE_CONV_2D",
    "norm": "ADD",  # its multiplication comes before
    "relu": "RELU",
    "swish": "MUL",  # by the logistic function of itself
    "hard_swish": "HARD_SWISH",
    "sigmoid": "LOGISTIC",
    "max_pool": "MAX_POOL_2D",
    "average_pool": "AVERAGE_POOL_2D",
    "global_average": "MEAN",
    "squeeze": "MEAN",
    "add": "ADD",
    "multiply": "MUL",
    "flatten": "RESHAPE",
    "dense": "FULLY_CONNECTED",
}
# The rest have no settings.
_OPTIONS: Mapping[str, str] = {
    "grey": "Conv2DOptionsT",
    "conv": "Conv2DOptionsT",
    "dwconv": "DepthwiseConv2DOptionsT",
    "norm": "AddOptionsT",
    "swish": "MulOptionsT",
    "hard_swish": "HardSwishOptionsT",
    "max_pool": "Pool2DOptionsT",
    "average_pool": "Pool2DOptionsT",
    "global_average": "ReducerOptionsT",
    "squeeze": "ReducerOptionsT",
    "add": "AddOptionsT",
    "multiply": "MulOptionsT",
    "flatten": "ReshapeOptionsT",
    "dense": "FullyConnectedOptionsT",
}
