"""Whether the backbone of a recipe can be made, cut and filled as it says, known before any picture is read."""

from __future__ import annotations

from fieldguide.model.bases import IMAGENET, RANDOM, require_base
from fieldguide.model.cuts import PIXELS
from fieldguide.training.recipe import Recipe


def require_buildable(recipe: Recipe) -> None:
    """Sees to it that a recipe's backbone has its layers, takes its pictures, and that its weights are there and fit.

    Of the bundled backbone with its own weights the recipe itself has seen to that. Of others it takes Keras, and a
    second or two.

    Raises:
        InputError: a layer is none of the backbone's, or nothing can be cut there.
        FileError: the weights cannot be downloaded, or the file cannot be read.
        ModelError: the file's weights are not those of this backbone.
    """
    trunk, weights = recipe.trunk, recipe.weights
    if trunk.bundled:
        if weights not in (None, IMAGENET, RANDOM):  # taken whole, wherever it is cut
            require_base(trunk.backbone, recipe.target_size, weights=weights)
        return
    starts = [recipe.start] if recipe.fine_tune_epochs and recipe.start != PIXELS else []
    require_base(trunk.backbone, recipe.target_size, weights=weights, cut=trunk.cut, layers=[*trunk.taps, *starts])
