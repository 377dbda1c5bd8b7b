"""Pictures of another kind are named where they are given, with how they would be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from finished_runs import dataset, finished_run, scored

import fieldguide as fg
from fieldguide.data.arguments import store_of
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import split
from fieldguide.errors import InputError, InputTypeError
from fieldguide.training.recipe import Recipe
from fieldguide.training.scratch_recipe import ScratchRecipe


@pytest.fixture
def data(small_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setenv("FIELDGUIDE_CACHE", str(tmp_path / "cache"))
    return Dataset.from_directory(small_photos)


def test_a_data_set_is_decoded_once(data: Dataset) -> None:
    store = store_of("train", data)
    assert isinstance(store, PixelStore)
    assert store_of("train", store) is store


@pytest.mark.parametrize("given", ["photos", Path("photos")])
@pytest.mark.parametrize(("name", "made"), [("data", split), ("train", Recipe.auto), ("train", ScratchRecipe.auto)])
def test_a_folder_that_was_not_read_is_named_with_how_it_is_read(given: Any, name: str, made: Any) -> None:
    with pytest.raises(
        InputTypeError,
        match=rf"^{name} is .*'photos'.*; expected a Dataset, such as fg\.Dataset\.from_directory\('photos'\)\.$",
    ):
        made(given)


def test_parts_are_told_from_what_they_are_made_of(data: Dataset) -> None:
    parts: Any = split(data)
    for made in (Recipe.auto, ScratchRecipe.auto):
        with pytest.raises(InputTypeError, match=r"^train is a Parts; .* one of its parts, such as parts\.train\.$"):
            made(parts)
    with pytest.raises(InputTypeError, match=r"^data is a Parts; .* give the one that it was made from, or one of"):
        split(parts)


@pytest.mark.parametrize("share", ["a", None, True])
def test_a_share_that_is_no_number_is_named(data: Dataset, share: Any) -> None:
    for name in ("validation", "test"):
        with pytest.raises(InputError, match=f"^{name} is {share!r}; expected a share from 0 to below 1, such as 0.2"):
            split(data, **{name: share})


def test_what_is_measured_diagnosed_and_searched_is_of_its_own_kind() -> None:
    train = dataset(("cat", "dog"), np.arange(20) % 2)
    run = finished_run(train, train)
    with pytest.raises(InputTypeError, match=r"classifier is a Run; expected its Classifier: give run\.classifier"):
        fg.evaluate(run, train)  # type: ignore[arg-type]
    with pytest.raises(InputTypeError, match=r"classifier is 'runs/birds' \(str\); expected a Classifier"):
        fg.evaluate("runs/birds", train)  # type: ignore[arg-type]
    with pytest.raises(InputTypeError, match=r"data is 'photos' \(str\); expected a Dataset, such as parts.test"):
        fg.evaluate(run.classifier, "photos")  # type: ignore[arg-type]
    with pytest.raises(InputTypeError, match=r"run is .*; expected a Run, as fg.train gives it"):
        fg.diagnose(scored(run, []), run)  # type: ignore[arg-type]
    with pytest.raises(InputTypeError, match=r"score is 'x' \(str\); expected a Score"):
        fg.diagnose(run, "x")  # type: ignore[arg-type]
    with pytest.raises(InputTypeError, match=r"store is .*; expected a PixelStore"):
        fg.find_rate(train, fg.ScratchRecipe())  # type: ignore[arg-type]
