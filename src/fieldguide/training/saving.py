"""A trained classifier written, and seen to say the same once it is read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fieldguide import console
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import ModelError
from fieldguide.model.classifier import Classifier
from fieldguide.model.loading import load

AGREEMENT = 1e-3  # largest difference of a probability between the saved Keras model and the fast engine
CHECKED_PICTURES = 8


def saved(classifier: Classifier, path: Path, store: PixelStore) -> float:
    """Writes the model; the largest difference of its probabilities, as Keras computes them, from the engine's.

    Args:
        classifier: to be written.
        path: where.
        store: of pictures, some of which both are asked about.

    Raises:
        FileError: the model cannot be written.
        ModelError: they disagree.
    """
    pixels = store.read(range(min(CHECKED_PICTURES, len(store))))
    with console.progress("Saving, comparing", 3, percent=True) as bar:
        classifier.save(path)
        bar.advance()
        given = np.asarray(classifier.keras_model.predict_on_batch(pixels.astype(np.float32)))
        bar.advance()
        if given.shape[1] == 1:
            given = np.concatenate([1 - given, given], axis=1)
        difference = float(np.abs(given - load(path).probabilities(pixels)).max())
        bar.advance()
    if not difference <= AGREEMENT:
        raise ModelError(
            f"{path} disagrees with its own fast forward pass by {difference:.4f} in a probability; "
            f"at most {AGREEMENT} was expected. Please report this with the versions of Keras and ai-edge-litert."
        )
    return difference
