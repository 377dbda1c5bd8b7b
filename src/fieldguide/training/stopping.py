"""When a training ends before its last epoch, and which epoch's weights are kept: rules, and how far they have come."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace

from fieldguide.bounds import number, whole
from fieldguide.errors import InputError
from fieldguide.training.record import Epoch

METRICS = ("val_loss", "val_accuracy", "loss", "accuracy")


@dataclass(frozen=True)
class Stopping:
    """Early stopping: the training ends where a metric has not improved for some epochs, and its best epoch is kept.

    Args:
        metric: "val_loss", "val_accuracy", "loss" or "accuracy".
        patience: epochs without an improvement that are borne.
        minimum: by how much a value must be better than the best one to count as an improvement.

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> import fieldguide as fg
        >>> fg.ScratchRecipe(stopping=fg.Stopping("val_accuracy", patience=5)).stopping.patience
        5
    """

    metric: str = "val_loss"
    patience: int = 10
    minimum: float = 0.0

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise InputError(f"metric is {self.metric!r}; expected one of {', '.join(METRICS)}.")
        patience = whole("patience", self.patience, "a whole number of epochs, 1 or larger")
        minimum = number(
            "minimum", self.minimum, "a number from 0, such as 0.001", lambda minimum: 0 <= minimum < math.inf
        )
        object.__setattr__(self, "patience", patience)
        object.__setattr__(self, "minimum", minimum)

    def improves(self, value: float, best: float | None) -> bool:
        """Whether a value is better than the best one before by more than the minimum; NaN never is.

        Args:
            value: of the metric.
            best: the best one so far; None where there is none.
        """
        if best is None:
            return math.isfinite(value)
        return value < best - self.minimum if self.metric.endswith("loss") else value > best + self.minimum


@dataclass(frozen=True)
class Targets:
    """Accuracies at which a training ends: "95% in training and 80% in validation" is `Targets(0.95, 0.8)`.

    Args:
        accuracy: on the training pictures, 0..1; 0 asks for nothing.
        val_accuracy: on the held-out ones, likewise.

    Raises:
        InputError: one of them is no share, or none is asked for.

    Example:
        >>> import fieldguide as fg
        >>> fg.ScratchRecipe(targets=fg.Targets(0.95, 0.8)).targets.val_accuracy
        0.8
    """

    accuracy: float = 0.0
    val_accuracy: float = 0.0

    def __post_init__(self) -> None:
        for name in ("accuracy", "val_accuracy"):
            given = getattr(self, name)
            percent = isinstance(given, int | float) and 1.5 < given <= 100  # 1.2 is a slip, and no percentage
            expected = f"a share from 0 to 1, such as {given / 100 if percent else 0.8:g}"
            share = number(f"the target for {name}", given, expected, lambda share: 0 <= share <= 1)
            object.__setattr__(self, name, share)
        if not (self.accuracy or self.val_accuracy):
            raise InputError("a target of 0 for both accuracies is reached at once; expected shares such as 0.95.")

    def reached(self, epoch: Epoch) -> bool:
        """Whether an epoch has both accuracies.

        Args:
            epoch: that has ended.
        """
        return epoch.accuracy >= self.accuracy and epoch.val_accuracy >= self.val_accuracy


@dataclass(frozen=True)
class Progress:
    """How far the rules have come after some epochs: what a resumed training must know."""

    best: float | None = None  # of the metric of early stopping
    best_epoch: int = 0  # 0: there is none yet
    waited: int = 0  # epochs since then
    lowest_loss: float | None = None  # held-out, as "plateau" looks at it
    plateau: int = 0  # epochs since then, or since the last reduction
    reductions: int = 0  # of the rate, by "plateau"

    def prolonged(self) -> Progress:
        """The state with which a finished training goes on: the best epoch stays, and all counts begin anew."""
        return Progress(best=self.best, best_epoch=self.best_epoch)

    def after(self, epoch: Epoch, stopping: Stopping | None) -> Progress:
        """The state after one more epoch, as far as early stopping is concerned."""
        if stopping is None:
            return self
        value = getattr(epoch, stopping.metric)
        if stopping.improves(value, self.best):
            return replace(self, best=value, best_epoch=epoch.epoch, waited=0)
        return replace(self, waited=self.waited + 1)

    def on_plateau(self, epoch: Epoch, patience: int) -> Progress:
        """The state after one more epoch, as far as the schedule "plateau" is concerned; not for those of a warm-up."""
        if math.isfinite(epoch.val_loss) and (self.lowest_loss is None or epoch.val_loss < self.lowest_loss):
            return replace(self, lowest_loss=epoch.val_loss, plateau=0)
        if self.plateau + 1 >= patience:
            return replace(self, plateau=0, reductions=self.reductions + 1)
        return replace(self, plateau=self.plateau + 1)

    def to_dict(self) -> dict[str, object]:
        """The fields by name."""
        return asdict(self)
