"""Figures of a report as SVG, drawn from records without computing anything.

They are written directly: text stays text, colours are the page's (light or dark), the same records give the same
bytes, and no plotting library needs to be loaded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fieldguide.intervals import Estimate, wilson
from fieldguide.reporting import svg
from fieldguide.reporting.markup import escape, percent, short
from fieldguide.reporting.svg import BOTTOM, LEFT, RIGHT

HEIGHT = 250
LARGEST_MATRIX = 100  # classes; of more, MATRIX_OF_MANY are drawn
MATRIX_OF_MANY = 40
MOST_NUMBERED = 20
LABEL_LETTERS = 18
SHRINKABLE = 460  # pixels; a matrix no wider stays readable on a phone, a wider one scrolls


def interval_bar(estimate: Estimate, floor: float = 0.0) -> str:
    """A bar as wide as its place: the interval of a share as a band, its value as a stroke.

    Args:
        estimate: of a share.
        floor: the share at the left edge; 1 is at the right edge.
    """
    if math.isnan(estimate.value):
        return ""

    def x(share: float) -> float:
        return 100 * min(1.0, max(0.0, (share - floor) / (1 - floor)))

    low, high = x(estimate.low), x(estimate.high)
    stroke = min(99.0, max(0.0, x(estimate.value) - 0.5))
    return svg.bar(
        f'<rect class="band" x="{low:.2f}" width="{max(0.6, high - low):.2f}" height="8"/>'
        f'<rect class="accent" x="{stroke:.2f}" width="1" height="8"/>'
    )


def share_bar(share: float) -> str:
    """A bar as wide as its place, filled to `share`."""
    return svg.bar(f'<rect class="accent" width="{100 * min(1.0, max(0.0, share)):.2f}" height="8"/>')


def key(kind: str) -> str:
    """A sample of a line or dot for a legend.

    Args:
        kind: "training", "held", "ideal" or "guess" (lines), "change" (an upright one), "accent" or "before" (dots).
    """
    if kind in {"accent", "before"}:
        drawn = f'<circle class="{kind}" cx="15" cy="6" r="4"/>'
    elif kind == "change":
        drawn = f'<line class="{kind}" x1="15" x2="15" y1="0" y2="12"/>'
    else:
        drawn = svg.line(kind, [(1, 6), (29, 6)])
    return f'<svg class="plot" viewBox="0 0 30 12" aria-hidden="true">{drawn}</svg>'


def reliability(bins: np.ndarray, bins_before: np.ndarray) -> str:
    """Stated probability against the share that was right, with and without the temperature, and the ideal diagonal.

    Args:
        bins: float64 (bins, 3) from `reliability_bins`.
        bins_before: the same without the temperature.
    """
    lows = [wilson(round(observed * held), round(held)).low for _, observed, held in bins]
    figures = np.concatenate([bins[:, :2].ravel(), bins_before[:, :2].ravel(), lows, [0.9]])
    bounds = (max(0.0, math.floor(10 * figures.min()) / 10), 1.0)
    side = HEIGHT + 50
    x, y = svg.scales(bounds, bounds, side, side)
    ticks = svg.ticks(*bounds)
    parts = [svg.grid(bounds, ticks, y, side, lambda value: f"{100 * value:.0f}%")]
    parts += [svg.text(x(tick), side - BOTTOM + 16, f"{100 * tick:.0f}%", "middle") for tick in ticks]
    parts.append(svg.text((LEFT + side - RIGHT) / 2, side - 8, "stated probability", "middle", "muted"))
    parts.append(svg.text(LEFT - 38, 14, "share that was right", "start", "muted"))
    parts.append(svg.line("ideal", [(x(bounds[0]), y(bounds[0])), (x(1), y(1))]))
    for stated, observed, _ in bins_before:
        parts.append(f'<circle class="before" cx="{x(stated):.1f}" cy="{y(observed):.1f}" r="3.5"/>')
    for stated, observed, held in bins:
        known = wilson(round(observed * held), round(held))
        parts.append(
            f'<line class="whisker" x1="{x(stated):.1f}" x2="{x(stated):.1f}" '
            f'y1="{y(max(bounds[0], known.low)):.1f}" y2="{y(known.high):.1f}"/>'
            f'<circle class="accent" cx="{x(stated):.1f}" cy="{y(observed):.1f}" r="3.5"/>'
        )
    told = "; ".join(f"stated {percent(stated)}, right {percent(observed)}" for stated, observed, _ in bins)
    return svg.figure(side, side, "Stated and observed accuracy", told, "".join(parts), "square")


def matrix(confusion: np.ndarray, class_names: Sequence[str]) -> str:
    """The confusion matrix: rows are the truth, columns what was predicted, shades the share of the row.

    Args:
        confusion: int (k, k), k at most LARGEST_MATRIX; see `matrix_classes`.
        class_names: k of them.
    """
    k = len(class_names)
    wide, high = _cell(k)
    letters = min(LABEL_LETTERS, max(len(label) for label in class_names))
    type_size = min(13.0, max(7.0, high - 3.5))
    left = 24 + letters * type_size * 0.58
    top = 44.0 if k <= 3 else 30 + letters * type_size * 0.52
    across = wide / type_size * 1.6 if k <= 3 else LABEL_LETTERS
    parts = [
        svg.text(left, 14, "taken for", "start", "muted"),
        svg.text(0, top - 8, "truth", "start", "muted") if k <= 3 else "",
    ]
    sums = np.maximum(confusion.sum(axis=1), 1)
    for place, label in enumerate(class_names):
        middle = left + (place + 0.5) * wide
        row = top + (place + 0.5) * high + type_size * 0.35
        style = f'font-size="{type_size:.1f}"'
        parts.append(f'<text x="{left - 8:.1f}" y="{row:.1f}" text-anchor="end" {style}>{short(label, letters)}</text>')
        turned = f'text-anchor="middle" x="{middle:.1f}" y="{top - 8:.1f}"'
        if k > 3:
            turned = f'transform="translate({middle + type_size * 0.3:.1f} {top - 6:.1f}) rotate(-60)"'
        parts.append(f"<text {turned} {style}>{short(label, int(across))}</text>")
    for truth, other in np.argwhere(confusion > 0).tolist():
        number = int(confusion[truth, other])
        share = number / sums[truth]
        # Shades stay pale enough for the numbers on them to be read.
        opacity = (0.1 + 0.4 * share) if k <= MOST_NUMBERED else 0.15 + 0.85 * math.sqrt(share)
        corner = f'x="{left + other * wide + 0.5:.1f}" y="{top + truth * high + 0.5:.1f}"'
        kind = "accent" if truth == other else "ink"
        told = f"{class_names[truth]}, taken for {class_names[other]}: {number:,} of {sums[truth]:,}"
        parts.append(
            f'<rect class="{kind}" {corner} width="{wide - 1}" height="{high - 1}" fill-opacity="{opacity:.2f}">'
            f"<title>{escape(told)}</title></rect>"
        )
        if k <= MOST_NUMBERED:
            middle, row = left + (other + 0.5) * wide, top + (truth + 0.5) * high + 4.5
            parts.append(f'<text class="on" x="{middle:.1f}" y="{row:.1f}" text-anchor="middle">{number:,}</text>')
    edge_x, edge_y = left + k * wide, top + k * high
    parts.append(f'<rect class="frame" x="{left:.1f}" y="{top:.1f}" width="{k * wide}" height="{k * high}"/>')
    right = sum(int(confusion[place, place]) for place in range(k))
    told = f"{right:,} of {int(confusion.sum()):,} pictures on the diagonal, which is where they belong."
    slant = 0.0 if k <= 3 else letters * type_size * 0.32  # of the last turned label
    width, height = math.ceil(edge_x + slant) + 4, math.ceil(edge_y) + 4
    return svg.figure(
        width, height, "Confusion matrix", told, "".join(parts), "matrix" if width > SHRINKABLE else "matrix small"
    )


def matrix_classes(confusion: np.ndarray) -> np.ndarray:
    """Which classes to draw: all, or where that would not be readable those with the most mistakes; int64, sorted."""
    if len(confusion) <= LARGEST_MATRIX:
        return np.arange(len(confusion))
    mistakes = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-(mistakes.sum(axis=0) + mistakes.sum(axis=1)), kind="stable")
    return np.sort(order[:MATRIX_OF_MANY])


def _cell(k: int) -> tuple[int, int]:
    """Width and height of a matrix cell."""
    if k <= 3:
        return 104, 52
    sides = ((8, 44), (12, 36), (MOST_NUMBERED, 30), (50, 14), (LARGEST_MATRIX, 10))
    side = next(side for most, side in sides if k <= most)
    return side, side
