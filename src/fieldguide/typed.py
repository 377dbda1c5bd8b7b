"""Numbers as a person types them behind a flag."""

from __future__ import annotations

import argparse
import math


def number(text: str) -> float:
    """A number as an argument, of whatever size: what may be is known, and said, where it is used."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} was given; expected a number, such as 0.2") from None


def any_whole(text: str) -> int:
    """A whole number as an argument, of whatever size."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} was given; expected a whole number, such as 10")
    return int(text)


def whole(text: str) -> int:
    """A whole number as an argument, 0 or larger."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} was given; expected a whole number, 0 or larger")
    return int(text)


def share(text: str) -> float:
    """A share as an argument: from 0 to below 1."""
    try:
        given = float(text)
    except ValueError:
        given = math.nan
    if not 0 <= given < 1:
        raise argparse.ArgumentTypeError(f"{text!r} was given; expected a share from 0 to below 1, such as 0.2")
    return given
