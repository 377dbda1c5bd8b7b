"""Explanations as files: an overlay of each picture, and one page that shows them beside the pictures, in words too."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np

from fieldguide.evaluation.explaining import CLOSE, Explanation, Explanations
from fieldguide.evaluation.heatmaps import Heat
from fieldguide.files import atomic, write_text
from fieldguide.model.predictions import Prediction
from fieldguide.model.tag_predictions import TagPrediction
from fieldguide.reporting.markup import bullets, details, escape, file_name, name, percent, section
from fieldguide.reporting.overlay import alternative, legend, overlay
from fieldguide.reporting.page import whole_page
from fieldguide.reporting.pictures import data_url
from fieldguide.words import capital, counted

PAGE_FILE = "explanation.html"
QUALITY = 90  # of JPEG
_NAME_LETTERS, _CLASS_LETTERS = 40, 16  # of a file's name: letters may take four bytes, and there is room for 255

READING = (
    "Amber shows which places spoke for the class, and how much; half of all that did lies inside the line.",
    "What spoke against the class stays grey.",
    "A map is as coarse as the network's last places, often 7 by 7: it points at a part, not at an outline.",
    "It shows what was used, not why, and not whether that is right.",
    "Where the weight lies on the background or on a label in the corner, it may have learnt the wrong thing.",
    "A sensible map is no proof of a right answer: wrong answers have sensible maps too.",
)


def write_looks(explanations: Explanations, folder: str | Path, *, about: str = "pictures") -> Path:
    """Writes an overlay file of each picture, and a page of all.

    Args:
        explanations: of one picture or more.
        folder: made if it is missing.
        about: what the page is about.

    Returns:
        The path of the page.

    Raises:
        FileError: if something cannot be written.
    """
    folder, blocks = Path(folder), []
    for place, entry in enumerate(explanations.entries, 1):
        maps = [entry.heat, *entry.others]
        drawn = [overlay(entry.pixels, heat) for heat in maps]
        for heat, pixels in zip(maps, drawn, strict=True):
            _write(folder / _file(place, entry, heat), pixels)
        blocks.append(_block(entry, list(zip(maps, drawn, strict=True))))
    names = {label for entry in explanations.entries for label in (entry.class_name, *entry.other_names)}
    shown = next(iter(names)) if len(names) == 1 else "the class below the map"
    body = [
        f"<h1>What it looked at in {counted(len(explanations), 'picture')}</h1>",
        f'<p class="lede">{_counts(explanations)}</p>',
        legend(shown),
        f'<ol class="looks">{"".join(blocks)}</ol>',
        section("reading", "How to read the maps", bullets([escape(line) for line in READING])),
        _skipped(explanations),
    ]
    page = folder / PAGE_FILE
    write_text(page, whole_page(about, "\n".join(body), what="explanation"))
    return page


def _counts(explanations: Explanations) -> str:
    answers = [entry.prediction for entry in explanations.entries]
    if isinstance(answers[0], TagPrediction):
        return _said(explanations)
    sure = [answer.label for answer in answers if not answer.doubt]
    counts = [f"{sure.count(each):,} {name(each)}" for each in explanations.class_names if each in sure]
    unlike = sum(answer.unlike is True for answer in answers)
    unsure = len(answers) - len(sure) - unlike
    told = [f"Taken for: {', '.join(counts)}."] if counts else []
    told += [f"Not sure: {unsure:,}."] if unsure else []
    told += [f"Unlike anything it learnt from: {unlike:,}."] if unlike else []
    if any(entry.others for entry in explanations.entries):
        named = ", and where it is not sure, those of the classes that it names" if unsure else ""
        told.append(f"Where another class has {CLOSE:.0%} or more, its map stands beside{named}.")
    return " ".join(told)


def _said(explanations: Explanations) -> str:
    """How often each label was said, where a picture may have several."""
    labels = [said.labels for entry in explanations.entries if isinstance(said := entry.prediction, TagPrediction)]
    count = Counter(label for each in labels for label in each)
    counts = [f"{name(label)} of {count[label]:,}" for label in explanations.class_names if count[label]]
    none = labels.count(())
    told = [f"Said: {', '.join(counts)}."] if counts else []
    return " ".join([*told, *([f"Nothing was said of {none:,}."] if none else [])])


def _answer(said: Prediction) -> str:
    """What was answered, as a title."""
    if not isinstance(said, TagPrediction):
        return escape(capital(said.doubt)) if said.doubt else f"{name(said.label)} {percent(said.probability or 0)}"
    assert said.probabilities is not None
    shares = dict(zip(said.class_names, said.probabilities.tolist(), strict=True))
    return ", ".join(f"{name(label)} {percent(shares[label])}" for label in said.labels) or "None of its labels"


def _block(entry: Explanation, maps: list[tuple[Heat, np.ndarray]]) -> str:
    said, path = entry.prediction, entry.prediction.path
    figures = _figure(data_url(entry.pixels), f"The picture {path.name}", "as it was taken in")
    for heat, pixels in maps:
        class_name = said.class_names[heat.class_index]
        caption = f"for {name(class_name)}, {percent(entry.probability_of(heat))}"
        figures += _figure(data_url(pixels), alternative(heat, class_name), caption)
    kind = "side three" if len(maps) == 2 else "side"
    return (
        f"<li><h3>{_answer(said)}</h3>"
        f'<p class="file">{file_name(path.as_posix())}</p><div class="{kind}">{figures}</div>'
        f"<p>{escape(capital(entry.sentence))}.</p></li>"
    )


def _figure(url: str, alternative_text: str, caption: str) -> str:
    return f'<figure><img src="{url}" alt="{escape(alternative_text)}"><figcaption>{caption}</figcaption></figure>'


def _skipped(explanations: Explanations) -> str:
    if not explanations.skipped:
        return ""
    lines = [f"{file_name(each.path.as_posix())}: {escape(each.reason)}" for each in explanations.skipped]
    return details(f"{counted(len(lines), 'file')} could not be read", bullets(lines))


def _file(place: int, entry: Explanation, heat: Heat) -> str:
    """The name of an overlay's file: in the order of the pictures, and safe wherever it is unpacked."""
    class_name = entry.prediction.class_names[heat.class_index]
    number = [each is heat for each in entry.others].index(True) + 1 if heat is not entry.heat else 0
    more = f"{f'-{number}' if number > 1 else ''}-for-{_plain(class_name, _CLASS_LETTERS)}" if number else ""
    return f"{place:03d}-{_plain(entry.prediction.path.stem, _NAME_LETTERS)}{more}.jpg"


def _plain(text: str, most: int) -> str:
    sound = text.encode("utf-8", "replace").decode("utf-8")
    return re.sub(r"[^\w.-]+", "-", sound)[:most].strip("-.") or "picture"


def _write(path: Path, pixels: np.ndarray) -> None:
    import cv2

    encoded = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    with atomic(path) as temporary:
        temporary.write_bytes(encoded.tobytes())
