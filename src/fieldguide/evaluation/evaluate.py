"""Measuring a classifier on labelled pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from fieldguide.data.dataset import PARTS, Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError
from fieldguide.evaluation.metrics import Score, score
from fieldguide.model.classifier import Classifier
from fieldguide.training import features as frozen


def evaluate(classifier: Classifier, data: Dataset, *, part: str = "test", seed: int = 0) -> Score:
    """How well a classifier does on these pictures, each figure with its interval.

    Args:
        classifier: from `fieldguide.train` or `fieldguide.load`.
        data: pictures it has not seen, in folders named like its classes; not all classes need be there.
        part: what the pictures are called in the result.
        seed: of the bootstrap intervals.

    Returns:
        A Score. Pictures that cannot be read are not scored: they are in its `skipped`.

    Raises:
        InputError: if there is no picture, a folder is not named like a class of the classifier, or the pictures come
            from several parts of a divided folder.

    Example:
        >>> import fieldguide as fg
        >>> score = fg.evaluate(fg.load("runs/first"), fg.Dataset.from_directory("another-day"))
        >>> score.n
        20
    """
    if not len(data):
        raise InputError("there is no picture to measure on: give a test share above 0, or a folder of pictures.")
    if data.given is not None and len(present := np.unique(data.given)) > 1:
        names = ", ".join(PARTS[number] for number in present)
        raise InputError(
            f"{data.root} is divided into {names}, and the classifier may have learnt from one of them: "
            f"name the part to measure on, such as {data.root / Path(data.name(len(data) - 1)).parts[0]}."
        )
    store = PixelStore.build(
        _in_order_of(classifier.class_names, data), target_size=classifier.target_size, resize=classifier.resize
    )
    features = frozen.compute(store, backbone=classifier.backbone, weights=classifier.weights)
    result = score(
        classifier.head.probabilities(features.values),
        store.dataset.labels,
        classifier.class_names,
        [store.dataset.name(row) for row in range(len(store))],
        temperature=classifier.temperature,
        part=part,
        seed=seed,
    )
    return replace(result, skipped=store.dataset.skipped)


def _in_order_of(class_names: tuple[str, ...], data: Dataset) -> Dataset:
    """The same pictures with the classifier's classes."""
    unknown = sorted(set(data.class_names) - set(class_names))
    if unknown:
        raise InputError(
            f"{data.root} has a folder '{unknown[0]}', which is no class of this classifier "
            f"({', '.join(class_names[:5])}{', ...' if len(class_names) > 5 else ''}): rename or remove it."
        )
    if data.class_names == class_names:
        return data
    index = np.array([class_names.index(name) for name in data.class_names], np.int32)
    return replace(data, labels=index[data.labels], class_names=class_names)
