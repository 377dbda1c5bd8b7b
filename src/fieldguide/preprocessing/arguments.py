"""The arguments of `ImageDataGenerator` and its flows, checked before anything is read."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fieldguide.augmentation.settings import FILL_MODES
from fieldguide.augmentation.warp import SCIPY_MODES
from fieldguide.errors import InputError, InputTypeError


def zoom(value: Any) -> list[float]:
    """Lowest and highest zoom factor."""
    if isinstance(value, numbers.Real):
        return [1 - float(value), 1 + float(value)]
    if isinstance(value, list | tuple | np.ndarray) and len(value) == 2:
        low, high = value
        if isinstance(low, numbers.Real) and isinstance(high, numbers.Real):
            return [float(low), float(high)]
    kind = InputTypeError if value is None else InputError
    raise kind(f"zoom_range is {value!r}; it should be a float, or a tuple or list of two floats.")


def brightness(value: Any) -> Sequence[float] | None:
    """Lowest and highest brightness factor, if any."""
    if value is None or (isinstance(value, list | tuple) and len(value) == 2):
        return value
    raise InputError(f"brightness_range is {value!r}; it should be a tuple or list of two floats, such as (0.8, 1.2).")


def fill_mode(value: Any) -> str:
    """A fill mode that some applier has."""
    if value in FILL_MODES or value in SCIPY_MODES:
        return str(value)
    raise InputError(f"fill_mode is {value!r}; expected one of {', '.join(FILL_MODES)}.")


def order(value: Any) -> int:
    """An order of interpolation."""
    if isinstance(value, numbers.Integral) and int(value) in range(6):
        return int(value)
    raise InputError(f"interpolation_order is {value!r}; expected 0 (nearest pixel), 1 (linear) or 2 to 5 (splines).")


def share(value: Any) -> float:
    """A validation split: 0 for none."""
    if not value or (isinstance(value, numbers.Real) and 0 < float(value) < 1):
        return float(value or 0.0)
    kind = InputError if isinstance(value, numbers.Real) else InputTypeError
    raise kind(f"validation_split is {value!r}; it must be strictly between 0 and 1, such as 0.2.")


def factor(value: Any) -> Any:
    """A factor of levels, or None."""
    if value is None or isinstance(value, numbers.Real):
        return value
    raise InputTypeError(f"rescale is {value!r}; expected a number, such as 1/255, or None.")


def function(value: Any) -> Callable[[np.ndarray], Any] | None:
    """A function, or None."""
    if value is None or callable(value):
        return value
    raise InputTypeError(f"preprocessing_function is {value!r}; expected a function of one picture.")


def data_format(value: str | None) -> str:
    """Where channels are; by default where Keras has them."""
    if value is None:
        import keras

        value = keras.config.image_data_format()
    if value not in ("channels_last", "channels_first"):
        raise InputError(f'data_format is {value!r}; it should be "channels_last" or "channels_first".')
    return value


def float_type(value: Any) -> Any:
    """The number type of batches: by default that of Keras."""
    if value is not None:
        return value
    import keras

    return keras.config.floatx()


def batch_size(value: Any) -> int:
    """How many pictures a batch has."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise InputTypeError(
            f"batch_size is {value!r} ({type(value).__name__}); expected a whole number, 1 or larger, such as 32."
        )
    if value < 1:
        raise InputError(f"batch_size is {value}; expected a whole number, 1 or larger, such as 32.")
    return int(value)


def subset_span(subset: Any, validation_split: float) -> tuple[float, float] | None:
    """From which share of the pictures to which a subset reaches; None for all of them."""
    if subset is None:
        return None
    if subset not in ("training", "validation"):
        raise InputError(f'subset is {subset!r}; expected "training" or "validation".')
    if not validation_split:
        raise InputError(
            f"subset={subset!r} was given, but the generator has no validation_split: make it with "
            "ImageDataGenerator(validation_split=0.2), for example."
        )
    return (0, validation_split) if subset == "validation" else (validation_split, 1)


def choice(name: str, value: Any, allowed: Sequence[Any]) -> Any:
    """One of the values that are allowed."""
    if not any(value is each or (isinstance(value, str) and value == each) for each in allowed):
        raise InputError(f"{name} is {value!r}; expected one of: {', '.join(repr(each) for each in allowed)}.")
    return value


def target_size(value: Any) -> tuple[int, int]:
    """(height, width) in pixels."""
    if not isinstance(value, tuple | list | np.ndarray):
        raise InputTypeError(f"target_size is {value!r}; expected (height, width) in pixels, such as (150, 150).")
    if len(value) != 2:
        raise InputError(f"target_size is {value!r}; expected (height, width) in pixels, such as (150, 150).")
    if not all(isinstance(side, numbers.Integral) for side in value):
        raise InputTypeError(f"target_size is {value!r}; expected two whole numbers, such as (150, 150).")
    if min(value) < 1:
        raise InputError(f"target_size is {value!r}; expected two numbers, 1 or larger, such as (150, 150).")
    return int(value[0]), int(value[1])
