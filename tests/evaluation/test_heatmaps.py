"""Heat maps show what a classifier used: by gradients or by hand, lost with its weights, on the half that counts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from small_nets import SIDE, noise, trained

from fieldguide.data import decode
from fieldguide.errors import InputError
from fieldguide.evaluation import heatmaps as module
from fieldguide.evaluation.class_maps import METHODS, class_map
from fieldguide.evaluation.heatmaps import Heat, classifier_heat_maps, heat_map, heat_maps, heat_maps_of_classes
from fieldguide.job import Outcome
from fieldguide.model.classifier import Classifier
from fieldguide.model.head import Head
from fieldguide.model.lite0 import read_weights
from fieldguide.model.nets import Net

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SIZE = (224, 224)


def values(heats: tuple[Heat, ...]) -> np.ndarray:
    """float32 (n, h, w)"""
    return np.stack([heat.values for heat in heats])


def backbone_guide(classes: int, weights: Mapping[str, np.ndarray] | None = None) -> Classifier:
    """A classifier of small pictures with the bundled backbone and a random head."""
    rng, units = np.random.default_rng(classes), 1 if classes == 2 else classes
    head = Head(rng.normal(0, 0.3, (1280, units)).astype(np.float32), rng.normal(0, 1, units).astype(np.float32))
    return Classifier(head, [f"class {n}" for n in range(classes)], target_size=SIDE, weights=weights)


# The same by hand and by the backend's gradients


@pytest.mark.keras
def test_of_the_bundled_backbone_the_closed_form_is_what_gradients_give() -> None:
    guide, pixels = backbone_guide(2), noise(4)
    labels = np.arange(4) % 2
    closed = classifier_heat_maps(guide, pixels, classes=labels)
    by_gradients = heat_maps(guide.keras_model, pixels, classes=labels)
    np.testing.assert_allclose(values(closed), values(by_gradients), atol=1e-4, rtol=1e-4)
    assert {(heat.layer, heat.method) for heat in (*closed, *by_gradients)} == {("top_activation", "hirescam")}
    assert [heat.class_index for heat in closed] == labels.tolist()
    logits = guide.head.logits(guide.engine.features(pixels)) - guide.head.bias
    wanted = logits[:, 0] * np.where(labels == 1, 1, -1)
    np.testing.assert_allclose(values(closed).sum(axis=(1, 2)), wanted, atol=1e-3)


@pytest.mark.keras
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", ["classic", "plain"])
def test_of_a_network_with_hidden_layers_too(family: str, method: str) -> None:
    """Flattened maps and a hidden layer with ReLU, or an average: head and all by hand."""
    import keras

    net = Net(family, "tiny", target_size=SIDE)
    weights, head = trained(net, classes=3)
    guide = Classifier(head, ("a", "b", "c"), net=net, weights=weights)
    pixels = noise(5)
    found = classifier_heat_maps(guide, pixels, classes=2, method=method)

    model = guide.keras_model
    maps = keras.Model(model.input, model.get_layer(found[0].layer).output).predict(pixels, verbose=0)
    layers = [(head.kernel, head.bias)]
    if family == "classic":
        layers = [(weights["dense/kernel"], weights["dense/bias"]), *layers]
    pooling = "flatten" if family == "classic" else "average"
    expected = class_map(maps, layers, pooling=pooling, class_index=2, method=method)
    np.testing.assert_allclose(values(found), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.keras
def test_of_the_largest_value_of_each_channel_too() -> None:
    import keras
    from keras import layers

    pixels = keras.Input((*SIDE, 3))
    maps = layers.ReLU(6.0, name="maps")(layers.Conv2D(7, 5, strides=4, name="conv")(pixels * 0.2))
    hidden = layers.Dense(9, activation="relu", name="hidden")(layers.GlobalMaxPooling2D()(maps))
    model = keras.Model(pixels, layers.Dense(1, activation="sigmoid", name="last")(hidden))
    given = noise(3)
    activations = keras.Model(pixels, maps).predict(given, verbose=0)
    assert ((activations == 6).sum(axis=(1, 2)) > 1).any()  # places that are equally the largest
    dense = [tuple(model.get_layer(name).get_weights()) for name in ("hidden", "last")]
    for method in METHODS:
        expected = class_map(activations, dense, pooling="max", class_index=0, method=method)
        found = heat_maps(model, given, classes=0, method=method)
        np.testing.assert_allclose(values(found), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.keras
def test_one_picture_is_one_of_many_and_an_earlier_layer_is_finer() -> None:
    net = Net("plain", "tiny", target_size=SIDE)
    weights, head = trained(net)
    model = Classifier(head, ("a", "b"), net=net, weights=weights).keras_model
    pixels = noise(3)
    alone = heat_map(model, pixels[1], class_index=0)
    np.testing.assert_allclose(alone.values, heat_maps(model, pixels, classes=0)[1].values, atol=1e-5)
    finer = heat_map(model, pixels[1], class_index=0, layer="relu2")
    assert (alone.layer, alone.values.shape) == ("pool5", (2, 2))
    assert (finer.layer, finer.values.shape) == ("relu2", (24, 32))
    with pytest.raises(InputError, match="has no layer 'dense_relu'"):
        heat_map(model, pixels[1], class_index=0, layer="dense_relu")
    with pytest.raises(InputError, match=r"'global_average' gives \(None, 128\); expected feature maps"):
        heat_map(model, pixels[1], class_index=0, layer="global_average")


def test_more_pictures_than_a_batch_holds_and_none_at_all() -> None:
    guide, pixels = backbone_guide(3), noise(3)
    many = np.tile(pixels, (23, 1, 1, 1))
    assert len(many) > module.BATCH
    found = classifier_heat_maps(guide, many, classes=np.arange(len(many)) % 3)
    few = classifier_heat_maps(guide, pixels, classes=np.arange(3))
    np.testing.assert_allclose(values(found), np.tile(values(few), (23, 1, 1)), atol=1e-5)
    assert classifier_heat_maps(guide, pixels[:0], classes=0) == ()
    with pytest.raises(InputError, match="the class is 3; there are 3, counted from 0"):
        classifier_heat_maps(guide, pixels, classes=3)


def test_several_classes_of_a_picture_are_as_each_alone_and_progress_is_told() -> None:
    guide, pixels = backbone_guide(3), noise(5)
    classes = np.stack([np.arange(5) % 3, (np.arange(5) + 1) % 3], axis=1)
    told: list[int] = []
    found = heat_maps_of_classes(guide, pixels, classes=classes, watch=told.append)
    assert [len(each) for each in found] == [2] * 5
    assert (told[0], sum(told)) == (0, 5)
    for place in range(2):
        alone = classifier_heat_maps(guide, pixels, classes=classes[:, place])
        np.testing.assert_array_equal(values(tuple(each[place] for each in found)), values(alone))
        assert [each[place].class_index for each in found] == classes[:, place].tolist()


@pytest.mark.keras
def test_of_a_network_from_scratch_several_classes_are_as_each_alone_too() -> None:
    """More maps than gradients are taken of at once: the last batch is filled up, and nothing of that comes back."""
    net = Net("classic", "tiny", target_size=SIDE)
    weights, head = trained(net)
    guide, pixels = Classifier(head, ("a", "b"), net=net, weights=weights), noise(9)
    told: list[int] = []
    found = heat_maps_of_classes(guide, pixels, classes=np.tile([1, 0], (9, 1)), watch=told.append)
    assert sum(told) == 9
    alone = classifier_heat_maps(guide, pixels, classes=1)
    np.testing.assert_allclose(values(tuple(one for one, _ in found)), values(alone), atol=1e-5)
    np.testing.assert_allclose(values(tuple(other for _, other in found)), -values(alone), atol=1e-5)


@pytest.mark.keras
@pytest.mark.parametrize("method", METHODS)
def test_of_a_mirrored_network_the_map_is_of_both_passes(method: str) -> None:
    net = Net("plain", "tiny", target_size=SIDE)
    weights, head = trained(net, classes=3)
    once = Classifier(head, ("a", "b", "c"), net=net, weights=weights)
    both = Classifier(head, ("a", "b", "c"), net=replace(net, mirrored=True), weights=weights)
    pixels, classes = noise(5), np.tile([2, 0], (5, 1))
    told: list[int] = []
    found = heat_maps_of_classes(both, pixels, classes=classes, method=method, watch=told.append)
    assert sum(told) == 5
    with pytest.raises(InputError, match=r"mirror image is looked at too: explain fieldguide's own classifier"):
        heat_maps(both.keras_model, pixels, classes=2, method=method)
    heats = values(tuple(one for one, _ in found))
    one, other = (
        values(classifier_heat_maps(once, np.ascontiguousarray(seen), classes=2, method=method))
        for seen in (pixels, pixels[:, :, ::-1])
    )
    np.testing.assert_allclose(heats, (one + other[:, :, ::-1]) / 2, atol=1e-5)
    logits = both.engine.features(pixels) @ head.kernel[:, 2]
    np.testing.assert_allclose(heats.sum(axis=(1, 2)), logits, rtol=1e-3, atol=1e-3)  # nothing left out or made up


def test_the_bundled_backbone_needs_neither_keras_nor_tensorflow() -> None:
    code = (
        "import sys, numpy as np\n"
        "from fieldguide.evaluation.heatmaps import classifier_heat_maps\n"
        "from fieldguide.model.classifier import Classifier\n"
        "from fieldguide.model.head import Head\n"
        "guide = Classifier(Head(np.ones((1280, 1), 'f'), np.zeros(1, 'f')), 'ab', target_size=(32, 32))\n"
        "print(len(classifier_heat_maps(guide, np.zeros((2, 32, 32, 3), np.uint8), classes=1)))\n"
        "print({'keras', 'tensorflow', 'jax'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n")[:2] == ["2", "set()"]


# Weights and sizes


def test_weights_are_what_speaks_for_the_class() -> None:
    heat = Heat(np.array([[2, -5], [0, 6]], np.float32), 0, "maps", "hirescam")
    np.testing.assert_array_equal(heat.weights, [[0.25, 0], [0, 0.75]])
    against = Heat(-np.ones((2, 3), np.float32), 0, "maps", "hirescam")
    np.testing.assert_array_equal(against.weights, np.zeros((2, 3)))


def test_a_map_is_enlarged_about_the_centres_of_its_places() -> None:
    heat = Heat(np.array([[0, 1], [2, 3]], np.float32), 0, "maps", "hirescam")
    large = heat.enlarged((4, 8))
    assert large.shape == (4, 8)
    np.testing.assert_allclose(large, large[::-1, ::-1] * -1 + 3, atol=1e-6)
    np.testing.assert_allclose(large[0], [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1], atol=1e-6)
    np.testing.assert_allclose(large[:, 0], [0, 0.5, 1.5, 2], atol=1e-6)


# Sanity, after Adebayo et al. (2018), "Sanity checks for saliency maps", NeurIPS, arXiv 1810.03292


def rank_correlation(one: tuple[Heat, ...], other: tuple[Heat, ...]) -> float:
    """The mean over pictures of Spearman's correlation between the maps' places."""
    return float(
        np.mean([spearmanr(a.values.ravel(), b.values.ravel()).statistic for a, b in zip(one, other, strict=True)])
    )


def redrawn(value: np.ndarray, seed: int) -> np.ndarray:
    """Weights as spread as these, about 0, as they are before any training."""
    return np.random.default_rng(seed).normal(0, value.std(), value.shape).astype(np.float32)


def test_a_map_is_lost_with_the_weights_of_the_network(small_job: Outcome, small_photos: Path) -> None:
    """Of the head, and of the last blocks: what is left of the map is no more than chance."""
    guide = small_job.run.classifier
    paths = sorted((small_photos / "humans").glob("*.jpg"))[:10]
    pixels = np.stack([decode.read(path, SIZE).pixels for path in paths])
    true = classifier_heat_maps(guide, pixels, classes=1)
    assert rank_correlation(true, classifier_heat_maps(guide, pixels, classes=1)) > 0.999

    # Any one random head may happen to like or to dislike what is in the picture: ten of them at once.
    kernel = np.stack([redrawn(guide.head.kernel[:, 0], seed) for seed in range(10)], axis=1)
    others = Classifier(Head(kernel, np.zeros(10, np.float32)), [str(seed) for seed in range(10)], target_size=SIZE)
    ten = classifier_heat_maps(others, pixels, classes=np.arange(10))
    assert abs(rank_correlation(true, ten)) < 0.25

    weights = dict(read_weights())
    for seed, name in enumerate(sorted(weights)):
        if name.startswith(("top", "block7", "block6")) and name.endswith("kernel"):
            weights[name] = redrawn(weights[name], seed)
    without_blocks = Classifier(guide.head, guide.class_names, target_size=SIZE, weights=weights)
    assert abs(rank_correlation(true, classifier_heat_maps(without_blocks, pixels, classes=1))) < 0.35


# On the right half


def composites(photos: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures half horse and half human, uint8 (n, 224, 224, 3), and whether the horse is on the left, bool (n,).

    Each half is the middle of its picture, where the animal or the person stands.
    """
    names = {name: sorted((photos / name).glob("*.jpg"))[::5][:count] for name in ("horses", "humans")}
    middles = {name: [decode.read(path, SIZE).pixels[:, 56:168] for path in paths] for name, paths in names.items()}
    left = np.arange(count) % 2 == 0
    pictures = [
        np.concatenate([horse, human] if first else [human, horse], axis=1)
        for horse, human, first in zip(middles["horses"], middles["humans"], left, strict=True)
    ]
    return np.stack(pictures), left


def shares(guide: Any, pixels: np.ndarray, left: np.ndarray, label: int) -> np.ndarray:
    """The share of each map's weight that lies in the left half, or in the right one where `left` is false."""
    found = []
    for heat, first in zip(classifier_heat_maps(guide, pixels, classes=label), left, strict=True):
        weight = np.maximum(heat.enlarged(SIZE), 0)
        found.append((weight[:, :112] if first else weight[:, 112:]).sum() / weight.sum())
    return np.array(found)


def test_the_weight_of_a_class_lies_on_its_half(small_job: Outcome, sample_photos: Path) -> None:
    pixels, left = composites(sample_photos / "validation", 20)
    assert len(pixels) == 20
    guide = small_job.run.classifier
    horses, humans = shares(guide, pixels, left, 0), shares(guide, pixels, ~left, 1)
    # Measured: 0.96 for both, and no picture below 0.75.
    for found in (horses, humans):
        assert found.mean() > 0.9
        assert found.min() > 0.6
