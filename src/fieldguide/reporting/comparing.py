"""Figures of a comparison as SVG, drawn from records without computing anything."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fieldguide.intervals import Estimate
from fieldguide.reporting import svg
from fieldguide.reporting.markup import percent
from fieldguide.reporting.svg import BOTTOM, LEFT, RIGHT

WIDTH, HEIGHT = 520, 340
INSET = 34  # pixels between the edges of the panel and the outermost marks
LABEL_ROOM = 60  # between the labels of two marks, below which the left one is left out


@dataclass(frozen=True)
class Mark:
    """One place of the figure: what was reached there on training and on held-out pictures."""

    x: float
    label: str
    training: Estimate
    held: Estimate


@dataclass(frozen=True)
class Trend:
    """A curve through the held-out accuracies, with its interval, part of it beyond what was measured."""

    xs: tuple[float, ...]
    accuracies: tuple[Estimate, ...]
    measured_to: float


def accuracies(
    marks: Sequence[Mark],
    axis: str,
    *,
    joined: bool = True,
    trend: Trend | None = None,
    guess: float | None = None,
) -> str:
    """Training and held-out accuracy with their intervals, from place to place.

    Args:
        marks: from left to right; their x is drawn on a logarithmic axis if they are joined, else evenly.
        axis: what x is.
        joined: whether lines lead from mark to mark.
        trend: drawn in place of the line through the held-out accuracies.
        guess: the share that always naming the commonest class is right for, drawn as a line across.
    """
    lows = [estimate.low for mark in marks for estimate in (mark.training, mark.held)]
    lows += [guess] if guess is not None else []
    bounds = (max(0.0, 1 - svg.round_up(1 - min(lows))), 1.0)
    _, y = svg.scales((0.0, 1.0), bounds, WIDTH, HEIGHT)
    xs = [mark.x for mark in marks] if joined else [math.exp(place) for place in range(len(marks))]
    x = _across(xs[0], trend.xs[-1] if trend else xs[-1])

    def up(share: float) -> float:
        return y(min(bounds[1], max(bounds[0], share)))

    parts = [svg.grid(bounds, svg.ticks(*bounds), y, WIDTH, lambda value: f"{100 * value:g}%")]
    parts.append(svg.text(0, svg.HEADING, "Accuracy", "start", "heading"))
    parts.append(svg.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - svg.NAME, axis, "middle", "muted"))
    parts += _labels([(x(place), mark.label) for place, mark in zip(xs, marks, strict=True)])
    if guess is not None:
        ends = f'x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(guess):.1f}" y2="{up(guess):.1f}"'
        parts.append(f'<line class="guess" {ends}/>')
    if trend is not None:
        parts += _trend(trend, x, up)
    if joined:
        parts.append(
            svg.line("training", [(x(place), up(m.training.value)) for place, m in zip(xs, marks, strict=True)])
        )
    if joined and trend is None:
        parts.append(svg.line("held", [(x(place), up(mark.held.value)) for place, mark in zip(xs, marks, strict=True)]))
    for place, mark in zip(xs, marks, strict=True):
        aside = 0 if joined else 9
        parts.append(_with_interval("before", x(place) - aside, mark.training, up))
        parts.append(_with_interval("accent", x(place) + aside, mark.held, up))
    told = "; ".join(
        f"{mark.label}: training {percent(mark.training.value)}, held out {percent(mark.held.value)}" for mark in marks
    )
    told += f"; always the commonest class: {percent(guess)}" if guess is not None else ""
    return svg.figure(WIDTH, HEIGHT, f"Accuracy by {axis}", told, "".join(parts))


def _across(first: float, last: float) -> Callable[[float], float]:
    """From a value to its place on a logarithmic axis."""
    left, right = LEFT + INSET, WIDTH - RIGHT - INSET
    reach = math.log(last / first) or 1.0

    def x(value: float) -> float:
        return left + (right - left) * math.log(value / first) / reach

    return x


def _labels(places: Sequence[tuple[float, str]]) -> list[str]:
    """The labels below the axis; of two that would touch the left one is left out."""
    shown: list[str] = []
    edge = math.inf
    for place, label in reversed(places):
        if edge - place >= LABEL_ROOM:
            shown.append(svg.text(place, HEIGHT - BOTTOM + svg.TICKS, label, "middle"))
            edge = place
    return shown[::-1]


def _trend(trend: Trend, x: Callable[[float], float], up: Callable[[float], float]) -> list[str]:
    pairs = list(zip(trend.xs, trend.accuracies, strict=True))
    outline = [(x(place), up(estimate.high)) for place, estimate in pairs]
    outline += [(x(place), up(estimate.low)) for place, estimate in reversed(pairs)]
    points = " ".join(f"{across:.1f},{above:.1f}" for across, above in outline)
    curve = [(place, (x(place), up(estimate.value))) for place, estimate in pairs]
    measured = [point for place, point in curve if place <= trend.measured_to]
    beyond = [point for place, point in curve if place >= trend.measured_to]
    return [
        f'<polygon class="band" fill-opacity="0.45" points="{points}"/>',
        svg.line("held", measured),
        svg.line("ideal", beyond),
    ]


def _with_interval(kind: str, x: float, estimate: Estimate, up: Callable[[float], float]) -> str:
    stroke = "whisker" if kind == "accent" else "axis"
    return (
        f'<line class="{stroke}" x1="{x:.1f}" x2="{x:.1f}" y1="{up(estimate.low):.1f}" y2="{up(estimate.high):.1f}"/>'
        f'<circle class="{kind}" cx="{x:.1f}" cy="{up(estimate.value):.1f}" r="4"/>'
    )
