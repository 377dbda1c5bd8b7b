"""What a run was asked to do, written down in its folder, so that it can be repeated and resumed."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass, fields, replace
from pathlib import Path

from fieldguide.data.columns import TableOptions
from fieldguide.data.corrections import Corrections
from fieldguide.data.decisions import lines_text
from fieldguide.data.labelled import FOLDERS
from fieldguide.errors import FieldguideError, FileError, InputError, MissingFileError, ModelError
from fieldguide.files import explained, write_text
from fieldguide.training.usual import SCRATCH_VALIDATION_SHARE, TEST_SHARE, VALIDATION_SHARE
from fieldguide.training.wishes import Wishes

FILE = "asked.json"
CORRECTED_FILE = "corrected.csv"  # the corrections as they were when a run began: the file itself may grow
FORMAT = 1
RUN = "RUN"  # stands for a run's folder, as in the help of the command line


@dataclass(frozen=True)
class Asked:
    """The pictures, how they are divided, and how to train on them; None where nothing was said.

    Example:
        >>> asked = Asked(Path("photos"), None, None, 1, Wishes("scratch", epochs=20), prolonged=(30,))
        >>> asked.now.epochs
        30
        >>> print(asked.command())
        fieldguide train photos --recipe scratch --epochs 20 --seed 1 --output RUN
        fieldguide train --resume RUN --epochs 30
    """

    source: Path
    validation: float | None
    test: float | None
    seed: int
    wishes: Wishes  # it began with
    logs: tuple[str, ...] = ()
    prolonged: tuple[int, ...] = ()  # epochs in all that were asked for afterwards, each time it had ended
    folds: int | None = None  # of a cross-validation; None where a part of the pictures measures
    corrections: Corrections | None = None  # of the pictures' labels
    table: TableOptions = FOLDERS  # what is said of the source, if that is a table

    @property
    def now(self) -> Wishes:
        """The wishes with the epochs that it was last prolonged to."""
        return replace(self.wishes, epochs=self.prolonged[-1]) if self.prolonged else self.wishes

    def shares(self) -> tuple[float, float]:
        """The shares that choose and that measure.

        Raises:
            InputError: they leave nothing to train on.
        """
        usual = SCRATCH_VALIDATION_SHARE if self.wishes.recipe == "scratch" else VALIDATION_SHARE
        chosen = usual if self.validation is None else self.validation
        measured = TEST_SHARE if self.test is None else self.test
        if chosen + measured >= 1:
            raise InputError(
                f"a validation share of {chosen:g} and a test share of {measured:g} ({TEST_SHARE:g} unless given) "
                "leave nothing to train on: give --validation and --test shares that add up to less than 1."
            )
        return chosen, measured

    def command(self) -> str:
        """What makes the same classifier again, in a new folder: a line for the beginning and for each prolongation.

        Epochs that are added are learnt with a schedule of their own, so that as many from the beginning would give
        another classifier.
        """
        usual = SCRATCH_VALIDATION_SHARE if self.wishes.recipe == "scratch" else VALIDATION_SHARE
        words = ["fieldguide", "train", str(self.source), *self.table.words(), *self.wishes.words()]
        words += ["--validation", str(self.validation)] if self.validation not in (None, usual) else []
        words += ["--test", str(self.test)] if self.test not in (None, TEST_SHARE) else []
        words += ["--folds", str(self.folds)] if self.folds is not None else []
        words += ["--seed", str(self.seed)] if self.seed else []
        words += ["--corrections", str(self.corrections.path)] if self.corrections is not None else []
        for log in self.logs:
            words += ["--log", log]
        words += ["--output", RUN] if self.prolonged else []
        added = [["fieldguide", "train", "--resume", RUN, "--epochs", str(epochs)] for epochs in self.prolonged]
        return "\n".join(shlex.join(each) for each in (words, *added))

    def write(self, folder: Path) -> None:
        """Writes it into a run's folder.

        Raises:
            FileError: it cannot be written.
        """
        record = {
            "format": FORMAT,
            "source": os.fspath(self.source.resolve()),
            "validation": self.validation,
            "test": self.test,
            "seed": self.seed,
            "wishes": self.wishes.to_dict(),
            "logs": list(self.logs),
            "prolonged": list(self.prolonged),
            "corrections": None if self.corrections is None else os.fspath(self.corrections.path),
            "table": self._table_from_anywhere().to_dict(),
        }
        self.write_corrections(folder)
        write_text(folder / FILE, json.dumps(record, indent=1) + "\n")

    def _table_from_anywhere(self) -> TableOptions:
        folder = self.table.folder
        return self.table if folder is None else replace(self.table, folder=folder.resolve())

    def write_corrections(self, folder: Path) -> None:
        """Writes the corrections of the labels, if there are any, into a run's folder.

        Raises:
            FileError: they cannot be written.
        """
        if self.corrections is not None:
            write_text(folder / CORRECTED_FILE, lines_text(self.corrections.lines))

    def remove(self, folder: Path) -> None:
        """Takes what `write` wrote away again.

        Raises:
            FileError: it cannot be removed.
        """
        for name in (FILE, CORRECTED_FILE) if self.corrections is not None else (FILE,):
            with explained(folder / name, "remove"):
                (folder / name).unlink(missing_ok=True)

    @classmethod
    def read(cls, folder: Path) -> Asked:
        """What a run's folder was asked to do.

        Raises:
            MissingFileError: there is no such folder.
            FileError: nothing is written down there.
            ModelError: it is damaged or of a newer version.
        """
        path = folder / FILE
        if not folder.exists():
            raise MissingFileError(f"there is no run at {folder}: it does not exist; check the spelling.")
        if not path.exists():
            raise FileError(
                f"{folder} holds nothing to resume ({FILE}): name the folder of a run that `fieldguide train --recipe "
                "scratch` began."
            )
        with explained(path, "read"):
            try:
                record = json.loads(path.read_text(encoding="utf-8"))
                if record["format"] != FORMAT:
                    raise ModelError(
                        f"{path} has format {record['format']}; this version reads {FORMAT}: upgrade fieldguide."
                    )
                wishes = dict(record["wishes"])
                wishes["target"] = None if wishes["target"] is None else tuple(wishes["target"])
                if not set(wishes) <= {field.name for field in fields(Wishes)}:  # earlier versions knew of fewer
                    raise KeyError("wishes")
                shares = record["validation"], record["test"]
                logs, prolonged = tuple(record["logs"]), tuple(record.get("prolonged", ()))
                corrections = _corrections_of(folder, record.get("corrections"))
                asked = cls(Path(record["source"]), *shares, record["seed"], Wishes(**wishes), logs, prolonged)
                table = TableOptions.from_dict(record["table"]) if "table" in record else FOLDERS
                return replace(asked, corrections=corrections, table=table)
            except FieldguideError:
                raise
            except (ValueError, KeyError, TypeError) as error:
                raise ModelError(f"{path} is damaged: train again in a new folder.") from error


def _corrections_of(folder: Path, named: str | None) -> Corrections | None:
    """The corrections that a run began with, by the name that they were given under."""
    return None if named is None else replace(Corrections.read(folder / CORRECTED_FILE), path=Path(named))
