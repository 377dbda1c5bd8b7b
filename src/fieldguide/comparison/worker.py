"""A process that makes runs of a comparison, one after the other, each on one thread.

It is started by `fieldguide.comparison.workers` and ends with it: what it is to do comes on its standard input, and
what it has to tell goes to its standard output.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fieldguide.comparison.pictures import Pictures
from fieldguide.comparison.plan import Planned
from fieldguide.comparison.record import Result
from fieldguide.comparison.single import make
from fieldguide.training.precision import accelerated

MARK = b"\x00fieldguide's worker\x00"  # what comes before it on standard output is not ours
LENGTH_BYTES = 8


@dataclass(frozen=True)
class Ready:
    """A worker can begin."""

    accelerated: bool  # whether Keras computes on something that workers would have to share


@dataclass(frozen=True)
class Reached:
    """A run has trained so many epochs."""

    epochs: int


@dataclass(frozen=True)
class Made:
    """A run has ended."""

    result: Result


@dataclass(frozen=True)
class Failed:
    """A run cannot go on."""

    error: Exception
    trace: str  # where, in this process


Message = Ready | Reached | Made | Failed


def main() -> None:
    """Makes the runs that come in, until nothing more can come."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is none of ours

    def tell(message: Message) -> None:
        try:
            pickle.dump(message, stream)
            stream.flush()
        except OSError:  # nobody listens any more
            os._exit(0)

    stream.write(MARK)
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, jobs), daemon=True).start()
    try:
        pictures: Pictures = pickle.loads(jobs.get())
        tell(Ready(accelerated()))
        while True:
            tell(_made(pictures, jobs.get(), tell))
    except Exception as error:
        tell(_failed(error))
    os._exit(1)  # not by the interpreter's end, which waits for the thread that listens


def _made(pictures: Pictures, job: bytes, tell: Callable[[Message], None]) -> Message:
    """What a run came to."""
    try:
        planned, place = _unpacked(job)
        return Made(make(pictures, planned, place, lambda epochs: tell(Reached(epochs))))
    except Exception as error:
        return _failed(error)


def _unpacked(job: bytes) -> tuple[Planned, Path]:
    planned, place = pickle.loads(job)
    return planned, place


def _failed(error: Exception) -> Failed:
    """An error as it can be handed over: one that cannot, by its words."""
    trace = traceback.format_exc()
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
    return Failed(error, trace)


def _listen(stream: BinaryIO, jobs: queue.SimpleQueue[bytes]) -> None:
    """Takes what comes in, and ends the process once nothing more can come: then nobody waits for it."""
    try:
        while len(length := stream.read(LENGTH_BYTES)) == LENGTH_BYTES:
            size = int.from_bytes(length, "little")
            job = stream.read(size)
            if len(job) < size:
                break
            jobs.put(job)
    finally:
        os._exit(0)
