"""Which runs a comparison is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from fieldguide.augmentation.presets import DEFAULT, preset_called
from fieldguide.batches import Mixing
from fieldguide.comparison.subsets import ladder, nested
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import Parts
from fieldguide.errors import InputError
from fieldguide.model.head import units_for
from fieldguide.model.nets import SIZES, Net
from fieldguide.training.checkpoint import plain
from fieldguide.training.flag_names import flag
from fieldguide.training.recipe import Recipe
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.usual import usual_margin
from fieldguide.training.wishes import Wishes
from fieldguide.words import shortened

KINDS = ("complexity", "data_size", "recipes")
USUAL_SEEDS, MOST_SEEDS = 3, 100
# Of complexity and recipes, where nothing is asked for: small pictures and few epochs, enough to learn by heart.
USUAL_FAMILY, USUAL_SIDE, USUAL_EPOCHS = "classic", 64, 30
USUAL_DROPOUT = 0.5
# What a run takes besides: in multiply-adds for each picture, and in pictures that a head could be fitted to.
WORK_BESIDES, PICTURES_BESIDES = 20_000_000, 200
_CHOOSING = ("patience", "metric", "minimum", "target")  # of wishes: what chooses on held-out pictures


@dataclass(frozen=True, eq=False)
class Planned:
    """One run of a comparison."""

    point: str  # what is compared: "small", "125 pictures", "augmentation"
    number: int  # from 1, among the runs of this point
    x: float  # parameters or training pictures; 0 for a recipe
    recipe: Recipe | ScratchRecipe
    rows: np.ndarray  # int64, of the training pictures
    copies: int  # how often each picture comes in an epoch
    work: float  # about how much there is to compute, in units of its own

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.point.replace(' + ', '-').replace(' ', '-').replace(',', '')}-{self.number}"

    def settings(self) -> dict[str, Any]:
        """What its result depends on besides pictures, as it is after a way through JSON."""
        recipe = {key: plain(value) for key, value in self.recipe.to_dict().items() if key != "reasons"}
        return {"recipe": recipe, "copies": self.copies}


def recipe_for(kind: str, store: PixelStore, wishes: Wishes, *, seed: int) -> Recipe | ScratchRecipe:
    """The recipe that a comparison begins with, from what was asked for.

    Args:
        kind: "complexity", "data_size" or "recipes".
        store: of the training pictures.
        wishes: what was asked for.
        seed: of everything random in the first run.

    Raises:
        InputError: unknown kind, or the wishes are not for it.
    """
    require_wishes(kind, wishes)
    if kind == "data_size":
        return (replace(wishes, recipe="features") if wishes.recipe == "auto" else wishes).recipe_for(store, seed=seed)
    wishes = replace(
        wishes,
        recipe="scratch",
        net=wishes.net or USUAL_FAMILY,
        side=wishes.side or min(USUAL_SIDE, ScratchRecipe.auto(store).net.target_size[0]),
        epochs=wishes.epochs or USUAL_EPOCHS,
        augment=wishes.augment or ("none" if kind == "complexity" else DEFAULT),
    )
    made = wishes.recipe_for(store, seed=seed)
    assert isinstance(made, ScratchRecipe)
    return made


def plan(kind: str, parts: Parts, recipe: Recipe | ScratchRecipe, seeds: int) -> list[Planned]:
    """The runs of a comparison, all points of the first seed first, so that an early look shows the whole picture.

    Raises:
        InputError: unknown kind, fewer than one seed, a recipe that is not for this kind, one by which something is
            chosen on held-out pictures, or too few pictures.
    """
    require_kind(kind, seeds)
    _require_recipe(kind, recipe)
    if kind == "data_size":
        return _sizes(parts, recipe, seeds)
    if not isinstance(recipe, ScratchRecipe):
        raise InputError(f"{kind} compares networks that are trained from scratch: give a ScratchRecipe.")
    named = _complexity(recipe, parts) if kind == "complexity" else _recipes(recipe)
    rows = np.arange(len(parts.train))
    return [
        Planned(point, seed + 1, x, _seeded(made, seed), rows, 1, float(made.net.multiply_adds(1) + WORK_BESIDES))
        for seed in range(seeds)
        for point, x, made in named
    ]


def require_kind(kind: str, seeds: int = USUAL_SEEDS, *, called: str = "seeds") -> None:
    """Refuses what is no kind of comparison, and a number of runs that is none.

    Args:
        kind: "complexity", "data_size" or "recipes".
        seeds: runs of each point.
        called: how the number of runs was asked for.

    Raises:
        InputError: one of them.
    """
    if kind not in KINDS:
        raise InputError(f"kind is {shortened(kind)}; expected one of {', '.join(KINDS)}.")
    if isinstance(seeds, bool) or not isinstance(seeds, int) or not 1 <= seeds <= MOST_SEEDS:
        raise InputError(
            f"{called} is {shortened(seeds)}; expected a whole number of runs for each point, 1 to {MOST_SEEDS}."
        )


def require_wishes(kind: str, wishes: Wishes) -> None:
    """Refuses wishes that are not for a kind of comparison.

    Raises:
        InputError: unknown kind, or such a wish.
    """
    require_kind(kind)
    refuse_choosing(asdict(wishes))
    if kind == "data_size":
        if wishes.recipe == "finetune":
            raise InputError(
                "--data-size cannot be compared with --recipe finetune, whose runs differ by what they choose to keep: "
                "give --recipe features or --recipe scratch."
            )
        return
    if wishes.recipe in ("features", "finetune"):
        raise InputError(
            f"--{kind} compares networks that are trained from scratch, and the recipe is {wishes.recipe}: leave out "
            "--recipe."
        )
    if kind == "complexity" and wishes.size is not None:
        raise InputError(
            f"--complexity trains every size of a network, and --size {wishes.size} was given: leave it out."
        )
    if kind == "recipes" and (wishes.augment == "none" or wishes.dropout == 0):
        what = "--augment none" if wishes.augment == "none" else "--dropout 0"
        raise InputError(f"--recipes compares with and without augmentation and dropout: leave out {what}.")


def refuse_choosing(asked: Mapping[str, Any]) -> None:
    """Refuses settings by which a run would choose something on held-out pictures.

    Args:
        asked: of `Wishes`, by name; None where one was not asked for.

    Raises:
        InputError: there is one; the message names all of them.
    """
    given = [flag(name) for name in _CHOOSING if asked.get(name) is not None]
    given += ["--schedule plateau"] if asked.get("schedule") == "plateau" else []
    if given:
        raise InputError(f"{_choosing(given)}: leave {'it' if len(given) == 1 else 'them'} out.")


def _require_recipe(kind: str, recipe: Recipe | ScratchRecipe) -> None:
    """Refuses a recipe whose runs could not be compared.

    Raises:
        InputError: it fine-tunes, chooses something on pictures that are held out of train, or is of another class.
    """
    if isinstance(recipe, Recipe):
        if kind == "data_size" and recipe.fine_tune_epochs:
            raise InputError(
                "data_size compares heads on a frozen backbone, and the recipe's fine_tune_epochs is "
                f"{recipe.fine_tune_epochs}: give recipe.with_(fine_tune_epochs=0), Recipe.auto(train, "
                "fine_tune=False), or a ScratchRecipe."
            )
        return
    if type(recipe) is not ScratchRecipe:
        raise InputError(
            f"the recipe is of a class of its own, {type(recipe).__name__}, which the processes that train do not "
            "know: give a ScratchRecipe."
        )
    choosing = {
        "stopping": recipe.stopping is not None,
        "targets": recipe.targets is not None,
        "the schedule 'plateau'": recipe.optimiser.schedule == "plateau",
    }
    if given := [name for name, chooses in choosing.items() if chooses]:
        raise InputError(f"{_choosing(given)}: give a recipe without.")


def _choosing(given: Sequence[str]) -> str:
    """Why what chooses something is refused."""
    verb = "chooses" if len(given) == 1 else "choose"
    return (
        f"{', '.join(given)} {verb} on pictures that are held out of train, and in a comparison every run learns from "
        "all of its pictures for all of its epochs"
    )


def _complexity(recipe: ScratchRecipe, parts: Parts) -> list[tuple[str, float, ScratchRecipe]]:
    nets = [replace(recipe.net, size=size) for size in SIZES]
    units = units_for(len(parts.train.class_names))
    return [(net.size, float(net.parameters(units)), recipe.with_(net=net, reasons=())) for net in nets]


def _recipes(recipe: ScratchRecipe) -> list[tuple[str, float, ScratchRecipe]]:
    """Plain, each cure by itself, and both; what the cures are, the recipe says."""
    augment, margin = recipe.augment, recipe.margin
    if augment is None:
        augment = preset_called(DEFAULT).settings
        margin = usual_margin(augment)
    if not (recipe.net.dropout or recipe.net.block_dropout):
        recipe = recipe.with_(net=replace(recipe.net, dropout=USUAL_DROPOUT))
    dropped, whole = recipe.net, replace(recipe.net, dropout=0.0, block_dropout=0.0)
    plain = recipe.with_(mixing=Mixing(), margin=1.0, growth=(), reasons=()).with_(augment=None)
    varied = recipe.with_(augment=augment, margin=margin, reasons=())
    return [
        ("plain", 0.0, _with_dropout_of(whole, plain)),
        ("augmentation", 0.0, _with_dropout_of(whole, varied)),
        ("dropout", 0.0, _with_dropout_of(dropped, plain)),
        ("both", 0.0, _with_dropout_of(dropped, varied)),
    ]


def _with_dropout_of(net: Net, recipe: ScratchRecipe) -> ScratchRecipe:
    """The recipe with so much dropout, and its own answer to whether mirror images are looked at."""
    return recipe.with_(net=replace(net, mirrored=recipe.net.mirrored))


def _sizes(parts: Parts, recipe: Recipe | ScratchRecipe, seeds: int) -> list[Planned]:
    """More and more pictures, each time with as many steps as all of them would get."""
    train, whole = parts.train, len(parts.train)
    shares = ladder(train.labels, parts.groups, train.class_names)
    planned = []
    for seed in range(seeds):
        seeded = _seeded(recipe, seed)
        found = nested(train.labels, parts.groups, shares, seed=seeded.seed)
        for rows in found:  # as many at each place as with any other seed
            made, copies, work = seeded, 1, float(PICTURES_BESIDES + len(rows))
            if isinstance(seeded, ScratchRecipe):
                copies = max(1, whole // len(rows))
                epochs = max(1, round(seeded.epochs * whole / (copies * len(rows))))
                made, work = seeded.with_(epochs=epochs), 1.0
            planned.append(Planned(f"{len(rows):,} pictures", seed + 1, float(len(rows)), made, rows, copies, work))
    return planned


def _seeded(recipe: Any, seed: int) -> Any:
    return recipe.with_(seed=recipe.seed + seed, reasons=())
