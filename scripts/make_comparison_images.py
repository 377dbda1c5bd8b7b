"""Makes the pictures of comparisons in docs/images, with Chromium: of sizes on the sample pictures, of cures on photos.

It takes half an hour on two cores. An interrupted run goes on in the same folder.

python scripts/make_comparison_images.py FOLDER PHOTOS

PHOTOS comes divided; those shown in the documentation are the 2,000 + 1,000 photos of cats and dogs of the benchmarks.
"""

from __future__ import annotations

import sys
from pathlib import Path

from make_report_images import IMAGES, WIDTH, shot
from PIL import Image

from fieldguide.comparison.compare import run_comparison
from fieldguide.data import samples

LOWER = {"complexity": 1400, "recipes": 1610}  # pixels of the page that are shown


def main() -> None:
    place, photos = map(Path, sys.argv[1:])
    shown = {"complexity": samples.unpack("horses_or_humans", place), "recipes": photos}
    for kind, height in LOWER.items():
        comparison = run_comparison(shown[kind], kind, folder=place / kind)
        print(comparison)
        shot(comparison.folder / "comparison.html", place / "whole.png")
        with Image.open(place / "whole.png") as whole:
            whole.crop((0, 0, WIDTH, height)).quantize(128).save(IMAGES / f"compare-{kind}.png", optimize=True)


if __name__ == "__main__":
    main()
