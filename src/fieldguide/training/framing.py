"""How pictures of many shapes are brought into one: the middle of each or all of it, as held-out pictures tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fieldguide.data.split import Parts
from fieldguide.training.choose import Chosen, choose, folds_for
from fieldguide.training.judging import judge_for
from fieldguide.training.looking import Eye
from fieldguide.training.reading import clearly_better
from fieldguide.training.recipe import Recipe
from fieldguide.training.record import Trial
from fieldguide.training.seen import Seen
from fieldguide.training.stores import store_of
from fieldguide.words import counted

TRIED_PICTURES = 600  # so many tell which rule is better where the difference is worth having
USUAL, OTHER = "crop", "pad"
_WORDS = {USUAL: "centre crop", OTHER: "bars added, nothing cut off"}


def framed(recipe: Recipe, parts: Parts, eye: Eye) -> tuple[Recipe, tuple[Trial, ...]]:
    """The recipe with a rule in place of "auto", and what was tried to choose it.

    A centre crop shows things larger, and cuts off what lies at the edges; bars show all of it. Which tells more
    depends on where in the pictures things lie: a head is fitted out of fold to the last map of up to 600 training
    pictures, and bars are taken where they are clearly better.

    Args:
        recipe: whose `resize` may be "auto".
        parts: whose training pictures are looked at.
        eye: that will look at the pictures: what it sees here is kept, and half of it is wanted again.
    """
    if recipe.resize != "auto":
        return recipe, ()
    train = parts.train
    rows = np.arange(len(train))
    if len(train) > TRIED_PICTURES:
        rows = np.sort(np.random.default_rng(recipe.seed).choice(len(train), TRIED_PICTURES, replace=False))
    some = train.select(rows)
    folds, _ = folds_for(some.labels, parts.groups[rows], 0, recipe)
    found: dict[str, Chosen] = {}
    judge = judge_for(train.counts, recipe.judge_by)
    for rule in (USUAL, OTHER) if folds else ():
        features = eye.features(store_of(some, recipe.target_size, rule))
        seen = Seen(eye.trunk, eye.weights, some.labels, len(train.class_names), len(rows), (features,))
        if eye.trunk.taps:
            seen = seen.reading_last(eye.last_width)
        what = f"{_WORDS[rule]}, {counted(len(rows), 'picture')}, "
        found[rule] = choose(seen.examples, folds, recipe, what=what, judge=judge)
    if not found:
        return recipe.with_(resize=USUAL), ()
    better = clearly_better(found[OTHER].logits, found[USUAL].logits, found[USUAL].labels, judge)
    rule = OTHER if better else USUAL
    of = (found[each] for each in (rule, USUAL if better else OTHER))
    one, other = (judge.accuracy(each.logits, each.labels) for each in of)
    alike = ", every class alike" if judge.by_classes else ""
    reason = (
        f"{_WORDS[rule]}: {100 * one:.1f}% of {counted(len(rows), 'training picture')} right out of fold{alike}, "
        f"{_WORDS[USUAL if better else OTHER].split(',')[0]} {100 * other:.1f}%; the loss decided"
    )
    trials = [trial for each in found.values() for trial in each.trials if trial.chosen]
    kept = tuple(replace(trial, chosen=False) for trial in trials)
    return recipe.with_(resize=rule, reasons=(*recipe.reasons[:2], reason, *recipe.reasons[2:])), kept
