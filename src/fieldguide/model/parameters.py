"""The weights of a network trained from scratch as plain arrays: those it starts with, and whether given ones fit."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from fieldguide.errors import InputError
from fieldguide.model.layers import HEAD
from fieldguide.model.nets import Net

GREY = (0.299, 0.587, 0.114)  # the shares of red, green and blue in grey, as in ITU-R BT.601
_CONSTANTS = {"bias": 0.0, "beta": 0.0, "mean": 0.0, "gamma": 1.0, "variance": 1.0}
_CUT_NORMAL = 0.87962566103423978  # standard deviation of the standard normal distribution cut off at 2


def initial_weights(net: Net, units: int, seed: int) -> dict[str, np.ndarray]:
    """The weights that a network starts with, float32, named as in `Net.weight_shapes`: the same on every backend.

    Kernels are drawn from He's normal distribution, cut off at two standard deviations, and the head's from Glorot's
    uniform one; each has a generator of its own.

    Args:
        net: the network.
        units: of its head.
        seed: of the draws.

    Source:
        He et al., "Delving Deep into Rectifiers", ICCV 2015. Glorot and Bengio, "Understanding the difficulty of
        training deep feedforward neural networks", AISTATS 2010.

    Example:
        >>> initial_weights(Net("classic", "tiny", target_size=(32, 32)), 1, seed=0)["conv1/kernel"].shape
        (3, 3, 3, 8)
    """
    depthwise = {layer.name for layer in net.layers if layer.kind == "dwconv"}
    weights = {}
    for place, (name, shape) in enumerate(net.weight_shapes(units).items()):
        layer, part = name.rsplit("/", 1)
        rng = np.random.default_rng((seed, place))
        if layer == "grey":
            weights[name] = np.array(GREY, np.float32).reshape(shape)
        elif part != "kernel":
            weights[name] = np.full(shape, _CONSTANTS[part], np.float32)
        elif layer == HEAD:
            edge = math.sqrt(6 / sum(shape))
            weights[name] = rng.uniform(-edge, edge, shape).astype(np.float32)
        else:
            arriving = math.prod(shape[:2] if layer in depthwise else shape[:-1])  # values that one output sums up
            weights[name] = _cut_normal(rng, shape) * np.float32(math.sqrt(2 / arriving) / _CUT_NORMAL)
    return weights


def require_weights(weights: Mapping[str, np.ndarray], expected: Mapping[str, tuple[int, ...]]) -> None:
    """Sees to it that weights have the names and shapes of a network.

    Args:
        weights: by name.
        expected: the shapes, such as `Net.weight_shapes` gives them.

    Raises:
        InputError: naming one that does not fit.
    """
    mended = "give the weights that were trained with this very network"
    for name in sorted({*weights} ^ {*expected}):
        wrong = "is missing from the weights" if name in expected else "is no weight of the network"
        raise InputError(f"{name} {wrong}: {mended}.")
    for name, shape in expected.items():
        if np.shape(weights[name]) != shape:
            raise InputError(f"{name} has the shape {np.shape(weights[name])}, and {shape} was expected: {mended}.")


def _cut_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draws from the standard normal distribution, those beyond 2 drawn again: float32."""
    values = rng.standard_normal(shape, np.float32)
    while (far := np.abs(values) > 2).any():
        values[far] = rng.standard_normal(int(far.sum()), np.float32)
    return values
