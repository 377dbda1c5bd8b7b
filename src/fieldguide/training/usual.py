"""What is usual for pictures like these: how large, how long, and how far classes are evened out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fieldguide.augmentation.settings import Settings
from fieldguide.data.pixels import PixelStore
from fieldguide.model.nets import Net

IMBALANCE = 1.5  # largest class to smallest, from which classes are weighted
IMBALANCE_POWER = 0.5
# Pictures looked at in all: the fewer there are, the more often each is looked at.
LOOKS = 96_000
FEWEST_EPOCHS, USUAL_EPOCHS, MOST_USUAL_EPOCHS = 15, 48, 200
SMALL_SIDE = 64  # pixels
LEAST_SIDE = 48  # pixels: the plain network halves them five times
GROWTH = ((2 / 3, 0.75),)
MARGIN = 1.25  # of pictures that are cropped
TEST_SHARE = 0.2  # of all pictures, where none is given
VALIDATION_SHARE, SCRATCH_VALIDATION_SHARE = 0.0, 0.15  # likewise
LONG_ASPECT = 2.0  # longer pictures are not squeezed to a square


def usual_epochs(pictures: int) -> int:
    """How many epochs are good for so many pictures: the fewer there are, the more often each is looked at.

    Args:
        pictures: to learn from.

    Example:
        >>> usual_epochs(2000)
        48
    """
    return min(MOST_USUAL_EPOCHS, max(FEWEST_EPOCHS, LOOKS // pictures))


def usual_augmentation(side: int) -> str:
    """The preset that suits pictures which the network sees at this size.

    Crops of photographs show parts that still tell the class. Of small pictures they tell little: those are seldom
    more than the one thing itself.

    Args:
        side: of the network's input, in pixels.
    """
    return "crops" if side >= SMALL_SIDE else "strong"


def usual_mirrored(augment: Settings | None) -> bool:
    """Whether a picture is answered by the average over it and its mirror image.

    It is where left and right say nothing of the class, which is what pictures that are flipped at random while the
    network learns are held to be.

    Args:
        augment: how pictures are varied.

    Source:
        A. Krizhevsky, I. Sutskever, G. E. Hinton (2012), "ImageNet classification with deep convolutional neural
        networks", NIPS, section 4.1, for averaging over mirror images.
    """
    return augment is not None and augment.horizontal_flip


def usual_margin(augment: Settings | None) -> float:
    """How many times as large pictures are kept as the network sees them: of those that are not cropped nothing is
    gained by more pixels.

    Args:
        augment: how they are varied.
    """
    return MARGIN if augment is not None and augment.crop_area[0] < 1 else 1.0


def usual_growth(net: Net, augment: Settings | None) -> tuple[tuple[float, float], ...]:
    """How pictures grow while it trains: see `ScratchRecipe.growth`.

    Only crops, which come at all scales anyway, are shown smaller at first: a network that has seen things at one size
    does not recognise them at another. Of small pictures nothing is gained by even smaller ones.

    Args:
        net: that learns.
        augment: how pictures are varied.
    """
    cropped = augment is not None and augment.crop_area[0] < 1
    return GROWTH if cropped and net.pooling != "flatten" and min(net.target_size) > SMALL_SIDE else ()


def usual_class_weights(counts: Mapping[str, int]) -> float:
    """The power by which classes of such sizes are weighted; 0 where they hardly differ.

    Args:
        counts: training pictures of each class.
    """
    present = [count for count in counts.values() if count]
    return IMBALANCE_POWER if max(present) >= IMBALANCE * min(present) else 0.0


def usual_size(store: PixelStore) -> tuple[int, str, str]:
    """The input's side in pixels, the resize rule and the reason, from the sizes of the pictures.

    Args:
        store: of training pictures, at any size.
    """
    height, width = store.facts["height"], store.facts["width"]
    short, aspect = np.minimum(height, width), float(np.median(np.maximum(height, width) / np.minimum(height, width)))
    middle = int(np.median(short))
    if middle < 64:
        side, why = max(LEAST_SIDE, middle), f"half of the pictures are {middle} pixels or less on the shorter side"
    else:
        side = 128 if middle >= 112 else 96 if middle >= 84 else 64
        why = f"what a small network makes good use of (the pictures' shorter side is {middle} in the median)"
    resize = "pad" if aspect > LONG_ASPECT else "squash"
    how = "bars added, since they are long and narrow" if resize == "pad" else "whole pictures, squeezed to a square"
    return side, resize, f"input {side}x{side}, {how}: {why}"
