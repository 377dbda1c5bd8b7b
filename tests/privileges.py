"""The superuser's privilege to read and write whatever permissions say, laid down for a while (Linux)."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

VERSION = 0x20080522  # of the structures, two words of capabilities each (capset(2))
PAST_PERMISSIONS = (1 << 1) | (1 << 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


@contextmanager
def bound() -> Iterator[bool]:
    """In the block permissions bind this thread, and those that it starts, as they bind other users.

    Yields:
        False where that cannot be done here.
    """
    if not sys.platform.startswith("linux"):
        yield False
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, before = (ctypes.c_uint32 * 2)(VERSION, 0), (ctypes.c_uint32 * 6)()
    if libc.capget(header, before):
        yield False
        return
    less = (ctypes.c_uint32 * 6)(*before)
    less[0] &= ~PAST_PERMISSIONS  # of the effective ones: those that are permitted can be taken up again
    done = libc.capset(header, less) == 0
    try:
        yield done
    finally:
        if done and libc.capset(header, before):
            raise OSError(ctypes.get_errno(), "the privileges could not be taken up again")
