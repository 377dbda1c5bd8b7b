"""A comparison as one self-contained HTML file: the finding first, then the figure, the table and how it was made."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fieldguide.comparison.outcome import PAGE_FILE, RECORD_FILE, TABLE_FILE, TITLES, Comparison, gap
from fieldguide.comparison.record import RUNS
from fieldguide.console import clock
from fieldguide.files import write_text
from fieldguide.reporting.comparing import Mark, Trend, accuracies
from fieldguide.reporting.markup import bullets, details, escape, interval, percent, scrolling, section, sentence
from fieldguide.reporting.page import whole_page
from fieldguide.reporting.plots import key

AXES = {
    "complexity": "parameters, logarithmic",
    "data_size": "training pictures, logarithmic",
    "recipes": "recipe",
}
CURVE_STEPS = 40
UNBROKEN = "held\N{NON-BREAKING HYPHEN}out"  # in large letters a line would end within it


def write_page(comparison: Comparison, command: str | None = None) -> Path:
    """Writes comparison.html into the folder; the same comparison gives the same bytes.

    Args:
        comparison: finished.
        command: that goes on with it, if there is one.

    Raises:
        FileError: it cannot be written.
    """
    found = comparison.finding
    body = [
        f"<h1>{escape(found.headline).replace('held-out', UNBROKEN)}</h1>",
        f'<p class="lede">{escape(_basis(comparison))}</p>',
        bullets([sentence(line) for line in found.sentences]),
        section("figure", f"Training and {UNBROKEN} accuracy", _figure(comparison)),
        section("figures", "The figures", _table(comparison)),
        section("next", "What to try next", _next(comparison)),
        section("making", "How it was made", _making(comparison, command)),
    ]
    path = comparison.folder / PAGE_FILE
    write_text(path, whole_page(comparison.source.resolve().name or "pictures", "\n".join(body), what="comparison"))
    return path


def _basis(comparison: Comparison) -> str:
    runs = "One run" if comparison.seeds == 1 else f"{comparison.seeds} runs"
    return f"{runs} of each, measured on {comparison.measured}, which no run learnt from or was chosen by."


def _figure(comparison: Comparison) -> str:
    points, kind = comparison.points, comparison.kind
    labels = [_short(point.x) if kind != "recipes" else point.name for point in points]
    marks = [Mark(p.x, label, p.train_accuracy, p.accuracy) for p, label in zip(points, labels, strict=True)]
    guess = comparison.guess.share
    drawn = accuracies(marks, AXES[kind], joined=kind != "recipes", trend=_trend(comparison), guess=guess)
    legend = f"<span>{key('before')}training</span><span>{key('accent')}held out</span>"
    legend += f"<span>{key('guess')}always the commonest class</span>"
    told = "Dots are means over the runs; strokes are their 95% intervals."
    if comparison.curve is not None:
        legend += f"<span>{key('held')}fitted curve</span><span>{key('ideal')}beyond what was measured</span>"
        told += " The band is the 95% interval of the curve."
    return f'<p class="legend">{legend}</p><figure>{drawn}<figcaption>{told}</figcaption></figure>'


def _trend(comparison: Comparison) -> Trend | None:
    curve = comparison.curve
    if curve is None:
        return None
    first = comparison.points[0].x
    xs = [*np.geomspace(first, curve.largest, CURVE_STEPS).tolist()[:-1], float(curve.largest)]
    xs += np.geomspace(curve.largest, 2 * curve.largest, CURVE_STEPS // 4).tolist()[1:]
    return Trend(tuple(xs), tuple(curve.accuracy_at(x) for x in xs), float(curve.largest))


def _table(comparison: Comparison) -> str:
    sized = comparison.kind == "complexity"
    numbers = [*(["parameters"] if sized else []), "training", "held out"]
    head = f'<th scope="col">{TITLES[comparison.kind]}</th>'
    head += "".join(f'<th scope="col" class="number">{title}</th>' for title in numbers)
    head += '<th scope="col">95% interval</th><th scope="col">gap in points (95% interval)</th>'
    rows = []
    for point in comparison.points:
        name = f"{point.x:,.0f}" if comparison.kind == "data_size" else escape(point.name)
        number = f'<td class="number">{point.x:,.0f}</td>' if sized else ""
        rows.append(
            f'<tr><th scope="row">{name}</th>{number}<td class="number">{percent(point.train_accuracy.value)}</td>'
            f'<td class="number">{percent(point.accuracy.value)}</td><td class="range">{interval(point.accuracy)}</td>'
            f'<td class="range">{escape(gap(point.gap))}</td></tr>'
        )
    none = '<td class="number"></td>' if sized else ""
    rows.append(
        f'<tr><th scope="row">always the commonest class</th>{none}<td class="number"></td>'
        f'<td class="number">{percent(comparison.guess.share)}</td><td class="range"></td><td class="range"></td></tr>'
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return scrolling("The figures", table)


def _making(comparison: Comparison, command: str | None) -> str:
    covers = (
        "<p>An interval says where the mean would lie with other pictures of the same kind to measure on, and with "
        "other seeds (Student's t, two-way random effects). Intervals of differences are of the same pictures, and "
        "widened so that all of a sentence hold at once.</p>"
        if comparison.covers_seeds
        else "<p>An interval says where the mean of these very runs would lie with other pictures of the same kind to "
        f"measure on. {'One run of each tells' if comparison.seeds == 1 else 'Two runs of each tell'} too little of "
        "other seeds for an interval over them.</p>"
    )
    folder = f"<code>{TABLE_FILE}</code>, <code>{RECORD_FILE}</code> and <code>{RUNS}/</code>"
    parts = [
        details("What the intervals cover", covers + _law(comparison)),
        details("What all runs have in common", bullets([escape(line) for line in comparison.settings])),
        details(f"Every run: {clock(comparison.seconds)} in all", _runs(comparison)),
        details("What is in the folder", f"<p>{folder} hold the figures of every run.</p>"),
    ]
    if command:
        parts.append(details("To repeat it, or go on with it", f"<pre><code>{escape(command)}</code></pre>"))
    return "".join(parts)


def _next(comparison: Comparison) -> str:
    following = comparison.next
    said = escape(str(following))
    return f"<p>{escape(following.what)}:</p><pre><code>{said}</code></pre>" if following.command else f"<p>{said}.</p>"


def _law(comparison: Comparison) -> str:
    if comparison.curve is None:
        return ""
    floor, slope, exponent = comparison.curve.main[0].tolist()
    return (
        f"<p>The curve: error = {floor:.4f} + {slope:.4f} &times; (pictures / {comparison.curve.largest:,})"
        f"<sup>&minus;{exponent:.2f}</sup>, by weighted least squares; its interval is from 2,000 rounds in which "
        "other pictures were drawn to measure on and the runs varied as they were seen to vary. It holds for more "
        "pictures like these, and the further beyond them the less.</p>"
    )


def _runs(comparison: Comparison) -> str:
    titles = ("seed", "training", "held out", "epochs", "time")
    head = '<th scope="col">run</th>' + "".join(f'<th scope="col" class="number">{title}</th>' for title in titles)
    rows = "".join(
        f'<tr><th scope="row">{escape(run.point)}</th>'
        + "".join(
            f'<td class="number">{cell}</td>'
            for cell in (
                str(run.seed),
                percent(run.train_accuracy),
                percent(run.accuracy),
                str(run.epochs or "to convergence"),
                clock(run.seconds),
            )
        )
        + "</tr>"
        for point in comparison.points
        for run in point.results
    )
    return scrolling("Every run", f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")


def _short(number: float) -> str:
    """A number for an axis: "292k", "9.5M"."""
    if number >= 1e6:
        return f"{number / 1e6:.3g}M"
    return f"{number / 1e3:.3g}k" if number >= 10_000 else f"{number:,.0f}"
