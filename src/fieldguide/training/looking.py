"""A frozen trunk looking at the pictures of a training, one view after the other, as they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import Parts
from fieldguide.training import features as frozen
from fieldguide.training.features import Features
from fieldguide.training.recipe import Recipe
from fieldguide.training.seen import Seen
from fieldguide.training.views import View


@dataclass(frozen=True, eq=False)
class Looking:
    """What a trunk would see in the pictures of all parts, and in further views of those that are learnt from."""

    store: PixelStore  # of train, then validation, then test
    parts: Parts
    recipe: Recipe
    weights: Mapping[str, np.ndarray] | None  # of the trunk; None for the bundled ones
    start: str | None  # the layer whose activations are kept for training what follows it

    def view(self, number: int) -> Features:
        """The features of one view: of number 0 for all pictures, of the others for those that are learnt from."""
        return frozen.compute(
            self.store.select(self.parts.train) if number else self.store,
            trunk=self.recipe.trunk,
            weights=self.weights,
            start=self.start,
            view=View(number, self.recipe.augment),
        )

    def seen(self, views: int = 1) -> Seen:
        """What is seen in so many views, read whole."""
        parts = self.parts
        return Seen(
            trunk=self.recipe.trunk,
            weights=self.weights,
            labels=np.concatenate([parts.train.labels, parts.validation.labels]),
            classes=len(parts.train.class_names),
            learnt=len(parts.train),
            features=tuple(self.view(number) for number in range(views)),
        )
