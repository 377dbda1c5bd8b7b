"""What is asked for is in the recipe, what is not is chosen, and flags that do not go together are refused at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pictures import folder_of

from fieldguide.augmentation.presets import PRESETS, preset_called
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError
from fieldguide.model.trunk import Trunk
from fieldguide.training.backbone_wishes import transferred
from fieldguide.training.recipe import Recipe
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.stopping import Stopping, Targets
from fieldguide.training.suited import FINE_TUNE_EPOCHS
from fieldguide.training.usual import GROWTH, usual_growth, usual_margin
from fieldguide.training.wishes import Wishes


@pytest.fixture(scope="module")
def store(small_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return PixelStore.build(Dataset.from_directory(small_photos))


def scratch(store: PixelStore, wishes: Wishes) -> ScratchRecipe:
    recipe = wishes.recipe_for(store, seed=3)
    assert isinstance(recipe, ScratchRecipe)
    return recipe


def test_nothing_asked_for_gives_the_recipe_that_is_chosen(store: PixelStore) -> None:
    assert Wishes().recipe_for(store, seed=3) == Recipe.auto(store, seed=3)
    assert scratch(store, Wishes("scratch")) == ScratchRecipe.auto(store, seed=3)
    assert Wishes("features").recipe_for(store, seed=3) == Recipe.auto(store, seed=3, fine_tune=False)


def test_finetune_keeps_it_whatever_it_brings(store: PixelStore) -> None:
    recipe = Wishes("finetune").recipe_for(store, seed=0)
    assert isinstance(recipe, Recipe)
    assert (recipe.fine_tune, recipe.fine_tune_epochs) == ("always", FINE_TUNE_EPOCHS)
    assert recipe.reasons[-1] == "fine-tuning of what follows block6a_project_bn, up to 12 epochs, as asked for"


def test_a_backbone_and_how_far_it_is_frozen_can_be_asked_for(store: PixelStore) -> None:
    asked: dict[str, Any] = {"backbone": "InceptionV3", "weights": "random", "cut": "mixed7", "side": 150}
    recipe = Wishes("finetune", dense=(64,), dropout=0.2, **asked).recipe_for(store, seed=1)
    assert isinstance(recipe, Recipe)
    assert recipe.trunk == Trunk("inception_v3", "mixed7")
    assert (recipe.target_size, recipe.dense, recipe.dropout, recipe.seed) == ((150, 150), (64,), 0.2, 1)
    assert recipe.start == "mixed2"  # the end of a stage before the cut
    assert recipe.reasons[:3] == (
        "backbone InceptionV3, cut at mixed7, its weights: random",
        "input 150x150, centre crop",
        "head: 64 hidden units, dropout 0.2, up to 20 epochs",
    )
    assert recipe.reasons[-1] == "as asked for: side, dropout, backbone, weights, cut, dense"


@pytest.mark.parametrize(
    ("freeze", "start", "epochs"),
    [
        (("all",), "block6a_project_bn", 0),
        (("none",), "pixels", FINE_TUNE_EPOCHS),
        (("until", "block3b_add"), "block3b_add", FINE_TUNE_EPOCHS),
        (("blocks", "1"), "block7a_project_bn", FINE_TUNE_EPOCHS),
        (("blocks", "3"), "block6c_add", FINE_TUNE_EPOCHS),
        (("blocks", "17"), "pixels", FINE_TUNE_EPOCHS),
    ],
)
def test_what_is_frozen_says_where_training_starts(
    freeze: tuple[str, ...], start: str, epochs: int, store: PixelStore
) -> None:
    recipe = Wishes(freeze=freeze).recipe_for(store, seed=0)
    assert isinstance(recipe, Recipe)
    assert (recipe.start, recipe.fine_tune_epochs) == (start, epochs)


def test_what_is_asked_for_is_in_the_recipe_and_the_rest_is_chosen(store: PixelStore) -> None:
    chosen = ScratchRecipe.auto(store, seed=3)
    recipe = scratch(
        store,
        Wishes(
            "scratch",
            net="classic",
            size="tiny",
            side=64,
            dropout=0.5,
            augment="light",
            mix="mix_up",
            epochs=7,
            rate=0.01,
            schedule="plateau",
            patience=4,
            metric="val_accuracy",
            target=(0.95, 0.8),
        ),
    )
    assert (recipe.net.family, recipe.net.size, recipe.net.target_size) == ("classic", "tiny", (64, 64))
    assert (recipe.net.dropout, recipe.net.batch_norm, recipe.net.pooling) == (0.5, False, "flatten")
    assert recipe.augment == PRESETS["light"].settings
    assert (recipe.mixing.kind, recipe.epochs) == ("mix_up", 7)
    assert (recipe.optimiser.rate, recipe.optimiser.schedule) == (0.01, "plateau")
    assert recipe.optimiser.name == chosen.optimiser.name
    assert recipe.stopping == Stopping("val_accuracy", 4)
    assert recipe.targets == Targets(0.95, 0.8)
    assert (recipe.batch_size, recipe.label_smoothing, recipe.seed) == (chosen.batch_size, chosen.label_smoothing, 3)
    assert "dropout" in recipe.reasons[-1]


@pytest.mark.parametrize(("side", "preset"), [(32, "strong"), (63, "strong"), (64, "crops"), (None, "crops")])
def test_the_augmentation_suits_the_side_that_is_asked_for(store: PixelStore, side: int | None, preset: str) -> None:
    recipe = scratch(store, Wishes("scratch", side=side))
    assert recipe.augment == PRESETS[preset].settings
    assert recipe.margin == usual_margin(recipe.augment)
    assert recipe.growth == usual_growth(recipe.net, recipe.augment)
    assert f"augmentation {preset}" in " ".join(recipe.reasons)
    assert scratch(store, Wishes("scratch", side=side, augment="light")).augment == PRESETS["light"].settings


def test_small_pictures_that_are_made_large_are_cropped(tmp_path: Path) -> None:
    small = PixelStore.build(Dataset.from_directory(folder_of(tmp_path, {"cats": 4, "dogs": 4})))  # of 60 x 80 pixels
    assert scratch(small, Wishes("scratch")).augment == PRESETS["strong"].settings
    assert scratch(small, Wishes("scratch", side=128)).augment == PRESETS["crops"].settings


def test_augmentation_of_a_backbone_varies_further_views(store: PixelStore) -> None:
    recipe = Wishes(augment="strong").recipe_for(store, seed=0)
    assert isinstance(recipe, Recipe) and recipe.augment == PRESETS["strong"].settings
    assert recipe.views >= 2 and recipe.views_if_better
    one = transferred("auto", {"augment": "light"}, Recipe())  # of many pictures there is one view each, unless asked
    assert (one.views, one.views_if_better) == (2, True)
    plain = Wishes(augment="none").recipe_for(store, seed=0)
    assert isinstance(plain, Recipe) and (plain.views, plain.views_if_better) == (1, False)
    dense = transferred("auto", {"augment": "light", "dense": (8,)}, Recipe())
    assert (dense.views, dense.views_if_better) == (2, False)


def test_a_frozen_backbone_may_be_said_twice(store: PixelStore) -> None:
    for asked in ({"freeze": ("all",)}, {"fine_tune_epochs": 0}, {"gradual": False}):
        recipe = Wishes("features", **asked).recipe_for(store, seed=0)
        assert isinstance(recipe, Recipe) and recipe.fine_tune_epochs == 0


def test_no_augmentation_can_be_asked_for(store: PixelStore) -> None:
    assert scratch(store, Wishes("scratch", augment="none")).augment is None


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"recipe": "best"}, "--recipe is 'best'; expected one of auto, features, finetune, scratch"),
        ({"mirrored": False}, r"--no-mirrored is for --recipe scratch, and the recipe is auto"),
        ({"l2": 0.5}, r"--l2 is for --recipe scratch, and the recipe is auto: .* leave it out"),
        (
            {"recipe": "features", "size": "tiny", "block_dropout": 0.1},
            "--size, --block-dropout are for --recipe scratch",
        ),
        ({"recipe": "scratch", "cut": "mixed7"}, "--cut is for a backbone, and the recipe is scratch: give --recipe"),
        ({"dropout": 0.5}, r"--dropout is 0.5; .* only with hidden layers in the head \(dense, --dense 256\)"),
        ({"dense": (0,)}, r"--dense is \(0,\); expected whole numbers from 1"),
        ({"dense": (8,), "maps": "all"}, "--maps is 'all'; a head with hidden layers reads the last one"),
        ({"maps": "most"}, "--maps is 'most'; expected one of last, all, auto"),
        ({"frame": "stretch"}, "--frame is 'stretch'; expected one of"),
        ({"views": 0}, "--views is 0; expected a whole number, 1 or larger"),
        ({"pooling": "most"}, "pooling is 'most'; expected one of average, max, flatten"),
        ({"backbone": "resnet9"}, "There is no backbone named 'resnet9'"),
        ({"backbone": "vgg16"}, r"the backbone is vgg16, whose weights do not come with .*'imagenet'.* 59 MB"),
        ({"cut": "block9_add"}, "--cut is 'block9_add', which does not end a block"),
        ({"freeze": ("half",)}, "--freeze is 'half'; expected 'all', 'none', 'until LAYER'"),
        (
            {"freeze": ("blocks", "40")},
            "the last 40 blocks of EfficientNet-Lite0 are asked for; .* from 1 to 17",
        ),
        (
            {"augment": "none", "views": 2},
            "--views is 2, and augment is none: further views would be the same picture again",
        ),
        (
            {"recipe": "finetune", "freeze": ("all",)},
            "--freeze is all, which .*, and the recipe finetune trains it",
        ),
        ({"recipe": "finetune", "fine_tune_epochs": 0}, "--fine-tune-epochs is 0, which leaves the backbone as it is"),
        (
            {"recipe": "features", "fine_tune_epochs": 5},
            "--fine-tune-epochs is 5, .* the recipe features leaves it",
        ),
        ({"recipe": "features", "freeze": ("blocks", "1")}, "--freeze is 'blocks 1', .*say --recipe finetune, or auto"),
        ({"freeze": ("all",), "fine_tune_epochs": 3}, "--fine-tune-epochs is 3, .* --freeze all leaves it as it is"),
        ({"recipe": "features", "gradual": True}, "--gradual is True, which is for training the backbone"),
        ({"augment": "wild", "views": 2}, "--augment is 'wild'; expected one of none, light"),
        ({"side": 200, "target_size": (200, 300)}, "--side and --target-size both say how large the input is"),
        ({"target_size": (200,)}, r"--target-size is \(200,\); expected \(height, width\)"),
        ({"target_size": (200, 9)}, r"--target-size is \(200, 9\); expected \(height, width\), each from 32 to 512"),
        (
            {"larger": True, "side": 512},
            "--larger: the input is 512x512 pixels, and 512 on a side are the most: leave it out",
        ),
        ({"side": 9}, "--side is 9; expected a whole number of pixels from 32 to 512"),
        (
            {"recipe": "finetune", "backbone": "vgg16", "weights": "random", "cut": "block4_conv1"},
            "--cut is given, and not what to train before it: add --freeze",
        ),
        (
            {"recipe": "scratch", "augment": "wild"},
            "--augment is 'wild'; expected one of none, light, medium, strong, crops",
        ),
        ({"recipe": "scratch", "epochs": 0}, "--epochs is 0; expected a whole number from 1"),
        ({"recipe": "scratch", "rate": -1.0}, "--rate is -1.0"),
        ({"recipe": "scratch", "schedule": "step"}, "--schedule is 'step'"),
        ({"recipe": "scratch", "optimiser": "lion"}, "--optimiser is 'lion'"),
        ({"recipe": "scratch", "patience": 0}, "--patience is 0"),
        ({"recipe": "scratch", "metric": "val_loss"}, "say with --patience how long it waits"),
        ({"recipe": "scratch", "net": "resnet"}, "--net is 'resnet'; expected one of"),
        ({"recipe": "scratch", "side": 4}, "--side is 4; expected a whole number of pixels from 16"),
        ({"recipe": "scratch", "mix": "cutout"}, "--mix is 'cutout'; expected one of"),
        (
            {"recipe": "scratch", "label_smoothing": 1.0},
            "--label-smoothing is 1.0; expected a number from 0 to below 1",
        ),
        ({"recipe": "scratch", "class_weights": 2.0}, "--class-weights is 2.0; expected a number from 0 to 1"),
        ({"recipe": "scratch", "precision": "float64"}, "--precision is 'float64'"),
        ({"recipe": "scratch", "target": (2.0, 0.5)}, "--target: the target for accuracy is 2.0"),
        (
            {"recipe": "scratch", "target": (95.0, 80.0)},
            r"accuracy is 95.0; expected a share from 0 to 1, such as 0.95\.$",
        ),
        ({"recipe": "scratch", "target": (0.9, 80.0)}, r"val_accuracy is 80.0; .* such as 0.8\.$"),
        ({"recipe": "scratch", "target": (0.0, 0.0)}, "--target: a target of 0 for both"),
        ({"recipe": "scratch", "batch_size": 0}, "--batch-size is 0; expected a whole number from 1"),
        ({"recipe": "scratch", "optimiser": "adam", "weight_decay": 0.1}, "--weight-decay is 0.1, and adam has none"),
        ({"recipe": "scratch", "size": "huge"}, "--size is 'huge'"),
        ({"recipe": "scratch", "pooling": "most"}, "--pooling is 'most'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_read(wishes: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Wishes(**wishes)  # type: ignore[arg-type]


def test_the_words_say_the_same_again() -> None:
    wishes = Wishes("scratch", net="classic", batch_norm=False, grayscale=True, rate=0.01, target=(0.95, 0.8))
    assert wishes.words() == [
        *("--recipe", "scratch", "--net", "classic", "--grayscale", "--no-batch-norm"),
        *("--rate", "0.01", "--target", "0.95", "0.8"),
    ]
    assert Wishes().words() == []


def test_a_recipe_comes_back_from_its_fields(store: PixelStore) -> None:
    import json

    recipe = scratch(store, Wishes("scratch", patience=3, target=(0.9, 0.8), mix="both", augment="medium"))
    assert ScratchRecipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    fields = recipe.to_dict()
    del fields["mixing"]
    with pytest.raises(InputError, match="lacks a field"):
        ScratchRecipe.from_dict(fields)


def test_classes_of_different_size_are_weighted(store: PixelStore) -> None:
    labels = store.dataset.labels
    few = store.select(store.dataset.select((labels == 0) | (labels.cumsum() <= 8)))
    assert ScratchRecipe.auto(store).class_weights == 0
    assert ScratchRecipe.auto(few).class_weights == 0.5
    assert "classes differ in size" in " ".join(ScratchRecipe.auto(few).reasons)


@pytest.mark.parametrize(
    ("wishes", "grows"),
    [
        (Wishes("scratch"), True),
        (Wishes("scratch", augment="crops"), True),
        (Wishes("scratch", augment="none"), False),
        (Wishes("scratch", augment="medium"), False),
        (Wishes("scratch", side=48), False),
        (Wishes("scratch", net="classic"), False),
        (Wishes("scratch", net="residual"), True),
    ],
    ids=lambda value: str(value.words()) if isinstance(value, Wishes) else None,
)
def test_only_large_pictures_that_are_cropped_begin_small(wishes: Wishes, grows: bool) -> None:
    """What was seen at one size only is not recognised at another."""
    usual = ScratchRecipe(augment=preset_called("crops").settings, growth=GROWTH, margin=1.25)
    assert wishes.apply(usual).growth == (GROWTH if grows else ())


@pytest.mark.parametrize(
    ("wishes", "mirrored", "words"),
    [
        (Wishes("scratch"), True, []),
        (Wishes("scratch", augment="strong", net="classic"), True, []),
        (Wishes("scratch", augment="none"), False, []),
        (Wishes("scratch", augment="none", mirrored=True), True, ["--mirrored"]),
        (Wishes("scratch", mirrored=False), False, ["--no-mirrored"]),
    ],
    ids=lambda value: str(value.words()) if isinstance(value, Wishes) else None,
)
def test_where_pictures_are_flipped_to_learn_from_they_are_answered_both_ways(
    wishes: Wishes, mirrored: bool, words: list[str], store: PixelStore
) -> None:
    recipe = scratch(store, wishes)
    assert recipe.net.mirrored == mirrored
    reason = f"as asked for: {', '.join(f'no {name}' if wishes.mirrored is False else name for name in wishes.asked())}"
    assert not wishes.asked() or recipe.reasons[-1] == reason
    asked = Wishes.of(recipe, store.dataset.counts).words()
    assert [word for word in asked if "mirrored" in word] == words  # what is not said comes by itself


def test_a_larger_input_keeps_the_shape_that_was_asked_for(store: PixelStore) -> None:
    for asked, larger in (
        ({"side": 224}, (320, 320)),
        ({"side": 150}, (224, 224)),
        ({"target_size": (192, 256)}, (288, 384)),
        ({"backbone": "InceptionV3", "weights": "random"}, (448, 448)),
    ):
        recipe = Wishes(larger=True, **asked).recipe_for(store, seed=0)
        assert isinstance(recipe, Recipe)
        assert recipe.larger == larger
        assert f"and {larger[0]}x{larger[1]}, if held-out pictures are told better" in recipe.reasons[1]


def test_an_error_rate_can_be_asked_for_with_any_recipe(store: PixelStore) -> None:
    for kind in ("auto", "features", "scratch"):
        wishes = Wishes(kind, error_rate=0.1)
        assert wishes.recipe_for(store, seed=0).error_rate == 0.1
        assert wishes.words()[-2:] == ["--error-rate", "0.1"]
        with pytest.raises(InputError, match=r"--error-rate is 1\.5; expected a share above 0 and below 0\.5"):
            Wishes(kind, error_rate=1.5)
