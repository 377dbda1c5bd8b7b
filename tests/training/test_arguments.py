"""What a training is given: of another kind it is named, and an earlier training is never overwritten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scratch_trainings import QUICK

from fieldguide.comparison.compare import compare
from fieldguide.data import samples
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import Parts, split
from fieldguide.errors import InputError, InputTypeError
from fieldguide.model.loading import load
from fieldguide.reporting.page import report
from fieldguide.training.arguments import require_recipe
from fieldguide.training.fit import train
from fieldguide.training.recipe import Recipe

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture(scope="module")
def parts(small_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return split(Dataset.from_directory(small_photos))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"recipe": "scratch"},
            r"recipe is 'scratch' \(str\); expected a Recipe or a ScratchRecipe, such as fg\.Recipe",
        ),
        ({"recipe": QUICK.net}, r"recipe is Net\("),
        ({"logs": "tensorboard"}, r"logs is 'tensorboard' \(str\); expected a list, such as \['tensorboard'\]"),
        ({"logs": "tensorboard", "recipe": QUICK}, "expected a list"),
        ({"resume": "yes"}, r"resume is 'yes' \(str\); expected True, to go on in that folder, or False"),
        ({"resume": 1, "recipe": QUICK}, r"resume is 1 \(int\)"),
    ],
)
def test_settings_of_another_kind_are_named(parts: Parts, tmp_path: Path, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputTypeError, match=said):
        train(parts, folder=tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()


def test_pictures_that_are_not_divided_are_named(parts: Parts) -> None:
    given: Any
    for given in (parts.train, PixelStore.build(parts.train)):
        with pytest.raises(InputTypeError, match=f"parts is a {type(given).__name__}; .* divide it by fg.split"):
            train(given)
    with pytest.raises(
        InputTypeError, match=r"^parts is array\(\[\[0\., 0\.\], \[0\., 0\.\]\]\) \(ndarray\); expected Parts, .*$"
    ):
        train(np.zeros((2, 2)))  # type: ignore[arg-type]
    for given in ("photos", Path("photos")):
        with pytest.raises(InputTypeError, match=r"such as fg.split\(fg.Dataset.from_directory\('photos'\)\)"):
            train(given)


def test_a_folder_among_the_pictures_is_refused(parts: Parts, small_photos: Path) -> None:
    before = sorted(small_photos.rglob("*"))
    for folder in (small_photos / "run", small_photos):
        for resume in (False, True):
            with pytest.raises(InputError, match=r"lies (in|among)|is the folder of the pictures, w"):
                train(parts, recipe=QUICK, folder=folder, resume=resume)
        with pytest.raises(InputError, match=r"would be taken for .* the next time: .* with folder=, such as"):
            train(parts, recipe=QUICK, folder=folder)
        with pytest.raises(InputError, match=r"would be taken for .* the next time: .* with folder=, such as"):
            compare(parts, "data_size", folder=folder)
    assert sorted(small_photos.rglob("*")) == before


@pytest.mark.parametrize("given", [3, b"run", [Path("run")], np.zeros((3, 3))], ids=lambda given: type(given).__name__)
def test_what_is_no_path_is_named_in_a_line(parts: Parts, given: Any) -> None:
    calls: dict[str, Callable[[], object]] = {
        "folder": lambda: train(parts, folder=given),
        "folder ": lambda: compare(parts, "data_size", folder=given),
        "folder  ": lambda: samples.unpack("horses_or_humans", given),
        "path": lambda: report(given, None, given),
        "path ": lambda: load(given),
        "directory": lambda: Dataset.from_directory(given),
    }
    for name, call in calls.items():
        with pytest.raises(
            InputTypeError, match=rf"^{name.strip()} is .* \({type(given).__name__}\); .* path, such as '"
        ):
            call()


@pytest.mark.keras
def test_an_earlier_training_is_not_overwritten(parts: Parts, tmp_path: Path) -> None:
    recipe = QUICK.with_(epochs=1)
    train(parts, recipe=recipe, folder=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for other in (recipe, recipe.with_(seed=5)):
        with pytest.raises(InputError, match=r"holds a training already .*new folder; resume=True goes on with"):
            train(parts, recipe=other, folder=tmp_path)
    with pytest.raises(InputError, match=r"holds a training already .*: name a new folder\.$"):
        train(parts, recipe=Recipe(target_size=(64, 64)), folder=tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert len(train(parts, recipe=recipe.with_(epochs=2), folder=tmp_path, resume=True).epochs) == 2


def test_a_setting_of_what_is_not_trained_is_refused() -> None:
    with pytest.raises(InputError, match="the recipe has loss and label_smoothing of its own, for what is trained"):
        require_recipe(Recipe(loss="focal", label_smoothing=0.1))
    require_recipe(Recipe(loss="focal", dense=(8,)))
    require_recipe(Recipe(label_smoothing=0.1, fine_tune_epochs=2))
