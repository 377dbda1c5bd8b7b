"""The folder in which the examples of the docs and of all docstrings run: photos, a finished run, pictures to try."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from fieldguide.data import samples
from fieldguide.job import Outcome, run_job

CLASSES = ("horses", "humans")
EVERY = 5  # of the sample's training pictures, 32 of each class
EVERY_LATER = 10  # of its validation pictures, 10 of each class


@dataclass(frozen=True, eq=False)
class ReadersFolder:
    """What a reader is supposed to have; every path lies in `root`."""

    root: Path
    photos: Path  # <class>/*.jpg: 66 files, of which one is truncated and one a copy
    another_day: Path  # <class>/*.jpg: 20 labelled pictures that no training saw
    new: Path  # 6 pictures without labels, and a text file
    run_folder: Path  # runs/first, made from photos by `fieldguide train`
    outcome: Outcome  # that it ended with

    def names(self) -> dict[str, object]:
        """What an example may use without making it, besides the folders themselves."""
        return {
            "photos": self.photos,
            "folder": self.root,
            "run_folder": self.run_folder,
            "photo": self.photos / "horses" / "horse01-0.jpg",
            "run": self.outcome.run,
            "score": self.outcome.score,
        }

    def copy(self, root: Path) -> ReadersFolder:
        """The same files in another folder, so that an example may write there. Pictures are linked, not copied."""
        shutil.copytree(self.root, root, copy_function=os.link, dirs_exist_ok=True)
        places = {place.name: place for place in (self.photos, self.another_day, self.new)}
        moved = {name: root / place.relative_to(self.root) for name, place in places.items()}
        return ReadersFolder(
            root,
            moved["photos"],
            moved["another-day"],
            moved["new"],
            root / self.run_folder.relative_to(self.root),
            self.outcome,
        )


def make(root: Path, sample: Path) -> ReadersFolder:
    """A reader's folder made from the sample pictures inside the package.

    Args:
        root: the folder; made here.
        sample: where the sample is unpacked to.
    """
    source = samples.unpack("horses_or_humans", sample)
    photos, another_day, new = root / "photos", root / "another-day", root / "new"
    for name in CLASSES:
        _copy(sorted((source / "train" / name).glob("*[0-9].jpg"))[::EVERY], photos / name)
        _copy(sorted((source / "validation" / name).glob("*.jpg"))[::EVERY_LATER], another_day / name)
    odd = ("humans/human-copy.jpg", "horses/horse-truncated.jpg")
    for file in odd:
        _copy([source / "train" / file], (photos / file).parent)
    _copy(sorted(samples.unseen(source).glob("*/*.jpg")), new)
    (new / "notes.txt").write_text("by the river, in the morning\n", encoding="utf-8")
    run_folder = root / "runs" / "first"
    return ReadersFolder(root, photos, another_day, new, run_folder, run_job(photos, folder=run_folder))


def _copy(files: list[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, folder)
