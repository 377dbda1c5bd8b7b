"""The part of the report on when it does not know: what is promised, whether it was kept, and where nothing is."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from finished_runs import dataset, finished_run, scored

from fieldguide.answers.naming import Naming
from fieldguide.answers.novelty import Novelty
from fieldguide.evaluation.metrics import Score
from fieldguide.evaluation.replied import replied
from fieldguide.reporting.replied import when_it_does_not_know
from fieldguide.training.fit import Run
from fieldguide.training.promises import Promises

LABELS = np.repeat(np.arange(3), 20)
NAMES = ("ash", "elm", "fir")


def run_with(promises: Promises) -> Run:
    return replace(finished_run(dataset(NAMES, LABELS), dataset(NAMES, LABELS, first=100)), promises=promises)


def promises(**changes: object) -> Promises:
    rng = np.random.default_rng(0)
    novelty = Novelty.fit(np.eye(3, 12)[LABELS] + rng.normal(0, 0.1, (60, 12)), LABELS)
    return Promises(**{"naming": Naming(0.05, 1.5, 60), "novelty": novelty, **changes})  # type: ignore[arg-type]


def measured(run: Run, named: np.ndarray, unlike: np.ndarray) -> Score:
    score = scored(run, [0, 1])
    found = replied(named, unlike, score.labels, score.predicted, NAMES, (0.95, 0.05))
    return replace(score, replied=found)


def text_of(markup: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", markup)).replace("&ndash;", "-")


def test_kept_promises_come_with_their_figures_and_limits() -> None:
    run = run_with(promises())
    named = np.arange(3) == LABELS[:, None]
    named[:10] |= np.array([False, True, False])
    score = measured(run, named, np.arange(60) == 5)
    text = text_of(when_it_does_not_know(run, score))
    assert "for at least 95 of 100 pictures like those it learnt from (60 that were held out" in text
    assert "the true class was named for 100.0% (95% CI 94.0-100.0%); promised were 95%." in text
    assert "1.17 classes were named in the mean, and one alone for 83.3% (95% CI 72.0-90.7%)." in text
    assert "1.7% (95% CI 0.3-8.9%) were called unlike, false alarms; promised were 5% at most." in text
    assert "two or three classes 15.0% 8.1-26.1%" in text
    assert "none is made for one class" in text


def test_broken_promises_are_said_and_the_classes_named() -> None:
    run = run_with(promises())
    score = measured(run, np.tile([True, False, False], (60, 1)), np.arange(60) < 30)
    text = text_of(when_it_does_not_know(run, score))
    assert "named for 33.3% (95% CI 22.7-45.9%); less than the 95% that were promised" in text
    assert "named clearly less often of these:" in text
    assert "elm : 0.0% (95% CI 0.0-16.1%) n=20" in text
    assert "false alarms; more than the 5% that were promised" in text


def test_why_nothing_is_promised_is_said() -> None:
    why = "it names one class each: 7 held-out pictures are too few"
    run = run_with(Promises(why=(why,)))
    text = text_of(when_it_does_not_know(run, scored(run, [0])))
    assert "It names one class each: 7 held-out pictures are too few." in text
    assert "none is made for one class" not in text
    assert "No picture was kept to measure" in text_of(when_it_does_not_know(run_with(promises()), None))
    assert when_it_does_not_know(run_with(Promises()), scored(run, [0])) == ""
