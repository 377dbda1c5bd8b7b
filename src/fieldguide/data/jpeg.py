"""JPEG data to pixels, at a fraction of the size where that is enough, and whether all of it was there."""

from __future__ import annotations

import re
from dataclasses import replace

from PIL import Image

from fieldguide.data import header
from fieldguide.errors import PictureError

# Colours of a JPEG's pixel -> mode, and how the decoder is to give it: Adobe, whose CMYK it is, turns it around.
_MODES = {1: ("L", "L"), 3: ("RGB", "RGB"), 4: ("CMYK", "CMYK;I")}
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # the end of a scan's data
_FILLING = bytes(range(1, 255)) * 16  # data of no meaning for a decoder that wants more


def look(container: header.Container) -> tuple[str, tuple[int, int]]:
    """A JPEG's mode, and its height and width, once they are seen to be such as can be decoded."""
    bits, height, width, colours = container.frame
    if colours not in _MODES or bits != 8:
        raise PictureError(
            f"damaged, or stored in a way that is not supported ({bits}-bit samples, {colours} of them in a pixel)"
        )
    header.refuse_size(width, height)
    return _MODES[colours][0], (height, width)


def read(container: header.Container, factor: int) -> Image.Image:
    """A JPEG at one `factor`th of its size: 1, 2, 4 or 8.

    Given to Pillow's decoder as a whole: its own reader would parse the headers once more, in Python, which takes an
    eighth of the time of a small photo and lets no other thread work meanwhile.
    """
    _, height, width, colours = container.frame
    mode, raw = _MODES[colours]
    size = (-(-width // factor), -(-height // factor))
    return Image.frombytes(mode, size, container.content, "jpeg", raw, "", factor, 0)


def refuse_incomplete(image: Image.Image, container: header.Container, factor: int) -> None:
    """Raises PictureError where a JPEG's data ended early and the decoder went on, quietly, with grey (or noise).

    A decoder that runs out of data fills up with mid-grey. Where the last pixel is mid-grey, a second decoding with
    bytes added at the end of the data tells: it changes the picture only if the decoder wanted more.
    """
    content = container.content
    if content.rfind(b"\xff\xd9", container.scan) < 0 and content.endswith(bytes(16)):
        raise PictureError(f"{header.TRUNCATED} (its end is only zeros)")
    last = image.getpixel((image.width - 1, image.height - 1))
    if not all(level in (127, 128) for level in (last if isinstance(last, tuple) else (last,))):
        return
    end = _MARKER.search(content, container.scan + 2)
    if end is None:
        return
    filled = content[: end.start()] + _FILLING + content[end.start() :]
    if read(replace(container, content=filled), factor).tobytes() != image.tobytes():
        raise PictureError(header.TRUNCATED)
