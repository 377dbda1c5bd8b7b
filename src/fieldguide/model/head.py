"""The last layers of a classifier as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fieldguide.calibration import softmax


@dataclass(frozen=True, eq=False)
class Head:
    """Logits = features @ kernel + bias. Two classes share one logit, that of the second class.

    Where each unit is a question of its own, probabilities are sigmoids that need not sum to 1.

    With hidden layers the features go through them first, each followed by a ReLU.
    """

    kernel: np.ndarray  # float32 (features, units), or (width of the last hidden layer, units)
    bias: np.ndarray  # float32 (units,)
    hidden: tuple[tuple[np.ndarray, np.ndarray], ...] = ()  # kernel and bias of each, float32 (in, out) and (out,)
    independent: bool = False  # whether each unit is a question of its own

    @property
    def layers(self) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        """Kernel and bias of each dense layer, the one that gives logits last."""
        return (*self.hidden, (self.kernel, self.bias))

    @property
    def size(self) -> int:
        """How many parameters it has."""
        return sum(kernel.size + bias.size for kernel, bias in self.layers)

    @property
    def inputs(self) -> int:
        """How many features it takes."""
        return len(self.layers[0][0])

    def logits(self, features: np.ndarray) -> np.ndarray:
        """float32 (n, units) from features float32 (n, features)."""
        for kernel, bias in self.hidden:
            features = np.maximum(features @ kernel + bias, 0)
        return features @ self.kernel + self.bias

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """float32 (n, classes), rows summing to 1 unless each class is a question of its own."""
        if self.independent:
            return (1 / (1 + np.exp(-np.clip(self.logits(features), -60, 60)))).astype(np.float32)
        return softmax(self.logits(features)).astype(np.float32)

    def cooled(self, temperature: float) -> Head:
        """The head whose logits are divided by `temperature`."""
        return replace(self, kernel=self.kernel / np.float32(temperature), bias=self.bias / np.float32(temperature))


def units_for(classes: int) -> int:
    """Output units: one sigmoid for two classes, else one softmax unit for each class."""
    return 1 if classes == 2 else classes
