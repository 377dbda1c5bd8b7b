"""Which epoch's weights are kept, and that nothing that comes afterwards changes them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scratch_trainings import QUICK, interrupted, resumed, same_weights, trained, training

import fieldguide as fg
from fieldguide import console
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError, TrainingError
from fieldguide.model.loading import load
from fieldguide.model.nets import Net
from fieldguide.training import checkpoint as checkpoints
from fieldguide.training import fit
from fieldguide.training.choose import loss_and_accuracy
from fieldguide.training.optimiser import Optimiser
from fieldguide.training.record import Epoch
from fieldguide.training.scratch import Training
from fieldguide.training.stopping import Stopping, Targets

pytestmark = [
    # Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.keras,
]

# No later epoch improves by so much, so that the first one is the best; weights are averaged, as they are by default.
EARLY = QUICK.with_(
    optimiser=Optimiser("adam", rate=3e-3, schedule="constant", warm_up=0.0),
    stopping=Stopping(patience=5, minimum=10.0),
    epochs=12,
)


class Poisoned(Training):
    """A training whose weights are no numbers any more from one epoch on, whose first step is averaged."""

    at = 4  # of five steps each: the 16th one, of which every fourth is averaged
    layers: tuple[str, ...] = ("conv1", "logits")

    def _epoch(self, number: int, bar: console.Progress) -> Epoch:
        if number == self.at:
            for name in self.layers:
                layer = self.learner._model.get_layer(name)
                layer.set_weights([np.full_like(value, np.nan) for value in layer.get_weights()])
        return super()._epoch(number, bar)


def held_loss(ended: Training) -> float:
    """The loss of the network that was kept, on the pictures that were watched."""
    held = ended.watched.held
    return loss_and_accuracy(ended.learner.logits(ended.store, held), ended.store.dataset.labels[held])[0]


def poisoned(begun: Training) -> TrainingError:
    begun.__class__ = Poisoned
    with pytest.raises(TrainingError) as told:
        begun.run()
    return told.value


@pytest.fixture(scope="module")
def early(small_store: PixelStore) -> Training:
    return trained(small_store, EARLY)


def test_the_averaged_weights_of_the_best_epoch_are_kept_as_they_were(early: Training, small_store: PixelStore) -> None:
    assert (early.progress.best_epoch, len(early.epochs)) == (1, 6)
    found = early.result()
    loss = held_loss(early)
    assert loss == pytest.approx(early.epochs[0].val_loss, rel=1e-5)
    assert loss != pytest.approx(early.epochs[-1].val_loss, rel=1e-2)
    assert [epoch.epoch for epoch in found.epochs if epoch.chosen] == [1]


@pytest.mark.parametrize("after", [1, 3])
def test_they_are_the_same_after_a_kill(early: Training, small_store: PixelStore, tmp_path: Path, after: int) -> None:
    interrupted(small_store, EARLY, tmp_path, 1 + after)
    stored = checkpoints.read(tmp_path)
    assert bool(stored.kept) == (after > 1), "weights that are there already are not written twice"
    again = resumed(small_store, EARLY, tmp_path)
    assert again.epochs == early.epochs
    assert same_weights(again.result(), early.result())


def test_a_checkpoint_keeps_no_more_of_the_best_epoch_than_its_weights(small_store: PixelStore, tmp_path: Path) -> None:
    trained(small_store, EARLY, tmp_path)
    stored = checkpoints.read(tmp_path)
    weights = [name for name in stored.arrays if name.startswith("weights/")]
    assert sorted(stored.kept) == sorted(weights)


def test_what_a_checkpoint_took_is_not_changed_by_later_steps(small_store: PixelStore) -> None:
    begun = training(small_store, QUICK)
    taken, copies = [], []
    for epoch in (1, 2, 3):
        for batch in begun.batches.epoch(epoch):
            begun.learner.learn(batch, 0.01)
        arrays = {**begun.learner.arrays(), **{f"kept/{name}": v for name, v in begun.learner.answering().items()}}
        taken.append(arrays)
        copies.append({name: value.copy() for name, value in arrays.items()})
    for arrays, before in zip(taken, copies, strict=True):
        assert all(np.array_equal(value, before[name]) for name, value in arrays.items())


@pytest.mark.parametrize("layers", [("conv1", "logits"), ("conv1",)])
def test_weights_that_are_no_numbers_end_it_and_the_last_good_epoch_is_kept(
    small_store: PixelStore, tmp_path: Path, layers: tuple[str, ...]
) -> None:
    begun = training(small_store, QUICK.with_(epochs=6), tmp_path)
    begun.__class__ = Poisoned
    begun.layers = layers  # type: ignore[attr-defined]
    told = str(poisoned(begun))
    assert re.match(r"(the loss|a weight|an answer) became infinite or no number in epoch 4, batch \d;", told)
    assert told.endswith(f"The weights of epoch 3 are kept in {tmp_path}.")
    found = begun.result()
    assert all(np.isfinite(value).all() for value in found.weights.values())
    assert held_loss(begun) == pytest.approx(begun.epochs[2].val_loss, rel=1e-5)


def test_with_early_stopping_the_best_epoch_is_kept_and_named(small_store: PixelStore, tmp_path: Path) -> None:
    begun = training(small_store, EARLY, tmp_path)
    told = str(poisoned(begun))
    assert told.endswith(f"The weights of epoch 1, the best one, are kept in {tmp_path}.")
    assert [epoch.epoch for epoch in begun.result().epochs if epoch.chosen] == [1]
    assert held_loss(begun) == pytest.approx(begun.epochs[0].val_loss, rel=1e-5)


def test_train_leaves_a_model_that_can_be_loaded(
    small_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "Training", Poisoned)
    parts = fg.split(fg.Dataset.from_directory(small_photos), validation=0.2, test=0.2)
    with pytest.raises(TrainingError, match=r"The weights of epoch 3 are kept in .*run\."):
        fg.train(parts, recipe=QUICK.with_(epochs=6, batch_size=7), folder=tmp_path / "run")
    guide = load(tmp_path / "run")
    assert np.isfinite(guide.probabilities(np.zeros((1, 32, 32, 3), np.uint8))).all()


def test_a_penalty_that_is_large_from_the_start_is_no_divergence(small_store: PixelStore) -> None:
    net = Net("plain", "small", target_size=(32, 32), l2=0.95)
    begun = training(small_store, QUICK.with_(net=net, epochs=1, batch_size=20))
    assert begun.learner.penalty() > 1000
    begun.run()
    assert begun.ended == "its one epoch was trained"


# Targets


def test_a_run_that_has_what_it_aimed_at_cannot_be_prolonged(small_store: PixelStore, tmp_path: Path) -> None:
    aimed = QUICK.with_(targets=Targets(val_accuracy=0.01), stopping=Stopping())
    assert len(trained(small_store, aimed, tmp_path).epochs) == 1
    assert resumed(small_store, aimed, tmp_path).ended == "epoch 1 reached the accuracies aimed at"
    with pytest.raises(InputError, match=r"has what it aimed at \(epoch 1 .*\), so that no epochs can be added"):
        resumed(small_store, aimed.with_(epochs=6), tmp_path)


def test_a_target_that_is_reached_counts_more_than_a_better_epoch_before(
    small_store: PixelStore, early: Training, tmp_path: Path
) -> None:
    later = max(early.epochs, key=lambda epoch: epoch.accuracy)
    assert later.epoch > 1
    recipe = EARLY.with_(targets=Targets(accuracy=later.accuracy))
    found = trained(small_store, recipe, tmp_path)
    assert (found.progress.best_epoch, len(found.epochs), found.kept_epoch) == (1, later.epoch, later.epoch)
    again = training(small_store, recipe, tmp_path)
    again.take_up(checkpoints.read(tmp_path))
    assert again.kept_epoch == later.epoch
    assert same_weights(again.result(), found.result())
