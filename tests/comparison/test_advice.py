"""What to try after a comparison: a command that asks for what a run had, or why there is none."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

import pytest

from fieldguide.augmentation.settings import Settings
from fieldguide.comparison.advice import advice, advice_instead
from fieldguide.comparison.plan import plan, recipe_for
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import split
from fieldguide.flags import add_train, wished
from fieldguide.training.recipe import Recipe
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.wishes import Wishes

PLACE = ("my photos",)
MANY = Wishes(
    "scratch", net="residual", side=96, grayscale=True, block_dropout=0.1, l2=1e-4, mix="cut_mix", epochs=7,
    batch_size=8, optimiser="sgd", rate=0.02, schedule="one_cycle", weight_decay=0.01, label_smoothing=0.0,
    class_weights=1.0, average=0.0, precision="float32",
)  # fmt: skip


@pytest.fixture(scope="module")
def store(small_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return PixelStore.build(Dataset.from_directory(small_photos))


def asked_by(command: str, store: PixelStore) -> Recipe | ScratchRecipe:
    """The recipe that a command asks for, read as the command line reads it."""
    program, name, *words = shlex.split(command)
    assert (program, name) == ("fieldguide", "train")
    parser = argparse.ArgumentParser()
    add_train(parser)
    options = parser.parse_args(words)
    assert options.folder == Path(PLACE[0])
    return Wishes(options.recipe, **wished(options)).recipe_for(store, seed=options.seed or 0).with_(reasons=())


@pytest.mark.parametrize("wishes", [Wishes("scratch"), MANY], ids=["usual", "many"])
@pytest.mark.parametrize("kind", ["complexity", "data_size", "recipes"])
def test_the_command_asks_for_what_a_run_had(store: PixelStore, kind: str, wishes: Wishes) -> None:
    parts = split(store, test=0.25)
    train = store.select(parts.train)
    planned = plan(kind, parts, recipe_for(kind, train, wishes, seed=3), 1)
    for each in planned if kind != "data_size" else planned[-1:]:
        assert asked_by(str(advice(each.recipe, train, PLACE)), train) == each.recipe, each.point


def test_a_head_is_asked_for_as_a_head(store: PixelStore) -> None:
    recipe = recipe_for("data_size", store, Wishes(), seed=0)
    assert str(advice(recipe, store, PLACE)) == "fieldguide train 'my photos' --recipe features"
    assert asked_by(str(advice(recipe, store, PLACE)), store) == recipe.with_(reasons=())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"augment": Settings(rotation_range=3)}, "cannot ask for its augment"),
        ({"resize": "crop", "margin": 1.5}, "cannot ask for its resize, margin"),
    ],
)
def test_what_has_no_flag_is_named_and_no_command_is_made_up(
    store: PixelStore, changes: dict[str, object], said: str
) -> None:
    recipe = ScratchRecipe.auto(store)
    assert advice(recipe, store, PLACE).command
    found = advice(recipe.with_(**changes), store, PLACE)
    assert found.command == ()
    assert str(found) == f"fieldguide.train in Python, with the recipe of that run: the command line {said}"


def test_where_nothing_is_better_than_a_guess_there_is_another_step(store: PixelStore) -> None:
    found = advice_instead(ScratchRecipe.auto(store), PLACE)
    assert found.to_dict() == {
        "what": "Train a head on a frozen backbone, which needs far fewer pictures",
        "command": "fieldguide train 'my photos' --recipe features",
    }
    assert asked_by(str(found), store) == Recipe.auto(store, fine_tune=False).with_(reasons=())
    assert str(advice_instead(Recipe.auto(store), PLACE)) == "fieldguide check 'my photos'"


def test_a_head_with_folds_of_its_own_is_no_command(store: PixelStore) -> None:
    recipe = Recipe.auto(store, fine_tune=False).with_(folds=3)
    assert str(advice(recipe, store, PLACE)).endswith("the command line cannot ask for its folds")


def test_what_comes_next_is_divided_by_the_share_and_the_seed_of_the_comparison(store: PixelStore) -> None:
    parts = split(store, test=0.25, seed=4)
    head, scratch = Recipe.auto(store, fine_tune=False), ScratchRecipe.auto(store)
    assert str(advice(head, store, PLACE, parts=parts)).endswith(" --recipe features --test 0.25 --seed 4")
    assert str(advice(scratch, store, PLACE, parts=parts)).endswith(" --test 0.25 --seed 4")
    assert str(advice_instead(scratch, PLACE, parts=parts)).endswith(" --recipe features --test 0.25 --seed 4")
    usual = split(store, test=0.2)
    assert not {"--test", "--seed", "--validation"} & {*advice(scratch, store, PLACE, parts=usual).command}


def test_a_share_that_leaves_none_to_choose_by_is_still_a_command_that_can_be_run(store: PixelStore) -> None:
    parts = split(store, test=0.9)
    recipe = ScratchRecipe.auto(store)
    assert " --validation 0 --test 0.9" in str(advice(recipe, store, PLACE, parts=parts))
    head = str(advice_instead(recipe, PLACE, parts=parts))
    assert head.endswith("--recipe features --test 0.9")  # which sets none aside
