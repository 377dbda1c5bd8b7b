"""What is written down of a training: epochs, choices, times."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

import numpy as np

from fieldguide.intervals import Estimate


@dataclass(frozen=True)
class Epoch:
    """One pass over the training pictures. Both accuracies are of the same kind: no augmentation, no dropout."""

    phase: str  # "head" (frozen base), "fine-tune" (last blocks too) or "scratch" (everything, from random weights)
    epoch: int  # from 1 in each phase
    loss: float  # mean cross-entropy in nats
    accuracy: float  # 0..1
    val_loss: float
    val_accuracy: float
    chosen: bool = False  # the weights of this epoch were kept
    n: int = 0  # training pictures that loss and accuracy are of; 0 where that was not written down
    val_n: int = 0  # held-out pictures, likewise
    # What the fit itself saw: varied and mixed pictures, smoothed labels, dropout at work. None where it saw no such.
    fitted_loss: float | None = None
    fitted_accuracy: float | None = None
    rate: float | None = None  # the learning rate at the end of the epoch

    def to_dict(self) -> dict[str, object]:
        """The fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class Schedule:
    """Epochs that learning rate and size of the pictures were laid out for; those that are added have another one.

    Example:
        >>> Schedule(20, 40).end
        60
    """

    first: int  # epochs that were done before it began
    epochs: int  # that it was laid out for; fewer were done where the training ended early

    @property
    def end(self) -> int:
        """The number of its last epoch."""
        return self.first + self.epochs


@dataclass(frozen=True)
class Trial:
    """One setting that was tried on pictures held out for choosing."""

    name: str  # e.g. "L2 penalty 0.01"
    loss: float
    accuracy: float
    chosen: bool
    balanced: float | None = None  # balanced accuracy, where that counted


@dataclass(frozen=True)
class Choices:
    """What was chosen by looking at held-out pictures. Its accuracy chose, so it is never quoted as the result."""

    how: str  # e.g. "out of fold, 5 folds of the 2,000 training pictures"
    trials: tuple[Trial, ...]
    penalty: float
    class_weight_power: float  # 0: every picture counts alike; 1: every class counts alike
    temperature: float  # logits are divided by it
    held_out: Estimate  # accuracy on the pictures that chose: optimistic
    fine_tuned: bool
    fine_tune_reason: str  # a sentence: why the last blocks were trained, or not
    trained: int = 0  # parameters of the head, and of what was trained of the backbone
    frozen: int = 0  # parameters of the backbone that stayed as they were
    reading: str = ""  # what the head reads, in words
    views: int = 1  # that it reads of each picture it learns from
    by_classes: bool = False  # every class counted alike, and not every picture
    judged_by: str = ""  # which figure counted and why, in a sentence; "" where it was that of every picture alike

    def to_dict(self) -> dict[str, object]:
        """All fields, ready for JSON."""
        return {**asdict(self), "held_out": self.held_out.to_dict()}


@dataclass(frozen=True, eq=False)
class Answers:
    """What was said of pictures by models that were not fitted to them: out of fold, or of a validation part."""

    rows: np.ndarray  # int64 (n,), of the pictures of train and then of validation
    labels: np.ndarray  # int (n,)
    probabilities: np.ndarray  # float64 (n, classes), calibrated


@dataclass(frozen=True)
class Look:
    """One time that a frozen network was to look at some pictures, in one view of them."""

    computed: int  # pictures that went through it
    kept: int  # different ones of which it was known what it sees, from an earlier run or an earlier look
    seconds: float  # with the reading of all of it


@dataclass(frozen=True)
class Stage:
    """How long one stage took."""

    name: str
    seconds: float
    before: float = 0.0  # of them, those that earlier processes have spent


def merged(stages: Iterable[Stage]) -> tuple[Stage, ...]:
    """The stages with those of one name added up, in the order in which they began."""
    found: dict[str, Stage] = {}
    for stage in stages:
        known = found.get(stage.name, Stage(stage.name, 0.0))
        found[stage.name] = Stage(stage.name, known.seconds + stage.seconds, known.before + stage.before)
    return tuple(found.values())


@dataclass
class Watch:
    """Measures stages one after the other."""

    stages: list[Stage] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str, before: float = 0.0) -> Iterator[None]:
        """Adds a Stage with the seconds that the block takes.

        Args:
            name: of the stage.
            before: seconds that earlier processes have spent on it.
        """
        started = time.perf_counter()
        yield
        self.stages.append(Stage(name, before + time.perf_counter() - started, before))
