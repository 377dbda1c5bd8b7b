"""Augmentation inside a model: a Keras layer that varies pictures while the model trains and then lets them be."""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Sequence
from dataclasses import fields
from types import FrameType
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from fieldguide.augmentation.draws import Draws, draw, draws_of, numbers_for, whole
from fieldguide.augmentation.notes import idle_notes
from fieldguide.augmentation.presets import preset_called
from fieldguide.augmentation.sampling import varied
from fieldguide.augmentation.settings import Range, Settings
from fieldguide.augmentation.warp import Warper
from fieldguide.errors import InputError

if TYPE_CHECKING:
    from fieldguide.augmentation.sheet import Sheet

# Functions in which a model is used, and modules that trace one in order to write it.
_STEPS = ("predict_step", "test_step")
_EXPORTERS = (
    *("keras.src.export.", "keras.src.backend.tensorflow.export", "keras.src.backend.jax.export"),
    *("keras.src.backend.torch.export", "tensorflow.python.saved_model.", "tensorflow.lite.", "torch.export"),
)
_SEEDS = 2**31  # of a backend's generators; longer seeds count in full on the host


@keras.saving.register_keras_serializable(package="fieldguide")
class Augment(keras.layers.Layer):
    """A layer that varies pictures at random while a model trains, and gives them back as they are when it is used.

    Called by itself it varies them, as Keras's random layers do, unless told `training=False`; `evaluate`, `predict`
    and exported models leave them as they are, without a random operation. Outside a model, `draw` and `apply` do the
    same on the host, and `preview` shows it.

    The settings are those of `Settings`, by the same names. Each picture is warped once, whatever the number of
    settings, then recoloured, then erased from. The layer compiles on TensorFlow and JAX; on TensorFlow without a GPU
    Keras leaves that out unless told `model.compile(..., jit_compile=True)`, and then it is several times as quick.

    Args:
        rotation_range: Degrees either way.
        width_shift_range: Share of the width, to the left or right.
        height_shift_range: Share of the height, up or down.
        shear_range: Degrees either way.
        zoom_range: A share, 0.2 for factors from 0.8 to 1.2, or the lowest and highest factor.
        crop_area: Lowest and highest share of the picture that is kept and enlarged to the whole, such as (0.35, 1).
        crop_ratio: Lowest and highest ratio of the kept part's width to its height, where that of the picture is 1.
        horizontal_flip: Left and right change places in half of the pictures.
        vertical_flip: Likewise top and bottom.
        brightness_range: Lowest and highest factor of all levels, such as (0.8, 1.2).
        contrast_range: Lowest and highest factor of the distance to the picture's mean level.
        channel_shift_range: Each colour's levels are raised or lowered by up to so much, in units of `value_range`.
        erasing: Share of the pictures in which a rectangle is painted over.
        erasing_area: Lowest and highest share of the picture that the rectangle takes.
        erasing_ratio: Lowest and highest ratio of its height to its width.
        fill_mode: What lies beyond the picture's edge: "nearest", "constant" (`cval`), "reflect" or "wrap".
        cval: The level beyond the edge for "constant", and that of erased rectangles.
        interpolation: "bilinear" or "nearest".
        value_range: Lowest and highest level a picture can have: (0, 255), or (0, 1) where pictures were rescaled.
        seed: Of everything random, a whole number from 0; default another one for each layer, which
            `keras.utils.set_random_seed` governs. Inside a model the draws
            depend on Keras's backend too, and on whether XLA compiles it.
        data_format: "channels_last" or "channels_first"; default Keras's own setting.
        name: Of the layer.
        dtype: Of the result, or a dtype policy; pictures are warped in float32 in any case.
        trainable: Without effect; Keras gives it to every layer.

    Raises:
        InputError: A setting is out of range; the message names it.
        InputTypeError: It is of a wrong kind.

    Example:
        >>> import fieldguide as fg
        >>> augment = fg.Augment(rotation_range=40, zoom_range=0.2, horizontal_flip=True, seed=1)
        >>> pictures = np.zeros((8, 150, 150, 3), np.uint8)
        >>> tuple(augment(pictures).shape)
        (8, 150, 150, 3)
        >>> fg.Augment(rotation_range=40, fill_mode="wrap", seed=1, name="varied")
        Augment(rotation_range=40, fill_mode='wrap', seed=1, name='varied')
    """

    def __init__(
        self,
        *,
        rotation_range: float = 0.0,
        width_shift_range: float = 0.0,
        height_shift_range: float = 0.0,
        shear_range: float = 0.0,
        zoom_range: float | Range = 0.0,
        crop_area: Range = (1.0, 1.0),
        crop_ratio: Range = (0.75, 1.3333),
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        brightness_range: Range | None = None,
        contrast_range: Range | None = None,
        channel_shift_range: float = 0.0,
        erasing: float = 0.0,
        erasing_area: Range = (0.02, 0.33),
        erasing_ratio: Range = (0.3, 3.3),
        fill_mode: str = "nearest",
        cval: float = 0.0,
        interpolation: str = "bilinear",
        value_range: Range = (0.0, 255.0),
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        dtype: Any = None,
        trainable: bool = True,
    ) -> None:
        given = locals()
        settings = Settings(**{field.name: given[field.name] for field in fields(Settings)})
        seed = random.randrange(_SEEDS) if seed is None else whole("seed", seed)
        if data_format not in (None, "channels_last", "channels_first"):
            raise InputError(f"data_format is {data_format!r}; expected channels_last or channels_first.")
        # Floating-point pictures come as they are, also where the model computes in half precision.
        super().__init__(name=name, dtype=dtype, trainable=trainable, autocast=False)
        self.settings = settings
        self.data_format = data_format or keras.config.image_data_format()
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed % _SEEDS)
        self._warper = Warper()
        for note in idle_notes(settings):
            warnings.warn(note, stacklevel=2)

    @classmethod
    def from_preset(
        cls,
        preset: str,
        *,
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> Augment:
        """A layer with the settings of a preset; for others beside them, give `Augment` all settings by name.

        Args:
            preset: "light", "medium", "strong" or "crops".
            seed: as for `Augment`, like everything below.
            data_format: likewise.
            name: likewise.
            dtype: likewise.

        Raises:
            InputError: There is no such preset or data format, or the seed is negative.
            InputTypeError: The seed is no whole number.

        Example:
            >>> import fieldguide as fg
            >>> augment = fg.Augment.from_preset("strong", seed=1)
            >>> augment.settings.rotation_range, augment.settings.zoom_range
            (40, 0.3)
        """
        settings: dict[str, Any] = preset_called(preset).settings.changed()
        return cls(**settings, seed=seed, data_format=data_format, name=name, dtype=dtype)

    def __repr__(self) -> str:
        given = {**self.settings.changed(), "seed": self.seed, "name": self.name}
        if self.data_format != keras.config.image_data_format():
            given["data_format"] = self.data_format
        if self.dtype_policy != keras.config.dtype_policy():
            given["dtype"] = self.dtype_policy.name
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in given.items())})"

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Checks the pictures' shape, which the layer needs to know but for the number of pictures.

        Args:
            input_shape: (n, height, width, channels) or that of one picture, as `data_format` says.

        Raises:
            InputError: The shape is not one of pictures, or not known.
        """
        self._size_of(input_shape)
        self.built = True

    def __call__(self, images: Any, training: bool | None = None) -> Any:
        """As `call`, which Keras prepares for.

        Args:
            images: as for `call`.
            training: likewise.

        Raises:
            InputError: They are symbols of a `tf.data` pipeline, and Keras's backend is another than TensorFlow.
        """
        backend, symbolic = keras.backend.backend(), not hasattr(images, "numpy")
        if backend != "tensorflow" and symbolic and type(images).__module__.startswith("tensorflow."):
            raise InputError(
                f"the pictures are those of a tf.data pipeline, in which {backend} cannot compute: put the layer into "
                "the model, or give arrays to its draw and apply, such as by tf.numpy_function."
            )
        # Keras takes None for an answer: it asks what the model around was told only where nothing is given.
        return super().__call__(images) if training is None else super().__call__(images, training=training)

    def call(self, images: Any, training: bool | None = None) -> Any:
        """The pictures, varied or not, in the layer's compute dtype.

        Args:
            images: uint8 or float (n, height, width, channels), or (height, width, channels), or as `data_format`
                says, with levels in `value_range`.
            training: `fit` gives True, `evaluate` and `predict` give False. Where nobody says anything they are varied,
                as by Keras's random layers, but not in an export nor in a step that predicts or evaluates.

        Raises:
            InputError: The shape is not one of pictures, or not known.
        """
        if not (training if training is not None else not _is_used()):
            return keras.ops.cast(images, self.compute_dtype)
        size = self._size_of(images.shape)
        count = keras.ops.shape(images)[0] if len(images.shape) == 4 else 1
        numbers = keras.random.uniform((count, numbers_for(self.settings)), dtype="float32", seed=self.seed_generator)
        return self._apply(images, draws_of(self.settings, size, numbers, ops=keras.ops))

    def transform(self, images: Any, draws: Draws) -> Any:
        """The pictures as these draws say, computed by Keras's backend, as in a model that trains.

        Args:
            images: uint8 or float (n, height, width, channels), or one picture, or as `data_format` says.
            draws: a row for each picture, drawn with this layer's settings for the pictures' size; arrays or tensors.

        Returns:
            A tensor of the pictures' shape in the layer's compute dtype.

        Raises:
            InputError: The shape is not one of pictures, or the draws are not as many.

        Example:
            >>> import fieldguide as fg
            >>> augment = fg.Augment(horizontal_flip=True, seed=1)
            >>> pictures = np.zeros((4, 150, 150, 3), np.uint8)
            >>> tuple(augment.transform(pictures, augment.draw(range(4), size=(150, 150))).shape)
            (4, 150, 150, 3)
        """
        images = keras.ops.convert_to_tensor(images)
        self._size_of(images.shape)
        count = images.shape[0] if len(images.shape) == 4 else 1
        if count is not None and count != len(draws):
            raise InputError(f"draws has {len(draws)} rows for {count} pictures; expected one for each picture.")
        made = {field.name: keras.ops.cast(getattr(draws, field.name), "float32") for field in fields(Draws)}
        return self._apply(images, Draws(**made))

    def draw(self, rows: Sequence[int] | np.ndarray, *, epoch: int = 0, size: tuple[int, int]) -> Draws:
        """What happens to these pictures in this epoch, from the layer's seed, the epoch and the row alone.

        Args:
            rows: which pictures, by their number in the whole set.
            epoch: how often the set was gone through before.
            size: (height, width) of the pictures in pixels.

        Returns:
            Draws of NumPy arrays, a row for each of `rows`.

        Raises:
            InputError: The size is none of a picture; or the epoch or a row is negative, or too large for 64 bits.
            InputTypeError: One of them is no whole number.
        """
        return draw(self.settings, size, rows, seed=self.seed, epoch=epoch)

    def apply(self, pictures: np.ndarray, draws: Draws, scale: float = 1.0) -> np.ndarray:
        """The pictures as these draws say, computed on the host over threads: the quickest way without a GPU.

        Args:
            pictures: uint8 or float (n, height, width, channels), or as `data_format` says.
            draws: of NumPy arrays, a row for each picture, drawn with this layer's settings for the pictures' size.
            scale: by which the result's levels are multiplied, such as 1 / 255.

        Returns:
            float32 of the pictures' shape.

        Raises:
            InputError: The shape is not one of pictures, or the draws are not as many.

        Example:
            >>> import fieldguide as fg
            >>> augment = fg.Augment(rotation_range=40, seed=1)
            >>> pictures = np.zeros((4, 150, 150, 3), np.uint8)
            >>> augment.apply(pictures, augment.draw(range(4), size=(150, 150)), scale=1 / 255).dtype
            dtype('float32')
        """
        pictures = np.asarray(pictures)
        if pictures.ndim != 4:
            raise InputError(f"pictures has the shape {pictures.shape}; expected (n, height, width, channels).")
        self._size_of(pictures.shape)
        if len(pictures) != len(draws):
            raise InputError(f"draws has {len(draws)} rows for {len(pictures)} pictures; expected one for each.")
        if self.data_format == "channels_last":
            return self._warper.apply(pictures, draws, self.settings, scale=scale)
        last = np.ascontiguousarray(np.moveaxis(pictures, 1, -1))
        return np.ascontiguousarray(np.moveaxis(self._warper.apply(last, draws, self.settings, scale=scale), -1, 1))

    def preview(self, pictures: Any, *, draws: int = 6, seed: int = 0, labels: Sequence[str] | None = None) -> Sheet:
        """A contact sheet of the pictures and of some draws of each, shown inline where it ends a notebook's cell.

        Args:
            pictures: uint8 or float (height, width, 3) or (height, width, 1) each, channels last whatever
                `data_format` says: a list or a batch of them, or one. Floats are levels in `value_range`. Tensors of
                TensorFlow, JAX and PyTorch will do, and so will what `fg.load_img` gives; of pictures with a fourth
                channel, give the first three.
            draws: how many of each picture.
            seed: of the draws.
            labels: of the pictures.

        Raises:
            InputError: There are no pictures, or too many, or they are of another kind.
            InputTypeError: `pictures` is something else, such as a path.

        Example:
            >>> import fieldguide as fg
            >>> print(fg.Augment(rotation_range=40, seed=1).preview(fg.load_img(photo), draws=3))
            1 picture and 3 draws of it, seed 0: rotation_range=40
        """
        from fieldguide.augmentation.sheet import contact_sheet

        return contact_sheet(pictures, self.settings, draws=draws, seed=seed, labels=labels)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The pictures' own shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """All that makes the layer anew, ready for JSON; `Augment.from_config` does it."""
        return {
            **super().get_config(),
            **self.settings.to_dict(),
            "seed": self.seed,
            "data_format": self.data_format,
        }

    def _apply(self, images: Any, draws: Draws) -> Any:
        """The pictures, batched or single and in either data format, as tensors of draws say."""
        single, first = len(images.shape) == 3, self.data_format == "channels_first"
        images = images[None] if single else images
        images = keras.ops.transpose(images, (0, 2, 3, 1)) if first else images
        result = varied(images, draws, self.settings)
        result = keras.ops.transpose(result, (0, 3, 1, 2)) if first else result
        return keras.ops.cast(result[0] if single else result, self.compute_dtype)

    def _size_of(self, shape: Sequence[int | None]) -> tuple[int, int]:
        """(height, width) of pictures of this shape, if they can be varied."""
        try:
            shape = tuple(shape)
        except ValueError:  # of a TensorFlow tensor whose number of axes is not known
            raise InputError("pictures have an unknown shape: give it to them by set_shape.") from None
        axes = "(channels, height, width)" if self.data_format == "channels_first" else "(height, width, channels)"
        if len(shape) not in (3, 4):
            raise InputError(f"pictures have the shape {shape}; expected {axes}, or a batch of such.")
        channels, height, width = shape[-3:] if self.data_format == "channels_first" else (shape[-1], *shape[-3:-1])
        if height is None or width is None or channels is None:
            raise InputError(
                f"pictures have the shape {shape}, and {axes} must be known: "
                "give the model's input a shape, or resize the pictures before."
            )
        if self.settings.channel_shift_range and channels not in (1, 3):
            raise InputError(f"pictures have the shape {shape}; expected 1 or 3 channels for channel_shift_range.")
        return height, width


def _is_used() -> bool:
    """Whether a model is being exported, evaluated or asked for predictions, where that is not said to the layer.

    Keras's exports say nothing, nor do its steps where a model's own `call` has no `training`.
    """
    frame = sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]
        if frame.f_code.co_name in _STEPS and _is_of_a_model(frame):
            return True
        if str(frame.f_globals.get("__name__")).startswith(_EXPORTERS):
            return True
    return False


def _is_of_a_model(frame: FrameType) -> bool:
    """Whether the function is a method of a Keras model: others may have functions of the same names."""
    first = frame.f_code.co_varnames[:1] if frame.f_code.co_argcount else ()
    return any(isinstance(frame.f_locals.get(name), keras.Model) for name in first)
