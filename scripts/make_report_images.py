"""Makes the pictures of a report in docs/images, with Chromium, from a run on the first few sample pictures.

python scripts/make_report_images.py
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

from fieldguide.data import samples
from fieldguide.job import run_job

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1020, 4800  # of the window
UPPER = 2545  # pixels of the page that show its upper part
MISTAKES = (2594, 1004, 3404)  # top, right and bottom of the first four mistakes
FIRST = 8  # of each class: alike enough to leave mistakes


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        photos = samples.unpack("horses_or_humans", place)
        for folder_of_class in (photos / "train").iterdir():
            for path in sorted(folder_of_class.iterdir())[FIRST:]:
                path.unlink()
        outcome = run_job(photos, folder=place / "run")
        print(outcome)
        shot(place / "run" / "report.html", place / "whole.png")
        with Image.open(place / "whole.png") as whole:
            whole.crop((0, 0, WIDTH, UPPER)).quantize(256).save(IMAGES / "report.png", optimize=True)
            whole.crop((40, *MISTAKES)).quantize(256).save(IMAGES / "mistakes.png", optimize=True)


def shot(page: Path, target: Path) -> None:
    """Photographs a page."""
    browser = next((found for found in map(shutil.which, BROWSERS) if found), None)
    if browser is None:
        raise SystemExit(f"none of {', '.join(BROWSERS)} is installed")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--user-data-dir={target.parent / 'browser'}", f"--window-size={WIDTH},{HEIGHT}"]
    subprocess.run([*command, f"--screenshot={target}", page.as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    main()
