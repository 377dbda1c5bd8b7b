"""What a person should know of a generator's settings before training: those that do next to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from fieldguide.augmentation.notes import idle_notes
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
