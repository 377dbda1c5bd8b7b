"""The closed form of a head's maps: complete, and for every pooling what differences of the logit say."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from fieldguide.errors import InputError
from fieldguide.evaluation.class_maps import METHODS, POOLINGS, class_map, combined, units_and_signs

RNG = np.random.default_rng(0)
MAPS = np.maximum(RNG.normal(size=(4, 3, 5, 6)), 0).astype(np.float32)


def head(pooling: str, *hidden: int, units: int = 3) -> list[tuple[np.ndarray, np.ndarray]]:
    """Dense layers with random weights, small enough that some ReLUs are open and some shut."""
    sizes = [6 * 15 if pooling == "flatten" else 6, *hidden, units]
    return [
        (RNG.normal(size=(inputs, outputs)) / np.sqrt(inputs), RNG.normal(0, 0.3, outputs))
        for inputs, outputs in pairwise(sizes)
    ]


def logits(maps: np.ndarray, layers: list[tuple[np.ndarray, np.ndarray]], pooling: str) -> np.ndarray:
    """What the head gives, written once more in another way."""
    places = maps.reshape(len(maps), -1, maps.shape[-1]).astype(np.float64)
    pooled = {"average": places.mean(axis=1), "max": places.max(axis=1), "flatten": maps.reshape(len(maps), -1)}
    value = pooled[pooling]
    for place, (kernel, bias) in enumerate(layers):
        value = value @ kernel + bias
        if place < len(layers) - 1:
            value = value * (value > 0)
    return value


@pytest.mark.parametrize("pooling", POOLINGS)
def test_of_one_dense_layer_a_map_adds_up_to_the_logit_without_the_bias(pooling: str) -> None:
    layers = head(pooling)
    for label in range(3):
        found = class_map(MAPS, layers, pooling=pooling, class_index=label)
        assert found.shape == (4, 3, 5)
        assert found.dtype == np.float32
        expected = logits(MAPS, layers, pooling)[:, label] - layers[-1][1][label]
        np.testing.assert_allclose(found.sum(axis=(1, 2)), expected, atol=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("hidden", [(), (7,), (8, 5)])
def test_a_place_that_is_a_little_stronger_changes_the_logit_by_its_share(
    pooling: str, hidden: tuple[int, ...]
) -> None:
    """HiResCAM: activation times gradient, so scaling one place by 1 + e changes the logit by e times its value."""
    layers, step = head(pooling, *hidden), 1e-5
    found = class_map(MAPS, layers, pooling=pooling, class_index=np.arange(4) % 3)
    rows = np.arange(4)
    for place in [(0, 0), (1, 2), (2, 4)]:
        up, down = (MAPS.astype(np.float64) for _ in range(2))
        up[:, place[0], place[1]] *= 1 + step
        down[:, place[0], place[1]] *= 1 - step
        change = (logits(up, layers, pooling) - logits(down, layers, pooling))[rows, rows % 3] / (2 * step)
        np.testing.assert_allclose(found[:, place[0], place[1]], change, atol=1e-4)


def test_behind_average_pooling_both_methods_are_one_and_elsewhere_not() -> None:
    for pooling in POOLINGS:
        layers = head(pooling, 8)
        one, other = (class_map(MAPS, layers, pooling=pooling, class_index=1, method=method) for method in METHODS)
        assert np.allclose(one, other, atol=1e-6) == (pooling == "average")


def test_grad_cam_is_as_published() -> None:
    gradients = RNG.normal(size=MAPS.shape)
    expected = [
        [[(MAPS[n, y, x] * gradients[n].mean(axis=(0, 1))).sum() for x in range(5)] for y in range(3)] for n in range(4)
    ]
    np.testing.assert_allclose(combined(MAPS, gradients, method="gradcam"), expected, atol=1e-5)


def test_of_two_classes_the_first_has_the_negative_map() -> None:
    layers = head("average", 4, units=1)
    second = class_map(MAPS, layers, pooling="average", class_index=1)
    np.testing.assert_array_equal(class_map(MAPS, layers, pooling="average", class_index=0), -second)
    mixed = class_map(MAPS, layers, pooling="average", class_index=np.array([0, 1, 1, 0]))
    np.testing.assert_array_equal(mixed, second * np.array([-1, 1, 1, -1])[:, None, None])
    assert np.abs(second).max() > 0.01


def test_places_that_are_equally_the_largest_share_what_they_add() -> None:
    maps = np.zeros((1, 2, 2, 1), np.float32)
    maps[0, 0, :, 0] = 6.0
    found = class_map(maps, [(np.array([[2.0]]), np.zeros(1))], pooling="max", class_index=1)
    np.testing.assert_array_equal(found[0], [[6, 6], [0, 0]])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pooling": "mean"}, "pooling is 'mean'; expected one of average, max, flatten"),
        ({"method": "cam"}, "method is 'cam'; expected one of hirescam, gradcam"),
        ({"class_index": 3}, "the class is 3; there are 3, counted from 0"),
        ({"class_index": 1.0}, "expected a whole number"),
        ({"class_index": np.zeros(3, int)}, "one for each of 4 pictures"),
        ({"pooling": "flatten"}, r"takes 6 values; flatten of maps \(3, 5, 6\) is 90"),
        ({"layers": []}, "takes no values"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"layers": head("average"), "pooling": "average", "class_index": 0, **change}
    with pytest.raises(InputError, match=said):
        class_map(MAPS, given.pop("layers"), **given)


def test_a_class_of_two_is_a_sign_of_one_unit() -> None:
    units, signs = units_and_signs(np.array([0, 1]), 2, 1)
    assert units.tolist() == [0, 0]
    assert signs.tolist() == [-1, 1]
    with pytest.raises(InputError, match="there are 2, counted from 0"):
        units_and_signs(2, 1, 1)
