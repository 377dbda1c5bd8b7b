"""Activations of the frozen part of a network, computed once for each picture and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fieldguide import cache, console, files
from fieldguide.data.decode import DECODER_VERSION
from fieldguide.data.pixels import PixelStore
from fieldguide.model.backbones import backbone as backbone_named
from fieldguide.model.engine import DEFAULT_CUT, Engine, LiteEngine
from fieldguide.rows import RowStore

ENGINE_VERSION = 1  # raise it when features could change
BATCH = 64


@dataclass(frozen=True, eq=False)
class Features:
    """What a frozen backbone sees in the pictures of a store."""

    values: np.ndarray  # float32 (n, features)
    computed: int  # how many pictures had to go through the network now
    _digests: tuple[bytes, ...]
    _cuts: RowStore | None

    def cuts(self, rows: np.ndarray) -> np.ndarray:
        """Activations where fine-tuning starts, float16 (len(rows), height, width, channels)."""
        if self._cuts is None:
            raise ValueError("these features were computed without the activations at the cut")
        return self._cuts.read("cut", [self._digests[row] for row in rows])


def compute(
    store: PixelStore,
    *,
    backbone: str = "efficientnet_lite0",
    weights: Mapping[str, np.ndarray] | None = None,
    with_cut: bool = False,
) -> Features:
    """The features of every picture of a store, from the cache where they were computed before.

    Args:
        store: the pictures.
        backbone: its name in the table of backbones.
        weights: of the backbone, where they are not the bundled ones.
        with_cut: also keep the activations at the cut, for fine-tuning.

    Returns:
        Features, row by row as the store's.

    Raises:
        FileError: if the cache cannot be written. What was computed so far is kept.
    """
    spec = backbone_named(backbone)
    values = np.empty((len(store), spec.features), np.float32)
    place, key = files.cache_folder() / "features", _key(store, spec.weights_sha256, weights)
    kept = RowStore(place / f"{key}-pooled", {"features": (np.dtype(np.float32), (spec.features,))})
    cut_shape = tuple(-(-side // (spec.target_size[0] // spec.cut_shape[0])) for side in store.target_size)
    cuts = RowStore(place / f"{key}-{DEFAULT_CUT}", {"cut": (np.dtype(np.float16), (*cut_shape, spec.cut_shape[2]))})
    first_row = {digest: row for row, digest in reversed(list(enumerate(store.digests)))}
    missing = sorted(
        row for digest, row in first_row.items() if digest not in kept or (with_cut and digest not in cuts)
    )
    for rows in (kept, cuts):
        rows.mark_used(store.digests)  # so that making room for the missing ones leaves these
    if missing:
        _fill(store, missing, kept, cuts if with_cut else None, LiteEngine(weights, store.target_size))
    for start in range(0, len(store), 4096):
        values[start : start + 4096] = kept.read("features", store.digests[start : start + 4096])
    return Features(values, len(missing), store.digests, cuts if with_cut else None)


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


def _fill(store: PixelStore, missing: list[int], kept: RowStore, cuts: RowStore | None, engine: LiteEngine) -> None:
    """Runs the missing pictures through the network and keeps what comes out."""
    cache.make_room(len(missing) * (kept.row_bytes + (cuts.row_bytes if cuts else 0)))
    with console.progress("Computing features", len(missing)) as bar, kept.writer(len(missing)) as writer:
        if cuts is None:
            for rows, pixels in _batches(store, missing):
                for row, features in zip(rows, engine.features(pixels), strict=True):
                    writer.add(store.digests[row], {"features": features})
                bar.advance(len(rows))
            return
        with cuts.writer(len(missing)) as cut_writer:
            for rows, pixels in _batches(store, missing):
                for row, features, cut in zip(rows, *engine.features_and_cut(pixels), strict=True):
                    writer.add(store.digests[row], {"features": features})
                    cut_writer.add(store.digests[row], {"cut": cut.astype(np.float16)})
                bar.advance(len(rows))


def _batches(store: PixelStore, rows: list[int]):  # type: ignore[no-untyped-def]
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        yield batch, store.read(batch)


def _key(store: PixelStore, bundled: str, weights: Mapping[str, np.ndarray] | None) -> str:
    """A folder name for features of this network on pictures read in this way."""
    mark = bundled if weights is None else fingerprint_of(weights)
    height, width = store.target_size
    return f"v{ENGINE_VERSION}-{mark[:16]}-{height}x{width}-{store.resize}-d{DECODER_VERSION}"


def fingerprint_of(weights: Mapping[str, np.ndarray]) -> str:
    """A name for these weights: the same values give the same."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(weights[name]).tobytes())
    return digest.hexdigest()
