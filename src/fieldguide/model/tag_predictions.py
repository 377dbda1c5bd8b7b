"""What a classifier whose classes are questions of their own says of pictures: which of them each shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fieldguide.console import shown
from fieldguide.model.predictions import NAME_WIDTH, Prediction, Predictions, columns

JOINED = ";"  # between labels in one cell


@dataclass(frozen=True, eq=False)
class TagPrediction(Prediction):
    """The classes that one picture shows, or why it could not be read.

    `probabilities` holds one for each class; they need not sum to 1.
    """

    thresholds: tuple[float, ...] = ()  # from which a class is said to be shown

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes that it shows, the most probable first; none where it was not read, or shows none."""
        if self.probabilities is None:
            return ()
        passed = [place for place, share in enumerate(self.probabilities) if share >= self.thresholds[place]]
        shares = self.probabilities.tolist()
        return tuple(self.class_names[place] for place in sorted(passed, key=lambda place: -shares[place]))

    @property
    def label(self) -> str | None:
        """The classes in one text, such as "beach;sunset"; None if the picture was not read."""
        return None if self.probabilities is None else JOINED.join(self.labels)

    @property
    def probability(self) -> float | None:
        """None: there is one of each class, in `probabilities`."""
        return None

    def __str__(self) -> str:
        name = shown(str(self.path))
        name = name if len(name) <= NAME_WIDTH else "..." + name[3 - NAME_WIDTH :]
        if self.probabilities is None:
            return f"{name:<{NAME_WIDTH}}  not read: {self.reason}"
        shares = dict(zip(self.class_names, self.probabilities, strict=True))
        said = ", ".join(f"{shown(label)} {shares[label]:.0%}" for label in self.labels)
        return f"{name:<{NAME_WIDTH}}  {said or '(none)'}"

    def to_dict(self) -> dict[str, object]:
        """File, classes and probabilities, or file and reason."""
        if self.probabilities is None:
            return {"file": str(self.path), "labels": None, "error": self.reason}
        shares = {
            name: round(float(share), 6) for name, share in zip(self.class_names, self.probabilities, strict=True)
        }
        return {"file": str(self.path), "labels": list(self.labels), "probabilities": shares}

    def row(self, *, replying: bool = False) -> list[str]:
        """One line of a CSV file; `tag_header` names its columns, which are the same with `replying`."""
        if self.probabilities is None:
            return [str(self.path), "", *("" for _ in self.class_names), self.reason]
        return [str(self.path), self.label or "", *(f"{share:.6f}" for share in self.probabilities), ""]


@dataclass(frozen=True)
class TagPredictions(Predictions):
    """Predictions of several labels, in the order of the files."""

    def __str__(self) -> str:
        return "\n".join([tag_title(), *(str(entry) for entry in self.entries)])

    @property
    def header(self) -> list[str]:
        """The columns of its CSV file."""
        return tag_header(self.class_names)


def tag_title() -> str:
    """The head of a printed table."""
    return f"{'file':<{NAME_WIDTH}}  shows"


def tag_header(class_names: Sequence[str]) -> list[str]:
    """The columns of a CSV file of predictions."""
    return columns(("file", "labels"), class_names, ("error",))
