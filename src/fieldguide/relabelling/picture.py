"""A picture as the page shows it: whole, upright, of a size for a screen, in a format that every browser knows."""

from __future__ import annotations

from pathlib import Path

from fieldguide.data import decode
from fieldguide.errors import PictureError

LONGEST_SIDE = 1200  # pixels
QUALITY = 90  # of JPEG
_GLANCE = (16, 16)  # enough to learn the size of the whole


def screen_picture(path: Path) -> bytes:
    """The picture in a file as a JPEG of LONGEST_SIDE pixels at the most; never the file's own bytes.

    Raises:
        PictureError: it cannot be read; the message is the reason.

    Example:
        >>> screen_picture(photo)[:3].hex()
        'ffd8ff'
    """
    import cv2

    content = decode.load_bytes(path)
    whole = decode.decode(content, _GLANCE, "squash")
    factor = min(1.0, LONGEST_SIDE / max(whole.width, whole.height))
    size = (max(1, round(whole.height * factor)), max(1, round(whole.width * factor)))
    pixels = decode.decode(content, size, "squash").pixels
    sound, encoded = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not sound:
        raise PictureError("cannot be shown")
    return bytes(encoded.tobytes())
