"""Beside each mistake stand the maps of both classes; of models that are not kept, none and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report_pages import Outline, run_on
from small_nets import trained

from fieldguide.evaluation.evaluate import evaluate
from fieldguide.evaluation.explain import worst_errors
from fieldguide.evaluation.focus import Outside
from fieldguide.evaluation.folds import FoldScore
from fieldguide.evaluation.heatmaps import classifier_heat_maps
from fieldguide.evaluation.metrics import Score
from fieldguide.intervals import wilson
from fieldguide.model.classifier import Classifier
from fieldguide.model.head import Head
from fieldguide.model.lite0 import read_weights
from fieldguide.model.nets import Net
from fieldguide.model.trunk import ALL_BLOCKS, BUNDLED, Trunk
from fieldguide.reporting.looked import looked
from fieldguide.reporting.mistakes import AT_ONCE, mistakes
from fieldguide.reporting.page import report
from fieldguide.training.fit import Run

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

NAMES = ("owl", "wren", "kite")
SIDE = (64, 64)


def head_of(*widths: int) -> Head:
    """A head as training might leave it, through hidden layers of these widths."""
    rng = np.random.default_rng(3)
    layers = [
        (rng.normal(0, 1 / np.sqrt(one), (one, other)).astype(np.float32), rng.normal(0, 0.1, other).astype(np.float32))
        for one, other in zip(widths, (*widths[1:], 3), strict=True)
    ]
    return Head(*layers[-1], tuple(layers[:-1]))


def guide_of(kind: str) -> Classifier:
    trunk = {"all maps": ALL_BLOCKS, "flattened": Trunk(pooling="flatten")}.get(kind, BUNDLED)
    widths = (trunk.features(SIDE), *((8,) if kind == "hidden layers" else ()))
    weights = read_weights() if kind == "weights of its own" else None
    return Classifier(head_of(*widths), NAMES, target_size=SIDE, trunk=trunk, weights=weights)


def judged(folder: Path, guide: Classifier, per_class: int = 10) -> tuple[Run, Score]:
    """A run with this classifier, and its true score on small pictures: it has learnt nothing of them."""
    run = run_on(folder, NAMES, per_class)
    run = replace(run, classifier=guide, recipe=run.recipe.with_(target_size=guide.target_size))
    return run, evaluate(guide, run.parts.test)


def require_both_maps(folder: Path, guide: Classifier) -> None:
    run, score = judged(folder, guide)
    worst = worst_errors(score)
    assert len(worst) > 5
    found = looked(guide, score, worst, run.parts.test)
    assert found.why_none == ""
    assert set(found.maps) == set(found.pixels) == {one.name for one in worst}
    pixels = np.stack([found.pixels[one.name] for one in worst])
    for place, which in enumerate(("predicted", "truth")):
        classes = np.array([NAMES.index(getattr(one, which)) for one in worst])
        alone = classifier_heat_maps(guide, pixels, classes=classes)
        for one, heat in zip(worst, alone, strict=True):
            np.testing.assert_allclose(found.maps[one.name][place].values, heat.values, atol=1e-4)


@pytest.mark.parametrize("kind", ["last map", "all maps", "flattened", "hidden layers", "weights of its own"])
def test_every_mistake_has_the_maps_of_both_classes(kind: str, tmp_path: Path) -> None:
    require_both_maps(tmp_path / "birds", guide_of(kind))


@pytest.mark.keras
def test_so_has_every_mistake_of_a_network_from_scratch(tmp_path: Path) -> None:
    net = Net("classic", "tiny", target_size=SIDE)
    weights, head = trained(net, classes=3)
    require_both_maps(tmp_path / "birds", Classifier(head, NAMES, net=net, weights=weights))


def test_the_page_shows_both_beside_the_picture_and_folds_the_later_ones_away(tmp_path: Path) -> None:
    run, score = judged(tmp_path / "birds", guide_of("last map"))
    worst = worst_errors(score)
    assert len(worst) > AT_ONCE
    text = report(run, score, tmp_path / "r.html").read_text(encoding="utf-8")
    found = Outline(text)
    maps = [image["alt"] or "" for image in found.all("img") if (image["alt"] or "").startswith("For ")]
    assert len(maps) == 2 * len(worst)
    assert maps[0].startswith(f"For {worst[0].predicted} it looks ")
    assert maps[1].startswith(f"For {worst[0].truth} it ")
    assert f"The other {len(worst) - AT_ONCE} that are shown" in found.text
    assert f"for {worst[0].truth}, {100 * worst[0].truth_probability:.1f}%" in found.text
    assert len(text) < 1_000_000


def test_in_folds_no_map_is_shown_and_why_is_said(tmp_path: Path) -> None:
    run, score = judged(tmp_path / "birds", guide_of("last map"))
    halves = np.arange(15), np.arange(15, 30)
    share = wilson(5, 15)
    score = replace(score, folds=tuple(FoldScore(rows, share, share, 1.0) for rows in halves))
    found = looked(run.classifier, score, worst_errors(score), run.parts.test)
    assert not found.maps and "are not kept" in found.why_none
    page = Outline(report(run, score, tmp_path / "r.html").read_text(encoding="utf-8"))
    assert found.why_none in page.text
    assert not [image for image in page.all("img") if (image["alt"] or "").startswith("For ")]


def test_a_picture_that_is_gone_has_no_map_and_takes_none_from_others(tmp_path: Path) -> None:
    run, score = judged(tmp_path / "birds", guide_of("last map"))
    worst = worst_errors(score)
    (tmp_path / "birds" / worst[0].name).unlink()
    found = looked(run.classifier, score, worst, run.parts.test)
    assert set(found.maps) == {one.name for one in worst[1:]}


def test_that_maps_lie_outside_is_said_with_its_numbers(tmp_path: Path) -> None:
    run, score = judged(tmp_path / "birds", guide_of("last map"))
    worst = worst_errors(score)
    found = looked(run.classifier, score, worst, run.parts.test)
    told = Outside(wilson(20, 24), wilson(5, 24))
    page = mistakes(score, worst, {}, replace(found, outside=told))
    assert str(told).replace("-93.3", "&ndash;93.3").replace("-40.5", "&ndash;40.5") in page
    assert "outer half" not in mistakes(score, worst, {}, replace(found, outside=None))


def test_where_there_is_no_mistake_nothing_is_looked_at(tmp_path: Path) -> None:
    run, score = judged(tmp_path / "birds", guide_of("last map"))
    assert not looked(run.classifier, score, (), run.parts.test).maps
