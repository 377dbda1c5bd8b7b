"""Early stopping, targets and plateaus: which epoch is the best one, and when a training ends."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fieldguide.errors import InputError
from fieldguide.training.record import Epoch
from fieldguide.training.stopping import METRICS, Progress, Stopping, Targets

NAN = float("nan")


def epochs(losses: Sequence[float], accuracies: Sequence[float] | None = None) -> list[Epoch]:
    """Epochs with these held-out losses, and accuracies of both kinds."""
    found = accuracies or [0.5] * len(losses)
    return [Epoch("scratch", place + 1, loss, found[place], loss, found[place]) for place, loss in enumerate(losses)]


def after(losses: Sequence[float], stopping: Stopping) -> Progress:
    progress = Progress()
    for epoch in epochs(losses):
        progress = progress.after(epoch, stopping)
    return progress


def test_the_best_epoch_is_remembered_and_the_ones_since_are_counted() -> None:
    progress = after([0.7, 0.5, 0.6, 0.4, 0.45, 0.41], Stopping(patience=9))
    assert (progress.best, progress.best_epoch, progress.waited) == (0.4, 4, 2)


def test_a_gain_no_larger_than_the_minimum_is_none() -> None:
    progress = after([0.70, 0.69, 0.68, 0.67], Stopping(minimum=0.015))
    assert (progress.best, progress.best_epoch, progress.waited) == (0.68, 3, 1)


def test_the_minimum_counts_from_the_best_value_so_that_slow_gains_add_up() -> None:
    assert after([0.70, 0.69, 0.68], Stopping(minimum=0.015)).best_epoch == 3
    assert after([0.70, 0.69, 0.70], Stopping(minimum=0.015)).best_epoch == 1


def test_accuracies_are_better_when_they_are_higher() -> None:
    stopping = Stopping("val_accuracy", patience=3)
    progress = Progress()
    for epoch in epochs([1, 1, 1, 1], [0.6, 0.8, 0.7, 0.8]):
        progress = progress.after(epoch, stopping)
    assert (progress.best, progress.best_epoch, progress.waited) == (0.8, 2, 2)


def test_no_number_is_never_the_best_one() -> None:
    progress = after([NAN, NAN, 0.9, NAN], Stopping())
    assert (progress.best, progress.best_epoch, progress.waited) == (0.9, 3, 1)


def test_without_early_stopping_nothing_is_remembered() -> None:
    assert Progress().after(epochs([0.1])[0], None) == Progress()


def test_a_plateau_divides_the_rate_each_time_the_loss_has_not_fallen_for_its_patience() -> None:
    progress, reductions = Progress(), []
    for epoch in epochs([0.9, 0.8, 0.8, 0.8, 0.7, 0.75, 0.75, 0.75, 0.75]):
        progress = progress.on_plateau(epoch, 2)
        reductions.append(progress.reductions)
    assert reductions == [0, 0, 0, 1, 1, 1, 2, 2, 3]
    assert progress.lowest_loss == 0.7


@pytest.mark.parametrize(
    ("targets", "reached"),
    [
        (Targets(0.95, 0.80), [False, False, True]),
        (Targets(val_accuracy=0.79), [False, True, True]),
        (Targets(accuracy=0.95), [True, False, True]),
    ],
)
def test_targets_are_reached_when_both_accuracies_are(targets: Targets, reached: list[bool]) -> None:
    pairs = [(0.96, 0.70), (0.90, 0.79), (0.95, 0.80)]
    found = [Epoch("scratch", 1, 0.1, train, 0.5, held) for train, held in pairs]
    assert [targets.reached(epoch) for epoch in found] == reached


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"metric": "f1"}, f"metric is 'f1'; expected one of {', '.join(METRICS)}"),
        ({"patience": 0}, "patience is 0; expected a whole number of epochs"),
        ({"patience": True}, "patience is True"),
        ({"patience": 1.5}, "patience is 1.5"),
        ({"minimum": -0.1}, "minimum is -0.1"),
        ({"minimum": NAN}, "minimum is nan"),
        ({"minimum": "a"}, "minimum is 'a'; expected a number from 0, such as 0.001"),
        ({"patience": "5"}, "patience is '5'"),
    ],
)
def test_rules_out_of_range_are_named(settings: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Stopping(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ((1.2, 0.8), "accuracy is 1.2"),
        ((0, -1), "val_accuracy is -1"),
        ((0, 0), "reached at once"),
        ((0.9, 1.2), "the target for val_accuracy is 1.2; expected a share from 0 to 1, such as 0.8"),
        (("0.9",), "the target for accuracy is '0.9'; expected a share from 0 to 1, such as 0.8"),
    ],
)
def test_targets_that_are_none_are_refused(targets: tuple[float, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Targets(*targets)


def test_a_training_that_is_prolonged_keeps_its_best_epoch_and_counts_anew() -> None:
    ended = Progress(best=0.4, best_epoch=3, waited=5, lowest_loss=0.4, plateau=2, reductions=4)
    assert ended.prolonged() == Progress(best=0.4, best_epoch=3)
