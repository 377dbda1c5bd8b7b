"""Makes the pictures of docs/augmentation.md in docs/images from sample pictures, the same ones each time.

python scripts/make_augmentation_images.py
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fieldguide.augment import write_sheet
from fieldguide.augmentation.lettering import write
from fieldguide.augmentation.mixing import cut_mix, draw_mixes, mix_up
from fieldguide.augmentation.presets import DEFAULT, PRESETS
from fieldguide.augmentation.settings import FILL_MODES, Settings
from fieldguide.augmentation.sheet import contact_sheet
from fieldguide.data import decode, samples

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
QUALITY = 85  # of JPEG
SIDE = 96  # pixels of a picture where there are many
HEADING, MARGIN, GAP = 50, 20, 8  # pixels of a sheet: its headings with the margin above, the other margins, a gap
TITLE = 24
PAPER, INK = 240, 30
# Of draws in which every setting goes both ways, and of mixes in which every picture gets another one as partner.
BOTH_WAYS, OTHERS = 1621, 1849
SUBJECT = "horses/horse01-0.jpg"
MIXED = ("horses/horse02-2.jpg", "humans/human01-00.jpg", "horses/horse04-1.jpg", "humans/human03-00.jpg")

# Each alone, at values at which it is seen well.
SINGLE = (
    Settings(rotation_range=40),
    Settings(width_shift_range=0.2),
    Settings(height_shift_range=0.2),
    Settings(shear_range=20),
    Settings(zoom_range=0.3),
    Settings(crop_area=(0.2, 0.6)),
    Settings(horizontal_flip=True),
    Settings(vertical_flip=True),
    Settings(brightness_range=(0.5, 1.5)),
    Settings(contrast_range=(0.3, 1.7)),
    Settings(channel_shift_range=60),
    Settings(erasing=1, erasing_area=(0.02, 0.33)),
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        photos = samples.unpack("horses_or_humans", Path(folder))
        sheet = write_sheet(
            photos, PRESETS[DEFAULT].settings, output=Path(folder) / "sheet.png", pictures=4, draws=5, seed=1
        ).sheet
        save(sheet.pixels, "augmented.jpg")
        subject = decode.read(photos / "train" / SUBJECT, (SIDE, SIDE)).pixels
        save(in_columns([(str(settings), settings) for settings in SINGLE], subject), "augment-settings.jpg")
        beyond = [(mode, Settings(rotation_range=40, zoom_range=(1.2, 1.6), fill_mode=mode)) for mode in FILL_MODES]
        save(in_columns(beyond, subject), "augment-fill-modes.jpg")
        save(mixes([decode.read(photos / "train" / name, (128, 128)).pixels for name in MIXED]), "augment-mixes.jpg")


def in_columns(rows: Sequence[tuple[str, Settings]], picture: np.ndarray) -> np.ndarray:
    """The draws of a picture by several settings, each under its title, in two columns."""
    sheets = [contact_sheet([picture], settings, draws=4, seed=BOTH_WAYS, labels=[title]) for title, settings in rows]
    parts = [sheet.pixels for sheet in sheets]
    half = (len(parts) + 1) // 2
    columns = [one_above_another(parts[:half]), one_above_another(parts[half:])]
    return np.concatenate(columns, axis=1)


def one_above_another(sheets: Sequence[np.ndarray]) -> np.ndarray:
    """Sheets of one row each as one, under the headings of the first."""
    rows = [sheet[HEADING : -MARGIN + GAP] for sheet in sheets]
    return np.concatenate([sheets[0][:HEADING], *rows, sheets[-1][-MARGIN + GAP :]])


def mixes(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """A batch as it is, and what mix-up and CutMix make of it."""
    batch, targets = np.stack(pictures), np.eye(len(pictures))
    drawn = draw_mixes(len(batch), 1.0, seed=OTHERS)
    rows = {
        "as they are": batch,
        "mix-up": mix_up(batch, targets, drawn)[0],
        "CutMix": cut_mix(batch, targets, drawn)[0],
    }
    return np.pad(
        np.concatenate([titled(title, levels) for title, levels in rows.items()]),
        ((MARGIN - GAP, MARGIN - GAP), (MARGIN, MARGIN - GAP), (0, 0)),
        constant_values=PAPER,
    )


def titled(title: str, pictures: np.ndarray) -> np.ndarray:
    """A row of pictures under its title."""
    gaps = ((0, 0), (0, GAP), (0, GAP), (0, 0))
    row = np.concatenate(np.pad(np.rint(pictures).astype(np.uint8), gaps, constant_values=PAPER), axis=1)
    head = np.full((TITLE, row.shape[1], 3), PAPER, np.uint8)
    write(head, title, INK)
    return np.concatenate([head, row])


def save(pixels: np.ndarray, name: str) -> None:
    """Writes a picture of the page."""
    Image.fromarray(pixels).save(IMAGES / name, quality=QUALITY, subsampling=0, optimize=True)


if __name__ == "__main__":
    main()
