"""Numbers as they were given: of the kind and in the range that a setting wants, or refused in words."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

from fieldguide.errors import InputError
from fieldguide.words import shortened


def number(name: str, value: Any, expected: str, good: Callable[[float], bool]) -> float:
    """The value as Python's own float, if it is a number as it should be: NumPy's are as good, True is none.

    Args:
        name: of the setting.
        value: as it was given.
        expected: what it should be, in words.
        good: whether a number is so; never of NaN.

    Raises:
        InputError: it is no number, or another one.

    Example:
        >>> number("rate", 1, "a number above 0", lambda rate: rate > 0)
        1.0
        >>> number("rate", "0.1", "a number above 0", lambda rate: rate > 0)
        Traceback (most recent call last):
        fieldguide.errors.InputError: rate is '0.1'; expected a number above 0.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not good(float(value)):
        raise InputError(f"{name} is {shortened(value)}; expected {expected}.")
    return float(value)


def whole(name: str, value: Any, expected: str, least: int = 1, most: float = math.inf) -> int:
    """The value as Python's own int, if it is a whole number in this range: NumPy's are as good, True and 3.0 are none.

    Args:
        name: of the setting.
        value: as it was given.
        expected: what it should be, in words.
        least: the smallest that may be.
        most: the largest that may be.

    Raises:
        InputError: it is no whole number, or one out of range.

    Example:
        >>> whole("epochs", 3, "a whole number, 1 or larger")
        3
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or not least <= int(value) <= most:
        raise InputError(f"{name} is {shortened(value)}; expected {expected}.")
    return int(value)
