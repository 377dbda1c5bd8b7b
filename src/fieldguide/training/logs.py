"""Logs of a training for tools that show them, TensorBoard and MLflow: only where they are asked for and installed."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from fieldguide.errors import InputError, InputTypeError
from fieldguide.files import write_text
from fieldguide.training.record import Epoch
from fieldguide.words import shortened

LOGS = ("tensorboard", "mlflow")
EXPERIMENT = "fieldguide"  # in MLflow
MLFLOW_FILE, FORMAT = "mlflow.json", 2  # the mark of MLflow's run
MARK = "fieldguide.mark"  # a tag of MLflow's run, by which it is found


class Log(Protocol):
    """Takes down the figures of every epoch as it ends."""

    def write(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Takes down figures of one epoch, so that they are there even if the process is killed right after."""

    def written(self) -> set[tuple[int, str]]:
        """What it holds, also from before it was opened: pairs of an epoch's number and a figure's name."""

    def close(self, error: type[BaseException] | None = None) -> None:
        """Sees to it that everything is written.

        Args:
            error: of the kind that ended the training; None if it came to its end.
        """


def refuse_unknown(names: Sequence[str]) -> None:
    """Sees to it that these logs are known and their packages installed, before any work is done.

    Raises:
        InputTypeError: they are no list.
        InputError: one is not.
    """
    if not isinstance(names, list | tuple):
        raise InputTypeError(
            f"logs is {shortened(names)} ({type(names).__name__}); expected a list, such as [{LOGS[0]!r}]."
        )
    for name in names:
        if name not in LOGS:
            raise InputError(f"log is {name!r}; expected one of {', '.join(LOGS)}.")
        try:
            __import__(name)
        except ImportError:
            package = "tensorboard" if name == "tensorboard" else "mlflow"
            raise InputError(
                f"a log for {name} was asked for, and it is not installed: pip install {package}."
            ) from None


@contextmanager
def opened(
    names: Sequence[str], folder: Path, settings: Mapping[str, Any], epochs: Sequence[Epoch] = ()
) -> Iterator[list[Log]]:
    """The logs of these names, closed when the block ends. Those of a run that is resumed go on where they were.

    Args:
        names: of LOGS.
        folder: of the run; TensorBoard's files go to `tensorboard` in it, and MLflow's run is called like it, and
            remembered there.
        settings: of the training, for MLflow.
        epochs: of a run that is resumed, as its checkpoint has them. What a log lacks of them is taken down first.

    Raises:
        InputError: a name is unknown, or its package is not installed.
    """
    refuse_unknown(names)
    with ExitStack() as stack:
        logs: list[Log] = []
        for name in names:
            log = _KINDS[name](folder, settings)
            stack.push(partial(_close, log))
            _bring_up(log, epochs)
            logs.append(log)
        yield logs


def _bring_up(log: Log, epochs: Sequence[Epoch]) -> None:
    """Takes down what a log lacks of epochs: a process may be killed between a checkpoint and the log of its epoch."""
    written = log.written() if epochs else set()
    for epoch in epochs:
        lacking = {name: value for name, value in figures(epoch).items() if (epoch.epoch, name) not in written}
        if lacking:
            log.write(epoch.epoch, lacking)


def _close(log: Log, error: type[BaseException] | None, *_: object) -> None:
    log.close(error)


def figures(epoch: Epoch) -> dict[str, float]:
    """What is taken down of an epoch: finite numbers by name, those of one kind side by side."""
    found = {
        "loss/train": epoch.loss,
        "loss/val": epoch.val_loss,
        "loss/as_fitted": epoch.fitted_loss,
        "accuracy/train": epoch.accuracy,
        "accuracy/val": epoch.val_accuracy,
        "accuracy/as_fitted": epoch.fitted_accuracy,
        "rate": epoch.rate,
    }
    return {name: float(value) for name, value in found.items() if value is not None and math.isfinite(value)}


class _TensorBoard:
    def __init__(self, folder: Path, _: Mapping[str, Any]) -> None:
        from tensorboard.summary import Writer

        self._folder = folder / "tensorboard"
        self._writer = Writer(str(self._folder))

    def write(self, epoch: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()  # which it would do by itself only after two minutes

    def written(self) -> set[tuple[int, str]]:
        from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

        events = (event for path in self._folder.glob("*tfevents*") for event in EventFileLoader(str(path)).Load())
        return {(event.step, value.tag) for event in events for value in event.summary.value}

    def close(self, error: type[BaseException] | None = None) -> None:
        self._writer.close()


class _MLflow:
    """A run where MLflow's own settings say, such as MLFLOW_TRACKING_URI.

    It is found by a mark that is written down before it is begun: a process may be killed at any moment in between.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        from mlflow import MlflowClient

        self._client = MlflowClient()
        found = self._client.get_experiment_by_name(EXPERIMENT)
        experiment = found.experiment_id if found is not None else self._client.create_experiment(EXPERIMENT)
        mark = _mark(folder / MLFLOW_FILE)
        runs = self._client.search_runs([experiment], f"tags.`{MARK}` = '{mark}'")
        if runs:
            self._run, known = runs[0].info.run_id, runs[0].data.params
            self._client.update_run(self._run, status="RUNNING")
        else:  # none was begun before, or none where MLflow looks now
            name = folder.resolve().name
            self._run, known = self._client.create_run(experiment, tags={MARK: mark}, run_name=name).info.run_id, {}
        for name, value in _flat(settings).items():
            if name not in known:  # a process may be killed among them
                self._client.log_param(self._run, name, str(value)[:500])

    def write(self, epoch: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self._client.log_metric(self._run, name, value, step=epoch)

    def written(self) -> set[tuple[int, str]]:
        names = self._client.get_run(self._run).data.metrics
        return {(entry.step, name) for name in names for entry in self._client.get_metric_history(self._run, name)}

    def close(self, error: type[BaseException] | None = None) -> None:
        stopped = error is not None and issubclass(error, KeyboardInterrupt)
        self._client.set_terminated(self._run, "FINISHED" if error is None else "KILLED" if stopped else "FAILED")


def _mark(path: Path) -> str:
    """The mark that is written down in a run's folder; a new one if there is none that can be read."""
    try:
        return uuid.UUID(json.loads(path.read_text(encoding="utf-8"))["mark"]).hex
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        mark = uuid.uuid4().hex
        write_text(path, json.dumps({"format": FORMAT, "mark": mark}))
        return mark


_KINDS: Mapping[str, Callable[[Path, Mapping[str, Any]], Log]] = {"tensorboard": _TensorBoard, "mlflow": _MLflow}


def _flat(settings: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= _flat(value, f"{before}{name}.") if isinstance(value, Mapping) else {f"{before}{name}": value}
    return found
