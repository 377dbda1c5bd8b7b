"""What suits a set of pictures: the size of the input, how it is framed, what is read of it, how long it is tuned."""

from __future__ import annotations

import math

import numpy as np

from fieldguide.model.trunk import ALL_BLOCKS
from fieldguide.words import counted, times

# Pictures up to this many can be fine-tuned in minutes on a laptop; more than FINE_TUNE_PASSES are not trained through.
FINE_TUNE_PASSES = 12_000
FINE_TUNE_EPOCHS = 12
FEWEST_TO_FINE_TUNE = 200  # with fewer pictures the held-out ones cannot show whether it helped
MOST_VALUES = 60_000_000  # features that are held in memory, 240 MB
VIEWED_PICTURES = 2_000  # pictures that take no longer than so many are seen in several views
MOST_USUAL_VIEWS = 4
SMALL_SIDE = 64  # pictures no larger than this gain nothing from the full input size
SMALL_TARGET = 128
LARGER, WHOLE_STEPS, LARGEST = 2.2, 32, 512  # a larger size: so many times the pixels, in steps of the strides
ONE_SHAPE, NEARLY_ALL = 0.1, 0.9  # nine in ten pictures within a tenth of one ratio of width to height
LONG_ASPECT = 2.0  # centre crops of longer pictures lose more than half of them


def reading(count: int, target_size: tuple[int, int]) -> tuple[str, int, str]:
    """Which maps the head reads, in how many views of each picture, and why, from the number of pictures."""
    maps = "auto" if count * ALL_BLOCKS.features(target_size) <= MOST_VALUES else "last"
    views = max(1, min(MOST_USUAL_VIEWS, VIEWED_PICTURES // count))
    return maps, views, _about_reading(count, maps, views)


def larger_than(target_size: tuple[int, int], shape: float) -> tuple[int, int]:
    """About twice as many pixels, height and width, as far as there are larger sizes.

    Args:
        target_size: height and width of what is to be larger.
        shape: width over height of the pictures.
    """
    high = math.sqrt(LARGER * math.prod(target_size) / shape)
    height, width = (min(LARGEST, WHOLE_STEPS * round(side / WHOLE_STEPS)) for side in (high, shape * high))
    return height, width


def input_of(facts: np.ndarray, default: tuple[int, int]) -> tuple[tuple[int, int], str, str]:
    """Target size, resize rule and the reason, from the sizes of the pictures (`PixelStore.facts`)."""
    short, long = np.minimum(facts["height"], facts["width"]), np.maximum(facts["height"], facts["width"])
    middle, aspect = int(np.median(short)), float(np.median(long / np.maximum(short, 1)))
    target_size = (SMALL_TARGET, SMALL_TARGET) if middle <= SMALL_SIDE else default
    why = (
        f"half of them are {middle} pixels or less on the shorter side, so a larger input adds nothing"
        if target_size != default
        else f"what the backbone was trained at (the pictures' shorter side is {middle} in the median)"
    )
    if aspect > LONG_ASPECT:
        return target_size, "pad", f"input {times(target_size)}, bars added, since they are long and narrow: {why}"
    typical = shape_of(facts)
    if np.mean(np.abs(np.log(_shapes(facts) / typical)) < ONE_SHAPE) >= NEARLY_ALL:
        if abs(math.log(typical)) < ONE_SHAPE:
            return target_size, "crop", f"input {times(target_size)}, centre crop: {why}"
        return target_size, "squash", f"input {times(target_size)}, nothing cut off, since all have one shape: {why}"
    return target_size, "auto", f"input {times(target_size)}: {why}"


def _shapes(facts: np.ndarray) -> np.ndarray:
    """Width over height of each picture."""
    return facts["width"] / np.maximum(facts["height"], 1)


def shape_of(facts: np.ndarray) -> float:
    """Width over height of the picture in the middle."""
    return float(np.median(_shapes(facts)))


def _about_reading(count: int, maps: str, views: int) -> str:
    """What the head reads, and why."""
    if maps == "last":
        return f"it reads the last map: those of all blocks of {counted(count, 'picture')} would not fit in memory"
    seen = f", and {views} views of each picture," if views > 1 else ""
    return f"it reads the maps of all blocks{seen} if they help on held-out pictures, else the last one"


def tuning_epochs(count: int, allowed: bool) -> tuple[int, str]:
    """Fine-tuning epochs and the reason, from the number of pictures."""
    if not allowed:
        return 0, "no fine-tuning: switched off"
    if count < FEWEST_TO_FINE_TUNE:
        return 0, f"no fine-tuning: {counted(count, 'picture')} are too few to show that it helps"
    epochs = min(FINE_TUNE_EPOCHS, FINE_TUNE_PASSES // count)
    if epochs < 2:
        return 0, f"no fine-tuning: with {counted(count, 'picture')} the head learns enough, and it would take long"
    return (
        epochs,
        f"fine-tuning of the last blocks, up to {epochs} epochs, if the head leaves errors that it could mend",
    )
