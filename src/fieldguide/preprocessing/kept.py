"""Decoded pictures that are kept on disk by their content, for later epochs and later runs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from fieldguide import cache, files
from fieldguide.data import known
from fieldguide.errors import FileError
from fieldguide.preprocessing.warning import warn
from fieldguide.rows import RowStore, SegmentWriter
from fieldguide.words import counted

_REMEMBER_EVERY = 512  # files, since each time costs a transaction
_MARK_SECONDS = cache.IN_USE_SECONDS / 6  # so that no other run takes what this one reads

Stamp = tuple[int, int, int, int]


class Kept:
    """What a Reader keeps: the content of each row, and pixels by content.

    Args:
        paths: of the files, row by row.
        name: of the folder that keeps pictures of this kind.
        shape: of a picture: height, width, channels.
    """

    def __init__(self, paths: Sequence[str], name: str, shape: tuple[int, int, int]) -> None:
        self._paths = paths
        self._folder = files.cache_folder() / "pixels" / name
        self._columns = {"pixels": (np.dtype(np.uint8), shape)}
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._ready = False
        self._store: RowStore | None = None
        self._writer: SegmentWriter | None = None
        self._writes = True
        self._stamps: list[Stamp | None] = []
        self._contents: list[bytes | None] = []
        self._left: set[int] = set()  # rows that may still have to be kept
        self._entries: list[tuple[str | Path, Stamp, bytes]] = []  # files read, not yet remembered
        self._marked = time.monotonic()

    def digests(self, rows: Sequence[int]) -> dict[int, bytes]:
        """The content of those rows that are kept and whose files are as they were."""
        self._prepare()
        if self._store is None:
            return {}
        found = {}
        for row in rows:
            digest = self._contents[row]
            if digest is not None and digest in self._store and stamp_of(self._paths[row]) == self._stamps[row]:
                found[row] = digest
        return found

    def read(self, digests: Sequence[bytes]) -> list[np.ndarray] | None:
        """Their pixels, uint8 (height, width, channels) each; None if the cache was cleared meanwhile."""
        store = self._store
        try:
            if store is None or not all(digest in store for digest in digests):
                return None
            if time.monotonic() - self._marked > _MARK_SECONDS:
                self._marked = time.monotonic()
                store.mark_used(digest for digest in self._contents if digest is not None)
            return store.views("pixels", digests)
        except FileError:
            with self._lock:
                if self._store is store:
                    self._writer = None
                    self._open()
            return None

    def add(self, row: int, stamp: Stamp | None, digest: bytes | None, pixels: np.ndarray | None) -> None:
        """Takes what a file was found to hold; pixels of more than 8 bits, and None, are not kept."""
        if not self._writes:
            return
        with self._lock:
            self._left.discard(row)
            if digest is None or pixels is None or pixels.dtype != np.uint8:
                return
            self._stamps[row], self._contents[row] = stamp, digest
            if stamp is not None:
                self._entries.append((self._paths[row], stamp, digest))
            with self._giving_up():
                if self._writes and self._store is not None and digest not in self._store:
                    self._writer = self._writer or self._store.writer(len(self._left) + 1)
                    self._writer.add(digest, {"pixels": pixels})

    def flush(self) -> None:
        """Makes what was added readable, also for later runs; finishes when there is no more to come."""
        with self._lock:
            if self._writer is not None:
                with self._giving_up():
                    self._writer.flush()
            if len(self._entries) >= _REMEMBER_EVERY:
                known.remember(self._entries)
                self._entries = []
            if not self._left:
                self.finish()

    def finish(self) -> None:
        """Seals what was written, in the process that wrote it."""
        if self._process != os.getpid():
            return
        with self._lock:
            (entries, self._entries), (writer, self._writer) = (self._entries, []), (self._writer, None)
            known.remember(entries)
            if writer is not None:
                with suppress(FileError):  # what was flushed is kept all the same
                    writer.__exit__(None, None, None)

    def only_read(self) -> None:
        """From here on nothing is written: another process, which this one was copied from, may be writing."""
        self._process = os.getpid()
        self._lock = threading.RLock()  # a thread of the first process may have held the old one
        self._writer, self._writes, self._entries = None, False, []

    def _prepare(self) -> None:
        if self._process != os.getpid():
            self.only_read()
        if self._ready:
            return
        with self._lock:
            if not self._ready:
                # First: a later change is then seen in any case.
                self._stamps = [stamp_of(path) for path in self._paths]
                self._contents = known.recall(self._paths)
                self._open()
                self._ready = True

    def _open(self) -> None:
        """Opens the store, and makes room in it for what is not there yet."""
        self._store, self._left = None, set(range(len(self._paths)))
        with self._giving_up():
            store = self._store = RowStore(self._folder, self._columns)
            store.mark_used(digest for digest in self._contents if digest is not None)
            self._left = {row for row, digest in enumerate(self._contents) if digest is None or digest not in store}
            if self._left and self._writes:
                cache.make_room(len(self._left) * store.row_bytes)
                self._store = RowStore(self._folder, self._columns)  # without what went to make room

    @contextmanager
    def _giving_up(self) -> Iterator[None]:
        """Where nothing more can be kept, says so once; what is kept already stays of use."""
        try:
            yield
        except FileError as error:
            self._writer = None
            if (
                self._store is not None and len(self._store) and not self._folder.is_dir()
            ):  # the cache was cleared: it can be filled again
                self._open()
            elif self._writes:
                self._writes = False
                warn(self._loss(error))

    def _loss(self, error: FileError) -> str:
        """What it means that no more can be kept."""
        store = self._store
        count = sum(digest is None or store is None or digest not in store for digest in self._contents)
        row_bytes = int(np.prod(self._columns["pixels"][1]))
        sizes = f"{files.size_text(row_bytes)} each, {files.size_text(count * row_bytes)} together"
        return (
            f"{counted(count, 'decoded picture')} ({sizes}) cannot be kept, so each epoch decodes them again: {error}"
        )


def stamp_of(path: str | Path) -> Stamp | None:
    """Of the file as it is now; None where it cannot be seen."""
    try:
        return known.stamp(path)
    except (OSError, ValueError):
        return None
