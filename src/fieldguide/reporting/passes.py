"""How often a frozen network was run, and how often it would have been if nothing it saw were kept, in words."""

from __future__ import annotations

from fieldguide.model.cuts import PIXELS
from fieldguide.training.fit import Run
from fieldguide.training.recipe import Recipe
from fieldguide.words import counted


def passes(run: Run) -> tuple[str, ...]:
    """Sentences that say what keeping the frozen features has spared, in passes of a picture through the network.

    Only what is known is counted: the epochs in the curves. Each of them looks at all pictures that are fitted to, in
    every view at once or, with hidden layers, in one of them, and at the held-out ones.

    Args:
        run: from `train`.

    Returns:
        None of a training from random weights, which freezes nothing.
    """
    if not isinstance(run.recipe, Recipe) or not run.looks:
        return ()
    computed, kept = (sum(getattr(look, name) for look in run.looks) for name in ("computed", "kept"))
    lines = (_looks(run, computed, kept), _head(run, run.recipe, computed + kept), _fine_tuning(run, run.recipe))
    return tuple(filter(None, lines))


def _looks(run: Run, computed: int, kept: int) -> str:
    if not computed:
        return f"The frozen network was not run at all: all {kept:,} times, what it sees was known from before."
    seconds = sum(look.seconds for look in run.looks if look.computed)
    # At several sizes, or brought there in several ways, a picture is looked at once in each.
    said = f"The frozen network was run {counted(computed, 'time')}, on no picture twice in one way, in {seconds:.1f} s"
    return f"{said}; {counted(kept, 'time')} more, what it sees was known from before." if kept else f"{said}."


def _head(run: Run, recipe: Recipe, needed: int) -> str:
    epochs = [epoch for epoch in run.epochs if epoch.phase == "head" and epoch.n]
    views = 1 if recipe.dense else run.choices.views
    without = sum(epoch.n * views + epoch.val_n for epoch in epochs)
    if without <= needed:
        return ""
    in_views = f" in {views} views" if views > 1 else ""
    on_top = "" if recipe.dense else " The fits that chose its settings, and the last one, are not counted here."
    return (
        f"Run again in each of the {counted(len(epochs), 'epoch')} of the head's curve, with {epochs[0].n:,} pictures"
        f"{in_views} and {epochs[0].val_n:,} held-out ones, it would have been {without:,} times: "
        f"{without - needed:,} passes were spared.{on_top}"
    )


def _fine_tuning(run: Run, recipe: Recipe) -> str:
    epochs = [epoch for epoch in run.epochs if epoch.phase == "fine-tune" and epoch.n]
    if not epochs or recipe.start == PIXELS:
        return ""
    spared = sum(epoch.n + epoch.val_n for epoch in epochs)
    return (
        f"The {counted(len(epochs), 'epoch')} of fine-tuning began with what was kept of the layer {recipe.start}: "
        f"{spared:,} passes through the part before it were spared."
    )
