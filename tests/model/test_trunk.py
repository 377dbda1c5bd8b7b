"""What a trunk is: how many features it gives, what it refuses, and that LiteRT and Keras read it alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fieldguide.errors import InputError
from fieldguide.model.engine import BaseEngine, LiteEngine, trunk_engine
from fieldguide.model.lite0 import CUTS
from fieldguide.model.runners import litert_available
from fieldguide.model.trunk import ALL_BLOCKS, BUNDLED, Trunk

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SIZE = (64, 96)
TRUNKS = [
    BUNDLED,
    ALL_BLOCKS,
    Trunk(taps=("block3b_add", "block5c_add"), pooling="max"),
    Trunk(cut="block5a_project_bn", pooling="flatten"),
    Trunk(cut="block4c_add", taps=("block2b_add",)),
]


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *SIZE, 3), dtype=np.uint8)


def test_the_features_are_counted_without_building_anything() -> None:
    assert BUNDLED.features(SIZE) == 1280
    assert ALL_BLOCKS.widths(SIZE) == (16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192, 320, 1280)
    assert TRUNKS[3].features((50, 70)) == 4 * 5 * 112  # an odd row over makes a place of its own
    assert BUNDLED.with_all_taps() == ALL_BLOCKS
    assert Trunk(cut="block3a_project_bn").with_all_taps().taps == CUTS[:3]
    assert Trunk("InceptionV3", "mixed7").with_all_taps().taps == Trunk("inception_v3").spec.cuts[:-1]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"backbone": "resnet9"}, "no backbone named 'resnet9'"),
        ({"pooling": "sum"}, "pooling is 'sum'; expected one of average, max, flatten"),
        ({"cut": "block9"}, "cut is 'block9', which does not end a block .* choose one of block1a_project_bn"),
        ({"taps": ("block5c_add", "block3b_add")}, "in their order, each once"),
        ({"taps": ("top_activation",)}, "layers that end a block before top_activation"),
        ({"cut": "block3b_add", "taps": ("block4c_add",)}, "layers that end a block before block3b_add"),
    ],
)
def test_what_does_not_go_together_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Trunk(**fields)


def test_it_comes_back_from_its_description() -> None:
    for trunk in TRUNKS:
        assert Trunk.from_dict(trunk.to_dict()) == trunk
    with pytest.raises(InputError):
        Trunk.from_dict({**BUNDLED.to_dict(), "taps": "block3b_add"})


@pytest.mark.keras
@pytest.mark.skipif(not litert_available(), reason="ai-edge-litert cannot be imported on this machine")
@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_litert_reads_what_keras_reads(trunk: Trunk) -> None:
    pixels = noise(2)
    fast = LiteEngine(target_size=SIZE, trunk=trunk, cut=None).features(pixels)
    assert fast.shape == (2, trunk.features(SIZE))
    slow = LiteEngine(target_size=SIZE, trunk=trunk, cut=None, runtime="keras").features(pixels)
    np.testing.assert_allclose(fast, slow, atol=2e-3)
    if trunk.pooling == "average" and trunk.cut is None:  # the last map is read as ever, in the last columns
        np.testing.assert_array_equal(fast[:, -1280:], LiteEngine(target_size=SIZE).features(pixels))


def test_a_cut_behind_the_end_is_refused() -> None:
    with pytest.raises(InputError, match="lies behind 'block3b_add', where the trunk ends"):
        LiteEngine(target_size=SIZE, trunk=Trunk(cut="block3b_add"), cut="block6a_project_bn")
    with pytest.raises(InputError, match="made without a cut"):
        LiteEngine(target_size=SIZE, cut=None).features_and_cut(noise(1))


@pytest.mark.keras
def test_any_other_backbone_has_an_engine_too() -> None:
    engine = trunk_engine(Trunk("mobilenet_v2", "block_2_add"), None, SIZE, cut="block_1_project_BN")
    assert isinstance(engine, BaseEngine)
    features, activation = engine.features_and_cut(noise(3))
    assert (features.shape, activation.shape) == ((3, 24), (3, *(engine.cut_shape or ())))
    assert engine.cut_shape == (16, 24, 24)
    np.testing.assert_allclose(engine.features(noise(3)), features, atol=1e-5)
    with pytest.raises(InputError, match="has no layer 'block_99'"):
        trunk_engine(Trunk("mobilenet_v2"), None, SIZE, cut="block_99")
