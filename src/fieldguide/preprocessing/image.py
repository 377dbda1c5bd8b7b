"""The names of `tensorflow.keras.preprocessing.image`, so that a notebook needs its import line changed and no other.

Example:
    >>> from fieldguide.preprocessing.image import ImageDataGenerator, img_to_array, load_img
    >>> img_to_array(load_img("photos/horses/horse01-0.jpg", target_size=(64, 64)), "channels_last").shape
    (64, 64, 3)
"""

from __future__ import annotations

from typing import Any

from fieldguide.preprocessing.array_iterators import NumpyArrayIterator
from fieldguide.preprocessing.file_iterators import DataFrameIterator, DirectoryIterator
from fieldguide.preprocessing.folders import image_dataset_from_directory
from fieldguide.preprocessing.generator import ImageDataGenerator
from fieldguide.preprocessing.iterators import Iterator
from fieldguide.preprocessing.pictures import array_to_img, img_to_array, load_img, save_img
from fieldguide.preprocessing.random_transforms import (
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
)
from fieldguide.preprocessing.transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
)

__all__ = [
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "array_to_img",
    "image_dataset_from_directory",
    "img_to_array",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
    "smart_resize",  # noqa: F822 - given below
]


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    if name != "smart_resize":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import keras

    return keras.preprocessing.image.smart_resize  # Keras's own: there is nothing to mend in it
