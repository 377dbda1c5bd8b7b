"""What `ImageDataGenerator` does to pictures, without where they come from: it varies and standardises them."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from fieldguide.augmentation.affine import matrices
from fieldguide.augmentation.warp import Sampling, Warper, warp
from fieldguide.errors import InputError, InputTypeError
from fieldguide.preprocessing import arguments, standard, transforms
from fieldguide.preprocessing.drawing import Ranges, Transforms, check_drawn, draw, draw_many, drawing_from, seeded
from fieldguide.preprocessing.notes import idle_settings
from fieldguide.preprocessing.warning import warn


class Transformer:
    """Draws a transformation for each picture, applies it, and brings its levels to a standard."""

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Any = 0.0,
        height_shift_range: Any = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: Any = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[np.ndarray], Any] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: Any = None,
    ) -> None:
        """The settings, as attributes of their names, checked; see `ImageDataGenerator`."""
        flag = arguments.flag
        self.featurewise_center = flag("featurewise_center", featurewise_center)
        self.samplewise_center = flag("samplewise_center", samplewise_center)
        self.featurewise_std_normalization = arguments.flag(
            "featurewise_std_normalization", featurewise_std_normalization
        )
        self.samplewise_std_normalization = flag("samplewise_std_normalization", samplewise_std_normalization)
        self.zca_whitening = flag("zca_whitening", zca_whitening)
        self.zca_epsilon = arguments.number("zca_epsilon", zca_epsilon)
        self.rotation_range = arguments.number("rotation_range", rotation_range, none=True)
        self.width_shift_range = arguments.shift("width_shift_range", width_shift_range)
        self.height_shift_range = arguments.shift("height_shift_range", height_shift_range)
        self.brightness_range = arguments.brightness(brightness_range)
        self.shear_range = arguments.number("shear_range", shear_range, none=True)
        self.zoom_range = arguments.zoom(zoom_range)
        self.channel_shift_range = arguments.number("channel_shift_range", channel_shift_range)
        self.fill_mode = arguments.fill_mode(fill_mode)
        self.cval = arguments.number("cval", cval)
        self.horizontal_flip = flag("horizontal_flip", horizontal_flip)
        self.vertical_flip = flag("vertical_flip", vertical_flip)
        self.rescale = arguments.factor(rescale)
        self.preprocessing_function = arguments.function(preprocessing_function)
        self.data_format = arguments.data_format(data_format)
        first = self.data_format == "channels_first"
        self.channel_axis, self.row_axis, self.col_axis = (1, 2, 3) if first else (3, 1, 2)
        self.validation_split = self._validation_split = arguments.share(validation_split)
        self.interpolation_order = arguments.order(interpolation_order)
        self.dtype = arguments.float_type(dtype)
        arguments.whole_dtype(self.dtype, self._fractional())
        self.mean: Any = None
        self.std: Any = None
        self.zca_whitening_matrix: np.ndarray | None = None
        self._settle_contradictions()
        for note in idle_settings({**vars(self), "zoom_range": zoom_range}):
            warn(note)

    __init__.__qualname__ = "ImageDataGenerator.__init__"  # what Python's own errors shall call it

    def _fractional(self) -> list[str]:
        """The settings that make fractions of whole levels."""
        names = ("featurewise_center", "samplewise_center", "featurewise_std_normalization",
                 "samplewise_std_normalization", "zca_whitening")  # fmt: skip
        scaled = ["rescale"] if self.rescale and not isinstance(self.rescale, numbers.Integral) else []
        return scaled + [name for name in names if getattr(self, name)]

    def _settle_contradictions(self) -> None:
        """What one setting asks for or rules out in another, with a warning."""

        def settle(name: str, value: bool, because: str) -> None:
            if getattr(self, name) != value:
                setattr(self, name, value)
                warn(f"{because}=True sets {name}={value}, whatever was given.")

        if self.zca_whitening:
            settle("featurewise_center", True, "zca_whitening")
            settle("featurewise_std_normalization", False, "zca_whitening")
        if self.featurewise_std_normalization:
            settle("featurewise_center", True, "featurewise_std_normalization")
        if self.samplewise_std_normalization:
            settle("samplewise_center", True, "samplewise_std_normalization")

    def get_random_transform(self, img_shape: Sequence[int], seed: int | None = None) -> dict[str, Any]:
        """What one picture's transformation is to be, drawn at random.

        Args:
            img_shape: of the picture, three axes.
            seed: the same gives the same, and the same as Keras's class. With None NumPy's global generator draws.

        Returns:
            `theta` (degrees), `tx` and `ty` (pixels: the vertical shift, from `height_shift_range`, and the horizontal
            one), `shear` (degrees), `zx` and `zy` (the horizontal and vertical zoom factor), `flip_horizontal`,
            `flip_vertical`, `channel_shift_intensity` and `brightness` (None where they do not vary).

        Raises:
            InputError: The seed is out of range.
            InputTypeError: It is no seed.
        """
        return draw(self.drawing_ranges, self.picture_size(img_shape), seeded(seed))

    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
        """A picture transformed as a dictionary of `get_random_transform` says; what it does not name stays.

        Args:
            x: three axes.
            transform_parameters: see `get_random_transform`.

        Returns:
            A picture of the same shape, and of the same type but where levels change and `x` holds whole numbers.

        Raises:
            InputError: `x` has not three axes, or the dictionary names what no picture is transformed by.
            InputTypeError: It is no dictionary of numbers.
        """
        given = transform_parameters
        # A subclass may put in what its own method makes use of before it calls this one.
        check_drawn(given, more=self._replaces("apply_transform"))
        if np.ndim(x) != 3:
            raise InputError(f"x has shape {np.shape(x)}; expected one picture with three axes.")
        matrix = matrices(
            self.picture_size(x.shape),
            rotation=given.get("theta", 0),
            shift=(given.get("tx", 0), given.get("ty", 0)),
            shear=given.get("shear", 0),
            zoom=(given.get("zy", 1), given.get("zx", 1)),
            flip=(bool(given.get("flip_vertical")), bool(given.get("flip_horizontal"))),
        )
        result = transforms.like(warp(x, matrix, self._sampling), x.dtype)
        if given.get("channel_shift_intensity") is not None:
            result = transforms.apply_channel_shift(result, given["channel_shift_intensity"])
        if given.get("brightness") is not None:
            levels = result.astype(np.float32)
            result = transforms.brightened(levels, given["brightness"], self.channel_axis - 1)
        return result

    def random_transform(self, x: np.ndarray, seed: int | None = None) -> np.ndarray:
        """A picture transformed at random: `apply_transform(x, get_random_transform(x.shape, seed))`."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def standardize(self, x: np.ndarray) -> np.ndarray:
        """A picture, or a batch of them, brought to the standard; `x` itself is changed.

        Args:
            x: float.

        Returns:
            `x`, or where a preprocessing function or whitening makes a new array, that.

        Raises:
            InputError: `x` has another shape than the statistics from `fit` are for.
            InputTypeError: It is no array, or one of whole numbers where a setting makes fractions.
        """
        arguments.array_of_levels(x)
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        if isinstance(x, np.ndarray):
            arguments.fractions_in("x", x.dtype, self._fractional())
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            standard.centre_each(x)
        if self.samplewise_std_normalization:
            standard.scale_each(x)
        return self._by_features(x)

    def fit(self, x: np.ndarray, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Finds the statistics that `featurewise_*` and `zca_whitening` need, from sample pictures.

        Args:
            x: four axes; `rescale` is applied to a copy, `preprocessing_function` is not.
            augment: find them from transformed pictures.
            rounds: how often each is transformed then.
            seed: of the transformations.

        Raises:
            InputError: `x` has not four axes, or no pictures; or `rounds` or the seed is out of range.
            InputTypeError: one of them is of a wrong kind.
        """
        source = seeded(seed)
        if augment:
            rounds = arguments.count("rounds", rounds, 1)
        x = arguments.pictures(x, self.dtype, " in fit").astype(self.dtype)
        if not x.size:
            raise InputError(f"x has shape {x.shape} in fit, and so no levels; expected some pictures.")
        self.warn_of_channel_axis(x.shape)
        if self.rescale:
            x *= self.rescale
        if augment:
            x = self._varied(x, rounds, source).astype(self.dtype, copy=False)
        if self.featurewise_center:
            self.mean = standard.mean_of(x, self.channel_axis)
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = standard.deviation_of(x, self.channel_axis)
            x /= self.std + standard.EPSILON
        if self.zca_whitening:
            self.zca_whitening_matrix = standard.whitening_of(x, self.zca_epsilon)

    def _varied(self, x: np.ndarray, rounds: int, source: Any) -> np.ndarray:
        """The pictures, each transformed so many times; by the methods that replace this class's, where some do."""
        pictures = [each for _ in range(rounds) for each in x]
        if self._replaces("random_transform", "get_random_transform", "apply_transform"):
            with drawing_from(source):  # their signature need not have a seed: Keras passes none
                return np.stack([_like(self.random_transform(each), each, "random_transform") for each in pictures])
        drawn = [draw(self.drawing_ranges, self.picture_size(each.shape), source) for each in pictures]
        return np.stack([self.apply_transform(each, given) for each, given in zip(pictures, drawn, strict=True)])

    def transform_batch(
        self,
        pictures: Sequence[np.ndarray] | np.ndarray,
        rows: Sequence[int] | np.ndarray,
        source: np.random.RandomState,
        warper: Warper,
        *,
        vary: bool = True,
    ) -> np.ndarray:
        """Some of the pictures, transformed at random and standardised.

        Args:
            pictures: (n, ...) of any number type, or a list of pictures; nothing of it is changed or copied.
            rows: which of them.
            source: draws the transformations, in Keras's order; it goes on.
            warper: whose threads do it.
            vary: False leaves them as they are, but for the standard.

        Returns:
            (len(rows), ...) of `dtype`.
        """
        if self._replaces("get_random_transform", "apply_transform", "standardize"):
            with drawing_from(source):
                return self._one_by_one(pictures, rows, vary)
        drawn: Transforms | None = draw_many(
            self.drawing_ranges, self.picture_size(pictures[0].shape), source, len(rows)
        )
        drawn = drawn if vary else None  # drawn in any case, so that files in save_to_dir have Keras's names
        recoloured = drawn is not None and (drawn.channel_shift_intensity is not None or drawn.brightness is not None)
        # Levels may be scaled before the warp, where nothing in between depends on their range.
        at_once = not (recoloured or self.preprocessing_function)
        places = None if drawn is None else drawn.matrices(self.picture_size(pictures[0].shape))
        batch = warper.warp(
            pictures,
            rows,
            places,
            self._sampling,
            scale=float(self.rescale or 1) if at_once else 1.0,
            finish=_recolouring(drawn, self.channel_axis - 1) if drawn is not None and recoloured else None,
        )
        if self.preprocessing_function:
            with drawing_from(source):
                for place, picture in enumerate(batch):  # one after the other: it need not bear threads
                    batch[place] = _like(self.preprocessing_function(picture), picture, "preprocessing_function")
        if self.rescale and not at_once:
            batch *= np.float32(self.rescale)
        if self.samplewise_center:
            for picture in batch:
                standard.centre_each(picture)
        if self.samplewise_std_normalization:
            for picture in batch:
                standard.scale_each(picture)
        return transforms.like(self._by_features(batch), np.dtype(self.dtype))

    def _replaces(self, *methods: str) -> bool:
        """Whether a subclass, or an attribute of this object, replaces one of these methods."""
        return any(name in vars(self) or getattr(type(self), name) is not vars(Transformer)[name] for name in methods)

    def _one_by_one(
        self, pictures: Sequence[np.ndarray] | np.ndarray, rows: Sequence[int] | np.ndarray, vary: bool
    ) -> np.ndarray:
        """`transform_batch` by the methods for single pictures, which may have been replaced, in Keras's order."""
        results = []
        for row in rows:
            picture = np.array(pictures[row], self.dtype)
            given = self.get_random_transform(picture.shape)
            varied = self.apply_transform(picture, given) if vary else picture
            changed = "standardize" if np.shape(varied) == picture.shape else "apply_transform"
            results.append(_like(self.standardize(varied), picture, changed))
        return np.stack(results).astype(self.dtype, copy=False)

    def _by_features(self, x: np.ndarray) -> np.ndarray:
        """Centres, scales and whitens by the statistics from `fit`, in place where that can be."""
        found = {
            "featurewise_center": self.mean,
            "featurewise_std_normalization": self.std,
            "zca_whitening": self.zca_whitening_matrix,
        }
        if idle := [name for name, statistic in found.items() if getattr(self, name) and statistic is None]:
            warn(
                f"{' and '.join(idle)} cannot be done yet: this generator hasn't been fit on any pictures. Call "
                ".fit(pictures) first."
            )
        return standard.by_features(
            x,
            self.mean if self.featurewise_center else None,
            self.std if self.featurewise_std_normalization else None,
            self.zca_whitening_matrix if self.zca_whitening else None,
        )

    def warn_of_channel_axis(self, shape: Sequence[int]) -> None:
        """Warns where the axis that should hold channels has not 1, 3 or 4 of them."""
        if shape[self.channel_axis] not in (1, 3, 4):
            warn(
                f"x has shape {tuple(shape)}, so {shape[self.channel_axis]} channels on axis {self.channel_axis}, as "
                f'data_format="{self.data_format}" says; 1, 3 or 4 are usual. If that axis is no channel, give the '
                "other data_format."
            )

    @property
    def drawing_ranges(self) -> Ranges:
        """What varies now: attributes may have been changed since."""
        return Ranges(
            self.rotation_range,
            self.width_shift_range,
            self.height_shift_range,
            self.shear_range,
            (self.zoom_range[0], self.zoom_range[1]),
            self.channel_shift_range,
            self.horizontal_flip,
            self.vertical_flip,
            None if self.brightness_range is None else (self.brightness_range[0], self.brightness_range[1]),
        )

    @property
    def _sampling(self) -> Sampling:
        return Sampling(self.fill_mode, self.cval, self.interpolation_order, self.data_format == "channels_first")

    def picture_size(self, shape: Sequence[int]) -> tuple[int, int]:
        """Height and width of a picture of this shape."""
        if len(shape) <= max(self.row_axis, self.col_axis) - 1:
            raise InputError(f"a picture of shape {tuple(shape)} was given; expected three axes.")
        return shape[self.row_axis - 1], shape[self.col_axis - 1]


def _like(result: Any, picture: np.ndarray, source: str) -> np.ndarray:
    """What a person's function returned, once it is seen to be a picture of the same shape, or to fill one.

    As in Keras, which assigns it to a part of the batch, one channel is spread over all of them.
    """
    with suppress(ValueError):  # of another shape, or of none
        levels = np.asarray(result)
        while levels.ndim > picture.ndim and len(levels) == 1:
            levels = levels[0]
        if arguments.is_numeric(levels.dtype):
            return np.broadcast_to(levels, picture.shape)
    shape = f" of shape {np.shape(result)}" if hasattr(result, "shape") else ""
    found = "nothing" if result is None else f"a {type(result).__name__}{shape}"
    raise InputTypeError(f"{source} returned {found}; expected a picture of shape {picture.shape}.")


def _recolouring(drawn: Transforms, channel_axis: int) -> Callable[[np.ndarray, int], None]:
    """Changes the levels of the picture at a place, as drawn for it."""

    def finish(picture: np.ndarray, place: int) -> None:
        if drawn.channel_shift_intensity is not None:
            picture[...] = transforms.apply_channel_shift(picture, float(drawn.channel_shift_intensity[place]))
        if drawn.brightness is not None:
            picture[...] = transforms.brightened(picture, float(drawn.brightness[place]), channel_axis)

    return finish
