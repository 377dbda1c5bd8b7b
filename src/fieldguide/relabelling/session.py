"""The pictures whose labels are looked at, what was decided of each, and the file where that is kept at once."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fieldguide.data.corrections import Corrections
from fieldguide.data.dataset import Dataset
from fieldguide.data.decisions import Correction, append, decided, sha256
from fieldguide.data.tables import one_line
from fieldguide.errors import PictureError
from fieldguide.relabelling.picture import screen_picture

LEFT_OUT = -1  # stands where the number of a class would


@dataclass(frozen=True)
class Item:
    """A picture that is shown."""

    row: int  # in the data set
    label: int  # that it had when the classifier was trained, an index into the classes
    suggested: int
    label_probability: float
    suggested_probability: float


class Session:
    """What was decided of the pictures. Every decision is on the disk before it counts; threads may share it."""

    def __init__(self, data: Dataset, items: Sequence[Item], path: Path, before: Sequence[Correction] = ()) -> None:
        """A session that goes on with what the file holds.

        Args:
            data: the pictures, labelled by their folders.
            items: those that are shown, in order.
            path: of the corrections file, which is made with the first decision.
            before: lines that it begins with where it is not there yet.

        Raises:
            InputError: there is another kind of file.
            FileError: it cannot be read.
        """
        self.data = data
        self.items = tuple(items)
        self.path = path
        self.made = 0  # decisions in this session that were not taken back
        self._before = () if path.exists() else tuple(before)
        self._lock = threading.Lock()
        self._undo: list[tuple[int, int | None]] = []
        lines = self._before or (Corrections.read(path).lines if path.exists() else ())
        self._decisions = dict(self._known(Corrections(path, tuple(lines)).standing))

    @property
    def decisions(self) -> dict[int, int]:
        """What was decided so far: place among the items -> class, or LEFT_OUT."""
        with self._lock:
            return dict(self._decisions)

    @property
    def can_undo(self) -> bool:
        """Whether something was decided in this session that can be taken back."""
        return bool(self._undo)

    def decide(self, place: int, label: int) -> None:
        """Writes down what a picture is.

        Args:
            place: among the items.
            label: its class, or LEFT_OUT.

        Raises:
            InputError: the picture cannot be read any more.
            FileError: it cannot be written.
        """
        with self._lock:
            before = self._decisions.get(place)
            self._write(place, label)
            self._undo.append((place, before))
            self.made += 1

    def undo(self) -> int | None:
        """Takes the last decision of this session back, and gives the place of its picture; None where there is none.

        Raises:
            InputError: the picture cannot be read any more.
            FileError: it cannot be written.
        """
        with self._lock:
            if not self._undo:
                return None
            place, before = self._undo[-1]
            self._write(place, before)
            self._undo.pop()
            self.made -= 1
            return place

    def picture(self, place: int) -> bytes:
        """The picture at a place, as a JPEG.

        Raises:
            PictureError: it cannot be read.
        """
        return screen_picture(self.data.paths[self.items[place].row])

    def close(self) -> None:
        """Waits until what is being written is written."""
        with self._lock:
            pass

    def _write(self, place: int, label: int | None) -> None:
        row = self.items[place].row
        now = None if label is None or label == LEFT_OUT else self.data.class_names[label]
        append(self.path, (*self._before, decided(self.data, row, now, undone=label is None)))
        self._before = ()  # they stand there now
        if label is None:
            self._decisions.pop(place, None)
        else:
            self._decisions[place] = label

    def _known(self, standing: Mapping[str, Correction]) -> Mapping[int, int]:
        """The decisions of earlier sessions; one on a file that has changed since counts for nothing."""
        label_of = {one_line(name): label for label, name in enumerate(self.data.class_names)}
        found = {}
        for place, item in enumerate(self.items):
            line = standing.get(one_line(self.data.name(item.row)))
            if line is None or (line.now is not None and line.now not in label_of):
                continue
            try:
                same = sha256(self.data.paths[item.row]) == line.sha256
            except PictureError:
                continue
            if same:
                found[place] = LEFT_OUT if line.now is None else label_of[line.now]
        return found
