"""Dividing pictures of several labels: copies stay together, and rare labels are shared out first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fieldguide.bounds import number
from fieldguide.data.arguments import said
from fieldguide.data.dataset import PARTS
from fieldguide.data.parts import Divided, Leak, require_train
from fieldguide.data.pixels import PixelStore
from fieldguide.data.tagged import TaggedDataset
from fieldguide.data.twins import Twins, find_twins
from fieldguide.errors import InputError, InputTypeError

FEWEST_OF_A_PAIR, MOST_PAIRS = 2, 500  # pictures that show both of two labels; pairs that are shared out
FEWEST_OF_A_CLASS = 2  # pictures that show it, no copies of each other: one to learn from, one to see if it was learnt


@dataclass(frozen=True, eq=False)
class TagParts(Divided):
    """A divided set of pictures with several labels."""

    train: TaggedDataset
    validation: TaggedDataset  # chooses; may be empty, then choices are made out of fold within train
    test: TaggedDataset  # measures only; may be empty
    groups: np.ndarray  # int64 (n,), of train, validation and test: pictures with the same number are one picture
    seed: int
    how: str  # how it was divided, in a sentence
    measured: str = "test"  # what the part that measures is called where it came from
    leaks: tuple[Leak, ...] = ()
    shares: tuple[float, float] | None = None


def split_tags(data: TaggedDataset, *, validation: float = 0.0, test: float = 0.2, seed: int = 0) -> TagParts:
    """The pictures divided into parts to train on, to choose by and to measure with.

    Leak-proof: byte-identical and near-identical pictures stay together. Rare labels are shared out first, so that each
    part has its share of every label. A table with a column of parts is taken as it is, and pictures that leak between
    them are listed.

    Args:
        data: the pictures.
        validation: share that chooses, 0 <= validation < 1. With 0 choices are made on pictures of the training part,
            each scored by a model that did not see it.
        test: share that measures, 0 <= test < 1.
        seed: of the shuffle; the same seed gives the same parts.

    Returns:
        TagParts, whose `train.skipped` lists what could not be read.

    Raises:
        InputTypeError: if the pictures are of another kind.
        InputError: if a share is out of range or no number, or a class has too few pictures.

    Example:
        >>> import fieldguide as fg
        >>> files = [*sorted(Path("photos/horses").iterdir())[1:11], *sorted(Path("photos/humans").iterdir())[1:11]]
        >>> rows = [f"{file},{'horse' if file.parent.name == 'horses' else 'human;upright'}" for file in files]
        >>> _ = Path("tags.csv").write_text("\\n".join(["file,labels", *rows]) + "\\n")
        >>> parts = fg.split_tags(fg.TaggedDataset.from_table("tags.csv"))
        >>> print(parts)
        16 train, 4 test
        >>> parts.test.counts
        {'horse': 2, 'human': 2, 'upright': 2}
    """
    if not isinstance(data, TaggedDataset):
        raise InputTypeError(
            f"data is {said(data)}; expected a TaggedDataset, such as fg.TaggedDataset.from_table('tags.csv')."
        )
    store = PixelStore.build(data.pictures)
    twins = find_twins(store)
    return split_readable(data.readable(store.dataset), twins, validation=validation, test=test, seed=seed)


def split_readable(
    data: TaggedDataset, twins: Twins, *, validation: float = 0.0, test: float = 0.2, seed: int = 0
) -> TagParts:
    """The pictures divided into parts to train on, to choose by and to measure with.

    Args:
        data: pictures that can be read.
        twins: of them.
        validation: share that chooses; with 0 choices are made out of fold within train.
        test: share that measures.
        seed: of the shuffle.

    Raises:
        InputTypeError: a share is no number.
        InputError: a share is out of range, or a class has too few pictures to be learnt.
    """
    for name, share in (("validation", validation), ("test", test)):
        number(name, share, "a share from 0 to below 1, such as 0.2", lambda _: True)  # their range is refused below
    if not (0 <= validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise InputError(
            f"validation is {validation} and test is {test}; expected shares from 0 to 1 that leave some to train on."
        )
    measured, shares = "test", None
    present = set() if data.given is None else set(np.unique(data.given).tolist())
    if data.given is not None:
        require_train(data.given, data.table.path)
    if len(present) > 1:
        assert data.given is not None
        part_of, how = data.given.copy(), "as the table says"
        if present == {0, 1}:
            part_of[part_of == 1] = 2
            measured = "validation"
        if len(present) == 2:
            how += f", and nothing is chosen on {measured}"
    else:
        _refuse_small_classes(data, twins.groups)
        shares = (validation, test)
        part_of = assign_tags(data.labels, twins.groups, (1 - validation - test, *shares), seed=seed)
        sizes = (f"{100 * test:.2g}% to measure", f"{100 * validation:.2g}% to choose" if validation else "")
        how = f"at random, rare labels first (seed {seed}), {', '.join(filter(None, sizes))}; copies stay together"
        how += "; the table says train for all" if present else ""
    train, chooses, measures = (data.select(part_of == part) for part in range(len(PARTS)))
    if untaught := [name for name, count in train.counts.items() if not count]:
        raise InputError(
            f"no picture to train on shows '{untaught[0]}' in {data.table.path}: add rows of it to the train part, or "
            "take the label out."
        )
    if everywhere := [name for name, count in train.counts.items() if count == len(train)]:
        raise InputError(
            f"every picture to train on shows '{everywhere[0]}' in {data.table.path}: add rows that do not to the "
            "train part, or take the label out."
        )
    train = replace(train, skipped=data.skipped)
    order = np.argsort(part_of, kind="stable")
    leaks = _leaks(data, part_of, twins.groups, ("train", "validation", measured))
    return TagParts(train, chooses, measures, twins.groups[order], seed, how, measured, leaks, shares)


def assign_tags(labels: np.ndarray, groups: np.ndarray, shares: Sequence[float], *, seed: int) -> np.ndarray:
    """A part for every picture, whole groups at a time: label after label is shared out, the rarest that is left first.

    Pairs of labels are shared out as labels are, so that pictures of one label and of two are divided alike. A group
    goes where its label is most wanted; of parts that want it alike, to the one that wants most pictures. The last
    groups of a label are kept for parts that have none of it yet, the first part first.

    Args:
        labels: bool (n, classes).
        groups: int (n,).
        shares: one for each part, summing to 1.
        seed: of the shuffle, and of what is left to chance.

    Returns:
        int8 (n,), an index into `shares`.

    Source:
        K. Sechidis, G. Tsoumakas, I. Vlahavas (2011), "On the stratification of multi-label data", ECML PKDD; P.
        Szymanski, T. Kajdanowicz (2017), "A network perspective on stratification of multi-label data", PMLR 74, for
        the pairs; here for groups, with the rule for the last ones added.

    Example:
        >>> labels = np.array([[True], [True], [False], [False]])
        >>> part_of = assign_tags(labels, np.arange(4), (0.5, 0.5), seed=0)
        >>> [int(labels[part_of == part].sum()) for part in (0, 1)], np.bincount(part_of).tolist()
        ([1, 1], [2, 2])
    """
    _, of_group = np.unique(groups, return_inverse=True)
    of_group = of_group.reshape(-1)
    sizes = np.bincount(of_group)
    shown = np.concatenate([labels, _pairs(labels)], axis=1)
    held = np.zeros((len(sizes), shown.shape[1]), np.int64)  # pictures of each label and pair in each group
    np.add.at(held, of_group, shown.astype(np.int64))
    rng = np.random.default_rng((seed, len(sizes)))
    wanted = [part for part, share in enumerate(shares) if share > 0]
    share = np.array([shares[part] for part in wanted])
    room, needs = share * sizes.sum(), share[:, None] * held.sum(axis=0)  # (parts,), (parts, labels and pairs)
    got, remaining = np.zeros(needs.shape, bool), (held > 0).sum(axis=0)
    part_of_group = np.full(len(sizes), -1, np.int64)
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]  # large groups first, while there is room

    def put(group: int, part: int) -> None:
        part_of_group[group] = part
        room[part] -= sizes[group]
        needs[part] -= held[group]
        got[part] |= held[group] > 0
        remaining[held[group] > 0] -= 1

    def any_of(best: np.ndarray) -> int:
        return int(rng.choice(best[room[best] >= room[best].max() - 1e-9]))

    while remaining.any():
        label = int(np.where(remaining > 0, remaining, len(sizes) + 1).argmin())
        members = order[(held[order, label] > 0) & (part_of_group[order] < 0)]
        for place, group in enumerate(members):
            empty = np.flatnonzero(~got[:, label])
            if label < labels.shape[1] and len(empty) > 0 and len(empty) >= len(members) - place:
                put(int(group), int(empty[0]))
            else:
                put(int(group), any_of(np.flatnonzero(needs[:, label] >= needs[:, label].max() - 1e-9)))
    for group in order[part_of_group[order] < 0]:
        put(int(group), any_of(np.arange(len(wanted))))
    return np.array(wanted, np.int8)[part_of_group][of_group]


def _pairs(labels: np.ndarray) -> np.ndarray:
    """Which pictures show both of two labels: bool (n, pairs), the commonest pairs where there are many."""
    both = np.triu(labels.T.astype(np.int64) @ labels.astype(np.int64), 1)
    first, second = np.nonzero(both >= FEWEST_OF_A_PAIR)
    kept = np.argsort(-both[first, second], kind="stable")[:MOST_PAIRS]
    return np.asarray(labels[:, first[kept]] & labels[:, second[kept]])


def _leaks(data: TaggedDataset, part_of: np.ndarray, groups: np.ndarray, names: Sequence[str]) -> tuple[Leak, ...]:
    """Every picture of a later part that stands in an earlier one too, with the first place where it does."""
    first: dict[int, int] = {}
    for row in np.argsort(part_of, kind="stable"):
        first.setdefault(int(groups[row]), int(row))
    pairs = ((first[int(groups[row])], int(row)) for row in np.flatnonzero(part_of > 0))
    return tuple(
        Leak(data.name(one), names[part_of[one]], data.name(row), names[part_of[row]])
        for one, row in pairs
        if part_of[one] < part_of[row]
    )


def _refuse_small_classes(data: TaggedDataset, groups: np.ndarray) -> None:
    for label, name in enumerate(data.class_names):
        shows, rest = (len(np.unique(groups[rows])) for rows in (data.labels[:, label], ~data.labels[:, label]))
        for few, which in ((shows, "show"), (rest, "do not show")):
            if few < FEWEST_OF_A_CLASS:
                raise InputError(
                    f"in {data.table.path} {few} readable picture{'' if few == 1 else 's'} {which} '{name}', copies "
                    f"counted once; at least {FEWEST_OF_A_CLASS} are needed, and 50 are a sensible beginning: add "
                    "rows, or take the label out."
                )
