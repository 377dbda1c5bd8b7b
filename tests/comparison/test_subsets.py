"""Parts of the training pictures: nested, by class, copies together, another draw for each seed."""

from __future__ import annotations

import numpy as np
import pytest

from fieldguide.comparison.subsets import FEWEST_OF_A_CLASS, SIZES, ladder, nested
from fieldguide.errors import InputError

NAMES = ("cats", "dogs")


def test_many_pictures_have_a_ladder_of_doublings() -> None:
    labels = np.arange(4000) % 2
    shares = ladder(labels, np.arange(4000), NAMES)
    assert len(shares) == SIZES
    np.testing.assert_allclose(shares, [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1])


def test_few_pictures_have_a_shorter_one() -> None:
    labels = np.repeat([0, 1], [26, 40])
    shares = ladder(labels, np.arange(66), NAMES)
    assert shares[0] == pytest.approx(FEWEST_OF_A_CLASS / 26)
    assert shares[-1] == 1


def test_too_few_pictures_are_named_copies_not_counted() -> None:
    labels, groups = np.repeat([0, 1], [40, 20]), np.arange(60)
    groups[45:] = 45  # 15 of the dogs are one picture
    with pytest.raises(InputError, match="class 'dogs' has 6 different training pictures; at least 16 of each class"):
        ladder(labels, groups, NAMES)


@pytest.mark.parametrize("seed", range(5))
def test_parts_are_nested_by_class_and_keep_copies_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.sort(rng.integers(0, 3, 400))
    groups = np.arange(400)
    for first in rng.integers(0, 395, 20):
        if labels[first] == labels[first + 3]:
            groups[first : first + 4] = groups[first]
    shares = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0]
    parts = nested(labels, groups, shares, seed=seed)
    assert np.array_equal(parts[-1], np.arange(400))
    for share, smaller, larger in zip(shares, parts, parts[1:], strict=False):
        assert np.isin(smaller, larger).all()
        assert set(groups[smaller]).isdisjoint(groups[np.setdiff1d(np.arange(400), smaller)])
        for name in range(3):
            taken, of = (labels[smaller] == name).sum(), (labels == name).sum()
            assert abs(taken - share * of) <= 4


def test_another_seed_draws_others_and_the_same_seed_the_same() -> None:
    labels, groups = np.arange(100) % 2, np.arange(100)
    one, again, other = (nested(labels, groups, [0.25, 1.0], seed=seed)[0].tolist() for seed in (0, 0, 1))
    assert one == again
    assert one != other
