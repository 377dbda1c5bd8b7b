"""What a person should know of their settings before training: those that do next to nothing, those that do harm."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields

from fieldguide.augmentation.settings import Settings

# Of levels, factors and shares: what changes by less is not seen.
INVISIBLE = 0.01
INVISIBLE_DEGREES = 1.0
RADIANS_UP_TO = 3.2  # degrees; half a turn is 3.14 radians
NEARLY_NOTHING_LEFT = 0.1  # of brightness or contrast
GLARING = 2.5  # times as bright: only the darker two fifths of the levels do not become white
STARK_ALWAYS, STARK = 2.0, 4.0  # of contrast, the lowest and highest factor: hardly a level between black and white
HALF = 0.5  # of the picture
AS_SMALL = 2.0  # zoom factor
HARDLY_ANY = 0.1  # of the picture's area: what is to be seen is likely to be elsewhere
SLANTING = 60.0  # degrees of shear: the height is halved, and its lower end is moved by most of it
ACROSS = 90.0  # degrees either way: two pictures that differ by half a turn may become the same one

_DIGITS = {
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4",
    "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
}  # fmt: skip
# Written characters that stay themselves, and pairs of which one becomes the other.
_SAME_MIRRORED = frozenset("018AHIMOTUVWXYilovwx")
_SAME_UPSIDE_DOWN = frozenset("0138BCDEHIKOXclox")
_MIRRORED = (("b", "d"), ("p", "q"))
_UPSIDE_DOWN = (("b", "p"), ("d", "q"), ("n", "u"), ("m", "w"), ("M", "W"))
_TURNED = (("6", "9"), ("b", "q"), ("d", "p"), ("n", "u"), ("m", "w"), ("M", "W"))
_UPSIDE = (
    "vertical_flip turns half of the pictures upside down: right for pictures taken from above or through a "
    "microscope, wrong for most photos, and for digits, letters and hand signs."
)
# Words of class names that a setting makes change places.
_SIDEWAYS = (("left", "right"), ("west", "east"))
_UPRIGHT = (("up", "down"), ("north", "south"))
_TURNING = frozenset(("clockwise", "counterclockwise", "anticlockwise", "cw", "ccw"))


def notes(settings: Settings, class_names: Sequence[str] = ()) -> list[str]:
    """One sentence for each setting that does next to nothing or that may make labels wrong; empty when all is well.

    Args:
        settings: what may vary.
        class_names: what the classes are called, where that is known: flips and turns are judged by it.

    Returns:
        Sentences that name the setting, what it does, and what is usual.

    Example:
        >>> notes(Settings(rotation_range=40, shear_range=0.2))
        ['shear_range=0.2 is 0.2 degrees, which nobody sees: 10 to 20 is usual.']
        >>> notes(Settings(horizontal_flip=True), ["turn left", "turn right"])
        ["horizontal_flip makes 'turn right' of 'turn left', if these are directions."]
    """
    return [*idle_notes(settings), *_strong(settings), *_against_the_names(settings, class_names)]


def notes_of_names(settings: Settings, class_names: Sequence[str]) -> list[str]:
    """Those of the notes that the classes' names give a reason for: a flip or turn makes one class of another.

    Args:
        settings: what may vary.
        class_names: what the classes are called.

    Example:
        >>> upright = Settings(vertical_flip=True, rotation_range=180)
        >>> notes_of_names(upright, ["cats", "dogs"])
        []
        >>> notes_of_names(upright, ["1", "6", "9"])[1]
        'rotation_range=180 can make the same picture of 6 and 9: 10 to 15 is usual.'
    """
    return [note for note in _against_the_names(settings, class_names) if note != _UPSIDE]


def idle_notes(settings: Settings) -> list[str]:
    """Those of the notes that say a setting does next to nothing: it was meant otherwise, whatever the pictures show.

    Args:
        settings: what may vary.

    Example:
        >>> idle_notes(Settings(vertical_flip=True, shear_range=0.2))
        ['shear_range=0.2 is 0.2 degrees, which nobody sees: 10 to 20 is usual.']
    """
    return [*_weak(settings), *_unused(settings)]


def _weak(settings: Settings) -> Iterator[str]:
    """What nobody would see."""
    angle, slant = settings.rotation_range, settings.shear_range
    if 0 < angle < INVISIBLE_DEGREES or _looks_like_radians(angle):
        seen = ", which nobody sees" if angle < INVISIBLE_DEGREES else ""
        meant = f"{math.degrees(angle):.0f}"
        yield f"rotation_range={angle:g} is {angle:g} degrees{seen}: 10 to 40 is usual ({angle:g} radians are {meant})."
    if 0 < slant < INVISIBLE_DEGREES:
        yield f"shear_range={slant:g} is {slant:g} degrees, which nobody sees: 10 to 20 is usual."
    for name, side in (("width_shift_range", "width"), ("height_shift_range", "height")):
        share = getattr(settings, name)
        if 0 < share < INVISIBLE:
            yield f"{name}={share:g} moves pictures by less than a hundredth of their {side}: 0.1 to 0.2 is usual."
    low, high = settings.zoom_factors
    if (low, high) != (1, 1) and _about_one(low, high):
        yield f"zoom_range={_text(settings.zoom_range)} changes sizes by 1% or less: 0.1 to 0.3 is usual."
    area, ratio = settings.crop_area, settings.crop_ratio
    if settings.crops and _about_one(*area) and _about_one(*ratio):
        yield f"crop_area={_text(area)} cuts off 1% or less: (0.35, 1) is usual."
    for name in ("brightness_range", "contrast_range"):
        pair = getattr(settings, name)
        if pair is not None and _about_one(*pair):
            yield f"{name}={_text(pair)} changes levels by 1% or less: (0.8, 1.2) is usual."
    levels = settings.value_range[1] - settings.value_range[0]
    if 0 < settings.channel_shift_range < INVISIBLE * levels:
        yield (
            f"channel_shift_range={settings.channel_shift_range:g} is less than a hundredth of the {levels:g} levels "
            f"of value_range: {0.1 * levels:g} is usual."
        )
    if settings.erasing and settings.erasing_area[1] < INVISIBLE:
        yield (
            f"erasing_area={_text(settings.erasing_area)} paints over less than a hundredth of a picture: "
            "(0.02, 0.33) is usual."
        )


def _unused(settings: Settings) -> Iterator[str]:
    """What is set and never used."""
    default = {field.name: field.default for field in fields(settings)}
    for name in ("erasing_area", "erasing_ratio"):
        if not settings.erasing and getattr(settings, name) != default[name]:
            yield f"{name} does nothing while erasing=0: give the share of the pictures to erase from, such as 0.25."
    if not settings.crops and settings.crop_ratio != default["crop_ratio"]:
        yield "crop_ratio does nothing while crop_area=(1, 1): give the share of a picture to keep, such as (0.35, 1)."
    if settings.cval != default["cval"] and settings.fill_mode != "constant" and not settings.erasing:
        yield f"cval={settings.cval:g} does nothing with fill_mode={settings.fill_mode!r}: it is for 'constant'."


def _strong(settings: Settings) -> Iterator[str]:
    """What leaves too little of a picture, or what no camera sees."""
    for name, way in (("width_shift_range", "out at the side"), ("height_shift_range", "out at the top or bottom")):
        share = getattr(settings, name)
        if share >= HALF:
            yield f"{name}={share:g} may push what is to be seen {way}: 0.1 to 0.2 is usual."
    if settings.shear_range >= SLANTING:
        yield f"shear_range={settings.shear_range:g} slants things beyond recognition: 10 to 20 is usual."
    low, high = settings.zoom_factors
    if high >= AS_SMALL:
        yield f"zoom factors up to {high:g} make things so small that most of the picture is filled up: 1.2 is usual."
    if low <= HALF:
        yield f"zoom factors down to {low:g} show a quarter of the picture or less: 0.8 is usual."
    if settings.crop_area[0] < HARDLY_ANY:
        yield f"crop_area down to {settings.crop_area[0]:g} may leave out what is to be seen: 0.35 is usual."
    if settings.rotation_range > ACROSS:
        yield (
            f"rotation_range={settings.rotation_range:g} turns some pictures upside down: right for pictures taken "
            "from above or through a microscope, wrong for most photos."
        )
    dark, bright = settings.brightness_range or (1, 1)
    if dark < NEARLY_NOTHING_LEFT:
        yield f"brightness factors down to {dark:g} make pictures black: 0.8 is usual."
    if bright >= GLARING:
        yield f"brightness factors up to {bright:g} make most of a photo white: 1.2 is usual."
    flat, stark = settings.contrast_range or (1, 1)
    if flat < NEARLY_NOTHING_LEFT:
        yield f"contrast factors down to {flat:g} leave one flat tone: 0.8 is usual."
    if flat >= STARK_ALWAYS or stark >= STARK:
        yield f"contrast factors from {flat:g} to {stark:g} leave little but black and white: (0.8, 1.2) is usual."
    levels = settings.value_range[1] - settings.value_range[0]
    if settings.channel_shift_range >= HALF * levels:
        yield (
            f"channel_shift_range={settings.channel_shift_range:g} is half of the {levels:g} levels of value_range or "
            f"more, and leaves little of a colour: {0.1 * levels:g} is usual."
        )
    if settings.erasing and settings.erasing_area[1] >= HALF:
        yield f"erasing_area up to {settings.erasing_area[1]:g} may hide what is to be seen: up to 0.33 is usual."


def _against_the_names(settings: Settings, class_names: Sequence[str]) -> Iterator[str]:
    """What the classes' names say against flips and turns. What is shown is not known: much is said with if."""
    if settings.horizontal_flip:
        yield from _flipped("horizontal_flip", class_names, _SAME_MIRRORED, _MIRRORED, _SIDEWAYS)
    if settings.vertical_flip:
        known = list(_flipped("vertical_flip", class_names, _SAME_UPSIDE_DOWN, _UPSIDE_DOWN, _UPRIGHT))
        yield from known or [_UPSIDE]
    if settings.rotation_range >= ACROSS:
        turn = f"rotation_range={settings.rotation_range:g}"
        characters = _characters(class_names)
        for one, other in _TURNED:
            if one in characters and other in characters:
                yield f"{turn} can make the same picture of {one} and {other}: 10 to 15 is usual."
                break
        directions = _directions(class_names, _SIDEWAYS + _UPRIGHT) or _arrows(class_names)
        if directions:
            one, other = directions
            yield f"{turn} can make the same picture of {one!r} and {other!r}, if these are directions."


def _flipped(
    setting: str,
    class_names: Sequence[str],
    same: frozenset[str],
    pairs: Sequence[tuple[str, str]],
    directions: Sequence[tuple[str, str]],
) -> Iterator[str]:
    """What a flip does to written characters, directions and turns."""
    characters = _characters(class_names)
    harmed = [name for character, name in characters.items() if character not in same]
    if harmed:
        shown = ", ".join(harmed[:3]) + (" and so on" if len(harmed) > 3 else "")
        pair = next((pair for pair in pairs if set(pair) <= characters.keys()), None)
        such = f" ({pair[0]} becomes {pair[1]})" if pair else ""
        does, hands = "turns {} upside down", ""
        if setting == "horizontal_flip":
            does, hands = "mirrors {}", "; signs of a hand become the other hand's, which is fine"
        yield f"{setting} {does.format(shown)}: if these are written, they are then others or none{such}{hands}."
    if found := _directions(class_names, directions):
        yield f"{setting} makes {found[1]!r} of {found[0]!r}, if these are directions."
    elif arrows := _arrows(class_names):
        yield f"{setting} makes arrows point another way, and so {arrows[0]!r} and {arrows[1]!r} may change places."
    turning = [name for name in class_names if _words(name) & _TURNING]
    if turning:
        yield f"{setting} turns clockwise into counter-clockwise, and so {turning[0]!r} into what it is not."


def _characters(class_names: Sequence[str]) -> dict[str, str]:
    """Character -> class name, where classes are called after single digits or letters.

    Numbers of more digits among the names say that all are numbers of something else, and one letter alone is a name.
    """
    digits = {_DIGITS.get(name.casefold().strip(), name.strip()): name for name in class_names}
    numbers = [name for name in digits if name.isdecimal()]
    if any(len(number) > 1 for number in numbers):
        digits = {}
    letters = [name for name in class_names if len(name) == 1 and name.isascii() and name.isalpha()]
    found = {character: name for character, name in digits.items() if character in _DIGITS.values()}
    found.update({letter: letter for letter in letters if len(letters) > 1})
    return dict(sorted(found.items()))


def _directions(class_names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> tuple[str, str] | None:
    """The first two classes that bear the words of a pair; one word alone may mean something else, such as 'right'."""
    words = [_words(name) for name in class_names]
    for one, other in pairs:
        first = next((name for name, found in zip(class_names, words, strict=True) if one in found), None)
        second = next((name for name, found in zip(class_names, words, strict=True) if other in found), None)
        if first is not None and second is not None and first != second:
            return first, second
    return None


def _arrows(class_names: Sequence[str]) -> tuple[str, str] | None:
    """Two classes of arrows; one alone is a thing among other things."""
    arrows = [name for name in class_names if _words(name) & {"arrow", "arrows"}]
    return (arrows[0], arrows[1]) if len(arrows) > 1 else None


def _words(name: str) -> set[str]:
    """The words of a name such as turn_left, TurnLeft or turn-left-2."""
    return set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold()))


def _looks_like_radians(angle: float) -> bool:
    """Whether an angle of a few degrees is, in radians, a whole number of times 5 degrees: 3.14, 1.57, 0.7854."""
    if not INVISIBLE_DEGREES <= angle <= RADIANS_UP_TO or float(angle).is_integer():
        return False
    steps = math.degrees(angle) / 5
    return abs(steps - round(steps)) < 0.07  # so that 3.14, 1.57 and 1.05 are among them


def _about_one(low: float, high: float) -> bool:
    return low >= 1 - INVISIBLE - 1e-9 and high <= 1 + INVISIBLE + 1e-9


def _text(value: float | tuple[float, float]) -> str:
    """A setting's value as it is written."""
    return f"({value[0]:g}, {value[1]:g})" if isinstance(value, tuple) else f"{value:g}"
