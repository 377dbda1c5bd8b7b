"""Whether a training went at the right pace: a learning rate too high or too low, unsteady, or ended too early."""

from __future__ import annotations

import math

import numpy as np

from fieldguide.evaluation import remedies
from fieldguide.evaluation.ailment import (
    LIKELY,
    POSSIBLE,
    RATE_TOO_HIGH,
    RATE_TOO_LOW,
    SHOWN,
    UNFINISHED,
    UNSTABLE,
    Ailment,
    Figure,
)
from fieldguide.evaluation.case import Setup
from fieldguide.evaluation.evidence import percent, points
from fieldguide.evaluation.signs import (
    ABOVE,
    FAR_TO_GO,
    FEW_EPOCHS,
    LEARNT,
    STILL_FALLING,
    STUCK,
    Signs,
    above,
    smoothed,
)
from fieldguide.intervals import wilson
from fieldguide.training.optimiser import USUAL_RATES
from fieldguide.training.usual import usual_epochs
from fieldguide.words import counted

# Times the usual rate: more of it, and what has learnt nothing has not learnt it because of that. Up to ten times as
# much is what some networks learn best with, and what a search for the rate may propose.
HIGH = 10.0
LOW = 1 / 30  # likewise
FAR_TOO_HIGH = 30.0  # likewise: then it jumps about because of that
WORSE = 1.5  # times the loss of a blind guess: what has risen above that is wrong for sure, and not for want of epochs
FEWEST_TO_SWING = 6  # epochs
SWINGS = 0.04  # median change of the training accuracy from one epoch to the next: the pictures are the same
BREAKS = 0.10  # training accuracy lost within one epoch, twice: settled trainings lose a tenth of that
# As `STILL_FALLING`, where the rate goes to nothing meanwhile: that lowers the loss of a finished training too.
ANNEALED = 0.15
FAR_APART = 0.1  # training and held-out accuracy
MUCH_DROPOUT, MUCH_L2 = 0.7, 0.02  # with more a network is held back by that, however long it trains
EVEN_PACE = 0.5  # the last third brings this share of what the first third brought


def rate_too_high(signs: Signs) -> Ailment | None:
    """Whether the steps were so large that the training blew up, or never took hold.

    Args:
        signs: of the training.
    """
    setup = signs.case.setup
    lower = remedies.other_rate("Go in smaller steps", setup, 0.1)
    numbers = np.isfinite(signs.loss) & np.isfinite(signs.val_loss) & ~np.isinf(signs.column("fitted_loss"))
    if setup.stopped == "not finite" or not numbers.all():
        epoch = signs.case.epochs[int(np.argmin(numbers)) if not numbers.all() else -1].epoch
        sentence = f"The learning rate is too high: in epoch {epoch} the loss was no longer a number."
        return Ailment(RATE_TOO_HIGH, sentence, (_set_to(setup),), (), SHOWN, lower, since=epoch)
    if not signs.nothing_learnt:
        restless = _too_high_to_settle(signs, lower)
        if restless is not None or not (signs.hardly_learnt and _times_usual(setup) > HIGH):
            return restless
    best = wilson(float(np.max(smoothed(signs.accuracy))) * signs.n, signs.n)
    lost = best.low > signs.trained.high
    if not lost and not _times_usual(setup) > HIGH:
        return None
    fitted = signs.level("fitted_accuracy")
    if fitted > 0 and wilson(fitted * signs.n, signs.n).low > above(signs.commonest, ABOVE):
        return None  # the fit itself took hold: what it learnt is lost without the dropout that it saw
    evidence = [_blind(signs), _set_to(setup)]
    if lost:
        evidence.insert(1, f"It had recognised {best.percent} of them before, and lost that again.")
    return Ailment(
        RATE_TOO_HIGH,
        "The learning rate is too high: the training has not taken hold.",
        tuple(evidence),
        (Figure.of("accuracy on training pictures", signs.trained), Figure("training loss", signs.level("loss"))),
        LIKELY if _times_usual(setup) > 1 else POSSIBLE,
        lower,
    )


def _too_high_to_settle(signs: Signs, lower: remedies.Remedy) -> Ailment | None:
    """Whether it jumps about instead of learning its pictures, at a rate far above what one begins with."""
    jumps = unstable(signs)
    if jumps is None or signs.learnt or not _times_usual(signs.case.setup) >= FAR_TOO_HIGH:
        return None
    return Ailment(
        RATE_TOO_HIGH,
        f"The learning rate is too high: the training jumps about, and {signs.over_the_end} recognises "
        f"{percent(signs.trained)} of the pictures it learns from.",
        jumps.evidence,
        (Figure.of("accuracy on training pictures", signs.trained), *jumps.figures),
        LIKELY,
        lower,
    )


def unstable(signs: Signs) -> Ailment | None:
    """Whether the weights jump about instead of settling: the same training pictures fare now well, now badly.

    Args:
        signs: of the training.
    """
    stuck = signs.level("loss") > STUCK * signs.blind and signs.trained.value < above(signs.commonest, ABOVE)
    if signs.count < FEWEST_TO_SWING or stuck:  # chance jumps about too; a few spikes lift the mean of a loss
        return None
    steps = _late_steps(signs)
    swing, worst = float(np.median(np.abs(steps))), max(0.0, float(-steps.min()))
    if not _swings(steps) and (steps <= -BREAKS).sum() < 2:
        return None
    setup = signs.case.setup
    half = counted(len(steps), "epoch")
    evidence = (
        f"In the last {half} the accuracy on the same training pictures changed by {points(swing)} from one to the "
        f"next in the median, and fell by {points(worst)} at the worst."
    )
    figures = (Figure("median change of the training accuracy", swing), Figure("largest fall", worst))
    remedy = remedies.other_rate("Go in smaller steps, that shrink to nothing", setup, 0.3, schedule="cosine")
    return Ailment(
        UNSTABLE,
        f"The training is unstable: within an epoch its accuracy falls by up to {points(worst)}.",
        (evidence, _set_to(setup)),
        figures,
        SHOWN,
        remedy,
    )


def jump(signs: Signs) -> float:
    """By how much an unstable training jumps: the usual change of its accuracy, or the worst of a few breakdowns.

    Args:
        signs: of a training that is unstable.
    """
    steps = _late_steps(signs)
    return float(np.median(np.abs(steps)) if _swings(steps) else -steps.min())


def _late_steps(signs: Signs) -> np.ndarray:
    """Changes of the training accuracy from epoch to epoch in the second half, float64."""
    return np.diff(signs.accuracy[signs.count // 2 - 1 :])


def _swings(steps: np.ndarray) -> bool:
    return bool(np.median(np.abs(steps)) >= SWINGS and (steps <= -SWINGS / 2).sum() >= 2)  # up alone is learning


def rate_too_low(signs: Signs) -> Ailment | None:
    """Whether the steps are so small that hardly anything was learnt in all these epochs.

    Args:
        signs: of the training.
    """
    if signs.learnt or signs.count < 3:
        return None
    setup, pace = signs.case.setup, signs.pace
    slow = _times_usual(setup) <= LOW
    even = pace.steady and pace.last >= EVEN_PACE * pace.first and signs.level("loss") > FAR_TO_GO * signs.blind
    if not slow and not (even and not setup.varies and _times_usual(setup) < 1):
        return None
    if not slow and signs.gap.low > FAR_APART:  # what it learns helps no unseen pictures, however quickly it comes
        return None
    little = f"recognises only {percent(signs.trained)} of the pictures it learns from"
    if signs.trained.value >= LEARNT:  # which is what one class is of all
        little = "does hardly better than naming the commonest class each time"
    return Ailment(
        RATE_TOO_LOW,
        f"The learning rate is too low: after {counted(signs.count, 'epoch')} it {little}.",
        (_fall(signs), _set_to(setup)),
        (Figure.of("accuracy on training pictures", signs.trained), Figure("training loss", signs.level("loss"))),
        LIKELY if slow and pace.steady else POSSIBLE,
        remedies.other_rate("Go in larger steps", setup, 10.0),
    )


def unfinished(signs: Signs) -> Ailment | None:
    """Whether it was still learning, for held-out pictures too, when it ended.

    Args:
        signs: of the training.
    """
    if signs.learnt or signs.case.setup.stopped:
        return None
    if hardly_begun(signs):
        return _hardly_begun(signs)
    pace, setup = signs.pace, signs.case.setup
    if held_back(setup):  # then it learns slowly because of that
        return None
    seldom = (
        setup.varies
        and not held_back(setup, 0.0, 0.0)
        and signs.looked_at_seldom
        and signs.best_is_late
        and signs.val_loss[-1] < signs.val_loss[0]
    )
    worse = signs.rose_again and signs.gap.low > FAR_APART
    few = signs.count < FEW_EPOCHS and bool(signs.loss[-1] < signs.loss[0]) and not worse
    brief = few or seldom
    if not brief and signs.gap.low > FAR_APART:  # then more epochs would only widen the gap
        return None
    if not brief and not (signs.best_is_late and pace.steady):
        return None
    falling = pace.steady and pace.end >= (ANNEALED if setup.schedule in ("cosine", "one_cycle") else STILL_FALLING)
    if not brief and not falling:
        return None
    epochs = counted(signs.count, "epoch")
    best = f"The loss on held-out pictures was lowest {signs.in_best} of {signs.count}."
    if falling:
        learning, told = f"after {epochs} it was still learning", _fall(signs)
        figure = Figure("share of the training loss that the last third took off", pace.end)
    elif seldom:
        learning, told = f"after {epochs} it has hardly begun", _on_looks(signs)
        figure = Figure("share of the usual looks", signs.looks / signs.usual_looks)
    else:
        learning, told = f"of {epochs} nobody can tell that it learns no more", _fall(signs)
        figure = Figure("share of the usual epochs", signs.count / usual_epochs(sum(signs.case.counts)))
    remedy = remedies.longer(setup, signs.count, usual_epochs(sum(signs.case.counts)) if seldom else 0)
    sentence = f"It was not trained to the end: {learning}."
    return Ailment(UNFINISHED, sentence, (told, best), (figure,), LIKELY, remedy)


def hardly_begun(signs: Signs) -> bool:
    """Whether so few epochs taught it next to nothing that they alone explain it; of one epoch nobody can tell more.

    It is seen on training pictures. Where something holds it back, or the loss has risen, more epochs are no remedy.

    Args:
        signs: of the training.
    """
    setup = signs.case.setup
    if signs.learnt or setup.stopped or signs.count >= FEW_EPOCHS:
        return False
    rose = signs.loss[-1] > max(signs.loss[0], WORSE * signs.blind)
    return signs.count == 1 or bool(
        signs.looked_at_seldom and signs.nothing_learnt and not rose and not held_back(setup)
    )


def _on_looks(signs: Signs) -> str:
    """How often the pictures were looked at, and how often so many usually are."""
    pictures = sum(signs.case.counts)
    return (
        f"Its {pictures:,} pictures were looked at {signs.looks:,} times in all; {signs.usual_looks:,} times, in "
        f"{usual_epochs(pictures)} epochs, are usual for so many."
    )


def _hardly_begun(signs: Signs) -> Ailment:
    epochs = "one epoch" if signs.count == 1 else counted(signs.count, "epoch")
    seldom = signs.case.setup.varies and signs.looked_at_seldom  # unvaried, they are learnt in fewer looks
    return Ailment(
        UNFINISHED,
        f"It was not trained to the end: of {epochs} nobody can tell what it would learn.",
        (*([_on_looks(signs)] if seldom else []), _blind(signs)),
        (Figure.of("accuracy on training pictures", signs.trained),),
        LIKELY,
        remedies.longer(signs.case.setup, signs.count, usual_epochs(sum(signs.case.counts)))
        if seldom
        else remedies.longer(signs.case.setup, max(signs.count, FEW_EPOCHS)),
    )


def held_back(setup: Setup, dropout: float = MUCH_DROPOUT, l2: float = MUCH_L2) -> bool:
    """Whether more than so much is taken out, or kernels are held to be small by more than so much.

    Args:
        setup: of a training.
        dropout: share of the values.
        l2: penalty.
    """
    return max(setup.dropout, setup.block_dropout) > dropout or setup.l2 > l2


def _times_usual(setup: Setup) -> float:
    """The rate as a multiple of what one begins with; NaN where it is not known."""
    usual = USUAL_RATES.get(setup.optimiser or "")
    return math.nan if setup.rate is None or usual is None else setup.rate / usual


def _set_to(setup: Setup) -> str:
    if setup.rate is None:
        return "The learning rate is not known."
    usual = USUAL_RATES.get(setup.optimiser or "")
    compared = f"; {setup.optimiser} usually begins with {usual:g}" if usual else ""
    return f"The learning rate was {setup.rate:g}{compared}."


def _blind(signs: Signs) -> str:
    return (
        f"{signs.ending} it recognises {signs.trained.percent} of its own training pictures, and naming the commonest "
        f"class each time would be right for {100 * signs.commonest:.1f}%."
    )


def _fall(signs: Signs) -> str:
    loss = signs.shown("loss")
    falls = int((np.diff(signs.loss) < 0).sum())
    return (
        f"The loss on training pictures fell in {falls} of {signs.count - 1} epochs, from {loss[0]:.3f} to "
        f"{loss[-1]:.3f}; a blind guess has {signs.blind:.3f}."
    )
