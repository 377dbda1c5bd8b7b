"""Pretrained bases in Keras: pixels in, the map of the layer at which the base is cut out, and their weights."""

from __future__ import annotations

import contextlib
import hashlib
import math
import operator
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldguide.errors import FileError, InputError
from fieldguide.files import explained
from fieldguide.model.backbones import Backbone, backbone
from fieldguide.model.blueprint import Blueprint, Stored, blueprint, weight_paths
from fieldguide.model.cuts import RGB_TO_BGR, require_cut_of, train_only_after
from fieldguide.model.lite0 import read_weights
from fieldguide.model.parameters import require_weights
from fieldguide.model.weight_files import ENDINGS, read_base_weights, require_base_weights

if TYPE_CHECKING:
    import keras

IMAGENET, RANDOM = "imagenet", "random"
_LITE0_PARTS = {"mean": "moving_mean", "variance": "moving_variance"}


def base_model(
    name: str,
    target_size: tuple[int, int],
    *,
    weights: str | Path | Mapping[str, np.ndarray] | None,
    cut: str | None = None,
    seed: int = 0,
) -> keras.Model:
    """A base: pixels (n, height, width, 3) in 0..255 in, the map (n, h, w, channels) after the layer `cut` out.

    Preparing the pixels is its first layers. All its layers are its own and have the names they have in Keras, numbered
    as in a fresh process: name the layers that you add, or Keras may call one of them the same. Nothing of it is
    trainable until `train_only_after` says so.

    Args:
        name: of the table of backbones, in any case and with or without underscores.
        target_size: (height, width) of the pictures.
        weights: "imagenet" for those of the table, which are downloaded where they are neither bundled nor in Keras's
            cache; a .h5, .weights.h5 or .keras file that holds them; arrays as `weights_of` gives them; "random" or
            `None` for ones drawn here.
        cut: a layer that no shortcut goes around, `None` for the last one. What follows it is left out.
        seed: of random weights.

    Raises:
        InputError: there is no such base or layer, or it cannot take pictures of this size.
        FileError: the weights cannot be downloaded, or the file cannot be read.
        ModelError: the file's weights are not those of this base.

    Example:
        >>> base = base_model("VGG16", (150, 150), weights=None, cut="block4_pool")
        >>> base.output_shape
        (None, 9, 9, 512)
    """
    spec = backbone(name)
    size = _required_size(spec, target_size)
    _require_kind(weights)
    plan = blueprint(spec, size)
    last = plan.layers[-1]["name"] if cut is None else cut
    require_cut_of(plan.layers, last, spec.title)
    plan = plan.until(last)
    values = _values(spec, plan, weights, seed)
    model = plan.model(spec.name)
    _fill(model, values)
    return train_only_after(model, None)


def require_base(
    name: str,
    target_size: tuple[int, int],
    *,
    weights: str | Path | Mapping[str, np.ndarray] | None,
    cut: str | None = None,
    layers: Sequence[str] = (),
) -> None:
    """Sees to it that `base_model` can make a base, and may be cut at further layers: nothing of it is made.

    Args:
        name, target_size, weights, cut: as `base_model` takes them; ImageNet weights that are not there are downloaded.
        layers: up to `cut`, at which it is to be cut as well.

    Raises:
        InputError: there is no such base or layer, or it cannot take pictures of this size.
        FileError: the weights cannot be downloaded, or the file cannot be read.
        ModelError: the file's weights are not those of this base.
    """
    spec = backbone(name)
    size = _required_size(spec, target_size)
    _require_kind(weights)
    plan, title = blueprint(spec, size), spec.title
    if cut is not None:
        require_cut_of(plan.layers, cut, title)
        plan, title = plan.until(cut), f"{title} up to {cut}"
    for layer in layers:
        require_cut_of(plan.layers, layer, title)
    if isinstance(weights, Mapping):
        require_weights(weights, {weight.path: weight.shape for weight in plan.stored})
    elif weights == IMAGENET and not spec.bundled:
        imagenet_file(spec)
    elif weights not in (None, RANDOM, IMAGENET):
        require_base_weights(weights, plan, spec.title)


def weights_of(model: keras.Model) -> dict[str, np.ndarray]:
    """Copies of the weights of a base, or of a model that goes on from one, by paths such as `conv2d/kernel`.

    The paths are the same each time a base is built. What only prepares the pixels in a fixed way is left out.

    Raises:
        InputError: two weights have the same path, as in a model with another one inside.
    """
    found = {}
    for layer in _weighted(model):
        for path, value in zip(weight_paths(layer), layer.get_weights(), strict=True):
            if path in found:
                raise InputError(f"{model.name} has two weights {path}: give a model whose layers are all its own.")
            found[path] = np.array(value, np.float32)
    return found


def set_weights(model: keras.Model, weights: Mapping[str, np.ndarray]) -> None:
    """Fills a model with weights as `weights_of` gives them.

    Raises:
        InputError: if they are not those of this network.
    """
    expected = {
        path: tuple(weight.shape)
        for layer in _weighted(model)
        for path, weight in zip(weight_paths(layer), layer.weights, strict=True)
    }
    require_weights(weights, expected)
    _fill(model, weights)


def imagenet_file(spec: Backbone) -> Path:
    """Keras's file with the ImageNet weights of a base, from its cache, downloaded where it is not there.

    Raises:
        FileError: it cannot be downloaded.
    """
    import keras

    home = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    place = home / "models" / spec.weights_file
    if place.is_file() and _is_whole(place, spec.weights_hash):
        return place
    with explained(place.parent, "make the folder"):
        place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # Keras reports its progress where our results go
            found = keras.utils.get_file(
                spec.weights_file,
                spec.weights_url,
                cache_dir=str(home),
                cache_subdir="models",
                file_hash=spec.weights_hash or None,
            )
    except Exception as error:  # Keras raises a bare one where the network fails
        raise FileError(
            f"cannot download the weights of {spec.title} ({str(error).splitlines()[0][:200]}): fetch "
            f"{spec.weights_url} (about {spec.download_megabytes} MB) on another machine and put it at "
            f"{place}, or name a file that holds them, or use efficientnet_lite0, whose weights "
            "come with fieldguide."
        ) from error
    return Path(found)


def _is_whole(path: Path, checksum: str) -> bool:
    """Whether a file has the bytes it should have; true where nobody knows."""
    if not checksum:
        return True
    digest = hashlib.new("sha256" if len(checksum) == 64 else "md5", usedforsecurity=False)
    with explained(path, "read the weights"), path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest() == checksum


def _required_size(spec: Backbone, target_size: Any) -> tuple[int, int]:
    try:
        height, width = (operator.index(side) for side in target_size)
    except (TypeError, ValueError):
        height = width = 0
    if min(height, width) < spec.smallest_side:
        trained = spec.target_size[0]
        raise InputError(
            f"target_size is {target_size!r}; expected (height, width) of colour pictures, each at least "
            f"{spec.smallest_side} pixels for {spec.title}, which was trained at {trained} x {trained}."
        )
    return height, width


def _require_kind(weights: Any) -> None:
    if weights is None or isinstance(weights, Mapping | Path) or weights in (IMAGENET, RANDOM):
        return
    if not isinstance(weights, str) or not weights.endswith(ENDINGS):
        raise InputError(
            f"weights is {weights!r}; expected 'imagenet', 'random', a file that ends in .h5, .weights.h5 or .keras, "
            "or in Python arrays by their paths."
        )


def _values(
    spec: Backbone, plan: Blueprint, weights: str | Path | Mapping[str, np.ndarray] | None, seed: int
) -> Mapping[str, np.ndarray]:
    if weights is None or weights == RANDOM:
        return {weight.path: _drawn(weight, seed, place) for place, weight in enumerate(plan.stored) if weight.summed}
    if isinstance(weights, Mapping):
        require_weights(weights, {weight.path: weight.shape for weight in plan.stored})
        return weights
    if weights != IMAGENET:
        return read_base_weights(weights, plan, spec.title)
    if spec.bundled:
        bundled = {}
        for name, value in read_weights().items():
            layer, part = name.split("/")
            bundled[f"{layer}/{_LITE0_PARTS.get(part, part)}"] = value
        return {weight.path: bundled[weight.path] for weight in plan.stored}
    return read_base_weights(imagenet_file(spec), plan, spec.title)


def _drawn(weight: Stored, seed: int, place: int) -> np.ndarray:
    """A kernel from He's normal distribution (ICCV 2015), the same on every backend."""
    rng = np.random.default_rng((seed, place))
    return rng.standard_normal(weight.shape, np.float32) * np.float32(math.sqrt(2 / weight.summed))


def _fill(model: keras.Model, values: Mapping[str, np.ndarray]) -> None:
    import keras

    for layer in _weighted(model):
        for path, weight in zip(weight_paths(layer), layer.weights, strict=True):
            if path in values:
                weight.assign(values[path])
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # it computes with copies of its weights


def _weighted(model: keras.Model) -> list[keras.layers.Layer]:
    return [layer for layer in model.layers if layer.weights and layer.name != RGB_TO_BGR]
