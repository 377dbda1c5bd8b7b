"""The verdict in words: does a classifier overfit, what says so, and what would help."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fieldguide.evaluation.explain import most_confused
from fieldguide.evaluation.metrics import Score, weakest_classes
from fieldguide.intervals import Estimate, difference, wilson

if TYPE_CHECKING:
    from fieldguide.data.split import Parts
    from fieldguide.training.fit import Run
    from fieldguide.training.record import Epoch

# Differences of shares: 0.02 is two of a hundred pictures.
SMALL_GAP = 0.02  # a gap that is surely below it harms nobody
LARGE_GAP = 0.05
WIDE = 0.10  # an interval this wide leaves much open
NOT_LEARNT = 0.90  # fewer training pictures right: it has not even learnt what it was shown
NOTICEABLE = 0.02  # between accuracy and balanced accuracy, or stated and observed
FEW_IN_A_CLASS = 10
PHASES = {"head": "the head's training", "fine-tune": "fine-tuning"}
RISEN, RISEN_BY = 1.05, 0.01  # a loss that has grown by 5%, and by 0.01 nats, has risen


@dataclass(frozen=True)
class Diagnosis:
    """What the figures mean.

    Example:
        >>> import fieldguide as fg
        >>> diagnosis = fg.diagnose(run, score)
        >>> diagnosis.overfits
        'cannot tell'
        >>> print(diagnosis.verdict)
        Whether it overfits cannot be told from 13 unseen pictures.
    """

    verdict: str  # one short sentence
    overfits: str  # "no", "mild", "yes" or "cannot tell"
    evidence: tuple[str, ...]
    advice: tuple[str, ...]

    def __str__(self) -> str:
        lines = [self.verdict, *(f"  - {line}" for line in self.evidence)]
        if self.advice:
            lines += ["What would help:", *(f"  - {line}" for line in self.advice)]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """The fields by name."""
        return {
            "verdict": self.verdict,
            "overfits": self.overfits,
            "evidence": list(self.evidence),
            "advice": list(self.advice),
        }


def diagnose(run: Run, score: Score) -> Diagnosis:
    """Whether the run's classifier overfits, with the evidence, and what would help.

    Overfitting shows as a gap between the accuracy on the pictures it learnt from and on pictures it has not seen.
    The verdict rests on the gap's 95% interval: where that includes zero and reaches far, nothing is claimed. Measured
    pictures that stand in another part too do not count for it.

    Args:
        run: from `train`.
        score: of its classifier on pictures that chose nothing.

    Example:
        >>> import fieldguide as fg
        >>> fg.diagnose(run, score).overfits in ("no", "mild", "yes", "cannot tell")
        True
    """
    unseen, leaked = _without_leaks(run, score)
    if unseen is None:
        return _nothing_unseen(run, score)
    gap = difference(run.train_accuracy, unseen)
    overfits = _judge(gap)
    learnt = run.train_accuracy.value >= NOT_LEARNT
    findings = [
        _on_the_gap(run.train_accuracy, unseen, gap, overfits),
        _on_leaks(run.parts, score, unseen, leaked),
        _on_chance(score),
        _on_the_curves(run.epochs),
        _on_the_number_of_pictures(score),
        _on_balance(score),
        _on_confusion(score),
        _on_calibration(score),
    ]
    return Diagnosis(
        verdict=_verdict(overfits, learnt, gap, unseen),
        overfits=overfits,
        evidence=tuple(line for line in findings if line),
        advice=tuple(_advice(score, overfits, learnt, leaked)),
    )


def where_leaked(parts: Parts, score: Score) -> str:
    """How many of the measured pictures stand in which other part too; empty if none does."""
    names = set(score.names)
    held = [leak.part for leak in parts.leaks if leak.other_part == parts.measured and leak.other in names]
    named = (("train", "the training pictures"), ("validation", "those that made choices"))
    return ", ".join(f"{held.count(part):,} among {pictures}" for part, pictures in named if part in held)


def _nothing_unseen(run: Run, score: Score) -> Diagnosis:
    """Of a measurement on pictures that all stand in another part too: figures of it are no evidence."""
    where = where_leaked(run.parts, score)
    chose = " or made choices" if "choices" in where else ""
    lines = (
        f"Every one of the {score.n:,} {score.part} pictures stands in another part too ({where}): none is unseen.",
        _on_the_curves(run.epochs),
    )
    return Diagnosis(
        verdict=f"Nothing is known: every measured picture was learnt from{chose} too.",
        overfits="cannot tell",
        evidence=tuple(line for line in lines if line),
        advice=("Measure again with pictures that stand in no other part.",),
    )


def _judge(gap: Estimate) -> str:
    if gap.high <= SMALL_GAP:
        return "no"
    if gap.low > 0:
        return "yes" if gap.value >= LARGE_GAP else "mild"
    return "no" if gap.high <= LARGE_GAP else "cannot tell"


def _verdict(overfits: str, learnt: bool, gap: Estimate, unseen: Estimate) -> str:
    pictures = _count(unseen.n, "unseen picture")
    if overfits == "yes":
        return f"It overfits: on {pictures} it is {_points(gap.value)} less accurate than on those it learnt from."
    if overfits == "mild":
        return f"It overfits mildly: it loses {_points(gap.value)} of accuracy on {pictures}."
    if overfits == "cannot tell":
        return f"Whether it overfits cannot be told from {pictures}."
    if not learnt:
        return "It does not overfit; it has not learnt enough: it misses many of the very pictures it learnt from."
    if gap.low > 0:
        return f"It hardly overfits: it loses {_points(gap.value)} of accuracy on {pictures}."
    return f"It does not overfit, as far as {pictures} can show."


def _on_the_gap(trained: Estimate, unseen: Estimate, gap: Estimate, overfits: str) -> str:
    pair = (
        f"It recognises {_percent(trained)} of the {trained.n:,} pictures it learnt from and {_percent(unseen)} of "
        f"{_count(unseen.n, 'picture')} it has not seen"
    )
    between = f"95% CI {100 * gap.low:.1f} to {100 * gap.high:.1f} points"
    if gap.low > 0:
        small = ", too small to matter" if overfits == "no" else ""
        return f"{pair}: a gap of {_points(gap.value)} ({between}){small}."
    if overfits == "cannot tell":
        return (
            f"{pair}. The gap may be anything from {100 * gap.low:.1f} to {100 * gap.high:.1f} points (95% CI): with "
            "this few pictures neither overfitting nor its absence can be shown."
        )
    return f"{pair}: no gap can be shown ({_points(gap.value)}, {between})."


def _on_leaks(parts: Parts, score: Score, unseen: Estimate, leaked: int) -> str:
    if not leaked:
        return ""
    stand = "stands" if leaked == 1 else "stand"
    return (
        f"{leaked:,} of the {score.n:,} {score.part} pictures {stand} in another part too "
        f"({where_leaked(parts, score)}), which flatters the accuracy: without them it is {unseen.percent}."
    )


def _on_chance(score: Score) -> str:
    largest = max(score.classes, key=lambda one: one.support)
    share = largest.support / score.n
    if score.accuracy.low > share:
        return ""
    return (
        f"Always answering '{largest.name}' would be right for {100 * share:.1f}% of these {score.n:,} pictures: "
        "that it is better than this is not shown."
    )


def _on_the_curves(epochs: Sequence[Epoch]) -> str:
    """Whether the loss on held-out pictures rose again while the loss on the training pictures still fell."""
    if not epochs:
        return ""
    kept = next((epoch for epoch in epochs if epoch.chosen), epochs[-1])
    of_phase = [epoch for epoch in epochs if epoch.phase == kept.phase]  # what was tried and not kept is no evidence
    losses = [epoch.val_loss for epoch in of_phase]
    if len(losses) < 2 or not all(math.isfinite(loss) for loss in losses):
        return ""
    best, last = of_phase[int(np.argmin(losses))], of_phase[-1]
    phase = PHASES.get(best.phase, best.phase)
    risen = last.val_loss > RISEN * best.val_loss and last.val_loss - best.val_loss > RISEN_BY
    if risen and last.loss < best.loss:
        harmless = f" The weights of epoch {best.epoch} were kept, so this did no harm." if kept is best else ""
        return (
            f"After epoch {best.epoch} of {phase} the loss on held-out pictures rose from {best.val_loss:.3f} to "
            f"{last.val_loss:.3f} while that on training pictures still fell ({best.loss:.3f} to {last.loss:.3f}): "
            f"from there on it learnt by heart.{harmless}"
        )
    if risen:
        return (
            f"The loss on held-out pictures was lowest after epoch {best.epoch} of {phase} ({best.val_loss:.3f}, at "
            f"last {last.val_loss:.3f}); that on training pictures did not fall meanwhile: not a sign of overfitting."
        )
    if best is last and len(losses) > 2 and losses[-2] > RISEN * losses[-1]:
        return f"The loss on held-out pictures was still falling at the last epoch of {phase} ({best.val_loss:.3f})."
    return (
        f"The loss on held-out pictures did not rise noticeably again during {phase}: {best.val_loss:.3f} at best, "
        f"{last.val_loss:.3f} at last."
    )


def _on_the_number_of_pictures(score: Score) -> str:
    low, high = score.accuracy.low, score.accuracy.high
    if high - low < WIDE:
        return ""
    return (
        f"With {_count(score.n, 'picture')} the accuracy is known roughly only: it may be {100 * low:.0f}% or "
        f"{100 * high:.0f}%."
    )


def _on_balance(score: Score) -> str:
    missing = [one.name for one in score.classes if not one.support]
    few = [one for one in score.classes if 0 < one.support < FEW_IN_A_CLASS]
    lines = []
    weakest = weakest_classes(score, 1)
    if weakest and score.accuracy.value - score.balanced_accuracy.value > NOTICEABLE:
        one = weakest[0]
        lines.append(
            f"Counting every class alike, the accuracy is {score.balanced_accuracy.percent}, less than the "
            f"{_percent(score.accuracy)} over all pictures: rare classes fare worse, '{one.name}' worst with "
            f"{one.recall.percent} of {one.support:,}."
        )
    if few:
        lines.append(
            f"{_count(len(few), 'class', 'classes')} of {len(score.classes)} with fewer than {FEW_IN_A_CLASS} pictures "
            f"here (such as '{few[0].name}' with {few[0].support}) cannot be judged one by one."
        )
    if missing:
        lines.append(
            f"{_count(len(missing), 'class', 'classes')} without a picture here, such as '{missing[0]}': not measured."
        )
    return " ".join(lines)


def _on_confusion(score: Score) -> str:
    pairs = [pair for pair in most_confused(score, 3) if pair.count > 1]
    if not pairs:
        return ""
    return "Most often confused: " + "; ".join(str(pair) for pair in pairs) + "."


def _on_calibration(score: Score) -> str:
    """Compares the mean stated probability with the interval of the accuracy."""
    stated = float(score.probabilities.max(axis=1).mean())
    right = score.accuracy
    said = f"It states {100 * stated:.1f}% on average and is right for {right.percent}"
    if stated > right.high and stated - right.value > NOTICEABLE:
        return f"{said}: it is surer than it should be."
    if stated < right.low and right.value - stated > NOTICEABLE:
        return f"{said}: it is better than it says."
    return f"{said}, n={score.n:,}: its percentages can be taken at their word on average."


def _advice(score: Score, overfits: str, learnt: bool, leaked: int) -> list[str]:
    advice = []
    if leaked:
        advice.append("Remove the pictures that stand in two parts from one of them, and measure again.")
    if overfits == "yes":
        advice.append(
            "Add training pictures, above all of the classes it confuses: that is the surest cure of overfitting."
        )
    if overfits == "mild":
        advice.append("More training pictures would narrow the gap; at this size it is no cause for alarm.")
    if not learnt:
        advice.append(
            "Look at the most confident mistakes: wrong labels and classes that overlap cannot be learnt. Then try a "
            "larger backbone or larger pictures."
        )
    width = score.accuracy.high - score.accuracy.low
    if overfits == "cannot tell" or width >= WIDE:
        advice.append(
            f"Measure with more pictures: four times as many, about {_rounded(4 * score.n):,}, halve the interval."
        )
    weakest = weakest_classes(score, 1)
    if weakest and score.accuracy.value - score.balanced_accuracy.value > NOTICEABLE:
        advice.append(f"Add pictures of '{weakest[0].name}', the class that fares worst.")
    if not advice and score.n > score.right.sum():
        advice.append("Look at the most confident mistakes: some may be wrong labels.")
    return advice


def _without_leaks(run: Run, score: Score) -> tuple[Estimate | None, int]:
    """The accuracy on the scored pictures that stand in no other part (None: there are none), and how many do."""
    leaked = set(run.parts.leaked_measured)
    clean = np.array([name not in leaked for name in score.names])
    if not clean.any():
        return None, len(clean)
    return wilson(int(score.right[clean].sum()), int(clean.sum())), int((~clean).sum())


def _percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.1f}%"


def _points(gap: float) -> str:
    return f"{round(100 * gap, 1) + 0.0:.1f} points"  # + 0.0 makes -0.0 a plain zero


def _count(count: int, noun: str, plural: str = "") -> str:
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def _rounded(count: int) -> int:
    """To two figures, for numbers that are advice and no measurement."""
    digits = max(0, len(str(count)) - 2)
    return round(count, -digits)
