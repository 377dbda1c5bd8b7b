"""What a comparison shows, in sentences; nothing is said that its intervals do not say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fieldguide.comparison.curve import Curve, usual_step
from fieldguide.comparison.guess import Guess
from fieldguide.comparison.phrases import in_points, listed, within
from fieldguide.comparison.point import Point
from fieldguide.comparison.spread import FEWEST_RUNS
from fieldguide.intervals import Estimate

OVERFITS = 0.02  # a gap that is larger than this beyond chance
HARDLY = 0.005  # a rise of the accuracy that is smaller than this is hardly one
TELLS = 3.0  # an interval that is wider than so many times its value tells nothing


@dataclass(frozen=True)
class Finding:
    """What was found: in a line, and in sentences with the figures they rest on."""

    headline: str
    sentences: tuple[str, ...]
    # The point to take: of those shown to be better than naming the commonest class the first that no other is ahead of
    # beyond chance; of recipes as alike, by the gap. None where none is shown to be better.
    choice: str | None
    better: tuple[str, ...]  # shown to be better than naming the commonest class; of numbers of pictures the largest


def finding(kind: str, points: Sequence[Point], curve: Curve | None, guess: Guess) -> Finding:
    """What a comparison shows.

    Args:
        kind: "complexity", "data_size" or "recipes".
        points: in order; of recipes plain, augmentation, dropout, both.
        curve: of "data_size".
        guess: what naming the commonest class would reach.
    """
    if curve is not None:
        found = _on_pictures(points, curve, guess)
    else:
        found = _on_complexity(points, guess) if kind == "complexity" else _on_recipes(points, guess)
    alone = _on_seeds(len(points[0].results), forecast=curve is not None)
    return replace(found, sentences=(*found.sentences, alone)) if alone else found


def _on_seeds(runs: int, *, forecast: bool) -> str:
    """What the intervals leave out where the runs are too few to tell of other seeds."""
    if runs >= FEWEST_RUNS:
        return ""
    unsaid = "how far another seed would come out otherwise, no interval here says"
    if runs == 1:
        return f"There is one run of each: {unsaid}."
    if forecast:  # that is drawn from how far the runs of all sizes together lie apart
        unsaid += " but those of more pictures"
    return f"Two runs of each are too few for an interval over other seeds: {unsaid}; {FEWEST_RUNS} or more tell."


def _on_complexity(points: Sequence[Point], guess: Guess) -> Finding:
    better = guess.beaten_by(points)
    if not better:
        headline, lines = guess.on_none(points)
        return Finding(headline, (*lines, *_on_gaps(points)), None, ())
    best, behind = _behind(points, better)
    take = next(point for point in better if point is best or behind[point.name].low <= 0)
    place = points.index(take)
    larger = [point for point in points[place + 1 :] if point is not best]
    worse = [point for point in larger if behind[point.name].low > 0]
    alike = [point for point in points[place + 1 :] if point not in worse]
    named_better = tuple(point.name for point in better)
    named = f"{take.name} ({take.x:,.0f} parameters)"
    if not any(behind[point.name].low > 0 for point in points if point is not best):
        headline = "No size is better than another beyond chance"
        shares = [point.accuracy.value for point in points]
        lines = [
            f"{headline}: held-out accuracy lies between {100 * min(shares):.1f}% and {100 * max(shares):.1f}%.",
            guess.on(points),
            f"Take {named}, which costs least{'' if take is points[0] else ' of the others'}: {take.accuracy.percent}.",
        ]
        return Finding(headline, (*lines, *_on_gaps(points)), take.name, named_better)
    higher = max(points, key=lambda point: point.accuracy.value)
    among = "" if higher is best else " of those shown to be better than a guess"
    if take is best:
        headline = f"{take.name.capitalize()} is best{among}"
        lines = [f"{named} is best{among}: {take.accuracy.percent} of the held-out pictures right."]
    else:
        headline = f"{take.name.capitalize()} is as good as any larger one{among}"
        ahead = f"{best.name} is ahead by {in_points(behind[take.name])}, which may be chance"
        lines = [f"{named} is enough: {take.accuracy.percent} of the held-out pictures right; {ahead}."]
    if higher is not best:
        lines.append(
            f"{higher.name} has a higher mean, {higher.accuracy.percent}, but is not shown to be better than a guess."
        )
    smaller = [point for point in points[:place] if point is not best and behind[point.name].low > 0]
    lines += [f"{point.name} is behind {best.name} by {in_points(behind[point.name])}." for point in smaller]
    for point in worse:
        harm = ": there more parameters harm" if point.x > best.x else ""
        lines.append(f"{point.name} is behind {best.name} by {in_points(behind[point.name])}{harm}.")
    if alike:
        lines.append(f"Beyond {take.name} more parameters show no gain: {listed([point.name for point in alike])}.")
    if take is points[-1]:
        lines.append("It is the largest of these: a larger one may do better still.")
    lines.append(guess.on(points))
    return Finding(headline, (*lines, *_on_gaps(points)), take.name, named_better)


def _behind(points: Sequence[Point], better: Sequence[Point]) -> tuple[Point, dict[str, Estimate]]:
    """The best of those shown to be better than a guess, and how far each other point is behind it, by name."""
    best = max(better, key=lambda point: point.accuracy.value)
    pairs = _pairs(points)
    return best, {point.name: best.gain_over(point, pairs=pairs) for point in points if point is not best}


def _pairs(points: Sequence[Point]) -> int:
    """How many differences there are between points: all of them are looked at, whichever are then spoken of."""
    return len(points) * (len(points) - 1) // 2


def _on_gaps(points: Sequence[Point]) -> list[str]:
    """Whether the largest network learns more by heart than the smallest."""
    first, last = points[0], points[-1]
    change = last.gap_over(first)
    if change.low > 0:
        ends = f"from {100 * first.gap.value:.1f} to {100 * last.gap.value:.1f} points"
        return [
            f"The gap between training and held-out accuracy grows {ends} from {first.name} to {last.name}, by "
            + in_points(change)
            + "."
        ]
    return [
        f"The gap between training and held-out accuracy does not grow beyond chance from {first.name} to {last.name}."
    ]


def _on_recipes(points: Sequence[Point], guess: Guess) -> Finding:
    plain, *others = points
    pairs = _pairs(points)
    changes = {point.name: plain.gap_over(point, pairs=pairs) for point in others}
    gains = {point.name: point.gain_over(plain, pairs=pairs) for point in others}
    lines = [_on_plain(plain)]
    curing = [point for point in others if changes[point.name].low > 0]
    harmless = [point for point in curing if gains[point.name].high >= 0]
    lines += [_on_cure(point, plain, changes[point.name], gains[point.name]) for point in others]
    if not curing:
        headline = _on_no_cure(others, gains)
    else:
        best = min(harmless or curing, key=lambda point: point.gap.value)
        headline = f"{_spoken(best)} {_takes(best)} {100 * changes[best.name].value:.1f} points off the gap"
        headline += "" if harmless else f", and {_lowers(best)} held-out accuracy"
        apart = [point for point in curing if point is not best and point.gap_over(best, pairs=pairs).low <= 0]
        if apart and best is min(curing, key=lambda point: point.gap.value):
            smallest = "Both together leave" if best.name == "both" else f"{_spoken(best)} leaves"
            as_small = listed([point.name for point in apart])
            lines.append(f"{smallest} the smallest gap, but not beyond chance: {as_small} may leave as small a one.")
    better = guess.beaten_by(points)
    if not better:
        headline, first = guess.on_none(points)
        return Finding(headline, (*first, *lines), None, ())
    take = _recipe_to_take(points, better)
    among = "" if len(better) == len(points) else " of these"
    lines.append(guess.on(points))
    lines.append(
        f"Take {take.name}: no other{among} does better beyond chance, in held-out accuracy or else in the gap."
    )
    return Finding(headline, tuple(lines), take.name, tuple(point.name for point in better))


def _recipe_to_take(points: Sequence[Point], better: Sequence[Point]) -> Point:
    """Of the better ones that none is ahead of beyond chance, the first whose gap is not above another's so."""
    pairs = _pairs(points)
    good = [
        point
        for point in better
        if not any(other.gain_over(point, pairs=pairs).low > 0 for other in better if other is not point)
    ]
    return next(
        point
        for point in good
        if not any(point.gap_over(other, pairs=pairs).low > 0 for other in good if other is not point)
    )


def _on_plain(plain: Point) -> str:
    shares = (
        f"{100 * plain.train_accuracy.value:.1f}% of the training pictures right and "
        f"{100 * plain.accuracy.value:.1f}% of the held-out ones, a gap of {in_points(plain.gap)}"
    )
    if plain.gap.low > OVERFITS:
        return f"Plain, the network overfits: {shares}."
    return f"Plain, the network does not overfit beyond chance: {shares}."


def _on_no_cure(others: Sequence[Point], gains: Mapping[str, Estimate]) -> str:
    """In a line, where nothing lessens the gap beyond chance."""
    worst = min(others, key=lambda point: gains[point.name].high)
    if gains[worst.name].high < 0:
        return f"{_spoken(worst)} {_lowers(worst)} held-out accuracy by {-100 * gains[worst.name].value:.1f} points"
    return "Neither augmentation nor dropout lessens the gap beyond chance"


def _on_cure(point: Point, plain: Point, change: Estimate, gain: Estimate) -> str:
    """What augmentation, dropout or both change, beside plain."""
    both = point.name == "both"
    if change.low > 0:
        first = f"{_spoken(point)} {_takes(point)} {in_points(change)} off the gap"
    elif change.high < 0:
        first = f"{_spoken(point)} {'make' if both else 'makes'} the gap larger by {in_points(_turned(change))}"
    else:
        verb = "are" if both else "is"
        first = f"{_spoken(point)} {verb} not shown to change the gap ({within(_turned(change))})"
    if gain.low > 0:
        return f"{first}, and held-out accuracy rises by {in_points(gain)}."
    if gain.high < 0:
        learnt = point.train_accuracy.value > plain.train_accuracy.value - OVERFITS
        why = "training pictures are learnt as well as before" if learnt else "too much of it, or too few epochs"
        return f"{first}, and held-out accuracy falls by {in_points(_turned(gain))}: {why}."
    held = f"held-out accuracy is not shown to change ({within(gain)})"
    if change.low > 0:
        return f"{first}, but {held}: less is learnt by heart, no more of the classes."
    return f"{first}; {held}."


def _turned(difference: Estimate) -> Estimate:
    """The same difference the other way round."""
    return Estimate(-difference.value, -difference.high, -difference.low, difference.n)


def _spoken(point: Point) -> str:
    return "Both together" if point.name == "both" else point.name.capitalize()


def _takes(point: Point) -> str:
    return "take" if point.name == "both" else "takes"


def _lowers(point: Point) -> str:
    return "lower" if point.name == "both" else "lowers"


def _on_pictures(points: Sequence[Point], curve: Curve, guess: Guess) -> Finding:
    first, last = points[0], points[-1]
    headline, lines = _on_what_is_left(last, curve)
    rise = last.gain_over(first)
    ends = f"from {100 * first.accuracy.value:.1f}% to {100 * last.accuracy.value:.1f}%"
    told = f"From {first.x:,.0f} to {last.x:,.0f} training pictures held-out accuracy"
    if rise.low > 0 or rise.high < 0:
        lines.append(f"{told} {'rose' if rise.low > 0 else 'fell'} {ends}, by {in_points(rise)}.")
    else:
        lines.append(f"{told} is not shown to change ({ends}: {within(rise)}).")
    if not guess.beaten_by([last]):
        headline, before = guess.on_none([last])
        return Finding(headline, (*before, *lines), None, ())
    return Finding(headline, (*lines, guess.on([last])), last.name, (last.name,))


def _on_what_is_left(last: Point, curve: Curve) -> tuple[str, list[str]]:
    """What more pictures would bring, in short and in sentences."""
    n = last.accuracy.n
    if (1 - last.accuracy.value) * n < 1:  # whatever a curve says of it, it could not have been seen
        headline = f"All {n:,} held-out pictures are right already"
        return headline, [f"{headline}: whether more to learn from would help, only more to measure on could show."]
    step = usual_step(curve.largest)
    headline, told = _on_more(f"{step:,} more pictures", curve.gain(step))
    twice = curve.gain(curve.largest)
    if twice is None or step == curve.largest:
        return headline, [told]
    return headline, [told, _on_more(f"Twice as many ({2 * curve.largest:,})", twice)[1]]


def _on_more(what: str, gain: Estimate | None) -> tuple[str, str]:
    """What more pictures would bring, in short and with its interval."""
    if gain is None:
        cannot = f"{what}: what they would bring cannot be told"
        return cannot, f"{cannot} from one run of each size: give more seeds."
    if gain.high < HARDLY:
        hardly = f"{what} would hardly help"
        return hardly, f"{hardly}: about +{in_points(gain)}."
    if gain.high - gain.low > TELLS * gain.value or gain.low < gain.value / 10:
        cannot = f"{what}: what they would bring cannot be told"
        return cannot, f"{cannot}, anything from +{100 * gain.low:.1f} to +{100 * gain.high:.1f} points (95% CI)."
    about = f"{what}: about +{100 * gain.value:.1f} points"
    return about, f"{about} (95% CI {100 * gain.low:.1f} to {100 * gain.high:.1f})."
