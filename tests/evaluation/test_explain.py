from __future__ import annotations

import numpy as np

from fieldguide.evaluation.explain import most_confused, worst_errors
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
