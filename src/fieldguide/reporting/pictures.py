"""Pictures inside a page, as the classifier saw them: cut to its size, small, without a file beside the page."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError

QUALITY = 80  # of JPEG


def thumbnails(
    dataset: Dataset, side_of: Mapping[int, int], *, target_size: tuple[int, int], resize: str
) -> dict[int, str]:
    """Small pictures as data URLs, by row.

    Args:
        dataset: whose rows these are.
        side_of: row -> pixels that the longer side has at the most.
        target_size: (height, width) at which the classifier takes pictures.
        resize: the rule by which they are brought there.

    Returns:
        row -> "data:image/jpeg;base64,...". Rows of files that can no longer be read are missing.
    """
    found = _read(dataset, sorted(side_of), target_size, resize)
    return {row: data_url(shrunk(pixels, side_of[row])) for row, pixels in found}


def read(dataset: Dataset, rows: Iterable[int], *, target_size: tuple[int, int], resize: str) -> dict[int, np.ndarray]:
    """Pictures as the classifier takes them, uint8 (height, width, 3), by row; see `thumbnails`."""
    return dict(_read(dataset, sorted(rows), target_size, resize))


def _read(
    dataset: Dataset, rows: list[int], target_size: tuple[int, int], resize: str
) -> Iterator[tuple[int, np.ndarray]]:
    if not rows:
        return
    # One class for all: which class lost a picture since is no matter here.
    wanted = Dataset(dataset.root, tuple(dataset.paths[row] for row in rows), np.zeros(len(rows), np.int32), ("all",))
    try:
        store = PixelStore.build(wanted, target_size=target_size, resize=resize)
    except InputError:  # none of the files is there any more
        return
    row_of = dict(zip(wanted.paths, rows, strict=True))
    for place, path in enumerate(store.dataset.paths):
        yield row_of[path], store.read([place])[0]


def shrunk(pixels: np.ndarray, side: int) -> np.ndarray:
    """A picture whose longer side has no more than `side` pixels: uint8 (height, width, 3)."""
    import cv2

    factor = min(1.0, side / max(pixels.shape[:2]))
    if factor == 1:
        return pixels
    size = (max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def data_url(pixels: np.ndarray) -> str:
    """A picture as it can stand in a page: "data:image/jpeg;base64,...".

    Args:
        pixels: uint8 (height, width, 3), RGB.
    """
    import cv2

    encoded = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode()}"


def spread(labels: np.ndarray, classes: Sequence[int], per_class: int) -> dict[int, list[int]]:
    """Rows to show of each class, evenly spread over its pictures: class -> rows."""
    result = {}
    for label in classes:
        rows = np.flatnonzero(labels == label)
        places = np.linspace(0, len(rows) - 1, min(per_class, len(rows))).round().astype(np.int64)
        result[label] = rows[places].tolist()
    return result
