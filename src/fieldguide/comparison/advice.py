"""What to try after a comparison: the command that trains what was chosen, or why no command can."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fieldguide.augmentation.presets import preset_named
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import Parts
from fieldguide.training.recipe import Recipe
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.usual import SCRATCH_VALIDATION_SHARE, TEST_SHARE, VALIDATION_SHARE
from fieldguide.training.wishes import Wishes

OF_A_HEAD = ("backbone", "target_size", "resize", "penalties", "folds")  # without fine-tuning the others change nothing


@dataclass(frozen=True)
class Advice:
    """A command to try next; where the command line cannot ask for what was chosen, what to do instead."""

    command: tuple[str, ...]  # its words; none where there is no such command
    instead: str = ""
    what: str = "Train what was chosen"  # that the command does

    def __str__(self) -> str:
        return shlex.join(self.command) if self.command else self.instead

    def to_dict(self) -> dict[str, str | None]:
        """What to do, and the command that does it, None where there is none; ready for JSON."""
        if self.command:
            return {"what": self.what, "command": str(self)}
        return {"what": self.instead, "command": None}


def advice(
    chosen: Recipe | ScratchRecipe, store: PixelStore, source: Sequence[str], *, parts: Parts | None = None
) -> Advice:
    """How to train by the recipe of a run.

    Args:
        chosen: the run's recipe.
        store: of the training pictures of the comparison.
        source: the words that name the pictures.
        parts: that were compared on; what comes next is divided by the same share and seed.

    Example:
        >>> import fieldguide as fg
        >>> store = fg.PixelStore.build(fg.Dataset.from_directory("photos"))
        >>> print(advice(fg.Recipe.auto(store, seed=2, fine_tune=False), store, ["my photos"]))
        fieldguide train 'my photos' --recipe features --seed 2
    """
    wishes = Wishes("features")
    if isinstance(chosen, ScratchRecipe):
        if chosen.augment is not None and not preset_named(chosen.augment):
            return _in_python(["augment"])
        # The epochs in any case: `train` divides the pictures otherwise, and may find others usual.
        wishes = replace(Wishes.of(chosen, store.dataset.counts), epochs=chosen.epochs)
    if lost := _unlike(wishes.recipe_for(store, seed=chosen.seed), chosen):
        return _in_python(lost)
    usual = SCRATCH_VALIDATION_SHARE if isinstance(chosen, ScratchRecipe) else VALIDATION_SHARE
    return Advice(("fieldguide", "train", *source, *wishes.words(), *_division(parts, chosen.seed, usual)))


def advice_instead(recipe: Recipe | ScratchRecipe, source: Sequence[str], *, parts: Parts | None = None) -> Advice:
    """What to do where nothing that was compared is shown to be better than naming the commonest class.

    Args:
        recipe: what the runs have in common.
        source: the words that name the pictures.
        parts: that were compared on; what comes next is divided by the same share and seed.

    Example:
        >>> print(advice_instead(ScratchRecipe(), ["photos"]))
        fieldguide train photos --recipe features
    """
    if isinstance(recipe, ScratchRecipe):
        what = "Train a head on a frozen backbone, which needs far fewer pictures"
        words = (
            "fieldguide",
            "train",
            *source,
            "--recipe",
            "features",
            *_division(parts, recipe.seed, VALIDATION_SHARE),
        )
        return Advice(words, what=what)
    return Advice(("fieldguide", "check", *source), what="See what is wrong with the pictures and their labels")


def _division(parts: Parts | None, seed: int, usual: float) -> tuple[str, ...]:
    """The flags that divide as the comparison was divided, where they are not the usual ones.

    Args:
        parts: of the comparison.
        seed: of the recipe, for where shares and seed did not divide the pictures.
        usual: share of the pictures that choose.
    """
    words: tuple[str, ...] = ()
    if parts is not None and parts.shares is not None:
        measured, seed = parts.shares[1], parts.seed
        if measured != TEST_SHARE:
            words = ("--test", f"{measured:g}")
        if measured + usual >= 1:  # then nothing would be left to learn from
            words = ("--validation", "0", *words)
    return (*words, *(("--seed", str(seed)) if seed else ()))


def _in_python(lost: list[str]) -> Advice:
    why = f"the command line cannot ask for its {', '.join(lost)}"
    return Advice((), f"fieldguide.train in Python, with the recipe of that run: {why}")


def _unlike(made: Recipe | ScratchRecipe, wanted: Recipe | ScratchRecipe) -> list[str]:
    """The settings in which two recipes differ."""
    one, other = made.to_dict(), wanted.to_dict()
    names = OF_A_HEAD if isinstance(wanted, Recipe) else [name for name in other if name != "reasons"]
    return [name for name in names if one.get(name) != other[name]]
