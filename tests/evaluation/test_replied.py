"""Answers in words are counted by kind, promises are measured, and folds are put together."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fieldguide.evaluation.replied import on_the_promises, pooled_replies, replied

NAMES = ["ash", "elm", "fir", "oak"]
PROMISED = (0.95, 0.05)


def sets(*rows: str) -> np.ndarray:
    return np.array([[letter == "x" for letter in row] for row in rows])


def test_every_picture_has_one_kind_of_answer() -> None:
    named = sets("x...", "x...", "xx..", ".xx.", "xxxx", ".x..")
    unlike = np.array([False, False, False, False, False, True])
    found = replied(named, unlike, np.array([0, 1, 1, 0, 3, 1]), np.array([0, 0, 0, 1, 3, 1]), NAMES, PROMISED)
    assert [(one.kind, round(one.share.value * 6, 6), one.right.value) for one in found.kinds] == [
        ("one", 2, 0.5),
        ("several", 2, 0.5),
        ("unsure", 1, 1.0),
        ("unlike", 1, 1.0),
    ]
    assert sum(one.right.n for one in found.kinds) == 6
    assert found.coverage is not None
    assert found.coverage.share.value == pytest.approx(4 / 6)  # also of the one that was called unlike
    assert found.false_alarms is not None
    assert found.false_alarms.value == pytest.approx(1 / 6)
    assert json.loads(json.dumps(found.to_dict()))["promised_false_alarms"] == 0.05


def test_broken_promises_are_said_class_by_class() -> None:
    labels = np.repeat([0, 1], 100)
    found = replied(
        np.tile(sets("x...")[0], (200, 1)), np.arange(200) < 60, labels, np.zeros(200, int), NAMES, PROMISED
    )
    assert found.coverage is not None
    assert not found.coverage.kept
    assert not found.alarms_kept
    assert on_the_promises(found) == [
        "true class named 50.0% (95% CI 43.1-56.9%), below the promised 95%",
        "  one class alone named 100.0% (95% CI 98.1-100.0%)",
        "  less often of elm: 0.0% (95% CI 0.0-3.7%)",
        "called unlike all it learnt from 30.0% (95% CI 24.1-36.7%), over the promised 5%",
    ]
    assert max(map(len, on_the_promises(found))) <= 80


def test_folds_are_put_together_picture_by_picture() -> None:
    labels = np.array([0, 1, 2, 3])
    rows = [np.array([0, 2]), np.array([1, 3])]
    one = replied(sets("x...", "..x."), np.array([True, False]), labels[rows[0]], labels[rows[0]], NAMES, PROMISED)
    other = replied(sets("x...", "...x"), np.array([False, False]), labels[rows[1]], np.array([0, 3]), NAMES, PROMISED)
    whole = pooled_replies([one, other], rows, labels, np.array([0, 0, 2, 3]), NAMES)
    assert whole is not None
    assert whole.named is not None
    assert whole.unlike is not None
    np.testing.assert_array_equal(whole.named, sets("x...", "x...", "..x.", "...x"))
    assert whole.unlike.tolist() == [True, False, False, False]
    assert whole.coverage is not None
    assert (whole.coverage.promised, whole.coverage.share.value) == (0.95, 0.75)
    assert pooled_replies([one, None], rows, labels, labels, NAMES) is None
    without = replied(None, np.array([False, False]), labels[rows[1]], labels[rows[1]], NAMES, (None, 0.05))
    alone = pooled_replies([one, without], rows, labels, labels, NAMES)
    assert alone is not None
    assert (alone.named, alone.coverage) == (None, None)
    assert alone.false_alarms is not None
    assert alone.false_alarms.n == 4
