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
    with pytest.raises(InputError, match="class 'dogs' has 6 different training pictures") as caught:
        ladder(labels, groups, NAMES)
    assert "pictures in 20 files, since those that look alike (copies, frames of one film) count as one" in str(
        caught.value
    )
    assert "at least 16 of each class are needed" in str(caught.value)
    assert str(caught.value).endswith("add pictures of it taken apart from these, or leave the class out.")


def test_too_few_pictures_that_are_nearly_enough_may_be_made_up_for() -> None:
    labels = np.repeat([0, 1], [40, 13])
    with pytest.raises(
        InputError, match=r"add pictures of it, or leave more .* with a smaller --test share\."
    ) as caught:
        ladder(labels, np.arange(53), NAMES)
    assert "look alike" not in str(caught.value)


def crowded(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and groups of 400 pictures of three classes, some of them copies of another, now and then of many."""
    rng = np.random.default_rng(seed)
    labels = np.sort(rng.integers(0, 3, 400))
    groups = np.arange(400)
    for first in rng.integers(0, 395, 20):
        if labels[first] == labels[first + 3]:
            groups[first : first + 4] = groups[first]
    largest = np.flatnonzero(labels == 1)[40:]
    groups[largest] = groups[largest[0]]
    return labels, groups


@pytest.mark.parametrize("seed", range(5))
def test_parts_are_nested_by_class_and_keep_copies_together(seed: int) -> None:
    labels, groups = crowded(seed)
    shares = [1 / 4, 1 / 3, 1 / 2, 1.0]
    parts = nested(labels, groups, shares, seed=seed)
    assert np.array_equal(parts[-1], np.arange(400))
    for share, smaller, larger in zip(shares, parts, parts[1:], strict=False):
        assert np.isin(smaller, larger).all()
        assert set(groups[smaller]).isdisjoint(groups[np.setdiff1d(np.arange(400), smaller)])
        for name in range(3):
            taken, of = (len(np.unique(groups[rows[labels[rows] == name]])) for rows in (smaller, parts[-1]))
            assert abs(taken - share * of) <= 1


@pytest.mark.parametrize("folder", range(5))
def test_parts_of_every_seed_are_of_the_same_sizes_and_lack_no_class(folder: int) -> None:
    labels, groups = crowded(folder)
    shares = ladder(labels, groups, ("cats", "dogs", "owls"))
    found = [nested(labels, groups, shares, seed=seed) for seed in range(20)]
    counts = {tuple(tuple(np.bincount(labels[rows], minlength=3)) for rows in parts) for parts in found}
    assert len(counts) == 1, "as many pictures of each class, whatever the seed"
    (sizes,) = counts
    assert [sum(size) for size in sizes] == sorted({sum(size) for size in sizes})
    for parts in found:
        for name in range(3):
            smallest = parts[0][labels[parts[0]] == name]
            assert len(np.unique(groups[smallest])) >= FEWEST_OF_A_CLASS
    assert len({tuple(parts[0]) for parts in found}) == 20, "each seed draws others"


def test_a_picture_under_two_labels_counts_for_one_class_only() -> None:
    labels, groups = np.repeat([0, 1], 20), np.arange(40)
    groups[20:38] = groups[:18]  # 18 of the dogs are among the cats too
    with pytest.raises(InputError, match="class 'dogs' has 2 different training pictures"):
        ladder(labels, groups, NAMES)


def test_another_seed_draws_others_and_the_same_seed_the_same() -> None:
    labels, groups = np.arange(100) % 2, np.arange(100)
    one, again, other = (nested(labels, groups, [0.25, 1.0], seed=seed)[0].tolist() for seed in (0, 0, 1))
    assert one == again
    assert one != other
