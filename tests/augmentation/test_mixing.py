"""Mix-up and CutMix keep every label, and mix as much as was drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fieldguide.augmentation.mixing import Mixes, cut_mix, draw_mixes, draw_mixes_inside, mix_up
from fieldguide.errors import InputError, InputTypeError

MIXERS = [mix_up, cut_mix]
MANY = 20_000


def batch(count: int = 12, size: tuple[int, int] = (20, 30)) -> tuple[np.ndarray, np.ndarray]:
    """Pictures uint8 (count, *size, 3) and one-hot targets (count, 4)."""
    generator = np.random.default_rng(3)
    pictures = generator.integers(0, 256, (count, *size, 3), dtype=np.uint8)
    return pictures, np.eye(4, dtype=np.float32)[generator.integers(0, 4, count)]


@pytest.mark.parametrize("mixer", MIXERS)
@pytest.mark.parametrize("alpha", [0.1, 1.0, 5.0])
def test_labels_are_conserved(mixer: Any, alpha: float) -> None:
    """Each target still sums to one, and what a class loses in one picture another class gains."""
    pictures, targets = batch()
    mixes = draw_mixes(12, alpha, seed=1)
    _, mixed = mixer(pictures, targets, mixes)
    assert mixed.dtype == np.float32
    assert np.allclose(mixed.sum(axis=1), 1, atol=1e-6)
    assert (mixed >= 0).all()
    own, others = targets.argmax(axis=1), targets[mixes.partners].argmax(axis=1)
    kept = np.ones_like(mixed)
    kept[np.arange(12), own] = kept[np.arange(12), others] = 0
    assert (mixed[kept == 1] == 0).all()


@pytest.mark.parametrize("mixer", MIXERS)
def test_nothing_is_mixed_at_zero(mixer: Any) -> None:
    pictures, targets = batch()
    mixed, labels = mixer(pictures, targets, draw_mixes(12, 0, seed=1))
    assert np.array_equal(mixed, pictures)
    assert np.array_equal(labels, targets)


def test_as_alpha_goes_to_zero_every_picture_is_a_whole_one() -> None:
    pictures, targets = batch()
    _, labels = mix_up(pictures, targets, draw_mixes(12, 1e-4, seed=1))
    assert set(np.round(labels, 4).reshape(-1).tolist()) == {0.0, 1.0}


def test_mix_up_is_exact_at_a_known_draw() -> None:
    pictures, targets = batch(3)
    mixes = Mixes(np.array([2, 0, 1]), np.array([0.25, 1.0, 0.5]), np.zeros((3, 2)))
    mixed, labels = mix_up(pictures, targets, mixes)
    expected = [0.25 * pictures[0] + 0.75 * pictures[2], pictures[1], 0.5 * pictures[2] + 0.5 * pictures[1]]
    assert np.allclose(mixed, expected, atol=1e-4)
    assert np.allclose(labels[0], 0.25 * targets[0] + 0.75 * targets[2])


def test_cut_mix_is_exact_at_a_known_draw() -> None:
    pictures, targets = batch(2)
    mixes = Mixes(np.array([1, 0]), np.array([0.75, 0.75]), np.array([[0.5, 0.5], [0.0, 1.0]]))
    mixed, labels = cut_mix(pictures, targets, mixes)
    expected = pictures.astype(np.float32)
    expected[0, 5:15, 8:23] = pictures[1, 5:15, 8:23]  # a quarter of the area
    expected[1, :5, 23:] = pictures[0, :5, 23:]  # in the corner a part of it is left
    assert np.array_equal(mixed, expected)
    assert np.allclose(labels[0], 0.75 * targets[0] + 0.25 * targets[1])
    left = 5 * 7 / 600
    assert np.allclose(labels[1], (1 - left) * targets[1] + left * targets[0])


def test_the_share_of_cut_mix_is_that_of_the_pixels() -> None:
    """Black and white pictures: each one's mean level is its partner's share, whatever was cut off."""
    pictures = np.zeros((64, 20, 30, 1), np.float32)
    pictures[::2] = 1
    targets = np.stack([pictures[:, 0, 0, 0], 1 - pictures[:, 0, 0, 0]], axis=1)
    mixed, labels = cut_mix(pictures, targets, draw_mixes(64, 1.0, seed=4))
    assert np.allclose(mixed.mean(axis=(1, 2, 3)), labels[:, 0], atol=1e-6)
    assert labels[:, 0].std() > 0.1


def test_cut_mix_with_channels_first() -> None:
    pictures, targets = batch()
    mixes = draw_mixes(12, 1.0, seed=2)
    last, labels = cut_mix(pictures, targets, mixes)
    first, same = cut_mix(np.moveaxis(pictures, -1, 1), targets, mixes, data_format="channels_first")
    assert np.array_equal(np.moveaxis(first, 1, -1), last)
    assert np.array_equal(labels, same)


def check_beta(shares: np.ndarray, alpha: float) -> None:
    """Mean and variance as Beta(alpha, alpha) has them, within five standard errors."""
    variance = 1 / (4 * (2 * alpha + 1))
    assert abs(shares.mean() - 0.5) < 5 * np.sqrt(variance / len(shares))
    assert abs(shares.var() - variance) < 5 * variance * np.sqrt(2 / len(shares))
    assert ((shares >= 0) & (shares <= 1)).all()


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_are_drawn_from_beta(alpha: float) -> None:
    mixes = draw_mixes(MANY, alpha, seed=3)
    check_beta(mixes.shares, alpha)
    assert np.array_equal(np.sort(mixes.partners), np.arange(MANY))


@pytest.mark.keras
@pytest.mark.parametrize("alpha", [0.001, 0.2, 1.0, 4.0])
def test_shares_are_drawn_from_beta_inside_a_model(alpha: float) -> None:
    import keras

    mixes = draw_mixes_inside(MANY, alpha, keras.random.SeedGenerator(1))
    check_beta(keras.ops.convert_to_numpy(mixes.shares).astype(np.float64), alpha)
    assert np.array_equal(np.sort(keras.ops.convert_to_numpy(mixes.partners)), np.arange(MANY))


@pytest.mark.keras
def test_nothing_is_mixed_at_zero_inside_a_model() -> None:
    import keras

    mixes = draw_mixes_inside(5, 0, keras.random.SeedGenerator(1))
    assert keras.ops.convert_to_numpy(mixes.shares).tolist() == [1.0] * 5


@pytest.mark.keras
@pytest.mark.parametrize("mixer", MIXERS)
def test_tensors_are_mixed_as_arrays_are(mixer: Any) -> None:
    from keras import ops

    pictures, targets = batch()
    mixes = draw_mixes(12, 1.0, seed=5)
    expected = mixer(pictures, targets, mixes)
    tensors = Mixes(*(ops.convert_to_tensor(each) for each in (mixes.partners, mixes.shares, mixes.centres)))
    found = mixer(ops.convert_to_tensor(pictures), ops.convert_to_tensor(targets), tensors, ops=ops)
    assert np.allclose(ops.convert_to_numpy(found[0]), expected[0], atol=1e-3)
    assert np.allclose(ops.convert_to_numpy(found[1]), expected[1], atol=1e-6)


@pytest.mark.keras
def test_a_compiled_step_draws_and_mixes() -> None:
    """As a training step does it, by XLA where the backend has it."""
    import keras

    pictures, targets = (keras.ops.convert_to_tensor(each) for each in batch())
    generator = keras.random.SeedGenerator(1)

    def step(seed: Any, pictures: Any, targets: Any) -> Any:
        mixes = draw_mixes_inside(12, 1.0, seed)
        return mixes.partners, mixes.shares, *mix_up(pictures, targets, mixes, ops=keras.ops)

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        found = tf.function(lambda *given: step(generator, *given), jit_compile=True)(pictures, targets)
    elif keras.backend.backend() == "jax":
        import jax

        found = jax.jit(step)(generator.next(), pictures, targets)
    else:
        found = step(generator, pictures, targets)
    partners, shares, mixed, labels = (keras.ops.convert_to_numpy(each) for each in found)
    expected = mix_up(*batch(), Mixes(partners, shares, np.zeros((12, 2))))
    assert np.allclose(mixed, expected[0], atol=1e-3)
    assert np.allclose(labels, expected[1], atol=1e-6)
    assert shares.std() > 0.1


def test_a_draw_depends_on_seed_epoch_and_batch() -> None:
    same = [draw_mixes(8, 1.0, seed=1, epoch=2, batch=3).shares.tolist() for _ in range(2)]
    assert same[0] == same[1]
    others = [(2, 2, 3), (1, 3, 3), (1, 2, 4)]
    drawn = [draw_mixes(8, 1.0, seed=seed, epoch=epoch, batch=number) for seed, epoch, number in others]
    assert all(mixes.shares.tolist() != same[0] for mixes in drawn)


@pytest.mark.parametrize("mixer", MIXERS)
@pytest.mark.parametrize("labels", [np.array([0, 1, 2]), np.array([[0], [1], [2]])], ids=["(n,)", "(n, 1)"])
def test_whole_numbers_are_no_targets(mixer: Any, labels: np.ndarray) -> None:
    with pytest.raises(InputError, match="to_categorical"):
        mixer(np.zeros((3, 4, 4, 1)), labels, draw_mixes(3, 1.0))


def test_probabilities_of_two_classes_are_targets() -> None:
    mixes = Mixes(np.array([1, 0]), np.array([0.75, 0.75]), np.zeros((2, 2)))
    _, mixed = mix_up(np.zeros((2, 4, 4, 1)), np.array([[0.0], [1.0]]), mixes)
    assert mixed.tolist() == [[0.25], [0.75]]


@pytest.mark.parametrize("mixer", MIXERS)
def test_lengths_must_agree(mixer: Any) -> None:
    with pytest.raises(InputError, match="3 pictures, 4 targets and 3 mixes"):
        mixer(np.zeros((3, 4, 4, 1)), np.eye(4), draw_mixes(3, 1.0))
    with pytest.raises(InputError, match=r"shape \(4, 4, 1\); expected \(n, height"):
        mixer(np.zeros((4, 4, 1)), np.eye(4), draw_mixes(4, 1.0))


def test_alpha_and_seeds_are_checked() -> None:
    with pytest.raises(InputError, match="alpha is -1; expected a number from 0"):
        draw_mixes(3, -1)
    with pytest.raises(InputTypeError, match="alpha is 'a'"):
        draw_mixes(3, "a")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^seed is -1; expected a whole number from 0\.$"):
        draw_mixes(3, 1.0, seed=-1)
    with pytest.raises(InputTypeError, match=r"seed is 1\.5; expected a whole number"):
        draw_mixes(3, 1.0, seed=1.5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="data_format is 'first'"):
        cut_mix(np.zeros((2, 4, 4, 1)), np.eye(2), draw_mixes(2, 1.0), data_format="first")
