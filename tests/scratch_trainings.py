"""Trainings from random weights for tests: on two thirds of the small photos, interrupted and resumed at will."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fieldguide import console
from fieldguide.augmentation.settings import Settings
from fieldguide.batches import Mixing
from fieldguide.data.pixels import PixelStore
from fieldguide.model.nets import Net
from fieldguide.training import checkpoint as checkpoints
from fieldguide.training.optimiser import Optimiser
from fieldguide.training.record import Epoch
from fieldguide.training.scratch import Kept, Scratched, Training
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.watching import Watched

SIDE = (32, 32)
# Every draw at work: dropout of both kinds, augmentation, mixing and averaged weights. Of one precision everywhere.
RECIPE = ScratchRecipe(
    net=Net("residual", "tiny", target_size=SIDE, dropout=0.3, block_dropout=0.1),
    augment=Settings(rotation_range=20, horizontal_flip=True),
    mixing=Mixing("both", share=0.5),
    optimiser=Optimiser("adamw", rate=3e-3),
    epochs=4,
    batch_size=16,
    average=0.9,
    precision="float32",
)
# Where the network does not matter, one that is built in no time.
QUICK = RECIPE.with_(
    net=Net("classic", "tiny", target_size=SIDE),
    augment=None,
    mixing=Mixing(),
    optimiser=Optimiser("adam", rate=1e-3),
    batch_size=8,
)


def training(
    store: PixelStore,
    recipe: ScratchRecipe = RECIPE,
    folder: Path | None = None,
    kept: Kept | None = None,
    logged: Sequence[str] = (),
) -> Training:
    """A training on two thirds of the pictures that looks at the others."""
    held = np.arange(0, len(store), 3)
    fitted = np.setdiff1d(np.arange(len(store)), held)
    return Training(store, Watched(fitted, fitted, held, True, "every third picture"), recipe, folder, logged, kept)


def trained(
    store: PixelStore, recipe: ScratchRecipe = RECIPE, folder: Path | None = None, logged: Sequence[str] = ()
) -> Training:
    """The same, at its end."""
    made = training(store, recipe, folder, logged=logged)
    made.run()
    return made


class StoppedError(Exception):
    """Stands for whatever ends a process."""


class Interrupted(Training):
    """A training that ends in the middle of an epoch."""

    at = 0

    def _epoch(self, number: int, bar: console.Progress) -> Epoch:
        if number == self.at:
            self.learner.begin(number)
            for batch in self.batches.epoch(number):
                self.learner.learn(batch, 1e-3)  # what an epoch has done so far is lost with it
                raise StoppedError
        return super()._epoch(number, bar)


def stopped(begun: Training, at: int) -> None:
    """Runs a training until the middle of an epoch."""
    begun.__class__ = Interrupted
    begun.at = at  # type: ignore[attr-defined]
    with pytest.raises(StoppedError):
        begun.run()


def interrupted(store: PixelStore, recipe: ScratchRecipe, folder: Path, at: int) -> None:
    """Leaves in a folder what a training leaves that was killed in the middle of an epoch."""
    stopped(training(store, recipe, folder), at)


def resumed(store: PixelStore, recipe: ScratchRecipe, folder: Path, logged: Sequence[str] = ()) -> Training:
    """What goes on from there, at its end."""
    made = training(store, recipe, folder, logged=logged)
    made.take_up(checkpoints.read(folder))
    made.run()
    return made


def same_weights(one: Scratched, other: Scratched) -> bool:
    """Whether two results are the same to the last bit."""
    arrays = [(one.head.kernel, other.head.kernel), (one.head.bias, other.head.bias)]
    arrays += [(value, other.weights[name]) for name, value in one.weights.items()]
    return all(np.array_equal(mine, theirs) for mine, theirs in arrays)
