"""A contact sheet shows what training sees, legibly, and is written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pictures import scene
from PIL import Image

from fieldguide.augmentation.draws import draw
from fieldguide.augmentation.lettering import fits_letters, write
from fieldguide.augmentation.settings import Settings
from fieldguide.augmentation.sheet import Sheet, contact_sheet
from fieldguide.augmentation.warp import Warper
from fieldguide.errors import FileError, InputError

SETTINGS = Settings(rotation_range=40, zoom_range=0.2, horizontal_flip=True, brightness_range=(0.6, 1.4))
SIDE = 160  # pixels: a picture of this size is shown as it is
DEVANAGARI = "\N{DEVANAGARI LETTER NA}\N{DEVANAGARI LETTER MA}"
HEBREW = "\N{HEBREW LETTER AYIN}\N{HEBREW LETTER BET}"


def photos(count: int, height: int = SIDE, width: int = SIDE) -> list[np.ndarray]:
    return [np.array(scene(seed, height, width)) for seed in range(count)]


def holds(sheet: Sheet, picture: np.ndarray) -> bool:
    """Whether the picture is somewhere on the sheet, pixel by pixel."""
    found = cv2.matchTemplate(sheet.pixels, picture, cv2.TM_SQDIFF)
    _, _, (left, top), _ = cv2.minMaxLoc(found)
    height, width = picture.shape[:2]
    return bool(np.array_equal(sheet.pixels[top : top + height, left : left + width], picture))


def as_read(content: bytes) -> np.ndarray:
    """The pixels of a picture's file."""
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def test_it_shows_the_originals_and_exactly_what_training_sees() -> None:
    pictures = photos(2)
    sheet = contact_sheet(pictures, SETTINGS, draws=3, seed=7)
    for row, picture in enumerate(pictures):
        assert holds(sheet, picture)
        for epoch in range(3):
            drawn = draw(SETTINGS, (SIDE, SIDE), [row], seed=7, epoch=epoch)
            seen = Warper().apply(picture[None], drawn, SETTINGS)[0]
            assert holds(sheet, np.rint(seen).astype(np.uint8)), (row, epoch)
    other = contact_sheet(pictures, SETTINGS, draws=3, seed=8)
    assert other.pixels.shape == sheet.pixels.shape
    assert not np.array_equal(other.pixels, sheet.pixels)
    assert np.array_equal(contact_sheet(pictures, SETTINGS, draws=3, seed=7).pixels, sheet.pixels)


def test_nothing_varies_without_settings() -> None:
    picture = photos(1)[0]
    sheet = contact_sheet([picture], Settings(), draws=2)
    lefts = [left for left in range(sheet.pixels.shape[1] - SIDE) if _at(sheet, left, picture)]
    assert len(lefts) == 3


def _at(sheet: Sheet, left: int, picture: np.ndarray) -> bool:
    top = sheet.pixels.shape[0] - 20 - SIDE
    return bool(np.array_equal(sheet.pixels[top : top + SIDE, left : left + SIDE], picture))


def test_a_line_parts_the_originals_from_the_draws() -> None:
    sheet = contact_sheet(photos(1), SETTINGS, draws=2)
    top = sheet.pixels.shape[0] - 20 - SIDE
    between = sheet.pixels[top : top + SIDE, 20 + SIDE :][:, :17]
    ruled = [column for column in range(17) if (between[:, column] == between[0, column]).all()]
    assert len(ruled) == 17
    assert [column for column in ruled if between[0, column, 0] != between[0, 0, 0]] == [8]


def test_white_and_black_pictures_have_an_edge() -> None:
    for level in (0, 255):
        sheet = contact_sheet([np.full((SIDE, SIDE, 3), level, np.uint8)], SETTINGS, draws=1)
        assert abs(int(sheet.pixels[0, 0, 0]) - level) >= 12


def test_sizes_may_differ_and_small_pictures_are_enlarged_by_whole_factors() -> None:
    tall, small = photos(1, 300, 200)[0], photos(1, 28, 28)[0]
    sheet = contact_sheet([tall, small], SETTINGS, draws=1)
    assert sheet.pixels.shape[1] == 20 + 140 + 17 + 140 + 20
    assert holds(sheet, np.repeat(np.repeat(small, 5, axis=0), 5, axis=1))
    assert holds(sheet, cv2.resize(tall, (107, 160), interpolation=cv2.INTER_AREA))


def test_grey_pictures_and_other_ranges_of_levels_look_the_same() -> None:
    colour = photos(1)[0]
    grey = colour[..., :1]
    assert holds(contact_sheet([grey], SETTINGS, draws=1), np.repeat(grey, 3, axis=2))
    for low, high in ((0.0, 1.0), (-1.0, 1.0)):
        settings = Settings(rotation_range=40, value_range=(low, high), channel_shift_range=0.1 * (high - low))
        rescaled = (colour / 255 * (high - low) + low).astype(np.float32)
        sheet = contact_sheet([colour], settings, draws=2)
        assert holds(sheet, colour)
        assert np.array_equal(contact_sheet([rescaled], settings, draws=2).pixels, sheet.pixels)
        whole = Settings(rotation_range=40, channel_shift_range=25.5)
        apart = np.abs(contact_sheet([colour], whole, draws=2).pixels.astype(int) - sheet.pixels)
        assert apart.max() <= 1


def test_one_picture_a_batch_and_pillows_pictures_will_do() -> None:
    pictures = photos(2)
    expected = contact_sheet(pictures, SETTINGS, draws=1)
    assert np.array_equal(contact_sheet(np.stack(pictures), SETTINGS, draws=1).pixels, expected.pixels)
    assert np.array_equal(contact_sheet(map(Image.fromarray, pictures), SETTINGS, draws=1).pixels, expected.pixels)
    alone = contact_sheet(pictures[:1], SETTINGS, draws=1)
    for one in (pictures[0], Image.fromarray(pictures[0])):
        assert np.array_equal(contact_sheet(one, SETTINGS, draws=1).pixels, alone.pixels)


def test_labels_stand_above_the_first_picture_of_each() -> None:
    pictures = photos(3)
    plain = contact_sheet(pictures, SETTINGS, draws=1)
    two = contact_sheet(pictures, SETTINGS, draws=1, labels=["horses", "horses", "humans"])
    three = contact_sheet(pictures, SETTINGS, draws=1, labels=["horses", "foxes", "humans"])
    plain_height, two_height, three_height = (sheet.pixels.shape[0] for sheet in (plain, two, three))
    assert (two_height - plain_height, three_height - plain_height) == (2 * 24, 3 * 24)
    other = contact_sheet(pictures, SETTINGS, draws=1, labels=["horses", "horses", "hounds"])
    assert not np.array_equal(two.pixels, other.pixels)


def test_many_pictures_stand_side_by_side() -> None:
    pictures = photos(40, 150, 150)
    for draws in (1, 6):
        sheet = contact_sheet(pictures, SETTINGS, draws=draws)
        height, width = sheet.pixels.shape[:2]
        assert 0.4 < height / width < 1.6
        assert all(holds(sheet, picture) for picture in pictures[::9])
    ten = contact_sheet(pictures[:10], SETTINGS, draws=1).pixels
    assert ten.shape[0] > 10 * 150 and ten.shape[1] < 3 * 160


def test_a_label_without_letters_is_named_at_the_top_of_each_part() -> None:
    sheet = contact_sheet(photos(12), SETTINGS, draws=1, labels=[DEVANAGARI] * 12)
    assert sheet.unwritten == {0: DEVANAGARI, 6: DEVANAGARI}
    named = contact_sheet(photos(12), SETTINGS, draws=1, labels=["row 1"] * 6 + ["row 7"] * 6)
    assert np.array_equal(sheet.pixels, named.pixels)


def test_labels_without_letters_are_named_by_their_row() -> None:
    pictures = photos(4)
    sheet = contact_sheet(pictures, SETTINGS, draws=1, labels=["horses", DEVANAGARI, HEBREW, HEBREW])
    assert sheet.unwritten == {1: DEVANAGARI, 2: HEBREW}
    assert f"\nrow 2: {DEVANAGARI}\nrow 3: {HEBREW}" in str(sheet)
    named = contact_sheet(pictures, SETTINGS, draws=1, labels=["horses", "row 2", "row 3", "row 3"])
    assert np.array_equal(sheet.pixels, named.pixels)
    assert named.unwritten == {}


def test_what_can_be_lettered() -> None:
    assert fits_letters("American robin_2 (juv.)")
    assert not any(fits_letters(text) for text in (DEVANAGARI, HEBREW, "", " ", "a\nb", "\N{HONEYBEE}"))
    if cv2.__version__.startswith("5."):
        assert fits_letters("Ka\N{COMBINING DIAERESIS}fer") and fits_letters("\N{CYRILLIC SMALL LETTER ZHE}")
        assert fits_letters("\u8702\u871c")


def test_letters_are_dark_within_their_line_and_cut_with_dots() -> None:
    paper = np.full((40, 300, 3), 255, np.uint8)
    write(paper, "gyHorses", 30)
    inked = np.argwhere(paper[..., 0] < 128)
    assert paper.min() < 60
    assert (inked.min(axis=0) >= (1, 0)).all() and inked[:, 0].max() < 24 and inked[:, 1].max() < 100
    narrow, dotted = np.full((2, 40, 60, 3), 255, np.uint8)
    write(narrow, "a name that is far too long", 30)
    write(dotted, "a name...", 30)
    assert (narrow[:, -12:] < 128).any()
    assert np.array_equal(narrow[:, :40], dotted[:, :40])


@pytest.mark.parametrize("name", ["sheet.png", "sheet.jpg", "sheet.JPEG"])
def test_it_is_saved_as_the_name_says(name: str, tmp_path: Path) -> None:
    sheet = contact_sheet(photos(1), SETTINGS, draws=2)
    path = sheet.save(tmp_path / "new" / name)
    assert path == tmp_path / "new" / name
    head = path.read_bytes()[:3]
    assert head == (b"\x89PN" if name.endswith(".png") else b"\xff\xd8\xff")
    again = as_read(path.read_bytes())
    assert np.abs(again.astype(int) - sheet.pixels).mean() < (0.001 if name.endswith(".png") else 3)
    assert [each.name for each in path.parent.iterdir()] == [name]


def test_a_notebook_shows_it_inline() -> None:
    sheet = contact_sheet(photos(1), SETTINGS, draws=1)
    assert np.array_equal(as_read(sheet._repr_png_()), sheet.pixels)
    assert "array" not in repr(sheet)


def test_another_ending_and_a_folder_are_refused(tmp_path: Path) -> None:
    sheet = contact_sheet(photos(1), SETTINGS, draws=1)
    with pytest.raises(InputError, match=r"sheet\.gif is no name of one: give it a name that ends in \.png or \.jpg"):
        sheet.save(tmp_path / "sheet.gif")
    (tmp_path / "sheet.png").mkdir()
    with pytest.raises(FileError, match="it is a folder"):
        sheet.save(tmp_path / "sheet.png")
    assert [each.name for each in tmp_path.iterdir()] == ["sheet.png"]


def test_what_it_says_and_gives_for_json() -> None:
    settings = Settings(shear_range=0.2, horizontal_flip=True)
    sheet = contact_sheet(photos(2), settings, draws=1, seed=3, labels=["left", "right"])
    lines = str(sheet).splitlines()
    assert lines[0] == "2 pictures and 1 draw of each, seed 3: shear_range=0.2, horizontal_flip=True"
    assert lines[1].startswith("note: shear_range=0.2 is 0.2 degrees")
    assert lines[2] == "note: horizontal_flip makes 'right' of 'left', if these are directions."
    assert max(map(len, lines)) <= 80
    given = sheet.to_dict()
    assert given["labels"] == ["left", "right"] and given["draws"] == 1 and given["seed"] == 3
    assert given["notes"] == list(sheet.notes) and given["settings"] == settings.to_dict()


@pytest.mark.parametrize(
    ("pictures", "more", "expected"),
    [
        ([], {}, r"there is no picture: give at least one"),
        (np.zeros((0, 4, 4, 3), np.uint8), {}, r"there is no picture: give at least one"),
        (photos(1, 4, 4) * 51, {}, r"there are 51 pictures, and 50 fit on a sheet: take the first few, pictures\[:8\]"),
        (photos(1), {"draws": 0}, r"draws is 0; expected a number from 1 to 20"),
        (photos(1), {"draws": 21}, r"draws is 21; expected"),
        (photos(1), {"draws": 2.5}, r"draws is 2\.5; expected a whole number from 1 to 20"),
        (photos(2), {"labels": ["one"]}, r"there are 1 labels for 2 pictures; expected one for each"),
        (
            [np.zeros((4, 4), np.uint8)],
            {},
            r"picture 0 is uint8 \(4, 4\); expected uint8 or float \(height, width, 3\)",
        ),
        (np.zeros((4, 4), np.uint8), {}, r"picture 0 is uint8 \(4, 4\); expected"),
        (
            [np.zeros((4, 4, 4), np.uint8)],
            {},
            r"uint8 \(4, 4, 4\); .*, which picture\[\.\.\., :3\] is without its trans",
        ),
        ([np.zeros((4, 4, 3), np.int64)], {}, r"picture 0 is int64 \(4, 4, 3\)"),
        ([np.zeros((0, 4, 3), np.uint8)], {}, r"picture 0 is uint8 \(0, 4, 3\)"),
        (
            ["horse.jpg"],
            {},
            r"picture 0 is 'horse\.jpg'; expected the picture itself: fg\.load_img\('horse\.jpg'\) reads",
        ),
        ("horse.jpg", {}, r"pictures is 'horse\.jpg'; expected the picture itself: fg\.load_img\('horse\.jpg'\) reads"),
        (Path("horse.jpg"), {}, r"pictures is 'horse\.jpg'; expected the picture itself"),
        ([None], {}, r"picture 0 is NoneType None; expected uint8"),
        (5, {}, r"pictures is 5; expected arrays"),
        (photos(1), {"seed": -1}, r"seed is -1"),
    ],
)
def test_what_makes_no_sheet_is_said(pictures: Any, more: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        contact_sheet(pictures, SETTINGS, **more)
