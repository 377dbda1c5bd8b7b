"""Comparisons in one call: the runs, what they show, and the folder that keeps it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fieldguide.comparison.advice import advice, advice_instead
from fieldguide.comparison.curve import learning_curve
from fieldguide.comparison.guess import Guess
from fieldguide.comparison.outcome import Comparison
from fieldguide.comparison.page import write_page
from fieldguide.comparison.pictures import Pictures
from fieldguide.comparison.plan import USUAL_SEEDS, Planned, plan, recipe_for, require_kind, require_wishes
from fieldguide.comparison.point import points_of
from fieldguide.comparison.record import given_up, kept, require_place, take_up
from fieldguide.comparison.running import run_all
from fieldguide.comparison.wording import finding
from fieldguide.comparison.workers import EndedError, at_once, require_workers
from fieldguide.console import called
from fieldguide.data.columns import TableOptions
from fieldguide.data.dataset import Dataset
from fieldguide.data.labelled import FOLDERS, labelled
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import Parts, split
from fieldguide.errors import InputError, TrainingError
from fieldguide.files import path_of, require_writable
from fieldguide.model.head import units_for
from fieldguide.place import require_outside, runs_folder
from fieldguide.training import checkpoint as checkpoints
from fieldguide.training.arguments import folder_of, require_recipe
from fieldguide.training.recipe import Recipe
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.wishes import Wishes
from fieldguide.words import counted

ROOM_FOR_RESULTS = 20_000_000  # bytes: of every run, the tables and the page


def compare(
    data: Dataset | Parts,
    kind: str = "complexity",
    *,
    folder: str | Path,
    seeds: int = USUAL_SEEDS,
    recipe: Recipe | ScratchRecipe | None = None,
    workers: int | None = None,
    command: str | None = None,
) -> Comparison:
    """Several trainings side by side: what the size of the network, the number of pictures or the recipe changes.

    Everything is measured on `parts.test`, less what stands in another part too. No run sees it, and nothing is chosen
    by it; a validation part is left aside. What is finished is kept: called again with the same folder, pictures and
    settings it goes on where it was interrupted, and with more seeds it adds runs.

    Args:
        data: pictures, a fifth of which measures, or parts from `fieldguide.split`.
        kind: "complexity" trains every size of a family of networks, "data_size" trains on more and more of the
            pictures, "recipes" with and without augmentation and dropout.
        folder: new, or that of the same comparison; outside of the pictures' folder.
        seeds: runs of each point; with one or two, intervals do not cover other seeds.
        recipe: what the runs have in common. By default small classic networks, and for "data_size" a head on a frozen
            backbone. Of "recipes" it says which augmentation and which dropout. It must not choose anything on
            held-out pictures: no early stopping, no targets, no schedule "plateau", no fine-tuning.
        workers: how many networks are trained at once, each in a process of its own and on one core, 1 to 256. By
            default as many as there are cores, and room in memory. The results are the same with any number. On an
            accelerator, and where heads are fitted, runs go one after the other.
        command: that makes the same comparison, to be shown in the page.

    Returns:
        A Comparison; `comparison.html`, `comparison.csv` and `comparison.json` are in the folder.

    Raises:
        InputTypeError: data, folder or recipe are of another kind.
        InputError: unknown kind, seeds or workers out of range, too few pictures, a recipe that is not for this kind,
            or a folder that lies among the pictures, or holds something else, or the same comparison of other pictures,
            in another order, or settings.
        FileError: something cannot be read or written.
        KeyboardInterrupt: with what is kept, and how it goes on.
        TrainingError: a run diverged; the others are kept, and where no epoch of any had ended, the folder can be used
            again. Or the process of a run was ended from outside: the same call goes on.

    Example:
        >>> import fieldguide as fg
        >>> parts = fg.split(fg.Dataset.from_directory("photos"), test=0.3)
        >>> found = fg.compare(parts, "data_size", folder="runs/sizes", seeds=2)
        >>> found.finding.headline
        'All 20 held-out pictures are right already'
    """
    require_kind(kind, seeds)
    require_workers(workers)
    require_recipe(recipe)
    place = path_of("folder", folder, "runs/sizes")
    require_outside(place, folder_of(data), asked="folder=")
    require_place(place, kind)  # before anything slow
    parts = _measurable(data if isinstance(data, Parts) else split(data))
    if recipe is None:
        recipe = recipe_for(kind, PixelStore.build(parts.train), Wishes(), seed=parts.seed)
    planned = plan(kind, parts, recipe, seeds)
    require_writable(place, _room(planned, workers, len(parts.train.class_names)))
    pictures = Pictures.of(parts, recipe)
    take_up(place, _what(kind, recipe, pictures))
    try:
        results = run_all(pictures, planned, place, workers)
    except EndedError:
        raise
    except TrainingError as error:
        raise TrainingError(f"{error}{given_up(place)}") from error
    except KeyboardInterrupt as error:
        again = f"`{called(command)}`" if command else "the same comparison in that folder"
        raise KeyboardInterrupt(kept(place, again)) from error
    order = {each.point: number for number, each in reversed(list(enumerate(planned)))}
    points = points_of(sorted(results, key=lambda result: (order[result.point], result.number)))
    curve = None
    if kind == "data_size":
        sizes = [round(point.x) for point in points]
        curve = learning_curve(sizes, [point.right for point in points], seed=parts.seed)
    guess = Guess.of(parts.test.labels, parts.train.labels, parts.train.class_names)
    found = finding(kind, points, curve, guess)
    following = advice_instead(recipe, parts.train.words, parts=parts)
    if found.choice is not None:
        chosen = next(each.recipe for each in planned if each.point == found.choice)
        following = advice(chosen, pictures.store.select(parts.train), parts.train.words, parts=parts)
    comparison = Comparison(
        kind=kind,
        folder=place,
        points=points,
        curve=curve,
        finding=found,
        guess=guess,
        measured=f"{counted(len(parts.test), 'picture')} of {parts.measured}",
        source=parts.train.source,
        settings=_lines(kind, recipe, parts),
        next=following,
    )
    comparison.write_tables()
    write_page(comparison, command)
    return comparison


def run_comparison(
    source: str | Path,
    kind: str,
    *,
    folder: str | Path | None = None,
    seeds: int = USUAL_SEEDS,
    test: float | None = None,
    seed: int = 0,
    wishes: Wishes | None = None,
    workers: int | None = None,
    table: TableOptions = FOLDERS,
) -> Comparison:
    """A comparison from a folder of pictures, as `fieldguide compare` makes it.

    Args:
        source: `source/<class>/...`, or with `train/`, `validation/`, `test/` above the classes; or a table.
        kind: "complexity", "data_size" or "recipes".
        folder: where it is kept, outside of `source`; by default `runs/<name>-<kind>`, here or beside `source` where
            "here" is in it, so that the same command goes on with it.
        seeds: runs of each point.
        test: share of the pictures that measure, by default 0.2. None where the folder comes divided.
        seed: of the split and of the first run of each point.
        wishes: what was asked for.
        workers: how many networks are trained at once, as for `compare`.
        table: what is said of `source`, if that is a table.

    Raises:
        InputError: as `compare`, or a share is given for a folder that comes divided.
        FileError: something cannot be read or written.
        TrainingError: a run diverged.
    """
    require_kind(kind, seeds, called="--seeds")
    require_workers(workers, called="--workers")
    wishes = wishes or Wishes()
    require_wishes(kind, wishes)
    place = _folder(source, kind, folder)
    require_outside(place, source)
    require_place(place, kind)
    data = labelled(source, table)
    if test is not None and data.given is not None and len(np.unique(data.given)) > 1:
        raise InputError(f"{data.source} comes divided, and is taken as it is: leave out --test.")
    store = PixelStore.build(data)
    parts = split(store, test=0.2 if test is None else test, seed=seed)
    recipe = recipe_for(kind, store.select(parts.train), wishes, seed=seed)
    command = _command([str(source), *table.words()], kind, (folder, seeds, test, seed, workers), wishes)
    return compare(parts, kind, folder=place, seeds=seeds, recipe=recipe, workers=workers, command=command)


def _measurable(parts: Parts) -> Parts:
    """The parts without validation, and without pictures that measure and stand in another part too.

    Raises:
        InputError: no picture is left to measure on.
    """
    leaked = set(parts.leaked_measured)
    kept = [row for row in range(len(parts.test)) if parts.test.name(row) not in leaked]
    if not kept:
        raise InputError(
            f"no picture of {parts.train.root} is left to measure on: give --test a share above 0, or a test part "
            "whose pictures stand in no other part."
        )
    none = np.zeros(0, np.int64)
    return replace(parts, validation=parts.validation.select(none), test=parts.test.select(np.array(kept)), leaks=())


def _room(planned: Sequence[Planned], workers: int | None, classes: int) -> int:
    """Bytes that are written at the most: the checkpoints of a run go when it ends, so that those under way count."""
    nets = [each.recipe.net for each in planned if isinstance(each.recipe, ScratchRecipe)]
    largest = sorted((checkpoints.room(net.parameters(units_for(classes))) for net in nets), reverse=True)
    return ROOM_FOR_RESULTS + sum(largest[: at_once(planned, workers)])


def _what(kind: str, recipe: Recipe | ScratchRecipe, pictures: Pictures) -> dict[str, Any]:
    """What a comparison is of, as it is after a way through JSON; more seeds may be added to it."""
    settings = {key: checkpoints.plain(value) for key, value in recipe.to_dict().items() if key != "reasons"}
    return {"kind": kind, "recipe": settings, **pictures.digests()}


def _lines(kind: str, recipe: Recipe | ScratchRecipe, parts: Parts) -> tuple[str, ...]:
    """The settings of all runs in words."""
    lines = [f"{parts}; {parts.how}", *(recipe.lines() if isinstance(recipe, ScratchRecipe) else recipe.reasons)]
    if kind == "complexity":
        lines[1] += "; and every other size of it"
    if kind == "recipes":
        lines.append("augmentation and dropout as above, where they are compared; none elsewhere")
    if kind == "data_size" and isinstance(recipe, ScratchRecipe):
        lines.append("fewer pictures are looked at more often: every run takes as many steps")
    if kind == "data_size":
        lines.append("each size is within the next, by class, copies together; another draw of as many for each seed")
    return tuple(lines)


def _folder(source: str | Path, kind: str, folder: str | Path | None) -> Path:
    if folder is not None:
        return Path(folder)
    name = os.fsencode(Path(source).resolve().name or "photos")[:180].decode("utf-8", "ignore")
    return runs_folder(source) / f"{name}-{kind.replace('_', '-')}"


def _command(
    source: Sequence[str],
    kind: str,
    given: tuple[str | Path | None, int, float | None, int, int | None],
    wishes: Wishes,
) -> str:
    folder, seeds, test, seed, workers = given
    if kind == "data_size" and wishes.recipe == "features":  # what it is without a word
        wishes = replace(wishes, recipe="auto")
    words = ["fieldguide", "compare", *source, f"--{kind.replace('_', '-')}", *wishes.words()]
    words += ["--output", str(folder)] if folder is not None else []
    words += ["--seeds", str(seeds)] if seeds != USUAL_SEEDS else []
    words += ["--test", str(test)] if test is not None else []
    words += ["--seed", str(seed)] if seed else []
    words += ["--workers", str(workers)] if workers is not None else []
    return shlex.join(words)
