"""The PixelStore: every picture decoded once, as uint8, shared by all runs that want it at the same size."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fieldguide import cache, console, files
from fieldguide.data import decode, known
from fieldguide.data.dataset import PARTS, Dataset
from fieldguide.errors import FileError, InputError, PictureError
from fieldguide.parallel import bounded_map
from fieldguide.rows import RowStore
from fieldguide.words import counted

# What is known of a picture besides its pixels. The hash and the levels are of what the decoder kept for the target
# size, and may differ a little between target sizes.
FACTS = np.dtype(
    [
        ("width", "<u4"),  # of the whole picture, after EXIF orientation
        ("height", "<u4"),
        ("format", "S8"),  # by content: JPEG, PNG, ...
        ("mode", "S8"),  # as in the file: RGB, L, CMYK, P, ...
        ("hash", "<u8"),  # perceptual hash
        ("mean", "<f4"),  # of grey levels, 0..255
        ("contrast", "<f4"),  # their standard deviation
    ]
)
THUMBNAIL = 32  # pixels a side
_REMEMBER_EVERY = 512


@dataclass(frozen=True, eq=False)
class PixelStore:
    """The decoded pictures of a data set; row i belongs to `dataset.paths[i]`.

    Example:
        >>> import fieldguide as fg
        >>> store = fg.PixelStore.build(fg.Dataset.from_directory("photos"))
        >>> store.read([0]).dtype, store.read([0]).shape
        (dtype('uint8'), (1, 224, 224, 3))
        >>> len(store), len(store.dataset.skipped)
        (65, 1)
    """

    dataset: Dataset  # readable pictures only; the others are in dataset.skipped
    target_size: tuple[int, int]  # height, width
    resize: str
    digests: tuple[bytes, ...]
    decoded: int  # how many had to be decoded now; 0 when all were kept from before
    _rows: RowStore

    @classmethod
    def build(cls, dataset: Dataset, *, target_size: tuple[int, int] = (224, 224), resize: str = "crop") -> PixelStore:
        """The data set's pictures, decoded in parallel where they are not kept from an earlier run.

        What was decoded before an interruption is kept: the next call goes on from there.

        Args:
            dataset: from `Dataset.from_directory`.
            target_size: (height, width) in pixels.
            resize: "crop" (shorter side to size, centre kept), "squash" or "pad".

        Returns:
            A PixelStore whose `dataset` holds the readable pictures; the others are among its `skipped` with reasons.

        Raises:
            InputError: if a class, or a part of a divided folder, has no readable picture, or the size or rule makes
                no sense.
            FileError: if the cache folder cannot be written or has too little room.

        Example:
            >>> import fieldguide as fg
            >>> data = fg.Dataset.from_directory(photos)
            >>> store = fg.PixelStore.build(data, target_size=(96, 96))
            >>> store.read([0, 1]).shape
            (2, 96, 96, 3)
        """
        if resize not in decode.RESIZE_RULES:
            raise InputError(f"resize is {resize!r}; expected one of {', '.join(decode.RESIZE_RULES)}.")
        if len(target_size) != 2 or not all(16 <= side <= 1024 for side in target_size):
            raise InputError(f"target_size is {target_size}; expected (height, width), each from 16 to 1024 pixels.")
        rows = _open(target_size, resize)
        digests = known.recall(dataset.paths)
        rows.mark_used(digest for digest in digests if digest is not None)
        reasons: dict[int, str] = {}
        decoded = 0
        if missing := _missing(digests, rows):
            refusal = _make_room(len(missing) * rows.row_bytes)
            rows = _open(target_size, resize)  # without what went to make room
            outcomes = _fill(rows, dataset.paths, _missing(digests, rows), (target_size, resize), refusal)
            reasons, decoded = _gather(outcomes, dataset.paths, digests)
        readable = dataset.without(reasons)
        _refuse_losses(dataset, readable, reasons)
        kept = tuple(digest for row, digest in enumerate(digests) if digest is not None and row not in reasons)
        return cls(readable, (target_size[0], target_size[1]), resize, kept, decoded, rows)

    def __len__(self) -> int:
        return len(self.digests)

    def read(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Pixels of these rows: uint8 (len(rows), height, width, 3) in 0..255, RGB."""
        return self._rows.read("pixels", [self.digests[row] for row in rows])

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """All pixels in order, at most `size` pictures at a time."""
        for start in range(0, len(self), size):
            yield self.read(range(start, min(start + size, len(self))))

    @property
    def facts(self) -> np.ndarray:
        """What is known of each picture: a FACTS record array (n,)."""
        return self._rows.read("facts", self.digests)

    def thumbnails(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """These rows in small: uint8 (len(rows), 32, 32, 3)."""
        return self._rows.read("thumbnail", [self.digests[row] for row in rows])

    @property
    def marks(self) -> np.ndarray:
        """The content of each picture as one number, uint64 (n,): the first eight bytes of its digest."""
        return np.frombuffer(b"".join(digest[:8] for digest in self.digests), "<u8")

    @property
    def fingerprint(self) -> str:
        """One name for these pictures and labels: the same files in any place and order give the same."""
        names = [os.fsencode(name) for name in self.dataset.class_names]
        entries = sorted(digest + names[label] for digest, label in zip(self.digests, self.dataset.labels, strict=True))
        return hashlib.blake2b(b"".join(entries), digest_size=16).hexdigest()

    def select(self, dataset: Dataset) -> PixelStore:
        """The store of a part of the same pictures, without a look at the disk.

        Args:
            dataset: some of `self.dataset`'s pictures, e.g. a part of its split.
        """
        row_of = {path: row for row, path in enumerate(self.dataset.paths)}
        digests = tuple(self.digests[row_of[path]] for path in dataset.paths)
        return PixelStore(dataset, self.target_size, self.resize, digests, 0, self._rows)


def read_picture(content: bytes, target_size: tuple[int, int], resize: str) -> np.ndarray:
    """One picture's pixels, uint8 (height, width, 3), decoded just as the store decodes.

    Raises:
        PictureError: with the reason, if it cannot be read.
    """
    return decode.decode(content, target_size, resize).pixels


@dataclass(frozen=True)
class _Outcome:
    """What became of one file."""

    row: int
    stamp: tuple[int, int, int, int] | None = None
    digest: bytes | None = None
    picture: decode.Picture | None = None  # None also for a copy of a picture that is decoded already
    reason: str = ""  # why it cannot be read


def _open(target_size: tuple[int, int], resize: str) -> RowStore:
    height, width = target_size
    name = f"v{decode.DECODER_VERSION}-{height}x{width}-{resize}"
    columns = {
        "pixels": (np.dtype(np.uint8), (height, width, 3)),
        "facts": (FACTS, ()),
        "thumbnail": (np.dtype(np.uint8), (THUMBNAIL, THUMBNAIL, 3)),
    }
    return RowStore(files.cache_folder() / "pixels" / name, columns)


def _missing(digests: Sequence[bytes | None], rows: RowStore) -> list[int]:
    return [row for row, digest in enumerate(digests) if digest is None or digest not in rows]


def _make_room(needed_bytes: int) -> FileError | None:
    """Makes room where that can be; the error where it cannot, which is of no matter if all turns out to be kept."""
    try:
        cache.make_room(needed_bytes)
    except FileError as error:
        return error
    return None


def _fill(
    rows: RowStore,
    paths: Sequence[Path],
    missing: Sequence[int],
    shape: tuple[tuple[int, int], str],
    refusal: FileError | None,
) -> Iterator[_Outcome]:
    """Reads the missing pictures and keeps their rows; yields what became of each, in order."""
    started: dict[bytes, int] = {}  # the row that decodes this content, so that copies of it need not be

    def work(row: int) -> _Outcome:
        stamp, digest = None, None
        try:
            with suppress(OSError):  # why, `load_bytes` says better
                stamp = known.stamp(paths[row])
            content = decode.load_bytes(paths[row])
            digest = decode.digest(content)
            if digest in rows or started.setdefault(digest, row) != row:
                return _Outcome(row, stamp, digest)
            return _Outcome(row, stamp, digest, decode.decode(content, *shape))
        except PictureError as error:
            return _Outcome(row, stamp, digest, reason=str(error))

    with console.progress("Reading pictures", len(missing)) as bar, rows.writer(len(missing), refusal) as writer:
        for outcome in bounded_map(work, missing):
            if outcome.picture is not None and outcome.digest is not None:
                writer.add(outcome.digest, _row(outcome.picture))
            yield outcome
            bar.advance()


def _gather(
    outcomes: Iterator[_Outcome], paths: Sequence[Path], digests: list[bytes | None]
) -> tuple[dict[int, str], int]:
    """Takes digests from the outcomes; returns row -> reason for the unreadable, and how many were decoded."""
    reasons: dict[int, str] = {}
    reason_of: dict[bytes, str] = {}
    rows_of_copies: list[tuple[int, bytes]] = []
    stamps: dict[int, tuple[int, int, int, int]] = {}  # of copies
    entries = []
    decoded = 0
    for outcome in outcomes:
        digests[outcome.row] = outcome.digest
        if outcome.reason:
            reasons[outcome.row] = outcome.reason
            if outcome.digest is not None:
                reason_of[outcome.digest] = outcome.reason
            continue
        assert outcome.digest is not None  # it was read
        if outcome.picture is None:
            rows_of_copies.append((outcome.row, outcome.digest))
            if outcome.stamp is not None:
                stamps[outcome.row] = outcome.stamp
            continue
        decoded += 1
        if outcome.stamp is not None:
            entries.append((paths[outcome.row], outcome.stamp, outcome.digest))
        if len(entries) >= _REMEMBER_EVERY:
            known.remember(entries)
            entries = []
    # A copy of a picture that cannot be read cannot be read either, which may show only after the copy had its turn.
    reasons.update({row: reason_of[digest] for row, digest in rows_of_copies if digest in reason_of})
    sound = [(row, digest) for row, digest in rows_of_copies if row not in reasons]
    entries += [(paths[row], stamps[row], digest) for row, digest in sound if row in stamps]
    known.remember(entries)
    return dict(sorted(reasons.items())), decoded


def _row(picture: decode.Picture) -> dict[str, np.ndarray]:
    import cv2

    values = (
        picture.width,
        picture.height,
        picture.format.encode()[:8],
        picture.mode.encode()[:8],
        picture.hash,
        picture.mean,
        picture.contrast,
    )
    small = cv2.resize(picture.pixels, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    return {"pixels": picture.pixels, "facts": np.array(values, FACTS), "thumbnail": small}


def _refuse_losses(before: Dataset, after: Dataset, reasons: dict[int, str]) -> None:
    """A class or a given part of which nothing can be read is an error: it must not vanish quietly."""

    def refuse(what: str, lost: np.ndarray, or_else: str) -> None:
        row, files = int(lost[0]), "its file" if len(lost) == 1 else "its files"
        raise InputError(
            f"no picture of {what} can be read ({len(lost):,} tried; {before.name(row)}: {reasons[row]}): replace "
            f"{files}{or_else}."
        )

    away = ", or remove the folder" if before.table is None else f", or take its rows out of {before.table.path.name}"

    had, has = before.counts, after.counts
    lost = [label for label, name in enumerate(before.class_names) if had[name] and not has[name]]
    if lost:
        more = f" (and of {counted(len(lost) - 1, 'more class', 'more classes')})" if len(lost) > 1 else ""
        if len(before.class_names) == 1:  # of several labels each, or to be measured only: all there are
            refuse(str(before.source), np.arange(len(before)), "")
        refuse(f"class '{before.class_names[lost[0]]}'{more}", np.flatnonzero(before.labels == lost[0]), away)
    if before.given is not None and after.given is not None:
        for part in np.setdiff1d(before.given, after.given):
            refuse(f"the {PARTS[part]} part", np.flatnonzero(before.given == part), away)
