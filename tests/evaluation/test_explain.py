from __future__ import annotations

import numpy as np

from fieldguide.evaluation.explain import least_sure, margins, most_confused, worst_errors
from fieldguide.evaluation.metrics import score

STATED = np.array(
    [[0.9, 0.1, 0.0], [0.2, 0.5, 0.3], [0.05, 0.95, 0.0], [0.6, 0.3, 0.1], [0.0, 0.3, 0.7], [0.1, 0.8, 0.1]]
)
TRUTH = np.array([0, 0, 0, 1, 2, 0])
RESULT = score(STATED, TRUTH, ["cat", "dog", "fox"], [f"{row}.jpg" for row in range(6)])


def test_mistakes_come_with_the_most_confident_first() -> None:
    mistakes = worst_errors(RESULT)
    assert [mistake.row for mistake in mistakes] == [2, 5, 3, 1]
    assert str(mistakes[0]) == "2.jpg: cat, taken for dog (95.0%)"
    assert round(mistakes[2].truth_probability, 3) == 0.3
    assert mistakes[0].to_dict()["predicted"] == "dog"


def test_no_more_mistakes_than_wanted() -> None:
    assert len(worst_errors(RESULT, 2)) == 2
    assert len(worst_errors(RESULT)) == int((~RESULT.right).sum())


def test_confused_pairs_name_direction_count_and_of_how_many() -> None:
    assert [str(pair) for pair in most_confused(RESULT)] == ["cat taken for dog: 3 of 4", "dog taken for cat: 1 of 1"]
    assert most_confused(RESULT, 1)[0].to_dict() == {"truth": "cat", "predicted": "dog", "count": 3, "of": 4}


def test_a_perfect_score_has_no_mistakes() -> None:
    perfect = score(np.eye(3)[TRUTH], TRUTH, ["cat", "dog", "fox"], [str(row) for row in range(6)])
    assert worst_errors(perfect) == ()
    assert most_confused(perfect) == ()


def test_the_least_sure_come_with_the_closest_first_right_or_wrong() -> None:
    found = least_sure(RESULT, 3)
    assert [one.row for one in found] == [1, 3, 4]
    assert [str(one) for one in found] == [
        "1.jpg: dog 50.0%, fox 30.0% (wrong, it is cat)",
        "3.jpg: cat 60.0%, dog 30.0% (wrong, it is dog)",
        "4.jpg: fox 70.0%, dog 30.0% (right)",
    ]
    assert round(found[0].margin, 4) == 0.2 == round(float(str(found[0].to_dict()["margin"])), 4)
    assert len(least_sure(RESULT, 100)) == 6
    np.testing.assert_allclose(margins(STATED), [0.8, 0.2, 0.9, 0.3, 0.4, 0.7], atol=1e-6)


def test_of_two_equal_classes_both_are_named() -> None:
    even = score(np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([1, 1]), ["cat", "dog"], ["a", "b"])
    first = least_sure(even, 1)[0]
    assert (first.first, first.second, first.margin, first.right) == ("cat", "dog", 0, False)
