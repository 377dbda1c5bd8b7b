"""The main job on the sample pictures that come with fieldguide."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fieldguide.console import command
from fieldguide.data import samples
from fieldguide.job import Outcome, run_job
from fieldguide.model.loading import load
from fieldguide.model.predictions import Predictions

SAMPLE = "horses_or_humans"


@dataclass(frozen=True, eq=False)
class Demo:
    """A finished demonstration."""

    photos: Path
    outcome: Outcome
    predictions: Predictions  # of pictures that no part of the training saw

    def __str__(self) -> str:
        return (
            f"{self.outcome}\n\n"
            f"Pictures it has never seen, read by the saved model:\n{self.predictions}\n\n"
            f"The sample pictures are in {self.photos}\n"
            "Next, pictures of your own, one folder for each class, PHOTOS/<class>/*.jpg:\n"
            f"  {command()} check PHOTOS\n"
            f"  {command()} train PHOTOS"
        )

    def to_dict(self) -> dict[str, object]:
        """Outcome and predictions, ready for JSON."""
        return {**self.outcome.to_dict(), "photos": str(self.photos), **self.predictions.to_dict()}


def run_demo(folder: str | Path) -> Demo:
    """Unpacks the sample pictures, makes a classifier of them and shows it pictures it has never seen.

    Args:
        folder: where pictures and runs go; a second demonstration there makes a second run.

    Raises:
        FileError: if the folder cannot be written.
    """
    folder = Path(folder)
    photos = samples.unpack(SAMPLE, folder)
    number = 1
    while (folder / f"run-{number}").exists():
        number += 1
    outcome = run_job(photos, folder=folder / f"run-{number}")
    predictions = load(outcome.folder).predict(photos.parent / "unseen")
    return Demo(photos, outcome, predictions)
