"""Weights of a base out of a file that may come from anywhere, found by the layers they belong to.

Three formats: Keras's old .h5, in which keras.applications has its ImageNet weights, .weights.h5, and .keras. Numbers
are all that is taken: no configuration of a stranger's is ever built.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fieldguide.errors import ModelError
from fieldguide.files import explained
from fieldguide.model.blueprint import Blueprint, Stored
from fieldguide.model.cuts import RGB_TO_BGR
from fieldguide.model.foreign import member, opened, plain_numbers, stored_kind

if TYPE_CHECKING:
    import h5py

ENDINGS = (".h5", ".keras")
_BESIDES = 1_000_000_000  # bytes that the layers after a base and an optimiser's state may take


class _Wanted(NamedTuple):
    """A weight and where a file should have it; "" where it has nothing for that layer."""

    weight: Stored
    place: str
    layer: str  # what the file calls the layer, for the error


def read_base_weights(path: str | Path, base: Blueprint, title: str) -> dict[str, np.ndarray]:
    """The weights of a base from a file, float32 by path, such as `conv2d/kernel`.

    The file may hold more layers: those behind the base, or what stands behind the place where it is cut. In a .keras
    file the base may also be a model inside of the saved one.

    Args:
        path: that ends in .h5 (also .weights.h5) or .keras.
        base: what is to be filled.
        title: of the base, for errors.

    Raises:
        FileError: if the file cannot be read.
        ModelError: if it is damaged, or its weights are not those of this base.
    """
    with _opened(path, base) as store:
        layout = _best(path, store, base, title)
        return {wanted.weight.path: _read(path, store, wanted) for wanted in layout}


def require_base_weights(path: str | Path, base: Blueprint, title: str) -> None:
    """Sees to it that a file has the weights of a base, by their names and shapes: none of them is read.

    Args and errors: as of `read_base_weights`.
    """
    with _opened(path, base) as store:
        _best(path, store, base, title)


@contextmanager
def _opened(path: str | Path, base: Blueprint) -> Iterator[h5py.File]:
    """The weights of a file; whatever is wrong with it inside of the block is said of the file."""
    import h5py

    with explained(path, "read the weights"), Path(path).open("rb") as file:
        content: Any = file
        if zipfile.is_zipfile(file):
            most_bytes = 16 * sum(math.prod(weight.shape) for weight in base.stored) + _BESIDES
            with opened(path) as archive:
                content = io.BytesIO(member(path, archive, "model.weights.h5", most_bytes))
        try:
            # From an open file: HDF5 itself would follow a description that leads it to other files.
            with h5py.File(content, "r") as store:
                yield store
        except ModelError:
            raise
        except (OSError, LookupError, TypeError, AttributeError, ValueError, RuntimeError) as error:
            raise ModelError(
                f"{path} is damaged or holds no weights: a .h5, .weights.h5 or .keras file was expected. "
                "Copy or download it again."
            ) from error


def _best(path: str | Path, store: h5py.File, base: Blueprint, title: str) -> list[_Wanted]:
    """The first layout that fits; if none does, the error of the one that fits longest."""
    most, trouble = -1, f"it holds no layers that {title} has"
    layouts = [*_old_layouts(path, store, base)] or [*_new_layouts(store, base)]
    for layout in layouts:
        wrong = next(((count, text) for count, text in enumerate(_troubles(path, store, layout)) if text), None)
        if wrong is None:
            return layout
        if wrong[0] > most:
            most, trouble = wrong
    raise ModelError(f"{path} does not fit {title}: {trouble}. Name a file with the weights of {title}.")


def _troubles(path: str | Path, store: h5py.File, layout: Sequence[_Wanted]) -> Iterator[str]:
    """For each weight "", or why the file does not have it."""
    for weight, place, layer in layout:
        own, part = weight.path.split("/")
        called = f"layer {own!r}" + (f" (in the file {layer!r})" if layer not in ("", own) else "")
        if not place or not _has(path, store, place):
            yield f"it has no {part} for {called}, where the shape {weight.shape} was expected"
            continue
        shape = plain_numbers(path, store, place, "fiu").shape
        yield (
            ""
            if shape == weight.shape
            else (f"the {part} of {called} has the shape {shape}, and {weight.shape} was expected")
        )


def _read(path: str | Path, store: h5py.File, wanted: _Wanted) -> np.ndarray:
    found = plain_numbers(path, store, wanted.place, "fiu")
    if found.id.get_storage_size() != found.nbytes:
        raise ValueError(f"{wanted.place} was never written")
    return np.asarray(found, np.float32)


def _new_layouts(store: h5py.File, base: Blueprint) -> Iterator[list[_Wanted]]:
    """Layers numbered by kind: as Keras has the base, as it is built here, and either inside of another model."""
    inner = [f"layers/{name}/" for name in store["layers"] if _has("", store, f"layers/{name}/layers")]
    for above in ("", *inner):
        yield [_Wanted(each, f"{above}{each.place}/{each.number}", "") for each in base.stored]
        own = _own_places(base)
        yield [_Wanted(each, f"{above}{own[each.path.split('/')[0]]}/vars/{each.number}", "") for each in base.stored]


def _own_places(base: Blueprint) -> dict[str, str]:
    counts: dict[str, int] = {}
    places = {}
    for entry in base.layers:
        if entry["module"].startswith("keras.src.ops"):
            continue
        kind = stored_kind(entry["class_name"])
        number = counts[kind] = counts.get(kind, -1) + 1
        places[entry["name"]] = f"layers/{kind}" + (f"_{number}" if number else "")
    return places


def _old_layouts(path: str | Path, store: h5py.File, base: Blueprint) -> Iterator[list[_Wanted]]:
    """Layers by name where the file has the same names, else in their order, as Keras reads them."""
    above = ""
    if "layer_names" not in store.attrs and "layer_names0" not in store.attrs:
        if not _has(path, store, "model_weights"):
            return
        above = "model_weights/"
    held = {}
    for name in _listed(store[above or "/"], "layer_names"):
        place = f"{above}{name}"
        if name != RGB_TO_BGR and _has(path, store, place) and (weights := _listed(store[place], "weight_names")):
            held[name] = [f"{place}/{weight}" for weight in weights]
    for groups in (_grouped(base, lambda each: each.layer), _grouped(base, lambda each: each.path.split("/")[0])):
        # Not by name where other layers stand between: a VGG19 has all layers that a VGG16 has.
        order = [*held, *[""] * len(groups)][: len(groups)]
        order = list(groups) if {*order} == {*groups} else order
        yield [
            _Wanted(weight, place, name)
            for name, weights in zip(order, groups.values(), strict=True)
            for weight, place in zip(weights, [*held.get(name, ()), *[""] * len(weights)], strict=False)
        ]


def _grouped(base: Blueprint, layer: Any) -> dict[str, list[Stored]]:
    groups: dict[str, list[Stored]] = {}
    for weight in base.stored:
        groups.setdefault(layer(weight), []).append(weight)
    return groups


def _listed(group: h5py.Group, name: str) -> list[str]:
    """A list of names from an attribute, which Keras divides into `name0`, `name1`, ... where it is long."""
    parts = [name] if name in group.attrs else [f"{name}{number}" for number in range(len(group.attrs))]
    found = [value for part in parts if part in group.attrs for value in group.attrs[part]]
    return [value.decode("utf-8") if isinstance(value, bytes) else str(value) for value in found]


def _has(path: str | Path, store: h5py.File, place: str) -> bool:
    """Whether there is something at `place` inside the file itself.

    Raises:
        ModelError: something there is a link that may lead to other files.
    """
    import h5py

    found: Any = store
    for part in place.split("/"):
        if not isinstance(found, h5py.Group) or not found.id.links.exists(part.encode()):
            return False
        if found.id.links.get_info(part.encode()).type != h5py.h5l.TYPE_HARD:
            raise ModelError(f"{path} is not usable: its {place} is a link, which may lead to other files.")
        found = found[part]
    return True
