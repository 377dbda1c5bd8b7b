"""A classifier whose classes are questions of their own: which of them does a picture show?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fieldguide.errors import InputError
from fieldguide.model import archive
from fieldguide.model.classifier import Answer, Classifier
from fieldguide.model.head import Head
from fieldguide.model.predictions import find_pictures
from fieldguide.model.tag_predictions import TagPrediction, TagPredictions
from fieldguide.model.trunk import BUNDLED, Trunk


class TagClassifier(Classifier):
    """Tells which of some classes a picture shows: several, one or none, each with a calibrated probability.

    `fieldguide.train_tags` makes one and `fieldguide.load` brings one back. Its probabilities are sigmoids, one
    for each class, and need not sum to 1.

    Attributes:
        thresholds: the probability of each class from which it is said to be shown.

    Example:
        >>> import numpy as np
        >>> from fieldguide.model.head import Head
        >>> head = Head(np.zeros((1280, 2), np.float32), np.array([2.0, -2.0], np.float32), independent=True)
        >>> guide = TagClassifier(head, ("beach", "sunset"), thresholds=(0.5, 0.3))
        >>> guide
        <TagClassifier of 2 classes (beach, sunset) at 224x224>
        >>> guide.predict("new/horse6-004.jpg")[0].labels
        ('beach',)
    """

    def __init__(
        self,
        head: Head,
        class_names: Sequence[str],
        *,
        thresholds: Sequence[float],
        target_size: tuple[int, int] = (224, 224),
        resize: str = "crop",
        trunk: Trunk = BUNDLED,
        weights: Mapping[str, np.ndarray] | None = None,
        temperature: float = 1.0,
        seen: np.ndarray | None = None,
    ) -> None:
        """A classifier from its parts, which are as of `Classifier`.

        Args:
            head: calibrated, with an independent unit for each class.
            class_names: two or more.
            thresholds: one for each class, 0..1.
            target_size: (height, width) in pixels.
            resize: "crop", "squash" or "pad".
            trunk: the pretrained network.
            weights: of the backbone where they are not the bundled ones.
            temperature: that `head` was cooled by.
            seen: marks of the pictures it learnt from.

        Raises:
            InputError: if head or thresholds do not fit the classes.
        """
        if not head.independent or len(thresholds) != len(class_names):
            raise InputError(
                f"a head {'with' if head.independent else 'without'} independent units and {len(thresholds)} "
                f"thresholds came for {len(class_names)} classes; expected such a head, and one threshold for each."
            )
        super().__init__(
            head,
            class_names,
            target_size=target_size,
            resize=resize,
            trunk=trunk,
            weights=weights,
            temperature=temperature,
            seen=seen,
        )
        self.thresholds = tuple(float(each) for each in thresholds)

    def __repr__(self) -> str:
        return super().__repr__().replace("<Classifier", "<TagClassifier", 1)

    def predict(self, pictures: str | Path | Iterable[str | Path]) -> TagPredictions:
        """The classes that pictures show, and the probability of each class.

        Args:
            pictures: as of `Classifier.predict`.

        Returns:
            TagPredictions, one for each file found, in order; those that cannot be read carry the reason.

        Raises:
            FileError: if a name fits nothing.

        Example:
            >>> import numpy as np
            >>> from fieldguide.model.head import Head
            >>> head = Head(np.zeros((1280, 2), np.float32), np.array([2.0, -2.0], np.float32), independent=True)
            >>> guide = TagClassifier(head, ("beach", "sunset"), thresholds=(0.5, 0.1))
            >>> print(guide.predict(["new/horse6-004.jpg", "new/notes.txt"]))
            file                                      shows
            new/horse6-004.jpg                        beach 88%, sunset 12%
            new/notes.txt                             not read: not a picture: text
        """
        return TagPredictions(self.class_names, tuple(self.stream(find_pictures(pictures))))

    def prediction(self, path: Path, answer: Answer, reason: str = "") -> TagPrediction:
        """What was answered of a picture, or why it could not be read.

        Args:
            path: of its file.
            answer: as of `Classifier.prediction`, of which the probabilities count.
            reason: why it could not be read.
        """
        return TagPrediction(path, self.class_names, answer[0], reason, thresholds=self.thresholds)

    def _note(self) -> archive.Note:
        return replace(super()._note(), thresholds=self.thresholds)
