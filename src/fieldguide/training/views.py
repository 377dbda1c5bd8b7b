"""Views of a picture: as it is, and varied a few times, so that what is computed of them can be kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from fieldguide.augmentation.draws import draw
from fieldguide.augmentation.settings import Settings
from fieldguide.augmentation.warp import Warper
from fieldguide.data.pixels import PixelStore

PLAIN = Settings()


@dataclass(frozen=True)
class View:
    """One way of seeing every picture. The first, number 0, is the picture as it is.

    Where the settings mirror, every second view is mirrored, in place of each by chance: so both kinds are as many.
    All else is drawn from the view's number and the picture's content alone: what was computed of a view can be kept
    for other trainings.

    Args:
        number: of the view.
        augment: what varies from the first view to the others.

    Example:
        >>> View(1, Settings(horizontal_flip=True)).key != View(0, Settings(horizontal_flip=True)).key == ""
        True
    """

    number: int = 0
    augment: Settings = PLAIN

    @property
    def key(self) -> str:
        """A name for it: views of one name are the same; "" for the picture as it is."""
        settings = hashlib.blake2b(repr(self.augment).encode(), digest_size=6).hexdigest()
        return f"{settings}-{self.number}" if self.number else ""

    def read(self, store: PixelStore, rows: np.ndarray | list[int]) -> np.ndarray:
        """These pictures as the view has them: uint8 (len(rows), height, width, 3) in 0..255."""
        pixels = store.read(rows)
        if not self.number:
            return pixels
        settings, mirrored = self.augment, self.augment.horizontal_flip and self.number % 2 == 1
        if settings.horizontal_flip:
            settings = replace(settings, horizontal_flip=False)
        if settings.changed():
            own = [int.from_bytes(store.digests[row][:7], "little") for row in rows]
            draws = draw(settings, store.target_size, own, seed=0, epoch=self.number)
            varied = Warper().apply(pixels, draws, settings, size=store.target_size)
            pixels = np.clip(np.rint(varied), 0, 255).astype(np.uint8)
        return np.ascontiguousarray(pixels[:, :, ::-1]) if mirrored else pixels


AS_IT_IS = View()
