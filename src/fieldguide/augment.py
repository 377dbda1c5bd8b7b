"""A contact sheet of a folder's pictures, so that a person sees what their settings do before they train."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fieldguide import console
from fieldguide.augmentation.notes import notes
from fieldguide.augmentation.presets import preset_called, preset_named
from fieldguide.augmentation.settings import Settings
from fieldguide.augmentation.sheet import Sheet, check_counts, contact_sheet, picture_path
from fieldguide.chosen import Chosen
from fieldguide.data import decode
from fieldguide.data.dataset import Dataset, Skipped, relative
from fieldguide.data.listed import listed
from fieldguide.data.resample import plan
from fieldguide.errors import InputError, PictureError
from fieldguide.words import counted

OUTPUT = "augmented.png"
WIDTH, TITLE_WIDTH = 80, 11  # columns
LISTED = 5  # files that cannot be read, of those that are named on a terminal
MOST_TRIED = 100  # files of a class, in search of one that can be read
LITTLE = 0.5  # of a picture: less of it is left by a cut that should be known of
BLURRED = 2.0  # times as long and wide: so much enlarged, pictures look blurred


@dataclass(frozen=True, eq=False)
class WrittenSheet:
    """A contact sheet in a file, and which pictures are on it.

    Args:
        sheet: the contact sheet.
        path: of the file.
        data: where the pictures were taken from.
        rows: which pictures of `data` they are.
        target_size: (height, width) that they were brought to, by cutting off what is beyond their centre.
        preset: that the settings are or were made from.
        skipped: files that were to be on it and cannot be read; others took their place.
    """

    sheet: Sheet
    path: Path
    data: Dataset
    rows: tuple[int, ...]
    target_size: tuple[int, int]
    preset: str = ""
    skipped: tuple[Skipped, ...] = ()

    def __str__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.sheet.settings.changed().items())
        lines = [
            _line("Pictures", self._pictures()),
            *([_line("Preset", self._preset())] if self.preset else []),
            _line("Settings", f"fg.Augment({given})" if given else "nothing varies"),
            *(_line("Note", note) for note in self.sheet.notes),
            *(_line(f"Row {row + 1}", label) for row, label in self.sheet.unwritten.items()),
            *(_line("Skipped", f"{self._name(each.path)}: {each.reason}") for each in self.skipped[:LISTED]),
        ]
        if len(self.skipped) > LISTED:
            lines.append(_line("", f"... and {len(self.skipped) - LISTED:,} more, which --json lists"))
        return "\n".join([*lines, f"{'Sheet':<{TITLE_WIDTH}}{self.path}"])

    def to_dict(self) -> dict[str, object]:
        """Where the sheet is and what is on it, ready for JSON."""
        return {
            "sheet": str(self.path),
            "folder": str(self.data.root),
            "preset": self.preset or None,
            "changed": list(Chosen(self.sheet.settings, self.preset).changed),
            "target_size": list(self.target_size),
            "resize": "crop",
            **self.sheet.to_dict(),
            "pictures": [str(self.data.paths[row]) for row in self.rows],
            "skipped": [{"path": str(each.path), "reason": each.reason} for each in self.skipped],
        }

    def _repr_png_(self) -> bytes:
        """The sheet for a notebook."""
        return self.sheet._repr_png_()

    def _pictures(self) -> str:
        draws, (height, width) = counted(self.sheet.draws, "draw"), self.target_size
        shown = f"as the centre{' square' if height == width else ''}, {height}x{width}"
        if len(self.data) == 1:
            return f"{self.data.paths[0]}, {draws} of it, {shown}"
        classes = f" ({counted(len(self.data.class_names), 'class', 'classes')})" if self.data.class_names else ""
        files = "files" if self.data.given is None else "training files"
        of_them = f"{len(self.rows):,} of the {len(self.data):,} {files} in {self.data.root}{classes}"
        return f"{of_them}, {draws} of each, {shown}"

    def _preset(self) -> str:
        changed = Chosen(self.sheet.settings, self.preset).changed
        if changed:
            return f"{self.preset}, changed in {', '.join(changed)}"
        return f"{self.preset}: {preset_called(self.preset).reason}"

    def _name(self, path: Path) -> str:
        return relative(path, self.data.root)


def write_sheet(
    folder: str | Path,
    settings: Settings,
    *,
    output: str | Path = OUTPUT,
    pictures: int = 8,
    draws: int = 6,
    seed: int = 0,
    target_size: tuple[int, int] = (224, 224),
) -> WrittenSheet:
    """A contact sheet of some of a folder's pictures, in a file: each as it is and as training would see it.

    Shown is the centre of each, cut to the shape of `target_size`, as `fieldguide train` sees most pictures and
    `PixelStore` all of them by default; `ImageDataGenerator` squashes instead. A note says where that takes much away.

    Only the pictures on the sheet are read; nothing is kept but the sheet.

    Args:
        folder: of class folders, whose training part is taken where it comes divided; or of pictures; or one picture.
        settings: what may vary.
        output: the sheet's file, whose name ends in .png or .jpg; what it held before is replaced.
        pictures: how many, spread over the classes.
        draws: how many of each.
        seed: of the draws.
        target_size: (height, width) that pictures are brought to before they are varied.

    Raises:
        InputError: A number makes no sense, the output's name is none of a picture or it would lie among the pictures,
            or there is no picture that can be read.
        FileError: The folder cannot be read, or the sheet cannot be written.

    Example:
        >>> written = write_sheet(photos, Settings(rotation_range=40), pictures=4, draws=3)
        >>> written.path.name, written.sheet.labels
        ('augmented.png', ('horses', 'horses', 'humans', 'humans'))
    """
    check_counts(pictures, draws)
    output = picture_path(output)
    data = _pictures_of(Path(folder))
    _refuse_among_pictures(output, data, alone=os.path.isfile(folder))  # noqa: PTH113
    found, skipped = _read(data, pictures, target_size)
    rows = sorted(found)
    labels = [data.class_names[data.labels[row]] if data.class_names else data.paths[row].name for row in rows]
    pixels = [found[row].pixels for row in rows]
    sheet = contact_sheet(pixels, settings, draws=draws, seed=seed, labels=labels)
    # Of all classes, not only of those on the sheet; and names of files say nothing of what they show.
    remarks = [*notes(settings, data.class_names), *_lost([found[row] for row in rows], target_size)]
    sheet = replace(sheet, notes=tuple(remarks))
    sheet.save(output)
    return WrittenSheet(sheet, output, data, tuple(rows), target_size, preset_named(settings), tuple(skipped))


def _lost(pictures: Iterable[decode.Picture], target_size: tuple[int, int]) -> Iterator[str]:
    """What is to be said of pictures of which the target shows little, or which it shows much enlarged."""
    boxes = [(each, plan((each.height, each.width), target_size, "crop")[0]) for each in pictures]
    cut = sum(box[2] * box[3] < LITTLE * each.height * each.width for each, box in boxes)
    if cut:
        loses = "loses" if cut == 1 else "lose"
        yield (
            f"{_so_many(cut, len(boxes))} {loses} more than half at the edges, being long and narrow; in "
            'Python, resize="pad" keeps all of a picture.'
        )
    small = sum(max(target_size[0] / box[2], target_size[1] / box[3]) > BLURRED for _, box in boxes)
    if small:
        are, look = ("is", "looks") if small == 1 else ("are", "look")
        yield (
            f"{_so_many(small, len(boxes))} {are} enlarged more than twice to make "
            f"{target_size[0]}x{target_size[1]}, and so {look} blurred."
        )


def _so_many(count: int, shown: int) -> str:
    return "the picture" if shown == 1 else f"{count} of the {shown} pictures"


def _pictures_of(place: Path) -> Dataset:
    """The pictures of a folder, with their classes where it has class folders; of a divided one those to train on."""
    data = listed(place)
    return data if data.given is None else data.select(data.given == 0)


def _refuse_among_pictures(output: Path, data: Dataset, *, alone: bool) -> None:
    """Raises where the sheet would replace a picture, or, but for a picture named alone, become one of a folder's."""
    target = os.path.realpath(output)
    if any(os.path.realpath(path) == target for path in data.paths if path.name == output.name):
        raise InputError(f"{output} is one of the pictures: name another file with --output.")
    folders = set() if alone else {path.parent for path in data.paths}
    if any(os.path.realpath(folder) == os.path.dirname(target) for folder in folders):  # noqa: PTH120
        raise InputError(f"{output} would lie among the pictures and count as one: name another place with --output.")


def _read(data: Dataset, count: int, target_size: tuple[int, int]) -> tuple[dict[int, decode.Picture], list[Skipped]]:
    """Row -> picture, of `count` pictures, or of as many as there are; and those in whose place others were taken."""
    found: dict[int, decode.Picture] = {}
    skipped: list[Skipped] = []
    labels = np.unique(data.labels)
    chosen = [int(labels[place]) for place in _spread(len(labels), count)]
    share = -(-count // len(chosen))
    waiting = {label: _candidates(np.flatnonzero(data.labels == label), share) for label in chosen}
    with console.progress("Reading pictures", count) as bar:
        while waiting and len(found) < count:
            for label in list(waiting):
                if len(found) == count:
                    break
                for row in waiting[label]:
                    try:
                        found[row] = decode.read(data.paths[row], target_size)
                    except PictureError as error:
                        skipped.append(Skipped(data.paths[row], str(error)))
                        continue
                    bar.advance()
                    break
                else:
                    del waiting[label]
    if not found:
        first = skipped[0]
        if len(data) == 1:
            raise InputError(f"{first.path} cannot be read ({first.reason}): name a picture, or a folder of pictures.")
        raise InputError(
            f"no picture of {data.root} can be read ({len(skipped):,} tried; {relative(first.path, data.root)}: "
            f"{first.reason}): name a folder of pictures."
        )
    return found, skipped


def _candidates(rows: np.ndarray, share: int) -> Iterator[int]:
    """A class's rows in the order in which they are tried: first a share spread over all of them, then the others."""
    for place in _spread(len(rows), share)[:MOST_TRIED]:
        yield int(rows[place])


def _spread(count: int, first: int) -> list[int]:
    """All numbers below `count`: at first so many that are evenly spread, then the others."""
    spread = np.linspace(0, count - 1, min(first, count)).round().astype(int).tolist()
    return [*spread, *sorted(set(range(count)) - set(spread))]


def _line(title: str, text: str) -> str:
    """One entry of the summary, wrapped to the terminal's usual width."""
    return textwrap.fill(
        f"{title:<{TITLE_WIDTH}}{text}",
        WIDTH,
        subsequent_indent=" " * TITLE_WIDTH,
        break_long_words=False,
        break_on_hyphens=False,
    )
