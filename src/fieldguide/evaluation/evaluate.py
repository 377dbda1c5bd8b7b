"""Measuring a classifier on labelled pictures."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from fieldguide.data.arguments import reading, said
from fieldguide.data.dataset import PARTS, Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError, InputTypeError
from fieldguide.evaluation.metrics import Score, score
from fieldguide.evaluation.replied import replied_by
from fieldguide.model.classifier import Classifier
from fieldguide.model.tag_classifier import TagClassifier
from fieldguide.training import features as computing
from fieldguide.words import counted


def evaluate(
    classifier: Classifier,
    data: Dataset,
    *,
    part: str = "test",
    seed: int = 0,
    include_seen: bool = False,
    leaked: Collection[str] = (),
) -> Score:
    """How well a classifier does on these pictures, each figure with its interval.

    Pictures that it learnt from, or that choices were made by, would flatter every figure and are left out. They are
    recognised by their bytes, wherever they lie; other versions of them (resized, encoded again) are not.

    Args:
        classifier: from `fieldguide.train` or `fieldguide.load`.
        data: pictures it has not seen, in folders named like its classes; not all classes need be there.
        part: what the pictures are called in the result.
        seed: of the bootstrap intervals.
        include_seen: measure on those that it learnt from too; they are named in `seen_scored`.
        leaked: names of pictures that are known to be other versions of seen ones, such as `Parts.leaked_measured`.

    Returns:
        A Score. Pictures that are not scored are in its `skipped`, if they cannot be read, or in its `seen`.

    Raises:
        InputTypeError: the classifier or the data is of another kind.
        InputError: if there is no picture that it has not seen, a folder is not named like a class of the classifier,
            or the pictures come from several parts of a divided folder.

    Example:
        >>> import fieldguide as fg
        >>> score = fg.evaluate(fg.load("runs/first"), fg.Dataset.from_directory("another-day"))
        >>> score.n
        20
    """
    _require(classifier, data)
    if not len(data):
        raise InputError("there is no picture to measure on: give a test share above 0, or a folder of pictures.")
    if data.given is not None and len(present := np.unique(data.given)) > 1:
        names = ", ".join(PARTS[number] for number in present)
        cure = f"name the part to measure on, such as {data.root / Path(data.name(len(data) - 1)).parts[0]}"
        if data.table is not None:
            cure = "put the rows of the part to measure on into a table of their own"
        raise InputError(
            f"{data.source} is divided into {names}, and the classifier may have learnt from one of them: {cure}."
        )
    leaked = frozenset(leaked)
    store = PixelStore.build(
        _in_order_of(classifier.class_names, data), target_size=classifier.target_size, resize=classifier.resize
    )
    named = [store.dataset.name(row) for row in range(len(store))]
    known = np.isin(store.marks, classifier.seen) | np.array([name in leaked for name in named], bool)
    used = np.ones(len(store), bool) if include_seen else ~known
    if not used.any():
        raise InputError(
            f"the classifier learnt from or was chosen by every one of the {counted(len(store), 'picture')} in "
            f"{store.dataset.root}: name a folder of pictures that are new to it."
        )
    unseen = store.select(store.dataset.select(used))
    features = _features(classifier, unseen)
    stated = classifier.head.probabilities(features)
    result = score(
        stated,
        unseen.dataset.labels,
        classifier.class_names,
        [named[row] for row in np.flatnonzero(used)],
        temperature=classifier.temperature,
        part=part,
        seed=seed,
    )
    return replace(
        result,
        replied=replied_by(classifier, features, stated, result.labels),
        skipped=store.dataset.skipped,
        seen=tuple(named[row] for row in np.flatnonzero(~used)),
        seen_scored=tuple(named[row] for row in np.flatnonzero(known & used)),
    )


def _require(classifier: object, data: object) -> None:
    """Sees to it that both are what they should be."""
    if isinstance(getattr(classifier, "classifier", None), Classifier):
        raise InputTypeError("classifier is a Run; expected its Classifier: give run.classifier.")
    if not isinstance(classifier, Classifier):
        raise InputTypeError(
            f"classifier is {said(classifier)}; expected a Classifier, such as run.classifier or fg.load('runs/birds')."
        )
    if isinstance(classifier, TagClassifier):
        raise InputTypeError("classifier has several labels for a picture; expected one label: use fg.evaluate_tags.")
    if not isinstance(data, Dataset):
        raise InputTypeError(f"data is {said(data)}; expected a Dataset, such as parts.test or {reading(data)}.")


def _features(classifier: Classifier, store: PixelStore) -> np.ndarray:
    """What the classifier's network sees in the pictures: float32 (n, features)."""
    if classifier.trunk is None:  # few will ask for this network's features again: they are not kept
        return computing.compute_once(store, classifier.engine)
    engine = None if classifier.trunk.bundled else classifier.engine
    return computing.compute(store, trunk=classifier.trunk, weights=classifier.weights, engine=engine).values


def _in_order_of(class_names: tuple[str, ...], data: Dataset) -> Dataset:
    """The same pictures with the classifier's classes."""
    unknown = sorted(set(data.class_names) - set(class_names))
    if unknown:
        kind = "a folder" if data.table is None else "a label"
        raise InputError(
            f"{data.source} has {kind} '{unknown[0]}', which is no class of this classifier "
            f"({', '.join(class_names[:5])}{', ...' if len(class_names) > 5 else ''}): rename or remove it."
        )
    if data.class_names == class_names:
        return data
    index = np.array([class_names.index(name) for name in data.class_names], np.int32)
    return replace(data, labels=index[data.labels], class_names=class_names)
