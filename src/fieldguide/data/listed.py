"""The pictures of a folder, whether it has class folders or not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fieldguide.data.dataset import Dataset
from fieldguide.errors import InputError
from fieldguide.files import explained, is_hidden, walk


def listed(place: Path) -> Dataset:
    """The pictures of a folder, with their classes where it has class folders; or one picture.

    Args:
        place: a folder of class folders, divided or not, or of pictures; or a file.

    Returns:
        A Dataset; without classes where there are none.

    Raises:
        InputError: it holds no files, or class folders that make no sense.
        FileError: it cannot be read.
    """
    # The answers are False where it cannot be told; the reason shows when the folder is read.
    if os.path.isfile(place):  # noqa: PTH113
        return _unlabelled(place.parent, [place])
    if os.path.isdir(place):  # noqa: PTH112
        with explained(place, "read the folder"):
            names = [name for name in os.listdir(place) if not is_hidden(name)]  # noqa: PTH208
        if not any(os.path.isdir(place / name) for name in names):  # noqa: PTH112
            if not names:
                raise InputError(f"{place} holds no files: name a folder of pictures.")
            return _unlabelled(place, [found.path for found in walk(place) if found.kind == "file"])
    return Dataset.from_directory(place, fewest_classes=1)


def _unlabelled(root: Path, paths: Sequence[Path]) -> Dataset:
    return Dataset(root, tuple(paths), np.zeros(len(paths), np.int32), ())
