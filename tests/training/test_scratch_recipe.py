"""The recipe of a training from random weights: chosen from the pictures, checked when made, the same after JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldguide.augmentation.presets import PRESETS, preset_called
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError
from fieldguide.model.nets import Net
from fieldguide.training.optimiser import Optimiser
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.stopping import Stopping


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
        ((28, 28), 48, "squash"),
        ((52, 60), 52, "squash"),
    ],
)
def test_the_input_fits_the_pictures(store: PixelStore, sides: tuple[int, int], side: int, resize: str) -> None:
    recipe = ScratchRecipe.auto(sized(store, *sides))
    assert (recipe.target_size, recipe.resize) == ((side, side), resize)
    assert recipe.growth == (((2 / 3, 0.75),) if side > 64 else ())
    assert recipe.augment == preset_called("crops" if side >= 64 else "strong").settings
    assert recipe.margin == (1.25 if side >= 64 else 1.0)


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
        ({"augment": "hard"}, "augment is 'hard'; expected one of none, light, medium, strong, crops"),
        ({"augment": 3}, 'augment is 3; expected None or Settings, such as "strong"'),
        ({"epochs": 1.5}, "epochs is 1.5; expected a whole number from 1 to 10,000"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"seed": -1}, "seed is -1; expected a whole number from 0"),
        ({"average": 1.0}, "average is 1.0; expected a number from 0 to below 1"),
        ({"margin": "big"}, "margin is 'big'; expected a number from 1 to 4, such as 1.25"),
        ({"growth": None}, r"growth is None; expected pairs .* or \(\) for none"),
        ({"growth": (0.5, 0.75)}, r"growth is \(0.5, 0.75\); expected pairs"),
        ({"net": "classic"}, r"net is 'classic'; expected Net, such as fg.Net\(.classic.\)"),
        ({"stopping": 5}, r"stopping is 5; expected None or Stopping, such as fg.Stopping\(patience=5\)"),
        ({"targets": 0.9}, r"targets is 0.9; expected None or Targets, such as fg.Targets\(0.95, 0.8\)"),
        ({"optimiser": "sgd"}, r"optimiser is 'sgd'; expected Optimiser, such as fg.Optimiser\(.sgd.\)"),
        ({"mixing": None}, r"mixing is None; expected Mixing, such as fg.Mixing\(.mix_up.\)"),
        (
            {"optimiser": Optimiser(schedule="plateau", patience=5), "stopping": Stopping(patience=5)},
            "early stopping ends .* after 5 epochs .*'plateau' would lower the rate after 5: give .* a longer patience",
        ),
        ({"optimiser": Optimiser(schedule="plateau"), "stopping": Stopping(patience=1)}, "after 1 epoch without"),
    ],
)
def test_what_is_out_of_range_is_named(settings: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ScratchRecipe(**settings)  # type: ignore[arg-type]


def test_numpys_numbers_are_taken_as_pythons() -> None:
    made = ScratchRecipe(epochs=np.int64(3), seed=np.uint8(1), margin=np.float32(2.0))  # type: ignore[arg-type]
    assert made == ScratchRecipe(epochs=3, seed=1, margin=2.0)
    assert ScratchRecipe.from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_plateau_lowers_the_rate_before_early_stopping_ends_the_training() -> None:
    plateau = ScratchRecipe(optimiser=Optimiser(schedule="plateau"))
    assert plateau.plateau_patience == 5
    found = [plateau.with_(stopping=Stopping(patience=patience)).plateau_patience for patience in (2, 4, 10, 30)]
    assert found == [1, 1, 3, 10]
    own = plateau.with_(optimiser=Optimiser(schedule="plateau", patience=7), stopping=Stopping(patience=8))
    assert own.plateau_patience == 7


def test_every_size_that_is_learnt_from_is_known_beforehand_and_none_is_larger_than_pictures_are_kept() -> None:
    recipe = ScratchRecipe(net=Net(target_size=(128, 160)), growth=((0.5, 0.5), (0.75, 0.75)))
    assert recipe.sizes == ((64, 80), (96, 120), (128, 160))
    for side in (800, 832, 1000, 1024):
        large = ScratchRecipe(net=Net(target_size=(side, side // 2)), margin=1.25)
        height, width = large.kept_size(large.target_size)
        assert side <= height <= 1024
        assert width / height == pytest.approx(0.5, abs=0.01)
    tiny = ScratchRecipe(net=Net(target_size=(16, 16)), growth=((0.5, 0.5),))
    assert tiny.sizes == ((16, 16),), "pictures are kept at 16 pixels or more"


def test_the_chosen_recipe_is_the_same_after_json(store: PixelStore) -> None:
    recipe = ScratchRecipe.auto(store, seed=5)
    assert ScratchRecipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    assert len(recipe.reasons) == 4


def test_an_augmentation_may_be_given_by_its_name() -> None:
    recipe: Any = ScratchRecipe
    for name, preset in PRESETS.items():
        assert ScratchRecipe().with_(augment=name) == ScratchRecipe(augment=preset.settings) == recipe(augment=name)
    assert ScratchRecipe(augment=PRESETS["light"].settings).with_(augment="none").augment is None


@pytest.mark.parametrize(("patience", "said"), [(4, False), (5, True), (10, True)])
def test_early_stopping_that_can_end_nothing_is_told_of(patience: int, said: bool) -> None:
    assert bool(ScratchRecipe(epochs=5, stopping=Stopping(patience=patience)).never_stops) is said
    assert ScratchRecipe(epochs=5).never_stops == ""
