"""What parts of a set are called, and whether folders are its parts rather than classes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from fieldguide.errors import InputError
from fieldguide.files import explained, is_hidden
from fieldguide.place import holds_runs, run_among

# What folders and cells of a table are called, in small letters -> 0 train, 1 validation, 2 test.
PART_CALLED: Mapping[str, int] = MappingProxyType(
    {"train": 0, "training": 0, "validation": 1, "valid": 1, "val": 1, "dev": 1, "test": 2, "testing": 2}
)


def divided_by(root: Path, folders: Sequence[str]) -> dict[str, int]:
    """folder -> part (0 train, 1 validation, 2 test), if the folders are parts of a divided set; else none.

    Args:
        root: where they are.
        folders: their names.

    Raises:
        InputError: some are, and it makes no sense.
    """
    parts = {name: PART_CALLED[name.lower()] for name in folders if name.lower() in PART_CALLED}
    if not any(_has_folders(root / name) for name in parts):
        return {}
    others = sorted(set(folders) - set(parts))
    if 0 not in parts.values():
        if others:
            return {}
        raise InputError(f"{root} holds {' and '.join(sorted(parts))}, but no train folder: add one.")
    if others:
        for name in others:
            if holds_runs(root / name):
                raise run_among(root / name, root)
        raise InputError(
            f"{root} holds both parts ({', '.join(sorted(parts))}) and other folders ({', '.join(others[:3])}): "
            "move the others away, or give one folder for each class."
        )
    if len(set(parts.values())) < len(parts):
        raise InputError(f"{root} holds the same part twice ({', '.join(sorted(parts))}): merge them.")
    return dict(sorted(parts.items(), key=lambda item: item[1]))


def _has_folders(place: Path) -> bool:
    with explained(place, "read the folder"):
        names = os.listdir(place)  # noqa: PTH208
    return any(os.path.isdir(place / name) and not is_hidden(name) for name in names)  # noqa: PTH112
