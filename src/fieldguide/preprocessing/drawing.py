"""The random numbers of `ImageDataGenerator`, drawn in the order in which Keras's class draws them.

So the same seed gives the same transformations. A generator of NumPy's old kind is needed for that; it is always one
of its own, or, where no seed was given, NumPy's global one, from which Keras draws too. It is never left seeded: while
other people's functions run, which draw from it, it stands where they would find it in Keras, and then where it stood.
"""

from __future__ import annotations

import numbers
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from fieldguide.augmentation.affine import matrices
from fieldguide.errors import InputError, InputTypeError
from fieldguide.preprocessing.arguments import number

_GLOBAL = threading.RLock()  # NumPy has one global generator for all threads
if hasattr(
    os, "register_at_fork"
):  # no process shall be copied while another thread holds it: nobody would let go of it
    os.register_at_fork(before=_GLOBAL.acquire, after_in_parent=_GLOBAL.release, after_in_child=_GLOBAL.release)


@dataclass(frozen=True)
class Ranges:
    """What `ImageDataGenerator` varies, by its own names."""

    rotation_range: float
    width_shift_range: Any  # a share or pixels (float), how many pixels at the most (int), or a list to choose from
    height_shift_range: Any
    shear_range: float
    zoom_range: tuple[float, float]
    channel_shift_range: float
    horizontal_flip: bool
    vertical_flip: bool
    brightness_range: tuple[float, float] | None

    @property
    def chooses(self) -> bool:
        """Whether a shift is chosen from a list, for which the numbers needed are not known beforehand."""
        return any(_chosen(each) for each in (self.height_shift_range, self.width_shift_range))


@dataclass(frozen=True, eq=False)
class Transforms:
    """Drawn transformations of several pictures: an array (n,) each, by the names that Keras gives them.

    `tx` is the vertical shift and `ty` the horizontal one, both in pixels.
    """

    theta: np.ndarray
    tx: np.ndarray
    ty: np.ndarray
    shear: np.ndarray
    zx: np.ndarray
    zy: np.ndarray
    flip_horizontal: np.ndarray
    flip_vertical: np.ndarray
    channel_shift_intensity: np.ndarray | None
    brightness: np.ndarray | None

    def matrices(self, size: tuple[int, int]) -> np.ndarray:
        """float64 (n, 2, 3) for pictures of this (height, width)."""
        return matrices(
            size,
            rotation=self.theta,
            shift=(self.tx, self.ty),
            shear=self.shear,
            zoom=(self.zy, self.zx),
            flip=(self.flip_vertical, self.flip_horizontal),
        )


NAMES = tuple(field.name for field in fields(Transforms))  # what a transformation consists of


def draw(ranges: Ranges, size: tuple[int, int], source: Any) -> dict[str, Any]:
    """One picture's transformation.

    Args:
        ranges: what varies.
        size: (height, width) of the picture.
        source: a `numpy.random.RandomState`, or `numpy.random` itself.

    Returns:
        The dictionary that `ImageDataGenerator.get_random_transform` returns.
    """
    theta = _either_way(ranges.rotation_range, source)
    tx = _shift(ranges.height_shift_range, size[0], source)
    ty = _shift(ranges.width_shift_range, size[1], source)
    shear = _either_way(ranges.shear_range, source)
    low, high = ranges.zoom_range
    zx, zy = (1, 1) if low == high == 1 else source.uniform(low, high, 2)
    flip_horizontal = (source.random_sample() < 0.5) * ranges.horizontal_flip
    flip_vertical = (source.random_sample() < 0.5) * ranges.vertical_flip
    most = ranges.channel_shift_range
    channel_shift_intensity = source.uniform(-most, most) if most != 0 else None
    brightness = source.uniform(*ranges.brightness_range) if ranges.brightness_range is not None else None
    return {
        "theta": theta,
        "tx": tx,
        "ty": ty,
        "shear": shear,
        "zx": zx,
        "zy": zy,
        "flip_horizontal": flip_horizontal,
        "flip_vertical": flip_vertical,
        "channel_shift_intensity": channel_shift_intensity,
        "brightness": brightness,
    }


def draw_many(ranges: Ranges, size: tuple[int, int], source: np.random.RandomState, count: int) -> Transforms:
    """The transformations that `draw` called `count` times would give, at once where that can be.

    Args:
        ranges: what varies.
        size: (height, width) of the pictures.
        source: is left where `count` calls would leave it.
        count: how many pictures.
    """
    if ranges.chooses:
        drawn = [draw(ranges, size, source) for _ in range(count)]
        return _gathered(drawn, ranges)
    spans: list[tuple[str, float, float]] = []  # name, lowest and highest, in the order of the draws

    def vary(name: str, low: float, high: float) -> None:
        spans.append((name, low, high))

    for name, most in (("theta", ranges.rotation_range), ("tx", ranges.height_shift_range),
                       ("ty", ranges.width_shift_range), ("shear", ranges.shear_range)):  # fmt: skip
        if most:
            vary(name, -most, most)
    low, high = ranges.zoom_range
    if not low == high == 1:
        vary("zx", low, high)
        vary("zy", low, high)
    vary("flip_horizontal", 0.0, 1.0)
    vary("flip_vertical", 0.0, 1.0)
    if ranges.channel_shift_range != 0:
        vary("channel_shift_intensity", -ranges.channel_shift_range, ranges.channel_shift_range)
    if ranges.brightness_range is not None:
        vary("brightness", *ranges.brightness_range)
    table = source.random_sample((count, len(spans)))
    found = {name: low + (high - low) * table[:, place] for place, (name, low, high) in enumerate(spans)}
    for name, most, pixels in (("tx", ranges.height_shift_range, size[0]), ("ty", ranges.width_shift_range, size[1])):
        if name in found and most < 1:
            found[name] = found[name] * pixels
    rest = {"theta": 0.0, "tx": 0.0, "ty": 0.0, "shear": 0.0, "zx": 1.0, "zy": 1.0}
    values: dict[str, Any] = {name: found.get(name, np.full(count, value)) for name, value in rest.items()}
    for name, wanted in (("flip_horizontal", ranges.horizontal_flip), ("flip_vertical", ranges.vertical_flip)):
        values[name] = (found[name] < 0.5) & bool(wanted)
    return Transforms(
        **values,
        channel_shift_intensity=found.get("channel_shift_intensity"),
        brightness=found.get("brightness"),
    )


def check_drawn(given: Any, *, more: bool = False) -> None:
    """Refuses what is no transformation of one picture.

    Args:
        given: A dictionary such as `draw` returns; what it does not name stays as it is.
        more: Whether it may hold something else besides.

    Raises:
        InputError: It names what no picture is transformed by, or holds a number that is not finite.
        InputTypeError: It is no dictionary of numbers.
    """
    if not isinstance(given, Mapping):
        raise InputTypeError(
            f"transform_parameters is {given!r}; expected a dictionary, such as get_random_transform returns."
        )
    unknown = [] if more else [name for name in given if name not in NAMES]
    if unknown:
        raise InputError(f"transform_parameters names {unknown[0]!r}; expected only {', '.join(NAMES)}.")
    for name in NAMES:
        number(name, given.get(name, 0), none=name in ("channel_shift_intensity", "brightness"))


def seeded(seed: Any) -> Any:
    """The generator that a seed stands for, as Keras takes it.

    Args:
        seed: What NumPy's old generators take; None is NumPy's global one.

    Raises:
        InputError: The seed is out of range.
        InputTypeError: It is no seed.
    """
    if seed is None:
        return np.random
    asked = f"seed is {seed!r}; expected a whole number from 0 to {2**32 - 1}, or None."
    try:
        return np.random.RandomState(seed)
    except TypeError:
        raise InputTypeError(asked) from None
    except ValueError:
        raise InputError(asked) from None


@contextmanager
def drawing_from(source: Any) -> Iterator[None]:
    """Inside, NumPy's global generator draws what `source` would, for functions of other people; then it is as it was.

    One thread at a time: a second one waits.

    Args:
        source: A `numpy.random.RandomState`, which is left where they left it; or `numpy.random` itself.
    """
    if source is np.random:
        yield
        return
    with _GLOBAL:
        before = np.random.get_state()  # noqa: NPY002 - see the module's first lines
        np.random.set_state(source.get_state())  # noqa: NPY002
        try:
            yield
        finally:
            source.set_state(np.random.get_state())  # noqa: NPY002
            np.random.set_state(before)  # noqa: NPY002


def _gathered(drawn: list[dict[str, Any]], ranges: Ranges) -> Transforms:
    def column(name: str, kind: type) -> np.ndarray:
        return np.array([each[name] for each in drawn], kind)

    geometry = {name: column(name, float) for name in ("theta", "tx", "ty", "shear", "zx", "zy")}
    flips = {name: column(name, bool) for name in ("flip_horizontal", "flip_vertical")}
    return Transforms(
        **geometry,
        **flips,
        channel_shift_intensity=column("channel_shift_intensity", float) if ranges.channel_shift_range else None,
        brightness=column("brightness", float) if ranges.brightness_range is not None else None,
    )


def _either_way(most: float, source: Any) -> Any:
    return source.uniform(-most, most) if most else 0


def _chosen(shift: Any) -> bool:
    return bool(shift) if isinstance(shift, numbers.Integral) else np.ndim(shift) > 0 and np.size(shift) > 0


def _shift(most: Any, pixels: int, source: Any) -> Any:
    """A shift in pixels: a share of them, or so many."""
    if _chosen(most):
        value = source.choice(most) * source.choice([-1, 1])
    elif np.ndim(most) == 0 and most:
        value = source.uniform(-most, most)
    else:
        return 0
    return value * pixels if np.max(most) < 1 else value
