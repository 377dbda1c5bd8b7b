"""What was read from a model file, seen to make sense: weights that are numbers, pictures read as they were."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from fieldguide.data import decode
from fieldguide.errors import InputTypeError, ModelError
from fieldguide.model import archive
from fieldguide.model.head import Head
from fieldguide.model.lite0 import read_weights as bundled_weights


def compare_readers(path: Path, note: archive.Note) -> None:
    """Whether pictures are read as they were when the model learnt: other pixels are other probabilities.

    Args:
        path: of the model file.
        note: in it.

    Raises:
        ModelError: they were read by a later version.

    Warns:
        UserWarning: they were read by an earlier one.
    """
    if note.decoder > decode.DECODER_VERSION:
        raise ModelError(
            f"{path} was trained on pictures read by version {note.decoder} of the picture reader, and this is version "
            f"{decode.DECODER_VERSION}: upgrade fieldguide (it was written by {note.fieldguide!r})."
        )
    if note.decoder < decode.DECODER_VERSION:
        warnings.warn(
            f"{path} was trained on pictures read by version {note.decoder} of the picture reader, and this is version "
            f"{decode.DECODER_VERSION}: its figures may differ slightly; measure again, or train again.",
            stacklevel=3,
        )


def sound(path: Path, weights: dict[str, np.ndarray], note: archive.Note) -> tuple[Head, dict[str, np.ndarray] | None]:
    """The head, and the network's weights if they are not the bundled ones, once they are seen to be numbers.

    Args:
        path: of the model file.
        weights: in it, by layer.
        note: in it.

    Raises:
        ModelError: some are none.
    """
    if not all(np.isfinite(value).all() for value in weights.values()):
        raise ModelError(f"{path} is damaged: some of its weights are no numbers. Copy it again, or train it again.")
    hidden = [tuple(weights.pop(f"hidden{place}/{part}") for part in ("kernel", "bias")) for place in _hidden(note)]
    head = Head(
        weights.pop("probabilities/kernel"),
        weights.pop("probabilities/bias"),
        tuple((one, two) for one, two in hidden),
        independent=bool(note.thresholds),
    )
    if note.trunk is None or not note.trunk.bundled:
        return head, weights
    bundled = bundled_weights()
    # Compared, not taken from the note: so a model stays what it is when a later version brings other weights.
    same = all(np.array_equal(value, bundled[name]) for name, value in weights.items())
    return head, None if same else weights


def _hidden(note: archive.Note) -> range:
    """The numbers of the head's hidden layers."""
    return range(1, len(note.hidden) + 1)


def refuse_several_labels(head: Head, doing: str) -> None:
    """Sees to it that a classifier gives each picture one label.

    Args:
        head: of the classifier.
        doing: what is for such classifiers only, for the message.

    Raises:
        InputTypeError: it may give several.
    """
    if head.independent:
        raise InputTypeError(
            f"the classifier has several labels for a picture, and {doing} is for those with one only: predict with "
            "it, or measure it on a table."
        )
