"""Batches to learn from: kept pixels, varied and mixed anew in every epoch, with targets and weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property

import numpy as np

from fieldguide.augmentation.draws import draw
from fieldguide.augmentation.mixing import cut_mix, draw_mixes, mix_up
from fieldguide.augmentation.settings import Settings
from fieldguide.augmentation.warp import Warper
from fieldguide.bounds import number
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError
from fieldguide.parallel import bounded_map

_AS_THEY_ARE = Settings()
AHEAD = 3  # batches that are made while another is learnt from
MIXES = ("none", "mix_up", "cut_mix", "both")
SAMPLINGS = ("plain", "balanced")


def ordered(labels: np.ndarray, sampling: str, rng: np.random.Generator) -> np.ndarray:
    """The pictures of an epoch in a new order: places among the labels, int64 (n,), as many as there are labels.

    Plain, each comes once. Balanced, each class comes equally often: of a large class fewer pictures than it has,
    others in each epoch, and those of a small one again and again, each as often as the next or once more.

    Args:
        labels: int (n,), of the pictures.
        sampling: "plain" or "balanced".
        rng: that draws.

    Example:
        >>> labels = np.array([0, 0, 0, 0, 0, 0, 1, 1])
        >>> np.bincount(labels[ordered(labels, "balanced", np.random.default_rng(0))])
        array([4, 4])
    """
    if sampling == "plain":
        return rng.permutation(len(labels))
    present = np.unique(labels)
    shares = np.full(len(present), len(labels) // len(present))
    shares[rng.permutation(len(present))[: len(labels) % len(present)]] += 1
    chosen = []
    for label, share in zip(present, shares, strict=True):
        members = np.flatnonzero(labels == label)
        rounds = [rng.permutation(members) for _ in range(-(-share // len(members)))]
        chosen.append(np.concatenate(rounds)[:share])
    return rng.permutation(np.concatenate(chosen))


def repeats(places: np.ndarray) -> np.ndarray:
    """How often each of these came before: int64 (n,).

    Example:
        >>> repeats(np.array([5, 3, 5, 5]))
        array([0, 0, 1, 2])
    """
    order = np.argsort(places, kind="stable")
    _, first, size = np.unique(places[order], return_index=True, return_counts=True)
    found = np.empty(len(places), np.int64)
    found[order] = np.arange(len(places)) - np.repeat(first, size)
    return found


def as_targets(shares: np.ndarray, smoothing: float = 0.0) -> np.ndarray:
    """What the output units are to give: float32 (n, classes), or (n, 1) of two classes, the second's probability.

    Args:
        shares: float32 (n, classes), one-hot or mixed.
        smoothing: this share of each is spread over all classes.

    Example:
        >>> as_targets(np.eye(2, dtype=np.float32), 0.5).tolist()
        [[0.25], [0.75]]

    Source:
        C. Szegedy et al. (2016), "Rethinking the inception architecture for computer vision", CVPR, section 7 (label
        smoothing).
    """
    classes = shares.shape[1]
    targets = shares * np.float32(1 - smoothing) + np.float32(smoothing / classes)
    return targets[:, 1:] if classes == 2 else targets


def weights_of_classes(labels: np.ndarray, classes: int, power: float) -> np.ndarray:
    """The weight of a picture of each class, its frequency to the power of -`power`: float32 (classes,).

    Pictures have the weight 1 on average.
    """
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    weights = np.zeros(classes)
    weights[counts > 0] = counts[counts > 0] ** -power
    return (weights * counts.sum() / (weights * counts).sum()).astype(np.float32)


@dataclass(frozen=True)
class Mixing:
    """Whether pictures of a batch are mixed with one another, and how far.

    Args:
        kind: "none", "mix_up", "cut_mix", or "both" of them by turns.
        alpha: shares are drawn from Beta(alpha, alpha): 1 draws them evenly, less draws most near 0 and 1.
        share: of the batches that are mixed.

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> import fieldguide as fg
        >>> fg.Mixing("both", alpha=0.4).to_dict()
        {'kind': 'both', 'alpha': 0.4, 'share': 1.0}
    """

    kind: str = "none"
    alpha: float = 1.0
    share: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in MIXES:
            raise InputError(f"mixing is {self.kind!r}; expected one of {', '.join(MIXES)}.")
        checked = {
            "alpha": number(
                "alpha of the mixing",
                self.alpha,
                "a number above 0, such as 0.2 or 1",
                lambda alpha: 0 < alpha < math.inf,
            ),
            "share": number(
                "share of the mixing", self.share, "a share of the batches, 0 to 1", lambda share: 0 <= share <= 1
            ),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def to_dict(self) -> dict[str, object]:
        """The settings by name."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Batch:
    """Some pictures to learn from."""

    pixels: np.ndarray  # float32 (n, height, width, 3) in 0..255
    targets: np.ndarray  # float32 (n, 1) of two classes, the second one's probability; else (n, classes)
    weights: np.ndarray  # float32 (n,), 1 on average over an epoch; where pictures are mixed, nearly so


@dataclass(frozen=True, eq=False)
class Batches:
    """The batches of every epoch. What is in one depends on the seed, the epoch and its number, and on nothing else.

    Every picture comes once in an epoch, unless classes are balanced: then those of small ones come several times, each
    time varied anew. Batches differ by one picture in size at the most, so that none is so small
    that its statistics mislead.

    Example:
        >>> import fieldguide as fg
        >>> store = fg.PixelStore.build(fg.Dataset.from_directory("photos"), target_size=(64, 64))
        >>> labels = store.dataset.labels
        >>> batches = Batches(store, np.arange(len(store)), labels, 2, augment=Settings(rotation_range=20))
        >>> [len(batch.pixels) for batch in batches.epoch(1)]
        [33, 32]
        >>> next(batches.epoch(1)).pixels.shape
        (33, 64, 64, 3)
    """

    store: PixelStore
    rows: np.ndarray  # int64 (n,), of the store
    labels: np.ndarray  # int (n,), of these rows, 0..classes-1
    classes: int
    augment: Settings | None = None
    mixing: Mixing = Mixing()
    smoothing: float = 0.0  # of the labels: this share is spread over all classes
    power: float = 0.0  # of the class weights: 0 counts every picture alike, 1 every class
    sampling: str = "plain"  # or "balanced": each class comes equally often
    batch_size: int = 32
    seed: int = 0
    size: tuple[int, int] | None = None  # (height, width) of what comes out; None for the store's own
    _warper: Warper = field(default_factory=Warper, repr=False)

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return max(1, round(len(self.rows) / self.batch_size))

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of one epoch, counted from 1, made by other threads while the last one is learnt from."""
        order = ordered(self.labels, self.sampling, np.random.default_rng((self.seed, number)))
        # A picture that comes again is drawn for as if it were another one.
        again = repeats(order) * len(self.store)
        parts = np.array_split(np.arange(len(order)), len(self))
        yield from bounded_map(
            lambda place: self._made(number, place, *_by_place(order[parts[place]], again[parts[place]])),
            range(len(parts)),
            threads=1,
            ahead=AHEAD,
        )

    def _made(self, epoch: int, place: int, chosen: np.ndarray, again: np.ndarray) -> Batch:
        """One batch of these places among the rows."""
        pixels = self._varied(epoch, self.rows[chosen], again)
        shares = np.eye(self.classes, dtype=np.float32)[self.labels[chosen]]
        pixels, shares = self._mixed(epoch, place, pixels, shares)
        weights = shares @ self._weights  # of a mixed picture, that of both classes by their shares
        return Batch(pixels, as_targets(shares, self.smoothing), weights)

    def _varied(self, epoch: int, rows: np.ndarray, again: np.ndarray) -> np.ndarray:
        pixels, size = self.store.read(rows), self.size or self.store.target_size
        settings = self.augment or _AS_THEY_ARE
        if not settings.changed() and size == self.store.target_size:
            return pixels.astype(np.float32)
        draws = draw(settings, size, rows + again, seed=self.seed, epoch=epoch)
        return self._warper.apply(pixels, draws, settings, size=size)

    def _mixed(self, epoch: int, place: int, pixels: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.mixing.kind == "none":
            return pixels, targets
        coins = np.random.default_rng((self.seed, epoch, place, len(MIXES))).random(2)
        if coins[0] >= self.mixing.share:
            return pixels, targets
        mixes = draw_mixes(len(pixels), self.mixing.alpha, seed=self.seed, epoch=epoch, batch=place)
        up = self.mixing.kind == "mix_up" or (self.mixing.kind == "both" and coins[1] < 0.5)
        return (mix_up if up else cut_mix)(pixels, targets, mixes)

    @cached_property
    def _weights(self) -> np.ndarray:
        """The weight of a picture of each class: float32 (classes,)."""
        return weights_of_classes(self.labels, self.classes, self.power)


def _by_place(chosen: np.ndarray, again: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both in the order in which the store has the pictures."""
    order = np.argsort(chosen, kind="stable")
    return chosen[order], again[order]
