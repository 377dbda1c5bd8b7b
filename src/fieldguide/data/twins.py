"""Which pictures are the same picture: byte for byte, or re-encoded, resized or barely changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from fieldguide import console
from fieldguide.data.pixels import THUMBNAIL, PixelStore

HASH_BITS = 64
MOST_BITS = 6  # perceptual hashes that differ in more bits are not looked at
BANDS = 8  # two of eight bands stay untouched by six changed bits
NEIGHBOURS = 32  # in a crowd of like hashes a picture is compared with this many others, the closest
# What may be left of the difference of two thumbnails, in levels of 0..255, once they are laid on one another: the
# root mean square over the whole, and over any cell of 4x4 pixels. Frames of one scene differ in a small place only.
LARGEST_DIFFERENCE = 4.0
LARGEST_CELL_DIFFERENCE = 10.0
CELL = 4
PLAIN = 3.0  # standard deviation of levels, below which a picture is of one colour
_BLOCK = 256


@dataclass(frozen=True, eq=False)
class Twins:
    """Groups of pictures that must stay on one side of a split."""

    groups: np.ndarray  # int64 (n,): pictures with the same number are one picture
    exact: tuple[tuple[int, ...], ...]  # rows of byte-identical files, two or more each
    near: tuple[tuple[int, int], ...]  # pairs of rows that look alike but differ in their bytes, enough to link groups


def find_twins(store: PixelStore) -> Twins:
    """The duplicates and near-duplicates among the pictures of a store.

    Candidates share a perceptual hash but for a few bits; they are near-duplicates if their pixels agree too, once a
    small shift, a crop of a few percent and a change of brightness, contrast or saturation are allowed for. Only
    pictures that share two of eight bands of the hash are compared, and in a crowd of like hashes only neighbours,
    so the time grows with the number of pictures and not with its square.

    Source:
        M. Norouzi, A. Punjani, D. Fleet (2012), "Fast search in Hamming space with multi-index hashing", CVPR.
    """
    if not len(store):
        return Twins(np.zeros(0, np.int64), (), ())
    with console.progress("Comparing pictures", 0) as bar:
        return _find(store, bar)


def _find(store: PixelStore, bar: console.Progress) -> Twins:
    digests = np.frombuffer(b"".join(store.digests), "<u8").reshape(len(store), 4)
    _, first, inverse = np.unique(digests, axis=0, return_index=True, return_inverse=True)
    inverse = inverse.reshape(-1)
    parent = list(range(len(first)))
    near = []
    for left, right in _candidates(store.facts["hash"][first], bar):
        apart = np.array([_root(parent, one) != _root(parent, other) for one, other in zip(left, right, strict=True)])
        left, right = left[apart], right[apart]
        alike = _look_alike(store.thumbnails(first[left]), store.thumbnails(first[right]))
        for one, other in zip(left[alike].tolist(), right[alike].tolist(), strict=True):
            if _root(parent, one) != _root(parent, other):
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


def _candidates(hashes: np.ndarray, bar: console.Progress) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs (left, right) whose hashes differ in at most MOST_BITS bits, each once, the closest first, in blocks."""
    edges = [HASH_BITS * band // BANDS for band in range(BANDS + 1)]
    masks = [((1 << high) - 1) ^ ((1 << low) - 1) for low, high in pairwise(edges)]
    pairs = np.zeros(0, np.int64)
    for one, other in combinations(masks, 2):
        pairs = np.union1d(pairs, _close_pairs(hashes, hashes & np.uint64(one | other)))
        bar.advance(0)
    left, right = np.divmod(pairs, len(hashes))
    bits = np.bitwise_count(hashes[left] ^ hashes[right])
    order = np.lexsort((bits, left))
    rank = np.arange(len(pairs)) - np.searchsorted(left, left)  # among the pairs of the same left, which are sorted
    order = order[rank < NEIGHBOURS]
    order = order[np.argsort(bits[order], kind="stable")]
    for start in range(0, len(order), _BLOCK):
        block = order[start : start + _BLOCK]
        yield left[block], right[block]
        bar.advance(len(block))


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
    grey = [side.mean(axis=3, keepdims=True, dtype=np.float32) for side in (left, right)]
    alike = _agree(grey[0], grey[1])  # turns most down, at a third of the price
    alike[alike] = _agree(left[alike].astype(np.float32), right[alike].astype(np.float32))
    # Where there is nothing but one colour, any difference of tone could be explained away: colours are compared.
    plain = np.maximum(*(side.std(axis=(1, 2)).max(axis=1) for side in (left, right))) < PLAIN
    apart = np.abs(left.mean(axis=(1, 2)) - right.mean(axis=(1, 2))).max(axis=1)
    return np.where(plain, apart <= LARGEST_DIFFERENCE, alike)


def _agree(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Whether little is left of the difference of thumbnails, float32 (k, 32, 32, c), laid on one another: bool (k,).

    To first order a shift or crop changes a picture by multiples of its gradient, a change of tone by multiples of
    its levels. The best multiples are the solution of a small least-squares problem for each pair.

    Source:
        B. Lucas, T. Kanade (1981), "An iterative image registration technique with an application to stereo vision",
        IJCAI; one step of it, with the terms for scale and tone added.
    """
    if not len(left):
        return np.zeros(0, bool)
    left, right = _smooth(left), _smooth(right)
    middle = (left + right) / 2
    down, across = np.gradient(middle, axis=(1, 2))
    x = np.linspace(-1, 1, THUMBNAIL, dtype=np.float32)[:, None]
    y = x[:, None]
    levels = middle - middle.mean(axis=(1, 2, 3), keepdims=True)
    changes = [
        *(down, across, y * down, x * across),  # shift, crop
        *(np.full_like(middle, 10), levels, levels**2 / 64),  # brightness, contrast, tone curve
        middle - middle.mean(axis=3, keepdims=True),  # saturation
    ]
    inner = (slice(None), slice(1, -1), slice(1, -1))  # at the border a gradient is one-sided
    terms = np.stack([change[inner].reshape(len(left), -1) for change in changes], axis=1)  # (k, terms, values)
    gap = (left - right)[inner].reshape(len(left), -1, 1)
    ridge = 0.01 * terms.shape[2] * np.eye(len(changes), dtype=np.float32)  # where a picture is flat nothing is known
    shares = np.linalg.solve(terms @ terms.transpose(0, 2, 1) + ridge, terms @ gap)
    rest = np.zeros((len(left), THUMBNAIL, THUMBNAIL), np.float32)  # none at the border
    rest[inner] = np.square(gap - terms.transpose(0, 2, 1) @ shares).reshape(middle[inner].shape).mean(axis=3)
    cells = rest.reshape(-1, THUMBNAIL // CELL, CELL, THUMBNAIL // CELL, CELL).mean(axis=(2, 4))
    whole = rest.mean(axis=(1, 2))
    return (whole <= LARGEST_DIFFERENCE**2) & (cells.max(axis=(1, 2)) <= LARGEST_CELL_DIFFERENCE**2)


def _smooth(pictures: np.ndarray) -> np.ndarray:
    """The pictures, float32 (k, h, w, c), averaged over 3x3 pixels with weights 1, 2, 1."""
    padded = np.pad(pictures, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    padded = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
    return (padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]) / 4


def _root(parent: list[int], number: int) -> int:
    """The representative of a group; halves the path on the way."""
    while parent[number] != number:
        parent[number] = parent[parent[number]]
        number = parent[number]
    return number
