"""`image_dataset_from_directory`: Keras's, with unreadable files named and left out, and splits that do not leak."""

# ruff: noqa: A002, PTH118 - the signature is Keras's, and names stay text, put together as it does

from __future__ import annotations

import importlib.util
import numbers
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fieldguide.data.dataset import Dataset, Skipped
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import assign
from fieldguide.data.twins import find_twins
from fieldguide.errors import InputError, InputTypeError
from fieldguide.preprocessing.listing import class_folders, find, left_out, listed, loose, no_classes
from fieldguide.preprocessing.pipelines import Form, check, grain_dataset, tensorflow_dataset
from fieldguide.preprocessing.warning import warn
from fieldguide.words import counted

EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")  # Keras's, and WebP
SPLITS = ("random", "stratified", "leak-proof")
CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
INTERPOLATIONS = ("area", "bicubic", "bilinear", "gaussian", "lanczos3", "lanczos5", "mitchellcubic", "nearest")
_SUBSETS = ("training", "validation", "both", None)


@dataclass(frozen=True, eq=False)
class _Found:
    """The files of a folder, in the order of their paths."""

    paths: list[str]
    labels: np.ndarray | None  # int32 (n,)
    class_names: list[str] | None
    closed: list[Skipped]  # folders that cannot be read


def image_dataset_from_directory(
    directory: str | Path,
    labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: int | tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
    *,
    split: str = "random",
) -> Any:
    """A `tf.data.Dataset` or `grain.IterDataset` of a folder's pictures: what Keras's function of this name gives.

    It gives the same files, order, labels and pixels. Unlike Keras's, hidden files and folders are passed over, WebP
    is seen, and files that cannot be decoded, at which Keras's dataset fails in mid-epoch, are left out with a warning
    that names them. They are left out after a random split, so that they move no other picture.

    Args:
        directory: The folder of class folders.
        labels: "inferred" from the class folders, None, or a label for each file in the order of their paths.
        label_mode: "int", "categorical", "binary" or None.
        class_names: The class folders to take, in the order of their labels; all of them, sorted, if None.
        color_mode: "rgb", "rgba" or "grayscale".
        batch_size: Pictures in a batch; None for single pictures.
        image_size: (height, width) in pixels, or one number for both.
        shuffle: Whether to shuffle the files, and the dataset in every epoch; else they are sorted.
        seed: Of the shuffles and the split.
        validation_split: The share of the pictures to validate with, between 0 and 1.
        subset: "training", "validation" or "both" with a `validation_split`, else None.
        interpolation: How pictures are resized: "bilinear", "nearest", "bicubic", "area", ...
        follow_links: Whether links to folders are followed inside of the class folders.
        crop_to_aspect_ratio: Cut pictures to the shape of `image_size`.
        pad_to_aspect_ratio: Fill pictures up to the shape of `image_size`.
        data_format: "channels_last" or "channels_first"; Keras's setting if None.
        format: "tf" or "grain".
        verbose: Whether to print how many files were found that can be read.
        split: "random" takes the last of the shuffled files to validate with, as Keras does; "stratified" takes the
            same share of every class; "leak-proof" does too, and keeps copies and near-copies of a picture together.
            Both need a `validation_split`.

    Returns:
        float32 pictures (batch, height, width, channels) in 0..255, and their labels unless there are none. A list of
        two datasets for subset "both". Each has `class_names`, `file_paths` and `skipped` (what was left out of the
        folder, with reasons).

    Raises:
        FileError: The directory is missing, a file, or may not be read.
        InputTypeError: An argument is of a wrong kind.
        InputError: An argument makes no sense, or no picture was found.

    Example:
        >>> dataset = image_dataset_from_directory("another-day", image_size=(150, 150), verbose=False)
        >>> dataset.class_names, len(dataset.file_paths), dataset.skipped
        (['horses', 'humans'], 20, ())
    """
    form = _form(
        image_size, color_mode, label_mode, interpolation,
        (crop_to_aspect_ratio, pad_to_aspect_ratio), data_format, batch_size,
    )  # fmt: skip
    if labels is None or label_mode is None:
        labels, form = None, replace(form, label_mode=None)
    _refuse(directory, labels, class_names, format)
    _refuse_split(validation_split, subset, split, shuffle, seed)
    if seed is None:  # as Keras, so that keras.utils.set_random_seed makes it repeatable
        seed = int(np.random.randint(10**6))  # noqa: NPY002
    found = _list(str(directory), labels, class_names, follow_links)
    _refuse_labels(found, form.label_mode)
    count, names = len(found.paths), found.class_names
    reasons, stored = check(found.paths, form.channels, format)
    validates = np.zeros(count, bool)
    order = np.arange(count)
    if shuffle:
        np.random.RandomState(seed).shuffle(order)  # Keras's own, so that the same seed gives the same order
    if validation_split and split == "random":
        validates[order[count - int(validation_split * count) :]] = True
    elif validation_split:
        groups = _copies(str(directory), found, reasons) if split == "leak-proof" else np.arange(count)
        # Without shuffling the seed may differ from call to call, and the two subsets must not overlap.
        validates = _careful(found, reasons, groups, validation_split, seed if shuffle else 0)
    skipped = (*found.closed, *(Skipped(Path(found.paths[row]), reasons[row]) for row in sorted(reasons)))
    if verbose:
        sound = count - len(reasons)
        _say(f"Found {sound} files" + (f" belonging to {len(names)} classes." if names is not None else "."))
    if skipped:
        warn(left_out(skipped, str(directory)))

    def part(validation: bool, shuffled: bool) -> Any:
        rows = [row for row in order.tolist() if validates[row] == validation and row not in reasons]
        if not rows:
            raise InputError(_nothing(str(directory), count, skipped, validation_split, validation))
        if verbose and subset:
            _say(f"Using {len(rows)} files for {'validation' if validation else 'training'}.")
        paths = [found.paths[row] for row in rows]
        chosen = None if found.labels is None else found.labels[rows]
        make = tensorflow_dataset if format == "tf" else grain_dataset
        dataset = make(paths, chosen, stored[rows], replace(form, classes=len(names or ())), seed if shuffled else None)
        dataset.class_names, dataset.file_paths, dataset.skipped = names, paths, skipped
        return dataset

    if subset == "both":
        return [part(False, shuffle), part(True, False)]
    return part(subset == "validation", shuffle)


def _form(
    size: Any, color: str, label_mode: str | None, method: Any, aspect: tuple[bool, bool], layout: Any, batch: Any
) -> Form:
    """The arguments that say what is given for a picture, once they are seen to make sense."""
    if label_mode not in ("int", "categorical", "binary", None):
        raise InputError(f"label_mode is {label_mode!r}; expected 'int', 'categorical', 'binary' or None.")
    if color not in CHANNELS:
        raise InputError(f"color_mode is {color!r}; expected one of {', '.join(map(repr, CHANNELS))}.")
    sides = (size, size) if isinstance(size, int) else size
    whole = isinstance(sides, (list, tuple)) and all(isinstance(side, (int, np.integer)) for side in sides)
    if not whole or len(sides) != 2 or min(sides) < 1:
        raise InputError(f"image_size is {size!r}; expected (height, width), each at least 1 pixel.")
    method = str(method).lower()
    if method not in INTERPOLATIONS:
        raise InputError(f"interpolation is {method!r}; expected one of {', '.join(INTERPOLATIONS)}.")
    if all(aspect):
        raise InputError("crop_to_aspect_ratio and pad_to_aspect_ratio are both True: choose one.")
    if batch is not None and (isinstance(batch, bool) or not isinstance(batch, (int, np.integer)) or batch < 1):
        kind = InputError if isinstance(batch, (int, np.integer)) else InputTypeError
        raise kind(f"batch_size is {batch!r}; expected a whole number from 1, or None.")
    if layout is None:
        import keras

        layout = keras.config.image_data_format()
    if layout not in ("channels_last", "channels_first"):
        raise InputError(f"data_format is {layout!r}; expected 'channels_last' or 'channels_first'.")
    shape = "crop" if aspect[0] else "pad" if aspect[1] else ""
    sides = (int(sides[0]), int(sides[1]))
    return Form(sides, CHANNELS[color], label_mode, method, shape, layout, None if batch is None else int(batch))


def _refuse(directory: Any, labels: Any, class_names: Any, format: str) -> None:
    """Refuses arguments that make no sense."""
    if not isinstance(directory, (str, Path)):
        raise InputTypeError(f"directory is {directory!r}; expected the path of a folder.")
    if "://" in str(directory):
        raise InputError(f"directory is {directory}; expected a folder on this machine: copy the pictures here first.")
    if not (labels is None or isinstance(labels, (list, tuple)) or (isinstance(labels, str) and labels == "inferred")):
        raise InputError(
            f"labels is {labels!r}; expected 'inferred', None, or a list with a whole number for each file."
        )
    if class_names and not isinstance(labels, str):
        raise InputError("class_names is given, which needs labels='inferred' and a label_mode: leave it out.")
    if format not in ("tf", "grain"):
        raise InputError(f"format is {format!r}; expected 'tf' or 'grain'.")
    if format == "grain" and importlib.util.find_spec("grain") is None:
        raise InputError("format is 'grain', and grain is not installed: install it, or use format='tf'.")


def _refuse_split(share: Any, subset: str | None, split: str, shuffle: bool, seed: Any) -> None:
    if split not in SPLITS:
        raise InputError(f"split is {split!r}; expected one of {', '.join(map(repr, SPLITS))}.")
    if subset not in _SUBSETS:
        raise InputError(f"subset is {subset!r}; expected 'training', 'validation', 'both' or None.")
    if share and not (isinstance(share, numbers.Real) and 0 < float(share) < 1):
        raise InputError(f"validation_split is {share!r}; expected a share between 0 and 1.")
    if bool(share) != bool(subset):
        raise InputError(
            f"validation_split is {share} and subset is {subset!r}; expected both or neither of them: the subset says "
            "which part of the split to give."
        )
    if split != "random" and not share:
        raise InputError(
            f"split is {split!r} and there is no validation_split, so nothing is split: pass validation_split and "
            "subset, such as 0.2 and 'both', or leave split out."
        )
    if share and shuffle and seed is None:
        raise InputError(
            "validation_split is given without a seed: pass seed, so that the two subsets do not share pictures."
        )
    if seed is not None and (not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32):
        raise InputError(f"seed is {seed!r}; expected a whole number from 0 to {2**32 - 1}.")


def _list(root: str, labels: Any, class_names: Any, follow_links: bool) -> _Found:
    """Every file of the folder, class by class in the order of their paths, and the folders that cannot be read."""
    there = class_folders(root)
    names = [""]
    if isinstance(labels, str):
        if not there and (flat := loose(root, EXTENSIONS)):
            raise InputError(no_classes(root, flat, "pass labels=None"))
        names = list(class_names) if class_names else there
        if missing := [repr(name) for name in names if name not in there]:
            has = listed([repr(name) for name in there]) or "none"
            raise InputError(f"class_names names {listed(missing)}, of which {root} has no folder; its folders: {has}.")
        if len(set(names)) < len(names):
            raise InputError(f"class_names is {names}; expected each name once.")
    found = [find(os.path.join(root, name), EXTENSIONS, follow_links) for name in names]
    paths = [os.path.join(root, name, path) for name, (below, _) in zip(names, found, strict=True) for path in below]
    closed = [folder for _, folders in found for folder in folders]
    if not paths:
        cure = "" if names and names != [""] else f"; expected a folder for each class, such as {root}/cats/*.jpg"
        raise InputError(f"no picture was found in {root} (names ending in {', '.join(EXTENSIONS)}){cure}.")
    if labels is None:
        return _Found(paths, None, None, closed)
    if isinstance(labels, str):
        numbers = np.repeat(np.arange(len(names), dtype=np.int32), [len(below) for below, _ in found])
        return _Found(paths, numbers, names, closed)
    if len(labels) != len(paths):
        raise InputError(f"labels has {len(labels)} entries and {root} has {len(paths)} files; expected one for each.")
    if not all(isinstance(label, (int, np.integer)) for label in labels):
        raise InputError(f"labels holds {listed([repr(label) for label in labels])}; expected whole numbers.")
    return _Found(paths, np.array(labels, np.int32), [str(name) for name in sorted(set(labels))], closed)


def _refuse_labels(found: _Found, label_mode: str | None) -> None:
    names = found.class_names or []
    if label_mode == "binary" and len(names) != 2:
        raise InputError(f"label_mode='binary' takes 2 classes, and there are {len(names)}: {listed(names)}.")
    if label_mode in ("binary", "categorical") and found.labels is not None and max(found.labels) >= len(names):
        raise InputError(
            f"labels holds {listed(names)}; label_mode={label_mode!r} takes whole numbers from 0 to {len(names) - 1}."
        )


def _copies(root: str, found: _Found, reasons: dict[int, str]) -> np.ndarray:
    """A number for each file, the same for copies and near-copies; adds to `reasons` what cannot be decoded."""
    rows = [row for row in range(len(found.paths)) if row not in reasons]
    names = tuple(found.class_names or ("pictures",))
    numbers = _numbers(found)[rows].astype(np.int32)
    store = PixelStore.build(Dataset(Path(root), tuple(Path(found.paths[row]) for row in rows), numbers, names))
    row_of = {Path(found.paths[row]): row for row in rows}
    reasons.update({row_of[item.path]: item.reason for item in store.dataset.skipped})
    groups = np.arange(len(found.paths))
    here = np.array([row_of[path] for path in store.dataset.paths], np.int64)
    groups[here] = here[find_twins(store).groups]  # a group is named by one of its rows
    return groups


def _careful(found: _Found, reasons: dict[int, str], groups: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Which files validate, bool (n,): the same share of every class, groups whole."""
    rows = [row for row in range(len(found.paths)) if row not in reasons]
    validates = np.zeros(len(found.paths), bool)
    if rows:
        validates[rows] = assign(_numbers(found)[rows], groups[rows], (1 - share, share), seed=seed) == 1
    return validates


def _numbers(found: _Found) -> np.ndarray:
    """The classes as numbers from 0; all the same where there are none."""
    labels = np.zeros(len(found.paths), np.int32) if found.labels is None else found.labels
    return np.unique(labels, return_inverse=True)[1].reshape(-1)


def _say(text: str) -> None:
    print(text)  # noqa: T201 - where Keras says it, and for whoever asked for verbose


def _nothing(root: str, found: int, skipped: Sequence[Skipped], share: float | None, validates: bool) -> str:
    """Why a dataset would be empty."""
    if share and len(skipped) < found:
        part = "validation" if validates else "training"
        return f"of {counted(found, 'picture')} in {root} none is left for {part} with validation_split={share}."
    return f"no picture of {root} can be read: {left_out(skipped, root)}"
