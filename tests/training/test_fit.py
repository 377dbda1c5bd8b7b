"""A training from divided pictures to a saved classifier: repeatable, blind to the test part, whole."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fieldguide.calibration import softmax
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import Parts, split
from fieldguide.errors import FileError, InputError
from fieldguide.files import cache_folder
from fieldguide.model import archive
from fieldguide.model.engine import DEFAULT_CUT
from fieldguide.model.lite0 import read_weights, steps_after
from fieldguide.model.loading import load
from fieldguide.training import features as frozen
from fieldguide.training.fit import Run, train
from fieldguide.training.logistic import Examples, fit, problem_for
from fieldguide.training.recipe import Recipe

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SIDE = (64, 64)
RECIPE = Recipe(target_size=SIDE)


@pytest.fixture(scope="module", autouse=True)
def one_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache-of-fit")


@pytest.fixture(autouse=True)
def own_cache(one_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One cache for this file, so that features are computed once; a test that minds sets its own."""
    monkeypatch.setenv("FIELDGUIDE_CACHE", str(one_cache))
    return one_cache


@pytest.fixture(scope="module")
def photos3(small_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A third class: the humans upside down."""
    folder = shutil.copytree(small_photos, tmp_path_factory.mktemp("three") / "photos")
    (folder / "acrobats").mkdir()
    for path in sorted((folder / "humans").iterdir()):
        with Image.open(path) as image:
            image.rotate(180).save(folder / "acrobats" / f"{path.stem}.png")
    return folder


def parts_of(photos: Path, **shares: float) -> Parts:
    return split(PixelStore.build(Dataset.from_directory(photos), target_size=SIDE), **shares)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def parts(one_cache: Path, small_photos: Path) -> Parts:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(one_cache))
        return parts_of(small_photos)


@pytest.fixture(scope="module")
def runs(one_cache: Path, parts: Parts, photos3: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Run]:
    """A saved run of two classes and one of three."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(one_cache))
        folder = tmp_path_factory.mktemp("runs")
        two = train(parts, recipe=RECIPE, folder=folder / "two")
        three = train(
            parts_of(photos3), recipe=RECIPE.with_(target_size=(64, 96), resize="pad"), folder=folder / "three"
        )
        return {2: two, 3: three}


def with_labels(data: Dataset, labels: np.ndarray) -> Dataset:
    return replace(data, labels=np.asarray(labels, np.int32))


def noisy(parts: Parts, every: int) -> Parts:
    """The same parts with every n-th training label wrong, so that the head cannot get them all right."""
    labels = parts.train.labels.copy()
    labels[::every] = 1 - labels[::every]
    return replace(parts, train=with_labels(parts.train, labels))


def learnt(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """What the head learnt, before it was calibrated."""
    head = run.classifier.head
    return head.kernel * run.classifier.temperature, head.bias * run.classifier.temperature


# Repeatable, and blind to what measures


def test_the_same_training_twice_is_the_same_to_the_last_bit(
    parts: Parts, runs: dict[int, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDGUIDE_CACHE", str(tmp_path / "another"))  # decoded and computed all over again
    again = train(parts, recipe=RECIPE)
    np.testing.assert_array_equal(again.classifier.head.kernel, runs[2].classifier.head.kernel)
    np.testing.assert_array_equal(again.classifier.head.bias, runs[2].classifier.head.bias)
    assert again.epochs == runs[2].epochs
    assert again.choices == runs[2].choices
    assert again.fingerprint == runs[2].fingerprint


def test_the_labels_of_the_test_part_change_nothing(parts: Parts) -> None:
    plain = train(parts, recipe=RECIPE)
    turned = train(replace(parts, test=with_labels(parts.test, 1 - parts.test.labels)), recipe=RECIPE)
    without = train(replace(parts, test=parts.test.select([])), recipe=RECIPE)
    for other in (turned, without):
        np.testing.assert_array_equal(other.classifier.head.kernel, plain.classifier.head.kernel)
        assert other.choices == plain.choices
        assert other.train_accuracy == plain.train_accuracy


def test_a_validation_part_chooses_and_teaches_nothing(small_photos: Path) -> None:
    parts = parts_of(small_photos, validation=0.3, test=0.2)
    recipe = RECIPE.with_(penalties=(0.1,))
    plain = train(parts, recipe=recipe)
    assert plain.choices.how == f"on the {len(parts.validation)} pictures of the validation part"
    assert plain.choices.held_out.n == len(parts.validation)
    assert plain.train_accuracy.n == len(parts.train)
    turned = train(replace(parts, validation=with_labels(parts.validation, 1 - parts.validation.labels)), recipe=recipe)
    for one, other in zip(learnt(plain), learnt(turned), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    assert turned.choices.held_out.value == pytest.approx(1 - plain.choices.held_out.value)
    assert turned.classifier.temperature != plain.classifier.temperature


def test_a_second_training_decodes_and_computes_nothing(parts: Parts) -> None:
    train(parts, recipe=RECIPE)
    again = train(parts, recipe=RECIPE.with_(seed=5))
    assert (again.decoded, again.computed) == (0, 0)


def test_only_new_work_is_counted(parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDGUIDE_CACHE", str(tmp_path))
    total = len(parts.train) + len(parts.test)
    run = train(parts, recipe=RECIPE)
    assert (run.decoded, run.computed) == (total, total)


# What comes out


def test_temperature_is_in_the_weights(parts: Parts) -> None:
    run = train(noisy(parts, 5), recipe=RECIPE)
    labels = run.parts.train.labels
    store = PixelStore.build(run.parts.train, target_size=SIDE)
    values = frozen.compute(store).values
    examples = Examples(values, labels, 2)
    problem = problem_for(examples, np.arange(len(labels)), run.choices.class_weight_power)
    plain = fit(examples, [problem], penalty=run.choices.penalty)[0][0]
    assert abs(run.choices.temperature - 1) > 0.02
    assert run.classifier.temperature == run.choices.temperature
    expected = softmax(plain.logits(values), run.choices.temperature)
    given = run.classifier.probabilities(store.read(range(len(store))))
    np.testing.assert_allclose(given, expected, atol=1e-5)
    right = int((expected.argmax(axis=1) == labels).sum())
    assert run.train_accuracy.value == pytest.approx(right / len(labels))


def test_what_is_learnt_holds_on_pictures_that_were_not_seen(runs: dict[int, Run]) -> None:
    for run in runs.values():
        test = run.parts.test
        store = PixelStore.build(test, target_size=run.recipe.target_size, resize=run.recipe.resize)
        given = run.classifier.probabilities(store.read(range(len(store))))
        assert (given.argmax(axis=1) == test.labels).mean() > 1.6 / len(run.classifier.class_names)


def test_one_epoch_is_the_chosen_one(runs: dict[int, Run]) -> None:
    for run in runs.values():
        assert [epoch.chosen for epoch in run.epochs] == [False] * (len(run.epochs) - 1) + [True]


def test_a_run_can_be_written_down(runs: dict[int, Run]) -> None:
    run = runs[2]
    fields = json.loads(json.dumps(run.to_dict(), allow_nan=False))
    assert fields["recipe"]["target_size"] == [64, 64]
    assert fields["parts"]["train"] == len(run.parts.train)
    assert "Apache-2.0" in fields["weights"]
    assert list(fields["seconds"]) == ["preparing", "features", "head", "fine-tuning", "promises", "saving"]
    assert str(run).startswith("<Classifier of 2 classes (horses, humans) at 64x64>, trained on ")


def test_the_fingerprint_is_of_pictures_and_labels(parts: Parts) -> None:
    plain = train(parts, recipe=RECIPE).fingerprint
    assert train(noisy(parts, 9), recipe=RECIPE).fingerprint != plain
    assert len(plain) == 32


@pytest.mark.keras
@pytest.mark.parametrize("classes", [2, 3])
def test_keras_opens_the_file_and_says_the_same_of_plain_pixels(classes: int, runs: dict[int, Run]) -> None:
    import keras

    run = runs[classes]
    assert run.folder is not None
    path = run.folder / "model.keras"
    model = keras.models.load_model(path)  # in safe mode, which is the default
    store = PixelStore.build(run.parts.train, target_size=run.recipe.target_size, resize=run.recipe.resize)
    pixels = store.read(range(len(store)))[::3]
    assert pixels.dtype == np.uint8 and pixels.max() > 200
    stated = load(path).probabilities(pixels)
    given = np.asarray(model(pixels.astype(np.float32), training=False))
    assert given.shape == (len(pixels), 1 if classes == 2 else 3)
    assert model.layers[-1].get_config()["activation"] == ("sigmoid" if classes == 2 else "softmax")
    if classes == 2:
        given = np.concatenate([1 - given, given], axis=1)
    np.testing.assert_allclose(given, stated, atol=1e-3)
    np.testing.assert_array_equal(given.argmax(axis=1), stated.argmax(axis=1))
    assert run.agreement is not None and run.agreement < 1e-3
    np.testing.assert_array_equal(stated, run.classifier.probabilities(pixels))


@pytest.mark.keras
@pytest.mark.parametrize("classes", [2, 3])
def test_a_frozen_backbone_is_saved_as_it_was_shipped(classes: int, runs: dict[int, Run]) -> None:
    folder = runs[classes].folder
    assert folder is not None
    saved = archive.read_weights(folder / "model.keras")
    for name, value in read_weights().items():
        np.testing.assert_array_equal(saved[name], value)
    assert archive.read_note(folder / "model.keras").tuned is False
    assert load(folder).weights is None


def test_without_a_folder_nothing_is_written_and_keras_is_not_loaded(small_photos: Path, tmp_path: Path) -> None:
    code = (
        "import sys, fieldguide as fg\n"
        f"parts = fg.split(fg.Dataset.from_directory({str(small_photos)!r}))\n"
        "run = fg.train(parts, recipe=fg.Recipe(target_size=(64, 64)))\n"
        "assert run.folder is None and run.agreement is None\n"
        "print([name for name in ('keras', 'tensorflow', 'jax') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert list(tmp_path.iterdir()) == []


# What cannot be trained


def test_pictures_too_few_to_hold_any_out_are_refused(small_photos: Path, tmp_path: Path) -> None:
    for name in ("horses", "humans"):
        (tmp_path / "few" / name).mkdir(parents=True)
        for path in sorted((small_photos / name).glob("*0*.jpg"))[:2]:
            shutil.copy2(path, tmp_path / "few" / name)
    with pytest.raises(InputError, match=r"few has too few different pictures to train on: in each class at least two"):
        train(parts_of(tmp_path / "few"), recipe=RECIPE)


def test_three_pictures_of_a_class_are_enough_for_a_classifier(small_photos: Path, tmp_path: Path) -> None:
    for name in ("horses", "humans"):
        (tmp_path / "few" / name).mkdir(parents=True)
        for path in sorted((small_photos / name).glob("*[0-9].jpg"))[::9][:3]:
            shutil.copy2(path, tmp_path / "few" / name)
    run = train(parts_of(tmp_path / "few"), recipe=RECIPE)
    assert run.choices.held_out.n == len(run.parts.train) == 4


def test_a_picture_that_has_gone_since_the_split_is_named(small_photos: Path, tmp_path: Path) -> None:
    photos = shutil.copytree(small_photos, tmp_path / "photos")
    parts = parts_of(photos)
    gone = parts.train.paths[3]
    gone.unlink()
    with pytest.raises(InputError, match=rf"{gone.name} could be read when .* cannot be read now \(gone: moved or del"):
        train(parts, recipe=RECIPE)


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(parts: Parts, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(FileError, match="taken is a file; a folder was expected"):
        train(parts, recipe=RECIPE.with_(target_size=(100, 100)), folder=tmp_path / "taken")
    assert not list(cache_folder().rglob("v*-100x100-crop"))


# Fine-tuning


def test_fine_tuning_is_not_judged_by_a_handful_of_pictures(small_photos: Path) -> None:
    parts = parts_of(small_photos, validation=0.3, test=0.1)
    run = train(parts, recipe=RECIPE.with_(target_size=(32, 32), penalties=(1000.0,), fine_tune_epochs=1))
    assert run.choices.held_out.value < 0.97
    held = len(parts.validation)
    assert run.choices.fine_tune_reason == f"not tried: {held} held-out pictures are too few to show that it helps"


# At 32 pixels a side the frozen network sees little, which leaves something for fine-tuning to gain.
TINY = Recipe(target_size=(32, 32), fine_tune_epochs=4, fine_tune_rate=3e-4, batch_size=16)


@pytest.fixture(scope="module")
def many(one_cache: Path, sample_photos: Path) -> Parts:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(one_cache))
        return parts_of(sample_photos / "train", validation=0.4, test=0.1)


def test_fine_tuning_is_not_tried_where_nothing_is_left_to_gain(many: Parts) -> None:
    recipe = RECIPE.with_(target_size=(160, 160))
    run = train(many, recipe=recipe.with_(fine_tune_epochs=3))
    assert run.choices.held_out.value > 0.97
    assert not run.choices.fine_tuned
    assert run.choices.fine_tune_reason.startswith("not tried: the head errs on 0.0% of the held-out pictures")
    off = train(many, recipe=recipe)
    assert off.choices.fine_tune_reason == "the recipe leaves the backbone as it is"
    np.testing.assert_array_equal(run.classifier.head.kernel, off.classifier.head.kernel)


@pytest.fixture(scope="module")
def tuned(one_cache: Path, many: Parts, tmp_path_factory: pytest.TempPathFactory) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(one_cache))
        return train(many, recipe=TINY, folder=tmp_path_factory.mktemp("tuned") / "run")


@pytest.mark.long
@pytest.mark.keras
def test_fine_tuning_that_helps_is_kept_and_saved(tuned: Run) -> None:
    assert tuned.choices.fine_tuned, tuned.choices.fine_tune_reason
    assert tuned.choices.fine_tune_reason.startswith("kept: on the ")
    assert tuned.folder is not None
    saved, bundled = archive.read_weights(tuned.folder / "model.keras"), read_weights()
    behind = {f"{step.name}/kernel" for step in steps_after(DEFAULT_CUT) if step.kind != "add"}
    assert {name for name, value in bundled.items() if not np.array_equal(saved[name], value)} == behind
    assert archive.read_note(tuned.folder / "model.keras").tuned is True
    back = load(tuned.folder)
    assert back.weights is not None
    pixels = PixelStore.build(tuned.parts.train, target_size=(32, 32)).read(range(8))
    np.testing.assert_array_equal(back.probabilities(pixels), tuned.classifier.probabilities(pixels))
    (chosen,) = (epoch for epoch in tuned.epochs if epoch.chosen)
    assert chosen.phase == "fine-tune"
    assert chosen.val_loss == min(epoch.val_loss for epoch in tuned.epochs if epoch.phase == "fine-tune")
    assert tuned.choices.held_out.n == len(tuned.parts.validation)
    assert tuned.choices.held_out.value == pytest.approx(chosen.val_accuracy)
    assert {epoch.phase for epoch in tuned.epochs} == {"head", "fine-tune"}
    # What it promises rests on the pictures it was not fitted to, as the tuned network sees and states them.
    naming, novelty = tuned.promises.naming, tuned.promises.novelty
    assert naming is not None
    assert novelty is not None
    assert naming.n == novelty.n <= len(tuned.parts.validation)
    assert len(novelty.references) == len(tuned.parts.train)
    held = PixelStore.build(tuned.parts.validation, target_size=(32, 32))
    features = tuned.classifier.engine.features(held.read(range(len(held))))
    stated = tuned.classifier.head.probabilities(features)
    assert naming.coverage(stated, held.dataset.labels, ("horses", "humans")).share.value >= 0.95
    assert novelty.measured(features[:, -len(novelty.basis) :]).value <= 0.05


@pytest.mark.long
@pytest.mark.keras
def test_keras_says_the_same_of_a_tuned_model(tuned: Run) -> None:
    import keras

    assert tuned.folder is not None
    pixels = PixelStore.build(tuned.parts.train, target_size=(32, 32)).read(range(len(tuned.parts.train)))
    given = np.asarray(
        keras.models.load_model(tuned.folder / "model.keras").predict(pixels.astype(np.float32), verbose=0)
    )
    np.testing.assert_allclose(given[:, 0], tuned.classifier.probabilities(pixels)[:, 1], atol=1e-3)


@pytest.mark.long
@pytest.mark.keras
def test_the_same_fine_tuning_twice_is_the_same_to_the_last_bit(tuned: Run, many: Parts) -> None:
    again = train(many, recipe=TINY)
    assert again.epochs == tuned.epochs
    np.testing.assert_array_equal(again.classifier.head.kernel, tuned.classifier.head.kernel)
    assert again.classifier.weights is not None and tuned.classifier.weights is not None
    for name, value in tuned.classifier.weights.items():
        np.testing.assert_array_equal(again.classifier.weights[name], value)


@pytest.mark.long
@pytest.mark.keras
def test_fine_tuning_that_does_not_help_is_dropped(many: Parts) -> None:
    recipe = TINY.with_(fine_tune_epochs=1, fine_tune_rate=1e-9)
    run = train(many, recipe=recipe)
    plain = train(many, recipe=recipe.with_(fine_tune_epochs=0))
    assert not run.choices.fine_tuned
    assert run.choices.fine_tune_reason.startswith("tried and dropped: on the ")
    assert run.classifier.weights is None
    np.testing.assert_array_equal(run.classifier.head.kernel, plain.classifier.head.kernel)
    assert [epoch.phase for epoch in run.epochs if epoch.chosen] == ["head"]
    assert run.epochs[-1].phase == "fine-tune"
