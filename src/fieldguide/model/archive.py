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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldguide.errors import ModelError
from fieldguide.files import atomic, explained
from fieldguide.model.head import units_for
from fieldguide.model.layers import HEAD, NORM_PARTS
from fieldguide.model.lite0 import FEATURES, weight_shapes
from fieldguide.model.note import Note, checked

if TYPE_CHECKING:
    import h5py
    import keras

NOTE = "fieldguide.json"
SEEN = "seen.bin"
MOST_NOTE_BYTES = 10_000_000
MOST_SEEN_BYTES = 80_000_000  # ten million pictures
MOST_CONFIG_BYTES = 1_000_000  # Keras writes 150,000
MOST_WEIGHT_BYTES = 1_000_000_000
# What reading a damaged zip file may raise, besides OSError.
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError)
# Keras stores; zip tools deflate. The others are unpacked by `zipfile` without a limit on what comes out.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# The variables that each kind of layer of our models may have, in the order in which Keras stores them.
_VARIABLES: dict[str, tuple[str, ...]] = {
    "InputLayer": (),
    "Rescaling": (),
    "Conv2D": ("kernel", "bias"),
    "DepthwiseConv2D": ("kernel", "bias"),
    "BatchNormalization": NORM_PARTS,
    "Dense": ("kernel", "bias"),
    "ReLU": (),
    "Activation": (),
    "Add": (),
    "Multiply": (),
    "MaxPooling2D": (),
    "AveragePooling2D": (),
    "GlobalAveragePooling2D": (),
    "Flatten": (),
}


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
            archive.writestr(NOTE, json.dumps(note.to_dict(), indent=1))
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
    return checked(path, fields)


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

    They have the names and shapes of the network in the file's note, and of a last layer for its classes. The file may
    come from anywhere: nothing is read that is not expected, and nothing from outside of it.

    Raises:
        FileError: if the file cannot be read.
        ModelError: if it is damaged, or its layers are not those of its classes.
    """
    import h5py

    note = read_note(path)
    classes, missing = len(note.class_names), _shapes(note)
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
                own = [part for part in _VARIABLES[kind] if f"{name}/{part}" in missing]
                if _VARIABLES[kind] and not own:
                    raise foreign
                for place, variable in enumerate(own):
                    shape = missing.pop(f"{name}/{variable}")  # popped, so that none comes twice
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


def _shapes(note: Note) -> dict[str, tuple[int, ...]]:
    """The shape of each weight of a classifier, by name."""
    units = units_for(len(note.class_names))
    if note.net is not None:
        return note.net.weight_shapes(units)
    return {**weight_shapes(), f"{HEAD}/kernel": (FEATURES, units), f"{HEAD}/bias": (units,)}


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
