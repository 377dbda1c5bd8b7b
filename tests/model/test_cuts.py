"""Where a network may be cut: on hand-made graphs whose shortcuts are known, and what is said of a wrong place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fieldguide.errors import InputError
from fieldguide.model.cuts import cuts, require_cut, split_at, train_only_after

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = [
    pytest.mark.keras,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


@pytest.fixture
def model() -> Any:
    """pixels, rescaling, a, b: (left, right) -> sum, norm, c; and c + 1 as a bare operation before the last layer."""
    import keras
    from keras import layers

    pixels = keras.Input((8, 8, 3), name="pixels")
    value = layers.Rescaling(1 / 255, name="rescaling")(pixels)
    value = layers.Conv2D(4, 3, name="first")(value)
    start = layers.ReLU(name="start")(value)
    left = layers.Conv2D(4, 1, name="left")(start)
    right = layers.Conv2D(4, 1, name="right")(start)
    value = layers.Add(name="sum")([layers.ReLU(name="left_relu")(left), right])
    value = layers.BatchNormalization(name="norm")(value)
    value = layers.Add(name="shortcut")([value, layers.Conv2D(4, 1, name="inside")(value)])
    value = layers.Conv2D(2, 1, name="last")(value + 1.0)
    return keras.Model(pixels, value, name="made_up")


def noise() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3)).astype(np.float32)


def test_cuts_are_the_layers_that_nothing_goes_around(model: Any) -> None:
    assert cuts(model) == ("first", "start", "sum", "norm", "shortcut", "last")


def test_a_base_with_a_head_has_the_cuts_of_both(model: Any) -> None:
    import keras

    head = keras.layers.Dense(2, name="head")(keras.layers.Flatten(name="flatten")(model.output))
    assert cuts(keras.Model(model.input, head)) == (*cuts(model), "flatten", "head")


@pytest.mark.parametrize(
    ("cut", "said"),
    [
        ("frist", r"made_up has no layer 'frist'; choose one of the 6 that it can be cut or frozen at, such as first"),
        ("zzzzzzz", r"has no layer 'zzzzzzz'; .*such as sum, norm, shortcut, last"),
        ("left", r"cannot be cut after 'left', because a shortcut .*; choose start before it or sum after it"),
        ("inside", r"cannot be cut after 'inside', .*choose norm before it or shortcut after it"),
        ("pixels", r"'pixels' comes before the first layer of made_up that can be cut after: choose first"),
        ("rescaling", r"'rescaling' comes before the first layer"),
    ],
)
def test_a_wrong_place_is_answered_with_near_ones(model: Any, cut: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        require_cut(model, cut)
    with pytest.raises(InputError, match=said):
        split_at(model, cut)


def test_a_sequential_model_is_refused() -> None:
    import keras

    with pytest.raises(InputError, match="is a Sequential; expected a functional model"):
        cuts(keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)], name="rows"))


@pytest.mark.parametrize("cut", ["first", "start", "sum", "norm", "shortcut"])
def test_both_parts_share_the_layers_and_give_the_same(model: Any, cut: str) -> None:
    front, tail = split_at(model, cut)
    np.testing.assert_allclose(np.asarray(tail(front(noise()))), np.asarray(model(noise())), atol=1e-5)
    for part in (front, tail):
        assert all(layer is model.get_layer(layer.name) for layer in part.layers if layer.weights)
    weighted = [layer.name for layer in model.layers if layer.weights]
    assert [layer.name for part in (front, tail) for layer in part.layers if layer.weights] == weighted


def test_training_the_tail_trains_the_model(model: Any) -> None:
    _, tail = split_at(model, "norm")
    before = model.get_layer("last").get_weights()[0].copy()
    output = np.asarray(model(noise()))
    tail.compile("adam", "mse")
    activation = np.random.default_rng(1).normal(size=(4, 6, 6, 4)).astype(np.float32)
    tail.train_on_batch(activation, np.ones((4, 6, 6, 2), np.float32))
    assert not np.array_equal(model.get_layer("last").get_weights()[0], before)
    assert not np.array_equal(np.asarray(model(noise())), output)


def test_a_tail_can_be_saved_and_split_again(model: Any, tmp_path: Any) -> None:
    import keras

    front, tail = split_at(model, "start")
    activation = np.asarray(front(noise()))
    tail.save(tmp_path / "tail.keras")
    opened = keras.models.load_model(tmp_path / "tail.keras")
    np.testing.assert_allclose(np.asarray(opened(activation)), np.asarray(model(noise())), atol=1e-5)
    assert cuts(tail)[:2] == ("sum", "norm")
    model.save(tmp_path / "model.keras")
    whole = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(np.asarray(whole(noise())), np.asarray(model(noise())), atol=1e-5)


def test_the_front_of_a_front_and_the_tail_of_a_tail_are_right(model: Any) -> None:
    front, tail = split_at(model, "sum")
    first, second = split_at(front, "start")
    third, fourth = split_at(tail, "norm")
    given = np.asarray(fourth(third(second(first(noise())))))
    np.testing.assert_allclose(given, np.asarray(model(noise())), atol=1e-5)


@pytest.mark.parametrize(
    ("cut", "trained"),
    [
        (None, []),
        ("pixels", ["first", "left", "right", "inside", "last"]),
        ("start", ["left", "right", "inside", "last"]),
        ("norm", ["inside", "last"]),
        ("last", []),
    ],
)
def test_only_what_follows_the_cut_is_trainable_and_batch_norms_never(
    model: Any, cut: str | None, trained: list[str]
) -> None:
    assert train_only_after(model, cut) is model
    assert [layer.name for layer in model.layers if layer.trainable_weights] == trained


def test_batch_norms_keep_their_statistics_while_the_rest_is_trained(model: Any) -> None:
    train_only_after(model, "pixels")
    norm = model.get_layer("norm")
    before = [value.copy() for value in norm.get_weights()]
    model.compile("adam", "mse")
    model.train_on_batch(noise(), np.ones((2, 6, 6, 2), np.float32))
    for value, was in zip(norm.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, was)
