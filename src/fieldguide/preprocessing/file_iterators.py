"""Batches of pictures that are read from files: what `flow_from_directory` and `flow_from_dataframe` return."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fieldguide.augmentation.warp import Warper
from fieldguide.data import pillow
from fieldguide.data.dataset import Skipped
from fieldguide.errors import FileError, MissingFileError
from fieldguide.preprocessing import arguments
from fieldguide.preprocessing.iterators import Iterator
from fieldguide.preprocessing.listing import list_directory, listed
from fieldguide.preprocessing.notes import harmful_settings
from fieldguide.preprocessing.reader import Reader, Shape
from fieldguide.preprocessing.saving import Saving
from fieldguide.preprocessing.table import read_table
from fieldguide.preprocessing.transformer import Transformer
from fieldguide.preprocessing.warning import warn


class FileIterator(Iterator):
    """What both kinds of batches from files have in common: they are read, transformed and given their labels."""

    allowed_class_modes: tuple[str | None, ...]
    filenames: list[str]
    class_mode: str | None
    classes: Any
    class_indices: dict[Any, int]
    skipped: tuple[Skipped, ...]

    def _take_settings(
        self,
        image_data_generator: Transformer | None,
        directory: str | Path | None,
        target_size: tuple[int, int],
        color_mode: str,
        class_mode: str | None,
        data_format: str | None,
        save_to_dir: str | Path | None,
        save_prefix: str,
        save_format: str,
        subset: str | None,
        interpolation: str,
        keep_aspect_ratio: bool,
        dtype: Any,
    ) -> None:
        """Checks how pictures are to be read, before any is looked for."""
        self.class_mode = arguments.choice("class_mode", class_mode, self.allowed_class_modes)
        self.image_data_generator = image_data_generator or Transformer(data_format=data_format, dtype=dtype)
        self.directory = directory
        self.target_size = arguments.target_size(target_size)
        self.color_mode = arguments.choice("color_mode", color_mode, pillow.COLOR_MODES)
        self.data_format = arguments.data_format(data_format)
        self.interpolation = arguments.choice("interpolation", interpolation, pillow.INTERPOLATIONS)
        self.keep_aspect_ratio = keep_aspect_ratio
        self.dtype = arguments.float_type(dtype)
        self.subset = subset
        self.split = arguments.subset_span(subset, self.image_data_generator.validation_split)
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        self._saving = Saving(save_to_dir, save_prefix, save_format, self.data_format)
        channels = pillow.CHANNELS[color_mode]
        last = self.data_format == "channels_last"
        self.image_shape = (*self.target_size, channels) if last else (channels, *self.target_size)

    def _open(self, filepaths: list[str], notes: Sequence[str], found: str, cache: bool) -> None:
        """Says what was found and what was left out, and makes ready to read."""
        self._filepaths = filepaths
        self.samples = len(filepaths)
        sys.stdout.write(f"Found {found}\n")
        for note in (*notes, *self._harm()):
            warn(note)
        shape = Shape(self.target_size, self.color_mode, self.interpolation, self.keep_aspect_ratio)
        self._reader = Reader(filepaths, shape=shape, keep=cache)
        self._warper = Warper()

    def _harm(self) -> list[str]:
        """What is to be said of settings that make one class of another, where pictures are varied and labelled."""
        if self.subset == "validation" or self.class_mode not in ("binary", "categorical", "sparse"):
            return []
        return harmful_settings(vars(self.image_data_generator), [str(name) for name in self.class_indices])

    @property
    def filepaths(self) -> list[str]:
        """Where the pictures are, in the order of `filenames`."""
        return self._filepaths

    @property
    def labels(self) -> Any:
        """What the pictures are labelled, in the order of `filenames`."""
        return self.classes

    @property
    def sample_weight(self) -> np.ndarray | None:
        """A weight for each picture, if there are any."""
        return None

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        generator, source = self.image_data_generator, self._drawing
        pictures, failed = self._reader.pictures(index_array)
        if failed:
            index_array = self._replaced(index_array, failed)
            pictures, failed = self._reader.pictures(index_array)
        if self.data_format == "channels_first":
            pictures = [np.moveaxis(picture, 2, 0) for picture in pictures]
        vary = self.subset != "validation"
        batch = generator.transform_batch(pictures, range(len(pictures)), source, self._warper, vary=vary)
        self._saving.write(batch, index_array, source, 1e7)
        if self.class_mode is None:
            return batch
        targets = self._targets_of(index_array, batch)
        if self.sample_weight is None:
            return batch, targets
        return batch, targets, self.sample_weight[index_array]

    def _targets_of(self, rows: np.ndarray, batch: np.ndarray) -> Any:
        if self.class_mode == "input":
            return batch.copy()
        if self.class_mode in ("binary", "sparse"):
            return np.array([self.classes[row] for row in rows], self.dtype)
        if self.class_mode == "categorical":
            targets = np.zeros((len(rows), len(self.class_indices)), self.dtype)
            for place, row in enumerate(rows):
                targets[place, self.classes[row]] = 1
            return targets
        if self.class_mode == "multi_output":
            return tuple(output[rows] for output in self.labels)
        return self.labels[rows]

    def _replaced(self, rows: np.ndarray, failed: dict[int, str]) -> np.ndarray:
        """The batch's pictures with others in place of those that cannot be decoded, which are named.

        An error in a flow that keeps the files' order, where results are told apart by their place.
        """
        known = {item.path for item in self.skipped}
        for row, reason in failed.items():
            path = Path(self._filepaths[row])
            gone = not path.exists()
            if gone:
                cure = "put it back, or leave it out and make the flow again"
            else:
                cure = "remove or replace it and make the flow again; `fieldguide check` finds all of its kind"
            if not self.shuffle:
                kind = MissingFileError if gone else FileError
                raise kind(f"{path} cannot be read ({reason}), and without shuffling none may be missing: {cure}.")
            if path not in known:
                self.skipped += (Skipped(path, reason),)
                text = f"{path} cannot be read ({reason}); another picture takes its place in each epoch: {cure}."
                warn(text)
        asked = rows.tolist()
        good = [row for row in asked if row not in failed] or self._readable()
        return np.array([good[place % len(good)] if row in failed else row for place, row in enumerate(asked)])

    def _readable(self) -> list[int]:
        """Some picture that can be read."""
        first = ""
        for row in range(self.n):
            reasons = self._reader.pictures([row])[1]
            if not reasons:
                return [row]
            first = first or reasons[row]
        raise FileError(
            f"none of the {self.n:,} pictures can be read, among them {self._filepaths[0]} ({first}): put them back, "
            "and make the flow again."
        )


class DirectoryIterator(FileIterator):
    """Batches of the pictures of class folders."""

    allowed_class_modes = ("categorical", "binary", "sparse", "input", None)

    def __init__(
        self,
        directory: str | Path,
        image_data_generator: Transformer | None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | Path | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: Any = None,
        *,
        cache: bool = True,
    ) -> None:
        """Batches of `directory`; see `ImageDataGenerator.flow_from_directory`."""
        arguments.batch_size(batch_size)
        self._take_settings(
            image_data_generator,
            directory,
            target_size,
            color_mode,
            class_mode,
            data_format,
            save_to_dir,
            save_prefix,
            save_format,
            subset,
            interpolation,
            keep_aspect_ratio,
            dtype,
        )
        listing = list_directory(directory, classes=classes, split=self.split, follow_links=follow_links)
        self.filenames, self.classes, self.class_indices = listing.filenames, listing.classes, listing.class_indices
        self.num_classes = len(listing.class_indices)
        self.skipped = listing.skipped
        notes = listing.notes()
        if class_mode == "binary" and self.num_classes > 2:
            notes.append(
                f"class_mode='binary' takes 2 classes, and there are {self.num_classes}: "
                f"{listed(list(self.class_indices))}. Their labels go up to {self.num_classes - 1}: use "
                "class_mode='categorical' or 'sparse', or name two classes."
            )
        found = f"{len(self.filenames)} images belonging to {self.num_classes} classes."
        self._open(listing.filepaths, notes, found, cache)
        super().__init__(self.samples, batch_size, shuffle, seed)


class DataFrameIterator(FileIterator):
    """Batches of the pictures of a dataframe."""

    allowed_class_modes = ("binary", "categorical", "input", "multi_output", "raw", "sparse", None)

    def __init__(
        self,
        dataframe: Any,
        directory: str | Path | None = None,
        image_data_generator: Transformer | None = None,
        x_col: str = "filename",
        y_col: Any = "class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = "channels_last",
        save_to_dir: str | Path | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: Any = "float32",
        validate_filenames: bool = True,
        *,
        cache: bool = True,
    ) -> None:
        """Batches of `dataframe`; see `ImageDataGenerator.flow_from_dataframe`."""
        arguments.batch_size(batch_size)
        self._take_settings(
            image_data_generator,
            directory or "",
            target_size,
            color_mode,
            class_mode,
            data_format,
            save_to_dir,
            save_prefix,
            save_format,
            subset,
            interpolation,
            keep_aspect_ratio,
            dtype,
        )
        table = read_table(
            dataframe,
            directory,
            x_col=x_col,
            y_col=y_col,
            weight_col=weight_col,
            classes=classes,
            class_mode=class_mode,
            split=self.split,
            validate_filenames=validate_filenames,
        )
        self.filenames = table.filenames
        if table.class_indices is not None:
            self.classes, self.class_indices = table.classes, table.class_indices
        self._targets, self._sample_weight = table.targets, table.weights
        self.skipped = table.skipped
        kind = "validated" if validate_filenames else "non-validated"
        belonging = "" if table.num_classes is None else f" belonging to {table.num_classes} classes"
        found = f"{len(self.filenames)} {kind} image filenames{belonging}."
        self._open(table.filepaths, table.notes(), found, cache)
        super().__init__(self.samples, batch_size, shuffle, seed)

    @property
    def labels(self) -> Any:
        """What the pictures are labelled: indices of classes, or the columns of "raw" and "multi_output"."""
        return self._targets if self.class_mode in ("multi_output", "raw") else self.classes

    @property
    def sample_weight(self) -> np.ndarray | None:
        """The weights of `weight_col`, if it was given."""
        return self._sample_weight
