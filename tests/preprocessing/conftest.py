"""Small picture files of every common kind, for the tests of Keras's functions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pictures import scene
from PIL import Image


@pytest.fixture(scope="session")
def picture_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Name -> file: photos, grey ones of 8 and 16 bits, a palette, transparency, and one that lies on its side."""
    folder = tmp_path_factory.mktemp("pictures")
    photo = scene(1, 45, 64)
    clear = photo.convert("RGBA")
    clear.putalpha(Image.fromarray(np.tile(np.arange(64, dtype=np.uint8) * 4, (45, 1))))
    sideways = Image.Exif()
    sideways[0x0112] = 6
    photo.save(folder / "photo.jpg", quality=92)
    photo.convert("L").save(folder / "grey.jpg")
    photo.convert("P").save(folder / "palette.png")
    clear.save(folder / "clear.png")
    Image.fromarray((np.arange(45 * 64).reshape(45, 64) * 20).astype(np.uint16)).save(folder / "deep.png")
    photo.save(folder / "sideways.jpg", exif=sideways)
    return {path.stem: path for path in sorted(folder.iterdir())}
