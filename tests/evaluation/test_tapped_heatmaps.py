"""Where a head reads several maps, its heat map holds what all of them add: it sums to the logit without the bias."""

from __future__ import annotations

import numpy as np
import pytest
from small_nets import noise

from fieldguide.evaluation.class_maps import class_map
from fieldguide.evaluation.heatmaps import _added_up, _gathered, classifier_heat_maps, heat_maps
from fieldguide.model.classifier import Classifier
from fieldguide.model.engine import MapEngine
from fieldguide.model.head import Head
from fieldguide.model.trunk import POOLINGS, Trunk

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SIDE = (80, 112)  # neither side is a multiple of what a place of the last map covers: 3 x 4 places
TAPS = ("block1a_project_bn", "block3b_add", "block6d_add")


def random_head(features: int, classes: int) -> Head:
    rng, units = np.random.default_rng(classes), 1 if classes == 2 else classes
    return Head(rng.normal(0, 0.1, (features, units)).astype(np.float32), rng.normal(0, 1, units).astype(np.float32))


def guide_of(trunk: Trunk, classes: int) -> Classifier:
    head = random_head(trunk.features(SIDE), classes)
    return Classifier(head, [f"class {n}" for n in range(classes)], target_size=SIDE, trunk=trunk)


def wanted(guide: Classifier, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The logit of each picture's class without the bias: float32 (n,)."""
    logits = guide.head.logits(guide.engine.features(pixels)) - guide.head.bias
    if logits.shape[1] == 1:
        return logits[:, 0] * np.where(labels == 1, 1, -1)
    return logits[np.arange(len(labels)), labels]


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_map_sums_to_the_logit(pooling: str, classes: int) -> None:
    guide, pixels = guide_of(Trunk(taps=TAPS, pooling=pooling), classes), noise(4, SIDE)
    labels = np.arange(4) % classes
    found = classifier_heat_maps(guide, pixels, classes=labels)
    assert {(heat.values.shape, heat.layer) for heat in found} == {((3, 4), "top_activation")}
    sums = [heat.values.sum(dtype=np.float64) for heat in found]
    np.testing.assert_allclose(sums, wanted(guide, pixels, labels), atol=1e-3, rtol=1e-5)


@pytest.mark.keras
@pytest.mark.parametrize("pooling", POOLINGS)
def test_keras_gives_the_same_maps(pooling: str) -> None:
    trunk, pixels = Trunk(taps=TAPS[:2], cut="block4a_project_bn", pooling=pooling), noise(3, SIDE)
    guide, labels = guide_of(trunk, 3), np.arange(3)
    lite, by_keras = (MapEngine(None, SIDE, trunk, runtime=runtime) for runtime in ("litert", "keras"))
    assert (lite.runtime, by_keras.runtime) == ("litert", "keras")
    found = [_added_up(engine.maps(pixels), trunk, guide.head, labels, "hirescam") for engine in (lite, by_keras)]
    np.testing.assert_allclose(found[1], found[0], atol=1e-3)
    np.testing.assert_allclose(found[1].sum(axis=(1, 2)), wanted(guide, pixels, labels), atol=1e-3, rtol=1e-5)


def test_without_taps_it_is_the_map_of_the_last_layer_alone() -> None:
    trunk, pixels = Trunk(), noise(3, SIDE)
    guide = guide_of(trunk, 3)
    (maps,) = MapEngine(None, SIDE, trunk).maps(pixels)
    alone = class_map(maps, [(guide.head.kernel, guide.head.bias)], pooling="average", class_index=2)
    found = np.stack([heat.values for heat in classifier_heat_maps(guide, pixels, classes=2)])
    np.testing.assert_array_equal(found, alone)


def test_what_a_tap_adds_lies_where_it_is_in_the_picture() -> None:
    """The head reads an early map only, and the picture has something in one corner only."""
    trunk = Trunk(taps=TAPS[:1])
    head = random_head(trunk.features(SIDE), 2)
    head.kernel[trunk.widths(SIDE)[0] :] = 0
    guide = Classifier(head, ("a", "b"), target_size=SIDE, trunk=trunk)
    plain = np.full((1, *SIDE, 3), 128, np.uint8)
    spotted = plain.copy()
    spotted[:, 60:, 90:] = noise(1, SIDE)[:, 60:, 90:]
    first, second = (classifier_heat_maps(guide, pixels, classes=1)[0].values for pixels in (plain, spotted))
    changed = np.abs(second - first)
    assert np.unravel_index(changed.argmax(), changed.shape) == (2, 3)
    assert changed[:1].max() < changed.max() / 100  # far away nothing has changed


def test_gathering_keeps_the_sum_and_the_place() -> None:
    values = np.zeros((14, 10), np.float32)
    values[0, 0], values[13, 9] = 2, 3
    found = _gathered(values, (4, 3))
    assert found.shape == (4, 3)
    np.testing.assert_allclose([found[0, 0], found[3, 2]], [2, 3], atol=1e-5)
    drawn = np.random.default_rng(0).normal(size=(56, 40)).astype(np.float32)
    assert float(_gathered(drawn, (7, 5)).sum()) == pytest.approx(float(drawn.sum()), abs=1e-3)


@pytest.mark.keras
@pytest.mark.parametrize(("cut", "taps"), [(None, ()), ("block_6_expand_relu", ("block_3_expand_relu",))])
def test_of_another_backbone_too(cut: str | None, taps: tuple[str, ...]) -> None:
    from fieldguide.model.bases import base_model, weights_of

    pixels, labels = noise(3, SIDE), np.arange(3)
    weights = weights_of(base_model("mobilenetv2", SIDE, weights="random", cut=cut, seed=1))
    trunk = Trunk("mobilenetv2", cut=cut, taps=taps)
    count = MapEngine(weights, SIDE, trunk).feature_count
    guide = Classifier(random_head(count, 3), "abc", target_size=SIDE, trunk=trunk, weights=weights)
    found = classifier_heat_maps(guide, pixels, classes=labels)
    assert {heat.layer for heat in found} == {cut or "last map"}
    sums = [heat.values.sum(dtype=np.float64) for heat in found]
    np.testing.assert_allclose(sums, wanted(guide, pixels, labels), atol=1e-3, rtol=1e-4)
    by_gradients = heat_maps(guide.keras_model, pixels, classes=labels)
    assert by_gradients[0].values.shape == found[0].values.shape
    same = np.allclose(by_gradients[0].values, found[0].values, atol=1e-4)
    assert same == (not taps)  # the last map's gradient knows nothing of the taps
