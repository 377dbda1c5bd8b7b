"""Settings to begin with, from light to strong, each with the reason for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fieldguide.augmentation.settings import Settings
from fieldguide.errors import InputError


@dataclass(frozen=True)
class Preset:
    """Settings that have a name, and when they are the right ones."""

    settings: Settings
    reason: str


DEFAULT = "medium"

# All of them mirror, since most photos may be: where left and right tell classes apart, `notes` says so.
PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "light": Preset(
            Settings(
                rotation_range=8, width_shift_range=0.05, height_shift_range=0.05, zoom_range=0.1, horizontal_flip=True
            ),
            "what two photos of one thing may differ by: where pictures are many, or classes differ in details",
        ),
        "medium": Preset(
            Settings(
                rotation_range=20,
                width_shift_range=0.1,
                height_shift_range=0.1,
                shear_range=10,
                zoom_range=0.2,
                horizontal_flip=True,
                brightness_range=(0.8, 1.2),
            ),
            "place, size and light change as from one photo to the next: the one to try first",
        ),
        "strong": Preset(
            Settings(
                rotation_range=40,
                width_shift_range=0.2,
                height_shift_range=0.2,
                shear_range=20,
                zoom_range=0.3,
                horizontal_flip=True,
                brightness_range=(0.7, 1.3),
                contrast_range=(0.7, 1.3),
                channel_shift_range=20,
                erasing=0.25,
                erasing_area=(0.02, 0.2),
            ),
            "about as far as most labels bear: where training accuracy runs far ahead of validation accuracy",
        ),
        "crops": Preset(
            Settings(
                rotation_range=15,
                shear_range=6,
                horizontal_flip=True,
                brightness_range=(0.7, 1.3),
                contrast_range=(0.7, 1.3),
                channel_shift_range=25,
                erasing=0.5,
                erasing_area=(0.02, 0.33),
                fill_mode="reflect",
                cval=110,
                crop_area=(0.3, 1.0),
            ),
            "parts of the picture and other colours: what training from scratch takes",
        ),
    }
)
AUGMENTATIONS = ("none", *PRESETS)  # by name


def preset_called(name: str) -> Preset:
    """The preset of this name.

    Raises:
        InputError: There is none.

    Example:
        >>> preset_called("light").settings.rotation_range
        8
    """
    if name not in PRESETS:
        raise InputError(f"preset is {name!r}; expected one of {', '.join(PRESETS)}.")
    return PRESETS[name]


def settings_called(name: str) -> Settings | None:
    """The settings of the preset of this name; None of "none".

    Raises:
        InputError: There is none.

    Example:
        >>> settings_called("light").rotation_range, settings_called("none")
        (8, None)
    """
    if name not in AUGMENTATIONS:
        raise InputError(f"augment is {name!r}; expected one of {', '.join(AUGMENTATIONS)}.")
    return None if name == "none" else PRESETS[name].settings


def preset_named(settings: Settings) -> str:
    """The name of the preset that these settings are, or "".

    Example:
        >>> preset_named(PRESETS["light"].settings), preset_named(Settings())
        ('light', '')
    """
    return next((name for name, preset in PRESETS.items() if preset.settings == settings), "")
