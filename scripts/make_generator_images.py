"""Makes the pictures of docs/coming-from-imagedatagenerator.md: what Keras's class makes of a sample picture, and ours.

python scripts/make_generator_images.py
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from keras.src.legacy.preprocessing.image import ImageDataGenerator as KerasGenerator
from PIL import Image, ImageDraw, ImageFont

from fieldguide import ImageDataGenerator
from fieldguide.data import samples

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
HEADINGS = ("the picture", "Keras", "fieldguide")
COLOURS = 128
SIDE = 160  # pixels
GAP, LINE = 10, 22  # pixels between pictures, and of a line of text
PAPER, INK = "white", "#333333"
EDGE = 190  # grey level of what lies beyond a picture's edge
FILL = {"fill_mode": "constant", "cval": EDGE}
TURNED = 6  # in EXIF: stored lying on its side, to be turned clockwise

Row = tuple[str, Sequence[np.ndarray]]  # what was done, and the pictures: uint8 (h, w, 3)


def main() -> None:
    warnings.simplefilter("ignore", DeprecationWarning)  # of SciPy, at every picture that Keras's class transforms
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        train = samples.unpack("horses_or_humans", place / "sample") / "train"
        horse = read(train / "horses" / "horse18-3.jpg")
        human = read(train / "humans" / "human01-16.jpg")
        for name, rows in (
            ("generator-shifts", shifts(horse)),
            ("generator-not-square", not_square(horse[18:125])),
            ("generator-brightness", brightness(horse)),
            ("generator-orientation", orientation(human, place)),
            ("generator-validation", validation(train)),
        ):
            save(rows, IMAGES / f"{name}.png")


def shifts(picture: np.ndarray) -> list[Row]:
    """The same draw of the same argument."""
    return [
        (
            f"{name}=[0.25]",
            [picture, *by_both(picture, lambda each, shape: each.get_random_transform(shape, 3), **{name: [0.25]})],
        )
        for name in ("width_shift_range", "height_shift_range")
    ]


def not_square(picture: np.ndarray) -> list[Row]:
    """Rotation, shear and zoom of a picture that is wider than high."""
    changes: dict[str, dict[str, float]] = {
        "rotated by 25 degrees": {"theta": 25},
        "sheared by 25 degrees": {"shear": 25},
        "zoomed out by 1.5": {"zx": 1.5, "zy": 1.5},
    }
    return [
        (title, [picture, *by_both(picture, lambda each, shape, change=change: change)])
        for title, change in changes.items()
    ]


def brightness(picture: np.ndarray) -> list[Row]:
    """A picture with levels in 0..1, as after a division by 255."""
    results = [
        255 * generator.random_transform(picture.astype(np.float32) / 255, seed=0)
        for generator in both(brightness_range=(0.7, 0.7))
    ]
    return [("x / 255, brightness_range=(0.7, 0.7)", [picture, *map(levels, results)])]


def orientation(picture: np.ndarray, place: Path) -> list[Row]:
    """A photo as a phone stores it: lying on its side, with a note that says so."""
    (place / "phone" / "class").mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0112] = TURNED
    Image.fromarray(np.rot90(picture)).save(place / "phone" / "class" / "photo.jpg", exif=exif, quality=92)
    size = picture.shape[:2]
    results = [
        next(generator.flow_from_directory(place / "phone", target_size=size, class_mode=None))[0]
        for generator in both()
    ]
    return [("a photo held upright", [picture, *map(levels, results)])]


def validation(train: Path) -> list[Row]:
    """The first picture of a validation subset."""
    settings = {"rotation_range": 40, "zoom_range": 0.3, "horizontal_flip": True, "validation_split": 0.2}
    asked = {"target_size": (SIDE, SIDE), "interpolation": "lanczos", "class_mode": None, "classes": ["humans"]}
    asked |= {"shuffle": False, "seed": 8, "subset": "validation"}
    plain = ImageDataGenerator(validation_split=0.2)
    found = [levels(next(each.flow_from_directory(train, **asked))[0]) for each in (plain, *both(**settings))]
    return [('subset="validation", rotation_range=40, zoom_range=0.3', found)]


def both(**settings: Any) -> tuple[Any, Any]:
    """Keras's generator and fieldguide's."""
    return KerasGenerator(**settings), ImageDataGenerator(**settings)


def by_both(picture: np.ndarray, change: Callable[[Any, tuple[int, ...]], Any], **settings: Any) -> list[np.ndarray]:
    """What each makes of a picture."""
    pixels = picture.astype(np.float32)
    generators = both(**FILL, **settings)
    return [levels(each.apply_transform(pixels, change(each, picture.shape))) for each in generators]


def levels(pixels: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def save(rows: Sequence[Row], path: Path) -> None:
    """Rows of pictures under headings, each row under what was done."""
    height, width = rows[0][1][0].shape[:2]
    tall = [height + GAP + (LINE if title else 0) for title, _ in rows]
    sheet = Image.new("RGB", (len(HEADINGS) * (width + GAP) + GAP, LINE + sum(tall)), PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(14)
    for column, heading in enumerate(HEADINGS):
        draw.text((GAP + column * (width + GAP), 4), heading, fill=INK, font=font)
    top = LINE
    for (title, pictures), step in zip(rows, tall, strict=True):
        if title:
            draw.text((GAP, top + 2), title, fill=INK, font=font)
        for column, picture in enumerate(pictures):
            at = (GAP + column * (width + GAP), top + (LINE if title else 0))
            sheet.paste(Image.fromarray(picture), at)
        top += step
    sheet.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
