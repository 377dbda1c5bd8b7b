"""Where runs go: beside the pictures, never among them, where a run would be taken for a class the next time."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from fieldguide.errors import InputError

RUNS, OTHER_RUNS = "runs", "fieldguide-runs"  # the other one where the pictures' own folder is called like the first
MARKS = ("asked.json", "model.keras", "comparison.json")  # one of them is in the folder of each run or comparison
# Files that are named like pictures, or like nothing; what is none of them by content is another matter.
_LIKE_PICTURES = {
    "", ".avif", ".bmp", ".gif", ".ico", ".jfif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp",
}  # fmt: skip


def runs_folder(pictures: str | Path) -> Path:
    """The folder of runs where none is named: `runs` here, or beside the pictures where that is or lies in their own.

    Args:
        pictures: the folder that they are in.

    Example:
        >>> runs_folder("photos").as_posix(), runs_folder(".").as_posix(), runs_folder("runs").as_posix()
        ('runs', '../runs', 'fieldguide-runs')
    """
    return _beside(pictures) if _lies_in(RUNS, pictures) else Path(RUNS)


def usual_file(name: str, pictures: str | Path) -> Path:
    """Where a file goes for which no place is named: here, or beside the pictures where "here" is among them.

    Args:
        name: of the file.
        pictures: the folder that they are in.

    Example:
        >>> usual_file("rates.svg", "photos").as_posix(), usual_file("rates.svg", ".").as_posix()
        ('rates.svg', '../rates.svg')
    """
    return _shorter(_real(pictures).parent / name) if _lies_in(name, pictures) else Path(name)


def require_outside(folder: str | Path, pictures: str | Path, *, asked: str = "--output", what: str = "folder") -> None:
    """Sees to it that what is written does not lie among the pictures.

    Args:
        folder: that is written to, or a file.
        pictures: the folder that they are in, or the table that names them.
        asked: by what another one can be named.
        what: it is, a folder or a file.

    Raises:
        InputError: it lies in there, however deep, or is that folder itself.

    Example:
        >>> require_outside("photos/train/run", "photos")
        Traceback (most recent call last):
        fieldguide.errors.InputError: photos/train/run lies in photos, where it would be taken for pictures of a class
        the next time: name a folder outside of it with --output, such as runs/run.
    """
    if not _lies_in(folder, pictures):
        return
    if os.path.isfile(pictures):  # noqa: PTH113 - False where it cannot be told
        raise InputError(f"{folder} is the table of labels, which is left as it is: name another {what} with {asked}.")
    taken = "pictures of a class" if what == "folder" else "one of the pictures"
    lies = f"{folder} lies in {pictures}, where it would be taken for {taken} the next time"
    if _is(folder, pictures):
        lies = f"{folder} is the folder of the pictures, where what is written would be taken for some the next time"
    place = _beside(pictures) / _named(folder).name
    if what == "folder" and not _is(folder, pictures) and _holds_run(Path(folder)):
        out = _way_out(Path(folder), pictures)
        raise InputError(
            f"{lies}, and holds a run: move that out with `{_moving(Path(folder), out)}`, which loses nothing, and "
            f"name another folder with {asked}, such as {free(place, {out})}."
        )
    such = free(place) if what == "folder" else place
    raise InputError(f"{lies}: name a {what} outside of it with {asked}, such as {such}.")


def require_run_outside(run: str | Path, pictures: str | Path, *, asked: str = "--resume ") -> None:
    """Sees to it that a run that is to go on does not lie among its pictures, as one of an earlier version may.

    Args:
        run: its folder.
        pictures: the folder that they are in.
        asked: by what the run is named, right before the folder.

    Raises:
        InputError: it lies in there, and the message says how it is moved out; or it is that folder itself.

    Example:
        >>> require_run_outside("photos/first", "photos")
        Traceback (most recent call last):
        fieldguide.errors.InputError: the run in photos/first lies among its pictures, in photos, where it is taken for
        a class of them: move it out with `mv photos/first runs/first-2`, which loses nothing, and go on there with
        --resume runs/first-2.
    """
    if _is(run, pictures):
        raise InputError(f"{run} is the folder of the pictures, which no run is kept in: name that of a run.")
    if _lies_in(run, pictures):
        out = _way_out(Path(run), pictures)
        raise InputError(
            f"the run in {run} lies among its pictures, in {pictures}, where it is taken for a class of them: move it "
            f"out with `{_moving(Path(run), out)}`, which loses nothing, and go on there with {asked}{out}."
        )


def run_among(folder: Path, pictures: Path) -> InputError:
    """What is raised where a folder among the pictures is a run, or one of runs: how it is moved out.

    Args:
        folder: that would be taken for a class.
        pictures: the folder that it is in.
    """
    out = _way_out(folder, pictures)
    return InputError(
        f"the folder '{folder.name}' in {folder.parent} holds a run and no pictures of a class: move it out with "
        f"`{_moving(folder, out)}`, which loses nothing, or name a folder of pictures only."
    )


def holds_runs(folder: Path) -> bool:
    """Whether a folder is that of a run, or some in it are; one that cannot be read is none, as far as can be told."""
    with suppress(OSError):
        return _holds_run(folder) or any(map(_holds_run, folder.iterdir()))
    return False


def are_of_runs(files: Sequence[Path]) -> bool:
    """Whether all files lie in folders of runs, and none is named like a picture.

    Example:
        >>> are_of_runs([Path("run/asked.json"), Path("run/checkpoints/last.npz")])
        True
        >>> are_of_runs([Path("cats/model.keras"), Path("cats/1.jpg")])
        False
    """
    runs = {path.parent for path in files if path.name in MARKS}
    return bool(runs) and all(
        path.suffix.lower() not in _LIKE_PICTURES and not runs.isdisjoint(path.parents) for path in files
    )


def _holds_run(folder: Path) -> bool:
    return any(os.path.exists(folder / mark) for mark in MARKS)  # noqa: PTH110 - False where it cannot be told


def free(place: Path, taken: Collection[Path] = ()) -> Path:
    """The place, or one named like it with a number, where nothing is yet.

    Args:
        place: that is asked for; beside `.` and `..` a folder is named like what they are.
        taken: places that are not free either.

    Example:
        >>> free(Path("photos")).as_posix(), free(Path("photos/horses/..")).as_posix(), free(Path("other")).as_posix()
        ('photos-2', 'photos-2', 'other')
    """
    found, number = place, 1
    while found in taken or found.exists():
        number += 1
        named = _named(place)
        found = named.parent / f"{named.name}-{number}"
    return found


def _way_out(folder: Path, pictures: str | Path) -> Path:
    """A free place beside the pictures for a folder that lies among them."""
    beside, name = _beside(pictures), _named(folder).name
    return beside if name == RUNS and not beside.exists() else free(beside / name)


def _moving(folder: Path, out: Path) -> str:
    """The command that moves a folder there."""
    first = "" if out.parent.exists() else f"{shlex.join(['mkdir', '-p', str(out.parent)])} && "
    return first + shlex.join(["mv", str(_named(folder)), str(out)])


def _named(folder: str | Path) -> Path:
    """A folder by a path that ends in its name, which `.` and `..` do not."""
    if Path(folder).name not in ("", ".."):
        return Path(folder)
    real = _real(folder)
    return _shorter(real.parent) / real.name


def _is(folder: str | Path, pictures: str | Path) -> bool:
    """Whether both are one folder, by whatever links they were named."""
    return _real(folder) == _real(pictures)


def _lies_in(folder: str | Path, pictures: str | Path) -> bool:
    """Whether one folder is another or somewhere below it, by whatever links they were named; neither need exist."""
    return _real(folder).is_relative_to(_real(pictures))


def _beside(pictures: str | Path) -> Path:
    """The folder of runs beside that of the pictures, by the shorter of its two names."""
    beside = _real(pictures).parent
    return _shorter(beside / (OTHER_RUNS if _lies_in(beside / RUNS, pictures) else RUNS))


def _real(folder: str | Path) -> Path:
    return Path(os.path.realpath(folder))


def _shorter(place: Path) -> Path:
    """A place as seen from here, or from the root where that is shorter."""
    return Path(min(os.path.relpath(place), str(place), key=len))
