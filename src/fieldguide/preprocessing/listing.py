"""What `flow_from_directory` finds: the pictures of class folders in Keras's order, and what was left out."""

# ruff: noqa: PTH112, PTH113, PTH114, PTH118, PTH120, PTH208 - names stay text, put together as Keras does
from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fieldguide.console import shown
from fieldguide.data.dataset import Skipped
from fieldguide.data.soundness import unsound
from fieldguide.errors import FileError, InputError, InputTypeError
from fieldguide.files import explained, is_hidden, plain_reason
from fieldguide.parallel import bounded_map
from fieldguide.words import counted

# Ends of names, in lower case. Keras's are without the dot, so "scanjpg" counts; "gif" and "webp" it does not see.
EXTENSIONS = ("bmp", "gif", "jpeg", "jpg", "png", "ppm", "tif", "tiff", "webp")
SHOWN = 3  # names in a sentence; the others are counted


@dataclass(frozen=True, eq=False)
class Listing:
    """The pictures of class folders.

    Example:
        >>> listing = list_directory("photos")
        >>> listing.class_indices, len(listing.filenames)
        ({'horses': 0, 'humans': 1}, 65)
        >>> listing.notes()
        ['1 file of photos is left out: horses/horse-truncated.jpg (truncated: the file ends before the picture is complete).']
    """  # noqa: E501 - what it says is one line

    directory: str
    filenames: list[str]  # below the directory: "cats/1.jpg"
    classes: np.ndarray  # int32 (n,), values of class_indices
    class_indices: dict[str, int]
    empty: tuple[str, ...] = ()  # classes in whose folder no picture was found
    skipped: tuple[Skipped, ...] = ()

    @property
    def filepaths(self) -> list[str]:
        """Where the files are, beginning with the directory as it was given."""
        return [os.path.join(self.directory, name) for name in self.filenames]

    def notes(self) -> list[str]:
        """What a person should be warned of, a sentence each: empty classes and files that were left out."""
        sentences = []
        if self.empty:
            folders = listed([repr(name) for name in self.empty])
            sentences.append(f"no picture was found in {folders} of {self.directory}, which still counts as a class.")
        if self.skipped:
            sentences.append(left_out(self.skipped, self.directory))
        return sentences


def list_directory(
    directory: str | Path,
    *,
    classes: Collection[str] | None = None,
    split: tuple[float, float] | None = None,
    follow_links: bool = False,
) -> Listing:
    """The pictures of `directory/<class>/...`: those that Keras finds, in its order and with its class indices.

    Unlike Keras's, hidden folders, `__pycache__` and hidden files are passed over, WebP and GIF are seen, a class may
    be a nested folder ("birds/owls"), and files that cannot be decoded are left out and named. They are left out after
    the split, so that they move no other picture from one part to the other.

    Args:
        directory: The folder of class folders.
        classes: Names of class folders, in the order of their indices; all of them, sorted, if None or empty.
        split: (start, stop), the share of each class's files that is taken: (0, 0.2) for its first fifth.
        follow_links: Whether links to folders are followed inside of the class folders.

    Returns:
        A Listing of at least one picture.

    Raises:
        FileError: The directory is missing, a file, or may not be read.
        InputTypeError: `directory` is no path, or `classes` no list of names.
        InputError: A class has no folder or is named twice, or no picture was found.

    Example:
        >>> list_directory("photos", classes=["humans", "horses"], split=(0, 0.1)).classes.tolist()
        [0, 0, 0, 1, 1]
    """
    if not isinstance(directory, (str, Path)):
        raise InputTypeError(f"directory is {directory!r}; expected the path of a folder.")
    root = str(directory)
    there = class_folders(root)
    names = _named(root, classes, there) if classes is not None else there
    below = list(bounded_map(lambda name: find(os.path.join(root, name), EXTENSIONS, follow_links), names))
    skipped = [folder for _, closed in below for folder in closed]
    if not any(found for found, _ in below):
        raise InputError(_nothing(root, names, skipped))
    filenames, labels = [], []
    for label, (name, (found, _)) in enumerate(zip(names, below, strict=True)):
        start, stop = (int(share * len(found)) for share in split or (0, 1))
        filenames += [os.path.join(name, path) for path in found[start:stop]]
        labels += [label] * len(found[start:stop])
    if split and not filenames:
        raise InputError(
            f"no class of {root} has enough pictures for the part from {split[0]:g} to {split[1]:g} of its files "
            f"(the largest has {max(len(found) for found, _ in below)}): add pictures, or change validation_split."
        )
    unreadable = unsound([os.path.join(root, name) for name in filenames])
    skipped += [Skipped(Path(root, filenames[row]), reason) for row, reason in unreadable.items()]
    if len(unreadable) == len(filenames):
        raise InputError(f"no picture of {root} can be read: {left_out(skipped, root)}")
    kept = [row for row in range(len(filenames)) if row not in unreadable]
    return Listing(
        directory=root,
        filenames=[filenames[row] for row in kept],
        classes=np.array(labels, np.int32)[kept],
        class_indices={name: label for label, name in enumerate(names)},
        empty=tuple(name for name, (found, _) in zip(names, below, strict=True) if not found),
        skipped=tuple(skipped),
    )


def class_folders(directory: str) -> list[str]:
    """The names of the folders in a directory, sorted, without hidden ones and `__pycache__`.

    Raises:
        FileError: The directory is missing, a file, or may not be read.
    """
    if os.path.isfile(directory):
        raise FileError(f"{directory} is a file; a folder with one folder of pictures for each class was expected.")
    with explained(directory, "read the folder"):
        names = sorted(os.listdir(directory))
    return [name for name in names if not is_hidden(name) and os.path.isdir(os.path.join(directory, name))]


def find(folder: str, extensions: tuple[str, ...], follow_links: bool) -> tuple[list[str], list[Skipped]]:
    """The pictures below a folder, as paths seen from it, in Keras's order; and the folders that cannot be read.

    Folders are sorted by their whole path, so that "a-b" comes before "a/b", and the files of each by name.

    Args:
        folder: Where to begin; it may be hidden itself.
        extensions: What a picture's name ends in, in lower case.
        follow_links: Whether links to folders are followed, except those that lead back to where they lie.
    """
    closed: list[Skipped] = []

    def note(error: OSError) -> None:
        closed.append(Skipped(Path(error.filename), f"the folder cannot be read: {plain_reason(error)}"))

    places = []
    for place, folders, names in os.walk(folder, onerror=note, followlinks=follow_links):
        folders[:] = [name for name in folders if not is_hidden(name) and not _leads_back(place, name)]
        places.append((place, [name for name in names if name.lower().endswith(extensions) and not is_hidden(name)]))
    found = [os.path.join(place, name) for place, names in sorted(places) for name in sorted(names)]
    return [os.path.relpath(path, folder) for path in found], closed


def left_out(skipped: Sequence[Skipped], directory: str) -> str:
    """One sentence that counts what was left out and names the first few with the reasons."""

    def named(item: Skipped) -> str:
        name = os.path.relpath(item.path, directory) if item.path.is_relative_to(directory) else str(item.path)
        return f"{shown(name)} ({item.reason})"

    return f"{are_left_out(len(skipped), directory)}: {listed([named(item) for item in skipped])}."


def are_left_out(count: int, place: str) -> str:
    """The beginning of such a sentence."""
    what = counted(count, "file") + (f" of {place}" if place else "")
    return f"{what} {'is' if count == 1 else 'are'} left out"


def listed(items: Sequence[str]) -> str:
    """The first few, and how many more there are.

    Example:
        >>> listed(["a", "b", "c", "d", "e"])
        'a, b, c and 2 more'
    """
    more = len(items) - SHOWN
    return ", ".join(items[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def loose(folder: str, extensions: tuple[str, ...]) -> int:
    """How many pictures lie in a folder itself; the arguments are those of `find`."""
    return sum(os.path.dirname(path) == "" for path in find(folder, extensions, False)[0])


def no_classes(root: str, pictures: int, otherwise: str) -> str:
    """What to do with a folder of pictures that are not in class folders.

    Args:
        root: The folder.
        pictures: How many it holds.
        otherwise: What to do if they have no labels.
    """
    return (
        f"{root} holds no class folders but {counted(pictures, 'picture')}: put them into a folder for each class; if "
        f"they have no labels, {otherwise}."
    )


def _named(root: str, classes: Collection[str], there: Sequence[str]) -> list[str]:
    """The classes that were asked for, once each of them is seen to be a folder."""
    if isinstance(classes, (str, set, frozenset)) or not isinstance(classes, Collection):
        raise InputTypeError(
            f"classes is {classes!r}; expected a list of names of folders, whose order gives the class indices."
        )
    names = list(classes) or list(there)
    if not all(isinstance(name, str) for name in names):
        raise InputTypeError(f"classes is {classes!r}; expected names of folders, such as {list(there[:2]) or ['.']}.")
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise InputError(f"classes names {listed([repr(name) for name in twice])} more than once: name each once.")
    missing = [name for name in names if not os.path.isdir(os.path.join(root, name))]
    if missing:
        has = f"it has {listed([repr(name) for name in there])}" if there else "it has no folders"
        raise InputError(
            f"classes names {listed([repr(name) for name in missing])}, but {root} has no such "
            f"{'folder' if len(missing) == 1 else 'folders'}; {has}."
        )
    return [str(name) for name in names]


def _nothing(root: str, names: Sequence[str], closed: Sequence[Skipped]) -> str:
    """Why no picture was found, and what to do."""
    endings = ", ".join(EXTENSIONS)
    if names:
        folders = f"{listed([repr(name) for name in names])} of {root}"
        reason = f"no picture was found in {folders}: expected files whose names end in {endings}."
        return f"{reason} {left_out(closed, root)}" if closed else reason
    if direct := loose(root, EXTENSIONS):
        return no_classes(root, direct, "into one folder, or pass classes=['.'] and class_mode=None")
    return (
        f"{root} holds no class folders; expected one folder of pictures for each class, such as {root}/cats/*.jpg "
        f"and {root}/dogs/*.jpg."
    )


def _leads_back(place: str, name: str) -> bool:
    """Whether a folder is a link to one that it lies in, where a walk would turn round and round."""
    path = os.path.join(place, name)
    if not os.path.islink(path):
        return False
    target = os.path.join(os.path.realpath(path), "")
    return os.path.join(os.path.realpath(place), "").startswith(target)
