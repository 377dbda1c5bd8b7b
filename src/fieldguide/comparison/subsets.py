"""Smaller and smaller parts of the training pictures, each within the next, by class, copies together."""

from __future__ import annotations

import numpy as np

from fieldguide.errors import InputError
from fieldguide.words import counted

SIZES = 6
SMALLEST_SHARE = 1 / 32  # of the training pictures
FEWEST_OF_A_CLASS = 4  # different pictures that the smallest size has of the smallest class
# Of what is needed: a fifth of the pictures is usually kept to measure with, and may make up for the rest.
NEARLY = 0.75
WIDEST_SMALLEST_SHARE = 1 / 4  # a ladder that begins higher up shows no trend


def ladder(labels: np.ndarray, groups: np.ndarray, class_names: tuple[str, ...]) -> list[float]:
    """Shares of the training pictures, rising to 1 in equal steps of a logarithmic axis.

    Args:
        labels: int (n,).
        groups: int (n,): pictures with the same number are one picture, which counts for the class of the first.
        class_names: for the message.

    Raises:
        InputError: a class has too few pictures to take a quarter of them.

    Example:
        >>> labels = np.arange(2048) % 2
        >>> [round(share, 3) for share in ladder(labels, np.arange(2048), ("cats", "dogs"))]
        [0.031, 0.062, 0.125, 0.25, 0.5, 1.0]
    """
    _, first = np.unique(groups, return_index=True)
    counts = np.bincount(labels[first], minlength=len(class_names))
    fewest = int(counts.argmin())
    smallest = max(SMALLEST_SHARE, FEWEST_OF_A_CLASS / max(1, int(counts[fewest])))
    if smallest > WIDEST_SMALLEST_SHARE:
        needed = round(FEWEST_OF_A_CLASS / WIDEST_SMALLEST_SHARE)
        different, files = int(counts[fewest]), int((labels == fewest).sum())
        alike = ""
        if files > different:
            alike = f" in {files:,} files, since those that look alike (copies, frames of one film) count as one"
        more = "add pictures of it" + (" taken apart from these, or leave the class out" if alike else "")
        if different >= needed * NEARLY:
            more += ", or leave more of them to train on with a smaller --test share"
        raise InputError(
            f"class '{class_names[fewest]}' has {counted(different, 'different training picture')}{alike}; at least "
            f"{needed} of each class are needed to train on smaller and smaller parts of them: {more}."
        )
    return np.geomspace(smallest, 1.0, SIZES).tolist()


def nested(labels: np.ndarray, groups: np.ndarray, shares: list[float], *, seed: int) -> list[np.ndarray]:
    """Rows of each share of the pictures, sorted, int64; each is within the next.

    Every class is taken in the same proportion of its different pictures, each with all of its copies: copies bring
    nothing new. Another seed draws others, of which as many are copies, so that each share is as many pictures, and as
    many of each class, whatever the seed.

    Args:
        labels: int (n,).
        groups: int (n,): pictures with the same number are one picture, which counts for the class of the first.
        shares: rising.
        seed: of the shuffle.

    Example:
        >>> labels, groups = np.repeat([0, 1], 8), np.arange(16)
        >>> [rows.tolist() for rows in nested(labels, groups, [0.25, 1.0], seed=0)][0]
        [2, 4, 9, 11]
    """
    _, first, number = np.unique(groups, return_index=True, return_inverse=True)
    number = number.reshape(-1)
    size, label = np.bincount(number), labels[first]
    enters = np.zeros(len(first))  # the share at which each group comes in
    for name in np.unique(label):
        members = np.flatnonzero(label == name)
        members = members[np.random.default_rng((seed, int(name))).permutation(len(members))]
        members = members[np.argsort(size[members], kind="stable")]
        # Groups of one size come in evenly, so that the order of the sizes is the same for every seed.
        alike = np.bincount(size[members])[size[members]]
        place = np.arange(len(members)) - np.searchsorted(size[members], size[members])
        members = members[np.argsort((place + 0.5) / alike, kind="stable")]
        enters[members] = (np.arange(len(members)) + 0.5) / len(members)
    return [np.flatnonzero(enters[number] < share) for share in shares]
