"""The fast forward pass of networks trained from scratch: equal to Keras, and the same bits in any batch."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from small_nets import EVERY, SIDE, SMALL, noise, trained

from fieldguide.errors import InputError
from fieldguide.model.engine import Engine, NetEngine
from fieldguide.model.layers import Layer, output_shapes, weight_shapes
from fieldguide.model.net_graph import net_graphs
from fieldguide.model.nets import Net
from fieldguide.model.runners import ROWS_PER_TURN, lite_runners, litert_available

needs_litert = pytest.mark.skipif(not litert_available(), reason="ai-edge-litert cannot be imported here")
CLASSES = (2, 3)


def equal_to_keras(net: Net, classes: int) -> None:
    from fieldguide.model.build import classifier_model

    weights, head = trained(net, classes)
    pixels = noise(4, net.target_size)
    found = head.probabilities(NetEngine(net, weights, threads=1).features(pixels))
    expected = np.asarray(classifier_model(head, net.target_size, weights, net=net)(pixels.astype(np.float32)))
    np.testing.assert_allclose(found[:, 1:] if classes == 2 else found, expected, atol=1e-4)
    assert np.ptp(found[:, 0]) > 1e-3  # the pictures are told apart: the comparison means something


@needs_litert
@pytest.mark.keras
@pytest.mark.parametrize(("name", "classes"), [*zip(SMALL, CLASSES * len(SMALL), strict=False)])
def test_probabilities_equal_those_of_keras(name: str, classes: int) -> None:
    equal_to_keras(SMALL[name], classes)


@needs_litert
@pytest.mark.keras
@pytest.mark.long
@pytest.mark.parametrize(("name", "classes"), [*zip(EVERY, CLASSES * len(EVERY), strict=False)])
def test_probabilities_of_every_network_equal_those_of_keras(name: str, classes: int) -> None:
    equal_to_keras(EVERY[name], classes)


@needs_litert
@pytest.mark.keras
@pytest.mark.parametrize("size", [(61, 97), (96, 99), (16, 23)])
@pytest.mark.parametrize("family", ["classic", "residual"])
def test_odd_sizes_are_padded_as_in_keras(family: str, size: tuple[int, int]) -> None:
    if family == "classic" and size[0] < 22:
        size = (22, 23)
    equal_to_keras(Net(family, "tiny", target_size=size), 2)


@pytest.mark.parametrize(
    "runtime", [pytest.param("litert", marks=needs_litert), pytest.param("keras", marks=pytest.mark.keras)]
)
@pytest.mark.parametrize("family", ["plain", "classic"])
def test_a_mirrored_network_averages_what_it_finds_in_both_directions(family: str, runtime: str) -> None:
    net = Net(family, "tiny", target_size=SIDE)
    weights, _ = trained(net)
    pixels = noise(11)
    once = NetEngine(net, weights, runtime=runtime)
    one, other = once.features(pixels), once.features(np.ascontiguousarray(pixels[:, :, ::-1]))
    assert not np.allclose(one, other, atol=1e-3)
    both = NetEngine(replace(net, mirrored=True), weights, runtime=runtime)
    np.testing.assert_allclose(both.features(pixels), (one + other) / 2, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(both.features(pixels[:, :, ::-1]), both.features(pixels), rtol=1e-5, atol=1e-6)


# Every kind of layer, also those that no family of ours has: a squeeze-and-excitation block between depthwise ones, and
# batch norm before its activation and convolution, where it cannot be folded.
VOCABULARY = (
    Layer("pixels", "pixels"),
    Layer("rescale", "rescaling", ("pixels",), scale=1 / 128, zero_point=127),
    Layer("conv", "stem", ("rescaling",), 8, 3, 2),
    Layer("norm", "stem_norm", ("stem",)),
    Layer("hard_swish", "stem_act", ("stem_norm",)),
    Layer("dwconv", "deep", ("stem_act",), kernel=5, stride=2),
    Layer("norm", "deep_norm", ("deep",)),
    Layer("swish", "deep_act", ("deep_norm",)),
    Layer("squeeze", "squeeze", ("deep_act",)),
    Layer("conv", "less", ("squeeze",), 4, bias=True),
    Layer("relu", "less_relu", ("less",)),
    Layer("conv", "more", ("less_relu",), 8, bias=True),
    Layer("sigmoid", "gate", ("more",)),
    Layer("multiply", "gated", ("deep_act", "gate")),
    Layer("norm", "before", ("gated",)),
    Layer("relu", "before_relu", ("before",)),
    Layer("dwconv", "valid", ("before_relu",), kernel=3, padding="valid", bias=True),
    Layer("norm", "valid_norm", ("valid",)),
    Layer("relu", "valid_relu", ("valid_norm",)),
    Layer("conv", "side", ("before_relu",), 8, 3, padding="valid"),
    Layer("norm", "side_norm", ("side",)),
    Layer("add", "sum", ("valid_relu", "side_norm")),
    Layer("relu", "sum_relu", ("sum",)),
    Layer("multiply", "twice", ("sum", "sum_relu")),  # so the ReLU must not go into the sum
    Layer("average_pool", "average", ("twice",), kernel=3, stride=2),
    Layer("max_pool", "largest", ("average",), kernel=3, stride=2),
    Layer("spatial_dropout", "spatial", ("largest",), rate=0.5),
    Layer("flatten", "flat", ("spatial",)),
    Layer("dropout", "dropped", ("flat",), rate=0.5),
    Layer("dense", "wide", ("dropped",), 12, bias=True),
    Layer("relu", "wide_relu", ("wide",)),
    Layer("dense", "last", ("wide_relu",), 5),
)


@needs_litert
@pytest.mark.keras
def test_every_kind_of_layer_is_as_in_keras() -> None:
    import keras

    from fieldguide.model.build import _Factory, _run, set_body_weights

    size = (45, 70)
    rng = np.random.default_rng(0)
    weights = {}
    for name, shape in weight_shapes(VOCABULARY, output_shapes(VOCABULARY, size)).items():
        positive = name.endswith(("gamma", "variance"))
        drawn = rng.uniform(0.5, 2, shape) if positive else rng.normal(0, 0.3, shape)
        weights[name] = drawn.astype(np.float32)
    model = keras.Model(*_run(VOCABULARY, size, _Factory(0.0, 0, "float32", training=False)))
    set_body_weights(model, weights)
    pixels = noise(3, size)
    expected = np.asarray(model(pixels.astype(np.float32)))
    assert expected.std() > 0.1
    runners = lite_runners(net_graphs(VOCABULARY, size, weights, rows=ROWS_PER_TURN), 1)
    found = Engine(size, 5, "litert", runners).features(pixels)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * expected.std())


@needs_litert
@pytest.mark.parametrize("name", ["classic-small-plain", "residual-tiny-plain", "classic-tiny-all"])
def test_a_picture_gives_the_same_bits_in_any_batch_and_on_any_number_of_threads(name: str) -> None:
    net = EVERY[name]
    weights, _ = trained(net)
    pixels = noise(21)
    single = NetEngine(net, weights, threads=1)
    features = single.features(pixels)
    assert features.shape == (21, net.features)
    assert features.dtype == np.float32
    assert np.array_equal(np.concatenate([single.features(pixels[row : row + 1]) for row in range(21)]), features)
    several = NetEngine(net, weights, threads=3)
    assert several.threads == 3
    assert np.array_equal(several.features(pixels[::-1])[::-1], features)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(several.features, [pixels] * 4):
            assert np.array_equal(found, features)
    assert several.features(pixels[:0]).shape == (0, net.features)


@pytest.mark.keras
@pytest.mark.parametrize("name", ["classic-tiny-grey", "residual-tiny-plain"])
def test_the_way_without_litert_gives_the_same(name: str) -> None:
    net = SMALL[name]
    weights, head = trained(net)
    slow = NetEngine(net, weights, runtime="keras")
    assert (slow.runtime, slow.threads) == ("keras", 1)
    pixels = noise(11)
    features = slow.features(pixels)
    np.testing.assert_allclose(slow.features(pixels[8:]), features[8:], atol=1e-5)
    if litert_available():
        fast = NetEngine(net, weights).features(pixels)
        np.testing.assert_allclose(head.probabilities(fast), head.probabilities(features), atol=1e-4)


@needs_litert
def test_it_needs_neither_keras_nor_tensorflow_and_says_nothing() -> None:
    script = (
        "import sys, numpy as np\n"
        "from fieldguide.model.engine import NetEngine\n"
        "from fieldguide.model.nets import Net\n"
        "from fieldguide.model.parameters import initial_weights\n"
        "net = Net(target_size=(32, 32))\n"
        "weights = initial_weights(net, 1, 0)\n"
        "body = {name: weights[name] for name in net.body_shapes}\n"
        "NetEngine(net, body).features(np.zeros((1, 32, 32, 3), np.uint8))\n"
        "print('kept', file=sys.stderr)\n"
        "sys.exit(' '.join({'keras', 'tensorflow', 'jax'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr.strip()) == ("", "kept")


def test_what_does_not_fit_is_refused() -> None:
    net = SMALL["classic-tiny-plain"]
    weights, _ = trained(net)
    with pytest.raises(InputError, match="threads=0 is too few"):
        NetEngine(net, weights, threads=0)
    with pytest.raises(InputError, match="runtime='onnx' is unknown"):
        NetEngine(net, weights, runtime="onnx")
    with pytest.raises(InputError, match="stem/kernel is missing from the weights"):
        NetEngine(
            SMALL["residual-tiny-plain"],
            {name: value for name, value in trained(SMALL["residual-tiny-plain"])[0].items() if name != "stem/kernel"},
        )
    with pytest.raises(InputError, match=rf"it expects uint8 \(n, {SIDE[0]}, {SIDE[1]}, 3\)"):
        NetEngine(net, weights, threads=1).features(noise(1, (48, 48)))
