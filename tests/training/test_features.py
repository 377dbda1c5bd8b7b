"""Features are computed once for each content, network and way of reading, and never mistaken for others."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.model.engine import DEFAULT_CUT, LiteEngine
from fieldguide.model.lite0 import read_weights
from fieldguide.training.features import compute, fingerprint_of

SIDE = (64, 64)


@pytest.fixture
def photos(small_photos: Path, tmp_path: Path) -> Path:
    """Two classes of four pictures each."""
    for name in ("horses", "humans"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for path in sorted(path for path in (small_photos / name).iterdir() if "truncated" not in path.name)[:4]:
            shutil.copy2(path, tmp_path / "photos" / name)
    return tmp_path / "photos"


def store_of(photos: Path, target_size: tuple[int, int] = SIDE, resize: str = "crop") -> PixelStore:
    return PixelStore.build(Dataset.from_directory(photos), target_size=target_size, resize=resize)


def other_weights() -> dict[str, np.ndarray]:
    weights = read_weights()
    weights["top_bn/beta"] = weights["top_bn/beta"] + 0.25
    return weights


def test_features_are_those_of_the_engine_to_the_last_bit(photos: Path) -> None:
    store = store_of(photos)
    features = compute(store)
    assert features.values.dtype == np.float32
    np.testing.assert_array_equal(features.values, LiteEngine(target_size=SIDE).features(store.read(range(8))))


def test_a_second_time_nothing_is_computed_and_all_is_the_same(photos: Path) -> None:
    first = compute(store_of(photos))
    second = compute(store_of(photos))
    assert (first.computed, second.computed) == (8, 0)
    np.testing.assert_array_equal(first.values, second.values)


def test_pictures_are_known_by_their_content(photos: Path, tmp_path: Path) -> None:
    before = compute(store_of(photos))
    moved = shutil.copytree(photos, tmp_path / "elsewhere")
    (moved / "horses").rename(moved / "zebras")  # the classes are now in another order
    after = compute(store_of(moved))
    assert after.computed == 0
    np.testing.assert_array_equal(after.values, np.roll(before.values, 4, axis=0))


def test_copies_are_computed_once(photos: Path) -> None:
    one = sorted((photos / "horses").iterdir())[0]
    shutil.copy(one, photos / "humans" / "aaa.jpg")
    features = compute(store_of(photos))
    assert features.computed == 8
    np.testing.assert_array_equal(features.values[0], features.values[4])


def test_only_new_pictures_are_computed(photos: Path, sample_photos: Path) -> None:
    compute(store_of(photos))
    shutil.copy(sample_photos.parent / "unseen" / "humans" / "valhuman05-00.jpg", photos / "humans" / "new.jpg")
    assert compute(store_of(photos)).computed == 1


def test_another_size_rule_or_network_is_never_mistaken_for_this_one(photos: Path) -> None:
    bundled = compute(store_of(photos))
    for store in (store_of(photos, (64, 96)), store_of(photos, resize="pad"), store_of(photos, (32, 32))):
        assert compute(store).computed == 8
    changed = compute(store_of(photos), weights=other_weights())
    assert changed.computed == 8
    assert np.abs(changed.values - bundled.values).max() > 0.1
    assert compute(store_of(photos), weights=other_weights()).computed == 0
    np.testing.assert_array_equal(compute(store_of(photos)).values, bundled.values)


def test_the_name_of_weights_depends_on_their_values_alone() -> None:
    weights = {"b/kernel": np.ones((2, 3), np.float32), "a/kernel": np.zeros(3, np.float32)}
    name = fingerprint_of(weights)
    assert fingerprint_of(dict(reversed(weights.items()))) == name
    assert fingerprint_of({**weights, "a/kernel": np.array([0, 0, 1e-6], np.float32)}) != name
    assert fingerprint_of({"b/kernel": weights["b/kernel"], "c/kernel": weights["a/kernel"]}) != name


def test_the_activations_at_the_cut_are_kept_in_half_precision(photos: Path) -> None:
    store = store_of(photos, (64, 96))
    features = compute(store, start=DEFAULT_CUT)
    engine = LiteEngine(target_size=(64, 96))
    _, exact = engine.features_and_cut(store.read(range(8)))
    rows = np.array([5, 0, 5])
    kept = features.maps(rows)
    assert kept.dtype == np.float16
    assert engine.cut_shape is not None
    assert kept.shape == (3, *engine.cut_shape) == (3, 2, 3, 192)
    assert engine.cut == DEFAULT_CUT
    assert np.abs(exact).max() > 1
    np.testing.assert_allclose(kept.astype(np.float32), exact[rows], rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(features.values, compute(store).values)


def test_a_size_that_is_no_multiple_of_the_stride_has_a_cut_too(photos: Path) -> None:
    features = compute(store_of(photos, (50, 70)), start=DEFAULT_CUT)
    assert features.maps(np.array([0])).shape == (1, 2, 3, 192)


def test_the_cut_is_computed_when_it_is_asked_for_later(photos: Path) -> None:
    without = compute(store_of(photos))
    with pytest.raises(ValueError, match="without the activations where training starts"):
        without.maps(np.array([0]))
    later = compute(store_of(photos), start=DEFAULT_CUT)
    assert later.computed == 8
    assert compute(store_of(photos), start=DEFAULT_CUT).computed == 0
    np.testing.assert_array_equal(later.values, without.values)


def test_what_was_computed_is_within_reach_of_what_makes_room(photos: Path, own_cache: Path) -> None:
    """`cache.make_room` looks for segments two folders below the cache."""
    compute(store_of(photos), start=DEFAULT_CUT)
    segments = list(own_cache.glob("features/*/segment-*"))
    assert len(segments) == 2
    assert sorted(own_cache.rglob("segment-*")) == sorted([*segments, *own_cache.glob("pixels/*/segment-*")])
