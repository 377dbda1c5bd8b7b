"""Contenders that take turns on one machine, each in a process of its own, and what their turns say about each other.

A process of its own keeps a library's threads and settings (TensorFlow's pools, OpenCV's thread count) away from the
others; it is started once, so that imports and tracing are not timed, and idles while another has its turn. The
measuring side is `Contender`, `take_turns` and `Ratio`; a contender's own script builds what it needs and calls
`serve`. Standard library only, so that every peer's environment can import it.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import measure


@dataclass(frozen=True)
class Turn:
    """What one turn took, by the clock and of the processor, for so many pictures."""

    seconds: float
    cpu_seconds: float
    pictures: int

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return self.pictures / self.seconds


@dataclass(frozen=True)
class Ratio:
    """How many times as fast one contender is as another: taken in each round, the middle and both ends over rounds."""

    median: float
    least: float
    largest: float

    @classmethod
    def of(cls, fast: Sequence[Turn], slow: Sequence[Turn]) -> Ratio:
        """The ratio of the rates of `fast` to those of `slow`, round by round."""
        return cls.over([one.rate / other.rate for one, other in zip(fast, slow, strict=True)])

    @classmethod
    def over(cls, values: Sequence[float]) -> Ratio:
        """The summary of one value for each round."""
        return cls(statistics.median(values), min(values), max(values))

    def columns(self, name: str) -> dict[str, float]:
        """As columns of a result: `name`, `name_least`, `name_largest`."""
        return {name: self.median, f"{name}_least": self.least, f"{name}_largest": self.largest}


class Contender:
    """A process that does its work when told to and says what that took.

    Args:
        command: starts a script that calls `serve`.
        log: a file for what it prints.
        environment: laid over this process's own.
    """

    def __init__(self, command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None) -> None:
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env={**os.environ, **quiet, **(environment or {})},
                text=True,
            )
        self._read()  # it says when it is ready

    def turn(self, order: str = "run") -> Turn:
        """Have it do `order` once, alone."""
        assert self._process.stdin is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        return Turn(**self._read())

    def close(self) -> None:
        """Ask it to end, and wait until it has."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _read(self) -> dict:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            command = " ".join(map(str, self._process.args))  # type: ignore[arg-type]
            raise SystemExit(f"exit code {code}: {command}\n{measure.tail(self._log)}")
        return json.loads(line)


@contextlib.contextmanager
def started(
    commands: Mapping[str, Sequence[str]], folder: Path, environments: Mapping[str, Mapping[str, str]] | None = None
) -> Iterator[dict[str, Contender]]:
    """All contenders, started one after the other and ended at the end; their logs lie in `folder`."""
    with contextlib.ExitStack() as stack:
        contenders = {}
        for name, command in commands.items():
            environment = (environments or {}).get(name)
            contenders[name] = Contender(command, log=folder / f"{name}.log", environment=environment)
            stack.callback(contenders[name].close)
        yield contenders


def take_turns(
    contenders: Mapping[str, Contender], rounds: int, order: str = "run", *, warm_up: bool = True
) -> dict[str, list[Turn]]:
    """The turns of every contender: one in each round, each round beginning with the next of them.

    Args:
        contenders: by their name.
        rounds: how many turns each has.
        order: what they are told to do.
        warm_up: let each have one more turn first, which is not kept.
    """
    turns: dict[str, list[Turn]] = {name: [] for name in contenders}
    names = list(contenders)
    if warm_up:
        for contender in contenders.values():
            contender.turn(order)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            turns[name].append(contenders[name].turn(order))
        print(f"{order}: round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return turns


def serve(orders: Mapping[str, Callable[[], int | Turn]]) -> None:
    """Do what standard input orders, a word a line, and answer what it took; returns when the input ends.

    Args:
        orders: for each word what to do; it returns the number of pictures it went through, or the turn, if only a part
            of what it does is to be timed.
    """
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # what libraries print does not get among the answers
        print(json.dumps({}), file=answers, flush=True)
        for line in sys.stdin:
            begin, busy = time.perf_counter(), time.process_time()
            done = orders[line.strip()]()
            if not isinstance(done, Turn):
                done = Turn(time.perf_counter() - begin, time.process_time() - busy, done)
            print(json.dumps(asdict(done)), file=answers, flush=True)


def repeated(once: Callable[[], int], seconds: float) -> Callable[[], int]:
    """`once` over and over until `seconds` are over, so that quick contenders are timed as long as slow ones."""

    def run() -> int:
        end = time.perf_counter() + seconds
        pictures = once()
        while time.perf_counter() < end:
            pictures += once()
        return pictures

    return run
