"""A contact sheet: pictures as they are, and beside each what training would see of it, epoch after epoch."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fieldguide.augmentation.draws import draw
from fieldguide.augmentation.layout import shown, side_by_side, unwritten
from fieldguide.augmentation.notes import notes
from fieldguide.augmentation.settings import Settings
from fieldguide.augmentation.warp import Warper
from fieldguide.errors import InputError, InputTypeError
from fieldguide.files import atomic
from fieldguide.words import counted

ENDINGS = (".png", ".jpg", ".jpeg")
MOST_PICTURES, MOST_DRAWS = 50, 20
WIDTH = 80  # columns of what is printed
QUALITY = 92  # of JPEG


@dataclass(frozen=True, eq=False)
class Sheet:
    """A contact sheet, shown inline where it is the last line of a notebook's cell.

    Args:
        pixels: uint8 (height, width, 3), RGB.
        settings: that the draws were made from.
        pictures: how many there are, a row each; many rows are laid side by side, in parts.
        draws: how many of each, after the picture as it is.
        seed: of the draws.
        labels: of the pictures, or none.
        notes: what is to be said of the settings.

    Example:
        >>> from fieldguide.data import decode
        >>> picture = decode.read(photo, (150, 150)).pixels
        >>> sheet = contact_sheet([picture], Settings(rotation_range=40, shear_range=0.2), draws=3)
        >>> print(sheet)
        1 picture and 3 draws of it, seed 0: rotation_range=40, shear_range=0.2
        note: shear_range=0.2 is 0.2 degrees, which nobody sees: 10 to 20 is usual.
        >>> sheet.save("augmented.png").name
        'augmented.png'
    """

    pixels: np.ndarray = field(repr=False)
    settings: Settings
    pictures: int
    draws: int
    seed: int
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        each = "it" if self.pictures == 1 else "each"
        shown = f"{counted(self.pictures, 'picture')} and {counted(self.draws, 'draw')} of {each}, seed {self.seed}"
        lines = [f"{shown}: {self.settings}", *(f"note: {note}" for note in self.notes)]
        lines += [f"row {row + 1}: {label}" for row, label in self.unwritten.items()]
        return "\n".join(
            textwrap.fill(line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
            for line in lines
        )

    @property
    def unwritten(self) -> dict[int, str]:
        """The labels that the sheet names by their row only, since it has no letters for them: row -> label."""
        return unwritten(self.labels, self.pictures, self.draws)

    def save(self, path: str | Path) -> Path:
        """Writes the sheet to a file, whole or not at all; what the file held before is replaced.

        Args:
            path: its name ends in .png, .jpg or .jpeg.

        Returns:
            The path.

        Raises:
            InputError: The name ends otherwise.
            FileError: The file cannot be written.
        """
        path = picture_path(path)
        with atomic(path) as temporary:
            temporary.write_bytes(_encoded(self.pixels, path.suffix.lower()))
        return path

    def to_dict(self) -> dict[str, object]:
        """All but the pixels, ready for JSON."""
        return {
            "settings": self.settings.to_dict(),
            "pictures": self.pictures,
            "draws": self.draws,
            "seed": self.seed,
            "labels": list(self.labels),
            "notes": list(self.notes),
            "size": list(self.pixels.shape[:2]),
        }

    def _repr_png_(self) -> bytes:
        """The sheet for a notebook."""
        return _encoded(self.pixels, ".png")


def contact_sheet(
    pictures: Any,
    settings: Settings,
    *,
    draws: int = 6,
    seed: int = 0,
    labels: Sequence[str] | None = None,
) -> Sheet:
    """Pictures as they are, and beside each what training sees of it in its first epochs.

    Args:
        pictures: a list or a batch of pictures, or one: arrays or tensors, uint8 (h, w, 3), RGB, or (h, w, 1); the
            sizes may differ. Draws are made for each picture's own size, and then all are shown at a size that fits
            the sheet. Where `settings.value_range` is another than (0, 255), the levels are brought there first.
            Floats are taken to be in that range. Pillow's pictures will do too.
        settings: what may vary.
        draws: how many, of epochs 0, 1, 2 and so on; picture i is row i of the set.
        seed: of the draws.
        labels: one for each picture; the notes judge the settings by them too.

    Raises:
        InputError: There is no picture, there are too many, or one is of another shape or kind.
        InputTypeError: They are no pictures at all, such as a path; or `draws` is no whole number.

    Example:
        >>> sheet = contact_sheet(np.zeros((4, 28, 28, 1), np.uint8), Settings(rotation_range=10), labels=list("0123"))
        >>> sheet.pixels.dtype, sheet.pixels.shape
        (dtype('uint8'), (750, 1077, 3))
    """
    pictures = _arrays(pictures)
    _check(pictures, draws, labels)
    warper = Warper()
    rows = []
    for row, picture in enumerate(pictures):
        levels = _in_range(picture, settings)
        size = (picture.shape[0], picture.shape[1])
        seen = [levels]
        for epoch in range(draws):
            drawn = draw(settings, size, [row], seed=seed, epoch=epoch)
            seen.append(warper.apply(levels[None], drawn, settings)[0])
        rows.append([shown(each, settings) for each in seen])
    named = tuple(str(label) for label in labels or ())
    remarks = tuple(notes(settings, tuple(dict.fromkeys(named))))
    return Sheet(side_by_side(rows, named), settings, len(rows), draws, seed, named, remarks)


def picture_path(path: str | Path) -> Path:
    """The path, once its name is seen to be one of a picture that a sheet can be.

    Raises:
        InputError: It ends otherwise.
    """
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise InputError(
            f"a contact sheet is a picture, and {path} is no name of one: give it a name that ends in .png or .jpg, "
            "such as augmented.png."
        )
    return path


def check_counts(pictures: int, draws: int) -> None:
    """Refuses sheets that nobody could look at.

    Raises:
        InputError: One of the numbers is too small or too large.
        InputTypeError: One is no whole number.
    """
    for name, value, most in (("pictures", pictures, MOST_PICTURES), ("draws", draws, MOST_DRAWS)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise InputTypeError(f"{name} is {value!r}; expected a whole number from 1 to {most}.")
        if not 1 <= value <= most:
            raise InputError(f"{name} is {value}; expected a number from 1 to {most}, which fit on a sheet.")


def _arrays(pictures: Any) -> list[Any]:
    """The pictures of a list, a batch or of one picture, as arrays where they can be."""
    if isinstance(pictures, str | bytes | os.PathLike):
        raise InputTypeError(_no_picture("pictures is", pictures))
    found = _as_array(pictures)
    if isinstance(found, np.ndarray):
        return [found] if found.ndim in (0, 2, 3) else list(found)
    try:
        return [_as_array(picture) for picture in found]
    except TypeError:  # it cannot be gone through
        raise InputTypeError(f"pictures is {pictures!r}; expected arrays, such as fg.PixelStore reads.") from None


def _as_array(picture: Any) -> Any:
    """A picture or a batch as NumPy's array; what is neither, as it is."""
    if hasattr(picture, "getbands"):  # Pillow's
        return np.asarray(picture.convert("RGB"))
    if hasattr(picture, "detach"):  # PyTorch's, which may be on another device or wait for gradients
        picture = picture.detach().cpu()
    return np.asarray(picture) if hasattr(picture, "__array__") else picture


def _no_picture(where: str, path: object) -> str:
    name = os.fspath(path) if isinstance(path, os.PathLike) else path
    return f"{where} {name!r}; expected the picture itself: fg.load_img({name!r}) reads one."


def _check(pictures: Sequence[Any], draws: int, labels: Sequence[str] | None) -> None:
    if len(pictures) > MOST_PICTURES:
        raise InputError(
            f"there are {len(pictures):,} pictures, and {MOST_PICTURES} fit on a sheet: take the first few, "
            "pictures[:8]."
        )
    if not pictures:
        raise InputError("there is no picture: give at least one.")
    check_counts(len(pictures), draws)
    if labels is not None and len(labels) != len(pictures):
        raise InputError(f"there are {len(labels)} labels for {len(pictures)} pictures; expected one for each.")
    for row, picture in enumerate(pictures):
        if isinstance(picture, str | bytes | os.PathLike):
            raise InputTypeError(_no_picture(f"picture {row} is", picture))
        shape, kind = getattr(picture, "shape", None), getattr(picture, "dtype", type(picture).__name__)
        fits = shape is not None and len(shape) == 3 and min(shape) > 0 and shape[2] in (1, 3)
        if not fits or not (kind == np.uint8 or np.issubdtype(kind, np.floating)):
            what = "such as fg.PixelStore reads"
            if shape is not None and len(shape) == 3 and shape[2] == 4:
                what = "which picture[..., :3] is without its transparency"
            raise InputError(
                f"picture {row} is {kind} {shape}; expected uint8 or float (height, width, 3) or (height, width, 1), "
                f"{what}."
            )


def _in_range(picture: np.ndarray, settings: Settings) -> np.ndarray:
    """The levels as training gives them to the settings."""
    if picture.dtype != np.uint8:
        if picture.max(initial=0) <= 1 and settings.value_range == (0, 255):
            raise InputError("a picture's levels are within 0..1, and value_range is (0, 255): set value_range=(0, 1).")
        return np.asarray(picture, np.float32)
    low, high = settings.value_range
    if (low, high) == (0, 255):
        return picture
    return (picture / 255 * (high - low) + low).astype(np.float32)


def _encoded(pixels: np.ndarray, ending: str) -> bytes:
    """The bytes of a file with this ending."""
    import cv2

    options = [] if ending == ".png" else [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    encoded: bytes = cv2.imencode(ending, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)[1].tobytes()
    return encoded
