"""What is kept: how large it is, clearing it, and making room without taking from a run what it needs."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from fieldguide import cache
from fieldguide.errors import FileError
from fieldguide.rows import RowStore

LONG_AGO = time.time() - 10 * cache.IN_USE_SECONDS


def segment(folder: Path, name: str, size: int, last_use: float) -> Path:
    """A segment of so many bytes in a store of pixels."""
    path = folder / "pixels" / "v1" / f"segment-{name}"
    path.mkdir(parents=True)
    with (path / "pixels.bin").open("wb") as handle:
        handle.truncate(size)  # without taking room on the disk
    os.utime(path, (last_use, last_use))
    return path


def test_the_size_is_that_of_all_files(own_cache: Path) -> None:
    assert cache.cache_size().total_bytes == 0
    segment(own_cache, "a", 3_000_000, LONG_AGO)
    store = RowStore(own_cache / "features" / "net" / "pooled", {"features": (np.dtype(np.float32), (250,))})
    with store.writer(1) as writer:
        writer.add(bytes(32), {"features": np.zeros(250, np.float32)})
    size = cache.cache_size()
    assert size.bytes_of["pixels"] == 3_000_000
    assert 1000 < size.bytes_of["features"] < 1500
    assert size.total_bytes == sum(size.bytes_of.values())
    assert str(size).splitlines() == [
        f"{own_cache}: 3.0 MB",
        "  decoded pictures                     3.0 MB",
        "  activations of frozen networks       1.1 kB",
    ]
    assert json.loads(json.dumps(size.to_dict()))["bytes"] == size.bytes_of


def test_clearing_removes_what_is_kept_and_nothing_else(own_cache: Path) -> None:
    segment(own_cache, "a", 1000, LONG_AGO)
    (own_cache / "files.sqlite").write_text("")
    (own_cache / "mine.txt").write_text("not ours")
    before = cache.clear_cache()
    assert before.total_bytes == 1000
    assert cache.cache_size().total_bytes == 0
    assert [path.name for path in own_cache.iterdir()] == ["mine.txt"]
    assert cache.clear_cache().total_bytes == 0


def test_files_of_others_among_ours_stay(own_cache: Path) -> None:
    segment(own_cache, "a", 1000, LONG_AGO)
    (own_cache / "pixels" / "v1" / "mine.txt").write_text("not ours")
    (own_cache / "features").write_text("not ours")
    cache.clear_cache()
    left = sorted(path.relative_to(own_cache).as_posix() for path in own_cache.rglob("*") if path.is_file())
    assert left == ["features", "pixels/v1/mine.txt"]


@pytest.mark.usefixtures("bound_by_permissions")
def test_clearing_what_cannot_be_cleared_says_so(own_cache: Path) -> None:
    kept = segment(own_cache, "a", 1000, LONG_AGO)
    kept.parent.chmod(0o500)
    with pytest.raises(FileError, match=f"cannot clear {own_cache}/pixels: permission is denied"):
        cache.clear_cache()
    kept.parent.chmod(0o700)


def test_what_was_used_longest_ago_makes_room(own_cache: Path) -> None:
    free = shutil.disk_usage(own_cache).free
    oldest = segment(own_cache, "c", free, LONG_AGO)
    older = segment(own_cache, "a", free, LONG_AGO + 10)
    newer = segment(own_cache, "b", 1000, LONG_AGO + 20)
    # Half of what is free or kept is 1.5 times the free disk: one of the two large ones has to go.
    cache.make_room(free // 10)
    assert [path.exists() for path in (oldest, older, newer)] == [False, True, True]


def test_what_is_in_use_stays(own_cache: Path) -> None:
    free = shutil.disk_usage(own_cache).free
    old = segment(own_cache, "a", 1000, LONG_AGO)
    used = [segment(own_cache, name, free, time.time() - 60) for name in "bc"]
    cache.make_room(free // 10)
    assert not old.exists()
    assert all(path.exists() for path in used)


def test_nothing_goes_while_there_is_room(own_cache: Path) -> None:
    kept = segment(own_cache, "a", 1000, LONG_AGO)
    cache.make_room(1000)
    assert kept.exists()


def test_more_than_the_disk_can_bear_is_refused_before_anything_is_removed(own_cache: Path) -> None:
    kept = segment(own_cache, "a", 1000, LONG_AGO)
    with pytest.raises(FileError, match=r"would have to be kept in .* set FIELDGUIDE_CACHE to a folder on a larger"):
        cache.make_room(10**18)
    assert kept.exists()


def test_a_cache_that_is_not_there_yet_has_room(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDGUIDE_CACHE", str(own_cache / "not" / "yet"))
    cache.make_room(1000)
    assert cache.cache_size().total_bytes == 0
    assert not (own_cache / "not").exists()
