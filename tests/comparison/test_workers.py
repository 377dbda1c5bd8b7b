"""Runs of a comparison at once: the same results with any number, and nothing left behind whatever ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fieldguide import console
from fieldguide.comparison import running, workers
from fieldguide.comparison.pictures import Pictures
from fieldguide.comparison.plan import Planned, plan
from fieldguide.comparison.record import Result
from fieldguide.comparison.running import Board, run_all
from fieldguide.comparison.workers import AloneError, EndedError, at_once, make_at_once, memory, require_workers
from fieldguide.data.dataset import Dataset
from fieldguide.data.split import Parts, split
from fieldguide.errors import FileError, InputError
from fieldguide.model.nets import Net
from fieldguide.training import checkpoint as checkpoints
from fieldguide.training.optimiser import Optimiser
from fieldguide.training.scratch_recipe import ScratchRecipe

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SCRATCH = ScratchRecipe(
    net=Net("classic", "tiny", target_size=(32, 32)), optimiser=Optimiser(rate=3e-3), epochs=3, batch_size=16
)
LONG = SCRATCH.with_(epochs=2000)
on_linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")


class Seen:
    """Takes down what it is told."""

    def __init__(self) -> None:
        self.epochs: dict[int, list[int]] = {}
        self.results: dict[int, Result] = {}
        self.workers = 0

    def began(self, workers: int) -> None:
        self.workers = workers

    def waited(self) -> None:
        pass

    def reached(self, number: int, epochs: int) -> None:
        self.epochs.setdefault(number, []).append(epochs)

    def made(self, number: int, result: Result) -> None:
        self.results[number] = result


@pytest.fixture
def parts(small_photos: Path, small_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Parts:
    monkeypatch.setenv("FIELDGUIDE_CACHE", str(small_cache))
    return split(Dataset.from_directory(small_photos), test=0.25)


@pytest.mark.keras
def test_the_results_are_the_same_with_any_number_of_workers(
    parts: Parts, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    planned = plan("recipes", parts, SCRATCH, 1)
    pictures = Pictures.of(parts, SCRATCH)
    found = [
        [replace(result, seconds=0.0) for result in run_all(pictures, planned, tmp_path / str(count), count)]
        for count in (1, 2)
    ]
    assert found[0] == found[1]
    assert [result.epochs for result in found[0]] == [3] * 4
    said = capfd.readouterr().err
    assert "4 runs to train, 1 at once, each on one core" in said
    assert "4 runs to train, 2 at once, each on one core" in said


@pytest.mark.keras
def test_every_epoch_is_told_whatever_start_up_code_prints_and_files_here_are_called(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "random.py").write_text("raise SystemExit('not the library')\n")
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text("print('config loaded\\nhere')\n")
    monkeypatch.setenv("PYTHONPATH", str(site))
    planned, seen = plan("recipes", parts, SCRATCH, 1)[:1], Seen()
    make_at_once(Pictures.of(parts, SCRATCH), [(planned[0], tmp_path / "run")], 1, seen)
    assert (seen.workers, seen.epochs) == (1, {0: [0, 1, 2, 3]})
    assert seen.results[0].epochs == 3


@pytest.mark.keras
def test_what_a_run_refuses_is_raised_with_its_name(parts: Parts, tmp_path: Path) -> None:
    planned = plan("recipes", parts, SCRATCH, 1)[0]
    (tmp_path / "file").write_text("")
    pictures = Pictures.of(parts, SCRATCH)
    with pytest.raises(FileError, match=r"^run plain-1: .*file") as refused:
        make_at_once(pictures, [(planned, tmp_path / "file")], 1, Seen())
    assert "Traceback" in str(refused.value.__cause__) and "single.py" in str(refused.value.__cause__)
    beyond = replace(planned, rows=np.array([10_000]))
    with pytest.raises(IndexError, match="out of range") as failed:
        make_at_once(pictures, [(beyond, tmp_path / "run")], 1, Seen())
    assert "single.py" in str(failed.value.__cause__)


def test_what_keeps_a_worker_from_beginning_is_raised(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [(plan("recipes", parts, SCRATCH, 1)[0], tmp_path / "run")]
    pictures = Pictures.of(parts, SCRATCH)
    with monkeypatch.context() as patch:
        patch.setattr(workers, "_environment", lambda: {**os.environ, "KERAS_BACKEND": "none"})
        with pytest.raises(ValueError, match="none"):
            make_at_once(pictures, jobs, 1, Seen())
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import os\nprint('gone', flush=True)\nos.write(2, b'no licence')\nos._exit(3)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(site))
    with pytest.raises(
        EndedError, match=r"^a process .* ended by itself, with code 3 after writing: no licence\. What"
    ):
        make_at_once(pictures, jobs, 1, Seen())


def test_a_program_without_an_interpreter_trains_in_its_own_process(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(AloneError):
        make_at_once(Pictures.of(parts, SCRATCH), [(plan("recipes", parts, SCRATCH, 1)[0], tmp_path)], 1, Seen())


def test_epochs_of_before_say_nothing_of_the_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    runs = [replace(each, recipe=SCRATCH.with_(epochs=9)) for each in planned("tiny", 2)]
    with console.progress("0 of 2 runs", 10_000, percent=True) as bar:
        board = Board(runs, bar, lambda number, result: None)
        now[0] += 20
        board.waited()
        board.reached(0, 8)
        now[0] += 20
        board.reached(0, 9)
        now[0] += 20
        board.reached(1, 0)
    assert capsys.readouterr().err.splitlines()[:3] == [
        "0 of 2 runs: 0%, 20 s so far",
        "0 of 2 runs: 45%, 7 min 20 s left",
        "0 of 2 runs: 45%, 11 min 00 s left",
    ]


@on_linux
def test_a_worker_that_is_killed_is_named_and_the_others_end(parts: Parts, tmp_path: Path) -> None:
    jobs = [(each, tmp_path / each.name) for each in plan("recipes", parts, LONG, 1)[:2]]

    class Killing(Seen):
        def reached(self, number: int, epochs: int) -> None:
            super().reached(number, epochs)
            if len(self.epochs) == 2:
                os.kill(children(os.getpid())[0], signal.SIGKILL)

    with pytest.raises(EndedError, match=r"^run (plain|augmentation)-1: its process was ended \(SIGKILL\)\. What was"):
        make_at_once(Pictures.of(parts, LONG), jobs, 2, Killing())
    assert children(os.getpid()) == []


KILLED = """
import json, signal, sys
import fieldguide as fg
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are begun deaf to it
recipe = fg.ScratchRecipe.from_dict(json.loads(sys.argv[3]))
parts = fg.split(fg.Dataset.from_directory(sys.argv[1]), test=0.25)
fg.compare(parts, "recipes", folder=sys.argv[2], seeds=1, recipe=recipe, workers=2)
"""


@on_linux
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_the_process_that_began_them(
    parts: Parts, small_photos: Path, tmp_path: Path, how: signal.Signals
) -> None:
    words = [str(small_photos), str(tmp_path / "run"), json.dumps(LONG.to_dict())]
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, *words], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        runs = tmp_path / "run" / "runs"
        last = f"*/{checkpoints.FOLDER}/{checkpoints.LAST}"
        wait_until(lambda: len(list(runs.glob(last))) == 2 or process.poll() is not None)
        began = children(process.pid)
        assert len(began) == 2
        if how == signal.SIGINT:
            os.killpg(process.pid, how)  # as a terminal does: the workers get it too
        else:
            process.kill()
        _, said = process.communicate(timeout=60)
        wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in began))
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    if how == signal.SIGINT:
        assert (
            "holds 2 runs under way up to their last whole epochs; the same comparison in that folder goes on" in said
        )


def children(parent: int) -> list[int]:
    """The processes that a process has begun and that have not ended."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, above = place.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(above) == parent and state != "Z":
            found.append(int(place.parent.name))
    return sorted(found)


def wait_until(true: object, seconds: float = 120.0) -> None:
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


# How many


def planned(size: str, count: int) -> list[Planned]:
    recipe = ScratchRecipe(net=Net("classic", size, target_size=(64, 64)))
    return [Planned(f"{size}", number, 0.0, recipe, np.arange(8), 1, 1.0) for number in range(count)]


def test_as_many_runs_at_once_as_there_are_cores_and_room(monkeypatch: pytest.MonkeyPatch) -> None:
    need = memory(planned("tiny", 1)[0])
    assert 0.7e9 < need < 1.2e9
    assert memory(planned("large", 1)[0]) > need + 50 * (
        Net("classic", "large", target_size=(64, 64)).parameters(1) - 2e5
    )
    monkeypatch.setattr(workers, "thread_count", lambda: 4)
    for left, expected in ((None, 4), (100 * need, 4), (3 * need, 3), (need // 2, 1)):
        monkeypatch.setattr(workers, "memory_left", lambda left=left: left)
        assert at_once(planned("tiny", 12), None) == expected
    assert at_once(planned("tiny", 3), None) == 1
    monkeypatch.setattr(workers, "memory_left", lambda: None)
    assert at_once(planned("tiny", 3), None) == 3, "no more than there are runs"
    monkeypatch.setattr(workers, "thread_count", lambda: 16)
    assert at_once(planned("tiny", 12), None) == 4, "how much memory there is nobody says"
    assert at_once(planned("tiny", 12), 9) == 9, "what was asked for"


@pytest.mark.parametrize("count", [0, -1, 257, 2.0, True, "2"])
def test_what_is_no_number_of_workers_is_refused(count: int) -> None:
    with pytest.raises(InputError, match=r"^workers is .*; expected a whole number of runs at once, 1 to 256\.$"):
        require_workers(count)


@pytest.mark.keras
def test_on_an_accelerator_runs_go_one_after_the_other(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def shared(*_: object) -> None:  # no test machine need have an accelerator
        raise AloneError

    monkeypatch.setattr(running, "make_at_once", shared)
    results = run_all(Pictures.of(parts, SCRATCH), plan("recipes", parts, SCRATCH, 1)[:2], tmp_path)
    assert [result.epochs for result in results] == [3, 3]
    assert "Run 2 of 2: augmentation, seed 0; about" in capfd.readouterr().err
