"""Whether a class is hardly ever recognised while the others are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fieldguide.evaluation import remedies
from fieldguide.evaluation.ailment import COLLAPSED, SHOWN, Ailment, Figure
from fieldguide.evaluation.answering import some_skill
from fieldguide.evaluation.signs import CHANCE, LEARNT, Signs
from fieldguide.intervals import Estimate, chance, wilson
from fieldguide.words import counted

FORGOTTEN = 0.10  # recall of a class below this share, though the classifier as a whole is better than chance
FEW_OF_A_CLASS = 5  # held-out pictures of a class, below which its recall says nothing
MOSTLY_RIGHT = 0.5  # of the other classes' pictures: where less is, it is not one class that ails
RARE = 0.5  # of the largest class's pictures: a class with fewer is rare
VERY_RARE = 0.1  # likewise: that few are seldom learnt from at all


def collapsed(signs: Signs) -> Ailment | None:
    """Whether a class is hardly ever recognised, while the others are.

    Args:
        signs: of the training.
    """
    place = forgotten(signs)
    if place is None or signs.case.held is None:
        return None
    confusion = np.array(signs.case.held.confusion)
    support, hits = confusion.sum(axis=1), np.diag(confusion)
    own = wilson(int(hits[place]), int(support[place]))
    others = wilson(int(hits.sum() - hits[place]), int(support.sum() - support[place]))
    return _ailment(signs, place, own, others, int(confusion[:, place].sum()))


def forgotten(signs: Signs) -> int | None:
    """The place of the class that is hardly ever recognised while the others are, from 0; None where there is none.

    Args:
        signs: of the training.
    """
    if signs.case.held is None:
        return None
    confusion, counts = np.array(signs.case.held.confusion), np.array(signs.case.counts)
    support, hits = confusion.sum(axis=1), np.diag(confusion)
    for place in np.argsort(hits / np.maximum(support, 1), kind="stable"):
        own = wilson(int(hits[place]), int(support[place]))
        others = wilson(int(hits.sum() - hits[place]), int(support.sum() - support[place]))
        if support[place] < FEW_OF_A_CLASS or others.n == 0 or own.value > FORGOTTEN or others.value < MOSTLY_RIGHT:
            continue
        rare = counts[place] < RARE * counts.max()
        # Of many classes one fares badly by chance; but not the very one that is by far the rarest.
        among = 1 if place == counts.argmin() and very_rare(signs, place) else len(support)
        if chance(others, own) >= CHANCE / among:
            continue
        if not rare and signs.trained.value < LEARNT:  # then it has not learnt enough, of this class or another
            continue
        return int(place)
    return None


def short_of_rare(found: Ailment, signs: Signs, unseen: Estimate) -> Ailment:
    """The same overfitting, with pictures of a rare class as what is missing where no class but the commonest is known.

    That is where no more unseen pictures are recognised than by naming the commonest class each time, nor the classes
    each by itself, and one of them is rare: varying the pictures of the others would not help.

    Args:
        found: that it overfits.
        signs: of the training.
        unseen: the accuracy on unseen pictures.
    """
    counts, answers = signs.case.counts, signs.case.held
    rare, common = int(np.argmin(counts)), int(np.argmax(counts))
    if answers is None or counts[rare] >= RARE * counts[common] or some_skill(answers):
        return found
    support = np.array(answers.confusion).sum(axis=1)
    if not support[rare] or not support[common]:
        return found
    # The pictures that were answered are others than those of the curves, where they are not as many.
    naming = support[common] / support.sum() if unseen.n == support.sum() else signs.commonest
    if unseen.value >= naming + 0.5 / unseen.n:
        return found
    scarce, usual = signs.case.class_name(rare), signs.case.class_name(common)
    known = (
        f"Naming {usual} each time would be right for {100 * naming:.1f}%. Of {scarce} there are "
        f"{counted(counts[rare], 'training picture')}, of {usual} {counts[common]:,}."
    )
    return replace(
        found,
        sentence=f"{found.sentence[:-1]}; on unseen pictures it is no better than naming {usual} each time: pictures "
        f"of {scarce} are what is missing.",
        evidence=(*found.evidence, known),
        remedy=remedies.check(f"Add pictures of {scarce}, and see how the classes compare"),
    )


def very_rare(signs: Signs, place: int) -> bool:
    """Whether a class has so few training pictures beside the largest that this alone explains its being forgotten.

    Args:
        signs: of the training.
        place: of the class, from 0.
    """
    return signs.case.counts[place] < VERY_RARE * max(signs.case.counts)


def _ailment(signs: Signs, place: int, own: Estimate, others: Estimate, named: int) -> Ailment:
    count, most = signs.case.counts[place], max(signs.case.counts)
    setup, name = signs.case.setup, signs.case.class_name(place)
    recalls = (
        f"Of {counted(own.n, 'held-out picture')} of {name} {own.percent} are recognised, of those of the other "
        f"classes {others.percent}; it was named {counted(named, 'time')}."
    )
    evidence = [recalls]
    if count < RARE * most:
        evidence.append(f"It has {counted(count, 'training picture')}, the largest class {most:,}.")
        remedy = remedies.check("Add pictures of that class, and see how the classes compare")
    else:
        remedy = remedies.other_rate("Go in smaller steps", setup, 0.3)
    return Ailment(
        COLLAPSED,
        f"One class has collapsed: {name} is hardly ever recognised.",
        tuple(evidence),
        (Figure.of(f"recall of {name}", own), Figure.of("recall of the others", others)),
        SHOWN,
        remedy,
    )
