"""What `Recipe.auto` chooses from the pictures, the reasons it gives, and what a recipe refuses."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError
from fieldguide.training.recipe import Recipe


def drawn(folder: Path, sizes: list[tuple[int, int]], classes: int = 2) -> PixelStore:
    """Pictures of noise, (width, height) as said for each class, in a store of small pixels."""
    rng = np.random.default_rng(0)
    for label in range(classes):
        place = folder / f"class {label}"
        place.mkdir(parents=True)
        for number, (width, height) in enumerate(sizes):
            noise = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
            Image.fromarray(noise).save(place / f"{number}.png")
    return PixelStore.build(Dataset.from_directory(folder), target_size=(32, 32))


def of_many(store: PixelStore, count: int) -> PixelStore:
    """As if the store's pictures were `count` ones."""
    return store.select(store.dataset.select(np.arange(count) % len(store)))


@pytest.mark.parametrize(
    ("sizes", "target", "resize", "reason"),
    [
        (
            [(300, 200)] * 2,
            (224, 224),
            "squash",
            "nothing cut off, since all have one shape: what the backbone was trained at (the pictures' shorter side",
        ),
        ([(210, 200)] * 2, (224, 224), "crop", "input 224x224, centre crop: what the backbone was trained at"),
        (
            [(28, 28), (30, 28), (28, 40)],
            (128, 128),
            "auto",
            "half of them are 28 pixels or less on the shorter side, so a larger input adds nothing",
        ),
        ([(64, 64)], (128, 128), "crop", "half of them are 64 pixels or less"),
        ([(65, 65)], (224, 224), "crop", "shorter side is 65"),
        ([(600, 150)] * 2, (224, 224), "pad", "input 224x224, bars added, since they are long and narrow: what"),
        ([(150, 600)] * 2, (224, 224), "pad", "bars added"),
        ([(200, 100)], (224, 224), "squash", "nothing cut off"),  # twice as long as wide is not yet long and narrow
        ([(120, 20)] * 2, (128, 128), "pad", "input 128x128, bars added, since they are long and narrow: half of them"),
        ([(300, 200)] * 3 + [(20, 200)] * 2, (224, 224), "auto", "shorter side is 200"),  # the median, not the odd one
    ],
)
def test_size_and_resize_rule_follow_the_pictures(
    sizes: list[tuple[int, int]], target: tuple[int, int], resize: str, reason: str, tmp_path: Path
) -> None:
    recipe = Recipe.auto(drawn(tmp_path / "photos", sizes))
    assert (recipe.target_size, recipe.resize) == (target, resize)
    assert reason in recipe.reasons[1]


def test_the_number_of_pictures_decides_about_fine_tuning(tmp_path: Path) -> None:
    store = drawn(tmp_path / "photos", [(80, 80)] * 2)
    found = {count: Recipe.auto(of_many(store, count)) for count in (4, 199, 200, 1000, 1001, 6000, 6001, 20_000)}
    epochs = {count: recipe.fine_tune_epochs for count, recipe in found.items()}
    assert epochs == {4: 0, 199: 0, 200: 12, 1000: 12, 1001: 11, 6000: 2, 6001: 0, 20_000: 0}
    assert found[4].reasons[4] == "no fine-tuning: 4 pictures are too few to show that it helps"
    assert (
        found[1001].reasons[4].startswith("fine-tuning of the last blocks, up to 11 epochs, if the head leaves errors")
    )
    assert found[20_000].reasons[4].startswith("no fine-tuning: with 20,000 pictures the head learns enough")
    assert Recipe.auto(of_many(store, 1000), fine_tune=False).fine_tune_epochs == 0
    assert Recipe.auto(of_many(store, 1000), fine_tune=False).reasons[4] == "no fine-tuning: switched off"


def test_the_reasons_tell_how_the_model_ends(tmp_path: Path) -> None:
    two, three = drawn(tmp_path / "two", [(80, 80)]), drawn(tmp_path / "three", [(80, 80)], classes=3)
    assert "one sigmoid unit with binary cross-entropy" in Recipe.auto(two).reasons[2]
    assert "3 softmax units with categorical cross-entropy" in Recipe.auto(three).reasons[2]
    assert Recipe.auto(two).reasons[0].endswith("fits 2 pictures on a laptop")
    assert not any("\n" in reason for reason in Recipe.auto(three).reasons)


def test_a_data_set_will_do_as_well_as_its_store(tmp_path: Path) -> None:
    store = drawn(tmp_path / "photos", [(80, 80)] * 2)
    assert Recipe.auto(store.dataset, seed=3) == Recipe.auto(store, seed=3)
    assert Recipe.auto(store, seed=3).seed == 3


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("backbone", "resnet9", "no backbone named 'resnet9'"),
        ("dense", 64, r"dense is 64; expected whole numbers in a tuple, such as \(1024,\)"),
        ("resize", "stretch", "resize is 'stretch'; expected one of crop, squash, pad"),
        ("target_size", (31, 224), "each from 32 to 512 pixels"),
        ("target_size", (224, 513), "each from 32 to 512 pixels"),
        ("target_size", (224.0, 224), "each from 32 to 512 pixels"),
        ("target_size", (224,), r"expected \(height, width\)"),
        ("penalties", (), "expected one or more numbers above 0"),
        ("penalties", (0.1, 0.0), "expected one or more numbers above 0"),
        ("penalties", (0.1, math.nan), "expected one or more numbers above 0"),
        ("penalties", (math.inf,), "expected one or more numbers above 0"),
        ("folds", 1, "folds is 1; expected a whole number, 2 or larger"),
        ("folds", 2.5, "folds is 2.5; expected a whole number"),
        ("fine_tune_epochs", -1, "fine_tune_epochs is -1; expected a whole number, 0 or larger"),
        ("fine_tune_rate", 0.0, "fine_tune_rate is 0.0; expected a number between 0 and 1"),
        ("fine_tune_rate", math.nan, "fine_tune_rate is nan"),
        ("fine_tune_rate", 3.0, "fine_tune_rate is 3.0"),
        ("patience", 0, "patience is 0; expected a whole number, 1 or larger"),
        ("batch_size", 0, "batch_size is 0"),
        ("batch_size", "32", "batch_size is '32'"),
        ("seed", -1, "seed is -1; expected a whole number, 0 or larger"),
    ],
)
def test_a_field_that_makes_no_sense_is_refused(field: str, value: object, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        Recipe().with_(**{field: value})


def test_numpy_numbers_are_numbers() -> None:
    recipe = Recipe(seed=np.int64(3), target_size=(np.int32(64), 64))  # type: ignore[arg-type]
    assert json.loads(json.dumps(recipe.to_dict()))["target_size"] == [64, 64]


def test_an_unknown_field_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="momentum"):
        Recipe().with_(momentum=0.9)


def test_all_fields_go_into_json() -> None:
    recipe = Recipe(seed=4, reasons=("because",))
    fields = json.loads(json.dumps(recipe.to_dict()))
    assert fields["seed"] == 4
    assert fields["target_size"] == [224, 224]
    assert set(fields) == set(Recipe.__dataclass_fields__)
