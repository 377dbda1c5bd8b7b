"""What every pretrained base keeps to, one small member of each family, with random weights on the smallest pictures.

Two families run each time, the others with `-m long`; how pixels are prepared is compared with Keras for all each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldguide.model.backbones import Backbone, backbone, names
from fieldguide.model.bases import base_model, weights_of
from fieldguide.model.blueprint import preprocessing_layers
from fieldguide.model.cuts import RGB_TO_BGR, cuts, split_at, train_only_after
from fieldguide.model.lite0 import lite0

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = [
    pytest.mark.keras,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

EACH_TIME = ("vgg16", "mobilenet_v2")
FAMILIES = (
    "efficientnet_lite0",
    "vgg16",
    "inception_v3",
    "inception_resnet_v2",
    "xception",
    "resnet50",
    "resnet50_v2",
    "mobilenet",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "densenet121",
    "nasnet_mobile",
    "efficientnet_b0",
    "efficientnet_v2_b0",
    "convnext_tiny",
)


def noise(spec: Backbone, count: int = 2) -> np.ndarray:
    side = spec.smallest_side
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3)).astype(np.float32)


def on_jax() -> bool:
    import keras

    return bool(keras.config.backend() == "jax")


def run(model: Any, values: np.ndarray) -> np.ndarray:
    """What a model gives: compiled as a whole only where single layers would be compiled too, which takes longer."""
    return np.asarray(model.predict_on_batch(values) if on_jax() else model(values))


def assert_close(given: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-4 * float(np.abs(expected).max()))


@pytest.fixture(
    scope="module",
    params=[name if name in EACH_TIME else pytest.param(name, marks=pytest.mark.long) for name in FAMILIES],
)
def built(request: pytest.FixtureRequest) -> Iterator[tuple[Backbone, Any]]:
    """A row of the table and its base."""
    spec = backbone(request.param)
    yield spec, base_model(spec.name, (spec.smallest_side, spec.smallest_side), weights="random")


def test_a_base_is_what_the_table_says(built: tuple[Backbone, Any]) -> None:
    import keras

    spec, base = built
    side = spec.smallest_side
    assert base.input_shape == (None, side, side, 3)
    assert base.output_shape[-1] == spec.features
    assert sum(value.size for value in weights_of(base).values()) == spec.parameters
    assert base.count_params() - spec.parameters in (0, 12)  # 12: the kernel and bias that make BGR of RGB
    assert base.get_layer(spec.cut).output.shape[-1] == spec.cut_shape[-1]
    assert base.trainable_variables == []
    assert not any(isinstance(layer, keras.Model) for layer in base.layers)
    assert {*spec.cuts} <= {*cuts(base)}
    assert cuts(base)[-1] == base.layers[-1].name


def test_the_parts_at_a_cut_give_what_the_whole_gives(built: tuple[Backbone, Any]) -> None:
    spec, base = built
    whole = run(base, noise(spec))
    assert np.abs(whole).max() > 0
    front, tail = split_at(base, spec.cut)
    assert_close(run(tail, run(front, noise(spec))), whole)
    assert {id(layer) for layer in tail.layers if layer.weights} < {id(layer) for layer in base.layers}


def test_a_step_of_training_changes_what_follows_the_cut_and_nothing_else(built: tuple[Backbone, Any]) -> None:
    import keras

    spec, base = built
    train_only_after(base, spec.cut)
    _, tail = split_at(base, spec.cut)
    assert {id(each) for each in base.trainable_variables} == {id(each) for each in tail.trainable_variables}
    most = float(np.abs(run(base, noise(spec))).max())
    small = keras.layers.Rescaling(1 / most, name="small")(base.output)  # so that no loss saturates
    pooled = keras.layers.GlobalAveragePooling2D()(small)
    model = keras.Model(base.input, keras.layers.Dense(2, activation="softmax")(pooled))
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", run_eagerly=not on_jax())
    before = weights_of(base)
    model.train_on_batch(noise(spec), np.array([0, 1]))
    after = weights_of(base)
    trained = {f"{layer.name}/" for layer in base.layers if layer.trainable_weights}
    assert trained
    for path, value in after.items():
        changed = not np.array_equal(value, before[path])
        assert changed == any(path.startswith(layer) for layer in trained), path
    train_only_after(base, None)


def test_a_saved_base_opens_in_keras_alone_and_gives_the_same(built: tuple[Backbone, Any], tmp_path: Path) -> None:
    import keras

    spec, base = built
    path = tmp_path / "base.keras"
    base.save(path)
    opened = keras.models.load_model(path)
    assert [layer.name for layer in opened.layers] == [layer.name for layer in base.layers]
    assert_close(run(opened, noise(spec)), run(base, noise(spec)))
    same = base_model(spec.name, (spec.smallest_side,) * 2, weights=path, seed=1)
    for name, value in weights_of(same).items():
        np.testing.assert_array_equal(value, weights_of(base)[name])


@pytest.mark.long
def test_a_base_gives_what_its_own_network_gives(built: tuple[Backbone, Any]) -> None:
    """That of keras.applications, or of the bundled base that of `lite0`."""
    import keras

    spec, base = built
    if not spec.module:
        whole = lite0((spec.smallest_side, spec.smallest_side))
        own = keras.Model(whole.input, whole.get_layer("top_activation").output)
        for layer, other in zip(weighted(own), weighted(base), strict=True):
            layer.set_weights(other.get_weights())
        assert_close(run(base, noise(spec)), run(own, noise(spec)))
        return
    keras_side = (spec.smallest_side, spec.smallest_side, 3)
    theirs = getattr(keras.applications, spec.title)(include_top=False, weights=None, input_shape=keras_side)
    ours = [layer for layer in base.layers if layer.weights and layer.name != RGB_TO_BGR]
    for own, other in zip(ours, weighted(theirs), strict=True):
        other.set_weights(own.get_weights())
        if isinstance(other, keras.layers.Normalization):
            mean, variance, count = other.get_weights()
            # Keras divides by the deviation's root again, but only in networks with its own weights.
            other.set_weights([mean, variance * np.array([0.229, 0.224, 0.225], np.float32), count])
            other.finalize_state()
    prepare = getattr(keras.applications, spec.module).preprocess_input
    assert_close(run(base, noise(spec)), run(theirs, prepare(noise(spec))))


def weighted(model: Any) -> Iterator[Any]:
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from weighted(layer)
        elif layer.weights:
            yield layer


@pytest.mark.parametrize("name", [name for name in names() if backbone(name).module])
def test_pixels_are_prepared_as_keras_prepares_them(name: str) -> None:
    import keras

    spec = backbone(name)
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 4, 5, 3)).astype(np.float32)
    expected = getattr(keras.applications, spec.module).preprocess_input(pixels.copy())
    given: Any = pixels
    for layer in preprocessing_layers(spec):
        given = layer(given)
    np.testing.assert_allclose(np.asarray(given), expected, atol=1e-4 if spec.kind == "caffe" else 1e-5)
