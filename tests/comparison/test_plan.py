"""Which runs a comparison is made of, and what may be asked of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldguide.augmentation.presets import preset_called
from fieldguide.comparison.plan import Planned, plan, recipe_for
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import Parts, split
from fieldguide.errors import InputError
from fieldguide.model.nets import SIZES, Net
from fieldguide.training.optimiser import Optimiser
from fieldguide.training.recipe import Recipe
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.stopping import Stopping, Targets
from fieldguide.training.wishes import Wishes

SCRATCH = ScratchRecipe(net=Net("classic", "tiny", target_size=(32, 32)), epochs=3, batch_size=16, seed=5)


@pytest.fixture(scope="module")
def store(small_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return PixelStore.build(Dataset.from_directory(small_photos))


@pytest.fixture(scope="module")
def parts(store: PixelStore) -> Parts:
    return split(store, test=0.25)


def points_of(planned: list[Planned]) -> list[str]:
    """Each once, in order."""
    return list(dict.fromkeys(each.point for each in planned))


def test_complexity_trains_every_size_for_every_seed(parts: Parts) -> None:
    planned = plan("complexity", parts, SCRATCH, 2)
    assert points_of(planned) == list(SIZES)
    assert [each.name for each in planned] == [f"{size}-{number}" for number in (1, 2) for size in SIZES]
    assert [each.recipe.seed for each in planned] == [5] * 4 + [6] * 4
    parameters = [each.x for each in planned[:4]]
    assert parameters == sorted(parameters)
    assert parameters[0] == SCRATCH.net.parameters(1)
    first = planned[0].recipe
    assert isinstance(first, ScratchRecipe)
    assert first.with_(seed=5) == SCRATCH, "nothing but size and seed differs"


def test_recipes_differ_by_augmentation_and_dropout_alone(parts: Parts) -> None:
    planned = plan("recipes", parts, SCRATCH, 1)
    assert points_of(planned) == ["plain", "augmentation", "dropout", "both"]
    found = {each.point: each.recipe for each in planned}
    medium = preset_called("medium").settings
    for point, augment, dropout in (
        ("plain", None, 0.0), ("augmentation", medium, 0.0), ("dropout", None, 0.5), ("both", medium, 0.5)
    ):  # fmt: skip
        recipe = found[point]
        assert isinstance(recipe, ScratchRecipe)
        assert (recipe.augment, recipe.net.dropout) == (augment, dropout)
        assert recipe.with_(augment=None, net=SCRATCH.net) == SCRATCH


def test_recipes_take_the_cures_from_the_recipe(parts: Parts) -> None:
    strong = preset_called("strong").settings
    net = Net("classic", "tiny", target_size=(32, 32), dropout=0.2, block_dropout=0.1)
    found = {each.point: each.recipe for each in plan("recipes", parts, SCRATCH.with_(net=net, augment=strong), 1)}
    both, plain = found["both"], found["plain"]
    assert isinstance(both, ScratchRecipe)
    assert isinstance(plain, ScratchRecipe)
    assert (both.net, both.augment) == (net, strong)
    assert (plain.net.dropout, plain.net.block_dropout, plain.augment) == (0, 0, None)


def test_recipes_look_at_mirror_images_where_they_are_flipped_to_learn_from(parts: Parts, store: PixelStore) -> None:
    recipe = recipe_for("recipes", store, Wishes(), seed=0)
    found = {each.point: each.recipe for each in plan("recipes", parts, recipe, 1)}
    mirrored = {point: each.net.mirrored for point, each in found.items() if isinstance(each, ScratchRecipe)}
    assert mirrored == {"plain": False, "augmentation": True, "dropout": False, "both": True}
    asked = recipe_for("recipes", store, Wishes("scratch", mirrored=False), seed=0)
    assert not any(each.recipe.net.mirrored for each in plan("recipes", parts, asked, 1))  # type: ignore[union-attr]


def test_smaller_parts_take_as_many_steps_as_all_pictures(parts: Parts) -> None:
    planned = plan("data_size", parts, SCRATCH.with_(epochs=30), 2)
    sizes = [len(each.rows) for each in planned[:6]]
    assert sizes == sorted(sizes)
    assert sizes[-1] == len(parts.train)
    steps = []
    for each in planned:
        assert isinstance(each.recipe, ScratchRecipe)
        steps.append(each.recipe.epochs * each.copies * len(each.rows))
        assert each.copies * len(each.rows) <= len(parts.train)
        assert each.x == len(each.rows)
    assert max(steps) < 1.08 * min(steps)
    assert not np.array_equal(planned[0].rows, planned[6].rows), "each seed draws others"
    assert planned[0].name == "8-pictures-1"


def test_a_head_needs_no_copies(parts: Parts) -> None:
    planned = plan("data_size", parts, Recipe(seed=1), 1)
    assert {each.copies for each in planned} == {1}
    assert {each.recipe.seed for each in planned} == {1}


def test_with_copies_every_seed_has_the_sizes_that_are_named(parts: Parts) -> None:
    groups = np.arange(len(parts.train))
    for name in (0, 1):
        members = np.flatnonzero(parts.train.labels == name)
        groups[members[17:]] = members[17]  # one picture many times over, and two twice
        groups[members[1]] = members[0]
    crowded = replace(parts, groups=groups)
    planned = plan("data_size", crowded, Recipe(), 8)
    sizes = [each.x for each in planned[:6]]
    assert sizes == sorted(set(sizes)), "no two points are of one size"
    for each in planned:
        assert each.point == f"{len(each.rows)} pictures"
        for name in (0, 1):
            rows = each.rows[parts.train.labels[each.rows] == name]
            assert len(np.unique(groups[rows])) >= 4, "of each class there are some to learn from"
    assert len({each.point for each in planned}) == 6


def test_a_fine_tuned_recipe_is_refused(parts: Parts) -> None:
    with pytest.raises(InputError, match=r"heads on a frozen backbone, and the recipe's fine_tune_epochs is 5: give "):
        plan("data_size", parts, Recipe(fine_tune_epochs=5), 1)


@pytest.mark.parametrize("kind", ["complexity", "data_size", "recipes"])
@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (SCRATCH.with_(stopping=Stopping(patience=2)), "stopping chooses on pictures that are held out of train"),
        (SCRATCH.with_(targets=Targets(0.9)), "targets chooses on"),
        (SCRATCH.with_(optimiser=Optimiser(schedule="plateau")), "the schedule 'plateau' chooses on"),
    ],
)
def test_what_would_hold_pictures_out_is_refused(parts: Parts, kind: str, recipe: ScratchRecipe, said: str) -> None:
    with pytest.raises(InputError, match=said):
        plan(kind, parts, recipe, 1)


@pytest.mark.parametrize("seeds", [0, -1, 101, 1.5, True])
def test_seeds_out_of_range_are_refused(parts: Parts, seeds: Any) -> None:
    with pytest.raises(InputError, match=r"seeds is .*; expected a whole number of runs for each point, 1 to 100"):
        plan("complexity", parts, SCRATCH, seeds)


def test_an_unknown_kind_is_refused(parts: Parts) -> None:
    with pytest.raises(InputError, match="kind is 'size'; expected one of complexity, data_size, recipes"):
        plan("size", parts, SCRATCH, 3)


@pytest.mark.parametrize("kind", ["complexity", "recipes"])
def test_networks_of_others_have_no_sizes_to_compare(parts: Parts, kind: str) -> None:
    with pytest.raises(InputError, match=f"{kind} compares networks that are trained from scratch"):
        plan(kind, parts, Recipe(), 3)


def test_what_is_not_asked_for_is_small_and_quick(store: PixelStore) -> None:
    found = recipe_for("complexity", store, Wishes(), seed=2)
    assert isinstance(found, ScratchRecipe)
    assert (found.net.family, found.net.target_size, found.epochs, found.augment) == ("classic", (64, 64), 30, None)
    assert found.seed == 2
    varied = recipe_for("recipes", store, Wishes("scratch", net="residual", side=48, dropout=0.3), seed=0)
    assert isinstance(varied, ScratchRecipe)
    assert (varied.net.family, varied.net.target_size, varied.net.dropout) == ("residual", (48, 48), 0.3)
    assert varied.augment == preset_called("medium").settings
    head = recipe_for("data_size", store, Wishes(), seed=0)
    assert isinstance(head, Recipe)
    assert head.fine_tune_epochs == 0
    from_scratch = recipe_for("data_size", store, Wishes("scratch", epochs=5), seed=0)
    assert isinstance(from_scratch, ScratchRecipe)
    assert from_scratch.epochs == 5


@pytest.mark.parametrize(
    ("kind", "wishes", "said"),
    [
        ("complexity", Wishes("features"), "--complexity compares networks that are trained from scratch"),
        ("complexity", Wishes("scratch", size="small"), "--complexity trains every size of a network"),
        ("recipes", Wishes("scratch", augment="none"), "leave out --augment none"),
        ("recipes", Wishes("scratch", dropout=0.0), "leave out --dropout 0"),
        ("data_size", Wishes("finetune"), "--data-size cannot be compared with --recipe finetune"),
        ("sizes", Wishes(), "kind is 'sizes'"),
        (
            "complexity",
            Wishes("scratch", patience=5),
            "--patience chooses on pictures .* all of its epochs: leave it out",
        ),
        ("recipes", Wishes("scratch", target=(0.9, 0.8)), "--target chooses on"),
        ("data_size", Wishes("scratch", schedule="plateau", patience=5), "--patience, --schedule plateau choose on"),
    ],
)
def test_wishes_that_are_not_for_it_are_refused(store: PixelStore, kind: str, wishes: Wishes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        recipe_for(kind, store, wishes, seed=0)
