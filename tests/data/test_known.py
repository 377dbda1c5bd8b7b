"""Files recognised without being read: never a changed one, and a broken table costs time only."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from fieldguide.data import known

ONE, TWO = bytes(range(32)), bytes(range(32, 64))


def settled(path: Path, content: bytes = b"content") -> Path:
    """A file written long enough ago. Its change time cannot be set back, so the wait is taken off the rule instead."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture(autouse=True)
def nothing_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "SETTLE_NANOSECONDS", -(10**10))


def remember(*entries: tuple[Path, bytes]) -> None:
    known.remember((path, known.stamp(path), digest) for path, digest in entries)


def test_unchanged_files_are_recognised(tmp_path: Path) -> None:
    one, two = settled(tmp_path / "one"), settled(tmp_path / "two")
    assert known.recall([one, two]) == [None, None]
    remember((one, ONE), (two, TWO))
    assert known.recall([two, one, tmp_path / "three"]) == [TWO, ONE, None]
    assert known.recall([]) == []


def test_what_an_earlier_version_took_for_known_is_forgotten(tmp_path: Path, own_cache: Path) -> None:
    path = settled(tmp_path / "one")
    with closing(sqlite3.connect(own_cache / "files.sqlite")) as connection, connection:
        connection.execute(known._TABLE.replace("files_2", "files"))
        row = (str(path), *known.stamp(path), ONE)
        connection.execute("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?)", row)
    assert known.recall([path]) == [None]
    remember((path, TWO))
    assert known.recall([path]) == [TWO]
    with closing(sqlite3.connect(own_cache / "files.sqlite")) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    assert names == [("files_2",)]


def test_a_changed_file_is_not_recognised(tmp_path: Path) -> None:
    path = settled(tmp_path / "one", b"content")
    remember((path, ONE))
    before = path.stat()
    time.sleep(0.05)  # a tick of the file system's clock
    path.write_bytes(b"CONTENT")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # same size, and the old time put back
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert known.recall([path]) == [None]


def test_another_file_of_the_same_name_size_and_time_is_not_recognised(tmp_path: Path) -> None:
    path = settled(tmp_path / "one")
    remember((path, ONE))
    before = path.stat()
    path.rename(tmp_path / "kept")
    path.write_bytes(b"CONTENT")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert known.recall([path]) == [None]


def test_a_file_that_is_gone_is_not_recognised(tmp_path: Path) -> None:
    path = settled(tmp_path / "one")
    remember((path, ONE))
    path.unlink()
    assert known.recall([path]) == [None]


def test_what_was_written_just_now_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "SETTLE_NANOSECONDS", 2 * 10**9)
    path = settled(tmp_path / "one")
    remember((path, ONE))
    assert known.recall([path]) == [None]
    old = tmp_path / "old"
    old.write_bytes(b"content")
    os.utime(old, (1000, 1000))
    remember((old, ONE))
    assert known.recall([old]) == [None], "the time of the last change counts, which nobody can set back"
    time.sleep(2.05)
    remember((path, ONE))
    assert known.recall([path]) == [ONE]


@pytest.mark.skipif(sys.platform == "darwin", reason="file names are Unicode there")
def test_odd_names_are_kept_apart(tmp_path: Path) -> None:
    names = ["höhe", "with space", "quote'\"", os.fsdecode(b"\xff\xfe"), os.fsdecode(b"\xff"), "日本語", "x" * 250]
    paths = [settled(tmp_path / name, name.encode(errors="replace")) for name in names]
    digests = [bytes([number]) * 32 for number in range(len(paths))]
    remember(*zip(paths, digests, strict=True))
    assert known.recall(paths) == digests


def test_relative_and_absolute_paths_are_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember((settled(tmp_path / "one"), ONE))
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    assert known.recall([Path("one"), Path("folder/../one")]) == [ONE, ONE]


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be looked at", bytes(5000)])
def test_a_damaged_table_is_begun_anew(tmp_path: Path, own_cache: Path, content: bytes) -> None:
    path = settled(tmp_path / "one")
    (own_cache / "files.sqlite").write_bytes(content)
    assert known.recall([path]) == [None]
    remember((path, ONE))
    remember((path, ONE))
    assert known.recall([path]) == [ONE]


def test_a_table_damaged_in_the_middle_is_begun_anew(tmp_path: Path, own_cache: Path) -> None:
    paths = [settled(tmp_path / f"{number:04}") for number in range(400)]
    remember(*((path, ONE) for path in paths))
    table = own_cache / "files.sqlite"
    content = bytearray(table.read_bytes())
    assert len(content) > 20_000
    content[4096:] = b"\xff" * (len(content) - 4096)
    table.write_bytes(content)
    assert known.recall(paths) == [None] * 400
    remember(*((path, TWO) for path in paths))
    remember(*((path, TWO) for path in paths))
    assert known.recall(paths) == [TWO] * 400


def test_a_table_that_cannot_be_made_or_written_costs_time_only(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = settled(tmp_path / "one")
    monkeypatch.setenv("FIELDGUIDE_CACHE", str(path / "below a file"))
    remember((path, ONE))
    assert known.recall([path]) == [None]
    monkeypatch.setenv("FIELDGUIDE_CACHE", str(own_cache))
    (own_cache / "files.sqlite").mkdir()
    remember((path, ONE))
    assert known.recall([path]) == [None]


def test_numbers_of_files_that_sqlite_cannot_hold_are_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = settled(tmp_path / "one")
    answer = SimpleNamespace(st_size=7, st_mtime_ns=10**18, st_ctime_ns=10**18, st_ino=2**64 - 1)
    with monkeypatch.context() as patch:  # as some network file systems answer
        patch.setattr(os, "stat", lambda path: answer)
        stamp = known.stamp(path)
    known.remember([(path, stamp, ONE)])
    assert known.recall([path]) == [None]


def test_two_processes_may_remember_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from fieldguide.data import known\n"
        "known.SETTLE_NANOSECONDS = -10**10\n"
        "for start in range(0, 200, 10):\n"
        "    paths = [Path(sys.argv[1]) / f'{n:03}' for n in range(start, start + 10)]\n"
        "    known.remember((path, known.stamp(path), sys.argv[2].encode() * 32) for path in paths)\n"
    )
    paths = [settled(tmp_path / f"{number:03}") for number in range(200)]
    workers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), letter]) for letter in "ab"]
    assert [worker.wait() for worker in workers] == [0, 0]
    assert all(digest in (b"a" * 32, b"b" * 32) for digest in known.recall(paths))
