"""The pictures that it was least sure of: none that is shown already, and how often it was right there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from finished_runs import scored
from report_pages import Outline, run_on

from fieldguide.evaluation.explain import least_sure, margins, worst_errors
from fieldguide.evaluation.metrics import Score, score
from fieldguide.intervals import wilson
from fieldguide.reporting.page import report
from fieldguide.reporting.unsure import MOST_SHOWN, unsure, unsure_of


def drawn(n: int) -> Score:
    """A score of n pictures of three classes, more often wrong the less sure it is."""
    rng = np.random.default_rng(n)
    labels = rng.integers(0, 3, n)
    logits = rng.normal(0, 1, (n, 3)) + 2.5 * np.eye(3)[labels]
    stated = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return score(stated, labels, ("owl", "wren", "kite"), [f"{row}.jpg" for row in range(n)])


def test_those_that_are_shown_already_are_left_out_and_counted() -> None:
    found = drawn(300)
    ordered = least_sure(found, 20)
    shown = {ordered[place].name for place in (0, 3, 19)} | {"elsewhere.jpg"}
    ones, passed = unsure_of(found, shown)
    assert [one.name for one in ones] == [one.name for one in ordered if one.name not in shown][:MOST_SHOWN]
    assert passed == 2, "the third is not as unsure as any of these"
    assert "2 others as close are among the mistakes above." in unsure(found, ones, passed, {})
    assert unsure_of(found, ())[1] == 0


def test_of_few_pictures_few_are_shown() -> None:
    assert len(unsure_of(drawn(20), ())[0]) == 4
    assert len(unsure_of(drawn(3), ())[0]) == 3
    assert unsure_of(drawn(3), {"0.jpg", "1.jpg", "2.jpg"}) == ((), 0)
    assert unsure(drawn(3), (), 0, {}) == ""


def test_how_often_the_least_sure_tenth_is_right_is_worked_by_hand() -> None:
    found = drawn(300)
    order = np.argsort(margins(found.probabilities), kind="stable")
    low, rest = wilson(int(found.right[order[:30]].sum()), 30), wilson(int(found.right[order[30:]].sum()), 270)
    assert low.high < rest.low
    said = Outline(unsure(found, *unsure_of(found, ()), {})).text
    assert f"Of the least sure tenth, 30 pictures, {100 * low.value:.1f}% (95% CI {100 * low.low:.1f}" in said
    assert f"of all others {100 * rest.value:.1f}% (95% CI" in said
    assert "tenth" not in unsure(drawn(90), *unsure_of(drawn(90), ()), {})


def test_the_page_shows_them_with_both_classes_and_names_the_table(tmp_path: Path) -> None:
    run = run_on(tmp_path / "birds", ("owl", "wren"), 30)
    result = scored(run, range(5))
    page = Outline(report(run, result, tmp_path / "r.html").read_text(encoding="utf-8"))
    ones, _ = unsure_of(result, {one.name for one in worst_errors(result)})
    assert len(ones) == 6
    images = [image["alt"] for image in page.all("img") if "? It is " in (image["alt"] or "")]
    assert images == [f"{one.first} or {one.second}? It is {one.truth}" for one in ones]
    assert "in predictions.csv: sort it by its column margin" in page.text
    for one in ones:
        assert (
            f"{one.first} {100 * one.probability:.1f}%{one.second} {100 * one.second_probability:.1f}%right"
            in page.text
        )
