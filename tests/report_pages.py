"""Reports for tests: runs on small real files, and what a page consists of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
from finished_runs import curves, dataset, finished_run

from fieldguide.data.dataset import Dataset
from fieldguide.training.fit import Run

VOID = {"meta", "link", "img", "br", "wbr"}


class Outline(HTMLParser):
    """What a page consists of; complains of tags that do not match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.tags if found == tag]


def pictures(root: Path, class_names: Sequence[str], per_class: int) -> Dataset:
    """A data set of real files: plain colours with a circle."""
    rng = np.random.default_rng(0)
    paths, labels = [], []
    for label, name in enumerate(class_names):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(per_class):
            pixels = np.full((60, 80, 3), rng.integers(0, 255, 3), np.uint8)
            cv2.circle(pixels, (40, 30), 20, rng.integers(0, 255, 3).tolist(), -1)
            path = root / name / f"{number}.png"
            path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
            paths.append(path)
            labels.append(label)
    return Dataset(root, tuple(paths), np.array(labels, np.int32), tuple(class_names))


def run_on(root: Path, class_names: Sequence[str], per_class: int = 6, **options: object) -> Run:
    test = pictures(root, class_names, per_class)
    train = dataset(class_names, np.repeat(np.arange(len(class_names)), 4 * per_class), root)
    return finished_run(train, test, epochs=curves([0.3, 0.1, 0.2]), **options)  # type: ignore[arg-type]
