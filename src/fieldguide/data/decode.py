"""The one place that opens a picture: a file's bytes become uint8 RGB at the size asked for, or a plain reason.

A picture is decoded by Pillow from the parts of its file that hold pixels (see `header`), turned upright, laid on white
where it is transparent, and reduced: a large JPEG by its decoder, others by whole factors, the rest by `resample`.
Nothing here is global or random: the same bytes give the same pixels in any thread and any order.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    IcoImagePlugin,
    Image,
    ImageFile,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from fieldguide.data import header, jpeg, resample
from fieldguide.data.header import MAX_PIXELS
from fieldguide.data.phash import describe
from fieldguide.data.resample import BACKGROUND, RESIZE_RULES
from fieldguide.errors import InputError, PictureError

__all__ = [
    "BACKGROUND",
    "DECODER_VERSION",
    "MAX_FILE_BYTES",
    "MAX_PIXELS",
    "RESIZE_RULES",
    "Picture",
    "array",
    "bounded",
    "decode",
    "digest",
    "load_bytes",
    "opened",
    "orientation_of",
    "plain_reasons",
    "read",
]

DECODER_VERSION = 3  # part of the pixel store's key: raise it when a pixel or a fact could change
MAX_FILE_BYTES = 512 * 2**20

_LARGE_PIXELS = 25_000_000  # pictures above this are decoded one at a time, to bound memory
_one_large_picture = threading.Lock()
_BAND_PIXELS = 1_000_000

# Opened by name, not by Image.open, which warns by a limit that is global to the process.
_OPENERS: dict[str, type[ImageFile.ImageFile]] = {
    "AVIF": AvifImagePlugin.AvifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "ICO": IcoImagePlugin.IcoImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
}


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture and what is known of the whole of it.

    Args:
        pixels: uint8 (height, width, 3), RGB in 0..255, at the target size.
        width: Of the picture in the file, after EXIF orientation.
        height: Likewise.
        format: By content: "JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "ICO" or "PPM".
        mode: How the file stores colours: "RGB", "L" (grey), "CMYK", "P" (palette), "RGBA", "I;16", ...
        hash: 64-bit perceptual hash; few bits differ between versions of one picture.
        mean: Of grey levels, 0..255.
        contrast: Their standard deviation.
    """

    pixels: np.ndarray
    width: int
    height: int
    format: str
    mode: str
    hash: int
    mean: float
    contrast: float


def read(path: str | Path, target_size: tuple[int, int], resize: str = "crop") -> Picture:
    """The picture in a file: `decode(load_bytes(path), ...)`.

    Raises:
        PictureError: It cannot be read; the message is the reason.

    Example:
        >>> picture = read(photo, (224, 224))
        >>> picture.pixels.shape
        (224, 224, 3)
    """
    return decode(load_bytes(path), target_size, resize)


def load_bytes(path: str | Path) -> bytes:
    """The bytes of a picture's file, refused after its first bytes if those start no picture.

    Never waits: a named pipe is refused, not read.

    Raises:
        PictureError: It is no file, cannot be read, is empty, larger than MAX_FILE_BYTES, or no picture.
    """
    path = Path(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise PictureError(f"not a file: {_kind(status.st_mode)}")
        if status.st_size > MAX_FILE_BYTES:
            raise PictureError(f"too large: {status.st_size / 2**20:,.0f} MiB, the limit is {MAX_FILE_BYTES >> 20} MiB")
        with open(path, "rb", buffering=0, opener=_open_at_once) as file:
            head = file.read(header.HEAD_BYTES)
            if not head:
                raise PictureError("an empty file")
            header.sniff(head)
            return head + file.readall() if len(head) == header.HEAD_BYTES else head
    except FileNotFoundError:
        gone = "a link to a file that does not exist" if path.is_symlink() else "gone: moved or deleted"
        raise PictureError(gone) from None
    except PermissionError:
        raise PictureError("no permission to read it") from None
    except OSError as error:
        loop = "a link that leads back to itself"
        raise PictureError(loop if error.errno == errno.ELOOP else f"cannot be read: {error.strerror}") from None


def digest(content: bytes) -> bytes:
    """The 32 bytes that stand for this content: its BLAKE2b hash.

    Example:
        >>> digest(b"")[:4].hex()
        '0e5751c0'
    """
    return hashlib.blake2b(content, digest_size=32).digest()


def decode(content: bytes, target_size: tuple[int, int], resize: str = "crop") -> Picture:
    """The picture in a file's bytes, upright, without transparency, at the size asked for.

    The first frame or page where there are several. Samples of 16 bits count by their high byte. Colour profiles
    are not applied. A picture smaller than the target is enlarged.

    Args:
        content: The whole file.
        target_size: (height, width) in pixels.
        resize: "crop" keeps the centre, cut to the target's shape (to whole pixels of the picture); "squash" changes
            the shape; "pad" keeps all of the picture and fills up with BACKGROUND.

    Returns:
        A Picture.

    Raises:
        PictureError: It is damaged, incomplete, too large (MAX_PIXELS) or nothing that can be read.
        InputError: The size or the rule makes no sense.
    """
    if len(target_size) != 2 or min(target_size) < 1:
        raise InputError(f"target_size is {target_size}; expected (height, width), each at least 1 pixel.")
    if resize not in RESIZE_RULES:
        raise InputError(f"resize is {resize!r}; expected one of {', '.join(RESIZE_RULES)}.")
    with plain_reasons():
        return _decode(content, header.sniff(content[: header.HEAD_BYTES]), target_size, resize)


@contextmanager
def plain_reasons() -> Iterator[None]:
    """Turns whatever a decoder raises inside into a PictureError with the plain reason.

    Raises:
        PictureError: In place of any other error.
    """
    try:
        yield
    except PictureError:
        raise
    except MemoryError:
        raise PictureError("too large for this machine's memory") from None
    except Exception as error:  # a decoder fed with damaged bytes may raise anything
        raise PictureError(_reason(error)) from error


@contextmanager
def bounded(pixels: int) -> Iterator[None]:
    """A block that holds this many pixels: waits its turn if they are many, so that memory stays bounded."""
    if pixels <= _LARGE_PIXELS:
        yield
        return
    with _one_large_picture:
        yield


def _decode(content: bytes, form: str, target_size: tuple[int, int], resize: str) -> Picture:
    container = header.unwrap(content, form)
    image = None if form == "JPEG" else opened(container.content, container.format)
    orientation = orientation_of(container, image)
    turned = orientation >= 5  # by a quarter: height and width change places
    mode, stored = jpeg.look(container) if image is None else (image.mode, (image.height, image.width))
    height, width = stored[::-1] if turned else stored
    box, size = resample.plan((height, width), target_size, resize)
    wanted = (box[2] / size[0], box[3] / size[1])  # how many pixels of the picture become one
    ratios = wanted[::-1] if turned else wanted
    # The JPEG decoder can reduce by 2, 4 or 8, which is cheap; twice the target's size is left.
    factor = next((each for each in (8, 4, 2) if min(ratios) >= 2 * each), 1) if image is None else 1
    held = height * width // (1 if container.progressive else factor**2)
    with bounded(held):
        if image is None:
            image = jpeg.read(container, factor)
            jpeg.refuse_incomplete(image, container, factor)
        image.load()
        left = (ratios[0] * image.height / stored[0], ratios[1] * image.width / stored[1])
        whole = _pixels(image, (max(1, int(left[0] / 2)), max(1, int(left[1] / 2))))
        image.close()  # gives its memory to the next steps, and a large one's back before the next large one starts
    whole = resample.upright(whole, orientation)
    pixels = resample.frame(resample.resize(resample.cut(whole, box, (height, width)), size), target_size)
    return Picture(pixels, width, height, form, mode, *describe(whole))


def opened(content: bytes, form: str) -> Image.Image:
    """The picture, its size checked, its pixels not yet decoded; any format but JPEG, which `jpeg` reads."""
    image = _OPENERS[form](io.BytesIO(content))
    header.refuse_size(*image.size)
    return image


def orientation_of(container: header.Container, image: Image.Image | None) -> int:
    """How the opened picture has to be turned, as EXIF counts; of an AVIF file only Pillow knows."""
    if image is None or container.format != "AVIF":
        return container.orientation
    return header.orientation(image.info.get("exif", b""))


def _pixels(image: Image.Image, factors: tuple[int, int]) -> np.ndarray:
    """Grey or RGB pixels, averaged over areas of (down, across) whole pixels; uint8 (h, w) or (h, w, 3)."""
    if factors == (1, 1):
        return array(_flat(image))
    # Band after band: neither the RGB nor the RGBA version of a large picture is ever held whole.
    down, across = factors
    rows = down * max(1, _BAND_PIXELS // (down * image.width))
    bands = []
    for top in range(0, image.height, rows):
        band = _flat(image.crop((0, top, image.width, min(top + rows, image.height))))
        bands.append(np.asarray(band.reduce((across, down))))
    return np.concatenate(bands)


def array(image: Image.Image) -> np.ndarray:
    """The pixels of a grey or RGB picture, uint8 (h, w) or (h, w, 3)."""
    import cv2

    if image.mode == "L":
        return np.asarray(image)
    # As Pillow holds them, four bytes each: to pack them it would keep all other threads waiting.
    held = np.frombuffer(image.tobytes("raw", "RGBX"), np.uint8).reshape(image.height, image.width, 4)
    return cv2.cvtColor(held, cv2.COLOR_RGBA2RGB)


def _flat(image: Image.Image) -> Image.Image:
    """The picture in 8-bit grey or RGB, on white where it is transparent."""
    if image.mode.startswith("I;16"):
        return _from_16_bits(image)
    if image.mode in ("I", "F", "LAB"):
        kind = {"I": "32-bit or signed whole numbers", "F": "floating-point numbers", "LAB": "L*a*b* colours"}[
            image.mode
        ]
        raise PictureError(f"pixels stored as {kind} are not supported: convert to 8 or 16 bits RGB or grey")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        flat = Image.new("RGB", image.size, BACKGROUND)
        flat.paste(layer, mask=layer.getchannel("A"))
        return flat
    wanted = "L" if image.mode in ("1", "L") else "RGB"
    return image if image.mode == wanted else image.convert(wanted)


def _from_16_bits(image: Image.Image) -> Image.Image:
    samples = np.asarray(image)
    levels = (samples >> 8).astype(np.uint8)
    if isinstance(transparent := image.info.get("transparency"), int):
        levels[samples == transparent] = BACKGROUND[0]
    return Image.fromarray(levels)


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # else a pipe put there meanwhile would block


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"))
    return next((name for is_kind, name in kinds if is_kind(mode)), "a device")


def _reason(error: Exception) -> str:
    """What a decoder's error means, in words for the person whose picture it is."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, EOFError) or "truncated" in text.lower() or "not enough" in text:
        return header.TRUNCATED
    if isinstance(error, Image.DecompressionBombError):
        return f"too large: more than {MAX_PIXELS // 1_000_000} megapixels"
    return f"damaged, or stored in a way that is not supported ({text[:120]})"
