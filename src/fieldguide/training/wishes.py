"""What a person asked of a training, and the recipe that comes of it: what was not asked for is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from fieldguide.augmentation.presets import AUGMENTATIONS, preset_named, settings_called
from fieldguide.augmentation.settings import Settings
from fieldguide.batches import Mixing
from fieldguide.bounds import whole
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError
from fieldguide.model.nets import LARGEST, SMALLEST, Net
from fieldguide.training.backbone_wishes import OF_BACKBONES, require_backbone, transferred
from fieldguide.training.flag_names import by_flag, flag
from fieldguide.training.optimiser import Optimiser
from fieldguide.training.recipe import Recipe
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.stopping import Stopping, Targets
from fieldguide.training.usual import (
    usual_augmentation,
    usual_class_weights,
    usual_growth,
    usual_margin,
    usual_mirrored,
)

RECIPES = ("auto", "features", "finetune", "scratch")

# Wishes by the part of a scratch recipe that they are for, and what they are called there.
_NET: Mapping[str, str] = MappingProxyType(
    {
        "net": "family",
        "size": "size",
        "grayscale": "grayscale",
        "dropout": "dropout",
        "block_dropout": "block_dropout",
        "l2": "l2",
        "batch_norm": "batch_norm",
        "pooling": "pooling",
        "mirrored": "mirrored",
    }
)
_OPTIMISER: Mapping[str, str] = MappingProxyType(
    {"optimiser": "name", "rate": "rate", "schedule": "schedule", "weight_decay": "weight_decay"}
)
_OWN = (
    *("epochs", "batch_size", "label_smoothing", "class_weights", "sampling", "loss", "gamma", "average"),
    *("precision", "error_rate"),
)
_STOPPING: Mapping[str, str] = MappingProxyType({"metric": "metric", "patience": "patience", "minimum": "minimum"})
_OF_SCRATCH = frozenset({*_NET, *_OPTIMISER, *_OWN, *_STOPPING, "side", "augment", "mix", "target"})
# What a message calls a setting that is wrong -> the wish.
_SAID: Mapping[str, str] = MappingProxyType(
    {inside: wish for wish, inside in _NET.items()}
    | {wish: wish for wish in (*_OWN, *_OPTIMISER, *_STOPPING, "side")}
    | {"mixing": "mix"}
)


@dataclass(frozen=True)
class Wishes:
    """Settings that were asked for; None where nothing was said.

    Args:
        recipe: "auto" (features, then fine-tuning if it helps), "features", "finetune" or "scratch".

    The others are named as in `ScratchRecipe`, `Net`, `Optimiser` and `Stopping` for "scratch", and as in `Recipe` for
    the rest. `frame` is its `resize`; `freeze` is ("all",), ("none",), ("until", layer) or ("blocks", number of blocks
    that are trained); `larger` tries a larger input too.

    Example:
        >>> import fieldguide as fg
        >>> store = fg.PixelStore.build(fg.Dataset.from_directory("photos"))
        >>> recipe = Wishes("scratch", augment="light", dropout=0.5, epochs=30).recipe_for(store, seed=1)
        >>> recipe.epochs, recipe.net.dropout, recipe.augment.rotation_range
        (30, 0.5, 8)
    """

    recipe: str = "auto"
    net: str | None = None
    size: str | None = None
    side: int | None = None
    grayscale: bool | None = None
    dropout: float | None = None
    block_dropout: float | None = None
    l2: float | None = None
    batch_norm: bool | None = None
    pooling: str | None = None
    mirrored: bool | None = None
    augment: str | None = None
    mix: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    optimiser: str | None = None
    rate: float | None = None
    schedule: str | None = None
    weight_decay: float | None = None
    label_smoothing: float | None = None
    class_weights: float | None = None
    sampling: str | None = None
    loss: str | None = None
    gamma: float | None = None
    average: float | None = None
    patience: int | None = None
    metric: str | None = None
    minimum: float | None = None
    target: tuple[float, float] | None = None
    precision: str | None = None
    backbone: str | None = None
    weights: str | None = None
    cut: str | None = None
    maps: str | None = None
    frame: str | None = None
    target_size: tuple[int, ...] | None = None
    views: int | None = None
    dense: tuple[int, ...] | None = None
    freeze: tuple[str, ...] | None = None
    gradual: bool | None = None
    larger: bool | None = None
    fine_tune_epochs: int | None = None
    fine_tune_rate: float | None = None
    judge_by: str | None = None
    error_rate: float | None = None

    def __post_init__(self) -> None:
        if self.recipe not in RECIPES:
            raise InputError(f"--recipe is {self.recipe!r}; expected one of {', '.join(RECIPES)}.")
        scratch = self.recipe == "scratch"
        if wrong := [name for name in self.asked() if name not in (_OF_SCRATCH if scratch else OF_BACKBONES)]:
            one, other = ("a backbone", "features") if scratch else ("--recipe scratch", "scratch")
            raise InputError(
                f"{', '.join(self._flag(name) for name in wrong)} {'is' if len(wrong) == 1 else 'are'} for {one}, "
                f"and the recipe is {self.recipe}: {'give' if scratch else 'add'} --recipe {other}, or leave "
                f"{'it' if len(wrong) == 1 else 'them'} out."
            )
        if self.augment is not None and self.augment not in AUGMENTATIONS:
            raise InputError(f"--augment is {self.augment!r}; expected one of {', '.join(AUGMENTATIONS)}.")
        if self.patience is None and (self.metric is not None or self.minimum is not None):
            raise InputError("--metric and --minimum are for early stopping: say with --patience how long it waits.")
        if self.gamma is not None and self.loss != "focal":
            raise InputError("--gamma is of the focal loss: add --loss focal, or leave it out.")
        # Whatever is out of range is refused now, before anything is read.
        if scratch:
            self.apply(ScratchRecipe())
        else:
            transferred(self.recipe, self.wanted(), Recipe())

    @classmethod
    def of(cls, recipe: ScratchRecipe, counts: Mapping[str, int]) -> Wishes:
        """What asks for this recipe on such pictures; what comes by itself with any pictures is left out.

        An augmentation that is no preset cannot be asked for by name, and is left out too.

        Args:
            recipe: of a training from random weights.
            counts: training pictures of each class.

        Example:
            >>> Wishes.of(ScratchRecipe(net=Net(dropout=0.5), epochs=30), {"cat": 1000, "dog": 1000}).words()
            ['--recipe', 'scratch', '--side', '128', '--dropout', '0.5', '--augment', 'none', '--epochs', '30']
        """
        net, usual = recipe.net, ScratchRecipe(class_weights=usual_class_weights(counts))
        found = _other(_NET, net, Net(net.family)) | _other(_NET, net, usual.net, "net")
        found |= _other(_OPTIMISER, recipe.optimiser, Optimiser(recipe.optimiser.name))
        found |= _other(_OPTIMISER, recipe.optimiser, usual.optimiser, "optimiser")
        found |= _other({name: name for name in _OWN}, recipe, usual)
        found |= {"side": net.target_size[0], "epochs": recipe.epochs}
        found["mirrored"] = None if net.mirrored == usual_mirrored(recipe.augment) else net.mirrored
        varied = "none" if recipe.augment in (None, Settings()) else preset_named(recipe.augment or Settings())
        found["augment"] = varied or None
        found["mix"] = None if recipe.mixing.kind == "none" else recipe.mixing.kind
        if recipe.stopping is not None:
            found |= _other(_STOPPING, recipe.stopping, Stopping()) | {"patience": recipe.stopping.patience}
        if recipe.targets is not None:
            found["target"] = (recipe.targets.accuracy, recipe.targets.val_accuracy)
        return cls("scratch", **found)

    def asked(self) -> list[str]:
        """The names of the settings that were asked for, besides the recipe."""
        names = [field.name for field in fields(self) if field.name != "recipe"]
        return [name for name in names if getattr(self, name) is not None]

    def wanted(self) -> dict[str, Any]:
        """What was asked for, by name."""
        return {name: getattr(self, name) for name in self.asked()}

    def require_backbone(self) -> None:
        """Sees to it that the backbone that was asked for can be made, cut and filled, before any picture is read.

        Raises:
            InputError, FileError, ModelError: it cannot.
        """
        if self.recipe != "scratch":
            require_backbone(self.recipe, self.wanted())

    def recipe_for(self, store: PixelStore, *, seed: int) -> Recipe | ScratchRecipe:
        """The recipe for these training pictures.

        Raises:
            InputError: a setting is out of range, or they do not go together.
        """
        if self.recipe == "scratch":
            return self.apply(ScratchRecipe.auto(store, seed=seed))
        made = Recipe.auto(store, seed=seed, fine_tune=self.recipe != "features", larger=bool(self.larger))
        return transferred(self.recipe, self.wanted(), made)

    def apply(self, recipe: ScratchRecipe) -> ScratchRecipe:
        """The recipe with what was asked for in it.

        Raises:
            InputError: a setting is out of range, or they do not go together; it is called by its flag.
        """
        try:
            return self._applied(recipe)
        except InputError as error:
            raise InputError(by_flag(str(error), _SAID)) from error

    def _applied(self, recipe: ScratchRecipe) -> ScratchRecipe:
        of_net, before = self._for(_NET), recipe.net
        if self.side is not None:
            expected = f"a whole number of pixels from {SMALLEST} to {LARGEST}"
            side = whole("side", self.side, expected, SMALLEST, LARGEST)
            of_net["target_size"] = (side, side)
        if "family" in of_net:  # the defaults of one family are not those of another
            before = Net(of_net.pop("family"), target_size=before.target_size, mirrored=before.mirrored)
        net = replace(before, **of_net)
        changes: dict[str, object] = {name: getattr(self, name) for name in _OWN if getattr(self, name) is not None}
        if self.sampling == "balanced" and self.class_weights is None:
            changes["class_weights"] = 0.0  # which are usual where classes differ, and would even them out twice
        of_optimiser = self._for(_OPTIMISER)
        if "name" in of_optimiser:  # the usual rate of one kind is not that of another
            changes["optimiser"] = Optimiser(**of_optimiser)
        else:
            changes["optimiser"] = replace(recipe.optimiser, **of_optimiser)
        augment, named = recipe.augment, self.augment
        if named is None and self.side is not None:  # what suits the pictures' own size may not suit this one
            named = usual_augmentation(self.side)
        if named is not None:
            augment = settings_called(named)
            changes |= {"augment": augment, "margin": usual_margin(augment)}
            if self.mirrored is None:
                net = replace(net, mirrored=usual_mirrored(augment))
        if of_net or self.net is not None or self.augment is not None:
            changes["growth"] = usual_growth(net, augment)
        changes["net"] = net
        if self.mix is not None:
            changes["mixing"] = Mixing(self.mix)
        if self.patience is not None:
            changes["stopping"] = Stopping(**self._for(_STOPPING))
        if self.target is not None:
            changes["targets"] = Targets(*self.target)
        made = recipe.with_(**changes)
        asked = ["as asked for: " + ", ".join(map(self._called, self.asked()))] if self.asked() else []
        return made.with_(reasons=(*made.lines(), *asked)) if asked else made

    def _called(self, name: str) -> str:
        """A setting that was asked for, or said not to be."""
        return f"no {name}" if getattr(self, name) is False else name

    def _for(self, names: Mapping[str, str]) -> dict[str, Any]:
        """What was asked for of one part of the recipe, by its own names."""
        return {inside: getattr(self, name) for name, inside in names.items() if getattr(self, name) is not None}

    def words(self) -> list[str]:
        """The flags that say the same on the command line."""
        found = [] if self.recipe == "auto" else ["--recipe", self.recipe]
        for name in self.asked():
            value = getattr(self, name)
            values = value if isinstance(value, tuple) else () if isinstance(value, bool) else (value,)
            found += [self._flag(name), *map(str, values)]
        return found

    def _flag(self, name: str) -> str:
        """The flag by which a setting was asked for, or asked not to be."""
        return "--no-" + flag(name).removeprefix("--") if getattr(self, name) is False else flag(name)

    def to_dict(self) -> dict[str, object]:
        """The wishes by name, ready for JSON."""
        return asdict(self)


def _other(names: Mapping[str, str], made: object, usual: object, only: str | None = None) -> dict[str, Any]:
    """The wishes, or that one only, for which something other than the usual is set."""
    return {
        name: getattr(made, inside)
        for name, inside in names.items()
        if only in (None, name) and getattr(made, inside) != getattr(usual, inside)
    }
