"""The report of a classifier of several labels: one HTML file that says the finding first and holds its evidence."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fieldguide.console import clock
from fieldguide.data.check import Findings
from fieldguide.data.dataset import relative
from fieldguide.evaluation.tag_metrics import TagClassScore, TagScore, weakest_tags
from fieldguide.evaluation.tag_verdict import tag_verdict, trained_precision
from fieldguide.files import write_text
from fieldguide.intervals import Estimate
from fieldguide.reporting import plots
from fieldguide.reporting.card import versions
from fieldguide.reporting.markup import (
    bullets,
    details,
    escape,
    interval,
    name,
    percent,
    scrolling,
    section,
)
from fieldguide.reporting.page import whole_page
from fieldguide.reporting.sections import problems, why_unmeasured
from fieldguide.reporting.tag_curves import tag_curve
from fieldguide.reporting.tag_mistakes import tag_mistakes
from fieldguide.training.tagging import TagRun
from fieldguide.words import counted

CLASSES_DRAWN = 12  # of the curves and mistakes, the weakest first
FILES_SHOWN = 200
TAG_FILES = {
    "model.keras": "the classifier: pixels in, a probability of each class out",
    "card.json": "classes, thresholds, input size, data fingerprint, all figures of this page, versions",
    "report.html": "this page",
    "predictions.csv": "every measured picture with its labels, what was said, and its probabilities",
    "skipped.csv": "files that were left out, and why",
}


def tag_report(run: TagRun, score: TagScore | None, path: Path, *, findings: Findings, command: str) -> Path:
    """Writes the report of a run as one self-contained HTML file. The same run gives the same bytes.

    Args:
        run: from `train_tags`.
        score: of its classifier; None where no pictures were kept to measure with.
        path: of the page.
        findings: from `check_tags`.
        command: that makes the same run again.

    Raises:
        FileError: if the page cannot be written.
    """
    body = [_headline(run, score), problems(findings)]
    if score is not None:
        drawn = weakest_tags(score.classes, CLASSES_DRAWN)
        body += [f'<p class="verdict">{escape(tag_verdict(run, score))}</p>', _comparison(run, score)]
        body += [_classes(score), _curves(score, drawn), tag_mistakes(run, score, drawn)]
    body += [_data(run, findings), _making(run, command, measured=score is not None)]
    write_text(path, whole_page(run.parts.train.table.path.name, "\n".join(body)))
    return path


def _headline(run: TagRun, score: TagScore | None) -> str:
    names = run.classifier.class_names
    listed = ", ".join(names)
    task = name(listed) if len(listed) <= 40 else f"{len(names)} labels"
    if score is None:
        return (
            f"<h1>{task}: not measured</h1>"
            '<p class="lede">Nothing is known of how well it does on pictures it has not seen: '
            f"{escape(why_unmeasured(run.parts).removeprefix('not measured: '))}.</p>"
        )
    known = score.mean_average_precision
    if math.isnan(known.value):
        return (
            f"<h1>{task}: not measured</h1>"
            f'<p class="lede">None of the {counted(score.n, "picture")} that measure shows any of the classes. Of '
            f"{percent(score.exact.value)} of them nothing was said ({interval(score.exact)}).</p>"
        )
    measured = sum(one.support > 0 for one in score.classes)
    covered = f", {measured} of the {len(names)} classes" if measured < len(names) else ""
    return (
        f"<h1>{task}: mean average precision <strong>{known.value:.3f}</strong> on pictures it had not seen</h1>"
        f'<p class="lede">95% confidence interval {known.low:.3f}&ndash;{known.high:.3f}, n={score.n:,} '
        f"{escape(score.pictures)}{covered}. They took no part in the training or in any choice. All labels right, and "
        f"no other said, for {percent(score.exact.value)} of them ({interval(score.exact)}).</p>"
    )


def _comparison(run: TagRun, score: TagScore) -> str:
    """Seen and unseen pictures and guessing on one scale; nothing where no class was measured."""
    if math.isnan(score.mean_average_precision.value):
        return ""
    trained, guess = trained_precision(run, score), [one.support / score.n for one in score.classes if one.support]
    guessing = float(np.mean(guess)) if guess else 0.0
    rows = [
        ("Pictures it learnt from", trained, f"n={trained.n:,}"),
        ("Pictures it had not seen", score.mean_average_precision, f"n={score.n:,}"),
        ("Guessing", Estimate(guessing, guessing, guessing, score.n), ""),
    ]
    body = "".join(
        f'<dt>{label} <span class="note">{n}</span></dt><dd class="figure">{known.value:.3f}'
        + (f' <span class="note">{known.low:.3f}&ndash;{known.high:.3f}</span>' if known.high > known.low else "")
        + f'</dd><dd class="line">{plots.interval_bar(known)}</dd>'
        for label, known, n in rows
    )
    scale = '<dd class="scale" aria-hidden="true"><span>0</span><span>1</span></dd>'
    return f'<dl class="strip">{body}{scale}</dl>'


def _classes(score: TagScore) -> str:
    """How far each class is told, and what comes of it at its threshold, a table each."""
    ranked, decided = [], []
    for one in score.classes:
        known, start = one.average_precision, f'<tr><th scope="row">{name(one.name)}</th>'
        figure = '<td class="number">&ndash;</td><td class="range">no pictures</td>'
        if one.support:
            range_ = f"{known.low:.3f}&ndash;{known.high:.3f}"
            figure = f'<td class="number">{known.value:.3f}</td><td class="range">{range_}</td>'
        bar = f'<td class="wide">{plots.interval_bar(known)}</td>'
        ranked.append(f'{start}<td class="number">{one.support:,}</td>{figure}{bar}</tr>')
        shares = "".join(_share(each) for each in (one.precision, one.recall, one.f1))
        decided.append(f'{start}<td class="number">{one.threshold:.2f}</td>{shares}</tr>')
    told = (
        "<p>Average precision: how far the pictures that show a class are ranked before the others, whatever the "
        f"threshold. n={score.n:,}, {score.different:,} of them different.</p>"
    )
    then = (
        "<p>A class is said to be shown from the probability under <i>said from</i> on, chosen on held-out pictures "
        "for the highest F1. Precision: of those that it was said of, how many show it. Recall: of those that show it, "
        "of how many it was said. F1 is the harmonic mean of both.</p>"
    )
    first = _table(("pictures", "average precision", "95% CI", ""), ranked, "How far the classes are told")
    columns = ("said from", "precision", "95% CI", "recall", "95% CI", "F1", "95% CI")
    return section("classes", "Class by class", told + first + then + _table(columns, decided, "At the thresholds"))


def _share(known: Estimate) -> str:
    if not known.n:
        return '<td class="number">&ndash;</td><td class="range"></td>'
    return f'<td class="number">{percent(known.value)}</td><td class="range">{interval(known)}</td>'


def _table(titles: tuple[str, ...], rows: list[str], label: str) -> str:
    """A table of the classes, which scrolls where it is too wide."""
    head = "".join(f'<th scope="col" class="number">{title}</th>' for title in titles)
    start = f'<table><thead><tr><th scope="col" class="text">class</th>{head}</tr></thead>'
    return scrolling(label, f"{start}<tbody>{''.join(rows)}</tbody></table>")


def _curves(score: TagScore, drawn: tuple[TagClassScore, ...]) -> str:
    figures = []
    for one in drawn:
        label = score.class_names.index(one.name)
        curve = tag_curve(one, score.probabilities[:, label], score.labels[:, label])
        figures.append(f"<article><h4>{name(one.name)}</h4>{curve}</article>")
    more = ""
    if len(drawn) < len(score.classes):
        more = f" Drawn are the {len(drawn)} of {len(score.classes)} classes with the lowest average precision."
    legend = (
        f'<p class="legend"><span>{plots.key("held")}all thresholds</span><span>{plots.key("accent")}its own</span>'
        f"<span>{plots.key('guess')}guessing</span></p>"
    )
    told = f"<p>What a lower threshold would gain in recall, and cost in precision.{more}</p>"
    return section(
        "curves", "Precision against recall", f'{told}{legend}<div class="examples">{"".join(figures)}</div>'
    )


def _data(run: TagRun, findings: Findings) -> str:
    parts = run.parts
    filled = {"train": parts.train, "validation": parts.validation, parts.measured: parts.test}
    if parts.measured == "validation":
        filled = {"train": parts.train, "validation": parts.test}
    counts = {title: part.counts for title, part in filled.items() if len(part)}
    titles = "".join(f'<th scope="col" class="number">{title}</th>' for title in counts)
    rows = []
    for label in parts.train.class_names:
        figures = "".join(f'<td class="number">{each[label]:,}</td>' for each in counts.values())
        bar = plots.share_bar(counts["train"][label] / len(parts.train))
        rows.append(f'<tr><th scope="row">{name(label)}</th>{figures}<td class="wide">{bar}</td></tr>')
    none = [int((~part.labels.any(axis=1)).sum()) for title, part in filled.items() if title in counts]
    figures = "".join(f'<td class="number">{each:,}</td>' for each in none)
    rows.append(f'<tr><th scope="row">no label</th>{figures}<td></td></tr>')
    totals = "".join(f'<td class="number">{len(filled[title]):,}</td>' for title in counts)
    rows.append(f'<tr><th scope="row">all pictures</th>{totals}<td></td></tr>')
    head = f'<thead><tr><th scope="col">class</th>{titles}<th scope="col">share of train</th></tr></thead>'
    body = (
        f"<p>{findings.tally}. Labels as in {name(parts.train.table.path)}. Divided {escape(parts.how)}.</p>"
        + scrolling("Pictures of each class", f"<table>{head}<tbody>{''.join(rows)}</tbody></table>")
    )
    for one in findings.findings:
        words = f"<b>{escape(one.level.capitalize())}.</b> {escape(one.text)}"
        lines = [name(path) for path in one.paths[:FILES_SHOWN]]
        body += details(words, bullets(lines)) if one.paths else f'<p class="finding">{words}</p>'
    if findings.skipped:
        root = Path(findings.root)
        lines = [f"{name(relative(each.path, root))}: {escape(each.reason)}" for each in findings.skipped[:FILES_SHOWN]]
        body += details(f"Skipped: {counted(len(findings.skipped), 'file')}, with reasons", bullets(lines))
    return section("pictures", "The pictures", body)


def _making(run: TagRun, command: str, *, measured: bool) -> str:
    total = sum(stage.seconds for stage in run.stages)
    rows = "".join(
        f'<tr><th scope="row">{name(class_name)}</th><td class="number">{penalty:g}</td>'
        f'<td class="number">{threshold.value:.3f}</td><td>{escape(threshold.why or "its own")}</td></tr>'
        for class_name, penalty, threshold in zip(
            run.classifier.class_names, run.penalties, run.thresholds, strict=True
        )
    )
    head = "".join(f'<th scope="col">{title}</th>' for title in ("class", "L2 penalty", "threshold", "chosen for"))
    choices = (
        f"<p>Chosen {escape(run.how)}. The head reads {escape(run.reading)}. Temperature "
        f"{run.classifier.temperature:.2f}, common to all classes.</p>"
        + scrolling("Choices", f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")
    )
    spent = "; ".join(f"{stage.name} {stage.seconds:.1f} s" for stage in run.stages if stage.seconds >= 0.05)
    origins = {"seed": run.parts.seed, "data fingerprint": run.fingerprint, "weights": run.weights_note, **versions()}
    files = {file: what for file, what in TAG_FILES.items() if file != "predictions.csv" or measured}
    same = f"The same files on the same kind of machine ({escape(platform.machine())}) give the same classifier."
    return section(
        "making",
        "How it was made",
        details("What was chosen, and on what", choices)
        + details(f"How the time was spent: {clock(total)}", f"<p>{escape(spent)}</p>")
        + details("Recipe and reasons", bullets([escape(reason) for reason in run.reasons]))
        + details("Versions, seed, fingerprint, licence", _facts(origins))
        + details("To repeat it", f"<pre><code>{escape(command)}</code></pre><p>{same}</p>")
        + details("What is in the run folder", _facts(files)),
    )


def _facts(pairs: Mapping[str, object]) -> str:
    rows = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in pairs.items())
    return f'<dl class="facts">{rows}</dl>'
