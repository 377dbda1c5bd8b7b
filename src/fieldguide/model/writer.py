"""A .tflite file in the making, without a converter: tensors, constants and built-in operators of LiteRT's schema."""

from __future__ import annotations

from typing import Any

import numpy as np


class GraphWriter:
    """A LiteRT model in the making: one subgraph, each constant in a buffer of its own.

    The file's format is LiteRT's public schema, version 3.
    """

    def __init__(self) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema: Any = schema
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
        tensor = self.schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, list(shape), buffer
        tensor.type = self.schema.TensorType.FLOAT32 if dtype is None else dtype
        self._subgraph.tensors.append(tensor)
        return len(self._subgraph.tensors) - 1

    def constant(self, name: str, value: np.ndarray) -> int:
        """The index of a new tensor that holds `value`."""
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(value.tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        dtype = self.schema.TensorType.INT32 if value.dtype == np.int32 else None
        return self.tensor(name, value.shape, dtype, len(self._model.buffers) - 1)

    def scaled_pixels(self, target_size: tuple[int, int], scale: float, zero_point: int) -> tuple[int, int]:
        """The indices of uint8 pixels (1, height, width, 3), the graph's input, and of the same as float32, scaled.

        The pixels are declared as quantised: reading them is the scaling, (pixel - zero_point) * scale.
        """
        meaning = self.schema.QuantizationParametersT()
        meaning.scale, meaning.zeroPoint = [scale], [zero_point]
        pixels = self.tensor("pixels", (1, *target_size, 3), self.schema.TensorType.UINT8)
        self._subgraph.tensors[pixels].quantization = meaning
        scaled = self.tensor("scaled", (1, *target_size, 3))
        self.operator("DEQUANTIZE", [pixels], scaled, self.schema.DequantizeOptionsT(), version=2)
        return pixels, scaled

    def operator(self, name: str, inputs: list[int], output: int, options: Any = None, *, version: int = 1) -> None:
        """Append the built-in operator `name`."""
        if name not in self._codes:
            code = self.schema.OperatorCodeT()
            code.builtinCode = code.deprecatedBuiltinCode = getattr(self.schema.BuiltinOperator, name)
            code.version = version
            self._codes[name] = len(self._model.operatorCodes)
            self._model.operatorCodes.append(code)
        operator = self.schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = self._codes[name], inputs, [output]
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(self.schema.BuiltinOptions, kind)
            operator.builtinOptions = options
        self._subgraph.operators.append(operator)

    def packed(self, inputs: list[int], outputs: list[int]) -> bytes:
        """The finished file."""
        import flatbuffers  # type: ignore[import-untyped]

        self._subgraph.inputs, self._subgraph.outputs = inputs, outputs
        builder = flatbuffers.Builder(1 << 24)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
