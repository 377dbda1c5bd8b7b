"""Precision against recall of one class, as a figure."""

from __future__ import annotations

import numpy as np

from fieldguide.evaluation.tag_metrics import TagClassScore, precision_recall
from fieldguide.reporting import svg
from fieldguide.reporting.markup import percent
from fieldguide.reporting.svg import BOTTOM, LEFT, RIGHT

WIDTH, HEIGHT = 340, 280
MOST_POINTS = 200  # of a curve; more cannot be told apart


def tag_curve(one: TagClassScore, scores: np.ndarray, truth: np.ndarray) -> str:
    """The curve of a class over all thresholds, with a dot where its own stands, and what guessing gives.

    Args:
        one: the class, shown by some picture.
        scores: float (n,), its probabilities.
        truth: bool (n,).
    """
    precision, recall, _ = precision_recall(scores, truth)
    if len(recall) > MOST_POINTS:
        places = np.unique(np.linspace(0, len(recall) - 1, MOST_POINTS).round().astype(np.int64))
        precision, recall = precision[places], recall[places]
    x, y = svg.scales((0.0, 1.0), (0.0, 1.0), WIDTH, HEIGHT)
    ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
    parts = [svg.grid((0.0, 1.0), ticks, y, WIDTH, lambda value: f"{100 * value:.0f}%")]
    parts += [svg.text(x(tick), HEIGHT - BOTTOM + 16, f"{100 * tick:.0f}%", "middle") for tick in ticks]
    parts.append(svg.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, "recall", "middle", "muted"))
    parts.append(svg.text(LEFT - 38, 24, "precision", "start", "muted"))
    guess = one.support / len(truth)
    parts.append(svg.line("guess", [(x(0), y(guess)), (x(1), y(guess))]))
    first = (x(0.0), y(float(precision[0])))
    points = [(x(float(across)), y(float(up))) for across, up in zip(recall, precision, strict=True)]
    parts.append(svg.line("held", [first, *points]))
    told = (
        f"Average precision {one.average_precision.value:.3f}; guessing gives {guess:.3f}. From probability "
        f"{one.threshold:.2f}: recall {percent(one.recall.value)}"
    )
    if one.said:
        told += f", precision {percent(one.precision.value)}"
        place = (x(one.recall.value), y(one.precision.value))
        parts.append(f'<circle class="accent" cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="5"/>')
    return svg.figure(WIDTH, HEIGHT, f"Precision against recall: {one.name}", f"{told}.", "".join(parts), "square")
