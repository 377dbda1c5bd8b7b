"""Whether Keras asks for a data set's length in order to count an epoch's steps itself.

`fit(data, steps_per_epoch=k)` with k below the data set's length goes on in the second epoch where the first one
stopped, and breaks off when the data set is at its end: every second epoch is cut short, with a warning that the input
ran out of data. What Keras has for this is a data set without an end, whose `num_batches` is None. But it asks for that
property without a word of the steps. So the property looks at who asks.
"""

from __future__ import annotations

import itertools
import sys
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

_DEPTH = 8  # frames between the property and `fit`, at the most
_ASKERS = ("PyDatasetAdapter", "OrderedEnqueuer")  # Keras's classes that read a data set by its numbers
_COUNTER = "EpochIterator"  # and the one that counts steps


class Askers:
    """Remembers which of Keras's readers belong to a `fit` that counts its steps, and so see no end."""

    def __init__(self) -> None:
        self._steps: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    @property
    def any(self) -> bool:
        """Whether some reader sees no end."""
        return len(self._steps) > 0

    def steps(self, length: int) -> int | None:
        """The steps of an epoch if the data set has no end for whoever called the method that calls this; else None.

        Args:
            length: of the data set; only fewer steps than that make it endless.
        """
        readers: list[Any] = []
        counter = None
        for method, owner in _callers():
            if _is(owner, *_ASKERS):
                readers.append(owner)
                if owner in self._steps:
                    return self._remember(readers, self._steps[owner])
            elif counter is not None and owner is not counter:
                return self._remember(readers, counter.steps_per_epoch) if method == "fit" else None
            elif _is(owner, _COUNTER):
                # Without a reader in between Keras only wants to know whether to warn of shuffling.
                steps = getattr(owner, "steps_per_epoch", None) or 0
                if not readers or method != "__init__" or not 0 < steps < length:
                    return None
                counter = owner
        return None

    def measures(self) -> bool:
        """Whether the method that calls this was called by `evaluate` or `predict`, also within a `fit`."""
        counted = False
        for method, owner in _callers():
            if counted and not _is(owner, _COUNTER):
                return method in ("evaluate", "predict")
            counted = counted or _is(owner, _COUNTER)
        return False

    def rewind(self) -> bool:
        """Whether the method that calls this was called since a `fit` begins, not since an epoch is over.

        What was read ahead for a look at the shapes is then forgotten, so that `fit` begins with the first batch.
        """
        readers: list[Any] = []
        for method, owner in _callers():
            if _is(owner, *_ASKERS):
                readers.append(owner)
            elif _is(owner, _COUNTER):
                if method == "reset":
                    self._forget(each.enqueuer for each in readers if getattr(each, "enqueuer", None) is not None)
                return method == "reset"
        return False

    def _forget(self, enqueuers: Iterable[Any]) -> None:
        """Takes away what Keras's workers read ahead, which would come before the first batch."""
        for enqueuer in enqueuers:
            if hasattr(enqueuer, "ready_queue"):
                enqueuer.ready_queue.queue.clear()
            if enqueuer in self._steps:
                enqueuer.indices = itertools.count()

    def _remember(self, readers: list[Any], steps: int) -> int:
        self._steps.update(dict.fromkeys(readers, steps))
        return steps


def _is(owner: Any, *names: str) -> bool:
    """Whether an object is of one of these classes of Keras."""
    return any(each.__name__ in names and each.__module__.startswith("keras.") for each in type(owner).__mro__)


def _callers() -> Iterator[tuple[str, Any]]:
    """The methods that led to the method that asks, nearest first: name and object."""
    frame = sys._getframe(3)  # beyond this function, the method of Askers and the one that asks
    for _ in range(_DEPTH):
        if "self" in frame.f_locals:
            yield frame.f_code.co_name, frame.f_locals["self"]
        if frame.f_back is None:
            return
        frame = frame.f_back
