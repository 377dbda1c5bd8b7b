"""What the curves of a training show, as figures: levels with intervals, the best epoch, gaps, jumps, falls."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fieldguide.evaluation.answering import some_skill
from fieldguide.evaluation.case import Case
from fieldguide.intervals import Estimate, chance, difference, wilson
from fieldguide.training.usual import usual_epochs
from fieldguide.words import capital

LEARNT = 0.90  # of the training pictures right: below it has not even learnt what it was shown
CHANCE = 0.025  # one-sided
# Shares of the way from a blind guess's accuracy to all right (`above`): of classes that are far from equal a blind
# guess leaves little room, and no fixed number of points would fit into it.
ABOVE = 0.30  # what has come so far has learnt something
SOME = 0.20  # likewise, where that need not be sure
STUCK = 0.95  # of a blind guess's loss: above it next to nothing has been learnt
FAR_TO_GO = 0.5  # likewise: above it most is still to be learnt
STEADY = 0.75  # share of epochs in which the training loss falls, where it falls for good
RISEN = 1.10  # times its lowest: a smoothed loss on held-out pictures that has risen again
TAIL = 5  # epochs at the most, and a fifth of all, whose mean is "the end": one epoch is a matter of luck
FEW_EPOCHS = 8  # nobody can say that a network learns no more after fewer
STILL_FALLING = 0.05  # of the training loss, in the last third of the epochs
FEW_LOOKS = 0.2  # of the usual ones: every picture once in each of the epochs that are usual for so many
NEIGHBOURS = 5  # the median of so many epochs around each makes a smoothed curve: an odd epoch moves it not at all


@dataclass(frozen=True)
class Pace:
    """How the training loss fell: in nats in the first and the last third, and as a share of itself in the last."""

    first: float
    last: float
    end: float
    steady: bool  # it fell in nearly every epoch, and not by chance


@dataclass(frozen=True, eq=False)
class Signs:
    """The figures of a case.

    Example:
        >>> from fieldguide.training.record import Epoch
        >>> learnt = [Epoch("scratch", 1 + n, 0.7 / (1 + n), 0.9, 0.5, 0.8, n=500, val_n=200) for n in range(10)]
        >>> signs = Signs(Case(tuple(learnt), (250, 250)))
        >>> print(signs.gap)
        0.100 (95% CI 0.042-0.165)
    """

    case: Case

    def column(self, name: str) -> np.ndarray:
        """One field of all epochs, float64 (epochs,); NaN where it was not written down."""
        values = [getattr(epoch, name) for epoch in self.case.epochs]
        return np.array([math.nan if value is None else value for value in values], np.float64)

    @cached_property
    def loss(self) -> np.ndarray:
        """On training pictures, by epoch."""
        return self.column("loss")

    @cached_property
    def accuracy(self) -> np.ndarray:
        """On training pictures, by epoch."""
        return self.column("accuracy")

    @cached_property
    def val_loss(self) -> np.ndarray:
        """On held-out pictures, by epoch."""
        return self.column("val_loss")

    @cached_property
    def val_accuracy(self) -> np.ndarray:
        """On held-out pictures, by epoch."""
        return self.column("val_accuracy")

    @property
    def count(self) -> int:
        """How many epochs there were."""
        return len(self.case.epochs)

    @property
    def tail(self) -> int:
        """How many epochs count as the end."""
        return max(1, min(TAIL, self.count // 5))

    @property
    def n(self) -> int:
        """Training pictures that were measured."""
        return self.case.epochs[-1].n

    @property
    def val_n(self) -> int:
        """Held-out pictures."""
        return self.case.epochs[-1].val_n

    @property
    def in_best(self) -> str:
        """When the held-out loss was lowest, in words: a single epoch elsewhere may have been lower by chance."""
        own = self.val_loss[self.best - 1]
        return f"{'in' if own <= np.nanmin(self.val_loss) else 'around'} epoch {self.best}"

    @cached_property
    def majority(self) -> float:
        """The accuracy of always naming the commonest class: of the training pictures, or of the held-out ones."""
        shares = [max(self.case.counts) / sum(self.case.counts)]
        if self.case.held is not None and self.case.held.n:
            shares.append(max(map(sum, self.case.held.confusion)) / self.case.held.n)
        return max(shares)

    @property
    def commonest(self) -> float:
        """The share of the commonest class among the training pictures."""
        return max(self.case.counts) / sum(self.case.counts)

    @cached_property
    def blind(self) -> float:
        """The loss of knowing nothing but how common the classes are, in nats."""
        shares = np.array([count for count in self.case.counts if count]) / sum(self.case.counts)
        return float(-(shares * np.log(shares)).sum())

    def level(self, name: str, until: int | None = None) -> float:
        """The mean of a field over the end, or over as many epochs that end with number `until`."""
        values = self.column(name)[: until or self.count][-self.tail :]
        return float(values.mean())

    def over_until(self, until: int) -> str:
        """Of which epochs a level is that ends with number `until`: "in epoch 4", or that it is a mean of several.

        Example:
            >>> from fieldguide.training.record import Epoch
            >>> epochs = [Epoch("scratch", 1 + n, 0.7, 0.5, 0.7, 0.5, n=60, val_n=20) for n in range(10)]
            >>> Signs(Case(tuple(epochs), (30, 30))).over_until(6)
            'on average over epochs 5 to 6'
        """
        if self.tail == 1:
            return f"in epoch {until}"
        return f"on average over epochs {max(1, until - self.tail + 1)} to {until}"

    @property
    def over_the_end(self) -> str:
        """The same of the end: a mean is no count of pictures."""
        return "at the end" if self.tail == 1 else f"on average over the last {self.tail} epochs"

    @property
    def ending(self) -> str:
        """The same as the beginning of a sentence."""
        return capital(self.over_the_end)

    def share(self, name: str, n: int, until: int | None = None) -> Estimate:
        """The same for an accuracy, with its interval: the pictures are the same in every epoch, so they count once."""
        return wilson(min(1.0, self.level(name, until)) * n, n)

    @cached_property
    def nothing_learnt(self) -> bool:
        """Whether not even the training pictures are recognised better than by naming one class each time.

        Weighted classes may each be recognised, though naming the commonest one would be right more often.
        """
        better = self.trained.low > self.commonest or self.level("loss") <= STUCK * self.blind
        return not better and not self._recognises_each

    @cached_property
    def hardly_learnt(self) -> bool:
        """Whether it is not shown to have learnt more than a little: by how many are right, and by the loss too."""
        little = self.trained.low <= above(self.commonest, SOME) and self.level("loss") > FAR_TO_GO * self.blind
        return self.nothing_learnt or (little and not self._recognises_each)

    @property
    def learnt(self) -> bool:
        """Whether nine in ten training pictures are right, and not just since one class is that common."""
        return self.trained.value >= LEARNT and not self.hardly_learnt

    @property
    def _recognises_each(self) -> bool:
        """Whether the answers are those of the last epoch, and recognise the classes better than blindly."""
        kept = [epoch.epoch for epoch in self.case.epochs if epoch.chosen] or [self.count]
        return kept[-1] == self.count and some_skill(self.case.held)

    def shown(self, name: str) -> np.ndarray:
        """A field of all epochs, smoothed where there are enough epochs: medians of few hide what it did."""
        values = self.column(name)
        return smoothed(values) if self.count >= 2 * NEIGHBOURS else values

    @property
    def looks(self) -> int:
        """How often pictures were looked at in all."""
        return self.count * sum(self.case.counts)

    @property
    def usual_looks(self) -> int:
        """How often so many pictures are looked at where nothing is asked for."""
        pictures = sum(self.case.counts)
        return usual_epochs(pictures) * pictures

    @property
    def looked_at_seldom(self) -> bool:
        """Whether they were looked at far more seldom than that."""
        return self.looks < FEW_LOOKS * self.usual_looks

    @cached_property
    def pace(self) -> Pace:
        """How the training loss fell."""
        loss = self.shown("loss")
        third = max(1, self.count // 3)
        falls = int((np.diff(self.loss) < 0).sum())
        often = falls >= STEADY * (self.count - 1) and (coin(falls, self.count - 1) < CHANCE or falls == self.count - 1)
        start, end = float(loss[-third - 1 if self.count > third else 0]), float(loss[-1])
        share = 1 - end / start if start > 0 else 0.0
        return Pace(float(loss[0] - loss[min(third, self.count - 1)]), start - end, share, often)

    @cached_property
    def trained(self) -> Estimate:
        """Accuracy on training pictures at the end."""
        return self.share("accuracy", self.n)

    @cached_property
    def held(self) -> Estimate:
        """Accuracy on held-out pictures at the end."""
        return self.share("val_accuracy", self.val_n)

    @cached_property
    def gap(self) -> Estimate:
        """By how much the first is above the second (Newcombe)."""
        return difference(self.trained, self.held)

    @cached_property
    def gap_by_chance(self) -> float:
        """The probability of held-out pictures faring so badly if they were as easy as training pictures (Fisher)."""
        return chance(self.trained, self.held)

    @cached_property
    def best(self) -> int:
        """The epoch with the lowest loss on held-out pictures, from 1: near the lowest of its smoothed curve."""
        reach = _reach(self.count)
        first = max(0, int(np.argmin(smoothed(self.val_loss))) - reach)
        return 1 + first + int(np.argmin(self.val_loss[first : first + 2 * reach + 1]))

    @property
    def best_is_late(self) -> bool:
        """Whether that was in the last fifth of the epochs: more of them might have been better still."""
        return self.best > self.count - max(1, self.count // 5)

    @cached_property
    def still_learning(self) -> bool:
        """Whether it went on learning for held-out pictures too until the end, or had hardly begun."""
        late = self.best_is_late and self.pace.steady and self.pace.end >= STILL_FALLING
        return self.count < FEW_EPOCHS or late

    @cached_property
    def rose_again(self) -> bool:
        """Whether the loss on held-out pictures is clearly above its lowest at the end."""
        losses = smoothed(self.val_loss)
        return bool(losses[-1] > RISEN * losses.min())


def above(guess: float, share: float) -> float:
    """The accuracy that lies a share of the way from a blind guess's to all right.

    Example:
        >>> above(0.5, 0.2), round(above(0.92, 0.2), 3)
        (0.6, 0.936)
    """
    return guess + share * (1 - guess)


def coin(heads: int, tosses: int) -> float:
    """How likely a fair coin shows so many heads or more: the sign test.

    Example:
        >>> coin(9, 10)
        0.0107421875
    """
    return sum(math.comb(tosses, more) for more in range(heads, tosses + 1)) / 2**tosses


def smoothed(values: np.ndarray) -> np.ndarray:
    """The running median of five epochs; of fewer near the ends, and of three where there are fewer than fifteen.

    Example:
        >>> smoothed(np.array([5.0, 4.0, 9.0, 3.0, 2.0])).tolist()
        [4.5, 5.0, 4.0, 3.0, 2.5]
    """
    reach = _reach(len(values))
    return np.array([np.median(values[max(0, at - reach) : at + reach + 1]) for at in range(len(values))])


def _reach(count: int) -> int:
    """How many epochs to each side a smoothed curve of so many looks at."""
    return (NEIGHBOURS if count >= 3 * NEIGHBOURS else 3) // 2
