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

    Every picture comes once in an epoch. Batches differ by one picture in size at the most, so that none is so small
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
    batch_size: int = 32
    seed: int = 0
    size: tuple[int, int] | None = None  # (height, width) of what comes out; None for the store's own
    _warper: Warper = field(default_factory=Warper, repr=False)

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return max(1, round(len(self.rows) / self.batch_size))

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of one epoch, counted from 1, made by other threads while the last one is learnt from.

        Source:
            C. Szegedy et al. (2016), "Rethinking the inception architecture for computer vision", CVPR, section 7
            (label smoothing).
        """
        order = np.random.default_rng((self.seed, number)).permutation(len(self.rows))
        parts = np.array_split(order, len(self))
        yield from bounded_map(
            lambda place: self._made(number, place, np.sort(parts[place])), range(len(parts)), threads=1, ahead=AHEAD
        )

    def _made(self, epoch: int, place: int, chosen: np.ndarray) -> Batch:
        """One batch of these places among the rows."""
        pixels = self._varied(epoch, self.rows[chosen])
        targets = np.eye(self.classes, dtype=np.float32)[self.labels[chosen]]
        pixels, targets = self._mixed(epoch, place, pixels, targets)
        weights = targets @ self._weights  # of a mixed picture, that of both classes by their shares
        targets = targets * np.float32(1 - self.smoothing) + np.float32(self.smoothing / self.classes)
        if self.classes == 2:
            targets = targets[:, 1:]
        return Batch(pixels, targets, weights)

    def _varied(self, epoch: int, rows: np.ndarray) -> np.ndarray:
        pixels, size = self.store.read(rows), self.size or self.store.target_size
        settings = self.augment or _AS_THEY_ARE
        if not settings.changed() and size == self.store.target_size:
            return pixels.astype(np.float32)
        draws = draw(settings, size, rows, seed=self.seed, epoch=epoch)
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
        counts = np.bincount(self.labels, minlength=self.classes).astype(np.float64)
        weights = np.zeros(self.classes)
        weights[counts > 0] = counts[counts > 0] ** -self.power
        return (weights * counts.sum() / (weights * counts).sum()).astype(np.float32)
