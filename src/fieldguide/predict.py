"""Predictions written as they come: a table, CSV or JSON in memory that does not grow with the pictures."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import chain
from pathlib import Path

from fieldguide import console
from fieldguide.errors import InputError
from fieldguide.files import atomic
from fieldguide.model.classifier import Classifier
from fieldguide.model.loading import load
from fieldguide.model.predictions import Prediction, find_pictures, header, title
from fieldguide.model.tag_classifier import TagClassifier
from fieldguide.model.tag_predictions import tag_header, tag_title

STYLES = ("table", "json")


def write_predictions(
    model: str | Path, pictures: Sequence[str | Path], *, csv_path: str | Path | None = None, style: str = "table"
) -> tuple[int, int]:
    """Writes the classes of pictures to stdout or to a CSV file.

    Args:
        model: a run folder or a `.keras` file.
        pictures: files, folders and patterns.
        csv_path: where a CSV file goes, whole or not at all; None prints to stdout.
        style: of what is printed: "table", or "json" for one JSON array.

    Returns:
        How many files could not be read, and how many there were.

    Raises:
        FileError: if a name fits nothing, or the CSV file cannot be written.
        ModelError: if the model cannot be used.
        InputError: if no file was found, or the CSV file's name does not end in .csv.
    """
    if style not in STYLES:
        raise InputError(f"style is {style!r}; expected one of {', '.join(STYLES)}.")
    if csv_path is not None and Path(csv_path).suffix.lower() != ".csv":
        raise InputError(
            f"--csv writes a table, and {csv_path} is no name of one: give it a name that ends in .csv, such as "
            "labels.csv."
        )
    paths = find_pictures(pictures)
    first = next(paths, None)
    if first is None:
        raise InputError(f"{', '.join(str(name) for name in pictures)} holds no files: name a folder of pictures.")
    classifier = load(model)
    counts = _Counts()
    # Rows that appear on a terminal show progress themselves, and a bar would be drawn into them.
    with_bar = csv_path is not None or not sys.stdout.isatty()
    predictions = counts.counted(classifier.stream(chain([first], paths)), with_bar=with_bar)
    if csv_path is not None:
        _write_csv(Path(csv_path), predictions, _columns(classifier), replying=classifier.replying)
    elif style == "json":
        _print_json(predictions)
    else:
        _print_table(predictions, tag_title() if isinstance(classifier, TagClassifier) else title())
    return counts.failed, counts.total


class _Counts:
    """Counts predictions as they pass, and shows that they do."""

    def __init__(self) -> None:
        self.total = 0
        self.failed = 0

    def counted(self, predictions: Iterable[Prediction], *, with_bar: bool) -> Iterator[Prediction]:
        with console.progress("Predicting", 0) if with_bar else nullcontext() as bar:
            for prediction in predictions:
                self.total += 1
                self.failed += prediction.probabilities is None
                if bar is not None:
                    bar.advance()
                yield prediction


def _columns(classifier: Classifier) -> list[str]:
    """The columns of a CSV file of its predictions."""
    names = classifier.class_names
    return tag_header(names) if isinstance(classifier, TagClassifier) else header(names, replying=classifier.replying)


def _print_table(predictions: Iterable[Prediction], first: str) -> None:
    print(first)
    for prediction in predictions:
        print(prediction)


def _print_json(predictions: Iterable[Prediction]) -> None:
    print("[", end="")
    for place, prediction in enumerate(predictions):
        print(",\n " if place else "\n ", json.dumps(prediction.to_dict()), sep="", end="")
    print("\n]")


def _write_csv(path: Path, predictions: Iterable[Prediction], columns: Sequence[str], *, replying: bool) -> None:
    with (
        atomic(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as handle,
    ):
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(prediction.row(replying=replying) for prediction in predictions)
