"""The note in a model file: what must be known of a classifier besides its layers, and whether it makes sense."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fieldguide.answers.naming import Naming
from fieldguide.data.decode import RESIZE_RULES
from fieldguide.errors import InputError, ModelError
from fieldguide.model.head import units_for
from fieldguide.model.nets import Net
from fieldguide.model.rules import Outline, good_rules, naming_of, outline_of
from fieldguide.model.trunk import Trunk

# 1 did not say which pictures it had seen; 2 knew of no networks trained from scratch; 3 of no trunks; 4 of no rules by
# which a classifier says that it does not know, nor of classes that are questions of their own.
FORMAT = 5
READABLE = (2, 3, 4, FORMAT)
MOST_WIDTH = 65_536  # of a head's hidden layer
SMALLEST_SIDE, LARGEST_SIDE = 32, 1024  # of a backbone's pictures; a net has bounds of its own


@dataclass(frozen=True)
class Note:
    """What must be known of a classifier besides its layers."""

    class_names: tuple[str, ...]
    target_size: tuple[int, int]  # height, width
    resize: str  # crop, squash or pad
    trunk: Trunk | None  # None where there is a net
    tuned: bool  # the backbone's weights differ from the bundled ones
    temperature: float  # the logits were divided by it; the file holds the calibrated model
    decoder: int  # version of the picture reader it was trained with
    fieldguide: str  # version that wrote it
    net: Net | None = None  # the network, where it was trained from scratch
    hidden: tuple[int, ...] = ()  # widths of the head's hidden layers
    naming: Naming | None = None  # which classes it names
    novelty: Outline | None = None  # when it calls a picture unlike all that it learnt from
    # Where each class is a question of its own (sigmoid outputs): the probability from which it is said to be shown.
    thresholds: tuple[float, ...] = ()

    @property
    def units(self) -> int:
        """Output units of the head."""
        return len(self.class_names) if self.thresholds else units_for(len(self.class_names))

    def to_dict(self) -> dict[str, Any]:
        """Format and fields, ready for JSON."""
        net = self.net.to_dict() if self.net else None
        others = {
            "net": net,
            "trunk": self.trunk.to_dict() if self.trunk else None,
            "naming": self.naming.to_dict() if self.naming else None,
            "thresholds": list(self.thresholds) or None,
        }
        return {"format": FORMAT, **asdict(self), **others}


def checked(path: str | Path, fields: dict[str, Any]) -> Note:
    """The note, once every field is seen to be what it should: the file may come from anywhere.

    Args:
        path: of the model file, for the error.
        fields: as they were read.

    Raises:
        ModelError: if the format is unknown or a field makes no sense.
    """
    number = fields.get("format")
    if not isinstance(number, int):
        raise ModelError(f"{path} is damaged: its note does not say its format. Copy it again, or train it again.")
    if number not in READABLE:
        writer = str(fields.get("fieldguide"))[:40]
        raise ModelError(
            f"{path} has format {number}, written by fieldguide {writer!r}; this version reads formats "
            f"{READABLE[0]} to {READABLE[-1]}: upgrade fieldguide, or train the model again."
        )
    size: Any = fields.get("target_size")
    good = (
        _good_names(fields.get("class_names"))
        and isinstance(size, list)
        and len(size) == 2
        and all(isinstance(side, int) for side in size)
        and fields.get("resize") in tuple(RESIZE_RULES)
        and _good_network(fields)
        and _good_widths(fields.get("hidden", []))
        and isinstance(fields.get("tuned"), bool)
        and isinstance(fields.get("temperature"), float)
        and 0 < fields["temperature"] < math.inf
        and isinstance(fields.get("decoder"), int)
        and good_rules(fields)
        and _good_thresholds(fields)
    )
    if not good:
        raise ModelError(f"{path} is damaged: what its note says makes no sense. Copy it again, or train it again.")
    return Note(
        class_names=tuple(fields["class_names"]),
        target_size=(size[0], size[1]),
        resize=fields["resize"],
        trunk=_trunk(fields),
        net=_net(fields),
        hidden=tuple(fields.get("hidden", ())),
        tuned=fields["tuned"],
        temperature=fields["temperature"],
        decoder=fields["decoder"],
        fieldguide=str(fields.get("fieldguide"))[:40],
        naming=naming_of(fields),
        novelty=outline_of(fields),
        thresholds=tuple(fields.get("thresholds") or ()),
    )


def _good_names(names: Any) -> bool:
    return (
        isinstance(names, list)
        and len(names) >= 2
        and all(isinstance(name, str) for name in names)
        and len(set(names)) == len(names)
    )


def _good_widths(widths: Any) -> bool:
    return isinstance(widths, list) and all(type(each) is int and 0 < each <= MOST_WIDTH for each in widths)


def _good_thresholds(fields: dict[str, Any]) -> bool:
    """Whether there is a threshold for each class, as where classes are questions of their own, or for none."""
    found = fields.get("thresholds")
    if found is None:
        return True
    whole = isinstance(found, list) and len(found) == len(fields["class_names"])
    return whole and all(isinstance(each, float) and 0 <= each <= 1 for each in found)


def _good_network(fields: dict[str, Any]) -> bool:
    """Whether the note says which network it is: a trunk, or a net by settings that fit the picture size."""
    size = fields["target_size"]
    wanted = {2: {"backbone"}, 3: {"backbone", "net"}}.get(fields["format"], {"trunk", "net"})
    if not wanted <= {*fields}:
        return False
    try:
        net, trunk = _net(fields), _trunk(fields)
    except (InputError, TypeError, AttributeError):
        return False
    if net is None:
        return trunk is not None and all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in size)
    return trunk is None and list(net.target_size) == size


def _net(fields: dict[str, Any]) -> Net | None:
    """The network trained from scratch, if the note says of one."""
    if fields["format"] == 2 or fields["net"] is None:
        return None
    return Net.from_dict(fields["net"])


def _trunk(fields: dict[str, Any]) -> Trunk | None:
    """The trunk, if the note says of one; before format 4 it was the bundled backbone and no more."""
    if fields["format"] < 4:
        return None if fields["backbone"] is None else Trunk(fields["backbone"])
    return None if fields["trunk"] is None else Trunk.from_dict(fields["trunk"])
