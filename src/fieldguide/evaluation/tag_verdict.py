"""Whether a classifier of several labels overfits, in a sentence that its intervals bear."""

from __future__ import annotations

import math

import numpy as np

from fieldguide.evaluation.diagnose import judged
from fieldguide.evaluation.tag_metrics import TagScore, mean_precision
from fieldguide.intervals import Estimate, difference, mean_of_shares
from fieldguide.training.tagging import TagRun
from fieldguide.words import counted


def tag_verdict(run: TagRun, score: TagScore) -> str:
    """Whether it knows the pictures that it learnt from better than others.

    It rests on the 95% interval of the gap between both mean average precisions, by the same rule as for one label.
    Where that includes zero and reaches far, nothing is claimed.

    Args:
        run: from `train_tags`.
        score: of its classifier, on pictures that chose nothing.
    """
    unseen, pictures = score.mean_average_precision, counted(score.n, "unseen picture")
    if math.isnan(unseen.value):
        none = "the one unseen picture shows none" if score.n == 1 else f"none of the {pictures} shows any"
        return f"Nothing can be told: {none} of the classes."
    trained = trained_precision(run, score)
    gap = difference(trained, unseen)
    both = (
        f"mean average precision {trained.value:.3f} on the pictures it learnt from, {unseen.value:.3f} on {pictures}"
    )
    told = f"{both} (a gap of {gap.value:.3f}, 95% CI {gap.low:.3f} to {gap.high:.3f})"
    overfits = judged(gap)
    if overfits in ("yes", "mild"):
        mildly = " mildly" if overfits == "mild" else ""
        return f"It overfits{mildly}: {told}. More pictures would help, first of the classes that are weakest."
    return f"{'It does not overfit' if overfits == 'no' else 'Whether it overfits cannot be told'}: {told}."


def trained_precision(run: TagRun, score: TagScore) -> Estimate:
    """The mean average precision on the pictures that were learnt from, over the classes that were measured.

    Args:
        run: from `train_tags`.
        score: of its classifier; some class was measured.
    """
    measured = [place for place, one in enumerate(score.classes) if one.support]
    labels = run.parts.train.labels[:, measured]
    groups = run.parts.groups[: len(labels)]
    shown = [place for place in range(labels.shape[1]) if labels[:, place].any()]
    different = np.array([len(np.unique(groups[labels[:, place]])) for place in shown])
    stated = run.train_probabilities[:, measured]
    each = np.array([mean_precision(stated[:, [place]], labels[:, [place]]) for place in shown])
    known = mean_of_shares(each, different, different=len(np.unique(groups[labels.any(axis=1)])))
    return Estimate(known.value, known.low, known.high, len(labels))
