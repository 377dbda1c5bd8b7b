"""The one file of a classifier: a complete `.keras` file with its class names and resize rule inside.

Keras opens it as it opens any other; the note `fieldguide.json` in the archive holds what Keras has no place for. The
weights can be read back without Keras, so that predicting need not wait for it to load.
"""

from __future__ import annotations

import io
import json
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
from fieldguide.model.head import units_for
from fieldguide.model.lite0 import FEATURES, STEPS

if TYPE_CHECKING:
    import h5py
    import keras

FORMAT = 2  # 1 did not say which pictures it had seen
NOTE = "fieldguide.json"
SEEN = "seen.bin"
MOST_NOTE_BYTES = 10_000_000
MOST_SEEN_BYTES = 80_000_000  # ten million pictures
MOST_CONFIG_BYTES = 1_000_000  # Keras writes 150,000
MOST_WEIGHT_BYTES = 1_000_000_000
SMALLEST_SIDE, LARGEST_SIDE = 32, 1024
# What reading a damaged zip file may raise, besides OSError.
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError)
# Keras stores; zip tools deflate. The others are unpacked by `zipfile` without a limit on what comes out.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# The variables of each kind of layer that our models have, in the order in which Keras stores them.
_VARIABLES: dict[str, tuple[str, ...]] = {
    "InputLayer": (),
    "Rescaling": (),
    "Conv2D": ("kernel",),
    "DepthwiseConv2D": ("kernel",),
    "BatchNormalization": ("gamma", "beta", "mean", "variance"),
    "ReLU": (),
    "Add": (),
    "GlobalAveragePooling2D": (),
    "Dense": ("kernel", "bias"),
}


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


def write(path: str | Path, model: keras.Model, note: Note, seen: np.ndarray) -> None:
    """Writes model, note and the marks of the pictures that were seen as one file, atomically.

    Args:
        path: that ends in .keras.
        model: pixels in, probabilities out.
        note: the rest of what must be known.
        seen: uint64 (n,), see `PixelStore.marks`.

    Raises:
        FileError: if it cannot be written.
    """
    with atomic(path) as temporary:
        model.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(NOTE, json.dumps({"format": FORMAT, **asdict(note)}, indent=1))
            archive.writestr(SEEN, np.unique(seen).astype("<u8").tobytes())


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


def read_seen(path: str | Path) -> np.ndarray:
    """The marks of the pictures that the classifier learnt from or was chosen by, sorted: uint64 (n,).

    Raises:
        FileError: if the file cannot be read.
        ModelError: if it is damaged.
    """
    with _opened(path) as archive:
        content = _member(path, archive, SEEN, MOST_SEEN_BYTES)
    if len(content) % 8:
        raise ModelError(f"{path} is damaged: its {SEEN} is cut off. Copy it again, or train it again.")
    return np.unique(np.frombuffer(content, "<u8"))


def read_weights(path: str | Path) -> dict[str, np.ndarray]:
    """The weights in a model file by layer: `<layer>/kernel`, `<layer>/gamma`, ..., without loading Keras.

    They have the names and shapes of EfficientNet-Lite0 and of a last layer for the classes in the file's note. The
    file may come from anywhere: nothing is read that is not expected, and nothing from outside of it.

    Raises:
        FileError: if the file cannot be read.
        ModelError: if it is damaged, or its layers are not those of its classes.
    """
    import h5py

    classes = len(read_note(path).class_names)
    missing = _shapes(classes)
    needed = 4 * sum(math.prod(shape) for shape in missing.values())
    with _opened(path) as archive:
        model = _json(path, _member(path, archive, "config.json", MOST_CONFIG_BYTES))
        # Twice what float32 needs, for float64, and room for what HDF5 keeps besides.
        most_bytes = min(MOST_WEIGHT_BYTES, 2 * needed + MOST_CONFIG_BYTES)
        content = io.BytesIO(_member(path, archive, "model.weights.h5", most_bytes))
    foreign = ModelError(f"{path} is damaged: its layers are not those of its {classes} classes. Copy it again.")
    weights: dict[str, np.ndarray] = {}
    seen: dict[str, int] = {}
    try:
        with h5py.File(content, "r") as store:
            for layer in model["config"]["layers"]:
                kind, name = layer["class_name"], layer["config"]["name"]
                if kind not in _VARIABLES:
                    raise foreign
                # Keras numbers the layers of each class in the order of the model.
                number = seen[kind] = seen.get(kind, -1) + 1
                group = _snake_case(kind) + (f"_{number}" if number else "")
                for place, variable in enumerate(_VARIABLES[kind]):
                    shape = missing.pop(f"{name}/{variable}", None)  # popped, so that none comes twice
                    if shape is None:
                        raise foreign
                    found = _inside(path, store, f"layers/{group}/vars/{place}")
                    if found.shape != shape:
                        raise foreign
                    if found.id.get_storage_size() != found.nbytes:
                        raise ValueError(f"{name}/{variable} was never written")
                    weights[f"{name}/{variable}"] = np.asarray(found, np.float32)
    except ModelError:
        raise
    except (OSError, LookupError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} is damaged: its weights are incomplete. Copy it again, or train it again.") from error
    if missing:
        raise foreign
    return weights


def _shapes(classes: int) -> dict[str, tuple[int, ...]]:
    """The shape of each weight of a classifier, by name."""
    shapes: dict[str, tuple[int, ...]] = {}
    channels = 3
    for step in STEPS:
        if step.kind == "add":
            continue
        ends = (channels, step.channels) if step.kind == "conv" else (channels, 1)
        shapes[f"{step.name}/kernel"] = (step.kernel, step.kernel, *ends)
        shapes |= {f"{step.norm}/{part}": (step.channels,) for part in _VARIABLES["BatchNormalization"]}
        channels = step.channels
    units = units_for(classes)
    return shapes | {"probabilities/kernel": (FEATURES, units), "probabilities/bias": (units,)}


def _inside(path: str | Path, store: h5py.File, place: str) -> h5py.Dataset:
    """The dataset at `place`, once it is seen to be plain numbers in this very file.

    HDF5 follows links into other files, and takes the content of external and virtual datasets from there: a model
    could have any file of the reader's machine read as its weights. Chunks can be compressed far beyond their size.
    """
    import h5py

    found: Any = store
    for part in place.split("/"):
        # Asked of the link itself: h5py's `in` and `get` would already open what it leads to.
        if found.id.links.get_info(part.encode()).type != h5py.h5l.TYPE_HARD:
            break
        found = found[part]
    else:
        # In this order: the mere shape of a virtual dataset may depend on other files.
        plain = isinstance(found, h5py.Dataset) and not found.is_virtual and found.external is None
        if plain and found.chunks is None and found.dtype.kind == "f":
            return found
    raise ModelError(
        f"{path} is not usable: its {place} is not plain numbers inside the file, and may lead to other files. "
        "Copy it again, or train it again."
    )


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
    """The content of one file in the archive: only if the size it declares is sensible, and only as much as that."""
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
            if info.compress_type not in _COMPRESSIONS:
                raise ModelError(
                    f"{path} is not usable: its {name} is compressed in a way that no .keras file is. "
                    "Copy it again, or train it again."
                )
            with archive.open(info) as member:
                return member.read(info.file_size)  # a number, or it is unpacked whole before it is cut to its size
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
