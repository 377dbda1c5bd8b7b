"""Every note is said where it applies, and not where it does not."""

from __future__ import annotations

import pytest

from fieldguide.augmentation.notes import notes, notes_of_names
from fieldguide.augmentation.presets import DEFAULT, PRESETS, preset_named
from fieldguide.augmentation.settings import Settings

DIGITS = [str(digit) for digit in range(10)]
DIGIT_WORDS = ["Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"]
SIGNS = list("ABCDEFGHIKLMNOPQRSTUVWXY")  # sign language: J and Z are movements
FLIP, UPSIDE = Settings(horizontal_flip=True), Settings(vertical_flip=True)

# What is said, where it is, and the nearest settings where it is not.
BY_SETTINGS = [
    ("shear_range=0.2 is 0.2 degrees, which nobody sees", Settings(shear_range=0.2), Settings(shear_range=1)),
    ("rotation_range=0.5 is 0.5 degrees, which nobody", Settings(rotation_range=0.5), Settings(rotation_range=1)),
    ("(0.7854 radians are 45)", Settings(rotation_range=0.7854), Settings(rotation_range=0)),
    ("(3.14159 radians are 180)", Settings(rotation_range=3.14159), Settings(rotation_range=3)),
    ("(1.57 radians are 90)", Settings(rotation_range=1.57), Settings(rotation_range=1.5)),
    ("(1.0472 radians are 60)", Settings(rotation_range=1.0472), Settings(rotation_range=10.472)),
    ("hundredth of their width", Settings(width_shift_range=0.005), Settings(width_shift_range=0.01)),
    ("hundredth of their height", Settings(height_shift_range=0.005), Settings(height_shift_range=0.01)),
    ("zoom_range=0.01 changes sizes by 1%", Settings(zoom_range=0.01), Settings(zoom_range=0.02)),
    ("zoom_range=(0.99, 1.01) changes", Settings(zoom_range=(0.99, 1.01)), Settings(zoom_range=(1, 1))),
    (
        "crop_area=(0.995, 1) cuts off 1%",
        Settings(crop_area=(0.995, 1), crop_ratio=(1, 1)),
        Settings(crop_area=(0.995, 1)),
    ),
    ("crop_area=(0.99, 1) cuts off", Settings(crop_area=(0.99, 1), crop_ratio=(1, 1)), Settings(crop_area=(1, 1))),
    ("crop_ratio does nothing", Settings(crop_ratio=(1, 1)), Settings(crop_area=(0.5, 1), crop_ratio=(1, 1))),
    ("crop_area down to 0.08 may leave out", Settings(crop_area=(0.08, 1)), Settings(crop_area=(0.1, 1))),
    ("brightness_range=(0.99, 1.01)", Settings(brightness_range=(0.99, 1.01)), Settings(brightness_range=(0.9, 1.0))),
    ("contrast_range=(1, 1) changes", Settings(contrast_range=(1, 1)), Settings(contrast_range=(1, 1.1))),
    ("channel_shift_range=0.1", Settings(channel_shift_range=0.1), Settings(channel_shift_range=2.55)),
    (
        "of the 1 levels of value_range: 0.1 is usual",
        Settings(channel_shift_range=0.005, value_range=(0, 1)),
        Settings(channel_shift_range=0.1, value_range=(0, 1)),
    ),
    (
        "erasing_area=(0.001, 0.005)",
        Settings(erasing=0.5, erasing_area=(0.001, 0.005)),
        Settings(erasing=0.5, erasing_area=(0.001, 0.01)),
    ),
    (
        "erasing_area does nothing while erasing=0",
        Settings(erasing_area=(0.1, 0.2)),
        Settings(erasing=0.1, erasing_area=(0.1, 0.2)),
    ),
    (
        "erasing_ratio does nothing",
        Settings(erasing_ratio=(1, 1)),
        Settings(erasing=0.1, erasing_ratio=(1, 1)),
    ),
    ("cval=9 does nothing", Settings(cval=9), Settings(cval=9, fill_mode="constant")),
    ("cval=9 does nothing", Settings(cval=9, fill_mode="wrap"), Settings(cval=9, erasing=0.1)),
    ("width_shift_range=0.5 may push", Settings(width_shift_range=0.5), Settings(width_shift_range=0.4)),
    ("out at the top or bottom", Settings(height_shift_range=0.5), Settings(height_shift_range=0.4)),
    ("zoom factors up to 2 make", Settings(zoom_range=(1, 2)), Settings(zoom_range=(1, 1.9))),
    ("zoom factors down to 0.5 show", Settings(zoom_range=0.5), Settings(zoom_range=0.4)),
    ("turns some pictures upside down", Settings(rotation_range=120), Settings(rotation_range=90)),
    ("vertical_flip turns half of the pictures upside down", UPSIDE, FLIP),
    ("factors down to 0 make pictures black", Settings(brightness_range=(0, 1)), Settings(brightness_range=(0.2, 1))),
    ("up to 2.5 make most of a photo white", Settings(brightness_range=(1, 2.5)), Settings(brightness_range=(1, 2.4))),
    ("leave one flat tone", Settings(contrast_range=(0, 1)), Settings(contrast_range=(0.2, 1))),
    (
        "from 2 to 2 leave little but black and white",
        Settings(contrast_range=(2, 2)),
        Settings(contrast_range=(1.9, 2)),
    ),
    ("from 0.5 to 4 leave little but", Settings(contrast_range=(0.5, 4)), Settings(contrast_range=(0.5, 3.9))),
    ("shear_range=60 slants things", Settings(shear_range=60), Settings(shear_range=59)),
    (
        "channel_shift_range=128 is half of the 255",
        Settings(channel_shift_range=128),
        Settings(channel_shift_range=127),
    ),
    (
        "channel_shift_range=0.5 is half of the 1 levels of value_range or more",
        Settings(channel_shift_range=0.5, value_range=(0, 1)),
        Settings(channel_shift_range=0.4, value_range=(0, 1)),
    ),
    ("wrong for most photos, and for digits, letters and hand signs", UPSIDE, FLIP),
    (
        "erasing_area up to 0.5 may hide",
        Settings(erasing=0.5, erasing_area=(0.1, 0.5)),
        Settings(erasing=0.5, erasing_area=(0.1, 0.4)),
    ),
]

TURN_90, TURN_89 = Settings(rotation_range=90), Settings(rotation_range=89)

# The same with the names of the classes: what is said, settings and names, and others where it is not.
BY_NAMES = [
    ("horizontal_flip mirrors 2, 3, 4 and so on", (FLIP, DIGITS), (FLIP, ["0", "1"])),
    ("horizontal_flip mirrors 2, 3, 4 and so on", (FLIP, DIGITS), (FLIP, [str(number) for number in range(102)])),
    ("horizontal_flip mirrors Two, Three, Four", (FLIP, DIGIT_WORDS), (FLIP, ["one horse", "two horses"])),
    ("vertical_flip turns 2, 4, 5 and so on upside down", (UPSIDE, DIGITS), (UPSIDE, ["cats", "dogs"])),
    ("horizontal_flip mirrors B, C, D and so on", (FLIP, SIGNS), (FLIP, list("AHIMO"))),
    ("signs of a hand become the other hand's, which is fine", (FLIP, SIGNS), (UPSIDE, SIGNS)),
    ("horizontal_flip mirrors b, d", (FLIP, ["b", "d", "o"]), (FLIP, ["x", "cat"])),
    ("(b becomes d)", (FLIP, ["b", "d"]), (FLIP, ["b", "q"])),
    ("(b becomes p)", (UPSIDE, ["b", "p"]), (UPSIDE, ["b", "q"])),
    ("same picture of 6 and 9", (TURN_90, DIGITS), (TURN_89, DIGITS)),
    ("same picture of 6 and 9", (TURN_90, DIGIT_WORDS), (TURN_90, DIGITS[:9])),
    ("same picture of d and p", (TURN_90, ["p", "d"]), (TURN_90, ["P", "D"])),
    ("same picture of b and q", (TURN_90, ["b", "q"]), (TURN_90, ["b", "p"])),
    ("same picture of n and u", (TURN_90, ["n", "u"]), (TURN_89, ["n", "u"])),
    ("makes 'turn_right' of 'turn_left'", (FLIP, ["turn_left", "turn_right"]), (UPSIDE, ["turn_left", "turn_right"])),
    ("makes 'TurnRight' of 'TurnLeft'", (FLIP, ["TurnLeft", "TurnRight"]), (FLIP, ["right", "wrong"])),
    (
        "makes 'thumbs down' of 'thumbs up'",
        (UPSIDE, ["thumbs up", "thumbs down"]),
        (FLIP, ["thumbs up", "thumbs down"]),
    ),
    ("same picture of 'left' and 'right'", (TURN_90, ["left", "right"]), (TURN_89, ["left", "right"])),
    ("same picture of 'up' and 'down'", (TURN_90, ["up", "down"]), (TURN_90, ["up", "upset"])),
    ("makes arrows point another way", (FLIP, ["arrow-a", "arrow-b"]), (FLIP, ["arrow", "bow"])),
    ("turns clockwise into counter-clockwise", (FLIP, ["clockwise", "none"]), (TURN_90, ["clockwise", "none"])),
    ("turns clockwise into counter-clockwise", (UPSIDE, ["ccw", "cw"]), (UPSIDE, ["clock", "otherwise"])),
]


def said(settings: Settings, class_names: list[str]) -> str:
    return "\n".join(notes(settings, class_names))


@pytest.mark.parametrize(("text", "there", "absent"), BY_SETTINGS, ids=[text for text, _, _ in BY_SETTINGS])
def test_a_setting_is_remarked_on_where_it_must_be_only(text: str, there: Settings, absent: Settings) -> None:
    assert text in said(there, [])
    assert text not in said(absent, [])


@pytest.mark.parametrize(("text", "there", "absent"), BY_NAMES, ids=[text for text, _, _ in BY_NAMES])
def test_class_names_are_judged(
    text: str, there: tuple[Settings, list[str]], absent: tuple[Settings, list[str]]
) -> None:
    assert text in said(*there)
    assert text not in said(*absent)
    assert text not in said(there[0], [])


@pytest.mark.parametrize("class_names", [DIGITS, DIGIT_WORDS, SIGNS, ["up", "down"], ["left arrow", "right arrow"]])
def test_one_note_about_a_vertical_flip_is_enough(class_names: list[str]) -> None:
    """That it is right for pictures taken from above is no news to who has digits."""
    assert len(notes(UPSIDE, class_names)) == 1
    assert "from above" not in said(UPSIDE, class_names)
    assert "from above" in said(UPSIDE, ["cats", "dogs"])


def test_notes_of_names_are_those_that_names_give_a_reason_for() -> None:
    strong = Settings(vertical_flip=True, horizontal_flip=True, rotation_range=180, shear_range=0.2, zoom_range=0.9)
    assert notes_of_names(strong, []) == notes_of_names(strong, ["cats", "dogs"]) == []
    found = notes_of_names(strong, ["1", "6", "9"])
    assert [note.split(" ")[0] for note in found] == ["horizontal_flip", "vertical_flip", "rotation_range=180"]
    assert set(found) < set(notes(strong, ["1", "6", "9"]))


def test_the_classic_recipe_gets_one_note_and_the_presets_none() -> None:
    classic = Settings(
        rotation_range=40,
        width_shift_range=0.2,
        height_shift_range=0.2,
        shear_range=0.2,
        zoom_range=0.2,
        horizontal_flip=True,
    )
    assert notes(classic, ["cats", "dogs"]) == ["shear_range=0.2 is 0.2 degrees, which nobody sees: 10 to 20 is usual."]
    assert notes(Settings()) == []
    for preset in PRESETS.values():
        assert notes(preset.settings, ["cats", "dogs"]) == []


def test_every_note_is_a_sentence_that_names_a_setting() -> None:
    names = set(Settings().to_dict()) | {"zoom", "brightness", "contrast"}
    tried: list[tuple[Settings, list[str]]] = [(there, []) for _, there, _ in BY_SETTINGS]
    tried += [there for _, there, _ in BY_NAMES]
    for settings, class_names in tried:
        for note in notes(settings, class_names):
            assert note.endswith(".")
            assert note.split(" ")[0].split("=")[0] in names


def test_presets_go_from_light_to_strong_and_know_their_names() -> None:
    assert list(PRESETS) == ["light", "medium", "strong", "crops"]
    assert DEFAULT in PRESETS
    turns = [PRESETS[name].settings.rotation_range for name in ("light", "medium", "strong")]
    assert turns == sorted(turns)
    assert [preset_named(preset.settings) for preset in PRESETS.values()] == list(PRESETS)
    assert preset_named(Settings(rotation_range=20)) == ""
