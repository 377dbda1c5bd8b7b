"""How weights are changed: the optimiser's settings, and its learning rate at every step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from fieldguide.bounds import number, whole
from fieldguide.errors import InputError
from fieldguide.words import counted

if TYPE_CHECKING:
    import keras

OPTIMISERS = ("adamw", "adam", "sgd", "rmsprop")
SCHEDULES = ("cosine", "one_cycle", "plateau", "constant")
ONE_CYCLE_RISE = 0.3  # share of the steps in which the rate of "one_cycle" rises
ONE_CYCLE_START = 25.0  # its first rate is the peak divided by this
# Where none is given. That of "adamw" is for networks with batch norm, a cosine and clipped gradients, as here.
USUAL_RATES: Mapping[str, float] = MappingProxyType({"adamw": 3e-3, "adam": 1e-3, "sgd": 0.01, "rmsprop": 1e-3})
# adam and rmsprop have none: adam with it is adamw.
USUAL_DECAYS: Mapping[str, float] = MappingProxyType({"adamw": 0.05, "adam": 0.0, "sgd": 0.05, "rmsprop": 0.0})
USUAL_PATIENCE = 5  # epochs, of "plateau"
LARGEST_RATE = 10.0
CLIPPED_AT = 1.0  # of the length of all gradients together, with which no single batch can throw the weights far


@dataclass(frozen=True)
class Optimiser:
    """An optimiser and its schedule.

    Args:
        name: "adamw", "adam", "sgd" (with Nesterov's momentum) or "rmsprop".
        rate: the learning rate, at its peak; if it is not given, the usual one of its kind, as in `USUAL_RATES`.
        schedule: "cosine" falls to 0 along a cosine; "one_cycle" rises, then falls; "plateau" divides the rate whenever
            the held-out loss no longer falls, once it has warmed up; "constant" keeps it from then on.
        warm_up: share of the steps in which the rate first rises from 0; "one_cycle" has its own.
        weight_decay: by which weights shrink, times the rate, in each step; of convolutions and dense layers only, and
            of "adamw" and "sgd" only; if it is not given, the usual one, as in `USUAL_DECAYS`.
        momentum: of "sgd".
        patience: epochs without a lower held-out loss before "plateau" divides the rate; if it is not given, a third of
            that of early stopping, or 5 without it.
        divisor: by which it does so.

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> optimiser = Optimiser("sgd", rate=0.1, schedule="cosine", warm_up=0.1)
        >>> [round(optimiser.rate_at(step, 100), 3) for step in (0, 9, 55, 99)]
        [0.01, 0.1, 0.05, 0.0]

    Source:
        I. Loshchilov, F. Hutter (2017), "SGDR: stochastic gradient descent with warm restarts", ICLR, arXiv 1608.03983
        (cosine); I. Loshchilov, F. Hutter (2019), "Decoupled weight decay regularization", ICLR, arXiv 1711.05101;
        L. Smith, N. Topin (2018), "Super-convergence", arXiv 1708.07120 (one cycle).
    """

    name: str = "adamw"
    rate: float = None  # type: ignore[assignment]  # a number once it is made
    schedule: str = "cosine"
    warm_up: float = 0.1
    weight_decay: float = None  # type: ignore[assignment]  # likewise
    momentum: float = 0.9
    patience: int | None = None
    divisor: float = 5.0

    def __post_init__(self) -> None:
        for field, allowed in (("name", OPTIMISERS), ("schedule", SCHEDULES)):
            if getattr(self, field) not in allowed:
                what = "optimiser" if field == "name" else field
                raise InputError(f"{what} is {getattr(self, field)!r}; expected one of {', '.join(allowed)}.")
        self._fill_in()
        limits = {
            "rate": (0, LARGEST_RATE, "such as 0.001"),
            "warm_up": (0, 1, "a share of the steps"),
            "weight_decay": (0, 1, "such as 0.05"),
            "momentum": (0, 1, "such as 0.9"),
            "divisor": (1, 1000, "such as 5"),
        }
        for field, (low, high, hint) in limits.items():
            opening = "above" if field in ("rate", "divisor") else "from"
            closing = "below" if field in ("warm_up", "momentum") else "at most"
            expected = f"a number {opening} {low:g} and {closing} {high:g}, {hint}"
            inside = partial(_inside, low=low, high=high, opening=opening, closing=closing)
            object.__setattr__(self, field, number(field, getattr(self, field), expected, inside))
        if self.patience is not None:
            patience = whole("patience", self.patience, "a whole number, 1 or larger")
            object.__setattr__(self, "patience", patience)
        if self.weight_decay and not USUAL_DECAYS[self.name]:
            raise InputError(
                f"weight_decay is {self.weight_decay:g}, and {self.name} has none: take adamw or sgd, or leave it out."
            )

    def _fill_in(self) -> None:
        """What was not given is what is usual for this kind."""
        for field, usual in (("rate", USUAL_RATES), ("weight_decay", USUAL_DECAYS)):
            if getattr(self, field) is None:
                object.__setattr__(self, field, usual[self.name])

    def __str__(self) -> str:
        of = "" if self.patience is None else f" of {counted(self.patience, 'epoch')}"
        schedule = {
            "cosine": "falling along a cosine",
            "one_cycle": "in one cycle",
            "plateau": f"divided by {self.divisor:g} on a plateau{of}",
            "constant": "constant",
        }[self.schedule]
        return f"{self.name}, rate {self.rate:g} {schedule}"

    def rate_at(self, step: int, steps: int, reductions: int = 0) -> float:
        """The learning rate of one step.

        Args:
            step: its number, from 0.
            steps: how many there are in all.
            reductions: how often "plateau" has divided the rate.

        Example:
            >>> Optimiser(rate=0.1, schedule="plateau", warm_up=0).rate_at(700, 1000, reductions=1)
            0.02
        """
        if self.schedule == "one_cycle":
            rise = max(1, round(ONE_CYCLE_RISE * steps))
            first = self.rate / ONE_CYCLE_START
            if step < rise:
                return first + (self.rate - first) * 0.5 * (1 - math.cos(math.pi * (step + 1) / rise))
            return self.rate * _cosine(step - rise, steps - rise)
        warm_up = round(self.warm_up * steps)
        if self.warming(step, steps):
            return self.rate * (step + 1) / warm_up
        if self.schedule == "cosine":
            return self.rate * _cosine(step - warm_up, steps - warm_up)
        return self.rate / self.divisor**reductions

    def warming(self, step: int, steps: int) -> bool:
        """Whether the rate of this step is one of those that rise at first; "one_cycle" has no such.

        Args:
            step: its number, from 0.
            steps: how many there are in all.
        """
        return self.schedule != "one_cycle" and step < round(self.warm_up * steps)

    def to_dict(self) -> dict[str, object]:
        """The settings by name."""
        return asdict(self)

    def build(self) -> keras.optimizers.Optimizer:
        """Keras's optimiser of this kind; its rate is set before each step, and norms and biases do not shrink."""
        import keras

        made: keras.optimizers.Optimizer
        if self.name == "adamw":
            made = keras.optimizers.AdamW(self.rate, weight_decay=self.weight_decay, global_clipnorm=CLIPPED_AT)
        elif self.name == "adam":
            made = keras.optimizers.Adam(self.rate)
        elif self.name == "sgd":
            made = keras.optimizers.SGD(
                self.rate,
                self.momentum,
                nesterov=True,
                weight_decay=self.weight_decay or None,
                global_clipnorm=CLIPPED_AT,
            )
        else:
            made = keras.optimizers.RMSprop(self.rate, momentum=0.0)
        if made.weight_decay:
            made.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return made


def _inside(value: float, *, low: float, high: float, opening: str, closing: str) -> bool:
    above = low < value if opening == "above" else low <= value
    return above and (value < high if closing == "below" else value <= high)


def _cosine(step: int, steps: int) -> float:
    """From 1 at step 0 towards 0, which it would have after the last one, along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, steps))))
