"""Networks for tests: every family, size and option, with weights as they might be after training."""

from __future__ import annotations

from typing import Any

import numpy as np

from fieldguide.model.engine import NetEngine
from fieldguide.model.head import Head
from fieldguide.model.nets import FAMILIES, Net, sizes
from fieldguide.model.parameters import initial_weights

SIDE = (48, 64)
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "grey": {"grayscale": True},
    "normed": {"batch_norm": True},
    "bare": {"batch_norm": False},
    "flat": {"pooling": "flatten"},
    "averaged": {"pooling": "average"},
    "dropped": {"dropout": 0.5, "block_dropout": 0.2, "l2": 1e-4},
    "mirrored": {"mirrored": True},
    "all": {"grayscale": True, "batch_norm": True, "pooling": "average", "dropout": 0.5, "block_dropout": 0.2},
}
EVERY: dict[str, Net] = {
    f"{family}-{size}-{name}": Net(family, size, target_size=SIDE, **option)
    for family in FAMILIES
    for size in sizes(family)
    for name, option in OPTIONS.items()
}
SMALL = {name: net for name, net in EVERY.items() if net.size == "tiny"}


def trained(net: Net, classes: int = 2, seed: int = 0) -> tuple[dict[str, np.ndarray], Head]:
    """Weights of a network and its head as training might leave them: nothing is 0 or 1 any more, no answer is sure."""
    rng = np.random.default_rng((seed, 1))
    weights = initial_weights(net, 1 if classes == 2 else classes, seed)
    for name, value in weights.items():
        part = name.rsplit("/", 1)[1]
        if part in ("bias", "beta"):
            weights[name] = rng.normal(0, 0.2, value.shape).astype(np.float32)
        if part == "mean":
            weights[name] = rng.normal(0, 0.5, value.shape).astype(np.float32)
        if part in ("gamma", "variance"):
            weights[name] = rng.uniform(0.5, 2, value.shape).astype(np.float32)
    head = Head(weights.pop("probabilities/kernel"), weights.pop("probabilities/bias"))
    logits = head.logits(NetEngine(net, weights, threads=1).features(noise(16, net.target_size, seed=99)))
    spread = logits.std(axis=0)
    return weights, Head(head.kernel / spread, ((head.bias - logits.mean(axis=0)) / spread).astype(np.float32))


def noise(count: int, size: tuple[int, int] = SIDE, seed: int = 0) -> np.ndarray:
    """Random uint8 pixels, with large patches so that pictures differ in more than noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 4, 4, 3))
    rows, columns = (np.arange(side) * 4 // side for side in size)
    fine = rng.integers(-40, 41, (count, *size, 3))
    return np.clip(coarse[:, rows][:, :, columns] + fine, 0, 255).astype(np.uint8)
