"""The scored test: real short runs with a known ailment, made by scripts/ailing_runs.py, and what is said of them.

Rules were tuned on the runs with seeds 1 and 2; those with seed 3 were made afterwards.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from fieldguide.evaluation import ailment
from fieldguide.evaluation.ailment import WELL
from fieldguide.evaluation.ailments import ailments
from fieldguide.evaluation.case import Case

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent.parent / "docs" / "verdicts.md"
HEALTHY = "healthy"
HELD_BACK = 3  # the seed
MOST_BYTES = 900_000  # of all runs together

# What was done to a run, and the main verdicts that name it rightly.
RIGHT: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "too few pictures": (ailment.OVERFITTING,),
        "no augmentation": (ailment.OVERFITTING,),
        "shuffled labels": (ailment.LABELS,),
        "part of the labels shuffled": (ailment.LABELS,),
        "rate too high": (ailment.RATE_TOO_HIGH,),
        "unsteady rate": (ailment.UNSTABLE, ailment.RATE_TOO_HIGH),
        "rate too low": (ailment.RATE_TOO_LOW,),
        "too few epochs": (ailment.UNFINISHED,),
        "augmentation too strong": (ailment.AUGMENTATION,),
        "leaked split": (ailment.LEAK,),
        "tiny validation set": (ailment.FEW_HELD,),
        "one class collapsed": (ailment.COLLAPSED,),
        "underfitting": (ailment.UNDERFITTING,),
        HEALTHY: WELL,
    }
)


@dataclass(frozen=True)
class Kept:
    """A run with what was done to it, and how it fared on pictures that nobody else sees."""

    name: str
    ailment: str
    seed: int
    test_accuracy: float | None
    case: Case

    @classmethod
    def read(cls, path: Path) -> Kept:
        """A run from its file."""
        kept = json.loads(path.read_text(encoding="utf-8"))
        plan, truth = kept["plan"], kept["truth"]
        return cls(path.stem, plan["ailment"], plan["seed"], truth["kept"], Case.from_dict(kept["case"]))

    @property
    def held_back(self) -> bool:
        """Whether it was made after the rules had been tuned."""
        return self.seed == HELD_BACK

    @property
    def stands(self) -> bool:
        """Whether what was meant came about, by the pictures that neither the training nor the verdict sees."""
        kept = next((epoch for epoch in self.case.epochs if epoch.chosen), self.case.epochs[-1])
        if self.test_accuracy is None:
            return True
        if self.ailment == HEALTHY:
            return kept.accuracy >= 0.9 and kept.accuracy - self.test_accuracy < 0.05
        if self.ailment in ("too few pictures", "no augmentation"):
            return kept.accuracy - self.test_accuracy >= 0.05
        if self.ailment == "unsteady rate":  # some settle after all
            return kept.accuracy < 0.9 or kept.accuracy - self.test_accuracy >= 0.05
        if self.ailment == "one class collapsed":
            confusion = np.array(self.case.held.confusion if self.case.held else [[1]])
            return bool((np.diag(confusion) <= 0.1 * confusion.sum(axis=1)).any())
        if self.ailment == "underfitting":
            return kept.accuracy < 0.9
        if self.ailment == "leaked split":
            return kept.val_accuracy - self.test_accuracy >= 0.05
        return True

    @property
    def verdict(self) -> str:
        """The kind of the main verdict."""
        return ailments(self.case)[0].kind

    @property
    def named(self) -> bool:
        """Whether the main verdict is right."""
        return self.verdict in RIGHT[self.ailment]


ALL = [Kept.read(path) for path in sorted((HERE / "runs").glob("*.json"))]
STANDING = [run for run in ALL if run.stands]
ILL = [run for run in STANDING if run.ailment != HEALTHY]
WELL_RUNS = [run for run in STANDING if run.ailment == HEALTHY]


def test_there_are_enough_runs_of_every_kind_in_both_halves() -> None:
    assert len(ILL) >= 48
    assert len(WELL_RUNS) >= 20
    for held_back in (False, True):
        of_half = Counter(run.ailment for run in STANDING if run.held_back == held_back)
        assert set(of_half) == set(RIGHT)
    assert sum(path.stat().st_size for path in (HERE / "runs").iterdir()) < MOST_BYTES


@pytest.mark.xfail(reason="86% so far: leaks and wrong labels that curves do not show", strict=True)
def test_nine_of_ten_ill_runs_are_named_rightly() -> None:
    missed = {run.name: run.verdict for run in ILL if not run.named}
    assert len(missed) <= 0.1 * len(ILL), missed


def test_no_more_than_one_of_twenty_healthy_runs_is_called_ill() -> None:
    wronged = {run.name: run.verdict for run in WELL_RUNS if not run.named}
    assert len(wronged) <= 0.05 * len(WELL_RUNS), wronged


@pytest.mark.parametrize("held_back", [False, True], ids=["seeds 1 and 2", "seed 3"])
def test_the_page_says_how_many_were_named_rightly(held_back: bool) -> None:
    """The table in docs/verdicts.md is that of these runs, misses and all."""
    text = PAGE.read_text(encoding="utf-8")
    for done in RIGHT:
        runs = [run for run in STANDING if run.ailment == done and run.held_back == held_back]
        row = re.search(rf"^\| {done} \|(.*)$", text, flags=re.MULTILINE)
        assert row, f"no row of {done}"
        cell = row[1].split("|")[int(held_back)].strip()
        assert cell == f"{sum(run.named for run in runs)} of {len(runs)}", done


def test_every_verdict_on_a_real_run_rests_on_figures_and_ends_with_a_command() -> None:
    for run in STANDING:
        for found in ailments(run.case):
            assert found.evidence, run.name
            assert found.remedy is None or found.remedy.command.startswith("fieldguide "), run.name
            assert (found.remedy is not None) or not found.ill, run.name


def test_the_page_gives_the_sums_too() -> None:
    text = PAGE.read_text(encoding="utf-8")
    tuned, kept_back = ([run for run in ILL if run.held_back == held_back] for held_back in (False, True))
    assert f"{sum(run.named for run in ILL)} of {len(ILL)} ill runs" in text
    assert f"{sum(run.named for run in tuned)} of {len(tuned)} with seeds 1 and 2" in text
    assert f"{sum(run.named for run in kept_back)} of {len(kept_back)} with seed 3" in text
    assert f"none of {len(WELL_RUNS)} healthy runs" in text
    every = [run for run in ALL if run.ailment != HEALTHY]
    assert f"with them it is {sum(run.named for run in every)} of {len(every)} ill runs" in text
