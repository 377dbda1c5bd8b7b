"""The classic recipe by albumentations, a contender of `augmentation.py`.

python peers/albumentations_affine.py {one_thread,own_threads,pool} PIXELS --seconds 1

`one_thread` is one picture after the other with OpenCV's threads turned off, `own_threads` with OpenCV's as they are,
`pool` divides each batch among as many threads as there are processors, each with transforms of its own (their random
state is not to be shared). A picture is sampled as uint8 and converted afterwards, as albumentations recommends.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import albumentations
import cv2
import numpy as np
import turns
from classic import BATCH, ROTATION, SHEAR, SHIFT, ZOOM


def recipe() -> albumentations.Compose:
    affine = albumentations.Affine(
        rotate=(-ROTATION, ROTATION),
        translate_percent={"x": (-SHIFT, SHIFT), "y": (-SHIFT, SHIFT)},
        shear={"x": (-SHEAR, SHEAR), "y": (0, 0)},
        scale={"x": (1 - ZOOM, 1 + ZOOM), "y": (1 - ZOOM, 1 + ZOOM)},
        interpolation=cv2.INTER_LINEAR,
        border_mode=cv2.BORDER_REPLICATE,
        p=1.0,
    )
    flip, convert = albumentations.HorizontalFlip(p=0.5), albumentations.ToFloat(max_value=255.0, p=1.0)
    return albumentations.Compose([affine, flip, convert])


def epoch_of(pixels: np.ndarray, threads: int) -> Callable[[], int]:
    """Batches of float32 pictures in 0..1, each divided among so many threads."""
    transforms = [recipe() for _ in range(threads)]
    pool = ThreadPoolExecutor(threads)
    batch = np.empty((BATCH, *pixels.shape[1:]), np.float32)
    step = -(-BATCH // threads)

    def part(number: int, first: int) -> None:
        for place in range(number * step, min((number + 1) * step, BATCH)):
            batch[place] = transforms[number](image=pixels[first + place])["image"]

    def epoch() -> int:
        for first in range(0, len(pixels), BATCH):
            if threads == 1:
                part(0, first)
            else:
                for _ in pool.map(part, range(threads), [first] * threads):
                    pass
        return len(pixels)

    return epoch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("threads", choices=("one_thread", "own_threads", "pool"))
    parser.add_argument("pixels", type=Path)
    parser.add_argument("--seconds", type=float, default=1.0)
    arguments = parser.parse_args()
    if arguments.threads != "own_threads":
        cv2.setNumThreads(1)
    threads = len(os.sched_getaffinity(0)) if arguments.threads == "pool" else 1
    turns.serve({"run": turns.repeated(epoch_of(np.load(arguments.pixels), threads), arguments.seconds)})


if __name__ == "__main__":
    main()
