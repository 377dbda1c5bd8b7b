"""The phases of a training, decided on held-out pictures: the head, then perhaps the backbone's last blocks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fieldguide import console
from fieldguide.calibration import fit_temperature, softmax
from fieldguide.data.split import Parts
from fieldguide.errors import InputError
from fieldguide.intervals import Estimate, wilson
from fieldguide.model.head import Head
from fieldguide.model.lite0 import weight_shapes
from fieldguide.training.choose import PICTURES, Chosen, Fold, folds_for, learning_curve
from fieldguide.training.dense import fit_dense
from fieldguide.training.finetune import FEWEST_HELD_OUT, ROOM_TO_GAIN, Tuned, fine_tune
from fieldguide.training.judging import Judge, about, judge_for
from fieldguide.training.logistic import fit, problem_for
from fieldguide.training.looking import Looking
from fieldguide.training.reading import clearly_better, read
from fieldguide.training.recipe import Recipe
from fieldguide.training.record import Answers, Choices, Epoch, Trial
from fieldguide.training.seen import Seen
from fieldguide.words import counted

IMBALANCED_POWER = 1.0  # of the class weights of hidden layers, where every class counts alike


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Which pictures make choices, and whether they could judge a fine-tuning."""

    labels: np.ndarray  # int (n,), of train and then of validation
    folds: tuple[Fold, ...]
    how: str
    objection: str  # to fine-tuning, before anything is known of the head; empty where there is none
    judge: Judge = PICTURES  # says what is better
    judged_by: str = ""  # which figure that is and why, in a sentence; "" where it goes without saying


@dataclass(frozen=True, eq=False)
class Learnt:
    """What has been learnt so far."""

    head: Head  # not yet calibrated
    seen: Seen  # what it reads
    weights: Mapping[str, np.ndarray] | None  # of the trunk; None for the bundled ones
    epochs: tuple[Epoch, ...]
    choices: Choices
    train_accuracy: Estimate
    chosen: Chosen
    held: Answers  # of held-out pictures: by the network that is kept, or where it learnt from all, by those of folds
    tuned: Tuned | None = None  # the trunk after fine-tuning, where that is kept


def hold_out(parts: Parts, recipe: Recipe) -> HeldOut:
    """The pictures that make choices, and whether they could say anything of fine-tuning.

    Raises:
        InputError: if there are too few to hold any out.
    """
    labels = np.concatenate([parts.train.labels, parts.validation.labels])
    folds, how = folds_for(labels, parts.groups, len(parts.validation), recipe)
    if not folds:
        raise InputError(
            f"{parts.train.root} has too few different pictures to train on: in each class at least two are needed "
            "that are no copies of each other, besides those that measure, and 50 are a sensible beginning."
        )
    objection = ""
    if not recipe.fine_tune_epochs:
        objection = "the recipe leaves the backbone as it is"
    elif len(folds[0].held) < FEWEST_HELD_OUT and recipe.fine_tune != "always":
        held = counted(len(folds[0].held), "held-out picture")
        objection = f"not tried: {held} are too few to show that it helps"
    elif len(np.unique(labels[folds[0].fitted])) < len(parts.train.class_names):
        objection = "not tried: a class has too few pictures to hold some out and still learn from others"
    counts = parts.train.counts
    return HeldOut(labels, folds, how, objection, judge_for(counts, recipe.judge_by), about(counts, recipe.judge_by))


def fit_head(seen: Seen, looking: Looking, recipe: Recipe, held_out: HeldOut, tried: tuple[Trial, ...] = ()) -> Learnt:
    """The head on the frozen trunk: what it reads and its settings chosen on held-out pictures, then fitted to all.

    Args:
        seen: what the trunk sees.
        looking: gives further views of it.
        recipe: what is left open.
        held_out: which pictures choose.
        tried: what was tried before, to be told with the rest.
    """
    count = seen.learnt
    if recipe.dense:
        return _dense(seen.with_more(recipe.views, looking.view), recipe, held_out, tried)
    seen, chosen, trials = read(seen, recipe, held_out.folds, looking.view, held_out.judge)
    epochs, head = learning_curve(seen.examples, seen.folds(held_out.folds[:1])[0], chosen.penalty, chosen.power)
    if len(held_out.folds[0].fitted) < count:
        head = _fitted(seen, np.arange(count), chosen)
    own = seen.examples.features[:count]
    right = int((head.probabilities(own).argmax(axis=1) == seen.labels[:count]).sum())
    choices = Choices(
        how=held_out.how,
        trials=(*tried, *trials),
        penalty=chosen.penalty,
        class_weight_power=chosen.power,
        temperature=chosen.temperature,
        held_out=wilson(int(chosen.right.sum()), len(chosen.right)),
        fine_tuned=False,
        fine_tune_reason="",
        reading=seen.reading,
        views=seen.views,
        by_classes=held_out.judge.by_classes,
        judged_by=held_out.judged_by,
    )
    epochs = (*epochs[:-1], replace(epochs[-1], chosen=True))  # trained to convergence
    return Learnt(head, seen, seen.weights, epochs, choices, wilson(right, count), chosen, chosen.answers)


def _dense(seen: Seen, recipe: Recipe, held_out: HeldOut, tried: tuple[Trial, ...]) -> Learnt:
    """A head with hidden layers, trained on the first fold and kept as what that holds out has judged it."""
    fold = held_out.folds[0]
    power = recipe.class_weights
    if power is None:
        power = IMBALANCED_POWER if held_out.judge.by_classes and recipe.sampling != "balanced" else 0.0
    found = fit_dense(seen, fold, recipe=recipe, power=power, judge=held_out.judge)
    held = seen.labels[fold.held]
    chosen = Chosen(0.0, power, (), (fold,), found.logits, held)
    best = next(epoch for epoch in found.epochs if epoch.chosen)
    choices = Choices(
        how=f"on {len(held):,} pictures that were held out",
        trials=tried,
        penalty=0.0,
        class_weight_power=power,
        temperature=chosen.temperature,
        held_out=wilson(int(chosen.right.sum()), len(held)),
        fine_tuned=False,
        fine_tune_reason="",
        reading=seen.reading,
        views=seen.views,
        by_classes=held_out.judge.by_classes,
        judged_by=held_out.judged_by,
    )
    right = wilson(round(best.accuracy * len(fold.fitted)), len(fold.fitted))
    return Learnt(found.head, seen, seen.weights, found.epochs, choices, right, chosen, chosen.answers)


def _fitted(seen: Seen, pictures: np.ndarray, chosen: Chosen) -> Head:
    """The head with the chosen settings, fitted to these pictures."""
    (fold,) = seen.folds([Fold(pictures, pictures[:0])])
    problem = problem_for(seen.examples, fold.rows, chosen.power)
    with console.progress("Fitting the head", 0) as bar:
        heads, _ = fit(seen.examples, [problem], penalty=chosen.penalty, watch=lambda _: bar.advance())
    return heads[0]


def fine_tuned(learnt: Learnt, recipe: Recipe, held_out: HeldOut) -> Learnt:
    """What was learnt, with the last blocks trained too where that clearly helps on held-out pictures.

    The held-out pictures are those of the first fold. A tuned network is not fitted to them: it is kept as it was
    judged.
    """
    wrong = 1 - held_out.judge.accuracy(learnt.chosen.logits, learnt.chosen.labels)
    if held_out.objection:
        return _without(learnt, held_out.objection)
    always = recipe.fine_tune == "always"
    alike = ", every class alike" if held_out.judge.by_classes else ""
    if wrong < ROOM_TO_GAIN and not always:
        return _without(
            learnt,
            f"not tried: the head errs on {100 * wrong:.1f}% of the held-out pictures{alike}, and below "
            f"{100 * ROOM_TO_GAIN:.0f}% they are too few to show a gain",
        )
    labels, chosen, fold, judge = held_out.labels, learnt.chosen, held_out.folds[0], held_out.judge
    head = learnt.head if recipe.dense else _fitted(learnt.seen, fold.fitted, chosen)
    tuned = fine_tune(learnt.seen, fold, head, recipe=recipe, power=chosen.power, judge=judge)
    before = chosen.logits if recipe.dense else head.logits(learnt.seen.examples.features[fold.held])
    truth = labels[fold.held]
    now = wilson(int((softmax(tuned.logits).argmax(axis=1) == truth).sum()), len(truth))
    figure = "balanced accuracy" if judge.by_classes else "accuracy"
    went = " to ".join(f"{100 * judge.accuracy(logits, truth):.1f}%" for logits in (before, tuned.logits))
    if not (np.isfinite(tuned.logits).all() if always else clearly_better(tuned.logits, before, truth, judge)):
        reason = (
            f"tried and dropped: on the {len(truth):,} held-out pictures {figure} went from {went}, and the loss did "
            "not fall clearly"
        )
        return replace(
            _without(learnt, reason), epochs=(*learnt.epochs, *(replace(e, chosen=False) for e in tuned.epochs))
        )
    best = next(epoch for epoch in tuned.epochs if epoch.chosen)
    alike = ", every class counted alike" if held_out.judge.by_classes and not always else ""
    choices = replace(
        learnt.choices,
        temperature=fit_temperature(tuned.logits, truth),
        held_out=now,
        fine_tuned=True,
        trained=tuned.trained,
        frozen=tuned.frozen,
        fine_tune_reason=(
            f"kept: on the {len(truth):,} held-out pictures {figure} went from {went}, "
            f"{'as asked for' if always else 'and the loss fell clearly'}{alike}"
        ),
    )
    return Learnt(
        head=tuned.head,
        seen=learnt.seen,
        weights=tuned.weights,
        epochs=(*(replace(epoch, chosen=False) for epoch in learnt.epochs), *tuned.epochs),
        choices=choices,
        train_accuracy=wilson(round(best.accuracy * len(fold.fitted)), len(fold.fitted)),
        chosen=chosen,
        held=Answers(fold.held, truth, softmax(tuned.logits, choices.temperature)),
        tuned=tuned,
    )


def _without(learnt: Learnt, reason: str) -> Learnt:
    if learnt.weights is None:
        frozen = sum(math.prod(shape) for shape in weight_shapes(learnt.seen.trunk.cut).values())
    else:
        frozen = sum(value.size for value in learnt.weights.values())
    choices = replace(learnt.choices, fine_tune_reason=reason, trained=learnt.head.size, frozen=frozen)
    return replace(learnt, choices=choices)
