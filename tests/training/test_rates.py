"""The search for a learning rate: what it tries, where it stops, and what it suggests."""

from __future__ import annotations

import shlex
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from fieldguide.console import called
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import FileError, InputError
from fieldguide.model.nets import Net
from fieldguide.rate import search_rate
from fieldguide.reporting.rates import rate_plot
from fieldguide.training.optimiser import Optimiser
from fieldguide.training.rates import HIGHEST, LOWEST, RateSearch, find_rate
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
    np.testing.assert_allclose(np.diff(np.log10(search.rates)), 6 / 119, rtol=1e-6)
    assert search.learnt
    assert search.losses[-1] > 1.4 * min(search.losses), "it went on until the loss had risen again"
    assert 1e-4 < search.lowest < 0.1 < search.rates[-1] <= HIGHEST
    assert search.suggested == pytest.approx(search.lowest / 5, rel=0.3)
    assert find_rate(store, RECIPE, steps=120) == search


def test_a_loss_that_does_not_fall_suggests_nothing() -> None:
    flat = RateSearch((1e-4, 1e-3, 1e-2), (0.70, 0.695, 0.9), "sgd")
    assert not flat.learnt
    assert "no rate for sgd can be told" in str(flat)
    assert flat.to_dict()["suggested"] is None


def test_the_suggestion_has_one_figure() -> None:
    assert RateSearch((1e-4, 1.7e-3, 1e-2), (0.70, 0.5, 0.9), "adam").suggested == 0.0003


@pytest.mark.parametrize("steps", [19, 0, True, 50.0])
def test_steps_that_are_too_few_or_none_are_named(small_photos: Path, steps: int) -> None:
    store = PixelStore.build(Dataset.from_directory(small_photos), target_size=(32, 32))
    with pytest.raises(InputError, match=r"steps is .*; expected a whole number, 20 or larger"):
        find_rate(store, RECIPE, steps=steps)


def test_a_store_of_another_size_is_named(small_photos: Path) -> None:
    store = PixelStore.build(Dataset.from_directory(small_photos), target_size=(48, 48))
    with pytest.raises(InputError, match=r"kept at \(48, 48\), and the network takes \(32, 32\)"):
        find_rate(store, RECIPE)


def test_the_plot_marks_the_lowest_loss_and_the_suggestion() -> None:
    search = RateSearch((1e-4, 1e-3, 1e-2, 1e-1), (0.70, 0.60, 0.50, 1.90), "adamw")
    drawn = ElementTree.fromstring(rate_plot(search))
    texts = [element.text for element in drawn.iter("text")]
    assert {"0.0001", "0.1", "lowest", "0.002"} <= set(texts)
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
