"""Work shared out to threads with only so much of it in flight, results in order."""

from __future__ import annotations

import functools
import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def core_count() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_count() -> int:
    """The processors this process may use, or OMP_NUM_THREADS where that asks for fewer."""
    found = core_count()
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(found, int(asked)) if asked.isdecimal() else found)


class _MatrixThreads:
    """The threads of the libraries that multiply matrices for NumPy and SciPy, fewer while some block needs no more."""

    def __init__(self) -> None:
        import scipy.optimize  # noqa: F401 - which brings a library of its own
        from threadpoolctl import ThreadpoolController

        self._libraries = ThreadpoolController().select(user_api="blas")
        self._lock, self._blocks, self._limit = threading.Lock(), 0, ExitStack()

    def fewer(self) -> None:
        """Half of the processors at the most, until the last block has ended."""
        with self._lock:
            self._blocks += 1
            if self._blocks == 1:
                used = (library["num_threads"] for library in self._libraries.info())
                most = min(max(1, thread_count() // 2), *used, thread_count())
                self._limit.enter_context(self._libraries.limit(limits=most))

    def as_before(self) -> None:
        """As many as there were, where no other block is left."""
        with self._lock:
            self._blocks -= 1
            if not self._blocks:
                self._limit.close()


@functools.cache
def _matrix_threads() -> _MatrixThreads:
    return _MatrixThreads()


@contextmanager
def sparing_threads() -> Iterator[None]:
    """While the block runs, matrices are multiplied by half of the processors at the most: by one, where there are two.

    A fit makes thousands of small products. OpenBLAS shares each out to all processors and waits for the last of them
    without letting go, so that whatever else runs there costs a multiple of its time. On two processors with little
    else to do a head on 2,000 photos took 1.0 s with one thread and 2.1 s with two for two classes, 6.3 s and 12.2 s
    for six, and on 1,200 photos of fifty 7.1 s and 9.9 s; beside other work the difference is far larger. With more
    processors it was not measured.
    """
    threads = _matrix_threads()
    threads.fewer()
    try:
        yield
    finally:
        threads.as_before()


def bounded_map(
    function: Callable[[Item], Result], items: Iterable[Item], *, threads: int | None = None, ahead: int = 8
) -> Iterator[Result]:
    """`function` of every item, in the items' order, computed by threads that run only a little ahead.

    For functions that spend their time outside the interpreter lock, as decoders do. Neither the items nor the
    results pile up: at most `threads * ahead` are in flight. An error in `function` is raised at its item's turn.

    Args:
        function: called once for each item, in any thread.
        items: consumed lazily.
        threads: how many; default all processors.
        ahead: items in flight for each thread.
    """
    threads = threads or thread_count()
    with ThreadPoolExecutor(threads, thread_name_prefix="fieldguide-map") as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= threads * ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


class Crew:
    """Threads that stay, for many small pieces of work one after the other: no thread is started for each of them.

    Example:
        >>> squares = [0] * 5
        >>> def square(number: int) -> None:
        ...     squares[number] = number**2
        >>> Crew(2).each(square, 5)
        >>> squares
        [0, 1, 4, 9, 16]
    """

    def __init__(self, threads: int | None = None) -> None:
        """A crew that has not begun: its threads start with the first piece of work.

        Args:
            threads: how many work at once, the caller's among them; default all processors.
        """
        self.threads = threads or thread_count()
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0  # the threads of a process do not live on in its forks

    def each(self, function: Callable[[int], None], count: int) -> None:
        """Calls `function` with every number below `count`, in any order, and returns when all is done.

        An error in `function` ends the work and is raised.
        """
        numbers = itertools.count()
        errors: list[BaseException] = []

        def work() -> None:
            try:
                for number in numbers:  # shared: taking the next one is atomic
                    if number >= count or errors:
                        return
                    function(number)
            except BaseException as error:  # raised below, once no thread works any more
                errors.append(error)

        helpers = min(self.threads, count) - 1
        if helpers > 0 and (self._pool is None or self._process != os.getpid()):
            self._pool = ThreadPoolExecutor(self.threads - 1, thread_name_prefix="fieldguide-crew")
            self._process = os.getpid()
        waiting = [self._pool.submit(work) for _ in range(helpers)] if self._pool else []
        work()
        wait([future for future in waiting if not future.cancel()])  # one that has not begun finds nothing left to do
        if errors:
            raise errors[0]

    def __getstate__(self) -> dict[str, object]:
        return {"threads": self.threads, "_pool": None, "_process": 0}
