"""The bundled network: the right one, the right weights, and batch norm that stays in inference mode.

`tests/golden/lite0_features.npz` holds drawn pictures and the features that timm's implementation of the network, on
PyTorch and with the weights as stored here, gives for them; `scripts/verify_lite0.py --golden` writes it again.
"""

from __future__ import annotations

import importlib.util
import io
import json
import pickle
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from fieldguide.errors import InputError, ModelError
from fieldguide.model import lite0
from fieldguide.model.backbones import backbone, names
from fieldguide.model.cuts import split_at, train_only_after

REPOSITORY = Path(__file__).resolve().parents[2]
GOLDEN = REPOSITORY / "tests" / "golden" / "lite0_features.npz"
SIZES = ((96, 128), (97, 161))  # the second leaves odd rows and columns at every stride
SMALL = (64, 64)
CUT = backbone("efficientnet_lite0").cut

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture(scope="module")
def convert() -> ModuleType:
    """The conversion script as a module."""
    spec = importlib.util.spec_from_file_location("convert_lite0", REPOSITORY / "scripts" / "convert_lite0.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def noise(count: int, size: tuple[int, int] = SMALL, seed: int = 0) -> np.ndarray:
    """Random pixels as float32, what a Keras model takes."""
    return np.random.default_rng(seed).integers(0, 256, (count, *size, 3)).astype(np.float32)


# The network


@pytest.mark.keras
@pytest.mark.parametrize("size", SIZES)
def test_features_equal_an_independent_implementation(size: tuple[int, int]) -> None:
    with np.load(GOLDEN) as golden:
        pixels, expected = golden[f"pixels_{size[0]}x{size[1]}"], golden[f"features_{size[0]}x{size[1]}"]
    model = lite0.load_weights(lite0.lite0(size))
    features = np.asarray(model(pixels.astype(np.float32)))
    assert expected.max() > 2  # the pictures excite the network: the comparison means something
    np.testing.assert_allclose(features, expected, atol=1e-4)


@pytest.mark.keras
def test_strides_pad_below_and_on_the_right_only() -> None:
    model = lite0.lite0((8, 8))
    pick_first = np.zeros((3, 3, 3, 32), np.float32)
    pick_first[0, 0, 0, 0] = 1  # each output is the first pixel under its window: padding above would give zeros
    layer = model.get_layer("stem_conv")
    layer.set_weights([pick_first])
    pixels = noise(1, (8, 8)) + 1
    assert np.array_equal(np.asarray(layer(pixels))[0, :, :, 0], pixels[0, ::2, ::2, 0])


@pytest.mark.keras
def test_pixels_are_scaled_by_127_and_128() -> None:
    first = lite0.lite0(SMALL).layers[1]
    scaled = np.asarray(first(np.array([0.0, 127.0, 255.0], np.float32)))
    np.testing.assert_array_equal(scaled, [-127 / 128, 0, 1])


@pytest.mark.keras
def test_counts_in_the_table_are_those_of_the_network() -> None:
    spec = backbone("efficientnet_lite0")
    model = lite0.lite0(spec.target_size)
    assert model.count_params() == spec.parameters
    assert sum(value.size for value in lite0.read_weights().values()) == spec.parameters
    assert model.output_shape == (None, spec.features)
    assert model.get_layer(spec.cut).output.shape[1:] == spec.cut_shape
    counted = sum(
        int(np.prod(layer.output.shape[1:]))
        * int(np.prod(layer.kernel.shape[:2]))
        * (layer.kernel.shape[2] if dense else 1)
        for layer in model.layers
        if layer.name.endswith("conv")
        for dense in [not layer.name.endswith("dwconv")]
    )
    assert counted == spec.multiply_adds == lite0.multiply_adds(spec.target_size)
    assert 0.25 < lite0.multiply_adds(spec.target_size, after=spec.cut) / counted < 0.34


@pytest.mark.keras
def test_a_tail_continues_from_the_cut_with_the_same_layers() -> None:
    import keras

    cuts = [lite0.CUTS[0], "block5b_add", CUT, lite0.CUTS[-1]]
    model = lite0.load_weights(lite0.lite0(SMALL))
    every = keras.Model(model.input, [model.output, *(model.get_layer(cut).output for cut in cuts)])
    features, *activations = every(noise(2))
    for cut, activation in zip(cuts, activations, strict=True):
        _, tail = split_at(model, cut)
        np.testing.assert_array_equal(np.asarray(tail(activation)), np.asarray(features))
        assert tail.get_layer("top_conv") is model.get_layer("top_conv")
        assert len(tail.layers) < len(model.layers)


def test_cuts_are_the_ends_of_blocks_and_nothing_else_is() -> None:
    assert len(lite0.CUTS) == 16
    assert len(lite0.steps_after(lite0.CUTS[-1])) == 1
    with pytest.raises(InputError, match=r"'block6b_project_bn' does not end a block .*block6b_add"):
        lite0.steps_after("block6b_project_bn")


# Training


@pytest.mark.keras
def test_batch_norm_stays_in_inference_mode_while_the_rest_is_trained(tmp_path: Path) -> None:
    import keras

    backbone_model = train_only_after(lite0.load_weights(lite0.lite0(SMALL)), CUT)
    outputs = keras.layers.Dense(2)(backbone_model.output)
    model = keras.Model(backbone_model.input, outputs)
    model.compile(keras.optimizers.SGD(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    pictures = noise(4)
    before = lite0.weights_of(model)
    model.fit(pictures, np.array([0, 1, 0, 1]), batch_size=4, epochs=2, verbose=0)
    after = lite0.weights_of(model)
    trained = {f"{step.name}/kernel" for step in lite0.steps_after(CUT) if step.kind != "add"}
    assert {name for name in before if not np.array_equal(before[name], after[name])} == trained
    training, inference = (np.asarray(model(pictures, training=mode)) for mode in (True, False))
    np.testing.assert_array_equal(training, inference)

    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")  # in safe mode, with Keras's own layers only
    assert not any(layer.trainable for layer in again.layers if layer.name.endswith("_bn"))
    np.testing.assert_array_equal(again.predict_on_batch(pictures), model.predict_on_batch(pictures))


@pytest.mark.keras
def test_nothing_is_trainable_without_a_cut() -> None:
    assert not train_only_after(lite0.lite0(SMALL), None).trainable_weights


# The weights


def test_provenance_tells_the_truth_about_the_file() -> None:
    record = json.loads((lite0.WEIGHTS_FILE.parent / "PROVENANCE.json").read_text(encoding="utf-8"))
    spec = backbone("efficientnet_lite0")
    assert record["file"]["sha256"] == spec.weights_sha256
    assert record["file"]["bytes"] == lite0.WEIGHTS_FILE.stat().st_size < 7.5e6
    assert record["network"]["parameters"] == spec.parameters
    assert record["source"]["licence"] == spec.licence == "Apache-2.0"
    verified = record["verification"]
    assert verified["photos"] >= 64
    assert verified["largest_logit_difference_float32"] < 1e-3


def test_packing_the_weights_again_gives_the_shipped_bytes(convert: ModuleType) -> None:
    assert convert.pack(lite0.read_weights()) == lite0.WEIGHTS_FILE.read_bytes()


def test_the_conversion_refuses_a_checkpoint_that_would_run_code(convert: ModuleType) -> None:
    harmful = pickle.dumps(shutil.rmtree)
    with pytest.raises(pickle.UnpicklingError, match="rmtree has no place"):
        convert._Tensors(io.BytesIO(harmful)).load()


@pytest.mark.parametrize("damage", ["one bit", "cut short", "missing", "no record"])
def test_damaged_weights_are_refused(tmp_path: Path, damage: str) -> None:
    shutil.copytree(lite0.WEIGHTS_FILE.parent, tmp_path / "weights")
    path = tmp_path / "weights" / "lite0.npz"
    blob = bytearray(path.read_bytes())
    if damage == "one bit":
        blob[len(blob) // 2] ^= 1
        path.write_bytes(blob)
    elif damage == "cut short":
        path.write_bytes(blob[:-1000])
    elif damage == "missing":
        path.unlink()
    else:
        (path.parent / "PROVENANCE.json").unlink()
    with pytest.raises(ModelError, match=r"lite0\.npz .*Install fieldguide again"):
        lite0.read_weights(path)


# The table


def test_an_unknown_backbone_is_refused_with_the_known_names() -> None:
    assert names()[0] == "efficientnet_lite0"
    with pytest.raises(InputError, match=r"no backbone named 'resnet9' among .*; choose one of: resnet50"):
        backbone("resnet9")


def test_a_backbone_tells_what_it_is() -> None:
    spec = backbone("efficientnet_lite0")
    assert str(spec) == (
        "EfficientNet-Lite0: 3.4 million parameters, 384 million multiply-adds at 224 x 224, 1280 features; "
        "weights under Apache-2.0"
    )
    assert spec.to_dict()["cut_shape"] == (7, 7, 192)
