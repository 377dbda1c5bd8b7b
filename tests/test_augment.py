"""The contact sheet of a folder: which pictures are on it, what is said of it, and the flags that ask for settings."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import folder_of, put, scene

from fieldguide.augment import WrittenSheet, write_sheet
from fieldguide.augmentation.presets import PRESETS
from fieldguide.augmentation.settings import Settings
from fieldguide.augmentation.sheet import contact_sheet
from fieldguide.chosen import chosen_settings
from fieldguide.cli import main
from fieldguide.data import decode
from fieldguide.errors import FileError, InputError

SETTINGS = Settings(rotation_range=40, zoom_range=0.2, horizontal_flip=True)
DEVANAGARI = "\N{DEVANAGARI LETTER NA}\N{DEVANAGARI LETTER MA}"


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three class folders of five pictures, in the current folder."""
    monkeypatch.chdir(tmp_path)
    folder_of(tmp_path / "photos", {"cats": 5, "dogs": 5, "foxes": 5})
    return Path("photos")


def names(written: WrittenSheet) -> list[str]:
    """The pictures on the sheet, as class/file."""
    return [f"{path.parent.name}/{path.name}" for path in (written.data.paths[row] for row in written.rows)]


# Which pictures


def test_pictures_are_spread_over_the_classes_and_over_each(photos: Path) -> None:
    written = write_sheet(photos, SETTINGS, pictures=6, draws=1)
    assert names(written) == [f"{name}/{file}" for name in ("cats", "dogs", "foxes") for file in ("0.jpg", "4.jpg")]
    assert written.sheet.labels == ("cats", "cats", "dogs", "dogs", "foxes", "foxes")
    assert names(write_sheet(photos, SETTINGS, pictures=2, draws=1)) == ["cats/0.jpg", "foxes/0.jpg"]
    assert names(write_sheet(photos, SETTINGS, pictures=1, draws=1)) == ["cats/0.jpg"]
    assert len(names(write_sheet(photos, SETTINGS, pictures=50, draws=1))) == 15


def test_classes_of_few_pictures_leave_their_places_to_others(photos: Path) -> None:
    for number in range(1, 5):
        (photos / "dogs" / f"{number}.jpg").unlink()
    shown = names(write_sheet(photos, SETTINGS, pictures=9, draws=1))
    assert shown.count("dogs/0.jpg") == 1
    assert sum(name.startswith("cats/") for name in shown) == sum(name.startswith("foxes/") for name in shown) == 4


def test_the_sheet_is_that_of_these_pictures_and_nothing_else_is_read(photos: Path, own_cache: Path) -> None:
    for path in photos.glob("*/[123].jpg"):
        path.write_text("no picture")
    written = write_sheet(photos, SETTINGS, pictures=6, draws=2, seed=3, target_size=(60, 80))
    assert written.skipped == ()
    assert list(own_cache.iterdir()) == []
    pictures = [decode.read(written.data.paths[row], (60, 80)).pixels for row in written.rows]
    expected = contact_sheet(pictures, SETTINGS, draws=2, seed=3, labels=written.sheet.labels)
    assert np.array_equal(written.sheet.pixels, expected.pixels)
    assert written.path.read_bytes() == expected._repr_png_()


def test_others_take_the_place_of_files_that_cannot_be_read(photos: Path) -> None:
    (photos / "cats" / "0.jpg").write_text("no picture")
    (photos / "dogs" / "4.jpg").write_bytes((photos / "dogs" / "4.jpg").read_bytes()[:700])
    written = write_sheet(photos, SETTINGS, pictures=6, draws=1)
    assert names(written) == ["cats/1.jpg", "cats/4.jpg", "dogs/0.jpg", "dogs/1.jpg", "foxes/0.jpg", "foxes/4.jpg"]
    assert [each.path for each in written.skipped] == [photos / "cats/0.jpg", photos / "dogs/4.jpg"]
    assert "\nSkipped    cats/0.jpg: not a picture: text\n" in str(written)
    for path in photos.glob("cats/*"):
        path.write_text("no picture")
    written = write_sheet(photos, SETTINGS, pictures=6, draws=1)
    assert set(written.sheet.labels) == {"dogs", "foxes"} and len(written.rows) == 6
    assert len(written.skipped) == 6 and "... and 1 more, which --json lists" in str(written)


def test_a_divided_folder_shows_its_training_part(photos: Path) -> None:
    for part in ("train", "test"):
        shutil.copytree(photos, Path("divided") / part)
    written = write_sheet("divided", SETTINGS, pictures=3, draws=1)
    assert all(path.parts[1] == "train" for path in (written.data.paths[row] for row in written.rows))
    assert "3 of the 15 training files in divided (3 classes), 1 draw of each" in " ".join(str(written).split())


def test_a_folder_without_classes_and_a_single_picture_will_do(photos: Path) -> None:
    (photos / "cats" / ".hidden.jpg").write_text("no picture")
    flat = write_sheet(photos / "cats", SETTINGS, pictures=3, draws=1)
    assert flat.sheet.labels == ("0.jpg", "2.jpg", "4.jpg")
    assert str(flat).startswith("Pictures   3 of the 5 files in photos/cats, 1 draw of each, as the centre\n")
    alone = write_sheet(photos / "cats" / "3.jpg", SETTINGS, draws=2)
    assert alone.sheet.labels == ("3.jpg",)
    assert str(alone).startswith("Pictures   photos/cats/3.jpg, 2 draws of it, as the centre square, 224x224\n")
    beside = write_sheet(photos / "cats" / "3.jpg", SETTINGS, output=photos / "cats" / "sheet.png")
    assert beside.path.exists()


# What is said


def test_what_it_prints_fits_the_terminal_and_ends_with_the_sheet(photos: Path) -> None:
    lines = str(write_sheet(photos, PRESETS["strong"].settings, draws=1)).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[:2] == [
        "Pictures   8 of the 15 files in photos (3 classes), 1 draw of each, as the",
        "           centre square, 224x224",
    ]
    assert lines[2].startswith("Preset     strong: ")
    assert any(line.startswith("Settings   fg.Augment(rotation_range=40, width_shift_range=0.2,") for line in lines)
    assert lines[-1] == "Sheet      augmented.png"
    assert "\nSettings   nothing varies\n" in str(write_sheet(photos, Settings(), draws=1))


def test_notes_judge_by_all_classes_and_not_by_the_names_of_files(photos: Path) -> None:
    shutil.move(photos / "cats", photos / "6")
    shutil.move(photos / "dogs", photos / "9")
    written = write_sheet(photos, Settings(rotation_range=90), pictures=1, draws=1, target_size=(60, 60))
    assert written.sheet.labels == ("6",)
    assert written.sheet.notes == ("rotation_range=90 can make the same picture of 6 and 9: 10 to 15 is usual.",)
    assert "\nNote       rotation_range=90 can make" in str(written)
    for name in ("left.jpg", "right.jpg"):
        put(Path("flat") / name, 1)
    assert write_sheet("flat", Settings(horizontal_flip=True), draws=1, target_size=(60, 60)).sheet.notes == ()


def test_what_is_lost_of_pictures_is_said(photos: Path) -> None:
    Path("flat").mkdir()
    sizes = {"square": (300, 300), "half": (300, 600), "small": (112, 120)}
    for name, (height, width) in sizes.items():
        scene(1, height, width).save(Path("flat") / f"{name}.png")
    assert write_sheet("flat", SETTINGS, draws=1).sheet.notes == ()
    scene(1, 300, 610).save(Path("flat") / "long.png")
    scene(1, 111, 120).save(Path("flat") / "smaller.png")
    cut = 'more than half at the edges, being long and narrow; in Python, resize="pad" keeps all of a picture.'
    written = write_sheet("flat", SETTINGS, draws=1)
    assert written.sheet.notes == (
        f"1 of the 5 pictures loses {cut}",
        "1 of the 5 pictures is enlarged more than twice to make 224x224, and so looks blurred.",
    )
    assert "Note       1 of the 5 pictures loses more than half" in str(written)
    assert written.to_dict()["notes"] == list(written.sheet.notes)
    assert write_sheet("flat/long.png", SETTINGS, draws=1).sheet.notes == (f"the picture loses {cut}",)


def test_names_without_letters_are_told_by_their_row(photos: Path) -> None:
    shutil.move(photos / "cats", photos / DEVANAGARI)
    assert f"\nRow 5      {DEVANAGARI}\n" in str(write_sheet(photos, SETTINGS, pictures=6, draws=1))


def test_it_gives_json_and_a_picture_for_notebooks(photos: Path) -> None:
    (photos / "cats" / "0.jpg").write_text("no picture")
    written = write_sheet(photos, PRESETS["light"].settings, pictures=3, draws=2, seed=5)
    given = json.loads(json.dumps(written.to_dict()))
    assert given["sheet"] == "augmented.png" and given["folder"] == "photos" and given["preset"] == "light"
    assert given["labels"] == ["cats", "dogs", "foxes"] and given["seed"] == 5 and given["draws"] == 2
    assert given["pictures"] == ["photos/cats/1.jpg", "photos/dogs/0.jpg", "photos/foxes/0.jpg"]
    assert given["skipped"] == [{"path": "photos/cats/0.jpg", "reason": "not a picture: text"}]
    assert Settings(**given["settings"]) == PRESETS["light"].settings
    assert given["changed"] == [] and given["target_size"] == [224, 224] and given["resize"] == "crop"
    assert write_sheet(photos, SETTINGS, draws=1).to_dict()["preset"] is None
    assert written._repr_png_().startswith(b"\x89PNG")


# The file


def test_it_is_the_same_each_time_and_another_with_another_seed(photos: Path) -> None:
    first = write_sheet(photos, SETTINGS, output="new/first.png", draws=1).path.read_bytes()
    assert write_sheet(photos, SETTINGS, output="new/first.png", draws=1).path.read_bytes() == first
    assert write_sheet(photos, SETTINGS, output="new/other.png", draws=1, seed=1).path.read_bytes() != first
    assert sorted(path.name for path in Path("new").iterdir()) == ["first.png", "other.png"]


@pytest.mark.parametrize(
    ("place", "more", "kind", "expected"),
    [
        ("photos", {"output": "photos/cats/0.jpg"}, InputError, r"0\.jpg is one of the pictures: name another file"),
        ("photos", {"output": "photos/cats/new.png"}, InputError, r"new\.png would lie among the pictures and count"),
        ("photos/cats/0.jpg", {"output": "photos/cats/0.jpg"}, InputError, r"0\.jpg is one of the pictures"),
        ("photos/cats", {"output": "link/new.png"}, InputError, r"link/new\.png would lie among the pictures"),
        ("photos", {"output": "sheet.gif"}, InputError, r"sheet\.gif is no name of one"),
        ("photos", {"pictures": 0}, InputError, r"pictures is 0; expected a number from 1 to 50"),
        ("photos", {"draws": 21}, InputError, r"draws is 21; expected a number from 1 to 20"),
        ("photos", {"seed": -1}, InputError, r"seed is -1"),
        ("nowhere", {}, FileError, r"cannot read the folder nowhere: it does not exist"),
        ("empty", {}, InputError, r"empty holds no files: name a folder of pictures"),
        ("texts", {}, InputError, r"no picture of texts can be read \(2 tried; a\.txt: not a picture: text\)"),
        ("texts/a.txt", {}, InputError, r"texts/a\.txt cannot be read \(not a picture: text\): name a picture"),
    ],
)
def test_what_makes_no_sheet_is_said_and_leaves_nothing(
    place: str, more: dict[str, Any], kind: type[Exception], expected: str, photos: Path
) -> None:
    Path("empty").mkdir()
    Path("link").symlink_to(photos / "cats")
    Path("texts").mkdir()
    for name in ("a.txt", "b.txt"):
        (Path("texts") / name).write_text("no picture")
    before = {path: path.lstat().st_mtime_ns for path in Path().rglob("*")}
    with pytest.raises(kind, match=expected):
        write_sheet(place, SETTINGS, **more)
    assert {path: path.lstat().st_mtime_ns for path in Path().rglob("*")} == before


def test_no_more_than_a_hundred_files_are_tried(photos: Path) -> None:
    folder = Path("texts")
    folder.mkdir()
    for number in range(130):
        (folder / f"{number:03}.txt").write_text("no picture")
    with pytest.raises(InputError, match=r"\(100 tried; "):
        write_sheet(folder, SETTINGS)


# The flags


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, PRESETS["medium"].settings),
        ({"preset": None, "rotation_range": None, "shift": None}, PRESETS["medium"].settings),
        ({"preset": "strong"}, PRESETS["strong"].settings),
        ({"rotation_range": 40.0}, Settings(rotation_range=40)),
        ({"shift": 0.2}, Settings(width_shift_range=0.2, height_shift_range=0.2)),
        ({"shift": 0.2, "width_shift_range": 0.1}, Settings(width_shift_range=0.1, height_shift_range=0.2)),
        ({"horizontal_flip": False}, replace(PRESETS["medium"].settings, horizontal_flip=False)),
        ({"vertical_flip": False}, PRESETS["medium"].settings),
        ({"fill_mode": "reflect"}, replace(PRESETS["medium"].settings, fill_mode="reflect")),
        (
            {"fill_mode": "wrap", "horizontal_flip": False},
            replace(PRESETS["medium"].settings, fill_mode="wrap", horizontal_flip=False),
        ),
        ({"horizontal_flip": False, "rotation_range": 20}, Settings(rotation_range=20)),
        ({"rotation_range": 0.0}, Settings()),
        ({"zoom_range": [0.8, 1.2]}, Settings(zoom_range=(0.8, 1.2))),
        ({"brightness_range": [0.8, 1.2]}, Settings(brightness_range=(0.8, 1.2))),
        ({"crop_area": [0.35, 1.0]}, Settings(crop_area=(0.35, 1))),
        ({"crop_ratio": [1.0, 1.0]}, replace(PRESETS["medium"].settings, crop_ratio=(1, 1))),
        ({"folder": "photos", "seed": 3, "zoom_range": 0.2, "run": print}, Settings(zoom_range=0.2)),
    ],
)
def test_flags_ask_for_settings(given: dict[str, Any], expected: Settings) -> None:
    assert chosen_settings(given).settings == expected


def test_a_flag_changes_a_preset_and_numbers_are_shown_as_they_were_given() -> None:
    chosen = chosen_settings({"preset": "light", "rotation_range": 15.0, "shift": 0.0, "zoom_range": 0.1})
    assert (chosen.preset, chosen.changed) == ("light", ("rotation_range", "width_shift_range", "height_shift_range"))
    assert str(chosen.settings) == "rotation_range=15, zoom_range=0.1, horizontal_flip=True"
    with pytest.raises(InputError, match=r"preset is 'huge'; expected one of light, medium, strong"):
        chosen_settings({"preset": "huge"})
    with pytest.raises(InputError, match=r"rotation_range is 400"):
        chosen_settings({"rotation_range": 400.0})


def test_errors_name_what_was_typed() -> None:
    flags = {"shift": "--shift", "brightness_range": "--brightness", "preset": "--preset"}
    with pytest.raises(InputError, match=r"^--shift is 20; expected a number from 0 to 1, as a share of the picture"):
        chosen_settings({"shift": 20.0}, flags)
    with pytest.raises(InputError, match=r"^--brightness is \(2, 1\): its first number is the larger"):
        chosen_settings({"brightness_range": [2.0, 1.0], "preset": "light"}, flags)
    with pytest.raises(InputError, match=r"^--preset is 'huge'; expected one of light"):
        chosen_settings({"preset": "huge"}, flags)


# The command


def test_every_flag_reaches_its_setting(photos: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = (
        "--rotation 40 --width-shift 0.1 --height-shift 0.2 --shear 10 --zoom 0.3 --crop 0.35 1 --flip --vertical-flip"
    )
    arguments += " --brightness 0.8 1.2 --contrast 0.7 1.3 --channel-shift 20 --erasing 0.25 --fill-mode reflect"
    arguments += " --pictures 3 --draws 1 --seed 7 --output new/sheet.jpg --json"
    assert main(["augment", str(photos), *arguments.split()]) == 0
    written = capfd.readouterr()
    assert written.err == ""
    given = json.loads(written.out)
    assert Settings(**given["settings"]) == Settings(
        rotation_range=40, width_shift_range=0.1, height_shift_range=0.2, shear_range=10, zoom_range=0.3,
        crop_area=(0.35, 1), horizontal_flip=True, vertical_flip=True, brightness_range=(0.8, 1.2),
        contrast_range=(0.7, 1.3), channel_shift_range=20, erasing=0.25, fill_mode="reflect",
    )  # fmt: skip
    assert (given["seed"], given["draws"], len(given["pictures"])) == (7, 1, 3)
    assert Path("new/sheet.jpg").read_bytes()[:3] == b"\xff\xd8\xff"


def test_the_command_alone_shows_the_preset_to_try_first(photos: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["augment", str(photos)]) == 0
    printed = capfd.readouterr().out
    assert "\nPreset     medium: " in printed and printed.endswith("\nSheet      augmented.png\n")
    assert main(["augment", str(photos), "--preset", "medium", "--no-flip", "--shift", "0.05"]) == 0
    printed = capfd.readouterr().out
    changed = "Preset     medium, changed in width_shift_range, height_shift_range, horizontal_flip"
    assert changed in " ".join(printed.split()).replace("Preset ", "Preset     ") and "horizontal_flip=" not in printed
    assert "width_shift_range=0.05" in printed
    assert main(["augment", str(photos), "--no-flip", "--json"]) == 0
    given = json.loads(capfd.readouterr().out)
    assert given["preset"] == "medium" and given["changed"] == ["horizontal_flip"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("photos --zoom 0.3", 0.3),
        ("--zoom 0.3 photos", 0.3),
        ("photos --zoom 0.8 1.2", [0.8, 1.2]),
        ("--zoom 0.8 1.2 photos", [0.8, 1.2]),
        ("photos --zoom=0.8,1.2", [0.8, 1.2]),
        ("photos --zoom=0.8 1.2", [0.8, 1.2]),
        ("--zoom=0.8 1.2 photos", [0.8, 1.2]),
        ("photos --zo 0.8 1.2", [0.8, 1.2]),
        ("photos --z=0.8 1.2 --flip", [0.8, 1.2]),
    ],
)
def test_zoom_takes_a_share_or_two_factors(
    words: str, expected: object, photos: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["augment", *words.split(), "--pictures", "1", "--draws", "1", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["settings"]["zoom_range"] == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--zoom 0.2 2024", 0.2),
        ("--zoom=0.2 2024", 0.2),
        ("2024 --zoom 0.8 1.2", [0.8, 1.2]),
        ("--zoom 0.8 1.2 2024", [0.8, 1.2]),
    ],
)
def test_a_folder_may_be_called_by_a_number(
    words: str, expected: object, photos: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    photos.rename("2024")
    assert main(["augment", *words.split(), "--pictures", "1", "--draws", "1", "--json"]) == 0
    given = json.loads(capfd.readouterr().out)
    assert (given["folder"], given["settings"]["zoom_range"]) == ("2024", expected)


def test_a_way_to_fill_alone_is_shown_by_the_preset_to_try_first(
    photos: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["augment", str(photos), "--fill-mode", "reflect", "--json"]) == 0
    given = json.loads(capfd.readouterr().out)
    assert (given["preset"], given["changed"]) == ("medium", ["fill_mode"])
    assert main(["augment", str(photos), "--fill-mode", "reflect", "--rotation", "20", "--json"]) == 0
    given = json.loads(capfd.readouterr().out)
    assert Settings(**given["settings"]) == Settings(rotation_range=20, fill_mode="reflect")


def test_keras_and_pandas_are_not_loaded_for_it(photos: Path) -> None:
    code = (
        "import sys; from fieldguide.cli import main; main(sys.argv[1:]); "
        "assert not {'keras', 'tensorflow', 'jax', 'torch', 'scipy', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, "augment", str(photos), "--json"], check=True, capture_output=True)
