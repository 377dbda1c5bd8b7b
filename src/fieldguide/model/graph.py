"""EfficientNet-Lite0 as a .tflite file, written from its description and its weights, without a converter.

Batch norm is folded into the convolutions in float64. The file's format is LiteRT's public schema, version 3.

Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
CVPR 2018, section 3.2, for folding batch norm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fieldguide.model.lite0 import EPSILON, FEATURES, PIXEL_OFFSET, PIXEL_SCALE, STEPS, Step


def lite_graph(weights: Mapping[str, np.ndarray], target_size: tuple[int, int], cut: str) -> bytes:
    """A .tflite file of the network for one picture: uint8 pixels in, features (1, 1280) and the cut's output out.

    The pixels are declared as quantised with scale 1/128 and zero point 127, so that reading them is the scaling.
    """
    from ai_edge_litert import schema_py_generated as schema

    graph = _Graph(schema)
    shapes = output_shapes(target_size)
    pixels = graph.tensor("pixels", (1, *target_size, 3), schema.TensorType.UINT8)
    graph.quantise(pixels, 1.0 / PIXEL_SCALE, int(PIXEL_OFFSET))
    value = graph.tensor("scaled", (1, *target_size, 3))
    graph.operator("DEQUANTIZE", [pixels], value, schema.DequantizeOptionsT(), version=2)
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
    features = graph.tensor("features", (1, FEATURES))
    rows_and_columns = graph.constant("rows_and_columns", np.array([1, 2], np.int32))
    graph.operator("MEAN", [value, rows_and_columns], features, schema.ReducerOptionsT())
    return graph.packed([pixels], [features, outputs[cut]])


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


class _Graph:
    """A LiteRT model in the making: one subgraph, each constant in a buffer of its own."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self._model = schema.ModelT()
        self._model.version = 3
        self._model.buffers = [schema.BufferT()]  # the format wants an empty first one
        self._model.operatorCodes = []
        self._codes: dict[str, int] = {}
        self._subgraph = schema.SubGraphT()
        self._subgraph.tensors, self._subgraph.operators = [], []
        self._model.subgraphs = [self._subgraph]

    def tensor(self, name: str, shape: tuple[int, ...], dtype: int | None = None, buffer: int = 0) -> int:
        """The index of a new tensor, float32 unless said otherwise."""
        tensor = self._schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, list(shape), buffer
        tensor.type = self._schema.TensorType.FLOAT32 if dtype is None else dtype
        self._subgraph.tensors.append(tensor)
        return len(self._subgraph.tensors) - 1

    def constant(self, name: str, value: np.ndarray) -> int:
        """The index of a new tensor that holds `value`."""
        buffer = self._schema.BufferT()
        buffer.data = np.frombuffer(value.tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        dtype = self._schema.TensorType.INT32 if value.dtype == np.int32 else None
        return self.tensor(name, value.shape, dtype, len(self._model.buffers) - 1)

    def quantise(self, tensor: int, scale: float, zero_point: int) -> None:
        """Declare that the tensor's integers mean (integer - zero_point) * scale."""
        meaning = self._schema.QuantizationParametersT()
        meaning.scale, meaning.zeroPoint = [scale], [zero_point]
        self._subgraph.tensors[tensor].quantization = meaning

    def operator(self, name: str, inputs: list[int], output: int, options: Any, *, version: int = 1) -> None:
        """Append the built-in operator `name`."""
        if name not in self._codes:
            code = self._schema.OperatorCodeT()
            code.builtinCode = code.deprecatedBuiltinCode = getattr(self._schema.BuiltinOperator, name)
            code.version = version
            self._codes[name] = len(self._model.operatorCodes)
            self._model.operatorCodes.append(code)
        operator = self._schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = self._codes[name], inputs, [output]
        operator.builtinOptionsType = getattr(self._schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        operator.builtinOptions = options
        self._subgraph.operators.append(operator)

    def packed(self, inputs: list[int], outputs: list[int]) -> bytes:
        """The finished file."""
        import flatbuffers  # type: ignore[import-untyped]

        self._subgraph.inputs, self._subgraph.outputs = inputs, outputs
        builder = flatbuffers.Builder(1 << 24)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
