"""How fast and how well pictures are decoded and resized, beside tf.data, OpenCV and Pillow on the same files.

    python benchmarks/decode.py PHOTOS [--pictures 3000] [--rounds 5] [--csv benchmarks/results/decode.csv]

PHOTOS is a folder of JPEG photos, searched with its sub-folders. Every contender turns the files, held in memory, into
uint8 224 x 224 RGB of the picture's centre, in as many threads as there are processors, each library in the way its
users write it. The rounds are interleaved, so that a busy machine troubles all alike; a ratio is the median over the
rounds of fieldguide's pictures a second divided by the contender's in the same round; the ratio of processor seconds,
which says the same on an idle machine, is steadier on a busy one. fieldguide also computes its
facts (hash, mean, contrast), checks for completeness and, in its own row, the file's digest.

Quality is the PSNR to an ideal reduction: Lanczos-3 in float64 of the whole decoded picture, evaluated on the
contender's own centre box. Lanczos-3 is the customary finite approximation of the ideal low-pass filter, float64 and
the whole picture keep rounding and edges out of it, and the box is the contender's own because half a pixel of shift is
no loss of quality. For OpenCV, Pillow and fieldguide the box is in whole pixels of the picture. tf.data reduces the
whole picture first and crops then. The decoder of the reference is Pillow's.

The second set is large photos, made by enlarging some of the first ones in memory. They are softer than
what a telephone takes, so their decoding is a little too fast and their PSNR a little too high, for all contenders.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import cv2
import measure
import numpy as np
from PIL import Image

from fieldguide.data import decode

SIDE = 224
SIZE = (SIDE, SIDE)
Contents = Sequence[bytes]
Box = tuple[float, float, float, float]  # top, left, height, width


def centre(height: int, width: int) -> tuple[int, int, int, int]:
    side = min(height, width)
    return (height - side) // 2, (width - side) // 2, side, side


def with_opencv(content: bytes) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
    top, left, height, width = centre(*pixels.shape[:2])
    return cv2.resize(pixels[top : top + height, left : left + width], SIZE, interpolation=cv2.INTER_AREA)


def with_opencv_reduced(content: bytes) -> np.ndarray:
    """As a careful user decodes large photos: at half, a quarter or an eighth, as long as twice the target is left."""
    with Image.open(io.BytesIO(content)) as image:
        side = min(image.size)
    reduced = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}
    factor = next((each for each in (8, 4, 2) if side >= 2 * SIDE * each), 1)
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), reduced.get(factor, cv2.IMREAD_COLOR))
    top, left, height, width = centre(*pixels.shape[:2])
    small = cv2.resize(pixels[top : top + height, left : left + width], SIZE, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_BGR2RGB)


def with_pillow(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as opened:
        image = opened.convert("RGB")
    top, left, height, width = centre(image.height, image.width)
    box = (left, top, left + width, top + height)
    return np.asarray(image.resize(SIZE, Image.Resampling.BILINEAR, box=box))


def with_pillow_draft(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as opened:
        opened.draft("RGB", (2 * SIDE, 2 * SIDE))
        image = opened.convert("RGB")
    top, left, height, width = centre(image.height, image.width)
    box = (left, top, left + width, top + height)
    return np.asarray(image.resize(SIZE, Image.Resampling.BILINEAR, box=box))


def with_fieldguide(content: bytes) -> np.ndarray:
    return decode.decode(content, SIZE).pixels


def with_fieldguide_and_digest(content: bytes) -> np.ndarray:
    decode.digest(content)
    return decode.decode(content, SIZE).pixels


def in_threads(one: Callable[[bytes], np.ndarray]) -> Callable[[Contents], np.ndarray]:
    def run(contents: Contents) -> np.ndarray:
        pixels = np.empty((len(contents), *SIZE, 3), np.uint8)

        def work(start: int) -> None:
            for row in range(start, min(start + 16, len(contents))):
                pixels[row] = one(contents[row])

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(work, range(0, len(contents), 16)))
        return pixels

    return run


def with_tf_data(contents: Contents) -> np.ndarray:
    import tensorflow as tf

    def one(content: tf.Tensor) -> tf.Tensor:
        image = tf.io.decode_jpeg(content, channels=3)
        shape = tf.cast(tf.shape(image)[:2], tf.float32)
        size = tf.cast(tf.math.ceil(shape * SIDE / tf.reduce_min(shape) - 1e-3), tf.int32)
        image = tf.image.resize(image, size, antialias=True)
        image = tf.image.resize_with_crop_or_pad(image, SIDE, SIDE)
        return tf.cast(tf.clip_by_value(tf.round(image), 0, 255), tf.uint8)

    data = tf.data.Dataset.from_tensor_slices(contents).map(one, num_parallel_calls=tf.data.AUTOTUNE)
    pixels = np.empty((len(contents), *SIZE, 3), np.uint8)
    for row, image in enumerate(data.prefetch(64).as_numpy_iterator()):
        pixels[row] = image
    return pixels


def tf_box(height: int, width: int) -> Box:
    """The part of the picture that resizing and then cropping shows."""
    rows, columns = (max(SIDE, int(np.ceil(side * SIDE / min(height, width) - 1e-3))) for side in (height, width))
    down, across = height / rows, width / columns
    return ((rows - SIDE) // 2 * down, (columns - SIDE) // 2 * across, SIDE * down, SIDE * across)


def ideal(pixels: np.ndarray, box: Box) -> np.ndarray:
    def weights(total: int, start: float, length: float) -> np.ndarray:
        step = length / SIDE
        centres = start + (np.arange(SIDE) + 0.5) * step
        x = (np.arange(total) + 0.5 - centres[:, None]) / max(step, 1)
        kernel = np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)
        return kernel / kernel.sum(axis=1, keepdims=True)

    down, across = weights(pixels.shape[0], box[0], box[2]), weights(pixels.shape[1], box[1], box[3])
    planes = [down @ pixels[..., channel].astype(np.float64) @ across.T for channel in range(3)]
    return np.clip(np.stack(planes, axis=-1), 0, 255)


def quality(run: Callable[[Contents], np.ndarray], contents: Contents, box: Callable[[int, int], Box]) -> np.ndarray:
    """PSNR in dB of each picture: (n,)."""
    values = []
    for content, got in zip(contents, run(contents), strict=True):
        whole = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        error = got.astype(np.float64) - ideal(whole, box(*whole.shape[:2]))
        values.append(10 * np.log10(255**2 / max(float(np.mean(error**2)), 1e-9)))
    return np.array(values)


def enlarged(content: bytes) -> bytes:
    """About 12 megapixels, 3,024 high or wide as from a telephone; the centre square begins at a multiple of 8."""
    with Image.open(io.BytesIO(content)) as opened:
        image = opened.convert("RGB")
    short, long = sorted(image.size)
    long = 3024 + 16 * round((3024 * long / short - 3024) / 16)
    stream = io.BytesIO()
    size = (long, 3024) if image.width > image.height else (3024, long)
    image.resize(size, Image.Resampling.BICUBIC).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def compare(name: str, contents: Contents, rounds: int, contenders: dict[str, Callable]) -> list[dict[str, object]]:
    rates: dict[str, list[float]] = {each: [] for each in contenders}
    processor: dict[str, list[float]] = {each: [] for each in contenders}
    for run in contenders.values():
        run(contents[:32])
    names = list(contenders)
    for turn in range(rounds):
        for each in names[turn % len(names) :] + names[: turn % len(names)]:  # nobody is always the first
            run = contenders[each]
            start, busy = time.perf_counter(), time.process_time()
            run(contents)
            processor[each].append((time.process_time() - busy) / len(contents))
            rates[each].append(len(contents) / (time.perf_counter() - start))
        print(f"{name}: round {turn + 1} of {rounds}", file=sys.stderr)
    rows = []
    for each, run in contenders.items():
        sample = contents[:: max(1, len(contents) // 200)]
        decibels = quality(run, sample, tf_box if each.startswith("tf.data") else centre)
        ours = zip(rates["fieldguide"], rates[each], strict=True)
        ratio = statistics.median(one / other for one, other in ours)
        busy = zip(processor["fieldguide"], processor[each], strict=True)
        busy_ratio = statistics.median(other / one for one, other in busy)
        rows.append(
            {
                "set": name,
                "contender": each,
                "pictures_per_second": round(statistics.median(rates[each]), 1),
                "fieldguide_is_times_as_fast": round(ratio, 2),
                "processor_ms_per_picture": round(1000 * statistics.median(processor[each]), 3),
                "fieldguide_needs_times_less_processor": round(busy_ratio, 2),
                "psnr_mean_db": round(float(decibels.mean()), 2),
                "psnr_5th_percentile_db": round(float(np.percentile(decibels, 5)), 2),
                "pictures": len(contents),
                "rounds": rounds,
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, help="folder of JPEG photos")
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--large", type=int, default=24, help="how many photos of 12 megapixels")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--csv", type=Path, default=Path(__file__).parent / "results" / "decode.csv")
    arguments = parser.parse_args()

    paths = sorted(path for path in arguments.photos.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    contents = [path.read_bytes() for path in paths[: arguments.pictures]]
    large = [enlarged(content) for content in contents[:: max(1, len(contents) // arguments.large)]][: arguments.large]
    contenders = {
        "fieldguide": in_threads(with_fieldguide),
        "fieldguide with digest": in_threads(with_fieldguide_and_digest),
        "OpenCV imdecode + INTER_AREA": in_threads(with_opencv),
        "Pillow bilinear": in_threads(with_pillow),
        "tf.data decode_jpeg + antialias": with_tf_data,
    }
    reduced = {
        "OpenCV reduced + INTER_AREA": in_threads(with_opencv_reduced),
        "Pillow draft + bilinear": in_threads(with_pillow_draft),
    }
    rows = compare("photos as found", contents, arguments.rounds, contenders)
    rows += compare("about 12 megapixels", large, arguments.rounds, contenders | reduced)
    packages = ("tensorflow", "opencv-python-headless", "pillow", "numpy")
    machine = {**measure.hardware(), "versions": measure.versions(sys.executable, packages)}
    measure.write_csv(arguments.csv, [{**row, **machine} for row in rows])
    for row in rows:
        print(*list(row.values())[:8], sep="  ")


if __name__ == "__main__":
    main()
