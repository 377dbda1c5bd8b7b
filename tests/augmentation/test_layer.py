"""The layer varies pictures as the host does, only while it trains, on every backend."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from fieldguide.augmentation.draws import CROPPED_AREA, NUMBERS, Draws, draws_of
from fieldguide.augmentation.layer import Augment
from fieldguide.augmentation.presets import PRESETS
from fieldguide.augmentation.settings import Settings
from fieldguide.augmentation.warp import Warper
from fieldguide.errors import InputError, InputTypeError

pytestmark = pytest.mark.keras

SIZE = (32, 44)
CLASSIC: dict[str, Any] = {
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "shear_range": 20,
    "zoom_range": 0.2,
    "horizontal_flip": True,
}
EVERYTHING: dict[str, Any] = {
    **CLASSIC,
    "crop_area": (0.4, 1),
    "brightness_range": (0.5, 1.5),
    "contrast_range": (0.5, 1.5),
    "channel_shift_range": 40.0,
    "erasing": 0.5,
    "cval": 30.0,
}


def pictures(count: int = 8, size: tuple[int, int] = SIZE, channels: int = 3) -> np.ndarray:
    """Smooth colours with some noise: uint8 (count, *size, channels)."""
    generator = np.random.default_rng(11)
    rows, columns = np.mgrid[: size[0], : size[1]]
    waves = [128 + 90 * np.sin(rows / (5 + k) + k) * np.cos(columns / (7 + k)) for k in range(count * channels)]
    smooth = np.stack(waves).reshape(count, channels, *size).transpose(0, 2, 3, 1)
    return np.clip(smooth + generator.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)


def array(tensor: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, compiled as the backend compiles a training step."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=True)
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return function


def compiled(layer: Augment) -> Callable[[Any], Any]:
    """The layer with training=True, compiled; its seed goes on."""
    if keras.backend.backend() == "jax":
        layer.build((None, *SIZE, 3))
        step = jit(lambda state, images: layer.stateless_call([], state, images, training=True))

        def call(images: Any) -> Any:
            state = [variable.value for variable in layer.non_trainable_variables]
            result, state = step(state, images)
            for variable, value in zip(layer.non_trainable_variables, state, strict=True):
                variable.assign(value)
            return result

        return call
    return jit(lambda images: layer(images, training=True))


class TestSettings:
    def test_the_parameters_are_those_of_the_settings(self) -> None:
        layer, settings = inspect.signature(Augment).parameters, inspect.signature(Settings).parameters
        own = ["seed", "data_format", "name", "dtype", "trainable"]
        assert list(layer) == [*settings, *own]
        assert {name: layer[name].default for name in settings} == {name: settings[name].default for name in settings}
        assert {parameter.kind for parameter in layer.values()} == {inspect.Parameter.KEYWORD_ONLY}
        assert Augment(**EVERYTHING).settings == Settings(**EVERYTHING)

    def test_wrong_settings_are_refused(self) -> None:
        with pytest.raises(InputError, match="fill_mode is 'mirror'"):
            Augment(fill_mode="mirror")
        with pytest.raises(InputError, match="data_format is 'first'; expected channels_last or channels_first"):
            Augment(data_format="first")
        with pytest.raises(InputTypeError, match=r"seed is 1\.5; expected a whole number"):
            Augment(seed=1.5)  # type: ignore[arg-type]
        with pytest.raises(InputTypeError, match=r"seed is True; expected a whole number"):
            Augment(seed=True)
        with pytest.raises(InputError, match="seed is -1"):
            Augment(seed=-1)

    def test_seeds_of_numpy_are_as_good(self) -> None:
        layer = Augment(rotation_range=20, seed=np.int64(3))  # type: ignore[arg-type]
        assert type(layer.seed) is int
        assert json.loads(json.dumps(layer.get_config()))["seed"] == 3

    def test_presets(self) -> None:
        for name, preset in PRESETS.items():
            layer = Augment.from_preset(name, seed=1)
            assert (layer.settings, layer.seed) == (preset.settings, 1)
        with pytest.raises(InputError, match=r"preset is 'huge'; expected one of light, medium, strong"):
            Augment.from_preset("huge")

    def test_it_shows_its_settings(self) -> None:
        layer = Augment(rotation_range=20, fill_mode="wrap", seed=5, name="varied")
        assert repr(layer) == "Augment(rotation_range=20, fill_mode='wrap', seed=5, name='varied')"
        assert str(layer) == repr(layer)
        layer = Augment(seed=5, name="varied", dtype="float16", data_format="channels_first")
        assert repr(layer) == "Augment(seed=5, name='varied', data_format='channels_first', dtype='float16')"
        assert eval(repr(layer)).get_config() == layer.get_config()

    def test_a_preset_takes_what_a_layer_takes_beside_settings(self) -> None:
        beside: dict[str, Any] = {"seed": 5, "name": "varied", "dtype": "float16", "data_format": "channels_first"}
        layer = Augment.from_preset("light", **beside)
        expected: dict[str, Any] = {**PRESETS["light"].settings.changed(), **beside}
        assert layer.get_config() == Augment(**expected).get_config()

    def test_it_warns_of_what_does_next_to_nothing_where_it_was_written(self) -> None:
        with pytest.warns(UserWarning, match=r"shear_range=0.2 is 0.2 degrees") as caught:
            Augment(shear_range=0.2)
        assert [warning.filename for warning in caught] == [__file__]

    def test_what_is_strong_is_no_reason_to_warn(self) -> None:
        Augment(rotation_range=180, vertical_flip=True, zoom_range=(0.4, 2))  # warnings are errors in tests


class TestIdentity:
    def test_nothing_varies_at_zero_strength(self) -> None:
        given = pictures()
        assert np.array_equal(array(Augment()(given, training=True)), given.astype(np.float32))

    def test_ranges_of_width_zero_change_nothing(self) -> None:
        given = pictures()
        with pytest.warns(UserWarning, match=r"\(1, 1\) changes levels by 1% or less"):
            layer = Augment(brightness_range=(1, 1), contrast_range=(1, 1), zoom_range=(1, 1))
        assert np.abs(array(layer(given, training=True)) - given).max() < 1e-3

    def test_nothing_varies_outside_training(self) -> None:
        given = pictures()
        layer = Augment(**EVERYTHING, seed=1)
        state = array(layer.seed_generator.state.value).tolist()
        result = layer(given, training=False)
        assert keras.backend.standardize_dtype(result.dtype) == "float32"
        assert np.array_equal(array(result), given.astype(np.float32))
        assert array(layer.seed_generator.state.value).tolist() == state


class Around(keras.Model):
    """A model of one's own, which says nothing of training to its layer."""

    def __init__(self, layer: keras.Layer) -> None:
        super().__init__()
        self.layer = layer

    def call(self, images: Any) -> Any:
        return self.layer(images)


class TestAsKerasDoes:
    """Where nobody says whether it is training, it is what Keras's own random layers take it for."""

    @pytest.mark.parametrize("kind", ["layer", "sequential", "functional", "subclassed"])
    @pytest.mark.parametrize("training", [None, True, False])
    def test_called_by_itself_or_in_a_model(self, kind: str, training: bool | None) -> None:
        given = pictures().astype(np.float32)

        def varies(layer: keras.Layer) -> bool:
            inputs = keras.Input((*SIZE, 3))
            whole: Callable[..., Any] = {
                "layer": lambda: layer,
                "sequential": lambda: keras.Sequential([layer]),
                "functional": lambda: keras.Model(inputs, layer(inputs)),
                "subclassed": lambda: Around(layer),
            }[kind]()
            results = [array(whole(given, training=training) if training is not None else whole(given)) for _ in "12"]
            return not all(np.allclose(result, given) for result in results)

        keras_own = varies(keras.layers.RandomRotation(0.1, seed=1))
        assert varies(Augment(rotation_range=20, seed=1)) == keras_own == (training is not False)

    @pytest.mark.parametrize("around", [lambda layer: keras.Sequential([layer]), Around])
    def test_predict_and_evaluate_leave_pictures_as_they_are(
        self, around: Callable[[keras.Layer], keras.Model]
    ) -> None:
        given = pictures().astype(np.float32)
        model = around(Augment(**EVERYTHING, seed=1))
        model.compile(loss="mse")
        assert np.array_equal(model.predict(given, verbose=0), given)
        assert model.evaluate(given, given, verbose=0) == 0

    def test_functions_of_others_may_be_called_as_a_models_steps_are(self) -> None:
        given, layer = pictures().astype(np.float32), Augment(rotation_range=20, seed=1)

        class Trial:
            def predict_step(self, images: Any) -> Any:
                return layer(images)

        def test_step(images: Any) -> Any:
            return layer(images)

        def predict_step() -> Any:
            return layer(given)

        for result in (test_step(given), predict_step(), Trial().predict_step(given)):
            assert not np.allclose(array(result), given)

    def test_a_models_own_steps_leave_pictures_as_they_are(self) -> None:
        given = pictures().astype(np.float32)

        class Stepping(Around):
            def test_step(model, *given: Any) -> Any:  # noqa: N805 - whatever it calls itself
                return super().test_step(*given)

        model = Stepping(Augment(**EVERYTHING, seed=1))
        model.compile(loss="mse")
        assert model.evaluate(given, given, verbose=0) == 0


def random_settings(number: int) -> dict[str, Any]:
    """Settings drawn at random, with every fill mode in turn."""
    generator = np.random.default_rng((8, number))

    def some(value: Any, none: Any) -> Any:
        return value if generator.random() < 0.6 else none

    return {
        "rotation_range": some(180 * generator.random(), 0.0),
        "width_shift_range": some(generator.random(), 0.0),
        "height_shift_range": some(generator.random(), 0.0),
        "shear_range": some(40 * generator.random(), 0.0),
        "zoom_range": some((0.5, 2.0), 0.0),
        "horizontal_flip": bool(generator.random() < 0.5),
        "vertical_flip": bool(generator.random() < 0.5),
        "brightness_range": some((0.4, 1.6), None),
        "contrast_range": some((0.4, 1.6), None),
        "channel_shift_range": some(60.0, 0.0),
        "erasing": some(0.5, 0.0),
        "fill_mode": ("nearest", "constant", "reflect", "wrap")[number % 4],
        "cval": 50.0,
        "crop_area": some((0.2, 0.9), (1, 1)),
    }


def cropped(picture: np.ndarray, top: float, left: float, part: tuple[float, float]) -> np.ndarray:
    """A part of the picture, (height, width) from its upper left corner on, brought to the picture's size."""
    height, width = picture.shape[:2]
    rows = top + (np.arange(height) + 0.5) * part[0] / height - 0.5
    columns = left + (np.arange(width) + 0.5) * part[1] / width - 0.5
    above, before = (
        np.clip(np.floor(rows).astype(int), 0, height - 2),
        np.clip(np.floor(columns).astype(int), 0, width - 2),
    )
    down, across = (rows - above)[:, None, None], (columns - before)[:, None]
    levels = picture.astype(float)
    upper, lower = levels[above] * (1 - down), levels[above + 1] * down
    mixed = upper + lower
    return mixed[:, before] * (1 - across) + mixed[:, before + 1] * across


@pytest.mark.filterwarnings("ignore:cval=50 does nothing:UserWarning")
class TestKnownDraws:
    @pytest.mark.parametrize("number", range(12))
    def test_it_means_what_the_host_means(self, number: int) -> None:
        settings = random_settings(number)
        given, layer = pictures(), Augment(**settings, seed=3)
        draws = layer.draw(range(8), epoch=number, size=SIZE)
        expected = Warper().apply(given, draws, layer.settings)
        difference = np.abs(array(layer.transform(given, draws)) - expected)
        # Where what lies beyond the edge begins, float32 may see it one pixel off, hardly ever.
        jumps = 2e-3 if settings["fill_mode"] in ("constant", "wrap") else 0
        assert (difference > 0.02).mean() <= jumps, settings

    @pytest.mark.parametrize("fill_mode", ["nearest", "constant", "reflect", "wrap"])
    @pytest.mark.parametrize("channels", [1, 3])
    def test_crops_are_parts_brought_to_the_whole(self, fill_mode: str, channels: int) -> None:
        """As plain NumPy does it, on both appliers: also those at the very edge, which show nothing of beyond."""
        given = pictures(channels=channels)
        numbers = np.random.default_rng(3).random((8, NUMBERS))
        numbers[:4, -2:] = [(0, 0), (0, 1 - 1e-9), (1 - 1e-9, 0), (1 - 1e-9, 1 - 1e-9)]  # the corners
        settings = Settings(crop_area=(0.1, 0.7), crop_ratio=(0.5, 1.5), fill_mode=fill_mode, cval=50.0)
        draws = draws_of(settings, SIZE, numbers)
        layer = Augment(crop_area=(0.1, 0.7), crop_ratio=(0.5, 1.5), fill_mode=fill_mode, cval=50.0)
        host, backend = Warper().apply(given, draws, settings), array(layer.transform(given, draws))
        for row, picture in enumerate(given):
            area, ratio = 0.1 + 0.6 * numbers[row, -4], 0.5 * 3 ** numbers[row, -3]
            part = min(np.sqrt(area / ratio), 1) * SIZE[0], min(np.sqrt(area * ratio), 1) * SIZE[1]
            # The room goes from where the first pixel's centre is met to where the last one's is.
            top, left = (
                (1 - part[axis] / SIZE[axis]) * (0.5 + numbers[row, -2 + axis] * (SIZE[axis] - 1)) for axis in (0, 1)
            )
            expected = cropped(picture, top, left, part)
            assert np.abs(host[row] - expected).max() < 0.01
            assert np.abs(backend[row] - expected).max() < 0.02
            assert np.abs(expected - picture).mean() > 5

    @pytest.mark.parametrize("channels", [1, 3])
    def test_colours_of_grey_and_colour_pictures(self, channels: int) -> None:
        given = pictures(channels=channels)
        layer = Augment(channel_shift_range=50.0, brightness_range=(0.5, 1.5), contrast_range=(0.5, 1.5), seed=1)
        draws = layer.draw(range(8), size=SIZE)
        expected = Warper().apply(given, draws, layer.settings)
        assert np.abs(array(layer.transform(given, draws)) - expected).max() < 0.01
        assert np.abs(expected - given).max() > 20

    def test_nearest_interpolation_makes_no_new_levels(self) -> None:
        given = (pictures() > 128).astype(np.uint8) * 200
        layer = Augment(rotation_range=40, interpolation="nearest", seed=1)
        result = array(layer.transform(given, layer.draw(range(8), size=SIZE)))
        assert np.unique(result).tolist() == [0, 200]

    def test_draws_made_by_tensors_are_those_made_by_arrays(self) -> None:
        numbers = np.random.default_rng(1).random((16, NUMBERS)).astype(np.float32)
        settings = Settings(**EVERYTHING)
        ours = draws_of(settings, SIZE, numbers)
        theirs = draws_of(settings, SIZE, keras.ops.convert_to_tensor(numbers), ops=keras.ops)
        for field in fields(Draws):
            found = array(getattr(theirs, field.name))
            assert np.allclose(found, getattr(ours, field.name), atol=1e-3), field.name

    def test_the_layer_applies_on_the_host_too(self) -> None:
        given, layer = pictures(), Augment(**EVERYTHING, seed=1)
        draws = layer.draw(range(8), size=SIZE)
        assert np.array_equal(
            layer.apply(given, draws, scale=1 / 255), Warper().apply(given, draws, layer.settings, scale=1 / 255)
        )
        first = Augment(**EVERYTHING, seed=1, data_format="channels_first")
        moved = np.moveaxis(given, -1, 1)
        assert np.array_equal(np.moveaxis(first.apply(moved, draws), 1, -1), layer.apply(given, draws))

    def test_draws_must_be_as_many_as_the_pictures(self) -> None:
        layer = Augment(seed=1)
        with pytest.raises(InputError, match="draws has 2 rows for 8 pictures"):
            layer.transform(pictures(), layer.draw(range(2), size=SIZE))
        with pytest.raises(InputError, match="draws has 2 rows for 8 pictures"):
            layer.apply(pictures(), layer.draw(range(2), size=SIZE))

    def test_a_host_draw_depends_on_seed_epoch_and_row_alone(self) -> None:
        layer = Augment(**EVERYTHING, seed=5)
        whole = layer.draw(range(64), epoch=2, size=SIZE)
        parts = [layer.draw(range(start, start + 8), epoch=2, size=SIZE) for start in range(0, 64, 8)]
        for field in fields(Draws):
            joined = np.concatenate([getattr(part, field.name) for part in parts])
            assert np.array_equal(joined, getattr(whole, field.name))
        assert not np.array_equal(layer.draw(range(64), epoch=3, size=SIZE).matrices, whole.matrices)
        assert not np.array_equal(Augment(**EVERYTHING, seed=6).draw(range(64), size=SIZE).matrices, whole.matrices)


class TestInsideAModel:
    def test_flips_happen_to_half_of_the_pictures(self) -> None:
        given = np.zeros((2000, 4, 6, 1), np.uint8)
        given[:, 0, 0] = 1  # a mark in the corner says which way the picture was flipped
        layer = Augment(horizontal_flip=True, vertical_flip=True, seed=2)
        result = array(compiled(layer)(keras.ops.convert_to_tensor(given)))[..., 0]
        counts = [int(result[:, row, column].sum()) for row in (0, -1) for column in (0, -1)]
        assert sum(counts) == 2000
        assert all(abs(count - 500) < 5 * np.sqrt(2000 * 0.25 * 0.75) for count in counts), counts

    def test_erasing_happens_at_its_rate_and_in_its_size(self) -> None:
        given = np.full((2000, 20, 20, 1), 9, np.uint8)
        layer = Augment(erasing=0.3, erasing_area=(0.1, 0.2), seed=2)
        erased = (array(compiled(layer)(keras.ops.convert_to_tensor(given))) == 0).mean(axis=(1, 2, 3))
        assert abs((erased > 0).sum() - 600) < 5 * np.sqrt(2000 * 0.3 * 0.7)
        assert 0.07 < erased[erased > 0].min() < 0.11 < 0.18 < erased.max() < 0.23

    def test_crops_have_their_area_and_shape_and_lie_inside(self) -> None:
        height, width = 20, 30
        given = np.stack(np.meshgrid(np.arange(20.0), np.arange(30.0), indexing="ij"), axis=-1)  # each pixel its place
        layer = Augment(
            crop_area=(0.3, 0.6),
            crop_ratio=(0.8, 1.25),
            fill_mode="constant",
            cval=-99.0,
            interpolation="bilinear",
            seed=2,
        )
        tensor = keras.ops.convert_to_tensor(np.repeat(given[None], 2000, axis=0).astype(np.float32))
        result = array(compiled(layer)(tensor))
        assert -1e-4 < result.min() < 0.1
        first, last = result[:, 0, 0], result[:, -1, -1]
        assert last[:, 0].max() > height - 1.1 and last[:, 1].max() > width - 1.1
        down, across = ((last - first) / [height - 1, width - 1]).T
        assert 0.299 < (down * across).min() < 0.302 < 0.598 < (down * across).max() < 0.601
        assert 0.799 < (across / down).min() < 0.805 < 1.24 < (across / down).max() < 1.251
        assert abs((across > down).mean() - 0.5) < 5 * np.sqrt(0.25 / 2000)

    def test_a_layer_without_crops_draws_no_numbers_for_them(self) -> None:
        given, layer = pictures(), Augment(**CLASSIC, seed=7)
        numbers = keras.random.uniform((len(given), CROPPED_AREA), seed=keras.random.SeedGenerator(7))
        expected = layer.transform(given, draws_of(layer.settings, SIZE, numbers, ops=keras.ops))
        assert np.array_equal(array(layer(given, training=True)), array(expected))

    def test_pictures_vary_one_by_one_and_from_call_to_call(self) -> None:
        same = np.repeat(pictures(1), 6, axis=0)
        call = compiled(Augment(**CLASSIC, seed=4))
        first, second = (array(call(keras.ops.convert_to_tensor(same))) for _ in range(2))
        assert len({picture.tobytes() for picture in (*first, *second)}) == 12

    def test_the_seed_decides(self) -> None:
        given = pictures()
        results = [array(Augment(**EVERYTHING, seed=seed)(given, training=True)) for seed in (7, 7, 8, 2**40)]
        assert np.array_equal(results[0], results[1])
        assert not np.array_equal(results[0], results[2])
        assert Augment().seed != Augment().seed

    def test_compiled_and_eager_results_agree(self) -> None:
        """At the same draws: those that XLA makes of a seed on TensorFlow are others."""
        given, layer = pictures(), Augment(**EVERYTHING, seed=7)
        draws = layer.draw(range(8), size=SIZE)
        jitted = array(jit(lambda images: layer.transform(images, draws))(keras.ops.convert_to_tensor(given)))
        assert (np.abs(array(layer.transform(given, draws)) - jitted) > 0.05).mean() < 1e-3

    def test_a_single_picture(self) -> None:
        given = pictures(1)[0]
        layer = Augment(**CLASSIC, seed=7)
        result = array(layer(given, training=True))
        assert result.shape == given.shape
        assert not np.array_equal(result, given)
        draws = layer.draw([3], size=SIZE)
        assert np.array_equal(array(layer.transform(given, draws)), array(layer.transform(given[None], draws))[0])

    def test_channels_first(self) -> None:
        given = pictures()
        last = Augment(**EVERYTHING, seed=7)
        first = Augment(**EVERYTHING, seed=7, data_format="channels_first")
        result = array(first(np.moveaxis(given, -1, 1), training=True))
        assert np.allclose(np.moveaxis(result, 1, -1), array(last(given, training=True)), atol=1e-3)

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16", "mixed_float16", "mixed_bfloat16", "float32"])
    def test_dtype_policies(self, dtype: str) -> None:
        """Pictures are warped in float32, and only the result is rounded."""
        given = pictures()
        layer = Augment(**CLASSIC, seed=1, dtype=dtype)
        draws = layer.draw(range(8), size=SIZE)
        for images in (given, given.astype(np.float32)):
            result = layer.transform(images, draws)
            assert keras.backend.standardize_dtype(result.dtype) == layer.compute_dtype
            exact = Warper().apply(given, draws, layer.settings)
            spacing = {"float16": 2**-11, "bfloat16": 2**-8, "float32": 0}[layer.compute_dtype]
            assert np.abs(array(keras.ops.cast(result, "float32")) - exact).max() < 255 * spacing + 0.02
            assert keras.backend.standardize_dtype(layer(images, training=False).dtype) == layer.compute_dtype
            assert keras.backend.standardize_dtype(layer(images, training=True).dtype) == layer.compute_dtype

    def test_levels_of_another_range(self) -> None:
        given = pictures().astype(np.float32) / 255
        layer = Augment(channel_shift_range=0.3, brightness_range=(0.5, 2), value_range=(0, 1), seed=1)
        result = array(layer(given, training=True))
        assert result.min() == 0 and result.max() == 1
        assert np.std(result.mean(axis=(1, 2, 3)) - given.mean(axis=(1, 2, 3))) > 0.02


def small_model(*augmentation: keras.Layer) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((*SIZE, 3)),
            *augmentation,
            keras.layers.Rescaling(1 / 255),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


class TestTraining:
    def test_fit_trains_with_it(self) -> None:
        keras.utils.set_random_seed(1)
        given = pictures(40)
        labels = np.arange(40) % 2
        given[labels == 1] //= 3  # dark ones
        layer = Augment(**CLASSIC, seed=1)
        model = small_model(layer)
        # By itself Keras leaves TensorFlow's XLA out where there is no GPU.
        jit_compile = keras.backend.backend() != "torch"
        model.compile(keras.optimizers.Adam(0.5), "binary_crossentropy", metrics=["accuracy"], jit_compile=jit_compile)
        state = array(layer.seed_generator.state.value).tolist()
        model.fit(given, labels, epochs=8, batch_size=20, verbose=0)
        assert array(layer.seed_generator.state.value).tolist() != state
        assert layer.supports_jit
        assert model.evaluate(given, labels, verbose=0)[1] > 0.9
        assert np.array_equal(model.predict(given, verbose=0), model.predict(given, verbose=0))

    def test_the_same_seed_trains_the_same_model(self) -> None:
        given, labels = pictures(20), np.arange(20) % 2

        def trained(seed: int) -> list[np.ndarray]:
            keras.utils.set_random_seed(1)
            model = small_model(Augment(**CLASSIC, seed=seed))
            model.compile("sgd", "binary_crossentropy")
            model.fit(given, labels, epochs=2, batch_size=10, verbose=0, shuffle=False)
            return [array(weight.value) for weight in model.trainable_variables]

        first, same, other = (trained(seed) for seed in (1, 1, 2))
        assert all(np.array_equal(one, two) for one, two in zip(first, same, strict=True))
        assert any(not np.array_equal(one, two) for one, two in zip(first, other, strict=True))


class TestSaved:
    def test_the_configuration_comes_back(self) -> None:
        layer = Augment(**EVERYTHING, seed=9, name="varied", dtype="mixed_bfloat16", data_format="channels_first")
        again = Augment.from_config(json.loads(json.dumps(layer.get_config())))
        assert again.get_config() == layer.get_config()
        assert again.settings == layer.settings
        assert (again.seed, again.name, again.compute_dtype) == (9, "varied", "bfloat16")

    def test_a_model_is_loaded_in_a_new_process(self, tmp_path: Path) -> None:
        path = tmp_path / "model.keras"
        model = small_model(Augment(**EVERYTHING, seed=9))
        model.save(path)
        code = (
            f"import keras, fieldguide as fg; fg.Augment; model = keras.models.load_model({str(path)!r}); "
            "layer = model.layers[0]; print(type(layer).__name__, layer.seed, layer.settings)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == f"Augment 9 {Settings(**EVERYTHING)}"

    def test_keras_must_know_the_layer_first(self, tmp_path: Path) -> None:
        """As the docs say: it imports no package but its own by itself, and `import fieldguide` loads nothing."""
        path = tmp_path / "model.keras"
        small_model(Augment(rotation_range=20)).save(path)
        code = f"import keras, fieldguide; keras.models.load_model({str(path)!r})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert "Could not locate class 'Augment'" in done.stderr

    def test_a_clone_has_the_same_settings(self) -> None:
        model = small_model(Augment(**CLASSIC, seed=9))
        (layer,) = (each for each in keras.models.clone_model(model).layers if isinstance(each, Augment))
        assert layer.settings == Settings(**CLASSIC)

    def test_inference_holds_no_random_operation(self) -> None:
        model = small_model(Augment(**EVERYTHING, seed=9))
        given = np.zeros((2, *SIZE, 3), np.float32)
        random = {name for name in operations(model, given, training=True) if "andom" in name}
        assert random, "the search finds nothing"
        assert {name for name in operations(model, given, training=False) if "andom" in name} == set()

    @pytest.mark.filterwarnings("ignore:The `native_serialization` parameter:DeprecationWarning")  # Keras 3.15 with JAX
    def test_an_export_holds_no_random_operation(self, tmp_path: Path) -> None:
        tf = pytest.importorskip("tensorflow")
        if keras.backend.backend() == "torch":
            pytest.skip("PyTorch exports no graph of TensorFlow's")
        model, given = small_model(Augment(**EVERYTHING, seed=9)), pictures(2).astype(np.float32)
        model.export(tmp_path / "exported", verbose=False)
        loaded = tf.saved_model.load(str(tmp_path / "exported"))
        names = {operation.type for operation in loaded.signatures["serving_default"].graph.get_operations()}
        for function in loaded.signatures["serving_default"].graph.as_graph_def().library.function:
            names |= {node.op for node in function.node_def}
        assert len(names) > 5
        assert {name for name in names if "andom" in name or "Gather" in name} == set()
        state = [variable.numpy().tolist() for variable in loaded.non_trainable_variables]
        assert len(state) == 1, "the seed is not looked at"
        assert all(np.allclose(loaded.serve(given), model.predict(given, verbose=0), atol=1e-5) for _ in range(2))
        assert [variable.numpy().tolist() for variable in loaded.non_trainable_variables] == state

    @pytest.mark.parametrize("way", ["export", "by hand", "tflite"])
    def test_a_model_that_says_nothing_of_training_is_exported_without_variation(
        self, way: str, tmp_path: Path
    ) -> None:
        tf = pytest.importorskip("tensorflow")
        if keras.backend.backend() != "tensorflow":
            pytest.skip("these are TensorFlow's ways")
        given = pictures(2).astype(np.float32)
        model, path = Around(Augment(**EVERYTHING, seed=9)), str(tmp_path / "exported")
        assert not np.allclose(array(model(given)), given)
        signature = [tf.TensorSpec((None, *SIZE, 3), tf.float32)]
        if way == "export":
            model.export(path, verbose=False)
            result = tf.saved_model.load(path).serve(given)
        elif way == "by hand":
            traced = tf.function(lambda images: model(images), input_signature=signature)
            tf.saved_model.save(model, path, signatures=traced)
            result = tf.saved_model.load(path).signatures["serving_default"](tf.constant(given))["output_0"]
        else:
            written = tf.lite.TFLiteConverter.from_keras_model(model).convert()
            runner = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(model_content=written)
            runner.resize_tensor_input(runner.get_input_details()[0]["index"], given.shape)
            runner.allocate_tensors()
            runner.set_tensor(runner.get_input_details()[0]["index"], given)
            runner.invoke()
            result = runner.get_tensor(runner.get_output_details()[0]["index"])
        assert np.array_equal(np.asarray(result), given)


def operations(model: keras.Model, given: np.ndarray, training: bool) -> set[str]:
    """The names of all operations of a model's graph."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        graph = tf.function(lambda images: model(images, training=training)).get_concrete_function(given).graph
        names = {operation.type for operation in graph.get_operations()}
        return names | {node.op for function in graph.as_graph_def().library.function for node in function.node_def}
    if keras.backend.backend() == "jax":
        import jax

        trainable = [variable.value for variable in model.trainable_variables]
        other = [variable.value for variable in model.non_trainable_variables]
        text = str(
            jax.make_jaxpr(lambda state, images: model.stateless_call(trainable, state, images, training=training))(
                other, given
            )
        )
        return set(text.replace("[", " ").split())
    pytest.skip("this backend traces no graph")


class TestShapes:
    @pytest.mark.parametrize(
        ("shape", "message"),
        [
            ((4, 5), "expected .*height, width, channels.*, or a batch"),
            ((2, 3, 4, 5, 3), "expected .*height, width, channels.*, or a batch"),
            ((2, 8, 8, 4), r"\(2, 8, 8, 4\); expected 1 or 3 channels for channel_shift_range"),
        ],
    )
    def test_what_is_no_picture_is_refused(self, shape: tuple[int, ...], message: str) -> None:
        with pytest.raises(InputError, match=message):
            Augment(channel_shift_range=10.0)(np.zeros(shape, np.float32), training=True)

    def test_a_later_batch_is_checked_too(self) -> None:
        layer = Augment(channel_shift_range=10.0)
        layer(np.zeros((2, 8, 8, 3), np.float32))
        with pytest.raises(InputError, match=r"4\); expected 1 or 3 channels"):
            layer(np.zeros((2, 8, 8, 4), np.float32), training=True)

    def test_unknown_sizes_are_refused(self) -> None:
        with pytest.raises(InputError, match=r"\(None, None, None, 3\).*must be known.*resize the pictures before"):
            Augment()(keras.Input((None, None, 3)))

    def test_a_host_batch_is_a_batch(self) -> None:
        layer = Augment()
        with pytest.raises(InputError, match=r"shape \(8, 8, 3\); expected \(n, height"):
            layer.apply(np.zeros((8, 8, 3), np.uint8), layer.draw([0], size=(8, 8)))

    def test_four_channels_without_shifts(self) -> None:
        given = pictures(channels=4)
        result = array(Augment(rotation_range=20, brightness_range=(0.5, 1.5), seed=1)(given, training=True))
        assert result.shape == given.shape


class TestTfData:
    def test_in_a_pipeline(self) -> None:
        """On TensorFlow it runs in the pipeline's graph; other backends cannot, and `draw` and `apply` are for that."""
        tf = pytest.importorskip("tensorflow")
        layer = Augment(**CLASSIC, seed=1)
        dataset = tf.data.Dataset.from_tensor_slices(pictures()).batch(4)

        @tf.autograph.experimental.do_not_convert  # which would wrap the error
        def varied(images: Any) -> Any:
            return layer(images, training=True)

        if keras.backend.backend() == "tensorflow":
            first, second = (array(batch) for batch in dataset.map(varied))
            assert first.shape == second.shape == (4, *SIZE, 3)
            assert not np.array_equal(first, pictures()[:4])
        else:
            with pytest.raises(InputError, match=r"tf\.data pipeline.*draw and apply"):
                dataset.map(varied)
            eager = tf.constant(pictures())
            assert array(layer(eager, training=True)).shape == eager.shape

    @pytest.mark.parametrize("around", [lambda layer: layer, lambda layer: keras.Sequential([layer])])
    def test_pairs_of_pictures_and_labels(self, around: Callable[[keras.Layer], keras.Layer]) -> None:
        """As people write it: nothing is said of training."""
        tf = pytest.importorskip("tensorflow")
        if keras.backend.backend() != "tensorflow":
            pytest.skip("other backends cannot compute in a pipeline")
        augment, given = around(Augment(**CLASSIC, seed=1)), pictures().astype(np.float32)
        dataset = tf.data.Dataset.from_tensor_slices((given, np.arange(8))).batch(4)
        mapped = dataset.map(lambda images, labels: (augment(images), labels))
        epochs = [np.concatenate([array(images) for images, _ in mapped]) for _ in range(2)]
        assert not np.array_equal(epochs[0], given) and not np.array_equal(epochs[0], epochs[1])
        assert [int(label) for _, labels in mapped for label in labels] == list(range(8))


class TestPreview:
    def test_it_is_a_contact_sheet(self) -> None:
        sheet = Augment(**CLASSIC, seed=1).preview(list(pictures(2)), draws=3)
        assert "rotation_range=40" in str(sheet)

    def test_tensors_are_as_good_as_arrays(self) -> None:
        layer, given = Augment(**CLASSIC, seed=1), pictures(2)
        expected = layer.preview(given, draws=1).pixels
        for tensors in (keras.ops.convert_to_tensor(given), list(map(keras.ops.convert_to_tensor, given))):
            assert np.array_equal(layer.preview(tensors, draws=1).pixels, expected)
        floats = Augment(**CLASSIC, value_range=(0, 1)).preview(keras.ops.convert_to_tensor(given / 255), draws=1)
        assert np.array_equal(floats.pixels, expected)
