"""Small networks that are trained from scratch: their settings, a table of sizes, and what each is made of.

A `Net` is plain data. `fieldguide.model.build` makes a Keras model of it, and nothing here loads Keras.

Source: the classic family is the Sequential network of Chollet, "Building powerful image classification models using
very little data", 2016, as courses teach it. The residual family follows He et al., "Deep Residual Learning for Image
Recognition", CVPR 2016, its shortcuts He et al., "Bag of Tricks for Image Classification with Convolutional Neural
Networks", CVPR 2019, section 4. The plain family is a narrow one of Simonyan and Zisserman, "Very Deep Convolutional
Networks for Large-Scale Image Recognition", ICLR 2015, with one convolution a block and batch norm.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import Any

from fieldguide.errors import InputError
from fieldguide.model import layers as counting
from fieldguide.model.layers import HEAD, Layer
from fieldguide.words import shortened

SMALLEST, LARGEST = 16, 1024  # pixels on a side
MOST_PARAMETERS = 100_000_000
HALVED_ABOVE = 72  # pixels: larger pictures are halved by the first convolution, but in the classic family
POOLINGS = ("flatten", "average")
SIZES = ("tiny", "small", "medium", "large")  # every family has them, from the cheapest to the dearest
# Once a version is released its rows stay: files name the size. A better network gets a row of its own.
# size -> channels of each convolution, units of the dense layer. Beside the four stands the course's deeper network:
# one pooling more, so it has fewer parameters than the small one, at a little more work.
CLASSIC: Mapping[str, tuple[tuple[int, ...], int]] = {
    "tiny": ((8, 16, 32), 128),
    "small": ((16, 32, 64), 512),  # the course's: 9,494,561 parameters at 150 x 150 for two classes
    "medium": ((32, 64, 128), 512),
    "large": ((64, 128, 256), 512),
    "deep": ((16, 32, 64, 128), 512),
}
# size -> channels of the stem, and of each block behind it
PLAIN: Mapping[str, tuple[int, tuple[int, ...]]] = {
    "tiny": (16, (16, 32, 64, 128, 128)),
    "small": (32, (32, 64, 128, 256, 256)),
    "medium": (48, (48, 96, 192, 384, 384)),
    "large": (64, (64, 128, 256, 512, 512)),
}
# size -> channels of each stage, residual blocks of each stage
RESIDUAL: Mapping[str, tuple[tuple[int, ...], int]] = {
    "tiny": ((16, 32, 64, 128), 1),
    "small": ((32, 64, 128, 256), 1),
    "medium": ((32, 64, 128, 256), 2),
    "large": ((64, 128, 256, 512), 2),
}


@dataclass(frozen=True)
class _Family:
    sizes: tuple[str, ...]
    batch_norm: bool
    pooling: str
    scale: float  # pixels 0..255 enter the network as (pixel - zero_point) * scale
    zero_point: int
    in_words: str


_FAMILIES: Mapping[str, _Family] = {
    "plain": _Family(tuple(PLAIN), True, "average", 1 / 64, 128, "the plain network"),
    "classic": _Family(tuple(CLASSIC), False, "flatten", 1 / 255, 0, "the classic network"),
    "residual": _Family(tuple(RESIDUAL), True, "average", 1 / 128, 127, "the residual network"),
}
FAMILIES = tuple(_FAMILIES)


@dataclass(frozen=True)
class Net:
    """The settings of a network trained from scratch.

    Args:
        family: "plain", "residual" or "classic", the one of courses.
        size: "tiny", "small", "medium" or "large"; of the classic family also "deep".
        target_size: (height, width) of the pictures that it takes, 16 to 1,024 pixels each.
        grayscale: whether its first step makes them grey; they come in as RGB.
        dropout: share of the values taken out before the last layers, from 0 to below 1.
        block_dropout: share of the channels taken out between blocks, likewise.
        l2: times the sum of the squared kernel weights is added to the loss, from 0 to below 1.
        batch_norm: whether there is batch normalisation; None for what the family has.
        pooling: how the last feature maps become a vector: "average", "flatten", or None for what the family has.
        mirrored: whether a picture is answered by the average of its logits and those of its mirror image, for pictures
            whose left and right say nothing. It takes a second pass, and changes nothing while the network learns.

    Raises:
        InputError: a setting is unknown or out of range, the pictures are too small for a classic network, or it would
            have more than 100 million parameters.

    Example:
        >>> net = Net("classic", "small", target_size=(150, 150), dropout=0.5)
        >>> net.parameters(units=1)
        9494561
        >>> print(net)
        the classic network, small: 9.5 million parameters, 64 million multiply-adds at 150 x 150, 512 features;
        dropout 0.5
    """

    family: str = "plain"  # or "residual" or "classic"
    size: str = "small"  # tiny, small, medium or large; of the classic family also deep
    target_size: tuple[int, int] = (128, 128)  # height, width
    grayscale: bool = False  # pixels come in as RGB; the first step makes them grey
    dropout: float = 0.0  # share of the values taken out before the last layers: after flatten in the classic family
    block_dropout: float = 0.0  # share of the channels taken out between blocks
    l2: float = 0.0  # times the sum of the squared kernel weights is added to the loss
    batch_norm: bool | None = None  # None: the family's own
    pooling: str | None = None  # how the last feature maps become a vector: flatten, average, None for the family's own
    mirrored: bool = False  # what the head takes is the average over the picture and its mirror image

    def __post_init__(self) -> None:
        if self.size not in sizes(self.family) and self.size in sizes("classic"):
            raise InputError(
                f"size is '{self.size}', which is a size of the classic network only, and the network is the "
                f'{self.family} one: ask for the classic one (--net classic, or family="classic"), or for one of '
                f"{', '.join(sizes(self.family))}."
            )
        _one_of("size", self.size, sizes(self.family))
        family = _FAMILIES[self.family]
        values = {
            "target_size": _sides(self.target_size),
            "batch_norm": family.batch_norm if self.batch_norm is None else self.batch_norm,
            "pooling": family.pooling if self.pooling is None else self.pooling,
            "dropout": _number("dropout", self.dropout, below=1.0),
            "block_dropout": _number("block_dropout", self.block_dropout, below=1.0),
            "l2": _number("l2", self.l2, below=1.0),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        _one_of("pooling", self.pooling, POOLINGS)
        for name in ("grayscale", "batch_norm", "mirrored"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name} is {getattr(self, name)!r}; expected True or False.")
        self._check_size()

    def _check_size(self) -> None:
        """That the pictures are neither too small nor too large for the network."""
        if self.family == "classic":
            least = _least_side(len(CLASSIC[self.size][0]))
            if min(self.target_size) < least:
                height, width = self.target_size
                raise InputError(
                    f"{self.name_in_words} takes pictures of {least} pixels or more on each side, and was given "
                    f"{height} x {width} (--side, target_size): make them larger, or take the plain network."
                )
        if (count := self.parameters(units=1)) > MOST_PARAMETERS:
            height, width = self.target_size
            raise InputError(
                f"{self.name_in_words} would have {count:,} parameters at {height} x {width} pixels; at most "
                f"{MOST_PARAMETERS:,} are possible: make the pictures smaller, or pool by the average."
            )

    @property
    def name_in_words(self) -> str:
        """Such as "the classic network, small"."""
        return f"{_FAMILIES[self.family].in_words}, {self.size}"

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The layers from the pixels to the features, each after those it takes its input from; without the head."""
        stack = _entrance(self)
        if self.family == "classic":
            _classic(stack, self)
        else:
            (_residual if self.family == "residual" else _plain)(stack, self)
        return tuple(stack)

    @cached_property
    def output_shapes(self) -> dict[str, tuple[int, ...]]:
        """What comes out of each layer, by its name: (height, width, channels) or (features,)."""
        return counting.output_shapes(self.layers, self.target_size)

    @property
    def features(self) -> int:
        """Values per picture that the head takes."""
        return self.output_shapes[self.layers[-1].name][0]

    @cached_property
    def body_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each weight but for the head's, by names such as `conv1/kernel` and `stem_norm/gamma`."""
        return counting.weight_shapes(self.layers, self.output_shapes)

    def weight_shapes(self, units: int) -> dict[str, tuple[int, ...]]:
        """The shape of each weight by name; those of the head are `probabilities/kernel` and `probabilities/bias`.

        Args:
            units: of the head: 1 for two classes, else one for each class.
        """
        return {**self.body_shapes, f"{HEAD}/kernel": (self.features, units), f"{HEAD}/bias": (units,)}

    def parameters(self, units: int) -> int:
        """How many numbers it is made of with a head of so many units, as Keras counts them."""
        return sum(math.prod(shape) for shape in self.weight_shapes(units).values())

    def multiply_adds(self, units: int) -> int:
        """How many multiply-adds one picture takes with a head of so many units; FLOPs are twice as many."""
        return counting.multiply_adds(self.layers, self.output_shapes) + self.features * units

    def __str__(self) -> str:
        family = _FAMILIES[self.family]
        options = [
            "grey pictures" if self.grayscale else "",
            ("batch norm" if self.batch_norm else "no batch norm") if self.batch_norm != family.batch_norm else "",
            f"pooling: {self.pooling}" if self.pooling != family.pooling else "",
            f"dropout {self.dropout:g}" if self.dropout else "",
            f"block dropout {self.block_dropout:g}" if self.block_dropout else "",
            f"L2 penalty {self.l2:g}" if self.l2 else "",
            "two such passes for each picture, as it is and mirrored" if self.mirrored else "",
        ]
        height, width = self.target_size
        return (
            f"{self.name_in_words}: {_millions(self.parameters(1))} million parameters, "
            f"{_millions(self.multiply_adds(1))} million multiply-adds at {height} x {width}, "
            f"{self.features:,} features"
        ) + "".join(f"; {option}" for option in options if option)

    def to_dict(self) -> dict[str, Any]:
        """The settings, ready for JSON; `Net.from_dict` makes the same network of them."""
        return {**asdict(self), "target_size": list(self.target_size)}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Net:
        """The network that `to_dict` described.

        Raises:
            InputError: if a setting is missing, unknown or out of range.
        """
        names = {field.name for field in fields(cls)}
        if not isinstance(settings, Mapping) or set(settings) | {"mirrored"} != names:  # which older files lack
            raise InputError(f"a network's settings are {settings!r:.200}; expected {', '.join(sorted(names))}.")
        given = {"mirrored": False, **settings}
        if any(given[name] is None for name in names):
            raise InputError("a network's settings hold a null; expected a value for each.")
        return cls(**given)


def sizes(family: str) -> tuple[str, ...]:
    """The sizes that a family comes in.

    Raises:
        InputError: if there is no such family.

    Example:
        >>> sizes("classic")
        ('tiny', 'small', 'medium', 'large', 'deep')
    """
    _one_of("family", family, FAMILIES)
    return _FAMILIES[family].sizes


def _one_of(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f"{name} is {shortened(value)}; expected one of {', '.join(known)}.")


def _number(name: str, value: Any, *, below: float) -> float:
    try:
        good = not isinstance(value, (bool, str)) and 0 <= float(value) < below
    except (TypeError, ValueError, OverflowError):
        good = False
    if not good:
        raise InputError(f"{name} is {shortened(value)}; expected a number, 0 or larger and below {below:g}.")
    return float(value)


def _sides(value: Any) -> tuple[int, int]:
    try:
        height, width = (operator.index(side) for side in value if not isinstance(side, bool))
    except (TypeError, ValueError):
        height = width = 0
    if not all(SMALLEST <= side <= LARGEST for side in (height, width)):
        raise InputError(
            f"target_size is {shortened(value)}; expected (height, width), each from {SMALLEST} to {LARGEST} pixels."
        )
    return height, width


def _least_side(blocks: int) -> int:
    """The shortest side of which the classic family's blocks leave a pixel."""
    side = 1
    for _ in range(blocks):
        side = 2 * side + 2  # halved by the pooling, after the convolution took the edges
    return side


def _millions(count: int) -> str:
    return f"{count / 1e6:.2g}" if count < 10e6 else f"{count / 1e6:,.0f}"


# The families


def _entrance(net: Net) -> list[Layer]:
    """Pixels, scaled, and grey where that is asked for."""
    family = _FAMILIES[net.family]
    stack = [
        Layer("pixels", "pixels"),
        Layer("rescale", "rescaling", ("pixels",), scale=family.scale, zero_point=family.zero_point),
    ]
    if net.grayscale:
        stack.append(Layer("grey", "grey", ("rescaling",), channels=1))
    return stack


def _classic(stack: list[Layer], net: Net) -> None:
    """Convolution, ReLU and pooling, some times over; then a dense layer."""
    channels, units = CLASSIC[net.size]
    source = stack[-1].name
    for block, width in enumerate(channels, 1):
        source = _convolution(stack, net, Layer("conv", f"conv{block}", (source,), width, 3, padding="valid"))
        source = _put(stack, Layer("relu", f"relu{block}", (source,)))
        source = _put(stack, Layer("max_pool", f"pool{block}", (source,), kernel=2, stride=2, padding="valid"))
        if block < len(channels):
            source = _between(stack, net, source, f"block_dropout{block}")
    source = _vector(stack, net, source)
    source = _put(stack, Layer("dense", "dense", (source,), units, bias=True))
    _put(stack, Layer("relu", "dense_relu", (source,)))


def _plain(stack: list[Layer], net: Net) -> None:
    """A convolution, then blocks of convolution, norm, ReLU and pooling, each half as high and wide as the last."""
    first, widths = PLAIN[net.size]
    source = _stem(stack, net, first)
    for block, width in enumerate(widths, 1):
        source = _convolution(stack, net, Layer("conv", f"conv{block}", (source,), width, 3))
        source = _put(stack, Layer("relu", f"relu{block}", (source,)))
        source = _put(stack, Layer("max_pool", f"pool{block}", (source,), kernel=2, stride=2))
        if block < len(widths):
            source = _between(stack, net, source, f"block_dropout{block}")
    _vector(stack, net, source)


def _stem(stack: list[Layer], net: Net, width: int) -> str:
    """The first convolution, which halves large pictures."""
    halved = 2 if max(net.target_size) > HALVED_ABOVE else 1
    source = _convolution(stack, net, Layer("conv", "stem", (stack[-1].name,), width, 3, halved))
    return _put(stack, Layer("relu", "stem_relu", (source,)))


def _residual(stack: list[Layer], net: Net) -> None:
    """A convolution, then stages of residual blocks; each stage but the first halves height and width."""
    widths, blocks = RESIDUAL[net.size]
    source = _stem(stack, net, widths[0])
    channels = widths[0]
    for stage, width in enumerate(widths, 1):
        for block in range(1, blocks + 1):
            name = f"stage{stage}_block{block}"
            stride = 2 if stage > 1 and block == 1 else 1
            source = _residual_block(stack, net, Layer("conv", name, (source,), width, 3, stride), channels)
            channels = width
            if (stage, block) != (len(widths), blocks):
                source = _between(stack, net, source, f"{name}_dropout")
    _vector(stack, net, source)


def _residual_block(stack: list[Layer], net: Net, first: Layer, channels: int) -> str:
    """Two convolutions whose result is added to what came in; `first` gives name, input, width and stride."""
    name, source = first.name, first.inputs[0]
    value = _convolution(stack, net, replace(first, name=f"{name}_conv1"))
    value = _put(stack, Layer("relu", f"{name}_relu1", (value,)))
    value = _convolution(stack, net, Layer("conv", f"{name}_conv2", (value,), first.channels, 3))
    if first.stride > 1:
        source = _put(stack, Layer("average_pool", f"{name}_pool", (source,), kernel=2, stride=first.stride))
    if first.channels != channels:
        source = _convolution(stack, net, Layer("conv", f"{name}_shortcut", (source,), first.channels))
    value = _put(stack, Layer("add", f"{name}_add", (value, source)))
    return _put(stack, Layer("relu", f"{name}_relu2", (value,)))


def _convolution(stack: list[Layer], net: Net, layer: Layer) -> str:
    """The convolution, with a batch norm behind it or with a bias of its own."""
    name = _put(stack, replace(layer, bias=not net.batch_norm))
    return _put(stack, Layer("norm", f"{name}_norm", (name,))) if net.batch_norm else name


def _between(stack: list[Layer], net: Net, source: str, name: str) -> str:
    if not net.block_dropout:
        return source
    return _put(stack, Layer("spatial_dropout", name, (source,), rate=net.block_dropout))


def _vector(stack: list[Layer], net: Net, source: str) -> str:
    """The feature maps as one vector, and the dropout behind it."""
    kind = "flatten" if net.pooling == "flatten" else "global_average"
    source = _put(stack, Layer(kind, kind, (source,)))
    return _put(stack, Layer("dropout", "dropout", (source,), rate=net.dropout)) if net.dropout else source


def _put(stack: list[Layer], layer: Layer) -> str:
    stack.append(layer)
    return layer.name
