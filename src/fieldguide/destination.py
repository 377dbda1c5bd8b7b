"""Where a command writes pictures and a page: a new folder, never over anything, and never among the pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from fieldguide.errors import FileError, InputError
from fieldguide.files import explained, require_file
from fieldguide.place import free, require_outside, usual_file


def destination(kind: str, page: str, output: str | Path | None, pictures: Iterable[str | Path]) -> Path:
    """A folder that can be written to and holds nothing yet; it is made when something is written.

    Args:
        kind: the first word of its name, where none is asked for; the time follows.
        page: name of the page that goes into it.
        output: the folder that is asked for.
        pictures: folders and files that are read; of folders it lies outside.

    Raises:
        InputError: it holds something, or lies in a folder of pictures.
        FileError: it is a file, or cannot be written to.
    """
    folders = [name for name in pictures if os.path.isdir(name)]  # noqa: PTH112 - bears names that are too long
    if output is None:
        place = Path(f"{kind}-{datetime.now():%Y%m%d-%H%M}")
        for folder in folders:
            place = usual_file(str(place), folder)
        place = free(place)
    else:
        place = Path(output)
        for folder in folders:
            require_outside(place, folder)
    with explained(place, "use the folder"):
        if place.is_dir() and any(place.iterdir()):
            raise InputError(f"{place} holds something already: name a new folder with --output.")
        if place.exists() and not place.is_dir():
            raise FileError(f"{place} is a file; a folder was expected: name a new one with --output.")
    require_file(place / page)
    return place
