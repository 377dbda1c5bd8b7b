"""A training on a backbone that did not come with fieldguide: from pictures to a file that is read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fieldguide.data.dataset import Dataset
from fieldguide.data.split import Parts, split
from fieldguide.errors import InputError
from fieldguide.model.lite0 import weight_shapes
from fieldguide.model.loading import load
from fieldguide.model.trunk import Trunk
from fieldguide.training.fit import Run, train
from fieldguide.training.recipe import Recipe

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.keras,
]

CUT, START = "block_2_add", "block_1_project_BN"
RECIPE = Recipe(
    "mobilenet_v2",
    cut=CUT,
    weights="random",
    target_size=(64, 64),
    pooling="flatten",
    dense=(16,),
    dropout=0.2,
    head_epochs=3,
    views=2,
    folds=3,
    start=START,
    fine_tune_epochs=1,
    fine_tune="always",
    fine_tune_rate=1e-3,
)


@pytest.fixture(scope="module")
def parts(small_photos: Path) -> Parts:
    return split(Dataset.from_directory(small_photos), test=0.2, seed=0)


@pytest.fixture(scope="module")
def run(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(parts, recipe=RECIPE, folder=tmp_path_factory.mktemp("run") / "r")


def test_only_what_follows_the_start_is_trained(run: Run, parts: Parts) -> None:
    frozen = train(parts, recipe=RECIPE.with_(fine_tune_epochs=0, head_epochs=1))
    before, after = frozen.classifier.weights, run.classifier.weights
    assert before is not None
    assert after is not None
    assert set(before) == set(after)
    changed = {name.split("/")[0] for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {"block_2_expand", "block_2_depthwise", "block_2_project"}  # not a batch norm of them
    choices = run.choices
    assert choices.fine_tuned
    assert choices.trained + choices.frozen == sum(value.size for value in after.values()) + run.classifier.head.size
    assert frozen.choices.trained == frozen.classifier.head.size == 6144 * 16 + 16 + 16 + 1


def test_the_file_gives_the_same_as_the_training(run: Run, parts: Parts) -> None:
    assert run.folder is not None
    assert run.agreement is not None
    assert run.agreement < 1e-3
    back = load(run.folder)
    assert back.trunk == Trunk("mobilenet_v2", CUT, pooling="flatten")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    np.testing.assert_allclose(back.probabilities(pixels), run.classifier.probabilities(pixels), atol=1e-4)
    assert [len(bias) for _, bias in back.head.layers] == [16, 1]


def test_the_bundled_one_can_be_cut_too(parts: Parts, tmp_path: Path) -> None:
    recipe = Recipe(cut="block4c_add", maps="all", target_size=(64, 64), penalties=(0.1,), folds=3)
    run = train(parts, recipe=recipe, folder=tmp_path / "run")
    back = load(tmp_path / "run")
    assert back.trunk == run.classifier.trunk == Trunk(cut="block4c_add").with_all_taps()
    assert back.weights is None, "they are the bundled ones as far as they go"
    pixels = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    np.testing.assert_array_equal(back.probabilities(pixels), run.classifier.probabilities(pixels))
    assert run.choices.frozen == sum(np.prod(shape) for shape in weight_shapes("block4c_add").values()) < 500_000


@pytest.mark.parametrize("maps", ["all", "auto"])
def test_every_map_of_another_backbone_may_be_read(parts: Parts, tmp_path: Path, maps: str) -> None:
    recipe = Recipe("mobilenet_v2", weights="random", target_size=(32, 32), penalties=(0.1,), folds=2, maps=maps)
    kept = tmp_path / "run" if maps == "auto" else None
    run = train(parts, recipe=recipe.with_(resize="auto" if maps == "auto" else "crop"), folder=kept)
    names = {trial.name.split(",")[0] for trial in run.choices.trials}
    assert names >= ({"all maps", "last map"} if maps == "auto" else {"L2 penalty 0.1"})
    guide, taps = run.classifier, ("block_2_add", "block_5_add", "block_12_add")
    assert guide.trunk is not None
    assert guide.trunk.taps == taps if maps == "all" else guide.trunk.taps in ((), taps)
    # 24, 32, 96 channels after the stages, and 1,280 of the last map.
    assert guide.head.inputs == 1280 + (24 + 32 + 96 if guide.trunk.taps else 0)
    if kept is not None:
        back = load(kept)
        assert back.trunk == guide.trunk
        pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
        np.testing.assert_allclose(back.probabilities(pixels), guide.probabilities(pixels), atol=1e-4)


def test_a_layer_that_there_is_not_is_told_before_pictures_are_seen(parts: Parts) -> None:
    with pytest.raises(InputError, match=r"MobileNetV2 has no layer 'block_2_ad'.*such as block_2_add"):
        train(parts, recipe=RECIPE.with_(cut="block_2_ad", start="pixels"))
    with pytest.raises(InputError, match="MobileNetV2 up to block_2_add has no layer 'block_77'"):
        train(parts, recipe=RECIPE.with_(start="block_77"))
