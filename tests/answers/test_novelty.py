from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from fieldguide.answers.novelty import FOLDS, MOST_BYTES, MOST_FEATURES, Novelty, _basis, _chosen, _folds
from fieldguide.answers.quantile import needed, upper
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError
from fieldguide.training import features


def seen(n: int, seed: int, *, classes: tuple[int, ...] = (0, 1, 2), width: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """Features of pictures of these classes, float32 (n, width), and their labels."""
    centres = np.random.default_rng(5).normal(size=(9, width)) + 1
    rng = np.random.default_rng((seed, n))
    labels = np.array(classes)[rng.integers(0, len(classes), n)]
    return np.maximum(centres[labels] + 0.5 * rng.normal(size=(n, width)), 0).astype(np.float32), labels


def test_unknown_classes_are_told_from_known_ones_and_false_alarms_are_as_few_as_promised() -> None:
    learnt, labels = seen(600, 0)
    novelty = Novelty.fit(learnt, labels)
    found = novelty.measured(seen(2000, 1)[0])
    assert found.n == 2000
    assert 0.01 < found.value < 0.08
    assert novelty.unlike(seen(500, 2, classes=(5, 6))[0]).mean() > 0.95
    assert "at most 5 of 100 pictures like the 600" in str(novelty)


@pytest.mark.parametrize("rate", [0.02, 0.2])
def test_false_alarms_follow_the_rate_that_was_asked_for(rate: float) -> None:
    shares = []
    for seed in range(5):
        learnt, labels = seen(400, seed)
        shares.append(Novelty.fit(learnt, labels, false_alarms=rate).measured(seen(1000, seed + 50)[0]).value)
    assert 0 < np.mean(shares) < 1.3 * rate  # fewer than promised: these pictures are of one kind


def test_a_learnt_picture_is_nothing_new_and_what_shares_nothing_is() -> None:
    learnt, labels = seen(80, 3)
    novelty = Novelty.fit(learnt, labels)
    directions = learnt / np.linalg.norm(learnt, axis=1, keepdims=True)
    inside = novelty.basis.astype(np.float32)
    rest = 1 - np.square(directions @ inside).sum(axis=1)  # of each picture, what lies in no kept direction
    np.testing.assert_allclose(novelty.scores(learnt), rest, atol=3e-3)
    assert rest.max() < novelty.threshold
    assert novelty.scores(-learnt[:5]).min() > 1
    assert novelty.scores(learnt).dtype == np.float32


def test_brightness_of_features_does_not_matter() -> None:
    learnt, labels = seen(100, 4)
    novelty = Novelty.fit(learnt, labels)
    new = seen(20, 5)[0]
    np.testing.assert_allclose(novelty.scores(new), novelty.scores(7 * new), atol=1e-6)


@pytest.mark.parametrize(("n", "width"), [(1500, 1280), (900, 2048), (300, 4032), (12, 1280)])
def test_what_is_kept_is_small(n: int, width: int) -> None:
    rows = np.random.default_rng(8).random((n, width), dtype=np.float32)
    novelty = Novelty.fit(rows, np.arange(n) % 3)
    assert novelty.bytes <= MOST_BYTES
    assert len(novelty.references) >= min(n, 300)


def test_where_not_all_can_be_kept_rare_classes_are() -> None:
    labels = np.repeat([0, 1, 2], [900, 80, 20])
    kept = _chosen(labels, 200, seed=0)
    assert np.bincount(labels[kept]).tolist() == [100, 80, 20]
    assert len(np.unique(kept)) == 200
    assert _chosen(labels, 1000, seed=0).tolist() == list(range(1000))
    assert (_chosen(labels, 200, seed=1) != kept).any()


def test_the_directions_are_those_of_a_full_decomposition() -> None:
    rows = seen(300, 9)[0] @ np.diag(0.93 ** np.arange(96)).astype(np.float32)
    found = _basis(rows, 20, seed=0)
    np.testing.assert_allclose(found.T @ found, np.eye(20), atol=1e-4)
    _, values, _ = np.linalg.svd(rows, full_matrices=False)
    assert np.square(rows @ found).sum() > 0.999 * np.square(values[:20]).sum()


def test_copies_are_held_out_together() -> None:
    learnt, labels = seen(60, 10)
    copies = np.repeat(np.arange(60), 5)
    together = Novelty.fit(learnt[copies], labels[copies], groups=copies)
    assert together.n == 60
    assert together.measured(seen(1000, 11)[0]).value < 0.15
    fold_of = _folds(learnt[copies], labels[copies], copies // 2, seed=0)
    assert all(len(np.unique(fold_of[copies // 2 == group])) == 1 for group in range(30))
    assert len(np.unique(fold_of)) == FOLDS


def test_a_new_series_of_a_known_class_is_nothing_new() -> None:
    """Pictures of a class come in series, of one animal each: random ones held out would each meet their own series."""
    rng = np.random.default_rng(24)
    centres = np.random.default_rng(5).normal(size=(3, 96)) + 1
    series = centres[np.arange(60) % 3] + 0.5 * rng.normal(size=(60, 96))  # the last half of them are not learnt from
    rows = (np.repeat(series, 20, axis=0) + 0.05 * rng.normal(size=(1200, 96))).astype(np.float32)
    labels = np.repeat(np.arange(60) % 3, 20)
    novelty = Novelty.fit(rows[:600], labels[:600])
    assert novelty.measured(rows[600:]).value < 0.2
    assert novelty.unlike(seen(500, 2, classes=(5, 6))[0]).mean() > 0.9


def test_too_few_pictures_raise_no_alarm_and_say_so() -> None:
    learnt, labels = seen(12, 12)
    novelty = Novelty.fit(learnt, labels)
    assert math.isinf(novelty.threshold)
    assert not novelty.unlike(seen(30, 13, classes=(6,))[0]).any()
    assert "12 pictures are too few" in str(novelty)
    assert "19 are needed at least" in str(novelty)


def test_one_picture_and_one_class_are_no_error() -> None:
    alone = Novelty.fit(np.ones((1, 8), np.float32), np.zeros(1, int))
    assert math.isinf(alone.threshold)
    assert alone.scores(np.ones((1, 8), np.float32))[0] == pytest.approx(0, abs=1e-3)


def test_the_same_seed_gives_the_same() -> None:
    learnt, labels = seen(200, 14)
    first, again = (Novelty.fit(learnt, labels, seed=3) for _ in range(2))
    assert (first.basis == again.basis).all()
    assert first.threshold == again.threshold


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        (np.ones((3, 4)), np.zeros(2, int), "2 labels came for 3 pictures"),
        (np.ones(4), np.zeros(4, int), "expected floats"),
        (np.ones((2, 4), int), np.zeros(2, int), "features are int64"),
        (np.full((2, 4), np.nan), np.zeros(2, int), "not finite"),
        (np.ones((2, 4)), np.array([0, -1]), "labels reach from -1"),
        (np.ones((0, 4)), np.zeros(0, int), "at least one"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(rows: np.ndarray, labels: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Novelty.fit(rows, labels)


def test_settings_and_features_that_do_not_fit_are_refused() -> None:
    learnt, labels = seen(40, 15)
    with pytest.raises(InputError, match="groups have shape"):
        Novelty.fit(learnt, labels, groups=np.zeros(3))
    with pytest.raises(InputError, match="false_alarms is 0"):
        Novelty.fit(learnt, labels, false_alarms=0)
    with pytest.raises(InputError, match="came with 95 features; expected 96"):
        Novelty.fit(learnt, labels).scores(learnt[:, :95])


def test_of_a_network_that_learnt_from_some_the_others_set_the_threshold() -> None:
    """As of a fine-tuned one: what it has learnt from lies closer together than what is new to it."""
    learnt, labels = seen(300, 19)
    centres = np.stack([learnt[labels == label].mean(axis=0) for label in range(3)])
    by_heart = (0.1 * learnt + 0.9 * centres[labels]).astype(np.float32)
    held, held_labels = seen(300, 20)
    rows, truth = np.concatenate([by_heart, held]), np.concatenate([labels, held_labels])
    before = np.concatenate([learnt, held])  # as the network saw them before it learnt
    novelty = Novelty.fit(rows, truth, held=np.arange(600) >= 300, alike=before)
    assert novelty.n == 300
    assert novelty.measured(seen(2000, 21)[0]).value < 0.08
    assert Novelty.fit(by_heart, labels).measured(seen(2000, 21)[0]).value > 0.5
    assert novelty.unlike(seen(500, 22, classes=(5, 6))[0]).mean() > 0.9
    copies = np.concatenate([np.arange(300), 300 + np.arange(300) // 5])
    assert Novelty.fit(rows, truth, groups=copies, held=np.arange(600) >= 300, alike=before).n == 60


@pytest.mark.parametrize("held", [np.zeros(40, bool), np.ones(40, bool), np.zeros(3, bool), np.zeros(40)])
def test_what_is_held_must_be_some_of_the_pictures(held: np.ndarray) -> None:
    with pytest.raises(InputError, match="expected one truth value each, some of them true and some not"):
        Novelty.fit(*seen(40, 23), held=held)


def test_too_many_features_are_refused() -> None:
    with pytest.raises(InputError, match="came with 15,626 features; expected 15,625 at the most"):
        Novelty.fit(np.ones((3, MOST_FEATURES + 1), np.float32), np.zeros(3, int))


def test_the_value_let_pass_is_that_of_the_n_plus_first_picture() -> None:
    values = np.random.default_rng(17).permutation(99).astype(float)
    assert upper(values, 0.05) == (94.0, 99)  # the 95th of 99
    assert upper(np.repeat(values, 3), 0.05, groups=np.repeat(np.arange(99), 3)) == (94.0, 99)
    assert upper(values[:8], 0.1) == (math.inf, 8)
    assert (needed(0.1), needed(0.01), needed(0.5)) == (9, 99, 1)
    with pytest.raises(InputError, match="expected one number each"):
        upper(values, 0.05, groups=np.zeros(3))


def test_a_new_value_exceeds_it_as_rarely_as_promised() -> None:
    rng = np.random.default_rng(18)
    values = rng.normal(size=(4000, 60))
    exceeds = [one[0] > upper(one[1:], 0.1)[0] for one in values]
    assert 0.085 < np.mean(exceeds) < 0.115


def test_real_pictures_of_another_kind_are_new(small_photos: Path) -> None:
    """What has seen horses alone finds humans new."""
    store = PixelStore.build(Dataset.from_directory(small_photos))
    values, labels = features.compute(store).values, store.dataset.labels
    horses, humans = values[labels == 0], values[labels == 1]
    novelty = Novelty.fit(horses, np.zeros(len(horses), int), false_alarms=0.1)
    assert novelty.unlike(humans).mean() > 0.8
