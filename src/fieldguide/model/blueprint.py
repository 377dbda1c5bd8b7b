"""A base as Keras would build it, before it costs anything: its layers as configuration, its weights by name and shape.

Keras's own functions describe the network, and are called for no more than that. They run in a thread of their own,
because Keras keeps its counters by thread: layers are then numbered as in a fresh process (`conv2d`, `conv2d_1`, ...),
whatever was built before, and no weight is drawn (on JAX that takes minutes).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fieldguide.model.backbones import Backbone
from fieldguide.model.cuts import PIXELS, RGB_TO_BGR, histories, sources
from fieldguide.model.foreign import stored_kind
from fieldguide.model.lite0 import lite0

if TYPE_CHECKING:
    import keras

LAST_OF_LITE0 = "top_activation"
_STDDEV = (0.229, 0.224, 0.225)  # of ImageNet's red, green and blue, over 255, as keras.applications has them
_MEAN = (0.485, 0.456, 0.406)
BGR_MEAN = (103.939, 116.779, 123.68)


@dataclass(frozen=True)
class Stored:
    """A weight of a base, and where files have it."""

    path: str  # `<layer>/<variable>`, such as conv2d_17/kernel
    shape: tuple[int, ...]
    layer: str  # the layer in old .h5 files, which may hold several of ours
    place: str  # in .keras and .weights.h5 files
    number: int  # among the variables at that place
    summed: int  # how many values one output sums up, for a kernel; 0 for what begins as zeros or ones


@dataclass(frozen=True)
class Blueprint:
    """What there is to build."""

    layers: list[dict[str, Any]]  # as in a functional model's configuration, from the pixels to the last map
    stored: tuple[Stored, ...]  # in the order of the network

    def until(self, cut: str) -> Blueprint:
        """The same without the layers that the output of `cut` does not need."""
        needed = {cut}
        for entry in reversed(self.layers):
            if entry["name"] in needed:
                needed.update(sources(entry))
        return Blueprint(
            [entry for entry in self.layers if entry["name"] in needed],
            tuple(weight for weight in self.stored if weight.path.rsplit("/", 1)[0] in needed),
        )

    def model(self, name: str) -> keras.Model:
        """The network in Keras, its kernels all zero."""
        import keras

        last = self.layers[-1]["name"]
        ends = {"input_layers": [PIXELS, 0, 0], "output_layers": [last, 0, 0]}
        made = keras.Model.from_config({"name": name, "trainable": True, "layers": self.layers, **ends})
        if any(layer.name == RGB_TO_BGR for layer in made.layers):
            made.get_layer(RGB_TO_BGR).set_weights(_rgb_to_bgr())
        return made


def blueprint(spec: Backbone, target_size: tuple[int, int]) -> Blueprint:
    """What the base `spec` is made of, from pixels (n, height, width, 3) in 0..255 to its last map.

    Args:
        spec: of the table of backbones.
        target_size: (height, width) of the pictures.
    """
    import keras

    def describe() -> tuple[list[dict[str, Any]], tuple[Stored, ...]]:
        with keras.StatelessScope(initialize_variables=False):
            if spec.module:
                make = getattr(keras.applications, spec.title)
                made = make(include_top=False, weights=None, input_shape=(*target_size, 3))
            else:
                whole = lite0(target_size)
                made = keras.Model(whole.input, whole.get_layer(LAST_OF_LITE0).output)
            return made.get_config()["layers"], tuple(_stored(made))

    with ThreadPoolExecutor(1) as thread:
        layers, stored = thread.submit(describe).result()
    flat = _flat(layers)
    first = flat[0]
    _rename(flat, {first["name"]: PIXELS})
    first["name"] = first["config"]["name"] = PIXELS
    for place, prepared in _insertions(spec, flat):
        _insert(flat, place, prepared)
    for entry in flat:
        for key in entry["config"]:
            if key.endswith(("kernel_initializer", "depthwise_initializer", "pointwise_initializer")):
                entry["config"][key] = "zeros"  # they are filled afterwards
    return Blueprint(flat, stored)


def preprocessing_layers(spec: Backbone) -> list[keras.layers.Layer]:
    """What a base needs before its first layer: plain Keras layers from pixels in 0..255 to what it was trained with.

    Example:
        >>> from fieldguide.model.backbones import backbone
        >>> [layer.name for layer in preprocessing_layers(backbone("inception_v3"))]
        ['rescaling']
    """
    from keras import layers

    if spec.kind == "tf":
        return [layers.Rescaling(1 / 127.5, -1.0, name="rescaling", dtype="float32")]
    if spec.kind == "torch":
        scale = [1 / (255 * deviation) for deviation in _STDDEV]
        offset = [-mean / deviation for mean, deviation in zip(_MEAN, _STDDEV, strict=True)]
        return [layers.Rescaling(scale, offset, name="rescaling", dtype="float32")]
    if spec.kind == "caffe":
        made = layers.Conv2D(3, 1, kernel_initializer="zeros", name=RGB_TO_BGR, trainable=False, dtype="float32")
        made.build((None, None, None, 3))
        made.set_weights(_rgb_to_bgr())
        return [made]
    return []


def _rgb_to_bgr() -> list[Any]:
    """Kernel and bias of a 1x1 convolution that turns the channels round and takes their means off."""
    import numpy as np

    return [np.eye(3, dtype=np.float32)[::-1].reshape(1, 1, 3, 3), -np.array(BGR_MEAN, np.float32)]


def _insertions(spec: Backbone, layers: list[dict[str, Any]]) -> Iterator[tuple[str, keras.layers.Layer]]:
    """The layers to add, each with the name of the one that it follows."""
    from keras import layers as made

    for layer in reversed(preprocessing_layers(spec)):
        yield PIXELS, layer
    if spec.module == "efficientnet":
        # Keras adds this only to what it loads its own weights into: those divide by the deviation's root twice.
        scale = [deviation**-0.5 for deviation in _STDDEV]
        yield "normalization", made.Rescaling(scale, name="rescaling_1", dtype="float32")


def _insert(layers: list[dict[str, Any]], after: str, layer: keras.layers.Layer) -> None:
    import keras

    _rename(layers, {after: layer.name})
    place = next(index for index, entry in enumerate(layers) if entry["name"] == after)
    made = keras.saving.serialize_keras_object(layer)
    layers.insert(place + 1, {**made, "name": layer.name, "inbound_nodes": _called_on(after)})


def _called_on(name: str) -> list[dict[str, Any]]:
    config = {"shape": (None, None, None, None), "dtype": "float32", "keras_history": [name, 0, 0]}
    return [{"args": ({"class_name": "__keras_tensor__", "config": config},), "kwargs": {}}]


def _rename(layers: list[dict[str, Any]], names: dict[str, str]) -> None:
    for entry in layers:
        for history in histories(entry["inbound_nodes"]):
            history[0] = names.get(history[0], history[0])


def _flat(layers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same layers without models inside, and with sums of two maps as layers, so that they have names."""
    flat: list[dict[str, Any]] = []
    ends: dict[str, str] = {}
    for entry in layers:
        _rename([entry], ends)
        if entry["class_name"] == "Sequential":
            inner = [each for each in entry["config"]["layers"] if each["class_name"] != "InputLayer"]
            for before, each in zip([None, *inner], inner, strict=False):
                source = before["config"]["name"] if before else next(sources(entry))
                flat.append({**each, "name": each["config"]["name"], "inbound_nodes": _called_on(source)})
            ends[entry["name"]] = flat[-1]["name"]
        elif entry["class_name"] == "Add" and entry["module"] == "keras.src.ops.numpy" and len([*sources(entry)]) == 2:
            name = [*sources(entry)][1].removesuffix("_identity") + "_add"
            (node,) = entry["inbound_nodes"]
            ends[entry["name"]] = name
            kind = {"module": "keras.layers", "class_name": "Add", "registered_name": None, "config": {"name": name}}
            flat.append({**kind, "name": name, "inbound_nodes": [{"args": (list(node["args"]),), "kwargs": {}}]})
        else:
            flat.append(entry)
    return flat


def _stored(model: keras.Model, above: str = "", layer: str = "") -> Iterator[Stored]:
    """Every weight of a model, in the order in which Keras stores them."""
    import keras

    counts: dict[str, int] = {}
    for each in model.layers:
        kind = stored_kind(type(each).__name__)
        number = counts[kind] = counts.get(kind, -1) + 1
        place = f"{above}layers/{kind}" + (f"_{number}" if number else "")
        if isinstance(each, keras.Model):
            yield from _stored(each, f"{place}/", layer or each.name)
            continue
        weights = [*each.trainable_weights, *each.non_trainable_weights]
        for number, (path, weight) in enumerate(zip(weight_paths(each, weights), weights, strict=True)):
            shape = tuple(weight.shape)
            yield Stored(path, shape, layer or each.name, f"{place}/vars", number, _summed(each, path, shape))


def weight_paths(layer: keras.layers.Layer, weights: list[Any] | None = None) -> list[str]:
    """Names for the weights of a layer that are the same each time it is built: `<layer>/<variable>`."""
    names: list[str] = []
    for weight in layer.weights if weights is None else weights:
        # Keras numbers nameless variables through the whole process.
        name = "weight" if re.fullmatch(r"(\w+_)?variable(_\d+)?", weight.name) else weight.name
        names.append(f"{layer.name}/{name}")
    return names


def _summed(layer: keras.layers.Layer, path: str, shape: tuple[int, ...]) -> int:
    import keras

    if not path.endswith("kernel"):
        return 0
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D) or path.endswith("/depthwise_kernel")
    return math.prod(shape[:2] if depthwise else shape[:-1])
