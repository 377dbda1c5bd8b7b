"""Files that are either whole or not there: atomic writes, the cache folder, plain words for disk errors."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from fieldguide.errors import FileError, InputTypeError, MissingFileError
from fieldguide.words import shortened

_PLAIN_REASONS = {
    errno.ENOSPC: "the disk is full: free some space, or name a folder on another disk",
    errno.EDQUOT: "the disk quota is used up: free some space, or name a folder on another disk",
    errno.EROFS: "the disk is read-only: name a folder that can be written to",
    errno.EACCES: "permission is denied: change the permissions, or name a folder of your own",
    errno.EPERM: "the operation is not permitted: name a folder of your own",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
    errno.ENOENT: "it does not exist: check the spelling",
    errno.ENOTDIR: "a part of the path is a file, not a folder: check the spelling",
    errno.EEXIST: "a file stands where a folder was expected: name another place",
    errno.EISDIR: "it is a folder, and a file was expected",
    errno.ELOOP: "it is a loop of symbolic links: name the real folder",
}


def plain_reason(error: OSError) -> str:
    """What went wrong with a file and what to do, without errno numbers."""
    return _PLAIN_REASONS.get(error.errno or 0, (error.strerror or str(error)).lower())


_SYSTEM_FILES = {"thumbs.db", "desktop.ini", "icon\r", "ehthumbs.db"}
_SYSTEM_FOLDERS = {"__MACOSX", "__pycache__"}


def path_of(name: str, value: object, such: str) -> Path:
    """The path that was given.

    Args:
        name: of the argument.
        value: as it was given.
        such: a path that would do, for the message.

    Raises:
        InputTypeError: it is none.

    Example:
        >>> path_of("folder", "runs/second", "runs/first").name
        'second'
        >>> path_of("folder", 3, "runs/first")
        Traceback (most recent call last):
        fieldguide.errors.InputTypeError: folder is 3 (int); expected a path, such as 'runs/first'.
    """
    found = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(found, str):
        kind = type(value).__name__
        raise InputTypeError(f"{name} is {shortened(value)} ({kind}); expected a path, such as {such!r}.")
    return Path(found)


@contextmanager
def explained(path: str | Path, doing: str) -> Iterator[None]:
    """Turns any OSError inside into a FileError that names `path` and what was being done.

    Args:
        path: the file or folder at stake.
        doing: a verb for the message, e.g. "write".

    Raises:
        FileError: in place of the OSError; a MissingFileError if there is no such file.
    """
    try:
        yield
    except FileError:
        raise
    except OSError as error:
        kind = MissingFileError if isinstance(error, FileNotFoundError) else FileError
        raise kind(f"cannot {doing} {path}: {plain_reason(error)}.") from error


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and vanishes when it does not.

    Args:
        path: the file to write; its folder is made if it is missing.

    Yields:
        A path in the same folder, with the same suffix, not yet existing.

    Raises:
        FileError: if the folder or file cannot be written, or something that is no file stands there.

    Example:
        >>> target = Path(tempfile.mkdtemp()) / "note.txt"
        >>> with atomic(target) as temporary:
        ...     _ = temporary.write_text("whole")
        >>> target.read_text()
        'whole'
    """
    path = _no_other(path)
    with explained(path, "write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        # A short name of its own: beside a very long file name there may be no room for a suffix.
        temporary = path.parent / f".{os.getpid()}-{os.urandom(4).hex()}{path.suffix}"
        try:
            yield temporary
            with temporary.open("rb+") as handle:
                os.fsync(handle.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Writes UTF-8 text atomically; what UTF-8 cannot hold (odd bytes in a file name) is written as an escape."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


def _no_other(path: str | Path) -> Path:
    """Where a file is written: a link stays a link, and what it points to is replaced.

    Raises:
        FileError: something that is no file stands there.
    """
    path = Path(os.path.realpath(path))
    if os.path.isdir(path):  # noqa: PTH112 - unlike Path's, these bear names that are too long
        raise FileError(f"cannot write {path}: it is a folder, and a file was expected.")
    if os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113
        raise FileError(f"cannot write {path}: it is no file but a device or a pipe: send the output there with '>'.")
    return path


def require_file(path: str | Path) -> Path:
    """The path of a file that is about to be written, once it is known that it can be; nothing is made or changed.

    Args:
        path: its folder need not be there yet.

    Raises:
        FileError: it cannot be written, or something that is no file stands there.
    """
    found = _no_other(path)
    with explained(found, "write"):
        with suppress(FileNotFoundError):
            found.lstat()  # a name that is too long is refused
        near = next(folder for folder in found.parents if os.path.lexists(folder))
        with tempfile.TemporaryFile(dir=near):  # permissions alone do not tell: a disk may be read-only
            pass
    return Path(path)


def require_writable(folder: str | Path, needed_bytes: int = 0) -> Path:
    """The folder, made if it was missing, once it is known to take new files and to have room.

    Args:
        folder: where files are about to be written.
        needed_bytes: what will be written at the most, as far as it is known.

    Raises:
        FileError: if it is a file, cannot be written to, or has too little room.
    """
    folder = Path(folder)
    with explained(folder, "use the folder"):
        if folder.exists() and not folder.is_dir():
            raise FileError(f"{folder} is a file; a folder was expected: name another place.")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):  # permissions alone do not tell: a disk may be read-only
            pass
        free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise FileError(
            f"the disk of {folder} has {size_text(free_bytes)} free and {size_text(needed_bytes)} are needed: "
            "free some space, or name a folder on another disk."
        )
    return folder


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is the system's or hidden, and so no picture and no class."""
    return name.startswith(".") or name.lower() in _SYSTEM_FILES or name in _SYSTEM_FOLDERS


class Found(NamedTuple):
    """Something that `walk` came upon."""

    kind: str  # "file", "hidden", "closed" (a folder that cannot be read) or "again" (one that was read already)
    path: Path
    why: OSError | Path | None = None  # of "closed" the error, of "again" where it was read


def walk(folder: Path, visited: dict[tuple[int, int] | str, Path] | None = None) -> Iterator[Found]:
    """What lies below a folder, folder by folder in sorted order, as it is asked for.

    Links to folders are followed. Of the folder that is being read the names are held in memory, and nothing else.

    Args:
        folder: where to begin.
        visited: the folders read so far, by `identity`, none of which is read again; it is added to. None reads a
            folder once for each path that leads to it, but never inside itself.
    """
    above: dict[tuple[int, int] | str, Path] = {}
    waiting = [(folder, above)]
    while waiting:
        place, above = waiting.pop()
        try:
            mark = identity(place)
            first = above.get(mark, place) if visited is None else visited.setdefault(mark, place)
            names = sorted(os.listdir(place))  # noqa: PTH208 - names alone, as there may be a million
        except OSError as error:
            yield Found("closed", place, error)
            continue
        if first != place:
            yield Found("again", place, first)
            continue
        below = []
        for name in names:
            path = place / name
            if is_hidden(name):
                yield Found("hidden", path)
            elif os.path.isdir(path):  # noqa: PTH112 - unlike Path's, this bears loops, long names and closed folders
                below.append(path)
            else:
                yield Found("file", path)
        waiting.extend((path, {**above, mark: place}) for path in reversed(below))


def identity(folder: Path) -> tuple[int, int] | str:
    """What tells a folder from all others, by whatever path it was reached.

    Raises:
        OSError: if it cannot be seen.
    """
    status = folder.stat()
    return (status.st_dev, status.st_ino) if status.st_ino else str(folder.resolve())


def cache_folder() -> Path:
    """The folder of what can be computed again: $FIELDGUIDE_CACHE, or the user's cache folder."""
    named = os.environ.get("FIELDGUIDE_CACHE")
    if named:
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_cache_dir("fieldguide", appauthor=False))


def folder_bytes(folder: Path) -> int:
    """Bytes that the files below a folder take, as far as they can be seen."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(place, name)).st_size  # noqa: PTH116, PTH118
            except OSError:
                continue  # gone meanwhile, e.g. a temporary file of another process
    return total


def size_text(count: float) -> str:
    """A number of bytes as a person says it: '13.4 MB' (1 MB = 1,000,000 bytes)."""
    if count < 1000:
        return f"{count:.0f} bytes"
    for unit in ("kB", "MB"):
        count /= 1000
        if round(count, 1) < 1000:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} GB"
