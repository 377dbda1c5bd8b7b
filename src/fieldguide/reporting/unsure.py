"""The part of a report that shows the pictures which a classifier was least sure of, right or wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from fieldguide.evaluation.explain import Unsure, least_sure, margins
from fieldguide.evaluation.metrics import Score
from fieldguide.intervals import Estimate, wilson
from fieldguide.reporting.card import PREDICTIONS_FILE
from fieldguide.reporting.markup import escape, file_name, interval, name, percent, section
from fieldguide.words import counted

MOST_SHOWN, FEWEST_SHOWN = 10, 4
SHARE = 0.1  # of all pictures that are called the least sure
FEWEST_PICTURES = 100  # of which a tenth is worth a figure


def unsure_of(score: Score, shown: Collection[str]) -> tuple[tuple[Unsure, ...], int]:
    """The pictures that it was least sure of, but for those shown already, and how many of these come in between.

    Args:
        score: with their probabilities.
        shown: names of pictures that are shown elsewhere.
    """
    limit = min(MOST_SHOWN, max(FEWEST_SHOWN, int(SHARE * score.n)))
    ordered = least_sure(score, limit + len(shown))
    places = [place for place, one in enumerate(ordered) if one.name not in shown][:limit]
    return tuple(ordered[place] for place in places), places[-1] + 1 - len(places) if places else 0


def unsure(score: Score, found: Sequence[Unsure], passed: int, urls: Mapping[str, str]) -> str:
    """The pictures with the two classes between which it hung, and how often it is right where it is so unsure.

    Args:
        score: that they are of.
        found: from `unsure_of`, and so is `passed`.
        passed: how many as unsure ones are among the mistakes shown.
        urls: of the pictures, by name.
    """
    if not found:
        return ""
    beside = ""
    if passed:
        beside = f" {counted(passed, 'other')} as close {'is' if passed == 1 else 'are'} among the mistakes above."
    said = (
        f"The {counted(len(found), 'picture')}, of {score.n:,}, whose two most probable classes lie closest together, "
        f"right or wrong, the closest first.{beside}{_worth(score)} All {score.n:,} are in {PREDICTIONS_FILE}: sort it "
        "by its column margin."
    )
    items = []
    for one in found:
        told = f"{one.first} or {one.second}? It is {one.truth}"
        url = urls.get(one.name)
        picture = f'<img src="{url}" alt="{escape(told)}" loading="lazy">' if url else "<p>The file is gone.</p>"
        first, second = f"{name(one.first)} {percent(one.probability)}", f"{name(one.second)} "
        second += percent(one.second_probability)
        right = "right" if one.right else f"wrong: it is <b>{name(one.truth)}</b>"
        items.append(
            f'<li>{picture}{first}<br>{second}<span class="kind">{right}</span>'
            f'<span class="file">{file_name(one.name)}</span></li>'
        )
    return section("unsure", "Where it was least sure", f'<p>{said}</p><ul class="pictures">{"".join(items)}</ul>')


def _worth(score: Score) -> str:
    """How often it is right among the least sure tenth, and among all others."""
    if score.n < FEWEST_PICTURES:
        return ""
    count = int(SHARE * score.n)
    order = np.argsort(margins(score.probabilities), kind="stable")
    low, rest = (wilson(int(score.right[rows].sum()), len(rows)) for rows in (order[:count], order[count:]))
    return (
        f" Of the least sure tenth, {counted(count, 'picture')}, {_figures(low)} were right, of all others "
        f"{_figures(rest)}."
    )


def _figures(estimate: Estimate) -> str:
    return f"{percent(estimate.value)} (95% CI {interval(estimate)})"
