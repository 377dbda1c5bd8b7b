"""Text inside a picture, as far as OpenCV has letters for it: version 4 has ASCII, version 5 most scripts."""

from __future__ import annotations

import unicodedata

import numpy as np

_SIZE, _STROKE = 1.9, 4  # of letters four times as large as they are shown, for smooth strokes
_LARGER = 4
_HEIGHT, _BASELINE = 24, 16  # pixels of a line, and from its upper edge to the foot of the letters


def write(picture: np.ndarray, text: str, level: int) -> None:
    """Writes a line of text into the upper left corner of a picture; what does not fit is left out, with dots.

    Args:
        picture: uint8 (h, w, 3), written to.
        text: the line.
        level: the grey level of the ink.

    Example:
        >>> paper = np.full((30, 200, 3), 255, np.uint8)
        >>> write(paper, "horses", 30)
        >>> bool(paper.min() < 60), bool((paper[:, 100:] == 255).all())
        (True, True)
    """
    text = unicodedata.normalize("NFC", text)
    mask = _inked(text)
    for length in range(len(text) - 1, 0, -1):
        if mask.shape[1] <= picture.shape[1]:
            break
        mask = _inked(text[:length].rstrip() + "...")
    part = picture[: mask.shape[0], : mask.shape[1]]
    share = mask[: part.shape[0], : part.shape[1], None] / 255
    part[...] = np.rint(part * (1 - share) + level * share)


def fits_letters(text: str) -> bool:
    """Whether there are letters for this text, and it runs from left to right without being shaped.

    Example:
        >>> fits_letters("horses"), fits_letters("\\N{HEBREW LETTER ALEF}"), fits_letters("")
        (True, False, False)
    """
    text = unicodedata.normalize("NFC", text)
    if not text.strip() or any(unicodedata.category(each)[0] in "MC" for each in text):
        return False
    if any(unicodedata.bidirectional(each) in ("R", "AL", "AN") for each in text):
        return False
    strange = {each for each in text if not each.isascii()}
    unknown = [_inked("?" * count) for count in range(1, 5)] if strange else []  # in version 4, one for each byte
    return not any(np.array_equal(_inked(each), mark) for each in strange for mark in unknown)


def _inked(text: str) -> np.ndarray:
    """Text as a mask: uint8 (_HEIGHT, w), 255 where the ink is."""
    import cv2

    font = cv2.FONT_HERSHEY_SIMPLEX
    (width, _), _ = cv2.getTextSize(text, font, _SIZE, _STROKE)
    columns = -(-width // _LARGER) + 2
    mask = np.zeros((_HEIGHT * _LARGER, columns * _LARGER), np.uint8)
    cv2.putText(mask, text, (0, _BASELINE * _LARGER), font, _SIZE, 255, _STROKE, cv2.LINE_AA)
    return cv2.resize(mask, (columns, _HEIGHT), interpolation=cv2.INTER_AREA)
