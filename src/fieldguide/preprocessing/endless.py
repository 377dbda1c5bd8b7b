"""Whether Keras asks for a data set's length in order to count an epoch's steps itself.

`fit(data, steps_per_epoch=k)` with k below the data set's length goes on in the second epoch where the first one
stopped, and breaks off when the data set is at its end: every second epoch is cut short, with a warning that the input
ran out of data. What Keras has for this is a data set without an end, whose `num_batches` is None. But it asks for that
property without a word of the steps. So the property looks at who asks.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterator
from typing import Any

_DEPTH = 6  # frames between the property and Keras's counter of steps, at the most


class Askers:
    """Remembers which of Keras's adapters belong to a `fit` that counts its steps, and so see no end."""

    def __init__(self) -> None:
        self._endless: weakref.WeakSet[Any] = weakref.WeakSet()

    def see_no_end(self, length: int) -> bool:
        """Whether the data set has no end for whoever called the method that calls this.

        Args:
            length: of the data set; only fewer steps than that make it endless.
        """
        adapter = None
        for method, owner in _callers():
            if owner in self._endless:
                return True
            if type(owner).__name__ == "PyDatasetAdapter":
                adapter = owner
            steps = getattr(owner, "steps_per_epoch", None)  # Keras's counter of steps ...
            if method == "__init__" and steps is not None and 0 < steps < length:  # ... is being made
                self._endless.update(each for each in (adapter, getattr(adapter, "enqueuer", None)) if each is not None)
                return True
        return False


def _callers() -> Iterator[tuple[str, Any]]:
    """The methods that led to the method that asks, nearest first: name and object."""
    frame = sys._getframe(3)  # beyond this function, `see_no_end` and the method that asks
    for _ in range(_DEPTH):
        owner = frame.f_locals.get("self")
        if owner is not None and type(owner).__module__.startswith("keras."):
            yield frame.f_code.co_name, owner
        if frame.f_back is None:
            return
        frame = frame.f_back
