"""How much memory is to be had: by the system, and by the group of processes that a container is."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldguide.memory import SYSTEM, memory_left


def described(folder: Path, available: str | None, *, most: str = "", used: str = "", kept: str = "") -> int | None:
    system = folder / "meminfo"
    if available is not None:
        system.write_text(f"MemTotal:        8000000 kB\nMemAvailable:    {available}\nSwapTotal: 0 kB\n")
    group = (folder / "max", folder / "current", folder / "stat")
    for path, text in zip(group, (most, used, kept), strict=True):
        if text:
            path.write_text(text)
    return memory_left(system, [group])


def test_what_the_system_says_is_taken(tmp_path: Path) -> None:
    assert described(tmp_path, "2000 kB") == 2_048_000


def test_a_group_with_less_has_the_last_word_and_what_is_kept_of_files_can_go(tmp_path: Path) -> None:
    assert described(tmp_path, "2000 kB", most="1000000\n", used="900000\n") == 100_000
    assert described(tmp_path, "2000 kB", kept="anon 5\ninactive_file 300000\nactive_file 7\n") == 400_000


def test_a_group_without_a_limit_or_above_it_is_no_trouble(tmp_path: Path) -> None:
    assert described(tmp_path, "2000 kB", most="max\n", used="900000\n") == 2_048_000
    assert described(tmp_path, "2000 kB", most="800000\n") == 0


@pytest.mark.parametrize("line", [None, "none", ""])
def test_where_the_system_does_not_say_nothing_is_made_up(tmp_path: Path, line: str | None) -> None:
    assert described(tmp_path, line) is None


@pytest.mark.skipif(not SYSTEM.exists(), reason="this system does not say")
def test_here_it_is_said() -> None:
    left = memory_left()
    assert left is not None and 0 <= left < 1e15
