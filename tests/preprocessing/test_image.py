"""`fieldguide.preprocessing.image` has the names that notebooks import from Keras's module."""

from __future__ import annotations

import inspect

import keras
import pytest
from oracle import keras_image

import fieldguide as fg
from fieldguide.preprocessing import image

# What `tensorflow.keras.preprocessing.image` holds besides what Keras 3 still does, in TensorFlow 2.21.
FUNCTIONS = (
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
)
CLASSES = ("DirectoryIterator", "ImageDataGenerator", "Iterator", "NumpyArrayIterator", "DataFrameIterator")


def test_every_name_of_keras_is_there() -> None:
    there = {name for name in dir(keras.preprocessing.image) if not name.startswith("_")}
    assert there <= set(image.__all__)
    for name in image.__all__:
        assert getattr(image, name) is not None


def test_nothing_else_is_listed() -> None:
    assert dir(image) == sorted(image.__all__)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_have_keras_parameters(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(module, name)).parameters for module in (image, keras_image))
    assert list(ours) == list(theirs)
    assert [each.default for each in ours.values()] == [each.default for each in theirs.values()]


@pytest.mark.parametrize("name", CLASSES)
def test_classes_have_keras_parameters_and_perhaps_more_by_name(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(module, name)).parameters for module in (image, keras_image))
    expected = [each for each in theirs.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
    assert [each.name for each in ours.values()][: len(expected)] == [each.name for each in expected]
    assert [ours[each.name].default for each in expected] == [each.default for each in expected]
    assert all(each.kind is inspect.Parameter.KEYWORD_ONLY for each in list(ours.values())[len(expected) :])


@pytest.mark.parametrize("name", ["flow", "flow_from_directory", "flow_from_dataframe", "fit", "standardize",
                                  "random_transform", "get_random_transform", "apply_transform"])  # fmt: skip
def test_methods_have_keras_parameters(name: str) -> None:
    ours, theirs = (
        inspect.signature(getattr(module.ImageDataGenerator, name)).parameters for module in (fg, keras_image)
    )
    positional = [each for each in theirs.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
    assert list(ours)[: len(positional)] == [each.name for each in positional]
    assert [ours[each.name].default for each in positional] == [each.default for each in positional]


def test_attributes_of_keras_iterators_are_there() -> None:
    import numpy as np

    x = np.zeros((3, 8, 8, 3), np.float32)
    ours, theirs = (each.ImageDataGenerator().flow(x, [0, 1, 0], batch_size=2) for each in (fg, keras_image))
    missing = {name for name in vars(theirs) if not name.startswith("_") and not hasattr(ours, name)}
    assert missing == set()
    settings = {name for name in vars(keras_image.ImageDataGenerator()) if not hasattr(fg.ImageDataGenerator(), name)}
    assert settings == set()


def test_iterators_are_keras_datasets() -> None:
    assert issubclass(image.Iterator, keras.utils.PyDataset)
    for name in ("DirectoryIterator", "DataFrameIterator", "NumpyArrayIterator"):
        assert issubclass(getattr(image, name), image.Iterator)


def test_smart_resize_is_keras_own() -> None:
    assert image.smart_resize is keras.preprocessing.image.smart_resize
    with pytest.raises(AttributeError, match="has no attribute 'smart_crop'"):
        _ = image.smart_crop
