"""The last layer of a classifier as two arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldguide.calibration import softmax


@dataclass(frozen=True, eq=False)
class Head:
    """Logits = features @ kernel + bias. Two classes share one logit, that of the second class."""

    kernel: np.ndarray  # float32 (features, units)
    bias: np.ndarray  # float32 (units,)

    def logits(self, features: np.ndarray) -> np.ndarray:
        """float32 (n, units) from features float32 (n, features)."""
        return features @ self.kernel + self.bias

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """float32 (n, classes), rows summing to 1."""
        return softmax(self.logits(features)).astype(np.float32)

    def cooled(self, temperature: float) -> Head:
        """The head whose logits are divided by `temperature`."""
        return Head(self.kernel / np.float32(temperature), self.bias / np.float32(temperature))


def units_for(classes: int) -> int:
    """Output units: one sigmoid for two classes, else one softmax unit for each class."""
    return 1 if classes == 2 else classes
