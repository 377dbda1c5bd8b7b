"""Logs for TensorBoard and MLflow: every epoch, by name, and a clear word where a package is missing."""

from __future__ import annotations

import importlib.util
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from fieldguide.errors import InputError, TrainingError
from fieldguide.training import logs
from fieldguide.training.record import Epoch

EPOCHS = [
    Epoch("scratch", 1, 0.7, 0.5, 0.71, 0.49, fitted_loss=0.72, fitted_accuracy=0.48, rate=1e-3),
    Epoch("scratch", 2, 0.6, 0.6, float("nan"), 0.55, fitted_loss=None, fitted_accuracy=None, rate=5e-4),
]


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
            opened[0].epoch(epoch)
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
            opened[0].epoch(epoch)
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
            opened[0].epoch(epoch)
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
            opened[0].epoch(epoch)
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
        opened[0].epoch(EPOCHS[0])
    assert len(runs_of(MlflowClient())) == 1


def runs_of(client: Any) -> list[Any]:
    return list(client.search_runs([client.get_experiment_by_name("fieldguide").experiment_id]))


class Recorder:
    """A log that writes nothing and remembers how it was closed."""

    def __init__(self) -> None:
        self.closed: list[type[BaseException] | None] = []

    def epoch(self, epoch: Epoch) -> None:
        raise AssertionError(epoch)

    def close(self, error: type[BaseException] | None = None) -> None:
        self.closed.append(error)


def test_a_log_hears_what_ended_the_training() -> None:
    found = Recorder()
    logs._close(found, None, None, None)
    logs._close(found, TrainingError, TrainingError("no number"), None)
    assert found.closed == [None, TrainingError]
