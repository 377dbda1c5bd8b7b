"""What a comparison came to: a table, sentences, and the files in its folder."""

from __future__ import annotations

import csv
import io
import json
import textwrap
from dataclasses import dataclass
from pathlib import Path

from fieldguide.comparison.advice import Advice
from fieldguide.comparison.curve import Curve, usual_step
from fieldguide.comparison.guess import Guess
from fieldguide.comparison.point import Point
from fieldguide.comparison.spread import FEWEST_RUNS
from fieldguide.comparison.wording import Finding
from fieldguide.console import called, clock
from fieldguide.files import write_text
from fieldguide.intervals import Estimate
from fieldguide.version import __version__

FORMAT = 1
PAGE_FILE, TABLE_FILE, RECORD_FILE = "comparison.html", "comparison.csv", "comparison.json"
TITLES = {"complexity": "size", "data_size": "training pictures", "recipes": "recipe"}
WIDTH = 80  # columns


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several trainings side by side, with what they show in words.

    Example:
        >>> import fieldguide as fg
        >>> found = fg.compare(fg.Dataset.from_directory("photos"), "data_size", folder="runs/sizes", seeds=2)
        >>> [point.name for point in found.points]
        ['8 pictures', '12 pictures', '17 pictures', '24 pictures', '36 pictures', '52 pictures']
        >>> found.points[-1].accuracy.n
        13
    """

    kind: str  # "complexity", "data_size" or "recipes"
    folder: Path
    points: tuple[Point, ...]
    curve: Curve | None  # of "data_size": error by training pictures
    finding: Finding  # what it shows, in a line and in sentences
    guess: Guess  # what naming the commonest class of the measuring pictures would reach
    measured: str  # on what, such as "200 pictures of validation"
    source: Path  # where the pictures are
    settings: tuple[str, ...]  # of all runs, a line each
    next: Advice  # what to try next

    @property
    def seeds(self) -> int:
        """Runs of each point."""
        return len(self.points[0].results)

    @property
    def covers_seeds(self) -> bool:
        """Whether its intervals are over other seeds too, and not over other pictures alone."""
        return self.seeds >= FEWEST_RUNS

    @property
    def seconds(self) -> float:
        """That all runs took together."""
        return sum(result.seconds for point in self.points for result in point.results)

    def __str__(self) -> str:
        said = "\n".join(textwrap.wrap(" ".join(self.finding.sentences), WIDTH, break_on_hyphens=False))
        covers = "other pictures and other seeds" if self.covers_seeds else "other pictures, but not other seeds"
        runs = f"{self.seeds} run{'s' if self.seeds > 1 else ''} of each"
        basis = textwrap.fill(f"Mean of {runs}, measured on {self.measured}. Intervals (95%): {covers}.", WIDTH)
        places = [
            f"{'Time':<11}{clock(self.seconds)} of training in {len(self.points) * self.seeds} runs",
            f"{'Page':<11}{self.folder / PAGE_FILE}",
            f"{'Try next':<11}{called(str(self.next)) if self.next.command else self.next}",
        ]
        return "\n\n".join(["\n".join(self._table()), basis, said, "\n".join(places)])

    def to_dict(self) -> dict[str, object]:
        """All figures, ready for JSON."""
        curve, forecast = self.curve, None
        if curve is not None:
            floor, slope, exponent = curve.main[0].tolist()
            more = {str(step): curve.gain(step) for step in (usual_step(curve.largest), curve.largest)}
            forecast = {
                "error": "floor + slope * (pictures / largest) ** -exponent",
                "largest": curve.largest,
                "floor": floor,
                "slope": slope,
                "exponent": exponent,
                "gain": {step: gain.to_dict() if gain is not None else None for step, gain in more.items()},
            }
        return {
            "format": FORMAT,
            "fieldguide": __version__,
            "kind": self.kind,
            "folder": str(self.folder),
            "measured": self.measured,
            "seeds": self.seeds,
            "intervals_cover": ["pictures", "seeds"] if self.covers_seeds else ["pictures"],
            "headline": self.finding.headline,
            "sentences": list(self.finding.sentences),
            "choice": self.finding.choice,  # None where none is shown to be better than the baseline
            "baseline": {"class": self.guess.name, "accuracy": self.guess.share, "n": self.guess.n},
            "better_than_baseline": list(self.finding.better),
            "points": [point.to_dict() for point in self.points],
            "curve": forecast,
            "settings": list(self.settings),
            "seconds": round(self.seconds, 2),
            "next": self.next.to_dict(),
        }

    def write_tables(self) -> None:
        """Writes comparison.csv, one row a run, and comparison.json into the folder, each atomically.

        Raises:
            FileError: they cannot be written.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        columns = ("point", "x", "seed", "train_accuracy", "train_n", "accuracy", "n", "epochs", "seconds")
        writer.writerow(columns)
        for point in self.points:
            for run in point.results:
                shares = (f"{run.train_accuracy:.6f}", run.train_n, f"{run.accuracy:.6f}", run.n)
                writer.writerow([run.point, f"{run.x:.0f}", run.seed, *shares, run.epochs, f"{run.seconds:.2f}"])
        write_text(self.folder / TABLE_FILE, text.getvalue())
        record = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        write_text(self.folder / RECORD_FILE, record + "\n")

    def _table(self) -> list[str]:
        """The points, a line each, 80 columns wide at the most."""
        rows = [[TITLES[self.kind], "", "training", "held out (95% CI)", "gap in points (95% CI)"]]
        if self.kind == "complexity":
            rows[0][1] = "parameters"
        for point in self.points:
            name = f"{point.x:,.0f}" if self.kind == "data_size" else point.name
            number = f"{point.x:,.0f}" if self.kind == "complexity" else ""
            rows.append(
                [name, number, f"{100 * point.train_accuracy.value:.1f}%", share(point.accuracy), gap(point.gap)]
            )
        widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
        lines = []
        for row in rows:
            first = row[0].rjust(widths[0]) if self.kind == "data_size" else row[0].ljust(widths[0])
            others = [row[1].rjust(widths[1]), row[2].rjust(widths[2]), row[3].ljust(widths[3]), row[4]]
            lines.append("  ".join([first, *[cell for cell, width in zip(others, widths[1:], strict=True) if width]]))
        return [line.rstrip() for line in lines]


def share(estimate: Estimate) -> str:
    """A share with its interval, as short as can be: "81.0% (75.2-85.7%)"."""
    return f"{100 * estimate.value:.1f}% ({100 * estimate.low:.1f}-{100 * estimate.high:.1f}%)"


def gap(estimate: Estimate) -> str:
    """A gap with its interval, in points: "18.1 (12.9 to 23.2)"."""
    return f"{100 * estimate.value:.1f} ({100 * estimate.low:.1f} to {100 * estimate.high:.1f})"
