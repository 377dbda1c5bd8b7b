"""Batches: every picture once an epoch, the same whatever happened before, with the targets and weights asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fieldguide.augmentation.draws import draw
from fieldguide.augmentation.settings import Settings
from fieldguide.augmentation.warp import Warper
from fieldguide.batches import Batch, Batches, Mixing, as_targets, ordered, repeats, weights_of_classes
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError

STRONG = Settings(rotation_range=40, zoom_range=0.3, horizontal_flip=True, brightness_range=(0.7, 1.3), erasing=0.5)


@pytest.fixture(scope="module")
def store(small_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return PixelStore.build(Dataset.from_directory(small_photos), target_size=(32, 48))


def batches_of(store: PixelStore, **settings: object) -> Batches:
    rows = np.arange(len(store))
    return Batches(store, rows, store.dataset.labels, 2, **settings)  # type: ignore[arg-type]


def pixels_of(batches: list[Batch]) -> np.ndarray:
    return np.concatenate([batch.pixels for batch in batches])


@pytest.mark.parametrize(
    ("size", "sizes"), [(32, [30, 30]), (7, [7] * 6 + [6] * 3), (60, [60]), (1000, [60]), (1, [1] * 60)]
)
def test_an_epoch_has_every_picture_once_in_batches_of_nearly_one_size(
    store: PixelStore, size: int, sizes: list[int]
) -> None:
    batches = batches_of(store, batch_size=size)
    found = list(batches.epoch(1))
    assert [len(batch.pixels) for batch in found] == sizes
    assert len(batches) == len(sizes)
    wanted = sorted(picture.tobytes() for picture in store.read(range(len(store))))
    assert sorted(picture.astype(np.uint8).tobytes() for picture in pixels_of(found)) == wanted


def test_pictures_and_targets_belong_together(store: PixelStore) -> None:
    label_of = {store.read([row])[0].tobytes(): store.dataset.labels[row] for row in range(len(store))}
    for batch in batches_of(store).epoch(3):
        labels = [label_of[picture.astype(np.uint8).tobytes()] for picture in batch.pixels]
        assert batch.targets[:, 0].tolist() == labels


def test_epochs_differ_and_each_is_the_same_again_whatever_came_before(store: PixelStore) -> None:
    settings = {"augment": STRONG, "mixing": Mixing("both"), "smoothing": 0.1, "seed": 5}
    whole = batches_of(store, **settings)
    epochs = [list(whole.epoch(number)) for number in (1, 2, 3)]
    assert not np.array_equal(pixels_of(epochs[0]), pixels_of(epochs[1]))
    again = list(batches_of(store, **settings).epoch(3))  # as after a resume
    np.testing.assert_array_equal(pixels_of(again), pixels_of(epochs[2]))
    for one, other in zip(again, epochs[2], strict=True):
        np.testing.assert_array_equal(one.targets, other.targets)
        np.testing.assert_array_equal(one.weights, other.weights)
    other_seed = list(batches_of(store, **{**settings, "seed": 6}).epoch(3))
    assert not np.array_equal(pixels_of(other_seed), pixels_of(epochs[2]))


def test_a_picture_is_varied_as_the_engine_draws_it_for_its_row_and_epoch(store: PixelStore) -> None:
    rows = np.arange(10, 20)
    batches = Batches(store, rows, store.dataset.labels[rows], 2, augment=STRONG, batch_size=10, seed=2)
    (batch,) = batches.epoch(4)
    draws = draw(STRONG, store.target_size, rows, seed=2, epoch=4)
    np.testing.assert_array_equal(batch.pixels, Warper().apply(store.read(rows), draws, STRONG))


def test_labels_are_smoothed_over_all_classes(store: PixelStore) -> None:
    labels = np.arange(len(store)) % 3
    (batch,) = Batches(store, np.arange(len(store)), labels, 3, smoothing=0.3, batch_size=60).epoch(1)
    np.testing.assert_allclose(batch.targets.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(np.unique(batch.targets), [0.1, 0.8], rtol=1e-6)
    (two,) = batches_of(store, smoothing=0.3, batch_size=60).epoch(1)
    assert two.targets.shape == (60, 1)
    np.testing.assert_allclose(np.unique(two.targets), [0.15, 0.85], rtol=1e-6)


@pytest.mark.parametrize("kind", ["mix_up", "cut_mix", "both"])
def test_mixed_pictures_have_mixed_targets(store: PixelStore, kind: str) -> None:
    plain = pixels_of(list(batches_of(store, seed=1).epoch(1)))
    found = list(batches_of(store, seed=1, mixing=Mixing(kind)).epoch(1))
    targets = np.concatenate([batch.targets for batch in found])[:, 0]
    assert ((targets > 0.02) & (targets < 0.98)).sum() > 10
    changed = np.abs(pixels_of(found) - plain).max(axis=(1, 2, 3)) > 1
    assert changed[(targets > 0.02) & (targets < 0.98)].all()


def test_as_many_batches_are_mixed_as_were_asked_for(store: PixelStore) -> None:
    batches = batches_of(store, batch_size=4, mixing=Mixing("mix_up", share=0.5))
    plain = batches_of(store, batch_size=4)
    mixed = [
        bool(np.abs(one.pixels - other.pixels).max() > 1)
        for epoch in range(1, 17)
        for one, other in zip(batches.epoch(epoch), plain.epoch(epoch), strict=True)
    ]
    assert len(mixed) == 240
    assert 90 < sum(mixed) < 140  # of 240, half, less one in 24 that was mixed with itself
    none = batches_of(store, mixing=Mixing("mix_up", share=0.0))
    np.testing.assert_array_equal(pixels_of(list(none.epoch(1))), pixels_of(list(batches_of(store).epoch(1))))


def test_weights_even_out_classes_by_the_power_and_are_1_on_average(store: PixelStore) -> None:
    labels = np.where(np.arange(60) < 48, 0, 1)
    for power, ratio in ((0.0, 1.0), (0.5, 2.0), (1.0, 4.0)):
        (batch,) = Batches(store, np.arange(60), labels, 2, power=power, batch_size=60).epoch(1)
        rare, common = (batch.weights[batch.targets[:, 0] == label] for label in (1, 0))
        assert len(set(rare.tolist())) == len(set(common.tolist())) == 1
        assert rare[0] / common[0] == pytest.approx(ratio)
        assert batch.weights.mean() == pytest.approx(1)


@pytest.mark.parametrize("kind", ["mix_up", "cut_mix"])
def test_a_mixed_picture_counts_as_much_as_the_classes_in_it_by_their_shares(store: PixelStore, kind: str) -> None:
    labels = np.where(np.arange(60) < 48, 0, 1)
    plain = Batches(store, np.arange(60), labels, 2, power=1.0, batch_size=60)
    common, rare = 60 / (2 * 48), 60 / (2 * 12)
    (whole,) = plain.epoch(1)
    assert set(whole.weights.round(5).tolist()) == {common, rare}
    (batch,) = replace(plain, mixing=Mixing(kind), smoothing=0.2).epoch(1)
    share = (batch.targets[:, 0] - 0.1) / 0.8  # of the rare class, before the labels were smoothed
    assert ((share > 0.1) & (share < 0.9)).sum() > 10
    np.testing.assert_allclose(batch.weights, common + share * (rare - common), rtol=1e-4)


def test_an_epoch_that_is_not_finished_leaves_no_thread_waiting(store: PixelStore) -> None:
    import threading

    before = threading.active_count()
    for _ in range(3):
        next(batches_of(store, batch_size=2).epoch(1))
    batches = batches_of(store, batch_size=2).epoch(1)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert threading.active_count() <= before


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "mixup"}, "mixing is 'mixup'; expected one of none, mix_up, cut_mix, both"),
        ({"alpha": 0.0}, "alpha of the mixing is 0.0"),
        ({"alpha": float("inf")}, "alpha of the mixing is inf"),
        ({"share": 1.5}, "share of the mixing is 1.5"),
        ({"alpha": "a"}, "alpha of the mixing is 'a'; expected a number above 0"),
    ],
)
def test_mixing_out_of_range_is_named(settings: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Mixing(**settings)  # type: ignore[arg-type]


# Classes of unequal size


def test_balanced_every_class_comes_equally_often_and_none_of_its_pictures_more_than_once_more() -> None:
    labels = np.repeat([0, 1, 2], [60, 9, 4])
    for seed in range(5):
        order = ordered(labels, "balanced", np.random.default_rng(seed))
        assert len(order) == len(labels)
        counts = np.bincount(labels[order])
        assert sorted(counts) == [24, 24, 25]
        times = np.bincount(order, minlength=len(labels))
        assert times[labels == 0].max() == 1
        assert np.ptp(times[labels == 1]) <= 1
        assert np.ptp(times[labels == 2]) <= 1
    plain = ordered(labels, "plain", np.random.default_rng(0))
    assert sorted(plain) == list(range(73))


def test_over_the_epochs_every_picture_of_a_large_class_comes() -> None:
    labels = np.repeat([0, 1], [40, 8])
    orders = [ordered(labels, "balanced", np.random.default_rng((0, epoch))) for epoch in range(12)]
    assert set(np.concatenate(orders)) == set(range(48))
    one, other = (set(order[labels[order] == 0]) for order in orders[:2])
    assert one != other


def test_a_picture_that_comes_again_is_varied_anew(store: PixelStore) -> None:
    labels = store.dataset.labels
    rows = np.concatenate([np.flatnonzero(labels == 0)[:2], np.flatnonzero(labels == 1)[:14]])
    settings = {"augment": STRONG, "sampling": "balanced", "batch_size": 4, "seed": 3}
    batches = Batches(store, rows, labels[rows], 2, **settings)  # type: ignore[arg-type]
    found = list(batches.epoch(1))
    rare = np.concatenate([batch.pixels[batch.targets[:, 0] == 0] for batch in found])
    assert len(rare) == 8
    assert len({picture.tobytes() for picture in rare}) == 8
    assert all((batch.weights == 1).all() for batch in found)
    again = pixels_of(list(batches.epoch(1)))
    np.testing.assert_array_equal(again, pixels_of(found))


def test_what_comes_again_is_counted() -> None:
    assert repeats(np.array([2, 7, 2, 2, 7])).tolist() == [0, 0, 1, 2, 1]
    assert repeats(np.zeros(0, np.int64)).tolist() == []


def test_targets_and_weights_of_three_classes() -> None:
    shares = np.eye(3, dtype=np.float32)[[0, 2]]
    np.testing.assert_allclose(as_targets(shares, 0.3), [[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]], atol=1e-6)
    labels = np.array([0] * 6 + [1] * 3 + [3])
    weights = weights_of_classes(labels, 4, 1.0)
    assert weights[2] == 0
    np.testing.assert_allclose(np.bincount(labels, weights[labels], 4), [10 / 3, 10 / 3, 0, 10 / 3], rtol=1e-6)
    np.testing.assert_allclose(weights_of_classes(labels, 4, 0.0)[[0, 1, 3]], 1)
