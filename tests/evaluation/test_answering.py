from __future__ import annotations

import math

import numpy as np
import pytest
from simulated_cases import answered

from fieldguide.evaluation.answering import ranking, skill
from fieldguide.evaluation.case import Answers


def test_confidence_that_tells_right_from_wrong_ranks_them() -> None:
    some = ((60, 40), (0, 0))
    perfect = Answers(some, (0, 0, 60), (40, 0, 0))
    assert ranking(perfect).value == 1.0
    none = Answers(some, (30, 0, 30), (20, 0, 20))
    assert ranking(none).value == pytest.approx(0.5)
    assert ranking(none).low < 0.5 < ranking(none).high
    assert math.isnan(ranking(Answers(((60, 0), (0, 0)), (0, 0, 60), (0, 0, 0))).value)


def test_ranking_is_what_the_simulator_says_it_is() -> None:
    answers = answered(0.75, 20_000, 2, np.random.default_rng(1), telling=0.4)
    assert skill(answers) == pytest.approx(0.5, abs=0.01)
    assert ranking(answers).value == pytest.approx(0.7, abs=0.02)  # the bins cost a little


def test_skill_is_none_where_one_class_is_always_named() -> None:
    assert skill(Answers(((80, 0), (20, 0)), (80,), (20,))) == pytest.approx(0.0)
    assert skill(Answers(((80, 0), (0, 20)), (100,), (0,))) == pytest.approx(1.0)
