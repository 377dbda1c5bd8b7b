"""Batches of pictures in an order of their own, transformed as they are asked for.

What a batch holds is a function of the seed, the epoch and the batch's place, and of nothing else: any number of
workers and threads gives the same. With a seed, `next` gives what Keras's iterator gives: the same order, the same
draws.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Any

import keras
import numpy as np

from fieldguide.errors import InputError, InputTypeError
from fieldguide.preprocessing import arguments
from fieldguide.preprocessing.endless import Askers
from fieldguide.preprocessing.listing import EXTENSIONS

_SEEDS = 2**32  # of NumPy's old generators


class Iterator(keras.utils.PyDataset):
    """Batches, by place, by `next` or in `fit`, `evaluate` and `predict`."""

    white_list_formats = EXTENSIONS

    def __init__(
        self,
        n: int,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
        *,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
        """Batches of `n` pictures.

        Args:
            n: How many pictures there are.
            batch_size: How many of them a batch has; the last one may have fewer.
            shuffle: Whether each epoch has an order of its own.
            seed: Of order and transformations. With None, NumPy's global generator gives one.
            workers: How many batches Keras asks for at once; each is made by all processors anyway.
            use_multiprocessing: Whether it asks for them from other processes.
            max_queue_size: How many it keeps waiting.
        """
        super().__init__(workers=workers, use_multiprocessing=use_multiprocessing, max_queue_size=max_queue_size)
        self.n = n
        self.batch_size = arguments.batch_size(batch_size)
        self.shuffle = shuffle
        self.seed = seed
        self.batch_index = 0  # of the next batch that `next` gives
        self.total_batches_seen = 0
        self.lock = threading.RLock()
        self._unseeded = _check_seed(seed)
        self._first = 0  # how many batches came before this epoch's first
        self._order: tuple[tuple[Any, ...], np.ndarray, Any] | None = None
        self._sources = threading.local()
        self._askers = Askers()
        self._endless_batches = 0  # how many a `fit` without an end has had

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __getitem__(self, index: int) -> Any:
        """The batch at a place of the present epoch.

        Raises:
            InputError: there is no such place.
        """
        if isinstance(index, bool) or not isinstance(index, int | np.integer):
            raise InputTypeError(f"batch {index!r} was asked for; expected a whole number.")
        place = int(index) + (len(self) if index < 0 else 0)
        beyond = place >= len(self) and not self._askers.any
        if place < 0 or beyond or not self.n:
            raise InputError(f"batch {index} was asked for, but there are {len(self)}, numbered from 0.")
        self.total_batches_seen += 1
        past, place = divmod(place, len(self))
        return self._get_batches_of_transformed_samples(self._rows(self._first + past * len(self), place))

    def __iter__(self) -> Iterator:
        return self  # without an end, as in Keras: `for batch in flow` goes on until it is broken off

    def __next__(self) -> Any:
        return self._get_batches_of_transformed_samples(next(self.index_generator))

    @property
    def index_generator(self) -> Generator[np.ndarray, None, None]:
        """The pictures of one batch after the other, as `next` takes them: int arrays, without an end."""
        while True:
            if not self.n:
                raise InputError("a batch was asked for, but there are no pictures.")
            with self.lock:
                first, place = self._first, self.batch_index
                self.total_batches_seen += 1
                if self.batch_index + 1 < len(self):
                    self.batch_index += 1
                else:
                    self.batch_index = 0
                    self._first += len(self)
            yield self._rows(first, place)

    def next(self) -> Any:
        """The next batch; after the last one the first of the next epoch."""
        return self.__next__()

    def reset(self) -> None:
        """Makes `next` begin a new epoch."""
        self._first += self.batch_index
        self.batch_index = 0

    def set_index_array(self) -> None:
        """Goes on to the next epoch, which has an order and transformations of its own."""
        self._first += max(1, len(self))
        self.batch_index = 0

    def on_epoch_end(self) -> None:
        """Goes on to the next epoch; Keras calls it, also before the first one.

        What is measured on does not go on: `evaluate` sees the same each time, and moves nothing under a `fit`.
        """
        if self._askers.measures():
            self._askers.rewind()  # else what workers read ahead, beyond the last measurement's steps, would come first
            return
        steps = self._askers.steps(len(self))
        if self._askers.rewind():  # a `fit` begins: where an endless one before it stopped, in the next epoch
            if self._endless_batches:
                self.epoch = self._first // len(self) + -(-self._endless_batches // len(self))
        elif steps is not None:  # batches are numbered on
            self._endless_batches += steps
        else:
            self.set_index_array()

    @property
    def num_batches(self) -> int | None:
        """How many batches an epoch has; None for a `fit` that was given fewer `steps_per_epoch`, which has no end."""
        return len(self) if self._askers.steps(len(self)) is None else None

    @property
    def epoch(self) -> int:
        """How many epochs were gone through; set it to go on where an earlier training stopped."""
        return (self._first + self._endless_batches) // max(1, len(self))

    @epoch.setter
    def epoch(self, finished: int) -> None:
        self._first, self.batch_index, self._endless_batches = finished * max(1, len(self)), 0, 0

    @property
    def index_array(self) -> np.ndarray:
        """This epoch's order: int (n,)."""
        return self._ordered(self._first)[0]

    @index_array.setter
    def index_array(self, order: np.ndarray) -> None:
        state = self._ordered(self._first)[1]
        self._order = (self._order_key(self._first), np.asarray(order), state)

    def _set_index_array(self) -> None:
        self.set_index_array()

    def _order_key(self, first: int) -> tuple[Any, ...]:
        return first, self.shuffle, self.seed

    def _ordered(self, first: int) -> tuple[np.ndarray, Any]:
        """The order of the epoch that begins with batch `first`, and the state of the generator that drew it."""
        with self.lock:
            key = self._order_key(first)
            if self._order is None or self._order[0] != key:
                source = self._source(first)
                order = source.permutation(self.n) if self.shuffle else np.arange(self.n)
                self._order = (key, order, source.get_state())
            return self._order[1:]

    def _source(self, number: int) -> np.random.RandomState:
        """This thread's generator, set to where batch `number`, counted from the first epoch's first, begins."""
        source: np.random.RandomState | None = getattr(self._sources, "source", None)
        if source is None:  # seeding it anew takes a fiftieth of the time of making one
            source = self._sources.source = np.random.RandomState()
        source.seed(((self._unseeded if self.seed is None else self.seed) + number) % _SEEDS)
        return source

    def _rows(self, first: int, place: int) -> np.ndarray:
        """The pictures of a batch; this thread's generator is ready to draw for them."""
        order, state = self._ordered(first)
        source = self._source(first + place)
        if place == 0:  # goes on from where the order was drawn
            source.set_state(state)
        return order[place * self.batch_size : (place + 1) * self.batch_size]

    @property
    def _drawing(self) -> np.random.RandomState:
        """The generator for the batch that this thread is making."""
        source: np.random.RandomState | None = getattr(self._sources, "source", None)
        return self._source(self._first) if source is None else source

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        """The batch of these pictures."""
        raise InputError(f"{type(self).__name__} has no pictures of its own: use ImageDataGenerator's flows.")


def _check_seed(seed: int | None) -> int:
    """A number to begin with where no seed is given; refuses what is none."""
    if seed is None:
        return int(np.random.randint(2**31))  # noqa: NPY002 - so that NumPy's seed makes a notebook repeatable
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise InputTypeError(f"seed is {seed!r}; expected a whole number or None.")
    if not 0 <= seed < _SEEDS:
        raise InputError(f"seed is {seed}; expected a whole number from 0 to {_SEEDS - 1}, or None.")
    return 0
