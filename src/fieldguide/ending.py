"""A process that is told to end ends as one that is interrupted does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ended_tidily(ended: list[int]) -> Iterator[None]:
    """While the block runs, SIGTERM interrupts it as Ctrl-C does, so that what it leaves is the same.

    Args:
        ended: gets the signal, if it comes.

    Raises:
        KeyboardInterrupt: it came.
    """

    def end(number: int, _: object) -> None:
        ended.append(number)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # others may set no handler
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)  # None: one that is not Python's
