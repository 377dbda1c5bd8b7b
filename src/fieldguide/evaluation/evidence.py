"""What speaks for and against overfitting, and what else a score shows: a sentence for each, or none."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fieldguide.evaluation.explain import most_confused
from fieldguide.evaluation.metrics import Score, weakest_classes
from fieldguide.intervals import Estimate
from fieldguide.words import counted

if TYPE_CHECKING:
    from fieldguide.data.split import Parts
    from fieldguide.training.record import Epoch

WIDE = 0.10  # an interval this wide leaves much open
NOTICEABLE = 0.02  # between accuracy and balanced accuracy, or stated and observed
FEW_IN_A_CLASS = 10
PHASES = {"head": "the head's training", "fine-tune": "fine-tuning"}
RISEN, RISEN_BY = 1.05, 0.01  # a loss that has grown by 5%, and by 0.01 nats, has risen


def on_the_gap(trained: Estimate, unseen: Estimate, gap: Estimate, overfits: str) -> str:
    """How accurate it is on pictures it learnt from and on unseen ones, and what can be said of the gap."""
    return _on_the_gap(
        f"It recognises {percent(trained)} of the {trained.n:,} pictures it learnt from and {percent(unseen)} of "
        f"{counted(unseen.n, 'picture')} it has not seen",
        gap,
        overfits,
    )


def on_the_gap_of_folds(trained: Estimate, unseen: Estimate, gap: Estimate, overfits: str) -> str:
    """The same of the models of a cross-validation, on the pictures they learnt from and on those of their folds."""
    return _on_the_gap(
        f"The models of the folds recognise {percent(trained)} of the pictures they learnt from, on average, and "
        f"{percent(unseen)} of all {unseen.n:,}, each by the model that had not seen it",
        gap,
        overfits,
    )


def _on_the_gap(pair: str, gap: Estimate, overfits: str) -> str:
    """What can be said of the gap between these two."""
    between = interval(gap)
    if gap.low > 0 and overfits != "cannot tell":
        small = ", too small to matter" if overfits == "no" else ""
        return f"{pair}: a gap of {points(gap.value)} ({between}){small}."
    if overfits == "cannot tell":
        if gap.low > 0:
            return (
                f"{pair}: a gap of {points(gap.value)}, which may be chance (Fisher's exact test): with this few "
                "pictures neither overfitting nor its absence can be shown."
            )
        return (
            f"{pair}. The gap may be anything from {100 * gap.low:.1f} to {100 * gap.high:.1f} points (95% CI): with "
            "this few pictures neither overfitting nor its absence can be shown."
        )
    return f"{pair}: no gap can be shown ({points(gap.value)}, {between})."


def on_both_gaps(
    trained: Estimate, unseen: Estimate, gap: Estimate, measured: str, watched: str, *, mirrored: bool
) -> str:
    """The gap of a classifier from scratch as it was kept, and which pictures its curves and their gap are of.

    Args:
        trained: its accuracy on the pictures it learnt from.
        unseen: on those that measure.
        gap: between the two.
        measured: those that measure, in words.
        watched: likewise those that were looked at after each epoch; "" where they are the same ones.
        mirrored: whether it looks at mirror images too.
    """
    without = ", without their mirror images" if mirrored else ""
    return (
        f"The classifier that was kept recognises {percent(trained)} of the {trained.n:,} pictures it learnt from and "
        f"{percent(unseen)} of {unseen.n:,} {measured}, which chose nothing: a gap of "
        f"{points(gap.value)} ({interval(gap)}). "
        f"The curves, and the gap over the last epochs, are of {watched or 'the same pictures'}{without}."
    )


def on_leaks(parts: Parts, score: Score, unseen: Estimate | None = None, leaked: int = 0) -> str:
    """How many pictures of the measuring part stand in another part too, and were left out or flatter the figures.

    Args:
        parts: of the run.
        score: on pictures of the measuring part.
        unseen: the accuracy on those scored that stand in no other part; needed where some do.
        leaked: how many of those scored stand in another part.
    """
    lines = []
    there = [name for name in score.seen if name in set(parts.leaked_measured)]
    if there:
        was, stands = ("was", "it stands") if len(there) == 1 else ("were", "they stand")
        lines.append(
            f"{counted(len(there), f'{score.part} picture')} {was} left out of every figure, since {stands} in another "
            f"part too ({_where(parts, there)})."
        )
    if others := len(score.seen) - len(there):
        was = "was" if others == 1 else "were"
        lines.append(f"{counted(others, 'picture')} {was} left out, since it learnt from or was chosen by them.")
    if unseen is not None and leaked:
        stand = "stands" if leaked == 1 else "stand"
        lines.append(
            f"{leaked:,} of the {counted(score.n, 'picture')} measured {stand} in another part too "
            f"({where_leaked(parts, score)}), which flatters the accuracy: without them it is {unseen.percent}."
        )
    return " ".join(lines)


def where_leaked(parts: Parts, score: Score) -> str:
    """How many of the scored pictures stand in which other part too; empty if none does."""
    return _where(parts, score.names, known=score.seen_scored)


def _where(parts: Parts, names: Collection[str], known: Collection[str] = ()) -> str:
    """How many of these measured pictures stand in which other part; `known` ones were learnt from, leak or not."""
    held = {leak.other: leak.part for leak in parts.leaks if leak.other_part == parts.measured}
    found = [held[name] for name in names if name in held]
    found += ["known" for name in known if name not in held]
    named = (
        ("train", "the training pictures"),
        ("validation", "those that made choices"),
        ("known", "those that it learnt from or was chosen by"),
    )
    return ", ".join(f"{found.count(part):,} among {pictures}" for part, pictures in named if part in found)


def on_chance(score: Score) -> str:
    """That it is not shown to be better than always answering the commonest class, where that is so."""
    largest = max(score.classes, key=lambda one: one.support)
    share = largest.support / score.n
    if score.accuracy.low > share:
        return ""
    return (
        f"Always answering '{largest.name}' would be right for {100 * share:.1f}% of these {score.n:,} pictures: "
        "that it is better than this is not shown."
    )


# Where each class counts alike the curves, in which each picture does, do not show what was looked at.
ON_ANOTHER_LOSS = (
    "The epoch that was kept has the lowest held-out loss with every class counted alike; in the curves every picture "
    "counts alike, so that it need not lie where the drawn loss is lowest."
)


def on_the_curves(epochs: Sequence[Epoch]) -> str:
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


def on_the_number_of_pictures(score: Score) -> str:
    """That the accuracy is known roughly only, where its interval is wide."""
    low, high = score.accuracy.low, score.accuracy.high
    if high - low < WIDE:
        return ""
    return (
        f"With {counted(score.n, 'picture')} the accuracy is known roughly only: it may be {100 * low:.0f}% or "
        f"{100 * high:.0f}%."
    )


def on_balance(score: Score) -> str:
    """Whether rare classes fare worse, and which classes were measured on too few pictures or on none."""
    missing = [one.name for one in score.classes if not one.support]
    few = [one for one in score.classes if 0 < one.support < FEW_IN_A_CLASS]
    lines = []
    weakest = weakest_classes(score, 1)
    if weakest and score.accuracy.value - score.balanced_accuracy.value > NOTICEABLE:
        one = weakest[0]
        lines.append(
            f"Counting every class alike, the accuracy is {score.balanced_accuracy.percent}, less than the "
            f"{percent(score.accuracy)} over all pictures: rare classes fare worse, '{one.name}' worst with "
            f"{one.recall.percent} of {one.support:,}."
        )
    if few:
        lines.append(
            f"{counted(len(few), 'class', 'classes')} of {len(score.classes)} with fewer than {FEW_IN_A_CLASS} "
            f"pictures here (such as '{few[0].name}' with {few[0].support}) cannot be judged one by one."
        )
    if missing:
        lines.append(
            f"{counted(len(missing), 'class', 'classes')} without a picture here, such as '{missing[0]}': not measured."
        )
    return " ".join(lines)


def on_confusion(score: Score) -> str:
    """The pairs of classes most often confused, where a pair was confused more than once."""
    pairs = [pair for pair in most_confused(score, 3) if pair.count > 1]
    if not pairs:
        return ""
    return "Most often confused: " + "; ".join(str(pair) for pair in pairs) + "."


def on_calibration(score: Score) -> str:
    """Compares the mean stated probability with the interval of the accuracy."""
    stated = float(score.probabilities.max(axis=1).mean())
    right = score.accuracy
    who, states, is_ = ("The models", "state", "are") if score.folds else ("It", "states", "is")
    it, its, says = ("they", "their", "say") if score.folds else ("it", "its", "says")
    said = f"{who} {states} {100 * stated:.1f}% on average and {is_} right for {right.percent}"
    if stated > right.high and stated - right.value > NOTICEABLE:
        return f"{said}: {it} {is_} surer than {it} should be."
    if stated < right.low and right.value - stated > NOTICEABLE:
        return f"{said}: {it} {is_} better than {it} {says}."
    if right.high - right.low >= WIDE:
        few = f"{counted(score.n, 'picture')} are too few to tell"
        return f"{said}: {few} whether {its} percentages can be taken at their word."
    return f"{said}, n={score.n:,}: {its} percentages can be taken at their word on average."


def percent(estimate: Estimate) -> str:
    """The value of a share: '98.4%'."""
    return f"{100 * estimate.value:.1f}%"


def points(gap: float) -> str:
    """A difference of shares in percentage points: '1.6 points'."""
    return f"{round(100 * gap, 1) + 0.0:.1f} points"  # + 0.0 makes -0.0 a plain zero


def interval(gap: Estimate) -> str:
    """The interval of a difference of shares: '95% CI 0.2 to 3.1 points'."""
    return f"95% CI {100 * gap.low:.1f} to {100 * gap.high:.1f} points"
