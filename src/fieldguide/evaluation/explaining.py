"""What a classifier looked at in pictures: for each its class, a heat map and where that lies, in words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from fieldguide import console
from fieldguide.answers.reply import SEVERAL
from fieldguide.data import decode
from fieldguide.data.arguments import said
from fieldguide.data.dataset import Skipped
from fieldguide.errors import InputError, InputTypeError, PictureError
from fieldguide.evaluation.focus import Focus, focus
from fieldguide.evaluation.heatmaps import Heat, heat_maps_of_classes
from fieldguide.model.classifier import Classifier
from fieldguide.model.predictions import Prediction, find_pictures, title
from fieldguide.model.tag_predictions import TagPrediction, tag_title
from fieldguide.parallel import bounded_map
from fieldguide.summary import SUMMARY_WIDTH
from fieldguide.words import counted

MOST = 200  # pictures at a time: each is meant to be looked at
CLOSE = 0.1  # probability from which the second class's map is worth a comparison
MOST_SAID = 5  # labels of a picture that are explained, the most probable ones
BATCH = 32


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a classifier says of a picture, and which parts of it speak for that.

    Example:
        >>> import fieldguide as fg
        >>> first = fg.explain(fg.load("runs/first"), "new/horse6-004.jpg").entries[0]
        >>> first.prediction.label, first.class_name, first.heat.values.shape
        ('horses', 'horses', (7, 7))
        >>> print(first.focus)
        looks at ...: ...% of the weight lies in that quarter of the picture
    """

    prediction: Prediction
    pixels: np.ndarray  # uint8 (height, width, 3), the picture as the classifier took it
    heat: Heat  # of the class that is explained
    # Of the class that comes closest to it, where that is close; or of the others that are named, or said.
    others: tuple[Heat, ...] = ()

    @property
    def class_name(self) -> str:
        """The class that is explained: the most probable one, unless another one was asked for."""
        return self.prediction.class_names[self.heat.class_index]

    @property
    def other_names(self) -> tuple[str, ...]:
        """The classes that it is compared with, if any."""
        return tuple(self.prediction.class_names[heat.class_index] for heat in self.others)

    @property
    def focus(self) -> Focus:
        """Where the weight lies, in words."""
        return focus(self.heat)

    def probability_of(self, heat: Heat) -> float:
        """The probability of the class of a map."""
        assert self.prediction.probabilities is not None
        return float(self.prediction.probabilities[heat.class_index])

    @property
    def sentence(self) -> str:
        """Where it looks for the class that is explained, and for those that it is compared with."""
        answered = self.class_name == self.prediction.label and not self.prediction.doubt
        asked = "" if answered else f"for {self.class_name} it "
        others = zip(self.other_names, self.others, strict=True)
        return "; ".join([f"{asked}{self.focus}", *(f"for {name} it {focus(heat)}" for name, heat in others)])

    def __str__(self) -> str:
        told = textwrap.wrap(console.shown(self.sentence), SUMMARY_WIDTH - 2, break_on_hyphens=False)
        return "\n".join([str(self.prediction), *(f"  {line}" for line in told)])

    def to_dict(self) -> dict[str, object]:
        """The prediction, the class that is explained, its map and where that lies, ready for JSON."""
        others = [_told(self, heat) for heat in self.others]
        return {**self.prediction.to_dict(), **_told(self, self.heat), "others": others}


@dataclass(frozen=True, eq=False)
class Explanations:
    """What a classifier looked at in pictures, in their order. explained + skipped = given, always.

    Example:
        >>> import fieldguide as fg
        >>> print(fg.explain(fg.load("runs/first"), "new"))
        file                                        sure  class
        new/horse6-004.jpg                        ...%  horses
          looks ...
        1 of 7 files could not be read:
          new/notes.txt: not a picture: text
    """

    class_names: tuple[str, ...]
    entries: tuple[Explanation, ...]
    skipped: tuple[Skipped, ...] = ()

    def __len__(self) -> int:
        return len(self.entries)

    def __str__(self) -> str:
        lines = []
        if self.entries:
            several = isinstance(self.entries[0].prediction, TagPrediction)
            lines = [tag_title() if several else title(), *map(str, self.entries)]
        if self.skipped:
            total = counted(len(self.entries) + len(self.skipped), "file")
            lines.append(f"{len(self.skipped):,} of {total} could not be read:")
            lines += [f"  {console.shown(str(each.path))}: {each.reason}" for each in self.skipped]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """Classes, explanations and what was skipped, ready for JSON."""
        return {
            "class_names": list(self.class_names),
            "explanations": [entry.to_dict() for entry in self.entries],
            "skipped": [{"file": str(each.path), "reason": each.reason} for each in self.skipped],
        }


def explain(
    classifier: Classifier,
    pictures: str | Path | Iterable[str | Path],
    *,
    class_name: str | None = None,
    method: str = "hirescam",
) -> Explanations:
    """What a classifier looked at in pictures: a heat map of each, and where it lies in words.

    A map shows what the network used for a class, place by place. It does not show why, nor whether that is right.

    Args:
        classifier: from `fieldguide.train` or `fieldguide.load`.
        pictures: files, folders (searched with their sub-folders) and patterns; at most 200 files.
        class_name: the class to explain; None for the most probable one of each picture. Beside it stands the map of
            the class that comes closest, where that has a probability of 10% or more; where another class than the
            most probable one was asked for, that of the latter. Where it is not sure, the maps of the two or three
            classes that it names stand there, and of several labels those of all that are said, five maps at the most.
        method: "hirescam" or "gradcam".

    Raises:
        InputTypeError: if the classifier is something else.
        InputError: if there is no such class or method, no file or too many, or the network has no feature maps.
        FileError: if a name fits nothing.

    Example:
        >>> import fieldguide as fg
        >>> found = fg.explain(fg.load("runs/first"), "new/horse*.jpg", class_name="humans")
        >>> len(found), found.entries[0].class_name, found.entries[0].other_names
        (3, 'humans', ('horses',))

    Source:
        R. L. Draelos, L. Carin (2020), "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional
        neural networks", arXiv 2011.08891.
    """
    if not isinstance(classifier, Classifier):
        raise InputTypeError(f"classifier is {said(classifier)}; expected a Classifier, such as fg.load gives.")
    asked = class_of(classifier, class_name)
    paths = some_pictures(pictures)
    entries: list[Explanation] = []
    skipped: list[Skipped] = []
    read = bounded_map(lambda path: _read(classifier, path), paths, ahead=BATCH)
    with console.progress("Explaining pictures", len(paths)) as bar:
        while batch := list(islice(read, BATCH)):
            skipped += [Skipped(path, reason) for path, pixels, reason in batch if pixels is None]
            sound = [(path, pixels) for path, pixels, _ in batch if pixels is not None]
            if sound:
                entries += _explained(classifier, sound, asked, method)
            bar.advance(len(batch))
    return Explanations(classifier.class_names, tuple(entries), tuple(skipped))


def class_of(classifier: Classifier, class_name: str | None) -> int | None:
    """The index of a class that is asked for by its name; None where none is.

    Raises:
        InputError: it is none of the classifier's.
    """
    if class_name is None or class_name in classifier.class_names:
        return None if class_name is None else classifier.class_names.index(class_name)
    known = ", ".join(classifier.class_names[:8]) + (", ..." if len(classifier.class_names) > 8 else "")
    raise InputError(f"there is no class {class_name!r}; the classifier's are {known}.")


def some_pictures(pictures: str | Path | Iterable[str | Path]) -> list[Path]:
    """The files that names, folders and patterns stand for, if they are not too many to be looked at.

    Raises:
        InputError: there is none, or more than MOST.
        FileError: a name fits nothing.
    """
    paths = list(islice(find_pictures(pictures), MOST + 1))
    if not paths:
        raise InputError("no file was found: name pictures, or a folder of pictures.")
    if len(paths) > MOST:
        raise InputError(
            f"there are more than {MOST} files, and each explanation is made to be looked at: name some of them, such "
            "as the mistakes, or a pattern that fits fewer."
        )
    return paths


def _read(classifier: Classifier, path: Path) -> tuple[Path, np.ndarray | None, str]:
    try:
        return path, decode.read(path, classifier.target_size, classifier.resize).pixels, ""
    except PictureError as error:
        return path, None, str(error)


def _explained(
    classifier: Classifier, pictures: Sequence[tuple[Path, np.ndarray]], asked: int | None, method: str
) -> list[Explanation]:
    pixels = np.stack([each for _, each in pictures])
    predictions = [
        classifier.prediction(path, answer)
        for (path, _), answer in zip(pictures, classifier.answers(pixels), strict=True)
    ]
    chosen = [_classes(prediction, asked) for prediction in predictions]
    heats: dict[int, tuple[Heat, ...]] = {}
    for count in {len(classes) for classes in chosen}:
        rows = [row for row, classes in enumerate(chosen) if len(classes) == count]
        some = np.array([chosen[row] for row in rows])
        heats |= zip(rows, heat_maps_of_classes(classifier, pixels[rows], classes=some, method=method), strict=True)
    return [
        Explanation(prediction, pixels[row], heats[row][0], heats[row][1:])
        for row, prediction in enumerate(predictions)
    ]


def _classes(prediction: Prediction, asked: int | None) -> list[int]:
    """The classes whose maps are shown, by number: the one that is explained, and those that it is compared with."""
    assert prediction.probabilities is not None
    shares = prediction.probabilities
    order = np.argsort(-shares, kind="stable").tolist()
    first = order[0] if asked is None else asked
    reply = prediction.reply
    several = prediction.labels if isinstance(prediction, TagPrediction) else ()
    if reply is not None and reply.kind == SEVERAL:
        several = reply.classes
    if several:
        said = [prediction.class_names.index(label) for label in several]
        first = said[0] if asked is None else first
        return [first, *(each for each in said if each != first)][:MOST_SAID]
    if isinstance(prediction, TagPrediction):
        return [first]
    # Another class than the most probable one is compared with that, and that with the second.
    second = order[1] if first == order[0] else order[0]
    return [first, second] if shares[second] >= CLOSE else [first]


def _told(explanation: Explanation, heat: Heat) -> dict[str, object]:
    """A map, ready for JSON."""
    return {
        "explained": explanation.prediction.class_names[heat.class_index],
        "explained_probability": round(explanation.probability_of(heat), 6),
        "focus": focus(heat).to_dict(),
        "sentence": str(focus(heat)),
        "map": np.round(heat.values.astype(np.float64), 6).tolist(),
        "layer": heat.layer,
        "method": heat.method,
    }
