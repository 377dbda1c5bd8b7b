"""The pixel store: decoded once whatever happens in between, never stale, nothing dropped, bounded in memory."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pictures import encoded, folder_of, put, scene
from PIL import Image

from fieldguide import cache
from fieldguide.data import decode, known
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore, read_picture
from fieldguide.errors import FileError, InputError

SIZE = (24, 32)


BUILD = """
import sys; from pathlib import Path
from fieldguide.data.dataset import Dataset; from fieldguide.data.pixels import PixelStore
data = Dataset.from_directory(sys.argv[1])
print("begin", flush=True)
print(PixelStore.build(data, target_size=(24, 32)).decoded)
"""


def build(root: Path, size: tuple[int, int] = SIZE, resize: str = "crop") -> PixelStore:
    return PixelStore.build(Dataset.from_directory(root), target_size=size, resize=resize)


def reasons(store: PixelStore) -> dict[str, str]:
    root = store.dataset.root
    return {entry.path.relative_to(root).as_posix(): entry.reason for entry in store.dataset.skipped}


def is_right(store: PixelStore) -> bool:
    """Whether every row is what decoding its file gives now."""
    expected = [read_picture(path.read_bytes(), store.target_size, store.resize) for path in store.dataset.paths]
    return bool((store.read(range(len(store))) == np.array(expected)).all())


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "photos", {"cats": 6, "dogs": 5})


# ------------------------------------------------------------------ what is in it


def test_rows_are_the_decoded_pictures_in_order(photos: Path) -> None:
    store = build(photos)
    assert is_right(store)
    assert store.read([3, 0]).tobytes() == store.read(range(11))[[3, 0]].tobytes()
    assert store.read([]).shape == (0, *SIZE, 3)
    assert store.read([0]).dtype == np.uint8
    assert (len(store), store.decoded, store.target_size, store.resize) == (11, 11, SIZE, "crop")


def test_batches_are_all_pictures_in_order(photos: Path) -> None:
    store = build(photos)
    batches = list(store.batches(4))
    assert [len(batch) for batch in batches] == [4, 4, 3]
    assert np.concatenate(batches).tobytes() == store.read(range(11)).tobytes()


def test_facts_tell_of_the_whole_picture(tmp_path: Path) -> None:
    folder_of(tmp_path, {"a": 1, "b": 1})
    scene(7, 90, 50).convert("L").save(tmp_path / "a" / "grey.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    scene(8, 60, 80).save(tmp_path / "b" / "turned.jpg", exif=turned)
    Image.new("RGB", (20, 30), (9, 9, 9)).save(tmp_path / "b" / "blank.bmp")
    store = build(tmp_path)
    facts = {store.dataset.name(row): store.facts[row] for row in range(len(store))}
    grey, upright, blank = facts["a/grey.png"], facts["b/turned.jpg"], facts["b/blank.bmp"]
    assert (grey["width"], grey["height"], grey["format"], grey["mode"]) == (50, 90, b"PNG", b"L")
    assert (upright["width"], upright["height"], upright["format"]) == (60, 80, b"JPEG")
    assert (blank["hash"], blank["mean"], blank["contrast"]) == (0, 9.0, 0.0)
    assert grey["contrast"] > 10
    assert len({int(fact["hash"]) for fact in facts.values()}) == len(facts)
    assert store.thumbnails([0, 1]).shape == (2, 32, 32, 3)


def test_thumbnails_show_their_picture(photos: Path) -> None:
    store = build(photos, (64, 64))
    small = store.read([0]).reshape(1, 32, 2, 32, 2, 3).mean(axis=(2, 4))
    assert np.abs(store.thumbnails([0]) - small).max() <= 1


def test_a_part_of_the_pictures_needs_no_disk(photos: Path) -> None:
    store = build(photos)
    part = store.select(store.dataset.select([8, 2]))
    shutil.rmtree(photos)
    assert part.read([0, 1]).tobytes() == store.read([8, 2]).tobytes()
    assert part.digests == (store.digests[8], store.digests[2])
    assert len(part) == 2
    assert len(store.select(store.dataset.select([]))) == 0


# ------------------------------------------------------------------ decoded once


def test_a_second_build_decodes_nothing(photos: Path) -> None:
    first, second = build(photos), build(photos)
    assert (first.decoded, second.decoded) == (11, 0)
    assert second.read(range(11)).tobytes() == first.read(range(11)).tobytes()
    assert second.facts.tobytes() == first.facts.tobytes()


def test_unchanged_files_are_not_even_opened(photos: Path) -> None:
    code = (
        "import sys; from fieldguide.data import known\n"
        "known.SETTLE_NANOSECONDS = -10**10  # the files were written just now\n"
        "opened = []\n"
        "def watch(event, arguments):\n"
        "    if event == 'open' and str(arguments[0]).endswith('.jpg'): opened.append(arguments[0])\n"
        "sys.addaudithook(watch)\n" + BUILD + "print(len(set(opened)))"
    )
    counts = []
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code, str(photos)], capture_output=True, text=True, check=True)
        counts.append(done.stdout.split())
    assert counts == [["begin", "11", "11"], ["begin", "0", "0"]]


@pytest.mark.parametrize("move", ["moved", "copied", "renamed classes", "linked"])
def test_the_same_pictures_elsewhere_decode_nothing(photos: Path, tmp_path: Path, move: str) -> None:
    first = build(photos)
    place = tmp_path / "elsewhere"
    if move == "moved":
        photos.rename(place)
    elif move == "linked":
        place.symlink_to(photos)
    else:
        shutil.copytree(photos, place)
    if move == "renamed classes":
        (place / "cats").rename(place / "zebras")
    second = build(place)
    assert second.decoded == 0
    assert sorted(second.digests) == sorted(first.digests)
    assert is_right(second)


def test_added_pictures_are_decoded_and_no_others(photos: Path) -> None:
    build(photos)
    put(photos / "cats" / "00.jpg", 100)
    put(photos / "dogs" / "new" / "1.jpg", 101)
    store = build(photos)
    assert (store.decoded, len(store)) == (2, 13)
    assert is_right(store)


@pytest.mark.parametrize("wait", [0.0, 2.1])
def test_a_changed_file_of_the_same_size_is_noticed(photos: Path, wait: float) -> None:
    path = photos / "cats" / "3.jpg"
    other = encoded(scene(100), 80)
    path.write_bytes(encoded(scene(3)).ljust(40_000, b"\0"))
    time.sleep(wait)
    build(photos)
    before = path.stat()
    time.sleep(0.02)
    path.write_bytes(other.ljust(40_000, b"\0"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    store = build(photos)
    assert store.decoded == 1
    assert is_right(store)


def test_copies_are_decoded_once(photos: Path) -> None:
    for number in range(20):
        shutil.copy(photos / "cats" / "0.jpg", photos / ("cats" if number % 2 else "dogs") / f"copy{number}.jpg")
    store = build(photos)
    assert (store.decoded, len(store)) == (11, 31)
    assert is_right(store)


def test_each_size_and_rule_is_kept_apart(photos: Path) -> None:
    sizes = [((24, 32), "crop"), ((32, 24), "crop"), ((24, 32), "squash"), ((24, 32), "pad")]
    for size, rule in sizes:
        assert build(photos, size, rule).decoded == 11
    for size, rule in sizes:
        store = build(photos, size, rule)
        assert store.decoded == 0
        assert is_right(store)


def test_a_cleared_cache_is_built_again(photos: Path, own_cache: Path) -> None:
    build(photos)
    shutil.rmtree(own_cache / "pixels")  # the table of files still knows them all
    store = build(photos)
    assert store.decoded == 11
    assert is_right(store)


@pytest.mark.parametrize("seconds", [0.05, 0.15, 0.3])
def test_a_killed_build_goes_on_where_it_was(tmp_path: Path, seconds: float) -> None:
    photos = folder_of(tmp_path / "photos", {"cats": 150, "dogs": 150})
    with subprocess.Popen([sys.executable, "-c", BUILD, str(photos)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begin\n"
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
    store = build(photos)
    assert len(store) == 300
    assert is_right(store)
    assert build(photos).decoded == 0


def test_two_processes_may_build_at_once(tmp_path: Path) -> None:
    photos = folder_of(tmp_path / "photos", {"cats": 60, "dogs": 60})
    command = [sys.executable, "-c", BUILD, str(photos)]
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    store = build(photos)
    assert store.decoded == 0
    assert is_right(store)


# ------------------------------------------------------------------ what cannot be read


def test_unreadable_files_are_kept_in_skipped_with_the_reason(photos: Path) -> None:
    (photos / "cats" / "empty.jpg").write_bytes(b"")
    (photos / "cats" / "notes.jpg").write_text("these are notes\n")
    (photos / "dogs" / "cut.jpg").write_bytes((photos / "dogs" / "0.jpg").read_bytes()[:-500])
    (photos / "stray.txt").write_text("")
    for _ in range(2):
        store = build(photos)
        found = reasons(store)
        assert found.keys() == {"cats/empty.jpg", "cats/notes.jpg", "dogs/cut.jpg", "stray.txt"}
        assert found["cats/empty.jpg"] == "an empty file"
        assert found["cats/notes.jpg"] == "not a picture: text"
        assert found["dogs/cut.jpg"].startswith("truncated")
        assert len(store) == len(store.digests) == len(store.facts) == 11
        assert store.dataset.found == 15
        assert is_right(store)


def test_copies_of_an_unreadable_picture_are_all_reported(photos: Path) -> None:
    cut = (photos / "dogs" / "0.jpg").read_bytes()[:-500]
    for name in ("cats/a.jpg", "cats/b.jpg", "dogs/a.jpg"):
        (photos / name).write_bytes(cut)
    for _ in range(2):
        store = build(photos)
        assert reasons(store).keys() == {"cats/a.jpg", "cats/b.jpg", "dogs/a.jpg"}
        assert len(set(reasons(store).values())) == 1
        assert store.dataset.found == len(store) + 3 == 14


def test_files_that_vanish_meanwhile_are_reported(photos: Path) -> None:
    data = Dataset.from_directory(photos)
    (photos / "cats" / "2.jpg").unlink()
    store = PixelStore.build(data, target_size=SIZE)
    assert reasons(store) == {"cats/2.jpg": "gone: moved or deleted"}
    assert is_right(store)


@pytest.mark.usefixtures("bound_by_permissions")
def test_files_without_permission_are_reported_even_if_they_were_read_before(photos: Path) -> None:
    for mode in (0, 0o600, 0):
        (photos / "cats" / "2.jpg").chmod(mode)
        store = build(photos)
        assert reasons(store) == ({} if mode else {"cats/2.jpg": "no permission to read it"})
        assert is_right(store)


@pytest.mark.usefixtures("bound_by_permissions")
def test_a_cache_without_permission_is_named_and_a_full_one_still_read(
    photos: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "SETTLE_NANOSECONDS", -(10**10))  # the files were written just now
    own_cache.chmod(0o500)
    with pytest.raises(FileError, match="permission is denied: change the permissions"):
        build(photos)
    own_cache.chmod(0o700)
    first = build(photos)
    for path in (own_cache, own_cache / "pixels", *own_cache.rglob("*")):
        path.chmod(0o500 if path.is_dir() else 0o400)
    second = build(photos)  # what is kept can still be read
    assert (first.decoded, second.decoded) == (11, 0)
    assert is_right(second)
    for path in (own_cache, own_cache / "pixels", *(path for path in own_cache.rglob("*") if path.is_dir())):
        path.chmod(0o700)


def test_moved_pictures_are_found_however_little_room_there_is(
    photos: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(photos)
    (own_cache / "files.sqlite").unlink()  # so that all files are read again
    for segment in own_cache.rglob("segment-*"):
        os.utime(segment, (1000, 1000))
    monkeypatch.setattr(cache, "_free_bytes", lambda folder: 0)
    store = build(photos)
    assert store.decoded == 0
    assert is_right(store)
    put(photos / "cats" / "new.jpg", 99)
    with pytest.raises(FileError, match=r"would have to be kept in .* set FIELDGUIDE_CACHE"):
        build(photos)


def test_the_cache_keeps_to_its_limit_whatever_comes(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    for turn in range(4):
        photos = folder_of(tmp_path / f"set {turn}", {"cats": 8, "dogs": 8}, first_seed=100 * turn)
        (photos / "cats" / "odd.jpg").write_text("no picture")  # its content is asked for every time
        for segment in own_cache.rglob("segment-*"):
            os.utime(segment, (1000, 1000))
        kept = cache.cache_size().total_bytes
        monkeypatch.setattr(cache, "_free_bytes", lambda folder, kept=kept: 330_000 - kept)  # a disk of this size
        store = build(photos, (40, 40))
        assert is_right(store)
        sizes.append(len(list(own_cache.rglob("segment-*"))))
    assert sizes == [1, 1, 1, 1]


def test_a_part_of_which_nothing_can_be_read_is_an_error(tmp_path: Path) -> None:
    for number, part in enumerate(("train", "validation", "test")):
        folder_of(tmp_path / part, {"cats": 2, "dogs": 2}, first_seed=10 * number)
    for path in (tmp_path / "validation").rglob("*.jpg"):
        path.write_text("not a picture")
    with pytest.raises(InputError, match=r"no picture of the validation part can be read \(4 tried; validation/cats/0"):
        build(tmp_path)


def test_a_mended_file_is_read_again(photos: Path) -> None:
    content = (photos / "cats" / "2.jpg").read_bytes()
    (photos / "cats" / "2.jpg").write_bytes(content[:-500])
    assert len(build(photos)) == 10
    (photos / "cats" / "2.jpg").write_bytes(content)
    store = build(photos)
    assert (len(store), store.decoded) == (11, 1)


def test_a_class_of_which_nothing_can_be_read_is_an_error(photos: Path) -> None:
    for path in (photos / "dogs").iterdir():
        path.write_text("not a picture")
    with pytest.raises(InputError) as caught:
        build(photos)
    assert str(caught.value) == (
        "no picture of class 'dogs' can be read (5 tried; dogs/0.jpg: not a picture: text): "
        "replace its files, or remove the folder."
    )


def test_a_selection_without_a_class_is_no_error(photos: Path) -> None:
    data = Dataset.from_directory(photos)
    (photos / "cats" / "1.jpg").write_text("not a picture")
    store = PixelStore.build(data.select([0, 1, 2]), target_size=SIZE)
    assert (len(store), len(store.dataset.skipped)) == (2, 1)
    assert len(PixelStore.build(data.select([]), target_size=SIZE)) == 0


@pytest.mark.parametrize("size", [(15, 224), (224, 1025), (224,), (0, 0), (-224, 224)])
def test_sizes_that_make_no_sense_are_refused(photos: Path, size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=r"target_size is .* expected \(height, width\), each from 16 to 1024 pixels"):
        build(photos, size)


def test_unknown_rules_are_refused(photos: Path) -> None:
    with pytest.raises(InputError, match="resize is 'stretch'; expected one of crop, squash, pad"):
        build(photos, SIZE, "stretch")


def test_a_cache_that_cannot_be_written_is_named(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = photos / "cats" / "0.jpg" / "cache"
    monkeypatch.setenv("FIELDGUIDE_CACHE", str(blocked))
    with pytest.raises(FileError, match=f"{blocked}.*: a part of the path is a file"):
        build(photos)


# ------------------------------------------------------------------ its name, and its size in memory


def test_the_fingerprint_is_of_pictures_and_labels_not_of_places(photos: Path, tmp_path: Path) -> None:
    mark = build(photos).fingerprint
    shutil.copytree(photos, tmp_path / "copy")
    for path in sorted((tmp_path / "copy" / "cats").iterdir()):
        path.rename(path.with_name(f"{9 - int(path.stem)}.jpeg"))  # another order too
    copy = build(tmp_path / "copy")
    assert copy.fingerprint == mark
    assert copy.digests != build(photos).digests
    assert build(photos, (32, 32), "pad").fingerprint == mark


def test_the_fingerprint_changes_with_a_label_a_class_name_or_a_picture(photos: Path) -> None:
    marks = [build(photos).fingerprint]
    (photos / "cats" / "0.jpg").rename(photos / "dogs" / "was a cat.jpg")
    marks.append(build(photos).fingerprint)
    (photos / "cats").rename(photos / "lions")
    marks.append(build(photos).fingerprint)
    put(photos / "lions" / "7.jpg", 200)
    marks.append(build(photos).fingerprint)
    shutil.copy(photos / "lions" / "7.jpg", photos / "lions" / "8.jpg")
    marks.append(build(photos).fingerprint)
    assert len(set(marks)) == 5


def test_the_order_of_decoding_changes_nothing(photos: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = build(photos)
    monkeypatch.setenv("FIELDGUIDE_CACHE", str(own_cache / "other"))
    for row in (7, 1, 10, 0):
        PixelStore.build(together.dataset.select([row]), target_size=SIZE)
    apart = build(photos)
    assert apart.decoded == 7
    assert apart.read(range(11)).tobytes() == together.read(range(11)).tobytes()
    assert apart.facts.tobytes() == together.facts.tobytes()


def test_memory_is_bounded_while_building_and_reading(tmp_path: Path) -> None:
    photos = folder_of(tmp_path / "photos", {"a": 2, "b": 2})
    base = (photos / "a" / "0.jpg").read_bytes()
    for number in range(1200):  # other bytes, so other pictures as far as the store can tell
        (photos / "ab"[number % 2] / f"{number:04}.jpg").write_bytes(base + number.to_bytes(4, "big"))
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from fieldguide.data.dataset import Dataset; from fieldguide.data.pixels import PixelStore\n"
        "unit = 1 if sys.platform == 'darwin' else 1024\n"
        "def peak(): return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "data = Dataset.from_directory(sys.argv[1])\n"
        "PixelStore.build(data.select(range(80)), target_size=(224, 224))\n"
        "before = peak()\n"
        "store = PixelStore.build(data, target_size=(224, 224))\n"
        "for batch in store.batches(64): pass\n"
        "print(store.decoded, peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(photos)], capture_output=True, text=True, check=True)
    decoded, grown = map(int, done.stdout.split())
    assert decoded == 1204 - 80
    assert grown < 60_000_000  # of 181 MB decoded


def test_a_picture_alone_is_decoded_as_in_the_store(photos: Path) -> None:
    store = build(photos, (32, 32), "pad")
    content = store.dataset.paths[4].read_bytes()
    assert read_picture(content, (32, 32), "pad").tobytes() == store.read([4]).tobytes()
    assert decode.digest(content) == store.digests[4]
