"""Small pictures for tests: distinct scenes of smooth colours and hard edges, in class folders."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image


def scene(seed: int, height: int = 60, width: int = 80) -> Image.Image:
    """Something like a photo, another one for each seed."""
    rng = np.random.default_rng((seed, 11))
    coarse = Image.fromarray(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8))
    pixels = np.array(coarse.resize((width, height), Image.Resampling.BICUBIC))
    for _ in range(4):
        top, left = rng.integers(0, height // 2), rng.integers(0, width // 2)
        pixels[top : top + height // 4, left : left + width // 4] = rng.integers(0, 256, 3)
    return Image.fromarray(pixels)


def encoded(image: Image.Image, quality: int = 90) -> bytes:
    """The picture as the bytes of a JPEG file."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def put(path: Path, seed: int, quality: int = 90) -> Path:
    """A JPEG file of this scene; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(scene(seed), quality))
    return path


def folder_of(root: Path, counts: Mapping[str, int], first_seed: int = 0) -> Path:
    """A folder of class folders, every picture another scene: {"cats": 3} gives root/cats/0.jpg to 2.jpg."""
    seed = first_seed
    for name, count in counts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            put(root / name / f"{number}.jpg", seed)
            seed += 1
    return root
