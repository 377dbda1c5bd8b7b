"""What may vary in a picture and by how much: the settings that draws are made from."""

from __future__ import annotations

import numbers
from dataclasses import asdict, dataclass, fields
from typing import Any

from fieldguide.errors import InputError, InputTypeError

FILL_MODES = ("nearest", "constant", "reflect", "wrap")
INTERPOLATIONS = ("bilinear", "nearest")

Range = tuple[float, float]


@dataclass(frozen=True)
class Settings:
    """How far pictures are varied. At the defaults nothing is.

    Each quantity is drawn evenly from its range, anew for every picture, and independently of the others. The
    geometric ones are named and meant as in `ImageDataGenerator`, and combined in its order: turned, shifted, sheared
    and zoomed about the picture's centre, then flipped.

    Args:
        rotation_range: Degrees either way.
        width_shift_range: Share of the width, to the left or right.
        height_shift_range: Share of the height, up or down.
        shear_range: Degrees either way.
        zoom_range: A share, 0.2 for factors from 0.8 to 1.2, or the lowest and highest factor. Above 1 things look
            smaller. Height and width have factors of their own.
        crop_area: Lowest and highest share of the picture's area that is kept, and then enlarged to the whole; it lies
            anywhere inside. (1, 1) keeps all.
        crop_ratio: Lowest and highest ratio of the kept part's width to its height, where that of the picture is 1;
            drawn evenly over its logarithm. A part that would be wider or higher than the picture is cut to fit.
        horizontal_flip: Left and right change places in half of the pictures.
        vertical_flip: Likewise top and bottom.
        brightness_range: Lowest and highest factor of all levels, such as (0.8, 1.2).
        contrast_range: Lowest and highest factor of the distance to the picture's mean level.
        channel_shift_range: Each colour's levels are raised or lowered by up to so much, in units of `value_range`.
        erasing: Share of the pictures in which a rectangle is painted over.
        erasing_area: Lowest and highest share of the picture that the rectangle takes.
        erasing_ratio: Lowest and highest ratio of its height to its width. (1, 1) makes squares, as in cutout.
        fill_mode: What lies beyond the picture's edge: "nearest" (the edge goes on), "constant" (`cval`), "reflect"
            (the picture mirrored) or "wrap" (the picture again).
        cval: The level beyond the edge for "constant", and that of erased rectangles.
        interpolation: "bilinear" or "nearest".
        value_range: Lowest and highest level a picture can have: (0, 255), or (0, 1) where pictures were rescaled.

    Raises:
        InputError: A setting is out of range; the message names it.
        InputTypeError: It is of a wrong kind.

    Example:
        >>> settings = Settings(rotation_range=40, zoom_range=0.2, horizontal_flip=True)
        >>> print(settings)
        rotation_range=40, zoom_range=0.2, horizontal_flip=True

    Source:
        Z. Zhong et al. (2017), "Random erasing data augmentation", arXiv 1708.04896; T. DeVries, G. Taylor (2017),
        "Improved regularization of convolutional neural networks with cutout", arXiv 1708.04552; C. Szegedy et al.
        (2015), "Going deeper with convolutions", CVPR, section 6 (crops of 8% to 100% of the area, ratios 3/4 to 4/3).
    """

    rotation_range: float = 0.0
    width_shift_range: float = 0.0
    height_shift_range: float = 0.0
    shear_range: float = 0.0
    zoom_range: float | Range = 0.0
    crop_area: Range = (1.0, 1.0)
    crop_ratio: Range = (0.75, 1.3333)
    horizontal_flip: bool = False
    vertical_flip: bool = False
    brightness_range: Range | None = None
    contrast_range: Range | None = None
    channel_shift_range: float = 0.0
    erasing: float = 0.0
    erasing_area: Range = (0.02, 0.33)
    erasing_ratio: Range = (0.3, 3.3)
    fill_mode: str = "nearest"
    cval: float = 0.0
    interpolation: str = "bilinear"
    value_range: Range = (0.0, 255.0)

    def __post_init__(self) -> None:
        for name in ("rotation_range", "shear_range"):
            _check_number(name, getattr(self, name), 0, 180 if name == "rotation_range" else 89, "degrees")
        for name in ("width_shift_range", "height_shift_range"):
            _check_number(name, getattr(self, name), 0, 1, "as a share of the picture")
        for name in ("horizontal_flip", "vertical_flip"):
            _check_flag(name, getattr(self, name))
        if isinstance(self.zoom_range, tuple | list):
            object.__setattr__(self, "zoom_range", _pair("zoom_range", self.zoom_range, 0.01, 100))
        else:
            _check_number("zoom_range", self.zoom_range, 0, 0.99, "or two factors, such as (0.8, 1.2)")
        object.__setattr__(self, "crop_area", _pair("crop_area", self.crop_area, 0.01, 1))
        object.__setattr__(self, "crop_ratio", _pair("crop_ratio", self.crop_ratio, 0.01, 100))
        for name in ("brightness_range", "contrast_range"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _pair(name, getattr(self, name), 0, 100))
        object.__setattr__(self, "value_range", _pair("value_range", self.value_range, -1e6, 1e6))
        low, high = self.value_range
        if low == high:
            raise InputError(f"value_range is {self.value_range}; expected two different levels, such as (0, 255).")
        _check_number("channel_shift_range", self.channel_shift_range, 0, high - low, "of value_range")
        _check_number("erasing", self.erasing, 0, 1, "as a share of the pictures")
        object.__setattr__(self, "erasing_area", _pair("erasing_area", self.erasing_area, 0, 1))
        object.__setattr__(self, "erasing_ratio", _pair("erasing_ratio", self.erasing_ratio, 0.01, 100))
        _check_number("cval", self.cval, -1e6, 1e6, "")
        _check_choice("fill_mode", self.fill_mode, FILL_MODES)
        _check_choice("interpolation", self.interpolation, INTERPOLATIONS)

    @property
    def zoom_factors(self) -> Range:
        """The lowest and highest zoom factor."""
        if isinstance(self.zoom_range, tuple):
            return self.zoom_range
        return 1 - self.zoom_range, 1 + self.zoom_range

    @property
    def crops(self) -> bool:
        """Whether only a part of some pictures is kept."""
        return self.crop_area != (1, 1)

    @property
    def recolours(self) -> bool:
        """Whether levels change, not only places."""
        return bool(self.brightness_range or self.contrast_range or self.channel_shift_range)

    @property
    def warps(self) -> bool:
        """Whether pixels are moved otherwise than by flips."""
        ranges = (self.rotation_range, self.width_shift_range, self.height_shift_range, self.shear_range)
        return any(ranges) or self.crops or self.zoom_factors != (1, 1)

    def __str__(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.changed().items()) or "nothing varies"

    def changed(self) -> dict[str, object]:
        """The settings that are not as they are by default, by name.

        Example:
            >>> Settings(rotation_range=40, horizontal_flip=True).changed()
            {'rotation_range': 40, 'horizontal_flip': True}
        """
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {name: value for name, (value, default) in values.items() if value != default}

    def to_dict(self) -> dict[str, object]:
        """The settings by name, ready for JSON and for `Settings(**...)`."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def _plain(value: Any) -> object:
    """What JSON knows: lists, and Python's own numbers."""
    if isinstance(value, tuple):
        return list(value)
    return value.item() if hasattr(value, "item") else value  # of NumPy's numbers


def _check_flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise InputTypeError(f"{name} is {value!r}; expected True or False.")


def _check_number(name: str, value: object, low: float, high: float, unit: str) -> None:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise InputTypeError(f"{name} is {value!r}; expected a number{f', {unit}' if unit else ''}.")
    number: Any = value  # as it is: a whole number may be too long for a float
    if not low <= number <= high:  # also refuses NaN
        raise InputError(
            f"{name} is {value!r}; expected a number from {low:g} to {high:g}{f', {unit}' if unit else ''}."
        )


def _pair(name: str, value: object, low: float, high: float) -> Range:
    """The two numbers of a range, lowest first, within limits."""
    asked = "expected two numbers, the lowest and the highest, such as (0.8, 1.2)"
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise InputError(f"{name} is {value!r}; {asked}.")
    for each in value:
        _check_number(name, each, low, high, "for its lowest and highest")
    if value[0] > value[1]:
        raise InputError(f"{name} is {value!r}: its first number is the larger; {asked}.")
    return float(value[0]), float(value[1])


def _check_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(f"{name} is {value!r}; expected one of {', '.join(allowed)}.")
