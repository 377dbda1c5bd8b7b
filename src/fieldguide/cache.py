"""What fieldguide keeps so as not to compute it twice: how large it is, making room in it, clearing it."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from fieldguide.errors import FileError
from fieldguide.files import cache_folder, explained, folder_bytes, size_text

KINDS = {"pixels": "decoded pictures", "features": "activations of frozen networks"}
IN_USE_SECONDS = 3600


@dataclass(frozen=True)
class CacheSize:
    """How much is kept, and where.

    Example:
        >>> print(CacheSize(Path("kept"), {"pixels": 31_000_000, "features": 1_100_000}))
        kept: 32.1 MB
          decoded pictures                    31.0 MB
          activations of frozen networks       1.1 MB
    """

    folder: Path
    bytes_of: dict[str, int]  # kind -> bytes

    @property
    def total_bytes(self) -> int:
        """Bytes over all kinds."""
        return sum(self.bytes_of.values())

    def __str__(self) -> str:
        lines = [f"{self.folder}: {size_text(self.total_bytes)}"]
        lines += [f"  {KINDS[kind]:<32} {size_text(size):>10}" for kind, size in self.bytes_of.items()]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """Folder, total and bytes of each kind."""
        return {"folder": str(self.folder), "total_bytes": self.total_bytes, "bytes": self.bytes_of}


def cache_size() -> CacheSize:
    """The size of the cache now.

    Example:
        >>> import fieldguide as fg
        >>> fg.cache_size().total_bytes
        0
    """
    folder = cache_folder()
    return CacheSize(folder, {kind: folder_bytes(folder / kind) for kind in KINDS})


def clear_cache() -> CacheSize:
    """Removes all that is kept; everything in it can be computed again.

    Returns:
        What was there before.

    Raises:
        FileError: if something cannot be removed.

    Example:
        >>> import fieldguide as fg
        >>> before = fg.clear_cache()
        >>> before.total_bytes >= 0 and fg.cache_size().total_bytes == 0
        True
    """
    before = cache_size()
    for kind in KINDS:
        place = before.folder / kind
        with explained(place, "clear"):
            _remove_segments(place)
    with explained(before.folder, "clear"):
        for path in before.folder.glob("files.sqlite*"):
            path.unlink()
    return before


def _remove_segments(place: Path) -> None:
    """Removes segments, and folders that they leave empty; anything else in there is somebody else's."""
    for segment in place.rglob("segment-*"):
        if segment.is_dir():
            shutil.rmtree(segment)
    folders = [folder for folder in place.rglob("*") if folder.is_dir()]
    for folder in [*sorted(folders, key=lambda each: len(each.parts), reverse=True), place]:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def make_room(needed_bytes: int) -> None:
    """Removes the segments used longest ago until `needed_bytes` more keep the cache within half of the free disk.

    What was used in the last hour stays, so that no run loses what it, or another one, is about to read.

    Raises:
        FileError: if even an empty cache would be too small a place.
    """
    folder = cache_folder()
    segments = sorted(folder.glob("*/*/segment-*"), key=_last_use)
    sizes = {segment: folder_bytes(segment) for segment in segments}
    kept = sum(sizes.values())
    limit = (_free_bytes(folder) + kept) // 2
    if needed_bytes > limit:
        raise FileError(
            f"{size_text(needed_bytes)} would have to be kept in {folder}, and its limit is "
            f"{size_text(limit)} (half of the free disk): set FIELDGUIDE_CACHE to a folder on a larger disk."
        )
    for segment in segments:
        if kept + needed_bytes <= limit or _last_use(segment) > time.time() - IN_USE_SECONDS:
            break
        shutil.rmtree(segment, ignore_errors=True)
        kept -= sizes[segment]


def _last_use(segment: Path) -> float:
    try:
        return segment.stat().st_mtime
    except OSError:
        return 0.0  # removed meanwhile by another process


def _free_bytes(folder: Path) -> int:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    with explained(folder, "use the folder"):
        return shutil.disk_usage(folder).free
