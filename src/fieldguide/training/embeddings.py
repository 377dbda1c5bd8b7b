"""Pictures as points: what a network sees in each, at length 1, so that alike pictures lie near each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from fieldguide import cache, console
from fieldguide.bounds import whole
from fieldguide.data import decode, known
from fieldguide.data.arguments import said
from fieldguide.data.dataset import Dataset, Skipped
from fieldguide.errors import InputError, InputTypeError, PictureError
from fieldguide.model.classifier import Classifier
from fieldguide.model.engine import Engine, trunk_engine
from fieldguide.model.predictions import find_pictures
from fieldguide.model.trunk import BUNDLED, Trunk
from fieldguide.parallel import bounded_map
from fieldguide.training.features import Kept, kept_features
from fieldguide.words import counted

BATCH = 64
MOST_AT_ONCE = 1 << 22  # similarities in memory: 16 MB, and some copies of them
SIZE, RESIZE = (224, 224), "crop"  # of pictures for the bundled backbone
_SHORTEST = 1e-12  # features that are all zero are like nothing


@dataclass(frozen=True, eq=False)
class Embeddings:
    """What a network sees in pictures: a vector of length 1 for each, whose products are cosine similarities.

    Example:
        >>> import fieldguide as fg
        >>> found = fg.embed(None, "another-day")
        >>> print(found)
        20 pictures as 1,280 values each, seen by EfficientNet-Lite0
        >>> found.values.shape, found.values.dtype
        ((20, 1280), dtype('float32'))
    """

    values: np.ndarray  # float32 (n, features); each row has length 1, or is zero where the network saw nothing
    paths: tuple[Path, ...]  # of the pictures, row by row
    skipped: tuple[Skipped, ...]  # files that could not be read
    network: str  # that saw them, in words; vectors of different networks cannot be compared
    mark: str  # of the network, its weights and its way of reading pictures

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def names(self) -> tuple[str, ...]:
        """The files, row by row."""
        return tuple(str(path) for path in self.paths)

    def __str__(self) -> str:
        told = f"{counted(len(self), 'picture')} as {self.values.shape[1]:,} values each, seen by {self.network}"
        if self.skipped:
            told += f"; {counted(len(self.skipped), 'file')} could not be read"
        return told

    def to_dict(self) -> dict[str, object]:
        """Files, what was skipped and the network, ready for JSON; the vectors are in `values`."""
        return {
            "network": self.network,
            "features": int(self.values.shape[1]),
            "files": list(self.names),
            "skipped": [{"file": str(each.path), "reason": each.reason} for each in self.skipped],
        }

    def nearest(self, other: Embeddings | None = None, k: int = 8) -> tuple[np.ndarray, np.ndarray]:
        """The pictures most alike each of these, the nearest first, in memory that does not grow with their number.

        Args:
            other: where to look, seen by the same network; None for among these themselves, leaving out each itself.
            k: how many of each; fewer where there are not so many.

        Returns:
            Rows of `other`, int64 (n, k), and cosine similarities, float32 (n, k), at most 1.

        Raises:
            InputTypeError: if other is something else.
            InputError: if k is none, or other was seen by another network.

        Example:
            >>> import fieldguide as fg
            >>> photos = fg.embed(None, "photos")
            >>> rows, similarities = photos.nearest(k=1)
            >>> copies = [photos.paths[row].name for row in range(len(photos)) if similarities[row, 0] > 0.9999]
            >>> copies
            ['human-copy.jpg', 'human01-00.jpg']
        """
        if not isinstance(other, Embeddings | None):
            raise InputTypeError(f"other is {said(other)}; expected Embeddings, as fg.embed gives them, or None.")
        k = whole("k", k, "a whole number, 1 or larger")
        if other is not None and other.mark != self.mark:
            raise InputError(
                f"these were seen by {self.network} and the others by {other.network}, or in another way: embed both "
                "with the same classifier."
            )
        there = self.values if other is None else other.values
        k = min(k, len(there) - (other is None)) if len(there) else 0
        rows, similarities = np.empty((len(self), k), np.int64), np.empty((len(self), k), np.float32)
        if not k:
            return rows, similarities
        block = max(1, MOST_AT_ONCE // len(there))
        for first in range(0, len(self), block):
            part = slice(first, min(first + block, len(self)))
            found = self.values[part] @ there.T
            if other is None:
                found[np.arange(len(found)), np.arange(part.start, part.stop)] = -np.inf
            best = np.argpartition(-found, k - 1, axis=1)[:, :k]
            alike = np.take_along_axis(found, best, axis=1)
            order = np.lexsort((best, -alike), axis=1)  # of equal ones the first file first
            rows[part] = np.take_along_axis(best, order, axis=1)
            similarities[part] = np.minimum(np.take_along_axis(alike, order, axis=1), 1)
        return rows, similarities


def embed(classifier: Classifier | None, pictures: str | Path | Iterable[str | Path] | Dataset) -> Embeddings:
    """What a network sees in pictures, to search for alike ones and for near-duplicates.

    Taken are the averages of the last map of the classifier's network (of the bundled one 1,280 values), which tell
    what is shown rather than how it is arranged, brought to length 1. They are kept in the cache by content, so that
    the same pictures are quick the next time, and those of a training are there already. Pixels are not kept: of each
    picture 5 kB are in memory at the end, half a gigabyte for 100,000.

    Args:
        classifier: whose network sees them, in the way it takes pictures; None for the bundled backbone at 224 x 224.
        pictures: files, folders (searched with their sub-folders) and patterns, or a Dataset.

    Raises:
        InputTypeError: if the classifier is something else.
        FileError: if a name fits nothing, or the cache cannot be written.

    Example:
        >>> import fieldguide as fg
        >>> guide = fg.load("runs/first")
        >>> new = fg.embed(guide, "new")
        >>> [(each.path.name, each.reason) for each in new.skipped]
        [('notes.txt', 'not a picture: text')]
        >>> rows, similarities = new.nearest(fg.embed(guide, "photos"), k=3)
        >>> rows.shape
        (6, 3)
    """
    if not isinstance(classifier, Classifier | None):
        raise InputTypeError(
            f"classifier is {said(classifier)}; expected a Classifier, such as fg.load gives, or None."
        )
    paths = list(pictures.paths if isinstance(pictures, Dataset) else find_pictures(pictures))
    network = _network_of(classifier)
    kept, digests, reasons = _fill(network, paths)
    rows = [row for row, digest in enumerate(digests) if digest is not None and row not in reasons]
    values = kept.read([digests[row] or b"" for row in rows])
    for first in range(0, len(values), 4096):
        block = values[first : first + 4096]
        block /= np.maximum(np.linalg.norm(block, axis=1, keepdims=True), _SHORTEST)
    skipped = tuple(Skipped(paths[row], reason) for row, reason in sorted(reasons.items()))
    return Embeddings(values, tuple(paths[row] for row in rows), skipped, network.title, kept.rows.folder.name)


@dataclass(frozen=True, eq=False)
class _Network:
    """What sees the pictures, and how they are read for it."""

    engine: Engine
    trunk: Trunk | str  # as `kept_features` takes it
    weights: Mapping[str, np.ndarray] | None
    target_size: tuple[int, int]
    resize: str
    title: str

    def kept(self) -> Kept:
        """What it has seen before."""
        count = self.engine.feature_count
        return kept_features(self.trunk, self.weights, self.target_size, self.resize, count=count)


def _network_of(classifier: Classifier | None) -> _Network:
    if classifier is None:
        return _Network(trunk_engine(BUNDLED, None, SIZE), BUNDLED, None, SIZE, RESIZE, BUNDLED.spec.title)
    size, resize, weights = classifier.target_size, classifier.resize, classifier.weights
    if classifier.trunk is None:
        assert classifier.net is not None
        # The same weights in another network would be other features: what it is made of is in the name.
        return _Network(classifier.engine, repr(classifier.net), weights, size, resize, classifier.net.name_in_words)
    trunk = replace(classifier.trunk, taps=(), pooling="average")
    engine = classifier.engine if classifier.trunk == trunk else trunk_engine(trunk, weights, size)
    title = trunk.spec.title + ("" if weights is None else " with the classifier's weights")
    return _Network(engine, trunk, weights, size, resize, title)


def _fill(network: _Network, paths: Sequence[Path]) -> tuple[Kept, list[bytes | None], dict[int, str]]:
    """The features, the digest of each picture, and row -> reason for those that cannot be read."""
    kept = network.kept()
    digests = known.recall(paths)
    kept.mark_used([digest for digest in digests if digest is not None])
    missing = [row for row, digest in enumerate(digests) if digest is None or digest not in kept]
    reasons: dict[int, str] = {}
    if not missing:
        return kept, digests, reasons
    cache.make_room(len(missing) * kept.rows.row_bytes)
    kept = network.kept()  # without what went to make room
    read = bounded_map(lambda row: _read(network, kept, paths[row], row), missing, ahead=BATCH // 2)
    with console.progress("Looking at pictures", len(missing)) as bar, kept.rows.writer(len(missing)) as writer:
        while batch := list(islice(read, BATCH)):
            for row, digest, _, reason, _ in batch:
                digests[row] = digest
                if reason:
                    reasons[row] = reason
            new = [(digest, pixels) for _, digest, pixels, _, _ in batch if digest is not None and pixels is not None]
            if new:
                seen = network.engine.features(np.stack([pixels for _, pixels in new]))
                for (digest, _), features in zip(new, seen, strict=True):
                    writer.add(digest, {"features": features})
            known.remember(
                (paths[row], stamp, digest)
                for row, digest, pixels, _, stamp in batch
                if pixels is not None and digest is not None and stamp is not None
            )
            bar.advance(len(batch))
    return kept, digests, reasons


_Stamp = tuple[int, int, int, int]


def _read(
    network: _Network, kept: Kept, path: Path, row: int
) -> tuple[int, bytes | None, np.ndarray | None, str, _Stamp | None]:
    """A picture's row, digest, pixels (None where its features are kept), why it cannot be read, and its stamp."""
    stamp = None
    try:
        with suppress(OSError):  # why, `load_bytes` says better
            stamp = known.stamp(path)
        content = decode.load_bytes(path)
        digest = decode.digest(content)
        if digest in kept:
            return row, digest, None, "", stamp
        return row, digest, decode.decode(content, network.target_size, network.resize).pixels, "", stamp
    except PictureError as error:
        return row, None, None, str(error), stamp


def of_pairs(embeddings: Embeddings, *, most: int = 100_000, seed: int = 0) -> np.ndarray:
    """How alike two pictures picked at random are, float32 (pairs,), sorted: what other similarities are seen against.

    Args:
        embeddings: two pictures or more.
        most: pairs at the most; where there are fewer, each is taken once.
        seed: of the choice.
    """
    count = len(embeddings)
    if count * (count - 1) // 2 <= most:
        first, second = np.triu_indices(count, 1)
    else:
        rng = np.random.default_rng((seed, 31))
        first = rng.integers(0, count, most)
        second = (first + rng.integers(1, count, most)) % count  # never the same picture twice
    found = [_products(embeddings, first[part], second[part]) for part in _parts(len(first))]
    return np.sort(np.concatenate([np.zeros(0, np.float32), *found]))


def _products(embeddings: Embeddings, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.einsum("nf,nf->n", embeddings.values[first], embeddings.values[second])


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, start + 4096) for start in range(0, count, 4096))
