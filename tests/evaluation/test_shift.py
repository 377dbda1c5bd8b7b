"""Measured pictures of another kind are told from overfitting, where they came apart from those learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from finished_runs import dataset, finished_run, scored

from fieldguide.evaluation.diagnose import Diagnosis, diagnose
from fieldguide.training.fit import Run
from fieldguide.training.record import Answers

CATS = ("cat", "dog")


def answers(labels: np.ndarray, wrong: Sequence[float]) -> Answers:
    """Of held-out pictures, so large a share of each class wrong."""
    said = labels.copy()
    for label, share in enumerate(wrong):
        rows = np.flatnonzero(labels == label)
        said[rows[: round(share * len(rows))]] = 1 - label
    return Answers(np.arange(len(labels)), labels, np.eye(2)[said])


def run_of(*, divided: bool, wrong: Sequence[float], cats: float = 0.5, measured_cats: float = 0.5) -> Run:
    labels = (np.arange(2000) >= round(2000 * cats)).astype(int)
    measured = (np.arange(500) >= round(500 * measured_cats)).astype(int)
    run = finished_run(dataset(CATS, labels), dataset(CATS, measured, first=2000))
    parts = replace(run.parts, shares=None if divided else (0.0, 0.2))
    return replace(run, parts=parts, held=answers(labels, wrong))


def found(wrong: int, *, divided: bool = True, held: Sequence[float] = (0.01, 0.01)) -> Diagnosis:
    run = run_of(divided=divided, wrong=held)
    return diagnose(run, scored(run, range(wrong)))


def test_pictures_of_another_kind_are_said_to_be_that() -> None:
    diagnosis = found(300)
    assert diagnosis.verdict == (
        "The test pictures are unlike those it learnt from: 99.0% right of pictures held out of those, 40.0% of 500 "
        "test pictures; expect the latter on pictures like these."
    )
    assert diagnosis.overfits == "no"
    assert "59.0 points more (95% CI 54.6 to 63.2)" in diagnosis.evidence[0]
    assert "(out of fold, 5 folds of the 2,000 training pictures)" in diagnosis.evidence[0]
    assert diagnosis.advice[0].startswith("Put pictures like those it will be used on into train")


@pytest.mark.parametrize(
    ("wrong", "divided", "held"),
    [
        (300, False, (0.01, 0.01)),  # divided at random: of one kind
        (60, True, (0.01, 0.01)),  # 11 points, of which chance may be some
        (300, True, (0.55, 0.55)),  # no better on those held out
    ],
)
def test_nothing_is_said_of_it_where_it_is_not_sure(wrong: int, divided: bool, held: tuple[float, float]) -> None:
    assert "unlike" not in found(wrong, divided=divided, held=held).verdict


def test_other_shares_of_the_classes_are_no_other_kind_of_pictures() -> None:
    """Cats are told and dogs are not, in either part: 86% of nine cats to a dog are right, and 34% of the reverse."""
    run = run_of(divided=True, wrong=(0.02, 0.75), cats=0.9, measured_cats=0.1)
    rows = np.flatnonzero(run.parts.test.labels == 1)[:337]
    diagnosis = diagnose(run, scored(run, rows.tolist()))
    assert "unlike" not in diagnosis.verdict
    assert diagnosis.overfits == "yes"


def test_what_it_learnt_by_heart_besides_is_still_overfitting() -> None:
    diagnosis = found(400, held=(0.2, 0.2))
    assert "unlike those it learnt from" in diagnosis.verdict
    assert diagnosis.overfits == "yes"
    assert not any("generalises" in line for line in diagnosis.evidence)


def test_a_validation_part_may_be_of_any_kind() -> None:
    run = run_of(divided=True, wrong=(0.01, 0.01))
    parts = replace(run.parts, validation=run.parts.train.select(range(400)))
    run = replace(run, parts=parts)
    assert "unlike" not in diagnose(run, scored(run, range(300))).verdict
