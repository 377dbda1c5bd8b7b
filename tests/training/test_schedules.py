"""The rates of real trainings, for every schedule, over warm-ups, reductions and prolongations."""

from __future__ import annotations

from pathlib import Path

import pytest
from scratch_trainings import QUICK, interrupted, resumed, trained

from fieldguide.data.pixels import PixelStore
from fieldguide.training.optimiser import Optimiser
from fieldguide.training.scratch import Training
from fieldguide.training.stopping import Stopping

pytestmark = [
    # Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.keras,
]

# Five steps an epoch. At such a rate no weight changes, so that the held-out loss never falls.
STILL = 1e-30


def rates(found: Training) -> list[float]:
    """The rate at the end of every epoch, as a share of the peak."""
    return [epoch.rate / found.recipe.optimiser.rate for epoch in found.epochs if epoch.rate is not None]


@pytest.mark.parametrize(
    ("schedule", "warm_up", "expected"),
    [
        ("constant", 0.0, [1, 1, 1, 1]),
        ("constant", 0.5, [0.5, 1, 1, 1]),
        ("cosine", 0.0, [0.904508, 0.578217, 0.206107, 0.006156]),  # (1 + cos(pi * 4 / 20)) / 2 and so on
        # 6 steps up from a 25th, 14 down: 0.04 + 0.96 (1 - cos(pi * 5 / 6)) / 2, then (1 + cos(pi * 3 / 14)) / 2 ...
        ("one_cycle", 0.0, [0.935692, 0.890916, 0.388740, 0.012536]),
        ("plateau", 0.0, [1, 1, 1, 0.2]),
    ],
)
def test_every_schedule_gives_its_rates(
    small_store: PixelStore, schedule: str, warm_up: float, expected: list[float]
) -> None:
    optimiser = Optimiser("sgd", rate=STILL, schedule=schedule, warm_up=warm_up, weight_decay=0.0, patience=2)
    found = trained(small_store, QUICK.with_(optimiser=optimiser, average=0.0))
    assert rates(found) == pytest.approx(expected, abs=1e-6)


def plateau(patience: int | None = None, warm_up: float = 0.0) -> Optimiser:
    return Optimiser("sgd", rate=STILL, schedule="plateau", warm_up=warm_up, weight_decay=0.0, patience=patience)


def test_a_plateau_is_not_looked_for_while_the_rate_rises(small_store: PixelStore) -> None:
    found = trained(small_store, QUICK.with_(optimiser=plateau(1, warm_up=0.5), average=0.0, epochs=8))
    assert rates(found) == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1, 0.2, 0.04])
    assert found.progress.reductions == 3


def test_with_early_stopping_the_rate_falls_before_the_end(small_store: PixelStore) -> None:
    recipe = QUICK.with_(optimiser=plateau(), average=0.0, epochs=20, stopping=Stopping(patience=6))
    found = trained(small_store, recipe)
    assert found.ended == "val_loss had not improved for 6 epochs"
    assert rates(found) == pytest.approx([1, 1, 1, 0.2, 0.2, 0.04, 0.04])


def test_reductions_are_known_after_a_kill_and_forgotten_when_epochs_are_added(
    small_store: PixelStore, tmp_path: Path
) -> None:
    recipe = QUICK.with_(optimiser=plateau(2), average=0.0, epochs=5)
    interrupted(small_store, recipe, tmp_path, 5)
    assert rates(resumed(small_store, recipe, tmp_path)) == pytest.approx([1, 1, 1, 0.2, 0.2])
    longer = resumed(small_store, recipe.with_(epochs=9), tmp_path)
    assert rates(longer) == pytest.approx([1, 1, 1, 0.2, 0.2, 1, 1, 1, 0.2])
    assert longer.progress.reductions == 1
