"""Which pictures a training from random weights learns from, and which are looked at after each epoch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldguide.data.split import Parts, assign
from fieldguide.errors import InputError
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.words import counted

HELD_SHARE = 0.15  # of the training pictures, where something must be chosen and no part was given for it
OUT_OF_TRAIN = "held out of the"  # of where some are, in words
MOST_WATCHED = 5_000  # pictures that each epoch is measured on
FEWEST_SAMPLED = 200


@dataclass(frozen=True, eq=False)
class Watched:
    """Rows of the pictures of all parts, one after the other: train, validation, then those that measure."""

    fitted: np.ndarray  # int64, that are learnt from
    sample: np.ndarray  # some of them, on which each epoch is measured
    held: np.ndarray  # int64, on which each epoch is measured too
    chooses: bool  # whether something is chosen on the held ones: they then measure nothing else
    how: str  # in words
    sizes: tuple[tuple[str, int], ...] = ()  # of the parts, by name, in the order of the rows; () for one part only


def watch(parts: Parts, recipe: ScratchRecipe) -> Watched:
    """Which pictures are for what.

    A validation part chooses. Without one, early stopping, targets and the schedule "plateau" choose on pictures that
    are held out of train; where nothing is to be chosen, the measuring part is looked at, and decides nothing.

    Raises:
        InputError: too few pictures to hold some out.
    """
    count, held = len(parts.train), len(parts.validation)
    rng = np.random.default_rng((recipe.seed, count))
    fitted = np.arange(count)
    chooses_something = bool(recipe.stopping or recipe.targets or recipe.optimiser.schedule == "plateau")
    if held:
        rows, chooses, how = np.arange(count, count + held), True, f"the {counted(held, 'picture')} of validation"
    elif chooses_something or not _measuring(parts).size:
        out = assign(parts.train.labels, parts.groups, [1 - HELD_SHARE, HELD_SHARE], seed=recipe.seed) == 1
        if not out.any() or out.all():
            raise InputError(
                f"{parts.train.root} has too few different pictures to hold some out: give a validation part, or leave "
                "out early stopping and targets."
            )
        fitted, rows, chooses = np.flatnonzero(~out), np.flatnonzero(out), True
        how = f"{counted(int(out.sum()), 'picture')} {OUT_OF_TRAIN} {count:,} for training"
    else:
        rows, chooses = count + held + _measuring(parts), False
        how = f"the {counted(len(rows), 'picture')} that measure, which decided nothing"
    rows = np.sort(rng.permutation(rows)[:MOST_WATCHED])
    size = min(len(fitted), MOST_WATCHED, max(len(rows), FEWEST_SAMPLED))
    sample = np.sort(rng.permutation(fitted)[:size])
    sizes = (("train", count), ("validation", held), (parts.measured, len(parts.test)))
    return Watched(fitted, sample, rows, chooses, how, sizes)


def _measuring(parts: Parts) -> np.ndarray:
    """The places in the measuring part of pictures that stand in no other part."""
    leaked = set(parts.leaked_measured)
    return np.array([row for row in range(len(parts.test)) if parts.test.name(row) not in leaked], np.int64)
