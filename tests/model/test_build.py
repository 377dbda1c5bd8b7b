"""The Keras model of a classifier: the backbone's own layers, and a last layer that ends in probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from fieldguide.model.build import classifier_model
from fieldguide.model.head import Head, units_for
from fieldguide.model.lite0 import read_weights

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = [
    pytest.mark.keras,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

SIDE = (32, 48)


def head(classes: int) -> Head:
    rng = np.random.default_rng(classes)
    units = units_for(classes)
    return Head(rng.normal(0, 0.1, (1280, units)).astype(np.float32), rng.normal(0, 1, units).astype(np.float32))


@pytest.mark.parametrize(("classes", "activation", "units"), [(2, "sigmoid", 1), (3, "softmax", 3), (7, "softmax", 7)])
def test_the_last_layer_is_the_head(classes: int, activation: str, units: int) -> None:
    model = classifier_model(head(classes), SIDE, None)
    assert model.input_shape == (None, 32, 48, 3)
    assert model.output_shape == (None, units)
    last = model.layers[-1]
    assert (last.name, last.get_config()["activation"]) == ("probabilities", activation)
    for given, expected in zip(last.get_weights(), (head(classes).kernel, head(classes).bias), strict=True):
        np.testing.assert_array_equal(given, expected)


@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_are_those_of_the_head_on_the_features(classes: int) -> None:
    import keras

    model = classifier_model(head(classes), SIDE, None)
    pixels = np.random.default_rng(0).integers(0, 256, (3, *SIDE, 3)).astype(np.float32)
    features = np.asarray(keras.Model(model.input, model.layers[-1].input)(pixels))
    expected = head(classes).probabilities(features)
    np.testing.assert_allclose(expected.sum(axis=1), 1, rtol=1e-5)
    given = np.asarray(model(pixels))
    np.testing.assert_allclose(given, expected[:, 1:] if classes == 2 else expected, atol=1e-5)


def test_the_layers_of_the_backbone_are_its_own_and_scaling_comes_first() -> None:
    import keras

    model = classifier_model(head(2), SIDE, None)
    assert [type(layer).__name__ for layer in model.layers[:2]] == ["InputLayer", "Rescaling"]
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)
    assert {"stem_conv", "block6a_project_bn", "top_activation"} <= {layer.name for layer in model.layers}


def test_given_weights_take_the_place_of_the_bundled_ones() -> None:
    weights = read_weights()
    weights["stem_conv/kernel"] = weights["stem_conv/kernel"] * 2
    found = classifier_model(head(2), SIDE, weights).get_layer("stem_conv").get_weights()[0]
    np.testing.assert_array_equal(found, weights["stem_conv/kernel"])


def test_a_cooled_head_divides_the_logits() -> None:
    plain, features = head(3), np.random.default_rng(0).normal(0, 1, (4, 1280)).astype(np.float32)
    np.testing.assert_allclose(plain.cooled(2.5).logits(features), plain.logits(features) / 2.5, rtol=1e-4, atol=1e-5)
