"""The runs of a comparison: each is kept as it ends, and taken up where it was interrupted."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from fieldguide import console
from fieldguide.comparison.pictures import Pictures
from fieldguide.comparison.plan import Planned
from fieldguide.comparison.record import RUNS, Result
from fieldguide.comparison.single import make
from fieldguide.comparison.workers import AloneError, at_once, make_at_once
from fieldguide.errors import TrainingError
from fieldguide.training import checkpoint as checkpoints
from fieldguide.training import features as frozen
from fieldguide.training.recipe import Recipe
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.words import counted

WHOLE = 10_000  # parts of all the work, by which progress is counted


def run_all(pictures: Pictures, planned: Sequence[Planned], folder: Path, workers: int | None = None) -> list[Result]:
    """The result of every run, in order; those that are there already are not made again.

    Networks are trained in processes of their own, each on one thread; on an accelerator, which they would have to
    share, they are trained here, one after the other, as heads are.

    Args:
        pictures: of all runs.
        planned: the runs.
        folder: of the comparison.
        workers: how many networks are trained at once; None for as many as there are cores, and room in memory.

    Raises:
        InputError: a run that is there was made otherwise.
        FileError: something cannot be read or written.
        TrainingError: a run's loss is no number any more, or its process was ended; the other runs are kept.
    """
    places = [folder / RUNS / each.name for each in planned]
    settings = [{**each.settings(), **pictures.digests(each.rows)} for each in planned]
    results = [Result.read(place, each) for place, each in zip(places, settings, strict=True)]
    missing = [number for number, result in enumerate(results) if result is None]
    for place, result in zip(places, results, strict=True):
        if result is not None:  # where it was interrupted just before they went
            shutil.rmtree(place / checkpoints.FOLDER, ignore_errors=True)
    if len(missing) < len(planned):
        console.say(f"{counted(len(planned) - len(missing), 'run')} of {len(planned)} kept from before")

    def keep(number: int, result: Result) -> None:
        result.write(places[number], settings[number])
        results[number] = result
        shutil.rmtree(places[number] / checkpoints.FOLDER, ignore_errors=True)

    networks = [number for number in missing if isinstance(planned[number].recipe, ScratchRecipe)]
    if networks and _trained_at_once(pictures, planned, places, networks, workers, keep):
        missing = [number for number in missing if number not in networks]
    if missing and isinstance(first := planned[0].recipe, Recipe):
        frozen.compute(pictures.store, trunk=first.trunk)  # once, and kept for all runs
    for order, number in enumerate(missing):
        each = planned[number]
        left = _time_left(planned, results, missing[order:])
        console.say(f"Run {number + 1} of {len(planned)}: {each.point}, seed {each.recipe.seed}{left}")
        try:
            result = make(pictures, each, places[number])
        except TrainingError as error:
            raise TrainingError(f"run {each.name}: {error}") from error
        keep(number, result)
    return [result for result in results if result is not None]


def _trained_at_once(
    pictures: Pictures,
    planned: Sequence[Planned],
    places: Sequence[Path],
    numbers: Sequence[int],
    workers: int | None,
    keep: Callable[[int, Result], None],
) -> bool:
    """Trains networks, several at once where there is room; False where none can be trained but in this process."""
    # The longest of a seed first, so that none is left to end alone.
    order = sorted(numbers, key=lambda number: (planned[number].number, -planned[number].work))
    for number in order:
        recipe = planned[number].recipe
        assert isinstance(recipe, ScratchRecipe)
        for size in recipe.sizes:  # decoded once, here, and not by each process
            pictures.kept(recipe.kept_size(size))
    jobs = [(planned[number], places[number]) for number in order]
    crew = at_once([planned[number] for number in order], workers)
    with console.progress(f"0 of {counted(len(jobs), 'run')}", WHOLE, percent=True) as bar:
        board = Board([planned[number] for number in order], bar, lambda place, result: keep(order[place], result))
        try:
            make_at_once(pictures, jobs, crew, board)
        except AloneError:
            return False
    return True


class Board:
    """Shows how far all runs are, by the work of each, and keeps their results."""

    def __init__(self, planned: Sequence[Planned], bar: console.Progress, keep: Callable[[int, Result], None]) -> None:
        self._planned, self._bar, self._keep = planned, bar, keep
        self._shares = [0.0] * len(planned)
        self._begun: set[int] = set()

    def began(self, workers: int) -> None:
        console.say(f"{counted(len(self._planned), 'run')} to train, {workers} at once, each on one core")

    def waited(self) -> None:
        self._bar.advance(0)

    def reached(self, number: int, epochs: int) -> None:
        recipe = self._planned[number].recipe
        assert isinstance(recipe, ScratchRecipe)
        first, self._shares[number] = (
            not self._shares[number],
            epochs / (recipe.epochs + 1),
        )  # it is measured afterwards
        self._show(before=first)

    def made(self, number: int, result: Result) -> None:
        self._keep(number, result)
        self._shares[number] = 1.0
        ended = sum(share == 1.0 for share in self._shares)
        self._bar.title = f"{ended} of {counted(len(self._planned), 'run')}"
        self._show()

    def _show(self, *, before: bool = False) -> None:
        work = [each.work for each in self._planned]
        done = sum(share * each for share, each in zip(self._shares, work, strict=True)) / sum(work)
        (self._bar.skip if before else self._bar.advance)(round(WHOLE * done) - self._bar.done)


def _time_left(planned: Sequence[Planned], results: Sequence[Result | None], missing: Sequence[int]) -> str:
    """What the runs so far say of those to come: of the same point if there is one, else by their work."""
    done = [(each, result.seconds) for each, result in zip(planned, results, strict=True) if result is not None]
    if not done:
        return ""
    pace = sum(seconds for _, seconds in done) / sum(each.work for each, _ in done)
    spent: dict[str, list[float]] = {}
    for each, seconds in done:
        spent.setdefault(each.point, []).append(seconds)
    to_come = [spent.get(planned[number].point, [pace * planned[number].work]) for number in missing]
    return f"; about {console.clock(sum(sum(seconds) / len(seconds) for seconds in to_come))} left"
