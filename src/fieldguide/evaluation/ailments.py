"""The verdict on a training from scratch: what ails it, what explains the rest first."""

from __future__ import annotations

from dataclasses import replace

from fieldguide.errors import InputError
from fieldguide.evaluation import collapse, doubts, fitting, pace
from fieldguide.evaluation.ailment import (
    AUGMENTATION,
    COLLAPSED,
    FEW_HELD,
    KINDS,
    LABELS,
    LIKELY,
    OVERFITTING,
    POSSIBLE,
    RATE_TOO_HIGH,
    RATE_TOO_LOW,
    UNFINISHED,
    UNSTABLE,
    Ailment,
)
from fieldguide.evaluation.case import Case
from fieldguide.evaluation.doubts import FEWEST_HELD
from fieldguide.evaluation.pace import FAR_APART
from fieldguide.evaluation.signs import FEW_EPOCHS, Signs

_OF_RATE = (RATE_TOO_HIGH, RATE_TOO_LOW)  # kinds that rest on the training pictures and the rate alone
_RULES = (
    pace.rate_too_high,
    pace.rate_too_low,
    pace.unstable,
    pace.unfinished,
    doubts.few_held,
    doubts.leak,
    doubts.labels,
    collapse.collapsed,
    fitting.augmentation_too_strong,
    fitting.overfitting,
    fitting.underfitting,
    fitting.well_fitted,
)


def ailments(case: Case) -> tuple[Ailment, ...]:
    """What ails a training, the main verdict first; a good fit or "cannot tell" where nothing does.

    Args:
        case: the curves, the answers and what was set.

    Raises:
        InputError: if there is no epoch.
    """
    if not case.epochs:
        raise InputError("a case without epochs came; expected at least one: only trainings from scratch have them.")
    signs = Signs(case)
    if (broken := pace.rate_too_high(signs)) is not None and broken.since is not None:
        return (broken,)  # there are no numbers that could say more
    if not (signs.n and signs.val_n):
        return (fitting.unclear(signs),)
    found = sorted((one for rule in _RULES if (one := rule(signs)) is not None), key=lambda one: KINDS.index(one.kind))
    if any(one.kind == RATE_TOO_HIGH for one in found):  # which is why it jumps about, and nothing is recognised
        found = [one for one in found if one.kind not in (UNSTABLE, AUGMENTATION)]
    found = _told_by_few(_wide_gap_first(_very_rare_first(found, signs), signs), signs)
    ill = [
        collapse.short_of_rare(one, signs, signs.held) if one.kind == OVERFITTING else one for one in found if one.ill
    ]
    return with_conflicts(ill, signs) or tuple(found) or (fitting.unclear(signs),)


def with_conflicts(found: list[Ailment], signs: Signs) -> tuple[Ailment, ...]:
    """The same with what is known of pictures that stand in two classes; where nothing ails it, nothing comes of it.

    Likely wrong labels come before what they explain, possible ones after everything else. Where labels are suspect
    already, what is known is told there.

    Args:
        found: what ails the training, the main verdict first.
        signs: of it.
    """
    known = doubts.conflicts(signs)
    if known is None or not found:
        return tuple(found)
    if any(one.kind == LABELS for one in found):
        facts, figures = known.evidence[:1], known.figures
        return tuple(
            replace(one, evidence=(*one.evidence, *facts), figures=(*one.figures, *figures))
            if one.kind == LABELS
            else one
            for one in found
        )
    after = (at for at, one in enumerate(found) if KINDS.index(one.kind) > KINDS.index(LABELS))
    place = next(after, len(found)) if known.sure == LIKELY else len(found)
    return (*found[:place], known, *found[place:])


def _told_by_few(found: list[Ailment], signs: Signs) -> list[Ailment]:
    """The same with what few held-out pictures tell after all before their being few.

    A rate is judged without them, and that a training has hardly begun is counted. What else is more than possible was
    said with regard to how few they are: a gap whose interval excludes chance is one, though the accuracy's own
    interval is wide. Of fewer than `FEWEST_HELD` nothing is believed.
    """
    few = [one for one in found if one.kind == FEW_HELD]
    if not few:
        return found
    enough = signs.val_n >= FEWEST_HELD
    counted_looks = signs.count < FEW_EPOCHS and signs.case.setup.varies and signs.looked_at_seldom
    begun = pace.hardly_begun(signs) or counted_looks
    counted = {*_OF_RATE, *([UNFINISHED] if begun else [])}
    told = [one for one in found if one.kind in counted or (enough and one.ill and one.sure != POSSIBLE)]
    told = [one for one in told if one not in few]
    return [*told, *few, *(one for one in found if one not in told and one not in few)]


def _very_rare_first(found: list[Ailment], signs: Signs) -> list[Ailment]:
    """The same with a forgotten class before an early end, where its having so few pictures explains it alone."""
    place = collapse.forgotten(signs)
    gone = [one for one in found if one.kind == COLLAPSED]
    if place is None or not gone or not collapse.very_rare(signs, place):
        return found
    others = [one for one in found if one not in gone]
    first = next((at for at, one in enumerate(others) if one.kind == UNFINISHED), found.index(gone[0]))
    return [*others[:first], *gone, *others[first:]]


def _wide_gap_first(found: list[Ailment], signs: Signs) -> list[Ailment]:
    """The same with overfitting before what a wide gap explains: smaller jumps, and a class that is not known."""
    explained = {one.kind: pace.jump(signs) for one in found if one.kind == UNSTABLE}
    place = collapse.forgotten(signs)
    if place is not None and not collapse.very_rare(signs, place):
        explained[COLLAPSED] = FAR_APART
    gap = [one for one in found if one.kind == OVERFITTING]
    if not gap:
        return found
    after = [one for one in found if one.kind in explained and signs.gap.low > explained[one.kind]]
    first = found.index(after[0]) if after else found.index(gap[0])
    others = [one for one in found if one not in gap]
    return [*others[:first], *gap, *others[first:]]
