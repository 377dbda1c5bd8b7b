"""The main job in one call: check, split, train, evaluate, report."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from fieldguide import console
from fieldguide.asked import Asked
from fieldguide.data.check import check
from fieldguide.data.columns import TableOptions
from fieldguide.data.corrections import Corrections
from fieldguide.data.coverage import with_unmeasured
from fieldguide.data.dataset import PARTS, Dataset
from fieldguide.data.labelled import FOLDERS, labelled
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import Parts, refuse_untaught, split
from fieldguide.data.table_file import is_table
from fieldguide.data.twins import Twins, find_twins
from fieldguide.errors import FileError, InputError
from fieldguide.evaluation.crossvalidation import cross_validate, refuse_what_cannot_be_folded, require_folds
from fieldguide.evaluation.diagnose import diagnose
from fieldguide.evaluation.evaluate import evaluate
from fieldguide.evaluation.metrics import Score
from fieldguide.files import explained, require_writable
from fieldguide.outcome import REPORT_FILE, Outcome
from fieldguide.place import free, require_outside, require_run_outside, runs_folder
from fieldguide.reporting.card import write_card, write_tables
from fieldguide.reporting.page import report
from fieldguide.resuming import taken_up, under_way
from fieldguide.training.fit import Run, train
from fieldguide.training.logs import refuse_unknown
from fieldguide.training.recipe import Recipe
from fieldguide.training.record import Watch, merged
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.wishes import Wishes

ROOM_FOR_A_RUN = 60_000_000  # bytes
MOST_NAME_BYTES = 200  # of a run's own name: file systems take 255


def run_job(
    source: str | Path | Dataset,
    *,
    folder: str | Path | None = None,
    validation: float | None = None,
    test: float | None = None,
    folds: int | None = None,
    seed: int = 0,
    wishes: Wishes | None = None,
    logs: Sequence[str] = (),
    corrections: str | Path | None = None,
    table: TableOptions = FOLDERS,
) -> Outcome:
    """A run folder with classifier, card, tables and report, from a folder of pictures or a table of labels.

    Args:
        source: `source/<class>/...`, or with `train/`, `validation/`, `test/` above the classes; or a table; or what
            was read from either and is still as it was: the run remembers where it came from, and not itself.
        folder: where the run goes, outside of `source`; default a new one in `runs/`, named after the pictures and the
            time: here, or beside `source` where "here" is in it.
        validation: share of the pictures that make choices; with 0, the default, they are made out of fold within
            train; from random weights it is 0.15. None where the folder comes divided.
        test: share of the pictures that only measure, by default 0.2. None where the folder comes divided.
        folds: measure on all pictures, each by a model that learnt from the other folds, in place of both shares. Not
            for a training from random weights.
        seed: of everything random.
        wishes: how to train; by default all of it is chosen.
        logs: "tensorboard" and "mlflow", of a training from random weights.
        corrections: a file of corrected labels, outside of `source`.
        table: what is said of `source`, if that is a table still to be read.

    Raises:
        InputError: if the pictures cannot be trained on or divided so, a share is given for a folder that comes
            divided, or the folder is taken or lies among the pictures.
        FileError: if something cannot be read or written.
        TrainingError: if a training from random weights diverges.
    """
    started = time.perf_counter()
    mended = None if corrections is None else Corrections.read(corrections)
    read = source if isinstance(source, Dataset) else None
    if isinstance(source, Dataset):
        if source.corrected is not None:
            raise InputError("the labels of source are corrected already: give the file as corrections= instead.")
        table = FOLDERS if source.table is None else source.table.options
        source = source.source
    asked = Asked(
        Path(source),
        validation,
        test,
        seed,
        wishes or Wishes(),
        tuple(logs),
        folds=folds,
        corrections=mended,
        table=table,
    )
    if asked.logs and asked.wishes.recipe != "scratch":
        raise InputError(
            f"--log is for --recipe scratch, and the recipe is {asked.wishes.recipe}: add --recipe scratch, or leave "
            "it out."
        )
    refuse_unknown(asked.logs)
    asked.shares()  # refused now, before anything is read
    _refuse_beside_folds(asked)
    require_outside(folder if folder is not None else runs_folder(source), source)
    watch = Watch()
    asked.wishes.require_backbone()
    with watch.stage("reading pictures"):
        data = _pictures(asked, read)
    _refuse_shares_of_parts(data, validation, test)
    if folds is not None:
        refuse_what_cannot_be_folded(data, folds)
    with new_folder(Path(source), folder) as place:
        return _trained(asked, data, place, watch, started)


def resume_job(folder: str | Path, *, epochs: int | None = None) -> Outcome:
    """A run folder brought to its end, from where it was interrupted; the result is as if nothing had happened.

    Args:
        folder: of a run from random weights that `run_job` began.
        epochs: with more than it had, a finished run is prolonged.

    Raises:
        InputError: if the run is finished and no epochs are added, its pictures or settings have changed, or it lies
            among its pictures.
        FileError: if there is nothing to resume.
        TrainingError: if the training diverges.
    """
    started = time.perf_counter()
    place = Path(folder)
    asked, resume = taken_up(place, epochs)
    require_run_outside(place, asked.source)
    watch = Watch()
    with watch.stage("reading pictures"):
        data = _pictures(asked)
    return _trained(asked, data, place, watch, started, resume=resume)


def _pictures(asked: Asked, read: Dataset | None = None) -> Dataset:
    """The pictures, labelled by their folders or a table, if they were not read already, and by what was corrected."""
    data = labelled(asked.source, asked.table) if read is None else read
    refuse_untaught(data)
    return data if asked.corrections is None else asked.corrections.apply(data)


def _trained(
    asked: Asked, data: Dataset, place: Path, watch: Watch, started: float, *, resume: bool = False
) -> Outcome:
    """Everything from the pictures to the report, in a folder that is there."""
    with watch.stage("reading pictures"):
        store = PixelStore.build(data)
    with watch.stage("checking, dividing"):
        twins = find_twins(store)
        findings = check(store, twins=twins)
        parts = _divided(asked, store, twins)
        findings = with_unmeasured(findings, parts, store.dataset, twins)
        recipe = asked.now.recipe_for(store.select(parts.train), seed=asked.seed)
    folded = None
    if asked.folds is not None and isinstance(recipe, Recipe):
        with watch.stage("folds"):
            folded = cross_validate(store, folds=asked.folds, recipe=recipe, seed=asked.seed, twins=twins)
            parts = folded.parts
        console.say(f"All {len(parts.train):,} pictures: the classifier that is kept")
    resumable = isinstance(recipe, ScratchRecipe)
    with under_way(asked, place) if resumable else nullcontext() as notice:
        run = train(parts, recipe=recipe, folder=place, resume=resume, logs=asked.logs, notice=notice)
        watch.stages += run.stages
        with watch.stage("measuring"):
            score = _measured(run) if folded is None else folded.score
            # Without a picture to measure with, only the curves of a training from scratch tell anything.
            diagnosis = diagnose(run, score) if score is not None or resumable else None
        again = asked.command()
        with watch.stage("report"):
            run = replace(run, stages=merged(watch.stages))
            write_tables(run, score, findings)
            asked.write_corrections(place)
            report(run, score, place / REPORT_FILE, findings=findings, diagnosis=diagnosis, command=again)
        run = replace(run, stages=merged(watch.stages))
        write_card(run, score, findings=findings, diagnosis=diagnosis, command=again)  # last: it says that all is there
    return Outcome(place, findings, run, score, diagnosis, run.stages, time.perf_counter() - started)


def _divided(asked: Asked, store: PixelStore, twins: Twins) -> Parts:
    """The pictures in parts; all of them to train on where they are measured in folds."""
    validation, test = asked.shares() if asked.folds is None else (0.0, 0.0)
    return split(store, validation=validation, test=test, seed=asked.seed, twins=twins)


def _measured(run: Run) -> Score | None:
    """The score on the pictures that were kept for it and stand in no other part; None where there are none."""
    parts = run.parts
    leaked = parts.leaked_measured
    if len(leaked) == len(parts.test):
        return None
    return evaluate(run.classifier, parts.test, part=parts.measured, seed=parts.seed, leaked=leaked)


def _refuse_beside_folds(asked: Asked) -> None:
    """All pictures measure in folds, so none is set aside; and from random weights each fold would take minutes."""
    if asked.folds is None:
        return
    require_folds(asked.folds)
    shares = (("--validation", asked.validation), ("--test", asked.test))
    given = [flag for flag, share in shares if share is not None]
    if given:
        raise InputError(
            f"--folds {asked.folds} measures on all pictures, and {' and '.join(given)} would set some aside: leave "
            f"{'it' if len(given) == 1 else 'them'} out, or --folds."
        )
    if asked.wishes.recipe == "scratch":
        raise InputError(
            f"--folds {asked.folds} is for recipes on a network that has learnt to see, and the recipe is scratch, of "
            "which each fold would take as long as a whole training: leave out --folds, and give --test a share."
        )


def _refuse_shares_of_parts(data: Dataset, validation: float | None, test: float | None) -> None:
    """None may be given where the folder says which picture is where."""
    present = [] if data.given is None else np.unique(data.given).tolist()
    given = [flag for flag, share in (("--validation", validation), ("--test", test)) if share is not None]
    if len(present) > 1 and given:
        raise InputError(
            f"{data.source} comes divided into {' and '.join(PARTS[part] for part in present)}, and is taken as it "
            f"is: leave out {' and '.join(given)}."
        )


@contextmanager
def new_folder(source: Path, folder: str | Path | None) -> Iterator[Path]:
    """The run's folder, known to take files; gone again if the block ends in an error before anything was written.

    Args:
        source: of the pictures.
        folder: that was asked for; None for a new one among the runs.

    A folder that holds something is never written into.
    """
    with explained(folder if folder is not None else runs_folder(source), "use the folder"):
        place = Path(folder) if folder is not None else _free_name(source)
        if place.is_dir() and any(place.iterdir()):
            raise InputError(f"{place} holds something already: name a new folder with --output.")
        if place.exists() and not place.is_dir():
            raise FileError(f"{place} is a file; a folder was expected: name a new one with --output.")
        made = [each for each in (place, *place.parents) if not each.exists()]
    try:
        with explained(place, "use the folder"):
            place.mkdir(parents=True, exist_ok=folder is not None)
        yield require_writable(place, ROOM_FOR_A_RUN)
    except BaseException:
        for each in made:
            with suppress(OSError):  # a folder that holds something stays
                each.rmdir()
        raise


def _free_name(source: Path) -> Path:
    """A new folder among the runs, named after the pictures and the time."""
    named = source.stem if is_table(source) else source.resolve().name
    name = os.fsencode(named or "photos")[:MOST_NAME_BYTES].decode("utf-8", "ignore")
    return free(runs_folder(source) / f"{name}-{datetime.now():%Y%m%d-%H%M}")
