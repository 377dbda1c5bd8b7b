"""Keras's functions for single pictures: files to PIL images, those to arrays, and back.

The names, arguments, types and values are those of `keras.utils`. Pictures come upright by their EXIF orientation,
and what cannot be done is said with the file's name and the reason.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from fieldguide.data import pillow
from fieldguide.errors import FileError, InputError, InputKeyError, MissingFileError, PictureError
from fieldguide.files import explained
from fieldguide.preprocessing.warning import warn

if TYPE_CHECKING:
    from PIL import Image

_FORMATS = ("channels_first", "channels_last")


def load_img(
    path: str | bytes | Path | io.BytesIO,
    color_mode: str = "rgb",
    target_size: tuple[int, ...] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Image.Image:
    """The picture in a file as a PIL image, upright; otherwise just what `keras.utils.load_img` gives.

    Args:
        path: Of the file, or its content as io.BytesIO.
        color_mode: "rgb", "rgba" or "grayscale".
        target_size: (height, width) in pixels; None keeps the picture's own.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
        keep_aspect_ratio: Whether the picture is cut around its centre to the target's shape, not distorted.

    Raises:
        FileError: The file is missing, damaged or no picture; an OSError, as Pillow's own are.
        InputError: An argument has no such value.

    Example:
        >>> picture = load_img(photo, target_size=(150, 100))
        >>> picture.size, picture.mode
        ((100, 150), 'RGB')
    """
    try:
        return pillow.open_picture(
            path,
            color_mode=color_mode,
            target_size=target_size,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
        )
    except PictureError as error:
        name = path.decode(errors="replace") if isinstance(path, bytes) else path
        which = "this picture" if isinstance(name, io.BytesIO) else f"the picture {name}"
        gone = not isinstance(path, io.BytesIO) and not os.path.exists(path)  # noqa: PTH110 - it may be bytes
        raise (MissingFileError if gone else FileError)(f"cannot read {which}: {error}.") from error


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray:
    """The pixels of a PIL image, or of anything NumPy takes for one, as an array with an axis of channels.

    Args:
        img: A PIL image, or an array (height, width) or (height, width, channels).
        data_format: "channels_last" or "channels_first"; None is Keras's setting.
        dtype: Of the result; None is Keras's float type, float32 unless it was changed.

    Returns:
        (height, width, channels) or (channels, height, width), the values as they are, in 0..255 for most pictures.

    Raises:
        InputError: The image has a wrong number of axes, or `data_format` has no such value.

    Example:
        >>> img_to_array(load_img(photo, target_size=(150, 150))).shape
        (150, 150, 3)
    """
    first = _channels_first(data_format)
    array = np.asarray(img, dtype=dtype or _float_type())
    if array.ndim not in (2, 3):
        raise InputError(
            f"unsupported image shape: img is an array {array.shape}; expected a picture of 2 or 3 dimensions "
            "(height, width, channels)."
        )
    if array.ndim == 2:
        return array[None] if first else array[..., None]
    return array.transpose(2, 0, 1) if first else array


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None) -> Image.Image:
    """An array as a PIL image: "RGBA", "RGB", "L", or "I" for grey above 255.

    Args:
        x: (height, width, channels), with 1, 3 or 4 channels, or (channels, height, width).
        data_format: "channels_last" or "channels_first"; None is Keras's setting.
        scale: Whether the values are stretched, so that the least becomes 0 and the greatest 255.
        dtype: To compute in; None is Keras's float type, float32 unless it was changed.

    Raises:
        InputError: The array has a wrong shape, or `data_format` has no such value.

    Example:
        >>> array_to_img(np.random.default_rng(0).random((40, 60, 3))).size
        (60, 40)
    """
    from PIL import Image

    first = _channels_first(data_format)
    array = np.asarray(x, dtype=dtype or _float_type())
    if array.ndim != 3:
        raise InputError(
            f"x has the shape {array.shape}; expected an image array of rank 3, a single image: take one of a batch, "
            "as in x[0]."
        )
    if first:
        array = array.transpose(1, 2, 0)
    if array.size == 0 or array.shape[2] not in (1, 3, 4):
        raise InputError(f"x has the shape {np.shape(x)}; unsupported channel number: expected 1, 3 or 4 channels.")
    if scale:
        array = array - array.min()
        if top := array.max():
            array /= top
        array *= 255
    if array.shape[2] > 1:
        return Image.fromarray(np.ascontiguousarray(array.astype(np.uint8)))
    kind = np.int32 if array.max() > 255 else np.uint8
    return Image.fromarray(np.ascontiguousarray(array[:, :, 0].astype(kind)))


def save_img(
    path: str | Path | IO[bytes],
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Writes an array as a picture file.

    Args:
        path: Where to, or an open file.
        x: As of `array_to_img`.
        data_format: "channels_last" or "channels_first"; None is Keras's setting.
        file_format: Such as "png"; None takes it from the ending of the path or of the open file's name.
        scale: Whether the values are stretched to 0..255.
        kwargs: Options of the format, for `PIL.Image.Image.save`.

    Raises:
        FileError: The file cannot be written.
        InputKeyError: The format is unknown.
        InputError: None is given, or the array is no picture.

    Example:
        >>> save_img("noise.png", np.random.default_rng(0).random((40, 60, 3)))
        >>> load_img("noise.png").size
        (60, 40)
    """
    named = isinstance(path, str | Path)
    form = file_format or Path(str(path if named else getattr(path, "name", ""))).suffix[1:]
    form = {"jpg": "jpeg", "tif": "tiff"}.get(form.lower(), form.lower())
    _require_known(form, named)
    image = array_to_img(x, data_format=data_format, scale=scale)
    if image.mode == "RGBA" and form == "jpeg":
        warn("JPEG files hold no transparency: the RGBA picture is saved as RGB.")
        image = image.convert("RGB")
    with explained(str(path) if named else "the open file", "write"):
        image.save(path, format=form, **kwargs)


def can_write(ending: str) -> bool:
    """Whether there is a format that can be written for this ending of a file's name, such as "jpg"."""
    from PIL import Image

    Image.init()
    return Image.EXTENSION.get(f".{ending.lower()}") in Image.SAVE


def _require_known(form: str, named: bool) -> None:
    from PIL import Image

    Image.init()
    if form.upper() not in Image.SAVE:
        where = "end the path in .png or .jpg" if named else 'pass file_format="png"'
        if not form:
            raise InputError(f"no format is given, which cannot be written: {where}.")
        raise InputKeyError(f"the picture's format is {form!r}, which cannot be written: {where}.")


def _channels_first(data_format: str | None) -> bool:
    if data_format is None:
        import keras

        data_format = keras.config.image_data_format()
    if str(data_format).lower() not in _FORMATS:
        raise InputError(f"data_format is {data_format!r}; expected one of {', '.join(_FORMATS)}.")
    return str(data_format).lower() == "channels_first"


def _float_type() -> str:
    """Keras's float type; its default where Keras is not loaded, which takes seconds and no program set it then."""
    keras = sys.modules.get("keras")
    return keras.config.floatx() if keras else "float32"
