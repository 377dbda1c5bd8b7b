"""Settings are checked when they are made, in words that name them, and survive JSON."""

from __future__ import annotations

import json
import math
import re
from dataclasses import FrozenInstanceError, fields
from typing import Any

import numpy as np
import pytest

from fieldguide.augmentation.settings import FILL_MODES, INTERPOLATIONS, Settings
from fieldguide.errors import InputError, InputTypeError

NAMES = tuple(field.name for field in fields(Settings))
NUMBERS = {  # name: lowest and highest that are allowed
    "rotation_range": (0, 180),
    "width_shift_range": (0, 1),
    "height_shift_range": (0, 1),
    "shear_range": (0, 89),
    "zoom_range": (0, 0.99),
    "channel_shift_range": (0, 255),
    "erasing": (0, 1),
}
PAIRS = {
    "zoom_range": (0.01, 100),
    "crop_area": (0.01, 1),
    "crop_ratio": (0.01, 100),
    "brightness_range": (0, 100),
    "contrast_range": (0, 100),
    "erasing_area": (0, 1),
    "erasing_ratio": (0.01, 100),
    "value_range": (-1e6, 1e6),
}
CHOICES = {"fill_mode": FILL_MODES, "interpolation": INTERPOLATIONS}
FLAGS = ("horizontal_flip", "vertical_flip")
EVERYTHING: dict[str, Any] = {
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "height_shift_range": 0.1,
    "shear_range": 12.5,
    "zoom_range": (0.8, 1.2),
    "crop_area": (0.35, 1),
    "crop_ratio": (0.5, 2),
    "horizontal_flip": True,
    "vertical_flip": True,
    "brightness_range": (0.7, 1.3),
    "contrast_range": (0.5, 1.5),
    "channel_shift_range": 0.1,
    "erasing": 0.5,
    "erasing_area": (0.1, 0.2),
    "erasing_ratio": (1, 1),
    "fill_mode": "reflect",
    "cval": 0.5,
    "interpolation": "nearest",
    "value_range": (0, 1),
}


def made(**given: Any) -> Settings:
    return Settings(**given)


def test_every_setting_is_checked() -> None:
    assert sorted({*NUMBERS, *PAIRS, *CHOICES, *FLAGS, "cval"}) == sorted(NAMES)


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_have_limits(name: str) -> None:
    low, high = NUMBERS[name]
    for value in (low, high, (low + high) / 2, np.float32(high / 2), np.int64(low)):
        assert getattr(made(**{name: value}), name) == value
    for value in (low - 0.001, high + 0.001, math.nan, math.inf, -math.inf, 10**400):
        with pytest.raises(InputError, match=f"^{name} is .*; expected a number from {low} to {high}") as raised:
            made(**{name: value})
        assert repr(value) in str(raised.value)


@pytest.mark.parametrize("name", [*NUMBERS, "cval"])
@pytest.mark.parametrize("value", ["40", None, True, 1j, {1}, np.array([1.0, 2.0])], ids=str)
def test_what_is_no_number(name: str, value: Any) -> None:
    with pytest.raises(InputTypeError, match=f"^{name} is .*; expected a number"):
        made(**{name: value})


@pytest.mark.parametrize("name", PAIRS)
def test_ranges_have_limits(name: str) -> None:
    low, high = PAIRS[name]
    for value in ((low, high), [low, high], (np.float32(0.25), np.float64(0.5))):
        kept = getattr(made(**{name: value}), name)
        assert kept == tuple(value)
        assert [type(each) for each in kept] == [float, float]  # also of a list, so that settings can be hashed
    limits = re.escape(f"{low:g} to {high:g}, for its lowest and highest")
    for value in ((low - 1, high), (low, high * 1.01), (low, math.nan), (math.inf, math.inf)):
        with pytest.raises(InputError, match=f"^{name} is .*; expected a number from {limits}"):
            made(**{name: value})


@pytest.mark.parametrize("name", PAIRS)
def test_ranges_are_two_numbers_the_lowest_first(name: str) -> None:
    value: Any
    for value in ((0.5,), (0.2, 0.4, 0.6), ()):
        with pytest.raises(InputError, match=f"^{name} is .*; expected two numbers, the lowest and the highest"):
            made(**{name: value})
    with pytest.raises(InputError, match=rf"^{name} is \(0\.8, 0\.2\): its first number is the larger"):
        made(**{name: (0.8, 0.2)})
    for value in (("a", "b"), (None, 1), (False, True)):
        with pytest.raises(InputTypeError, match=f"^{name} is .*; expected a number"):
            made(**{name: value})
    if name != "zoom_range":  # which may also be one number
        for value in (0.5, "ab", {0.1: 0.2}):
            with pytest.raises(InputError, match=f"^{name} is .*; expected two numbers"):
                made(**{name: value})


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("value", [0, 1, None, "yes"])
def test_flips_are_true_or_false(name: str, value: Any) -> None:
    with pytest.raises(InputTypeError, match=f"^{name} is {value!r}; expected True or False"):
        made(**{name: value})


@pytest.mark.parametrize("name", CHOICES)
def test_choices(name: str) -> None:
    for value in CHOICES[name]:
        assert getattr(made(**{name: value}), name) == value
    for wrong in ("edge", "Nearest", "", None, 1, ["nearest"]):
        with pytest.raises(InputError, match=f"^{name} is .*; expected one of {', '.join(CHOICES[name])}"):
            made(**{name: wrong})


def test_levels_have_a_range() -> None:
    with pytest.raises(InputError, match=r"^value_range is \(1\.0, 1\.0\); expected two different levels"):
        made(value_range=(1, 1))


def test_channels_shift_by_no_more_than_the_range_of_levels() -> None:
    assert made(channel_shift_range=2, value_range=(-1, 1)).channel_shift_range == 2
    with pytest.raises(InputError, match=r"^channel_shift_range is 20; expected a number from 0 to 1, of value_range"):
        made(channel_shift_range=20, value_range=(0, 1))


def test_the_level_beyond_the_edge_is_a_level() -> None:
    for level in (-1e6, 0, 300.5):
        assert made(cval=level).cval == level
    for wrong in (math.nan, math.inf, -2e6):
        with pytest.raises(InputError, match=f"^cval is {wrong}; expected a number"):
            made(cval=wrong)


def test_settings_stay_as_they_are_and_can_be_compared() -> None:
    settings = Settings(**EVERYTHING)
    with pytest.raises(FrozenInstanceError):
        settings.rotation_range = 10  # type: ignore[misc]
    assert settings == Settings(**EVERYTHING)
    assert hash(settings) == hash(Settings(**{**EVERYTHING, "zoom_range": [0.8, 1.2]}))
    for name in NAMES:
        assert Settings(**{key: value for key, value in EVERYTHING.items() if key not in (name, "value_range")}) != (
            settings
        )


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(**EVERYTHING),
        Settings(zoom_range=0.25),
        made(rotation_range=np.float32(12.5), zoom_range=np.float32(0.25), erasing=np.int64(1), cval=np.uint8(7)),
    ],
    ids=["defaults", "everything", "one number", "NumPy's numbers"],
)
def test_settings_survive_json(settings: Settings) -> None:
    given = settings.to_dict()
    assert tuple(given) == NAMES
    assert Settings(**json.loads(json.dumps(given))) == settings


def test_settings_are_shown_by_what_was_set() -> None:
    assert str(Settings()) == "nothing varies"
    assert str(Settings(rotation_range=40, horizontal_flip=True)) == "rotation_range=40, horizontal_flip=True"
    shown = str(Settings(**EVERYTHING))
    assert [part.split("=")[0] for part in shown.split(", ") if "=" in part] == list(NAMES)
    assert eval(f"made({shown})".replace("=reflect", "='reflect'").replace("=nearest", "='nearest'")) == Settings(
        **EVERYTHING
    )


def test_zoom_factors() -> None:
    assert Settings().zoom_factors == (1, 1)
    assert Settings(zoom_range=0.25).zoom_factors == (0.75, 1.25)
    assert Settings(zoom_range=(0.5, 3)).zoom_factors == (0.5, 3)


@pytest.mark.parametrize(
    ("given", "warps", "recolours"),
    [
        ({}, False, False),
        ({"rotation_range": 1}, True, False),
        ({"width_shift_range": 0.1}, True, False),
        ({"height_shift_range": 0.1}, True, False),
        ({"shear_range": 1}, True, False),
        ({"zoom_range": 0.1}, True, False),
        ({"zoom_range": (1, 1)}, False, False),
        ({"zoom_range": (0.5, 0.5)}, True, False),
        ({"crop_area": (0.5, 1)}, True, False),
        ({"crop_area": (0.5, 0.5), "crop_ratio": (1, 1)}, True, False),
        ({"crop_area": (1, 1), "crop_ratio": (0.5, 2)}, False, False),
        ({"horizontal_flip": True, "vertical_flip": True}, False, False),
        ({"brightness_range": (0.8, 1.2)}, False, True),
        ({"contrast_range": (0.8, 1.2)}, False, True),
        ({"channel_shift_range": 10}, False, True),
        ({"erasing": 0.5, "cval": 3, "fill_mode": "wrap"}, False, False),
    ],
    ids=str,
)
def test_what_settings_change(given: dict[str, Any], warps: bool, recolours: bool) -> None:
    settings = Settings(**given)
    assert (settings.warps, settings.recolours) == (warps, recolours)
