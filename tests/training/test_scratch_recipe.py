"""The recipe of a training from random weights: chosen from the pictures, checked when made, the same after JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError
from fieldguide.model.nets import Net
from fieldguide.training.scratch_recipe import ScratchRecipe


@pytest.fixture(scope="module")
def store(small_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return PixelStore.build(Dataset.from_directory(small_photos))


class Sized(PixelStore):
    """A store whose pictures are said to have other sizes."""

    sides: tuple[int, int]

    @property
    def facts(self) -> np.ndarray:
        facts = super().facts.copy()
        facts["height"], facts["width"] = self.sides
        return facts


def sized(store: PixelStore, height: int, width: int) -> PixelStore:
    made = replace(store)
    object.__setattr__(made, "__class__", Sized)
    object.__setattr__(made, "sides", (height, width))
    return made


def many(store: PixelStore, count: int) -> PixelStore:
    """The same pictures over and over."""
    times = -(-count // len(store))
    rows = np.tile(np.arange(len(store)), times)[:count]
    dataset = replace(
        store.dataset, paths=tuple(store.dataset.paths[row] for row in rows), labels=store.dataset.labels[rows]
    )
    return replace(store, dataset=dataset, digests=tuple(store.digests[row] for row in rows))


@pytest.mark.parametrize(
    ("sides", "side", "resize"),
    [
        ((500, 375), 128, "squash"),
        ((112, 400), 128, "pad"),
        ((90, 90), 96, "squash"),
        ((70, 64), 64, "squash"),
        ((28, 28), 32, "squash"),
        ((48, 60), 48, "squash"),
    ],
)
def test_the_input_fits_the_pictures(store: PixelStore, sides: tuple[int, int], side: int, resize: str) -> None:
    recipe = ScratchRecipe.auto(sized(store, *sides))
    assert (recipe.target_size, recipe.resize) == ((side, side), resize)
    assert recipe.growth == (((2 / 3, 0.75),) if side > 64 else ())


@pytest.mark.parametrize(("count", "epochs"), [(60, 200), (600, 160), (2000, 48), (6000, 16), (9000, 15)])
def test_few_pictures_are_looked_at_more_often(store: PixelStore, count: int, epochs: int) -> None:
    assert ScratchRecipe.auto(many(store, count)).epochs == epochs


def test_a_training_that_grows_begins_with_small_pictures() -> None:
    recipe = ScratchRecipe(net=Net(target_size=(128, 160)), growth=((0.5, 0.5), (0.75, 0.75)), margin=1.25)
    sizes = [recipe.size_at(done) for done in (0.0, 0.49, 0.5, 0.74, 0.75, 1.0)]
    assert sizes == [(64, 80), (64, 80), (96, 120), (96, 120), (128, 160), (128, 160)]
    assert recipe.kept_size((96, 120)) == (120, 152)
    assert ScratchRecipe().kept_size((100, 100)) == (100, 100), "without a margin nothing is rounded"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"margin": 0.9}, "margin is 0.9; expected a number from 1 to 4"),
        ({"margin": float("nan")}, "margin is nan"),
        ({"growth": ((0.5, 1.5),)}, "growth is .*expected pairs of shares between 0 and 1"),
        ({"growth": ((0.8, 0.5), (0.4, 0.75))}, "growth is"),
        ({"growth": ((0.5, 0.5),), "net": Net("classic")}, "growth needs a network that takes pictures of any size"),
        ({"resize": "zoom"}, "resize is 'zoom'"),
        ({"epochs": 1.5}, "epochs is 1.5; expected a whole number from 1 to 10,000"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"seed": -1}, "seed is -1; expected a whole number from 0"),
        ({"average": 1.0}, "average is 1.0; expected a number from 0 to below 1"),
    ],
)
def test_what_is_out_of_range_is_named(settings: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ScratchRecipe(**settings)  # type: ignore[arg-type]


def test_the_chosen_recipe_is_the_same_after_json(store: PixelStore) -> None:
    recipe = ScratchRecipe.auto(store, seed=5)
    assert ScratchRecipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    assert len(recipe.reasons) == 4
