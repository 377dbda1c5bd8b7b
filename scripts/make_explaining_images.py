"""Makes the pictures of docs/explaining.md in docs/images from sample pictures, the same ones each time.

python scripts/make_explaining_images.py
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

import fieldguide as fg
from fieldguide.augmentation.lettering import write
from fieldguide.data import decode, samples
from fieldguide.data.listed import listed
from fieldguide.evaluation.heatmaps import classifier_heat_maps
from fieldguide.evaluation.likeness import similar
from fieldguide.model.head import Head
from fieldguide.reporting.overlay import overlay

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
QUALITY = 85  # of JPEG
SIZE = (224, 224)
SIDE, GAP, TITLE, MARGIN = 224, 8, 24, 16  # pixels
PAPER, INK = 240, 30
HORSE, HUMAN = 7, 11  # rows of the validation pictures
HORSES, HUMANS = 0, 1


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        photos = samples.unpack("horses_or_humans", Path(folder))
        parts = fg.split(fg.Dataset.from_directory(photos / "train"), seed=0)
        guide = fg.train(parts, recipe=fg.Recipe.auto(parts.train, fine_tune=False)).classifier
        horses, humans = (sorted((photos / "validation" / name).glob("*.jpg")) for name in ("horses", "humans"))
        save(maps(guide, horses[HORSE], humans[HUMAN]), "heat-maps.jpg")
        save(neighbours(guide, humans[HUMAN], photos / "train"), "similar.jpg")


def maps(guide: fg.Classifier, horse: Path, human: Path) -> np.ndarray:
    """Half horse, half human: what speaks for either, and what random weights of the last layer make of it."""
    halves = [decode.read(path, SIZE).pixels[:, 56:168] for path in (horse, human)]
    both = np.concatenate(halves, axis=1)
    shown = [("the picture", both)]
    for label in (HORSES, HUMANS):
        (heat,) = classifier_heat_maps(guide, both[None], classes=label)
        shown.append((f"for {guide.class_names[label]}", overlay(both, heat)))
    kernel = guide.head.kernel
    drawn = np.random.default_rng(1).normal(0, kernel.std(), kernel.shape).astype(np.float32)
    random = fg.Classifier(
        Head(drawn, guide.head.bias),
        guide.class_names,
        target_size=guide.target_size,
        resize=guide.resize,
        trunk=guide.trunk,  # type: ignore[arg-type]  # there is one
        weights=guide.weights,
    )
    (heat,) = classifier_heat_maps(random, both[None], classes=HUMANS)
    return in_a_row([*shown, ("by a random last layer", overlay(both, heat))])


def neighbours(guide: fg.Classifier, picture: Path, photos: Path) -> np.ndarray:
    """A picture and the three training pictures most like it."""
    found = similar(guide, picture, listed(photos), most=3)
    shown = [(f"{found.prediction.label}?", decode.read(picture, SIZE).pixels)]
    for each in found.neighbours:
        shown.append((f"{each.class_name} {each.similarity:.3f}", decode.read(each.path, SIZE).pixels))
    return in_a_row(shown)


def in_a_row(pictures: Sequence[tuple[str, np.ndarray]]) -> np.ndarray:
    """Pictures side by side, each under its title."""
    columns = []
    for title, pixels in pictures:
        head = np.full((TITLE, SIDE, 3), PAPER, np.uint8)
        write(head, title, INK)
        sized = np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.LANCZOS))
        columns.append(np.pad(np.concatenate([head, sized]), ((0, 0), (0, GAP), (0, 0)), constant_values=PAPER))
    row = np.concatenate(columns, axis=1)
    return np.pad(row, ((MARGIN, MARGIN), (MARGIN, MARGIN - GAP), (0, 0)), constant_values=PAPER)


def save(pixels: np.ndarray, name: str) -> None:
    """Writes a picture of the page."""
    Image.fromarray(pixels).save(IMAGES / name, quality=QUALITY, subsampling=0, optimize=True)


if __name__ == "__main__":
    main()
