"""The style of the pages and of figures that stand by themselves."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def style() -> str:
    """The style sheet of a page."""
    return Path(__file__).with_name("style.css").read_text(encoding="utf-8")


def colours() -> str:
    """The part of it that a figure needs: its colours, light and dark, and how its lines are drawn."""
    lines = style().splitlines()
    root = lines[: next(place for place, line in enumerate(lines) if line.startswith("* {"))]
    plot = [line for line in lines if line.startswith(".plot ")]
    return "\n".join([*root, "svg { font-family: system-ui, sans-serif; background: var(--paper); }", *plot])
