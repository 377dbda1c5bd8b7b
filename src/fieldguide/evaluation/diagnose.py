"""The verdict in words: does a classifier overfit, what says so, and what would help."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fieldguide.data.arguments import said
from fieldguide.errors import InputTypeError
from fieldguide.evaluation import evidence
from fieldguide.evaluation.ailment import CERTAIN, LEAK, RATE_TOO_HIGH, Ailment
from fieldguide.evaluation.ailments import ailments, with_conflicts
from fieldguide.evaluation.case import SCRATCH, Case
from fieldguide.evaluation.collapse import short_of_rare
from fieldguide.evaluation.doubts import leak_of_all
from fieldguide.evaluation.fitting import clearly_apart, overfitting_unseen_by
from fieldguide.evaluation.folds import trained_accuracy
from fieldguide.evaluation.metrics import Score, weakest_classes
from fieldguide.evaluation.shift import shift_of
from fieldguide.evaluation.signs import Signs
from fieldguide.intervals import Estimate, chance, difference, wilson
from fieldguide.training.fit import Run
from fieldguide.training.recipe import Recipe
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.watching import OUT_OF_TRAIN
from fieldguide.words import capital, counted

# Differences of shares: 0.02 is two of a hundred pictures.
SMALL_GAP = 0.02  # a gap that is surely below it harms nobody
LARGE_GAP = 0.05
CHANCE = 0.025  # one-sided
NOT_LEARNT = 0.90  # fewer training pictures right: it has not even learnt what it was shown


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
    evidence: tuple[str, ...]  # from what was measured at the end
    advice: tuple[str, ...]  # likewise
    # What the curves of a training from scratch tell, each with its own evidence and remedy, what explains the rest
    # first; the verdict is then the sentence of the first one.
    ailments: tuple[Ailment, ...] = ()

    def __str__(self) -> str:
        if self.ailments:  # the first of them says the verdict
            lines = [line for one in self.ailments for line in str(one).splitlines()]
            lines += ["Measured at the end:"] if self.evidence else []
        else:
            lines = [self.verdict]
        lines += [f"  - {line}" for line in self.evidence]
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
            "ailments": [found.to_dict() for found in self.ailments],
        }


def diagnose(run: Run, score: Score | None = None) -> Diagnosis:
    """Whether the run's classifier overfits and what else ails it, with the evidence, and what would help.

    Overfitting shows as a gap between the accuracy on the pictures it learnt from and on pictures it has not seen.
    The verdict rests on the gap's 95% interval: where that includes zero and reaches far, nothing is claimed. Measured
    pictures that stand in another part too do not count for it. Of a training from scratch the curves tell more: what
    ails it comes first then, each ailment with its evidence and the next thing to try.

    Args:
        run: from `train`.
        score: of its classifier on pictures that chose nothing; None where there were none. Then only the curves of a
            training from scratch can tell anything.

    Returns:
        The verdict in a sentence, with its evidence.

    Raises:
        InputTypeError: the run or the score is of another kind.

    Example:
        >>> import fieldguide as fg
        >>> fg.diagnose(run, score).overfits in ("no", "mild", "yes", "cannot tell")
        True
    """
    if not isinstance(run, Run):
        raise InputTypeError(f"run is {said(run)}; expected a Run, as fg.train gives it: fg.diagnose(run, score).")
    if score is not None and not isinstance(score, Score):
        raise InputTypeError(f"score is {said(score)}; expected a Score, as fg.evaluate gives it, or None.")
    measured = _nothing_measured(run) if score is None else _from_what_was_measured(run, score)
    case = Case.of(run, score)
    if not case.epochs:
        return measured
    photos = run.parts.train.words
    found = ailments(case)
    unseen = None if score is None else _without_leaks(run, score)[0]
    if score is not None and unseen is not None and not found[0].ill and clearly_apart(run.train_accuracy, unseen):
        # What is measured on pictures that chose nothing is what can be expected, whatever the curves are of.
        others = bool(_watched(run))
        overfits = overfitting_unseen_by(found[0], case, run.train_accuracy, unseen, score.pictures, others)
        found = with_conflicts([short_of_rare(overfits, Signs(case), unseen)], Signs(case))
    if 0 < len(run.parts.test) == len(set(run.parts.leaked_measured)):
        found = _leaking_first(found, run)
    found = tuple(replace(one, remedy=one.remedy.on(*photos) if one.remedy else None) for one in found)
    return _led_by(found, measured)


def _leaking_first(found: tuple[Ailment, ...], run: Run) -> tuple[Ailment, ...]:
    """The same with the leak that leaves nothing to measure with before all but a rate at which nothing is learnt."""
    if any((one.kind, one.sure) == (LEAK, CERTAIN) for one in found):  # it was counted already
        return found
    others = [one for one in found if one.ill and one.kind != LEAK]
    place = 1 if others and others[0].kind == RATE_TOO_HIGH else 0
    return (*others[:place], leak_of_all(len(run.parts.test), run.parts.measured), *others[place:])


def _from_what_was_measured(run: Run, score: Score) -> Diagnosis:
    """What the accuracy on unseen pictures tells beside that on the pictures it learnt from."""
    unseen, leaked = _without_leaks(run, score)
    if unseen is None:
        return _nothing_unseen(run, score)
    # Of a cross-validation both are of the folds' models. They are of the same pictures then, of which the hard ones
    # are hard in both: so the gap is known better than its interval says, and nothing is claimed too soon.
    trained = trained_accuracy(score.folds) if score.folds else run.train_accuracy
    gap = difference(trained, unseen)
    overfits = judged(gap, chance(trained, unseen))
    learnt = trained.value >= NOT_LEARNT
    leaks = {*score.names, *score.seen}.intersection(run.parts.leaked_measured)
    from_scratch = any(epoch.phase == SCRATCH for epoch in run.epochs)
    larger = "a larger network (--size)" if from_scratch else "a larger backbone"
    if from_scratch:
        mirrored = isinstance(run.recipe, ScratchRecipe) and run.recipe.net.mirrored
        on_the_gap = evidence.on_both_gaps(trained, unseen, gap, score.pictures, _watched(run), mirrored=mirrored)
    elif score.folds:
        on_the_gap = evidence.on_the_gap_of_folds(trained, unseen, gap, overfits)
    else:
        on_the_gap = evidence.on_the_gap(trained, unseen, gap, overfits)
    shift = shift_of(run, score, unseen)
    if shift is not None:  # what is lost to another kind of picture is not learnt by heart
        gap = difference(trained, shift.held_out)
        overfits = judged(gap, chance(trained, shift.held_out))
    findings = [
        shift.evidence if shift else "",
        on_the_gap,
        evidence.on_leaks(run.parts, score, unseen, leaked),
        evidence.on_chance(score),
        _on_the_curves(run),
        evidence.on_the_number_of_pictures(score),
        evidence.on_balance(score),
        evidence.on_confusion(score),
        evidence.on_calibration(score),
    ]
    return Diagnosis(
        verdict=shift.verdict
        if shift
        else _verdict(overfits, learnt, gap, unseen, "the models" if score.folds else "it", guesses=_guesses(score)),
        overfits=overfits,
        evidence=tuple(line for line in findings if line),
        advice=(*(shift.advice if shift else ()), *_advice(score, overfits, learnt, bool(leaks), larger)),
    )


def _on_the_curves(run: Run) -> str:
    """What the curves of a head or of fine-tuning tell; of a training from scratch the ailments tell it."""
    if run.choices.by_classes and isinstance(run.recipe, Recipe) and (run.recipe.dense or run.choices.fine_tuned):
        return evidence.ON_ANOTHER_LOSS
    return evidence.on_the_curves(tuple(epoch for epoch in run.epochs if epoch.phase != SCRATCH))


def _watched(run: Run) -> str:
    """The pictures that were looked at after each epoch; "" where they are those that measure."""
    return run.choices.how if len(run.parts.validation) or OUT_OF_TRAIN in run.choices.how else ""


def _led_by(found: tuple[Ailment, ...], measured: Diagnosis) -> Diagnosis:
    """What the curves of a training from scratch tell leads; what was measured at the end comes after it."""
    return replace(measured, verdict=found[0].sentence, ailments=found)


def _nothing_measured(run: Run) -> Diagnosis:
    """Of a run without a picture to measure with."""
    count, measured = len(run.parts.test), run.parts.measured
    why = f"every one of the {count:,} {measured} pictures stands in another part too" if count else "none was kept"
    lines = (f"No unseen picture was there to measure with: {why}.", _on_the_curves(run))
    return Diagnosis(
        verdict="Nothing is known: no unseen picture was measured.",
        overfits="cannot tell",
        evidence=tuple(line for line in lines if line),
        advice=("Measure with pictures that stand in no other part.",),
    )


def _nothing_unseen(run: Run, score: Score) -> Diagnosis:
    """Of a measurement on pictures that all stand in another part too: figures of it are no evidence."""
    where = evidence.where_leaked(run.parts, score)
    chose = " or made choices" if "choices" in where else ""
    lines = (
        f"Every one of the {score.n:,} {score.part} pictures stands in another part too ({where}): none is unseen.",
        _on_the_curves(run),
    )
    return Diagnosis(
        verdict=f"Nothing is known: every measured picture was learnt from{chose} too.",
        overfits="cannot tell",
        evidence=tuple(line for line in lines if line),
        advice=("Measure again with pictures that stand in no other part.",),
    )


def judged(gap: Estimate, by_chance: float = 0.0) -> str:
    """What a gap tells: "no", "mild", "yes" or "cannot tell".

    Args:
        gap: between pictures that were learnt from and unseen ones, with its interval.
        by_chance: probability of such a gap where there is none, if it is known: the interval alone promises too much
            where nearly all pictures are right and there are few.
    """
    if gap.high <= SMALL_GAP:
        return "no"
    if gap.low > 0 and by_chance < CHANCE:
        return "yes" if gap.value >= LARGE_GAP else "mild"
    return "no" if gap.high <= LARGE_GAP else "cannot tell"


def _guesses(score: Score) -> bool:
    """Whether neither accuracy is shown to be better than that of naming one class each time."""
    measured = sum(one.support > 0 for one in score.classes)
    return bool(evidence.on_chance(score)) and score.balanced_accuracy.low <= 1 / measured


def _verdict(
    overfits: str, learnt: bool, gap: Estimate, unseen: Estimate, who: str = "it", *, guesses: bool = False
) -> str:
    pictures = counted(unseen.n, "unseen picture")
    if overfits in ("yes", "mild"):
        mildly = " mildly" if overfits == "mild" else ""
        learnt_from = f"{100 * (unseen.value + gap.value):.1f}%"
        if guesses:
            know = "knows" if who == "it" else "know"
            return (
                f"{capital(who)} learnt the pictures by heart: {learnt_from} of them right, and of {pictures} "
                f"{evidence.percent(unseen)}, where it is not shown that {who} {know} more than guessing would."
            )
        return (
            f"It overfits{mildly}: {learnt_from} on the pictures {who} learnt from, {evidence.percent(unseen)} on "
            f"{pictures}; expect the latter."
        )
    if overfits == "cannot tell":
        return f"Whether it overfits cannot be told from {pictures}."
    if not learnt:
        miss = "it misses" if who == "it" else f"{who} miss"
        return f"It does not overfit; it has not learnt enough: {miss} many of the very pictures {who} learnt from."
    if gap.low > 0:
        loses = "it loses" if who == "it" else f"{who} lose"
        return f"It hardly overfits: {loses} {evidence.points(gap.value)} of accuracy on {pictures}."
    return f"It does not overfit, as far as {pictures} can show."


def _advice(score: Score, overfits: str, learnt: bool, leaks: bool, larger: str) -> list[str]:
    advice = []
    if leaks:
        advice.append("Remove the pictures that stand in two parts from one of them, and measure again.")
    if overfits == "yes":
        advice.append(
            "Add training pictures, above all of the classes it confuses: that is the surest cure of overfitting."
        )
    if overfits == "mild":
        advice.append("More training pictures would narrow the gap; at this size it is no cause for alarm.")
    if not learnt:
        advice.append(
            "Look at the most confident mistakes: wrong labels and classes that overlap cannot be learnt. Then try "
            f"{larger} or larger pictures."
        )
    width = score.accuracy.high - score.accuracy.low
    if overfits == "cannot tell" or width >= evidence.WIDE:
        more = "Add pictures" if score.folds else "Measure with more pictures"
        advice.append(f"{more}: four times as many, about {_rounded(4 * score.n):,}, halve the interval.")
    weakest = weakest_classes(score, 1)
    if weakest and score.accuracy.value - score.balanced_accuracy.value > evidence.NOTICEABLE:
        advice.append(f"Add pictures of '{weakest[0].name}', the class that fares worst.")
    if not advice and score.n > score.right.sum():
        advice.append("Look at the most confident mistakes: some may be wrong labels.")
    return advice


def _without_leaks(run: Run, score: Score) -> tuple[Estimate | None, int]:
    """The accuracy on the scored pictures that stand in no other part (None: there are none), and how many do."""
    leaked = {*run.parts.leaked_measured, *score.seen_scored}
    clean = np.array([name not in leaked for name in score.names])
    if not clean.any():
        return None, len(clean)
    return wilson(int(score.right[clean].sum()), int(clean.sum())), int((~clean).sum())


def _rounded(count: int) -> int:
    """To two figures, for numbers that are advice and no measurement."""
    digits = max(0, len(str(count)) - 2)
    return round(count, -digits)
