"""Which content a file had when it was last read, so that an unchanged file need not be read to be recognised."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from fieldguide.files import cache_folder

# A file written this recently may be written again within the same tick of its clock, unseen by its time stamps.
SETTLE_NANOSECONDS = 2_000_000_000
_TABLE = (
    "CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INTEGER, modified INTEGER, changed INTEGER, "
    "inode INTEGER, digest BLOB) WITHOUT ROWID"
)


def stamp(path: str | Path) -> tuple[int, int, int, int]:
    """Size, modification time, change time (both in nanoseconds) and inode of a file.

    Raises:
        OSError: if it cannot be seen.
    """
    status = os.stat(path)  # noqa: PTH116 - called for every picture, and three times as fast
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def recall(paths: Sequence[Path]) -> list[bytes | None]:
    """The content digest of each file that has not changed since it was read; None for all others."""
    connection = _connect()
    if connection is None:
        return [None] * len(paths)
    result: list[bytes | None] = []
    query = "SELECT size, modified, changed, inode, digest FROM files WHERE path = ?"
    try:
        for path in paths:
            row = connection.execute(query, (_key(path),)).fetchone()
            try:
                result.append(row[4] if row and tuple(row[:4]) == stamp(path) else None)
            except OSError:
                result.append(None)
    except sqlite3.Error:  # damaged: as if it were empty
        return [None] * len(paths)
    finally:
        connection.close()
    return result


def remember(entries: Iterable[tuple[Path, tuple[int, int, int, int], bytes]]) -> None:
    """Keeps the digests of files just read. A cache that cannot be written is passed over: only time is lost.

    Args:
        entries: path, its `stamp` from before it was read, and its digest.
    """
    latest = time.time_ns() - SETTLE_NANOSECONDS
    rows = [(_key(path), *marks, digest) for path, marks, digest in entries if max(marks[1], marks[2]) < latest]
    connection = _connect() if rows else None
    if connection is None:
        return
    try:
        with connection:
            connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", rows)
    except sqlite3.Error:
        return
    finally:
        connection.close()


def _connect() -> sqlite3.Connection | None:
    path = cache_folder() / "files.sqlite"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=10)
        connection.execute(_TABLE)
    except (sqlite3.Error, OSError):
        return None
    return connection


def _key(path: Path) -> str:
    # Names that are not valid UTF-8 hold surrogates, which SQLite refuses.
    return os.path.abspath(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")  # noqa: PTH100
