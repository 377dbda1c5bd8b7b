"""Training from random weights: repeatable, resumable weight for weight, honest about what it chose."""

from __future__ import annotations

import re
import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scratch_trainings import QUICK, RECIPE, SIDE, interrupted, resumed, same_weights, stopped, trained, training

from fieldguide import console
from fieldguide.calibration import softmax
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import FileError, InputError, TrainingError
from fieldguide.model.engine import NetEngine
from fieldguide.model.loading import load
from fieldguide.model.nets import Net
from fieldguide.training import checkpoint as checkpoints
from fieldguide.training import scratch
from fieldguide.training.optimiser import Optimiser
from fieldguide.training.record import Schedule, Stage, merged
from fieldguide.training.scratch import Training
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.stopping import Stopping, Targets
from fieldguide.training.stores import at_size

pytestmark = [
    # Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.keras,
]


@pytest.fixture(scope="module")
def store(small_store: PixelStore) -> PixelStore:
    return small_store


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


def test_other_threads_are_said_and_not_refused(
    store: PixelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scratch, "threads", lambda: 2)
    interrupted(store, QUICK, tmp_path, 2)
    again = training(store, QUICK, tmp_path)
    again.take_up(checkpoints.read(tmp_path))
    stopped(again, 3)
    assert "thread" not in capsys.readouterr().err
    monkeypatch.setattr(scratch, "threads", lambda: 1)
    resumed(store, QUICK, tmp_path)
    said = "warning: the run was trained on 2 threads and goes on with 1: its weights will not be those of an"
    assert capsys.readouterr().err.splitlines()[0].startswith(said)
    for count in (4, None):  # where nothing is left to train, and where an accelerator computes
        monkeypatch.setattr(scratch, "threads", lambda count=count: count)
        resumed(store, QUICK if count else QUICK.with_(epochs=5), tmp_path)
    assert "thread" not in capsys.readouterr().err


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


@pytest.fixture(scope="module")
def quick(store: PixelStore) -> Training:
    return trained(store, QUICK)


def test_targets_end_the_training_at_the_epoch_that_has_them(store: PixelStore, quick: Training) -> None:
    aimed = Targets(val_accuracy=quick.epochs[1].val_accuracy, accuracy=quick.epochs[1].accuracy)
    first = next(place for place, epoch in enumerate(quick.epochs, 1) if aimed.reached(epoch))
    found = trained(store, QUICK.with_(targets=aimed))
    assert len(found.epochs) == first
    assert found.ended == f"epoch {first} reached the accuracies aimed at"
    assert found.result().epochs[-1].chosen


def test_epochs_are_added_to_a_finished_training_with_a_schedule_of_their_own(
    store: PixelStore, quick: Training, tmp_path: Path
) -> None:
    trained(store, QUICK, tmp_path)
    longer = resumed(store, QUICK.with_(epochs=6), tmp_path)
    assert longer.epochs[:4] == quick.epochs
    assert len(longer.epochs) == 6
    assert longer.schedules == (Schedule(0, 4), Schedule(4, 2))
    rates = [epoch.rate for epoch in longer.epochs]
    assert rates[3] is not None
    assert rates[4] is not None
    assert rates[4] > 10 * rates[3], "the rate begins anew"
    # An interruption of the added part changes nothing either.
    other = tmp_path / "other"
    trained(store, QUICK, other)
    begun = training(store, QUICK.with_(epochs=6), other)
    begun.take_up(checkpoints.read(other))
    stopped(begun, 6)
    assert same_weights(resumed(store, QUICK.with_(epochs=6), other).result(), longer.result())


def test_a_schedule_is_kept_as_laid_out_where_the_training_ended_early(store: PixelStore, tmp_path: Path) -> None:
    recipe = QUICK.with_(epochs=30, stopping=Stopping("accuracy", patience=1, minimum=1.0))
    assert len(trained(store, recipe, tmp_path).epochs) == 2
    with pytest.raises(InputError, match=r"epochs is 20, .* was laid out for 30: 31 or more add some"):
        resumed(store, recipe.with_(epochs=20), tmp_path)
    resumed(store, recipe.with_(epochs=33), tmp_path)
    assert checkpoints.read(tmp_path).schedules == (Schedule(0, 30), Schedule(2, 31))


def test_epochs_cannot_be_added_before_the_end_nor_taken_away(store: PixelStore, tmp_path: Path) -> None:
    interrupted(store, QUICK, tmp_path, 3)
    with pytest.raises(InputError, match="has not finished its 4 epochs"):
        resumed(store, QUICK.with_(epochs=6), tmp_path)
    with pytest.raises(InputError, match=r"epochs is 2, .* was laid out for 4: resume it with 4\."):
        resumed(store, QUICK.with_(epochs=2), tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda recipe: recipe.with_(batch_size=16), "recipe: batch_size was 8 and is 16"),
        (lambda recipe: recipe.with_(seed=4), "recipe: seed was 0 and is 4"),
        (lambda recipe: recipe.with_(augment=RECIPE.augment), "recipe: augment was None and is"),
        (lambda recipe: recipe.with_(net=replace(recipe.net, dropout=0.5)), "recipe: net: dropout was 0.0 and is 0.5"),
    ],
)
def test_changed_settings_are_named_and_refused(
    store: PixelStore, tmp_path: Path, change: Callable[[ScratchRecipe], ScratchRecipe], said: str
) -> None:
    interrupted(store, QUICK, tmp_path, 2)
    with pytest.raises(InputError, match=said):
        resumed(store, change(QUICK), tmp_path)


def test_changed_pictures_are_named_and_refused(store: PixelStore, tmp_path: Path) -> None:
    interrupted(store, QUICK, tmp_path, 2)
    fewer = store.select(store.dataset.select(np.arange(len(store)) != 7))
    with pytest.raises(InputError, match=rf"not the same \(the folder has 1 .* gone: {store.dataset.name(7)}\)"):
        resumed(fewer, QUICK, tmp_path)


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


def test_a_checkpoint_that_cannot_be_written_is_an_error_and_the_last_one_can_be_resumed(
    store: PixelStore, tmp_path: Path
) -> None:
    interrupted(store, QUICK, tmp_path, 3)
    last = tmp_path / "checkpoints" / "last.npz"
    before = last.read_bytes()
    again = training(store, QUICK, tmp_path)
    again.take_up(checkpoints.read(tmp_path))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))  # bytes, beyond which no file may grow
    try:
        with pytest.raises(FileError, match=r"cannot write .*last.npz"):
            again.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert last.read_bytes() == before
    assert same_weights(resumed(store, QUICK, tmp_path).result(), trained(store, QUICK).result())


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_trains_and_resumes_to_the_same_weights(
    store: PixelStore, tmp_path: Path, precision: str
) -> None:
    recipe = QUICK.with_(precision=precision, epochs=3, optimiser=Optimiser("adam", rate=1e-3, schedule="constant"))
    straight = trained(store, recipe)
    losses = [epoch.fitted_loss for epoch in straight.epochs]
    assert losses[-1] is not None
    assert losses[0] is not None
    assert losses[-1] < losses[0]
    interrupted(store, recipe, tmp_path, 2)
    again = resumed(store, recipe, tmp_path)
    assert again.epochs == straight.epochs
    assert same_weights(again.result(), straight.result())


def test_pictures_that_grow_and_are_kept_larger_resume_to_the_same_weights(store: PixelStore, tmp_path: Path) -> None:
    recipe = QUICK.with_(
        net=Net("plain", "tiny", target_size=SIDE), growth=((0.5, 0.5),), margin=1.25, augment=RECIPE.augment
    )
    asked = []

    def kept(size: tuple[int, int]) -> PixelStore:
        asked.append(size)
        return at_size(store, size, np.arange(len(store)))

    straight = training(store, recipe, kept=kept)
    assert asked == [(16, 16), (40, 40)], "all sizes are there before anything is learnt"
    straight.run()
    assert asked == [(16, 16), (40, 40)]
    stopped(training(store, recipe, tmp_path, kept=kept), 3)  # the first one at full size
    again = training(store, recipe, tmp_path, kept=kept)
    again.take_up(checkpoints.read(tmp_path))
    again.run()
    assert again.epochs == straight.epochs
    assert same_weights(again.result(), straight.result())


def test_the_accuracy_of_an_epoch_is_of_the_pictures_as_they_are_without_dropout(whole: Training) -> None:
    """By the engine, which knows of no training, from the weights that were kept."""
    found = whole.result()
    rows, store = whole.watched.sample, whole.store
    features = NetEngine(RECIPE.net, found.weights, threads=1).features(store.read(rows))
    probabilities, labels = found.head.probabilities(features), store.dataset.labels[rows]
    last = found.epochs[-1]
    assert last.accuracy == pytest.approx((probabilities.argmax(axis=1) == labels).mean())
    assert last.loss == pytest.approx(-np.log(probabilities[np.arange(len(labels)), labels]).mean(), rel=1e-3)
    assert last.fitted_accuracy != last.accuracy, "else it would show nothing"


def test_the_progress_line_shows_both_accuracies(
    store: PixelStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "LOG_SECONDS", 0.0)
    found = trained(store, QUICK.with_(epochs=2))
    lines = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"Training: 10%, .* left", lines[0])
    first, last = ([round(100 * share) for share in (each.accuracy, each.val_accuracy)] for each in found.epochs)
    assert re.fullmatch(rf"Epoch 1/2 train {first[0]}% val {first[1]}%: 60%, .* left", lines[5])
    assert re.fullmatch(rf"Epoch 2/2 train {last[0]}% val {last[1]}%: 100%, in .*", lines[-1])


def test_the_time_of_a_resumed_run_holds_that_of_the_processes_before(small_photos: Path, tmp_path: Path) -> None:
    import fieldguide as fg

    parts = fg.split(fg.Dataset.from_directory(small_photos), validation=0.2, test=0.2)
    fg.train(parts, recipe=QUICK, folder=tmp_path)
    stored = checkpoints.read(tmp_path)
    checkpoints.write(tmp_path, replace(stored, seconds=1000.0))
    again = fg.train(parts, recipe=QUICK, folder=tmp_path, resume=True)
    (spent,) = (stage for stage in again.stages if stage.name == "training")
    assert 1000 < spent.seconds < 1100
    assert merged([*again.stages, Stage("training", 2.0, 1.0)])[1].before == 1001


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
    with pytest.raises(InputError, match="resume is for trainings from random weights with a folder"):
        fg.train(parts, resume=True)
