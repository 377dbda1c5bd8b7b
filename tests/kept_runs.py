"""Real short runs with a known ailment, made by scripts/ailing_runs.py, and how often they are named rightly."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np

from fieldguide.evaluation import ailment, doubts
from fieldguide.evaluation.ailment import WELL
from fieldguide.evaluation.ailments import ailments
from fieldguide.evaluation.case import Case
from fieldguide.evaluation.fitting import clearly_apart
from fieldguide.intervals import wilson
from fieldguide.training.record import Epoch

RUNS = Path(__file__).resolve().parent / "evaluation" / "runs"
HEALTHY, LEAKED = "healthy", "leaked split"
HELD_BACK = 4  # the seed of runs that were first looked at when all rules stood
EACH_CLASS = 0.85  # mean recall of a healthy run: 9 in 10 right, less what it may lose on unseen pictures
CLEARLY = 0.05  # of accuracy, between pictures that were learnt or chosen from and others
BY_RULE = (LEAKED, "tiny validation set")  # a known copy is a leak, and few pictures are few: that cannot be missed
JUMPY = 0.03  # of accuracy on other pictures, from one epoch to the next: settled trainings change by a point or two

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
        LEAKED: (ailment.LEAK,),
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
    tested: tuple[float, ...] = ()  # accuracy on such pictures after each epoch, where it was measured
    test_n: int = 0  # how many of them there are
    test_recall: float | None = None  # the mean over classes on them, where classes are far from equal

    @classmethod
    def read(cls, path: Path) -> Kept:
        """A run from its file."""
        kept = json.loads(path.read_text(encoding="utf-8"))
        plan, truth = kept["plan"], kept["truth"]
        case, tested = Case.from_dict(kept["case"]), tuple(truth.get("epochs", ()))
        measured = truth["kept"], case, tested, truth["n"], truth.get("recall")
        return cls(path.stem, plan["ailment"], plan["seed"], *measured)

    @property
    def held_back(self) -> bool:
        """Whether it was looked at only when the rules stood."""
        return self.seed == HELD_BACK

    @property
    def stands(self) -> bool:
        """Whether what was meant came about, and no leak besides.

        Mostly told by the pictures that neither the training nor the verdict sees; a collapsed class, underfitting and
        half of what makes a run healthy by figures that the verdict sees too.
        """
        if self.leaks != (self.ailment == LEAKED):
            return False
        kept = self._kept
        if self.test_accuracy is None:
            return True
        if self.ailment == HEALTHY:
            each = self.test_recall is None or self.test_recall >= EACH_CLASS  # or naming one class would do
            return kept.accuracy >= 0.9 and kept.accuracy - self.test_accuracy < CLEARLY and each
        if self.ailment in ("too few pictures", "no augmentation"):
            return kept.accuracy - self.test_accuracy >= CLEARLY
        if self.ailment == "unsteady rate":  # some settle after all
            late = self.tested[len(self.tested) // 2 :]
            return len(late) > 1 and float(np.median(np.abs(np.diff(late)))) >= JUMPY
        if self.ailment == "one class collapsed":
            confusion = np.array(self.case.held.confusion if self.case.held else [[1]])
            return bool((np.diag(confusion) <= 0.1 * confusion.sum(axis=1)).any())
        if self.ailment == "underfitting":
            return kept.accuracy < 0.9
        if self.ailment == LEAKED:
            return kept.val_accuracy - self.test_accuracy >= CLEARLY
        return True

    @property
    def loses(self) -> float:
        """By how much the kept weights are worse on pictures that nobody sees."""
        return self._kept.accuracy - (self.test_accuracy if self.test_accuracy is not None else self._kept.accuracy)

    @property
    def leaks(self) -> bool:
        """Whether more of the held-out pictures have a copy or near-copy among the training ones than may be."""
        return (self.case.leaks or 0) > doubts.LEAKED * self.case.epochs[-1].val_n

    @cached_property
    def verdict(self) -> str:
        """The kind of the main verdict."""
        return ailments(self.case)[0].kind

    @cached_property
    def verdict_when_measured(self) -> str:
        """The same where the pictures that nobody sees are a test part, as `fieldguide.diagnose` takes them."""
        if self.verdict not in WELL or not self.test_n or self.test_accuracy is None:
            return self.verdict
        trained = wilson(self._kept.accuracy * self._kept.n, self._kept.n)
        unseen = wilson(self.test_accuracy * self.test_n, self.test_n)
        return ailment.OVERFITTING if clearly_apart(trained, unseen) else self.verdict

    @property
    def _kept(self) -> Epoch:
        """The epoch whose weights were kept."""
        return next((epoch for epoch in self.case.epochs if epoch.chosen), self.case.epochs[-1])

    @property
    def named(self) -> bool:
        """Whether the main verdict is right."""
        return self.verdict in RIGHT[self.ailment]

    @property
    def by_curves(self) -> Kept:
        """The same where nobody has compared the pictures, so that copies are not known."""
        return replace(self, case=replace(self.case, leaks=None))


def kept_runs() -> list[Kept]:
    """All of them, by name."""
    return [Kept.read(path) for path in sorted(RUNS.glob("*.json"))]


def scores(runs: Sequence[Kept]) -> str:
    """The table and the sums of docs/verdicts.md.

    Args:
        runs: all of them.
    """
    standing = [run for run in runs if run.stands]
    tuned, held_back = ([run for run in standing if run.held_back == back] for back in (False, True))
    lines = ["| what was done | seeds 1 to 3 | seed 4 |", "|---|---|---|"]
    for done in RIGHT:
        cells = [_named([run for run in half if run.ailment == done]) for half in (tuned, held_back)]
        lines.append(f"| {done} | {' | '.join(cells)} |")
    ill, every = _ill(standing), _ill(runs)
    leaking, seen = [run for run in ill if run.ailment == LEAKED], [run.by_curves for run in ill]
    healthy = [run for run in standing if run.ailment == HEALTHY]
    wronged = sum(not run.named for run in healthy)
    missed = ", ".join(f"{run.name} ({run.verdict})" for run in ill if not run.named)
    halves = f"{_share(_ill(tuned), 'with seeds 1 to 3')} and {_share(_ill(held_back), 'with seed 4')}"
    by_curves = f"{_share(seen, 'ill runs')}; {_share([run for run in seen if run.held_back], 'with seed 4')}"
    of_leaks = f"Of the leaks the curves tell {_named([run.by_curves for run in leaking])}"
    by_rule = [run for run in ill if run.ailment not in BY_RULE]
    others = [run for run in every if not run.stands]
    besides = sum(run.leaks and run.ailment != LEAKED for run in others)
    alone = _share(by_rule, "ill runs")
    lost = [run for run in runs if run.ailment == HEALTHY and not run.stands]
    came_to = f"{len(others)} ill and {len(lost)} healthy runs"
    leaking_too = f", {besides} of the ill ones since they leak besides" if besides else ""
    with_them = f"With them, {_share(every, 'ill runs')} are named rightly"
    paragraphs = (
        f"Named rightly where pictures are compared, and copies known: {_share(ill, 'ill runs')}; {halves}.",
        f"By curves and answers alone: {by_curves}. {of_leaks}.",
        f"Without leaks and tiny validation sets, which are made of what their rules ask for: {alone}.",
        f"Called ill: {wronged or 'none'} of {len(healthy)} healthy runs ({_interval(wronged, len(healthy))}).",
        f"Left out: {came_to} that did not come to what was meant{leaking_too}. {with_them}. {_on_lost(healthy, lost)}",
        f"Missed: {missed}.",
    )
    for paragraph in paragraphs:
        lines += ["", paragraph]
    return "\n".join(lines) + "\n"


def _on_lost(healthy: Sequence[Kept], lost: Sequence[Kept]) -> str:
    """How the score of healthy runs would be with those left out, why they are, and what test pictures say of them."""
    called, every = sum(not run.named for run in (*healthy, *lost)), len(healthy) + len(lost)
    clearly = sum(run.loses >= CLEARLY for run in lost)
    curves = sum(run.verdict == ailment.OVERFITTING for run in lost)
    measured = sum(run.verdict_when_measured == ailment.OVERFITTING for run in lost)
    return (
        f"Of all {every} runs that were meant to be healthy {called} are called ill ({_interval(called, every)}), "
        f"{sum(not run.named for run in lost)} of them among the {len(lost)} left out. {clearly} of these {len(lost)} "
        f"did lose {100 * CLEARLY:.0f} points or more on the pictures that nobody sees; where such pictures measure "
        f"at the end, as a test part does, {measured} are said to overfit, {curves} by their curves already."
    )


def _ill(runs: Sequence[Kept]) -> list[Kept]:
    return [run for run in runs if run.ailment != HEALTHY]


def _named(runs: Sequence[Kept]) -> str:
    return f"{sum(run.named for run in runs)} of {len(runs)}"


def _share(runs: Sequence[Kept], of_what: str) -> str:
    named = sum(run.named for run in runs)
    return f"{named} of {len(runs)} {of_what} ({100 * named / len(runs):.0f}%, {_interval(named, len(runs))})"


def _interval(count: int, n: int) -> str:
    found = wilson(count, n)
    return f"95% CI {100 * found.low:.0f} to {100 * found.high:.0f}%"
