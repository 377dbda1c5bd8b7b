"""The settings of a recipe in words, where they are not those that were chosen from the pictures."""

from __future__ import annotations

from collections.abc import Collection

from fieldguide.model.cuts import PIXELS
from fieldguide.training.recipe import Recipe
from fieldguide.words import counted, times

_FRAMES = {
    "crop": "centre crop",
    "pad": "bars added, nothing cut off",
    "squash": "squeezed, nothing cut off",
    "auto": "crop or bars, as held-out pictures tell",
}
_POOLINGS = {"average": "the averages of its channels", "max": "the maxima of its channels", "flatten": "every value"}


def reasons_of(recipe: Recipe, asked: Collection[str]) -> tuple[str, ...]:
    """A recipe's reasons, with what was asked for in the place of what would have been chosen.

    Args:
        recipe: with all that was asked for in it, and the reasons of before.
        asked: the names of what was asked for.

    Example:
        >>> from fieldguide.training.recipe import Recipe
        >>> reasons_of(Recipe(dense=(64,), dropout=0.2), ["dense", "dropout"])[2]
        'head: 64 hidden units, dropout 0.2, up to 20 epochs'
    """
    lines = [*recipe.reasons, *[""] * 5][:5]
    wanted = set(asked)
    if wanted & {"backbone", "weights", "cut"} or not lines[0]:
        lines[0] = _about_backbone(recipe)
    if wanted & {"backbone", "side", "target_size", "frame"} or not lines[1]:
        lines[1] = f"input {times(recipe.target_size)}, {_FRAMES[recipe.resize]}"
    if recipe.larger is not None:
        lines[1] += f"; and {times(recipe.larger)}, if held-out pictures are told better"
    in_epochs = {"sampling", "class_weights", "loss", "gamma", "label_smoothing", "mix"}
    if recipe.dense or wanted & {"sampling", "class_weights"} or not lines[2]:
        lines[2] = _about_head(recipe)
    if wanted & {"maps", "views", "dense", "cut", "backbone", "pooling", "augment"} or not lines[3]:
        lines[3] = _about_reading(recipe)
    if (
        wanted & {"freeze", "fine_tune_epochs", "cut", "backbone", *in_epochs}
        or recipe.fine_tune == "always"
        or not lines[4]
    ):
        lines[4] = _about_fine_tuning(recipe)
    return tuple(lines)


def _about_backbone(recipe: Recipe) -> str:
    cut = f", cut at {recipe.cut}" if recipe.cut else ""
    weights = f", its weights: {recipe.weights}" if recipe.weights else ", which comes with fieldguide"
    return f"backbone {recipe.trunk.spec.title}{cut}{weights}"


def _about_head(recipe: Recipe) -> str:
    if not recipe.dense:
        weights = {None: "", 0.0: ", every picture alike", 1.0: ", every class alike"}
        power = 1.0 if recipe.sampling == "balanced" else recipe.class_weights
        alike = weights.get(power, f", classes weighted to the power {power}")
        same = " (balanced sampling, of a fit to all pictures at once)" if recipe.sampling == "balanced" else ""
        return f"head: one layer, its L2 penalty chosen on held-out pictures{alike}{same}"
    widths = " and ".join(f"{width:,}" for width in recipe.dense)
    dropout = f", dropout {recipe.dropout:g}" if recipe.dropout else ""
    return f"head: {widths} hidden units{dropout}, up to {counted(recipe.head_epochs, 'epoch')}{_about_loss(recipe)}"


def _about_loss(recipe: Recipe) -> str:
    """What is unusual of the loss and the classes in whatever is trained in epochs."""
    found = [f"focal loss with gamma {recipe.gamma:g}"] if recipe.loss == "focal" else []
    found += [f"label smoothing {recipe.label_smoothing:g}"] if recipe.label_smoothing else []
    found += ["activations mixed with one another"] if recipe.mixing.kind != "none" else []
    found += ["each class equally often"] if recipe.sampling == "balanced" else []
    return "".join(f", {each}" for each in found)


def _about_reading(recipe: Recipe) -> str:
    maps = {
        "last": f"it reads the last map, {_POOLINGS[recipe.pooling]}",
        "all": "it reads the maps of all blocks",
        "auto": "it reads the maps of all blocks if they help on held-out pictures, else the last one",
    }[recipe.maps]
    if recipe.views == 1:
        return maps
    return f"{maps}; {recipe.views} views of each picture{', if they help' if recipe.views_if_better else ''}"


def _about_fine_tuning(recipe: Recipe) -> str:
    if not recipe.fine_tune_epochs:
        return "no fine-tuning: the backbone stays as it is"
    what = "all of the backbone" if recipe.start == PIXELS else f"what follows {recipe.start}"
    when = "as asked for" if recipe.fine_tune == "always" else "if held-out pictures show that it helps"
    gradual = ", stage by stage" if recipe.gradual else ""
    loss = "" if recipe.dense else _about_loss(recipe)
    return f"fine-tuning of {what}{gradual}{loss}, up to {counted(recipe.fine_tune_epochs, 'epoch')}, {when}"
