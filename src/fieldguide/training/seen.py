"""What a frozen trunk sees in the pictures to learn from, in each of their views, and which of it a head reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from fieldguide.model.trunk import Trunk
from fieldguide.training.choose import Fold
from fieldguide.training.features import Features
from fieldguide.training.logistic import Examples
from fieldguide.words import counted


@dataclass(frozen=True, eq=False)
class Seen:
    """The features of all pictures, and of those that are learnt from once more for each further view.

    Pictures are numbered as in `labels`. Examples for a fit come view after view: first all pictures as they are.
    """

    trunk: Trunk  # whose features the head reads
    weights: Mapping[str, np.ndarray] | None  # of the trunk, None for the bundled ones
    labels: np.ndarray  # int (n,), of train and then of validation
    classes: int
    learnt: int  # how many of the first pictures are learnt from
    features: tuple[Features, ...]  # of the first view for all pictures and more, of each further one for those learnt
    last_width: int = 0  # how many of the features come of the last map, where there are others too
    first_column: int = 0  # of the features, from which on the head reads them

    @property
    def views(self) -> int:
        """How many views each picture that is learnt from has."""
        return len(self.features)

    @property
    def reading(self) -> str:
        """What the head reads, in words."""
        maps = "the maps of all blocks" if self.trunk.taps else "the last map"
        return f"{maps}, in {counted(self.views, 'view')} of each picture" if self.views > 1 else maps

    @cached_property
    def examples(self) -> Examples:
        """What there is to fit to: the pictures as they are, then the other views of those that are learnt from."""
        own = self.features[0].values[: len(self.labels), self.first_column :]
        if self.views == 1:
            return Examples(np.ascontiguousarray(own), self.labels, self.classes)
        others = [each.values[:, self.first_column :] for each in self.features[1:]]
        labels = np.concatenate([self.labels, *[self.labels[: self.learnt]] * len(others)])
        return Examples(np.concatenate([own, *others]), labels, self.classes)

    def folds(self, folds: Sequence[Fold]) -> tuple[Fold, ...]:
        """The folds with the rows of the other views of what they are fitted to."""
        starts = [len(self.labels) + number * self.learnt for number in range(self.views - 1)]
        empty = np.zeros(0, np.int64)
        return tuple(
            replace(fold, varied=np.concatenate([empty, *(start + fold.fitted for start in starts)])) for fold in folds
        )

    def values(self, pictures: np.ndarray, views: np.ndarray) -> np.ndarray:
        """The features of one view of each of these pictures: float32 (n, features)."""
        found = np.empty((len(pictures), self.features[0].values.shape[1] - self.first_column), np.float32)
        for number in np.unique(views):
            found[views == number] = self.features[number].values[pictures[views == number], self.first_column :]
        return found

    def maps(self, pictures: np.ndarray, views: np.ndarray) -> np.ndarray:
        """The activations where training starts, of one view of each of these pictures: float16 (n, h, w, channels)."""
        numbers = np.unique(views)
        if len(numbers) == 1:
            return self.features[numbers[0]].maps(pictures)
        parts = {number: self.features[number].maps(pictures[views == number]) for number in numbers}
        found = np.empty((len(pictures), *parts[numbers[0]].shape[1:]), np.float16)
        for number, part in parts.items():
            found[views == number] = part
        return found

    def reading_last(self, width: int) -> Seen:
        """The same, of which the head reads the features of the last map only, `width` of them."""
        total = self.features[0].values.shape[1]
        return replace(self, trunk=replace(self.trunk, taps=()), first_column=total - width)

    def with_more(self, views: int, view: Callable[[int], Features]) -> Seen:
        """The same with so many views in all, of which `view` gives those that are not there yet, by their number."""
        return replace(self, features=(*self.features, *map(view, range(self.views, views))))
