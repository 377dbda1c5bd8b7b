"""What a head reads, chosen on held-out pictures: the last map or those of all blocks, one view or several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from fieldguide.calibration import fit_temperature
from fieldguide.training.choose import PICTURES, Chosen, Fold, choose
from fieldguide.training.features import Features
from fieldguide.training.judging import Judge
from fieldguide.training.recipe import Recipe
from fieldguide.training.record import Trial
from fieldguide.training.seen import Seen

SMALLEST_GAIN = 0.02  # of the loss: rounding alone may lower it by less, and on every picture alike
ROUNDING = 1e-9  # of a sum of shares


def read(
    seen: Seen, recipe: Recipe, folds: Sequence[Fold], view: Callable[[int], Features], judge: Judge = PICTURES
) -> tuple[Seen, Chosen, tuple[Trial, ...]]:
    """What the head reads of what is seen, the settings that do best with it, and all that was tried.

    The maps of all blocks are taken where they are clearly better than the last one, and further views where they lower
    the held-out loss at all: they show the same pictures. Where no held-out picture is told wrong there is nothing to
    mend, and neither is tried. Where the recipe leaves no choice there is none.

    Args:
        seen: all maps that may be read, of the views that are read in any case.
        recipe: what is left open, and the penalties.
        folds: which pictures are held out.
        view: gives a further view of the pictures that are learnt from, by its number from 1 on.
        judge: says what is better.
    """
    if recipe.maps != "auto":
        tried = [(seen, _choose(seen, recipe, folds, judge))]
    else:
        last = seen.reading_last(seen.last_width)
        tried = [(last, _choose(last, recipe, folds, judge))]
        if not tried[0][1].right.all():
            tried.append((seen, _choose(seen, recipe, folds, judge)))
            if not clearly_better(tried[1][1].logits, tried[0][1].logits, tried[0][1].labels, judge):
                tried.reverse()
    if recipe.views > seen.views and not tried[-1][1].right.all():
        last = tried[-1][0]
        more = last.with_more(recipe.views, view)
        tried.append((more, _choose(more, recipe, folds, judge)))
        if held_out_loss(tried[-1][1], judge) >= held_out_loss(tried[-2][1], judge):
            tried[-2:] = reversed(tried[-2:])
    read, chosen = tried[-1]
    others = [replace(trial, chosen=False) for _, other in tried[:-1] for trial in other.trials]
    return read, chosen, (*others, *chosen.trials)


def _choose(seen: Seen, recipe: Recipe, folds: Sequence[Fold], judge: Judge) -> Chosen:
    maps = ("all maps, " if seen.trunk.taps else "last map, ") if recipe.maps == "auto" else ""
    views = f"{seen.views} views, " if seen.views > 1 else ""
    return choose(seen.examples, seen.folds(folds), recipe, what=maps + views, judge=judge)


def held_out_loss(chosen: Chosen, judge: Judge) -> float:
    """The held-out loss, calibrated as the finished classifier would be."""
    return judge.loss(chosen.logits / fit_temperature(chosen.logits, chosen.labels), chosen.labels)


def clearly_better(tuned: np.ndarray, frozen: np.ndarray, labels: np.ndarray, judge: Judge = PICTURES) -> bool:
    """Whether one way lowers the held-out loss by more than its standard error and 2%, and loses no accuracy.

    Each is calibrated by its own temperature first, as the finished classifier would be.

    Args:
        tuned: logits (held, units) of the way that costs more.
        frozen: logits (held, units) of the other one, fitted to the same pictures.
        labels: int (held,).
        judge: says whether loss and accuracy are of every picture or of every class alike.
    """
    if not np.isfinite(tuned).all():  # it diverged: the head on the frozen backbone is as good as ever
        return False
    one, other = (logits / fit_temperature(logits, labels) for logits in (tuned, frozen))
    before = judge.losses(other, labels)
    gain = before - judge.losses(one, labels)
    error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
    lost = judge.accuracy(other, labels) - judge.accuracy(one, labels)
    return bool(gain.mean() > max(error, SMALLEST_GAIN * before.mean()) and lost <= ROUNDING)
