"""What happens to each picture, drawn from (seed, epoch, row) alone and from nothing else.

So a picture's draw does not depend on the batch it comes in, on how many threads or workers there are, or on whether
training was interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import index
from typing import Any, SupportsIndex

import numpy as np

from fieldguide.augmentation.affine import matrices
from fieldguide.augmentation.settings import Settings
from fieldguide.errors import InputError, InputTypeError

NUMBERS = 22  # random numbers that a picture's draw takes at the most, in this order:
ROTATION, SHIFT_DOWN, SHIFT_ACROSS, SHEAR, ZOOM_DOWN, ZOOM_ACROSS = range(6)
FLIP_DOWN, FLIP_ACROSS, BRIGHTNESS, CONTRAST = range(6, 10)
COLOURS = slice(10, 13)
ERASED, ERASED_AREA, ERASED_RATIO, ERASED_TOP, ERASED_LEFT = range(13, 18)
CROPPED_AREA, CROPPED_RATIO, CROPPED_TOP, CROPPED_LEFT = range(18, NUMBERS)

_GOLDEN = 0x9E3779B97F4A7C15
_LARGEST = 2**64 - 1
_LARGEST_ROW = 2**63 - 1


@dataclass(frozen=True, eq=False)
class Draws:
    """What happens to the pictures of a batch, one row each. `ops.ndarray`s, or a backend's tensors.

    Args:
        matrices: float (n, 2, 3), from a pixel (x, y) of the result to a point of the picture.
        factors: float (n,), by which all levels are multiplied.
        contrasts: float (n,), factors of the distance to the picture's mean level.
        offsets: float (n, 3), added to each colour's levels; grey pictures take the first.
        boxes: float (n, 4), the erased rectangle's top, left, bottom and right edge in pixels; empty where all are 0.
    """

    matrices: Any
    factors: Any
    contrasts: Any
    offsets: Any
    boxes: Any

    def __len__(self) -> int:
        return len(self.matrices)


def draw(
    settings: Settings,
    size: tuple[int, int],
    rows: Sequence[int] | np.ndarray,
    *,
    seed: SupportsIndex = 0,
    epoch: SupportsIndex = 0,
) -> Draws:
    """What happens to these pictures in this epoch.

    Args:
        settings: what may vary.
        size: (height, width) of the pictures in pixels.
        rows: which pictures, by their number in the whole set.
        seed: of everything random; any whole number, 0 or larger.
        epoch: how often the set was gone through before.

    Returns:
        Draws of NumPy arrays, a row for each of `rows`.

    Raises:
        InputError: The size is none of a picture; or the seed, the epoch or a row is negative, or one of the last two
            too large for 64 bits.
        InputTypeError: One of them is no whole number.

    Example:
        >>> settings = Settings(rotation_range=40, horizontal_flip=True)
        >>> whole = draw(settings, (150, 150), range(100), seed=1, epoch=3)
        >>> alone = draw(settings, (150, 150), [42], seed=1, epoch=3)
        >>> bool((whole.matrices[42] == alone.matrices[0]).all())
        True
    """
    numbers = uniforms(rows, numbers_for(settings), seed=seed, epoch=epoch)
    return draws_of(settings, checked_size(size), numbers)


def numbers_for(settings: Settings) -> int:
    """How many random numbers these settings take: those for crops come last, and where nothing is cropped not at all.

    So a generator that gives all of them at once gives the other settings what it gave before there were crops.

    Example:
        >>> numbers_for(Settings(rotation_range=40)), numbers_for(Settings(crop_area=(0.35, 1)))
        (18, 22)
    """
    return NUMBERS if settings.crops else CROPPED_AREA


def draws_of(settings: Settings, size: tuple[int, int], numbers: Any, ops: Any = np) -> Draws:
    """The draws that these random numbers make.

    Args:
        settings: what may vary.
        size: (height, width) of the pictures.
        numbers: float (n, NUMBERS) in 0..1, 1 excluded; the first `numbers_for(settings)` will do.
        ops: the module that computes: NumPy or `keras.ops`.
    """
    height, width = size

    def between(place: int, low: float, high: float) -> Any:
        return low + (high - low) * numbers[:, place]

    def either_way(place: int, most: float) -> Any:
        return between(place, -most, most)

    zoom = between(ZOOM_DOWN, *settings.zoom_factors), between(ZOOM_ACROSS, *settings.zoom_factors)
    shift = (
        either_way(SHIFT_DOWN, settings.height_shift_range * height),
        either_way(SHIFT_ACROSS, settings.width_shift_range * width),
    )
    if settings.crops:  # which are zooms and shifts like the others
        kept, moved = _crops(settings, size, numbers, ops)
        zoom = zoom[0] * kept[0], zoom[1] * kept[1]
        shift = shift[0] + moved[0], shift[1] + moved[1]
    table = matrices(
        size,
        rotation=either_way(ROTATION, settings.rotation_range),
        shift=shift,
        shear=either_way(SHEAR, settings.shear_range),
        zoom=zoom,
        flip=(
            (numbers[:, FLIP_DOWN] < 0.5) & settings.vertical_flip,
            (numbers[:, FLIP_ACROSS] < 0.5) & settings.horizontal_flip,
        ),
        ops=ops,
    )
    return Draws(
        table,
        between(BRIGHTNESS, *(settings.brightness_range or (1, 1))),
        between(CONTRAST, *(settings.contrast_range or (1, 1))),
        settings.channel_shift_range * (2 * numbers[:, COLOURS] - 1),
        _boxes(settings, size, numbers, ops),
    )


def _crops(settings: Settings, size: tuple[int, int], numbers: Any, ops: Any) -> tuple[tuple[Any, Any], ...]:
    """Which shares of (height, width) are kept, each (n,), and how far that part lies from the middle, in pixels."""
    low, high = settings.crop_area
    area = low + (high - low) * numbers[:, CROPPED_AREA]
    ratio = _ratios(settings.crop_ratio, numbers[:, CROPPED_RATIO], ops)
    # One that is too high or too wide for the picture is cut to fit.
    kept = ops.minimum(ops.sqrt(area / ratio), 1.0), ops.minimum(ops.sqrt(area * ratio), 1.0)
    # Evenly in the room that is left, from the first pixel's centre to the last one's: nothing beyond is seen.
    down = (2 * numbers[:, CROPPED_TOP] - 1) * (1 - kept[0]) * ((size[0] - 1) / 2)
    across = (2 * numbers[:, CROPPED_LEFT] - 1) * (1 - kept[1]) * ((size[1] - 1) / 2)
    return kept, (down, across)


def _ratios(limits: tuple[float, float], numbers: Any, ops: Any) -> Any:
    """Ratios of two sides, drawn evenly over their logarithm: (n,)."""
    low, high = math.log(limits[0]), math.log(limits[1])
    return ops.exp(low + (high - low) * numbers)


def _boxes(settings: Settings, size: tuple[int, int], numbers: Any, ops: Any) -> Any:
    """The erased rectangles: (n, 4)."""
    height, width = size
    low, high = settings.erasing_area
    area = (low + (high - low) * numbers[:, ERASED_AREA]) * height * width
    ratio = _ratios(settings.erasing_ratio, numbers[:, ERASED_RATIO], ops)
    # One that is too high or too wide for the picture is cut to fit.
    rows = ops.minimum(ops.round(ops.sqrt(area * ratio)), height)
    columns = ops.minimum(ops.round(ops.sqrt(area / ratio)), width)
    top = ops.floor(numbers[:, ERASED_TOP] * (height - rows + 1))
    left = ops.floor(numbers[:, ERASED_LEFT] * (width - columns + 1))
    there = ops.where(numbers[:, ERASED] < settings.erasing, 1.0, 0.0)
    return ops.stack([top, left, top + rows, left + columns], axis=-1) * there[:, None]


def uniforms(rows: Sequence[int] | np.ndarray, count: int, *, seed: SupportsIndex, epoch: SupportsIndex) -> np.ndarray:
    """Random numbers for these rows: float64 (len(rows), count), evenly in 0..1, 1 excluded.

    A row's numbers are a function of (seed, epoch, row) and of nothing else, and are found for a whole batch at once:
    a generator of its own for every picture would take longer than a warp of a small one.

    Raises:
        InputError: The seed, the epoch or a row is negative, or one of the last two too large for 64 bits.
        InputTypeError: One of them is no whole number.

    Source:
        G. Steele, D. Lea, C. Flood (2014), "Fast splittable pseudorandom number generators", OOPSLA (SplitMix64).
    """
    rows = _checked_rows(rows)
    seed, epoch = whole("seed", seed), whole("epoch", epoch)
    if epoch > _LARGEST:
        raise InputError(f"epoch is {epoch}; expected a whole number from 0 that fits into 64 bits.")
    state = np.full(1, seed & _LARGEST, np.uint64)
    while seed := seed >> 64:  # longer seeds count in full
        state = _mixed(state) ^ np.uint64(seed & _LARGEST)
    state = _mixed(_mixed(state) ^ np.uint64(epoch))
    state = _mixed(state ^ rows.astype(np.uint64))  # (n,)
    steps = (np.arange(1, count + 1, dtype=np.uint64)) * np.uint64(_GOLDEN)
    mixed = _mixed(state[:, None] + steps)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def whole(name: str, number: object) -> int:
    """The number as Python's own, if it is a whole one from 0: NumPy's are as good, True and 3.0 are none.

    Raises:
        InputError: It is negative.
        InputTypeError: It is no whole number.

    Example:
        >>> whole("seed", np.int64(3))
        3
    """
    if isinstance(number, bool | np.bool_) or not isinstance(number, SupportsIndex):
        raise InputTypeError(f"{name} is {number!r}; expected a whole number from 0.")
    try:
        found = index(number)
    except TypeError:  # of arrays, which are whole numbers only if they hold a single one
        raise InputTypeError(f"{name} is {number!r}; expected a whole number from 0.") from None
    if found < 0:
        raise InputError(f"{name} is {found}; expected a whole number from 0.")
    return found


def _checked_rows(rows: Sequence[int] | np.ndarray) -> np.ndarray:
    """The rows: int64 (n,)."""
    found = np.asarray(rows).reshape(-1)
    if not len(found):
        return found.astype(np.int64)
    if found.dtype.kind not in "iu":
        raise InputTypeError(f"rows are of type {found.dtype}; expected whole numbers, 0 or larger.")
    if found.min() < 0:
        raise InputError(f"the lowest row is {found.min()}; expected whole numbers from 0.")
    if found.max() > _LARGEST_ROW:
        raise InputError(f"the highest row is {found.max()}; expected whole numbers up to {_LARGEST_ROW}.")
    return found.astype(np.int64)


def checked_size(size: object) -> tuple[int, int]:
    """The size as Python's own numbers, if it is one of a picture in pixels.

    Raises:
        InputError: It is none.
        InputTypeError: It is of another kind.

    Example:
        >>> checked_size(np.array([150, 200]))
        (150, 200)
    """
    asked = "expected (height, width) in pixels, such as (150, 150)"
    try:
        height, width = (index(side) for side in size)  # type: ignore[attr-defined]
    except TypeError:
        raise InputTypeError(f"size is {size!r}; {asked}.") from None
    except ValueError:
        raise InputError(f"size is {size!r}; {asked}.") from None
    if min(height, width) < 1:
        raise InputError(f"size is {size!r}; {asked}, each at least 1.")
    return height, width


def _mixed(state: np.ndarray) -> np.ndarray:
    """Every bit of a 64-bit number made to depend on every bit: the finaliser of SplitMix64, after one step."""
    state = state + np.uint64(_GOLDEN)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
