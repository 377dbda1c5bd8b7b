"""Pictures as Keras gives them: all of a file's pixels, its colours and its size changed by Pillow's own rules.

`decode` serves fieldguide's models and reduces while it decodes. Here a picture is decoded whole and then converted
and resized exactly as `keras.utils.load_img` does it, so that who replaces Keras's loader gets the same bytes. Two
things differ: pictures are turned upright by their EXIF orientation, and one that cannot be read has a plain reason.
"""

from __future__ import annotations

import io
import struct
from operator import index
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fieldguide.data import decode, header, jpeg
from fieldguide.errors import InputError, InputTypeError, PictureError

PICTURE_VERSION = 1  # part of the names of kept pixels: raise it when a pixel could change
COLOR_MODES = ("grayscale", "rgb", "rgba")
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}

_GREYS = ("L", "I;16", "I")  # of 8, 16 and 32 bits, which "grayscale" leaves as they are
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PNG_PARTS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))


def open_picture(
    source: str | bytes | Path | io.BytesIO,
    *,
    color_mode: str = "rgb",
    target_size: tuple[int, ...] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Image.Image:
    """The picture in a file, upright, decoded, in these colours and of this size.

    Args:
        source: A path (bytes are a path's bytes), or a file's content as io.BytesIO.
        color_mode: "rgb", "rgba" or "grayscale"; the last keeps grey of 16 or 32 bits as it is.
        target_size: (height, width) in pixels, or None for the picture's own; what follows the two is passed over.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
        keep_aspect_ratio: Cut the picture around its centre to the target's shape, rather than change its own.

    Returns:
        A PIL image of mode "RGB", "RGBA", "L", "I;16" or "I".

    Raises:
        PictureError: It cannot be read; the message is the reason.
        InputError: An argument has no such value.
        InputTypeError: `source` is no path and no io.BytesIO.

    Example:
        >>> open_picture(photo, target_size=(150, 150)).size
        (150, 150)
    """
    size = check(color_mode, target_size, interpolation)
    if isinstance(source, io.BytesIO):
        content = source.getvalue()
    elif isinstance(source, str | Path):
        content = decode.load_bytes(source)
    elif isinstance(source, bytes):
        content = decode.load_bytes(source.decode(errors="surrogateescape"))
    else:
        raise InputTypeError(f"path is of type {type(source).__name__}; expected a path or io.BytesIO.")
    with decode.plain_reasons():
        return _resized(_coloured(content, color_mode), size, interpolation, keep_aspect_ratio)


def pixels(
    content: bytes,
    *,
    color_mode: str = "rgb",
    target_size: tuple[int, ...] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> np.ndarray:
    """The pixels of `open_picture`: uint8 (height, width, channels) in 0..255.

    Args:
        content: The whole file.
        color_mode: As of `open_picture`, as are the others. Grey of 16 bits comes as uint16, of 32 bits as int32.
        target_size: (height, width) in pixels, or None.
        interpolation: Its name.
        keep_aspect_ratio: Cut rather than distort.

    Raises:
        PictureError: It cannot be read; the message is the reason.
        InputError: An argument has no such value.

    Example:
        >>> pixels(photo.read_bytes(), color_mode="grayscale", target_size=(28, 28)).shape
        (28, 28, 1)
    """
    size = check(color_mode, target_size, interpolation)
    with decode.plain_reasons():
        image = _resized(_coloured(content, color_mode), size, interpolation, keep_aspect_ratio)
        found = decode.array(image) if image.mode in ("L", "RGB") else np.asarray(image)
    return found if found.ndim == 3 else found[..., None]


def check(color_mode: Any, target_size: Any, interpolation: Any) -> tuple[int, int] | None:
    """The target's (height, width) as whole numbers, or None, once all three are seen to make sense.

    Args:
        color_mode: One of COLOR_MODES.
        target_size: Two whole numbers from 1 (a third, the channels of an input shape, is passed over), or None.
        interpolation: One of INTERPOLATIONS; of no matter without a target.

    Raises:
        InputError: One of them has no such value.
        InputTypeError: The target's size is no pair of whole numbers.
    """
    if color_mode not in COLOR_MODES:
        raise InputError(f'color_mode is {color_mode!r}; color_mode must be "grayscale", "rgb", or "rgba".')
    if target_size is None:
        return None
    expected = "expected (height, width), two whole numbers from 1, or None for the picture's own size"
    try:
        height, width = index(target_size[0]), index(target_size[1])
    except (TypeError, LookupError):
        raise InputTypeError(f"target_size is {target_size!r}; {expected}.") from None
    if min(height, width) < 1:
        raise InputError(f"target_size is {target_size!r}; {expected}.")
    if interpolation not in INTERPOLATIONS:
        known = ", ".join(INTERPOLATIONS)
        raise InputError(f"interpolation is {interpolation!r}, which is invalid: supported methods are {known}.")
    return height, width


def _coloured(content: bytes, color_mode: str) -> Image.Image:
    """The whole picture, upright, in the colours asked for."""
    image, orientation = _decoded(content)
    if image.mode == "P" and color_mode != "rgba":
        image.info.pop("transparency", None)  # changes no colour here, and Pillow would warn that it goes lost
    if color_mode == "grayscale":
        image = image if image.mode in _GREYS else image.convert("L")
    elif image.mode != color_mode.upper():
        image = image.convert(color_mode.upper())
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def _decoded(content: bytes) -> tuple[Image.Image, int]:
    """The picture as its file stores it, all of it decoded, and EXIF's orientation."""
    form = header.sniff(content[: header.HEAD_BYTES])
    container = _png(content) if form == "PNG" else header.unwrap(content, form)
    if form == "JPEG":
        _, (height, width) = jpeg.look(container)
        with decode.bounded(height * width):
            image = jpeg.read(container, 1)
            jpeg.refuse_incomplete(image, container, 1)
        return image, container.orientation
    image = decode.opened(container.content, container.format)
    with decode.bounded(image.width * image.height):
        image.load()
    return image, decode.orientation_of(container, image)


def _png(content: bytes) -> header.Container:
    """Keeps the parts that make the default picture as they are: Pillow reads on where a checksum of them is wrong."""
    kept, upright, position, has_pixels = [content[:8]], 1, 8, False
    while position + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        following = position + 12 + length
        if kind in _PNG_PARTS:
            kept.append(content[position:following])
            has_pixels = has_pixels or kind == b"IDAT"
        elif kind == b"eXIf":
            upright = header.orientation(content[position + 8 : position + 8 + length])
        if kind == b"IEND":
            break
        position = following
    if not has_pixels:
        raise PictureError(header.TRUNCATED)
    return header.Container(b"".join(kept), "PNG", upright)


def _resized(
    image: Image.Image, size: tuple[int, int] | None, interpolation: str, keep_aspect_ratio: bool
) -> Image.Image:
    """The picture at (height, width), of its middle part if its shape is to stay."""
    if size is None or image.size == size[::-1]:
        return image
    (height, width), (rows, columns) = image.size[::-1], size
    box = None
    if keep_aspect_ratio:
        # Of a target far narrower than the picture nothing may be left: Pillow takes that for a line between pixels.
        used = (min(height, width * rows // columns), min(width, height * columns // rows))
        top, left = (height - used[0]) // 2, (width - used[1]) // 2
        box = (left, top, left + used[1], top + used[0])
    return image.resize((columns, rows), Image.Resampling[interpolation.upper()], box=box)
