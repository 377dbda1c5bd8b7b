"""Bases from pixels to a cut: the numbers that courses show, names that stay, and weights from wherever they come."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from fieldguide.errors import FileError, InputError, MissingFileError, ModelError
from fieldguide.model import lite0
from fieldguide.model.backbones import backbone
from fieldguide.model.bases import base_model, imagenet_file, set_weights, weights_of
from fieldguide.model.blueprint import blueprint

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = [
    pytest.mark.keras,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

SMALL = (32, 32)
CUT = "block2_pool"


@pytest.fixture(scope="module")
def base() -> Any:
    """The first two blocks of a VGG16, small and quick to build, with shared preprocessing and plain names."""
    return base_model("vgg16", SMALL, weights="random", cut=CUT)


def assert_same(given: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert given.keys() == expected.keys()
    for path, value in expected.items():
        np.testing.assert_array_equal(given[path], value)


def write_old(path: Path, weights: dict[str, np.ndarray], names: dict[str, str] | None = None) -> Path:
    """A file in Keras's old format, as the ImageNet weights come: layers listed by name, each with its weights."""
    layers: dict[str, dict[str, np.ndarray]] = {}
    for each, value in weights.items():
        layer, part = each.split("/")
        layers.setdefault((names or {}).get(layer, layer), {})[part] = value
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.encode() for layer in ["input_1", *layers]]
        file.create_group("input_1").attrs["weight_names"] = []
        for layer, parts in layers.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/{part}:0".encode() for part in parts]
            for part, value in parts.items():
                group[f"{layer}/{part}:0"] = value
    return path


# The numbers of the course


def test_the_numbers_that_the_course_shows_hold() -> None:
    import keras
    from keras import layers

    whole = blueprint(backbone("inception_v3"), (150, 150))
    assert sum(math.prod(weight.shape) for weight in whole.stored) == 21_802_784
    base = base_model("InceptionV3", (150, 150), weights=None, cut="mixed7")
    assert base.output_shape == (None, 7, 7, 768)
    value = layers.Dense(1024, activation="relu")(layers.Flatten()(base.output))
    model = keras.Model(base.input, layers.Dense(1, activation="sigmoid")(layers.Dropout(0.2)(value)))
    assert model.count_params() == 47_512_481
    assert {"mixed7", "conv2d", "conv2d_69"} <= {layer.name for layer in base.layers}  # after other networks too
    assert {*weights_of(base)} < {weight.path for weight in whole.stored}


def test_a_base_ends_at_its_cut_and_has_nothing_behind_it(base: Any) -> None:
    assert base.output_shape == (None, 8, 8, 128)
    assert [layer.name for layer in base.layers][-1] == CUT
    assert base.get_layer("block2_conv2").output.shape == (None, 16, 16, 128)


def test_names_do_not_depend_on_what_was_built_before() -> None:
    import keras

    first = base_model("mobilenet_v3_small", SMALL, weights=None, cut="expanded_conv_1_project_bn")
    keras.layers.ReLU()(keras.layers.Activation("relu")(keras.Input((4,))))
    second = base_model("MobileNetV3Small", SMALL, weights=None, cut="expanded_conv_1_project_bn")
    assert [layer.name for layer in second.layers] == [layer.name for layer in first.layers]
    assert "re_lu_2" in {layer.name for layer in first.layers}
    assert_same(weights_of(second), weights_of(first))


def test_the_bundled_base_has_the_features_of_the_bundled_network() -> None:
    import keras

    pixels = np.random.default_rng(0).integers(0, 256, (1, *SMALL, 3)).astype(np.float32)
    whole = lite0.load_weights(lite0.lite0(SMALL))
    expected = keras.Model(whole.input, whole.get_layer("block2b_add").output)(pixels)
    base = base_model("efficientnet_lite0", SMALL, weights="imagenet", cut="block2b_add")
    np.testing.assert_allclose(np.asarray(base(pixels)), np.asarray(expected), atol=1e-5)


def test_random_weights_depend_on_the_seed_alone(base: Any) -> None:
    same = base_model("vgg16", SMALL, weights=None, cut=CUT)
    other = base_model("vgg16", SMALL, weights=None, cut=CUT, seed=1)
    assert_same(weights_of(same), weights_of(base))
    assert not np.array_equal(weights_of(other)["block1_conv1/kernel"], weights_of(base)["block1_conv1/kernel"])


def test_weights_can_be_taken_out_and_put_back(base: Any) -> None:
    drawn = weights_of(base)
    assert [*drawn][:2] == ["block1_conv1/kernel", "block1_conv1/bias"]
    assert sum(value.size for value in drawn.values()) == base.count_params() - 12
    changed = {path: value + 1 for path, value in drawn.items()}
    other = base_model("vgg16", SMALL, weights=changed, cut=CUT)
    assert_same(weights_of(other), changed)
    set_weights(other, drawn)
    assert_same(weights_of(other), drawn)


# What is refused before anything slow


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        ("vgg17", SMALL, "no backbone named 'vgg17' among .*vgg16"),
        ("inception_v3", (74, 150), r"target_size is \(74, 150\); expected .*at least 75 pixels for InceptionV3"),
        ("vgg16", (150, 150, 1), r"target_size is \(150, 150, 1\); expected \(height, width\) of colour pictures"),
        ("vgg16", 150, r"target_size is 150; expected \(height, width\)"),
        ("vgg16", (32.5, 32), r"target_size is \(32.5, 32\); expected"),
    ],
)
def test_what_a_base_cannot_take_is_refused(name: str, size: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        base_model(name, size, weights=None)


@pytest.mark.parametrize("weights", ["imagnet", "weights.npz", 3, ("a.h5",)])
def test_weights_of_another_kind_are_refused(weights: Any) -> None:
    with pytest.raises(InputError, match=r"weights is .*; expected 'imagenet', 'random', a file that ends in \.h5"):
        base_model("vgg16", SMALL, weights=weights)


def test_a_wrong_cut_is_refused_before_the_weights_are_read() -> None:
    with pytest.raises(InputError, match=r"VGG16 has no layer 'block2pool'; .*block2_pool"):
        base_model("vgg16", SMALL, weights="missing.h5", cut="block2pool")
    with pytest.raises(
        InputError, match=r"MobileNetV2 cannot be cut after 'block_2_project'.*block_1_project_BN before"
    ):
        base_model("mobilenet_v2", SMALL, weights=None, cut="block_2_project")


def test_arrays_must_be_those_of_this_base(base: Any) -> None:
    weights = weights_of(base)
    del weights["block1_conv2/bias"]
    with pytest.raises(InputError, match="block1_conv2/bias is missing"):
        base_model("vgg16", SMALL, weights=weights, cut=CUT)
    with pytest.raises(InputError, match=r"block1_conv1/bias has the shape \(63,\), and \(64,\) was expected"):
        set_weights(base, weights_of(base) | {"block1_conv1/bias": np.zeros(63)})


# Files


@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
def test_what_keras_saved_is_read_also_from_a_larger_model(base: Any, ending: str, tmp_path: Path) -> None:
    import keras

    path = tmp_path / f"base{ending}"
    (base.save if ending == ".keras" else base.save_weights)(path)
    read = base_model("vgg16", SMALL, weights=path, cut=CUT, seed=1)
    assert_same(weights_of(read), weights_of(base))
    shorter = base_model("vgg16", SMALL, weights=str(path), cut="block1_pool")
    assert {*weights_of(shorter)} < {*weights_of(base)}
    nested = keras.Sequential([keras.layers.Input((*SMALL, 3)), base, keras.layers.Flatten(), keras.layers.Dense(2)])
    (nested.save if ending == ".keras" else nested.save_weights)(path)
    assert_same(weights_of(base_model("vgg16", SMALL, weights=path, cut=CUT, seed=1)), weights_of(base))


@pytest.mark.parametrize("renamed", [False, True])
def test_the_old_format_is_read_by_name_or_in_order(base: Any, renamed: bool, tmp_path: Path) -> None:
    names = {"block1_conv1": "conv2d_9", "block1_conv2": "conv2d_10", "block2_conv1": "conv2d_11"}
    path = write_old(tmp_path / "old.h5", weights_of(base), names if renamed else None)
    assert_same(weights_of(base_model("vgg16", SMALL, weights=path, cut=CUT, seed=1)), weights_of(base))


def test_a_file_that_does_not_fit_is_refused_with_the_first_layer_that_differs(base: Any, tmp_path: Path) -> None:
    weights = weights_of(base)
    wrong = weights | {"block2_conv1/kernel": np.zeros((3, 3, 64, 99), np.float32)}
    path = write_old(tmp_path / "wrong.h5", wrong)
    said = (
        r"wrong.h5 does not fit VGG16: the kernel of layer 'block2_conv1' has the shape \(3, 3, 64, 99\), and "
        r"\(3, 3, 64, 128\) was expected"
    )
    with pytest.raises(ModelError, match=said):
        base_model("vgg16", SMALL, weights=path, cut=CUT)
    short = {path: value for path, value in weights.items() if not path.startswith("block2_conv2")}
    path = write_old(tmp_path / "short.h5", short)
    with pytest.raises(ModelError, match="it has no kernel for layer 'block2_conv2', where the shape"):
        base_model("vgg16", SMALL, weights=path, cut=CUT)


def test_layers_between_are_not_passed_over(tmp_path: Path) -> None:
    weights = weights_of(base_model("vgg19", SMALL, weights=None))
    path = write_old(tmp_path / "vgg19.h5", weights)
    with pytest.raises(
        ModelError, match=r"does not fit VGG16: the kernel of layer 'block4_conv1' \(in the file 'block3"
    ):
        base_model("vgg16", SMALL, weights=path)


@pytest.mark.parametrize("kind", ["external", "soft", "virtual", "elsewhere", "chunked"])
def test_numbers_from_outside_of_the_file_are_refused(base: Any, kind: str, tmp_path: Path) -> None:
    weights = weights_of(base)
    path = write_old(tmp_path / "evil.h5", weights)
    write_old(tmp_path / "other.h5", weights)
    place = "block1_conv2/block1_conv2/kernel:0"
    value = weights["block1_conv2/kernel"]
    with h5py.File(path, "r+") as file:
        del file[place]
        if kind == "external":
            file[place] = h5py.ExternalLink("other.h5", place)
        elif kind == "soft":
            file[place] = h5py.SoftLink("/block1_conv1")
        elif kind == "virtual":
            layout = h5py.VirtualLayout(value.shape, np.float32)
            layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), place, value.shape)
            file.create_virtual_dataset(place, layout)
        elif kind == "elsewhere":
            file.create_dataset(
                place, value.shape, np.float32, external=[(str(tmp_path / "other.h5"), 0, value.nbytes)]
            )
        else:
            file.create_dataset(place, data=value, chunks=True, compression="gzip")
    with pytest.raises(ModelError, match=r"evil.h5 is not usable: its block1_conv2.*other files"):
        base_model("vgg16", SMALL, weights=path, cut=CUT)


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 no archive", b"\x89HDF\r\n\x1a\n cut short"])
def test_a_file_that_is_none_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "odd.h5"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"odd.h5 is damaged or holds no weights: a .h5, .weights.h5 or .keras"):
        base_model("vgg16", SMALL, weights=path, cut=CUT)
    with pytest.raises(MissingFileError, match=r"cannot read the weights .*gone.h5: it does not exist"):
        base_model("vgg16", SMALL, weights=tmp_path / "gone.h5", cut=CUT)


# Keras's own weights, with the network off


def test_without_a_network_the_file_and_the_bundled_base_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(FileError) as raised:
        base_model("vgg16", SMALL, weights="imagenet", cut=CUT)
    said = str(raised.value)
    assert said.startswith("cannot download the weights of VGG16 (")
    assert "fetch https://storage.googleapis.com/tensorflow/keras-applications/vgg16/vgg16_weights_tf_dim_" in said
    assert f"(about 59 MB) on another machine and put it at {tmp_path / 'models' / 'vgg16_weights_tf_dim_'}" in said
    assert said.endswith("or use efficientnet_lite0, whose weights come with fieldguide.")
    assert capsys.readouterr().out == ""


def test_what_is_in_the_cache_is_used_and_a_damaged_file_is_not(
    base: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    made = base_model("mobilenet", SMALL, weights="random", cut="conv_pw_1_relu")
    kept = write_old(
        tmp_path / "models" / backbone("mobilenet").weights_file, weights_of(made)
    )  # Keras has no checksum
    assert imagenet_file(backbone("mobilenet")) == kept
    read = base_model("mobilenet", SMALL, weights="imagenet", cut="conv_pw_1_relu", seed=1)
    assert_same(weights_of(read), weights_of(made))
    write_old(tmp_path / "models" / backbone("vgg16").weights_file, weights_of(base))
    with pytest.raises(FileError, match="cannot download the weights of VGG16"):
        base_model("vgg16", SMALL, weights="imagenet", cut=CUT)
