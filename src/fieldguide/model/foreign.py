"""Reading model files that may come from anywhere: bounded, and nothing from outside of the file.

A .keras file is a zip archive whose weights are an HDF5 file.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldguide.errors import ModelError
from fieldguide.files import explained

if TYPE_CHECKING:
    import h5py

# What reading a damaged zip file may raise, besides OSError.
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError)
# Keras stores; zip tools deflate. The others are unpacked by `zipfile` without a limit on what comes out.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def opened(path: str | Path) -> zipfile.ZipFile:
    """The archive that a .keras file is.

    Raises:
        FileError: if the file cannot be read.
        ModelError: if it is no such archive.
    """
    with explained(path, "read the model"):
        try:
            return zipfile.ZipFile(path)
        except DAMAGE:
            raise ModelError(
                f"{path} is damaged or no model: a .keras file was expected. Copy it again, or train it again."
            ) from None


def member(path: str | Path, archive: zipfile.ZipFile, name: str, most_bytes: int) -> bytes:
    """The content of one file in the archive: only if the size it declares is sensible, and only as much as that.

    Raises:
        FileError: if the file cannot be read.
        ModelError: if it is damaged, or larger than `most_bytes`.
    """
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
            with archive.open(info) as content:
                return content.read(info.file_size)  # a number, or it is unpacked whole before it is cut to its size
        except ModelError:
            raise
        except DAMAGE as error:
            raise ModelError(f"{path} is damaged: its {name} cannot be read. Copy it again.") from error


def plain_numbers(path: str | Path, store: h5py.File, place: str, kinds: str = "f") -> h5py.Dataset:
    """The dataset at `place`, once it is seen to be plain numbers in this very file.

    HDF5 follows links into other files, and takes the content of external and virtual datasets from there: a model
    could have any file of the reader's machine read as its weights. Chunks can be compressed far beyond their size.

    Args:
        path: of the file, for the error.
        store: the open file.
        place: in it, its parts divided by slashes.
        kinds: of numbers, as NumPy's `dtype.kind` names them.

    Raises:
        ModelError: it is anything else.
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
        if plain and found.chunks is None and found.dtype.kind in kinds:
            return found
    raise ModelError(
        f"{path} is not usable: its {place} is not plain numbers inside the file, and may lead to other files. "
        "Copy it again, or train it again."
    )


def stored_kind(kind: str) -> str:
    """The name that Keras's weight files have for a class of layers.

    Example:
        >>> stored_kind("DepthwiseConv2D"), stored_kind("BatchNormalization"), stored_kind("ReLU")
        ('depthwise_conv2d', 'batch_normalization', 're_lu')
    """
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
