"""How weights are changed: the optimiser's settings, and its learning rate at every step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from fieldguide.errors import InputError

if TYPE_CHECKING:
    import keras

OPTIMISERS = ("adamw", "adam", "sgd", "rmsprop")
SCHEDULES = ("cosine", "one_cycle", "plateau", "constant")
ONE_CYCLE_RISE = 0.3  # share of the steps in which the rate of "one_cycle" rises
ONE_CYCLE_START = 25.0  # its first rate is the peak divided by this
# Where none is given. That of "adamw" is for networks with batch norm, a cosine and clipped gradients, as here.
USUAL_RATES: Mapping[str, float] = MappingProxyType({"adamw": 3e-3, "adam": 1e-3, "sgd": 0.01, "rmsprop": 1e-3})
LARGEST_RATE = 10.0
CLIPPED_AT = 1.0  # of the length of all gradients together, with which no single batch can throw the weights far


@dataclass(frozen=True)
class Optimiser:
    """An optimiser and its schedule.

    Args:
        name: "adamw", "adam", "sgd" (with Nesterov's momentum) or "rmsprop".
        rate: the learning rate, at its peak; if it is not given, the usual one of its kind, as in `USUAL_RATES`.
        schedule: "cosine" falls to 0 along a cosine; "one_cycle" rises, then falls; "plateau" divides the rate whenever
            the held-out loss no longer falls; "constant" keeps it.
        warm_up: share of the steps in which the rate first rises from 0; "one_cycle" has its own.
        weight_decay: by which weights shrink, times the rate, in each step; of convolutions and dense layers only.
        momentum: of "sgd".
        patience: epochs without a lower held-out loss before "plateau" divides the rate.
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
    weight_decay: float = 0.05
    momentum: float = 0.9
    patience: int = 5
    divisor: float = 5.0

    def __post_init__(self) -> None:
        for field, allowed in (("name", OPTIMISERS), ("schedule", SCHEDULES)):
            if getattr(self, field) not in allowed:
                what = "optimiser" if field == "name" else field
                raise InputError(f"{what} is {getattr(self, field)!r}; expected one of {', '.join(allowed)}.")
        object.__setattr__(self, "rate", _rate(self.name, self.rate))
        limits = {
            "rate": (0, LARGEST_RATE, "such as 0.001"),
            "warm_up": (0, 1, "a share of the steps"),
            "weight_decay": (0, 1, "such as 0.05"),
            "momentum": (0, 1, "such as 0.9"),
            "divisor": (1, 1000, "such as 5"),
        }
        for field, (low, high, hint) in limits.items():
            number = getattr(self, field)
            above = low < number if field in ("rate", "divisor") else low <= number
            below = number < high if field in ("warm_up", "momentum") else number <= high
            if not (above and below):
                opening = "above" if field in ("rate", "divisor") else "from"
                closing = "below" if field in ("warm_up", "momentum") else "at most"
                raise InputError(
                    f"{field} is {number!r}; expected a number {opening} {low:g} and {closing} {high:g}, {hint}."
                )
        if not isinstance(self.patience, int) or self.patience < 1:
            raise InputError(f"patience is {self.patience!r}; expected a whole number, 1 or larger.")

    def __str__(self) -> str:
        schedule = {
            "cosine": "falling along a cosine",
            "one_cycle": "in one cycle",
            "plateau": f"divided by {self.divisor:g} on a plateau of {self.patience} epochs",
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
        if step < warm_up:
            return self.rate * (step + 1) / warm_up
        if self.schedule == "cosine":
            return self.rate * _cosine(step - warm_up, steps - warm_up)
        return self.rate / self.divisor**reductions

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


def _rate(name: str, given: float | None) -> float:
    return USUAL_RATES[name] if given is None else given


def _cosine(step: int, steps: int) -> float:
    """From 1 at step 0 towards 0, which it would have after the last one, along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, steps))))
