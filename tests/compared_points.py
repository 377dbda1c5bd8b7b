"""Points of a comparison made up of how many pictures each run had right, for tests of words and figures."""

from __future__ import annotations

from collections.abc import Sequence

from fieldguide.comparison.point import Point
from fieldguide.comparison.record import Result


def point(name: str, x: float, rights: Sequence[int], trained: float, n: int = 400) -> Point:
    """A point whose runs had the first so many of n pictures right.

    Args:
        name: of the point.
        x: parameters or training pictures.
        rights: how many pictures each run had right.
        trained: training accuracy of all runs, on 1,000 pictures.
        n: pictures that measured.
    """
    results = tuple(
        Result(
            point=name,
            number=number + 1,
            x=x,
            seed=number,
            train_accuracy=trained,
            train_n=1000,
            n=n,
            wrong=tuple(range(count, n)),
            epochs=3,
            ended="all 3 epochs were trained",
            seconds=2.0,
        )
        for number, count in enumerate(rights)
    )
    return Point(name, x, results)
