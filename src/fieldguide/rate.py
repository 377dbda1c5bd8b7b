"""The learning rate to begin with, found on a folder of pictures."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from fieldguide.console import called
from fieldguide.data.columns import TableOptions
from fieldguide.data.labelled import FOLDERS, labelled
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import split
from fieldguide.errors import InputError
from fieldguide.files import require_file
from fieldguide.place import require_outside, usual_file
from fieldguide.reporting.rates import write_rate_plot
from fieldguide.training.rates import FEWEST_STEPS, STEPS, RateSearch, find_rate
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.wishes import Wishes

PLOT = "rates.svg"


@dataclass(frozen=True)
class FoundRate:
    """A search and where its plot is."""

    search: RateSearch
    plot: Path
    command: str  # that trains with it, or with the usual rate where none can be told

    def __str__(self) -> str:
        return "\n".join([str(self.search), f"Plot       {self.plot}", f"Try next   {called(self.command)}"])

    def to_dict(self) -> dict[str, object]:
        """The search, the plot's place and what to try next, ready for JSON."""
        what = "Train with this rate" if self.search.learnt else "Train with the usual rate"
        return {**self.search.to_dict(), "plot": str(self.plot), "next": {"what": what, "command": self.command}}


def search_rate(
    source: str | Path,
    *,
    wishes: Wishes,
    output: str | Path | None = None,
    seed: int = 0,
    steps: int = STEPS,
    table: TableOptions = FOLDERS,
) -> FoundRate:
    """The learning rate to begin with for a training from random weights on a folder of pictures, and its plot.

    Args:
        source: a folder of class folders, or a table.
        wishes: how it would be trained; their rate and schedule are left aside.
        output: of the plot, an SVG file; by default `rates.svg`, here or beside `source` where "here" is in it.
        seed: of everything random.
        steps: that are tried, 20 or more.
        table: what is said of `source`, if that is a table.

    Raises:
        InputError: the pictures cannot be trained on, the steps are too few, or `output` has another ending
            or lies among the pictures.
        FileError: something cannot be read, or the plot cannot be written, which is seen first.
    """
    output = output if output is not None else usual_file(PLOT, source)
    if Path(output).suffix != ".svg":
        raise InputError(f"the plot cannot be written as {output}: give it a name that ends in .svg.")
    if steps < FEWEST_STEPS:  # before anything is read
        raise InputError(f"--steps is {steps}; expected a whole number, {FEWEST_STEPS} or larger.")
    require_outside(output, source, what="file")
    require_file(output)
    parts = split(labelled(source, table), seed=seed)
    recipe = wishes.recipe_for(PixelStore.build(parts.train), seed=seed)
    if not isinstance(recipe, ScratchRecipe):
        raise InputError("a learning rate is looked for in trainings from random weights: ask for recipe scratch.")
    store = PixelStore.build(parts.train, target_size=recipe.target_size, resize=recipe.resize)
    search = find_rate(store, recipe, steps=steps)
    plot = write_rate_plot(search, output)
    words = replace(wishes, rate=search.suggested).words() + (["--seed", str(seed)] if seed else [])
    return FoundRate(search, plot, shlex.join(["fieldguide", "train", str(source), *table.words(), *words]))
