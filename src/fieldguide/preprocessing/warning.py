"""Warnings that point at a line of the person's own, however deep they arise."""

from __future__ import annotations

import sys
import threading
import warnings
from types import FrameType

# Packages, and modules of Python's that run functions for them, by the first part of their names.
_BETWEEN = frozenset(
    ("concurrent", "fieldguide", "jax", "keras", "multiprocessing", "queue", "tensorflow", "threading")
)


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warns, as of the line outside of fieldguide and Keras that led here.

    Where none did, as in a thread of Keras's, it is the line at which the main thread called one of them: `model.fit`.

    Args:
        text: The warning.
        category: Its kind.
    """
    frame = _outside(sys._getframe(1)) or _outside(_main(), waiting=True)
    if frame is None:
        warnings.warn(text, category, stacklevel=2)
        return
    module, registry = (
        frame.f_globals.get("__name__", "__main__"),
        frame.f_globals.setdefault("__warningregistry__", {}),
    )
    warnings.warn_explicit(text, category, frame.f_code.co_filename, frame.f_lineno, module, registry)


def _main() -> FrameType | None:
    """Where the main thread is."""
    return sys._current_frames().get(threading.main_thread().ident or 0)


def _outside(frame: FrameType | None, *, waiting: bool = False) -> FrameType | None:
    """The nearest frame that is a person's own; if `waiting`, the nearest that called a package."""
    between = not waiting
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] in _BETWEEN:
            between = True
        elif between:
            return frame
        frame = frame.f_back
    return None
