"""Measuring a classifier of several labels on pictures of a table."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from fieldguide.data.arguments import said
from fieldguide.data.pixels import PixelStore
from fieldguide.data.tagged import TaggedDataset
from fieldguide.data.twins import find_twins
from fieldguide.errors import InputError, InputTypeError
from fieldguide.evaluation.tag_metrics import TagScore, tag_score
from fieldguide.model.classifier import Classifier
from fieldguide.model.tag_classifier import TagClassifier
from fieldguide.training import features as computing
from fieldguide.words import counted


def evaluate_tags(
    classifier: Classifier,
    data: TaggedDataset,
    *,
    part: str = "test",
    seed: int = 0,
    include_seen: bool = False,
    leaked: Collection[str] = (),
) -> TagScore:
    """How well a classifier of several labels does on these pictures, each figure with its interval.

    Pictures that it learnt from, or that choices were made by, are recognised by their bytes and left out.

    Args:
        classifier: from `fieldguide.train_tags` or `fieldguide.load`.
        data: pictures it has not seen, whose labels are among its classes; what is not said of a picture counts as
            not shown.
        part: what the pictures are called in the result.
        seed: of the bootstrap intervals.
        include_seen: measure on those that it learnt from too.
        leaked: names of pictures that are known to be other versions of seen ones.

    Returns:
        A TagScore. Pictures that are not scored are in its `skipped`, if they cannot be read, or in its `seen`.

    Raises:
        InputTypeError: the classifier or the data is of another kind.
        InputError: there is no picture that it has not seen, or a label is no class of it.

    Example:
        >>> import fieldguide as fg
        >>> files = [*sorted(Path("photos/horses").iterdir())[1:25], *sorted(Path("photos/humans").iterdir())[1:25]]
        >>> rows = [f"{file},{'horse' if file.parent.name == 'horses' else 'human;upright'}" for file in files]
        >>> _ = Path("tags.csv").write_text("\\n".join(["file,labels", *rows]) + "\\n")
        >>> parts = fg.split_tags(fg.TaggedDataset.from_table("tags.csv"), test=0.25)
        >>> score = fg.evaluate_tags(fg.train_tags(parts).classifier, parts.test)
        >>> score.n, score.mean_average_precision.value > 0.9
        (12, True)
    """
    if not isinstance(classifier, TagClassifier):
        raise InputTypeError(
            f"classifier is {said(classifier)}; expected one of several labels, such as that of fg.train_tags; "
            "fg.evaluate measures the others."
        )
    if not isinstance(data, TaggedDataset):
        raise InputTypeError(f"data is {said(data)}; expected a TaggedDataset, such as parts.test.")
    if not len(data):
        raise InputError("there is no picture to measure on: give a test share above 0, or a table of pictures.")
    unknown = sorted(set(data.class_names) - set(classifier.class_names))
    if unknown:
        known = ", ".join(classifier.class_names[:5]) + (", ..." if len(classifier.class_names) > 5 else "")
        raise InputError(
            f"{data.table.path} has a label '{unknown[0]}', no class of this classifier ({known}): leave it out."
        )
    store = PixelStore.build(data.pictures, target_size=classifier.target_size, resize=classifier.resize)
    data = data.readable(store.dataset)
    names = [data.name(row) for row in range(len(data))]
    leaked = frozenset(leaked)
    learnt = np.isin(store.marks, classifier.seen) | np.array([name in leaked for name in names], bool)
    used = np.flatnonzero(np.ones(len(data), bool) if include_seen else ~learnt)
    if not len(used):
        raise InputError(
            f"the classifier learnt from or was chosen by every one of the {counted(len(data), 'picture')} that "
            f"{data.table.path} names: name a table of pictures that are new to it."
        )
    some = store.select(store.dataset.select(used))
    assert classifier.trunk is not None
    seen = computing.compute(some, trunk=classifier.trunk, weights=classifier.weights).values
    labels = np.zeros((len(data), len(classifier.class_names)), bool)
    for label, name in enumerate(data.class_names):
        labels[:, classifier.class_names.index(name)] = data.labels[:, label]
    result = tag_score(
        classifier.head.probabilities(seen),
        labels[used],
        classifier.class_names,
        [names[row] for row in used],
        thresholds=classifier.thresholds,
        groups=find_twins(some).groups,
        part=part,
        seed=seed,
    )
    left = () if include_seen else tuple(names[row] for row in np.flatnonzero(learnt))
    return replace(result, skipped=data.skipped, seen=left)
