"""What is kept of a comparison in its folder: what it is of, and the result of each finished run."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from fieldguide import console
from fieldguide.comparison.pictures import differences
from fieldguide.errors import InputError, ModelError
from fieldguide.files import explained, write_text
from fieldguide.place import free
from fieldguide.training import checkpoint as checkpoints
from fieldguide.words import counted

FORMAT = 1
PLAN_FILE, RESULT_FILE, RUNS = "plan.json", "result.json", "runs"


@dataclass(frozen=True)
class Result:
    """What one run came to. Both accuracies are of pictures as they are, by the network as it would be used."""

    point: str
    number: int  # from 1, among the runs of this point
    x: float  # parameters or training pictures; 0 for a recipe
    seed: int
    train_accuracy: float  # 0..1
    train_n: int  # training pictures that it is of
    n: int  # pictures that measured
    wrong: tuple[int, ...]  # which of them it had wrong
    epochs: int  # 0 where a head was fitted to convergence
    ended: str  # why, in a clause
    seconds: float

    @property
    def right(self) -> np.ndarray:
        """Which of the measuring pictures it had right: bool (n,)."""
        found = np.ones(self.n, bool)
        found[list(self.wrong)] = False
        return found

    @property
    def accuracy(self) -> float:
        """The share of the measuring pictures that it had right."""
        return 1 - len(self.wrong) / self.n

    def write(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Writes it into the run's folder, with the settings that it depends on.

        Raises:
            FileError: it cannot be written.
        """
        record = {"format": FORMAT, "settings": dict(settings), "result": asdict(self)}
        write_text(folder / RESULT_FILE, json.dumps(record) + "\n")

    @classmethod
    def read(cls, folder: Path, settings: Mapping[str, Any]) -> Result | None:
        """The result in a run's folder; None where the run has not finished.

        A result that cannot be read is warned of, and as if it were not there.

        Raises:
            InputError: it is of other settings or pictures.
            FileError: the folder cannot be read.
        """
        path = folder / RESULT_FILE
        if not path.exists():
            return None
        with explained(path, "read"):
            text = path.read_text(encoding="utf-8", errors="replace")
        try:
            record = json.loads(text)
            if record["format"] != FORMAT or set(record["result"]) != {field.name for field in fields(cls)}:
                raise KeyError("format")
            before, found = record["settings"], cls(**{**record["result"], "wrong": tuple(record["result"]["wrong"])})
        except (ValueError, KeyError, TypeError):
            console.warn(f"{path} is damaged or of another version: this run is made again.")
            return None
        if changed := differences(before, settings):
            raise InputError(
                f"the run in {folder} was made otherwise: {'; '.join(changed)}. Give the same pictures and settings, "
                "or name a new folder with --output."
            )
        return found


def require_place(folder: Path, kind: str) -> dict[str, Any] | None:
    """What the comparison in a folder is of, so that it can be gone on with; None where there is none yet.

    Raises:
        InputError: it holds something else, or a comparison of another kind.
        ModelError: its note is damaged or of a newer version.
        FileError: it cannot be read.
    """
    path = folder / PLAN_FILE
    with explained(folder, "use the folder"):
        if not path.exists():
            if folder.is_dir() and any(folder.iterdir()):
                raise InputError(f"{folder} holds something else already: name a new folder with --output.")
            return None
        text = path.read_text(encoding="utf-8", errors="replace")
    try:
        found = dict(json.loads(text))
        version, before = found.pop("format"), found["kind"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is damaged: name a new folder with --output.") from error
    if version != FORMAT:
        raise ModelError(f"{path} has format {version}; this version reads {FORMAT}: upgrade fieldguide.")
    if before != kind:
        raise InputError(f"{folder} holds another comparison, of {before}: name a new folder with --output.")
    return found


def given_up(folder: Path) -> str:
    """What is to be said of a folder after a run in it has diverged: where a comparison of other settings can go.

    Where no epoch of any run had ended the note is taken back, so that the folder can be used again, and nothing need
    be said.

    Args:
        folder: of the comparison.

    Raises:
        FileError: it cannot be read or written.
    """
    with explained(folder, "tidy up the folder"):
        for run in (folder / RUNS).glob("*"):
            checkpoints.tidy(run)  # of others that were ended in the middle
        if any(path.is_file() for path in folder.rglob("*") if path != folder / PLAN_FILE):
            other = shlex.quote(str(free(folder)))
            return f" A comparison is of one recipe: with another one name a new folder, such as --output {other}."
        (folder / PLAN_FILE).unlink(missing_ok=True)
        shutil.rmtree(folder / RUNS, ignore_errors=True)  # empty folders
    return ""


def kept(folder: Path, again: str) -> str:
    """What is to be said of a comparison that was interrupted: what of it is kept, and what goes on.

    Args:
        folder: of the comparison.
        again: that makes the same one, in words.
    """
    finished = sum(1 for _ in (folder / RUNS).glob(f"*/{RESULT_FILE}"))
    begun = sum(1 for _ in (folder / RUNS).glob(f"*/{checkpoints.FOLDER}/{checkpoints.LAST}"))
    held = [counted(finished, "finished run")] if finished else []
    one, several = "the run under way up to its last whole epoch", "{} runs under way up to their last whole epochs"
    held += [one if begun == 1 else several.format(begun)] if begun else []
    return f"{folder} holds {' and '.join(held) or 'nothing of a run yet'}; {again} goes on"


def take_up(folder: Path, what: Mapping[str, Any]) -> None:
    """Makes sure that a folder holds this comparison, or nothing, and notes what it is of.

    Args:
        folder: of the comparison.
        what: its kind, recipe and pictures, ready for JSON.

    Raises:
        InputError: it holds something else, or a comparison of other pictures or settings.
        ModelError: its note is damaged or of a newer version.
        FileError: it cannot be read or written.
    """
    before = require_place(folder, what["kind"])
    if before is None:
        write_text(folder / PLAN_FILE, json.dumps({"format": FORMAT, **what}, indent=1) + "\n")
    elif changed := differences(before, what):
        raise InputError(
            f"the comparison in {folder} began otherwise: {'; '.join(changed)}. Give the same pictures and settings to "
            "go on with it, or name a new folder with --output."
        )
