"""What a head reads is chosen on held-out pictures, and only where the recipe leaves it open."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from fieldguide.model.trunk import ALL_BLOCKS, BUNDLED
from fieldguide.training.choose import Fold
from fieldguide.training.features import Features
from fieldguide.training.reading import read
from fieldguide.training.recipe import Recipe
from fieldguide.training.seen import Seen

SIZE = (32, 32)
WIDTHS = ALL_BLOCKS.widths(SIZE)
TOTAL = sum(WIDTHS)
COUNT = 120
FOLDS = tuple(
    Fold(np.flatnonzero(np.arange(COUNT) % 3 != n), np.flatnonzero(np.arange(COUNT) % 3 == n)) for n in (0, 1)
)
RECIPE = Recipe(maps="auto", target_size=SIZE, penalties=(1.0, 0.1), folds=3)


def features(values: np.ndarray) -> Features:
    return Features(values.astype(np.float32), len(values), tuple(bytes(32) for _ in values), None)


def seen(*views: np.ndarray) -> Seen:
    labels = (np.arange(COUNT) // 3) % 2
    return Seen(ALL_BLOCKS, None, labels, 2, COUNT, tuple(map(features, views)), last_width=1280)


def telling(columns: slice, strength: float = 1.0, seed: int = 0) -> np.ndarray:
    """Features of noise, some of which tell the classes."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(COUNT, TOTAL))
    values[:, columns] += strength * ((np.arange(COUNT) // 3) % 2 * 2 - 1)[:, None]
    return values


EARLY, LAST = slice(0, 60), slice(TOTAL - 60, TOTAL)


@pytest.mark.parametrize(("columns", "chosen"), [(EARLY, ALL_BLOCKS), (LAST, BUNDLED)])
def test_all_maps_are_read_where_they_tell_more(columns: slice, chosen: object) -> None:
    found, settings, trials = read(seen(telling(columns, 0.4)), RECIPE, FOLDS, none)
    assert found.trunk == chosen
    assert found.examples.features.shape == (COUNT, TOTAL if chosen == ALL_BLOCKS else 1280)
    kinds = {trial.name.split(",")[0] for trial in trials}
    assert kinds == {"all maps", "last map"}, "what was not chosen is told too"
    kept = [trial.name for trial in trials if trial.chosen]
    assert kept == [f"{'all maps' if chosen == ALL_BLOCKS else 'last map'}, L2 penalty {settings.penalty:g}"]


@pytest.mark.parametrize(("maps", "width"), [("last", 1280), ("all", TOTAL)])
def test_where_nothing_is_left_open_nothing_is_tried(maps: str, width: int) -> None:
    whole = seen(telling(EARLY))
    given = whole if maps == "all" else whole.reading_last(1280)
    found, _, trials = read(given, RECIPE.with_(maps=maps), FOLDS, none)
    assert found.examples.features.shape[1] == width
    assert all(trial.name.startswith("L2 penalty") for trial in trials)


def test_further_views_are_taken_where_they_help_or_are_asked_for() -> None:
    plain = telling(LAST, 0.3)
    other = telling(LAST, 0.3, seed=1)  # tells the same with other noise
    wrong = telling(LAST, -0.3, seed=2)  # tells the contrary
    last = RECIPE.with_(maps="all", views=2)
    views: dict[str, Sequence[np.ndarray]] = {"help": (plain, other), "mislead": (plain, wrong)}
    better = last.with_(views_if_better=True)
    taken = {
        name: read(seen(one), better, FOLDS, {1: features(other)}.__getitem__) for name, (one, other) in views.items()
    }
    assert {name: found.views for name, (found, *_) in taken.items()} == {"help": 2, "mislead": 1}
    names = [trial.name for trial in taken["mislead"][2]]
    assert any("2 views" in name for name in names)
    assert read(seen(plain, wrong), last, FOLDS, none)[0].views == 2, "asked for, so there is no choice"


def test_nothing_more_is_tried_where_nothing_is_wrong() -> None:
    recipe = RECIPE.with_(views=4, views_if_better=True)
    found, chosen, trials = read(seen(telling(LAST, 3.0)), recipe, FOLDS, none)
    assert chosen.right.all()
    assert (found.views, found.trunk) == (1, BUNDLED)
    assert {trial.name.split(",")[0] for trial in trials} == {"last map"}


def none(number: int) -> Features:
    raise AssertionError(f"view {number} was computed")


def test_examples_come_view_after_view_and_folds_know_them() -> None:
    labels = np.array([0, 1, 0, 1])
    one, two = np.zeros((4, 3)), np.ones((3, 3))
    both = Seen(BUNDLED, None, labels, 2, 3, (features(one), features(two)))  # the last picture is of validation
    np.testing.assert_array_equal(both.examples.labels, [0, 1, 0, 1, 0, 1, 0])
    np.testing.assert_array_equal(both.examples.features[:, 0], [0, 0, 0, 0, 1, 1, 1])
    (fold,) = both.folds([Fold(np.array([0, 2]), np.array([1, 3]))])
    np.testing.assert_array_equal(fold.rows, [0, 2, 4, 6])
    np.testing.assert_array_equal(both.values(np.array([2, 2]), np.array([0, 1]))[:, 0], [0, 1])
