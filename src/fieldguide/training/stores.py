"""The pictures of a training, decoded: those of all parts, and the larger ones that it learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import Parts
from fieldguide.errors import InputError


def whole_store(parts: Parts, target_size: tuple[int, int], resize: str) -> PixelStore:
    """The pictures of all parts, one after the other, at this size.

    Args:
        parts: from `fieldguide.split`.
        target_size: (height, width) they are brought to.
        resize: "crop", "squash" or "pad".

    Raises:
        InputError: one cannot be read any more.
    """
    return store_of(whole(parts), target_size, resize)


def whole(parts: Parts) -> Dataset:
    """The pictures of all parts as one data set: train, then validation, then test."""
    every = (parts.train, parts.validation, parts.test)
    return replace(
        parts.train,
        paths=sum((part.paths for part in every), ()),
        labels=np.concatenate([part.labels for part in every]),
        given=None,
        skipped=(),
    )


def store_of(data: Dataset, target_size: tuple[int, int], resize: str) -> PixelStore:
    """The store of pictures that could all be read when they were divided.

    Args:
        data: these pictures.
        target_size: (height, width) they are brought to.
        resize: "crop", "squash" or "pad".

    Raises:
        InputError: one cannot be read any more.
    """
    store = PixelStore.build(data, target_size=target_size, resize=resize)
    if len(store) < len(data):
        lost = store.dataset.skipped[0]
        raise InputError(
            f"{lost.path} could be read when the pictures were divided and cannot be read now ({lost.reason}): "
            "run the command again."
        )
    return store


def at_size(store: PixelStore, target_size: tuple[int, int], rows: Sequence[int] | np.ndarray) -> PixelStore:
    """The same store at another size, of which only some rows can be read: no others are decoded.

    Args:
        store: of all pictures.
        target_size: (height, width) they are brought to.
        rows: that will be read.

    Raises:
        InputError: a picture cannot be read any more, or is another one than it was.
    """
    if target_size == store.target_size:
        return store
    some = store_of(store.dataset.select(rows), target_size, store.resize)
    for place, row in enumerate(rows):
        if some.digests[place] != store.digests[row]:
            raise InputError(f"{store.dataset.paths[row]} changed while it was being read: run the command again.")
    return replace(some, dataset=store.dataset, digests=store.digests)
