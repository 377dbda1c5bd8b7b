"""What the answers on one set of pictures show: skill beyond a blind guess, and whether it knows when it is right."""

from __future__ import annotations

import math

import numpy as np

from fieldguide.evaluation.case import Answers
from fieldguide.intervals import Estimate


def skill(answers: Answers) -> float:
    """The share of the way from always naming the commonest class (0) to all answers right (1).

    Args:
        answers: on one set of pictures.
    """
    commonest = max(map(sum, answers.confusion)) / answers.n
    return 1.0 if commonest == 1 else (sum(answers.right) / answers.n - commonest) / (1 - commonest)


def some_skill(answers: Answers | None) -> bool:
    """Whether the mean recall of the classes is surely above a blind guess's, though the accuracy may not be.

    Args:
        answers: on one set of pictures; None shows no skill.
    """
    if answers is None:
        return False
    confusion = np.array(answers.confusion, np.float64)
    support = confusion.sum(axis=1)
    present = support > 0
    recall = np.diag(confusion)[present] / support[present]
    error = math.sqrt(float((recall * (1 - recall) / support[present]).sum())) / present.sum()
    return bool(recall.mean() - 1.96 * error > 1 / present.sum())


def ranking(answers: Answers) -> Estimate:
    """How well its confidence tells its right answers from its wrong ones: 1 perfectly, 0.5 not at all.

    The share of pairs of a right and a wrong answer in which the right one was the surer, ties half. Where pictures
    are hard, wrong answers are less sure than right ones. Where labels are wrong, some "wrong" answers are right ones,
    and as sure.

    Args:
        answers: of which some are right and some wrong; otherwise the figure is not defined.

    Source:
        J. Hanley, B. McNeil (1982), "The meaning and use of the area under a receiver operating characteristic (ROC)
        curve", Radiology 143 (the standard error too).
    """
    right, wrong = np.array(answers.right, np.float64), np.array(answers.wrong, np.float64)
    rights, wrongs = right.sum(), wrong.sum()
    if not rights or not wrongs:
        return Estimate(math.nan, math.nan, math.nan, answers.n)
    below = np.cumsum(wrong) - wrong
    area = float((right * (below + wrong / 2)).sum() / (rights * wrongs))
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (rights - 1) * (q1 - area**2) + (wrongs - 1) * (q2 - area**2)
    reach = 1.96 * math.sqrt(variance / (rights * wrongs))
    return Estimate(area, max(0.0, area - reach), min(1.0, area + reach), answers.n)
