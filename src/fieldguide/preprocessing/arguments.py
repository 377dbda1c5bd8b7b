"""The arguments of `ImageDataGenerator` and its flows, checked before anything is read."""

from __future__ import annotations

import itertools
import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fieldguide.augmentation.settings import FILL_MODES
from fieldguide.augmentation.warp import SCIPY_MODES
from fieldguide.errors import InputError, InputTypeError


def flag(name: str, value: Any) -> Any:
    """Anything that is true or false; a text never is, since "no" would count as yes."""
    if isinstance(value, str | bytes):
        raise InputTypeError(f"{name} is {value!r}; expected True or False.")
    return value


def number(name: str, value: Any, *, none: bool = False) -> Any:
    """A finite number; with `none` also None, which stands for 0."""
    plain: Any = np.asarray(value).item() if getattr(value, "shape", None) == () else value  # also of a tensor
    if none and plain is None:
        return value
    if not isinstance(plain, numbers.Real):
        raise InputTypeError(f"{name} is {value!r}; expected a number{', or None' if none else ''}.")
    size: Any = abs(plain)
    if not size < math.inf:  # also refuses NaN
        raise InputError(f"{name} is {value!r}; expected a finite number.")
    return value


def shift(name: str, value: Any) -> Any:
    """A share of a side, pixels, or several of either to choose from; None stands for 0."""
    if value is None:
        return value
    expected = "expected a share such as 0.2, a number of pixels, or a list of either to choose from"
    try:
        values = np.asarray(value)
    except ValueError:  # lists of different lengths
        raise InputTypeError(f"{name} is {value!r}; {expected}.") from None
    if values.dtype.kind not in "biuf" and values.size:
        raise InputTypeError(f"{name} is {value!r}; {expected}.")
    if values.ndim > 1 or not values.size:
        raise InputError(f"{name} is {value!r}; {expected}.")
    if not np.isfinite(values).all():
        raise InputError(f"{name} is {value!r}; expected finite numbers.")
    if values.ndim == 0 and values.dtype.kind == "i" and values < 0:
        raise InputError(f"{name} is {value!r}; whole numbers are pixels to either side: give {-value}.")
    return value


def zoom(value: Any) -> list[float]:
    """Lowest and highest zoom factor."""
    factors = [1 - float(value), 1 + float(value)] if isinstance(value, numbers.Real) else None
    if isinstance(value, list | tuple | np.ndarray) and len(value) == 2:
        low, high = value
        if isinstance(low, numbers.Real) and isinstance(high, numbers.Real):
            factors = [float(low), float(high)]
    if factors is not None and np.isfinite(factors).all():
        return factors
    kind = InputTypeError if value is None else InputError
    raise kind(f"zoom_range is {value!r}; it should be a float, or a tuple or list of two floats.")


def whole_dtype(value: Any, fractional: Sequence[str]) -> None:
    """Refuses batches of whole numbers where settings, named here, make fractions of all levels."""
    if fractional and np.dtype(value).kind in "biu":
        raise InputTypeError(
            f"dtype is {value!r}, and {fractional[0]} makes levels that are no whole numbers; expected a type of "
            "fractions, such as 'float32', or none of these settings."
        )


def array_of_levels(value: Any) -> None:
    """Refuses what is neither an array, of whatever library, nor one level."""
    if not hasattr(value, "dtype") and not isinstance(value, numbers.Real):
        given = repr(value) if isinstance(value, str) or value is None else f"a {type(value).__name__}"
        raise InputTypeError(f"x is {given}; expected an array of levels: img_to_array makes one of a picture.")


def fractions_in(name: str, kind: np.dtype, fractional: Sequence[str]) -> None:
    """Refuses an array of texts, or of whole numbers where settings, named here, make fractions in place of them."""
    if not is_numeric(kind):
        raise InputTypeError(f"{name} holds {kind}; expected levels, such as float32 ones.")
    if fractional and kind.kind in "biu":
        raise InputTypeError(
            f"{name} holds {kind}, and {fractional[0]} makes levels that are no whole numbers; expected a type of "
            f"fractions: {name}.astype('float32')."
        )


def brightness(value: Any) -> Sequence[float] | None:
    """Lowest and highest brightness factor, if any."""
    if value is None:
        return None
    expected = "it should be a tuple or list of two floats, such as (0.8, 1.2)"
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise InputError(f"brightness_range is {value!r}; {expected}.")
    if not all(isinstance(factor, numbers.Real) for factor in value):
        raise InputTypeError(f"brightness_range is {value!r}; {expected}.")
    if not all(0 <= factor < math.inf for factor in value):
        raise InputError(f"brightness_range is {value!r}; {expected}, finite and none below 0.")
    return value


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
        return number("rescale", value, none=True)
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
    if value is None:
        import keras

        return keras.config.floatx()
    try:
        known = is_numeric(np.dtype(value))
    except TypeError:
        known = False
    if not known:
        raise InputTypeError(f"dtype is {value!r}; expected a type of numbers that NumPy knows, such as 'float32'.")
    return value


def is_numeric(dtype: np.dtype) -> bool:
    """Whether levels of pictures may be of this type."""
    return dtype.kind in "biuf" or dtype.name == "bfloat16"


def pictures(value: Any, dtype: Any, where: str = "") -> np.ndarray:
    """An array of pictures; of `dtype` where it is none yet, or holds no levels.

    Args:
        value: What was given as `x`.
        dtype: See `float_type`.
        where: The method that it was given to, for the message.
    """
    found = value
    _refuse_flow(value, where)
    try:
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "uif":
            found = np.asarray(_bounded(value), dtype)
        len(found)  # one number has none
    except (TypeError, ValueError):  # texts, or pictures of different sizes
        given = repr(value) if np.isscalar(value) or value is None else "no array of numbers"
        raise InputTypeError(
            f"x is {given}{where}; expected an array (n, height, width, channels) of pictures of one size. Those of a "
            "folder are for flow_from_directory."
        ) from None
    if found.ndim != 4:
        raise InputError(f"x has shape {found.shape}{where}; it should have rank 4, like (n, height, width, channels).")
    return found


def _refuse_flow(value: Any, where: str) -> None:
    """Refuses what gives batches without an end, which NumPy would gather until the memory is full."""
    if isinstance(value, np.ndarray):
        return
    import keras

    if isinstance(value, keras.utils.PyDataset) or hasattr(value, "__next__"):
        raise InputTypeError(
            f"x is a flow of batches ({type(value).__name__}){where or ' in flow'}, which takes an array (n, height, "
            "width, channels) of pictures: give the pictures, or those of one batch, from next(x)."
        )


def _bounded(value: Any) -> Any:
    """As many entries as it says it has, where it is a sequence of somebody's own: it may go on without an end."""
    kind = type(value)
    own = kind.__module__ not in ("array", "builtins", "collections") and not hasattr(value, "__array__")
    if own and hasattr(kind, "__len__") and hasattr(kind, "__getitem__"):
        return list(itertools.islice(value, len(value)))
    return value


def companion(name: str, value: Any, count: int) -> np.ndarray:
    """An array with an entry for each picture, such as labels."""
    try:
        array = np.asarray(value)
    except ValueError:
        raise InputError(f"the entries of {name} differ in shape; expected one for each picture, all alike.") from None
    if array.ndim == 0:
        raise InputTypeError(f"{name} is {value!r}; expected an array with an entry for each of the {count} pictures.")
    if len(array) != count:
        raise InputError(f"x and {name} should have the same length; found {count} and {len(array)}.")
    return array


def batch_size(value: Any) -> int:
    """How many pictures a batch has."""
    return count("batch_size", value, 32)


def count(name: str, value: Any, usual: int) -> int:
    """A whole number, 1 or larger."""
    expected = f"expected a whole number, 1 or larger, such as {usual}"
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise InputTypeError(f"{name} is {value!r} ({type(value).__name__}); {expected}.")
    if value < 1:
        raise InputError(f"{name} is {value}; {expected}.")
    return int(value)


def subset_span(subset: Any, validation_split: float) -> tuple[float, float] | None:
    """From which share of the pictures to which a subset reaches; None for all of them."""
    if subset is None:
        return None
    if subset not in ("training", "validation"):
        raise InputError(f'subset is {subset!r}; expected "training" or "validation".')
    if not validation_split:
        raise InputError(
            f"subset={subset!r} was given, but the generator's validation_split is 0: make it with "
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
