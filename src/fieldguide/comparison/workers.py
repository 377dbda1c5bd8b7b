"""Runs of a comparison at once: processes of their own that compute on one thread each.

Several small trainings fill the cores better than one does. Each computes on one thread, however many there are at
once: sums come out in another order with more threads, and a run would come to something else.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from fieldguide.comparison.pictures import Pictures
from fieldguide.comparison.plan import Planned
from fieldguide.comparison.record import Result
from fieldguide.comparison.worker import Broken, Made, Message, Reached, Ready, Refused
from fieldguide.errors import InputError, TrainingError
from fieldguide.memory import memory_left
from fieldguide.parallel import thread_count
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.words import shortened

# Bytes that a run needs: Keras with its backend, then for each parameter (itself, its gradient, what Adam and the
# average keep of it, copies for the checkpoint), then for each pixel of a batch (activations). Measured with classic
# and plain networks from 64 to 150 pixels, 32 and 128 pictures in a batch, and rounded up.
BESIDES, OF_PARAMETER, OF_PIXEL = 700_000_000, 70, 1_000
START = "import sys; sys.path[:] = [p for p in sys.path if p]; from fieldguide.comparison.worker import main; main()"
# TensorFlow's two pools, those of BLAS and OpenMP, which ours follow, and XLA's.
THREADS = (
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NPROC",
)
MOST_WORKERS = 256
LOOK_SECONDS = 0.5  # between looks at whether somebody wants to stop
LAST_LINES = 3  # of what a process wrote before it ended


class EndedError(TrainingError):
    """The process of a run ended before the run did."""


class AcceleratedError(Exception):
    """Keras computes on something that processes would have to share."""


class Observer(Protocol):
    """Who is told how the runs go, in the process that began them."""

    def waited(self) -> None:
        """Nothing has happened for a while."""

    def reached(self, number: int, epochs: int) -> None:
        """A run has trained so many epochs."""

    def made(self, number: int, result: Result) -> None:
        """A run has ended."""


def require_workers(workers: int | None, *, called: str = "workers") -> None:
    """Refuses what is no number of processes.

    Args:
        workers: how many; None is as good.
        called: how they were asked for.

    Raises:
        InputError: it is none.
    """
    if workers is None:
        return
    if isinstance(workers, bool) or not isinstance(workers, int) or not 1 <= workers <= MOST_WORKERS:
        raise InputError(
            f"{called} is {shortened(workers)}; expected a whole number of runs at once, 1 to {MOST_WORKERS}."
        )


def at_once(planned: Sequence[Planned], workers: int | None) -> int:
    """How many of these runs go at once: as many as there are cores, and room in memory.

    Args:
        planned: the runs that are to be made.
        workers: how many were asked for; None asks for as many as go.
    """
    if workers is None:
        left = memory_left()
        fitting = len(planned) if left is None else left // max(memory(each) for each in planned)
        workers = min(thread_count(), fitting)
    return max(1, min(workers, len(planned)))


def memory(planned: Planned) -> int:
    """Bytes that a run needs, about."""
    recipe = planned.recipe
    if not isinstance(recipe, ScratchRecipe):
        return BESIDES
    height, width = recipe.target_size
    return BESIDES + OF_PARAMETER * recipe.net.parameters(1) + OF_PIXEL * recipe.batch_size * height * width


def make_at_once(pictures: Pictures, jobs: Sequence[tuple[Planned, Path]], workers: int, observer: Observer) -> None:
    """Makes runs, several at once.

    Args:
        pictures: of all runs.
        jobs: the runs and their folders, in the order in which they are begun.
        workers: how many at once.
        observer: is told of a run by its number among the jobs.

    Raises:
        AcceleratedError: no run was begun.
        EndedError: a process was ended from outside, or could not begin.
        FieldguideError: as the run raised it, with its name.
    """
    messages: queue.SimpleQueue[tuple[int, Message | None]] = queue.SimpleQueue()
    crew: list[_Process] = []
    waiting = iter(range(len(jobs)))
    try:
        for place in range(workers):
            crew.append(_Process(place, messages))
            crew[place].send(pictures)
        busy = workers
        while busy:
            try:
                place, message = messages.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                observer.waited()
                continue
            process = crew[place]
            if process.over:
                continue
            _act_on(message, process, jobs, observer)
            if isinstance(message, Ready | Made):
                process.number = next(waiting, None)
                if process.number is None:
                    process.end()
                    busy -= 1
                else:
                    process.send(jobs[process.number])
    finally:
        for process in crew:
            if not process.over:
                process.end()


def _act_on(
    message: Message | None, process: _Process, jobs: Sequence[tuple[Planned, Path]], observer: Observer
) -> None:
    """Passes on what a process told, or raises it."""
    name = "" if process.number is None else f"run {jobs[process.number][0].name}: "
    if message is None:
        raise EndedError(
            f"{name}its process {process.how_it_ended()}. What was finished is kept: give the same command again to go "
            "on, with --workers 1 if memory was short."
        )
    if isinstance(message, Ready):
        if message.accelerated:
            raise AcceleratedError
    elif isinstance(message, Refused):
        raise type(message.error)(f"{name}{message.error}")
    elif isinstance(message, Broken):
        raise RuntimeError(f"{name}{message.trace}")
    elif process.number is not None:
        if isinstance(message, Reached):
            observer.reached(process.number, message.epochs)
        else:
            observer.made(process.number, message.result)


class _Process:
    """One process, and the thread that hears what it tells."""

    def __init__(self, place: int, messages: queue.SimpleQueue[tuple[int, Message | None]]) -> None:
        self.number: int | None = None  # of the run that it makes
        self.over = False
        self._written = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `end`
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", START],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._written,
                env=_environment(),
            )
        except OSError as error:
            raise EndedError(f"a process for a run could not be started ({error}).") from error
        threading.Thread(target=self._hear, args=(place, messages), daemon=True).start()

    def send(self, what: object) -> None:
        """Hands something over; a process that has ended tells so by itself."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            pickle.dump(what, self._process.stdin)
            self._process.stdin.flush()

    def end(self) -> None:
        """Ends it at once; what it is writing is either whole or not there."""
        self.over = True
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with suppress(OSError):
                stream.close()
        self._written.close()

    def how_it_ended(self) -> str:
        """In words, with the last lines that it wrote."""
        code = self._process.wait()
        said = f"was ended ({signal.Signals(-code).name})" if code < 0 else f"ended by itself, with code {code}"
        self._written.seek(0)
        lines = self._written.read().decode(errors="replace").splitlines()[-LAST_LINES:]
        return said + (f" after writing: {' / '.join(lines)}" if lines and code > 0 else "")

    def _hear(self, place: int, messages: queue.SimpleQueue[tuple[int, Message | None]]) -> None:
        assert self._process.stdout is not None
        while True:
            try:
                message = pickle.load(self._process.stdout)
            except (EOFError, OSError, ValueError, pickle.UnpicklingError):
                messages.put((place, None))
                return
            messages.put((place, message))


def _environment() -> dict[str, str]:
    """As here, with one thread, the backend of this process, and this very package."""
    found = {**os.environ, **dict.fromkeys(THREADS, "1")}
    if "keras" in sys.modules:
        found["KERAS_BACKEND"] = sys.modules["keras"].backend.backend()
    source = str(Path(__file__).resolve().parents[2])
    found["PYTHONPATH"] = os.pathsep.join([source, *filter(None, [found.get("PYTHONPATH")])])
    return found
