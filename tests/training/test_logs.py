"""Logs for TensorBoard and MLflow: every epoch, by name, and a clear word where a package is missing."""

from __future__ import annotations

import csv
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from scratch_trainings import QUICK, StoppedError, resumed, trained

from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError, TrainingError
from fieldguide.training import checkpoint as checkpoints
from fieldguide.training import logs
from fieldguide.training.record import Epoch

EPOCHS = [
    Epoch("scratch", 1, 0.7, 0.5, 0.71, 0.49, fitted_loss=0.72, fitted_accuracy=0.48, rate=1e-3),
    Epoch("scratch", 2, 0.6, 0.6, float("nan"), 0.55, fitted_loss=None, fitted_accuracy=None, rate=5e-4),
]


def take_down(log: logs.Log, epoch: Epoch) -> None:
    log.write(epoch.epoch, logs.figures(epoch))


def installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def test_an_unknown_log_is_named() -> None:
    with pytest.raises(InputError, match="log is 'wandb'; expected one of tensorboard, mlflow"):
        logs.refuse_unknown(["wandb"])


@pytest.mark.parametrize("name", logs.LOGS)
def test_a_package_that_is_missing_is_named(name: str) -> None:
    if installed(name):
        pytest.skip(f"{name} is installed")
    with pytest.raises(
        InputError, match=f"a log for {name} was asked for, and it is not installed: pip install {name}"
    ):
        logs.refuse_unknown([name])


@pytest.mark.skipif(not installed("tensorboard"), reason="TensorBoard is not installed")
def test_tensorboard_reads_what_was_logged(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with logs.opened(["tensorboard"], tmp_path, {}) as opened:
        for epoch in EPOCHS:
            take_down(opened[0], epoch)
    read = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"tensors": 0})
    read.Reload()
    assert {"loss/train", "loss/val", "accuracy/val", "rate"} <= set(read.Tags()["tensors"])
    steps = {tag: [event.step for event in read.Tensors(tag)] for tag in ("loss/train", "loss/val")}
    assert steps == {"loss/train": [1, 2], "loss/val": [1]}, "what is no number is left out"


@pytest.mark.skipif(
    not (installed("mlflow") and installed("sqlalchemy")), reason="MLflow with a database is not installed"
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of SQLAlchemy 2.1, which only MLflow can heed
def test_mlflow_reads_what_was_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/runs.db")
    from mlflow import MlflowClient

    with logs.opened(["mlflow"], tmp_path / "birds", {"recipe": {"seed": 3}}) as opened:
        for epoch in EPOCHS:
            take_down(opened[0], epoch)
    client = MlflowClient()
    experiment = client.get_experiment_by_name("fieldguide")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("birds", "FINISHED")
    assert run.data.params["recipe.seed"] == "3"
    assert [entry.value for entry in client.get_metric_history(run.info.run_id, "loss/train")] == [0.7, 0.6]


@pytest.mark.skipif(not installed("tensorboard"), reason="TensorBoard is not installed")
def test_tensorboard_goes_on_in_the_same_folder(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for epoch in EPOCHS:
        with logs.opened(["tensorboard"], tmp_path, {}) as opened:
            take_down(opened[0], epoch)
    read = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"tensors": 0})
    read.Reload()
    assert [event.step for event in read.Tensors("loss/train")] == [1, 2]


@pytest.mark.skipif(
    not (installed("mlflow") and installed("sqlalchemy")), reason="MLflow with a database is not installed"
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of SQLAlchemy 2.1, which only MLflow can heed
def test_mlflow_goes_on_in_the_same_run_and_knows_how_it_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/runs.db")
    from mlflow import MlflowClient

    folder, statuses = tmp_path / "birds", []
    for epoch, error in zip(EPOCHS, (TrainingError("the loss became no number"), None), strict=True):
        with suppress(TrainingError), logs.opened(["mlflow"], folder, {"seed": 3}) as opened:
            take_down(opened[0], epoch)
            (run,) = runs_of(MlflowClient())
            statuses.append(run.info.status)
            if error is not None:
                raise error
        (run,) = runs_of(MlflowClient())
        statuses.append(run.info.status)
    assert statuses == ["RUNNING", "FAILED", "RUNNING", "FINISHED"]
    history = MlflowClient().get_metric_history(run.info.run_id, "loss/train")
    assert [(entry.step, entry.value) for entry in history] == [(1, 0.7), (2, 0.6)]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/others.db")
    with logs.opened(["mlflow"], folder, {"seed": 3}) as opened:  # where MLflow knows nothing of it
        take_down(opened[0], EPOCHS[0])
    assert len(runs_of(MlflowClient())) == 1


@pytest.mark.skipif(
    not (installed("mlflow") and installed("sqlalchemy")), reason="MLflow with a database is not installed"
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of SQLAlchemy 2.1, which only MLflow can heed
@pytest.mark.parametrize("after", [0, 1], ids=["once its run is there", "between its settings"])
def test_a_kill_while_mlflow_s_run_is_begun_leaves_no_other_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/runs.db")
    from mlflow import MlflowClient

    folder, settings = tmp_path / "birds", {"recipe": {"seed": 3, "epochs": 5}}
    seen: list[Any] = []
    log_param = MlflowClient.log_param

    def stop(client: Any, *given: Any) -> None:
        if len(seen) == after:
            raise StoppedError
        seen.append(given)
        log_param(client, *given)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_param", stop)
        with pytest.raises(StoppedError), logs.opened(["mlflow"], folder, settings):
            pass
    with logs.opened(["mlflow"], folder, settings) as opened:
        take_down(opened[0], EPOCHS[0])
    (run,) = runs_of(MlflowClient())
    assert run.data.params == {"recipe.seed": "3", "recipe.epochs": "5"}


def test_the_mark_of_a_run_stays_and_a_damaged_one_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.json"
    mark = logs._mark(path)
    assert logs._mark(path) == mark
    for text in ("{", "[]", '{"format": 1, "run_id": "ab"}', '{"mark": "no\'mark"}', '{"mark": 3}'):
        path.write_text(text, encoding="utf-8")
        other = logs._mark(path)
        assert other != mark
        assert logs._mark(path) == other


def runs_of(client: Any) -> list[Any]:
    return list(client.search_runs([client.get_experiment_by_name("fieldguide").experiment_id]))


class Recorder:
    """A log that writes nothing and remembers how it was closed."""

    def __init__(self) -> None:
        self.closed: list[type[BaseException] | None] = []

    def write(self, epoch: int, figures: Mapping[str, float]) -> None:
        raise AssertionError(epoch)

    def written(self) -> set[tuple[int, str]]:
        return set()

    def close(self, error: type[BaseException] | None = None) -> None:
        self.closed.append(error)


def test_a_log_hears_what_ended_the_training() -> None:
    found = Recorder()
    logs._close(found, None, None, None)
    logs._close(found, TrainingError, TrainingError("no number"), None)
    assert found.closed == [None, TrainingError]


class Table:
    """A log in a CSV file, which needs nothing but Python."""

    def __init__(self, folder: Path, _: Mapping[str, Any] = MappingProxyType({})) -> None:
        self._path = folder / "log.csv"
        self._path.touch()

    def write(self, epoch: int, figures: Mapping[str, float]) -> None:
        with self._path.open("a", encoding="utf-8", newline="") as handle:
            csv.writer(handle).writerows((epoch, name, value) for name, value in figures.items())

    def written(self) -> set[tuple[int, str]]:
        return {(epoch, name) for epoch, name, _ in self.rows()}

    def rows(self) -> list[tuple[int, str, float]]:
        with self._path.open(encoding="utf-8", newline="") as handle:
            return [(int(epoch), name, float(value)) for epoch, name, value in csv.reader(handle)]

    def close(self, error: type[BaseException] | None = None) -> None:
        pass


class Breaking(Table):
    """The same, in a process that ends after the checkpoint of the second epoch, with two of its figures taken down."""

    def write(self, epoch: int, figures: Mapping[str, float]) -> None:
        if epoch == 2:
            super().write(epoch, dict(list(figures.items())[:2]))
            raise StoppedError
        super().write(epoch, figures)


def rows_of(epochs: Iterable[Epoch]) -> list[tuple[int, str, float]]:
    return sorted((epoch.epoch, name, value) for epoch in epochs for name, value in logs.figures(epoch).items())


@pytest.mark.parametrize("held", range(len(EPOCHS) + 1))
def test_a_log_is_brought_up_to_the_epochs_of_a_checkpoint(tmp_path: Path, held: int) -> None:
    log = Table(tmp_path)
    for epoch in EPOCHS[held:]:  # also where an epoch in the middle is lacking
        take_down(log, epoch)
    for _ in range(2):
        logs._bring_up(log, EPOCHS)
        assert sorted(log.rows()) == rows_of(EPOCHS)


def test_a_log_of_a_new_training_is_not_asked_what_it_holds(tmp_path: Path) -> None:
    log = Table(tmp_path)
    take_down(log, EPOCHS[0])
    logs._bring_up(log, ())
    assert sorted(log.rows()) == rows_of(EPOCHS[:1])


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_an_epoch_that_a_kill_kept_out_of_the_log_is_there_once_it_is_resumed(
    small_store: PixelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds: dict[str, type[Table]] = {"csv": Breaking}  # such a name, since a log's package must be installed
    monkeypatch.setattr(logs, "LOGS", ("csv",))
    monkeypatch.setattr(logs, "_KINDS", kinds)
    with pytest.raises(StoppedError):
        trained(small_store, QUICK, tmp_path, logged=["csv"])
    found = checkpoints.read(tmp_path)
    assert (found.epoch, len(Table(tmp_path).rows())) == (2, len(logs.figures(found.epochs[0])) + 2)
    kinds["csv"] = Table
    again = resumed(small_store, QUICK, tmp_path, logged=["csv"])
    assert sorted(Table(tmp_path).rows()) == rows_of(again.epochs)
    assert len(again.epochs) == 4


KILLED = """
import os, signal, sys
from pathlib import Path
from fieldguide.training import checkpoint as checkpoints
from fieldguide.training import logs
with logs.opened([sys.argv[1]], Path(sys.argv[2]), {}) as opened:
    opened[0].write(1, {"loss/train": 0.7, "loss/val": 0.71})
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(name: str, folder: Path) -> None:
    """Leaves what a process leaves that was killed after some figures of the first epoch had been taken down."""
    paths = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, name, str(folder)], check=False, env={**os.environ, "PYTHONPATH": paths}
    )
    assert done.returncode == -signal.SIGKILL


@pytest.mark.skipif(not installed("tensorboard"), reason="TensorBoard is not installed")
def test_tensorboard_is_brought_up_after_a_kill(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    killed("tensorboard", tmp_path)
    with logs.opened(["tensorboard"], tmp_path, {}) as opened:
        assert opened[0].written() == {(1, "loss/train"), (1, "loss/val")}, "nothing waits in memory to be written"
    for _ in range(2):
        with logs.opened(["tensorboard"], tmp_path, {}, EPOCHS):
            pass
    read = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"tensors": 0})
    read.Reload()
    found = [(event.step, tag) for tag in read.Tags()["tensors"] for event in read.Tensors(tag)]
    assert sorted(found) == [(epoch, name) for epoch, name, _ in rows_of(EPOCHS)]


@pytest.mark.skipif(not installed("tensorboard"), reason="TensorBoard is not installed")
def test_tensorboard_is_brought_up_where_a_file_was_cut_short(tmp_path: Path) -> None:
    killed("tensorboard", tmp_path)
    (path,) = (tmp_path / "tensorboard").iterdir()
    path.write_bytes(path.read_bytes()[:-3])  # the last figure, as a full disk or a loss of power leaves it
    with logs.opened(["tensorboard"], tmp_path, {}, EPOCHS) as opened:
        assert opened[0].written() == {(epoch, name) for epoch, name, _ in rows_of(EPOCHS)}


@pytest.mark.skipif(
    not (installed("mlflow") and installed("sqlalchemy")), reason="MLflow with a database is not installed"
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of SQLAlchemy 2.1, which only MLflow can heed
def test_mlflow_is_brought_up_after_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/runs.db")
    from mlflow import MlflowClient

    (folder := tmp_path / "birds").mkdir()
    killed("mlflow", folder)
    for _ in range(2):
        with logs.opened(["mlflow"], folder, {}, EPOCHS):
            pass
    client = MlflowClient()
    (run,) = runs_of(client)
    names = {name for _, name, _ in rows_of(EPOCHS)}
    found = [(entry.step, name) for name in names for entry in client.get_metric_history(run.info.run_id, name)]
    assert sorted(found) == [(epoch, name) for epoch, name, _ in rows_of(EPOCHS)]
