"""One contender of `generator_files.py` or `generator_fit.py`: takes its turns as `turns.serve` says.

python benchmarks/generator_contenders.py NAME FOLDER --side 150

FOLDER holds class folders. The orders: "list" finds the files, "epoch" goes through all batches, "fit" trains the
course's network for an epoch.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import turns
from classic import BATCH, GENERATOR, course_network

SUFFIXES = {".jpg", ".jpeg", ".png"}


@dataclass(frozen=True)
class Job:
    """What is read, and to which size."""

    folder: Path
    side: int

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of `flow_from_directory`."""
        size = (self.side, self.side)
        return {"target_size": size, "batch_size": BATCH, "class_mode": "binary", "seed": 0}

    @property
    def count(self) -> int:
        """How many pictures there are."""
        return sum(path.suffix.lower() in SUFFIXES for path in self.folder.rglob("*"))

    def constant(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """A batch that took no reading and no augmentation."""
        pixels = np.random.default_rng(0).random((count, self.side, self.side, 3), np.float32)
        return pixels, (np.arange(count) % 2).astype(np.float32)


def keras_generator(job: Job) -> Any:
    """As it was taught."""
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    return ImageDataGenerator(**GENERATOR).flow_from_directory(job.folder, **job.options)


def keras_generator_workers(job: Job) -> Any:
    """The same with two threads that read ahead in `fit`, as few know to ask for."""
    data = keras_generator(job)
    data.workers = 2
    return data


def fieldguide(job: Job) -> Any:
    """With the import line changed."""
    from fieldguide import ImageDataGenerator

    return ImageDataGenerator(**GENERATOR).flow_from_directory(job.folder, **job.options)


def fieldguide_not_kept(job: Job) -> Any:
    """Every epoch decodes its pictures again."""
    from fieldguide import ImageDataGenerator

    return ImageDataGenerator(**GENERATOR).flow_from_directory(job.folder, **job.options, cache=False)


def constant_batch(job: Job) -> Any:
    """Arrays that are there already, handed to `fit` as a generator's are."""
    import keras

    class Constant(keras.utils.PyDataset):
        def __init__(self) -> None:
            super().__init__()
            self._whole, self._last = job.constant(BATCH), job.constant(job.count % BATCH)
            self._steps = math.ceil(job.count / BATCH)

        def __len__(self) -> int:
            return self._steps

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            return self._last if index == self._steps - 1 and len(self._last[0]) else self._whole

    return Constant()


def constant_tensor(job: Job) -> Any:
    """A tensor in memory, handed to `fit` by `tf.data`: the least that an input can cost."""
    import tensorflow as tf

    data = tf.data.Dataset.from_tensors(job.constant(BATCH)).repeat(job.count // BATCH)
    if job.count % BATCH:
        data = data.concatenate(tf.data.Dataset.from_tensors(job.constant(job.count % BATCH)))
    return data


CONTENDERS: dict[str, Callable[[Job], Any]] = {
    "keras_generator": keras_generator,
    "keras_generator_workers": keras_generator_workers,
    "fieldguide": fieldguide,
    "fieldguide_not_kept": fieldguide_not_kept,
    "constant_batch": constant_batch,
    "constant_tensor": constant_tensor,
}


class Worker:
    """Carries out the orders; what one of them makes, the later ones use."""

    def __init__(self, make: Callable[[Job], Any], job: Job) -> None:
        import keras

        self._make, self._job = make, job
        self._data: Any = None
        self._model: Any = None
        self._count = job.count
        keras.utils.set_random_seed(0)

    def list(self) -> int:
        self._data = self._make(self._job)
        return self._count

    def epoch(self) -> int:
        batches = (next(self._data) for _ in range(len(self._data)))
        count = sum(len(pixels) for pixels, _ in batches)
        if count != self._count:
            raise SystemExit(f"an epoch had {count} pictures, not {self._count}")
        return count

    def fit(self) -> turns.Turn:
        import keras

        if self._model is None:
            self._model = course_network(self._job.side)
        # Timed from the epoch's begin to its end: behind it `fit` waits up to half a second for a thread of tf.data,
        # which is once for all epochs, and by chance.
        moments: list[tuple[float, float]] = []

        def note(*_: object) -> None:
            moments.append((time.perf_counter(), time.process_time()))

        if len(getattr(self._data, "filenames", range(self._count))) != self._count:
            raise SystemExit(f"not all of the {self._count} pictures are in the data")
        clock = keras.callbacks.LambdaCallback(on_epoch_begin=note, on_epoch_end=note)
        self._model.fit(self._data, epochs=1, verbose=0, callbacks=[clock])
        (begin, busy), (end, busy_after) = moments
        return turns.Turn(end - begin, busy_after - busy, self._count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=CONTENDERS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", type=int, default=150)
    arguments = parser.parse_args()
    worker = Worker(CONTENDERS[arguments.name], Job(arguments.folder, arguments.side))
    turns.serve({"list": worker.list, "epoch": worker.epoch, "fit": worker.fit})


if __name__ == "__main__":
    main()
