"""Taking up a training from random weights: what its folder allows, and what is said if it is interrupted again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fieldguide import console
from fieldguide.asked import FILE, Asked
from fieldguide.errors import FileError, InputError, TrainingError
from fieldguide.files import explained
from fieldguide.reporting.card import CARD_FILE
from fieldguide.training import checkpoint as checkpoints
from fieldguide.training.checkpoint import Checkpoint
from fieldguide.training.stopping import Targets


def taken_up(place: Path, epochs: int | None = None) -> tuple[Asked, bool]:
    """What is left to do in a run's folder, and whether there is a checkpoint to go on from.

    Where the training stands is told by its checkpoint. A card alone does not tell: of a run that is being prolonged
    it is that of the shorter one, until the new one takes its place.

    Args:
        place: the run's folder.
        epochs: in all; with more than the training was laid out for, it is prolonged.

    Raises:
        InputError: the run is finished and no epochs are added, or fewer are given than it was laid out for.
        FileError: there is nothing to resume.
        ModelError: what is there is damaged or of a newer version.
    """
    asked = Asked.read(place)
    if not (place / checkpoints.FOLDER / checkpoints.LAST).exists():
        if (place / CARD_FILE).exists():
            raise InputError(
                f"the run in {place} is finished, and its checkpoint is gone, so that no epochs can be added: train in "
                "a new folder."
            )
        return (asked if epochs is None else replace(asked, wishes=replace(asked.wishes, epochs=epochs))), False
    found = checkpoints.read(place)
    laid_out = found.schedules[-1].end
    if epochs is not None and epochs < laid_out:
        raise InputError(f"--epochs is {epochs}, and {_stands(place, found)}: {_go_on(asked, found)}.")
    if epochs is not None:
        begun = asked.prolonged[: len(found.schedules) - 1]  # a prolongation without an epoch yet may be thought over
        asked = replace(asked, prolonged=begun if epochs == laid_out else (*begun, epochs))
    wanted = asked.prolonged[-1] if asked.prolonged else laid_out
    if found.ended and wanted == laid_out and _epochs_of_card(place) == laid_out:
        given = f", and --epochs {epochs} adds none" if epochs is not None else ""
        raise InputError(f"{_stands(place, found)}{given}: {_go_on(asked, found)}.")
    return asked, True


@contextmanager
def under_way(asked: Asked, place: Path) -> Iterator[str]:
    """Writes down what a run was asked to do, and says after an interruption how it goes on.

    Gives what is to be said once it begins: where it is, and how it would go on.

    Args:
        asked: of the run.
        place: its folder.

    Raises:
        KeyboardInterrupt: likewise, with the command that goes on.
        FileError: something cannot be written; likewise.
        InputError: the training was refused; if it had not begun, what was asked for before stands as it was.
        TrainingError: it diverged, with where the advice can be followed; likewise.
    """
    before = Asked.read(place) if (place / FILE).exists() else None
    stood = _mark(place)
    asked.write(place)
    again = f"`{console.command()} train --resume {shlex.quote(str(place))}` goes on"
    try:
        yield f"Run in {place}. If it is interrupted, {again}."
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(again) from error
    except FileError as error:
        raise type(error)(f"{error} Then {again}.") from error
    except InputError:
        _as_it_was(place, asked, before, stood)
        raise
    except TrainingError as error:
        _as_it_was(place, asked, before, stood)
        if not any(place.iterdir()):  # no epoch had ended: the folder is as good as new
            raise
        raise TrainingError(
            f"{error} Whatever is changed, train in a new folder (--output): a run goes on with the settings that it "
            "began with."
        ) from error


def _as_it_was(place: Path, asked: Asked, before: Asked | None, stood: int | None) -> None:
    """Takes back what was written down of a training of which no epoch has ended."""
    if _mark(place) == stood:
        with explained(place / FILE, "write"):
            before.write(place) if before is not None else asked.remove(place)


def _stands(place: Path, found: Checkpoint) -> str:
    """How far a run has come of the epochs that it was laid out for."""
    laid_out, done = found.schedules[-1].end, found.epoch
    if not found.ended:
        return f"the run in {place} was laid out for {laid_out:,} and has not finished them"
    early = f" early, at epoch {done:,} of the {laid_out:,} that it was laid out for" if done < laid_out else ""
    return f"the run in {place} is finished{early} ({found.ended})"


def _go_on(asked: Asked, found: Checkpoint) -> str:
    """What brings it further, if anything does."""
    if not found.ended:
        return "resume it without --epochs, and add some afterwards"
    target = asked.wishes.target
    if target is not None and Targets(*target).reached(found.epochs[-1]):
        return "no epochs can be added to what it aimed at; train in a new folder with a higher --target"
    least = found.schedules[-1].end + 1
    return f"add epochs with --epochs {least} or more, or train in a new folder"


def _epochs_of_card(place: Path) -> int | None:
    """The epochs of the training that the card in a run's folder is of; None where there is none that can be read."""
    try:
        epochs = json.loads((place / CARD_FILE).read_text(encoding="utf-8"))["recipe"]["epochs"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return epochs if isinstance(epochs, int) else None


def _mark(place: Path) -> int | None:
    """What changes with every checkpoint; None while there is none."""
    path = place / checkpoints.FOLDER / checkpoints.LAST
    return path.stat().st_mtime_ns if path.exists() else None
