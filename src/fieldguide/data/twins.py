"""Which pictures are the same picture: byte for byte, or re-encoded, resized or barely changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from fieldguide.data.pixels import PixelStore

HASH_BITS = 64
MOST_BITS = 5  # perceptual hashes that differ in more bits are not looked at
BANDS = 7  # two of seven bands stay untouched by five changed bits
# Largest root-mean-square difference of 32x32 RGB thumbnails, in levels of 0..255 once brightness is evened out.
LARGEST_DIFFERENCE = 5.0
# Frames of one scene differ in a small place only: no 4x4-pixel cell of the thumbnail may differ by more than this.
LARGEST_CELL_DIFFERENCE = 14.0
THUMBNAIL = 32
NEIGHBOURS = 64  # in a crowd of like hashes a picture is compared with this many that follow it
_BLOCK = 16_384


@dataclass(frozen=True, eq=False)
class Twins:
    """Groups of pictures that must stay on one side of a split."""

    groups: np.ndarray  # int64 (n,): pictures with the same number are one picture
    exact: tuple[tuple[int, ...], ...]  # rows of byte-identical files, two or more each
    near: tuple[tuple[int, int], ...]  # pairs of rows that look alike but differ in their bytes


def find_twins(store: PixelStore) -> Twins:
    """The duplicates and near-duplicates among the pictures of a store.

    Candidates share a perceptual hash but for a few bits; they are near-duplicates if their pixels agree too. Only
    pictures that share two of seven bands of the hash are compared, and in a crowd of like hashes only neighbours,
    so the time grows with the number of pictures and not with its square.

    Source:
        M. Norouzi, A. Punjani, D. Fleet (2012), "Fast search in Hamming space with multi-index hashing", CVPR.
    """
    if not len(store):
        return Twins(np.zeros(0, np.int64), (), ())
    digests = np.frombuffer(b"".join(store.digests), "<u8").reshape(len(store), 4)
    _, first, inverse = np.unique(digests, axis=0, return_index=True, return_inverse=True)
    inverse = inverse.reshape(-1)
    parent = list(range(len(first)))
    near = []
    for left, right in _candidates(store.facts["hash"][first]):
        alike = _look_alike(store.thumbnails(first[left]), store.thumbnails(first[right]))
        for one, other in zip(left[alike].tolist(), right[alike].tolist(), strict=True):
            near.append((int(min(first[one], first[other])), int(max(first[one], first[other]))))
            parent[_root(parent, one)] = _root(parent, other)
    groups = np.array([_root(parent, number) for number in range(len(first))], np.int64)[inverse]
    return Twins(groups, members_of(inverse), tuple(sorted(near)))


def members_of(groups: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """The rows of each group that has two or more, in order of their first row."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order])) + 1
    crowds = [tuple(rows.tolist()) for rows in np.split(order, starts) if len(rows) > 1]
    return tuple(sorted(crowds))


def _candidates(hashes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs (left, right) whose hashes differ in at most MOST_BITS bits, each pair once, in blocks."""
    edges = [HASH_BITS * band // BANDS for band in range(BANDS + 1)]
    masks = [((1 << high) - 1) ^ ((1 << low) - 1) for low, high in pairwise(edges)]
    found = [np.zeros(0, np.int64)]
    for one, other in combinations(masks, 2):
        found.append(_close_pairs(hashes, hashes & np.uint64(one | other)))
    pairs = np.unique(np.concatenate(found))
    for start in range(0, len(pairs), _BLOCK):
        yield np.divmod(pairs[start : start + _BLOCK], len(hashes))


def _close_pairs(hashes: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Pairs with equal keys and close hashes, each as the one number left * n + right."""
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    alive = np.arange(len(keys))  # places whose key still recurs `step` places on
    pairs = [np.zeros(0, np.int64)]
    for step in range(1, NEIGHBOURS + 1):
        alive = alive[alive + step < len(keys)]
        alive = alive[keys[alive + step] == keys[alive]]
        if not len(alive):
            break
        one, other = order[alive], order[alive + step]
        close = np.bitwise_count(hashes[one] ^ hashes[other]) <= MOST_BITS
        pairs.append((np.minimum(one, other) * len(hashes) + np.maximum(one, other))[close])
    return np.concatenate(pairs)


def _look_alike(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Which pairs of thumbnails, uint8 (k, 32, 32, 3), show the same picture: bool (k,)."""
    gap = left.astype(np.float32) - right.astype(np.float32)
    gap -= gap.mean(axis=(1, 2, 3), keepdims=True)  # a change of brightness makes no other picture
    whole = np.sqrt(np.square(gap).mean(axis=(1, 2, 3)))
    cells = np.square(gap).reshape(-1, 8, 4, 8, 4, 3).mean(axis=(2, 4, 5))  # (k, 8, 8)
    return (whole <= LARGEST_DIFFERENCE) & (np.sqrt(cells.max(axis=(1, 2))) <= LARGEST_CELL_DIFFERENCE)


def _root(parent: list[int], number: int) -> int:
    """The representative of a group; halves the path on the way."""
    while parent[number] != number:
        parent[number] = parent[parent[number]]
        number = parent[number]
    return number
