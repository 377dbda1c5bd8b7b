"""The passes that keeping frozen features has spared are counted from what was recorded, and nothing is made up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from finished_runs import curves, dataset, finished_run

from fieldguide.job import Outcome
from fieldguide.model.nets import Net
from fieldguide.reporting.making import making
from fieldguide.reporting.passes import passes
from fieldguide.training.fit import Run
from fieldguide.training.record import Look
from fieldguide.training.scratch_recipe import ScratchRecipe


def made(*looks: Look, phases: tuple[str, ...] = ("head",), epochs: int = 30) -> Run:
    data = dataset(("owl", "wren"), np.repeat([0, 1], 50))
    losses = np.linspace(1, 0.1, epochs)
    found = [replace(one, n=80, val_n=20) for phase in phases for one in curves(losses.tolist(), phase)]
    return replace(finished_run(data, data, epochs=found), looks=looks)


def test_the_epochs_of_the_head_are_compared_with_what_was_run() -> None:
    run = made(Look(120, 0, 4.04))
    first, second = passes(run)
    assert first == "The frozen network was run 120 times, on no picture twice in one way, in 4.0 s."
    assert second.startswith(
        "Run again in each of the 30 epochs of the head's curve, with 80 pictures and 20 held-out ones, it would have "
        "been 3,000 times: 2,880 passes were spared."
    )
    assert "in 4.0 s" in making(run) and "2,880 passes" in making(run)


def test_what_was_known_before_counts_as_needed_and_takes_no_time() -> None:
    first, second = passes(made(Look(100, 20, 3.0), Look(0, 100, 9.0)))
    assert "100 times, on no picture twice in one way, in 3.0 s; 120 times more, what it sees was known" in first
    assert "2,780 passes were spared" in second
    assert passes(made(Look(0, 120, 1.0)))[0] == (
        "The frozen network was not run at all: all 120 times, what it sees was known from before."
    )


def test_further_views_are_seen_in_every_step_of_a_fit_and_one_at_a_time_by_hidden_layers() -> None:
    run = made(Look(360, 0, 9.0))
    run = replace(run, choices=replace(run.choices, views=4))
    assert "with 80 pictures in 4 views and 20 held-out ones, it would have been 10,200 times" in passes(run)[1]
    dense = replace(run, recipe=run.recipe.with_(dense=(16,)))
    assert "it would have been 3,000 times: 2,640 passes were spared." in passes(dense)[1]
    assert "The fits that chose" not in passes(dense)[1]


def test_where_nothing_was_spared_nothing_is_claimed() -> None:
    assert len(passes(made(Look(120, 0, 4.0), epochs=1))) == 1
    assert passes(made()) == ()
    scratch = replace(made(Look(120, 0, 4.0)), recipe=ScratchRecipe(Net("classic", "small")))
    assert passes(scratch) == ()


def test_fine_tuning_begins_behind_what_is_kept() -> None:
    run = made(Look(120, 0, 4.0), phases=("head", "fine-tune"), epochs=5)
    assert passes(run)[-1] == (
        "The 5 epochs of fine-tuning began with what was kept of the layer block6a_project_bn: 500 passes through the "
        "part before it were spared."
    )
    whole = replace(run, recipe=run.recipe.with_(start="pixels"))
    assert not any("fine-tuning" in line for line in passes(whole))


def test_a_real_training_counts_every_picture_that_was_looked_at(small_job: Outcome) -> None:
    run = small_job.run
    assert sum(look.computed + look.kept for look in run.looks) >= sum(
        len(part) for part in (run.parts.train, run.parts.validation, run.parts.test)
    )
    assert 0 <= run.computed <= sum(look.computed + look.kept for look in run.looks)
    assert all(look.seconds > 0 for look in run.looks)
    assert passes(run)[0].startswith("The frozen network was ")
