"""Draws the curves of docs/verdicts.md in docs/images/verdicts from the runs in tests/evaluation/runs.

python scripts/make_verdict_images.py
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from fieldguide.evaluation.case import Case
from fieldguide.evaluation.signs import Signs, smoothed
from fieldguide.reporting import svg
from fieldguide.reporting.svg import BOTTOM, LEFT, RIGHT, TOP

REPOSITORY = Path(__file__).resolve().parent.parent
RUNS = REPOSITORY / "tests" / "evaluation" / "runs"
IMAGES = REPOSITORY / "docs" / "images" / "verdicts"
WIDTH, HEIGHT = 398, 258  # of a panel
HIGHEST_LOSS = 2.5  # times a blind guess's: what lies above is cut off

# The run that each section shows.
SHOWN = {
    "overfitting": "bare-cats-1",
    "good-fit": "well-green-1",
    "underfitting": "weak-trash-1",
    "unstable": "unsteady-trash-1",
    "rate-too-high": "diverging-rps-1",
    "rate-too-low": "slow-horses-1",
    "unfinished": "brief-trash-1",
    "few-held-out": "tiny-cats-1",
    "leak": "leaked-cats-1",
    "labels": "shuffled-cats-1",
    "part-of-the-labels": "mislabelled-horses-1",
    "collapsed": "rare-cats-1",
    "augmentation": "cruel-rps-1",
}
STYLE = """
text{font:12px system-ui,sans-serif;fill:#444}.rule{stroke:#ccc}.axis{stroke:#888}
.training,.held,.fitted,.blind{fill:none;stroke-width:2}.training{stroke:#777}.held{stroke:#b4530a}
.fitted{stroke:#777;stroke-width:1.5;stroke-dasharray:2 4}.blind{stroke:#999;stroke-width:1;stroke-dasharray:6 4}
.raw{opacity:.35;stroke-width:1}.dot.training{fill:#777}.dot.held{fill:#b4530a}.dot.fitted{fill:#777}
@media(prefers-color-scheme:dark){text{fill:#ccc}.rule{stroke:#444}.axis{stroke:#888}.training,.fitted{stroke:#aaa}
.held{stroke:#f0a35e}}
""".replace("\n", "")


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, run in SHOWN.items():
        (IMAGES / f"{name}.svg").write_text(drawn(signs_of(run)), encoding="utf-8")


def signs_of(run: str) -> Signs:
    """The signs of a kept run."""
    kept = json.loads((RUNS / f"{run}.json").read_text(encoding="utf-8"))
    return Signs(Case.from_dict(kept["case"]))


def drawn(signs: Signs) -> str:
    """Loss and accuracy side by side as one SVG file."""
    highest = svg.round_up(min(HIGHEST_LOSS * signs.blind, largest(signs)))
    loss = panel(signs, "loss", (0.0, highest), signs.blind, lambda value: f"{value:g}")
    accuracy = panel(signs, "accuracy", (0.0, 1.0), signs.majority, lambda value: f"{100 * value:.0f}%")
    legend = [("training", "training"), ("held", "held out"), ("blind", "blind guess")]
    if np.isfinite(signs.column("fitted_loss")).any():
        legend.append(("fitted", "as the fit saw it"))
    keys = "".join(
        svg.line(kind, [(LEFT + 150 * place, HEIGHT - 14), (LEFT + 150 * place + 26, HEIGHT - 14)])
        + svg.text(LEFT + 150 * place + 32, HEIGHT - 10, words, "start")
        for place, (kind, words) in enumerate(legend)
    )
    size = f'viewBox="0 0 {2 * WIDTH} {HEIGHT}" width="{2 * WIDTH}" height="{HEIGHT}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{STYLE}</style>{loss}'
        f'<g transform="translate({WIDTH} 0)">{accuracy}</g>{keys}</svg>\n'
    )


def largest(signs: Signs) -> float:
    """The largest loss that is a number."""
    values = np.concatenate([signs.loss, signs.val_loss, [signs.blind]])
    return float(values[np.isfinite(values)].max())


def panel(signs: Signs, name: str, bounds: tuple[float, float], blind: float, shown: Callable[[float], str]) -> str:
    """The curves of a field: training, held out, what the fit saw, and a blind guess."""
    x, y = svg.scales((1, max(2, signs.count)), bounds, WIDTH, HEIGHT)

    def points(values: Sequence[float] | np.ndarray) -> list[svg.Point]:
        numbered = [(number, value) for number, value in enumerate(values, start=1) if math.isfinite(value)]
        return [(x(number), y(min(value, bounds[1]))) for number, value in numbered]

    parts = [svg.grid(bounds, svg.ticks(*bounds), y, WIDTH, shown)]
    ends = sorted({1, signs.count})
    parts += [svg.text(x(number), HEIGHT - BOTTOM + 16, str(number), "middle") for number in ends]
    parts.append(svg.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 16, "epoch", "middle"))
    parts.append(svg.text(LEFT, TOP - 14, name, "start"))
    parts.append(svg.line("blind", [(x(1), y(blind)), (x(max(2, signs.count)), y(blind))]))
    curves = [(f"fitted_{name}", "fitted"), (name, "training"), (f"val_{name}", "held")]
    for column, kind in curves:
        values = signs.column(column)
        if np.isfinite(values).any():
            smooth = values if kind == "fitted" else smoothed(values)
            parts.append(svg.line(kind, points(smooth)))
            if kind != "fitted":
                parts.append(svg.line(f"{kind} raw", points(values)))
    return "".join(parts)


if __name__ == "__main__":
    main()
