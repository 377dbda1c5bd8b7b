"""Training from random weights: repeatable, resumable weight for weight, honest about what it chose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fieldguide import console
from fieldguide.augmentation.settings import Settings
from fieldguide.batches import Mixing
from fieldguide.calibration import softmax
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import FileError, InputError, TrainingError
from fieldguide.model.classifier import load
from fieldguide.model.nets import Net
from fieldguide.training import checkpoint as checkpoints
from fieldguide.training.optimiser import Optimiser
from fieldguide.training.record import Epoch
from fieldguide.training.scratch import Scratched, Training
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.stopping import Stopping, Targets
from fieldguide.training.watching import Watched

pytestmark = [
    # Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.keras,
]

SIDE = (32, 32)
RECIPE = ScratchRecipe(
    net=Net("residual", "tiny", target_size=SIDE, dropout=0.3, block_dropout=0.1),
    augment=Settings(rotation_range=20, horizontal_flip=True),
    mixing=Mixing("both", share=0.5),
    optimiser=Optimiser("adamw", rate=3e-3),
    epochs=4,
    batch_size=16,
    average=0.9,
)


@pytest.fixture(scope="module")
def store(small_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return PixelStore.build(Dataset.from_directory(small_photos), target_size=SIDE)


def training(store: PixelStore, recipe: ScratchRecipe = RECIPE, folder: Path | None = None) -> Training:
    """A training on two thirds of the pictures that looks at the others."""
    held = np.arange(0, len(store), 3)
    fitted = np.setdiff1d(np.arange(len(store)), held)
    return Training(store, Watched(fitted, fitted, held, True, "every third picture"), recipe, folder)


def trained(store: PixelStore, recipe: ScratchRecipe = RECIPE, folder: Path | None = None) -> Training:
    made = training(store, recipe, folder)
    made.run()
    return made


class StoppedError(Exception):
    """Stands for whatever ends a process."""


class Interrupted(Training):
    """A training that ends in the middle of an epoch."""

    at = 0

    def _epoch(self, number: int, bar: console.Progress) -> Epoch:
        if number == self.at:
            self.learner.begin(number)
            for batch in self.batches.epoch(number):
                self.learner.learn(batch, 1e-3)  # what an epoch has done so far is lost with it
                raise StoppedError
        return super()._epoch(number, bar)


def interrupted(store: PixelStore, recipe: ScratchRecipe, folder: Path, at: int) -> None:
    begun = training(store, recipe, folder)
    begun.__class__ = Interrupted
    begun.at = at  # type: ignore[attr-defined]
    with pytest.raises(StoppedError):
        begun.run()


def resumed(store: PixelStore, recipe: ScratchRecipe, folder: Path) -> Training:
    made = training(store, recipe, folder)
    made.take_up(checkpoints.read(folder))
    made.run()
    return made


def same_weights(one: Scratched, other: Scratched) -> bool:
    arrays = [(one.head.kernel, other.head.kernel), (one.head.bias, other.head.bias)]
    arrays += [(value, other.weights[name]) for name, value in one.weights.items()]
    return all(np.array_equal(mine, theirs) for mine, theirs in arrays)


@pytest.fixture(scope="module")
def whole(store: PixelStore) -> Training:
    return trained(store)


def test_the_fit_learns_and_every_epoch_says_what_it_was_measured_on(whole: Training, store: PixelStore) -> None:
    assert [epoch.epoch for epoch in whole.epochs] == [1, 2, 3, 4]
    for epoch in whole.epochs:
        assert (epoch.phase, epoch.n, epoch.val_n) == ("scratch", 40, 20)
        assert epoch.fitted_loss is not None
        assert epoch.rate is not None
    first, last = whole.epochs[0].fitted_loss, whole.epochs[-1].fitted_loss
    assert first is not None
    assert last is not None
    assert last < first
    assert whole.ended == "all 4 epochs were trained"


def test_the_figures_are_those_of_the_network_that_is_kept(whole: Training, store: PixelStore) -> None:
    found = whole.result()
    logits = whole.learner.logits(store, whole.watched.held)
    probabilities = softmax(logits)
    labels = store.dataset.labels[whole.watched.held]
    loss = float(-np.log(probabilities[np.arange(len(labels)), labels]).mean())
    assert found.epochs[-1].val_loss == pytest.approx(loss, rel=1e-5)
    assert found.held_out.value == pytest.approx((probabilities.argmax(axis=1) == labels).mean())
    assert [epoch.chosen for epoch in found.epochs] == [False, False, False, True]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(store: PixelStore, whole: Training) -> None:
    again = trained(store)
    assert again.epochs == whole.epochs
    assert same_weights(again.result(), whole.result())
    assert not same_weights(trained(store, RECIPE.with_(seed=1)).result(), whole.result())


@pytest.mark.parametrize("at", [2, 4])
def test_a_resumed_training_ends_with_the_same_weights(
    store: PixelStore, whole: Training, tmp_path: Path, at: int
) -> None:
    interrupted(store, RECIPE, tmp_path, at)
    assert checkpoints.read(tmp_path).epoch == at - 1
    again = resumed(store, RECIPE, tmp_path)
    assert again.epochs == whole.epochs
    assert same_weights(again.result(), whole.result())


@pytest.mark.parametrize("optimiser", ["sgd", "adam", "rmsprop"])
@pytest.mark.parametrize("schedule", ["one_cycle", "plateau", "constant"])
@pytest.mark.long
def test_every_optimiser_and_schedule_resumes(store: PixelStore, tmp_path: Path, optimiser: str, schedule: str) -> None:
    recipe = RECIPE.with_(
        optimiser=Optimiser(optimiser, rate=1e-3, schedule=schedule, patience=1),
        stopping=Stopping(patience=3),
        net=replace(RECIPE.net, family="classic", size="tiny", batch_norm=False, pooling="flatten", l2=1e-3),
    )
    straight = trained(store, recipe)
    interrupted(store, recipe, tmp_path, 3)
    again = resumed(store, recipe, tmp_path)
    assert again.epochs == straight.epochs
    assert again.progress == straight.progress
    assert same_weights(again.result(), straight.result())


def test_early_stopping_keeps_its_count_and_its_best_weights_over_a_resume(store: PixelStore, tmp_path: Path) -> None:
    # Too high a rate for a validation loss that falls throughout, so that the best epoch is not the last one.
    recipe = RECIPE.with_(
        optimiser=Optimiser("adam", rate=0.02, schedule="constant"),
        stopping=Stopping(patience=2),
        epochs=12,
        average=0.0,
    )
    straight = trained(store, recipe)
    best = straight.progress.best_epoch
    assert straight.ended == "val_loss had not improved for 2 epochs"
    assert len(straight.epochs) == best + 2 < 12
    losses = [epoch.val_loss for epoch in straight.epochs]
    assert best == int(np.argmin(losses)) + 1
    interrupted(store, recipe, tmp_path, best + 2)
    again = resumed(store, recipe, tmp_path)
    assert again.epochs == straight.epochs
    one, other = straight.result(), again.result()
    assert same_weights(one, other)
    assert [epoch.chosen for epoch in one.epochs].index(True) == best - 1
    assert one.held_out.value == pytest.approx(straight.epochs[best - 1].val_accuracy)


def test_targets_end_the_training_at_the_epoch_that_has_them(store: PixelStore, whole: Training) -> None:
    aimed = Targets(val_accuracy=whole.epochs[1].val_accuracy, accuracy=whole.epochs[1].accuracy)
    first = next(place for place, epoch in enumerate(whole.epochs, 1) if aimed.reached(epoch))
    found = trained(store, RECIPE.with_(targets=aimed))
    assert len(found.epochs) == first
    assert found.ended == f"epoch {first} reached the accuracies aimed at"
    assert found.result().epochs[-1].chosen


def test_epochs_are_added_to_a_finished_training_with_a_schedule_of_their_own(
    store: PixelStore, whole: Training, tmp_path: Path
) -> None:
    trained(store, RECIPE, tmp_path)
    longer = resumed(store, RECIPE.with_(epochs=6), tmp_path)
    assert longer.epochs[:4] == whole.epochs
    assert len(longer.epochs) == 6
    assert longer.lengths == (4, 2)
    rates = [epoch.rate for epoch in longer.epochs]
    assert rates[3] is not None
    assert rates[4] is not None
    assert rates[4] > 10 * rates[3], "the rate begins anew"
    # An interruption of the added part changes nothing either.
    other = tmp_path / "other"
    trained(store, RECIPE, other)
    begun = training(store, RECIPE.with_(epochs=6), other)
    begun.take_up(checkpoints.read(other))
    begun.__class__ = Interrupted
    begun.at = 6  # type: ignore[attr-defined]
    with pytest.raises(StoppedError):
        begun.run()
    assert same_weights(resumed(store, RECIPE.with_(epochs=6), other).result(), longer.result())


def test_epochs_cannot_be_added_before_the_end_nor_taken_away(store: PixelStore, tmp_path: Path) -> None:
    interrupted(store, RECIPE, tmp_path, 3)
    with pytest.raises(InputError, match="has not finished its 4 epochs"):
        resumed(store, RECIPE.with_(epochs=6), tmp_path)
    with pytest.raises(InputError, match=r"epochs is 2, and the run in .* was laid out for 4"):
        resumed(store, RECIPE.with_(epochs=2), tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda recipe: recipe.with_(batch_size=8), "recipe: batch_size was 16 and is 8"),
        (lambda recipe: recipe.with_(seed=4), "recipe: seed was 0 and is 4"),
        (lambda recipe: recipe.with_(augment=None), "recipe: augment was .* and is None"),
        (lambda recipe: recipe.with_(net=replace(recipe.net, dropout=0.5)), "recipe: net: dropout was 0.3 and is 0.5"),
    ],
)
def test_changed_settings_are_named_and_refused(
    store: PixelStore, tmp_path: Path, change: Callable[[ScratchRecipe], ScratchRecipe], said: str
) -> None:
    interrupted(store, RECIPE, tmp_path, 2)
    with pytest.raises(InputError, match=said):
        resumed(store, change(RECIPE), tmp_path)


def test_changed_pictures_are_named_and_refused(store: PixelStore, tmp_path: Path) -> None:
    interrupted(store, RECIPE, tmp_path, 2)
    fewer = store.select(store.dataset.select(np.arange(len(store)) != 7))
    with pytest.raises(InputError, match="the pictures or their classes are not the same"):
        resumed(fewer, RECIPE, tmp_path)


def test_a_rate_far_too_high_ends_at_once_names_the_cause_and_keeps_the_last_good_epoch(
    store: PixelStore, tmp_path: Path
) -> None:
    # Bearable at first, since it warms up all the time. Norms hold the outputs back, but not the kernels' penalty.
    net = replace(RECIPE.net, l2=0.1)
    recipe = RECIPE.with_(net=net, optimiser=Optimiser("adam", rate=4.0, warm_up=0.95), epochs=20, average=0.0)
    begun = training(store, recipe, tmp_path)
    with pytest.raises(
        TrainingError, match=r"the loss .* in epoch \d+, batch \d+; the learning rate .* too high: try --rate 0.4"
    ) as told:
        begun.run()
    assert begun.epochs, "the first epoch must have been whole, else this shows less"
    assert f"The weights of epoch {len(begun.epochs)} are kept in {tmp_path}" in str(told.value)
    good = checkpoints.read(tmp_path)
    assert good.epochs == tuple(begun.epochs)
    found = begun.result()
    np.testing.assert_array_equal(found.weights["stem/kernel"], good.arrays["weights/0"])
    assert all(np.isfinite(value).all() for value in found.weights.values())


def test_a_checkpoint_that_cannot_be_written_is_an_error_and_the_last_one_stays(
    store: PixelStore, tmp_path: Path
) -> None:
    interrupted(store, RECIPE, tmp_path, 2)
    before = (tmp_path / "checkpoints" / "last.npz").read_bytes()
    kept = tmp_path / "kept.npz"
    (tmp_path / "checkpoints" / "last.npz").rename(kept)
    (tmp_path / "checkpoints").rmdir()
    (tmp_path / "checkpoints").write_text("a file in the place of the folder")
    with pytest.raises(FileError, match="cannot write"):
        trained(store, RECIPE, tmp_path)
    assert kept.read_bytes() == before


def test_three_classes_train_with_a_softmax(store: PixelStore) -> None:
    labels = np.arange(len(store)) % 3
    three = replace(store, dataset=replace(store.dataset, labels=labels, class_names=("a", "b", "c")))
    found = trained(three, RECIPE.with_(epochs=2, class_weights=1.0)).result()
    assert found.head.kernel.shape[1] == 3
    assert len(found.epochs) == 2


def test_train_writes_a_classifier_that_says_what_was_measured(small_photos: Path, tmp_path: Path) -> None:
    import fieldguide as fg

    parts = fg.split(fg.Dataset.from_directory(small_photos), validation=0.2, test=0.2)
    run = fg.train(parts, recipe=RECIPE, folder=tmp_path / "run")
    assert run.agreement is not None
    assert run.agreement < 1e-3
    assert run.choices.how == f"the {len(parts.validation)} pictures of validation"
    guide = load(tmp_path / "run")
    pixels = PixelStore.build(parts.test, target_size=SIDE).read(range(len(parts.test)))
    np.testing.assert_allclose(guide.probabilities(pixels), run.classifier.probabilities(pixels), atol=1e-6)
    assert guide.seen.size == len(parts.train) + len(parts.validation)
    learnt = PixelStore.build(parts.train, target_size=SIDE).read(range(len(parts.train)))
    assert run.trained is not None
    np.testing.assert_array_equal(run.trained.labels, parts.train.labels)
    np.testing.assert_allclose(run.trained.probabilities, run.classifier.probabilities(learnt), atol=1e-4)
    with pytest.raises(InputError, match="only a training from random weights with a folder can be resumed"):
        fg.train(parts, resume=True)
