"""The pictures of a folder that a classifier takes to be most like one: often the best explanation of what it says."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fieldguide.bounds import whole
from fieldguide.console import shown
from fieldguide.data.dataset import Dataset, Skipped, relative
from fieldguide.errors import InputError
from fieldguide.model.classifier import Classifier
from fieldguide.model.predictions import NAME_WIDTH, Prediction
from fieldguide.training.embeddings import Embeddings, embed, of_pairs
from fieldguide.words import are, counted

MOST, LARGEST = 8, 100  # neighbours
SAMPLE = 500  # pictures of the folder whose own nearest one is looked for
FAR = 0.05  # share of the folder's pictures: one whose nearest is as far as theirs is unlike the folder's
_SAME = 0.999  # similarity from which two files may be the same


@dataclass(frozen=True)
class Neighbour:
    """A picture that is like another one.

    Example:
        >>> print(Neighbour(Path("photos/cats/1.jpg"), "cats/1.jpg", "cats", 0.912, 0.998))
        cats/1.jpg                                0.912   99.8%  cats
    """

    path: Path
    name: str  # as seen from the folder
    class_name: str | None  # None where the folder has no class folders
    similarity: float  # cosine of the angle between what the network sees in both, at most 1
    above: float  # share of the pairs of pictures in the folder that are less alike

    def __str__(self) -> str:
        name = shown(self.name)
        name = name if len(name) <= NAME_WIDTH else "..." + name[3 - NAME_WIDTH :]
        return (
            f"{name:<{NAME_WIDTH}}  {self.similarity:.3f}  {self.above:>6.1%}  {shown(self.class_name or '')}".rstrip()
        )

    def to_dict(self) -> dict[str, object]:
        """The fields by name, ready for JSON."""
        return {
            "file": str(self.path),
            "class": self.class_name,
            "similarity": round(self.similarity, 6),
            "above": round(self.above, 6),
        }


@dataclass(frozen=True, eq=False)
class Similar:
    """The pictures of a folder that are most like one, and what their similarities mean there."""

    prediction: Prediction  # of the picture
    folder: Path  # or the table
    root: Path  # that names are relative to
    searched: int  # pictures in it that could be read, without the picture itself
    neighbours: tuple[Neighbour, ...]  # the most alike first
    itself: tuple[Path, ...]  # files in it with the same content, left out
    skipped: tuple[Skipped, ...]  # the other files in it, or named by it
    pairs: int  # of pictures in the folder that similarities are compared with
    typical: float | None  # similarity of two pictures of the folder picked at random, the median
    own: tuple[float, float] | None  # of its pictures and the nearest to each: one that 5% are below, and the median

    @property
    def agreeing(self) -> int:
        """How many of the neighbours are in the folder of the predicted class."""
        return sum(each.class_name == self.prediction.label for each in self.neighbours)

    @property
    def comparable(self) -> bool:
        """Whether some neighbour is of a class that the classifier has; folders may be called after something else."""
        return not {each.class_name for each in self.neighbours}.isdisjoint(self.prediction.class_names)

    @property
    def unlike(self) -> bool:
        """Whether even the nearest is further away than the nearest of 95% of the folder's own pictures."""
        return bool(self.own and self.neighbours) and self.neighbours[0].similarity < (self.own or (0.0, 0.0))[0]

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, in words: the classes, how near the nearest is, and what the numbers mean."""
        return tuple(line for line in (self._classes(), self._distance(), self._itself(), self._meaning()) if line)

    def __str__(self) -> str:
        from textwrap import fill

        said = f"{shown(str(self.prediction.path))}: {shown(self.prediction.label or '')}"
        doubt = f"; {shown(self.prediction.doubt)}" if self.prediction.doubt else ""
        lines = [f"{said} ({self.prediction.probability or 0:.1%} sure){doubt}", ""]
        lines += [f"{'file':<{NAME_WIDTH}}  alike   above  class".rstrip(), *map(str, self.neighbours), ""]
        lines += [fill(shown(sentence), 80, break_on_hyphens=False) for sentence in self.sentences]
        if self.skipped:
            lines.append(f"{are(len(self.skipped), 'file')} left out; the page says why.")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """All of it, ready for JSON."""
        return {
            "picture": self.prediction.to_dict(),
            "folder": str(self.folder),
            "searched": self.searched,
            "neighbours": [each.to_dict() for each in self.neighbours],
            "agreeing": self.agreeing,
            "itself": [str(path) for path in self.itself],
            "typical": self.typical,
            "own_nearest": None if self.own is None else {"low": self.own[0], "median": self.own[1]},
            "unlike": self.unlike,
            "sentences": list(self.sentences),
            "skipped": [{"file": str(each.path), "reason": each.reason} for each in self.skipped],
        }

    def _classes(self) -> str:
        classes = Counter(each.class_name for each in self.neighbours)
        if None in classes:
            return ""
        of, label = f"{len(self.neighbours)} nearest", self.prediction.label
        others = ", ".join(f"{count} {name}" for name, count in classes.most_common() if name != label)
        if not self.comparable:
            return f"The {of} are {others}, and the classifier has no such classes."
        if not self.agreeing:
            return f"None of the {of} is in '{label}', the predicted class: {others}."
        found = f"All {of}" if not others else f"{self.agreeing} of the {of}"
        return f"{found} are in '{label}', the predicted class" + (f"; {others}." if others else ".")

    def _distance(self) -> str:
        if not self.unlike:
            return ""
        return (
            f"Nothing in {self.folder} is much like it: of its own pictures, 95 in 100 have a nearer one. Take the "
            "prediction with care."
        )

    def _itself(self) -> str:
        if not self.itself:
            return ""
        named = ", ".join(relative(path, self.root) for path in self.itself[:3])
        return f"The picture itself is in {self.folder} and left out: {named}{', ...' if len(self.itself) > 3 else ''}."

    def _meaning(self) -> str:
        same = "alike is 1 where the network sees no difference"
        if self.typical is None or self.own is None:
            return f"{same}."
        return (
            f"{same}; two pictures of {self.folder} picked at random have {self.typical:.3f}, one and its nearest "
            f"{self.own[1]:.3f} (medians). above is the share of {counted(self.pairs, 'pair')} of them that are less "
            "alike."
        )


def similar(classifier: Classifier, picture: str | Path, data: Dataset, *, most: int = MOST) -> Similar:
    """The pictures that a classifier takes to be most like one, by the cosine of what its network sees in them.

    Args:
        classifier: from `fieldguide.train` or `fieldguide.load`.
        picture: a file.
        data: where to look, with or without classes; usually what was learnt from.
        most: how many are wanted, 1 to 100.

    Raises:
        InputError: if the number makes no sense, or the picture or all of the others cannot be read.
        FileError: if there is no such picture, or the cache cannot be written.
    """
    most = whole("most", most, f"a whole number from 1 to {LARGEST}, such as {MOST}", most=LARGEST)
    asked = embed(classifier, [picture])
    if len(asked) != 1:
        reason = asked.skipped[0].reason if asked.skipped else "it is a folder or a pattern"
        raise InputError(f"{picture} is not one picture that can be read ({reason}): name a picture file.")
    prediction = classifier.predict([asked.paths[0]])[0]
    known = embed(classifier, data)
    same = _same(asked, known)
    if len(known) == len(same):
        first = known.skipped[0] if known.skipped else None
        tried = f" ({len(known.skipped):,} tried; {relative(first.path, data.root)}: {first.reason})" if first else ""
        raise InputError(f"{data.root} holds no other picture that can be read{tried}: name a folder of pictures.")
    rows, similarities = asked.nearest(known, k=min(len(known), most + len(same)))
    pairs = of_pairs(known) if len(known) > 1 else None
    labels = [data.class_names[label] if data.class_names else None for label in data.labels]
    class_of = dict(zip(data.paths, labels, strict=True))
    found = [
        Neighbour(
            known.paths[row],
            relative(known.paths[row], data.root),
            class_of[known.paths[row]],
            float(likeness),
            0.0 if pairs is None else float(np.searchsorted(pairs, likeness)) / len(pairs),
        )
        for row, likeness in zip(rows[0].tolist(), similarities[0].tolist(), strict=True)
        if row not in same
    ]
    return Similar(
        prediction,
        data.root if data.table is None else data.table.path,
        data.root,
        len(known) - len(same),
        tuple(found[:most]),
        tuple(known.paths[row] for row in sorted(same)),
        (*data.skipped, *known.skipped),
        0 if pairs is None else len(pairs),
        None if pairs is None else float(np.median(pairs)),
        _own_nearest(known) if len(known) > 1 else None,
    )


def _same(asked: Embeddings, known: Embeddings) -> set[int]:
    """Rows of files with the same content as the picture."""
    rows = np.flatnonzero(known.values @ asked.values[0] > _SAME)
    return {int(row) for row in rows if _content(known.paths[row]) == _content(asked.paths[0])}


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # gone meanwhile
        return os.fsencode(path)


def _own_nearest(known: Embeddings) -> tuple[float, float]:
    """How alike a picture of the folder and the nearest to it are: what 5% are below, and the median."""
    chosen = np.random.default_rng((0, 32)).permutation(len(known))[:SAMPLE]
    few = Embeddings(known.values[chosen], tuple(known.paths[row] for row in chosen), (), known.network, known.mark)
    rows, similarities = few.nearest(known, k=2)
    nearest = np.where(rows[:, 0] == chosen, similarities[:, 1], similarities[:, 0])
    return float(np.quantile(nearest, FAR)), float(np.median(nearest))
