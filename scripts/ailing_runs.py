"""Trains short runs with a known ailment, and healthy ones, and keeps what a verdict may rest on as test data.

python scripts/ailing_runs.py PICTURES [--only NAME ...] [--seeds N ...] [--again]

PICTURES is the folder of real picture sets that the tests use too. Each run becomes a file in tests/evaluation/runs,
with its plan, the ailment it was given, and its accuracy on pictures that neither the training nor the verdict sees.
Runs that are there already are left alone, unless --again is given.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ailing_plans import AUGMENTATIONS, PLANS, Plan

from fieldguide.augmentation.draws import draw
from fieldguide.augmentation.mixing import draw_mixes, mix_up
from fieldguide.augmentation.presets import PRESETS
from fieldguide.augmentation.settings import Settings
from fieldguide.augmentation.warp import Warper
from fieldguide.calibration import log_loss, softmax
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import assign
from fieldguide.data.twins import find_twins
from fieldguide.evaluation.case import Answers, Case, Setup
from fieldguide.training.record import Epoch

RUNS = Path(__file__).resolve().parent.parent / "tests" / "evaluation" / "runs"
MEASURED = 1000  # training pictures, at the most, that an epoch is measured on
TESTED = 1000  # pictures, at the most, that measure the truth of an ailment
MOST_COPIES = 10  # of one picture: larger groups are frames of a film, and count as pictures of their own
FAR = ("strong", "cruel", "harsh")  # augmentations of which it is kept what the fit itself saw: verdicts look at it
FIGURES = 4  # significant figures of what is kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--only", nargs="+", default=[plan.name for plan in PLANS], help="plans, in this order")
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--again", action="store_true")
    options = parser.parse_args()
    RUNS.mkdir(exist_ok=True)
    for seed in options.seeds:
        for name in options.only:
            plan = next(one for one in PLANS if one.name == name)
            target = RUNS / f"{name}-{seed}.json"
            if options.again or not target.exists():
                began = time.perf_counter()
                kept = run(replace(plan, seed=seed), options.pictures)
                target.write_text(json.dumps(rounded(kept), separators=(",", ":")) + "\n", encoding="utf-8")
                print(f"{target.stem:26} {summary(kept)} {time.perf_counter() - began:5.1f} s", flush=True)


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pixels uint8 (n, side, side, 3) and labels (n,) of the three parts."""

    train: tuple[np.ndarray, np.ndarray]
    held: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    classes: int


@functools.cache
def decoded(folder: Path, side: int) -> tuple[Dataset, np.ndarray, np.ndarray]:
    """A whole set, its pixels, and for each picture the number of its group of near-copies."""
    store = PixelStore.build(Dataset.from_directory(folder), target_size=(side, side), resize="squash")
    groups = find_twins(store).groups
    film = np.flatnonzero(np.bincount(groups)[groups] > MOST_COPIES)
    groups[film] = groups.max() + 1 + np.arange(len(film))
    return store.dataset, store.read(range(len(store))), groups


def divided(plan: Plan, folder: Path) -> Pictures:
    """The plan's pictures, copies and near-copies on one side, but for the leaks that it asks for."""
    name, _, wanted = plan.pictures.partition(":")
    dataset, pixels, groups = decoded(folder / name, plan.side)
    names = wanted.split(",") if wanted else list(dataset.class_names)
    classes = [dataset.class_names.index(one) for one in names]
    rows = np.flatnonzero(np.isin(dataset.labels, classes))
    labels = np.searchsorted(classes, dataset.labels[rows])
    groups, pixels = groups[rows], pixels[rows]
    rng = np.random.default_rng(plan.seed)
    wanted_of = np.array([plan.train + 20, plan.held + 20], np.float64)
    share = wanted_of / max(len(rows), wanted_of.sum())
    part = assign(labels, groups, (*share, max(0.0, 1 - share.sum())), seed=plan.seed)
    if plan.shuffled:
        chosen = rng.random(len(labels)) < plan.shuffled
        labels = np.where(chosen, rng.integers(0, len(classes), len(labels)), labels)
    picked = []
    for number, most in enumerate((plan.train, plan.held, TESTED)):
        members = rng.permutation(np.flatnonzero(part == number))[:most]
        if plan.rare < 1 and number < 2:
            of_last = labels[members] == len(classes) - 1
            members = members[~of_last | (rng.random(len(members)) < plan.rare)]
        picked.append(members)
    if plan.copies:
        leaked = picked[1][: round(plan.copied * len(picked[1]))]
        picked[0] = rng.permutation(np.concatenate([picked[0], *[leaked] * plan.copies]))
    train, held, test = ((pixels[members], labels[members]) for members in picked)
    return Pictures(train, held, test, len(classes))


def run(plan: Plan, folder: Path) -> dict[str, Any]:
    """What is kept of the plan's run."""
    pictures = divided(plan, folder)
    model = network(plan, pictures.classes)
    optimiser = compiled(model, plan)
    epochs: list[Epoch] = []
    best: tuple[float, int, list[np.ndarray]] = (math.inf, 0, model.get_weights())
    stopped = None
    for number in range(1, plan.epochs + 1):
        fitted_loss, fitted_accuracy = one_pass(model, optimiser, plan, pictures, number)
        rate = float(np.asarray(optimiser.learning_rate))
        seen, held = measured(model, pictures.train), measured(model, pictures.held)
        counts = min(MEASURED, len(pictures.train[1])), len(pictures.held[1])
        fitted = (fitted_loss, fitted_accuracy) if plan.augment in FAR or plan.mixing else (None, None)
        epochs.append(Epoch("scratch", number, *seen, *held, False, *counts, *fitted, rate))
        if held[0] < best[0]:
            best = (held[0], number, model.get_weights())
        if not math.isfinite(fitted_loss):
            stopped = "not finite"
            break
        if plan.patience and number - best[1] >= plan.patience:
            stopped = "patience"
            break
    last = tested(model, pictures)
    model.set_weights(best[2])
    if best[1]:
        epochs[best[1] - 1] = replace(epochs[best[1] - 1], chosen=True)
    case = Case(
        tuple(epochs),
        tuple(np.bincount(pictures.train[1], minlength=pictures.classes).tolist()),
        setup(plan, model.count_params(), stopped),
        Answers.of(stated(model, pictures.held[0]), pictures.held[1]),
        Answers.of(stated(model, pictures.train[0][:MEASURED]), pictures.train[1][:MEASURED]),
    )
    truth = {"n": len(pictures.test[1]), "last": last, "kept": tested(model, pictures)}
    usual = {name: value for name, value in asdict(Plan("", "", "")).items() if name != "seed"}
    unusual = {name: value for name, value in asdict(plan).items() if value != usual.get(name)}
    return {"plan": unusual, "truth": truth, "case": case.to_dict()}


def setup(plan: Plan, parameters: int, stopped: str | None) -> Setup:
    """The plan as a verdict sees it: without the ailment."""
    varied = AUGMENTATIONS[plan.augment]
    return Setup(
        net=plan.net,
        parameters=parameters,
        epochs=plan.epochs,
        optimiser=plan.optimiser,
        rate=plan.rate,
        schedule=plan.schedule,
        batch_size=plan.batch_size,
        augment=plan.augment if plan.augment in {"none", *PRESETS} else "custom",
        augmentation="" if varied == Settings() else str(varied),
        mixing="mix_up" if plan.mixing else None,
        dropout=plan.dropout,
        l2=plan.l2,
        label_smoothing=plan.label_smoothing,
        stopped=stopped,
    )


def network(plan: Plan, classes: int) -> Any:
    """Pixels 0..255 in, logits of all classes out: convolutions and pooling, or residual blocks with batch norm."""
    import keras

    layers, drawn = keras.layers, iter(range(plan.seed * 1000, plan.seed * 1000 + 999))
    held_back = keras.regularizers.L2(plan.l2) if plan.l2 else None

    def conv(x: Any, width: int, side: int = 3, stride: int = 1, bias: bool = True) -> Any:
        start = keras.initializers.HeNormal(seed=next(drawn))
        return layers.Conv2D(
            width, side, stride, "same", use_bias=bias, kernel_initializer=start, kernel_regularizer=held_back
        )(x)

    inputs = keras.Input((plan.side, plan.side, 3))
    x = layers.Rescaling(1 / 127.5, -1)(inputs)
    for stage in range(3):
        width = plan.width * 2**stage
        if plan.net == "classic":
            x = layers.MaxPooling2D()(layers.ReLU()(conv(x, width)))
            continue
        inner = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(conv(x, width, stride=2, bias=False)))
        inner = layers.BatchNormalization(momentum=0.9)(conv(inner, width, bias=False))
        x = layers.ReLU()(layers.Add()([inner, conv(x, width, side=1, stride=2)]))
    x = layers.GlobalAveragePooling2D()(x) if plan.net == "residual" else layers.Flatten()(x)
    if plan.net == "classic":
        start = keras.initializers.HeNormal(seed=next(drawn))
        x = layers.Dropout(plan.dropout, seed=plan.seed)(x)
        x = layers.Dense(10 * plan.width, "relu", kernel_initializer=start, kernel_regularizer=held_back)(x)
    x = layers.Dropout(plan.dropout, seed=plan.seed + 1)(x)
    start = keras.initializers.GlorotUniform(seed=next(drawn))
    return keras.Model(inputs, layers.Dense(classes, kernel_initializer=start)(x))


def compiled(model: Any, plan: Plan) -> Any:
    """The optimiser that the model was compiled with."""
    import keras

    kinds = {"adam": keras.optimizers.Adam, "sgd": lambda rate: keras.optimizers.SGD(rate, momentum=0.9)}
    optimiser = kinds[plan.optimiser](plan.rate)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=plan.label_smoothing)
    model.compile(optimiser, loss, metrics=["accuracy"], jit_compile=False)
    return optimiser


def one_pass(model: Any, optimiser: Any, plan: Plan, pictures: Pictures, number: int) -> tuple[float, float]:
    """Loss and accuracy that the fit itself saw in one pass over the training pictures."""
    pixels, labels = pictures.train
    order = np.random.default_rng((plan.seed, number)).permutation(len(labels))
    settings = AUGMENTATIONS[plan.augment]
    warper = Warper()
    if plan.schedule == "cosine":
        optimiser.learning_rate = plan.rate * 0.5 * (1 + math.cos(math.pi * (number - 1) / plan.epochs))
    seen = np.zeros(2)  # loss and right answers, each summed over pictures
    for start in range(0, len(order), plan.batch_size):
        rows = order[start : start + plan.batch_size]
        batch, targets = pixels[rows].astype(np.float32), np.eye(pictures.classes, dtype=np.float32)[labels[rows]]
        if settings != Settings():
            draws = draw(settings, (plan.side, plan.side), rows, seed=plan.seed, epoch=number)
            batch = warper.apply(pixels[rows], draws, settings)
        if plan.mixing:
            mixes = draw_mixes(len(rows), 0.4, seed=plan.seed, epoch=number, batch=start)
            batch, targets = mix_up(batch, targets, mixes)
        model.reset_metrics()
        said = model.train_on_batch(batch, targets, return_dict=True)
        seen += len(rows) * np.array([float(said["loss"]), float(said["accuracy"])])
    return float(seen[0] / len(order)), float(seen[1] / len(order))


def stated(model: Any, pixels: np.ndarray) -> np.ndarray:
    """Probabilities float64 (n, classes), without augmentation and dropout."""
    parts = [
        np.asarray(model.predict_on_batch(pixels[start : start + 250].astype(np.float32)))
        for start in range(0, len(pixels), 250)
    ]
    with np.errstate(all="ignore"):  # of a training that blew up nothing is finite
        return softmax(np.concatenate(parts))


def measured(model: Any, part: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
    """Loss and accuracy on the pictures of a part, at the most `MEASURED` of them."""
    pixels, labels = part[0][:MEASURED], part[1][:MEASURED]
    probabilities = stated(model, pixels)
    return log_loss(probabilities, labels), float((probabilities.argmax(axis=1) == labels).mean())


def tested(model: Any, pictures: Pictures) -> float | None:
    """Accuracy on the pictures that nobody sees; None where there are none."""
    return measured(model, pictures.test)[1] if len(pictures.test[1]) else None


def rounded(value: Any) -> Any:
    """The same with numbers of few figures, so that the files stay small."""
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(one) for one in value]
    return float(f"{value:.{FIGURES}g}") if isinstance(value, float) and math.isfinite(value) else value


def summary(kept: dict[str, Any]) -> str:
    """The last epoch in a line."""
    last = Case.from_dict(kept["case"]).epochs[-1]
    return (
        f"{last.epoch:2} epochs, training {last.loss:.3f} {last.accuracy:.3f}, held out {last.val_loss:.3f} "
        f"{last.val_accuracy:.3f}; truth {kept['truth']}"
    )


if __name__ == "__main__":
    main()
