"""EfficientNet-Lite0 as a .tflite file, written from its description and its weights, without a converter.

Batch norm is folded into the convolutions in float64.

Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
CVPR 2018, section 3.2, for folding batch norm.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fieldguide.model.lite0 import EPSILON, PIXEL_OFFSET, PIXEL_SCALE, STEPS, Step
from fieldguide.model.trunk import Trunk
from fieldguide.model.writer import GraphWriter


def lite_graph(weights: Mapping[str, np.ndarray], target_size: tuple[int, int], trunk: Trunk, *maps: str) -> bytes:
    """A .tflite file for one picture: uint8 pixels in, its features (1, n) and the outputs of some layers out.

    The pixels are declared as quantised with scale 1/128 and zero point 127, so that reading them is the scaling.

    Args:
        weights: arrays named as `read_weights` names them.
        target_size: (height, width) of the pictures.
        trunk: of the bundled backbone; what follows its end is left out.
        maps: the layers whose outputs are wanted besides, by the names of the steps' outputs.
    """
    graph = GraphWriter()
    schema, shapes = graph.schema, output_shapes(target_size)
    pixels, value = graph.scaled_pixels(target_size, 1.0 / PIXEL_SCALE, int(PIXEL_OFFSET))
    outputs: dict[str, int] = {}
    for step in STEPS:
        source, value = value, graph.tensor(step.output, (1, *shapes[step.output]))
        if step.kind == "add":
            graph.operator("ADD", [source, outputs[step.shortcut]], value, schema.AddOptionsT())
        else:
            kernel, bias = _folded(weights, step)
            inputs = [source, graph.constant(step.name, kernel), graph.constant(step.norm + "_folded", bias)]
            depthwise = step.kind == "dwconv"
            options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
            options.padding = schema.Padding.SAME
            options.strideH = options.strideW = step.stride
            activations = schema.ActivationFunctionType
            options.fusedActivationFunction = activations.RELU6 if step.relu6 else activations.NONE
            if depthwise:
                options.depthMultiplier = 1
            graph.operator("DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", inputs, value, options)
        outputs[step.output] = value
        if step.output == trunk.last:
            break
    features = _features(graph, outputs, trunk, target_size)
    return graph.packed([pixels], [features, *(outputs[name] for name in maps)])


def _features(graph: GraphWriter, outputs: Mapping[str, int], trunk: Trunk, target_size: tuple[int, int]) -> int:
    """The tensor that a head reads: averages of the tapped maps, and what the pooling makes of the last one."""
    schema, widths = graph.schema, trunk.widths(target_size)
    rows_and_columns = graph.constant("rows_and_columns", np.array([1, 2], np.int32))
    pooled = []
    for layer, width in zip((*trunk.taps, trunk.last), widths, strict=True):
        pooling = trunk.pooling if layer == trunk.last else "average"
        tensor = graph.tensor(f"{layer}_{pooling}", (1, width))
        if pooling == "flatten":
            options = schema.ReshapeOptionsT()
            options.newShape = [1, width]
            shape = graph.constant(f"{layer}_shape", np.array([1, width], np.int32))
            graph.operator("RESHAPE", [outputs[layer], shape], tensor, options)
        else:
            reduction = {"average": "MEAN", "max": "REDUCE_MAX"}[pooling]
            graph.operator(reduction, [outputs[layer], rows_and_columns], tensor, schema.ReducerOptionsT())
        pooled.append(tensor)
    if len(pooled) == 1:
        return pooled[0]
    features = graph.tensor("features", (1, sum(widths)))
    options = schema.ConcatenationOptionsT()
    options.axis = 1
    graph.operator("CONCATENATION", pooled, features, options)
    return features


def output_shapes(target_size: tuple[int, int]) -> dict[str, tuple[int, int, int]]:
    """The (height, width, channels) of each step's output."""
    height, width = target_size
    shapes = {}
    for step in STEPS:
        height, width = -(-height // step.stride), -(-width // step.stride)
        shapes[step.output] = (height, width, step.channels)
    return shapes


def _folded(weights: Mapping[str, np.ndarray], step: Step) -> tuple[np.ndarray, np.ndarray]:
    """The step's kernel in LiteRT's layout and its bias, batch norm multiplied in, both float32."""
    parts = ("gamma", "beta", "mean", "variance")
    gamma, beta, mean, variance = (weights[f"{step.norm}/{part}"].astype(np.float64) for part in parts)
    scale = gamma / np.sqrt(variance + EPSILON)
    # Keras (h, w, in, out) -> (out, h, w, in); depthwise (h, w, channels, 1) -> (1, h, w, channels)
    kernel = weights[f"{step.name}/kernel"].astype(np.float64).transpose(3, 0, 1, 2)
    kernel = kernel * (scale if step.kind == "dwconv" else scale[:, None, None, None])
    return np.ascontiguousarray(kernel, np.float32), (beta - mean * scale).astype(np.float32)
