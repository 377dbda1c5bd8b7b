"""Which files cannot be read as pictures, told without decoding most of them.

A file that is cut short, the common damage, lacks its end. So its first bytes and its last ones are looked at, and a
file that ends as its format ends is taken for sound. Any other file is decoded, and only the decoder refuses one:
what can be read is never refused, and the reasons are the decoder's own.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Sequence
from pathlib import Path

from fieldguide import console
from fieldguide.data import header, known, pillow
from fieldguide.data.decode import MAX_FILE_BYTES
from fieldguide.errors import PictureError
from fieldguide.parallel import bounded_map

_BATCH = 64  # files in a task: many, so that handing out tasks costs nothing, and few enough for a smooth progress
_TAIL_BYTES = 64
_PROBE_BYTES = 512  # of a file's start; a smaller file is decoded, which takes no longer
_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"\0\0\0\0IEND\xae\x42\x60\x82", "GIF": b"\0;"}


def unsound(paths: Sequence[str | Path]) -> dict[int, str]:
    """The files that cannot be read as pictures: row -> the plain reason, in rows' order.

    Damage in the middle of a file that ends well shows only when it is decoded, later. TIFF, PPM, AVIF and icon files
    do not show by their end whether they are whole: each is decoded, unless it was read before and is unchanged.

    Args:
        paths: The files.

    Example:
        >>> unsound([photo, "new/notes.txt"])
        {1: 'not a picture: text'}
    """
    starts = range(0, len(paths), _BATCH)
    found: dict[int, str] = {}

    def work(start: int) -> list[tuple[int, str]]:
        open_ones = [row for row in range(start, min(start + _BATCH, len(paths))) if not _seems_whole(paths[row])]
        read = known.recall([paths[row] for row in open_ones]) if open_ones else []  # before, and unchanged since
        unknown = [row for row, digest in zip(open_ones, read, strict=True) if digest is None]
        return [(row, reason) for row in unknown if (reason := _reason(paths[row]))]

    with console.progress("Checking files", len(paths)) as bar:
        for start, reasons in zip(starts, bounded_map(work, starts), strict=True):
            found.update(reasons)
            bar.advance(min(_BATCH, len(paths) - start))
    return found


def _seems_whole(path: str | Path) -> bool:
    try:
        return _ends_well(path)
    except (OSError, PictureError, struct.error):
        return False  # why, the decoder says


def _reason(path: str | Path) -> str:
    """Why the file cannot be read, by decoding it; empty when it can."""
    try:
        pillow.open_picture(path)
    except PictureError as error:
        return str(error)
    return ""


def _ends_well(path: str | Path) -> bool:
    """Whether the file is evidently whole, by its first and last bytes.

    Raises:
        OSError, PictureError or struct.error: It is evidently not.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # a named pipe must not block
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or not _PROBE_BYTES <= status.st_size <= MAX_FILE_BYTES:
            return False
        head = os.read(descriptor, _PROBE_BYTES)
        form = header.sniff(head)
        if form == "WEBP":
            return struct.unpack_from("<I", head, 4)[0] + 8 <= status.st_size
        if form == "BMP":
            return _bitmap_bytes(head) <= status.st_size
        if form not in _ENDS:
            return False
        os.lseek(descriptor, -_TAIL_BYTES, os.SEEK_END)
        # Some programs fill up with zeros after the end.
        return os.read(descriptor, _TAIL_BYTES).rstrip(b"\0").endswith(_ENDS[form])
    finally:
        os.close(descriptor)


def _bitmap_bytes(head: bytes) -> float:
    """The bytes that a BMP without compression takes; infinitely many where that is not told by the header."""
    offset, header_bytes, width, height, _, bits, compression = struct.unpack_from("<IIiiHHI", head, 10)
    if header_bytes < 40 or compression not in (0, 3) or width < 1:
        return float("inf")
    return offset + (width * bits + 31) // 32 * 4 * abs(height)
