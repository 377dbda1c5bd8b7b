"""What is shown of kept activations: mixed with their targets alike, weighted once, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from fieldguide.batches import Mixing
from fieldguide.errors import InputError
from fieldguide.training.lessons import Lessons
from fieldguide.training.recipe import Recipe

LABELS = np.repeat([0, 1, 2], [12, 6, 2])
VALUES = np.eye(20, dtype=np.float32)  # each picture's activations name it
RECIPE = Recipe(dense=(4,), batch_size=8)


def test_plain_every_picture_comes_once_as_it_is() -> None:
    lessons = Lessons(LABELS, 3, RECIPE)
    batches = list(lessons.batches(1))
    assert [len(batch) for batch in batches] == [8, 8, 4]
    assert len(lessons) == 3
    assert sorted(np.concatenate(batches)) == list(range(20))
    (shown,), targets, weights = lessons.shown(1, 0, batches[0], [VALUES[batches[0]]])
    np.testing.assert_array_equal(shown, VALUES[batches[0]])
    np.testing.assert_array_equal(targets.argmax(axis=1), LABELS[batches[0]])
    np.testing.assert_allclose(weights, 1)


def test_mixed_are_activations_maps_and_targets_alike() -> None:
    lessons = Lessons(LABELS, 3, RECIPE.with_(mixing=Mixing("mix_up", alpha=0.5)))
    places = np.arange(20)
    maps = VALUES[:, None, None, :] * np.ones((1, 2, 3, 1), np.float32)
    (vectors, pictures), targets, _ = lessons.shown(2, 0, places, [VALUES, maps])
    assert pictures.shape == (20, 2, 3, 20)
    np.testing.assert_allclose(pictures[:, 1, 2], vectors, atol=1e-6)
    np.testing.assert_allclose(vectors.sum(axis=1), 1, atol=1e-6)
    assert ((vectors > 1e-6).sum(axis=1) == 2).any()
    np.testing.assert_allclose(targets, vectors @ np.eye(3)[LABELS], atol=1e-6)
    other, _, _ = lessons.shown(3, 0, places, [VALUES])
    assert np.abs(other[0] - vectors).max() > 0.01
    again, _, _ = lessons.shown(2, 0, places, [VALUES])
    np.testing.assert_array_equal(again[0], vectors)


def test_smoothing_weights_and_balance() -> None:
    smooth = Lessons(LABELS, 3, RECIPE.with_(label_smoothing=0.3), power=1.0)
    _, targets, weights = smooth.shown(1, 0, np.array([0, 19]), [VALUES[[0, 19]]])
    np.testing.assert_allclose(targets, [[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]], atol=1e-6)
    np.testing.assert_allclose(weights, [20 / 36, 20 / 6], rtol=1e-6)
    even = Lessons(LABELS, 3, RECIPE.with_(sampling="balanced"), power=1.0)
    order = np.concatenate(list(even.batches(1)))
    assert sorted(np.bincount(LABELS[order])) == [6, 7, 7]
    np.testing.assert_allclose(even.shown(1, 0, order[:2], [VALUES[order[:2]]])[2], 1, rtol=1e-6)


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(InputError, match="even the classes out twice"):
        Recipe(sampling="balanced", class_weights=0.5)
    assert Recipe(sampling="balanced", class_weights=0).class_weights == 0
    with pytest.raises(InputError, match="no boxes can be cut"):
        Recipe(mixing=Mixing("cut_mix"))
    with pytest.raises(InputError, match="label_smoothing is 1"):
        Recipe(label_smoothing=1)
    with pytest.raises(InputError, match="follows from the number of classes"):
        Recipe(loss="sparse_categorical_crossentropy")
