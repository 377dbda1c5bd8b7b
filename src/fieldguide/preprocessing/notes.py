"""What a person should know of a generator's settings before training: those that do next to nothing, or harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from fieldguide.augmentation.notes import idle_notes, notes_of_names
from fieldguide.augmentation.settings import Settings
from fieldguide.errors import InputError

# That of a channel shift depends on what levels the pictures have, which is not known beforehand.
_JUDGED = (
    ("rotation_range",),
    ("width_shift_range",),
    ("height_shift_range",),
    ("shear_range",),
    ("zoom_range",),
    ("brightness_range",),
    ("fill_mode", "cval"),
)


def idle_settings(given: Mapping[str, Any]) -> list[str]:
    """One sentence for each setting of `ImageDataGenerator` that does next to nothing: it was meant otherwise.

    Args:
        given: Settings by name. What `fg.Augment` does not have, such as shifts by pixels, is passed over.

    Example:
        >>> idle_settings({"rotation_range": 40, "shear_range": 0.2, "width_shift_range": [-5, 5]})
        ['shear_range=0.2 is 0.2 degrees, which nobody sees: 10 to 20 is usual.']
    """
    sentences = []
    for names in _JUDGED:
        with suppress(InputError):
            sentences += idle_notes(Settings(**{name: given[name] for name in names if name in given}))
    return sentences


def harmful_settings(given: Mapping[str, Any], class_names: Sequence[str]) -> list[str]:
    """One sentence for each setting of `ImageDataGenerator` that makes one of these classes of another.

    Args:
        given: Settings by name.
        class_names: What the classes are called.

    Example:
        >>> harmful_settings({"rotation_range": 270, "horizontal_flip": True}, ["6", "9"])[1]
        'rotation_range=180 can make the same picture of 6 and 9: 10 to 15 is usual.'
        >>> harmful_settings({"rotation_range": 40, "horizontal_flip": True}, ["horses", "humans"])
        []
    """
    settings = Settings(
        rotation_range=min(abs(float(given.get("rotation_range") or 0)), 180.0),
        horizontal_flip=bool(given.get("horizontal_flip")),
        vertical_flip=bool(given.get("vertical_flip")),
    )
    return notes_of_names(settings, class_names)
