"""Where classes differ much, a rule that serves every class wins over one that serves most pictures."""

from __future__ import annotations

import numpy as np
import pytest

from fieldguide.calibration import picture_losses, softmax
from fieldguide.training.choose import CLASSES, PICTURES
from fieldguide.training.judging import about, imbalance, judge_for
from fieldguide.training.reading import clearly_better

LABELS = np.repeat([0, 1], [95, 5])


def logits_of(margins: np.ndarray) -> np.ndarray:
    """Logits of a sigmoid by which each picture is right with this margin."""
    return np.where(LABELS == 1, margins, -margins)[:, None].astype(float)


def test_each_class_counts_alike_or_each_picture() -> None:
    rare_wrong = logits_of(np.where(LABELS == 1, -2.0, 2.0))
    assert PICTURES.accuracy(rare_wrong, LABELS) == pytest.approx(0.95)
    assert CLASSES.accuracy(rare_wrong, LABELS) == pytest.approx(0.5)
    losses = picture_losses(softmax(rare_wrong), LABELS)
    assert PICTURES.loss(rare_wrong, LABELS) == pytest.approx(losses.mean())
    assert CLASSES.loss(rare_wrong, LABELS) == pytest.approx((losses[:95].mean() + losses[95:].mean()) / 2)


def test_what_helps_a_rare_class_alone_is_clearly_better_by_classes_only() -> None:
    rng = np.random.default_rng(0)
    rare = LABELS == 1
    before = logits_of(np.where(rare, -1.0, 3.0) + rng.normal(0, 0.3, 100))
    after = logits_of(np.where(rare, 1.0, 0.9) + rng.normal(0, 0.3, 100))
    assert clearly_better(after, before, LABELS, CLASSES)
    assert not clearly_better(after, before, LABELS, PICTURES)
    assert clearly_better(before, after, LABELS, PICTURES) is False  # five pictures more are wrong
    assert not clearly_better(before, after, LABELS, CLASSES)


@pytest.mark.parametrize(
    ("counts", "judge_by", "by_classes", "said"),
    [
        ({"a": 30, "b": 10}, "auto", True, "'a' has 3 times the pictures of 'b' (30 and 10): balanced accuracy counts"),
        ({"a": 29, "b": 10}, "auto", False, ""),
        ({"a": 29, "b": 10, "none": 0}, "auto", False, ""),
        ({"a": 30, "b": 10}, "pictures", False, "as asked for, accuracy counts"),
        ({"a": 10, "b": 10}, "classes", True, "as asked for, balanced accuracy counts"),
    ],
)
def test_which_figure_counts_is_told_by_the_counts(
    counts: dict[str, int], judge_by: str, by_classes: bool, said: str
) -> None:
    assert judge_for(counts, judge_by).by_classes is by_classes
    found = about(counts, judge_by)
    assert found.startswith(said)
    assert bool(found) == bool(said)


def test_the_imbalance_of_the_classes_that_there_are() -> None:
    assert imbalance({"a": 40, "b": 10, "c": 0}) == 4
    assert imbalance({}) == 1
