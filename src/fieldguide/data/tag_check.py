"""What is wrong with pictures of several labels, before anything is trained on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from fieldguide.data.check import FEW_PICTURES, LEVELS, Finding, Findings, check, fewest_of
from fieldguide.data.pixels import PixelStore
from fieldguide.data.tagged import TaggedDataset
from fieldguide.data.twins import Twins, find_twins
from fieldguide.words import counted

_OF_CLASSES = ("few pictures", "imbalance")  # findings on classes, of which pictures without labels have one
NAMED = 5


def check_tags(data: TaggedDataset, store: PixelStore | None = None, twins: Twins | None = None) -> Findings:
    """What was found in the pictures: unreadable files, copies with other labels, leaks, rare labels, odd pictures.

    Args:
        data: the pictures, of which only those that can be read if a store is given.
        store: of `data.pictures`, if they were decoded already.
        twins: of the store.
    """
    if store is None:
        store = PixelStore.build(data.pictures)
        data = data.readable(store.dataset)
    twins = twins or find_twins(store)
    found = check(store, twins=twins)
    kept = [one for one in found.findings if one.kind not in _OF_CLASSES]
    findings = [*_two_sets(data, twins), *_untaught(data), *kept, *_few(data), *_unlabelled(data)]
    findings.sort(key=lambda one: LEVELS.index(one.level))
    return replace(found, findings=tuple(findings), counts=data.counts)


def _two_sets(data: TaggedDataset, twins: Twins) -> Iterator[Finding]:
    """Copies, byte for byte, that carry different labels."""
    differing = [rows for rows in twins.exact if (data.labels[list(rows)] != data.labels[rows[0]]).any()]
    names = []
    for rows in differing:
        unlike = (data.labels[list(rows)] != data.labels[rows[0]]).any(axis=0)
        about = ", ".join(data.class_names[label] for label in np.flatnonzero(unlike)[:3])
        names.append(f"{' = '.join(data.name(row) for row in rows[:3])} (differ in {about})")
    if names:
        text = f"{counted(len(names), 'picture')} there more than once, with different labels: one must be wrong"
        yield Finding("two labels", "problem", text, tuple(names))


def _untaught(data: TaggedDataset) -> Iterator[Finding]:
    """Classes that no picture to learn from shows, or every one, as far as there are some to learn from."""
    given = np.zeros(len(data), np.int8) if data.given is None else data.given
    if not (given == 0).any():
        return
    without = ~data.labels[given == 0].any(axis=0)
    everywhere = data.labels[given == 0].all(axis=0)
    if everywhere.any():
        text = f"every picture to learn from shows {_names(data, everywhere)}: `train` refuses that"
        yield Finding("untaught", "problem", text)
    unread = without & ~data.labels.any(axis=0)
    if unread.any():
        text = f"no readable picture shows {_names(data, unread)}: `train` refuses that"
        yield Finding("untaught", "problem", text)
    if (elsewhere := without & ~unread).any():
        shown = _names(data, elsewhere)
        text = f"no picture to learn from shows {shown}, in validation or test only: `train` refuses that"
        names = [data.name(row) for row in np.flatnonzero(data.labels[:, elsewhere].any(axis=1)).tolist()]
        yield Finding("untaught", "problem", text, tuple(names))


def _names(data: TaggedDataset, which: np.ndarray) -> str:
    """Classes by name, the first few of them."""
    labels = np.flatnonzero(which)
    shown = ", ".join(f"'{data.class_names[label]}'" for label in labels[:NAMED])
    return shown + (f" and {len(labels) - NAMED:,} more" if len(labels) > NAMED else "")


def _unlabelled(data: TaggedDataset) -> Iterator[Finding]:
    """That pictures without a label count as such, and not as pictures of which nothing is known."""
    if none := data.unlabelled:
        text = f"{counted(none, 'picture')} without a label, each taken as one that shows none of the classes"
        yield Finding("no label", "note", text)


def _few(data: TaggedDataset) -> Iterator[Finding]:
    few = {name: count for name, count in data.counts.items() if count < FEW_PICTURES}
    if few:
        shown = fewest_of(few)
        text = f"{counted(len(few), 'class', 'classes')} shown by fewer than {FEW_PICTURES} pictures: {shown}"
        yield Finding("few pictures", "warning", text)
