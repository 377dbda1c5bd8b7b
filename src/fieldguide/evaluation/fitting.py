"""How well a training fits its pictures: by heart, too little, well, or held back too much."""

from __future__ import annotations

import numpy as np

from fieldguide.evaluation import remedies
from fieldguide.evaluation.ailment import (
    AUGMENTATION,
    GOOD,
    LIKELY,
    OVERFITTING,
    POSSIBLE,
    SHOWN,
    UNCLEAR,
    UNDERFITTING,
    Ailment,
    Figure,
)
from fieldguide.evaluation.case import Case
from fieldguide.evaluation.evidence import interval, percent, points
from fieldguide.evaluation.pace import FAR_APART, held_back
from fieldguide.evaluation.signs import CHANCE, LEARNT, Signs, above, smoothed
from fieldguide.intervals import Estimate, chance, difference, wilson
from fieldguide.training.record import Epoch
from fieldguide.training.usual import usual_epochs
from fieldguide.words import counted

LARGE_GAP = 0.05  # as for networks that have learnt to see before: below it a gap is no cause for alarm
WORTH_TELLING = 0.005  # of held-out accuracy lost since the best epoch
GAINS = 0.05  # by which held-out loss still falls where what is learnt helps there too: losses waver by less
MAY_BE = 0.10  # a gap that may be above it is not called small
HARDLY = 0.90  # of a blind guess's loss: a fit that stays above it sees next to nothing
PRESETS_THAT_SUIT_MOST = ("light", "medium", "crops")
HALF_WAY = 0.5  # from a blind guess to all training pictures right: further, the augmentation can be learnt from
MILD_DROPOUT = 0.5  # more of it can keep a fit from seeing anything by itself
DISTANCE = 0.05  # by which the accuracy on augmented pictures is surely below that on the same ones as they are


def clearly_apart(trained: Estimate, unseen: Estimate) -> bool:
    """Whether unseen pictures fare worse by `LARGE_GAP` or more, surely worse, and not by chance (Fisher).

    Args:
        trained: accuracy on pictures it learnt from.
        unseen: on others.
    """
    gap = difference(trained, unseen)
    return gap.value >= LARGE_GAP and gap.low > 0 and chance(trained, unseen) < CHANCE


def overfitting(signs: Signs) -> Ailment | None:
    """Whether it knows its training pictures clearly better than unseen ones.

    Args:
        signs: of the training.
    """
    gap = signs.gap
    if not clearly_apart(signs.trained, signs.held):
        return None
    if signs.trained.high < LEARNT and signs.best_is_late and gap.low <= FAR_APART:  # both are still getting better
        return None
    since, rose = _since(signs)
    best = signs.best
    around = min(signs.count, max(signs.tail, best + signs.tail // 2))
    at_best = signs.share("val_accuracy", signs.val_n, until=around)
    kept = next((epoch for epoch in signs.case.epochs if epoch.chosen), signs.case.epochs[-1])
    earlier = kept.epoch <= signs.count - signs.tail  # else the figures at the end are of its weights too
    then = f"{signs.ending}, with weights that were not kept," if earlier else signs.ending
    apart = (
        f"{then} it recognises {percent(signs.trained)} of the pictures it learns from and "
        f"{percent(signs.held)} of {counted(signs.val_n, f'{signs.case.watched} picture')}, measured alike: a gap of "
        f"{points(gap.value)} ({interval(gap)})."
    )
    evidence = [apart, rose]
    lost = at_best.value - signs.held.value
    costs = since is not None and lost >= WORTH_TELLING and kept is signs.case.epochs[-1]
    if earlier:
        evidence.append(_after(kept, signs))
    elif kept is not signs.case.epochs[-1]:
        evidence.append(f"The weights of epoch {kept.epoch} were kept.")
    elif costs:
        evidence.append(
            f"It costs {points(lost)} of held-out accuracy: {percent(at_best)} {signs.over_until(around)}, "
            f"{percent(signs.held)} {signs.over_the_end}."
        )
    began = f"from epoch {since} on " if since is not None else ""
    by_heart = signs.learnt
    what = "it learns its pictures by heart" if by_heart else "much of what it learns holds for its own pictures only"
    return Ailment(
        OVERFITTING,
        _overfits(signs, f"{began}{what}", kept if earlier else None, after=since is not None and since > kept.epoch),
        tuple(line for line in evidence if line),
        (
            Figure.of("accuracy on training pictures", signs.trained),
            Figure.of(f"accuracy on {signs.case.watched} pictures", signs.held),
            Figure.of(f"gap on {signs.case.watched} pictures", gap),
        ),
        SHOWN,
        remedies.against_heart(signs.case.setup, usual_epochs(sum(signs.case.counts)), costs=costs),
        since,
    )


def _overfits(signs: Signs, what: str, kept: Epoch | None, *, after: bool) -> str:
    """The verdict: of the weights that were kept, if they are of before the end, and of what came after them."""
    ones = f"of {signs.val_n:,} {signs.case.watched} ones"
    ended = f"{signs.over_the_end} {percent(signs.trained)} of its own pictures right, and {percent(signs.held)} {ones}"
    if kept is None:
        return f"It overfits: {what} ({ended})."
    kept_are = f"{100 * kept.accuracy:.1f}% of its own pictures right, and {100 * kept.val_accuracy:.1f}% {ones}"
    if after:
        return f"It overfits after epoch {kept.epoch}, whose weights were kept ({kept_are}): {what} ({ended})."
    return f"It overfits: {what}; the weights of epoch {kept.epoch} were kept ({kept_are}), and it went on ({ended})."


def _after(kept: Epoch, signs: Signs) -> str:
    """What the epochs after the one that was kept did to held-out accuracy."""
    before, then = f"{100 * kept.val_accuracy:.1f}%", f"{percent(signs.held)} {signs.over_the_end}"
    harmless = f"The weights of epoch {kept.epoch} were kept, so that the epochs after it did no harm"
    lost = kept.val_accuracy - signs.held.value
    if lost >= WORTH_TELLING:
        return (
            f"The epochs after {kept.epoch} lost {points(lost)} of held-out accuracy ({before} in it, {then}). Its "
            "weights were kept, so that this did no harm."
        )
    if lost <= -WORTH_TELLING:
        harmless = f"{harmless}, though held-out accuracy was higher ({before} in it, {then})"
    return f"{harmless}."


def overfitting_unseen_by(
    curves: Ailment, case: Case, trained: Estimate, unseen: Estimate, pictures: str, chose_nothing: bool
) -> Ailment:
    """Overfitting that its curves do not show, and the pictures that measure do.

    Args:
        curves: what the curves were said to show.
        case: of the training.
        trained: the kept classifier's accuracy on the pictures it learnt from.
        unseen: on those that measure, `clearly_apart` from that.
        pictures: what those are called, such as "test pictures".
        chose_nothing: whether the curves are of other pictures.
    """
    gap = difference(trained, unseen)
    counted_pictures = f"{unseen.n:,} {pictures}"
    sentence = (
        f"It overfits: the classifier that was kept recognises {percent(trained)} of the pictures it learnt from and "
        f"{percent(unseen)} of {counted_pictures}"
    )
    apart = f"On {counted_pictures} the gap is {points(gap.value)} ({interval(gap)}): more than chance explains."
    curve = f"Its curves do not show it. {curves.evidence[0]}"
    if chose_nothing:
        sentence += f", which chose nothing; its curves, of {case.watched} pictures, do not show it"
        curve += f" But {case.watched} pictures are looked at after each epoch, and choose: they may flatter."
    return Ailment(
        OVERFITTING,
        f"{sentence}.",
        (apart, curve),
        (
            Figure.of("accuracy on training pictures", trained),
            Figure.of(f"accuracy on {pictures}", unseen),
            Figure.of(f"gap on {pictures}", gap),
            *(figure for figure in curves.figures if figure.name.startswith("gap")),
        ),
        SHOWN,
        remedies.against_heart(case.setup, usual_epochs(sum(case.counts))),
    )


def _since(signs: Signs) -> tuple[int | None, str]:
    """The epoch with which it began to learn by heart, and the sentence that says why."""
    best, rose = signs.best, signs.rose_again and smoothed(signs.loss)[-1] < smoothed(signs.loss)[signs.best - 1]
    ended = f"{signs.level('val_loss'):.3f}{'' if signs.tail == 1 else f' ({signs.over_the_end})'}"
    risen = (
        f"The loss on held-out pictures was lowest {signs.in_best} ({signs.val_loss[best - 1]:.3f}) and rose to "
        f"{ended}, while that on training pictures went on falling."
    )
    begun = _apart_for_good(signs, best + 1 if rose else 1)
    if begun is None or rose:
        return begun, risen if rose else ""
    line = f"From epoch {begun} on the two accuracies are surely apart"
    if best > begun:
        line += (
            ", and held-out pictures gained hardly more than chance makes (their loss was lowest "
            f"{signs.in_best}: {signs.val_loss[best - 1]:.3f}, {signs.val_loss[begun - 1]:.3f} in epoch {begun})"
        )
    return begun, f"{line}."


def _apart_for_good(signs: Signs, first: int) -> int | None:
    """The first epoch from which on the accuracies are surely apart, and held-out pictures gain no more for certain.

    It must be seen in the epoch itself, not only in the smoothed curves: a median looks ahead, at the beginning above
    all, where there is nothing behind it.
    """
    trained, held = signs.shown("accuracy"), signs.shown("val_accuracy")
    apart = [_surely_above(*both, signs) for both in zip(trained, held, strict=True)]
    together = [number for number, alone in enumerate(apart, start=1) if not alone]
    for number in range(max(first, (together[-1] if together else 0) + 1), signs.count + 1):
        if _surely_above(signs.accuracy[number - 1], signs.val_accuracy[number - 1], signs) and not _gains(
            signs, number
        ):
            return number
    return None


def _surely_above(trained: float, held: float, signs: Signs) -> bool:
    """Whether the interval of the gap between these accuracies lies above 0."""
    return difference(wilson(trained * signs.n, signs.n), wilson(held * signs.val_n, signs.val_n)).low > 0


def _gains(signs: Signs, number: int) -> bool:
    """Whether held-out accuracy rises beyond chance after an epoch, or held-out loss falls by `GAINS` or more."""
    held, losses = signs.shown("val_accuracy"), smoothed(signs.val_loss)
    if number == signs.count:
        return False
    then = min(held[number - 1], signs.val_accuracy[number - 1])
    rises = difference(*(wilson(share * signs.val_n, signs.val_n) for share in (held[number:].max(), then))).low > 0
    return bool(rises or losses[number:].min() < (1 - GAINS) * max(losses[number - 1], signs.val_loss[number - 1]))


def underfitting(signs: Signs) -> Ailment | None:
    """Whether it misses many of the very pictures it learns from.

    Args:
        signs: of the training.
    """
    # Of classes far from equal nine in ten are right soon: by naming one class, and a little more.
    surely, nothing = signs.trained.high < LEARNT, signs.nothing_learnt
    hardly = signs.hardly_learnt and signs.trained.value >= LEARNT
    if not surely and not nothing and not hardly and not (signs.trained.value < LEARNT and held_back(signs.case.setup)):
        return None
    level = (
        f"{signs.ending} it recognises {signs.trained.percent} of the pictures it learns from as they are, and "
        f"{percent(signs.held)} of {counted(signs.val_n, 'held-out picture')}."
    )
    evidence = [level]
    if nothing or hardly:
        little = "next to nothing" if nothing else "little more"
        evidence.append(
            f"Naming the commonest class each time would be right for {100 * signs.commonest:.1f}%: it has learnt "
            f"{little}. The curves do not say why: the rate, the labels and the network may all be at fault."
        )
    sentence = f"It underfits: it recognises only {percent(signs.trained)} of the very pictures it learns from."
    if signs.trained.value >= LEARNT:  # which is what one class is of all
        better = "no better" if nothing else "hardly better"
        sentence = f"It underfits: it does {better} than naming the commonest class each time."
    return Ailment(
        UNDERFITTING,
        sentence,
        tuple(evidence),
        (
            Figure.of("accuracy on training pictures", signs.trained),
            Figure.of(f"gap on {signs.case.watched} pictures", signs.gap),
        ),
        POSSIBLE if nothing or hardly else SHOWN if surely else LIKELY,
        remedies.more_room(signs.case.setup, usual_epochs(sum(signs.case.counts))),
    )


def augmentation_too_strong(signs: Signs) -> Ailment | None:
    """Whether the pictures are varied so much that the fit learns little from them.

    Args:
        signs: of the training.
    """
    setup = signs.case.setup
    fitted = signs.level("fitted_accuracy")
    if setup.augment in (None, "none") or signs.trained.high >= LEARNT or np.isnan(fitted) or signs.still_learning:
        return None
    seen = wilson(fitted * signs.n, signs.n)
    apart = difference(signs.trained, seen)
    far = setup.augment not in PRESETS_THAT_SUIT_MOST
    little = signs.trained.value < above(signs.commonest, HALF_WAY)
    if not far or setup.mixing is not None or setup.dropout > MILD_DROPOUT:  # which the fit sees too
        return None
    if signs.looked_at_seldom and seen.low > signs.commonest:  # it learns from them, and has hardly begun
        return None
    blind = signs.level("fitted_loss") > HARDLY * signs.blind
    if not blind and not (little and apart.low > DISTANCE and setup.dropout == 0):
        return None
    shown = (
        f"The fit recognises {seen.percent} of the pictures as augmentation shows them, and {signs.trained.percent} of "
        "them as they are."
    )
    evidence = [shown, f"It varied them by {setup.augmentation or setup.augment}."]
    if blind:
        loss = signs.level("fitted_loss")
        evidence.insert(1, f"The loss of the fit, {loss:.3f}, is about that of a blind guess, {signs.blind:.3f}.")
    return Ailment(
        AUGMENTATION,
        "The augmentation is too strong: what it shows can hardly be recognised.",
        tuple(evidence),
        (
            Figure.of("accuracy on augmented pictures", seen),
            Figure.of("accuracy on the same as they are", signs.trained),
        ),
        LIKELY,
        remedies.weaker_augmentation(setup),
    )


def well_fitted(signs: Signs) -> Ailment | None:
    """Whether it has learnt its pictures, and unseen ones fare hardly worse.

    Args:
        signs: of the training.
    """
    gap = signs.gap
    if signs.trained.high < LEARNT or gap.value >= LARGE_GAP or gap.high > MAY_BE or signs.hardly_learnt:
        return None
    surely, held = gap.high <= LARGE_GAP, counted(signs.val_n, f"{signs.case.watched} picture")
    about = "" if surely else ", as far as so many can show"
    return Ailment(
        GOOD,
        f"It fits well: over its last epochs it recognised {percent(signs.held)} of {held}, hardly fewer than of "
        f"those it learnt from ({percent(signs.trained)}){about}.",
        (f"Over the last epochs the gap on {held} was {points(gap.value)} ({interval(gap)}).",),
        (
            Figure.of(f"accuracy on {signs.case.watched} pictures", signs.held),
            Figure.of(f"gap on {signs.case.watched} pictures", gap),
        ),
        SHOWN if surely else LIKELY,
    )


def unclear(signs: Signs) -> Ailment:
    """That the curves show nothing for certain.

    Args:
        signs: of the training.
    """
    gap, held = signs.gap, counted(signs.val_n, f"{signs.case.watched} picture")
    known = f"On {held} the gap is {points(gap.value)}, and may be more or less ({interval(gap)})."
    if not (signs.n and signs.val_n):
        known = "How many pictures each epoch was measured on was not written down."
    return Ailment(
        UNCLEAR,
        "What ails it, if anything, cannot be told from these curves.",
        (known,),
        (Figure.of(f"gap on {signs.case.watched} pictures", gap),) if signs.n and signs.val_n else (),
        POSSIBLE,
        remedies.more_held_out(signs.case.setup),
    )
