"""Heat maps: what a classifier looked at in a picture, for one of its classes.

A map has the resolution of a layer of the network, by default the last one that still has places: of the bundled
backbone, 7 x 7 for a picture of 224 x 224 pixels. HiResCAM is the default, since it shows what the network used: behind
a head with one dense layer, its map adds up to the class's logit (without the bias).

Source: see `class_maps`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fieldguide.errors import InputError
from fieldguide.evaluation.class_maps import class_map, combined, require_method, units_and_signs
from fieldguide.model.classifier import Classifier
from fieldguide.model.engine import MapEngine
from fieldguide.model.gradients import activation_and_gradient, is_maps, unrolled
from fieldguide.model.head import Head
from fieldguide.model.runners import ROWS_PER_TURN
from fieldguide.model.trunk import Trunk

if TYPE_CHECKING:
    import keras

BATCH = 64  # pictures at a time at the most
LAST_MAP = "last map"  # of a backbone whose last layer has no name here


@dataclass(frozen=True, eq=False)
class Heat:
    """What each place of a picture adds to the logit of a class.

    Example:
        >>> heat = Heat(np.array([[3.0, -1.0], [1.0, 0.0]], np.float32), 1, "top_activation", "hirescam")
        >>> heat.weights.tolist()
        [[0.75, 0.0], [0.25, 0.0]]
        >>> heat.enlarged((4, 4)).shape
        (4, 4)
    """

    values: np.ndarray  # float32 (h, w) at the layer's resolution; negative where a place speaks against the class
    class_index: int
    layer: str  # whose feature maps these are
    method: str  # "hirescam" or "gradcam"

    @property
    def weights(self) -> np.ndarray:
        """What speaks for the class, float32 (h, w) that sums to 1; all 0 if nothing does."""
        positive = np.maximum(self.values, 0)
        total = positive.sum(dtype=np.float64)
        return (positive / total if total > 0 else positive).astype(np.float32)

    def enlarged(self, size: tuple[int, int]) -> np.ndarray:
        """The values at the picture's size, bilinear between the centres of the places: float32 (height, width).

        Args:
            size: (height, width) in pixels.
        """
        return enlarged(self.values, size)


def heat_map(
    model: keras.Model, pixels: np.ndarray, *, class_index: int, layer: str | None = None, method: str = "hirescam"
) -> Heat:
    """What a Keras model looked at in one picture, see `heat_maps`.

    Args:
        model: any functional or sequential Keras model.
        pixels: (height, width, channels), as the model takes them.
        class_index: the class to explain, counted from 0.
        layer: as for `heat_maps`.
        method: as for `heat_maps`.

    Raises:
        InputTypeError: as `heat_maps` does.
        InputError: as `heat_maps` does.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.ReLU(),
        ...                           keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)])
        >>> heat_map(model, np.ones((2, 2, 1)), class_index=2).values.shape
        (2, 2)
    """
    return heat_maps(model, np.asarray(pixels)[None], classes=class_index, layer=layer, method=method)[0]


def heat_maps(
    model: keras.Model,
    pixels: np.ndarray,
    *,
    classes: int | np.ndarray,
    layer: str | None = None,
    method: str = "hirescam",
    watch: Callable[[int], None] | None = None,
) -> tuple[Heat, ...]:
    """What a Keras model looked at in some pictures.

    Args:
        model: any functional or sequential Keras model, (n, 1) sigmoid or (n, classes) out; models inside it are looked
            into.
        pixels: (n, height, width, channels), as the model takes them.
        classes: the class to explain, or int (n,), one for each picture. Where one unit tells two classes apart, the
            map of the first one is that of the negative logit.
        layer: its name or path ("base/mixed7"), one with feature maps; None for the last one. Earlier layers give finer
            maps of less meaning.
        method: "hirescam" or "gradcam".
        watch: is told after each batch how many pictures it had.

    Raises:
        InputTypeError: if the model is of another kind.
        InputError: if layer, class, method or pixels do not fit the model.
    """
    require_method(method)
    flat = unrolled(model)
    path = flat.path(layer)
    shape = flat.values[path].shape
    if not is_maps(shape):
        raise InputError(f"the layer {path!r} gives {shape}; expected feature maps (n, height, width, channels).")
    units, signs = units_and_signs(classes, len(pixels), flat.logits.shape[-1])
    activations, gradients = activation_and_gradient(flat, pixels, layer=path, output=units, watch=watch)
    values = signs[:, None, None] * combined(activations, gradients, method=method)
    return _heats(values, classes, path, method)


def classifier_heat_maps(
    classifier: Classifier, pixels: np.ndarray, *, classes: int | np.ndarray, method: str = "hirescam"
) -> tuple[Heat, ...]:
    """What one of fieldguide's classifiers looked at in some pictures.

    The last map that the head reads has the map's resolution. Where it reads earlier ones too, what they add is added
    at the places of the last one, so that the map still sums to the class's logit (without the bias).

    With the bundled backbone neither Keras nor TensorFlow is loaded; other networks are asked through Keras, and those
    trained from scratch for gradients.

    Args:
        classifier: from `fieldguide.train` or `fieldguide.load`.
        pixels: uint8 (n, height, width, 3) in 0..255, at the classifier's size.
        classes: the class to explain, or int (n,), one for each picture.
        method: "hirescam" or "gradcam".

    Raises:
        InputError: if class, method or pixels do not fit the classifier.

    Example:
        >>> import fieldguide as fg
        >>> guide = fg.load("runs/first")
        >>> heat, = classifier_heat_maps(guide, np.zeros((1, 224, 224, 3), np.uint8), classes=1)
        >>> heat.values.shape, heat.layer
        ((7, 7), 'top_activation')
    """
    units_and_signs(classes, len(pixels), classifier.head.kernel.shape[1])  # before the slow work
    each = np.broadcast_to(np.asarray(classes), len(pixels))
    return tuple(heat for (heat,) in heat_maps_of_classes(classifier, pixels, classes=each[:, None], method=method))


def heat_maps_of_classes(
    classifier: Classifier,
    pixels: np.ndarray,
    *,
    classes: np.ndarray,
    method: str = "hirescam",
    watch: Callable[[int], None] | None = None,
) -> tuple[tuple[Heat, ...], ...]:
    """What one of fieldguide's classifiers looked at in some pictures for several classes each; see above.

    A pretrained network is run once for each picture, however many classes are asked for.

    Args:
        classifier: as above.
        pixels: as above.
        classes: int (n, classes asked for).
        method: as above.
        watch: is told now and then how many pictures are done since; of none where the network has been made.

    Returns:
        For each picture its maps, in the order of its classes.

    Raises:
        InputError: as above.
    """
    require_method(method)
    count = classes.shape[1]
    units_and_signs(classes.ravel(), classes.size, classifier.head.kernel.shape[1])
    if not classes.size:
        return ((),) * len(pixels)
    tell = watch or (lambda _: None)
    trunk = classifier.trunk
    if trunk is None:
        heats = _of_net(classifier, np.repeat(pixels, count, axis=0), classes.ravel(), method, tell, count)
        return tuple(heats[start : start + count] for start in range(0, len(heats), count))
    engine = MapEngine(classifier.weights, classifier.target_size, trunk)
    tell(0)
    found: list[tuple[Heat, ...]] = []
    turn = min(BATCH, ROWS_PER_TURN * engine.threads)
    for rows in (slice(start, start + turn) for start in range(0, len(pixels), turn)):
        maps = engine.maps(pixels[rows])
        values = [_added_up(maps, trunk, classifier.head, column, method) for column in classes[rows].T]
        by_class = [_heats(*each, trunk.last or LAST_MAP, method) for each in zip(values, classes[rows].T, strict=True)]
        found += zip(*by_class, strict=True)
        tell(len(maps[0]))
    return tuple(found)


def _of_net(
    classifier: Classifier,
    pixels: np.ndarray,
    classes: np.ndarray,
    method: str,
    tell: Callable[[int], None],
    count: int,
) -> tuple[Heat, ...]:
    """Maps of a network trained from scratch; of a mirrored one the average of both passes, as its logit is."""
    from fieldguide.model.build import classifier_model

    net = classifier.net
    assert net is not None
    model = classifier_model(
        classifier.head, classifier.target_size, classifier.weights, net=replace(net, mirrored=False)
    )
    tell(0)
    passes = (pixels, pixels[:, :, ::-1]) if net.mirrored else (pixels,)
    each, done = count * len(passes), 0  # maps of a picture; and so many are made

    def watch(more: int) -> None:
        nonlocal done
        before, done = done // each, done + more
        tell(done // each - before)

    again = np.concatenate([classes] * len(passes))
    found = heat_maps(model, np.concatenate(passes), classes=again, method=method, watch=watch)
    if not net.mirrored:
        return found
    pairs = zip(found[: len(pixels)], found[len(pixels) :], strict=True)
    return tuple(replace(one, values=(one.values + other.values[:, ::-1]) / 2) for one, other in pairs)


def _added_up(maps: Sequence[np.ndarray], trunk: Trunk, head: Head, classes: np.ndarray, method: str) -> np.ndarray:
    """What each place of the last map and of those read before it adds to the logits, at the last one's resolution.

    A head without hidden layers adds the features of all maps up, so that the maps of what each of them adds can be
    added up too: what falls into a place of the last map is counted there.
    """
    if not maps[:-1]:
        return class_map(maps[0], head.layers, pooling=trunk.pooling, class_index=classes, method=method)
    if head.hidden:
        raise InputError("a head with hidden layers reads one map, and this one reads several: its map is not defined.")
    widths = [each.shape[-1] for each in maps[:-1]]
    starts = np.cumsum([0, *widths])
    total: np.ndarray = np.zeros(0, np.float32)
    for place, each in reversed(list(enumerate(maps))):
        last = place == len(widths)
        kernel = head.kernel[starts[place] :] if last else head.kernel[starts[place] : starts[place + 1]]
        pooling = trunk.pooling if last else "average"
        found = class_map(each, [(kernel, head.bias)], pooling=pooling, class_index=classes, method=method)
        total = found if last else total + np.stack([_gathered(one, (total.shape[1], total.shape[2])) for one in found])
    return total


def _gathered(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A map at a lower resolution with the same sum."""
    import cv2

    mean = cv2.resize(values, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return mean * np.float32(values.size / mean.size)


def enlarged(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A map at another size, bilinear between the centres of its places: float32 (height, width).

    Where a network's convolutions are not padded, its outermost places lie up to one place further inside than is
    taken for granted here.

    Args:
        values: (h, w).
        size: (height, width).
    """
    import cv2

    return cv2.resize(np.asarray(values, np.float32), (size[1], size[0]), interpolation=cv2.INTER_LINEAR)


def _heats(values: np.ndarray, classes: int | np.ndarray, layer: str, method: str) -> tuple[Heat, ...]:
    indices = np.broadcast_to(np.asarray(classes), len(values))
    return tuple(Heat(one, int(index), layer, method) for one, index in zip(values, indices, strict=True))
