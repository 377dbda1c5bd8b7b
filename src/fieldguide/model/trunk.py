"""A trunk: a backbone as far as it is used, and the maps inside it that a head reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

from fieldguide.errors import InputError
from fieldguide.model.backbones import Backbone, backbone
from fieldguide.model.lite0 import CUTS, STEPS

POOLINGS = ("average", "max", "flatten")
LITE0 = "efficientnet_lite0"
LITE0_LAST = "top_activation"
_CHANNELS: Mapping[str, int] = MappingProxyType({step.output: step.channels for step in STEPS})


@dataclass(frozen=True)
class Trunk:
    """A backbone as far as it is used, and the maps that a head reads.

    The features of a picture are the averages of the maps after each of `taps`, one after the other, and then what the
    pooling makes of the last map. The maps of early layers tell of colours, textures and edges, which the last one,
    made to tell ImageNet's classes, has lost: where classes differ by such things, reading them too saves errors.

    Args:
        backbone: a name from the table of backbones, in any case and with or without underscores.
        cut: the layer at which it ends; None for its last map. What follows is left out.
        taps: layers before that end whose maps are read as well, in the order of the network.
        pooling: of the last map: "average", "max" or "flatten".

    Raises:
        InputError: a name is unknown, or they do not go together.

    Source:
        U. Evci, V. Dumoulin, H. Larochelle, M. Mozer (2022), "Head2Toe: Utilizing intermediate representations for
        better transfer learning", ICML.

    Example:
        >>> Trunk().features((224, 224)), Trunk(taps=("block3b_add",)).features((224, 224))
        (1280, 1320)
    """

    backbone: str = LITE0
    cut: str | None = None
    taps: tuple[str, ...] = ()
    pooling: str = "average"

    def __post_init__(self) -> None:
        object.__setattr__(self, "backbone", backbone(self.backbone).name)
        object.__setattr__(self, "taps", tuple(self.taps))
        if self.pooling not in POOLINGS:
            raise InputError(f"pooling is {self.pooling!r}; expected one of {', '.join(POOLINGS)}.")
        if not self.bundled:  # their layers are known once they are built: `trunk_model` sees to it
            return
        if self.cut is not None and self.cut not in CUTS:
            raise InputError(
                f"cut is {self.cut!r}, which does not end a block of EfficientNet-Lite0; choose one of "
                f"{', '.join(CUTS)}."
            )
        allowed = CUTS if self.cut is None else CUTS[: CUTS.index(self.cut)]
        if tuple(name for name in allowed if name in self.taps) != self.taps:
            raise InputError(
                f"taps is {self.taps}; expected layers that end a block before {self.last}, in their order, each once: "
                f"{', '.join(allowed)}."
            )

    @property
    def bundled(self) -> bool:
        """Whether it is the backbone that comes with fieldguide, which runs without Keras."""
        return self.backbone == LITE0

    @property
    def spec(self) -> Backbone:
        """What is known of its backbone."""
        return backbone(self.backbone)

    @property
    def last(self) -> str:
        """The layer that it ends with, of the bundled backbone; of others the cut, or "" for their last map."""
        return self.cut or (LITE0_LAST if self.bundled else "")

    def with_all_taps(self) -> Trunk:
        """The same, read after each block before its end, or of other backbones each stage."""
        ends = CUTS if self.bundled else self.spec.cuts
        if self.cut is not None:
            ends = ends[: ends.index(self.cut)] if self.cut in ends else ends
        return replace(self, taps=ends)

    def widths(self, target_size: tuple[int, int]) -> tuple[int, ...]:
        """How many features come of each tap and of the last map, of the bundled backbone.

        Args:
            target_size: (height, width) of the pictures.
        """
        last = _CHANNELS[self.last]
        if self.pooling == "flatten":
            stride = 1
            for step in STEPS:
                stride *= step.stride
                if step.output == self.last:
                    break
            last *= -(-target_size[0] // stride) * -(-target_size[1] // stride)
        return (*(_CHANNELS[name] for name in self.taps), last)

    def features(self, target_size: tuple[int, int]) -> int:
        """How many values a picture has for the head, of the bundled backbone."""
        return sum(self.widths(target_size))

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, ready for JSON."""
        return {**asdict(self), "taps": list(self.taps)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Trunk:
        """The trunk that `to_dict` has described.

        Raises:
            InputError: it is no such description.
        """
        taps, cut = fields.get("taps"), fields.get("cut")
        if not isinstance(taps, list) or not isinstance(cut, str | None):
            raise InputError("a trunk's cut and taps are names of layers.")
        return cls(str(fields.get("backbone")), cut, tuple(map(str, taps)), str(fields.get("pooling")))


BUNDLED = Trunk()  # the backbone that comes with fieldguide, whole, read at its end
ALL_BLOCKS = Trunk(taps=CUTS)  # the same, read after each of its blocks too
