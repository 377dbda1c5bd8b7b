"""Dividing pictures so that what measures a model was never seen by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fieldguide.bounds import number
from fieldguide.data.arguments import store_of
from fieldguide.data.dataset import PARTS, Dataset
from fieldguide.data.parts import Divided, Leak, require_train
from fieldguide.data.pixels import PixelStore
from fieldguide.data.twins import Twins, find_twins
from fieldguide.errors import InputError

FEWEST_PICTURES = 2  # of a class: one to learn from, one to see whether it was learnt


@dataclass(frozen=True, eq=False)
class Parts(Divided):
    """A divided data set. Copies and near-copies of a picture are on one side, unless the folder came divided.

    Example:
        >>> import fieldguide as fg
        >>> parts = fg.split(fg.Dataset.from_directory("photos"), validation=0.25, test=0.25)
        >>> print(parts)
        33 train, 16 validation, 16 test
        >>> parts.how
        'at random by class (seed 0), 25% to measure, 25% to choose; copies stay together'
    """

    train: Dataset
    validation: Dataset  # chooses; may be empty, then choices are made out of fold within train
    test: Dataset  # measures only; may be empty
    groups: np.ndarray  # int64 (len(train),): pictures of train with the same number are one picture
    seed: int
    how: str  # how it was divided, in a sentence
    measured: str = "test"  # what the part that measures is called where it came from
    leaks: tuple[Leak, ...] = ()
    shares: tuple[float, float] | None = None  # that were to choose and to measure; None where it came divided


def split(
    data: Dataset | PixelStore, *, validation: float = 0.0, test: float = 0.2, seed: int = 0, twins: Twins | None = None
) -> Parts:
    """The pictures divided into parts to train on, to choose by and to measure with.

    Stratified: every class is divided in the same proportions. Leak-proof: byte-identical and near-identical
    pictures stay together. A folder that came with `train/` and `validation/` or `test/` is taken as it is, and
    pictures that leak between its parts are listed. Where only one further part was given, it measures, and nothing
    is chosen on it.

    Args:
        data: a data set, or its pixel store if that was built already.
        validation: share of the pictures that choose, 0 <= validation < 1. With 0, `train` makes its choices on
            pictures of the training part, each scored by a model that did not see it.
        test: share of the pictures that measure, 0 <= test < 1.
        seed: of the shuffle; the same seed gives the same parts.
        twins: from `find_twins`, if it was called already for this store.

    Returns:
        Parts, whose `train.skipped` lists what could not be read.

    Raises:
        InputTypeError: if the pictures are of another kind.
        InputError: if a share is out of range or no number, or a class has too few pictures.

    Example:
        >>> import fieldguide as fg
        >>> parts = fg.split(fg.Dataset.from_directory("photos"), test=0.25, seed=1)
        >>> print(parts)
        49 train, 16 test
    """
    for name, share in (("validation", validation), ("test", test)):
        number(name, share, "a share from 0 to below 1, such as 0.2", lambda _: True)  # their range is refused below
    if not (0 <= validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise InputError(
            f"validation is {validation} and test is {test}; expected shares from 0 to 1 that leave some to train on."
        )
    if isinstance(data, Dataset | PixelStore):
        refuse_untaught(data if isinstance(data, Dataset) else data.dataset)  # before the first picture is read
    store = store_of("data", data)
    twins = twins or find_twins(store)
    dataset = store.dataset
    _refuse_small_classes(dataset)
    if dataset.given is not None and len(np.unique(dataset.given)) > 1:
        return _as_given(dataset, twins, seed)
    part_of = assign(dataset.labels, twins.groups, (1 - validation - test, validation, test), seed=seed)
    sizes = (f"{100 * test:.2g}% to measure", f"{100 * validation:.2g}% to choose" if validation else "")
    how = f"at random by class (seed {seed}), {', '.join(size for size in sizes if size)}; copies stay together"
    if dataset.table is not None and dataset.given is not None:
        how += "; the table says train for all"
    return replace(_parts(dataset, part_of, twins, seed, how), shares=(validation, test))


def assign(labels: np.ndarray, groups: np.ndarray, shares: Sequence[float], *, seed: int) -> np.ndarray:
    """A part for every picture: class by class in the given shares, whole groups at a time.

    Args:
        labels: int (n,).
        groups: int (n,); a group counts for the class of its first picture.
        shares: one for each part, summing to 1. Every part with a share gets a group of every class that has
            enough of them, the first part first.
        seed: of the shuffle.

    Returns:
        int8 (n,), an index into `shares`.
    """
    _, first, number, size = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    number = number.reshape(-1)
    label = labels[first]
    part_of_group = np.zeros(len(first), np.int8)
    wanted = [part for part, share in enumerate(shares) if share > 0]
    for name in np.unique(label):
        members = np.flatnonzero(label == name)
        members = members[np.random.default_rng((seed, int(name))).permutation(len(members))]
        members = members[np.argsort(-size[members], kind="stable")]  # large groups first, while there is room
        goal = np.array([shares[part] for part in wanted]) * size[members].sum()
        filled = np.zeros(len(wanted))
        # The last groups are kept for parts that have none yet, so that no part of a small class stays empty.
        for place, group in enumerate(members):
            left = len(members) - place
            empty = [part for part in range(len(wanted)) if filled[part] == 0]
            part = empty[0] if len(empty) >= left else int(np.argmax(goal - filled))
            part_of_group[group] = wanted[part]
            filled[part] += size[group]
    return part_of_group[number]


def _as_given(dataset: Dataset, twins: Twins, seed: int) -> Parts:
    """The parts that the folder came with. A single measuring part measures, whatever it was called."""
    assert dataset.given is not None
    present = set(np.unique(dataset.given).tolist())
    part_of = dataset.given.copy()
    measured = "test"
    how = "as the folder came" if dataset.table is None else "as the table says"
    if present == {0, 1}:
        part_of[part_of == 1] = 2
        measured = "validation"
    if len(present) == 2:
        how += f", and nothing is chosen on {measured}"
    return _parts(dataset, part_of, twins, seed, how, measured)


def _parts(dataset: Dataset, part_of: np.ndarray, twins: Twins, seed: int, how: str, measured: str = "test") -> Parts:
    train, validation, test = (dataset.select(np.flatnonzero(part_of == part)) for part in range(len(PARTS)))
    counts = train.counts
    for name, count in counts.items():
        if count == 0:
            missing = "add some to its train folder" if dataset.table is None else "say train for some of its rows"
            if dataset.given is None:
                missing = "all of them are copies of pictures of other classes; add pictures of its own"
            raise InputError(f"class '{name}' has no picture to train on in {dataset.source}: {missing}.")
    train = replace(train, skipped=dataset.skipped, hidden=dataset.hidden, corrected=dataset.corrected)
    leaks = _leaks(dataset, part_of, twins, ("train", "validation", measured))
    return Parts(train, validation, test, twins.groups[part_of == 0], seed, how, measured, leaks)


def _leaks(dataset: Dataset, part_of: np.ndarray, twins: Twins, names: Sequence[str]) -> tuple[Leak, ...]:
    """Every picture of a later part that stands in an earlier one too, with the first place where it does."""
    first: dict[int, int] = {}  # group -> its first row in the earliest part
    for row in np.argsort(part_of, kind="stable"):
        first.setdefault(int(twins.groups[row]), int(row))
    leaks = []
    for row in np.flatnonzero(part_of > 0):
        origin = first[int(twins.groups[row])]
        if part_of[origin] < part_of[row]:
            leaks.append(
                Leak(dataset.name(origin), names[part_of[origin]], dataset.name(int(row)), names[part_of[row]])
            )
    return tuple(leaks)


def refuse_untaught(dataset: Dataset) -> None:
    """Sees to it that in a folder that came divided each class has pictures to learn from.

    Raises:
        InputError: a class is in its validation or test part only; it is named, with its folder and what to do.
    """
    if dataset.given is None or not len(dataset.given):
        return
    if dataset.table is not None:
        require_train(dataset.given, dataset.source)
    taught = np.unique(dataset.labels[dataset.given == 0])
    untaught = np.setdiff1d(dataset.labels, taught)
    if not len(taught) or not len(untaught):
        return
    if dataset.table is not None:
        name = dataset.class_names[untaught[0]]
        raise InputError(
            f"class '{name}' has no training picture in {dataset.source}: nothing can be learnt of it; say train "
            "for some of its pictures, or leave its rows out."
        )
    row = int(np.flatnonzero(dataset.labels == untaught[0])[0])
    name, part = dataset.class_names[untaught[0]], PARTS[dataset.given[row]]
    there = dataset.root / dataset.paths[row].relative_to(dataset.root).parts[0] / name
    train = dataset.root / dataset.paths[int(np.argmax(dataset.given == 0))].relative_to(dataset.root).parts[0] / name
    more = len(untaught) - 1
    others = f", and so are {more:,} more" if more > 1 else ", and so is one more" if more else ""
    raise InputError(
        f"class '{name}' is in {part} only ({there}){others}: nothing can be learnt of it; put pictures of it into "
        f"{train}, or move {there} away."
    )


def _refuse_small_classes(dataset: Dataset) -> None:
    for name, count in dataset.counts.items():
        if count < FEWEST_PICTURES:
            raise InputError(
                f"class '{name}' in {dataset.source} has {count} readable picture; at least {FEWEST_PICTURES} are "
                "needed, and 50 are a sensible beginning: add pictures, or "
                f"{'remove the folder' if dataset.table is None else 'take its rows out'}."
            )
