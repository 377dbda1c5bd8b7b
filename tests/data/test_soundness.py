"""Which files cannot be read, told by their ends: never wrong about a readable file, and with the decoder's reasons."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import folder_of, scene
from PIL import Image

from fieldguide.data import known, pillow, soundness
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import PictureError

FORMS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 90},
    "PNG": {},
    "GIF": {},
    "WEBP": {"quality": 80},
    "BMP": {},
    "TIFF": {},
    "PPM": {},
    "AVIF": {},
    "ICO": {},
}


def encode(form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    scene(3).save(stream, form, **(options or FORMS[form]))
    return stream.getvalue()


def readable(content: bytes) -> bool:
    """What the decoder says of all of the file."""
    try:
        pillow.pixels(content)
    except PictureError:
        return False
    return True


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("form", FORMS)
def test_whole_files_are_sound_and_cut_ones_are_not(form: str, tmp_path: Path) -> None:
    content = encode(form)
    cuts = [int(len(content) * share) for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98)]
    paths = [put(tmp_path / "whole", content)]
    paths += [put(tmp_path / f"cut-{number}", content[:size]) for number, size in enumerate(cuts)]
    found = soundness.unsound(paths)
    expected = [row for row, size in enumerate(cuts, 1) if not readable(content[:size])]
    assert list(found) == expected
    assert len(expected) >= 6, "the cuts damage nothing"


@pytest.mark.parametrize("form", FORMS)
def test_a_readable_file_without_its_proper_end_is_decoded_and_kept(form: str, tmp_path: Path) -> None:
    content = encode(form)
    odd = [content + b"appended by a program", content + bytes(3000), content[:-1], content[:-2]]
    paths = [put(tmp_path / str(number), each) for number, each in enumerate(odd)]
    assert list(soundness.unsound(paths)) == [row for row, each in enumerate(odd) if not readable(each)]


def test_reasons_are_those_of_the_decoder(tmp_path: Path) -> None:
    jpeg = encode("JPEG")
    (tmp_path / "a folder").mkdir()
    os.mkfifo(tmp_path / "a pipe")
    (tmp_path / "a link").symlink_to(tmp_path / "nowhere")
    paths = [
        put(tmp_path / "whole.jpg", jpeg),
        put(tmp_path / "empty.jpg", b""),
        put(tmp_path / "cut.jpg", jpeg[: len(jpeg) // 2]),
        put(tmp_path / "zeros.jpg", jpeg[: len(jpeg) // 2] + bytes(len(jpeg) // 2)),
        put(tmp_path / "notes.jpg", b"To buy: film, batteries.\n" * 60),
        put(tmp_path / "page.png", b"<!DOCTYPE html><html>" + b" " * 2000),
        tmp_path / "gone.jpg",
        tmp_path / "a folder",
        tmp_path / "a pipe",
        tmp_path / "a link",
        put(tmp_path / "tiny.jpg", b"\xff\xd8\xff\xd9"),
    ]
    assert soundness.unsound(paths) == {
        1: "an empty file",
        2: "truncated: the file ends before the picture is complete",
        3: "truncated: the file ends before the picture is complete",
        4: "not a picture: text",
        5: "not a picture: an HTML page, perhaps from a failed download",
        6: "gone: moved or deleted",
        7: "not a file: a folder",
        8: "not a file: a named pipe",
        9: "a link to a file that does not exist",
        10: "truncated: the file ends before the picture is complete",
    }


def test_copies_of_a_file_that_was_found_unreadable_are_not_taken_for_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "SETTLE_NANOSECONDS", -(10**10))  # the files were written just now
    folder_of(tmp_path, {"cats": 2, "dogs": 2})
    copies = [put(tmp_path / "cats" / f"cut-{number}.jpg", encode("JPEG")[:900]) for number in range(4)]
    twin = put(tmp_path / "dogs" / "twin.jpg", (tmp_path / "dogs" / "0.jpg").read_bytes())
    store = PixelStore.build(Dataset.from_directory(tmp_path))
    assert sorted(item.path.name for item in store.dataset.skipped) == [path.name for path in copies]
    assert list(soundness.unsound(copies)) == [0, 1, 2, 3]
    assert known.recall(copies) == [None] * 4
    assert known.recall([twin]) == known.recall([tmp_path / "dogs" / "0.jpg"]) != [None]


def test_odd_bitmaps_are_left_to_the_decoder(tmp_path: Path) -> None:
    stream = io.BytesIO()
    scene(3).convert("P").save(stream, "BMP")
    paths = [put(tmp_path / "palette.bmp", stream.getvalue()), put(tmp_path / "cut.bmp", stream.getvalue()[:-40])]
    assert soundness.unsound(paths) == {1: "truncated: the file ends before the picture is complete"}


def test_nothing_to_check() -> None:
    assert soundness.unsound([]) == {}


def test_rows_come_in_order_over_many_tasks(tmp_path: Path) -> None:
    whole, cut = put(tmp_path / "whole.jpg", encode("JPEG")), put(tmp_path / "cut.jpg", encode("JPEG")[:700])
    paths = [cut if row % 97 == 5 else whole for row in range(1000)]
    assert list(soundness.unsound(paths)) == list(range(5, 1000, 97))


def test_the_real_photos_are_sound_but_for_the_one_cut_short(sample_photos: Path) -> None:
    paths = sorted(path for path in sample_photos.rglob("*") if path.is_file())
    found = soundness.unsound(paths)
    assert {paths[row].name: reason for row, reason in found.items()} == {
        "horse-truncated.jpg": "truncated: the file ends before the picture is complete"
    }


def test_real_pictures_are_checked_quickly(shared_data: Path) -> None:
    paths = sorted((shared_data / "cats_vs_dogs").rglob("*.jpg"))
    assert len(paths) > 1000
    assert soundness.unsound(paths) == {}
    started = time.perf_counter()
    soundness.unsound(paths)
    assert len(paths) / (time.perf_counter() - started) > 3000  # decoding them takes 50 times as long


def test_random_damage_is_never_seen_where_the_decoder_sees_none(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    contents = [encode(form) for form in ("JPEG", "PNG", "GIF", "WEBP", "BMP")]
    damaged = []
    for number in range(150):
        content = bytearray(contents[number % 5])
        content[int(rng.integers(len(content)))] ^= int(rng.integers(1, 256))
        damaged.append(bytes(content))
    found = soundness.unsound([put(tmp_path / str(number), each) for number, each in enumerate(damaged)])
    assert [row for row in found if readable(damaged[row])] == []


def test_a_grey_16_bit_picture_is_sound(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64)).save(stream, "TIFF")
    assert soundness.unsound([put(tmp_path / "deep.tif", stream.getvalue())]) == {}
