"""Into how many processes the tests are shared out where nobody says."""

from __future__ import annotations

EACH = 4_000_000_000  # bytes: JAX keeps all that it compiled, 3.5 GB near the end of one half of its tests
MOST = 8  # above that the longest files of tests decide
WITHOUT_A_WORD = 2  # where nobody knows how much memory there is


def processes(cores: int, memory: int | None) -> int:
    """As many as there are cores, and room in memory; at least one.

    Args:
        cores: that may be used.
        memory: bytes left; None where the system does not say.
    """
    room = WITHOUT_A_WORD if memory is None else memory // EACH
    return max(1, min(cores, room, MOST))
