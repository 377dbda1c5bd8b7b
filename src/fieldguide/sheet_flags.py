"""The flags of `augment`: what they are called, and the settings that they are for."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from fieldguide.typed import number, whole

# The flags by the settings that they are for.
AMOUNTS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "rotation_range": ("--rotation", "DEGREES", "turned by up to so much either way"),
        "shift": ("--shift", "SHARE", "moved by up to this share of width and height"),
        "width_shift_range": ("--width-shift", "SHARE", "to the left or right only"),
        "height_shift_range": ("--height-shift", "SHARE", "up or down only"),
        "shear_range": ("--shear", "DEGREES", "sheared by up to so much either way"),
        "zoom_range": (
            "--zoom",
            "SHARE",
            "made larger or smaller by up to this share, or two factors, such as 0.8 1.2",
        ),
        "channel_shift_range": ("--channel-shift", "LEVELS", "each colour raised or lowered by up to so much, of 255"),
        "erasing": ("--erasing", "SHARE", "of the pictures, in which a rectangle is painted over"),
    }
)
FLIPS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "horizontal_flip": ("--flip", "mirrored, half of the time"),
        "vertical_flip": ("--vertical-flip", "turned upside down, half of the time"),
    }
)
FACTORS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "brightness_range": ("--brightness", "factors of all levels, such as 0.8 1.2"),
        "contrast_range": ("--contrast", "factors of the distance to the mean level"),
        "crop_area": ("--crop", "shares of the picture that are kept and enlarged, such as 0.35 1"),
    }
)


def add_augment(augment: argparse.ArgumentParser) -> None:
    """The arguments of `augment`, which are the settings of the engine by shorter names."""
    augment.add_argument("folder", type=Path, help="a folder of class folders, of pictures, or one picture")
    augment.add_argument(
        "--output", type=Path, metavar="FILE", default=Path("augmented.png"), help="where the sheet goes (%(default)s)"
    )
    augment.add_argument("--pictures", type=whole, metavar="N", default=8, help="how many are shown (%(default)s)")
    augment.add_argument("--draws", type=whole, metavar="N", default=6, help="how many of each (%(default)s)")
    augment.add_argument("--seed", type=whole, default=0, help="of the draws (%(default)s)")
    augment.add_argument(
        "--preset", metavar="NAME", help="light, medium, strong or crops; medium if nothing else is asked for"
    )
    for setting, (flag, unit, text) in AMOUNTS.items():
        kind = _share_or_factors if flag == "--zoom" else number
        augment.add_argument(flag, dest=setting, type=kind, metavar=unit, help=text)
    for setting, (flag, text) in FLIPS.items():
        augment.add_argument(flag, dest=setting, action=argparse.BooleanOptionalAction, default=None, help=text)
    for setting, (flag, text) in FACTORS.items():
        augment.add_argument(flag, dest=setting, type=number, nargs=2, metavar=("LOW", "HIGH"), help=text)
    augment.add_argument(
        "--fill-mode", metavar="MODE", help="beyond the edge: nearest, constant (black), reflect or wrap"
    )


def zoom_joined(arguments: Sequence[str], parser: argparse.ArgumentParser) -> Sequence[str]:
    """The arguments, with the two factors of --zoom as one word: argparse knows no flag of one or two values.

    The second number is the folder, such as 2024, where nothing else is.
    """
    joined: list[str] = []
    for word in arguments:
        flag, given = ["", "", *" ".join(joined[-2:]).replace("=", " ").split(" ")][-2:]
        zooms = len(flag) > 2 and "--zoom".startswith(flag)  # by its first letters too, as argparse takes it
        if zooms and _is_number(given) and _is_number(word):
            joined[-1] += f",{word}"
        else:
            joined.append(word)
    if joined != list(arguments):
        _, unknown = parser.parse_known_args(arguments)
        return joined if unknown else arguments
    return joined


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _share_or_factors(text: str) -> float | list[float]:
    numbers = [number(part) for part in text.split(",")]
    return numbers if len(numbers) > 1 else numbers[0]
