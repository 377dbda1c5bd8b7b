"""`ImageDataGenerator`, with the settings, methods and results of Keras's class, quick, and with its faults mended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fieldguide.preprocessing.array_iterators import NumpyArrayIterator
from fieldguide.preprocessing.file_iterators import DataFrameIterator, DirectoryIterator
from fieldguide.preprocessing.transformer import Transformer
from fieldguide.preprocessing.warning import warn

_NO_LONGER = {
    "has_ext": "filenames in the dataframe have to be those on the disk, endings included",
    "sort": "without shuffling, batches follow the dataframe",
    "drop_duplicates": "call drop_duplicates of the dataframe instead",
}


class ImageDataGenerator(Transformer):
    """Batches of pictures, varied at random and brought to a standard: a drop-in for Keras's class of this name.

    The page "Coming from ImageDataGenerator" of the documentation says what differs, and why.

    Args:
        featurewise_center: Each channel's mean over the pictures given to `fit` is taken from it.
        samplewise_center: Each picture's mean is taken from it.
        featurewise_std_normalization: Each channel is divided by its standard deviation over the pictures of `fit`.
        samplewise_std_normalization: Each picture is divided by its standard deviation.
        zca_whitening: Pictures are whitened, by a matrix found in `fit`.
        zca_epsilon: For that matrix.
        rotation_range: Degrees either way.
        width_shift_range: To the left or right: a share of the width if a float below 1, else pixels; an int is drawn
            from whole pixels, of a list one value.
        height_shift_range: Up or down, likewise.
        brightness_range: Two factors. Pictures whose levels are all within 0..1 stay there, others within 0..255.
        shear_range: Degrees either way (0.2 is next to nothing).
        zoom_range: A share, or the lowest and highest factor; above 1 things look smaller.
        channel_shift_range: All levels are raised or lowered by up to so much.
        fill_mode: What lies beyond the edge: "nearest", "constant", "reflect" or "wrap".
        cval: The level there for "constant".
        horizontal_flip: Half of the pictures are mirrored.
        vertical_flip: Half of the pictures are upside down.
        rescale: A factor for all levels, after everything but standardising, such as 1/255.
        preprocessing_function: Called with each picture, float (height, width, channels), before `rescale`; returns
            one of the same shape, or one channel for all.
        data_format: "channels_last" or "channels_first"; by default Keras's setting.
        validation_split: Which share `subset="validation"` takes.
        interpolation_order: 1 is linear; 0 takes the nearest pixel, 2 to 5 are splines, which are slow.
        dtype: Of the batches; by default Keras's setting, float32.

    A warning names each setting that does next to nothing, such as a shear of 0.2 degrees; and, where pictures come
    with the names of their classes, each that makes one class of another, such as half a turn of 6 and 9.

    Raises:
        InputError: A setting makes no sense; the message names it.
        InputTypeError: It is of a wrong kind.

    Example:
        >>> import fieldguide as fg
        >>> generator = fg.ImageDataGenerator(rescale=1 / 255, rotation_range=40, horizontal_flip=True)
        >>> train = generator.flow_from_directory("photos", target_size=(150, 150), class_mode="binary", seed=1)
        Found 65 images belonging to 2 classes.
        >>> pictures, labels = next(train)
        >>> pictures.shape, labels.shape
        ((32, 150, 150, 3), (32,))
    """

    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: str | Path | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Batches of an array's pictures.

        Args:
            x: (n, height, width, channels), of any number type, uint8 for choice: it is used as it is, not copied. Or
                (pictures, further array) or (pictures, [further arrays]), which come along unchanged.
            y: (n, ...) labels.
            batch_size: pictures in a batch; the last one may have fewer.
            shuffle: an order of its own for each epoch.
            sample_weight: (n,).
            seed: of order and transformations, as Keras's.
            save_to_dir: a folder to write the pictures of every batch to, for a look at them.
            save_prefix: of these files' names.
            save_format: "png", "jpeg", ...
            ignore_class_split: bear subsets with different classes.
            subset: "training" or "validation", where the generator has a `validation_split`: the first pictures are
                for validation, and are not varied.

        Returns:
            Batches, each `pictures`, `(pictures, labels)` or `(pictures, labels, weights)`.

        Raises:
            InputError: lengths or ranks do not fit, or a subset lacks a class.
            InputTypeError: something else than arrays was given.
        """
        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            ignore_class_split=ignore_class_split,
            subset=subset,
            dtype=self.dtype,
        )

    def flow_from_directory(
        self,
        directory: str | Path,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | Path | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        *,
        cache: bool = True,
    ) -> DirectoryIterator:
        """Batches of the pictures of `directory/<class>/...`.

        Files that cannot be read are left out: a warning names them, and the iterator's `skipped` lists them all.

        Args:
            directory: a folder of class folders.
            target_size: (height, width) that pictures are brought to.
            color_mode: "rgb", "rgba" or "grayscale".
            classes: the names of the class folders, in the order of their labels; by default all, sorted.
            class_mode: "categorical" (one-hot labels), "binary" or "sparse" (numbers; a warning where "binary" has
                more than two classes), "input" (the pictures themselves), or None (no labels).
            batch_size: as in `flow`.
            shuffle: likewise.
            seed: likewise.
            save_to_dir: likewise.
            save_prefix: likewise.
            save_format: likewise.
            follow_links: whether links to folders are followed.
            subset: "training" or "validation", where the generator has a `validation_split`: of each class, the first
                files in alphabetical order are for validation, and are not varied.
            interpolation: how pictures are resized: "nearest", "bilinear", "bicubic", "lanczos", "box" or "hamming".
            keep_aspect_ratio: cut them to the shape of `target_size` first, instead of distorting them.
            cache: keep decoded pictures on disk, as far as there is room, so that each is decoded once
                (`fieldguide cache` shows and clears them).

        Returns:
            Batches, with `class_indices`, `classes`, `filenames`, `filepaths`, `samples` and `skipped`.

        Raises:
            FileError: the folder is missing.
            InputError: it holds no pictures, or an argument makes no sense.
        """
        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
            dtype=self.dtype,
            cache=cache,
        )

    def flow_from_dataframe(
        self,
        dataframe: Any,
        directory: str | Path | None = None,
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
        save_to_dir: str | Path | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
        *,
        keep_aspect_ratio: bool = False,
        cache: bool = True,
        **outdated: Any,
    ) -> DataFrameIterator:
        """Batches of the pictures that a dataframe names.

        Args:
            dataframe: of pandas, a row for each picture.
            directory: below which the files are; by default their names are whole paths.
            x_col: the column of file names.
            y_col: the column of labels, or a list of columns.
            weight_col: the column of sample weights.
            target_size: as in `flow_from_directory`, like everything below without a word of its own.
            color_mode: likewise.
            classes: the labels in the order of their numbers; rows with others are left out.
            class_mode: also "raw" (the column's values as they are) and "multi_output" (one target for each column).
                "categorical" also takes lists of labels.
            batch_size: likewise.
            shuffle: likewise.
            seed: likewise.
            save_to_dir: likewise.
            save_prefix: likewise.
            save_format: likewise.
            subset: the first rows are for validation.
            interpolation: likewise.
            validate_filenames: leave out files that are missing or cannot be read, with a warning.
            keep_aspect_ratio: likewise.
            cache: likewise.
            outdated: `has_ext`, `sort`, `drop_duplicates` and unknown ones do nothing, with a warning.

        Returns:
            Batches, as from `flow_from_directory`.

        Raises:
            InputKeyError: a column is missing.
            InputError: an argument makes no sense.
            InputTypeError: it is no dataframe, or a column holds something of a wrong kind.
        """
        if class_mode == "other":
            warn('class_mode="other" is deprecated: give class_mode="raw".', DeprecationWarning)
            class_mode = "raw"
        for name in outdated:
            because = _NO_LONGER.get(name, "flow_from_dataframe has no such argument")
            warn(f"{name} does nothing: {because}.", DeprecationWarning)
        return DataFrameIterator(
            dataframe,
            directory,
            self,
            x_col=x_col,
            y_col=y_col,
            weight_col=weight_col,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
            dtype=self.dtype,
            validate_filenames=validate_filenames,
            cache=cache,
        )
