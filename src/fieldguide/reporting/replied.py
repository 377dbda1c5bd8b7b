"""The part of a report on when a classifier says that it does not know, and whether it keeps what it promises."""

from __future__ import annotations

from fieldguide.answers.reply import ONE, SEVERAL, UNLIKE, UNSURE
from fieldguide.evaluation.metrics import Score
from fieldguide.evaluation.replied import Replied
from fieldguide.intervals import Estimate
from fieldguide.reporting.markup import bullets, escape, interval, name, percent, scrolling, section
from fieldguide.training.fit import Run
from fieldguide.training.promises import Promises
from fieldguide.words import capital

ANSWERS = {
    ONE: "one class",
    SEVERAL: "two or three classes",
    UNSURE: "not sure",
    UNLIKE: "unlike anything it learnt from",
}
WORTH = {
    ONE: "it was the true one",
    SEVERAL: "the true one among them",
    UNSURE: "the most probable was the true one",
    UNLIKE: "the most probable was the true one",
}
CLASSES_SHOWN = 10
NO_PROMISE = (
    "These promises are about pictures like those it learnt from, all classes together: none is made for one class, "
    "for pictures that were taken elsewhere or in another way (another camera, light or background), nor for things of "
    "none of its classes: what is very different is called unlike, but what resembles one of its classes mostly passes "
    "for it."
)


def when_it_does_not_know(run: Run, score: Score | None) -> str:
    """What is promised of its answers, whether it was kept, and where nothing is promised; "" where nothing is known.

    Args:
        run: with the promises.
        score: on pictures that chose nothing; None where none were kept for it.
    """
    promises, found = run.promises, None if score is None else score.replied
    if promises.naming is None and promises.novelty is None and found is None and not promises.why:
        return ""
    body = _promised(promises)
    if found is not None and score is not None:
        body += _measured(found, score) + _table(found)
    elif promises.naming is not None or promises.novelty is not None:
        body += "<p>No picture was kept to measure whether that is so.</p>"
    body += bullets([escape(capital(one)) + "." for one in promises.why])
    if promises.naming is not None or promises.novelty is not None:
        body += f"<p>{NO_PROMISE}</p>"
    return section("unknown", "When it says it does not know", body)


def _promised(promises: Promises) -> str:
    """What it does, and what it promises of that."""
    lines = []
    if (naming := promises.naming) is not None:
        most = 100 * (1 - naming.error_rate)
        lines.append(
            "Of a new picture it names the most probable class and all that are nearly as probable: so many that the "
            f"true one is among them for at least {most:g} of 100 pictures like those it learnt from "
            f"({naming.n:,} that were held out tell how many it takes)."
        )
    if (novelty := promises.novelty) is not None:
        lines.append(
            "A picture that is further away from all it learnt from than held-out ones are, it calls unlike them, "
            f"whatever the percentages: at most {100 * novelty.false_alarms:g} of 100 pictures of its own classes."
        )
    return f"<p>{' '.join(lines)}</p>" if lines else ""


def _measured(found: Replied, score: Score) -> str:
    """Whether it was kept on the pictures that measure."""
    by = ", each answered by a model that had not seen it" if score.folds else ""
    lines = []
    if (kept := found.coverage) is not None:
        most = _most(kept.promised)
        how = f"promised were {most}" if kept.kept else f"<b>less than the {most} that were promised</b>"
        lines.append(
            f"Of the {score.n:,} pictures that measure{by}, the true class was named for {_range(kept.share)}; {how}. "
            f"{kept.mean_size:.2f} classes were named in the mean, and one alone for {_range(kept.single)}."
        )
    if found.false_alarms is not None and found.promised_alarms is not None:
        most = _most(found.promised_alarms)
        ends = (
            f"promised were {most} at most" if found.alarms_kept else f"<b>more than the {most} that were promised</b>"
        )
        lines.append(
            f"All of them are of its classes, and {_range(found.false_alarms)} were called unlike, false alarms; "
            f"{ends}."
        )
    body = f"<p>{' '.join(lines)}</p>"
    if found.coverage is not None and (short := found.coverage.falling_short):
        named = [
            f'{name(one.name)}: {_range(one.share)} <span class="note">n={one.share.n:,}</span>'
            for one in short[:CLASSES_SHOWN]
        ]
        more = f", the {CLASSES_SHOWN} least often named of {len(short)}" if len(short) > CLASSES_SHOWN else ""
        body += f"<p>The true class was named clearly less often of these{more}:</p>{bullets(named)}"
    return body


def _table(found: Replied) -> str:
    """How often it gave which answer, and what that was worth."""
    rows = "".join(
        f'<tr><th scope="row">{ANSWERS[one.kind]}</th><td class="number">{percent(one.share.value)}</td>'
        f'<td class="range">{interval(one.share)}</td><td class="text">{WORTH[one.kind]}</td>'
        f'<td class="number">{percent(one.right.value)}</td><td class="range">{interval(one.right)}</td></tr>'
        for one in found.kinds
    )
    titles = (("its answer", 0), ("pictures", 1), ("95% CI", 0), ("of these", 0), ("share", 1), ("95% CI", 0))
    head = "".join(f'<th scope="col" class="{"number" if number else "text"}">{title}</th>' for title, number in titles)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return scrolling("Its answers, and what they were worth", table)


def _range(estimate: Estimate) -> str:
    return f"{percent(estimate.value)} (95% CI {interval(estimate)})"


def _most(share: float) -> str:
    return f"{100 * share:g}%"
