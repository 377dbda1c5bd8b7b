"""Decoded pictures by row: each is decoded once, in threads, and kept on disk for later epochs and later runs.

Unlike `data.pixels.PixelStore`, which decodes everything before the first batch, a Reader decodes what is asked for
and keeps it as it comes, so that training starts at once and the first epoch pays for the second.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from fieldguide import cache, files
from fieldguide.data import decode, known, pillow
from fieldguide.errors import FileError, PictureError
from fieldguide.parallel import Crew
from fieldguide.preprocessing.warning import warn
from fieldguide.rows import RowStore, SegmentWriter
from fieldguide.words import counted

_REMEMBER_EVERY = 512  # files, since each time costs a transaction
_MARK_SECONDS = cache.IN_USE_SECONDS / 6  # so that no other run takes what this one reads

Stamp = tuple[int, int, int, int]


@dataclass(frozen=True)
class Shape:
    """What becomes of a picture: its size, its colours, and how it is resized. As of `data.pillow.open_picture`."""

    target_size: tuple[int, int]  # height, width
    color_mode: str = "rgb"
    interpolation: str = "nearest"
    keep_aspect_ratio: bool = False

    @property
    def row(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return (*self.target_size, pillow.CHANNELS[self.color_mode])

    @property
    def name(self) -> str:
        """Of the folder that keeps such pictures."""
        height, width = self.target_size
        cut = "-cut" if self.keep_aspect_ratio else ""
        return f"keras-v{pillow.PICTURE_VERSION}-{height}x{width}-{self.color_mode}-{self.interpolation}{cut}"


class Reader:
    """Pictures by row; safe to use from several threads, and in a forked process, which reads but keeps nothing.

    Example:
        >>> reader = Reader([str(photo), "new/notes.txt"], shape=Shape((150, 150)), keep=True)
        >>> pixels, reasons = reader.read([0, 1])
        >>> pixels.shape, reasons
        ((1, 150, 150, 3), {1: 'not a picture: text'})
        >>> reader.close()
    """

    def __init__(self, filepaths: Sequence[str], *, shape: Shape, keep: bool) -> None:
        """A reader of these files; none is touched before it is asked for.

        Args:
            filepaths: Row i is the i-th.
            shape: What becomes of each.
            keep: Whether decoded pictures are kept in the cache, as far as its disk has room.

        Raises:
            InputError: The shape makes no sense.
        """
        pillow.check(shape.color_mode, shape.target_size, shape.interpolation)
        self.filepaths = tuple(os.fspath(path) for path in filepaths)
        self.shape = shape
        self._options = asdict(shape)
        self._reasons: dict[int, tuple[Stamp | None, str]] = {}
        self._crew = Crew()
        self._kept = _Kept(self.filepaths, shape) if keep else None
        if self._kept is not None:
            weakref.finalize(self, self._kept.finish)  # also when the program just ends

    def read(self, rows: Sequence[int] | np.ndarray) -> tuple[np.ndarray, dict[int, str]]:
        """The pictures of these rows.

        A file that cannot be read is not tried again until it changes; one that has changed is read anew.

        Args:
            rows: Which, in any order.

        Returns:
            Pixels of the readable ones, in order: uint8 (k, height, width, channels) in 0..255, or float32 where one
            of them has more than 8 bits. And row -> reason of those that cannot be read.
        """
        pictures, reasons = self.pictures(rows)
        return pictures if isinstance(pictures, np.ndarray) else np.stack(pictures), reasons

    def pictures(self, rows: Sequence[int] | np.ndarray) -> tuple[Sequence[np.ndarray] | np.ndarray, dict[int, str]]:
        """As `read`, but where all of them are kept, a list of parts of the files that keep them: nothing is copied.

        Args:
            rows: Which, in any order.
        """
        asked = [int(row) for row in rows]
        digests = {} if self._kept is None else self._kept.digests(asked)
        if self._kept is not None and len(digests) == len(set(asked)):
            found = self._kept.read([digests[row] for row in asked])
            if found:
                return found, {}
            digests = {}
        return self._assemble(asked, digests, self._decode([row for row in set(asked) if row not in digests]))

    def close(self) -> None:
        """Finishes what is kept. Reading goes on to work."""
        if self._kept is not None:
            self._kept.finish()

    def _assemble(
        self, asked: list[int], digests: dict[int, bytes], fresh: dict[int, np.ndarray | str]
    ) -> tuple[np.ndarray, dict[int, str]]:
        """Kept and freshly decoded pictures in one array."""
        reasons = {row: fresh[row] for row in asked if isinstance(fresh.get(row), str)}
        readable = [row for row in asked if row not in reasons]
        kept = [place for place, row in enumerate(readable) if row not in fresh]
        deep = any(isinstance(each, np.ndarray) and each.dtype != np.uint8 for each in fresh.values())
        pixels = np.empty((len(readable), *self.shape.row), np.float32 if deep else np.uint8)
        if kept and self._kept is not None:
            found = self._kept.read([digests[readable[place]] for place in kept])
            if found is None:  # the cache was cleared at this moment
                return self._assemble(asked, {}, fresh | self._decode([readable[place] for place in kept]))
            for place, picture in zip(kept, found, strict=True):
                pixels[place] = picture
        for place, row in enumerate(readable):
            if row in fresh:
                pixels[place] = fresh[row]
        return pixels, {row: str(reason) for row, reason in reasons.items()}

    def _decode(self, rows: list[int]) -> dict[int, np.ndarray | str]:
        """The pixels of each row, or the reason why there are none; decoded in threads, and kept."""
        outcomes: dict[int, np.ndarray | str] = {}

        def work(number: int) -> None:
            row = rows[number]
            outcomes[row] = self._picture(row)

        self._crew.each(work, len(rows))
        if self._kept is not None:
            self._kept.flush()
        return outcomes

    def _picture(self, row: int) -> np.ndarray | str:
        path = self.filepaths[row]
        stamp = _stamp(path)
        if row in self._reasons and self._reasons[row][0] == stamp:
            return self._reasons[row][1]
        digest, pixels = None, None
        try:
            content = decode.load_bytes(path)
            if self._kept is not None:
                digest = decode.digest(content)
            pixels = pillow.pixels(content, **self._options)
        except PictureError as error:
            self._reasons[row] = (stamp, str(error))
            return str(error)
        finally:
            if self._kept is not None:
                self._kept.add(row, stamp, digest, pixels)
        self._reasons.pop(row, None)
        return pixels


class _Kept:
    """What a Reader keeps: the content of each row, and pixels by content."""

    def __init__(self, paths: Sequence[str], shape: Shape) -> None:
        self._paths = paths
        self._folder = files.cache_folder() / "pixels" / shape.name
        self._columns = {"pixels": (np.dtype(np.uint8), shape.row)}
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
            if digest is not None and digest in self._store and _stamp(self._paths[row]) == self._stamps[row]:
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
                self._stamps = [_stamp(path) for path in self._paths]  # first: a later change is then seen in any case
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


def _stamp(path: str | Path) -> Stamp | None:
    """Of the file as it is now; None where it cannot be seen."""
    try:
        return known.stamp(path)
    except (OSError, ValueError):
        return None
