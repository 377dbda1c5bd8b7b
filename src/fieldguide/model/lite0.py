"""EfficientNet-Lite0: one description of the network, its bundled weights, and the Keras model built from both.

The description (`STEPS`) is plain data, so that other builders, such as the fast CPU engine, follow the same network
without loading Keras.

Source: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019, and Google's
EfficientNet-Lite (2020): EfficientNet-B0 without squeeze-and-excitation, with ReLU6, stem and head not scaled.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fieldguide.errors import InputError, ModelError

if TYPE_CHECKING:
    import keras

FEATURES = 1280
PIXEL_OFFSET, PIXEL_SCALE = 127.0, 128.0  # pixels 0..255 enter the network as (pixel - 127) / 128
EPSILON = 1e-3  # of every batch norm
WEIGHTS_FILE = Path(__file__).parent / "weights" / "lite0.npz"

# block, repeats, expansion, kernel, stride of the first repeat, filters
BLOCKS = (
    (1, 1, 1, 3, 1, 16),
    (2, 2, 6, 3, 2, 24),
    (3, 2, 6, 5, 2, 40),
    (4, 3, 6, 3, 2, 80),
    (5, 3, 6, 5, 1, 112),
    (6, 4, 6, 5, 2, 192),
    (7, 1, 6, 3, 1, 320),
)


@dataclass(frozen=True)
class Step:
    """One convolution with its batch norm and, where `relu6`, its activation; or the sum that closes a block."""

    kind: str  # "conv", "dwconv" or "add"
    name: str  # the layer's name
    norm: str  # the batch norm's name, "" for a sum
    relu6: str  # the activation's name, "" where there is none
    kernel: int
    stride: int
    channels: int  # going out
    shortcut: str  # for a sum: the name of the layer whose output is added

    @property
    def output(self) -> str:
        """The name of the layer that ends this step."""
        return self.relu6 or self.norm or self.name


def _steps() -> Iterator[Step]:
    def convolution(prefix: str, filters: int, kernel: int = 1, stride: int = 1, relu6: bool = True) -> Step:
        activation = f"{prefix}_activation" if relu6 else ""
        return Step("conv", f"{prefix}_conv", f"{prefix}_bn", activation, kernel, stride, filters, "")

    yield convolution("stem", 32, kernel=3, stride=2)
    source, channels = "stem_activation", 32
    for block, repeats, expansion, kernel, first_stride, filters in BLOCKS:
        for repeat in range(repeats):
            name = f"block{block}{'abcd'[repeat]}"
            stride = first_stride if repeat == 0 else 1
            if expansion > 1:
                yield convolution(f"{name}_expand", channels * expansion)
            widened = channels * expansion
            yield Step("dwconv", f"{name}_dwconv", f"{name}_bn", f"{name}_activation", kernel, stride, widened, "")
            yield convolution(f"{name}_project", filters, relu6=False)
            if stride == 1 and filters == channels:
                yield Step("add", f"{name}_add", "", "", 1, 1, filters, source)
                source = f"{name}_add"
            else:
                source = f"{name}_project_bn"
            channels = filters
    yield convolution("top", FEATURES)


STEPS: tuple[Step, ...] = tuple(_steps())


def _cuts() -> Iterator[str]:
    for step, following in itertools.pairwise(STEPS):
        closes = step.kind == "add" or (step.name.endswith("project_conv") and following.kind != "add")
        if closes:
            yield step.output


CUTS: tuple[str, ...] = tuple(_cuts())  # the layers that end a block: a tail may start after any of them


def steps_after(cut: str) -> tuple[Step, ...]:
    """The steps that follow the layer `cut`, the end of a block (one of `CUTS`).

    Raises:
        InputError: `cut` does not end a block.
    """
    if cut not in CUTS:
        raise InputError(f"{cut!r} does not end a block of EfficientNet-Lite0; choose one of {', '.join(CUTS)}.")
    place = next(index for index, step in enumerate(STEPS) if step.output == cut)
    return STEPS[place + 1 :]


def read_weights(path: Path = WEIGHTS_FILE) -> dict[str, np.ndarray]:
    """The bundled weights as float32 arrays, by names such as `stem_conv/kernel` and `stem_bn/gamma`.

    Kernels are (height, width, in, out) for convolutions and (height, width, channels, 1) for depthwise ones, as in
    Keras. Batch norms have gamma, beta, mean and variance. Needs no Keras.

    Args:
        path: the weights file; its checksum stands beside it in PROVENANCE.json.

    Raises:
        ModelError: the file is missing or its bytes are not those that were shipped.
    """
    try:
        blob = path.read_bytes()
        expected = json.loads((path.parent / "PROVENANCE.json").read_text(encoding="utf-8"))["file"]["sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"The bundled weights at {path} cannot be read ({error}). Install fieldguide again."
        ) from error
    found = hashlib.sha256(blob).hexdigest()
    if found != expected:
        raise ModelError(
            f"The bundled weights at {path} are damaged: their SHA-256 is {found[:12]}..., expected {expected[:12]}... "
            "Install fieldguide again."
        )
    with np.load(io.BytesIO(blob), allow_pickle=False) as archive:
        return {name: archive[name].astype(np.float32) for name in archive.files}


def lite0(target_size: tuple[int, int] = (224, 224)) -> keras.Model:
    """EfficientNet-Lite0 from pixels (n, height, width, 3) in 0..255 to features (n, 1280), its weights all zero.

    `load_weights` fills it. The layer before the pooling is `top_activation`. Scaling the pixels is the first layer.
    Every batch norm is created with `trainable=False`, which in Keras means inference mode, also inside `fit`.

    Args:
        target_size: (height, width) of the pictures.

    Example:
        >>> model = load_weights(lite0((160, 160)))
        >>> model.output_shape
        (None, 1280)
    """
    import keras

    pixels = keras.Input((*target_size, 3), name="pixels")
    scaled = keras.layers.Rescaling(1.0 / PIXEL_SCALE, -PIXEL_OFFSET / PIXEL_SCALE, name="rescaling")(pixels)
    made = {layer.name: layer for layer in _new_layers()}
    return keras.Model(pixels, _run(scaled, made), name="efficientnet_lite0")


def load_weights(model: keras.Model, weights: Mapping[str, np.ndarray] | None = None) -> keras.Model:
    """The same `model`, its EfficientNet-Lite0 layers filled with `weights` (the bundled ones unless given).

    `model` may be the whole network, a tail of it, or a model that holds more layers; layers are found by name.
    """
    weights = read_weights() if weights is None else weights
    for layer in _own_layers(model):
        names = _weight_names(layer.name)
        layer.set_weights([weights[name] for name in names])
    return model


def weights_of(model: keras.Model) -> dict[str, np.ndarray]:
    """The weights now in the EfficientNet-Lite0 layers of `model`, named as `read_weights` names them."""
    return {
        name: np.asarray(value, np.float32)
        for layer in _own_layers(model)
        for name, value in zip(_weight_names(layer.name), layer.get_weights(), strict=True)
    }


def weight_shapes(cut: str | None = None) -> dict[str, tuple[int, ...]]:
    """The shape of each weight, of those up to the layer `cut` or of all, by the names that `read_weights` gives."""
    shapes: dict[str, tuple[int, ...]] = {}
    channels = 3
    for step in STEPS[: len(STEPS) - (0 if cut is None else len(steps_after(cut)))]:
        if step.kind == "add":
            continue
        ends = (channels, step.channels) if step.kind == "conv" else (channels, 1)
        shapes[f"{step.name}/kernel"] = (step.kernel, step.kernel, *ends)
        shapes |= {f"{step.norm}/{part}": (step.channels,) for part in ("gamma", "beta", "mean", "variance")}
        channels = step.channels
    return shapes


def multiply_adds(target_size: tuple[int, int] = (224, 224), after: str | None = None) -> int:
    """How many multiply-adds the convolutions of one forward pass need, all of them or those after a cut."""
    wanted = {step.name for step in (STEPS if after is None else steps_after(after))}
    height, width = target_size
    total, channels = 0, 3
    for step in STEPS:
        height, width = -(-height // step.stride), -(-width // step.stride)
        if step.kind != "add" and step.name in wanted:
            total += height * width * step.channels * step.kernel**2 * (channels if step.kind == "conv" else 1)
        channels = step.channels
    return total


def _new_layers() -> Iterator[keras.layers.Layer]:
    from keras import layers

    empty = "zeros"  # weights are always loaded afterwards, and drawing random ones takes JAX ten seconds
    for step in STEPS:
        if step.kind == "add":
            yield layers.Add(name=step.name)
            continue
        # "same" as TensorFlow means it: where a stride leaves an odd row over, it is padded below and on the right.
        if step.kind == "conv":
            yield layers.Conv2D(
                step.channels,
                step.kernel,
                step.stride,
                padding="same",
                use_bias=False,
                kernel_initializer=empty,
                name=step.name,
            )
        else:
            yield layers.DepthwiseConv2D(
                step.kernel, step.stride, padding="same", use_bias=False, depthwise_initializer=empty, name=step.name
            )
        yield layers.BatchNormalization(epsilon=EPSILON, trainable=False, name=step.norm)
        if step.relu6:
            yield layers.ReLU(6.0, name=step.relu6)
    yield layers.GlobalAveragePooling2D(name="avg_pool")


def _run(value: keras.KerasTensor, layers: Mapping[str, keras.layers.Layer]) -> keras.KerasTensor:
    outputs: dict[str, keras.KerasTensor] = {}
    for step in STEPS:
        if step.kind == "add":
            value = layers[step.name]([value, outputs[step.shortcut]])
        else:
            value = layers[step.norm](layers[step.name](value))
            if step.relu6:
                value = layers[step.relu6](value)
        outputs[step.output] = value
    return layers["avg_pool"](value)


def _own_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    names = {name for step in STEPS for name in (step.name, step.norm) if step.kind != "add"}
    return (layer for layer in model.layers if layer.name in names)


def _weight_names(layer: str) -> tuple[str, ...]:
    if layer.endswith("conv"):
        return (f"{layer}/kernel",)
    return tuple(f"{layer}/{part}" for part in ("gamma", "beta", "mean", "variance"))
