"""Finding a learning rate: the loss while the rate rises from far too low to far too high."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fieldguide import console
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError
from fieldguide.training.learner import Learner
from fieldguide.training.precision import chosen_precision
from fieldguide.training.scratch_recipe import ScratchRecipe

LOWEST, HIGHEST = 1e-6, 1.0
FEWEST_STEPS, STEPS = 20, 100
MEMORY = 0.9  # of the running mean of the loss
BURST = 3.0  # a loss so many times the lowest one ends the search: beyond is nothing to be learnt
SAFETY = 5.0  # what is suggested is the rate of the lowest loss divided by this


@dataclass(frozen=True)
class RateSearch:
    """The loss at every rate that was tried, and the rate to begin with.

    Example:
        >>> search = RateSearch((1e-4, 1e-3, 1e-2, 1e-1), (0.70, 0.68, 0.60, 0.90), "adamw")
        >>> search.suggested
        0.002
        >>> print(search)
        rate 0.002 for adamw: the loss was lowest at 0.01 and grew beyond; a fifth of that is safe
    """

    rates: tuple[float, ...]  # rising
    losses: tuple[float, ...]  # running means, in nats
    optimiser: str

    @property
    def lowest(self) -> float:
        """The rate at which the loss was lowest."""
        return self.rates[int(np.argmin(self.losses))]

    @property
    def suggested(self) -> float:
        """The rate to begin with, to one figure."""
        return float(f"{self.lowest / SAFETY:.0e}")

    @property
    def learnt(self) -> bool:
        """Whether the loss fell at all: if not, nothing is suggested in earnest."""
        return min(self.losses) < 0.98 * self.losses[0]

    def __str__(self) -> str:
        if not self.learnt:
            return (
                f"no rate for {self.optimiser} can be told: the loss hardly fell in {len(self.rates)} steps "
                f"({self.losses[0]:.3f} to {min(self.losses):.3f}); try more pictures or a larger batch"
            )
        grew = "grew beyond" if self.lowest < self.rates[-1] else "had not grown by the end"
        return (
            f"rate {self.suggested:g} for {self.optimiser}: the loss was lowest at {self.lowest:.2g} and {grew}; a "
            "fifth of that is safe"
        )

    def to_dict(self) -> dict[str, object]:
        """The search, ready for JSON."""
        return {
            "suggested": self.suggested if self.learnt else None,
            "lowest": self.lowest,
            "optimiser": self.optimiser,
            "rates": list(self.rates),
            "losses": list(self.losses),
        }


def find_rate(store: PixelStore, recipe: ScratchRecipe, *, steps: int = STEPS) -> RateSearch:
    """The loss of the recipe's network at rates from 1e-6 to 1, each step at a higher one, and the rate to begin with.

    The network is thrown away afterwards. Pictures are varied and mixed as in a training, but always at the network's
    own size: the recipe's growth is left aside, and so is its margin, so that crops are of pictures kept at that size.

    Args:
        store: the training pictures, at the recipe's `target_size`.
        recipe: whose rate and schedule are left aside.
        steps: between the two rates, 20 or more.

    Raises:
        InputError: the steps are too few, or the store is of another size.

    Source:
        L. Smith (2017), "Cyclical learning rates for training neural networks", WACV, section 3.3 (the range test);
        the running mean with its bias taken off: D. Kingma, J. Ba (2015), "Adam", ICLR, section 3.

    Example:
        >>> import fieldguide as fg
        >>> recipe = fg.ScratchRecipe().with_(net=fg.Net(size="tiny", target_size=(32, 32)))
        >>> store = fg.PixelStore.build(fg.Dataset.from_directory("photos"), target_size=(32, 32))
        >>> 0 < fg.find_rate(store, recipe, steps=20).lowest <= 1
        True
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < FEWEST_STEPS:
        raise InputError(f"steps is {steps!r}; expected a whole number, {FEWEST_STEPS} or larger.")
    if store.target_size != recipe.target_size:
        raise InputError(f"the pictures are kept at {store.target_size}, and the network takes {recipe.target_size}.")
    batches = recipe.batches(store, np.arange(len(store)))
    precision = chosen_precision(recipe.precision)
    learner = Learner(recipe.with_(average=0.0), batches.classes, steps=len(batches), precision=precision)
    rates: list[float] = []
    losses: list[float] = []
    running, epoch = 0.0, 0
    with console.progress("Trying rates", steps) as bar:
        while len(rates) < steps:
            epoch += 1
            learner.begin(epoch)
            for batch in batches.epoch(epoch):
                rate = LOWEST * (HIGHEST / LOWEST) ** (len(rates) / (steps - 1))
                loss, _ = learner.learn(batch, rate)  # of the weights before this step
                bar.advance()
                if not math.isfinite(loss):
                    return _search(rates, losses, recipe)
                running = MEMORY * running + (1 - MEMORY) * loss
                rates.append(rate)
                losses.append(running / (1 - MEMORY ** len(rates)))
                if losses[-1] > BURST * min(losses) or len(rates) == steps:
                    return _search(rates, losses, recipe)
    return _search(rates, losses, recipe)


def _search(rates: list[float], losses: list[float], recipe: ScratchRecipe) -> RateSearch:
    return RateSearch(tuple(rates), tuple(losses), recipe.optimiser.name)
