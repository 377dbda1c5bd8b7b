"""How much memory is to be had."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

SYSTEM = Path("/proc/meminfo")
# Of the group of processes that this one is in, as containers have it, by version: what it may use, what it uses, and
# what of that is only kept of files.
GROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current"), Path("/sys/fs/cgroup/memory.stat")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.stat"),
    ),
)
KEPT_OF_FILES = ("inactive_file", "total_inactive_file")


def memory_left(system: Path = SYSTEM, groups: Sequence[tuple[Path, Path, Path]] = GROUPS) -> int | None:
    """Bytes that can be had without taking them from other processes; None where the system does not say.

    Args:
        system: its description, with a line MemAvailable in kB, as Linux has it.
        groups: files about a group of processes, of which some may be there; bytes.

    Source:
        Linux kernel documentation, "The /proc Filesystem" (meminfo) and "Control Group v2" (memory).
    """
    found = [1024 * kib for kib in [_line(system, ("MemAvailable:",))] if kib is not None]
    for most, used, kept in groups:
        with suppress(OSError, ValueError):  # "max" where there is no limit
            left = int(most.read_text(encoding="ascii")) - int(used.read_text(encoding="ascii"))
            found.append(max(0, left + (_line(kept, KEPT_OF_FILES) or 0)))
    return min(found, default=None)


def _line(path: Path, names: Sequence[str]) -> int | None:
    """The whole number after one of these names at the beginning of a line; None where there is none."""
    with suppress(OSError, ValueError):
        for words in map(str.split, path.read_text(encoding="ascii", errors="replace").splitlines()):
            if len(words) > 1 and words[0] in names:
                return int(words[1])
    return None
