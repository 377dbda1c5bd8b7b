"""A larger input where held-out pictures are told better with it: it takes longer, in training and ever after."""

from __future__ import annotations

from dataclasses import replace

from fieldguide import console
from fieldguide.training.looking import Looking
from fieldguide.training.phases import HeldOut, Learnt, fit_head
from fieldguide.training.reading import held_out_loss
from fieldguide.training.recipe import Recipe
from fieldguide.training.record import Trial
from fieldguide.training.stores import whole_store
from fieldguide.words import times


def enlarged(learnt: Learnt, looking: Looking, recipe: Recipe, held_out: HeldOut) -> tuple[Learnt, Looking, Recipe]:
    """What was learnt at the recipe's larger size if that lowers the held-out loss, else what was learnt already.

    A network tells more at a larger size than it was trained at, if what matters is texture or small; where things fill
    the picture it tells less. A few hundred pictures cannot show which: all that are learnt from are looked at again.
    Any gain is taken: of photos of waste, divided five times, the held-out loss was lower by 1% to 6%, which is within
    its standard error in four of them, and the test accuracy higher each time.

    Args:
        learnt: the head at the recipe's target size.
        looking: at that size.
        recipe: whose `larger` size is tried.
        held_out: which pictures choose; the same ones at both sizes.

    Returns:
        What is better, how pictures are looked at there, and the recipe with that size as the one of its own.

    Source:
        H. Touvron, A. Vedaldi, M. Douze, H. Jégou (2019), "Fixing the train-test resolution discrepancy", NeurIPS.
    """
    if recipe.larger is None:
        return learnt, looking, recipe
    if learnt.chosen.right.all():
        told = f"at {times(recipe.target_size)} no held-out picture is told wrong: {times(recipe.larger)} was not tried"
        return learnt, looking, _explained(recipe, told)
    console.say(f"The same at {times(recipe.larger)}")
    other = recipe.with_(target_size=recipe.larger, larger=None)
    eye = replace(looking.eye, target_size=other.target_size)
    again = Looking(eye, whole_store(looking.parts, other.target_size, other.resize), looking.parts, looking.augment)
    found = fit_head(again.seen(1 if other.views_if_better else other.views), again, other, held_out)
    better = held_out_loss(found.chosen, held_out.judge) < held_out_loss(learnt.chosen, held_out.judge)
    trials = (
        *_named(learnt.choices.trials, recipe.target_size, taken=not better),
        *_named(found.choices.trials, other.target_size, taken=better),
    )
    judge = held_out.judge
    first, second = (100 * judge.accuracy(each.chosen.logits, each.chosen.labels) for each in (learnt, found))
    alike = ", every class counted alike" if judge.by_classes else ""
    reason = (
        f"input {times(other.target_size)} was {'taken' if better else 'tried'}: {second:.1f}% right of the pictures "
        f"held out, {first:.1f}% at {times(recipe.target_size)}{alike}, and the loss is "
        f"{'lower' if better else 'no lower'}"
    )
    kept, place, own = (found, again, other) if better else (learnt, looking, recipe)
    kept = replace(kept, choices=replace(kept.choices, trials=trials))
    return kept, place, _explained(own, reason)


def _explained(recipe: Recipe, reason: str) -> Recipe:
    """The recipe with nothing larger to try any more, and why."""
    return recipe.with_(larger=None, reasons=(*recipe.reasons[:2], reason, *recipe.reasons[2:]))


def _named(trials: tuple[Trial, ...], size: tuple[int, int], *, taken: bool) -> tuple[Trial, ...]:
    """Trials with the size in their names."""
    return tuple(replace(each, name=f"{times(size)}, {each.name}", chosen=each.chosen and taken) for each in trials)
