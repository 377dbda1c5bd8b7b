"""A file that is not among the pictures, and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fieldguide.data.named import NOT_THERE


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

    @property
    def missing(self) -> bool:
        """Whether a table names it and there is no such file, so that it is none of those that were found."""
        return self.reason.startswith(f"{NOT_THERE} (")
