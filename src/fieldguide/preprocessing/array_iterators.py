"""Batches of pictures that are in an array: what `flow` returns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fieldguide.augmentation.warp import Warper
from fieldguide.errors import InputError
from fieldguide.preprocessing import arguments
from fieldguide.preprocessing.iterators import Iterator
from fieldguide.preprocessing.listing import listed
from fieldguide.preprocessing.saving import Saving
from fieldguide.preprocessing.transformer import Transformer
from fieldguide.preprocessing.warning import warn


class NumpyArrayIterator(Iterator):
    """Batches of pictures that are in an array."""

    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: Transformer,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | Path | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
        dtype: Any = None,
    ) -> None:
        """Batches of `x`; see `ImageDataGenerator.flow`."""
        x, beside = _parted(x)
        arrays = {"y": y, "sample_weight": sample_weight, **{f"x[1][{place}]": each for place, each in beside.items()}}
        self.x = arguments.pictures(x, arguments.float_type(dtype))
        count = len(self.x)
        given = {name: arguments.companion(name, each, count) for name, each in arrays.items() if each is not None}
        image_data_generator.warn_of_channel_axis(self.x.shape)
        span = arguments.subset_span(subset, image_data_generator.validation_split)
        if span is not None:
            rows = _subset(subset, span, len(self.x), given.get("y"), ignore_class_split)
            self.x = self.x[rows]
            given = {name: array[rows] for name, array in given.items()}
        self.y, self.sample_weight = given.get("y"), given.get("sample_weight")
        self.x_misc = [given[f"x[1][{place}]"] for place in beside]
        self.image_data_generator = image_data_generator
        self.data_format = arguments.data_format(data_format)
        self.dtype = arguments.float_type(dtype)
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        self.subset = subset
        self._saving = Saving(save_to_dir, save_prefix, save_format, self.data_format)
        self._warper = Warper()
        super().__init__(len(self.x), batch_size, shuffle, seed)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        generator, source = self.image_data_generator, self._drawing
        vary = self.subset != "validation"
        batch = generator.transform_batch(self.x, index_array, source, self._warper, vary=vary)
        self._saving.write(batch, index_array, source, 1e4)
        pictures = [batch, *(each[index_array] for each in self.x_misc)] if self.x_misc else batch
        if self.y is None:
            return pictures
        if self.sample_weight is None:
            return pictures, self.y[index_array]
        return pictures, self.y[index_array], self.sample_weight[index_array]


def _parted(x: Any) -> tuple[Any, dict[int, Any]]:
    """The pictures, and the arrays that came with them as `(pictures, array)` or `(pictures, [array, ...])`."""
    if not isinstance(x, tuple | list):
        return x, {}
    shapes = [tuple(each.shape) for each in x if len(getattr(each, "shape", ())) == 3]
    if shapes and len(shapes) == len(x):
        sizes = [str(shape) for shape in dict.fromkeys(shapes)]
        differ, cure = (
            (f", whose sizes differ ({listed(sizes)})", "resize them to one size and stack them, or use ")
            if len(sizes) > 1
            else ("", "numpy.stack(x) makes it; those of a folder are for ")
        )
        raise InputError(
            f"x is a {type(x).__name__} of {len(x)} pictures{differ}; expected one array (n, height, width, channels): "
            f"{cure}flow_from_directory."
        )
    if len(x) != 2:
        raise InputError(f"x is a {type(x).__name__} of {len(x)}; expected an array, or (pictures, further arrays).")
    beside = x[1] if isinstance(x[1], list) else [x[1]]
    return x[0], dict(enumerate(beside))


def _lacking(subset: str, there: np.ndarray, other: np.ndarray) -> str:
    """Which classes a subset has not, of those that the other one has."""
    lacks = [repr(label) for label in np.setdiff1d(other, there).tolist()]
    return f"{subset} has none of {listed(lacks)}; " if lacks else ""


def _subset(
    subset: str | None, span: tuple[float, float], count: int, labels: np.ndarray | None, ignore_class_split: bool
) -> slice:
    """Which pictures of an array belong to a subset: the first ones are for validation."""
    share = span[1] if subset == "validation" else span[0]
    first = int(count * share)
    if labels is not None and not ignore_class_split:
        measured, learnt = np.unique(labels[:first]), np.unique(labels[first:])
        if not np.array_equal(measured, learnt):
            raise InputError(
                "the training and the validation subset have different classes after the split: "
                f"{_lacking('training', learnt, measured)}{_lacking('validation', measured, learnt)}if the arrays are "
                "sorted by label, shuffle them first; ignore_class_split=True bears it."
            )
    if subset == "validation" and first == 0:
        warn(f"the validation subset is empty: {share:g} of {count} pictures is none.")
    return slice(0, first) if subset == "validation" else slice(first, count)
