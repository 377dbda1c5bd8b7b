"""Activations of the frozen part of a network, computed once for each picture and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fieldguide import cache, console, files
from fieldguide.data.decode import DECODER_VERSION
from fieldguide.data.pixels import PixelStore
from fieldguide.model.cuts import PIXELS
from fieldguide.model.engine import Engine, trunk_engine
from fieldguide.model.graph import output_shapes
from fieldguide.model.trunk import ALL_BLOCKS, BUNDLED, Trunk
from fieldguide.rows import RowStore
from fieldguide.training.views import AS_IT_IS, View

ENGINE_VERSION = 1  # raise it when features could change
BATCH = 64


@dataclass(frozen=True, eq=False)
class Features:
    """What a frozen trunk sees in the pictures of a store, or in one view of them."""

    values: np.ndarray  # float32 (n, features)
    computed: int  # how many pictures had to go through the network now
    _digests: tuple[bytes, ...]
    _maps: RowStore | None
    _pixels: tuple[PixelStore, View] | None = None

    def maps(self, rows: np.ndarray) -> np.ndarray:
        """Activations where training starts, float16 (len(rows), height, width, channels)."""
        if self._pixels is not None:
            store, view = self._pixels
            return view.read(store, rows).astype(np.float16)  # every level of a pixel is such a number
        if self._maps is None:
            raise ValueError("these features were computed without the activations where training starts")
        return self._maps.read("cut", [self._digests[row] for row in rows])


def compute(
    store: PixelStore,
    *,
    trunk: Trunk = BUNDLED,
    weights: Mapping[str, np.ndarray] | None = None,
    start: str | None = None,
    view: View = AS_IT_IS,
    engine: Engine | None = None,
) -> Features:
    """The features of every picture of a store, from the cache where they were computed before.

    Args:
        store: the pictures.
        trunk: what computes them.
        weights: of the trunk; None for the bundled ones.
        start: also keep the activations after this layer, where training starts; with "pixels" these are the pictures.
        view: how the pictures are seen.
        engine: of this trunk, size and start, where there is one already: one of a large network takes seconds to make.

    Returns:
        Features, row by row as the store's.

    Raises:
        InputError: the layer is none of the trunk's.
        FileError: if the cache cannot be written. What was computed so far is kept.
    """
    pixels = (store, view) if start == PIXELS else None
    start = None if start == PIXELS else start
    if engine is None and not trunk.bundled:  # what it gives is known once it is made
        engine = trunk_engine(trunk, weights, store.target_size, cut=start)
    count = engine.feature_count if engine else trunk.features(store.target_size)
    kept = kept_features(trunk, weights, store.target_size, store.resize, count=count, view=view)
    maps = None
    if start is not None:
        shape = engine.cut_shape if engine else output_shapes(store.target_size)[start]
        key = _key(store.target_size, store.resize, trunk, weights, view)
        maps = RowStore(_place() / f"{key}-{start}", {"cut": (np.dtype(np.float16), shape or ())})
    first_row = {digest: row for row, digest in reversed(list(enumerate(store.digests)))}
    missing = sorted(
        row for digest, row in first_row.items() if digest not in kept or (maps is not None and digest not in maps)
    )
    kept.mark_used(store.digests)  # so that making room for the missing ones leaves these
    if maps is not None:
        maps.mark_used(store.digests)
    if missing:
        engine = engine or trunk_engine(trunk, weights, store.target_size, cut=start)
        _fill(store, view, missing, kept.rows, maps, engine)
    return Features(kept.read(store.digests), len(missing), store.digests, maps, pixels)


@dataclass(frozen=True, eq=False)
class Kept:
    """Features on disk, by the content of the pictures that they were computed from."""

    rows: RowStore  # where new ones go
    wider: RowStore | None  # of features that end with these
    count: int  # features of a picture

    def __contains__(self, digest: bytes) -> bool:
        return digest in self.rows or (self.wider is not None and digest in self.wider)

    def mark_used(self, digests: Sequence[bytes]) -> None:
        """Notes that these are wanted now, so that they are the last to be removed to make room for others."""
        for rows in (self.rows, self.wider):
            if rows is not None:
                rows.mark_used(digests)

    def read(self, digests: Sequence[bytes]) -> np.ndarray:
        """The features of these pictures, all of which are kept: float32 (len(digests), count)."""
        values = np.empty((len(digests), self.count), np.float32)
        for first in range(0, len(digests), 4096):
            some = digests[first : first + 4096]
            own = np.array([digest in self.rows for digest in some], bool)
            block = values[first : first + 4096]
            block[own] = self.rows.read("features", [digest for digest, there in zip(some, own, strict=True) if there])
            if self.wider is not None and not own.all():
                others = [digest for digest, there in zip(some, own, strict=True) if not there]
                block[~own] = self.wider.read("features", others)[:, -self.count :]
        return values


def kept_features(
    trunk: Trunk | str,
    weights: Mapping[str, np.ndarray] | None,
    target_size: tuple[int, int],
    resize: str,
    *,
    count: int,
    view: View = AS_IT_IS,
) -> Kept:
    """What is kept of the features that a network computes of pictures read in one way.

    Args:
        trunk: the network; of one trained from scratch a name of it, its weights given.
        weights: of the network; None for the bundled ones.
        target_size: (height, width) of the pictures.
        resize: the rule by which they are brought there.
        count: features of a picture.
        view: how the pictures are seen.
    """
    key = _key(target_size, resize, trunk, weights, view)
    # Whoever chose between the last map and all of them has computed all: the last one's features are among them.
    wider = _feature_rows(key, ALL_BLOCKS, ALL_BLOCKS.features(target_size)) if trunk == BUNDLED else None
    return Kept(_feature_rows(key, trunk, count), wider, count)


def compute_once(store: PixelStore, engine: Engine) -> np.ndarray:
    """What a network sees in the pictures of a store, computed now and not kept: float32 (n, features).

    Args:
        store: the pictures.
        engine: the network's, for pictures of the store's size.
    """
    values = np.empty((len(store), engine.feature_count), np.float32)
    with console.progress("Computing features", len(store)) as bar:
        for rows, pixels in _batches(store, list(range(len(store)))):
            values[rows] = engine.features(pixels)
            bar.advance(len(rows))
    return values


def _fill(
    store: PixelStore, view: View, missing: list[int], kept: RowStore, maps: RowStore | None, engine: Engine
) -> None:
    """Runs the missing pictures through the network and keeps what comes out."""
    cache.make_room(len(missing) * (kept.row_bytes + (0 if maps is None else maps.row_bytes)))
    what = f"Computing features, view {view.number + 1}" if view.number else "Computing features"
    with console.progress(what, len(missing)) as bar, kept.writer(len(missing)) as writer:
        if maps is None:
            for rows, pixels in _batches(store, missing, view):
                for row, features in zip(rows, engine.features(pixels), strict=True):
                    writer.add(store.digests[row], {"features": features})
                bar.advance(len(rows))
            return
        with maps.writer(len(missing)) as map_writer:
            for rows, pixels in _batches(store, missing, view):
                for row, features, cut in zip(rows, *engine.features_and_cut(pixels), strict=True):
                    writer.add(store.digests[row], {"features": features})
                    map_writer.add(store.digests[row], {"cut": cut.astype(np.float16)})
                bar.advance(len(rows))


def _batches(store: PixelStore, rows: list[int], view: View = AS_IT_IS) -> Iterator[tuple[list[int], np.ndarray]]:
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        yield batch, view.read(store, batch)


def _place() -> Path:
    return files.cache_folder() / "features"


def _feature_rows(key: str, trunk: Trunk | str, count: int) -> RowStore:
    """Where the features that a trunk makes of its maps are kept."""
    read = "pooled"
    if trunk != BUNDLED:
        told = trunk
        if isinstance(trunk, Trunk):
            told = " ".join((trunk.backbone, trunk.last, *trunk.taps, trunk.pooling))
        read = hashlib.blake2b(str(told).encode(), digest_size=8).hexdigest()
    return RowStore(_place() / f"{key}-{read}", {"features": (np.dtype(np.float32), (count,))})


def _key(
    target_size: tuple[int, int],
    resize: str,
    trunk: Trunk | str,
    weights: Mapping[str, np.ndarray] | None,
    view: View = AS_IT_IS,
) -> str:
    """A folder name for features of this network on pictures read in this way."""
    if weights is not None:
        mark = fingerprint_of(weights)
    else:
        mark = trunk.spec.weights_sha256 if isinstance(trunk, Trunk) else ""
    height, width = target_size
    seen = f"-view{view.key}" if view.key else ""
    return f"v{ENGINE_VERSION}-{mark[:16]}-{height}x{width}-{resize}-d{DECODER_VERSION}{seen}"


def fingerprint_of(weights: Mapping[str, np.ndarray]) -> str:
    """A name for these weights: the same values give the same."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(weights[name]).tobytes())
    return digest.hexdigest()
