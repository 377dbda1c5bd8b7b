"""Pieces of figures in SVG: lines, text, axes and their scales, and the figure around them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from fieldguide.reporting.markup import escape

LEFT, RIGHT, TOP, BOTTOM = 64, 20, 50, 56  # margins of a panel, with room for the type of a narrow screen
HEADING, TICKS, NAME = 18, 22, 6  # baselines: from the top, below the axis, above the lower edge
SHORTEST_AXIS = 0.05  # nats, or share: differences far below it are no news

Point = tuple[float, float]


def text(x: float, y: float, words: str, anchor: str, kind: str = "") -> str:
    """Words at a place; `anchor` is "start", "middle" or "end"."""
    label = f' class="{kind}"' if kind else ""
    return f'<text{label} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def line(kind: str, points: Sequence[Point]) -> str:
    """A polyline; a single point is a dot, which a line would not show."""
    if len(points) == 1:
        return f'<circle class="{kind} dot" cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="3"/>'
    return f'<polyline class="{kind}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'


def lowered(body: str, by: int) -> str:
    """What is drawn, so many pixels further down."""
    return f'<g transform="translate(0 {by})">{body}</g>'


def bar(body: str) -> str:
    """A bar as wide as its place, with what is drawn on it in a frame of 100 by 8."""
    track = '<rect class="track" width="100" height="8"/>'
    return f'<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">{track}{body}</svg>'


def figure(width: int, height: int, title: str, told: str, body: str, kind: str = "panel") -> str:
    """An SVG that speaks: its title and description are its label, so that nothing needs an id."""
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    label = f'role="img" aria-label="{escape(f"{title}. {told}")}"'
    return (
        f'<svg class="plot {kind}" {size} {label}><title>{escape(title)}</title><desc>{escape(told)}</desc>{body}</svg>'
    )


def grid(
    bounds: tuple[float, float],
    ticks: Sequence[float],
    y: Callable[[float], float],
    width: int,
    shown: Callable[[float], str],
) -> str:
    """Horizontal lines with their labels, the lowest as the axis.

    Args:
        bounds: values at the lower and upper end.
        ticks: values to draw a line at.
        y: from a value to its place.
        width: of the whole figure.
        shown: from a value to its label.
    """
    lines = []
    for tick in ticks:
        kind = "axis" if tick == bounds[0] else "rule"
        lines.append(f'<line class="{kind}" x1="{LEFT}" x2="{width - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        lines.append(text(LEFT - 8, y(tick) + 4, shown(tick), "end"))
    return "".join(lines)


def scales(
    across: tuple[float, float], up: tuple[float, float], width: int, height: int
) -> tuple[Callable[[float], float], Callable[[float], float]]:
    """From values to places, for x and for y."""

    def x(value: float) -> float:
        return LEFT + (width - LEFT - RIGHT) * (value - across[0]) / (across[1] - across[0])

    def y(value: float) -> float:
        return height - BOTTOM - (height - TOP - BOTTOM) * (value - up[0]) / (up[1] - up[0])

    return x, y


def step(reach: float) -> float:
    """A round distance between ticks (1, 2 or 5 times a power of ten) that makes four to ten of them."""
    power = 10.0 ** math.floor(math.log10(reach))
    return next(power * factor for factor in (0.1, 0.2, 0.5, 1.0, 2.0) if reach <= 6 * power * factor)


def round_up(reach: float) -> float:
    """The end of an axis from 0 that holds `reach` and ends at a tick."""
    reach = max(reach, SHORTEST_AXIS)
    return step(reach) * math.ceil(reach / step(reach) - 1e-9)


def ticks(low: float, high: float) -> list[float]:
    """The places of ticks from `low` to `high`, both of them ticks."""
    apart = step(high - low)
    return [rounded(low + place * apart) for place in range(round((high - low) / apart) + 1)]


def rounded(value: float) -> float:
    """To four figures: what is left of 0.1 + 0.2 beyond them is no part of a label."""
    return float(f"{value:.4g}")
