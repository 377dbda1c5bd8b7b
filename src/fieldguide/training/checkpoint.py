"""Where a training stands after an epoch, as one file that is either whole or not there."""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fieldguide.errors import FileError, ModelError
from fieldguide.files import atomic, explained
from fieldguide.training.record import Epoch, Schedule
from fieldguide.training.stopping import Progress

FORMAT = 3
FOLDER, LAST = "checkpoints", "last.npz"
_TEMPORARY = re.compile(r"\.\d+-[0-9a-f]{8}\.npz")  # as `files.atomic` names it
_STATE, _KEPT = "state", "kept/"
ROOM_FOR_A_STATE = 2_000_000  # bytes: the epochs, the settings and the names of the pictures
# What reading a damaged file may raise, besides OSError.
_DAMAGE = (zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError, TypeError)

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A training after some whole epochs: all that the next epoch depends on."""

    epochs: tuple[Epoch, ...]
    schedules: tuple[Schedule, ...]  # the first one, and those of the epochs that were added afterwards
    progress: Progress
    ended: str  # why the training has ended; "" while it goes on
    seconds: float  # spent so far
    settings: Mapping[str, Any]  # what must be the same to go on
    arrays: Arrays  # weights, the optimiser's variables and the averaged weights
    kept: Arrays  # the weights of the best epoch so far; empty where the last one is the best, or counts in any case

    @property
    def epoch(self) -> int:
        """The number of the last whole epoch."""
        return len(self.epochs)


def write(folder: Path, checkpoint: Checkpoint) -> Path:
    """Writes the checkpoint in place of the last one; if that fails, the last one is as it was.

    Args:
        folder: of the run.

    Raises:
        FileError: the disk is full or cannot be written.
    """
    path = folder / FOLDER / LAST
    state = {
        "format": FORMAT,
        "epochs": [epoch.to_dict() for epoch in checkpoint.epochs],
        "schedules": [asdict(schedule) for schedule in checkpoint.schedules],
        "progress": asdict(checkpoint.progress),
        "ended": checkpoint.ended,
        "seconds": checkpoint.seconds,
        "settings": dict(checkpoint.settings),
    }
    text = np.frombuffer(json.dumps(state).encode(), np.uint8)
    kept = {_KEPT + name: value for name, value in checkpoint.kept.items()}
    with atomic(path) as temporary, temporary.open("wb") as handle:
        np.savez(handle, allow_pickle=False, **{_STATE: text}, **checkpoint.arrays, **kept)
    return path


def tidy(folder: Path) -> None:
    """Removes what a process that was killed while it wrote a checkpoint has left.

    Args:
        folder: of the run, in which no other process trains.

    Raises:
        FileError: it cannot be removed.
    """
    place = folder / FOLDER
    if not place.is_dir():
        return
    with explained(place, "tidy up"):
        for path in place.iterdir():
            if _TEMPORARY.fullmatch(path.name):
                path.unlink(missing_ok=True)


def room(parameters: int) -> int:
    """Bytes that the checkpoints of a network take at the most, the one that is being written among them.

    Args:
        parameters: of the network.
    """
    # The weights, two more numbers for each of the optimiser, the averaged weights and the best ones: float32.
    return 2 * (4 * 5 * parameters + ROOM_FOR_A_STATE)


def read(folder: Path) -> Checkpoint:
    """The checkpoint of a run's folder.

    Raises:
        FileError: there is none, or it cannot be read.
        ModelError: it is damaged or of another version.
    """
    path = folder / FOLDER / LAST
    if not path.exists():
        raise FileError(
            f"{folder} holds no checkpoint to go on from ({FOLDER}/{LAST}): name the folder of a run that "
            "`fieldguide train --recipe scratch` began."
        )
    with explained(path, "read the checkpoint"):
        try:
            with path.open("rb") as handle, np.load(handle, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            state = json.loads(arrays.pop(_STATE).tobytes())
            if state["format"] != FORMAT:
                older = isinstance(state["format"], int) and state["format"] < FORMAT
                raise ModelError(
                    f"{path} has format {state['format']}; this version reads format {FORMAT}: "
                    f"{'' if older else 'upgrade fieldguide, or '}train again in a new folder."
                )
            return Checkpoint(
                epochs=tuple(Epoch(**fields) for fields in state["epochs"]),
                schedules=tuple(Schedule(**fields) for fields in state["schedules"]),
                progress=Progress(**state["progress"]),
                ended=state["ended"],
                seconds=state["seconds"],
                settings=state["settings"],
                arrays={name: value for name, value in arrays.items() if not name.startswith(_KEPT)},
                kept={name.removeprefix(_KEPT): value for name, value in arrays.items() if name.startswith(_KEPT)},
            )
        except ModelError:
            raise
        except _DAMAGE as error:
            raise ModelError(f"{path} is damaged: train again in a new folder.") from error


def plain(value: Any) -> Any:
    """A value as it is after a way through JSON, so that it can be compared with one that was kept.

    Example:
        >>> plain({"growth": ((0.5, 0.75),)})
        {'growth': [[0.5, 0.75]]}
    """
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between the settings of a checkpoint and those it is to go on with, a clause each.

    Example:
        >>> changes({"batch_size": 32, "seed": 0}, {"batch_size": 64, "seed": 0})
        ['batch_size was 32 and is 64']
    """
    found = []
    for name in sorted({*before, *now}):
        one, other = before.get(name), now.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += [f"{name}: {clause}" for clause in changes(one, other)]
        elif one != other:
            found.append(f"{name} was {one!r} and is {other!r}")
    return found
