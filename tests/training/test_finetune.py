"""Fine-tuning trains what follows the cut and nothing else, and hands back its best epoch, not its last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fieldguide.augmentation.settings import Settings
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.model.engine import DEFAULT_CUT, LiteEngine
from fieldguide.model.head import Head
from fieldguide.model.lite0 import read_weights, steps_after
from fieldguide.model.trunk import ALL_BLOCKS, BUNDLED
from fieldguide.training.choose import Fold, loss_and_accuracy
from fieldguide.training.features import Features, compute
from fieldguide.training.finetune import Tuned, fine_tune
from fieldguide.training.logistic import fit, problem_for
from fieldguide.training.reading import clearly_better
from fieldguide.training.recipe import Recipe
from fieldguide.training.seen import Seen
from fieldguide.training.views import View

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SIDE = (32, 32)
FOLD = Fold(np.arange(0, 60, 2), np.arange(1, 60, 2))
RECIPE = Recipe(target_size=SIDE, fine_tune_epochs=12, fine_tune_rate=3e-3, batch_size=16, patience=3)


@pytest.fixture(scope="module")
def store(small_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return PixelStore.build(Dataset.from_directory(small_photos), target_size=SIDE)


@pytest.fixture(scope="module")
def features(store: PixelStore, tmp_path_factory: pytest.TempPathFactory) -> Features:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return compute(store, start=DEFAULT_CUT)


@pytest.fixture(scope="module")
def noisy(store: PixelStore, features: Features) -> Seen:
    """A third of the labels are wrong, so that what is learnt by heart soon makes held-out pictures worse."""
    labels = store.dataset.labels.copy()
    labels[::3] = 1 - labels[::3]
    return Seen(BUNDLED, None, labels, 2, len(labels), (features,))


def start(seen: Seen, penalty: float = 1.0) -> Head:
    return fit(seen.examples, [problem_for(seen.examples, FOLD.fitted, 0.0)], penalty=penalty)[0][0]


@pytest.fixture(scope="module")
def tuned(features: Features, noisy: Seen) -> Tuned:
    return fine_tune(noisy, FOLD, start(noisy), recipe=RECIPE, power=0.0)


@pytest.mark.keras
def test_only_convolutions_behind_the_cut_have_changed(tuned: Tuned) -> None:
    bundled = read_weights()
    behind = {f"{step.name}/kernel" for step in steps_after(DEFAULT_CUT) if step.kind != "add"}
    assert set(tuned.weights) == set(bundled)
    changed = {name for name, value in bundled.items() if not np.array_equal(value, tuned.weights[name])}
    assert changed == behind
    assert 0 < len(behind) < len([name for name in bundled if name.endswith("/kernel")])
    assert all(np.isfinite(value).all() for value in tuned.weights.values())
    assert tuned.trained == sum(bundled[name].size for name in behind) + 1281
    assert tuned.frozen == sum(value.size for value in bundled.values()) + 1281 - tuned.trained


@pytest.mark.keras
def test_the_best_epoch_is_given_back_and_not_the_last(tuned: Tuned, store: PixelStore, noisy: Seen) -> None:
    losses = [epoch.val_loss for epoch in tuned.epochs]
    best = int(np.argmin(losses))
    assert losses[-1] > losses[best] + 0.05, "later epochs must be worse, else this shows nothing"
    assert [epoch.chosen for epoch in tuned.epochs] == [place == best for place in range(len(losses))]
    held = noisy.labels[FOLD.held]
    assert loss_and_accuracy(tuned.logits, held) == pytest.approx((losses[best], tuned.epochs[best].val_accuracy))
    # The weights themselves, run on another engine from the pixels, give those logits too.
    pixels = store.read(FOLD.held)
    again = tuned.head.logits(LiteEngine(tuned.weights, SIDE).features(pixels))
    np.testing.assert_allclose(again, tuned.logits, atol=0.02 * np.abs(tuned.logits).max())
    fitted = tuned.head.logits(LiteEngine(tuned.weights, SIDE).features(store.read(FOLD.fitted)))
    assert loss_and_accuracy(fitted, noisy.labels[FOLD.fitted])[0] == pytest.approx(tuned.epochs[best].loss, abs=0.02)


@pytest.mark.keras
def test_it_stops_once_its_patience_is_used_up(tuned: Tuned) -> None:
    best = next(epoch.epoch for epoch in tuned.epochs if epoch.chosen)
    assert tuned.epochs[-1].epoch == best + RECIPE.patience < RECIPE.fine_tune_epochs
    assert [epoch.epoch for epoch in tuned.epochs] == list(range(1, len(tuned.epochs) + 1))
    assert {epoch.phase for epoch in tuned.epochs} == {"fine-tune"}
    assert tuned.epochs[-1].loss < tuned.epochs[0].loss


@pytest.mark.keras
def test_features_of_early_maps_and_several_views_are_learnt_from_too(store: PixelStore, noisy: Seen) -> None:
    """The saved weights give the logits that chose, from the pixels, with what was known of the early maps in them."""
    varied = Settings(horizontal_flip=True)
    views = [compute(store, trunk=ALL_BLOCKS, start=DEFAULT_CUT, view=View(number, varied)) for number in (0, 1)]
    seen = Seen(ALL_BLOCKS, None, noisy.labels, 2, len(noisy.labels), tuple(views))
    tuned = fine_tune(seen, FOLD, start(seen), recipe=RECIPE.with_(fine_tune_epochs=2, start=DEFAULT_CUT), power=0.0)
    again = tuned.head.logits(LiteEngine(tuned.weights, SIDE, trunk=ALL_BLOCKS).features(store.read(FOLD.held)))
    np.testing.assert_allclose(again, tuned.logits, atol=0.02 * np.abs(tuned.logits).max())
    one = fine_tune(
        replace(seen, features=seen.features[:1]),
        FOLD,
        start(seen),
        recipe=RECIPE.with_(fine_tune_epochs=2, start=DEFAULT_CUT),
        power=0.0,
    )
    assert np.abs(one.logits - tuned.logits).max() > 1e-3, "the second view changed nothing"


@pytest.mark.long
@pytest.mark.keras
def test_the_seed_decides_everything(features: Features, noisy: Seen, tuned: Tuned) -> None:
    again = fine_tune(noisy, FOLD, start(noisy), recipe=RECIPE, power=0.0)
    assert again.epochs == tuned.epochs
    np.testing.assert_array_equal(again.head.kernel, tuned.head.kernel)
    for name, value in tuned.weights.items():
        np.testing.assert_array_equal(again.weights[name], value)
    other = fine_tune(noisy, FOLD, start(noisy), recipe=RECIPE.with_(seed=1, fine_tune_epochs=1), power=0.0)
    assert other.epochs[0] != tuned.epochs[0]


@pytest.mark.long
@pytest.mark.keras
def test_three_classes_are_tuned_too(store: PixelStore, features: Features) -> None:
    labels = store.dataset.labels.copy()
    labels[::4] = 2
    seen = Seen(BUNDLED, None, labels, 3, len(labels), (features,))
    tuned = fine_tune(seen, FOLD, start(seen), recipe=RECIPE.with_(fine_tune_epochs=2), power=1.0)
    assert tuned.logits.shape == (30, 3)
    assert tuned.head.kernel.shape == (1280, 3)
    assert len(tuned.epochs) == 2
    best = next(epoch for epoch in tuned.epochs if epoch.chosen)
    assert loss_and_accuracy(tuned.logits, labels[FOLD.held])[0] == pytest.approx(best.val_loss)


def logits_of(losses: np.ndarray) -> np.ndarray:
    """Logits of the second class that cost these losses where it is the truth."""
    return -np.log(np.expm1(losses))[:, None]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda losses: losses * 0.5, True),
        (lambda losses: losses, False),
        (lambda losses: losses * 0.999, False),  # on all pictures alike, so the standard error is next to nothing
        (lambda losses: losses * 1.1, False),
        # Less by a little on average, but by less than its standard error.
        (lambda losses: losses - 0.01 + 0.2 * np.where(np.arange(len(losses)) % 2, 1, -1) * losses, False),
        # Lower losses all over, but for one picture that is wrong now.
        (lambda losses: np.where(np.arange(len(losses)) == 0, 0.7, losses * 0.3), False),
    ],
    ids=["halved", "the same", "next to nothing", "worse", "noise", "a picture lost"],
)
def test_fine_tuning_must_be_clearly_better(change: Callable[[np.ndarray], np.ndarray], expected: bool) -> None:
    losses = np.random.default_rng(0).uniform(0.2, 0.6, 40)
    labels = np.ones(40, np.int64)
    assert clearly_better(logits_of(change(losses)), logits_of(losses), labels) is expected


def test_one_picture_shows_nothing() -> None:
    labels = np.array([1])
    assert clearly_better(np.array([[9.0]]), np.array([[-9.0]]), labels) is False


def test_logits_that_are_not_finite_are_no_gain() -> None:
    labels = np.array([1, 0])
    assert clearly_better(np.array([[np.nan], [np.nan]]), np.array([[0.1], [-0.1]]), labels) is False
