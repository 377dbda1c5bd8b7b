"""A frozen trunk looking at the pictures of a training, one view after the other, as they are asked for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from fieldguide.augmentation.settings import Settings
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import Parts
from fieldguide.model.cuts import PIXELS
from fieldguide.model.engine import BaseEngine, Engine, trunk_engine
from fieldguide.model.trunk import Trunk
from fieldguide.training import features as frozen
from fieldguide.training.features import Features
from fieldguide.training.record import Look
from fieldguide.training.seen import Seen
from fieldguide.training.views import AS_IT_IS, View


@dataclass(frozen=True, eq=False)
class Eye:
    """A frozen trunk with its weights, at one size: its engine is made once, and all that it looks at is counted."""

    trunk: Trunk
    weights: Mapping[str, np.ndarray] | None  # None for the bundled ones
    target_size: tuple[int, int]  # (height, width) of the pictures
    start: str | None = None  # the layer whose activations are kept for training what follows it
    looks: list[Look] = field(default_factory=list)  # so far, also of its copies for other sizes

    @cached_property
    def engine(self) -> Engine | None:
        """What computes; None for the bundled trunk, whose engine is made in no time where pictures are missing."""
        if self.trunk.bundled:
            return None
        cut = None if self.start == PIXELS else self.start
        return trunk_engine(self.trunk, self.weights, self.target_size, cut=cut)

    @property
    def last_width(self) -> int:
        """How many of the features come of the last map."""
        if isinstance(self.engine, BaseEngine):
            return self.engine.last_width
        return self.trunk.widths(self.target_size)[-1]

    def features(self, store: PixelStore, view: View = AS_IT_IS) -> Features:
        """What it sees in some pictures, from the cache where it has seen them before."""
        engine = self.engine
        started = time.perf_counter()
        found = frozen.compute(
            store, trunk=self.trunk, weights=self.weights, start=self.start, view=view, engine=engine
        )
        kept = len(set(store.digests)) - found.computed
        self.looks.append(Look(found.computed, kept, time.perf_counter() - started))
        return found


@dataclass(frozen=True, eq=False)
class Looking:
    """What an eye would see in the pictures of all parts, and in further views of those that are learnt from."""

    eye: Eye
    store: PixelStore  # of train, then validation, then test
    parts: Parts
    augment: Settings  # what varies from view to view

    def view(self, number: int) -> Features:
        """The features of one view: of number 0 for all pictures, of the others for those that are learnt from."""
        store = self.store.select(self.parts.train) if number else self.store
        return self.eye.features(store, View(number, self.augment))

    def seen(self, views: int = 1) -> Seen:
        """What is seen in so many views, read whole."""
        parts = self.parts
        return Seen(
            trunk=self.eye.trunk,
            weights=self.eye.weights,
            labels=np.concatenate([parts.train.labels, parts.validation.labels]),
            classes=len(parts.train.class_names),
            learnt=len(parts.train),
            features=tuple(self.view(number) for number in range(views)),
            last_width=self.eye.last_width,
        )
