"""A run's folder with suspects, as `relabel` finds it: a card and a ranking, and pictures elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from fieldguide.data.dataset import Dataset
from fieldguide.evaluation.suspect_table import write_suspects
from fieldguide.evaluation.suspects import find_suspects


def suspected_run(run: Path, photos: Path, wrong: int = 3) -> list[str]:
    """Writes the folder of a run; the first `wrong` pictures of the first class look like the second.

    Args:
        run: the folder; made here.
        photos: class folders, of a few pictures each.
        wrong: how many labels are in doubt.

    Returns:
        The names of the suspects, the most suspicious first.
    """
    data = Dataset.from_directory(photos)
    stated = np.full((len(data), len(data.class_names)), 0.01)
    stated[np.arange(len(data)), data.labels] = 1
    for row in range(wrong):
        stated[row, :2] = 0.001 * (row + 1), 1
    stated /= stated.sum(axis=1, keepdims=True)
    suspects = find_suspects(stated, data.labels, data.class_names)
    names = [data.name(row) for row in range(len(data))]
    run.mkdir(parents=True)
    write_suspects(run / "suspects.csv", suspects, names)
    card = {"data": {"root": str(photos)}, "command": f"fieldguide train {photos} --seed 3 --output RUN"}
    (run / "card.json").write_text(json.dumps(card))
    return [names[one.row] for one in suspects.listed()]
