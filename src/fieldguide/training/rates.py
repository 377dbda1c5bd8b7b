"""Finding a learning rate: the loss while the rate rises from far too low to far too high."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from fieldguide import console
from fieldguide.batches import Batches, Mixing
from fieldguide.data.arguments import said
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError, InputTypeError
from fieldguide.training.learner import Learner
from fieldguide.training.optimiser import USUAL_RATES
from fieldguide.training.precision import chosen_precision
from fieldguide.training.scratch_recipe import ScratchRecipe

LOWEST, HIGHEST = 1e-5, 1.0
FEWEST_STEPS, STEPS = 20, 100
PASSES = 5  # each from its own random weights, on its own pictures: what one of them says may be chance
POOL = 2  # batches that a pass learns from, again and again: so few that a good rate has them learnt within the pass
SMOOTHED = 0.15  # decades of the rate, the standard deviation of the bell by which losses are averaged
ROOM = 2.0  # a loss so many times the first ones counts as no more than that, and one far beyond ends the pass
SINK = 0.8  # of the first losses: below, a pass has learnt, and ends once half of what it won is lost again
GROWN = 0.1  # of what the loss fell by: once it has grown by so much again, the rate is too high
# By which the rate from which the loss grows is divided; where it is lowest below that, more is. Settled with a look at
# benchmarks/results/rate_search.csv: the steps of Adam go on where they went, so that its loss grows late.
SAFETY = MappingProxyType({"adam": 8, "adamw": 8, "sgd": 4, "rmsprop": 2})
PARTS = MappingProxyType({8: "an eighth", 4: "a quarter", 2: "half"})
SURE = 4.0  # standard errors that the loss must fall
SPREAD = 6.0  # the most by which the middle half of the passes may differ in where the loss grows


@dataclass(frozen=True)
class RateSearch:
    """The loss at every rate that was tried, and the rate to begin with.

    Example:
        >>> search = RateSearch((1e-4, 1e-3, 1e-2, 1e-1), (0.70, 0.60, 0.50, 0.90), "adamw")
        >>> search.suggested
        0.01
        >>> print(search)
        rate 0.01 for adamw: the loss was lowest at 0.01 and grew from 0.1; this is where it was lowest
    """

    rates: tuple[float, ...]  # rising
    losses: tuple[float, ...]  # smoothed, the median of the passes, in nats
    optimiser: str
    places: tuple[float, ...] = ()  # the rate from which the loss grew in each pass; inf where it did not
    error: float = 0.0  # standard error of a loss, by the scatter of the batches

    @property
    def lowest(self) -> float:
        """The rate at which the loss was lowest."""
        return self.rates[int(np.argmin(self.losses))]

    @property
    def grown(self) -> float:
        """The rate from which the loss grew, in the median of the passes; inf if it did not."""
        if self.places:
            return float(np.median(self.places))
        return _grown(np.array(self.rates), np.array(self.losses), self.error)

    @property
    def between(self) -> tuple[float, float]:
        """Quartiles of where the loss grew, each the rate of one pass: the middle three of five lie between them."""
        if not self.places:
            return self.grown, self.grown
        low, high = np.percentile(self.places, 25, method="lower"), np.percentile(self.places, 75, method="higher")
        return float(low), float(high)

    @property
    def suggested(self) -> float | None:
        """The rate to begin with, to one figure; None where the search does not tell one."""
        return _to_one_figure(self.grown / SAFETY[self.optimiser], self.lowest) if self.learnt else None

    @property
    def usual(self) -> float:
        """The rate that is taken where none is asked for: the one to begin with where the search does not tell one."""
        return USUAL_RATES[self.optimiser]

    @property
    def learnt(self) -> bool:
        """Whether the search tells a rate."""
        return not self.doubt

    @property
    def doubt(self) -> str:
        """Why no rate can be told; empty if one can."""
        first, least = self.losses[0], min(self.losses)
        if first - least < max(SURE * self.error, 0.05 * first):
            return f"the loss hardly fell ({first:.3f} to {least:.3f}, give or take {self.error:.3f})"
        if math.isinf(self.grown):
            return f"the loss had not grown again by the rate {self.rates[-1]:.2g}"
        low, high = self.between
        if high > SPREAD * low:
            places = ", ".join("nowhere" if math.isinf(place) else f"{place:.1g}" for place in sorted(self.places))
            return f"the loss grew from a rate of its own in each pass ({places})"
        return ""

    def __str__(self) -> str:
        if self.doubt:
            return f"no rate for {self.optimiser} can be told: {self.doubt}; begin with the usual one, {self.usual:g}"
        divisor = SAFETY[self.optimiser]
        where = f"{PARTS[divisor]} of that" if self.grown / divisor <= self.lowest else "where it was lowest"
        low, high = self.between
        spread = f" (from {low:.2g} to {high:.2g} in the middle half of the passes)" if self.places else ""
        return (
            f"rate {self.suggested:g} for {self.optimiser}: the loss was lowest at {self.lowest:.2g} and grew from "
            f"{self.grown:.2g}{spread}; this is {where}"
        )

    def to_dict(self) -> dict[str, object]:
        """The search, ready for JSON."""
        return {
            "suggested": self.suggested,
            "usual": self.usual,
            "doubt": self.doubt,
            "lowest": self.lowest,
            "grown": _finite(self.grown),
            "between": [_finite(place) for place in self.between],
            "places": [_finite(place) for place in self.places],
            "error": self.error,
            "optimiser": self.optimiser,
            "rates": list(self.rates),
            "losses": list(self.losses),
        }


def find_rate(store: PixelStore, recipe: ScratchRecipe | None = None, *, steps: int = STEPS) -> RateSearch:
    """The loss of the recipe's network at rates from 1e-5 to 1, each step at a higher one, and the rate to begin with.

    Five passes, each from random weights of its own, learn two batches of pictures by heart; the networks are thrown
    away afterwards. Pictures are as they are, neither varied nor mixed: within so few steps nothing is learnt of
    pictures that never come twice, and the lowest of their losses is chance. The network is shown them at its own size:
    the recipe's growth and margin are left aside.

    Args:
        store: the training pictures, at the recipe's `target_size`.
        recipe: whose rate and schedule are left aside; by default the one that fits the pictures, at the store's size.
        steps: of each pass, between the two rates, 20 or more. A pass ends sooner once what it learnt is lost again.

    Raises:
        InputTypeError: the store or the recipe is of another kind.
        InputError: the steps are too few, or the store is of another size.

    Source:
        L. Smith (2017), "Cyclical learning rates for training neural networks", WACV, section 3.3 (the range test).

    Example:
        >>> import fieldguide as fg
        >>> recipe = fg.ScratchRecipe().with_(net=fg.Net(size="tiny", target_size=(32, 32)))
        >>> store = fg.PixelStore.build(fg.Dataset.from_directory("photos"), target_size=(32, 32))
        >>> 0 < fg.find_rate(store, recipe, steps=20).lowest <= 1
        True
    """
    if not isinstance(store, PixelStore):
        raise InputTypeError(
            f"store is {said(store)}; expected a PixelStore, such as fg.PixelStore.build(parts.train, "
            "target_size=recipe.target_size), which holds a data set's pictures at the size of the recipe's network."
        )
    if recipe is None:
        fitting = ScratchRecipe.auto(store)
        recipe = fitting.with_(net=replace(fitting.net, target_size=store.target_size))
    if not isinstance(recipe, ScratchRecipe):
        raise InputTypeError(
            f"recipe is {said(recipe)}; expected a ScratchRecipe, such as fg.ScratchRecipe.auto(parts.train)."
        )
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < FEWEST_STEPS:
        raise InputError(f"steps is {steps!r}; expected a whole number, {FEWEST_STEPS} or larger.")
    if store.target_size != recipe.target_size:
        raise InputError(f"the pictures are kept at {store.target_size}, and the network takes {recipe.target_size}.")
    plain = recipe.with_(augment=None, mixing=Mixing(), average=0.0)
    rates = LOWEST * (HIGHEST / LOWEST) ** (np.arange(steps) / (steps - 1))
    precision = chosen_precision(recipe.precision)
    passes: list[list[float]] = []
    learner: Learner | None = None
    with console.progress("Trying rates", PASSES * steps, percent=True) as bar:
        for number in range(PASSES):
            batches = plain.batches(store, _pool(store, plain, number))
            fresh = Learner(
                plain.with_(seed=plain.seed + number), batches.classes, steps=len(batches), precision=precision
            )
            if learner is None:
                learner = fresh
            else:  # the first one is compiled already
                learner.restore(fresh.arrays())
            passes.append(_pass(learner, batches, rates, number, bar))
    return _search(rates, passes, recipe.optimiser.name)


def _pool(store: PixelStore, recipe: ScratchRecipe, number: int) -> np.ndarray:
    """The rows that a pass learns from, as many of each class as there are: int64 (n,).

    Of a rare class there might be none else, and a constant answer is learnt at any rate.
    """
    rows = np.random.default_rng((recipe.seed, number)).permutation(len(store))
    labels = store.dataset.labels[rows]
    turns = np.empty(len(rows), np.int64)  # the how manieth of its class each one is
    for label in np.unique(labels):
        turns[labels == label] = np.arange(np.count_nonzero(labels == label))
    return np.sort(rows[np.argsort(turns, kind="stable")[: POOL * recipe.batch_size]])


def _pass(learner: Learner, batches: Batches, rates: np.ndarray, number: int, bar: console.Progress) -> list[float]:
    """The loss at each rate, of the weights before that step, until it is lost for good."""
    losses: list[float] = []
    epoch = number * len(rates)
    while len(losses) < len(rates):
        epoch += 1
        learner.begin(epoch)
        for batch in batches.epoch(epoch):
            loss, _ = learner.learn(batch, float(rates[len(losses)]))
            bar.advance()
            losses.append(loss)
            if len(losses) == len(rates) or _lost(losses, len(rates)):
                bar.advance(len(rates) - len(losses))
                return losses
    return losses


def _lost(losses: list[float], steps: int) -> bool:
    """Whether nothing more can come of a pass."""
    if not math.isfinite(losses[-1]):
        return True
    window = max(POOL, round(0.3 * _in_decade(steps)))
    if len(losses) < 2 * window:
        return False
    means = np.convolve(losses, np.ones(window) / window, "valid")
    first, least, last = means[0], means.min(), means[-1]
    return bool(last > 2 * ROOM * first or (least < SINK * first and last > (first + least) / 2))


def _in_decade(steps: int) -> float:
    """Steps in which the rate grows tenfold."""
    return (steps - 1) / math.log10(HIGHEST / LOWEST)


def _search(rates: np.ndarray, passes: list[list[float]], optimiser: str) -> RateSearch:
    """What the passes say together."""
    curves, scatter, places = [], [], []
    steps = max(len(losses) for losses in passes)
    bell = _bell(len(rates))
    for losses in passes:
        ceiling = ROOM * float(np.mean(losses[: max(POOL, len(rates) // 10)]))
        # A pass that ended sooner was lost: what would have come after is as bad as can be.
        filled = np.full(steps, ceiling)
        filled[: len(losses)] = np.minimum(np.nan_to_num(losses, nan=ceiling, posinf=ceiling), ceiling)
        curve = _averaged(filled, bell)
        curves.append(curve)
        until = max(POOL + 1, int(np.argmin(curve)))
        variance = float(np.mean((filled[:until] - curve[:until]) ** 2) * (bell**2).sum())
        scatter.append(variance)
        places.append(_grown(rates[:steps], curve, math.sqrt(variance)))
    return RateSearch(
        tuple(float(rate) for rate in rates[:steps]),
        tuple(float(loss) for loss in np.median(curves, axis=0)),
        optimiser,
        tuple(places),
        math.sqrt(float(np.mean(scatter)) / len(passes)),
    )


def _grown(rates: np.ndarray, losses: np.ndarray, error: float) -> float:
    """The first rate beyond that of the lowest loss at which it is surely higher again; inf if there is none."""
    at = int(np.argmin(losses))
    beyond = losses[at:] > losses[at] + max(GROWN * float(losses[0] - losses[at]), 2 * error)
    return float(rates[at + int(np.argmax(beyond))]) if beyond.any() else math.inf


def _to_one_figure(rate: float, most: float) -> float:
    """The rate, or the largest one if it is above that, to one figure and no larger than the largest."""
    rounded = float(f"{min(rate, most):.0e}")
    step = 10.0 ** math.floor(math.log10(rounded))
    return rounded if rounded <= most else float(f"{rounded - step if rounded > step else 0.9 * step:.0e}")


def _finite(rate: float) -> float | None:
    """The rate, or None where there is none, as JSON has it."""
    return None if math.isinf(rate) else rate


def _bell(steps: int) -> np.ndarray:
    """Weights of neighbouring steps, which sum to 1: float64 (n,), n odd."""
    width = SMOOTHED * _in_decade(steps)
    reach = np.arange(-math.ceil(3 * width), math.ceil(3 * width) + 1)
    weights = np.exp(-0.5 * (reach / width) ** 2)
    return weights / weights.sum()


def _averaged(losses: np.ndarray, bell: np.ndarray) -> np.ndarray:
    """The losses, each averaged with its neighbours; at the ends with those that there are."""
    reach = len(bell) // 2
    sums = np.convolve(np.pad(losses, reach), bell, "valid")
    return sums / np.convolve(np.pad(np.ones(len(losses)), reach), bell, "valid")
