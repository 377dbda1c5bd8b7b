"""What `--help` says is taken if nothing is said, and what the command really takes."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable

import pytest

from fieldguide.augmentation.presets import preset_called
from fieldguide.comparison.plan import USUAL_DROPOUT, USUAL_EPOCHS, USUAL_FAMILY, USUAL_SIDE
from fieldguide.flags import add_compare, add_rate, add_train, wished
from fieldguide.model.nets import Net
from fieldguide.rate import PLOT
from fieldguide.training.optimiser import Optimiser
from fieldguide.training.rates import STEPS
from fieldguide.training.recipe import Recipe
from fieldguide.training.scratch_recipe import ScratchRecipe


def said(add: Callable[[argparse.ArgumentParser], None]) -> dict[str, str]:
    """What is said of each flag."""
    parser = argparse.ArgumentParser()
    add(parser)
    return {action.option_strings[0]: action.help or "" for action in parser._actions if action.option_strings}


def usual(text: str) -> str:
    """What stands in the last brackets."""
    found = re.search(r"\(([^()]*)\)$", text)
    assert found, text
    return found[1]


def test_train_says_what_its_recipe_has() -> None:
    told = said(add_train)
    recipe, net, optimiser = ScratchRecipe(), Net(), Optimiser()
    for flag, value in {
        "--net": net.family, "--size": net.size, "--dropout": f"{net.dropout:g}", "--batch-size": recipe.batch_size,
        "--optimiser": optimiser.name, "--schedule": optimiser.schedule, "--weight-decay": optimiser.weight_decay,
        "--label-smoothing": recipe.label_smoothing, "--average": recipe.average, "--precision": recipe.precision,
    }.items():  # fmt: skip
        assert re.split("[;:] on a backbone", usual(told[flag]))[0] == str(value), flag
    backbone = Recipe()
    smoothing = usual(told["--label-smoothing"]).partition("; on a backbone ")[2]
    assert float(smoothing) == backbone.label_smoothing
    assert backbone.augment == preset_called(usual(told["--augment"]).rpartition(" ")[2]).settings
    assert backbone.pooling in usual(told["--pooling"]) and backbone.class_weights is None
    of_backbones = {
        "--rate": f"{backbone.head_rate:g}",
        "--epochs": backbone.head_epochs,
        "--patience": backbone.patience,
    }
    for flag, value in of_backbones.items():
        assert usual(told[flag]).endswith(f" on a backbone {value}"), flag


def test_compare_says_what_a_comparison_takes() -> None:
    told = said(add_compare)
    assert usual(told["--net"]).startswith(f"{USUAL_FAMILY}; with --data-size {Net().family}")
    assert usual(told["--side"]).startswith(f"{USUAL_SIDE}, or less")
    assert usual(told["--epochs"]).startswith(f"{USUAL_EPOCHS}; with --data-size")
    assert usual(told["--dropout"]) == f"0; with --recipes {USUAL_DROPOUT} where dropout is compared"
    assert usual(told["--augment"]).startswith("with --complexity none, with --recipes medium")
    for flag in ("--patience", "--metric", "--minimum", "--target"):
        assert usual(told[flag]).startswith("refused")


@pytest.mark.parametrize("add", [add_compare, add_rate])
def test_nothing_is_said_of_flags_that_a_command_lacks(add: Callable[[argparse.ArgumentParser], None]) -> None:
    told = said(add)
    assert "--resume" not in told
    assert not [text for text in told.values() if "--resume" in text]


def test_the_optimiser_is_known_as_it_is_spelt_elsewhere() -> None:
    commands: dict[Callable[[argparse.ArgumentParser], None], list[str]] = {
        add_train: [], add_compare: ["photos", "--complexity"], add_rate: ["photos"],
    }  # fmt: skip
    for add, words in commands.items():
        parser = argparse.ArgumentParser()
        add(parser)
        assert wished(parser.parse_args([*words, "--optimizer", "sgd"])) == {"optimiser": "sgd"}
        assert wished(parser.parse_args([*words, "--optimiser", "sgd"])) == {"optimiser": "sgd"}
        assert "--optimizer" not in parser.format_help()


def test_rate_says_what_it_leaves_aside() -> None:
    told = said(add_rate)
    for flag in ("--rate", "--schedule", "--epochs", "--patience", "--target"):
        assert usual(told[flag]).startswith("left aside here")


def test_rate_says_what_it_takes() -> None:
    told = said(add_rate)
    assert usual(told["--steps"]) == str(STEPS)
    assert usual(told["--output"]) == PLOT
