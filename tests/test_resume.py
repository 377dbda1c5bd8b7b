"""A run from scratch that was interrupted goes on where it stopped, from Python and from the command line."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pictures import folder_of

from fieldguide.asked import Asked
from fieldguide.cli import main
from fieldguide.console import Progress
from fieldguide.data.dataset import Dataset
from fieldguide.data.split import split
from fieldguide.errors import FileError, InputError, MissingFileError, ModelError, TrainingError
from fieldguide.job import Outcome, resume_job, run_job
from fieldguide.model.loading import load
from fieldguide.training.fit import train
from fieldguide.training.record import Schedule
from fieldguide.training.scratch_recipe import ScratchRecipe
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


@pytest.fixture(scope="module")
def prolonged(finished: Outcome, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The finished run with two epochs more, without an interruption."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return resume_job(copy_of(finished, tmp_path_factory.mktemp("runs") / "longer"), epochs=4)


def interrupt(patch: pytest.MonkeyPatch, batches: int) -> None:
    """Ctrl-C once the training has gone over so many batches."""
    advance, seen = Progress.advance, []

    def advanced(bar: Progress, count: int = 1) -> None:
        advance(bar, count)
        if bar.title == "Training" or " train " in bar.title:
            seen.append(count)
            if len(seen) == batches:
                raise KeyboardInterrupt

    patch.setattr(Progress, "advance", advanced)


def assert_same(one: Outcome, other: Outcome) -> None:
    for name in ("predictions.csv", "history.csv"):
        assert (one.folder / name).read_bytes() == (other.folder / name).read_bytes()
    ours, theirs = load(one.folder).weights, load(other.folder).weights
    assert ours is not None and theirs is not None
    assert all(np.array_equal(value, theirs[name]) for name, value in ours.items())


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
    assert_same(again, finished)
    assert re.search(r"^Time .* now, .* before it was resumed \(reading", str(again), re.MULTILINE)
    assert "before it was resumed" not in str(finished)
    assert again.score is not None
    assert finished.score is not None
    np.testing.assert_array_equal(again.score.probabilities, finished.score.probabilities)


def test_a_run_killed_before_its_first_checkpoint_begins_anew(finished: Outcome, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path / "run", without=MADE_LAST)
    shutil.rmtree(folder / "checkpoints")
    resume_job(folder)
    assert (folder / "predictions.csv").read_bytes() == (finished.folder / "predictions.csv").read_bytes()


def test_a_finished_run_is_prolonged_and_not_repeated(
    finished: Outcome, prolonged: Outcome, small_photos: Path, tmp_path: Path
) -> None:
    for run, epochs in ((finished, None), (finished, 2), (prolonged, None), (prolonged, 4)):
        least = 3 if run is finished else 5
        with pytest.raises(InputError, match=rf"is finished .*: add epochs with --epochs {least} or more"):
            resume_job(run.folder, epochs=epochs)
    assert [epoch.epoch for epoch in prolonged.run.epochs] == [1, 2, 3, 4]
    assert prolonged.run.epochs[:1] == finished.run.epochs[:1]
    card = json.loads((prolonged.folder / "card.json").read_text(encoding="utf-8"))
    assert card["recipe"]["epochs"] == 4
    begun, added = card["command"].splitlines()
    assert begun.endswith("--epochs 2 --batch-size 16 --seed 2 --output RUN"), "its schedule was laid out for two"
    assert added == "fieldguide train --resume RUN --epochs 4"
    page = (prolonged.folder / "report.html").read_text(encoding="utf-8")
    assert "--epochs 4</code></pre>" in page
    assert prolonged.run.schedules == (Schedule(0, 2), Schedule(2, 2))
    assert ">epochs added</span>" in page and ">epochs added</text>" in page
    (folder := tmp_path / "gone").mkdir()
    shutil.copy(finished.folder / "asked.json", folder)
    shutil.copy(finished.folder / "card.json", folder)
    with pytest.raises(InputError, match="its checkpoint is gone"):
        resume_job(folder, epochs=4)


@pytest.mark.long
def test_the_command_of_a_prolonged_run_makes_the_same_classifier(
    prolonged: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for line in Asked.read(prolonged.folder).command().splitlines():
        assert main(shlex.split(line)[1:]) == 0
    assert (Path("RUN") / "predictions.csv").read_bytes() == (prolonged.folder / "predictions.csv").read_bytes()


@pytest.mark.parametrize("batches", [1, 4], ids=["before a checkpoint of it", "after one"])
def test_a_run_that_is_interrupted_while_it_is_prolonged_goes_on(
    finished: Outcome, prolonged: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    folder = copy_of(finished, tmp_path / "run")
    with monkeypatch.context() as patch:
        interrupt(patch, batches)
        with pytest.raises(KeyboardInterrupt, match=re.escape(f"train --resume {folder}` goes on")):
            resume_job(folder, epochs=4)
    assert_same(resume_job(folder), prolonged)
    with pytest.raises(InputError, match="is finished"):
        resume_job(folder)


def test_a_prolonged_run_killed_before_its_report_gets_the_same_one(
    finished: Outcome, prolonged: Outcome, tmp_path: Path
) -> None:
    folder = copy_of(prolonged, tmp_path / "run")
    for name in MADE_LAST:
        shutil.copy(finished.folder / name, folder)  # those of the shorter run stand until then
    assert_same(resume_job(folder), prolonged)
    assert json.loads((folder / "card.json").read_text(encoding="utf-8"))["recipe"]["epochs"] == 4


def test_a_run_that_stopped_early_says_how_many_epochs_prolong_it(
    small_photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pat"
    early = replace(WISHES, epochs=30, patience=1, metric="accuracy", minimum=0.9)
    assert len(run_job(small_photos, folder=folder, wishes=early).run.epochs) == 2
    before = (folder / "asked.json").read_bytes()
    stood = "is finished early, at epoch 2 of the 30 that it was laid out for (accuracy had not improved for 1 epoch)"
    more = "add epochs with --epochs 31 or more, or train in a new folder."
    for given, between in ((["--epochs", "20"], ""), (["--epochs", "30"], ", and --epochs 30 adds none"), ([], "")):
        capfd.readouterr()
        assert main(["train", "--resume", str(folder), *given]) == 2
        said = capfd.readouterr().err.splitlines()[-1]
        assert said.endswith(f"{stood}{between}: {more}")
        assert ("--epochs is 20, and the run" in said) == (given == ["--epochs", "20"])
        assert (folder / "asked.json").read_bytes() == before
    assert main(["train", "--resume", str(folder), "--epochs", "31"]) == 0


def test_a_run_that_has_what_it_aimed_at_is_not_said_to_take_more_epochs(small_photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "aimed"
    run_job(small_photos, folder=folder, wishes=replace(WISHES, epochs=30, target=(0.01, 0.01)))
    for epochs in (20, 31, None):
        with pytest.raises(InputError, match=r"no epochs can be added|has what it aimed at") as told:
            resume_job(folder, epochs=epochs)
        assert "or more" not in str(told.value)


WILD = Wishes(
    "scratch", net="classic", size="tiny", side=32, augment="none", epochs=2, batch_size=4, l2=0.1,
    optimiser="sgd", schedule="constant", weight_decay=0.0, rate=10.0,
)  # fmt: skip


def test_where_no_epoch_has_ended_the_advice_works_in_the_same_folder(
    small_photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    assert main(["train", str(small_photos), *WILD.words(), "--output", str(folder)]) == 2
    said = capfd.readouterr().err
    assert "try --rate 1. No epoch had been finished.\n" in said
    assert not folder.exists()
    assert main(["train", str(small_photos), *replace(WILD, rate=1e-4).words(), "--output", str(folder)]) == 0


def test_a_run_that_diverges_once_it_is_resumed_stays_as_it_was(small_photos: Path, tmp_path: Path) -> None:
    asked = Asked(small_photos, None, None, 0, WILD)
    asked.write(tmp_path)  # as after a kill in the first epoch
    with pytest.raises(TrainingError, match=r"try --rate 1\..* train in a new folder \(--output\)"):
        resume_job(tmp_path)
    assert Asked.read(tmp_path) == asked


def test_where_epochs_have_ended_a_new_folder_is_named(
    small_photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    wild = ["--l2", "0.1", "--rate", "4", "--optimiser", "adam", "--epochs", "40", "--size", "tiny", "--side", "32"]
    assert main(["train", str(small_photos), "--recipe", "scratch", *wild, "--output", str(folder)]) == 2
    said = capfd.readouterr().err
    assert (folder / "checkpoints" / "last.npz").exists()
    assert "try --rate 0.4" in said
    assert "train in a new folder (--output): a run goes on with the settings that it began with." in said
    assert (folder / "asked.json").exists()


def test_epochs_that_are_refused_are_not_taken_down(finished: Outcome, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path / "run")
    before = (folder / "asked.json").read_bytes()
    with pytest.raises(InputError, match=r"--epochs is 1, and the run in .*: add epochs with --epochs 3 or more"):
        resume_job(folder, epochs=1)
    assert (folder / "asked.json").read_bytes() == before


def test_ctrl_c_in_a_training_from_scratch_says_how_it_goes_on(
    small_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my run"
    interrupt(monkeypatch, 1)
    assert main(["train", str(small_photos), "--output", str(folder), *WISHES.words()]) == 130
    said = capfd.readouterr().err
    assert said.splitlines()[0].startswith(f"Run in {folder}. If it is interrupted, `")
    assert said.endswith(f"train --resume '{folder}'` goes on.\n")
    assert "run the command again" not in said
    assert [path.name for path in folder.iterdir()] == ["asked.json"]


def test_what_cannot_be_written_says_how_it_goes_on(finished: Outcome, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path / "run", without=MADE_LAST)
    (folder / "report.html").mkdir()
    with pytest.raises(FileError, match=rf"cannot write .*report.html: .* Then `.* train --resume {folder}` goes on"):
        resume_job(folder)
    (folder / "report.html").rmdir()
    assert_same(resume_job(folder), finished)


def test_a_training_that_is_refused_leaves_no_folder(tmp_path: Path) -> None:
    photos = folder_of(tmp_path / "photos", {"cats": 1, "dogs": 4})
    with pytest.raises(InputError, match="class 'cats'"):
        run_job(photos, folder=tmp_path / "run", wishes=WISHES)
    assert not (tmp_path / "run").exists()


def test_pictures_that_changed_meanwhile_are_named(
    small_photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(small_photos, photos)
    run_job(photos, folder=tmp_path / "run", wishes=WISHES)
    (tmp_path / "run" / "card.json").unlink()
    gone = next(path for path in sorted((photos / "humans").iterdir()))
    gone.unlink()
    before = (tmp_path / "run" / "asked.json").read_bytes()
    capfd.readouterr()
    for epochs in (None, 3):
        with pytest.raises(InputError, match=r"cannot be resumed, .* the pictures or their classes are not the same"):
            resume_job(tmp_path / "run", epochs=epochs)
        assert (tmp_path / "run" / "asked.json").read_bytes() == before
    assert "If it is interrupted" not in capfd.readouterr().err, "nothing goes on"


def test_a_run_among_its_pictures_goes_on_once_it_is_moved_out(
    finished: Outcome, prolonged: Outcome, small_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(small_photos, "photos")
    copy_of(finished, Path("photos/run"))
    asked = Asked.read(finished.folder)
    replace(asked, source=Path("photos")).write(Path("photos/run"))
    before = Path("photos/run/asked.json").read_bytes()
    parts = split(Dataset.from_directory(small_photos))
    here = replace(parts, train=replace(parts.train, root=Path("photos")))
    with pytest.raises(InputError, match=r"go on there with folder=runs/run\.$"):
        train(here, recipe=ScratchRecipe.auto(parts.train), folder="photos/run", resume=True)
    with pytest.raises(InputError, match=r"`mkdir -p runs && mv photos/run runs/run`, .* with --resume runs/run\.$"):
        resume_job("photos/run", epochs=4)
    with pytest.raises(InputError, match="the folder 'run' in photos holds a run"):
        run_job("photos", wishes=WISHES)
    assert Path("photos/run/asked.json").read_bytes() == before
    Path("runs").mkdir()
    Path("photos/run").rename("runs/run")
    assert_same(resume_job("runs/run", epochs=4), prolonged)


def test_nothing_to_resume_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"holds nothing to resume \(asked.json\)"):
        resume_job(tmp_path)
    with pytest.raises(MissingFileError, match=r"there is no run at .*nothere: it does not exist; check the spelling"):
        resume_job(tmp_path / "nothere")


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
    for written in (asked, replace(asked, prolonged=(60, 70))):
        written.write(tmp_path)
        assert Asked.read(tmp_path) == written
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
        (
            ["photos", "--epochs", "5"],
            "--epochs is for --recipe scratch and for heads with hidden layers, and the recipe is auto",
        ),
        (["photos", "--recipe", "best"], "--recipe is 'best'; expected one of auto, features, finetune, scratch"),
        (["photos", "--recipe", "scratch", "--log", "wandb"], "log is 'wandb'"),
        (
            ["photos", "--log", "tensorboard"],
            "--log is for --recipe scratch, and the recipe is auto: add --recipe scratch",
        ),
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
