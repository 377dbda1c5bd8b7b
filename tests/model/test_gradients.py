"""Gradients inside any Keras model: flat, nested or with shortcuts, of its logits, on both backends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fieldguide.errors import InputError, InputTypeError
from fieldguide.model.gradients import activation_and_gradient, unrolled

pytestmark = [
    # Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.keras,
]

SIDE, UNITS = 8, 3
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (3, SIDE, SIDE, 3)).astype(np.uint8)


def body(name: str = "base") -> Any:
    """A small network with a shortcut, a batch norm that has seen something, and dropout; its output is a map."""
    import keras
    from keras import layers

    pixels = keras.Input((SIDE, SIDE, 3))
    first = layers.Conv2D(4, 3, padding="same", name="first")(layers.Rescaling(1 / 128, -1)(pixels))
    second = layers.Activation("tanh", name="second")(layers.BatchNormalization(name="norm")(first))
    third = layers.Add(name="third")([first, layers.Dropout(0.5)(second)])
    fourth = layers.Conv2D(5, 3, padding="same", activation="tanh", name="fourth")(third)
    model = keras.Model(pixels, fourth, name=name)
    model.get_layer("norm").set_weights([RNG.uniform(0.5, 2, 4), RNG.normal(size=4), RNG.normal(size=4), np.ones(4)])
    return model


def dense(ending: str) -> list[Any]:
    """Last layers that give probabilities, or logits."""
    from keras import layers

    if ending in ("softmax", "sigmoid", "linear"):
        return [layers.Dense(UNITS, activation=ending, name="head")]
    last = layers.Activation("softmax") if ending == "activation" else layers.Softmax()
    return [layers.Dense(UNITS, name="head"), last]


def whole(form: str, ending: str = "softmax") -> Any:
    """The same network and head put together in the ways that people do it."""
    import keras
    from keras import layers

    base, head = body(), dense(ending)
    pooling = layers.GlobalAveragePooling2D(name="pooling")
    if form == "sequential":
        return keras.Sequential([keras.Input((SIDE, SIDE, 3)), base, pooling, *head])
    if form == "deep":  # a model in a model in a model
        return keras.Sequential([keras.Input((SIDE, SIDE, 3)), keras.Sequential([base, pooling], name="body"), *head])
    if form == "flat":
        value = pooling(base.output)
        for layer in head:
            value = layer(value)
        return keras.Model(base.input, value)
    pixels = keras.Input((SIDE, SIDE, 3))
    value = pooling(base(pixels, training=False) * 1.0)
    for layer in head:
        value = layer(value)
    return keras.Model(pixels, value)


def logits(model: Any, pixels: np.ndarray) -> np.ndarray:
    """The logits by the layers' own weights: from the pooled last map."""
    import keras

    base = next((layer for layer in model.layers if layer.name in ("base", "body")), None)
    if base is None:
        base = keras.Model(model.input, model.get_layer("fourth").output)
    kernel, bias = model.get_layer("head").get_weights()
    maps = np.asarray(keras.ops.cast(base(pixels.astype(np.float32), training=False), "float32"))
    return (maps if maps.ndim == 2 else maps.mean(axis=(1, 2))) @ kernel + bias


@pytest.mark.parametrize(
    ("form", "layer"), [("flat", "second"), ("sequential", "fourth"), ("functional", "second"), ("deep", "second")]
)
def test_a_gradient_says_how_the_logit_changes(form: str, layer: str) -> None:
    """By central differences, in a random direction: of a layer with a shortcut around it, and of the last map."""
    import keras

    model = whole(form)
    path = unrolled(model).path(layer)
    assert path == {"flat": "", "deep": "body/base/"}.get(form, "base/") + layer
    activations, gradients = activation_and_gradient(model, PIXELS, layer=layer, output=1)
    assert activations.dtype == gradients.dtype == np.float32
    assert activations.shape == gradients.shape == (3, *((8, 8, 4) if layer == "second" else (8, 8, 5)))

    flat = unrolled(model)
    behind = keras.Model([flat.values[path], flat.pixels], flat.logits)
    direction = np.random.default_rng(1).normal(size=activations.shape).astype(np.float32)
    ends = [
        np.asarray(behind([activations + step * direction, PIXELS.astype(np.float32)], training=False))[:, 1]
        for step in (-0.01, 0.01)
    ]
    np.testing.assert_allclose((ends[1] - ends[0]) / 0.02, (gradients * direction).sum(axis=(1, 2, 3)), atol=2e-3)
    np.testing.assert_allclose(
        np.asarray(behind([activations, PIXELS.astype(np.float32)])), logits(model, PIXELS), atol=1e-4
    )


@pytest.mark.parametrize("ending", ["softmax", "sigmoid", "linear", "activation", "layer"])
def test_the_logit_counts_whatever_ends_the_model(ending: str) -> None:
    model = whole("sequential", ending)
    before = [weight.copy() for weight in model.get_weights()], model.get_config(), model(PIXELS.astype(np.float32))
    _, gradients = activation_and_gradient(model, PIXELS, layer="base", output=2)
    kernel = model.get_layer("head").get_weights()[0]
    np.testing.assert_allclose(gradients, np.broadcast_to(kernel[:, 2] / SIDE**2, gradients.shape), atol=1e-6)
    after = model.get_weights(), model.get_config(), model(PIXELS.astype(np.float32))
    assert all(np.array_equal(one, other) for one, other in zip(before[0], after[0], strict=True))
    assert before[1] == after[1]
    np.testing.assert_array_equal(np.asarray(before[2]), np.asarray(after[2]))


def test_a_compiled_model_stays_compiled_and_is_taken_too() -> None:
    model = whole("functional")
    model.compile("sgd", "sparse_categorical_crossentropy")
    activation_and_gradient(model, PIXELS, layer=None, output=0)
    assert model.compiled


def test_each_picture_may_have_an_output_of_its_own_and_no_batch_changes_it() -> None:
    from fieldguide.model import gradients as module

    pixels = np.tile(PIXELS, (7, 1, 1, 1))[: module.BATCH + 2]
    outputs = np.arange(len(pixels)) % UNITS
    model = whole("flat")
    activations, together = activation_and_gradient(model, pixels, layer="second", output=outputs)
    for row in (0, 1, len(pixels) - 1):
        one, alone = activation_and_gradient(model, pixels[[row]], layer="second", output=int(outputs[row]))
        np.testing.assert_allclose(one[0], activations[row], atol=1e-5)
        np.testing.assert_allclose(alone[0], together[row], atol=1e-6)


def test_the_default_is_the_last_layer_with_feature_maps() -> None:
    import keras
    from keras import layers

    assert unrolled(whole("deep")).path() == "body/base"
    pixels = keras.Input((SIDE, SIDE, 3))
    squeezed = layers.GlobalAveragePooling2D(keepdims=True)(layers.Conv2D(4, 3, name="last")(pixels))
    ended = keras.Model(pixels, layers.Dense(2)(layers.Flatten()(squeezed)))
    assert unrolled(ended).path() == "last"
    with pytest.raises(InputError, match="no layer with feature maps"):
        unrolled(keras.Sequential([keras.Input((4,)), layers.Dense(2)])).path()


def test_layers_that_cannot_be_meant_are_refused() -> None:
    import keras
    from keras import layers

    model = whole("sequential")
    with pytest.raises(InputError, match="no layer 'fourht': name one such as base/fourth"):
        unrolled(model).path("fourht")
    pixels = keras.Input((SIDE, SIDE, 3))
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    twice = layers.GlobalMaxPooling2D()(shared(shared(pixels)))
    with pytest.raises(InputError, match="'shared' is used more than once"):
        unrolled(keras.Model(pixels, layers.Dense(2)(twice))).path("shared")
    both = keras.Sequential([keras.Input((SIDE, SIDE, 3)), body("one"), layers.Conv2D(3, 1), body("two")])
    both.add(layers.GlobalAveragePooling2D())
    with pytest.raises(InputError, match="there are 2 layers 'fourth': name one of one/fourth, two/fourth"):
        unrolled(both).path("fourth")
    assert unrolled(both).path("two/fourth") == "two/fourth"


@pytest.mark.parametrize(
    ("pixels", "output", "said"),
    [
        (PIXELS[:, :4], 0, r"shape \(3, 4, 8, 3\); the model takes \(None, 8, 8, 3\)"),
        (PIXELS[:0], 0, "one picture or more"),
        (PIXELS, 3, "output is 3; the model has 3 of them, counted from 0"),
        (PIXELS, -1, "output is -1"),
        (PIXELS, np.zeros(2, int), "one for each of 3 pictures"),
        (PIXELS, 0.5, "expected a whole number"),
    ],
)
def test_pixels_and_outputs_that_do_not_fit_are_refused(pixels: np.ndarray, output: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        activation_and_gradient(whole("flat"), pixels, layer=None, output=output)


def test_models_that_cannot_be_looked_into_are_refused() -> None:
    import keras
    from keras import layers

    class Own(keras.Model):
        def call(self, inputs: Any) -> Any:
            return inputs

    with pytest.raises(InputTypeError, match="is a Own; expected a functional or sequential"):
        unrolled(Own())
    with pytest.raises(InputError, match="has not been built"):
        unrolled(keras.Sequential([layers.Dense(2)]))
    pixels = keras.Input((4,))
    with pytest.raises(InputError, match="1 inputs and 2 outputs"):
        unrolled(keras.Model(pixels, [layers.Dense(2)(pixels), layers.Dense(2)(pixels)]))
    with pytest.raises(InputError, match=r"shape \(None, 8, 8, 5\)"):
        unrolled(body())
