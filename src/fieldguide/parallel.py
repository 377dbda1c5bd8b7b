"""Work shared out to threads with only so much of it in flight, results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def thread_count() -> int:
    """The processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


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
