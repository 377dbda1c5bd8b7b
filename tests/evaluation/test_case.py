from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from finished_runs import dataset, finished_run, scored
from simulated_cases import SETUP, level, rising, simulate

from fieldguide.augmentation.presets import PRESETS
from fieldguide.data.parts import Leak
from fieldguide.errors import InputError
from fieldguide.evaluation.case import CONFIDENCES, Answers, Case, Setup
from fieldguide.training.scratch_recipe import ScratchRecipe

CATS = ("cat", "dog")


def test_a_case_survives_json() -> None:
    case = replace(simulate(rising(0.5, 0.9, 4), level(0.8)), leaks=3, class_names=CATS)
    assert Case.from_dict(json.loads(json.dumps(case.to_dict(), allow_nan=False))) == case


def test_losses_that_are_no_numbers_survive_too() -> None:
    case = simulate(level(0.5), level(0.5), epochs=3)
    broken = replace(case, epochs=(*case.epochs[:2], replace(case.epochs[2], loss=math.nan, fitted_loss=math.inf)))
    back = Case.from_dict(json.loads(json.dumps(broken.to_dict(), allow_nan=False)))
    assert math.isnan(back.epochs[2].loss)
    assert back.epochs[2].fitted_loss is None
    assert back.epochs[:2] == case.epochs[:2]


def test_another_format_is_refused() -> None:
    with pytest.raises(InputError, match="format is 99; expected 1: write it again"):
        Case.from_dict({"format": 99})


def test_answers_are_counted_once_each() -> None:
    rng = np.random.default_rng(5)
    probabilities = rng.dirichlet(np.ones(4), 300)
    labels = rng.integers(0, 4, 300)
    answers = Answers.of(probabilities, labels)
    assert answers.n == 300 == sum(answers.right) + sum(answers.wrong)
    assert sum(answers.right) == int(np.diag(np.array(answers.confusion)).sum())
    assert len(answers.right) == len(answers.wrong) == len(CONFIDENCES) + 1


def test_how_sure_an_answer_is_decides_its_place() -> None:
    stated = np.array([[0.35, 0.33, 0.32], [0.0, 1.0, 0.0], [0.0, 0.93, 0.07]])
    answers = Answers.of(stated, np.array([0, 1, 2]))
    assert answers.right == (1, 0, 0, 0, 0, 0, 0, 0, 0, 1)
    assert answers.wrong == (0, 0, 0, 0, 0, 0, 1, 0, 0, 0)


def test_a_recipes_records_are_read() -> None:
    recipe = {
        "net": {"family": "residual", "size": "small", "dropout": 0.2, "l2": 0.0, "grayscale": False},
        "optimiser": {"name": "adamw", "rate": 0.002, "schedule": "cosine", "momentum": 0.9},
        "mixing": {"kind": "cut_mix", "alpha": 1.0},
        "augment": PRESETS["strong"].settings.to_dict(),
        "epochs": 80,
        "label_smoothing": 0.1,
        "seed": 3,
    }
    setup = Setup.of(recipe)
    assert (setup.net, setup.size, setup.dropout) == ("residual", "small", 0.2)
    assert (setup.optimiser, setup.rate, setup.schedule) == ("adamw", 0.002, "cosine")
    assert (setup.augment, setup.mixing, setup.epochs) == ("strong", "cut_mix", 80)
    plain = Setup.of({"mixing": {"kind": "none"}, "augment": None})
    assert (plain.augment, plain.mixing, plain.varies) == ("none", None, False)
    own = Setup.of({"augment": {"rotation_range": 170.0}})
    assert (own.augment, own.augmentation, own.varies) == ("custom", "rotation_range=170.0", True)


def test_a_runs_case_holds_its_curves_answers_and_leaks() -> None:
    epochs = simulate(rising(0.5, 0.9, 4), level(0.8)).epochs
    train, test = dataset(CATS, np.arange(200) % 2), dataset(CATS, np.arange(50) % 2, first=200)
    leaks = [Leak(train.name(0), "train", test.name(row), "test") for row in range(4)]
    run = finished_run(train, test, epochs=[*epochs, replace(epochs[0], phase="head")], leaks=leaks)
    case = Case.of(run, scored(run, range(10)))
    assert Case.of(run).held is None
    assert case.epochs == epochs
    assert case.counts == (100, 100)
    assert case.class_names == CATS
    assert case.class_name(1) == "'dog'"
    assert case.leaks == 0  # of the measuring part, which is watched without its leaks
    into = [Leak(train.name(0), "train", test.name(row), "validation") for row in range(4)]
    chose = replace(run, parts=replace(run.parts, validation=test, test=test.select(np.arange(0)), leaks=tuple(into)))
    assert Case.of(chose).leaks == 4
    assert case.held is not None and sum(case.held.wrong) == 10


def test_of_two_seeds_the_one_that_divided_the_pictures_is_kept() -> None:
    """By it, and the same shares, what comes next is measured on the same pictures; a folder's own parts have none."""
    train, test = dataset(CATS, np.arange(80) % 2), dataset(CATS, np.arange(20) % 2, first=80)
    run = finished_run(train, test, epochs=simulate(level(0.9), level(0.9), epochs=2).epochs)
    run = replace(run, recipe=ScratchRecipe(seed=5), parts=replace(run.parts, seed=3, shares=(0.0, 0.2)))
    assert Case.of(run).setup.seed == 3
    assert Case.of(run).pictures == 100
    as_it_came = replace(run, parts=replace(run.parts, shares=None))
    assert Case.of(as_it_came).setup.seed == 5


def test_a_class_without_a_name_has_a_number() -> None:
    assert simulate(level(0.5), level(0.5), epochs=1, setup=SETUP).class_name(1) == "class 2"
