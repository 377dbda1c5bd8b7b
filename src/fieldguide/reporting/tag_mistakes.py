"""The part of a report that shows mistakes on several labels: as pictures, and what spoke for the label in question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldguide import console
from fieldguide.errors import InputError
from fieldguide.evaluation.heatmaps import Heat, heat_maps_of_classes
from fieldguide.evaluation.tag_metrics import TagClassScore, TagScore
from fieldguide.reporting.markup import escape, file_name, name, percent, section
from fieldguide.reporting.overlay import alternative, legend, overlay
from fieldguide.reporting.pictures import data_url, read, shrunk
from fieldguide.training.tagging import TagRun
from fieldguide.words import counted

SHOWN = 4  # mistakes of each kind, of each class
SIDE = 208  # pixels of a picture and of its map


@dataclass(frozen=True)
class _Mistake:
    """A label that was said of a picture and is none of its own, or the other way round."""

    row: int  # of the score
    label: int
    what: str


def tag_mistakes(run: TagRun, score: TagScore, drawn: Sequence[TagClassScore]) -> str:
    """The most confident mistakes on some classes: not said though shown, and said though not shown.

    Beside each picture stands what spoke for the label in question.

    Args:
        run: whose classifier made them.
        score: of it.
        drawn: the classes, in this order.
    """
    chosen = {one.name: found for one in drawn if (found := _worst(score, score.class_names.index(one.name)))}
    if not chosen:
        told = f"<p>It made no mistake on {counted(score.n, 'picture')}.</p>"
        return section("mistakes", "Where it goes wrong", told)
    pixels, heats, why_none = _looked_at(run, score, [each for found in chosen.values() for each in found])
    blocks = []
    for class_name, found in chosen.items():
        label = score.class_names.index(class_name)
        wrong = int((score.said[:, label] != score.labels[:, label]).sum())
        told = counted(wrong, "mistake") + (f", {len(found)} shown" if wrong > len(found) else "")
        items = "".join(_item(score, each, pixels.get(each.row), heats.get(each)) for each in found)
        blocks.append(f'<h3>{name(class_name)} <span class="note">{told}</span></h3><ul class="looks">{items}</ul>')
    told = "<p>The most confident mistakes of each class. Some may be right, and the label wrong."
    if heats:
        told += " Beside each picture stands what spoke for that label: what was used, not why."
    told += "</p>" + (legend("the label") if heats else "")
    told += f'<p class="note">{escape(why_none)}</p>' if why_none else ""
    return section("mistakes", "Where it goes wrong", told + "".join(blocks))


def _worst(score: TagScore, label: int) -> list[_Mistake]:
    """The most confident mistakes on one class."""
    scores, said, truth = score.probabilities[:, label], score.said[:, label], score.labels[:, label]
    missed, wrong = np.flatnonzero(truth & ~said), np.flatnonzero(said & ~truth)
    missed = missed[np.argsort(scores[missed], kind="stable")][:SHOWN]
    wrong = wrong[np.argsort(-scores[wrong], kind="stable")][:SHOWN]
    found = [_Mistake(row, label, "not said") for row in missed.tolist()]
    return found + [_Mistake(row, label, "said, not labelled") for row in wrong.tolist()]


def _looked_at(
    run: TagRun, score: TagScore, mistakes: Sequence[_Mistake]
) -> tuple[dict[int, np.ndarray], dict[_Mistake, Heat], str]:
    """The pictures by row of the score, the maps, and why there are none; of files that are gone there is neither."""
    classifier, pictures = run.classifier, run.parts.test.pictures
    row_of = {pictures.name(row): row for row in range(len(pictures))}
    wanted = {row_of[score.names[each.row]]: each.row for each in mistakes if score.names[each.row] in row_of}
    found = read(pictures, wanted, target_size=classifier.target_size, resize=classifier.resize)
    pixels = {wanted[row]: picture for row, picture in found.items()}
    there = [each for each in mistakes if each.row in pixels]
    if not there:
        return pixels, {}, ""
    classes = np.array([[each.label] for each in there])
    with console.progress("Looking at mistakes", len(there)) as bar:
        try:
            some = np.stack([pixels[each.row] for each in there])
            maps = heat_maps_of_classes(classifier, some, classes=classes, watch=bar.advance)
        except InputError as error:
            return pixels, {}, f"What it looked at is not shown: {error}"
    return pixels, {each: heat for each, (heat,) in zip(there, maps, strict=True)}, ""


def _item(score: TagScore, mistake: _Mistake, pixels: np.ndarray | None, heat: Heat | None) -> str:
    file, class_name = score.names[mistake.row], score.class_names[mistake.label]
    share = percent(float(score.probabilities[mistake.row, mistake.label]))
    labels = ", ".join(score.class_names[place] for place in np.flatnonzero(score.labels[mistake.row])) or "no label"
    told = f'<p class="what"><b>{mistake.what}</b> ({share}); labelled {name(labels)}</p>'
    figures = "<p>The file is gone.</p>"
    if pixels is not None:
        small = shrunk(pixels, SIDE)
        figures = _figure(data_url(small), f"labelled {labels}; {class_name} {mistake.what}", file_name(file))
        if heat is not None:
            caption = f"for {name(class_name)}" + ("" if (heat.values > 0).any() else ": nothing speaks for it")
            figures += _figure(data_url(overlay(small, heat, side=SIDE)), alternative(heat, class_name), caption)
    else:
        figures += f'<p class="file">{file_name(file)}</p>'
    return f'<li>{told}<div class="side">{figures}</div></li>'


def _figure(url: str, alternative_text: str, caption: str) -> str:
    return (
        f'<figure><img src="{url}" alt="{escape(alternative_text)}" loading="lazy">'
        f"<figcaption>{caption}</figcaption></figure>"
    )
