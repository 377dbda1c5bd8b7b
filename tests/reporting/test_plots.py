from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest
from finished_runs import curves as epochs
from finished_runs import dataset, finished_run

from fieldguide.calibration import reliability_bins, softmax
from fieldguide.intervals import UNDEFINED, Estimate, wilson
from fieldguide.model.nets import Net
from fieldguide.reporting import plots, svg
from fieldguide.reporting.curves import PANEL_HEIGHT, PANEL_WIDTH, curves
from fieldguide.reporting.marks import LETTER, Marks
from fieldguide.training.fit import Run
from fieldguide.training.record import Epoch, Schedule
from fieldguide.training.scratch_recipe import ScratchRecipe


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in parsed(svg).iter("text")]


def places(svg: str, kind: str) -> list[tuple[float, float]]:
    line = next(element for element in parsed(svg).iter("polyline") if element.get("class") == kind)
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in (line.get("points") or "").split())]


def test_curves_go_where_the_figures_are() -> None:
    loss, accuracy = curves(epochs([0.8, 0.4, 0.2, 0.3]))
    points = places(loss, "held")
    assert len(points) == 4
    assert points[2][1] > points[3][1] > points[1][1] > points[0][1]  # lower loss, larger y
    # From 0 to 0.8 the panel's height is covered: 0.4 lies halfway between its ends.
    assert points[1][1] == pytest.approx((svg.TOP + PANEL_HEIGHT - svg.BOTTOM) / 2, abs=0.1)
    assert points[0][1] == pytest.approx(svg.TOP, abs=0.1)
    assert len(places(accuracy, "training")) == 4


def test_the_chosen_epoch_is_marked_in_both_panels() -> None:
    for panel in curves(epochs([0.8, 0.4, 0.2, 0.3])):
        assert "epoch 3, kept" in texts(panel)
        mark = next(element for element in parsed(panel).iter("line") if element.get("class") == "chosen")
        assert float(mark.get("x1", 0)) == pytest.approx(places(panel, "held")[2][0])


def test_phases_are_drawn_apart_and_named() -> None:
    head = [Epoch("head", 1 + place, 0.5, 0.8, 0.6 - place / 10, 0.7) for place in range(4)]
    both = (*head, *epochs([0.2, 0.1, 0.15]))
    loss, _ = curves(both)
    assert {"epochs of the head", "epochs of fine-tuning"} <= set(texts(loss))
    assert len([line for line in parsed(loss).iter("polyline") if line.get("class") == "held"]) == 2
    assert len([line for line in parsed(loss).iter("line") if line.get("class") == "border"]) == 1


def test_a_short_phase_has_room_to_be_seen() -> None:
    head = [Epoch("head", 1 + place, 0.5, 0.8, 0.6, 0.7) for place in range(100)]
    loss, _ = curves((*head, *epochs([0.2, 0.1, 0.15])))
    lines = [line.get("points") or "" for line in parsed(loss).iter("polyline") if line.get("class") == "held"]
    across = [float(pair.split(",")[0]) for pair in lines[1].split()]
    assert across[-1] - across[0] > 50


@pytest.mark.parametrize("count", [1, 2, 3, 300])
def test_any_number_of_epochs_can_be_drawn(count: int) -> None:
    for panel in curves(epochs([1.0 / (place + 1) for place in range(count)])):
        parsed(panel)
        numbers = [text for text in texts(panel) if text.isdigit()]
        assert 1 <= len(numbers) <= 14
    assert ("<polyline" in curves(epochs([0.5]))[0]) is False


def test_a_loss_that_is_not_finite_leaves_a_gap() -> None:
    loss, _ = curves((*epochs([0.5, 0.4]), Epoch("fine-tune", 3, math.inf, 0.5, math.nan, 0.5)))
    assert "nan" not in loss
    assert "inf" not in loss
    assert len(places(loss, "held")) == 2


def test_perfect_accuracy_can_be_drawn() -> None:
    _, accuracy = curves([Epoch("head", place, 0.0, 1.0, 0.0, 1.0) for place in (1, 2)])
    assert texts(accuracy).count("100%") == 1
    assert {y for _, y in places(accuracy, "held")} == {float(svg.TOP)}


@pytest.mark.parametrize("k", [2, 3, 4, 12, 20, 50, 100])
def test_a_matrix_names_its_classes_and_numbers_its_cells_while_they_are_large_enough(k: int) -> None:
    rng = np.random.default_rng(k)
    confusion = np.diag(np.full(k, 20)) + (rng.random((k, k)) < 0.1)
    drawn = plots.matrix(confusion, [f"class {place}" for place in range(k)])
    found = texts(drawn)
    assert all(found.count(f"class {place}") == 2 for place in range(k))
    numbers = [int(text) for text in found if text.isdigit()]
    assert sorted(numbers) == (sorted(confusion[confusion > 0].tolist()) if k <= plots.MOST_NUMBERED else [])
    assert drawn.count("<rect") == np.count_nonzero(confusion) + 1
    assert len(drawn) < 400_000
    sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)"', drawn)]
    assert min(sizes) >= 7 and all(size <= max(plots._cell(k)) for size in sizes)


def test_a_cell_says_what_it_counts() -> None:
    drawn = plots.matrix(np.array([[5, 2], [0, 7]]), ["cat", "dog"])
    told = [element.text for element in parsed(drawn).iter("title")]
    assert "cat, taken for dog: 2 of 7" in told
    assert "12 of 14 pictures on the diagonal" in drawn


def test_of_too_many_classes_those_with_the_most_mistakes_are_drawn() -> None:
    confusion = np.diag(np.full(150, 5))
    confusion[7, 140] = 3
    rows = plots.matrix_classes(confusion)
    assert len(rows) == plots.MATRIX_OF_MANY
    assert {7, 140} <= set(rows.tolist())
    assert plots.matrix_classes(confusion[:100, :100]).tolist() == list(range(100))


def test_a_reliability_diagram_has_a_dot_and_an_interval_for_each_bin() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (1000, 3))
    labels = (softmax(logits).cumsum(axis=1) > rng.random((1000, 1))).argmax(axis=1)
    bins = reliability_bins(softmax(logits), labels)
    drawn = parsed(plots.reliability(bins, bins[:4]))
    kinds = [element.get("class") for element in drawn.iter()]
    assert kinds.count("accent") == len(bins)
    assert kinds.count("whisker") == len(bins)
    assert kinds.count("before") == 4


def test_an_interval_bar_covers_the_interval_on_its_scale() -> None:
    band = next(element for element in parsed(plots.interval_bar(Estimate(0.9, 0.85, 0.95, 100), 0.5)).iter("rect")
                if element.get("class") == "band")  # fmt: skip
    assert float(band.get("x", 0)) == pytest.approx(70)
    assert float(band.get("width", 0)) == pytest.approx(20)
    assert plots.interval_bar(UNDEFINED) == ""
    parsed(plots.interval_bar(wilson(10, 10)))


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.9, 1), (0, 0.037), (0, 7.3), (0, 2000), (0.995, 1)])
def test_ticks_are_few_and_round(low: float, high: float) -> None:
    step = svg.step(high - low)
    top = low + step * math.ceil((high - low) / step - 1e-9)
    ticks = svg.ticks(low, top)
    assert 3 <= len(ticks) <= 8
    assert ticks[0] == low


def test_the_same_records_give_the_same_bytes_and_no_ids() -> None:
    once, again = (curves(epochs([0.5, 0.3, 0.4])) for _ in range(2))
    assert once == again
    assert "id=" not in once[0]


def test_a_figure_tells_what_it_shows_to_those_who_do_not_see_it() -> None:
    loss, _ = curves(epochs([0.5, 0.3, 0.4]))
    assert parsed(loss).get("role") == "img"
    assert "held out from 0.5 to 0.4" in (parsed(loss).get("aria-label") or "")


def scratch(count: int, rates: list[float] | None = None) -> tuple[Epoch, ...]:
    """Epochs of a training from random weights, 500 and 200 pictures measured after each."""
    rng = np.random.default_rng(count)
    falling = [1.0 / (place + 2) for place in range(count)]
    return tuple(
        Epoch(
            "scratch",
            place + 1,
            loss=value,
            accuracy=1 - value / 2,
            val_loss=value + 0.1 + 0.05 * rng.random(),
            val_accuracy=0.9 - value / 2,
            chosen=place == count - 1,
            n=500,
            val_n=200,
            rate=(rates or [1e-3] * count)[place],
        )
        for place, value in enumerate(falling)
    )


def classes_of(svg: str, tag: str) -> list[str]:
    return [element.get("class") or "" for element in parsed(svg).iter(tag)]


def test_long_trainings_have_a_smoothed_line_over_the_raw_one() -> None:
    short, long = (curves(scratch(count))[0] for count in (8, 40))
    assert classes_of(short, "polyline") == ["training", "held"]
    assert classes_of(long, "polyline") == ["training raw", "held raw", "training", "held"]
    raw, smooth = (np.array(places(long, kind))[:, 1] for kind in ("held raw", "held"))
    assert np.abs(np.diff(smooth)).sum() < np.abs(np.diff(raw)).sum()


def test_accuracies_have_their_intervals_behind_them_and_losses_have_none() -> None:
    loss, accuracy, _ = curves(scratch(8))
    assert classes_of(loss, "polygon") == []
    assert classes_of(accuracy, "polygon") == ["training area", "held area"]
    area = next(element for element in parsed(accuracy).iter("polygon") if element.get("class") == "held area")
    ys = [float(pair.split(",")[1]) for pair in (area.get("points") or "").split()]
    known = wilson(round(200 * scratch(8)[0].val_accuracy), 200)
    _, y = svg.scales((0.0, 1.0), (0.6, 1.0), PANEL_WIDTH, PANEL_HEIGHT)
    assert ys[0] == pytest.approx(y(known.high), abs=0.5)
    assert ys[-1] == pytest.approx(y(max(0.6, known.low)), abs=0.5)
    without = curves(epochs([0.5, 0.4]))[1]
    assert classes_of(without, "polygon") == [], "how many pictures it is of is not known"


def test_the_learning_rate_has_a_panel_where_it_is_known() -> None:
    assert len(curves(epochs([0.5, 0.4]))) == 2
    *_, rate = curves(scratch(4, [1e-3, 8e-4, 4e-4, 0.0]))
    assert "Learning rate" in texts(rate)
    assert "0.001" in texts(rate)
    ys = [y for _, y in places(rate, "rate")]
    assert ys == sorted(ys)


@pytest.mark.parametrize(
    ("rate", "labels"),
    [
        (3e-3, {"0", "0.003"}),
        (2e-3, {"0", "0.001", "0.002"}),
        (5e-4, {"0", "5e-4"}),
        (0.1, {"0", "0.05", "0.1"}),
        (8e-5, {"0", "4e-5", "8e-5"}),
    ],
)
def test_the_labels_of_the_learning_rate_fit_into_the_margin(rate: float, labels: set[str]) -> None:
    *_, panel = curves(scratch(3, [rate, rate / 2, 0.0]))
    at_the_axis = {element.text for element in parsed(panel).iter("text") if element.get("text-anchor") == "end"}
    assert at_the_axis == labels


@pytest.mark.parametrize(
    ("rates", "marks"),
    [
        ([1e-3] * 6, 0),
        ([1e-3, 1e-3, 1e-3, 2e-4, 2e-4, 2e-4], 1),
        ([1e-3, 1e-3, 2e-4, 2e-4, 4e-5, 4e-5], 2),
        ([1e-3, 8e-4, 5e-4, 2e-4, 5e-5, 0.0], 0),  # a cosine falls all the time
        ([1e-4, 4e-4, 7e-4, 1e-3, 1e-3, 1e-3], 0),  # it warms up
    ],
)
def test_sudden_changes_of_the_learning_rate_are_marked(rates: list[float], marks: int) -> None:
    loss, accuracy, _ = curves(scratch(6, rates))
    assert classes_of(loss, "line").count("change") == marks
    assert classes_of(accuracy, "line").count("change") == marks


def test_a_few_wild_losses_do_not_flatten_the_others() -> None:
    wild = [Epoch("scratch", place + 1, 0.5, 0.8, 300.0 if place == 3 else 0.6, 0.8) for place in range(40)]
    loss, _ = curves(wild)
    assert "1.2" in texts(loss) or "1.5" in texts(loss)
    assert min(y for _, y in places(loss, "held raw")) >= svg.TOP - 0.1


def marked(count: int, *, best: int, since: int, grown: int) -> tuple[str, str]:
    marks = Marks(best - 1, since - 1, ((grown - 1, "pictures 96 | 128 px"),))
    loss, accuracy, _ = curves(scratch(count), marks)
    return loss, accuracy


@pytest.mark.parametrize(("count", "best", "since", "grown"), [(48, 37, 38, 33), (48, 47, 48, 33), (6, 3, 4, 5)])
def test_marks_are_named_and_no_name_lies_on_another(count: int, best: int, since: int, grown: int) -> None:
    for panel in marked(count, best=best, since=since, grown=grown):
        words = [
            f"epoch {count}, kept",
            f"epoch {best}, best",
            f"by heart from epoch {since} on",
            "pictures 96 | 128 px",
        ]
        placed = [element for element in parsed(panel).iter("text") if element.text in words]
        assert sorted(element.text or "" for element in placed) == sorted(words)
        boxes = [(float(one.get("x", 0)), float(one.get("y", 0)), LETTER * len(one.text or "")) for one in placed]
        for place, (x, y, wide) in enumerate(boxes):
            assert x >= svg.LEFT and x + wide <= PANEL_WIDTH - svg.RIGHT + 1
            assert not any(y == b and x < a + w and a < x + wide for a, b, w in boxes[place + 1 :])
            assert y <= svg.TOP, "in the curves"
        height = float((parsed(panel).get("viewBox") or "").split()[3])
        moved = re.search(r"translate\(0 (\d+)\)", panel)
        assert height == PANEL_HEIGHT + (int(moved[1]) if moved else 0)
        assert min(y for _, y, _ in boxes) + (int(moved[1]) if moved else 0) > svg.HEADING + 10, "in the heading"
        assert all(each in (parsed(panel).get("aria-label") or "") for each in words)


def test_marks_stand_at_their_epochs() -> None:
    loss, _ = marked(6, best=3, since=4, grown=5)
    xs = [x for x, _ in places(loss, "held")]
    lines = {element.get("class"): float(element.get("x1", 0)) for element in parsed(loss).iter("line")}
    assert lines["best"] == pytest.approx(xs[2], abs=0.1)
    assert lines["border"] == pytest.approx((xs[3] + xs[4]) / 2, abs=0.1)
    shade = next(one for one in parsed(loss).iter("rect") if one.get("class") == "since")
    assert float(shade.get("x", 0)) == pytest.approx((xs[2] + xs[3]) / 2, abs=0.1)
    assert float(shade.get("x", 0)) + float(shade.get("width", 0)) == pytest.approx(PANEL_WIDTH - svg.RIGHT, abs=0.1)
    rings = [one for one in parsed(loss).iter("circle") if one.get("class") == "ring"]
    assert any(float(one.get("cx", 0)) == pytest.approx(xs[2], abs=0.1) for one in rings)


def test_the_best_epoch_that_was_kept_has_one_name() -> None:
    loss = curves(scratch(6), Marks(best=5))[0]
    assert "epoch 6, best and kept" in texts(loss)
    assert not any("epoch 6, kept" in words for words in texts(loss))


@pytest.mark.parametrize(
    "rates",
    [
        [1e-3] * 6,  # constant: nothing but the schedules tells
        [1e-3, 5e-4, 1e-5, 1e-3, 5e-4, 1e-5],  # it began anew
        [1e-3, 2e-4, 2e-4, 1e-4, 1e-3, 1e-3],  # "plateau" had reduced it, and it warms up
    ],
)
def test_where_epochs_were_added_there_is_one_mark(rates: list[float]) -> None:
    loss, _, _ = curves(scratch(6, rates), Marks(added=(3,)))
    xs = [x for x, _ in places(loss, "held")]
    (line,) = (element for element in parsed(loss).iter("line") if element.get("class") == "change")
    assert float(line.get("x1", 0)) == pytest.approx((xs[2] + xs[3]) / 2, abs=0.1)
    assert line[0].text == "epochs were added"
    assert "epochs added" in texts(loss)


def from_scratch(recipe: ScratchRecipe, epochs: tuple[Epoch, ...], *added: Schedule) -> Run:
    photos = dataset(("cat", "dog"), np.arange(20) % 2)
    schedules = added or (Schedule(0, recipe.epochs),)
    return replace(finished_run(photos, photos), recipe=recipe, epochs=epochs, schedules=schedules)


def test_the_marks_of_a_run_are_its_best_epoch_and_where_its_pictures_grew() -> None:
    recipe = ScratchRecipe(Net(target_size=(128, 128)), epochs=12, growth=((2 / 3, 0.75),))
    falling = [1e-3 * (1 - place / 12) for place in range(12)]
    found = Marks.of(from_scratch(recipe, scratch(12, falling)))
    assert found.grown == ((8, "pictures 96 | 128 px"),)
    held = [epoch.val_loss for epoch in scratch(12)]
    assert found.best == int(np.argmin(held))
    assert found.since is None
    assert Marks.of(from_scratch(recipe.with_(growth=()), scratch(12, falling))).grown == ()
    assert Marks.of(replace(from_scratch(recipe, scratch(12, falling)), schedules=())).grown == (), "not known"
    assert (
        Marks.of(finished_run(*[dataset(("cat", "dog"), np.arange(20) % 2)] * 2, epochs=epochs([0.5, 0.3]))) == Marks()
    )


@pytest.mark.parametrize(
    ("laid_out", "done", "added", "marks"),
    [
        (12, 12, 6, [(8, "96 | 128"), (12, "128 | 96"), (16, "96 | 128")]),
        (48, 20, 40, [(47, "96 | 128")]),  # early stopping ended the first one before its pictures grew
        (48, 40, 3, [(32, "96 | 128"), (40, "128 | 96"), (42, "96 | 128")]),
    ],
)
def test_of_a_prolonged_run_every_schedule_has_its_own_sizes(
    laid_out: int, done: int, added: int, marks: list[tuple[int, str]]
) -> None:
    recipe = ScratchRecipe(Net(target_size=(128, 128)), epochs=done + added, growth=((2 / 3, 0.75),))
    constant = [1e-3] * (done + added)
    run = from_scratch(recipe, scratch(done + added, constant), Schedule(0, laid_out), Schedule(done, added))
    found = Marks.of(run)
    assert found.grown == tuple((place, f"pictures {sizes} px") for place, sizes in marks)
    assert found.added == (done,)
