"""The loss against the learning rate, as SVG."""

from __future__ import annotations

import math
from pathlib import Path

from fieldguide.files import write_text
from fieldguide.reporting import svg
from fieldguide.reporting.style import colours
from fieldguide.reporting.svg import BOTTOM, TOP
from fieldguide.training.rates import RateSearch

WIDTH, HEIGHT = 560, 300
ROOM_ABOVE = 1.6  # a loss beyond so many times the first one is drawn at the top


def rate_plot(search: RateSearch) -> str:
    """The loss at each rate, on a logarithmic axis, with the rate from which it grows and the suggestion marked."""
    top = svg.round_up(min(max(search.losses), ROOM_ABOVE * search.losses[0]))
    first, last = math.floor(math.log10(search.rates[0])), math.ceil(math.log10(search.rates[-1]))
    x, y = svg.scales((first, last), (0.0, top), WIDTH, HEIGHT)
    parts = [
        svg.grid((0.0, top), svg.ticks(0.0, top), y, WIDTH, lambda value: f"{value:g}"),
        svg.text(0, svg.HEADING, "Loss while the learning rate rises", "start", "heading"),
    ]
    parts += [
        svg.text(x(power), HEIGHT - BOTTOM + svg.TICKS, f"{10.0**power:g}", "middle")
        for power in range(first, last + 1)
    ]
    parts.append(svg.text(WIDTH / 2, HEIGHT - svg.NAME, "learning rate", "middle", "muted"))
    points = [(x(math.log10(rate)), y(min(loss, top))) for rate, loss in zip(search.rates, search.losses, strict=True)]
    parts.append(svg.line("held", points))
    marks = [(search.grown, "grows", "change")] if search.grown <= search.rates[-1] else []
    if search.suggested is not None:
        marks.append((search.suggested, f"{search.suggested:g}", "chosen"))
    for rate, said, kind in marks:
        place = x(math.log10(rate))
        parts.append(f'<line class="{kind}" x1="{place:.1f}" x2="{place:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(svg.text(place, TOP - 6, said, "middle", "strong" if kind == "chosen" else "muted"))
    return svg.figure(WIDTH, HEIGHT, "Loss against the learning rate", str(search), "".join(parts))


def write_rate_plot(search: RateSearch, path: str | Path) -> Path:
    """Writes the plot as an SVG file that stands by itself.

    Raises:
        FileError: it cannot be written.
    """
    drawn = rate_plot(search).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    path = Path(path)
    write_text(path, drawn.replace("<title>", f"<style>{colours()}</style><title>", 1))
    return path
