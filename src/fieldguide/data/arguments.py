"""Pictures as they were given: of a kind that can be used, or refused in words that say how they are read."""

from __future__ import annotations

from pathlib import Path

from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputTypeError
from fieldguide.words import shortened


def store_of(name: str, pictures: object) -> PixelStore:
    """The decoded pictures of a data set, or those that were decoded already.

    Args:
        name: of the argument.
        pictures: as they were given.

    Raises:
        InputTypeError: they are of another kind.

    Example:
        >>> store_of("train", "photos")
        Traceback (most recent call last):
        fieldguide.errors.InputTypeError: train is 'photos' (str); expected a Dataset, such as
        fg.Dataset.from_directory('photos').
    """
    if isinstance(pictures, PixelStore):
        return pictures
    if isinstance(pictures, Dataset):
        return PixelStore.build(pictures)
    part = getattr(pictures, "train", None)
    if isinstance(part, Dataset):
        kind = type(pictures).__name__
        raise InputTypeError(
            f"{name} is a {kind}; expected a Dataset: give the one that it was made from, or one of its parts, such as "
            "parts.train."
        )
    raise InputTypeError(f"{name} is {said(pictures)}; expected a Dataset, such as {reading(pictures)}.")


def said(value: object) -> str:
    """A value and its kind, for a message.

    Example:
        >>> said("photos")
        "'photos' (str)"
    """
    return f"{shortened(value)} ({type(value).__name__})"


def reading(value: object) -> str:
    """How pictures are read; from that folder, if it may be one.

    Example:
        >>> reading("cats"), reading(3)
        ("fg.Dataset.from_directory('cats')", "fg.Dataset.from_directory('photos')")
    """
    folder = str(value) if isinstance(value, str | Path) else "photos"
    return f"fg.Dataset.from_directory({folder!r})"
