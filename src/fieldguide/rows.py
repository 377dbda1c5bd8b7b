"""Rows of fixed size kept on disk by the content they were computed from: decoded pixels, features.

A store is a folder of segments, and each build appends to a segment of its own, so builds never wait for or damage
one another. Rows are written before the index names them: a build that is killed leaves a segment whose named rows
are whole, and the next build computes only what is missing. Rows that a killed build left unsealed are checked once
against their checksums, when the segment is opened next.

    store/segment-3f9a.../layout.json   format version, columns
                          <column>.bin  rows one after the other
                          index.bin     32-byte content digest + CRC-32 of the row, one record a row
                          sealed        how many of the first rows are known to be whole on the disk
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import numpy as np

from fieldguide.errors import FileError
from fieldguide.files import explained, require_writable, write_text

FORMAT = 1
DIGEST_BYTES = 32
FLUSH_ROWS = 64
_LARGE_ROW_BYTES = 4096
_RECORD = np.dtype([("digest", f"V{DIGEST_BYTES}"), ("crc", "<u4")])

Columns = Mapping[str, tuple[np.dtype, tuple[int, ...]]]


class RowStore:
    """Rows by digest. Opening reads the index only; `read` maps what it needs and lets go of it again."""

    def __init__(self, folder: str | Path, columns: Columns) -> None:
        """Opens the store, or an empty one where there is none yet.

        Args:
            folder: of this store alone.
            columns: name -> (dtype, shape of one row).
        """
        self.folder = Path(folder)
        self.columns = {name: (np.dtype(dtype), tuple(shape)) for name, (dtype, shape) in columns.items()}
        self._segments: list[Path] = []
        self._places: dict[bytes, tuple[int, int]] = {}  # digest -> segment, row
        with explained(self.folder, "read the cache"):
            found = sorted(self.folder.glob("segment-*")) if self.folder.is_dir() else []
        for segment in found:
            self._attach(segment)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._places

    @property
    def row_bytes(self) -> int:
        """Bytes that one row takes over all columns."""
        return sum(_bytes_of(column) for column in self.columns.values())

    def read(self, column: str, digests: Sequence[bytes]) -> np.ndarray:
        """The rows of these digests, in their order: (len(digests), *shape) of the column's dtype.

        Raises:
            FileError: if the cache was cleared or damaged since the store was opened.
        """
        dtype, shape = self.columns[column]
        result = np.empty((len(digests), *shape), dtype)
        for wanted, mapped, rows in self._mapped(column, digests):
            if _bytes_of((dtype, shape)) < _LARGE_ROW_BYTES:
                result[wanted] = mapped[rows]
                continue
            for place, row in zip(wanted.tolist(), rows.tolist(), strict=True):  # at once, they would be copied twice
                result[place] = mapped[row]
        return result

    def views(self, column: str, digests: Sequence[bytes]) -> list[np.ndarray]:
        """The rows of these digests, in their order, as parts of the files: nothing is read before it is used.

        The files stay mapped as long as one of the rows is held.

        Raises:
            FileError: if the cache was cleared or damaged since the store was opened.
        """
        found: list[np.ndarray] = [np.empty(0)] * len(digests)
        for wanted, mapped, rows in self._mapped(column, digests):
            for place, row in zip(wanted.tolist(), rows.tolist(), strict=True):
                found[place] = mapped[row]
        return found

    def _mapped(self, column: str, digests: Sequence[bytes]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """For each segment that holds some of them: their places, a part of its file, and their rows in that part."""
        dtype, shape = self.columns[column]
        places = np.array([self._places[digest] for digest in digests], np.int64).reshape(-1, 2)
        for number in np.unique(places[:, 0]):
            wanted = np.flatnonzero(places[:, 0] == number)
            path = self._segments[number] / f"{column}.bin"
            rows = places[wanted, 1]
            try:
                # Mapped for this time only: pages of a map that stays open count as this process's memory.
                first, last = int(rows.min()), int(rows.max())
                mapped = np.memmap(path, dtype, "r", first * _bytes_of((dtype, shape)), (last - first + 1, *shape))
            except (OSError, ValueError) as error:
                raise FileError(
                    f"the cache at {path} was cleared or damaged while in use: run the command again."
                ) from error
            yield wanted, mapped.view(np.ndarray), rows - first

    def mark_used(self, digests: Iterable[bytes]) -> None:
        """Notes that these rows are wanted now, so that they are the last to be removed to make room for others."""
        for number in {self._places[digest][0] for digest in digests if digest in self._places}:
            with suppress(OSError):  # where nothing can be written, nothing is removed either
                os.utime(self._segments[number])

    def writer(self, expected_rows: int, refusal: FileError | None = None) -> SegmentWriter:
        """A segment to append rows to; use it as a context manager.

        Whether the folder can be written and has room for the expected rows is known at once, but is no matter as
        long as every row that comes is there already: a cache that cannot be written can still be read.

        Args:
            expected_rows: how many may be added.
            refusal: why none can be, where that is known already; raised at the first one that is new.
        """
        if refusal is not None:
            return SegmentWriter(self, refusal)
        try:
            require_writable(self.folder, expected_rows * (self.row_bytes + _RECORD.itemsize))
        except FileError as error:
            return SegmentWriter(self, error)
        return SegmentWriter(self)

    def _attach(self, segment: Path) -> None:
        """Takes up the whole rows of a segment; damaged or foreign ones are as if they were not there."""
        try:
            layout = json.loads((segment / "layout.json").read_text(encoding="utf-8"))
            if layout != _layout(self.columns):
                return
            records = np.fromfile(segment / "index.bin", _RECORD)
            sizes = {name: (segment / f"{name}.bin").stat().st_size for name in self.columns}
            whole = min([len(records)] + [sizes[name] // _bytes_of(column) for name, column in self.columns.items()])
            records = records[:whole]
            good = self._check(segment, records)
        except (OSError, ValueError):
            return
        number = len(self._segments)
        self._segments.append(segment)
        for row in np.flatnonzero(good):
            self._places.setdefault(records["digest"][row].tobytes(), (number, int(row)))

    def _check(self, segment: Path, records: np.ndarray) -> np.ndarray:
        """Which rows are as they were written: bool (len(records),). Sealed ones are taken on trust."""
        good = np.ones(len(records), bool)
        sealed = _sealed_rows(segment)
        if sealed >= len(records):
            return good
        crcs = np.zeros(len(records) - sealed, np.uint32)
        for name, column in self.columns.items():
            with (segment / f"{name}.bin").open("rb") as handle:
                handle.seek(sealed * _bytes_of(column))
                for row in range(len(crcs)):
                    crcs[row] = zlib.crc32(handle.read(_bytes_of(column)), int(crcs[row]))
        good[sealed:] = crcs == records["crc"][sealed:]
        with suppress(OSError):  # on a read-only disk they are checked again next time
            _seal(segment, len(good) if good.all() else int(np.argmin(good)))
        return good


class SegmentWriter:
    """Appends rows to a new segment; sealed at the end, and whole up to the last flush if it never comes to that."""

    def __init__(self, store: RowStore, refusal: FileError | None = None) -> None:
        self._store = store
        self._refusal = refusal  # why nothing can be written, if so
        self._folder = store.folder / f"segment-{os.urandom(8).hex()}"
        self._number = -1
        self._written = 0
        self._waiting: list[tuple[bytes, dict[str, np.ndarray]]] = []
        self._waiting_digests: set[bytes] = set()

    def __enter__(self) -> SegmentWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not isinstance(error, FileError):  # after a disk error one more write would only fail again
            self.flush()
        if self._written == 0:
            shutil.rmtree(self._folder, ignore_errors=True)
        elif not isinstance(error, FileError):
            with explained(self._folder, "finish the cache in"):
                _seal(self._folder, self._written)

    def add(self, digest: bytes, row: Mapping[str, np.ndarray]) -> None:
        """Takes one row: a value for every column. A digest that is there already is passed over.

        Raises:
            FileError: if the folder cannot be written, or the disk is full or fails; all rows flushed before stay
                usable.
        """
        if digest in self._store or digest in self._waiting_digests:
            return
        if self._refusal is not None:
            raise self._refusal
        arrays = {
            name: np.ascontiguousarray(row[name], dtype).reshape(shape)
            for name, (dtype, shape) in self._store.columns.items()
        }
        self._waiting.append((digest, arrays))
        self._waiting_digests.add(digest)
        if len(self._waiting) >= FLUSH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Writes the waiting rows, then the index records that name them; from here on they can be read."""
        if not self._waiting:
            return
        waiting, self._waiting, self._waiting_digests = self._waiting, [], set()
        with explained(self._folder, "keep results in"):
            if self._number < 0:
                self._begin()
            try:
                self._append(waiting)
            except BaseException:
                self._cut_back()
                raise
            os.utime(self._folder)  # appending to its files does not show on the folder
        for digest, _ in waiting:
            self._store._places[digest] = (self._number, self._written)
            self._written += 1

    def _begin(self) -> None:
        self._folder.mkdir(parents=True)
        write_text(self._folder / "layout.json", json.dumps(_layout(self._store.columns)))
        self._number = len(self._store._segments)
        self._store._segments.append(self._folder)

    def _append(self, waiting: list[tuple[bytes, dict[str, np.ndarray]]]) -> None:
        crcs = np.zeros(len(waiting), np.uint32)
        for name in self._store.columns:
            data = [row[name].tobytes() for _, row in waiting]
            crcs[:] = [zlib.crc32(part, int(crc)) for part, crc in zip(data, crcs, strict=True)]
            _append(self._folder / f"{name}.bin", b"".join(data))
        records = np.empty(len(waiting), _RECORD)
        records["digest"] = np.array([np.void(digest) for digest, _ in waiting], f"V{DIGEST_BYTES}")
        records["crc"] = crcs
        _append(self._folder / "index.bin", records.tobytes())

    def _cut_back(self) -> None:
        """Takes off what a failed flush has left: a torn row would shift every row after it."""
        sizes = {"index": _RECORD.itemsize} | {name: _bytes_of(column) for name, column in self._store.columns.items()}
        for name, size in sizes.items():
            with suppress(FileNotFoundError):
                os.truncate(self._folder / f"{name}.bin", self._written * size)


def _append(path: Path, data: bytes) -> None:
    with path.open("ab", buffering=0) as handle:
        view = memoryview(data)
        while view:
            view = view[handle.write(view) :]


def _seal(segment: Path, rows: int) -> None:
    """Sees to it that the segment is on the disk, then notes that its first `rows` rows are whole."""
    for path in segment.glob("*.bin"):
        with path.open("rb") as handle:
            os.fsync(handle.fileno())
    write_text(segment / "sealed", f"{rows}\n")


def _sealed_rows(segment: Path) -> int:
    try:
        return int((segment / "sealed").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def _bytes_of(column: tuple[np.dtype, tuple[int, ...]]) -> int:
    dtype, shape = column
    return int(dtype.itemsize * np.prod(shape, dtype=np.int64))


def _layout(columns: Columns) -> dict[str, object]:
    described = {name: [np.dtype(dtype).descr, list(shape)] for name, (dtype, shape) in columns.items()}
    return json.loads(json.dumps({"format": FORMAT, "columns": described}))
