"""Decoded pictures by row: each is decoded once, in threads, and kept on disk for later epochs and later runs.

Unlike `data.pixels.PixelStore`, which decodes everything before the first batch, a Reader decodes what is asked for
and keeps it as it comes, so that training starts at once and the first epoch pays for the second.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from fieldguide.data import decode, pillow
from fieldguide.errors import PictureError
from fieldguide.parallel import Crew
from fieldguide.preprocessing.kept import Kept, Stamp, stamp_of


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
        self._kept = Kept(self.filepaths, shape.name, shape.row) if keep else None
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
        stamp = stamp_of(path)
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
