"""Decoded pictures by row: the right pixels, decoded once, whatever happens to files, disks and processes."""

from __future__ import annotations

import errno
import gc
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from pictures import put
from PIL import Image

from fieldguide import cache, rows
from fieldguide.data import known, pillow
from fieldguide.errors import FileError, InputError
from fieldguide.preprocessing.reader import Reader, Shape

SMALL = Shape((20, 30))
COUNT = 40


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    """Paths of 40 photos."""
    return [str(put(tmp_path / "photos" / f"{seed}.jpg", seed)) for seed in range(COUNT)]


@pytest.fixture(autouse=True)
def files_settle_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are recognised by their time stamps without the two seconds' wait that makes this safe."""
    monkeypatch.setattr(known, "SETTLE_NANOSECONDS", 0)


def decoded(paths: list[str], shape: Shape = SMALL) -> np.ndarray:
    """What a reader should give."""
    return np.stack(
        [
            pillow.pixels(
                Path(path).read_bytes(),
                color_mode=shape.color_mode,
                target_size=shape.target_size,
                interpolation=shape.interpolation,
                keep_aspect_ratio=shape.keep_aspect_ratio,
            )
            for path in paths
        ]
    )


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the files decoded so far, in this process."""
    seen: list[int] = []
    original = pillow.pixels

    def counted(content: bytes, **options: object) -> np.ndarray:
        seen.append(len(content))
        return original(content, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(pillow, "pixels", counted)
    return seen


def kept_files(own_cache: Path, name: str) -> list[Path]:
    return sorted(own_cache.glob(f"pixels/*/segment-*/{name}"))


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize(
    "shape", [SMALL, Shape((25, 20), "grayscale", "bilinear"), Shape((20, 20), "rgba", "lanczos", True)]
)
def test_rows_in_any_order_hold_the_right_pixels(photos: list[str], shape: Shape, keep: bool) -> None:
    reader = Reader(photos, shape=shape, keep=keep)
    expected = decoded(photos, shape)
    for asked in ([3], [7, 3, 7, 0], np.random.default_rng(0).permutation(COUNT), list(range(COUNT)), []):
        pixels, reasons = reader.read(asked)
        assert pixels.dtype == np.uint8
        assert reasons == {}
        np.testing.assert_array_equal(pixels, expected[np.asarray(asked, int)])
    reader.close()


def test_each_picture_is_decoded_once(photos: list[str], decodings: list[int]) -> None:
    reader = Reader(photos, shape=SMALL, keep=True)
    first, _ = reader.read(range(COUNT))
    assert len(decodings) == COUNT
    for _ in range(3):
        again, _ = reader.read(range(COUNT))
        np.testing.assert_array_equal(again, first)
    assert len(decodings) == COUNT


def test_without_keeping_nothing_is_written(photos: list[str], own_cache: Path, decodings: list[int]) -> None:
    reader = Reader(photos, shape=SMALL, keep=False)
    reader.read(range(4))
    reader.read(range(4))
    reader.close()
    assert len(decodings) == 8
    assert list(own_cache.iterdir()) == []


@pytest.mark.parametrize("ending", ["close", "collected"])
def test_a_later_run_decodes_nothing(photos: list[str], ending: str, own_cache: Path, decodings: list[int]) -> None:
    reader = Reader(photos, shape=SMALL, keep=True)
    first, _ = reader.read(range(30))
    assert kept_files(own_cache, "sealed") == []
    if ending == "close":
        reader.close()
    del reader
    gc.collect()
    assert len(kept_files(own_cache, "sealed")) == 1
    again, _ = Reader(photos, shape=SMALL, keep=True).read(range(30))
    np.testing.assert_array_equal(again, first)
    assert len(decodings) == 30


def test_all_rows_read_seal_the_segment(photos: list[str], own_cache: Path) -> None:
    reader = Reader(photos, shape=SMALL, keep=True)
    reader.read(range(COUNT - 1))
    assert kept_files(own_cache, "sealed") == []
    reader.read([COUNT - 1])
    assert [path.read_text() for path in kept_files(own_cache, "sealed")] == [f"{COUNT}\n"]


RUN = """
import os, signal, sys
from fieldguide.data import known
from fieldguide.preprocessing.reader import Reader, Shape
known.SETTLE_NANOSECONDS = 0
paths = sys.argv[2:]
reader = Reader(paths, shape=Shape((20, 30)), keep=True)
reader.read(range(16))
reader.read(range(16, 24))
if sys.argv[1] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("ending", ["end", "kill"])
def test_a_program_that_ends_or_is_killed_keeps_its_rows(
    photos: list[str], ending: str, own_cache: Path, decodings: list[int]
) -> None:
    done = subprocess.run([sys.executable, "-c", RUN, ending, *photos], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0 if ending == "end" else -signal.SIGKILL, "")
    assert len(kept_files(own_cache, "sealed")) == (ending == "end")
    (segment,) = kept_files(own_cache, "pixels.bin")
    assert segment.stat().st_size == 24 * 20 * 30 * 3
    pixels, _ = Reader(photos, shape=SMALL, keep=True).read(range(COUNT))
    np.testing.assert_array_equal(pixels, decoded(photos))
    if ending == "end":
        assert len(decodings) == COUNT - 24 + COUNT  # the last ones by `decoded`


def test_unreadable_files_are_left_out_with_their_reasons(photos: list[str], tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("some notes")
    (tmp_path / "cut.jpg").write_bytes(Path(photos[0]).read_bytes()[:900])
    paths = [photos[0], str(tmp_path / "notes.jpg"), photos[1], str(tmp_path / "cut.jpg"), str(tmp_path / "gone.jpg")]
    wanted = {1: "not a picture: text", 3: "truncated: the file ends before the picture is complete"}
    wanted[4] = "gone: moved or deleted"
    for keep in (True, False):
        reader = Reader(paths, shape=SMALL, keep=keep)
        for _ in range(2):
            pixels, reasons = reader.read([4, 2, 1, 0, 3])
            assert reasons == wanted
            np.testing.assert_array_equal(pixels, decoded([paths[2], paths[0]]))
        nothing, reasons = reader.read([1])
        assert nothing.shape == (0, 20, 30, 3)
        assert list(reasons) == [1]


def test_an_unreadable_file_is_tried_again_only_when_it_changes(photos: list[str], decodings: list[int]) -> None:
    Path(photos[2]).write_bytes(Path(photos[0]).read_bytes()[:900])
    reader = Reader(photos, shape=SMALL, keep=True)
    for _ in range(3):
        assert list(reader.read([2])[1]) == [2]
    assert len(decodings) == 1
    shutil.copy(photos[5], photos[2])
    pixels, reasons = reader.read([2])
    assert reasons == {}
    np.testing.assert_array_equal(pixels, decoded([photos[5]]))


def test_a_file_that_changed_is_read_anew(photos: list[str]) -> None:
    reader = Reader(photos, shape=SMALL, keep=True)
    reader.read(range(COUNT))
    shutil.copy(photos[5], photos[2])
    pixels, _ = reader.read(range(COUNT))
    np.testing.assert_array_equal(pixels, decoded(photos))
    Path(photos[3]).unlink()
    assert reader.read([3])[1] == {3: "gone: moved or deleted"}


def test_copies_are_kept_once(photos: list[str], tmp_path: Path, own_cache: Path) -> None:
    copies = [str(shutil.copy(photos[0], tmp_path / f"copy-{number}.jpg")) for number in range(5)]
    reader = Reader([photos[0], *copies, photos[1]], shape=SMALL, keep=True)
    pixels, _ = reader.read(range(7))
    np.testing.assert_array_equal(pixels, decoded([photos[0]] * 6 + [photos[1]]))
    np.testing.assert_array_equal(reader.read(range(7))[0], pixels)
    (segment,) = kept_files(own_cache, "pixels.bin")
    assert segment.stat().st_size == 2 * 20 * 30 * 3


def test_deep_pictures_come_as_floats_and_are_not_kept(photos: list[str], tmp_path: Path, own_cache: Path) -> None:
    deep = tmp_path / "deep.png"
    Image.fromarray((np.arange(600).reshape(20, 30) * 100).astype(np.uint16)).save(deep)
    shape = Shape((20, 30), "grayscale")
    reader = Reader([photos[0], str(deep)], shape=shape, keep=True)
    for _ in range(2):
        pixels, _ = reader.read([1, 0])
        assert pixels.dtype == np.float32
        np.testing.assert_array_equal(pixels[0, ..., 0], np.arange(600).reshape(20, 30) * 100)
        np.testing.assert_array_equal(pixels[1], decoded([photos[0]], shape)[0])
    assert reader.read([0])[0].dtype == np.uint8
    (segment,) = kept_files(own_cache, "pixels.bin")
    assert segment.stat().st_size == 600


def test_shapes_do_not_mix(photos: list[str]) -> None:
    shapes = [SMALL, Shape((30, 20)), Shape((20, 30), "rgb", "bilinear"), Shape((20, 30), keep_aspect_ratio=True)]
    readers = [Reader(photos, shape=shape, keep=True) for shape in shapes]
    for _ in range(2):
        for shape, reader in zip(shapes, readers, strict=True):
            np.testing.assert_array_equal(reader.read([1, 2])[0], decoded(photos[1:3], shape))
    assert len({shape.name for shape in shapes}) == 4


def full(needed_bytes: int) -> None:
    raise FileError(f"{needed_bytes} bytes would have to be kept, and there is no room.")


def test_no_room_is_said_once_with_the_sizes(
    photos: list[str], own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "make_room", full)
    reader = Reader(photos, shape=SMALL, keep=True)
    with pytest.warns(
        UserWarning, match=r"40 decoded pictures \(1.8 kB each, 72.0 kB together\) cannot be kept, so"
    ) as said:
        pixels, _ = reader.read(range(COUNT))
    assert len(said) == 1
    assert "72000 bytes would have to be kept" in str(said[0].message)
    np.testing.assert_array_equal(pixels, decoded(photos))
    np.testing.assert_array_equal(reader.read(range(COUNT))[0], pixels)  # and not a word more
    assert kept_files(own_cache, "*") == []


def test_a_cache_that_cannot_be_written_is_said_and_passed_over(
    photos: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("FIELDGUIDE_CACHE", str(tmp_path / "a file"))
    reader = Reader(photos, shape=SMALL, keep=True)
    with pytest.warns(UserWarning, match="cannot be kept, so each epoch decodes them again"):
        reader.read([0])
    np.testing.assert_array_equal(reader.read([0, 1])[0], decoded(photos[:2]))
    reader.close()


def test_a_disk_that_fills_up_in_mid_epoch_keeps_what_was_written(
    photos: list[str], decodings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(photos, shape=SMALL, keep=True)
    reader.read(range(20))

    def no_space(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(rows, "_append", no_space)
    with pytest.warns(UserWarning, match="^20 decoded pictures .* cannot be kept.*the disk is full") as said:
        reader.read(range(20, COUNT))
    assert len(said) == 1
    pixels, _ = reader.read(range(COUNT))
    assert len(decodings) == 20 + 20 + 20
    np.testing.assert_array_equal(pixels, decoded(photos))


def test_what_is_being_read_is_marked_as_used(photos: list[str], own_cache: Path) -> None:
    reader = Reader(photos, shape=SMALL, keep=True)
    reader.read(range(COUNT))
    (segment,) = own_cache.glob("pixels/*/segment-*")
    os.utime(segment, (0, 0))
    reader.read([0])
    assert segment.stat().st_mtime == 0
    assert reader._kept is not None
    reader._kept._marked -= cache.IN_USE_SECONDS  # as if that long had passed
    reader.read([0])
    assert segment.stat().st_mtime > time.time() - 60


def test_a_cache_cleared_while_in_use_is_filled_again(photos: list[str], own_cache: Path, decodings: list[int]) -> None:
    reader = Reader(photos, shape=SMALL, keep=True)
    first, _ = reader.read(range(COUNT))
    cache.clear_cache()
    for _ in range(3):
        np.testing.assert_array_equal(reader.read(range(COUNT))[0], first)
    assert len(decodings) == 2 * COUNT
    assert len(kept_files(own_cache, "sealed")) == 1


def test_a_cache_cleared_in_the_first_epoch_is_filled_again(photos: list[str]) -> None:
    reader = Reader(photos, shape=SMALL, keep=True)
    reader.read(range(20))
    cache.clear_cache()
    np.testing.assert_array_equal(reader.read(range(COUNT))[0], decoded(photos))


def test_threads_may_read_at_the_same_time(photos: list[str], own_cache: Path) -> None:
    reader = Reader(photos, shape=SMALL, keep=True)
    expected = decoded(photos)
    batches = [np.random.default_rng(seed).permutation(COUNT)[:12] for seed in range(60)]
    with ThreadPoolExecutor(6) as pool:
        for asked, (pixels, reasons) in zip(batches, pool.map(reader.read, batches), strict=True):
            assert reasons == {}
            np.testing.assert_array_equal(pixels, expected[asked])
    reader.close()
    (segment,) = kept_files(own_cache, "pixels.bin")
    assert segment.stat().st_size <= COUNT * 20 * 30 * 3


def in_child(work: Callable[[], bool]) -> bool:
    """Whether `work` came out true in a fork of this process, which then ends as a program does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        process = os.fork()
    if process == 0:
        done = False
        try:
            done = work()
        finally:
            os._exit(0 if done else 1)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0


@pytest.mark.parametrize("read_before", [0, 20])
def test_a_fork_reads_but_does_not_write(photos: list[str], read_before: int, own_cache: Path) -> None:
    expected = decoded(photos)
    reader = Reader(photos, shape=SMALL, keep=True)
    if read_before:
        reader.read(range(read_before))
    before = {path: path.read_bytes() for path in kept_files(own_cache, "*")}

    def child() -> bool:
        same = all(np.array_equal(reader.read(range(COUNT))[0], expected) for _ in range(2))
        reader.close()
        return same

    assert in_child(child)
    assert {path: path.read_bytes() for path in kept_files(own_cache, "*")} == before
    np.testing.assert_array_equal(reader.read(range(COUNT))[0], expected)
    assert len(kept_files(own_cache, "sealed")) == 1


def test_a_fork_is_not_stopped_by_a_lock_of_the_first_process(photos: list[str]) -> None:
    reader = Reader(photos, shape=SMALL, keep=True)
    reader.read([0])
    assert reader._kept is not None
    with ThreadPoolExecutor(1) as pool:
        pool.submit(reader._kept._lock.acquire).result()  # as if a thread were writing at this moment
        assert in_child(lambda: reader.read([0, 1])[0].shape[0] == 2)
        pool.submit(reader._kept._lock.release).result()


def test_a_shape_that_makes_no_sense_is_refused(photos: list[str]) -> None:
    with pytest.raises(InputError, match="interpolation is 'cubic'"):
        Reader(photos, shape=Shape((20, 30), interpolation="cubic"), keep=True)


def test_nothing_is_read_before_it_is_asked_for(own_cache: Path) -> None:
    Reader(["nowhere.jpg"], shape=SMALL, keep=True).close()
    assert list(own_cache.iterdir()) == []
