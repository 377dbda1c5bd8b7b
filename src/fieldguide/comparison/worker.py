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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from fieldguide.comparison.pictures import Pictures
from fieldguide.comparison.plan import Planned
from fieldguide.comparison.record import Result
from fieldguide.comparison.single import make
from fieldguide.errors import FieldguideError
from fieldguide.training.precision import accelerated


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
class Refused:
    """A run cannot go on."""

    error: FieldguideError


@dataclass(frozen=True)
class Broken:
    """A run failed in a way that nobody foresaw."""

    trace: str


Message = Ready | Reached | Made | Refused | Broken


def main() -> None:
    """Makes the runs that come in, until nothing more can come."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    told = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is none of ours
    jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, jobs), daemon=True).start()

    def tell(message: Message) -> None:
        pickle.dump(message, told)
        told.flush()

    try:
        pictures: Pictures = jobs.get()
        tell(Ready(accelerated()))
        while True:
            planned, place = jobs.get()
            tell(_made(pictures, planned, place, tell))
    except BrokenPipeError:  # nobody listens any more
        os._exit(0)


def _made(pictures: Pictures, planned: Planned, place: Path, tell: Any) -> Message:
    """What a run came to."""
    try:
        return Made(make(pictures, planned, place, lambda epochs: tell(Reached(epochs))))
    except BrokenPipeError:
        raise
    except FieldguideError as error:
        return Refused(error)
    except Exception:
        return Broken(traceback.format_exc())


def _listen(stream: BinaryIO, jobs: queue.SimpleQueue[Any]) -> None:
    """Takes what comes in, and ends the process once nothing more can come: then nobody waits for it."""
    while True:
        try:
            jobs.put(pickle.load(stream))
        except (EOFError, OSError, pickle.UnpicklingError):
            os._exit(0)
