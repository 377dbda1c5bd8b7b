"""One plain answer for each picture: a class, two or three that it may be, not sure, or unlike all it learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldguide.answers.stated import stated_probabilities
from fieldguide.errors import InputError

ONE, SEVERAL, UNSURE, UNLIKE = "one", "several", "unsure", "unlike"
KINDS = (ONE, SEVERAL, UNSURE, UNLIKE)
MOST_NAMED = 3  # classes; more in one answer help nobody


@dataclass(frozen=True)
class Reply:
    """What to say of a picture."""

    kind: str  # "one", "several", "unsure" or "unlike"
    classes: tuple[str, ...]  # that are named, the most probable first; none where it is unlike all that was learnt
    probability: float  # of the most probable class, as the classifier states it
    text: str

    def __str__(self) -> str:
        return self.text

    def to_dict(self) -> dict[str, object]:
        """The fields by name."""
        return {"kind": self.kind, "classes": list(self.classes), "probability": self.probability, "text": self.text}


def replies(
    probabilities: np.ndarray, named: np.ndarray, class_names: Sequence[str], *, unlike: np.ndarray | None = None
) -> tuple[Reply, ...]:
    """The answer for each picture.

    A picture that is unlike what was learnt is said to be so whatever the classifier states: it must choose among its
    classes, and is often sure where none is right.

    Args:
        probabilities: float (n, k), rows summing to 1.
        named: bool (n, k), from `Naming.sets`.
        class_names: k of them.
        unlike: bool (n,), from `Novelty.unlike`, if it was asked.

    Raises:
        InputError: if the numbers do not fit together.

    Example:
        >>> stated = np.array([[0.97, 0.02, 0.01], [0.5, 0.45, 0.05], [0.4, 0.3, 0.3], [0.98, 0.01, 0.01]])
        >>> named = stated > 0.1
        >>> unlike = np.array([False, False, False, True])
        >>> for reply in replies(stated, named, ["horses", "cows", "sheep"], unlike=unlike):
        ...     print(reply)
        horses 97%
        not sure: horses or cows
        not sure
        unlike anything it learnt from
    """
    stated = stated_probabilities(probabilities, len(class_names))
    strange = np.zeros(len(stated), bool) if unlike is None else np.asarray(unlike, bool)
    if np.shape(named) != stated.shape or strange.shape != (len(stated),):
        raise InputError(
            f"named has shape {np.shape(named)} and unlike {strange.shape} for probabilities {stated.shape}; expected "
            "one row of classes for each picture, from Naming.sets, and one value, from Novelty.unlike."
        )
    order = np.argsort(-stated, axis=1, kind="stable")
    chosen = np.asarray(named, bool)
    return tuple(
        _reply(row, [class_names[label] for label in ranked if own[label]], kind)
        for row, ranked, own, kind in zip(stated, order, chosen, kinds_of(chosen, strange).tolist(), strict=True)
    )


def kinds_of(named: np.ndarray, unlike: np.ndarray | None = None) -> np.ndarray:
    """The kind of the answer for each picture: str (n,), of `KINDS`.

    All classes of three or more leave nothing ruled out; of two, both are as short as any other words.

    Args:
        named: bool (n, k), from `Naming.sets`.
        unlike: bool (n,), from `Novelty.unlike`, if it was asked.

    Example:
        >>> kinds_of(np.array([[True, False, False], [True, True, False], [True, True, True]])).tolist()
        ['one', 'several', 'unsure']
    """
    sizes, k = named.sum(axis=1), named.shape[1]
    several = (sizes > 1) & (sizes <= MOST_NAMED) & ~((sizes == k) & (k > 2))
    kinds = np.where(sizes == 1, ONE, np.where(several, SEVERAL, UNSURE))
    return kinds if unlike is None else np.where(unlike, UNLIKE, kinds)


def _reply(stated: np.ndarray, names: list[str], kind: str) -> Reply:
    probability, classes = float(stated.max()), tuple(names)
    if kind == UNLIKE:
        return Reply(UNLIKE, (), probability, "unlike anything it learnt from")
    if kind == ONE:
        percent = f"{100 * probability:.0f}%" if probability < 0.995 else "over 99%"
        return Reply(ONE, classes, probability, f"{names[0]} {percent}")
    if kind == SEVERAL:
        return Reply(SEVERAL, classes, probability, f"not sure: {', '.join(names[:-1])} or {names[-1]}")
    return Reply(UNSURE, classes, probability, "not sure")
