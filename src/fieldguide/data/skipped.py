"""Files that are not among the pictures, why, and how many files there are in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Skipped:
    """A file that is not among the pictures, and why.

    Example:
        >>> import fieldguide as fg
        >>> store = fg.PixelStore.build(fg.Dataset.from_directory("photos"))
        >>> [(skipped.path.name, skipped.reason) for skipped in store.dataset.skipped]
        [('horse-truncated.jpg', 'truncated: the file ends before the picture is complete')]
    """

    path: Path
    reason: str
    missing: bool = False  # a table names it and there is no such file: it is none of those that were found


def missing_among(skipped: Sequence[Skipped]) -> int:
    """How many of them are not there."""
    return sum(each.missing for each in skipped)


def tally(read: int, skipped: Sequence[Skipped]) -> str:
    """What became of all files.

    Args:
        read: pictures that were read.
        skipped: the other files.

    Example:
        >>> tally(65, [Skipped(Path("notes.txt"), "not a picture: text")])
        '66 files found, 65 read, 1 skipped'
        >>> tally(2, [Skipped(Path("lost.jpg"), "no such file (line 3 of the table)", missing=True)])
        '2 files found, 2 read, 0 skipped, 1 missing'
    """
    missing = missing_among(skipped)
    left = len(skipped) - missing
    return f"{read + left:,} files found, {read:,} read, {left:,} skipped" + (
        f", {missing:,} missing" if missing else ""
    )
