"""The one file of a classifier: a complete `.keras` file with its class names and resize rule inside.

Keras opens it as it opens any other; the note `fieldguide.json` in the archive holds what Keras has no place for. The
weights can be read back without Keras, so that predicting need not wait for it to load.
"""

from __future__ import annotations

import io
import json
import lzma
import math
import re
import struct
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldguide.errors import ModelError
from fieldguide.files import atomic, explained
from fieldguide.model.backbones import names as backbone_names

if TYPE_CHECKING:
    import keras

FORMAT = 1
NOTE = "fieldguide.json"
MOST_NOTE_BYTES = 10_000_000
MOST_WEIGHT_BYTES = 1_000_000_000
SMALLEST_SIDE, LARGEST_SIDE = 32, 1024
# What reading a damaged zip file may raise, besides OSError.
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError, ValueError)


@dataclass(frozen=True)
class Note:
    """What must be known of a classifier besides its layers."""

    class_names: tuple[str, ...]
    target_size: tuple[int, int]  # height, width
    resize: str  # crop, squash or pad
    backbone: str
    tuned: bool  # the backbone's weights differ from the bundled ones
    temperature: float  # the logits were divided by it; the file holds the calibrated model
    decoder: int  # version of the picture reader it was trained with
    fieldguide: str  # version that wrote it


def write(path: str | Path, model: keras.Model, note: Note) -> None:
    """Writes model and note as one file, atomically.

    Raises:
        FileError: if it cannot be written.
    """
    with atomic(path) as temporary:
        model.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(NOTE, json.dumps({"format": FORMAT, **asdict(note)}, indent=1))


def read_note(path: str | Path) -> Note:
    """The note in a model file, checked.

    Raises:
        FileError: if the file cannot be read.
        ModelError: if it is damaged, of a newer version, or not one of fieldguide's.
    """
    with _opened(path) as archive:
        if NOTE not in archive.namelist():
            raise ModelError(
                f"{path} was not written by fieldguide (it holds no {NOTE}): name a model that `fieldguide train` made."
            )
        fields = _json(path, _member(path, archive, NOTE, MOST_NOTE_BYTES))
    number = fields.get("format")
    if not isinstance(number, int):
        raise ModelError(f"{path} is damaged: its note does not say its format. Copy it again, or train it again.")
    if number != FORMAT:
        writer = str(fields.get("fieldguide"))[:40]
        raise ModelError(
            f"{path} has format {number}, written by fieldguide {writer!r}; this version reads format {FORMAT}: "
            "upgrade fieldguide, or train the model again."
        )
    return _checked(path, fields)


def read_weights(path: str | Path) -> dict[str, np.ndarray]:
    """The weights in a model file by layer: `<layer>/kernel`, `<layer>/gamma`, ..., without loading Keras.

    Raises:
        FileError: if the file cannot be read.
        ModelError: if it is damaged.
    """
    import h5py

    with _opened(path) as archive:
        model = _json(path, _member(path, archive, "config.json", MOST_NOTE_BYTES))
        content = io.BytesIO(_member(path, archive, "model.weights.h5", MOST_WEIGHT_BYTES))
    weights: dict[str, np.ndarray] = {}
    seen: dict[str, int] = {}
    try:
        with h5py.File(content, "r") as store:
            for layer in model["config"]["layers"]:
                kind, name = layer["class_name"], layer["config"]["name"]
                # Keras numbers the layers of each class in the order of the model.
                number = seen[kind] = seen.get(kind, -1) + 1
                group = _snake_case(kind) + (f"_{number}" if number else "")
                for place, variable in enumerate(_variables(kind)):
                    found = store[f"layers/{group}/vars/{place}"]
                    if found.nbytes > MOST_WEIGHT_BYTES:  # what a file declares takes no room in it
                        raise ValueError(f"{name}/{variable} has {found.nbytes:,} bytes")
                    weights[f"{name}/{variable}"] = np.asarray(found, np.float32)
    except (OSError, LookupError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} is damaged: its weights are incomplete. Copy it again, or train it again.") from error
    return weights


def _variables(kind: str) -> tuple[str, ...]:
    names = {"BatchNormalization": ("gamma", "beta", "mean", "variance"), "Dense": ("kernel", "bias")}
    return names.get(kind, ("kernel",) if kind in {"Conv2D", "DepthwiseConv2D"} else ())


def _snake_case(kind: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind).lower().replace("conv2_d", "conv2d")


def _opened(path: str | Path) -> zipfile.ZipFile:
    with explained(path, "read the model"):
        try:
            return zipfile.ZipFile(path)
        except _DAMAGE:
            raise ModelError(
                f"{path} is damaged or no model: a .keras file was expected. Copy it again, or train it again."
            ) from None


def _member(path: str | Path, archive: zipfile.ZipFile, name: str, most_bytes: int) -> bytes:
    """The content of one file in the archive, which is read only if it says that it is of a sensible size."""
    if name not in archive.namelist():
        raise ModelError(f"{path} is damaged: it holds no {name}. Copy it again, or train it again.")
    with explained(path, "read the model"):
        try:
            info = archive.getinfo(name)
            if info.file_size > most_bytes:
                raise ModelError(
                    f"{path} is not usable: its {name} would have {info.file_size:,} bytes, and at most "
                    f"{most_bytes:,} are expected. Copy it again, or train it again."
                )
            return archive.read(info)
        except ModelError:
            raise
        except _DAMAGE as error:
            raise ModelError(f"{path} is damaged: its {name} cannot be read. Copy it again.") from error


def _json(path: str | Path, content: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is damaged: its description cannot be read. Copy it again.") from error
    if not isinstance(fields, dict):
        raise ModelError(f"{path} is damaged: its description is not an object. Copy it again.")
    return fields


def _checked(path: str | Path, fields: dict[str, Any]) -> Note:
    """The note, once every field is seen to be what it should: the file may come from anywhere."""
    from fieldguide.data.decode import RESIZE_RULES

    names: Any = fields.get("class_names")
    size: Any = fields.get("target_size")
    good = (
        isinstance(names, list)
        and len(names) >= 2
        and all(isinstance(name, str) for name in names)
        and len(set(names)) == len(names)
        and isinstance(size, list)
        and len(size) == 2
        and all(isinstance(side, int) and SMALLEST_SIDE <= side <= LARGEST_SIDE for side in size)
        and fields.get("resize") in tuple(RESIZE_RULES)
        and fields.get("backbone") in backbone_names()
        and isinstance(fields.get("tuned"), bool)
        and isinstance(fields.get("temperature"), float)
        and 0 < fields["temperature"] < math.inf
        and isinstance(fields.get("decoder"), int)
    )
    if not good:
        raise ModelError(f"{path} is damaged: what its note says makes no sense. Copy it again, or train it again.")
    return Note(
        class_names=tuple(names),
        target_size=(size[0], size[1]),
        resize=fields["resize"],
        backbone=fields["backbone"],
        tuned=fields["tuned"],
        temperature=fields["temperature"],
        decoder=fields["decoder"],
        fieldguide=str(fields.get("fieldguide"))[:40],
    )
