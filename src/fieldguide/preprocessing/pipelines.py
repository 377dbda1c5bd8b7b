"""Files as a `tf.data` or grain pipeline that gives the pixels and labels of Keras's `image_dataset_from_directory`.

TensorFlow decodes some formats into some colours only, and says so in mid-epoch. Here each file is looked at first,
decoded into the channels it has, and its colours are changed afterwards where TensorFlow's decoder cannot.
"""

# ruff: noqa: PTH123 - of many files a few bytes are read

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fieldguide.data import decode, header, jpeg
from fieldguide.data.soundness import unsound
from fieldguide.errors import PictureError
from fieldguide.files import plain_reason
from fieldguide.parallel import bounded_map

_SHUFFLED_BATCHES = 8  # Keras's buffer, in batches
_SHUFFLED = 1024  # and without batches, in pictures
_HEAD_BYTES = 2048  # with all of a BMP's palette
_CURE = "save it as JPEG or PNG, or pass format='grain'"


@dataclass(frozen=True)
class Form:
    """What a dataset gives for a picture and its label."""

    image_size: tuple[int, int]  # height, width
    channels: int
    label_mode: str | None
    interpolation: str
    aspect: str  # "crop", "pad" or "" (the picture's shape is changed)
    data_format: str
    batch_size: int | None
    classes: int = 0  # for one-hot labels


def check(paths: Sequence[str], channels: int, format: str) -> tuple[dict[int, str], np.ndarray]:  # noqa: A002
    """Which files cannot be decoded, and how the others are.

    Args:
        paths: The files.
        channels: How many are wanted.
        format: "tf" or "grain"; the latter reads with Pillow, which needs no help.

    Returns:
        row -> reason; and uint8 (n,), the channels (3 or 4) to decode before the colours are changed, or 0 where
        TensorFlow does both at once.
    """
    reasons = unsound(paths)
    stored = np.zeros(len(paths), np.uint8)
    rows = [row for row in range(len(paths)) if row not in reasons and format == "tf"]
    for row, (reason, first) in zip(rows, bounded_map(lambda row: _route(paths[row], channels), rows), strict=True):
        if reason:
            reasons[row] = reason
        stored[row] = first
    return reasons, stored


def _route(path: str, channels: int) -> tuple[str, int]:
    """Why TensorFlow cannot decode a file, or "" and the channels to decode first."""
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD_BYTES)
        form = header.sniff(head)
    except (OSError, PictureError) as error:  # changed since it was found sound
        return plain_reason(error) if isinstance(error, OSError) else str(error), 0
    if form == "JPEG":
        if channels == 1 and _is_cmyk(path):
            return "", 3
        return "", 3 if channels == 4 else 0
    if form == "GIF":
        return "", 0 if channels == 3 else 3
    if form == "BMP":
        reason = "" if _is_plain(head) else f"a BMP with a palette or packed, which TensorFlow misreads: {_CURE}"
        return reason, 3 if channels == 1 else 0
    if form == "WEBP":
        transparent = (head[12:16] == b"VP8X" and head[20] & 0x10) or (head[12:16] == b"VP8L" and head[24] & 0x10)
        return _without_webp(), 4 if transparent else 3
    return "" if form == "PNG" else f"a {form} picture, which TensorFlow cannot decode: {_CURE}", 0


def _is_cmyk(path: str) -> bool:
    try:
        return jpeg.look(header.unwrap(decode.load_bytes(path), "JPEG"))[0] == "CMYK"
    except PictureError:
        return False


def _is_plain(head: bytes) -> bool:
    """Whether a BMP holds what TensorFlow takes it to hold: colours, or greys."""
    bits, packed = int.from_bytes(head[28:30], "little"), int.from_bytes(head[30:34], "little")
    start = 14 + int.from_bytes(head[14:18], "little")
    greys = b"".join(bytes((level, level, level, 0)) for level in range(256))
    return (bits in (24, 32) and packed in (0, 3)) or (bits == 8 and not packed and head[start:].startswith(greys))


def _without_webp() -> str:
    import tensorflow as tf

    if hasattr(tf.io, "decode_webp"):
        return ""
    return f"a WebP picture, which this version of TensorFlow cannot decode: update it, or {_CURE}"


def tensorflow_dataset(
    paths: Sequence[str], labels: np.ndarray | None, stored: np.ndarray, form: Form, seed: int | None
) -> Any:
    """A `tf.data.Dataset` of these files.

    Args:
        paths: The files, in order.
        labels: int32 (n,), or None.
        stored: From `check`.
        form: What to give for each.
        seed: Of a new shuffle in every epoch; None keeps the order.
    """
    import tensorflow as tf

    columns = (list(paths), stored) if labels is None else (list(paths), stored, labels)
    dataset = tf.data.Dataset.from_tensor_slices(columns)
    if seed is not None:
        size = _SHUFFLED_BATCHES * form.batch_size if form.batch_size else _SHUFFLED
        dataset = dataset.shuffle(size, seed=seed)

    def load(path: Any, first: Any, *label: Any) -> Any:
        content = tf.io.read_file(path)
        picture = _decoded(content, form.channels, first) if any(stored) else _direct(content, form.channels)
        picture = _resized(picture, form)
        return (picture, _encoded(label[0], form)) if label else picture

    dataset = dataset.map(load, num_parallel_calls=tf.data.AUTOTUNE)
    if form.batch_size:
        dataset = dataset.batch(form.batch_size)
    return dataset.prefetch(tf.data.AUTOTUNE)


def _decoded(content: Any, channels: int, first: Any) -> Any:
    """The picture, decoded into `first` channels and then recoloured where that is not 0."""
    import tensorflow as tf

    def by_way_of(given: int) -> Callable[[], Any]:
        return lambda: _recoloured(_direct(content, given), channels)

    routes = [lambda: _direct(content, channels), by_way_of(3), by_way_of(4)]
    return tf.switch_case(tf.maximum(tf.cast(first, tf.int32) - 2, 0), routes)  # 0, 3, 4 -> 0, 1, 2


def _direct(content: Any, channels: int) -> Any:
    import tensorflow as tf

    return tf.image.decode_image(content, channels=channels, expand_animations=False)


def _recoloured(picture: Any, channels: int) -> Any:
    """The same picture, uint8 (h, w, 3 or 4), in other colours; an alpha channel is dropped or opaque."""
    import tensorflow as tf

    if channels == 1:
        return tf.image.rgb_to_grayscale(picture[..., :3])
    if channels == 3:
        return picture[..., :3]
    return tf.concat(
        [picture[..., :3], 255 * tf.ones_like(picture[..., :1])] if picture.shape[-1] == 3 else [picture], -1
    )


def _resized(picture: Any, form: Form) -> Any:
    import tensorflow as tf

    height, width = form.image_size
    picture.set_shape((None, None, form.channels))
    if form.aspect == "pad":
        picture = tf.image.resize_with_pad(picture, height, width, method=form.interpolation)
    else:
        if form.aspect == "crop":  # the largest part in the middle that has the target's shape
            high, wide = tf.shape(picture)[0], tf.shape(picture)[1]
            rows = tf.maximum(tf.minimum(high, wide * height // width), 1)
            columns = tf.maximum(tf.minimum(wide, high * width // height), 1)
            picture = tf.image.crop_to_bounding_box(picture, (high - rows) // 2, (wide - columns) // 2, rows, columns)
        picture = tf.image.resize(picture, form.image_size, method=form.interpolation)
    picture.set_shape((height, width, form.channels))
    return tf.transpose(picture, (2, 0, 1)) if form.data_format == "channels_first" else picture


def _encoded(label: Any, form: Form) -> Any:
    import tensorflow as tf

    if form.label_mode == "binary":
        return tf.cast(label, tf.float32)[None]
    return tf.one_hot(label, form.classes) if form.label_mode == "categorical" else label


def grain_dataset(
    paths: Sequence[str], labels: np.ndarray | None, stored: np.ndarray, form: Form, seed: int | None
) -> Any:
    """A `grain.IterDataset` of these files; the arguments are those of `tensorflow_dataset`."""
    import keras

    grain = importlib.import_module("grain")

    color = {1: "grayscale", 3: "rgb", 4: "rgba"}[form.channels]

    def load(row: int) -> Any:
        with keras.device("cpu"):
            pixels = np.array(keras.utils.load_img(paths[row], color_mode=color))
            picture = keras.ops.convert_to_tensor(pixels.reshape(*pixels.shape[:2], form.channels), "float32")
            if form.data_format == "channels_first":
                picture = keras.ops.transpose(picture, (2, 0, 1))
            picture = keras.ops.image.resize(
                picture,
                form.image_size,
                interpolation=form.interpolation,
                crop_to_aspect_ratio=form.aspect == "crop",
                pad_to_aspect_ratio=form.aspect == "pad",
                data_format=form.data_format,
            )
            return picture if labels is None else (picture, encode(int(labels[row])))

    def encode(label: int) -> Any:
        if form.label_mode == "binary":
            return keras.ops.convert_to_tensor([label], "float32")
        number = keras.ops.convert_to_tensor(label, "int32")
        return keras.ops.one_hot(number, form.classes) if form.label_mode == "categorical" else number

    def stack(values: Sequence[Any]) -> Any:
        with keras.device("cpu"):
            return keras.tree.map_structure(lambda *leaves: keras.ops.stack(leaves), *values)

    dataset = grain.MapDataset.source(range(len(paths)))
    if seed is not None:
        dataset = dataset.shuffle(seed=seed)
    dataset = dataset.map(load).to_iter_dataset()
    return dataset.batch(form.batch_size, batch_fn=stack) if form.batch_size else dataset
