"""The search for a learning rate: what it tries, where it stops, and what it suggests."""

from __future__ import annotations

import json
import math
import shlex
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldguide.augmentation.presets import preset_called
from fieldguide.batches import Mixing
from fieldguide.console import called
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import FileError, InputError, InputTypeError
from fieldguide.model.nets import Net
from fieldguide.rate import search_rate
from fieldguide.reporting.rates import rate_plot
from fieldguide.training.learner import Learner
from fieldguide.training.optimiser import Optimiser
from fieldguide.training.precision import chosen_precision
from fieldguide.training.rates import HIGHEST, LOWEST, STEPS, RateSearch, _pool, find_rate
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.wishes import Wishes

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

RECIPE = ScratchRecipe(net=Net("classic", "tiny", target_size=(32, 32)), optimiser=Optimiser("adam"), batch_size=16)


@pytest.mark.keras
def test_the_loss_falls_then_bursts_and_the_suggestion_lies_well_before(small_photos: Path) -> None:
    store = PixelStore.build(Dataset.from_directory(small_photos), target_size=(32, 32))
    search = find_rate(store, RECIPE, steps=120)
    assert search.rates[0] == LOWEST
    np.testing.assert_allclose(np.diff(np.log10(search.rates)), 5 / 119, rtol=1e-6)
    assert search.learnt
    assert search.losses[-1] > 1.4 * min(search.losses), "it went on until the loss had risen again"
    assert 1e-4 < search.lowest < 0.1
    assert 2 * search.lowest < search.rates[-1] <= HIGHEST, "it went on well beyond"
    assert search.suggested == pytest.approx(min(search.grown / 8, search.lowest), rel=0.3)
    assert find_rate(store, RECIPE, steps=120) == search


@pytest.mark.keras
@pytest.mark.parametrize(("family", "optimiser", "steps"), [("plain", "adamw", 60), ("classic", "adam", STEPS)])
def test_every_seed_suggests_about_the_same_rate_and_it_learns_better_than_a_tenth_and_ten_times_as_much(
    small_photos: Path, family: str, optimiser: str, steps: int
) -> None:
    net = Net(family, "tiny", target_size=(32, 32))
    varied = preset_called("strong").settings
    recipe = ScratchRecipe(net=net, optimiser=Optimiser(optimiser), augment=varied, mixing=Mixing("both"))
    store = PixelStore.build(Dataset.from_directory(small_photos), target_size=(32, 32))
    found = [find_rate(store, recipe.with_(seed=seed), steps=steps).suggested for seed in range(3)]
    rates = [rate for rate in found if rate is not None]
    assert len(rates) == len(found)
    assert max(rates) <= 3.5 * min(rates)
    middle = sorted(rates)[1]
    plain = recipe.with_(augment=None, mixing=Mixing(), average=0.0)
    little, suggested, much = (_learnt(store, plain, rate) for rate in (middle / 10, middle, 10 * middle))
    assert suggested < little - 0.02
    assert suggested < much - 0.02


def _learnt(store: PixelStore, recipe: ScratchRecipe, rate: float) -> float:
    """The mean loss of twenty epochs at one rate, in nats."""
    batches = recipe.batches(store, np.arange(len(store)))
    learner = Learner(recipe, batches.classes, steps=len(batches), precision=chosen_precision(recipe.precision))
    losses = []
    for epoch in range(1, 21):
        learner.begin(epoch)
        losses += [learner.learn(batch, rate)[0] for batch in batches.epoch(epoch)]
    return float(np.mean(losses))


RISING = (1e-4, 1e-3, 1e-2, 1e-1)


@pytest.mark.parametrize(
    ("search", "why"),
    [
        (RateSearch(RISING, (0.70, 0.695, 0.69, 0.9), "sgd"), "the loss hardly fell (0.700 to 0.690,"),
        (RateSearch(RISING, (0.70, 0.69, 0.60, 0.9), "sgd", error=0.03), "the loss hardly fell (0.700 to 0.600,"),
        (RateSearch(RISING, (0.70, 0.6, 0.5, 0.4), "sgd"), "the loss had not grown again by the rate 0.1"),
        (RateSearch(RISING, (0.70, 0.6, 0.4, 0.41), "sgd", error=0.01), "the loss had not grown again by the rate 0.1"),
        (
            RateSearch(RISING, (0.70, 0.6, 0.5, 0.9), "sgd", (math.inf, 1e-3, 1e-2)),
            "the loss grew from a rate of its own in each pass (0.001, 0.01, nowhere)",
        ),
    ],
)
def test_where_no_rate_can_be_told_the_usual_one_is_named_and_why(search: RateSearch, why: str) -> None:
    assert not search.learnt
    assert search.suggested is None
    assert search.doubt.startswith(why)
    assert str(search) == f"no rate for sgd can be told: {search.doubt}; begin with the usual one, 0.01"
    assert search.to_dict()["suggested"] is None
    assert search.to_dict()["usual"] == 0.01
    assert "Infinity" not in json.dumps(search.to_dict())
    kinds = [element.get("class") for element in ElementTree.fromstring(rate_plot(search)).iter("line")]
    assert "chosen" not in kinds


def test_passes_that_agree_tell_a_rate_beyond_their_scatter() -> None:
    search = RateSearch(RISING, (0.70, 0.6, 0.4, 0.9), "adamw", (2e-2, 3e-2, 1e-2), 0.01)
    assert search.doubt == ""
    assert (search.grown, search.suggested) == (0.02, 0.003), "an eighth of the median"
    assert str(search).endswith(
        "grew from 0.02 (from 0.01 to 0.03 in the middle half of the passes); this is an eighth of that"
    )


def test_one_pass_that_is_far_from_the_others_changes_nothing() -> None:
    search = RateSearch(RISING, (0.70, 0.6, 0.4, 0.9), "adamw", (1e-4, 1e-2, 2e-2, 3e-2, math.inf), 0.01)
    assert (search.doubt, search.between, search.grown) == ("", (1e-2, 3e-2), 0.02)
    apart = RateSearch(RISING, (0.70, 0.6, 0.4, 0.9), "adamw", (1e-4, 1e-3, 2e-2, 3e-2, 1e-1), 0.01)
    assert apart.doubt == "the loss grew from a rate of its own in each pass (0.0001, 0.001, 0.02, 0.03, 0.1)"


def test_what_is_suggested_is_no_more_than_the_rate_of_the_lowest_loss() -> None:
    search = RateSearch(RISING, (0.70, 0.4, 0.41, 0.9), "adamw")
    assert (search.lowest, search.grown, search.suggested) == (1e-3, 1e-1, 1e-3)
    assert str(search).endswith("grew from 0.1; this is where it was lowest")


@pytest.mark.parametrize(
    ("lowest", "suggested"), [(1.7e-3, 0.001), (1e-3, 0.001), (9.6e-4, 0.0009), (1.2e-3, 0.001), (4.55e-4, 0.0004)]
)
def test_the_suggestion_has_one_figure_and_never_exceeds_the_rate_of_the_lowest_loss(
    lowest: float, suggested: float
) -> None:
    found = RateSearch((1e-4, lowest, 1e-2), (0.70, 0.5, 0.9), "adam").suggested
    assert found == pytest.approx(suggested, rel=1e-12)
    assert found is not None and found <= lowest


@pytest.mark.parametrize("batch_size", [4, 16])
def test_a_pass_learns_from_as_many_pictures_of_each_class(small_photos: Path, batch_size: int) -> None:
    data = Dataset.from_directory(small_photos)
    rare = data.select(np.flatnonzero(data.labels == 0).tolist() + np.flatnonzero(data.labels == 1)[:5].tolist())
    store = PixelStore.build(rare, target_size=(32, 32))
    pools = [_pool(store, RECIPE.with_(batch_size=batch_size), number) for number in range(3)]
    for pool in pools:
        counts = np.bincount(store.dataset.labels[pool], minlength=2)
        assert counts.tolist() == ([4, 4] if batch_size == 4 else [27, 5])
        assert len(np.unique(pool)) == len(pool) == 2 * batch_size
    assert not np.array_equal(pools[0], pools[1])


@pytest.mark.parametrize("steps", [19, 0, True, 50.0])
def test_steps_that_are_too_few_or_none_are_named(small_photos: Path, steps: int) -> None:
    store = PixelStore.build(Dataset.from_directory(small_photos), target_size=(32, 32))
    with pytest.raises(InputError, match=r"steps is .*; expected a whole number, 20 or larger"):
        find_rate(store, RECIPE, steps=steps)


def test_a_store_of_another_size_is_named(small_photos: Path) -> None:
    store = PixelStore.build(Dataset.from_directory(small_photos), target_size=(48, 48))
    with pytest.raises(InputError, match=r"kept at \(48, 48\), and the network takes \(32, 32\)"):
        find_rate(store, RECIPE)


def test_without_a_recipe_the_usual_network_is_taken_at_the_size_of_the_store(small_photos: Path) -> None:
    store = PixelStore.build(Dataset.from_directory(small_photos), target_size=(32, 32))
    usual = ScratchRecipe.auto(store)
    named = find_rate(store, usual.with_(net=replace(usual.net, target_size=(32, 32))), steps=20)
    assert find_rate(store, steps=20) == named


def test_a_data_set_is_no_store_and_the_error_says_how_to_get_one(small_photos: Path) -> None:
    data: Any = Dataset.from_directory(small_photos)
    with pytest.raises(InputTypeError, match=r"expected a PixelStore, such as fg\.PixelStore\.build\(parts\.train"):
        find_rate(data)


def test_the_plot_marks_where_the_loss_grows_and_the_suggestion() -> None:
    search = RateSearch((1e-4, 1e-3, 1e-2, 1e-1), (0.70, 0.60, 0.50, 1.90), "adamw")
    drawn = ElementTree.fromstring(rate_plot(search))
    texts = [element.text for element in drawn.iter("text")]
    assert {"0.0001", "0.1", "grows", "0.01"} <= set(texts)
    kinds = [element.get("class") for element in drawn.iter("line")]
    assert kinds.count("chosen") == 1


@pytest.mark.keras
def test_the_command_writes_a_plot_and_says_what_to_try(small_photos: Path, tmp_path: Path) -> None:
    wishes = Wishes("scratch", net="classic", size="tiny", side=32)
    photos = shutil.copytree(small_photos, tmp_path / "my photos")
    found = search_rate(photos, wishes=wishes, output=tmp_path / "rates.svg", seed=3, steps=80)
    drawn = ElementTree.fromstring((tmp_path / "rates.svg").read_text(encoding="utf-8"))
    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
    assert f"Plot       {tmp_path / 'rates.svg'}" in str(found)
    assert f"--rate {found.search.suggested}" in found.command
    program, name, folder, *_, flag, seed = shlex.split(found.command)
    assert (flag, seed) == ("--seed", "3")
    assert (program, name, folder) == ("fieldguide", "train", str(photos)), "whatever the folder is called"
    assert str(found).splitlines()[-1] == f"Try next   {called(found.command)}"
    assert found.to_dict()["next"] == {"what": "Train with this rate", "command": found.command}
    with pytest.raises(InputError, match=r"give it a name that ends in .svg"):
        search_rate(small_photos, wishes=wishes, output=tmp_path / "rates.png")


@pytest.mark.keras
def test_where_no_rate_can_be_told_the_command_trains_with_the_usual_one(small_photos: Path, tmp_path: Path) -> None:
    wishes = Wishes("scratch", net="classic", size="tiny", side=32, optimiser="sgd", dropout=0.9)
    found = search_rate(small_photos, wishes=wishes, output=tmp_path / "rates.svg", steps=20)
    assert "no rate for sgd can be told" in str(found)
    assert "--rate" not in found.command
    assert found.to_dict()["next"] == {"what": "Train with the usual rate", "command": found.command}
    assert str(found).splitlines()[-1] == f"Try next   {called(found.command)}"


def test_a_plot_that_cannot_be_written_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    for output in (tmp_path / "taken" / "rates.svg", tmp_path / ("x" * 300 + ".svg")):
        with pytest.raises(FileError, match=r"cannot write .*\.svg"):
            search_rate(tmp_path / "no such folder", wishes=Wishes("scratch"), output=output)


def test_a_plot_among_the_pictures_is_refused(small_photos: Path) -> None:
    with pytest.raises(InputError, match=r"rates\.svg lies in .*, where it would be taken for one of the pictures"):
        search_rate(small_photos, wishes=Wishes("scratch"), output=small_photos / "rates.svg")
    assert not (small_photos / "rates.svg").exists()


@pytest.mark.parametrize("steps", [0, 19])
def test_too_few_steps_are_refused_before_anything_is_read(tmp_path: Path, steps: int) -> None:
    with pytest.raises(InputError, match=f"--steps is {steps}; expected a whole number, 20 or larger"):
        search_rate(tmp_path / "no such folder", wishes=Wishes("scratch"), output=tmp_path / "rates.svg", steps=steps)
