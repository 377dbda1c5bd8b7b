"""What the runs of a side-by-side benchmark add up to: medians, ratios, intervals, and what was required."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import measure

OURS = "fieldguide"
LEAST_ACCURACY = 0.988
MOST_MEMORY_MB = 2500.0
LEAST_RATIO = {"hand_written": 1 / 1.5, "fastai": 12.0, "classic": 20.0}  # its seconds over fieldguide's


@dataclass(frozen=True)
class Result:
    """One timed run."""

    round: int
    row: str
    seconds: float
    cpu_seconds: float
    peak_rss_mb: float
    peak_private_mb: float | None
    correct: int | None  # of the given validation pictures; None where the accuracy would mean nothing
    count: int
    stages: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    @property
    def accuracy(self) -> float | None:
        return None if self.correct is None else self.correct / self.count


def columns(result: Result) -> dict[str, object]:
    return {
        "row": result.row,
        "round": result.round,
        "seconds": result.seconds,
        "cpu_seconds": result.cpu_seconds,
        "peak_rss_mb": result.peak_rss_mb,
        "peak_private_mb": result.peak_private_mb,
        "correct": result.correct,
        "count": result.count,
        "stages": "; ".join(f"{name} {seconds:.2f}" for name, seconds in result.stages.items()),
        "note": result.note,
    }


def summary(results: Sequence[Result]) -> list[dict[str, object]]:
    """One row per competitor: medians over its rounds, and how many times fieldguide's seconds it took."""
    ours = {result.round: result for result in results if result.row == OURS}
    rows: list[dict[str, object]] = []
    for name in dict.fromkeys(result.row for result in results):
        mine = [result for result in results if result.row == name]
        ratios = [result.seconds / ours[result.round].seconds for result in mine if result.round in ours]
        ratio = statistics.median(ratios) if ratios else None
        typical = sorted(mine, key=lambda result: (result.correct or 0, result.seconds))[(len(mine) - 1) // 2]
        low, high = (None, None) if typical.correct is None else measure.wilson(typical.correct, typical.count)
        memory = max(result.peak_rss_mb for result in mine)
        required, met = requirement(typical, ratio, memory, ours=list(ours.values()))
        rows.append(
            {
                "row": name,
                "runs": len(mine),
                "seconds": statistics.median(result.seconds for result in mine),
                "seconds_least": min(result.seconds for result in mine),
                "seconds_most": max(result.seconds for result in mine),
                "times_fieldguide": ratio,
                "cpu_seconds": None if name == "classic" else statistics.median(r.cpu_seconds for r in mine),
                "peak_rss_mb": memory,
                "accuracy": typical.accuracy,
                "accuracy_low": low,
                "accuracy_high": high,
                "count": typical.count,
                "required": required,
                "met": met,
                "note": typical.note,
            }
        )
    return rows


def requirement(typical: Result, ratio: float | None, memory_mb: float, *, ours: Sequence[Result]) -> tuple[str, str]:
    """What the row has to show, and whether it does: "yes", "no", or nothing where nothing is required of it."""
    least = LEAST_RATIO.get(typical.row)
    if typical.row == OURS and typical.accuracy is not None:
        text = f"accuracy at least {LEAST_ACCURACY} in less than {MOST_MEMORY_MB:.0f} MB"
        met = typical.accuracy >= LEAST_ACCURACY and memory_mb < MOST_MEMORY_MB
    elif least is None or ratio is None:
        return "", ""
    else:
        text = f"at least {least:.2f} times fieldguide's seconds"
        met = ratio >= least
        if typical.row == "fastai":
            text += " and a lower accuracy"
            met = met and min(result.accuracy or 0 for result in ours) > (typical.accuracy or 0)
    return text, "yes" if met else "no"


def describe(result: Result) -> str:
    accuracy = "" if result.accuracy is None else f"  accuracy {result.accuracy:.3f}"
    stages = "; ".join(f"{name} {seconds:.1f}" for name, seconds in result.stages.items())
    return f"round {result.round}  {result.row:<16}{result.seconds:8.1f} s{accuracy}  {stages}"


def table(rows: Sequence[Mapping]) -> str:
    lines = [f"{'':<16}{'seconds':>9}{'x ours':>8}{'CPU s':>8}{'RSS MB':>8}{'accuracy':>10}  95% interval  met"]
    for row in rows:
        ratio = "" if row["times_fieldguide"] is None else f"{row['times_fieldguide']:.2f}"
        cpu = "" if row["cpu_seconds"] is None else f"{row['cpu_seconds']:.0f}"
        accuracy, interval = "", ""
        if row["accuracy"] is not None:
            accuracy, interval = f"{row['accuracy']:.3f}", f"{row['accuracy_low']:.3f}-{row['accuracy_high']:.3f}"
        line = f"{row['row']:<16}{row['seconds']:>9.1f}{ratio:>8}{cpu:>8}{row['peak_rss_mb']:>8.0f}{accuracy:>10}"
        lines.append(f"{line}  {interval:<14}{row['met']}")
    return "\n".join(lines)
