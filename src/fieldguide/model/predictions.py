"""What a classifier says of pictures: one Prediction for each file, and a table of them."""

from __future__ import annotations

import csv
import fnmatch
import glob
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fieldguide.answers.reply import ONE, SEVERAL, Reply, replies
from fieldguide.console import shown
from fieldguide.data.arguments import said
from fieldguide.errors import FileError, InputTypeError
from fieldguide.files import walk, write_text

NAME_WIDTH, SURE_WIDTH = 40, 6  # of the first columns in a printed table
ANSWER_WIDTH = 30  # of the column with the answer, so that a line has 80
BETWEEN = " | "  # of the classes named in a cell of a CSV file
REPLY_COLUMNS = ("named", "unlike", "answer")


@dataclass(frozen=True, eq=False)
class Prediction:
    """One picture's class, or why it could not be read.

    Example:
        >>> import fieldguide as fg
        >>> first = fg.load("runs/first").predict("new")[0]
        >>> first.path.name, first.label, first.probability > 0.9
        ('horse6-004.jpg', 'horses', True)
    """

    path: Path
    class_names: tuple[str, ...]
    probabilities: np.ndarray | None  # float32 (classes,), summing to 1; None if it was not read
    reason: str = ""  # why it was not read
    # Classes that the true one is among as often as was promised, the likeliest first; None where nothing is promised.
    named: tuple[str, ...] | None = None
    unlike: bool | None = None  # whether it is unlike all that was learnt from; None where that cannot be told

    @property
    def label(self) -> str | None:
        """The most probable class; None if the picture was not read."""
        return None if self.probabilities is None else self.class_names[int(self.probabilities.argmax())]

    @property
    def probability(self) -> float | None:
        """The calibrated probability of `label`; None if the picture was not read."""
        return None if self.probabilities is None else float(self.probabilities.max())

    @property
    def reply(self) -> Reply | None:
        """The answer in words: a class, several, not sure, or unlike all that was learnt from.

        None if the picture was not read, or the classifier knows neither which classes to name nor what it learnt from.
        """
        if self.probabilities is None or (self.named is None and self.unlike is None):
            return None
        named = (self.label,) if self.named is None else self.named
        chosen = np.array([name in named for name in self.class_names])[None]
        unlike = None if self.unlike is None else np.array([self.unlike])
        return replies(self.probabilities[None], chosen, self.class_names, unlike=unlike)[0]

    @property
    def doubt(self) -> str:
        """What it says where it does not know, such as "not sure: cats or dogs"; "" where it does, or cannot tell."""
        reply = self.reply
        return "" if reply is None or reply.kind == ONE else reply.text

    def __str__(self) -> str:
        name = shown(str(self.path))
        name = name if len(name) <= NAME_WIDTH else "..." + name[3 - NAME_WIDTH :]
        if self.probabilities is None:
            return f"{name:<{NAME_WIDTH}}  not read: {self.reason}"
        reply = self.reply
        if reply is None or reply.kind == ONE:
            return f"{name:<{NAME_WIDTH}}  {self.probability:>{SURE_WIDTH}.1%}  {shown(self.label or '')}"
        # How sure it is of a class is said where that class is the answer; else a long answer has that column too.
        text = shown(_fitted(reply))
        before = SURE_WIDTH + len("  ") if len(text) <= ANSWER_WIDTH else 0
        return f"{name:<{NAME_WIDTH}}  {'':<{before}}{text}"

    def to_dict(self) -> dict[str, object]:
        """File, class and probabilities, or file and reason."""
        if self.probabilities is None:
            return {"file": str(self.path), "label": None, "error": self.reason}
        shares = {
            name: round(float(share), 6) for name, share in zip(self.class_names, self.probabilities, strict=True)
        }
        told: dict[str, object] = {}
        if (reply := self.reply) is not None:
            named = None if self.named is None else list(self.named)
            told = {"named": named, "unlike": self.unlike, "answer": reply.text}
        return {
            "file": str(self.path),
            "label": self.label,
            "probability": shares[self.label or ""],
            "probabilities": shares,
            **told,
        }

    def row(self, *, replying: bool = False) -> list[str]:
        """One line of a CSV file; `header` names its columns.

        Args:
            replying: with the columns that say when it does not know.
        """
        empty = [""] * len(REPLY_COLUMNS) if replying else []
        if self.probabilities is None:
            return [str(self.path), "", "", *("" for _ in self.class_names), self.reason, *empty]
        shares = [f"{share:.6f}" for share in self.probabilities]
        reply = self.reply
        if replying and reply is not None:
            unlike = "" if self.unlike is None else "yes" if self.unlike else "no"
            empty = [BETWEEN.join(self.named or ()), unlike, reply.text]
        return [str(self.path), self.label or "", f"{self.probability:.6f}", *shares, "", *empty]


@dataclass(frozen=True)
class Predictions(Sequence[Prediction]):
    """Predictions in the order of the files. read + skipped = given, always.

    Example:
        >>> import fieldguide as fg
        >>> predictions = fg.load("runs/first").predict("new")
        >>> len(predictions), [(entry.path.name, entry.reason) for entry in predictions.skipped]
        (7, [('notes.txt', 'not a picture: text')])
        >>> predictions.to_csv("labels.csv").name
        'labels.csv'
    """

    class_names: tuple[str, ...]
    entries: tuple[Prediction, ...]
    replying: bool = False  # whether the classifier says when it does not know

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, place):  # type: ignore[no-untyped-def]  # as in any sequence: int or slice
        return self.entries[place]

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self.entries)

    @property
    def skipped(self) -> tuple[Prediction, ...]:
        """Those that could not be read."""
        return tuple(entry for entry in self.entries if entry.probabilities is None)

    def __str__(self) -> str:
        lines = [title(), *(str(entry) for entry in self.entries)]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """Classes and predictions, ready for JSON."""
        return {"class_names": list(self.class_names), "predictions": [entry.to_dict() for entry in self.entries]}

    @property
    def header(self) -> list[str]:
        """The columns of its CSV file."""
        return header(self.class_names, replying=self.replying)

    def to_csv(self, path: str | Path) -> Path:
        """Writes one line for each picture: file, class, its probability, those of all classes, and any error.

        Where the classifier says when it does not know, the classes named, whether the picture is unlike all that it
        learnt from, and the answer in words come last.

        Raises:
            FileError: if the file cannot be written.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.header)
        writer.writerows(entry.row(replying=self.replying) for entry in self.entries)
        write_text(path, text.getvalue())
        return Path(path)


def title() -> str:
    """The head of a printed table."""
    return f"{'file':<{NAME_WIDTH}}  {'sure':>{SURE_WIDTH}}  class"


def _fitted(reply: Reply) -> str:
    """An answer that names no single class, in as few letters as a line has room for."""
    room = SURE_WIDTH + len("  ") + ANSWER_WIDTH
    if len(reply.text) <= room or reply.kind != SEVERAL:
        return reply.text
    *first, last = reply.classes
    each = (room - len("not sure: ") - len(" or ") - len(", ") * (len(first) - 1)) // len(reply.classes)
    return f"not sure: {', '.join(_cut(name, each) for name in first)} or {_cut(last, each)}"


def _cut(name: str, letters: int) -> str:
    return name if len(name) <= letters else name[: letters - 3] + "..."


def header(class_names: Sequence[str], *, replying: bool = False) -> list[str]:
    """The columns of a CSV file of predictions.

    Args:
        class_names: of the classifier.
        replying: whether it says when it does not know.

    Example:
        >>> header(["cats", "dogs"], replying=True)
        ['file', 'label', 'probability', 'cats', 'dogs', 'error', 'named', 'unlike', 'answer']
    """
    return columns(("file", "label", "probability"), class_names, ("error", *(REPLY_COLUMNS if replying else ())))


def columns(before: Sequence[str], class_names: Sequence[str], after: Sequence[str] = ()) -> list[str]:
    """Names of columns; that of a class called like another column says what it holds.

    Example:
        >>> columns(["file"], ["file", "hammer"])
        ['file', 'probability of file', 'hammer']
    """
    taken = {*before, *after}
    own = [f"probability of {name}" if name in taken else name for name in class_names]
    return [*before, *own, *after]


def find_pictures(pictures: str | Path | Iterable[str | Path]) -> Iterator[Path]:
    """The files that names, folders and patterns stand for, in order, found as they are asked for.

    Args:
        pictures: files, folders and patterns (`*`, `?`, `**`). A folder is searched with its sub-folders, also where
            they are links, each once; what is hidden is left out. A pattern is asked of every path, so that a file
            that links make known under several names may come several times; no folder is searched inside itself.

    Raises:
        InputTypeError: if one of them is no name.
        FileError: if one of them fits nothing; all are checked before the first file is given.
    """
    if isinstance(pictures, np.ndarray) or not isinstance(pictures, (str, os.PathLike, Iterable)):
        raise _no_names(pictures)
    named = [pictures] if isinstance(pictures, (str, os.PathLike)) else list(pictures)
    for name in named:
        if not isinstance(name, (str, os.PathLike)):
            raise _no_names(name)
        if not os.path.lexists(name) and next(_matching(str(name)), None) is None:
            raise FileError(f"there is no picture at {name}: name a file, a folder or a pattern such as 'new/*.jpg'.")
    return _files(named)


def _no_names(given: object) -> InputTypeError:
    return InputTypeError(
        f"pictures is {said(given)}; expected the name of a file, a folder or a pattern, or several. Of pixels, "
        "classifier.probabilities gives the probabilities."
    )


def _files(named: Sequence[str | Path]) -> Iterator[Path]:
    for name in named:
        if os.path.isdir(name):  # noqa: PTH112 - unlike Path's, this bears names that are too long
            yield from _below(Path(name))
        elif os.path.lexists(name):
            yield Path(name)
        else:
            yield from _matching(str(name))


def _below(folder: Path) -> Iterator[Path]:
    """The files below a folder. A folder that cannot be read stands for itself, so that it is not passed over."""
    return (found.path for found in walk(folder, {}) if found.kind in ("file", "closed"))


def _matching(pattern: str) -> Iterator[Path]:
    """The files that a pattern stands for."""
    parts = Path(pattern).parts
    if "**" not in parts:
        names = sorted(glob.glob(pattern))  # noqa: PTH207 - the pattern may be absolute
        yield from (Path(path) for path in names if not os.path.isdir(path))  # noqa: PTH112
        return
    # Walked, not globbed: loops of links end, and nothing but the names of one folder is held in memory.
    fixed = next(place for place, part in enumerate(parts) if glob.has_magic(part))
    start = Path(*parts[:fixed])
    if os.path.isdir(start):  # noqa: PTH112
        for found in walk(start):
            fits = found.kind == "file" and _fits(found.path.relative_to(start).parts, parts[fixed:])
            if fits or found.kind == "closed":  # what may lie in a closed folder is not passed over
                yield found.path


def _fits(names: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a path fit those of a pattern; `**` stands for any number of folders."""
    if not pattern:
        return not names
    if pattern[0] == "**":
        return any(_fits(names[place:], pattern[1:]) for place in range(len(names) + 1))
    return bool(names) and fnmatch.fnmatchcase(names[0], pattern[0]) and _fits(names[1:], pattern[1:])
