"""Statistics and standards: by their definitions, and equal to Keras's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import LINEAR, Oracle, as_keras_does, pictures

import fieldguide as fg
from fieldguide.preprocessing import standard


@pytest.mark.parametrize(("channel_axis", "data_format"), [(3, "channels_last"), (1, "channels_first")])
def test_statistics_are_of_each_channel(channel_axis: int, data_format: str) -> None:
    x = pictures(1, 5, 8, 3, "double", data_format)
    mean, deviation = standard.mean_of(x, channel_axis), standard.deviation_of(x, channel_axis)
    assert mean.shape == deviation.shape == ((1, 1, 3) if channel_axis == 3 else (3, 1, 1))
    levels = np.moveaxis(x, channel_axis, 0).reshape(3, -1)
    np.testing.assert_allclose(mean.ravel(), levels.mean(axis=1))
    np.testing.assert_allclose(deviation.ravel(), levels.std(axis=1))


def test_each_picture_is_centred_and_scaled_in_place() -> None:
    x = pictures(1, 1, 8, 3, "double")[0]
    standard.centre_each(x)
    assert abs(x.mean()) < 1e-9
    standard.scale_each(x)
    assert x.std() == pytest.approx(1, abs=1e-6)
    flat = np.zeros((4, 4, 3))
    standard.scale_each(flat)  # divides by nothing
    assert not flat.any()


def test_whitening_takes_all_correlation() -> None:
    x = pictures(1, 200, 4, 1, "double")
    x -= x.mean(axis=0)
    white = standard.whitened(x, standard.whitening_of(x, 1e-6))
    assert white.shape == x.shape
    flat = white.reshape(200, -1)
    np.testing.assert_allclose(flat.T @ flat / 200, np.eye(16), atol=1e-6)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    options=st.fixed_dictionaries(
        {
            "featurewise_center": st.booleans(),
            "featurewise_std_normalization": st.booleans(),
            "zca_whitening": st.booleans(),
            "samplewise_center": st.booleans(),
            "samplewise_std_normalization": st.booleans(),
            "rescale": st.sampled_from((None, 1 / 255)),
            "rotation_range": st.sampled_from((0, 30)),
            "horizontal_flip": st.booleans(),
            "data_format": st.sampled_from(("channels_last", "channels_first")),
            "dtype": st.sampled_from(("float32", "float64")),
        }
    ),
    kind=st.sampled_from(("bytes", "levels", "double", "signed")),
    augment=st.booleans(),
    rounds=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_fit_finds_and_standardize_applies_what_keras_does(
    options: dict[str, Any], kind: str, augment: bool, rounds: int, seed: int
) -> None:
    options = {**options, "zca_epsilon": 0.1}  # else whatever has next to no variance is made of rounding errors
    with as_keras_does():
        ours, keras = fg.ImageDataGenerator(**options), Oracle(**options)
        x = pictures(seed % 83, 60, 4, 1, kind, options["data_format"])
        kept = x.copy()
        ours.fit(x, augment=augment, rounds=rounds, seed=seed)
        keras.fit(x, augment=augment, rounds=rounds, seed=seed)
    np.testing.assert_array_equal(x, kept)
    scale = options["rescale"] or 1.0
    for name, most in (("mean", LINEAR * scale), ("std", LINEAR * scale)):
        one, other = getattr(ours, name), getattr(keras, name)
        assert (one is None) == (other is None)
        if other is not None:
            assert one.shape == other.shape
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=most)
    if keras.zca_whitening_matrix is not None:
        most = 1e-3 * float(np.abs(keras.zca_whitening_matrix).max())
        assert ours.zca_whitening_matrix is not None
        np.testing.assert_allclose(ours.zca_whitening_matrix, keras.zca_whitening_matrix, atol=most)
    ours.mean, ours.std, ours.zca_whitening_matrix = keras.mean, keras.std, keras.zca_whitening_matrix
    for levels in (x[0].astype(options["dtype"]), x[:3].astype(options["dtype"])):
        expected = keras.standardize(levels.copy())
        result = ours.standardize(levels.copy())
        assert result.dtype == expected.dtype
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4 * max(1.0, float(np.abs(expected).max())))


def test_standardize_changes_its_argument_as_in_keras() -> None:
    for generator in (fg.ImageDataGenerator(rescale=0.5), Oracle(rescale=0.5)):
        levels = np.full((4, 4, 3), 8, np.float32)
        assert generator.standardize(levels) is levels
        assert levels.max() == 4


class Levels:
    """What a subclass of either generator makes of pictures: their levels become what it draws."""

    def random_transform(self, x: np.ndarray) -> np.ndarray:
        return np.full_like(x, np.random.uniform(0, 9))  # noqa: NPY002 - what a subclass draws from


class Shifts:
    """A subclass that draws in a way of its own."""

    def get_random_transform(self, img_shape: Any, seed: int | None = None) -> dict[str, Any]:
        return {"theta": 0, "channel_shift_intensity": np.random.uniform(0, 9)}  # noqa: NPY002


@pytest.mark.parametrize("replaced", [Levels, Shifts])
def test_fit_on_varied_pictures_calls_the_methods_that_a_subclass_replaces(replaced: Any) -> None:
    x = pictures(3, 5, 6, 3, "levels")
    found = []
    for base in (fg.ImageDataGenerator, Oracle):
        generator: Any = type("Own", (replaced, base), {})(featurewise_center=True, rotation_range=40)
        np.random.seed(6)  # noqa: NPY002
        with as_keras_does():
            generator.fit(x, augment=True, rounds=2, seed=4)
        found.append((generator.mean, np.random.uniform()))  # noqa: NPY002
    np.random.seed(6)  # noqa: NPY002
    assert found[0][1] == np.random.uniform() != found[1][1]  # noqa: NPY002 - its seed is left alone
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-4)
