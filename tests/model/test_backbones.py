"""The table of backbones: complete, with the figures and the files that Keras itself has, found by any spelling."""

from __future__ import annotations

import inspect
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fieldguide.errors import InputError
from fieldguide.model.applications import FAMILIES
from fieldguide.model.backbones import Backbone, backbone, bundled_names, names

APPLICATIONS = [backbone(name) for name in names() if name not in bundled_names()]


def application_classes() -> list[str]:
    """What makes a network in keras.applications: the functions that take `include_top`."""
    import keras

    found = []
    for name in dir(keras.applications):
        value = getattr(keras.applications, name)
        if inspect.isfunction(value) and "include_top" in inspect.signature(value).parameters:
            found.append(name)
    return found


def test_every_class_of_keras_applications_is_in_the_table_once() -> None:
    assert len(application_classes()) == 40
    assert sorted(entry.title for entry in APPLICATIONS) == sorted(application_classes())
    assert len(names()) == len(set(names()))


def test_checksums_and_preprocessing_are_those_of_keras() -> None:
    import keras

    folder = Path(inspect.getsourcefile(keras.applications.VGG16) or "").parent
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py")))
    for entry in APPLICATIONS:
        assert f'"{entry.weights_hash}"' in source or entry.name in {"mobilenet", "mobilenet_v2"}  # Keras has none
        assert hasattr(getattr(keras.applications, entry.module), "preprocess_input")


@pytest.mark.long
@pytest.mark.parametrize("entry", APPLICATIONS, ids=lambda entry: entry.name)
def test_keras_asks_for_the_file_in_the_table(entry: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    class AskedError(Exception):
        pass

    def ask(name: str, origin: str, *, cache_subdir: str, file_hash: str | None = None) -> None:
        raise AskedError(name, origin, file_hash or "")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", ask)
    make = getattr(keras.applications, entry.title)
    with pytest.raises(AskedError) as asked, keras.StatelessScope(initialize_variables=False):
        make(include_top=False, weights="imagenet", input_shape=(*entry.target_size, 3))
    assert asked.value.args == (entry.weights_file, entry.weights_url, entry.weights_hash)


def multiplications(layer: Any) -> int:
    """The multiply-adds of a layer for one picture."""
    import keras

    if isinstance(layer, keras.Model):
        return sum(multiplications(inner) for inner in layer.layers)
    size = math.prod(layer.output.shape[1:])
    if isinstance(layer, keras.layers.SeparableConv2D):
        kernels = (layer.depthwise_kernel, layer.pointwise_kernel)
        return math.prod(layer.output.shape[1:3]) * sum(math.prod(kernel.shape) for kernel in kernels)
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return size * math.prod(layer.kernel.shape[:2])
    if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
        return size * math.prod(layer.kernel.shape[:-1])
    return 0


@pytest.mark.long
@pytest.mark.keras
@pytest.mark.parametrize("entry", APPLICATIONS, ids=lambda entry: entry.name)
def test_the_figures_are_those_of_the_network(entry: Backbone) -> None:
    import keras

    def check() -> None:
        with keras.StatelessScope(initialize_variables=False):
            make = getattr(keras.applications, entry.title)
            model = make(include_top=False, weights=None, input_shape=(*entry.target_size, 3))
        assert model.count_params() == entry.parameters
        assert model.output_shape[-1] == entry.features
        assert sum(multiplications(layer) for layer in model.layers) == entry.multiply_adds
        if entry.module != "convnext":  # in Keras its blocks end in nameless sums
            assert model.get_layer(entry.cut).output.shape[1:] == entry.cut_shape

    with ThreadPoolExecutor(1) as thread:  # where Keras numbers layers from 0
        thread.submit(check).result()


@pytest.mark.parametrize("spelling", ["InceptionV3", "inception_v3", "inceptionv3", "INCEPTION-V3", " Inception V3"])
def test_case_and_underscores_do_not_matter(spelling: str) -> None:
    assert backbone(spelling).name == "inception_v3"


def test_every_name_and_every_class_finds_its_own_row() -> None:
    for entry in APPLICATIONS:
        assert backbone(entry.name) is entry
        assert backbone(entry.title) is entry


@pytest.mark.parametrize(
    ("given", "offered"), [("resnet", "resnet50"), ("inception", "inception_v3"), ("mobilnet2", "mobilenet_v2")]
)
def test_an_unknown_name_is_answered_with_the_nearest(given: str, offered: str) -> None:
    with pytest.raises(InputError, match=rf"no backbone named '{given}' among .*choose one of: .*\b{offered}\b"):
        backbone(given)


def test_only_the_bundled_one_needs_no_download() -> None:
    assert bundled_names() == ("efficientnet_lite0",)
    assert backbone("efficientnet_lite0").download_megabytes == 0
    assert backbone("inception_v3").download_megabytes == 87  # the file has 87,910,968 bytes
    assert all(entry.weights_url.endswith(".h5") for entry in APPLICATIONS)
    assert len(FAMILIES) == 14


def test_the_bundled_weights_are_the_file_of_the_table() -> None:
    from fieldguide.model import lite0

    entry = backbone("efficientnet_lite0")
    assert Path(lite0.WEIGHTS_FILE).name == entry.weights_file
    assert entry.weights_sha256 == entry.weights_hash
    assert backbone("vgg16").weights_sha256 == ""  # an MD5
