"""What makes the figures of a training worth little: too few held-out pictures, a leak, wrong labels."""

from __future__ import annotations

import math

import numpy as np

from fieldguide.evaluation import remedies
from fieldguide.evaluation.ailment import CERTAIN, FEW_HELD, LABELS, LEAK, LIKELY, POSSIBLE, Ailment, Figure
from fieldguide.evaluation.answering import ranking, skill, some_skill
from fieldguide.evaluation.evidence import points
from fieldguide.evaluation.signs import ABOVE, CHANCE, SOME, STUCK, Signs, above, smoothed
from fieldguide.intervals import Estimate, chance, difference, wilson
from fieldguide.words import counted

FEWEST_HELD = 30  # pictures: of fewer, a difference of 20 points shows in less than half of all cases
WIDE = 0.20  # an interval of the held-out accuracy this wide leaves good and bad open
LEAKED = 0.05  # share of the held-out pictures that are known copies: they can raise the accuracy by as much
STILL_LEARNING = 0.97  # once nearly all training pictures are right, held-out ones can hardly be better
AT_THE_FLOOR = 0.02  # of a blind guess's loss above the least that smoothed labels allow
BY_HEART = 0.15  # a training loss below this share of a blind guess's has learnt its pictures one by one
SLOWLY = 0.20  # of a blind guess's loss: where the training loss stays above it ...
ONE_BY_ONE = 8  # ... for so many epochs, the pictures are hard
KEEPS_UP = 1.2  # times the training loss: held-out pictures that are unseen have more once training goes by heart
FEWEST_EPOCHS = 3  # in which held-out pictures fared better
FEW_TO_LEARN = 100  # training pictures: fewer may leave unseen pictures at chance though their labels are right
# How much surer right answers are than wrong ones (`ranking`, above a half), for each share of skill, on held-out
# pictures. One that knows some pictures for certain and guesses the others has more; right labels mostly leave 0.29 to
# 0.62.
TELLING = 0.36
SKILLED = 0.20  # share of the way from a blind guess to all right, below which nothing can be said of it
FEWEST_WRONG = 20  # answers
FEWEST_CONFLICTS = 3  # pictures in two classes: one or two are a slip, and the check names them
MANY_CONFLICTS = 0.01  # of all training pictures; a few copies that went astray say nothing of the others' labels
CONFLICTS = 0.1  # share of the pictures that are there more than once: surely more of them, and many labels are wrong
# What all pictures of a class have in common is learnt first, and helps unseen ones alike: at their best the two
# accuracies are at most `ALIKE` apart. Then comes what is left over, one by one: at least `LEFT_OVER` of the training
# pictures, and unseen ones fare worse by `SPOILT` or more. Hard pictures with right labels part the two earlier.
ALIKE, LEFT_OVER, SPOILT = 0.10, 0.10, 0.03
JITTERS = 2.0  # times the median change from epoch to epoch: what the held-out accuracy must have fallen by, besides


def few_held(signs: Signs) -> Ailment | None:
    """Whether the held-out pictures are too few to tell good from bad.

    Args:
        signs: of the training.
    """
    held = signs.held
    if held.n >= FEWEST_HELD and held.high - held.low < WIDE:
        return None
    known = (
        f"The accuracy on {counted(held.n, 'held-out picture')} may be anything from {100 * held.low:.0f}% to "
        f"{100 * held.high:.0f}% (95% CI); one picture more or less right moves it by {points(1 / held.n)}."
    )
    return Ailment(
        FEW_HELD,
        f"The validation set is too small to tell how good it is: {counted(held.n, 'picture')}.",
        (known, f"About {_needed(held):,} pictures would bring the interval to within 5 points either way."),
        (Figure.of(f"accuracy on {signs.case.watched} pictures", held),),
        CERTAIN,
        remedies.more_held_out(signs.case.setup, signs.case.pictures, FEWEST_HELD),
    )


def leak(signs: Signs) -> Ailment | None:
    """Whether held-out pictures stand among the training ones, known or to be seen from the curves.

    Args:
        signs: of the training.
    """
    known = signs.case.leaks or 0
    if known > LEAKED * signs.val_n:
        return _leak(
            f"The split leaks: {known:,} of {counted(signs.val_n, 'held-out picture')} stand among the training ones.",
            ("Copies and near-copies were found by comparing the pictures: what is measured on them was learnt.",),
            (Figure("share of the held-out pictures that leaks", known / signs.val_n),),
            CERTAIN,
        )
    return _faring_better(signs) or _keeping_up(signs)


def leak_of_all(count: int, measured: str) -> Ailment:
    """That no picture is left to measure with, since each of them stands in another part too.

    Args:
        count: of the pictures that were to measure.
        measured: what they are called, such as "test".
    """
    each = f"{count:,} of {counted(count, f'{measured} picture')}"
    stand = "stands" if count == 1 else "stand"
    return _leak(
        f"The split leaks: {each} {stand} in another part too, so that nothing could be measured.",
        (
            "Copies and near-copies were found by comparing the pictures. How good it is on unseen ones is not known.",
            "What the curves show is of other pictures, of those that it was to learn from or to be chosen by.",
        ),
        (Figure(f"{measured} pictures that stand in another part too", float(count)),),
        CERTAIN,
    )


def _faring_better(signs: Signs) -> Ailment | None:
    """Whether held-out pictures fared better than training ones while these were learnt."""
    learning = signs.accuracy < STILL_LEARNING
    if learning.sum() < FEWEST_EPOCHS:
        return None
    trained = wilson(float(signs.accuracy[learning].mean()) * signs.n, signs.n)
    held = wilson(float(signs.val_accuracy[learning].mean()) * signs.val_n, signs.val_n)
    better = difference(held, trained)
    if better.low <= 0 or chance(held, trained) >= CHANCE or trained.low <= signs.commonest:
        return None
    alike = (
        f"While it learnt, it recognised {held.percent} of the held-out pictures and {trained.percent} of the "
        "training ones, measured alike: more than chance explains."
    )
    return _leak(
        f"A leak is suspected: held-out pictures fare better than training ones, by {points(better.value)}.",
        (alike, "Held-out pictures that are easier for another reason leave such curves too."),
        (Figure.of("held-out accuracy above training accuracy", better),),
        LIKELY,
    )


def _keeping_up(signs: Signs) -> Ailment | None:
    """Whether held-out pictures fare as well as training ones though these are learnt one by one."""
    if signs.case.setup.varies:
        return None  # which keeps both losses up, and close to one another
    least = _least_loss(signs)
    loss, held = signs.level("loss") - least, signs.level("val_loss") - least
    if loss < AT_THE_FLOOR * signs.blind and least:  # there both lie at the floor, on whatever pictures
        return None
    quick = signs.loss - least <= SLOWLY * signs.blind
    slowly = int(quick.argmax()) if quick.any() else signs.count  # epochs before it was so low
    if loss > BY_HEART * signs.blind or held > KEEPS_UP * loss or slowly < ONE_BY_ONE:
        return None
    floor = f", and with smoothed labels none is below {least:.3f}" if least else ""
    alike = (
        f"{signs.ending} the loss is {loss + least:.3f} on training pictures and {held + least:.3f} on held-out "
        f"ones; a blind guess has {signs.blind:.3f}{floor}. Unseen pictures have a clearly larger loss by then."
    )
    slow = f"For {slowly} epochs the training loss was above {SLOWLY:g} times a blind guess's: hard pictures."
    return _leak(
        "A leak is suspected: held-out pictures keep up with training ones even where these are learnt by heart.",
        (alike, slow),
        (Figure("training loss", loss + least), Figure("held-out loss", held + least)),
        POSSIBLE,
    )


def _least_loss(signs: Signs) -> float:
    """The loss of a network that answers just what smoothed labels ask for, in nats; 0 where they are not smoothed."""
    smoothing, classes = signs.case.setup.label_smoothing, len(signs.case.counts)
    return -math.log(1 - smoothing + smoothing / classes)


def _leak(sentence: str, evidence: tuple[str, ...], figures: tuple[Figure, ...], sure: str) -> Ailment:
    remedy = remedies.check("Look for copies and near-copies that stand in two parts")
    if sure == CERTAIN:
        remedy = remedies.check("Mend the split: take the pictures that stand in two parts, as named there, out of one")
    return Ailment(LEAK, sentence, evidence, figures, sure, remedy)


def labels(signs: Signs) -> Ailment | None:
    """Whether the labels have little to do with the pictures, all of them or a good part.

    Args:
        signs: of the training.
    """
    trained, held = signs.trained, signs.held
    remedy = remedies.check(
        "Look at the most confident mistakes in the report, and for pictures that stand in two classes"
    )
    answers = signs.case.held
    blind = held.low <= signs.majority and held.high <= above(signs.majority, ABOVE) and not some_skill(answers)
    if answers is not None and sum(1 for of_class in answers.confusion if sum(of_class)) < 2:
        blind = False  # of one class alone nothing can be seen of it
    if trained.low > above(signs.commonest, SOME) and blind:
        alike = (
            f"It recognises {trained.percent} of the pictures it learns from, but {held.percent} of "
            f"{counted(held.n, 'held-out picture')}, where naming the commonest class is right for "
            f"{100 * signs.majority:.1f}%."
        )
        count = sum(signs.case.counts)
        few = count < FEW_TO_LEARN * len(signs.case.counts)
        but = f"{counted(count, 'training picture')} may also be too few to learn anything that holds for others."
        return Ailment(
            LABELS,
            "The labels are suspect: what it learns is not shown to help with unseen pictures.",
            (alike, but) if few else (alike,),
            (
                Figure.of("accuracy on training pictures", trained),
                Figure.of(f"accuracy on {signs.case.watched} pictures", held),
            ),
            POSSIBLE if few or answers is None else LIKELY,
            remedy,
        )
    return _partly(signs, remedy) or _left_over(signs, remedy)


def conflicts(signs: Signs) -> Ailment | None:
    """Whether pictures are known to stand in two classes, so that labels are wrong, those of other pictures too.

    Args:
        signs: of the training.
    """
    twins, count = signs.case.twins, signs.case.conflicts
    if not twins or count < FEWEST_CONFLICTS:
        return None
    share = wilson(count, twins)
    known = (
        f"Of {counted(twins, 'training picture')} that are there more than once, alike or nearly so, {count:,} have "
        "more than one label: one of them is wrong, unless the classes are about sharpness, light or colour."
    )
    others = (
        "Pictures that are there once may be labelled as badly, and wrong labels are learnt by heart: that looks like "
        "overfitting."
    )
    return Ailment(
        LABELS,
        f"Labels are suspect: {count:,} of the pictures it learns from stand in more than one class.",
        (known, others),
        (Figure.of("pictures in more than one class, of those that are there more than once", share),),
        LIKELY if share.low > CONFLICTS and count >= MANY_CONFLICTS * sum(signs.case.counts) else POSSIBLE,
        remedies.check("Set the labels right first, beginning with the pictures that it names under two labels"),
    )


def _partly(signs: Signs, remedy: remedies.Remedy) -> Ailment | None:
    """Whether wrong answers on held-out pictures are nearly as sure as right ones: then some labels are wrong.

    On training pictures this does not tell: once they are learnt by heart, so are their labels.
    """
    answers = signs.case.held
    if answers is None or sum(answers.wrong) < FEWEST_WRONG or skill(answers) < SKILLED:
        return None
    if signs.level("loss") > STUCK * signs.blind:  # it has learnt next to nothing, from right labels or wrong ones
        return None
    found, usual = ranking(answers), 0.5 + TELLING * skill(answers)
    if found.high >= usual:
        return None
    pairs = f"in {found.percent} on held-out pictures, where more than {100 * usual:.0f}% is usual at this accuracy"
    return Ailment(
        LABELS,
        "Part of the labels is suspect: it is nearly as sure of its wrong answers as of its right ones.",
        (
            f"Of all pairs of a right and a wrong answer the right one is the surer {pairs}.",
            "Hard pictures make it unsure. Where it is sure and yet wrong, the label may be.",
        ),
        (Figure.of("pairs of answers in which the right one is the surer", found),),
        LIKELY,
        remedy,
    )


def _left_over(signs: Signs, remedy: remedies.Remedy) -> Ailment | None:
    """Whether a part of the pictures was learnt by heart after the others, to the harm of unseen ones.

    Source:
        D. Arpit et al. (2017), "A closer look at memorization in deep networks", ICML: networks learn what is common to
        their pictures before they learn wrong labels by heart, and lose some of it then.
    """
    trained, held = smoothed(signs.accuracy), smoothed(signs.val_accuracy)
    peak = int(np.argmax(held))
    first, later = float(trained[peak]), signs.trained.value
    if few_held(signs) is not None:  # of few the best of many epochs is above the last one by chance alone
        return None
    if signs.gap.low <= 0 or first - held[peak] > ALIKE or later - first < LEFT_OVER:
        return None
    if held[peak] < above(signs.majority, SOME):  # then nothing had been learnt that could be spoilt
        return None
    jitter = float(np.median(np.abs(np.diff(signs.val_accuracy))))
    if held[peak] - signs.held.value < max(SPOILT, JITTERS * jitter):
        return None
    then = (
        f"Around epoch {peak + 1} it recognised {100 * first:.1f}% of its training pictures and "
        f"{100 * held[peak]:.1f}% of held-out ones; {signs.over_the_end} {signs.trained.percent} "
        f"and {signs.held.percent}."
    )
    why = (
        "Hard pictures with right labels part the two from the beginning. Wrong labels are learnt last, one by one, "
        "and spoil what was learnt before."
    )
    return Ailment(
        LABELS,
        "Part of the labels is suspect: what it learnt last, by heart, made it worse on unseen pictures.",
        (then, why),
        (
            Figure.of("accuracy on training pictures", signs.trained),
            Figure.of(f"accuracy on {signs.case.watched} pictures", signs.held),
            Figure("held-out accuracy at its best", float(held[peak])),
        ),
        POSSIBLE,
        remedy,
        peak + 2,
    )


def _needed(held: Estimate) -> int:
    """Pictures for an interval of 5 points either way, to two figures."""
    spread = max(held.value * (1 - held.value), 0.09)
    exact = math.ceil(spread * (1.96 / 0.05) ** 2)
    return round(exact, 1 - len(str(exact)) + 1)
