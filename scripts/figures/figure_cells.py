"""Rows of results, and what tables write of them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

Row = dict[str, str]


def read(results: Path, name: str) -> list[Row]:
    """The rows of a result; none where it was not measured."""
    path = results / f"{name}.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def section(title: str, text: str, head: Sequence[str], lines: Sequence[Sequence[str]], machine: Row) -> str:
    """A heading, a sentence with the hardware, and a table."""
    table = [head, ["---"] + ["---:" for _ in head[1:]], *lines]
    body = "\n".join("| " + " | ".join(cells) + " |" for cells in table)
    return f"### {title}\n\n{text} On {where(machine)}.\n\n{body}\n"


def where(machine: Row) -> str:
    return f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}; {machine['versions']}"


def against(row: Row | None, column: str) -> list[str]:
    """A rate, and how many times as fast fieldguide is; two empty cells for what was not measured."""
    return [f"{float(row['pictures_per_second']):,.0f}", span(row, column, times)] if row else ["", ""]


def span(row: Row, column: str, written: Callable[[float], str]) -> str:
    """The median, and in brackets the least and the most."""
    middle, least, most = (written(float(row[column + end])) for end in ("", "_least", "_largest"))
    return middle if least == most else f"{middle} ({least} to {most})"


def times(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio >= 10 else f"{ratio:.2f}"


def percent(share: float) -> str:
    return f"{round(100 * share)}%"


def accuracy(row: Row) -> str:
    if not row["accuracy"]:
        return ""
    value, low, high = (100 * float(row[name]) for name in ("accuracy", "accuracy_low", "accuracy_high"))
    return f"{value:.1f}% ({low:.1f}-{high:.1f}%)"
