"""One contender of `augmentation.py` that runs in fieldguide's environment: takes its turns as `turns.serve` says.

python benchmarks/array_contenders.py NAME PIXELS --seconds 1

PIXELS is an .npy file, uint8 (n, side, side, 3). A turn is whole epochs in batches, for so many seconds.
"""

from __future__ import annotations

import argparse
import itertools
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import turns
from classic import BATCH, GENERATOR, RESCALE, ROTATION, SHEAR, SHIFT, ZOOM, matrices

from fieldguide.parallel import thread_count

Epoch = Callable[[], int]
SCALE = np.float32(RESCALE)


def keras_generator(pixels: np.ndarray) -> Epoch:
    """`ImageDataGenerator.flow`, as it was taught."""
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    flow = ImageDataGenerator(**GENERATOR).flow(pixels, labels(pixels), batch_size=BATCH, seed=0)
    return drawing(flow, len(pixels))


def flow(pixels: np.ndarray) -> Epoch:
    """fieldguide's `ImageDataGenerator.flow`, with the same arguments."""
    from fieldguide import ImageDataGenerator

    batches = ImageDataGenerator(**GENERATOR).flow(pixels, labels(pixels), batch_size=BATCH, seed=0)
    return drawing(batches, len(pixels))


def engine(pixels: np.ndarray) -> Epoch:
    """fieldguide's engine alone: draws, and a new array for every batch."""
    return by_engine(pixels, None)


def engine_into(pixels: np.ndarray) -> Epoch:
    """The engine, writing every batch to the same memory."""
    return by_engine(pixels, np.empty((BATCH, *pixels.shape[1:]), np.float32))


def by_engine(pixels: np.ndarray, out: np.ndarray | None) -> Epoch:
    from fieldguide.augmentation.draws import draw
    from fieldguide.augmentation.settings import Settings
    from fieldguide.augmentation.warp import Warper

    settings = Settings(**{name: value for name, value in GENERATOR.items() if name != "rescale"})
    warper, epochs = Warper(), itertools.count()

    def epoch() -> int:
        number = next(epochs)
        for at in range(0, len(pixels), BATCH):
            draws = draw(settings, pixels.shape[1:3], range(at, at + BATCH), epoch=number)
            warper.apply(pixels[at : at + BATCH], draws, settings, scale=RESCALE, out=out)
        return len(pixels)

    return epoch


def keras_layers(pixels: np.ndarray) -> Epoch:
    """Keras's random layers over `tf.data`, in parallel, as their guide recommends for processors."""
    import tensorflow as tf

    chain = random_layers()
    data = tf.data.Dataset.from_tensor_slices(pixels).batch(BATCH)
    data = data.map(lambda batch: chain(batch, training=True), num_parallel_calls=tf.data.AUTOTUNE)
    data = data.prefetch(tf.data.AUTOTUNE)
    return lambda: sum(int(batch.shape[0]) for batch in data)


def keras_layers_in_step(pixels: np.ndarray) -> Epoch:
    """The same layers in a compiled function, batch after batch, as when they are part of the model."""
    import tensorflow as tf

    chain = random_layers()
    step = tf.function(lambda batch: chain(batch, training=True))
    return lambda: sum(int(step(pixels[at : at + BATCH]).shape[0]) for at in range(0, len(pixels), BATCH))


def random_layers() -> Callable:
    """The recipe as a chain of Keras layers."""
    import keras

    edges = {"fill_mode": "nearest", "data_format": "channels_last"}
    return keras.Sequential(
        [
            keras.layers.Rescaling(RESCALE),
            keras.layers.RandomFlip("horizontal", data_format="channels_last"),
            keras.layers.RandomRotation(ROTATION / 360, **edges),
            keras.layers.RandomTranslation(SHIFT, SHIFT, **edges),
            keras.layers.RandomShear(x_factor=float(np.radians(SHEAR)), **edges),
            keras.layers.RandomZoom((-ZOOM, ZOOM), (-ZOOM, ZOOM), **edges),
        ]
    )


def warp_own_threads(pixels: np.ndarray) -> Epoch:
    """`cv2.warpAffine` alone, a picture after the other, with the threads OpenCV has of its own."""
    return warping(pixels, pool_threads=1, cv2_threads=thread_count())


def warp_pool(pixels: np.ndarray) -> Epoch:
    """`cv2.warpAffine` alone, the pictures of a batch divided among a pool of threads, OpenCV's own turned off."""
    return warping(pixels, pool_threads=thread_count(), cv2_threads=1)


def warp_pool_and_own(pixels: np.ndarray) -> Epoch:
    """The pool, and OpenCV's own threads as they are unless turned off."""
    return warping(pixels, pool_threads=thread_count(), cv2_threads=thread_count())


def warp_pool_float(pixels: np.ndarray) -> Epoch:
    """The pool over pictures that are float32 already: no conversion, but four times the memory to read."""
    return warping(pixels.astype(np.float32) * SCALE, pool_threads=thread_count(), cv2_threads=1)


def warp_pool_fresh(pixels: np.ndarray) -> Epoch:
    """The pool, with new memory for every batch, as whoever hands batches out for keeps has to have it."""
    return warping(pixels, pool_threads=thread_count(), cv2_threads=1, fresh=True)


def warping(pixels: np.ndarray, *, pool_threads: int, cv2_threads: int, fresh: bool = False) -> Epoch:
    """Nothing but the conversion of uint8 pictures and `cv2.warpAffine`, matrices and memory made beforehand."""
    import cv2

    cv2.setNumThreads(cv2_threads)
    size = pixels.shape[1:3]
    to_source = matrices(len(pixels), size[0])
    kept = np.empty((BATCH, *pixels.shape[1:]), np.float32)
    own = threading.local()

    def part(start: int, stop: int, batch: np.ndarray) -> None:
        if not hasattr(own, "converted"):
            own.converted = np.empty(pixels.shape[1:], np.float32)
        for row in range(start, stop):
            picture = pixels[row]
            if picture.dtype == np.uint8:
                picture = np.multiply(picture, SCALE, out=own.converted)
            cv2.warpAffine(
                picture,
                to_source[row],
                size[::-1],
                dst=batch[row % BATCH],
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )

    return in_pool(part, len(pixels), pool_threads, lambda: np.empty_like(kept) if fresh else kept)


def floor(pixels: np.ndarray) -> Epoch:
    """Only uint8 to float32 times 1/255, without which no contender's batch would be one."""
    kept = np.empty((BATCH, *pixels.shape[1:]), np.float32)

    def part(start: int, stop: int, batch: np.ndarray) -> None:
        np.multiply(pixels[start:stop], SCALE, out=batch[start % BATCH :][: stop - start])

    return in_pool(part, len(pixels), thread_count(), lambda: kept)


def in_pool(
    part: Callable[[int, int, np.ndarray], None], count: int, threads: int, memory: Callable[[], np.ndarray]
) -> Epoch:
    """An epoch of batches, each divided evenly among the threads."""
    pool = ThreadPoolExecutor(threads)
    step = -(-BATCH // threads)

    def epoch() -> int:
        for first in range(0, count, BATCH):
            starts = range(first, first + BATCH, step)
            stops = [min(start + step, first + BATCH) for start in starts]
            for _ in pool.map(part, starts, stops, itertools.repeat(memory())):
                pass
        return count

    return epoch


def drawing(flow: Iterable, count: int) -> Epoch:
    """An epoch of a generator's batches."""
    batches = iter(flow)

    def epoch() -> int:
        return sum(len(next(batches)[0]) for _ in range(count // BATCH))

    return epoch


def labels(pixels: np.ndarray) -> np.ndarray:
    return np.arange(len(pixels)) % 2


CONTENDERS: dict[str, Callable[[np.ndarray], Epoch]] = {
    "flow": flow,
    "engine": engine,
    "engine_into": engine_into,
    "keras_generator": keras_generator,
    "keras_layers": keras_layers,
    "keras_layers_in_step": keras_layers_in_step,
    "warp_own_threads": warp_own_threads,
    "warp_pool": warp_pool,
    "warp_pool_and_own": warp_pool_and_own,
    "warp_pool_float": warp_pool_float,
    "warp_pool_fresh": warp_pool_fresh,
    "floor": floor,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=CONTENDERS)
    parser.add_argument("pixels", type=Path)
    parser.add_argument("--seconds", type=float, default=1.0)
    arguments = parser.parse_args()
    pixels = np.load(arguments.pixels)
    if len(pixels) % BATCH:
        parser.error(f"{arguments.pixels} holds {len(pixels)} pictures, no multiple of {BATCH}")
    turns.serve({"run": turns.repeated(CONTENDERS[arguments.name](pixels), arguments.seconds)})


if __name__ == "__main__":
    main()
