"""The one file of a classifier: a complete `.keras` file with its class names and resize rule inside.

Keras opens it as it opens any other; the note `fieldguide.json` in the archive holds what Keras has no place for. The
weights can be read back without Keras, so that predicting need not wait for it to load.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldguide.errors import ModelError
from fieldguide.files import atomic, explained

if TYPE_CHECKING:
    import keras

FORMAT = 1
NOTE = "fieldguide.json"
MOST_NOTE_BYTES = 10_000_000
SMALLEST_SIDE, LARGEST_SIDE = 16, 1024


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
        try:
            info = archive.getinfo(NOTE)
        except KeyError:
            raise ModelError(
                f"{path} was not written by fieldguide (it holds no {NOTE}): name a model that `fieldguide train` made."
            ) from None
        if info.file_size > MOST_NOTE_BYTES:
            raise ModelError(f"{path} is not usable: its note has {info.file_size:,} bytes. Train the model again.")
        fields = _json(path, archive.read(info))
    if fields.get("format") != FORMAT:
        raise ModelError(
            f"{path} has format {fields.get('format')!r}, written by fieldguide {fields.get('fieldguide')}; "
            f"this version reads format {FORMAT}: upgrade fieldguide, or train the model again."
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
        layers = _json(path, archive.read("config.json"))["config"]["layers"]
        content = io.BytesIO(archive.read("model.weights.h5"))
    weights: dict[str, np.ndarray] = {}
    seen: dict[str, int] = {}
    try:
        with h5py.File(content, "r") as store:
            for layer in layers:
                kind, name = layer["class_name"], layer["config"]["name"]
                # Keras numbers the layers of each class in the order of the model.
                number = seen[kind] = seen.get(kind, -1) + 1
                group = _snake_case(kind) + (f"_{number}" if number else "")
                for place, variable in enumerate(_variables(kind)):
                    weights[f"{name}/{variable}"] = np.asarray(store[f"layers/{group}/vars/{place}"], np.float32)
    except (OSError, KeyError, TypeError) as error:
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
        except zipfile.BadZipFile:
            raise ModelError(
                f"{path} is damaged or no model: a .keras file was expected. Copy it again, or train it again."
            ) from None


def _json(path: str | Path, content: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(content)
    except ValueError as error:
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
        and isinstance(size, list)
        and len(size) == 2
        and all(isinstance(side, int) and SMALLEST_SIDE <= side <= LARGEST_SIDE for side in size)
        and fields.get("resize") in RESIZE_RULES
        and isinstance(fields.get("backbone"), str)
        and isinstance(fields.get("tuned"), bool)
        and isinstance(fields.get("temperature"), (int, float))
        and fields["temperature"] > 0
        and isinstance(fields.get("decoder"), int)
    )
    if not good:
        raise ModelError(f"{path} is damaged: its class names or sizes make no sense. Copy it again.")
    return Note(
        class_names=tuple(names),
        target_size=(size[0], size[1]),
        resize=fields["resize"],
        backbone=fields["backbone"],
        tuned=fields["tuned"],
        temperature=float(fields["temperature"]),
        decoder=fields["decoder"],
        fieldguide=str(fields.get("fieldguide")),
    )
