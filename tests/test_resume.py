"""A run from scratch that was interrupted goes on where it stopped, from Python and from the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fieldguide.asked import Asked
from fieldguide.cli import main
from fieldguide.errors import FileError, InputError, ModelError
from fieldguide.job import Outcome, resume_job, run_job
from fieldguide.model.classifier import load
from fieldguide.training.wishes import Wishes

pytestmark = [
    # Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.keras,
]

WISHES = Wishes("scratch", size="tiny", side=32, epochs=2, batch_size=16, augment="light", dropout=0.2)
MADE_LAST = ("card.json", "report.html", "predictions.csv", "history.csv", "skipped.csv", "model.keras")


@pytest.fixture(scope="module")
def finished(small_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return run_job(small_photos, folder=tmp_path_factory.mktemp("runs") / "whole", seed=2, wishes=WISHES)


def copy_of(run: Outcome, folder: Path, *, without: tuple[str, ...] = ()) -> Path:
    shutil.copytree(run.folder, folder)
    for name in without:
        (folder / name).unlink()
    return folder


def test_the_run_says_how_it_was_made_and_what_was_measured(finished: Outcome, small_photos: Path) -> None:
    card = json.loads((finished.folder / "card.json").read_text(encoding="utf-8"))
    assert card["recipe"]["net"]["size"] == "tiny"
    assert card["command"] == (
        f"fieldguide train {small_photos} --recipe scratch --size tiny --side 32 --dropout 0.2 --augment light "
        "--epochs 2 --batch-size 16 --seed 2"
    )
    assert finished.run.parts.to_dict()["validation"] == 10
    assert "watched after each epoch: the 10 pictures of validation" in " ".join(str(finished).split())
    page = (finished.folder / "report.html").read_text(encoding="utf-8")
    assert "the 10 pictures of validation" in page
    assert "Learning rate" in page
    assert "<code>asked.json</code>" in page and "<code>checkpoints</code>" in page
    assert "which choose" not in page


def test_a_run_killed_before_its_report_gets_the_same_one(finished: Outcome, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path / "run", without=MADE_LAST)
    again = resume_job(folder)
    for name in ("predictions.csv", "history.csv"):
        assert (folder / name).read_bytes() == (finished.folder / name).read_bytes()
    assert again.score is not None
    assert finished.score is not None
    np.testing.assert_array_equal(again.score.probabilities, finished.score.probabilities)
    one, other = load(folder), load(finished.folder)
    assert one.weights is not None
    assert other.weights is not None
    assert all(np.array_equal(value, other.weights[name]) for name, value in one.weights.items())


def test_a_run_killed_before_its_first_checkpoint_begins_anew(finished: Outcome, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path / "run", without=MADE_LAST)
    shutil.rmtree(folder / "checkpoints")
    resume_job(folder)
    assert (folder / "predictions.csv").read_bytes() == (finished.folder / "predictions.csv").read_bytes()


def test_a_finished_run_is_prolonged_and_not_repeated(finished: Outcome, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path / "run")
    with pytest.raises(InputError, match="is finished: add epochs with --epochs"):
        resume_job(folder)
    longer = resume_job(folder, epochs=3)
    assert [epoch.epoch for epoch in longer.run.epochs] == [1, 2, 3]
    assert longer.run.epochs[:1] == finished.run.epochs[:1]
    assert json.loads((folder / "card.json").read_text(encoding="utf-8"))["recipe"]["epochs"] == 3
    assert Asked.read(folder).wishes.epochs == 3


def test_pictures_that_changed_meanwhile_are_named(small_photos: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(small_photos, photos)
    run_job(photos, folder=tmp_path / "run", wishes=WISHES)
    (tmp_path / "run" / "card.json").unlink()
    gone = next(path for path in sorted((photos / "humans").iterdir()))
    gone.unlink()
    with pytest.raises(InputError, match=r"cannot be resumed, .* the pictures or their classes are not the same"):
        resume_job(tmp_path / "run")


def test_nothing_to_resume_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"holds nothing to resume \(asked.json\)"):
        resume_job(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": 1}', '{"format": 1, "source": 3, "wishes": 5}'])
def test_a_damaged_record_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "asked.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match="is damaged: train again in a new folder"):
        resume_job(tmp_path)


def test_a_newer_record_is_named(finished: Outcome, tmp_path: Path) -> None:
    record = json.loads((finished.folder / "asked.json").read_text(encoding="utf-8"))
    (tmp_path / "asked.json").write_text(json.dumps({**record, "format": 99}), encoding="utf-8")
    with pytest.raises(ModelError, match="has format 99"):
        resume_job(tmp_path)


def test_what_was_asked_comes_back(tmp_path: Path) -> None:
    asked = Asked(tmp_path / "photos", 0.1, None, 3, Wishes("scratch", target=(0.9, 0.8)), ("tensorboard",))
    asked.write(tmp_path)
    assert Asked.read(tmp_path) == asked
    assert asked.command().endswith("--target 0.9 0.8 --validation 0.1 --seed 3 --log tensorboard")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--resume", "runs/x", "--rate", "0.1"], "--rate cannot be given with --resume"),
        (["photos", "--resume", "runs/x"], "the folder cannot be given with --resume"),
        (
            ["--resume", "runs/x", "--seed", "1", "--recipe", "scratch"],
            "--seed, --recipe cannot be given with --resume",
        ),
        ([], "no folder of pictures was named"),
        (["photos", "--epochs", "5"], "--epochs is for --recipe scratch, and the recipe is auto"),
        (["photos", "--recipe", "best"], "recipe is 'best'; expected one of auto, features, finetune, scratch"),
        (["photos", "--recipe", "scratch", "--log", "wandb"], "log is 'wandb'"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(
    words: list[str], said: str, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", *words]) == 2
    assert said in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
@pytest.mark.parametrize("number", range(3))
def test_a_process_that_is_killed_ends_with_the_same_weights(
    finished: Outcome, small_photos: Path, tmp_path: Path, number: int
) -> None:
    """The first kill comes once there is a checkpoint, the others at any moment after."""
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "fieldguide", "train"]
    begin = [*command, str(small_photos), "--output", str(folder), *WISHES.words(), "--seed", "2"]
    rng, environment = np.random.default_rng(number), {**os.environ, "FIELDGUIDE_CACHE": str(tmp_path / "cache")}
    process = subprocess.Popen(begin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    while process.poll() is None and not (folder / "checkpoints" / "last.npz").exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for _ in range(2):
        process = subprocess.Popen([*command, "--resume", str(folder)], stderr=subprocess.DEVNULL, env=environment)
        time.sleep(float(rng.uniform(0.5, 6)))
        process.send_signal(signal.SIGKILL)
        process.wait()
    if not (folder / "card.json").exists():
        subprocess.run([*command, "--resume", str(folder)], check=True, capture_output=True, env=environment)
    assert (folder / "predictions.csv").read_bytes() == (finished.folder / "predictions.csv").read_bytes()
