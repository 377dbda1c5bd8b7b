"""Measured pictures of another kind are told from overfitting, where they came apart from those learnt from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from finished_runs import dataset, finished_run, scored

from fieldguide.evaluation.diagnose import Diagnosis, diagnose
from fieldguide.intervals import wilson
from fieldguide.training.fit import Run


def run_of(*, divided: bool, held_out: int = 1980) -> Run:
    train = dataset(("cat", "dog"), np.arange(2000) % 2)
    run = finished_run(train, dataset(("cat", "dog"), np.arange(500) % 2, first=2000))
    parts = replace(run.parts, shares=None if divided else (0.0, 0.2))
    return replace(run, parts=parts, choices=replace(run.choices, held_out=wilson(held_out, 2000)))


def found(wrong: int, *, divided: bool = True, held_out: int = 1980) -> Diagnosis:
    run = run_of(divided=divided, held_out=held_out)
    return diagnose(run, scored(run, range(wrong)))


def test_pictures_of_another_kind_are_said_to_be_that() -> None:
    diagnosis = found(300)
    assert diagnosis.verdict == (
        "The test pictures are unlike those it learnt from: 99.0% right of pictures held out of those, 40.0% of 500 "
        "test pictures; expect the latter on pictures like these."
    )
    assert diagnosis.overfits == "no"
    assert "59.0 points more (95% CI 54.6 to 63.2)" in diagnosis.evidence[0]
    assert diagnosis.advice[0].startswith("Put pictures like those it will be used on into train")


@pytest.mark.parametrize(
    ("wrong", "divided", "held_out"),
    [
        (300, False, 1980),  # divided at random: of one kind
        (60, True, 1980),  # 11 points, of which chance may be some
        (300, True, 900),  # no better on those held out
    ],
)
def test_nothing_is_said_of_it_where_it_is_not_sure(wrong: int, divided: bool, held_out: int) -> None:
    assert "unlike" not in found(wrong, divided=divided, held_out=held_out).verdict


def test_what_it_learnt_by_heart_besides_is_still_overfitting() -> None:
    diagnosis = found(400, held_out=1600)
    assert "unlike those it learnt from" in diagnosis.verdict
    assert diagnosis.overfits == "yes"
