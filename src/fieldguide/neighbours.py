"""`fieldguide similar`: the pictures of a folder most like one, on the terminal and as a page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fieldguide.data.columns import TableOptions
from fieldguide.data.labelled import FOLDERS, labelled, refuse_without_table
from fieldguide.data.listed import listed
from fieldguide.data.table_file import is_table
from fieldguide.destination import destination
from fieldguide.evaluation.likeness import MOST, Similar, similar
from fieldguide.model.loading import load
from fieldguide.model.sound import refuse_several_labels
from fieldguide.reporting.neighbours import PAGE_FILE, write_neighbours

KIND = "similar"


@dataclass(frozen=True, eq=False)
class WrittenSimilar:
    """Similar pictures, and the page that shows them."""

    similar: Similar
    page: Path

    def __str__(self) -> str:
        return f"{self.similar}\n\n{'Page':<11}{self.page}"

    def to_dict(self) -> dict[str, object]:
        """All that was found and where the page is, ready for JSON."""
        return {**self.similar.to_dict(), "page": str(self.page)}


def write_similar(
    model: str | Path,
    picture: str | Path,
    folder: str | Path,
    *,
    most: int = MOST,
    output: str | Path | None = None,
    table: TableOptions = FOLDERS,
) -> WrittenSimilar:
    """Finds the pictures of a folder that are most like one, and writes a page into a new folder.

    Args:
        model: a run folder or a `.keras` file.
        picture: a file.
        folder: where to look: class folders, divided or not, a folder of pictures, or a table that gives each a label.
        most: how many are wanted, 1 to 100.
        output: a new or empty folder, outside of `folder`; None for one named after the time.
        table: what is said of `folder`, if that is a table.

    Raises:
        InputError: if the number makes no sense, no picture can be read, or the folder for the page holds something.
        FileError: if something is missing or cannot be written.
        ModelError: if the model cannot be used.

    Example:
        >>> found = write_similar("runs/first", "new/horse6-004.jpg", "photos", output="alike")
        >>> found.similar.agreeing, found.page.as_posix()
        (8, 'alike/similar.html')
    """
    if is_table(folder):
        data = labelled(folder, table, fewest_classes=1)
    else:
        refuse_without_table(folder, table)
        data = listed(Path(folder))
    place = destination(KIND, PAGE_FILE, output, [folder])
    classifier = load(model)
    refuse_several_labels(classifier.head, "what is said of the pictures most like one")
    found = similar(classifier, picture, data, most=most)
    return WrittenSimilar(found, write_neighbours(found, classifier, place / PAGE_FILE))
