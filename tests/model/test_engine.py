"""The fast forward pass: equal to Keras and to an independent implementation, and the same whatever the batch."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fieldguide.errors import InputError
from fieldguide.model.backbones import backbone
from fieldguide.model.engine import DEFAULT_CUT, LiteEngine
from fieldguide.model.lite0 import CUTS, read_weights
from fieldguide.model.runners import litert_available

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "lite0_features.npz"
SIZES = ((96, 128), (97, 161))
SMALL = (64, 64)

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
needs_litert = pytest.mark.skipif(not litert_available(), reason="ai-edge-litert cannot be imported here")


def noise(count: int, size: tuple[int, int] = SMALL, seed: int = 0) -> np.ndarray:
    """Random uint8 pixels."""
    return np.random.default_rng(seed).integers(0, 256, (count, *size, 3), dtype=np.uint8)


@needs_litert
@pytest.mark.parametrize("size", SIZES)
def test_features_equal_an_independent_implementation(size: tuple[int, int]) -> None:
    with np.load(GOLDEN) as golden:
        pixels, expected = golden[f"pixels_{size[0]}x{size[1]}"], golden[f"features_{size[0]}x{size[1]}"]
    features = LiteEngine(target_size=size).features(pixels)
    assert expected.max() > 2
    np.testing.assert_allclose(features, expected, atol=1e-4)


@needs_litert
@pytest.mark.keras
@pytest.mark.parametrize("size", [SMALL, (97, 161)])
def test_features_and_cut_equal_those_of_keras(size: tuple[int, int]) -> None:
    import keras

    from fieldguide.model import lite0

    cuts = (CUTS[0], DEFAULT_CUT, "block6c_add")
    model = lite0.load_weights(lite0.lite0(size))
    every = keras.Model(model.input, [model.output, *(model.get_layer(cut).output for cut in cuts)])
    pixels = noise(2, size)
    expected, *activations = every(pixels.astype(np.float32))
    for cut, activation in zip(cuts, activations, strict=True):
        features, found = LiteEngine(target_size=size, cut=cut).features_and_cut(pixels)
        np.testing.assert_allclose(features, np.asarray(expected), atol=1e-3)
        np.testing.assert_allclose(found, np.asarray(activation), atol=1e-3)


@needs_litert
@pytest.mark.keras
def test_weights_of_a_trained_model_run_the_same_way() -> None:
    from fieldguide.model import lite0

    model = lite0.load_weights(lite0.lite0(SMALL))
    rng = np.random.default_rng(1)
    changed = {
        name: value * rng.uniform(0.9, 1.1, value.shape).astype(np.float32) for name, value in read_weights().items()
    }
    lite0.load_weights(model, changed)
    pixels = noise(2)
    features = LiteEngine(lite0.weights_of(model), SMALL).features(pixels)
    np.testing.assert_allclose(features, np.asarray(model(pixels.astype(np.float32))), atol=1e-3)
    assert np.abs(features - LiteEngine(target_size=SMALL).features(pixels)).max() > 0.1


@needs_litert
def test_a_picture_gives_the_same_bits_in_any_batch_and_on_any_number_of_threads(tmp_path: Path) -> None:
    pixels = noise(21)
    engine = LiteEngine(target_size=SMALL, threads=1)
    features, activation = engine.features_and_cut(pixels)
    assert np.array_equal(np.concatenate([engine.features(pixels[row : row + 1]) for row in range(21)]), features)
    several = LiteEngine(target_size=SMALL, threads=3)
    for _ in range(3):
        again, again_activation = several.features_and_cut(pixels)
        assert np.array_equal(again, features)
        assert np.array_equal(again_activation, activation)
    kept = np.memmap(tmp_path / "pixels", np.uint8, "w+", shape=pixels.shape)
    kept[:] = pixels
    assert np.array_equal(several.features(kept[5:14]), features[5:14])


@needs_litert
def test_one_engine_serves_several_threads_at_once() -> None:
    engine = LiteEngine(target_size=SMALL, threads=2)
    batches = [noise(9, seed=seed) for seed in range(6)]
    expected = [engine.features(batch) for batch in batches]
    with ThreadPoolExecutor(6) as pool:
        for found, wanted in zip(pool.map(engine.features, batches), expected, strict=True):
            assert np.array_equal(found, wanted)


@pytest.mark.keras
def test_the_way_without_litert_gives_the_same() -> None:
    engine = LiteEngine(target_size=SMALL, runtime="keras")
    assert (engine.runtime, engine.threads) == ("keras", 1)
    pixels = noise(11)
    features, activation = engine.features_and_cut(pixels)
    np.testing.assert_allclose(engine.features(pixels[8:]), features[8:], atol=1e-5)
    assert len(np.unique(features.round(3), axis=0)) == 11  # no row was given twice
    if litert_available():
        expected, expected_activation = LiteEngine(target_size=SMALL).features_and_cut(pixels)
        np.testing.assert_allclose(features, expected, atol=1e-3)
        np.testing.assert_allclose(activation, expected_activation, atol=1e-3)


def test_no_pictures_give_no_features() -> None:
    features, activation = LiteEngine(target_size=SMALL).features_and_cut(noise(0))
    assert features.shape == (0, 1280)
    assert activation.shape == (0, 2, 2, 192)


@needs_litert
def test_it_needs_neither_keras_nor_tensorflow_and_says_nothing() -> None:
    script = (
        "import sys, numpy as np\n"
        "from fieldguide.model.engine import LiteEngine\n"
        "LiteEngine(target_size=(32, 32)).features(np.zeros((1, 32, 32, 3), np.uint8))\n"
        "print('kept', file=sys.stderr)\n"
        "sys.exit(' '.join({'keras', 'tensorflow', 'jax'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr.strip()) == ("", "kept")


def test_the_cut_has_the_shape_in_the_table() -> None:
    spec = backbone("efficientnet_lite0")
    engine = LiteEngine(threads=1)
    assert (engine.target_size, engine.cut, engine.cut_shape) == (spec.target_size, spec.cut, spec.cut_shape)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cut": "block9"}, "'block9' does not end a block"),
        ({"target_size": (31, 224)}, r"target_size=\(31, 224\) is out of range"),
        ({"threads": 0}, "threads=0 is too few"),
        ({"runtime": "onnx"}, "runtime='onnx' is unknown"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LiteEngine(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("pixels", [noise(1).astype(np.float32), noise(1)[..., :2], noise(1)[0], noise(1, (64, 63))])
def test_pixels_that_do_not_fit_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"it expects uint8 \(n, 64, 64, 3\)"):
        LiteEngine(target_size=SMALL, threads=1).features(pixels)
