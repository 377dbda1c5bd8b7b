"""Runs of a comparison at once: processes of their own that compute on one thread each.

Several small trainings fill the cores better than one does. Each computes on one thread, however many there are at
once: sums come out in another order with more threads, and a run would come to something else.
"""

from __future__ import annotations

import json
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
from typing import IO, BinaryIO, Protocol

from fieldguide.comparison.pictures import Pictures
from fieldguide.comparison.plan import Planned
from fieldguide.comparison.record import Result
from fieldguide.comparison.worker import LENGTH_BYTES, MARK, Failed, Made, Message, Reached, Ready
from fieldguide.errors import FieldguideError, InputError, TrainingError
from fieldguide.memory import memory_left
from fieldguide.parallel import thread_count
from fieldguide.training.precision import accelerated
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.words import shortened

# Bytes that a run needs: Keras with its backend, then for each parameter (itself, its gradient, what Adam and the
# average keep of it, copies for the checkpoint), then for each pixel of a batch (activations). Measured with classic
# and plain networks from 64 to 150 pixels, 32 and 128 pictures in a batch, and rounded up.
BESIDES, OF_PARAMETER, OF_PIXEL = 750_000_000, 70, 1_000
WITHOUT_A_WORD = 4  # runs at once, at the most, where the system does not say how much memory there is
START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from fieldguide.comparison.worker import main; main()"
# TensorFlow's two pools, those of OpenMP (which ours follow) and of libraries for linear algebra, and XLA's.
THREADS = (
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NPROC",
    "PJRT_NPROC",
)
MOST_WORKERS = 256
LOOK_SECONDS = 0.5  # between looks at whether somebody wants to stop
LAST_LINES = 3  # of what a process wrote before it ended
END_SECONDS = 10.0  # until a process that has nothing more to tell must have ended


class EndedError(TrainingError):
    """The process of a run ended before the run did."""


class AloneError(Exception):
    """Networks can only be trained one after the other, in this process: no run was begun."""


class _ElsewhereError(Exception):
    """Where an error was raised, in the process that raised it."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class Observer(Protocol):
    """Who is told how the runs go, in the process that began them."""

    def began(self, workers: int) -> None:
        """So many are made at once."""

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
        fitting = WITHOUT_A_WORD if left is None else left // max(memory(each) for each in planned)
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
        AloneError: processes would have to share an accelerator, or none can be started from here.
        EndedError: a process was ended from outside, or could not begin.
        Exception: as the run raised it; a FieldguideError with the run's name.
    """
    if getattr(sys, "frozen", False) or not sys.executable:  # a program of its own, with no interpreter to start
        raise AloneError
    if "keras" in sys.modules and accelerated():
        raise AloneError
    crew = _Crew(pictures, workers)
    waiting = iter(range(len(jobs)))
    try:
        crew.begin()
        while any(not process.over for process in crew.processes):
            found = crew.heard(LOOK_SECONDS)
            if found is None:
                observer.waited()
                continue
            process, message = found
            if isinstance(message, Ready):
                if message.accelerated:
                    raise AloneError
                if len(crew.processes) == 1:
                    crew.fill()
                    observer.began(workers)
            elif isinstance(message, Reached) and process.number is not None:
                observer.reached(process.number, message.epochs)
            elif isinstance(message, Made) and process.number is not None:
                observer.made(process.number, message.result)
            else:
                raise _error(message, process, jobs, workers)
            if isinstance(message, Ready | Made):
                process.number = next(waiting, None)
                if process.number is None:
                    process.end()
                else:
                    process.send(pickle.dumps(jobs[process.number]))
    finally:
        for process in crew.processes:
            process.end()


def _error(message: Message | None, process: _Process, jobs: Sequence[tuple[Planned, Path]], workers: int) -> Exception:
    """What to raise where a process told of a failure, or ended."""
    name = None if process.number is None else jobs[process.number][0].name
    if isinstance(message, Failed):
        error = message.error
        if isinstance(error, FieldguideError) and name is not None:
            error = type(error)(f"run {name}: {error}")
        error.__cause__ = _ElsewhereError(message.trace)
        return error
    how, killed = process.how_it_ended()
    short = ", with fewer --workers if memory was short" if killed and workers > 1 else ""
    whose = "a process that was to train" if name is None else f"run {name}: its process"
    return EndedError(f"{whose} {how}. What was finished is kept: give the same command again to go on{short}.")


class _Crew:
    """The processes. The first begins alone, and says whether more can: on an accelerator none would be left over."""

    def __init__(self, pictures: Pictures, workers: int) -> None:
        self._messages: queue.SimpleQueue[tuple[_Process, Message | None]] = queue.SimpleQueue()
        self._workers = workers
        self._pictures = pickle.dumps(pictures)
        self.processes = [_Process(self._messages)]

    def begin(self) -> None:
        """Hands the pictures to the first one."""
        self.processes[0].send(self._pictures)

    def fill(self) -> None:
        """Starts the others."""
        for _ in range(self._workers - 1):
            self.processes.append(_Process(self._messages))
        for process in self.processes[1:]:  # once all have begun, since each is slow to take it
            process.send(self._pictures)

    def heard(self, seconds: float) -> tuple[_Process, Message | None] | None:
        """What was told next, None in place of a message where a process has ended; None where nothing was in time."""
        try:
            process, message = self._messages.get(timeout=seconds)
        except queue.Empty:
            return None
        return None if process.over else (process, message)


class _Process:
    """One process, and the thread that hears what it tells."""

    def __init__(self, messages: queue.SimpleQueue[tuple[_Process, Message | None]]) -> None:
        self.number: int | None = None  # of the run that it makes
        self.over = False
        self._written: BinaryIO | None = None
        with suppress(OSError):  # where there is no room, what it writes is lost
            self._written = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `end`
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", START, json.dumps(_search_path())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL if self._written is None else self._written,
                env=_environment(),
            )
        except OSError as error:
            if self._written is not None:
                self._written.close()
            raise EndedError(f"a process for a run could not be started ({error}).") from error
        threading.Thread(target=self._hear, args=(messages,), daemon=True).start()

    def send(self, what: bytes) -> None:
        """Hands something over; a process that has ended tells so by itself."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.write(len(what).to_bytes(LENGTH_BYTES, "little") + what)
            self._process.stdin.flush()

    def end(self) -> None:
        """Ends it at once; what it is writing is either whole or not there."""
        if self.over:
            return
        self.over = True
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._written):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def how_it_ended(self) -> tuple[str, bool]:
        """In words, with the last lines that it wrote, and whether something outside killed it."""
        try:
            code = self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return "told nothing that could be understood", False
        killed = code == -getattr(signal, "SIGKILL", 9)
        lines: list[str] = []
        if self._written is not None and not killed:
            self._written.seek(0)
            lines = [line for line in self._written.read().decode(errors="replace").splitlines() if line.strip()]
        try:
            said = f"was ended ({signal.Signals(-code).name})" if code < 0 else f"ended by itself, with code {code}"
        except ValueError:
            said = f"was ended (signal {-code})"
        return said + (f" after writing: {' / '.join(lines[-LAST_LINES:])}" if lines else ""), killed

    def _hear(self, messages: queue.SimpleQueue[tuple[_Process, Message | None]]) -> None:
        stream = self._process.stdout
        assert stream is not None
        try:
            _skip_to_mark(stream)
            while True:
                messages.put((self, pickle.load(stream)))
        except Exception:  # it has ended, or what it tells is nothing of ours
            messages.put((self, None))


def _skip_to_mark(stream: IO[bytes]) -> None:
    """Reads what a site's own start-up code may have printed.

    Raises:
        EOFError: there is nothing else.
    """
    read = b""
    while not read.endswith(MARK):
        byte = stream.read(1)
        if not byte:
            raise EOFError
        read = (read + byte)[-len(MARK) :]


def _search_path() -> list[str]:
    """Where this process looks for modules, but for the folder it happens to be in; this very package too."""
    found = [str(Path(place).absolute()) for place in sys.path if place]
    source = str(Path(__file__).resolve().parents[2])
    return found if source in found else [*found, source]


def _environment() -> dict[str, str]:
    """As here, with one thread, and the backend of this process."""
    found = {**os.environ, **dict.fromkeys(THREADS, "1")}
    if "keras" in sys.modules:
        found["KERAS_BACKEND"] = sys.modules["keras"].backend.backend()
    return found
