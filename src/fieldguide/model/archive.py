"""The one file of a classifier: a complete `.keras` file with its class names and resize rule inside.

Keras opens it as it opens any other; the note `fieldguide.json` in the archive holds what Keras has no place for. The
weights can be read back without Keras, so that predicting need not wait for it to load.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldguide.answers.novelty import MOST_BYTES, Novelty
from fieldguide.errors import ModelError
from fieldguide.files import atomic
from fieldguide.model.foreign import member, opened, plain_numbers, stored_kind
from fieldguide.model.layers import HEAD, NORM_PARTS
from fieldguide.model.lite0 import weight_shapes
from fieldguide.model.note import Note, checked
from fieldguide.model.rules import packed, unpacked
from fieldguide.model.trunk import BUNDLED, Trunk

if TYPE_CHECKING:
    import h5py
    import keras

NOTE = "fieldguide.json"
SEEN = "seen.bin"
LEARNT = "learnt.bin"  # of the pictures that were learnt from: by them a picture is known to be unlike them all
MOST_NOTE_BYTES = 10_000_000
MOST_SEEN_BYTES = 80_000_000  # ten million pictures
MOST_CONFIG_BYTES = 1_000_000  # Keras writes 150,000
MOST_WEIGHT_BYTES = 1_000_000_000
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
    "Average": (),
    "Flip": (),
    "MaxPooling2D": (),
    "AveragePooling2D": (),
    "GlobalAveragePooling2D": (),
    "GlobalMaxPooling2D": (),
    "Flatten": (),
    "Concatenate": (),
}


def write(path: str | Path, model: keras.Model, note: Note, seen: np.ndarray, novelty: Novelty | None = None) -> None:
    """Writes model, note, the marks of the pictures that were seen and a rule for others as one file, atomically.

    Args:
        path: that ends in .keras.
        model: pixels in, probabilities out.
        note: the rest of what must be known.
        seen: uint64 (n,), see `PixelStore.marks`.
        novelty: whose outline is in the note.

    Raises:
        FileError: if it cannot be written.
    """
    with atomic(path) as temporary:
        model.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(NOTE, json.dumps(note.to_dict(), indent=1))
            archive.writestr(SEEN, np.unique(seen).astype("<u8").tobytes())
            if novelty is not None:
                archive.writestr(LEARNT, packed(novelty))


def read_note(path: str | Path) -> Note:
    """The note in a model file, checked.

    Raises:
        FileError: if the file cannot be read.
        ModelError: if it is damaged, of a newer version, or not one of fieldguide's.
    """
    with opened(path) as archive:
        if NOTE not in archive.namelist():
            raise ModelError(
                f"{path} was not written by fieldguide (it holds no {NOTE}): name a model that `fieldguide train` made."
            )
        fields = _json(path, member(path, archive, NOTE, MOST_NOTE_BYTES))
    return checked(path, fields)


def read_seen(path: str | Path) -> np.ndarray:
    """The marks of the pictures that the classifier learnt from or was chosen by, sorted: uint64 (n,).

    Raises:
        FileError: if the file cannot be read.
        ModelError: if it is damaged.
    """
    with opened(path) as archive:
        content = member(path, archive, SEEN, MOST_SEEN_BYTES)
    if len(content) % 8:
        raise ModelError(f"{path} is damaged: its {SEEN} is cut off. Copy it again, or train it again.")
    return np.unique(np.frombuffer(content, "<u8"))


def read_novelty(path: str | Path, note: Note) -> Novelty | None:
    """The rule by which pictures unlike all that was learnt from are known, if there is one.

    Args:
        path: of the model file.
        note: that was read from it.

    Raises:
        FileError: if the file cannot be read.
        ModelError: if it is damaged.
    """
    if note.novelty is None:
        return None
    with opened(path) as archive:
        content = member(path, archive, LEARNT, MOST_BYTES)
    return unpacked(path, content, note.novelty)


def read_weights(path: str | Path) -> dict[str, np.ndarray]:
    """The weights in a model file by layer: `<layer>/kernel`, `<layer>/gamma`, ...

    Keras is loaded only where a backbone did not come with fieldguide: to know what its layers are.

    They have the names and shapes of the network in the file's note, and of a last layer for its classes. The file may
    come from anywhere: nothing is read that is not expected, and nothing from outside of it.

    Raises:
        FileError: if the file cannot be read.
        ModelError: if it is damaged, or its layers are not those of its classes.
    """
    note = read_note(path)
    if note.trunk is not None and not note.trunk.bundled:
        return _weights_of_base(path, note.trunk, note)
    classes, missing = len(note.class_names), _shapes(note)
    needed = 4 * sum(math.prod(shape) for shape in missing.values())
    with opened(path) as archive:
        model = _json(path, member(path, archive, "config.json", MOST_CONFIG_BYTES))
        # Twice what float32 needs, for float64, and room for what HDF5 keeps besides.
        most_bytes = min(MOST_WEIGHT_BYTES, 2 * needed + MOST_CONFIG_BYTES)
        content = io.BytesIO(member(path, archive, "model.weights.h5", most_bytes))
    foreign = ModelError(f"{path} is damaged: its layers are not those of its {classes} classes. Copy it again.")
    weights: dict[str, np.ndarray] = {}
    seen: dict[str, int] = {}
    with _stored(path, content) as store:
        for layer in model["config"]["layers"]:
            kind, name = layer["class_name"], layer["config"]["name"]
            if kind not in _VARIABLES:
                raise foreign
            # Keras numbers the layers of each class in the order of the model.
            number = seen[kind] = seen.get(kind, -1) + 1
            group = stored_kind(kind) + (f"_{number}" if number else "")
            own = [part for part in _VARIABLES[kind] if f"{name}/{part}" in missing]
            if _VARIABLES[kind] and not own:
                raise foreign
            for place, variable in enumerate(own):
                shape = missing.pop(f"{name}/{variable}")  # popped, so that none comes twice
                weights[f"{name}/{variable}"] = _written(path, store, f"layers/{group}/vars/{place}", shape, foreign)
    if missing:
        raise foreign
    return weights


def _shapes(note: Note) -> dict[str, tuple[int, ...]]:
    """The shape of each weight of a classifier, by name."""
    units = note.units
    if note.net is not None:
        return note.net.weight_shapes(units)
    trunk = note.trunk or BUNDLED
    return {**weight_shapes(trunk.cut), **_head_shapes(note, trunk.features(note.target_size))}


def _head_shapes(note: Note, features: int) -> dict[str, tuple[int, ...]]:
    """The shape of each weight of the head, layer by layer."""
    shapes: dict[str, tuple[int, ...]] = {}
    names = [*(f"hidden{place}" for place in range(1, len(note.hidden) + 1)), HEAD]
    for name, width in zip(names, (*note.hidden, note.units), strict=True):
        shapes |= {f"{name}/kernel": (features, width), f"{name}/bias": (width,)}
        features = width
    return shapes


def _weights_of_base(path: str | Path, trunk: Trunk, note: Note) -> dict[str, np.ndarray]:
    """The weights of any other backbone and of the head: of the file's layers, those that are built here have them."""
    from fieldguide.model.blueprint import blueprint
    from fieldguide.model.weight_files import read_base_weights

    plan = blueprint(trunk.spec, note.target_size)
    plan = plan if trunk.cut is None else plan.until(trunk.cut)
    weights = read_base_weights(path, plan, trunk.spec.title)
    before = sum(entry["class_name"] == "Dense" for entry in plan.layers)
    names = list(dict.fromkeys(name.split("/")[0] for name in _head_shapes(note, 0)))
    with opened(path) as archive:
        content = io.BytesIO(member(path, archive, "model.weights.h5", MOST_WEIGHT_BYTES))
    found: dict[str, np.ndarray] = {}
    with _stored(path, content) as store:
        for number, name in enumerate(names, before):
            place = "layers/dense" + (f"_{number}" if number else "")
            for variable, part in enumerate(("kernel", "bias")):
                found[f"{name}/{part}"] = _written(path, store, f"{place}/vars/{variable}")
        features = found[f"{names[0]}/kernel"].shape[0]
    if {name: value.shape for name, value in found.items()} != _head_shapes(note, features):
        raise ModelError(f"{path} is damaged: its layers are not those of its {len(note.class_names)} classes.")
    return {**weights, **found}


@contextmanager
def _stored(path: str | Path, content: io.BytesIO) -> Iterator[h5py.File]:
    """The open HDF5 file of the weights; what goes wrong in it is damage."""
    import h5py

    try:
        with h5py.File(content, "r") as store:
            yield store
    except ModelError:
        raise
    except (OSError, LookupError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} is damaged: its weights are incomplete. Copy it again, or train it again.") from error


def _written(
    path: str | Path,
    store: h5py.File,
    place: str,
    shape: tuple[int, ...] | None = None,
    otherwise: ModelError | None = None,
) -> np.ndarray:
    """The numbers at a place, once they are seen to be there and, where a shape is expected, to have it: float32."""
    found = plain_numbers(path, store, place)
    if otherwise is not None and found.shape != shape:
        raise otherwise
    if found.id.get_storage_size() != found.nbytes:
        raise ValueError(f"{place} was never written")
    return np.asarray(found, np.float32)


def _json(path: str | Path, content: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is damaged: its description cannot be read. Copy it again.") from error
    if not isinstance(fields, dict):
        raise ModelError(f"{path} is damaged: its description is not an object. Copy it again.")
    return fields
