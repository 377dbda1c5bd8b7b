"""How a contact sheet is laid out: pictures at a size that fits, in rows and columns, under headings and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fieldguide.augmentation.lettering import fits_letters, write
from fieldguide.augmentation.settings import Settings

MOST_ROWS = 10  # one below another, or as many as there are columns

# In pixels. A picture's longer side is at the most _SIDE; small ones are enlarged by a whole factor.
_SIDE = 160
_MARGIN, _GAP, _LINE = 20, 8, 1
_HEADING, _CAPTION = 30, 24
_PAPER, _INK, _FAINT, _RULE = 240, 30, 95, 185  # grey levels; on white, white pictures would have no edge


def shown(levels: np.ndarray, settings: Settings) -> np.ndarray:
    """Levels as a picture of the sheet: uint8 (h, w, 3), at a size that fits.

    Args:
        levels: (h, w, 3) or (h, w, 1), as the settings left them.
        settings: for their range.
    """
    import cv2

    low, high = settings.value_range
    pixels = np.clip(np.rint((levels.astype(np.float32) - low) * (255 / (high - low))), 0, 255).astype(np.uint8)
    pixels = np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
    height, width = pixels.shape[:2]
    factor = _SIDE / max(height, width)
    if factor >= 2:  # pixels stay to be seen
        whole = int(factor)
        return np.repeat(np.repeat(pixels, whole, axis=0), whole, axis=1)
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def _rows_of(pictures: int, draws: int) -> int:
    """How many pictures stand one below another: all, or where that is far more than fit on a screen, a part."""
    parts = 1
    while (rows := -(-pictures // parts)) > max(MOST_ROWS, parts * (draws + 1)):
        parts += 1
    return rows


def _captions(labels: Sequence[str], rows: int) -> dict[int, str]:
    """Row -> label, where a label is another than that of the row above, or the row is the first of a part."""
    return {row: label for row, label in enumerate(labels) if row % rows == 0 or label != labels[row - 1]}


def unwritten(labels: Sequence[str], pictures: int, draws: int) -> dict[int, str]:
    """Row -> label, of the labels that a sheet names by their row only, since it has no letters for them.

    Args:
        labels: one for each picture, or none.
        pictures: on the sheet.
        draws: beside each.
    """
    captions = _captions(labels, _rows_of(pictures, draws))
    return {row: label for row, label in captions.items() if not fits_letters(label)}


def side_by_side(rows: Sequence[Sequence[np.ndarray]], labels: Sequence[str]) -> np.ndarray:
    """The sheet, of as many parts as give it a shape that can be looked at: uint8 (height, width, 3).

    Args:
        rows: of each picture as it is and its draws, from `shown`.
        labels: one for each, or none.
    """
    count = _rows_of(len(rows), len(rows[0]) - 1)
    captions = _captions(labels, count)
    parts = []
    for start in range(0, len(rows), count):
        here = {row - start: label for row, label in captions.items() if start <= row < start + count}
        parts.append(_laid_out(rows[start : start + count], here, start))
    height = max(len(part) for part in parts)
    return np.concatenate(
        [np.pad(part, ((0, height - len(part)), (0, 0), (0, 0)), constant_values=_PAPER) for part in parts], axis=1
    )


def _laid_out(rows: Sequence[Sequence[np.ndarray]], captions: Mapping[int, str], before: int) -> np.ndarray:
    """A part: headings, then a row for each picture, under its label, and a line after the first column."""
    column = max(row[0].shape[1] for row in rows)
    step = column + _GAP
    first = step + _GAP + _LINE  # from the originals to the first draws, with the line between them
    heights = [row[0].shape[0] + _GAP for row in rows]
    height = _MARGIN + _HEADING + sum(heights) + _CAPTION * len(captions) - _GAP + _MARGIN
    width = _MARGIN + first + (len(rows[0]) - 1) * step - _GAP + _MARGIN
    sheet = np.full((height, width, 3), _PAPER, np.uint8)
    lefts = [_MARGIN, *(_MARGIN + first + place * step for place in range(len(rows[0]) - 1))]
    for place, left in enumerate(lefts):
        write(sheet[_MARGIN:, left : left + step], f"draw {place}" if place else "as it is", _FAINT)
    top = _MARGIN + _HEADING
    for number, row in enumerate(rows):
        if number in captions:
            label = captions[number]
            write(sheet[top:, _MARGIN:-_MARGIN], label if fits_letters(label) else f"row {before + number + 1}", _INK)
            top += _CAPTION
        bottom = top + row[0].shape[0]
        sheet[top:bottom, lefts[1] - _GAP - _LINE : lefts[1] - _GAP] = _RULE
        for left, picture in zip(lefts, row, strict=True):
            sheet[top:bottom, left : left + picture.shape[1]] = picture
        top = bottom + _GAP
    return sheet
