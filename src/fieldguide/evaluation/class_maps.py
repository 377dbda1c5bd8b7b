"""Class maps of a network whose last feature maps are pooled and go through dense layers, without any autodiff.

The gradient of such a head is a few matrix products: NumPy does it, and neither Keras nor TensorFlow need be loaded.

Source: R. R. Selvaraju et al. (2017), "Grad-CAM: Visual explanations from deep networks via gradient-based
localization", ICCV, arXiv 1610.02391. R. L. Draelos, L. Carin (2020), "Use HiResCAM instead of Grad-CAM for faithful
explanations of convolutional neural networks", arXiv 2011.08891.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fieldguide.errors import InputError

METHODS = ("hirescam", "gradcam")
POOLINGS = ("average", "max", "flatten")

Dense = tuple[np.ndarray, np.ndarray]  # kernel (in, out) and bias (out,)


def combined(activations: np.ndarray, gradients: np.ndarray, *, method: str = "hirescam") -> np.ndarray:
    """What each place of feature maps adds to an output: float32 (n, h, w), positive or negative.

    HiResCAM multiplies each activation by its own gradient. Grad-CAM first replaces the gradients of a channel by their
    mean, and so may show places that the network did not use. Behind average pooling the two are the same.

    Args:
        activations: (n, h, w, channels).
        gradients: of the output with respect to them, of the same shape.
        method: "hirescam" or "gradcam".

    Raises:
        InputError: if the method is unknown.
    """
    require_method(method)
    if method == "gradcam":
        return np.einsum("nhwc,nc->nhw", activations, gradients.mean(axis=(1, 2))).astype(np.float32)
    return np.einsum("nhwc,nhwc->nhw", activations, gradients).astype(np.float32)


def class_map(
    maps: np.ndarray, layers: Sequence[Dense], *, pooling: str, class_index: int | np.ndarray, method: str = "hirescam"
) -> np.ndarray:
    """What each place of the last feature maps adds to the logit of a class: float32 (n, h, w).

    Where there is one dense layer, a HiResCAM map adds up to the logit without the layer's bias, whatever the pooling:
    nothing is left out and nothing is made up. With hidden layers it is what the ReLUs let through for this picture.

    Args:
        maps: the last feature maps, float32 (n, h, w, channels), as they are pooled.
        layers: kernel and bias of each dense layer, with a ReLU between two of them; the last has one unit for two
            classes, else one for each.
        pooling: how the maps become a vector: "average", "max" or "flatten".
        class_index: the class, or int (n,), one for each picture. Of two classes, the first one's map is that of the
            negative logit.
        method: "hirescam" or "gradcam".

    Raises:
        InputError: if the pooling, the method or the class is none, or the layers do not fit the maps.

    Example:
        >>> maps = np.array([[[[1.0], [3.0]]]], np.float32)  # one picture, 1 x 2 places, one channel
        >>> class_map(maps, [(np.array([[2.0]]), np.array([0.5]))], pooling="average", class_index=1).tolist()
        [[[1.0, 3.0]]]
    """
    require_method(method)
    if pooling not in POOLINGS:
        raise InputError(f"pooling is {pooling!r}; expected one of {', '.join(POOLINGS)}.")
    count, height, width, channels = maps.shape
    needed = height * width * channels if pooling == "flatten" else channels
    if not layers or layers[0][0].shape[0] != needed:
        takes = layers[0][0].shape[0] if layers else "no"
        raise InputError(f"the first dense layer takes {takes} values; {pooling} of maps {maps.shape[1:]} is {needed}.")
    unit, sign = units_and_signs(class_index, count, layers[-1][0].shape[1])

    vector = _pooled(maps, pooling)
    open_gates = []
    for kernel, bias in layers[:-1]:
        vector = np.maximum(vector @ kernel + bias, 0)
        open_gates.append(vector > 0)
    slope = sign[:, None] * layers[-1][0].T[unit]  # of the logit with respect to the last layer's inputs: (n, inputs)
    for (kernel, _), gate in zip(reversed(layers[:-1]), reversed(open_gates), strict=True):
        slope = (slope * gate) @ kernel.T
    if pooling == "average":  # every place of a channel has the same gradient: both methods are one
        return np.einsum("nhwc,nc->nhw", maps, slope / (height * width)).astype(np.float32)
    if pooling == "flatten":
        return combined(maps, slope.reshape(maps.shape), method=method)
    return combined(maps, _largest(maps) * slope[:, None, None, :], method=method)


def units_and_signs(class_index: int | np.ndarray, count: int, units: int) -> tuple[np.ndarray, np.ndarray]:
    """The output unit of each picture's class, int64 (n,), and 1 or -1 for the sign of its logit, float32 (n,).

    Args:
        class_index: a class, or int (n,), one for each picture.
        count: how many pictures there are.
        units: of the model: 1 for two classes, else one for each class.

    Raises:
        InputError: if there is no such class.
    """
    classes, given = 2 if units == 1 else units, np.asarray(class_index)
    if given.dtype.kind not in "iu" or given.shape not in ((), (count,)):
        raise InputError(
            f"the class is {class_index!r:.80}; expected a whole number, or one for each of {count} pictures."
        )
    if given.size and (given.min() < 0 or given.max() >= classes):
        raise InputError(f"the class is {class_index!r:.80}; there are {classes}, counted from 0.")
    given = np.broadcast_to(given, count).astype(np.int64)
    if units == 1:
        return np.zeros(count, np.int64), np.where(given == 1, 1, -1).astype(np.float32)
    return given, np.ones(count, np.float32)


def require_method(method: str) -> None:
    """Sees to it that a method is one that there is.

    Raises:
        InputError: if it is not.
    """
    if method not in METHODS:
        raise InputError(f"method is {method!r}; expected one of {', '.join(METHODS)}.")


def _pooled(maps: np.ndarray, pooling: str) -> np.ndarray:
    """The vector that the first dense layer takes: (n, values)."""
    if pooling == "flatten":
        return maps.reshape(len(maps), -1)
    return maps.mean(axis=(1, 2)) if pooling == "average" else maps.max(axis=(1, 2))


def _largest(maps: np.ndarray) -> np.ndarray:
    """Where each channel is largest, as shares that sum to 1: several places that are equally large share alike."""
    largest = maps == maps.max(axis=(1, 2), keepdims=True)
    return largest / largest.sum(axis=(1, 2), keepdims=True)
