"""Mix-up and CutMix: the pictures of a batch mixed with one another, and their labels with them.

Both are drawn first and then applied, in NumPy or, inside a model, by `keras.ops`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from fieldguide.augmentation.draws import whole
from fieldguide.errors import InputError, InputTypeError

NUMBERS = 5  # random numbers that a picture's mix takes


@dataclass(frozen=True, eq=False)
class Mixes:
    """Which pictures of a batch are mixed, and how much of each stays. NumPy arrays, or a backend's tensors.

    Args:
        partners: int (n,), the row of the picture that each one is mixed with; a permutation.
        shares: float (n,), how much of each picture stays, in 0..1.
        centres: float (n, 2), where CutMix's box has its centre, as shares of the height and the width.
    """

    partners: Any
    shares: Any
    centres: Any

    def __len__(self) -> int:
        return len(self.partners)


def draw_mixes(count: int, alpha: float, *, seed: int = 0, epoch: int = 0, batch: int = 0) -> Mixes:
    """The mixes of a batch, from (seed, epoch, batch) alone.

    Args:
        count: of pictures in the batch.
        alpha: the shares are drawn from Beta(alpha, alpha): 1 draws them evenly, less draws most of them near 0 and 1;
            0 mixes nothing.
        seed: of everything random; any whole number, 0 or larger.
        epoch: how often the set was gone through before.
        batch: the number of the batch in its epoch.

    Raises:
        InputError: A number is negative.
        InputTypeError: `alpha` is no number, or another of them no whole one.

    Example:
        >>> mixes = draw_mixes(4, 0.2, seed=1)
        >>> sorted(mixes.partners.tolist())
        [0, 1, 2, 3]
    """
    _check_alpha(alpha)
    given = {"count": count, "seed": seed, "epoch": epoch, "batch": batch}
    count, *key = (whole(name, number) for name, number in given.items())
    return mixes_of(alpha, np.random.default_rng(key).random((count, NUMBERS)))


def draw_mixes_inside(count: Any, alpha: float, generator: Any) -> Mixes:
    """The mixes of a batch, drawn by Keras's backend, for use inside a model or a compiled step.

    Args:
        count: of pictures in the batch; may be a tensor.
        alpha: as for `draw_mixes`.
        generator: a `keras.random.SeedGenerator`, or a seed that one gave.

    Returns:
        Mixes of tensors: int and float32.

    Raises:
        InputError: `alpha` is negative.
        InputTypeError: `alpha` is no number.
    """
    import keras

    _check_alpha(alpha)
    return mixes_of(alpha, keras.random.uniform((count, NUMBERS), dtype="float32", seed=generator), ops=keras.ops)


def mixes_of(alpha: float, numbers: Any, ops: Any = np) -> Mixes:
    """The mixes that these random numbers make.

    Backends draw from Beta by trial and error, which TensorFlow cannot compile, and take the smallest numbers for 0.
    A symmetric Beta has a formula.

    Args:
        alpha: as for `draw_mixes`.
        numbers: float (n, NUMBERS) in 0..1, 1 excluded.
        ops: the module that computes: NumPy or `keras.ops`.

    Source:
        R. Bailey (1994), "Polar generation of random variates with the t-distribution", Mathematics of Computation 62;
        that t gives Beta: L. Devroye (1996), "Random variate generation in one line of code", Winter Simulation
        Conference.
    """
    partners = ops.argsort(numbers[:, 0])
    if not alpha:
        return Mixes(partners, ops.ones_like(numbers[:, 1]), numbers[:, 3:5])
    small, cosine = numbers[:, 1] ** (1.0 / alpha), ops.cos(2 * math.pi * numbers[:, 2])
    shares = 0.5 + 0.5 * cosine * ops.sqrt((1.0 - small) / (small + (1.0 - small) * cosine**2))
    return Mixes(partners, ops.clip(shares, 0.0, 1.0), numbers[:, 3:5])  # rounding may lead beyond


def mix_up(pictures: Any, targets: Any, mixes: Mixes, ops: Any = np) -> tuple[Any, Any]:
    """Each picture laid over its partner, and their targets weighted alike.

    Args:
        pictures: uint8 or float (n, height, width, channels), or with channels first.
        targets: one-hot or probabilities (n, classes).
        mixes: a row for each picture.
        ops: the module that computes: NumPy or `keras.ops`.

    Returns:
        float32 pictures and float32 targets, of the shapes given.

    Raises:
        InputError: The targets are whole numbers that name classes, or the lengths differ.

    Example:
        >>> pictures = np.stack([np.zeros((2, 2, 1)), np.full((2, 2, 1), 100.0)])
        >>> mixes = Mixes(np.array([1, 0]), np.array([0.75, 0.75]), np.full((2, 2), 0.5))
        >>> mixed, targets = mix_up(pictures, np.eye(2), mixes)
        >>> mixed[:, 0, 0, 0].tolist(), targets.tolist()
        ([25.0, 75.0], [[0.75, 0.25], [0.25, 0.75]])

    Source:
        H. Zhang, M. Cisse, Y. Dauphin, D. Lopez-Paz (2018), "mixup: beyond empirical risk minimization", ICLR,
        arXiv 1710.09412.
    """
    _check(pictures, targets, mixes)
    shares = _floats(mixes.shares, ops)
    pictures = _floats(pictures, ops)
    mixed = _mixed(pictures, ops.take(pictures, mixes.partners, axis=0), shares[:, None, None, None])
    return mixed, _mixed_targets(targets, mixes, shares, ops)


def cut_mix(
    pictures: Any, targets: Any, mixes: Mixes, ops: Any = np, *, data_format: str = "channels_last"
) -> tuple[Any, Any]:
    """Each picture with a box of its partner in it, and their targets weighted by the areas.

    The box has the picture's proportions and the area that the partner is due; what lies beyond the edge is cut off,
    and the targets are weighted by the pixels that are left of it.

    Args:
        pictures: uint8 or float (n, height, width, channels), or as `data_format` says.
        targets: one-hot or probabilities (n, classes).
        mixes: a row for each picture.
        ops: the module that computes: NumPy or `keras.ops`.
        data_format: "channels_last" or "channels_first".

    Returns:
        float32 pictures and float32 targets, of the shapes given.

    Raises:
        InputError: The targets are whole numbers that name classes, or the lengths differ.

    Example:
        >>> pictures = np.stack([np.zeros((2, 4, 1)), np.full((2, 4, 1), 100.0)])
        >>> mixes = Mixes(np.array([1, 0]), np.array([0.75, 0.75]), np.zeros((2, 2)))
        >>> mixed, targets = cut_mix(pictures, np.eye(2), mixes)
        >>> mixed[0, ..., 0].tolist(), targets[0].tolist()
        ([[100.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]], [0.875, 0.125])

    Source:
        S. Yun et al. (2019), "CutMix: regularization strategy to train strong classifiers with localizable features",
        ICCV, arXiv 1905.04899.
    """
    _check(pictures, targets, mixes)
    if data_format not in ("channels_last", "channels_first"):
        raise InputError(f"data_format is {data_format!r}; expected channels_last or channels_first.")
    first = data_format == "channels_first"
    height, width = pictures.shape[2:] if first else pictures.shape[1:3]
    sides = ops.sqrt(1.0 - _floats(mixes.shares, ops))
    centres = _floats(mixes.centres, ops)
    top, bottom = _span(centres[:, 0], sides, height, ops)
    left, right = _span(centres[:, 1], sides, width, ops)
    rows, columns = _floats(np.arange(height), ops), _floats(np.arange(width), ops)
    down = (rows >= top[:, None]) & (rows < bottom[:, None])  # (n, height)
    across = (columns >= left[:, None]) & (columns < right[:, None])
    inside = down[:, :, None] & across[:, None, :]
    pictures = _floats(pictures, ops)
    partners = ops.take(pictures, mixes.partners, axis=0)
    mixed = ops.where(inside[:, None] if first else inside[..., None], partners, pictures)
    shares = 1.0 - (bottom - top) * (right - left) / (height * width)
    return mixed, _mixed_targets(targets, mixes, shares, ops)


def _span(centre: Any, side: Any, length: int, ops: Any) -> tuple[Any, Any]:
    """The first pixel of the boxes and the one after their last, along one side of the picture: whole numbers."""
    start, long = ops.floor(centre * length), ops.round(side * length)
    begin = start - ops.floor(long / 2)
    return ops.clip(begin, 0, length), ops.clip(begin + long, 0, length)


def _mixed(own: Any, others: Any, shares: Any) -> Any:
    return own * shares + others * (1.0 - shares)


def _mixed_targets(targets: Any, mixes: Mixes, shares: Any, ops: Any) -> Any:
    targets = _floats(targets, ops)
    return _mixed(targets, ops.take(targets, mixes.partners, axis=0), shares[:, None])


def _floats(values: Any, ops: Any) -> Any:
    return np.asarray(values, np.float32) if ops is np else ops.cast(values, "float32")


def _check(pictures: Any, targets: Any, mixes: Mixes) -> None:
    if len(pictures.shape) != 4:
        raise InputError(f"pictures have the shape {tuple(pictures.shape)}; expected (n, height, width, channels).")
    shape, whole = tuple(targets.shape), "int" in str(targets.dtype)
    if len(shape) != 2 or (whole and shape[1] == 1):
        raise InputError(
            f"targets have the shape {shape} and the type {targets.dtype}; expected one-hot targets (n, classes), "
            "since mixed labels are no whole numbers: keras.utils.to_categorical makes them."
        )
    counts = (pictures.shape[0], shape[0], mixes.partners.shape[0])
    if len({count for count in counts if count is not None}) > 1:
        raise InputError("there are {} pictures, {} targets and {} mixes; expected as many of each.".format(*counts))


def _check_alpha(alpha: object) -> None:
    if isinstance(alpha, bool) or not isinstance(alpha, Real):
        raise InputTypeError(f"alpha is {alpha!r}; expected a number from 0, such as 0.2.")
    if not 0 <= float(alpha) < float("inf"):  # also refuses NaN
        raise InputError(f"alpha is {alpha!r}; expected a number from 0, such as 0.2.")
