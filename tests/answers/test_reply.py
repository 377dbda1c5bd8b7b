from __future__ import annotations

import numpy as np
import pytest

from fieldguide.answers.naming import Naming
from fieldguide.answers.reply import ONE, SEVERAL, UNLIKE, UNSURE, replies
from fieldguide.errors import InputError

NAMES = ["ash", "elm", "fir", "oak", "yew"]


def said(stated: list[float], named: list[int], names: list[str] = NAMES, unlike: bool = False) -> tuple[str, str]:
    """Kind and text of the answer for one picture."""
    chosen = np.isin(np.arange(len(names)), named)[None]
    (reply,) = replies(np.array([stated]), chosen, names, unlike=np.array([unlike]))
    return reply.kind, reply.text


def test_one_class_comes_with_its_probability() -> None:
    assert said([0.03, 0.9, 0.05, 0.01, 0.01], [1]) == (ONE, "elm 90%")
    assert said([0.0, 0.999, 0.001, 0.0, 0.0], [1]) == (ONE, "elm over 99%")


def test_several_classes_come_with_the_likeliest_first() -> None:
    assert said([0.3, 0.5, 0.2, 0.0, 0.0], [0, 1]) == (SEVERAL, "not sure: elm or ash")
    assert said([0.3, 0.4, 0.3, 0.0, 0.0], [0, 1, 2]) == (SEVERAL, "not sure: elm, ash or fir")


def test_more_than_three_or_all_classes_say_nothing() -> None:
    assert said([0.3, 0.3, 0.2, 0.2, 0.0], [0, 1, 2, 3]) == (UNSURE, "not sure")
    assert said([0.4, 0.3, 0.3], [0, 1, 2], ["ash", "elm", "fir"]) == (UNSURE, "not sure")
    assert said([0.6, 0.4], [0, 1], ["cats", "dogs"]) == (SEVERAL, "not sure: cats or dogs")


def test_what_is_unlike_all_is_said_first() -> None:
    assert said([0.0, 1.0, 0.0, 0.0, 0.0], [1], unlike=True) == (UNLIKE, "unlike anything it learnt from")


def test_answers_follow_the_naming() -> None:
    stated = np.array([[0.9, 0.05, 0.05], [0.5, 0.4, 0.1], [0.34, 0.33, 0.33]])
    found = replies(stated, Naming(0.05, 1.0, 100).sets(stated), ["ash", "elm", "fir"])
    assert [str(reply) for reply in found] == ["ash 90%", "not sure: ash or elm", "not sure"]
    assert found[1].to_dict() == {
        "kind": "several",
        "classes": ["ash", "elm"],
        "probability": 0.5,
        "text": "not sure: ash or elm",
    }


def test_numbers_that_do_not_fit_are_refused() -> None:
    stated = np.array([[0.5, 0.5]])
    with pytest.raises(InputError, match="one row of classes for each picture"):
        replies(stated, np.ones((2, 2), bool), ["cats", "dogs"])
    with pytest.raises(InputError, match="one value"):
        replies(stated, np.ones((1, 2), bool), ["cats", "dogs"], unlike=np.zeros(2, bool))
