from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fieldguide.calibration import softmax
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError
from fieldguide.evaluation.suspects import confident_joint, find_suspects
from fieldguide.training import features
from fieldguide.training.choose import choose, folds_for
from fieldguide.training.logistic import Examples
from fieldguide.training.recipe import Recipe


def answers(labels: np.ndarray, k: int, *, sure: float = 4.0, seed: int = 0) -> np.ndarray:
    """Probabilities by a classifier that mostly knows the true labels, float (n, k)."""
    rng = np.random.default_rng((seed, 1))
    return softmax(sure * np.eye(k)[labels] + rng.normal(size=(len(labels), k)))


def changed(labels: np.ndarray, k: int, share: float, seed: int = 0) -> np.ndarray:
    """The labels with a share of them changed to another class."""
    rng = np.random.default_rng((seed, 2))
    rows = rng.choice(len(labels), round(share * len(labels)), replace=False)
    given = labels.copy()
    given[rows] = (given[rows] + rng.integers(1, k, len(rows))) % k
    return given


def test_the_list_goes_by_the_odds_against_the_given_label() -> None:
    stated = np.array([[0.6, 0.4, 0.0], [0.05, 0.9, 0.05], [0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])
    found = find_suspects(stated, np.array([0, 0, 1, 2]), ["cat", "dog", "fox"])
    assert found.order.tolist() == [1, 2, 0, 3]
    np.testing.assert_allclose(found.scores, np.log([0.4 / 0.6, 0.9 / 0.05, 0.5 / 0.3, 0.1 / 0.8]))
    first = found.listed(1)[0]
    assert (first.row, first.given, first.suggested) == (1, "cat", "dog")
    assert (first.given_probability, first.suggested_probability) == (0.05, 0.9)
    assert first.to_dict()["score"] == pytest.approx(np.log(18))


@pytest.mark.parametrize("k", [2, 6, 50])
def test_changed_labels_come_first_and_most_are_suspects(k: int) -> None:
    truth = np.random.default_rng(k).integers(0, k, 3000)
    given = changed(truth, k, 0.05)
    found = find_suspects(answers(truth, k, sure=6.0), given, [str(label) for label in range(k)])
    wrong = given != truth
    assert sorted(found.order.tolist()) == list(range(3000))
    assert wrong[found.order[:240]].sum() >= 0.95 * wrong.sum()
    suspects = found.order[: found.count]
    assert wrong[suspects].mean() > 0.8
    assert wrong[suspects].sum() > 0.8 * wrong.sum()
    assert found.wrong.low <= 0.05 <= found.wrong.high
    assert (found.suggested == truth)[suspects].mean() > 0.8


def test_the_interval_holds_the_share_of_wrong_labels_that_came_by_chance() -> None:
    held = []
    for seed in range(200):
        rng = np.random.default_rng((seed, 3))
        truth = rng.integers(0, 3, 400)
        given = np.where(rng.random(400) < 0.1, (truth + rng.integers(1, 3, 400)) % 3, truth)
        found = find_suspects(answers(truth, 3, sure=6.0, seed=seed), given, list("abc"))
        held.append(found.wrong.low <= 0.1 <= found.wrong.high)
    assert np.mean(held) >= 0.92


def test_where_no_label_is_wrong_there_is_no_suspect() -> None:
    truth = np.arange(60) % 3
    found = find_suspects(answers(truth, 3, sure=20.0), truth, list("abc"))
    assert found.count == 0
    assert found.listed() == ()
    assert len(found.listed(5)) == 5
    assert found.wrong.value == 0 < found.wrong.high
    assert str(found).startswith("0 labels are in doubt, of 60\n")


def test_the_temperature_changes_no_place() -> None:
    rng = np.random.default_rng(4)
    logits, given = rng.normal(size=(300, 4)), rng.integers(0, 4, 300)
    orders = [find_suspects(softmax(logits, heat), given, list("abcd")).order.tolist() for heat in (0.5, 1.0, 3.0)]
    assert orders[0] == orders[1] == orders[2]


def test_a_sigmoids_classes_are_judged_alike() -> None:
    stated = np.array([[0.9, 0.1], [0.1, 0.9], [0.2, 0.8], [0.8, 0.2]])
    found = find_suspects(stated, np.array([1, 0, 1, 0]), ["cat", "dog"])
    assert found.order.tolist() == [0, 1, 2, 3]
    assert found.scores[0] == pytest.approx(found.scores[1])


def test_certainty_and_ties_keep_their_order() -> None:
    stated = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    found = find_suspects(stated, np.array([1, 1, 1, 0, 0]), ["cat", "dog"])
    assert found.order.tolist() == [0, 2, 4, 3, 1]
    assert np.isfinite(found.scores).all()
    assert found.scores[3] == 0


def test_a_toss_up_is_no_suspect_however_many_labels_seem_wrong() -> None:
    stated = np.array([[0.0, 1.0], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
    found = find_suspects(stated, np.array([0, 0, 0, 1]), ["cat", "dog"])
    assert found.wrong.value == 0.5
    assert found.count == 1


def test_a_handful_of_pictures_and_a_class_without_any() -> None:
    truth = np.arange(20) % 2
    given = truth.copy()
    given[0] = 1
    found = find_suspects(answers(truth, 3), given, ["cat", "dog", "fox"])
    assert found.order[0] == 0
    assert found.confident_joint.shape == (3, 3)
    assert found.confident_joint[2].sum() == found.confident_joint[:, 2].sum() == 0
    assert find_suspects(np.array([[0.7, 0.3]]), np.array([0]), ["cat", "dog"]).count == 0


def test_the_confident_joint_is_the_papers() -> None:
    stated = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.45, 0.55], [0.1, 0.9], [0.4, 0.6]])
    given = np.array([0, 0, 0, 1, 1, 1])  # usual: 0.6 for the first class, 0.683 for the second
    assert confident_joint(stated, given).tolist() == [[2, 1], [0, 1]]  # rows 3 and 5 are confidently nothing
    found = find_suspects(stated, given, ["cat", "dog"])
    np.testing.assert_allclose(found.joint, [[1 / 3, 1 / 6], [0, 1 / 2]])
    assert found.joint.sum() == pytest.approx(1)


def test_equal_probabilities_are_as_usual() -> None:
    stated = np.full((30, 10), 0.1)
    assert confident_joint(stated, np.arange(30) % 10).sum() == 30


def test_a_class_that_is_always_in_doubt_takes_not_the_whole_list() -> None:
    """Of a rare class that is hardly known its right pictures come after labels that are clearly wrong."""
    rng = np.random.default_rng(7)
    truth = np.concatenate([np.zeros(500, int), np.ones(10, int)])
    logits = np.stack([np.zeros(510), np.where(truth == 1, -1.0, -6.0) + rng.normal(0, 0.5, 510)], axis=1)
    given = truth.copy()
    given[:20] = 1
    found = find_suspects(softmax(logits), given, ["common", "rare"])
    assert (found.order[:20] < 20).mean() >= 0.95


def test_what_is_printed_and_kept() -> None:
    truth = np.arange(400) % 4
    given = changed(truth, 4, 0.1)
    found = find_suspects(answers(truth, 4, sure=8.0), given, ["ash", "elm", "fir", "oak"])
    lines = str(found).splitlines()
    assert lines[0] == f"{found.count} labels are in doubt, of 400"
    assert "of the 200 pictures that the classifier was surest of" in lines[1]
    assert lines[-1] == f"... and {found.count - 20} more"
    kept = found.to_dict()
    assert len(kept["suspects"]) == found.count  # type: ignore[arg-type]
    assert kept["n"] == 400


@pytest.mark.parametrize(
    ("stated", "labels", "message"),
    [
        (np.array([[0.5, 0.5]]), np.array([0, 1]), "2 labels came for 1 picture;"),
        (np.array([[0.9, 0.5]]), np.array([0]), "the probabilities of row 0 sum to 1.400"),
        (np.array([[np.nan, 0.5]]), np.array([0]), "the probabilities of row 0 sum to nan"),
        (np.array([[0.5, 0.5]]), np.array([2]), "labels reach from 2 to 2; expected whole numbers from 0 to 1"),
        (np.array([[0.5, 0.5]]), np.array([0.0]), "labels are float64"),
        (np.array([0.5]), np.array([0]), "for a sigmoid give both columns"),
        (np.zeros((0, 2)), np.zeros(0, int), "at least one"),
    ],
)
def test_what_does_not_fit_is_refused(stated: np.ndarray, labels: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_suspects(stated, labels, ["cat", "dog"])


def test_one_name_is_no_list_of_names() -> None:
    with pytest.raises(InputError, match="expected a list of names"):
        find_suspects(np.array([[0.5, 0.5]]), np.array([0]), "ab")


def test_labels_changed_among_real_pictures_are_found(small_photos: Path) -> None:
    store = PixelStore.build(Dataset.from_directory(small_photos))
    truth = store.dataset.labels.astype(np.int64)
    given = truth.copy()
    given[[3, 20, 41]] = 1 - given[[3, 20, 41]]
    folds, _ = folds_for(given, np.arange(len(given)), 0, Recipe())
    chosen = choose(Examples(features.compute(store).values, given, 2), folds, Recipe())
    rows = np.concatenate([fold.held for fold in folds])
    found = find_suspects(softmax(chosen.logits), given[rows], store.dataset.class_names)
    assert set(rows[found.order[:5]].tolist()) >= {3, 20, 41}
