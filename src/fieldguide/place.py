"""Where runs go: beside the pictures, never among them, where a run would be taken for a class the next time."""

from __future__ import annotations

import os
from pathlib import Path

from fieldguide.errors import InputError

RUNS = "runs"


def runs_folder(pictures: str | Path) -> Path:
    """The folder of runs where none is named: `runs` here, or beside the pictures where "here" is among them.

    Args:
        pictures: the folder that they are in.

    Example:
        >>> runs_folder("photos").as_posix(), runs_folder(".").as_posix()
        ('runs', '../runs')
    """
    return _beside(pictures) if _lies_in(RUNS, pictures) else Path(RUNS)


def require_outside(folder: str | Path, pictures: str | Path, *, asked: str = "--output", what: str = "folder") -> None:
    """Sees to it that what is written does not lie among the pictures.

    Args:
        folder: that is written to, or a file.
        pictures: the folder that they are in.
        asked: by what another one can be named.
        what: it is, a folder or a file.

    Raises:
        InputError: it lies in there, however deep.

    Example:
        >>> require_outside("photos/train/run", "photos")
        Traceback (most recent call last):
        fieldguide.errors.InputError: photos/train/run lies in photos, where it would be taken for pictures of a class
        the next time: name a folder outside of it with --output, such as runs/run.
    """
    if _lies_in(folder, pictures):
        taken = "pictures of a class" if what == "folder" else "one of the pictures"
        raise InputError(
            f"{folder} lies in {pictures}, where it would be taken for {taken} the next time: name a {what} outside of "
            f"it with {asked}, such as {_beside(pictures) / Path(folder).name}."
        )


def _lies_in(folder: str | Path, pictures: str | Path) -> bool:
    """Whether one folder is somewhere below another, by whatever links they were named; neither need exist."""
    return Path(os.path.realpath(pictures)) in Path(os.path.realpath(folder)).parents


def _beside(pictures: str | Path) -> Path:
    """The folder of runs beside that of the pictures, by the shorter of its two names."""
    beside = Path(os.path.realpath(pictures)).parent / RUNS
    return Path(min(os.path.relpath(beside), str(beside), key=len))
