"""The pictures of a comparison, decoded once for all of its runs, and what says that they are the same as before."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import Parts
from fieldguide.training.checkpoint import changes
from fieldguide.training.recipe import Recipe
from fieldguide.training.scratch import Kept
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.stores import whole_store

LEARNT, MEASURED, ALL = "pictures", "measured", "all_pictures"
IN_ORDER = "_in_order"
IN_WORDS = {LEARNT: "training pictures", MEASURED: "pictures that measure"}


@dataclass(frozen=True, eq=False)
class _Sizes:
    """The pictures at every size that was asked for so far; goes to other processes with them."""

    parts: Parts
    resize: str
    found: dict[tuple[int, int], PixelStore]

    def __call__(self, size: tuple[int, int]) -> PixelStore:
        if size not in self.found:
            self.found[size] = whole_store(self.parts, size, self.resize)
        return self.found[size]


@dataclass(frozen=True, eq=False)
class Pictures:
    """The pictures of a comparison, decoded once for all of its runs."""

    parts: Parts  # with no validation part, and none that leaks in the one that measures
    store: PixelStore  # of train, then of those that measure, at the size that is measured
    kept: Kept  # the same pictures at another size

    @classmethod
    def of(cls, parts: Parts, recipe: Recipe | ScratchRecipe) -> Pictures:
        """The pictures at the size that a recipe wants.

        Args:
            parts: as above.
            recipe: of all runs.

        Raises:
            InputError: a picture can no longer be read.
        """
        kept = _Sizes(parts, recipe.resize, {})
        return cls(parts, kept(recipe.target_size), kept)

    def chosen(self, rows: np.ndarray, copies: int) -> Parts:
        """The parts with some of the training pictures only, each as often as it is to come in an epoch."""
        rows = np.tile(rows, copies)
        return replace(self.parts, train=self.parts.train.select(rows), groups=self.parts.groups[rows])

    def digests(self, rows: np.ndarray | None = None) -> dict[str, str]:
        """What tells these pictures from others, by name: what they are, and in which order they come.

        Runs are compared picture by picture, by place: the same pictures in another order are not the same.

        Args:
            rows: of the training pictures that a run learns from; None for all.
        """
        train = self.parts.train if rows is None else self.parts.train.select(rows)
        learnt, measured = self.store.select(train), self.store.select(self.parts.test)
        return {
            LEARNT: learnt.fingerprint,
            LEARNT + IN_ORDER: in_order(learnt),
            MEASURED: measured.fingerprint,
            MEASURED + IN_ORDER: in_order(measured),
            ALL: self.store.fingerprint,
        }


def in_order(store: PixelStore) -> str:
    """One name for these pictures and labels in this order, wherever the files are and whatever they are called."""
    names = [os.fsencode(name) for name in store.dataset.class_names]
    found = hashlib.blake2b(digest_size=16)
    for digest, label in zip(store.digests, store.dataset.labels, strict=True):
        found.update(digest + names[label] + b"\0")
    return found.hexdigest()


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two notes of pictures and settings, a clause each; digests in words."""
    changed = {name for name in now if before.get(name) != now[name]}
    found = []
    if {LEARNT, MEASURED} & changed and ALL not in changed:
        found.append("the same pictures are divided otherwise into those that are learnt from and those that measure")
    else:
        for name, said in IN_WORDS.items():
            if name in changed:
                found.append(f"the {said} or their classes are not the same")
            elif name + IN_ORDER in changed:
                found.append(f"the {said} are the same, but come in another order: files or folders were renamed")
    digests = {LEARNT, MEASURED, ALL, LEARNT + IN_ORDER, MEASURED + IN_ORDER}
    others = [{key: value for key, value in side.items() if key not in digests} for side in (before, now)]
    return found + changes(others[0], others[1])
