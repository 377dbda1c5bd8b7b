"""The photos that the benchmarks of generators read: all of a set, or a few of each class to see that they run."""

from __future__ import annotations

import shutil
from pathlib import Path


def training_folder(data: Path, work: Path, few: int | None) -> Path:
    """DATA/train, or a folder in `work` with the first `few` pictures of each class; every file has been read once."""
    folder = data / "train"
    if few is not None:
        folder = work / "train"
        for source in sorted(path for path in (data / "train").iterdir() if path.is_dir()):
            (folder / source.name).mkdir(parents=True)
            for path in sorted(source.iterdir())[:few]:
                shutil.copy(path, folder / source.name / path.name)
    for path in folder.rglob("*"):
        if path.is_file():
            path.read_bytes()  # so that no contender waits for the disk
    return folder
