"""What a person asked of a training on a pretrained backbone, in the recipe for it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fieldguide.augmentation.presets import AUGMENTATIONS, settings_called
from fieldguide.batches import Mixing
from fieldguide.bounds import whole
from fieldguide.errors import InputError
from fieldguide.model.backbones import backbone
from fieldguide.model.cuts import PIXELS
from fieldguide.training.buildable import require_buildable
from fieldguide.training.flag_names import by_flag, flag
from fieldguide.training.recipe import Recipe, start_of
from fieldguide.training.recipe_words import reasons_of
from fieldguide.training.suited import FINE_TUNE_EPOCHS

OF_BACKBONES = frozenset(
    {
        *("backbone", "weights", "cut", "maps", "pooling", "frame", "side", "target_size", "larger"),
        *("views", "augment", "dense", "dropout", "epochs", "rate", "batch_size", "patience"),
        *("freeze", "gradual", "fine_tune_epochs", "fine_tune_rate", "error_rate"),
        *("judge_by", "class_weights", "sampling", "loss", "gamma", "label_smoothing", "mix"),
    }
)
# A wish -> what it is called in a recipe, where that is something else.
_INSIDE: Mapping[str, str] = MappingProxyType(
    {
        "frame": "resize",
        "epochs": "head_epochs",
        "rate": "head_rate",
        "mix": "mixing",
        "side": "target_size",
        "freeze": "start",
    }
)
_IN_EPOCHS = ("loss", "gamma", "label_smoothing", "mix")
_SAID: Mapping[str, str] = MappingProxyType(
    {name: name for name in OF_BACKBONES} | {inside: name for name, inside in _INSIDE.items()}
)


def transferred(kind: str, asked: Mapping[str, Any], recipe: Recipe) -> Recipe:
    """The recipe of a pretrained backbone with what was asked for in it.

    Args:
        kind: of the recipe: "auto", "features" or "finetune".
        asked: what was asked for, by the names of `Wishes`.
        recipe: what is taken where nothing was said.

    Raises:
        InputError: a setting is out of range, or they do not go together; it is called by its flag.
    """
    try:
        return _transferred(kind, asked, recipe)
    except InputError as error:
        raise InputError(by_flag(str(error), _said(asked))) from error


def require_backbone(kind: str, asked: Mapping[str, Any]) -> None:
    """Sees to it that the backbone that was asked for can be made, before any picture is read.

    Args:
        kind: of the recipe.
        asked: what was asked for.

    Raises:
        InputError, FileError, ModelError: as `require_buildable` does; a setting is called by its flag.
    """
    try:
        require_buildable(_transferred(kind, asked, Recipe()))
    except InputError as error:
        raise InputError(by_flag(str(error), _said(asked))) from error


def _said(asked: Mapping[str, Any]) -> Mapping[str, str]:
    """What a message calls a setting that is wrong -> the wish that set it."""
    return {**_SAID, "target_size": "target_size"} if "target_size" in asked else _SAID


def _transferred(kind: str, asked: Mapping[str, Any], recipe: Recipe) -> Recipe:
    for name in ("epochs", "rate"):
        if name in asked and "dense" not in asked:
            raise InputError(
                f"{name} is for --recipe scratch and for heads with hidden layers, and the recipe is {kind} without "
                f"--dense: leave it out; of fine-tuning it is --fine-tune-{name}."
            )
    _refuse_contradictions(kind, asked)
    changes: dict[str, object] = {
        _INSIDE.get(name, name): value
        for name, value in asked.items()
        if name not in ("side", "augment", "freeze", "larger")
    }
    if {"side", "target_size", "backbone", "frame"} & asked.keys():
        changes["larger"] = None  # it was chosen for another size or shape
    other = "backbone" in asked and not backbone(asked["backbone"]).bundled
    if "backbone" in asked and "target_size" in asked:
        changes["start"] = ""
    elif "backbone" in asked:
        changes |= {"target_size": backbone(asked["backbone"]).target_size, "start": ""}
    if "side" in asked:
        if "target_size" in asked:
            raise InputError("--side and --target-size both say how large the input is: leave one of them out.")
        side = whole("side", asked["side"], "a whole number of pixels from 32 to 512", 32, 512)
        changes["target_size"] = (side, side)
    if "cut" in asked:
        changes["start"] = ""
        # Which layers come before any other cut is not known before the backbone is built.
        if other and "freeze" not in asked and asked["cut"] not in backbone(asked["backbone"]).cuts:
            if kind == "finetune":
                raise InputError("cut is given, and not what to train before it: add --freeze until LAYER, or none.")
            changes["fine_tune_epochs"] = 0
    if (other or "dense" in asked or "cut" in asked) and "maps" not in asked:
        changes["maps"] = "last"
    if "views" in asked or "dense" in asked:  # a head that is trained is trained once: there is nothing to compare
        changes["views_if_better"] = False
    if "augment" in asked:
        if asked["augment"] not in AUGMENTATIONS:
            raise InputError(f"augment is {asked['augment']!r}; expected one of {', '.join(AUGMENTATIONS)}.")
        changes["augment"] = settings_called(asked["augment"])
        if "views" not in asked:  # there is one more at the least to be varied, and none where nothing varies
            varied = changes["augment"] is not None
            changes["views"] = max(2, recipe.views) if varied else 1
            changes["views_if_better"] = varied and "dense" not in asked
    if "mix" in asked:
        changes["mixing"] = Mixing(asked["mix"])
    made = recipe.with_(**changes)
    if "freeze" in asked:
        made = _frozen(made, asked["freeze"])
    if asked.get("larger") and made.larger is None:
        height, width = made.target_size
        made = made.with_larger(width / height)
    if kind == "finetune":
        made = made.with_(fine_tune="always", fine_tune_epochs=made.fine_tune_epochs or FINE_TUNE_EPOCHS)
    for name in _IN_EPOCHS:
        if name in asked and not made.trained:
            raise InputError(
                f"{name} is {asked[name]!r}, which is for what is trained in epochs, and a head of one layer is fitted "
                "at once: add --dense 256, or --recipe finetune, or leave it out."
            )
    if not asked and kind != "finetune":
        return made
    lines = ["as asked for: " + ", ".join(flag(name).removeprefix("--") for name in asked)] if asked else []
    return made.with_(reasons=(*reasons_of(made, asked), *lines))


def _refuse_contradictions(kind: str, asked: Mapping[str, Any]) -> None:
    """Whether the backbone is trained may be said by the recipe and by settings, and these must not say both.

    Raises:
        InputError: they do.
    """
    frozen = {"freeze": asked.get("freeze") == ("all",), "fine_tune_epochs": asked.get("fine_tune_epochs") == 0}
    for name, value in (("freeze", "all"), ("fine_tune_epochs", 0)):
        if kind == "finetune" and frozen[name]:
            raise InputError(
                f"{name} is {value}, which leaves the backbone as it is, and the recipe finetune trains it: leave one "
                "of them out, or say --recipe features."
            )
    for name in ("fine_tune_epochs", "fine_tune_rate", "gradual"):
        if frozen["freeze"] and asked.get(name):
            raise InputError(
                f"{name} is {asked[name]!r}, which is for training the backbone, and --freeze all leaves it as it is: "
                "leave one of them out."
            )
    if kind == "features":
        of_tuning = ("freeze", "gradual", "fine_tune_epochs", "fine_tune_rate")
        for name in of_tuning:
            if asked.get(name, False) is not False and not frozen.get(name):
                value = " ".join(asked[name]) if name == "freeze" else asked[name]
                raise InputError(
                    f"{name} is {value!r}, which is for training the backbone, and the recipe features leaves it as it "
                    "is: say --recipe finetune, or auto to keep that where it helps, or leave it out."
                )


def _frozen(recipe: Recipe, freeze: tuple[str, ...]) -> Recipe:
    """The recipe with so much of its backbone frozen."""
    kind, *rest = freeze
    epochs = recipe.fine_tune_epochs or FINE_TUNE_EPOCHS
    if (kind, rest) == ("all", []):
        return recipe.with_(fine_tune_epochs=0)
    if (kind, rest) == ("none", []):
        return recipe.with_(start=PIXELS, fine_tune_epochs=epochs)
    if kind == "until" and len(rest) == 1:
        return recipe.with_(start=rest[0], fine_tune_epochs=epochs)
    if kind == "blocks" and len(rest) == 1 and rest[0].isdecimal():
        return recipe.with_(start=start_of(recipe.trunk, int(rest[0])), fine_tune_epochs=epochs)
    raise InputError(
        f"freeze is {' '.join(freeze)!r}; expected 'all', 'none', 'until LAYER' with the last layer that stays as it "
        "is, or 'blocks N' with the number of blocks that are trained."
    )
