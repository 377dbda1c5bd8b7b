from __future__ import annotations

import json
import math

import numpy as np
import pytest

from fieldguide.answers.naming import Naming
from fieldguide.answers.quantile import needed
from fieldguide.calibration import softmax
from fieldguide.errors import InputError


def answers(n: int, k: int, seed: int, *, sure: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits by a classifier that is often wrong, and the truth."""
    rng = np.random.default_rng((seed, n, k))
    truth = rng.integers(0, k, n)
    return sure * np.eye(k)[truth] + rng.normal(size=(n, k)), truth


@pytest.mark.parametrize("k", [2, 5, 50])
@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_the_promise_is_kept_in_the_mean_and_no_more_than_chance_is_given_away(k: int, rate: float) -> None:
    shares = []
    for seed in range(60):
        logits, truth = answers(1200, k, seed)
        stated = softmax(logits)
        naming = Naming.fit(stated[:200], truth[:200], error_rate=rate)
        shares.append(naming.coverage(stated[200:], truth[200:], [str(label) for label in range(k)]).share.value)
    if k == 2 and rate == 0.2:  # right more often than was promised: one class is named always
        assert np.mean(shares) > 0.85
        return
    assert 1 - rate - 0.006 < np.mean(shares) < 1 - rate + 0.012


def test_the_rank_is_that_of_the_n_plus_first_picture() -> None:
    of_truth = np.linspace(0.45, 0.01, 39)  # sorted: ceil(40 * 0.95) = the 38th
    stated = np.stack([of_truth, 1 - of_truth], axis=1)
    naming = Naming.fit(stated, np.zeros(39, int))
    assert naming.gap == pytest.approx(math.log(1 / of_truth[37] - 1))
    assert naming.n == 39


def test_the_most_probable_class_is_always_named() -> None:
    stated, truth = np.eye(3)[np.arange(90) % 3], np.arange(90) % 3
    naming = Naming.fit(stated, truth)
    assert naming.gap == 0
    new = softmax(np.random.default_rng(0).normal(size=(500, 3)))
    assert (naming.sets(new) == (new == new.max(axis=1, keepdims=True))).all()
    assert naming.sets(np.array([[0.4, 0.4, 0.2]])).tolist() == [[True, True, False]]
    assert str(naming).startswith("named is the most probable class alone: in at least 95 of 100 pictures like the 90")


def test_other_temperatures_give_the_same_sets() -> None:
    logits, truth = answers(800, 6, 3)
    sets = [
        Naming.fit(softmax(logits[:400], heat), truth[:400]).sets(softmax(logits[400:], heat))
        for heat in (0.5, 1.0, 2.0)
    ]
    assert (sets[0] == sets[1]).all()
    assert (sets[1] == sets[2]).all()


@pytest.mark.parametrize(
    ("n", "rate", "enough"), [(18, 0.05, False), (19, 0.05, True), (8, 0.1, False), (9, 0.1, True)]
)
def test_too_few_pictures_promise_nothing_and_say_so(n: int, rate: float, enough: bool) -> None:
    logits, truth = answers(n, 3, 1)
    naming = Naming.fit(softmax(logits), truth, error_rate=rate)
    assert math.isfinite(naming.gap) is enough
    assert needed(rate) == (19 if rate == 0.05 else 9)
    if not enough:
        assert naming.sets(np.array([[0.98, 0.01, 0.01]])).all()
        assert f"{n} held-out pictures are too few" in str(naming)
        assert f"{needed(rate)} are needed at least" in str(naming)


def test_copies_count_as_one_picture() -> None:
    logits, truth = answers(200, 4, 5)
    stated = softmax(logits)
    copies = np.repeat(np.arange(200), np.random.default_rng(6).integers(1, 9, 200))
    plain = Naming.fit(stated, truth)
    grouped = Naming.fit(stated[copies], truth[copies], groups=copies)
    assert (grouped.gap, grouped.n) == (plain.gap, plain.n)
    assert Naming.fit(stated[copies], truth[copies]).n == len(copies)
    assert math.isinf(Naming.fit(np.tile(stated[:1], (50, 1)), np.tile(truth[:1], 50), groups=np.zeros(50)).gap)


def test_easy_copies_do_not_hide_that_other_pictures_are_hard() -> None:
    """Many copies of easy pictures, where those to come are none."""
    shares = []
    for seed in range(40):
        logits, truth = answers(1400, 3, seed)
        easy, of_easy = np.repeat(6 * np.eye(3), 300, axis=0), np.repeat(np.arange(3), 300)
        stated = softmax(np.concatenate([logits[:400], easy]))
        groups = np.concatenate([np.arange(400), 400 + of_easy])
        naming = Naming.fit(stated, np.concatenate([truth[:400], of_easy]), groups=groups)
        shares.append(naming.coverage(softmax(logits[400:]), truth[400:], list("abc")).share.value)
    assert np.mean(shares) > 0.94


def test_certainty_in_the_wrong_class_is_not_infinite() -> None:
    stated = np.tile([1.0, 0.0, 0.0], (30, 1))
    naming = Naming.fit(stated, np.ones(30, int))
    assert math.isfinite(naming.gap)
    assert naming.sets(np.array([[1.0, 0.0, 0.0]])).all()


def test_what_was_stored_in_float32_is_named_alike() -> None:
    logits, truth = answers(999, 8, 9)
    stated = softmax(logits)
    naming = Naming.fit(stated, truth)
    assert (naming.sets(stated.astype(np.float32)) == naming.sets(stated)).all()


def test_coverage_counts_every_picture_and_names_classes_that_fall_short() -> None:
    stated = np.concatenate([np.tile([0.8, 0.2], (60, 1)), np.tile([0.8, 0.2], (40, 1))])
    found = Naming(0.05, 0.5, 100).coverage(stated, np.array([0] * 60 + [1] * 40), ["cat", "dog"])
    assert (found.share.value, found.share.n) == (0.6, 100)
    assert (found.mean_size, found.single.value) == (1.0, 1.0)
    assert not found.kept
    assert [one.name for one in found.falling_short] == ["dog"]
    lines = str(found).splitlines()
    assert lines[0].startswith("the true class is among the named in 60.0% (95% CI")
    assert lines[0].endswith("of 100 pictures: less often than promised, 95%")
    assert lines[2].startswith("less often for dog: 0.0%")
    assert json.loads(json.dumps(found.to_dict()))["classes"][1]["share"]["n"] == 40


def test_a_class_without_test_pictures_has_no_share() -> None:
    found = Naming(0.05, 1.0, 100).coverage(np.array([[0.8, 0.1, 0.1]]), np.array([0]), list("abc"))
    assert [one.share.n for one in found.classes] == [1, 0, 0]
    assert found.falling_short == ()
    assert found.to_dict()["classes"][1]["share"]["value"] is None  # type: ignore[index]


@pytest.mark.parametrize("n", [5, 300])
def test_what_is_written_down_reads_the_same(n: int) -> None:
    logits, truth = answers(n, 4, 2)
    naming = Naming.fit(softmax(logits), truth, error_rate=0.1)
    assert Naming.from_dict(json.loads(json.dumps(naming.to_dict(), allow_nan=False))) == naming


@pytest.mark.parametrize("rate", [0, 1, -0.1, float("nan"), "0.05", True])
def test_a_rate_out_of_range_is_refused(rate: float) -> None:
    with pytest.raises(InputError, match="expected a share between 0 and 1"):
        Naming.fit(np.array([[0.5, 0.5]]), np.array([0]), error_rate=rate)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="groups have shape"):
        Naming.fit(np.array([[0.5, 0.5]]), np.array([0]), groups=np.array([0, 1]))
    with pytest.raises(InputError, match="2 labels came for 1 picture;"):
        Naming.fit(np.array([[0.5, 0.5]]), np.array([0, 1]))
    with pytest.raises(InputError, match="for a sigmoid give both columns"):
        Naming.fit(np.array([0.5]), np.array([0]))
    with pytest.raises(InputError, match=r"sum to 0\.800"):
        Naming(0.05, 1.0, 10).sets(np.array([[0.4, 0.4]]))
    with pytest.raises(InputError, match="for 3 class names"):
        Naming(0.05, 1.0, 10).coverage(np.array([[0.5, 0.5]]), np.array([0]), list("abc"))
