"""Where a network may be cut: layers that no shortcut goes around, so that all that follows depends on them alone.

A network is cut to keep its first part, and training begins after a cut. Both ask for one map that holds everything.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fieldguide.errors import InputError

if TYPE_CHECKING:
    import keras

RGB_TO_BGR = "rgb_to_bgr"  # the layer that keras.applications calls "caffe" preprocessing
PIXELS = "pixels"  # the input of every base: training that begins after it leaves nothing frozen
_PREPARING = ("InputLayer", "Rescaling", "Normalization")


def cuts(model: keras.Model) -> tuple[str, ...]:
    """The layers that every path from the pixels to the output goes through, in their order, the last one included.

    Layers that only prepare the pixels are left out.

    Args:
        model: of Keras's functional kind, such as `base_model` gives.

    Raises:
        InputError: the model is of another kind.
    """
    return cuts_of(_entries(model))


def cuts_of(entries: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The same of layers as a functional model's configuration lists them."""
    last_use: dict[str, int] = {}
    for place, entry in enumerate(entries):
        last_use |= dict.fromkeys(sources(entry), place)
    found, alive = [], set[str]()
    preparing = True
    for place, entry in enumerate(entries):
        # What was computed so far and is used later: where that is one map, it is a cut.
        alive = {name for name in alive if last_use.get(name, -1) > place} | {entry["name"]}
        preparing = preparing and (entry["class_name"] in _PREPARING or entry["name"] == RGB_TO_BGR)
        if len(alive) == 1 and not preparing and _is_layer(entry):
            found.append(entry["name"])
    return tuple(found)


def require_cut(model: keras.Model, cut: str) -> None:
    """Sees to it that a model may be cut after the layer `cut`.

    Raises:
        InputError: there is no such layer, or a shortcut goes around it; with the names of near ones.
    """
    require_cut_of(_entries(model), cut, model.name)


def require_cut_of(entries: Sequence[Mapping[str, Any]], cut: str, title: str) -> None:
    """The same of layers as a functional model's configuration lists them, `title` being what they are part of."""
    valid = cuts_of(entries)
    if cut in valid:
        return
    order = [entry["name"] for entry in entries]
    if cut not in order:
        near = difflib.get_close_matches(str(cut), valid, n=4, cutoff=0.4) or valid[-4:]
        raise InputError(
            f"{title} has no layer {cut!r}; choose one of the {len(valid)} that it can be cut or frozen at, such as "
            f"{', '.join(near)}."
        )
    place = order.index(cut)
    before = [name for name in valid if order.index(name) < place][-1:]
    after = [name for name in valid if order.index(name) > place][:1]
    if not before:
        raise InputError(f"{cut!r} comes before the first layer of {title} that can be cut after: choose {after[0]}.")
    raise InputError(
        f"{title} cannot be cut after {cut!r}, because a shortcut or another branch goes around it; "
        f"choose {' or '.join([*(f'{name} before it' for name in before), *(f'{name} after it' for name in after)])}."
    )


def split_at(model: keras.Model, cut: str, *, maps: Sequence[str] = ()) -> tuple[keras.Model, keras.Model]:
    """The first and the last part of a model, with the very same layers: pixels to activation, activation to output.

    Training the last part trains `model`.

    Args:
        model: of Keras's functional kind, such as `base_model` gives, or one that goes on from its output.
        cut: one of `cuts(model)`.
        maps: layers behind the cut whose outputs the last part gives before its own, in a list.

    Raises:
        InputError: it is not one of them.
    """
    entries = _entries(model)
    require_cut_of(entries, cut, model.name)
    place = [entry["name"] for entry in entries].index(cut) + 1
    shapes = [tensor["shape"] for entry in entries[place:] for tensor in _tensors(entry["inbound_nodes"])]
    shape = shapes[0] if shapes else model.output_shape
    front = _part(model, entries[1:place], entries[0]["name"], model.input_shape, f"{model.name}_to_{cut}")
    return front, _part(model, entries[place:], cut, shape, f"{model.name}_after_{cut}", maps)


def train_only_after(model: keras.Model, cut: str | None) -> keras.Model:
    """The same `model`, where only layers after `cut` are trainable: "pixels" for all of them, `None` for none.

    Batch norms are never trainable, which in Keras also means inference mode: pictures few and unlike ImageNet's would
    otherwise spoil their statistics. Nor is what prepares the pixels. Setting `model.trainable = True` by hand undoes
    that.

    Raises:
        InputError: `cut` is not one of `cuts(model)`.
    """
    import keras

    entries = _entries(model)
    order = [entry["name"] for entry in entries]
    if cut is None:
        after = set[str]()
    elif cut == PIXELS:
        after = set(order)
    else:
        require_cut_of(entries, cut, model.name)
        after = set(order[order.index(cut) + 1 :])
    for layer in model.layers:
        never = isinstance(layer, keras.layers.BatchNormalization | keras.layers.Normalization)
        layer.trainable = layer.name in after and layer.name != RGB_TO_BGR and not never
    return model


def sources(entry: Mapping[str, Any]) -> Iterator[str]:
    """The names of the layers whose outputs go into a layer."""
    return (history[0] for history in histories(entry["inbound_nodes"]))


def histories(value: Any) -> Iterator[list[Any]]:
    """Where the tensors come from that are named anywhere in a configuration: lists that begin with a layer's name."""
    return (tensor["keras_history"] for tensor in _tensors(value))


def _tensors(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            yield value["config"]
        else:
            for inner in value.values():
                yield from _tensors(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _tensors(inner)


def _part(
    model: keras.Model,
    entries: Sequence[Mapping[str, Any]],
    start: str,
    shape: Any,
    name: str,
    maps: Sequence[str] = (),
) -> keras.Model:
    """A model of some of another one's layers, called anew on an input in the place of the layer `start`.

    Keras can also begin a model at any tensor, but finds that of a layer by the first model that it was part of.
    """
    import keras

    value = given = keras.Input(shape[1:], name=start if start == model.layers[0].name else f"{start}_map")
    operations = {operation.name: operation for operation in model.operations}
    outputs = {start: given}
    for entry in entries:
        (node,) = entry["inbound_nodes"]
        value = outputs[entry["name"]] = operations[entry["name"]](
            *_filled(node["args"], outputs), **_filled(node["kwargs"], outputs)
        )
    return keras.Model(given, [*(outputs[each] for each in maps), value] if maps else value, name=name)


def _filled(value: Any, outputs: Mapping[str, Any]) -> Any:
    """The arguments of a call, with tensors in place of their descriptions."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            return outputs[value["config"]["keras_history"][0]]
        return {name: _filled(inner, outputs) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_filled(inner, outputs) for inner in value)
    return value


def _entries(model: keras.Model) -> list[dict[str, Any]]:
    config = model.get_config()
    if "input_layers" not in config:
        raise InputError(f"{model.name} is a {type(model).__name__}; expected a functional model, as base_model gives.")
    twice = [entry["name"] for entry in config["layers"] if len(entry["inbound_nodes"]) > 1]
    if twice or len(model.inputs) != 1 or len(model.outputs) != 1:
        what = f"uses its layer {twice[0]!r} twice" if twice else "has several inputs or outputs"
        raise InputError(f"{model.name} {what}; expected a network in which pictures take one way.")
    return config["layers"]


def _is_layer(entry: Mapping[str, Any]) -> bool:
    # Bare operations, such as the sum behind `a + b`, cannot be found by name.
    return not str(entry["module"]).startswith("keras.src.ops")
