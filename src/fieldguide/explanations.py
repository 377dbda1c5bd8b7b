"""`fieldguide explain`: what a classifier looked at, on the terminal, as overlay files and as a page."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fieldguide.console import called, shown
from fieldguide.destination import destination
from fieldguide.evaluation.explaining import Explanations, class_of, explain, some_pictures
from fieldguide.model.loading import load
from fieldguide.model.tag_predictions import TagPrediction
from fieldguide.reporting.looks import PAGE_FILE, write_looks

KIND = "explanations"


@dataclass(frozen=True, eq=False)
class WrittenExplanations:
    """Explanations, and where they were written."""

    explanations: Explanations
    page: Path | None  # None where no picture could be read
    model: str

    def __str__(self) -> str:
        lines = [str(self.explanations)]
        if self.page is not None:
            lines += ["", f"{'Page':<11}{self.page}", f"{'Next':<11}{called(self.next)}"]
        return "\n".join(lines)

    @property
    def next(self) -> str:
        """The command to try next."""
        entries = self.explanations.entries
        if entries and isinstance(entries[0].prediction, TagPrediction):
            return f"fieldguide evaluate {shlex.quote(self.model)} TABLE"
        first = entries[0].prediction.path if entries else Path("PICTURE")
        return f"fieldguide similar {shlex.quote(self.model)} {shlex.quote(shown(str(first)))} PHOTOS"

    def to_dict(self) -> dict[str, object]:
        """All that was found and where the page is, ready for JSON."""
        return {**self.explanations.to_dict(), "page": None if self.page is None else str(self.page), "next": self.next}


def write_explanations(
    model: str | Path,
    pictures: Sequence[str | Path],
    *,
    class_name: str | None = None,
    output: str | Path | None = None,
) -> WrittenExplanations:
    """Explains pictures and writes an overlay file of each and one page into a new folder.

    Args:
        model: a run folder or a `.keras` file.
        pictures: files, folders and patterns; at most 200 files.
        class_name: the class to explain; None for the most probable one of each picture.
        output: a new or empty folder outside of the pictures'; None for one named after the time.

    Raises:
        InputError: if there is no such class, no file or too many, or the folder holds something.
        FileError: if a name fits nothing, or the folder cannot be written.
        ModelError: if the model cannot be used.

    Example:
        >>> written = write_explanations("runs/first", ["new/horse6-004.jpg"], output="looks")
        >>> sorted(path.name for path in Path("looks").iterdir())
        ['001-horse6-004.jpg', 'explanation.html']
    """
    paths = some_pictures(pictures)
    folder = destination(KIND, PAGE_FILE, output, pictures)
    classifier = load(model)
    class_of(classifier, class_name)  # before the slow work
    found = explain(classifier, paths, class_name=class_name)
    named = Path(os.path.abspath(pictures[0])).name if len(pictures) == 1 else "pictures"  # noqa: PTH100
    page = write_looks(found, folder, about=named) if found.entries else None
    return WrittenExplanations(found, page, str(model))
