"""Keras models of networks trained from scratch: as described, from a seed alone, and ready for training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_nets import EVERY, SIDE, SMALL, noise, trained

from fieldguide.calibration import softmax
from fieldguide.errors import InputError
from fieldguide.model.build import (
    body_weights,
    classifier_model,
    dropout_seeds,
    head_of,
    scratch_model,
    set_body_weights,
)
from fieldguide.model.layers import KERAS_CLASSES, without_dropout
from fieldguide.model.nets import FAMILIES, Net
from fieldguide.model.parameters import initial_weights

pytestmark = pytest.mark.keras


def layer_class(layer: object) -> str:
    """The name of a layer's class in Keras; in training its batch norm is our own."""
    return type(layer).__name__.removeprefix("Fused")


def as_described(net: Net, units: int) -> None:
    """Compares the Keras model with what the record says of it."""
    import keras

    model = scratch_model(net, units, seed=1)
    assert model.input_shape == (None, *(net.target_size if net.pooling == "flatten" else (None, None)), 3)
    assert model.output_shape == (None, units)
    assert model.count_params() == net.parameters(units)
    made = [model.get_layer(layer.name) for layer in net.layers]
    assert [layer_class(layer) for layer in made] == [KERAS_CLASSES[layer.kind] for layer in net.layers]
    outputs = keras.Model(model.input, [layer.output for layer in made])(noise(1, net.target_size).astype(np.float32))
    shapes = {layer.name: tuple(output.shape[1:]) for layer, output in zip(made, outputs, strict=True)}
    assert shapes == net.output_shapes
    assert len(model.layers) == len(net.layers) + 1
    counted = 0
    for layer in model.layers:
        if kernel := [tuple(weight.shape) for weight in layer.weights if weight.name == "kernel"]:
            counted += int(np.prod(shapes.get(layer.name, ())[:-1], dtype=int) * np.prod(kernel[0]))
    assert counted == net.multiply_adds(units)


@pytest.mark.parametrize(("name", "units"), [*zip(SMALL, [1, 3] * len(SMALL), strict=False)])
def test_the_model_is_as_described(name: str, units: int) -> None:
    as_described(SMALL[name], units)


@pytest.mark.long
@pytest.mark.parametrize("name", EVERY)
def test_every_model_is_as_described(name: str) -> None:
    as_described(EVERY[name], 1)


def test_the_courses_network_has_the_courses_parameters() -> None:
    model = scratch_model(Net("classic", "small", target_size=(150, 150)), 1, seed=0)
    assert model.count_params() == 9_494_561
    assert [type(layer).__name__ for layer in model.layers if layer.weights] == ["Conv2D"] * 3 + ["Dense"] * 2


# The start


@pytest.mark.parametrize("family", FAMILIES)
def test_the_weights_at_the_start_are_those_of_the_seed_whatever_keras_drew_before(family: str) -> None:
    import keras

    net = Net(family, "tiny", target_size=SIDE, grayscale=True)
    keras.random.uniform((3,))
    model = scratch_model(net, 3, seed=5)
    expected = initial_weights(net, 3, 5)
    head = head_of(model)
    np.testing.assert_array_equal(head.kernel, expected.pop("probabilities/kernel"))
    np.testing.assert_array_equal(head.bias, expected.pop("probabilities/bias"))
    found = body_weights(model)
    assert set(found) == set(expected)
    for name, value in found.items():
        np.testing.assert_array_equal(value, expected[name])


def test_building_a_model_leaves_the_global_generator_alone() -> None:
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    scratch_model(SMALL["residual-tiny-dropped"], 1, seed=0)
    np.testing.assert_equal(np.random.get_state(legacy=False), before)  # noqa: NPY002


@pytest.mark.parametrize("family", FAMILIES)
def test_pixels_come_in_as_they_are(family: str) -> None:
    model = scratch_model(Net(family, "tiny", target_size=SIDE), 1, seed=0)
    pixels = noise(3)
    logits = np.asarray(model(pixels.astype(np.float32)))
    np.testing.assert_allclose(np.asarray(model(pixels)), logits, atol=1e-5)
    scaled = np.asarray(model.get_layer("rescaling")(np.array([0.0, 127.0, 255.0], np.float32)))
    expected = {
        "classic": [0, 127 / 255, 1],
        "plain": [-2, -1 / 64, 127 / 64],
        "residual": [-127 / 128, 0, 1],
    }[family]
    np.testing.assert_allclose(scaled, expected, atol=1e-6)
    assert logits.std() > 0.01  # neither dead nor exploding
    assert np.abs(logits).max() < 100


def test_grey_pictures_are_grey_as_television_has_it() -> None:
    import keras

    model = scratch_model(Net("classic", "tiny", target_size=SIDE, grayscale=True), 1, seed=0)
    grey = keras.Model(model.input, model.get_layer("grey").output)
    pixels = noise(2)
    expected = (0.299 * pixels[..., 0] + 0.587 * pixels[..., 1] + 0.114 * pixels[..., 2]) / 255
    np.testing.assert_allclose(np.asarray(grey(pixels))[..., 0], expected, atol=1e-6)
    assert not any(weight.path.startswith("grey") for weight in model.trainable_weights)


# Training


def test_dropout_acts_in_training_only_and_depends_on_its_state_alone() -> None:
    net = Net("residual", "tiny", target_size=SIDE, dropout=0.5, block_dropout=0.3)
    model = scratch_model(net, 1, seed=2)
    seeds = dropout_seeds(model)
    assert len(seeds) == 4
    start = [np.asarray(seed.state) for seed in seeds]
    assert len({tuple(state.ravel().tolist()) for state in start}) == 4
    pixels = noise(4).astype(np.float32)
    still = np.asarray(model(pixels))
    np.testing.assert_array_equal(np.asarray(model(pixels, training=False)), still)
    first = np.asarray(model(pixels, training=True))
    second = np.asarray(model(pixels, training=True))
    assert np.abs(first - second).max() > 1e-3
    for seed, state in zip(seeds, start, strict=True):
        seed.state.assign(state)
    again = scratch_model(net, 1, seed=2)
    np.testing.assert_array_equal(np.asarray(again(pixels, training=True)), first)
    for seed, state in zip(dropout_seeds(again), start, strict=True):
        assert not np.array_equal(np.asarray(seed.state), state)
    other = scratch_model(net, 1, seed=3)
    assert not np.array_equal(np.asarray(dropout_seeds(other)[0].state), start[0])


def test_the_penalty_is_that_of_all_kernels_and_of_nothing_else() -> None:
    net = Net("residual", "tiny", target_size=SIDE, grayscale=True, l2=0.01)
    model = scratch_model(net, 1, seed=0)
    weights = {**body_weights(model), "logits/kernel": head_of(model).kernel}
    kernels = [value for name, value in weights.items() if name.endswith("/kernel") and name != "grey/kernel"]
    assert float(sum(model.losses)) == pytest.approx(0.01 * sum(float((value**2).sum()) for value in kernels), rel=1e-4)
    assert len(model.losses) == len(kernels)
    assert not scratch_model(Net("residual", "tiny", target_size=SIDE), 1, seed=0).losses


@pytest.mark.long
@pytest.mark.parametrize("name", ["classic-tiny-dropped", "residual-tiny-plain"])
def test_it_learns(name: str) -> None:
    import keras

    model = scratch_model(SMALL[name], 1, seed=0)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 32)
    pixels = (noise(32) // 2 + 100 * labels[:, None, None, None].astype(np.uint8)).astype(np.float32)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, jit_compile=False)
    before = body_weights(model)
    first = model.evaluate(pixels, labels, verbose=0)
    model.fit(pixels, labels, epochs=12, batch_size=16, verbose=0, shuffle=False)
    assert model.evaluate(pixels, labels, verbose=0) < 0.7 * first
    assert all(not np.array_equal(value, before[key]) for key, value in body_weights(model).items())


def test_half_precision_keeps_weights_and_logits_whole() -> None:
    net = SMALL["residual-tiny-plain"]
    whole, half = (scratch_model(net, 1, seed=0, precision=name) for name in ("float32", "mixed_bfloat16"))
    assert half.get_layer("stem").compute_dtype == "bfloat16"
    assert half.get_layer("rescaling").compute_dtype == "float32"
    assert half.output.dtype == "float32"
    assert {str(weight.dtype) for weight in half.weights} == {"float32"}
    pixels = noise(4).astype(np.float32)
    np.testing.assert_allclose(np.asarray(half(pixels)), np.asarray(whole(pixels)), atol=0.1)
    with pytest.raises(InputError, match="precision is 'int8'; expected one of float32, mixed_bfloat16"):
        scratch_model(net, 1, seed=0, precision="int8")
    with pytest.raises(InputError, match="units is 0; expected 1 for two classes, or one for each class"):
        scratch_model(net, 0, seed=0)


# Weights in and out


@pytest.mark.parametrize("name", ["classic-tiny-all", "residual-tiny-dropped"])
def test_weights_go_in_and_out_unchanged_and_are_copies(name: str) -> None:
    weights, _ = trained(SMALL[name])
    model = scratch_model(SMALL[name], 1, seed=0)
    head = head_of(model)
    set_body_weights(model, weights)
    found = body_weights(model)
    assert set(found) == set(weights) == set(SMALL[name].body_shapes)
    for key, value in found.items():
        np.testing.assert_array_equal(value, weights[key])
        value[...] = 7
    assert max(value.max() for value in body_weights(model).values()) < 7
    np.testing.assert_array_equal(head_of(model).kernel, head.kernel)
    with pytest.raises(InputError, match="more/kernel is no weight of the network"):
        set_body_weights(model, {**weights, "more/kernel": np.zeros(1)})


# The finished classifier


@pytest.mark.parametrize(("name", "classes"), [("classic-tiny-dropped", 2), ("residual-tiny-all", 3)])
def test_the_finished_classifier_has_no_dropout_and_the_same_answers(name: str, classes: int, tmp_path: Path) -> None:
    import keras

    net = SMALL[name]
    weights, head = trained(net, classes)
    model = scratch_model(net, head.kernel.shape[1], seed=0)
    set_body_weights(model, weights)
    model.get_layer("logits").set_weights([head.kernel, head.bias])
    finished = classifier_model(head, net.target_size, weights, net=net)
    assert not dropout_seeds(finished)
    assert not finished.losses
    kept = {layer.name for layer in without_dropout(net.layers)}
    assert {layer.name for layer in finished.layers} == {*kept, "probabilities"}
    pixels = noise(3).astype(np.float32)
    logits = np.asarray(model(pixels))
    given = np.asarray(finished(pixels))
    expected = softmax(logits).astype(np.float32)
    expected = expected[:, 1:] if classes == 2 else expected
    np.testing.assert_allclose(given, expected, atol=1e-5)
    finished.save(tmp_path / "finished.keras")
    again = keras.models.load_model(tmp_path / "finished.keras")
    np.testing.assert_allclose(np.asarray(again(pixels)), given, atol=1e-6)


def test_a_body_without_its_weights_is_refused() -> None:
    net = SMALL["classic-tiny-plain"]
    _, head = trained(net)
    with pytest.raises(InputError, match="conv1/bias is missing from the weights"):
        classifier_model(head, net.target_size, None, net=net)
