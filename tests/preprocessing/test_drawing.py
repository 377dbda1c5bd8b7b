"""Many pictures drawn at once are those drawn one by one."""

# ruff: noqa: NPY002 - the old global generator is what this is about

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import as_keras_does, variations

import fieldguide as fg
from fieldguide.preprocessing.drawing import draw, draw_many, drawing_from, seeded


def ranges_of(**options: Any) -> Any:
    with as_keras_does():  # some of the settings do next to nothing
        return fg.ImageDataGenerator(**options).drawing_ranges


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    options=st.fixed_dictionaries(variations()),
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    count=st.integers(0, 9),
)
def test_drawn_at_once_as_drawn_one_by_one(options: Any, seed: int, size: Any, count: int) -> None:
    ranges = ranges_of(**options)
    one, many = np.random.RandomState(seed), np.random.RandomState(seed)
    singly = [draw(ranges, size, one) for _ in range(count)]
    at_once = draw_many(ranges, size, many, count)
    for place, expected in enumerate(singly):
        found = {name: column if column is None else column[place].item() for name, column in vars(at_once).items()}
        assert list(found) == list(expected)
        for name, value in expected.items():
            assert (found[name] is None) == (value is None)
            if value is not None:
                assert found[name] == pytest.approx(float(value), rel=1e-12, abs=1e-12)
    assert one.random_sample() == many.random_sample()  # both are left at the same place


def test_without_variation_nothing_moves() -> None:
    drawn = draw_many(ranges_of(), (20, 30), np.random.RandomState(1), 3)
    np.testing.assert_array_equal(drawn.matrices((20, 30)), [[[1, 0, 0], [0, 1, 0]]] * 3)


def test_rates_and_ranges_are_as_asked() -> None:
    options = {"rotation_range": 30, "width_shift_range": 0.1, "zoom_range": (0.8, 1.1), "horizontal_flip": True}
    drawn = draw_many(ranges_of(**options), (100, 200), np.random.RandomState(1), 4000)
    assert 29 < drawn.theta.max() <= 30
    assert -30 <= drawn.theta.min() < -29
    assert 19 < np.abs(drawn.ty).max() <= 20
    assert not drawn.tx.any()
    assert 0.8 <= drawn.zx.min() < 0.81
    assert abs(drawn.flip_horizontal.mean() - 0.5) < 0.03
    assert not drawn.flip_vertical.any()


def test_functions_of_others_draw_from_a_source_and_leave_the_global_generator_as_it_was() -> None:
    source, same = np.random.RandomState(3), np.random.RandomState(3)
    np.random.seed(5)
    with pytest.raises(ValueError, match="theirs"), drawing_from(source):
        assert np.random.random() == same.random_sample()
        raise ValueError("theirs")
    assert source.random_sample() == same.random_sample()
    assert np.random.random() == np.random.RandomState(5).random_sample()


def test_the_global_generator_is_itself() -> None:
    assert seeded(None) is np.random
    np.random.seed(5)
    with drawing_from(np.random):
        np.random.random()
    expected = np.random.RandomState(5)
    expected.random_sample()
    assert np.random.random() == expected.random_sample()


FORKED = """
import os, threading, time
import numpy as np
from fieldguide.preprocessing.drawing import drawing_from

def draw_slowly():
    with drawing_from(np.random.RandomState(3)):
        inside.set()
        time.sleep(0.3)

inside = threading.Event()
np.random.seed(5)
thread = threading.Thread(target=draw_slowly)
thread.start()
inside.wait()
child = os.fork()
with drawing_from(np.random.RandomState(4)):  # would wait for a thread that the child does not have
    pass
assert np.random.random() == np.random.RandomState(5).random_sample()
if child:
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not copied there")
def test_a_process_that_is_copied_meanwhile_can_draw() -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
