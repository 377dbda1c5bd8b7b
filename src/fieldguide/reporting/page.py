"""The report: one HTML file that opens anywhere, says the finding first and holds its evidence."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from fieldguide.data.arguments import said
from fieldguide.data.check import Findings
from fieldguide.data.dataset import Dataset
from fieldguide.errors import InputError, InputTypeError
from fieldguide.evaluation.diagnose import Diagnosis, diagnose
from fieldguide.evaluation.doubted import doubted
from fieldguide.evaluation.explain import worst_errors
from fieldguide.evaluation.metrics import Score
from fieldguide.files import path_of, write_text
from fieldguide.reporting import sections
from fieldguide.reporting.diagnosis import evidence
from fieldguide.reporting.doubted import in_doubt
from fieldguide.reporting.folds import fold_by_fold
from fieldguide.reporting.looked import looked
from fieldguide.reporting.making import making
from fieldguide.reporting.markup import escape, name, sentence
from fieldguide.reporting.mistakes import mistakes
from fieldguide.reporting.pictures import spread, thumbnails
from fieldguide.reporting.replied import when_it_does_not_know
from fieldguide.reporting.style import style as stylesheet
from fieldguide.reporting.unsure import unsure, unsure_of
from fieldguide.training.fit import Run
from fieldguide.training.stores import whole
from fieldguide.version import __version__

MISTAKES_SHOWN = 24
MISTAKE_SIDE, UNSURE_SIDE = 224, 192  # pixels
EXAMPLES_SHOWN = 96  # over all classes
MOST_OF_A_CLASS = 6
MOST_CLASSES = 96
ENDINGS = (".html", ".htm")
EXAMPLE_SIDE, SMALL_EXAMPLE_SIDE = 128, 96


def report(
    run: Run,
    score: Score | None,
    path: str | Path,
    *,
    findings: Findings | None = None,
    diagnosis: Diagnosis | None = None,
    command: str | None = None,
) -> Path:
    """Writes the report of a run as one self-contained HTML file.

    It opens offline, runs no script and loads nothing. The same run gives the same bytes.

    Args:
        run: from `train`.
        score: of its classifier on `run.parts.test`; None where no pictures were kept to measure with.
        path: of the page.
        findings: from `check`, if the data was checked.
        diagnosis: from `diagnose`; by default it is made here where there is a score.
        command: that makes the same run again, to be shown in the page; a line for each step.

    Returns:
        The path.

    Raises:
        InputTypeError: if run, score or path are of another kind.
        InputError: if the path has another ending.
        FileError: if the page cannot be written.

    Example:
        >>> import fieldguide as fg
        >>> page = fg.report(run, score, "report.html")
        >>> "Does it overfit?" in page.read_text()
        True
    """
    path = path_of("path", path, "report.html")
    _require(run, score, path)
    if diagnosis is None and score is not None:
        diagnosis = diagnose(run, score)
    worst = worst_errors(score, MISTAKES_SHOWN) if score is not None else ()
    unsure_ones, passed = unsure_of(score, {one.name for one in worst}) if score is not None else ((), 0)
    source = run.parts.test if len(run.parts.test) else run.parts.train
    shown = _examples_of(source)
    side = EXAMPLE_SIDE if len(shown) <= EXAMPLES_SHOWN // 2 else SMALL_EXAMPLE_SIDE
    sides = {row: side for rows in shown.values() for row in rows}
    # By name: pictures that could not be read any more when the score was made have no row in it.
    row_of = {source.name(row): row for row in range(len(source))}
    sides |= {row_of[one.name]: UNSURE_SIDE for one in unsure_ones if one.name in row_of}
    sides |= {row_of[mistake.name]: MISTAKE_SIDE for mistake in worst if mistake.name in row_of}
    recipe = run.recipe
    urls = thumbnails(source, sides, target_size=recipe.target_size, resize=recipe.resize)
    body = [sections.headline(run, score)]
    if diagnosis is not None and not diagnosis.ailments:  # with ailments the verdict heads the diagnosis
        body.append(f'<p class="verdict">{sentence(diagnosis.verdict)}</p>')
    body.append(sections.problems(findings))
    if score is not None:
        body.append(sections.comparison(run, score))
    body.append(evidence(run, diagnosis))
    if score is not None and score.folds:
        body.append(fold_by_fold(score.folds))
    if score is not None:
        urls_by_name = {source.name(row): url for row, url in urls.items()}
        body += [
            mistakes(score, worst, urls_by_name, looked(run.classifier, score, worst, source)),
            unsure(score, unsure_ones, passed, urls_by_name),
            sections.classes(score),
            sections.calibration(score),
        ]
    body.append(when_it_does_not_know(run, score))
    if (found := doubted(run)) is not None:
        body.append(in_doubt(found, whole(run.parts), target_size=recipe.target_size, resize=recipe.resize))
    body += [
        sections.data(run, findings, _examples(source, shown, urls)),
        making(run, command, measured=score is not None),
    ]
    write_text(path, whole_page(run.parts.train.source.resolve().name or "pictures", "\n".join(body)))
    return path


def _require(run: object, score: object, path: Path) -> None:
    """Sees to it that a report is asked for of a run and its score, and under the name of a page.

    Raises:
        InputTypeError: one of them is of another kind.
        InputError: the name ends otherwise.
    """
    if not isinstance(run, Run):
        raise InputTypeError(f"run is {said(run)}; expected a Run, as fg.train gives it.")
    if score is not None and not isinstance(score, Score):
        raise InputTypeError(f"score is {said(score)}; expected a Score, as fg.evaluate gives it, or None.")
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"the report cannot be written as {path}: give it a name that ends in .html.")


def _examples_of(source: Dataset) -> dict[int, list[int]]:
    """Rows to show: several of each class, fewer of each where there are many classes."""
    classes = range(min(len(source.class_names), MOST_CLASSES))
    return spread(source.labels, classes, max(1, min(MOST_OF_A_CLASS, EXAMPLES_SHOWN // len(source.class_names))))


def _examples(source: Dataset, shown: dict[int, list[int]], urls: dict[int, str]) -> str:
    blocks = []
    for label, rows in shown.items():
        title = source.class_names[label]
        images = "".join(
            f'<img src="{urls[row]}" alt="{escape(f"{title}: {source.name(row)}")}" loading="lazy">'
            for row in rows
            if row in urls
        )
        if images:
            blocks.append(f"<article><h4>{name(title)}</h4><div>{images}</div></article>")
    if not blocks:
        return ""
    left_out = len(source.class_names) - len(shown)
    more = f'<p class="note">The first {len(shown)} of {len(source.class_names)} classes.</p>' if left_out else ""
    kind = "examples many" if all(len(rows) <= 1 for rows in shown.values()) else "examples"
    return f'<h3>Examples, as the classifier sees them</h3>{more}<div class="{kind}">{"".join(blocks)}</div>'


def whole_page(title: str, body: str, *, what: str = "report") -> str:
    """A page of one file, which loads nothing and runs nothing.

    Args:
        title: what it is about.
        body: markup.
        what: it is.
    """
    style = f"\n{stylesheet()}"
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    # Nothing is loaded and nothing runs, even if a name should ever slip through unescaped.
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="fieldguide {__version__}">
<title>{escape(title)}: fieldguide {what}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<main>
<header>
<p class="over"><b>Fieldguide</b> {what} on {name(title)}</p>
</header>
{body}
<footer>Written by fieldguide {__version__}. This page is one file; it loads nothing and runs no script.</footer>
</main>
</body>
</html>
"""
