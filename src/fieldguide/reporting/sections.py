"""The parts of a report, each as markup: what was measured, where it errs, what it was made from, and how."""

from __future__ import annotations

from pathlib import Path

from fieldguide.data.check import Finding, Findings
from fieldguide.data.dataset import relative
from fieldguide.data.parts import Divided
from fieldguide.data.skipped import missing_among
from fieldguide.evaluation.evidence import where_leaked
from fieldguide.evaluation.folds import on_the_models, trained_accuracy
from fieldguide.evaluation.metrics import ClassScore, Score, weakest_classes
from fieldguide.intervals import Estimate
from fieldguide.reporting import plots
from fieldguide.reporting.card import CARD_FILE, SKIPPED_FILE
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
from fieldguide.training.fit import Run
from fieldguide.words import capital, counted

ROWS_SHOWN = 30  # of a table before the rest is folded away
FILES_SHOWN = 200


def headline(run: Run, score: Score | None) -> str:
    """The finding: what it tells apart, how well, on how many pictures."""
    names = run.classifier.class_names
    listed = " or ".join(names) if len(names) == 2 else ", ".join(names[:-1]) + " or " + names[-1]
    task = name(capital(listed)) if len(listed) <= 40 else f"{len(names)} classes"
    if score is None:
        return (
            f"<h1>{task}: not measured</h1>"
            f'<p class="lede">Nothing is known of how well it does on pictures it has not seen: '
            f"{escape(why_unmeasured(run.parts).removeprefix('not measured: '))}.</p>"
        )
    unseen = f"{escape(score.part)} pictures" if where_leaked(run.parts, score) else "pictures it had not seen"
    unseen = "unseen pictures" if score.folds else unseen
    part = independence(run, score)
    return (
        f"<h1>{task}: right for <strong>{percent(score.accuracy.value)}</strong> of {unseen}</h1>"
        f'<p class="lede">95% confidence interval {interval(score.accuracy)}, n={score.n:,} '
        f"{escape(score.pictures)}{covered(score)}. {escape(capital(part))}.</p>"
    )


def covered(score: Score) -> str:
    """How many of the classes a score is about, where that is not all of them: " of 2 of the 3 classes"."""
    measured = sum(one.support > 0 for one in score.classes)
    return f" of {measured:,} of the {len(score.classes):,} classes" if measured < len(score.classes) else ""


def why_unmeasured(parts: Divided) -> str:
    """Why there is no score, and what to do."""
    if not len(parts.test) and parts.shares is not None and parts.shares[1] > 0:
        validation, test = parts.shares
        return (
            f"not measured: there are too few pictures to keep any of them for it, though {100 * test:.2g}% were to be "
            f"kept; give {'three' if validation else 'two'} different pictures of each class at the least, better 20"
        )
    if not len(parts.test):
        return "not measured: no picture was kept for it; give --test a share above 0"
    return (
        f"not measured: every one of the {len(parts.test):,} {parts.measured} pictures stands in another part too; add "
        "pictures that stand in no other part"
    )


def independence(run: Run, score: Score) -> str:
    """Whether what measured took part in anything else, as a clause."""
    if score.folds:
        return on_the_models(score.folds)
    where = where_leaked(run.parts, score)
    if not where:
        return "they took no part in the training or in any choice"
    return f"some of them stand in another part too, which flatters the figure: {where}"


def problems(findings: Findings | None) -> str:
    """What may make the figures wrong, named where they are read."""
    if findings is None:
        return ""
    worst = [escape(one.text) for one in findings.findings if one.level == "problem"]
    lines = "".join(f'<p class="problem"><b>Problem.</b> {text}.</p>' for text in worst)
    return lines + ('<p class="note"><a href="#pictures">Which pictures</a></p>' if worst else "")


def comparison(run: Run, score: Score) -> str:
    """Accuracy on seen and unseen pictures and what guessing would reach, one below the other on one scale."""
    commonest = max(score.classes, key=lambda one: one.support)
    guessing = Estimate(commonest.support / score.n, commonest.support / score.n, commonest.support / score.n, score.n)
    seen, unseen = "Pictures it learnt from", "Pictures it had not seen"
    trained = run.train_accuracy
    if score.folds:
        seen, unseen, trained = "Pictures its model learnt from", "Unseen by its model", trained_accuracy(score.folds)
    elif where_leaked(run.parts, score):
        unseen = f"{score.part} pictures"
    rows = [
        (seen, trained, f"n={trained.n:,}"),
        (unseen, score.accuracy, f"n={score.n:,}"),
        ("Every class counted alike", score.balanced_accuracy, f"n={score.n:,}"),
        ("Always the commonest class", guessing, ""),
    ]
    floor = max(0.0, int(10 * min(0.95, min(row[1].low for row in rows))) / 10)
    body = "".join(
        f'<dt>{escape(label)} <span class="note">{n}</span></dt>'
        f'<dd class="figure">{percent(known.value)}'
        + (f' <span class="note">{interval(known)}</span></dd>' if n else "</dd>")
        + f'<dd class="line">{plots.interval_bar(known, floor)}</dd>'
        for label, known, n in rows
    )
    scale = f'<dd class="scale" aria-hidden="true"><span>{100 * floor:.0f}%</span><span>100%</span></dd>'
    by = run.choices.judged_by
    why = f'<p class="note">{escape(capital(by))}.</p>' if run.choices.by_classes else ""
    return f'<dl class="strip">{body}{scale}</dl>{why}'


def classes(score: Score) -> str:
    """Recall and precision of every class with intervals, the weakest first where there are many."""
    many = len(score.classes) > ROWS_SHOWN
    shown = weakest_classes(score, ROWS_SHOWN) if many else score.classes
    rest = [one for one in score.classes if one not in shown]
    floor = max(0.0, int(10 * min((one.recall.low for one in shown if one.support), default=0.0)) / 10)
    body = (
        "<p>Recall: of the pictures of a class, how many were recognised. Precision: of the pictures taken for a "
        f"class, how many are of it. Bars run from {100 * floor:.0f}% to 100%.</p>"
    )
    if many:
        body += f"<p>The {len(shown)} of {len(score.classes)} classes with the lowest recall; the others are below.</p>"
    body += scrolling("Recall and precision of the classes", _class_table(shown, floor))
    if rest:
        table = scrolling("Recall and precision of the other classes", _class_table(rest, floor))
        body += details(f"The other {counted(len(rest), 'class', 'classes')}", table)
    return section("classes", "Class by class", body)


def calibration(score: Score) -> str:
    """Whether stated probabilities can be taken at their word."""
    before, loss_before, legend = "", "", ""
    drawn = "each fold by its model" if score.folds else "as delivered"
    if score.temperature != 1:  # 1 also where no pictures were held out to choose it on
        by = f"dividing its logits by {score.temperature:.2f}, chosen on held-out pictures"
        if score.folds:
            by = f"each model divided its logits by a temperature of its own, {score.temperature:.2f} on average"
        before = f"; before {by}, it was {_points(score.calibration_error_before)}"
        loss_before = f", before {score.log_loss_before:.3f}"
        legend = f"<span>{plots.key('before')}before</span>"
    body = (
        "<p>With well-calibrated percentages, nine in ten of the pictures that are called 90% sure are right. On "
        f"average the stated probability misses the share that was right by {_points(score.calibration_error)}"
        f"{before}. The log loss is {score.log_loss}{loss_before} (n={score.n:,}).</p>"
        f'<figure><p class="legend"><span>{plots.key("accent")}{drawn}, with 95% intervals</span>'
        f"{legend}<span>{plots.key('ideal')}ideal</span></p>"
        f"{plots.reliability(score.bins, score.bins_before)}"
        "<figcaption>Each dot stands for the same number of pictures, but for ties. Dots below the line: surer than it "
        "should be.</figcaption></figure>"
    )
    return section("calibration", "Can its percentages be trusted?", body)


def data(run: Run, findings: Findings | None, examples: str) -> str:
    """What was found in the data: counts, what was left out, duplicates, leaks, and some pictures of each class."""
    parts = run.parts
    skipped = findings.skipped if findings is not None else parts.train.skipped
    used = len(parts.train) + len(parts.validation) + len(parts.test)
    missing = missing_among(skipped)
    found = findings.found if findings is not None else used + len(skipped) - missing
    absent = f", {missing:,} missing" if missing else ""
    hidden = f" Hidden files left aside: {findings.hidden:,}." if findings is not None and findings.hidden else ""
    mended = parts.train.corrected
    labels = f" Labels as in {name(mended.file)}: {mended}." if mended is not None else ""
    body = (
        f"<p>{counted(found, 'file')} found, {used:,} read as pictures, {len(skipped) - missing:,} skipped{absent}."
        f"{hidden}{labels} "
        f"Divided {escape(parts.how)}.</p>" + _counts(run)
    )
    if findings is not None:
        body += "".join(_finding(one) for one in findings.findings if one.kind != "skipped")  # they come below
    if skipped:
        root = Path(findings.root) if findings is not None else parts.train.root
        rows = [f"{name(relative(entry.path, root))}: {escape(entry.reason)}" for entry in skipped[:FILES_SHOWN]]
        reasons = _capped(rows, len(skipped), SKIPPED_FILE)
        body += details(f"Skipped: {counted(len(skipped), 'file')}, with reasons", reasons)
    if parts.leaks:
        pairs = [
            f"{name(leak.name)} ({leak.part}) is also {name(leak.other)} ({leak.other_part})"
            for leak in parts.leaks[:FILES_SHOWN]
        ]
        leaks = counted(len(parts.leaks), "picture stands", "pictures stand")
        measured = f"{len(parts.leaked_measured):,} of them in the part that measures"
        body += details(f"Leaks: {leaks} in two parts, {measured}", _capped(pairs, len(parts.leaks)))
    return section("pictures", "The pictures", body + examples)


def _points(error: Estimate) -> str:
    """A calibration error with its interval: '1.4 points (95% CI 0.0&ndash;2.9)'."""
    low, high = 100 * error.low, 100 * error.high
    return f"{100 * error.value:.1f} points (95% CI {low:.1f}&ndash;{high:.1f})"


def _class_table(rows: tuple[ClassScore, ...] | list[ClassScore], floor: float) -> str:
    def cells(known: Estimate) -> str:
        if not known.n:
            return '<td class="number">&ndash;</td><td class="range">no pictures</td>'
        return f'<td class="number">{percent(known.value)}</td><td class="range">{interval(known)}</td>'

    body = "".join(
        f'<tr><th scope="row">{name(one.name)}</th><td class="number">{one.support:,}</td>{cells(one.recall)}'
        f'<td class="wide">{plots.interval_bar(one.recall, floor)}</td>{cells(one.precision)}</tr>'
        for one in rows
    )
    titles = ("class", "pictures", "recall", "95% CI", "", "precision", "95% CI")
    head = "".join(_column(title, title in {"pictures", "recall", "precision"}) for title in titles)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _column(title: str, number: bool = True) -> str:
    return f'<th scope="col" class="{"number" if number else "text"}">{escape(title)}</th>'


def _counts(run: Run) -> str:
    parts = {"train": run.parts.train, "validation": run.parts.validation, run.parts.measured: run.parts.test}
    if run.parts.measured == "validation":
        parts = {"train": run.parts.train, "validation": run.parts.test}
    filled = {title: part.counts for title, part in parts.items() if len(part)}
    largest = max(max(counts.values()) for counts in filled.values())
    titles = "".join(_column(title) for title in filled)
    rows = []
    for label in run.parts.train.class_names:
        figures = "".join(f'<td class="number">{counts[label]:,}</td>' for counts in filled.values())
        bar = plots.share_bar(filled["train"][label] / largest)
        rows.append(f'<tr><th scope="row">{name(label)}</th>{figures}<td class="wide">{bar}</td></tr>')
    totals = "".join(f'<td class="number">{sum(counts.values()):,}</td>' for counts in filled.values())
    head = f'<thead><tr><th scope="col">class</th>{titles}<th scope="col">training pictures</th></tr></thead>'

    def table(body: list[str], label: str) -> str:
        return scrolling(label, f"<table>{head}<tbody>{''.join(body)}</tbody></table>")

    total = f'<tr><th scope="row">all</th>{totals}<td></td></tr>'
    if len(rows) <= ROWS_SHOWN:
        return table([*rows, total], "Pictures of each class")
    return table([total], "Pictures in all") + details(
        f"Pictures of each of the {len(rows)} classes", table(rows, "Pictures of each class")
    )


def _finding(finding: Finding) -> str:
    words = f"<b>{escape(finding.level.capitalize())}.</b> {escape(finding.text)}"
    if not finding.paths:
        return f'<p class="finding">{words}</p>'
    return details(words, _capped([name(path) for path in finding.paths[:FILES_SHOWN]], len(finding.paths)))


def _capped(lines: list[str], total: int, place: str = CARD_FILE) -> str:
    more = f"<p>and {total - len(lines):,} more, in {place}</p>" if total > len(lines) else ""
    return bullets(lines) + more
