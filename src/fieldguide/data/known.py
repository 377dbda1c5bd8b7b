"""Which content a picture file had when it was last read, so that an unchanged one need not be read to be recognised.

A file that is known here could be decoded.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

from fieldguide.files import cache_folder

Answer = TypeVar("Answer")

# A file written this recently may be written again within the same tick of its clock, unseen by its time stamps.
SETTLE_NANOSECONDS = 2_000_000_000
# The second of its kind; in the first, copies of files that cannot be decoded passed for sound.
_TABLE = (
    "CREATE TABLE IF NOT EXISTS files_2 (path TEXT PRIMARY KEY, size INTEGER, modified INTEGER, changed INTEGER, "
    "inode INTEGER, digest BLOB) WITHOUT ROWID"
)
_OUTDATED = "DROP TABLE IF EXISTS files"


def stamp(path: str | Path) -> tuple[int, int, int, int]:
    """Size, modification time, change time (both in nanoseconds) and inode of a file.

    Raises:
        OSError: if it cannot be seen.
    """
    status = os.stat(path)  # noqa: PTH116 - called for every picture, and three times as fast
    # Some file systems number their files beyond what SQLite's integers hold.
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino & 0x7FFF_FFFF_FFFF_FFFF


def recall(paths: Sequence[str | Path]) -> list[bytes | None]:
    """The content digest of each file that has not changed since it was read; None for all others."""
    query = "SELECT size, modified, changed, inode, digest FROM files_2 WHERE path = ?"

    def digest_of(connection: sqlite3.Connection, path: str | Path) -> bytes | None:
        row = connection.execute(query, (_key(path),)).fetchone()
        with suppress(OSError):  # gone meanwhile
            if row and tuple(row[:4]) == stamp(path):
                return bytes(row[4])
        return None

    return _ask(lambda connection: [digest_of(connection, path) for path in paths]) or [None] * len(paths)


def remember(entries: Iterable[tuple[str | Path, tuple[int, int, int, int], bytes]]) -> None:
    """Keeps the digests of files just decoded. A cache that cannot be written is passed over: only time is lost.

    Args:
        entries: path, its `stamp` from before it was read, and its digest.
    """
    query = "INSERT OR REPLACE INTO files_2 VALUES (?, ?, ?, ?, ?, ?)"
    latest = time.time_ns() - SETTLE_NANOSECONDS
    rows = [(_key(path), *marks, digest) for path, marks, digest in entries if max(marks[1], marks[2]) < latest]
    if rows:
        _ask(lambda connection: connection.executemany(query, rows))


def _ask(question: Callable[[sqlite3.Connection], Answer]) -> Answer | None:
    """What the table of files answers, in one transaction; None where there is none or it cannot be used."""
    path = cache_folder() / "files.sqlite"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=10)) as connection, connection:
            connection.execute(_OUTDATED)
            connection.execute(_TABLE)
            return question(connection)
    except (OSError, sqlite3.OperationalError):  # locked, read-only or on a full disk
        return None
    except sqlite3.DatabaseError:  # damaged: the next run begins a new one
        for file in path.parent.glob("files.sqlite*"):
            with suppress(OSError):
                file.unlink()
        return None


def _key(path: str | Path) -> str:
    # Names that are not valid UTF-8 hold surrogates, which SQLite refuses.
    return os.path.abspath(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")  # noqa: PTH100
