"""The figure of a comparison: every mark where its value is, intervals beside it, text that stays text."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

import pytest

from fieldguide.intervals import Estimate, wilson
from fieldguide.reporting.comparing import HEIGHT, LABEL_ROOM, WIDTH, Mark, Trend, accuracies

SVG = "{http://www.w3.org/2000/svg}"


def drawn(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def marks(*held: float, xs: tuple[float, ...] = (1e5, 1e6, 1e7)) -> list[Mark]:
    return [Mark(x, f"{x:g}", wilson(198, 200), wilson(200 * share, 200)) for x, share in zip(xs, held, strict=True)]


def dots(root: ElementTree.Element, kind: str) -> list[tuple[float, float]]:
    found = [dot for dot in root.iter(f"{SVG}circle") if dot.get("class") == kind]
    return [(float(dot.get("cx", "nan")), float(dot.get("cy", "nan"))) for dot in found]


def test_marks_lie_evenly_on_the_logarithm_and_higher_where_accuracy_is_higher() -> None:
    held = dots(drawn(accuracies(marks(0.7, 0.9, 0.8), "parameters")), "accent")
    (first, low), (second, high), (third, middle) = held
    assert second - first == pytest.approx(third - second, abs=0.2)
    assert high < middle < low
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in held)


def test_what_needs_no_training_is_a_line_across_where_its_value_is() -> None:
    text = accuracies(marks(0.7, 0.9, 0.8), "parameters", guess=0.7)
    root = drawn(text)
    (line,) = [line for line in root.iter(f"{SVG}line") if line.get("class") == "guess"]
    assert line.get("y1") == line.get("y2") == f"{dots(root, 'accent')[0][1]}"
    assert "always the commonest class: 70.0%" in text
    low = drawn(accuracies(marks(0.7, 0.9, 0.8), "parameters", guess=0.1))
    (line,) = [line for line in low.iter(f"{SVG}line") if line.get("class") == "guess"]
    assert float(line.get("y1", "nan")) < HEIGHT - 56, "the axis reaches down to it"
    assert 'class="guess"' not in accuracies(marks(0.7, 0.9, 0.8), "parameters")


def test_every_mark_has_its_interval() -> None:
    root = drawn(accuracies(marks(0.7, 0.9, 0.8), "parameters"))
    strokes = [line for line in root.iter(f"{SVG}line") if line.get("class") == "whisker"]
    assert len(strokes) == 3
    for stroke, (x, y) in zip(strokes, dots(root, "accent"), strict=True):
        assert float(stroke.get("x1", "nan")) == x
        assert float(stroke.get("y2", "nan")) < y < float(stroke.get("y1", "nan"))


def test_recipes_are_not_joined() -> None:
    root = drawn(accuracies(marks(0.7, 0.9, 0.8, xs=(0.0, 0.0, 0.0)), "recipe", joined=False))
    assert not list(root.iter(f"{SVG}polyline"))
    places = [x for x, _ in dots(root, "accent")]
    assert places == sorted(set(places))
    assert all(
        apart < 0
        for apart in (a - b for (a, _), (b, _) in zip(dots(root, "before"), dots(root, "accent"), strict=False))
    )


def test_what_lies_beyond_the_measured_is_drawn_apart() -> None:
    line = tuple(Estimate(0.7 + place / 20, 0.65 + place / 20, 0.75 + place / 20, 200) for place in range(5))
    trend = Trend((100.0, 200.0, 400.0, 600.0, 800.0), line, 400.0)
    text = accuracies(marks(0.7, 0.75, 0.8, xs=(100.0, 200.0, 400.0)), "training pictures", trend=trend)
    root = drawn(text)
    lines = {line.get("class"): len((line.get("points") or "").split()) for line in root.iter(f"{SVG}polyline")}
    assert lines == {"training": 3, "held": 3, "ideal": 3}
    (band,) = root.iter(f"{SVG}polygon")
    assert len((band.get("points") or "").split()) == 10
    assert max(x for x, _ in dots(root, "accent")) < WIDTH - 100, "there is room for what lies beyond"


def test_labels_that_would_touch_are_left_out() -> None:
    crowd = marks(*[0.8] * 12, xs=tuple(100.0 * 1.2**place for place in range(12)))
    root = drawn(accuracies(crowd, "training pictures"))
    places = [float(t.get("x", "nan")) for t in root.iter(f"{SVG}text") if (t.text or "") in {m.label for m in crowd}]
    assert 2 < len(places) < 12
    assert all(right - left >= LABEL_ROOM - 0.1 for left, right in itertools.pairwise(places))


def test_the_figure_says_its_values_to_those_who_cannot_see_it() -> None:
    text = accuracies(marks(0.7, 0.9, 0.8), "parameters")
    assert 'role="img"' in text
    assert "100000: training 99.0%, held out 70.0%; 1e+06: training 99.0%, held out 90.0%" in text
    assert not re.search(r"<script|https?://", text)


def test_a_name_is_text_and_no_markup() -> None:
    odd = Mark(1.0, "<b>", wilson(9, 10), wilson(8, 10)), Mark(2.0, "c", wilson(9, 10), wilson(8, 10))
    assert "<b>" not in accuracies(odd, "recipe", joined=False)
