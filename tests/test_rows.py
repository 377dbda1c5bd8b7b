"""Rows on disk: bit-equal when they come back, whole after a kill, a full disk or damage, and built side by side."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from fieldguide.errors import FileError
from fieldguide.rows import FLUSH_ROWS, RowStore

COLUMNS = {
    "pixels": (np.dtype(np.uint8), (12, 16, 3)),
    "facts": (np.dtype([("size", "<u4"), ("name", "S5")]), ()),
    "feature": (np.dtype(np.float32), (7,)),
}


def digest(number: int) -> bytes:
    return number.to_bytes(4, "big") + bytes(28)  # ends in zeros, which must not get lost


def row(number: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng((number, 5))
    return {
        "pixels": rng.integers(0, 256, (12, 16, 3), dtype=np.uint8),
        "facts": np.array((number, b"a" * (number % 5)), COLUMNS["facts"][0]),
        "feature": rng.normal(size=7).astype(np.float32),
    }


def fill(folder: Path, numbers: range) -> None:
    store = RowStore(folder, COLUMNS)
    with store.writer(len(numbers)) as writer:
        for number in numbers:
            writer.add(digest(number), row(number))


def same(store: RowStore, numbers: list[int]) -> bool:
    """Whether the store gives exactly these rows in this order."""
    wanted = [row(number) for number in numbers]
    return all(
        store.read(name, [digest(number) for number in numbers]).tobytes()
        == b"".join(r[name].tobytes() for r in wanted)
        for name in COLUMNS
    )


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("segment-*"))


# The worker that the tests below kill, starve or run twice: fills rows first..last, in files of so many bytes at most.
WORKER = """
import resource, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_rows import COLUMNS, RowStore, digest, row
from fieldguide.errors import FileError
folder, first, last, limit = Path(sys.argv[2]), *map(int, sys.argv[3:])
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
store = RowStore(folder, COLUMNS)
print("ready", flush=True)
sys.stdin.readline()
computed = 0
try:
    with store.writer(last - first) as writer:
        for number in range(first, last):
            if digest(number) not in store:
                writer.add(digest(number), row(number))
                computed += 1
                print(number, flush=True)
    print("computed", computed, flush=True)
except FileError as error:
    print("FileError:", error)
"""


def worker(folder: Path, first: int, last: int, limit: int = 0) -> subprocess.Popen[str]:
    """A process that waits for a line before it begins to write."""
    numbers = [str(number) for number in (first, last, limit)]
    command = [sys.executable, "-c", WORKER, str(Path(__file__).parent), str(folder), *numbers]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def begin(process: subprocess.Popen[str]) -> IO[str]:
    """Lets a waiting worker begin; returns what it prints."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout


def test_rows_come_back_bit_equal_in_any_order(tmp_path: Path) -> None:
    fill(tmp_path / "store", range(150))
    for store in (RowStore(tmp_path / "store", COLUMNS), RowStore(tmp_path / "store", COLUMNS)):
        assert len(store) == 150
        assert same(store, list(range(150)))
        assert same(store, [149, 0, 7, 7, 63, 64])
        assert store.read("pixels", []).shape == (0, 12, 16, 3)
        assert digest(149) in store
        assert digest(150) not in store


def test_rows_can_be_read_while_they_are_written(tmp_path: Path) -> None:
    store = RowStore(tmp_path, COLUMNS)
    with store.writer(100) as writer:
        for number in range(100):
            writer.add(digest(number), row(number))
            assert len(store) == (number + 1) // FLUSH_ROWS * FLUSH_ROWS
        writer.flush()
        assert same(store, list(range(100)))
    assert same(store, list(range(100)))


def test_a_digest_is_kept_once(tmp_path: Path) -> None:
    fill(tmp_path, range(10))
    store = RowStore(tmp_path, COLUMNS)
    with store.writer(4) as writer:
        for number in (9, 10, 10, 9):
            writer.add(digest(number), row(number))
    assert len(store) == 11
    assert sum((segment / "index.bin").stat().st_size for segment in segments(tmp_path)) == 11 * 36


def test_a_build_without_new_rows_leaves_no_segment(tmp_path: Path) -> None:
    fill(tmp_path, range(3))
    fill(tmp_path, range(3))
    assert len(segments(tmp_path)) == 1
    with pytest.raises(ZeroDivisionError), RowStore(tmp_path, COLUMNS).writer(5):
        raise ZeroDivisionError
    assert len(segments(tmp_path)) == 1


def test_what_was_added_before_an_error_is_kept(tmp_path: Path) -> None:
    store = RowStore(tmp_path, COLUMNS)
    with pytest.raises(KeyboardInterrupt), store.writer(100) as writer:
        for number in range(70):
            writer.add(digest(number), row(number))
        raise KeyboardInterrupt
    assert same(RowStore(tmp_path, COLUMNS), list(range(70)))
    assert (segments(tmp_path)[0] / "sealed").read_text() == "70\n"


@pytest.mark.parametrize("after", [1, 63, 64, 65, 150, 299])
def test_a_killed_build_keeps_its_rows_and_the_next_computes_the_rest(tmp_path: Path, after: int) -> None:
    with worker(tmp_path, 0, 300) as process:
        for line in begin(process):
            if int(line) >= after - 1:
                break
        process.send_signal(signal.SIGKILL)
    kept = RowStore(tmp_path, COLUMNS)
    there = [number for number in range(300) if digest(number) in kept]
    assert there == list(range(len(there)))
    assert len(there) >= after // FLUSH_ROWS * FLUSH_ROWS
    assert same(kept, there)
    with worker(tmp_path, 0, 300) as process:
        report, _ = process.communicate("\n")
    assert report.splitlines()[-1] == f"computed {300 - len(there)}"
    assert same(RowStore(tmp_path, COLUMNS), list(range(300)))


def unsealed(folder: Path, count: int = 100) -> Path:
    """The segment of a store as a kill leaves it."""
    fill(folder, range(count))
    (segment,) = segments(folder)
    (segment / "sealed").unlink()
    return segment


def test_a_changed_byte_in_an_unsealed_segment_costs_that_row_only(tmp_path: Path) -> None:
    segment = unsealed(tmp_path)
    for name, size, number in (("pixels", 576, 40), ("facts", 9, 41), ("feature", 28, 99)):
        content = bytearray((segment / f"{name}.bin").read_bytes())
        content[size * number + size // 2] ^= 1
        (segment / f"{name}.bin").write_bytes(content)
    for _ in range(2):  # the second time, rows before the first bad one are taken on trust
        store = RowStore(tmp_path, COLUMNS)
        there = [number for number in range(100) if digest(number) in store]
        assert there == [number for number in range(100) if number not in (40, 41, 99)]
        assert same(store, there)
        assert (segment / "sealed").read_text() == "40\n"
    fill(tmp_path, range(100))
    assert same(RowStore(tmp_path, COLUMNS), list(range(100)))


@pytest.mark.parametrize("name", ["pixels", "facts", "feature", "index"])
@pytest.mark.parametrize("sealed", [True, False])
def test_a_file_that_ends_early_costs_the_rows_it_lacks(tmp_path: Path, name: str, sealed: bool) -> None:
    segment = unsealed(tmp_path)
    if sealed:
        (segment / "sealed").write_text("100\n")
    path = segment / f"{name}.bin"
    os.truncate(path, path.stat().st_size * 30 // 100 + 1)
    store = RowStore(tmp_path, COLUMNS)
    assert len(store) == 30
    assert same(store, list(range(30)))


def test_rows_are_checked_once_only(tmp_path: Path) -> None:
    segment = unsealed(tmp_path)
    assert len(RowStore(tmp_path, COLUMNS)) == 100
    assert (segment / "sealed").read_text() == "100\n"
    content = bytearray((segment / "pixels.bin").read_bytes())
    content[0] ^= 1
    (segment / "pixels.bin").write_bytes(content)
    assert len(RowStore(tmp_path, COLUMNS)) == 100  # a sealed row is taken on trust, which is what makes opening quick


@pytest.mark.parametrize("content", ["", "many", "-", b"\xff\xfe"])
def test_a_damaged_seal_means_that_rows_are_checked(tmp_path: Path, content: str | bytes) -> None:
    segment = unsealed(tmp_path)
    (segment / "sealed").write_bytes(content if isinstance(content, bytes) else content.encode())
    pixels = bytearray((segment / "pixels.bin").read_bytes())
    pixels[0] ^= 1
    (segment / "pixels.bin").write_bytes(pixels)
    assert len(RowStore(tmp_path, COLUMNS)) == 99


def test_foreign_newer_and_broken_segments_are_as_if_they_were_not_there(tmp_path: Path) -> None:
    fill(tmp_path, range(5))
    (good,) = segments(tmp_path)
    layout = json.loads((good / "layout.json").read_text())
    for number, text in enumerate(
        [json.dumps(layout | {"format": 2}), json.dumps({**layout, "columns": {}}), "[]", "{", "\0", ""]
    ):
        copy = tmp_path / f"segment-{number}"
        shutil.copytree(good, copy)
        (copy / "layout.json").write_text(text)
        (copy / "index.bin").write_bytes(digest(100 + number) + bytes(4))
    (tmp_path / "segment-empty").mkdir()
    (tmp_path / "segment-file").write_text("")
    shutil.copytree(good, tmp_path / "segment-lacking")
    (tmp_path / "segment-lacking" / "feature.bin").unlink()
    store = RowStore(tmp_path, COLUMNS)
    assert len(store) == 5
    assert same(store, list(range(5)))


def test_other_columns_are_another_store(tmp_path: Path) -> None:
    fill(tmp_path, range(5))
    narrower = {**COLUMNS, "pixels": (np.dtype(np.uint8), (12, 15, 3))}
    assert len(RowStore(tmp_path, narrower)) == 0


def test_a_store_that_is_cleared_while_in_use_says_so(tmp_path: Path) -> None:
    fill(tmp_path / "store", range(5))
    store = RowStore(tmp_path / "store", COLUMNS)
    (segment,) = segments(tmp_path / "store")
    os.truncate(segment / "pixels.bin", 10)
    with pytest.raises(FileError, match=r"pixels\.bin was cleared or damaged while in use: run the command again"):
        store.read("pixels", [digest(4)])
    shutil.rmtree(tmp_path / "store")
    with pytest.raises(FileError, match="cleared or damaged while in use"):
        store.read("facts", [digest(0)])


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    with (
        pytest.raises(FileError, match="store is a file; a folder was expected"),
        RowStore(tmp_path / "store", COLUMNS).writer(1) as writer,
    ):
        writer.add(digest(0), row(0))


def test_too_little_room_is_told_at_the_first_row(tmp_path: Path) -> None:
    with (
        pytest.raises(FileError, match=r"free and .* are needed: free some space"),
        RowStore(tmp_path, COLUMNS).writer(10**15) as writer,
    ):
        writer.add(digest(0), row(0))


def test_a_store_that_takes_nothing_more_can_be_gone_through(tmp_path: Path) -> None:
    fill(tmp_path, range(20))
    store = RowStore(tmp_path, COLUMNS)
    with store.writer(10**15) as writer:
        for number in range(20):
            writer.add(digest(number), row(number))
    assert len(segments(tmp_path)) == 1
    assert same(RowStore(tmp_path, COLUMNS), list(range(20)))


def test_on_a_full_disk_earlier_rows_stay_usable(tmp_path: Path) -> None:
    with worker(tmp_path, 0, 300, limit=100_000) as process:
        report, _ = process.communicate("\n")
    assert report.splitlines()[-1].startswith("FileError: cannot keep ")
    assert f" in {tmp_path}/segment-" in report
    store = RowStore(tmp_path, COLUMNS)
    assert len(store) == 2 * FLUSH_ROWS  # 576 bytes a row: the third flush reaches the limit
    assert same(store, list(range(2 * FLUSH_ROWS)))
    fill(tmp_path, range(300))
    assert same(RowStore(tmp_path, COLUMNS), list(range(300)))


def test_a_writer_goes_on_in_line_once_there_is_room_again(tmp_path: Path) -> None:
    store = RowStore(tmp_path, COLUMNS)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with store.writer(200) as writer:
            for number in range(FLUSH_ROWS):
                writer.add(digest(number), row(number))
            resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
            with pytest.raises(FileError, match=r"cannot keep .* in .*: file too large\."):
                for number in range(FLUSH_ROWS, 2 * FLUSH_ROWS):
                    writer.add(digest(number), row(number))
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            for number in range(FLUSH_ROWS, 2 * FLUSH_ROWS + 10):
                writer.add(digest(number), row(number))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, former)
    for opened in (store, RowStore(tmp_path, COLUMNS)):
        assert same(opened, list(range(2 * FLUSH_ROWS + 10)))


def test_two_processes_may_build_the_same_store_at_once(tmp_path: Path) -> None:
    processes = [worker(tmp_path, 0, 250), worker(tmp_path, 50, 300)]
    for process in processes:
        begin(process)
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    store = RowStore(tmp_path, COLUMNS)
    assert len(store) == 300
    assert same(store, list(range(300)))


def test_a_store_can_be_opened_while_another_process_writes_it(tmp_path: Path) -> None:
    with worker(tmp_path, 0, 300) as process:
        for line in begin(process):
            if line.startswith("computed"):
                break
            if int(line) % 20 == 0:
                store = RowStore(tmp_path, COLUMNS)
                assert same(store, [number for number in range(300) if digest(number) in store])
    assert same(RowStore(tmp_path, COLUMNS), list(range(300)))


def test_reading_a_large_store_does_not_keep_it_in_memory(tmp_path: Path) -> None:
    code = (
        "import numpy as np, resource, sys; from fieldguide.rows import RowStore\n"
        "store = RowStore(sys.argv[1], {'pixels': (np.dtype(np.uint8), (224, 224, 3))})\n"
        "row = np.zeros((224, 224, 3), np.uint8)\n"
        "digests = [n.to_bytes(32, 'big') for n in range(1500)]\n"
        "with store.writer(1500) as writer:\n"
        "    for digest in digests: writer.add(digest, {'pixels': row})\n"
        "unit = 1 if sys.platform == 'darwin' else 1024\n"
        "def peak(): return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        "for start in range(0, 1500, 50): store.read('pixels', digests[start:start + 50])\n"
        "print(peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 50_000_000  # of 226 MB read


def test_rows_of_use_are_marked_so(tmp_path: Path) -> None:
    fill(tmp_path, range(3))
    fill(tmp_path, range(6))
    first, second = sorted(segments(tmp_path), key=lambda segment: (segment / "index.bin").stat().st_mtime_ns)
    for segment in (first, second):
        os.utime(segment, (1000, 1000))
    RowStore(tmp_path, COLUMNS).mark_used([digest(4), digest(77)])
    assert first.stat().st_mtime == 1000
    assert second.stat().st_mtime > 1_000_000


@pytest.mark.parametrize("column", COLUMNS)
def test_views_are_the_rows_in_any_order_of_any_segment(tmp_path: Path, column: str) -> None:
    fill(tmp_path, range(70))
    fill(tmp_path, range(60, 90))
    store = RowStore(tmp_path, COLUMNS)
    assert len(segments(tmp_path)) == 2
    wanted = [89, 0, 75, 7, 7, 69, 70]
    views = store.views(column, [digest(number) for number in wanted])
    dtype, shape = COLUMNS[column]
    assert [(view.dtype, view.shape) for view in views] == [(dtype, shape)] * len(wanted)
    assert [view.tobytes() for view in views] == [row(number)[column].tobytes() for number in wanted]
    assert store.views(column, []) == []


def test_views_are_parts_of_the_files_and_cannot_be_changed(tmp_path: Path) -> None:
    fill(tmp_path, range(20))
    first, again, other = RowStore(tmp_path, COLUMNS).views("pixels", [digest(3), digest(3), digest(4)])
    assert np.shares_memory(first, again)
    assert not np.shares_memory(first, other)
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1


def test_views_live_on_when_the_store_is_cleared_but_none_are_given_afterwards(tmp_path: Path) -> None:
    fill(tmp_path / "store", range(5))
    store = RowStore(tmp_path / "store", COLUMNS)
    (held,) = store.views("pixels", [digest(4)])
    shutil.rmtree(tmp_path / "store")
    assert held.tobytes() == row(4)["pixels"].tobytes()
    with pytest.raises(FileError, match="cleared or damaged while in use"):
        store.views("pixels", [digest(4)])


def test_views_of_rows_that_are_not_there(tmp_path: Path) -> None:
    fill(tmp_path, range(5))
    with pytest.raises(KeyError):
        RowStore(tmp_path, COLUMNS).views("pixels", [digest(1), digest(5)])
