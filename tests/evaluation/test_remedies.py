"""Remedies are commands that `fieldguide` takes, and that change what they say and nothing else."""

from __future__ import annotations

import shlex
from dataclasses import fields, replace
from typing import Any

import pytest
from simulated_cases import level, rising, simulate

from fieldguide.augmentation.presets import preset_called
from fieldguide.augmentation.settings import Settings
from fieldguide.cli import _parser
from fieldguide.evaluation import remedies
from fieldguide.evaluation.ailment import FEW_HELD
from fieldguide.evaluation.ailments import ailments
from fieldguide.evaluation.case import Setup
from fieldguide.flags import wished
from fieldguide.model.nets import Net
from fieldguide.training.optimiser import Optimiser
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.stopping import Stopping, Targets
from fieldguide.training.usual import SCRATCH_VALIDATION_SHARE, TEST_SHARE
from fieldguide.training.wishes import Wishes

COUNTS = {"cat": 700, "dog": 300}
RECIPES = {
    "auto": ScratchRecipe(augment=preset_called("crops").settings, epochs=96, class_weights=0.5),
    "classic": ScratchRecipe(
        net=Net("classic", "tiny", target_size=(64, 64), l2=0.001, grayscale=True),
        optimiser=Optimiser("sgd", rate=0.08, schedule="constant"),
        epochs=20,
        batch_size=16,
        label_smoothing=0.0,
        average=0.0,
        class_weights=0.5,
    ),
    "residual": ScratchRecipe(
        net=Net("residual", "medium", dropout=0.3, block_dropout=0.1, batch_norm=False, pooling="flatten"),
        augment=preset_called("strong").settings,
        optimiser=Optimiser(schedule="one_cycle", weight_decay=0.01),
        stopping=Stopping("val_accuracy", patience=7, minimum=0.01),
        targets=Targets(0.95, 0.8),
        precision="float32",
    ),
}


def asked(command: str) -> Wishes:
    """What a command asks for."""
    words = shlex.split(command)
    assert words[0] == "fieldguide"
    options = _parser().parse_args(words[1:])
    return Wishes(options.recipe, **wished(options))


def setup_of(recipe: ScratchRecipe) -> Setup:
    wishes = Wishes.of(recipe, COUNTS)
    pairs = tuple((name, getattr(wishes, name)) for name in wishes.asked())
    return replace(Setup.of(recipe.to_dict()), asked=pairs)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_what_asks_for_a_recipe_gives_it_again(recipe: ScratchRecipe) -> None:
    usual = ScratchRecipe(
        net=Net(target_size=recipe.net.target_size), augment=preset_called("light").settings, epochs=7
    ).with_(class_weights=0.5)
    made = Wishes.of(recipe, COUNTS).apply(usual)
    for field in fields(ScratchRecipe):
        if field.name not in ("reasons", "seed", "margin", "growth"):
            assert getattr(made, field.name) == getattr(recipe, field.name), field.name


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("changed", [{"rate": 0.0001}, {"dropout": 0.5}, {"augment": "light"}, {"size": "large"}])
def test_a_remedy_changes_what_it_says_and_nothing_else(recipe: ScratchRecipe, changed: dict[str, Any]) -> None:
    before = Wishes.of(recipe, COUNTS)
    after = asked(remedies.train("Try it", setup_of(recipe), **changed).command)
    assert after == replace(before, **changed)


@pytest.mark.parametrize(
    ("optimiser", "rate", "factor", "expected"),
    [
        ("adam", 0.1, 0.1, 0.001),
        ("adam", 0.001, 0.1, 0.0001),
        ("adam", 0.0001, 0.3, 0.00003),
        ("sgd", 0.5, 0.1, 0.01),
        ("sgd", 0.005, 0.1, 0.0005),
        ("adamw", 0.003, 10, 0.03),
        ("adam", 0.003, 10, 0.03),
        ("adam", 1e-6, 10, 0.001),
        ("rmsprop", None, 0.1, 0.001),
    ],
)
def test_smaller_steps_are_smaller_and_larger_ones_larger(
    optimiser: str, rate: float | None, factor: float, expected: float
) -> None:
    setup = Setup(optimiser=optimiser, rate=rate)
    found = asked(remedies.other_rate("Go on", setup, factor).command)
    assert found.rate == pytest.approx(expected)
    assert found.optimiser == optimiser


def test_an_augmentation_without_a_name_is_left_out() -> None:
    recipe = ScratchRecipe(augment=Settings(rotation_range=33), epochs=96, class_weights=0.5)
    assert Wishes.of(recipe, COUNTS).augment is None
    assert Wishes.of(recipe.with_(augment=Settings()), COUNTS).augment == "none"


def test_more_held_out_pictures_are_asked_for_in_a_way_that_the_folder_allows() -> None:
    assert remedies.more_held_out(Setup()).command == "fieldguide train PHOTOS --recipe scratch --validation 0.3"
    for setup in (Setup(divided=True), Setup(held_out=0.4)):
        assert remedies.more_held_out(setup).command == "fieldguide check PHOTOS"


def test_what_is_tried_next_is_measured_on_the_same_pictures() -> None:
    """By the same shares and seed: with others, another accuracy would come of other pictures."""
    setup = Setup(shares=(0.1, 0.4), seed=3)
    assert remedies.against_heart(setup, 96).command.endswith(" --validation 0.1 --test 0.4 --seed 3")
    assert remedies.more_held_out(setup).command.endswith(" --recipe scratch --validation 0.3 --test 0.4 --seed 3")
    assert remedies.more_held_out(Setup(shares=(0.1, 0.7))).command == "fieldguide check PHOTOS"  # nothing is left
    usual = Setup(shares=(SCRATCH_VALIDATION_SHARE, TEST_SHARE))
    assert not {"--validation", "--test"} & {*remedies.against_heart(usual, 96).command.split()}
    seen_more = remedies.against_heart(replace(setup, augment="strong", dropout=0.5), 96)
    assert seen_more.command == "fieldguide train PHOTOS --recipe features --test 0.4 --seed 3"


def test_cures_of_overfitting_come_one_at_a_time_and_with_time_enough() -> None:
    def cure(**known: Any) -> str:
        return remedies.against_heart(Setup(**known), 48).command.removeprefix("fieldguide train PHOTOS --recipe ")

    assert cure(augment="none", epochs=10) == "scratch --augment medium --epochs 48"  # varied pictures take longer
    assert cure(augment="light", epochs=60) == "scratch --augment medium --epochs 60"
    assert cure(augment="medium", epochs=60) == "scratch --augment strong --epochs 60"
    assert cure(augment="strong", epochs=60) == "scratch --dropout 0.5 --augment strong --epochs 60"
    assert cure(augment="strong", dropout=0.5, epochs=60) == "features"


def test_early_stopping_is_proposed_where_varied_pictures_still_cost_accuracy() -> None:
    def cure(augment: str, **asked: Any) -> str:
        setup = Setup(augment=augment, epochs=60, asked=(("augment", augment), *asked.items()))
        return remedies.against_heart(setup, 48, costs=True).command.removeprefix("fieldguide train PHOTOS ")

    assert cure("none") == "--recipe scratch --augment medium"
    assert cure("medium") == "--recipe scratch --augment strong --patience 12"
    assert cure("strong") == "--recipe scratch --dropout 0.5 --augment strong --patience 12"
    assert cure("medium", patience=30) == "--recipe scratch --augment strong --patience 30"
    assert cure("none", patience=3) == "--recipe scratch --augment medium --patience 12", "it needs longer"


def test_of_too_few_pictures_no_larger_share_is_asked_for() -> None:
    assert remedies.more_held_out(Setup(), 20, 30).what == "Add pictures: of 20 not enough can be held out"
    assert "--validation 0.3" in remedies.more_held_out(Setup(), 200, 30).command


@pytest.mark.parametrize("setup", [Setup(pictures=110), Setup(shares=(0.15, 0.2)), Setup()], ids=str)
def test_the_share_that_is_to_be_held_out_is_of_all_pictures(setup: Setup) -> None:
    """Of 110, with those that measure: 33 can be held out, though 88 are left to learn from and to choose by."""
    case = simulate(rising(0.5, 0.95, 4), level(0.8), n=72, val_n=16, setup=setup)
    few = next(one for one in ailments(case) if one.kind == FEW_HELD)
    assert few.remedy is not None and " --validation 0.3" in few.remedy.command
    fewer = simulate(rising(0.5, 0.95, 4), level(0.8), n=60, val_n=13, setup=replace(setup, pictures=92))
    told = next(one for one in ailments(fewer) if one.kind == FEW_HELD)
    assert told.remedy is not None and told.remedy.what == "Add pictures: of 92 not enough can be held out"


@pytest.mark.parametrize(
    "net",
    [
        Net("classic", "medium", target_size=(256, 256)),
        Net("classic", "small", target_size=(384, 384)),
        Net("classic", "tiny", target_size=(512, 512)),
        Net("classic", "deep", target_size=(512, 512)),
        Net("classic", "small", target_size=(512, 512), pooling="average"),
        Net("residual", "large", target_size=(16, 16)),
    ],
    ids=str,
)
def test_a_remedy_is_never_a_training_that_is_refused(net: Net) -> None:
    """At the limits of what can be made something else is proposed, and nothing fails."""
    recipe = ScratchRecipe(net=net, epochs=9_000)
    setup = setup_of(recipe)
    proposed = [
        remedies.against_heart(setup, 200),
        remedies.more_room(setup, 200),
        remedies.weaker_augmentation(setup),
        remedies.other_rate("Go on", replace(setup, rate=9.0), 10),
        remedies.longer(setup, 9_000),
        remedies.more_held_out(setup),
    ]
    for remedy in proposed:
        options = _parser().parse_args(shlex.split(remedy.command)[1:])
        if remedy.command.startswith("fieldguide train") and options.recipe == "scratch":
            asked(remedy.command).apply(ScratchRecipe())
    bigger = remedies.more_room(setup, 200)
    assert bigger.what in ("Try a larger network", "Train for longer")
