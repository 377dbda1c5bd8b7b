"""One affine matrix for each picture, from angles, shifts, zooms and flips.

A matrix leads from the pixel (x, y) of the result to the point of the picture it is taken from, as warps want it; x
counts columns and y rows, both from the centre of the first pixel. `ops` is NumPy, or `keras.ops` inside a model.
"""

from __future__ import annotations

from typing import Any

import numpy as np

IDENTITY = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def matrices(
    size: tuple[int, int],
    *,
    rotation: Any = 0.0,
    shift: tuple[Any, Any] = (0.0, 0.0),
    shear: Any = 0.0,
    zoom: tuple[Any, Any] = (1.0, 1.0),
    flip: tuple[Any, Any] = (False, False),
    ops: Any = np,
) -> Any:
    """The matrices of pictures that are turned, shifted, sheared, zoomed and then flipped, each about its centre.

    Every quantity is a number for all pictures, or an array (n,) with one for each.

    Args:
        size: (height, width) in pixels.
        rotation: in degrees; the picture turns counter-clockwise where positive.
        shift: (vertical, horizontal) in pixels; the picture moves up and to the left where positive.
        shear: in degrees.
        zoom: (vertical, horizontal) factors; above 1 the picture shrinks.
        flip: (vertical, horizontal), true or false.
        ops: the module that computes.

    Returns:
        (n, 2, 3) in the type of `ops`, or (2, 3) where every quantity is a number.

    Example:
        >>> matrices((4, 6), shift=(0.0, 2.0))
        array([[1., 0., 2.],
               [0., 1., 0.]])
    """
    height, width = size
    middle = ((width - 1) / 2, (height - 1) / 2)
    angle, slant = rotation * (np.pi / 180), shear * (np.pi / 180)
    cos, sin = ops.cos(angle), ops.sin(angle)
    lean, keep = ops.sin(slant), ops.cos(slant)
    mirrored = [1.0 - 2.0 * ops.where(each, 1.0, 0.0) for each in flip]
    across, down = zoom[1] * mirrored[1], zoom[0] * mirrored[0]
    xx, yx = cos * across, sin * across
    xy, yy = (0.0 - cos * lean - sin * keep) * down, (cos * keep - sin * lean) * down
    moved = (cos * shift[1] - sin * shift[0], sin * shift[1] + cos * shift[0])
    x0 = middle[0] + moved[0] - (xx * middle[0] + xy * middle[1])
    y0 = middle[1] + moved[1] - (yx * middle[0] + yy * middle[1])
    entries = [xx, xy, x0, yx, yy, y0]
    shape = max((tuple(entry.shape) for entry in entries), key=len)  # (n,) or (); n may be unknown inside a model
    full = [entry if len(entry.shape) == len(shape) else ops.broadcast_to(entry, shape) for entry in entries]
    return ops.reshape(ops.stack(full, axis=-1), (-1, 2, 3) if shape else (2, 3))


def from_another_size(matrix: np.ndarray, size: tuple[int, int], taken: tuple[int, int]) -> np.ndarray:
    """The matrix that does the same to a picture of another size, and brings it to the result's size, in one warp.

    A pixel of the result stands for the same part of it as its place does of the picture, as in `cv2.resize`: the
    centre p lies at k * (p + 0.5) - 0.5, where k is the picture's side over the result's.

    Args:
        matrix: (2, 3), for pictures of the result's size.
        size: (height, width) of the result.
        taken: (height, width) of the picture.

    Returns:
        float64 (2, 3), from a pixel (x, y) of the result to a point of the picture.

    Example:
        >>> from_another_size(IDENTITY, (4, 6), (8, 6))
        array([[1. , 0. , 0. ],
               [0. , 2. , 0.5]])
    """
    factors = np.array([[taken[1] / size[1]], [taken[0] / size[0]]])  # (2, 1): of x, and of y
    found = matrix * factors
    found[:, 2:] += (factors - 1) / 2
    return found
