"""Networks trained from scratch as settings: what they are made of, counted by hand, and what is refused."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldguide.errors import InputError
from fieldguide.model.layers import KERAS_CLASSES, output_shapes, without_dropout
from fieldguide.model.nets import FAMILIES, SIZES, Net, sizes
from fieldguide.model.parameters import initial_weights, require_weights

COURSE = Net("classic", "small", target_size=(150, 150))


# What they are made of


def test_the_classic_network_is_the_courses() -> None:
    kinds = [layer.kind for layer in COURSE.layers]
    assert kinds == ["pixels", "rescale", *["conv", "relu", "max_pool"] * 3, "flatten", "dense", "relu"]
    assert COURSE.output_shapes["pool3"] == (17, 17, 64)
    assert COURSE.output_shapes["flatten"] == (18496,)
    assert COURSE.features == 512
    assert COURSE.parameters(units=1) == 9_494_561  # as Keras's summary of it says in the course
    assert COURSE.weight_shapes(1)["conv2/kernel"] == (3, 3, 16, 32)
    # 148 x 148 places of 27 x 16, 72 x 72 of 144 x 32, 34 x 34 of 288 x 64, and the two dense layers
    convolutions = 148**2 * 27 * 16 + 72**2 * 144 * 32 + 34**2 * 288 * 64
    assert COURSE.multiply_adds(units=1) == convolutions + 18496 * 512 + 512


def test_the_deeper_one_of_the_course_has_fewer_parameters_and_more_to_do() -> None:
    deep = Net("classic", "deep", target_size=(150, 150))
    assert deep.output_shapes["pool4"] == (7, 7, 128)
    assert deep.parameters(1) == 448 + 4640 + 18496 + 73856 + (6272 + 1) * 512 + 513 < COURSE.parameters(1)
    assert deep.multiply_adds(1) > COURSE.multiply_adds(1)
    with pytest.raises(InputError, match="the classic network, deep takes pictures of 46 pixels or more"):
        Net("classic", "deep", target_size=(45, 64))


def test_the_plain_network_halves_large_pictures_at_once_and_then_with_each_block() -> None:
    net = Net("plain", "small", target_size=(128, 97))
    sides = [net.output_shapes[f"pool{block}"] for block in (1, 2, 3, 4, 5)]
    assert sides == [(32, 25, 32), (16, 13, 64), (8, 7, 128), (4, 4, 256), (2, 2, 256)]
    assert net.features == 256
    small = Net("plain", "small", target_size=(28, 28))
    assert small.output_shapes["pool5"] == (1, 1, 256)
    assert net.parameters(1) == small.parameters(1) == 990_305


def test_the_residual_network_halves_large_pictures_at_once_and_then_with_each_stage() -> None:
    net = Net("residual", "small", target_size=(128, 97))
    sides = [net.output_shapes[f"stage{stage}_block1_relu2"] for stage in (1, 2, 3, 4)]
    assert sides == [(64, 49, 32), (32, 25, 64), (16, 13, 128), (8, 7, 256)]
    assert net.features == 256
    small = Net("residual", "small", target_size=(72, 72))
    assert small.output_shapes["stage4_block1_relu2"] == (9, 9, 256)
    assert net.parameters(1) == small.parameters(1)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_size_costs_more_than_the_one_before(family: str) -> None:
    nets = [Net(family, size, target_size=(96, 96)) for size in SIZES]
    for smaller, larger in itertools.pairwise(nets):
        assert 1.5 * smaller.parameters(1) < larger.parameters(1)
        assert 1.5 * smaller.multiply_adds(1) < larger.multiply_adds(1)


@pytest.mark.parametrize("family", FAMILIES)
def test_options_change_what_they_say_and_nothing_else(family: str) -> None:
    plain = Net(family, "tiny", target_size=(64, 64))
    first = "conv1" if family == "classic" else "stem"
    assert Net(family, "tiny", target_size=(64, 64), grayscale=True).weight_shapes(1) == {
        **plain.weight_shapes(1),
        "grey/kernel": (1, 1, 3, 1),
        f"{first}/kernel": (3, 3, 1, plain.output_shapes[first][-1]),
    }
    dropped = Net(family, "tiny", target_size=(64, 64), dropout=0.5, block_dropout=0.1)
    assert dropped.weight_shapes(3) == plain.weight_shapes(3)
    assert without_dropout(dropped.layers) == plain.layers
    blocks = {"classic": 3, "plain": 5, "residual": 4}[family]
    rates = {"dropout": 0.5, "spatial_dropout": 0.1}
    found = [layer for layer in dropped.layers if layer.kind in rates]
    assert [layer.rate for layer in found] == [rates[layer.kind] for layer in found]
    assert [layer.kind for layer in found] == ["spatial_dropout"] * (blocks - 1) + ["dropout"]
    for normed in (True, False):
        names = Net(family, "tiny", target_size=(64, 64), batch_norm=normed).body_shapes
        assert any(name.endswith("/gamma") for name in names) == normed
        # A bias before a batch norm would do nothing.
        assert {name for name in names if name.endswith("/bias")} - {"dense/bias"} == (
            set() if normed else {name.replace("kernel", "bias") for name in names if "dense" not in name} & {*names}
        )
    flat, average = (Net(family, "tiny", target_size=(64, 64), pooling=pooling) for pooling in ("flatten", "average"))
    assert [layer.kind for layer in flat.layers if layer.kind in ("flatten", "global_average")] == ["flatten"]
    assert [layer.kind for layer in average.layers if layer.kind in ("flatten", "global_average")] == ["global_average"]
    assert average.parameters(1) < flat.parameters(1)


@pytest.mark.parametrize(("family", "size"), [(family, size) for family in FAMILIES for size in sizes(family)])
def test_every_layer_is_of_a_known_kind_and_takes_what_comes_before_it(family: str, size: str) -> None:
    net = Net(family, size, target_size=(64, 96), grayscale=True, dropout=0.2, block_dropout=0.2)
    seen: set[str] = set()
    for layer in net.layers:
        assert layer.kind in KERAS_CLASSES
        assert set(layer.inputs) <= seen
        assert layer.name not in seen
        seen.add(layer.name)
    assert output_shapes(net.layers, net.target_size) == net.output_shapes


# What they start with


def test_the_weights_at_the_start_depend_on_the_seed_alone() -> None:
    first, again, other = (initial_weights(COURSE, 1, seed) for seed in (3, 3, 4))
    assert {name: value.shape for name, value in first.items()} == COURSE.weight_shapes(1)
    assert all(value.dtype == np.float32 for value in first.values())
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
        assert name.endswith("/bias") or not np.array_equal(value, other[name])


def test_kernels_start_as_he_and_glorot_say() -> None:
    weights = initial_weights(COURSE, 3, seed=0)
    for name, arriving in (("conv2/kernel", 144), ("conv3/kernel", 288), ("dense/kernel", 18496)):
        kernel = weights[name]
        assert kernel.std() == pytest.approx(math.sqrt(2 / arriving), rel=0.03)
        assert np.abs(kernel).max() <= 2 * math.sqrt(2 / arriving) / 0.8796
        assert abs(kernel.mean()) < 0.05 * kernel.std()
    assert np.abs(weights["probabilities/kernel"]).max() <= math.sqrt(6 / (512 + 3))
    assert not weights["dense/bias"].any()
    normed = initial_weights(Net(), 1, seed=0)
    parts = ("gamma", "beta", "mean", "variance")
    assert [float(normed[f"stem_norm/{part}"].mean()) for part in parts] == [1, 0, 0, 1]


def test_weights_of_another_network_are_refused_by_name() -> None:
    net = Net("classic", "tiny", target_size=(32, 32))
    shapes, weights = net.weight_shapes(1), initial_weights(net, 1, 0)
    require_weights(weights, shapes)
    with pytest.raises(InputError, match="conv9/kernel is no weight of the network: give the weights"):
        require_weights({**weights, "conv9/kernel": np.zeros(1)}, shapes)
    with pytest.raises(InputError, match=r"conv1/kernel has the shape \(3,\), and \(3, 3, 3, 8\) was expected"):
        require_weights({**weights, "conv1/kernel": np.zeros(3)}, shapes)
    del weights["dense/bias"]
    with pytest.raises(InputError, match="dense/bias is missing from the weights"):
        require_weights(weights, shapes)


# Words and settings


def test_a_network_says_what_it_is() -> None:
    assert str(COURSE) == (
        "the classic network, small: 9.5 million parameters, 64 million multiply-adds at 150 x 150, 512 features"
    )
    net = Net("classic", grayscale=True, batch_norm=True, pooling="average", dropout=0.5, block_dropout=0.1, l2=1e-4)
    assert str(net).endswith(
        "; grey pictures; batch norm; pooling: average; dropout 0.5; block dropout 0.1; L2 penalty 0.0001"
    )
    assert "no batch norm" in str(Net(batch_norm=False))
    assert str(Net(mirrored=True)).endswith("; two such passes for each picture, as it is and mirrored")


@pytest.mark.parametrize("family", FAMILIES)
def test_settings_survive_being_written_down(family: str) -> None:
    net = Net(family, "tiny", target_size=(48, 64), grayscale=True, dropout=0.25, l2=1e-4)
    assert Net.from_dict(json.loads(json.dumps(net.to_dict()))) == net
    before = {name: value for name, value in net.to_dict().items() if name != "mirrored"}
    assert Net.from_dict(before) == net  # of a file that was written before there was such a setting
    assert Net.from_dict({**before, "mirrored": True}) == replace(net, mirrored=True)


def test_numbers_of_other_kinds_become_plain_ones() -> None:
    given: Any = [np.int64(48), np.int32(64)]
    net = Net(target_size=given, dropout=0, l2=np.float32(0.5))  # type: ignore[arg-type]
    assert net == Net(target_size=(48, 64), l2=0.5)
    assert json.loads(json.dumps(net.to_dict()))["dropout"] == 0.0


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("family", "vgg", "family is 'vgg'; expected one of plain, classic, residual"),
        ("family", ["classic"], "family is .*; expected one of plain, classic, residual"),
        (
            "size",
            "deep",
            r"size is 'deep', .* a size of the classic network only.*--net classic.* tiny, small, medium, large\.",
        ),
        ("size", "huge", "size is 'huge'; expected one of tiny, small, medium, large."),
        ("size", None, "size is None"),
        (
            "target_size",
            (15, 64),
            r"target_size is \(15, 64\); expected \(height, width\), each from 16 to 1024 pixels",
        ),
        ("target_size", (64, 1025), "target_size is"),
        ("target_size", 64, "target_size is 64"),
        ("target_size", (64,), "target_size is"),
        ("target_size", (64, 64, 3), "target_size is"),
        ("target_size", (64.0, 64), "target_size is"),
        ("target_size", (True, 64), "target_size is"),
        ("target_size", "ab", "target_size is"),
        ("grayscale", 1, "grayscale is 1; expected True or False"),
        ("batch_norm", "no", "batch_norm is 'no'; expected True or False"),
        ("mirrored", 1, "mirrored is 1; expected True or False"),
        ("pooling", "max", "pooling is 'max'; expected one of flatten, average"),
        ("dropout", 1.0, "dropout is 1.0; expected a number, 0 or larger and below 1"),
        ("dropout", -0.1, "dropout is -0.1"),
        ("dropout", float("nan"), "dropout is nan"),
        ("dropout", "0.5", "dropout is '0.5'"),
        ("dropout", True, "dropout is True"),
        ("dropout", 10**400, "dropout is 1000"),
        ("block_dropout", 2, "block_dropout is 2"),
        ("l2", -1e-4, "l2 is -0.0001"),
        ("l2", None, "l2 is None"),
    ],
)
def test_a_setting_out_of_range_is_refused(field: str, value: Any, expected: str) -> None:
    with pytest.raises(InputError, match=f"^{expected}"):
        Net(**{field: value})
    settings = {**Net().to_dict(), field: value}
    with pytest.raises(InputError):
        Net.from_dict(settings)


def test_settings_that_are_not_complete_are_refused() -> None:
    with pytest.raises(InputError, match=r"a network's settings are .*; expected batch_norm, block_dropout, dropout"):
        Net.from_dict({"family": "classic"})
    with pytest.raises(InputError, match="a network's settings are"):
        Net.from_dict({**Net().to_dict(), "depth": 3})
    with pytest.raises(InputError, match="a network's settings are 3"):
        Net.from_dict(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a network's settings hold a null"):
        Net.from_dict({**Net().to_dict(), "pooling": None})


def test_pictures_too_small_for_the_poolings_are_refused() -> None:
    for size in SIZES:
        assert min(Net("classic", size, target_size=(22, 22)).output_shapes["pool3"][:2]) == 1
        with pytest.raises(InputError, match=rf"the classic network, {size} takes pictures of 22 pixels or more"):
            Net("classic", size, target_size=(64, 21))
        Net("residual", size, target_size=(16, 16))


def test_a_network_too_large_to_be_kept_is_refused() -> None:
    with pytest.raises(InputError, match=r"the classic network, large would have .* parameters at 512 x 512 pixels"):
        Net("classic", "large", target_size=(512, 512))
    assert Net("classic", "large", target_size=(512, 512), pooling="average").features == 512


def test_the_page_says_what_every_size_costs() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "from-scratch.md").read_text(encoding="utf-8")
    for family in FAMILIES:
        nets = {size: Net(family, size) for size in sizes(family)}
        costs = {size: (net.parameters(1), round(2 * net.multiply_adds(1) / 1e6)) for size, net in nets.items()}
        cells = " | ".join(f"{costs[size][0]:,}; {costs[size][1]:,}" for size in SIZES)
        assert f"| {family} | {cells} |" in page
        if "deep" in costs:
            assert f"{costs['deep'][0]:,}\nparameters and {costs['deep'][1]} million operations" in page
