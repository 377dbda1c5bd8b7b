"""What a head or the last blocks are shown of kept activations, epoch by epoch: in which order, mixed, weighted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fieldguide.augmentation.mixing import draw_mixes, mix_up
from fieldguide.batches import as_targets, ordered, weights_of_classes
from fieldguide.training.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Lessons:
    """The batches of a training on kept activations: they depend on the seed, the epoch and their number alone."""

    labels: np.ndarray  # int (n,), of the pictures that are fitted to
    classes: int
    recipe: Recipe  # for sampling, smoothing, mixing, batch size and seed
    power: float = 0.0  # of the class weights

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return -(-len(self.labels) // self.recipe.batch_size)

    def batches(self, epoch: int) -> Iterator[np.ndarray]:
        """The places among the labels of each batch of an epoch, counted from 1."""
        rng = np.random.default_rng((self.recipe.seed, epoch))
        order, size = ordered(self.labels, self.recipe.sampling, rng), self.recipe.batch_size
        for start in range(0, len(order), size):
            yield np.sort(order[start : start + size])

    def shown(
        self, epoch: int, batch: int, places: np.ndarray, inputs: Sequence[np.ndarray]
    ) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """A batch as it is learnt from: inputs, targets (n, units) and weights (n,).

        Mixed are activations and targets alike, each picture's with those of another one.

        Args:
            epoch: counted from 1.
            batch: its number in the epoch, from 0.
            places: of its pictures among the labels.
            inputs: their activations, each float32 (n, ...).

        Source:
            V. Verma et al. (2019), "Manifold mixup: better representations by interpolating hidden states", ICML.
        """
        given, mixing = list(inputs), self.recipe.mixing
        shares = np.eye(self.classes, dtype=np.float32)[self.labels[places]]
        if mixing.kind == "mix_up" and self._coin(epoch, batch) < mixing.share:
            mixes = draw_mixes(len(places), mixing.alpha, seed=self.recipe.seed, epoch=epoch, batch=batch)
            # As pictures of one pixel where they are vectors.
            pictures = [each if each.ndim == 4 else each[:, None, None, :] for each in given]
            mixed = [mix_up(each, shares, mixes) for each in pictures]
            given = [values.reshape(each.shape) for (values, _), each in zip(mixed, given, strict=True)]
            shares = mixed[0][1]
        return given, as_targets(shares, self.recipe.label_smoothing), shares @ self._weights

    def _coin(self, epoch: int, batch: int) -> float:
        return float(np.random.default_rng((self.recipe.seed, epoch, batch, 1)).random())

    @cached_property
    def _weights(self) -> np.ndarray:
        """The weight of a picture of each class; all alike where each class comes equally often anyway."""
        power = 0.0 if self.recipe.sampling == "balanced" else self.power
        return weights_of_classes(self.labels, self.classes, power)
