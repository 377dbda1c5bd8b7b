"""The part of a report that shows mistakes: as pictures, with what the classifier looked at, and as counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fieldguide.evaluation.explain import Mistake, most_confused
from fieldguide.evaluation.heatmaps import Heat
from fieldguide.evaluation.metrics import Score
from fieldguide.intervals import wilson
from fieldguide.reporting import plots
from fieldguide.reporting.looked import Looked
from fieldguide.reporting.markup import (
    bullets,
    details,
    escape,
    file_name,
    interval,
    name,
    percent,
    scrolling,
    section,
    sentence,
)
from fieldguide.reporting.overlay import alternative, legend, overlay
from fieldguide.reporting.pictures import data_url, shrunk
from fieldguide.words import counted

AT_ONCE = 12  # mistakes with maps that are shown before the rest is folded away
MAP_SIDE = 208  # pixels: as wide as three beside each other are on a screen, and a little more


def mistakes(score: Score, worst: tuple[Mistake, ...], urls: Mapping[str, str], looked: Looked) -> str:
    """The most confident mistakes as pictures, and which classes are taken for one another.

    Args:
        score: that they are of.
        worst: the mistakes that are shown.
        urls: of the pictures, by name; of files that are gone there is none.
        looked: what the classifier looked at in them.
    """
    wrong = int((~score.right).sum())
    if not wrong:
        who = "The models of the folds" if score.folds else "It"
        said = f"{who} made no mistake on {counted(score.n, 'picture')}."
        return section("mistakes", "Where it goes wrong", f"<p>{said}</p>" + _confusion(score))
    if wrong == 1:
        said = "The one mistake. It may be right, and the label wrong."
    else:
        which = f"All {wrong:,}" if len(worst) == wrong else f"{len(worst)} of {wrong:,}"
        said = f"{which} mistakes, the most confident first. Some may be right, and the label wrong."
    if score.folds:
        said += " Each picture was judged by the model that had not seen it."
    body = f"<p>{said} n={score.n:,}.</p>" + (_with_maps if looked.maps else _plain)(worst, urls, looked)
    pairs = [pair for pair in most_confused(score, 5) if pair.count > 1]
    if pairs and len(score.class_names) > 2:
        lines = [
            f"{name(pair.truth)} taken for {name(pair.predicted)}: {pair.count:,} of {pair.of:,}, "
            f'{percent(pair.count / pair.of)} <span class="note">{interval(wilson(pair.count, pair.of))}</span>'
            for pair in pairs
        ]
        body += "<h3>Classes most often confused</h3>" + bullets(lines)
    return section("mistakes", "Where it goes wrong", body + _confusion(score))


def _plain(worst: Sequence[Mistake], urls: Mapping[str, str], looked: Looked) -> str:
    """The mistakes as pictures alone."""
    items = "".join(
        f'<li>{_picture(mistake, urls)}{_told(mistake)}<span class="file">{file_name(mistake.name)}</span></li>'
        for mistake in worst
    )
    note = f'<p class="note">{escape(looked.why_none)}</p>' if looked.why_none else ""
    return f'<ul class="pictures">{items}</ul>{note}'


def _with_maps(worst: Sequence[Mistake], urls: Mapping[str, str], looked: Looked) -> str:
    """The mistakes with their maps beside them."""
    intro = (
        "<p>Beside each picture stands what spoke for the class it was taken for, and then what spoke for the true "
        "one. A map shows what was used, not why. Where both lie on the thing itself, the two are hard to tell apart; "
        "where the first lies on what is around it, it may have gone by the background.</p>"
    )
    found = f"<p>{sentence(str(looked.outside))}</p>" if looked.outside else ""
    items = [_looked_at(mistake, urls, looked) for mistake in worst]
    shown = f'<ol class="looks">{"".join(items[:AT_ONCE])}</ol>'
    if rest := items[AT_ONCE:]:
        summary = f"The other {len(rest)} that are shown" if len(rest) > 1 else "The other one that is shown"
        shown += details(summary, f'<ol class="looks" start="{AT_ONCE + 1}">{"".join(rest)}</ol>')
    return intro + found + legend("the class named below the map") + shown


def _looked_at(mistake: Mistake, urls: Mapping[str, str], looked: Looked) -> str:
    figures = f"<figure>{_picture(mistake, urls)}<figcaption>{file_name(mistake.name)}</figcaption></figure>"
    if mistake.name in looked.maps:
        named, true = looked.maps[mistake.name]
        pixels = shrunk(looked.pixels[mistake.name], MAP_SIDE)
        for heat, class_name, probability in (
            (named, mistake.predicted, mistake.probability),
            (true, mistake.truth, mistake.truth_probability),
        ):
            url = data_url(overlay(pixels, heat, side=MAP_SIDE))
            figures += (
                f'<figure><img src="{url}" alt="{escape(alternative(heat, class_name))}" loading="lazy">'
                f"<figcaption>for {name(class_name)}, {percent(probability)}{_faint(heat)}</figcaption></figure>"
            )
    return f'<li><p class="what">{_told(mistake)}</p><div class="side three">{figures}</div></li>'


def _faint(heat: Heat) -> str:
    """That a map is empty, where it is."""
    return "" if (heat.values > 0).any() else ": nothing speaks for it"


def _told(mistake: Mistake) -> str:
    return f"<b>{name(mistake.truth)}</b>, taken for {name(mistake.predicted)} ({percent(mistake.probability)})"


def _picture(mistake: Mistake, urls: Mapping[str, str]) -> str:
    told = escape(f"{mistake.truth}, taken for {mistake.predicted}")
    url = urls.get(mistake.name)
    return f'<img src="{url}" alt="{told}" loading="lazy">' if url else "<p>The file is gone.</p>"


def _confusion(score: Score) -> str:
    rows = plots.matrix_classes(score.confusion)
    shown = score.confusion[rows][:, rows]
    figure = plots.matrix(shown, [score.class_names[row] for row in rows])
    said = (
        "Rows are the truth, columns what was answered; green is right. A stronger shade is a larger share of its row."
    )
    if len(rows) < len(score.class_names):
        left_out = int(score.confusion.sum() - shown.sum())
        said += (
            f" The {len(rows)} of {len(score.class_names)} classes with the most mistakes are drawn; "
            f"{counted(left_out, 'picture')} of or taken for the others {'is' if left_out == 1 else 'are'} left out."
        )
    drawn = scrolling("Confusion matrix", figure)
    return f"<h3>Confusion matrix</h3><figure>{drawn}<figcaption>{said}</figcaption></figure>"
