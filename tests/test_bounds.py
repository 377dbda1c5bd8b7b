"""Numbers of settings: Python's and NumPy's are taken, everything else is refused in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fieldguide.bounds import number, whole
from fieldguide.errors import InputError


@pytest.mark.parametrize("value", [2, 2.0, np.int64(2), np.float32(2), np.float64(2)])
def test_every_kind_of_number_is_taken_as_pythons_own(value: Any) -> None:
    found = number("rate", value, "a number above 0", lambda rate: rate > 0)
    assert (type(found), found) == (float, 2.0)


@pytest.mark.parametrize("value", ["2", True, np.True_, None, [2], np.array([2.0]), 2j, float("nan"), -1])
def test_what_is_no_number_or_another_one_is_named(value: Any) -> None:
    with pytest.raises(InputError, match=r"^rate is .*; expected a number above 0\.$"):
        number("rate", value, "a number above 0", lambda rate: rate > 0)


@pytest.mark.parametrize("value", [3, np.int32(3), np.uint8(3)])
def test_every_kind_of_whole_number_is_taken_as_pythons_own(value: Any) -> None:
    found = whole("epochs", value, "a whole number")
    assert (type(found), found) == (int, 3)


@pytest.mark.parametrize("value", [3.0, "3", True, np.True_, None, np.array([3]), 0, 11, np.float64(3)])
def test_what_is_no_whole_number_or_another_one_is_named(value: Any) -> None:
    with pytest.raises(InputError, match=r"^epochs is .*; expected a whole number from 1 to 10\.$"):
        whole("epochs", value, "a whole number from 1 to 10", 1, 10)
