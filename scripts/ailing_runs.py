"""Trains short runs with a known ailment, and healthy ones, and keeps what a verdict may rest on as test data.

python scripts/ailing_runs.py PICTURES [--only NAME ...] [--seeds N ...] [--again]

PICTURES is the folder of real picture sets that the tests use too. The trainings are fieldguide's own, as `fieldguide
train --recipe scratch` makes them. Each run becomes a file in tests/evaluation/runs, with its plan, the ailment it was
given, and its accuracy on pictures that neither the training nor the verdict sees. Runs that are there already are left
alone, unless --again is given.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from ailing_plans import PLANS, UNSTEADY, WELL, Plan

from fieldguide.calibration import softmax
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import assign
from fieldguide.data.twins import find_twins
from fieldguide.errors import TrainingError
from fieldguide.evaluation.case import Answers, Case, Setup
from fieldguide.training.choose import loss_and_accuracy
from fieldguide.training.record import Epoch
from fieldguide.training.scratch import Training
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.watching import FEWEST_SAMPLED, Watched
from fieldguide.training.wishes import Wishes

RUNS = Path(__file__).resolve().parent.parent / "tests" / "evaluation" / "runs"
TESTED = 1000  # pictures, at the most, that measure the truth of an ailment
FIGURES = 4  # significant figures of what is kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--only", nargs="+", default=[plan.name for plan in PLANS], help="plans, in this order")
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3])
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
    """The pictures of all three parts in one data set, and which rows are in which."""

    dataset: Dataset
    fitted: np.ndarray  # int64; those that leak are among them, as often as they are copied
    held: np.ndarray
    test: np.ndarray
    groups: np.ndarray  # int64; of near-copies, as `find_twins` numbers them

    @property
    def leaks(self) -> int:
        """Held-out pictures with a copy or near-copy among the fitted ones, as `fieldguide.split` finds them."""
        return int(np.isin(self.groups[self.held], self.groups[self.fitted]).sum())

    def store(self, size: tuple[int, int], resize: str) -> PixelStore:
        """Their pixels."""
        return PixelStore.build(self.dataset, target_size=size, resize=resize)


class Tested(Training):
    """A training that is measured after each epoch on pictures that neither it nor the verdict sees."""

    def __init__(self, *args: Any, test: np.ndarray, **options: Any) -> None:
        super().__init__(*args, **options)
        self._test, self.tested = test, list[float]()

    def _measured(self, *args: Any) -> Epoch:
        self.tested.append(accuracy_on(self, self._test))
        return super()._measured(*args)


def accuracy_on(training: Training, rows: np.ndarray) -> float:
    """The share of some pictures that the network gets right as it stands."""
    store = training.store
    return loss_and_accuracy(training.learner.logits(store, rows), store.dataset.labels[rows])[1]


def recall_on(training: Training, rows: np.ndarray) -> float:
    """The mean over classes of the share of their pictures that the network gets right as it stands."""
    labels = training.store.dataset.labels[rows]
    return float(np.mean([accuracy_on(training, rows[labels == label]) for label in np.unique(labels)]))


@functools.cache
def grouped(folder: Path) -> tuple[Dataset, np.ndarray]:
    """A whole set, and for each picture the number of its group of near-copies, frames of a film that are alike too."""
    store = PixelStore.build(Dataset.from_directory(folder), target_size=(32, 32), resize="squash")
    return store.dataset, find_twins(store).groups


def divided(plan: Plan, folder: Path) -> Pictures:
    """The plan's pictures, copies and near-copies on one side, but for the leaks that it asks for."""
    name, _, wanted = plan.pictures.partition(":")
    dataset, groups = grouped(folder / name)
    names = tuple(wanted.split(",")) if wanted else dataset.class_names
    classes = [dataset.class_names.index(one) for one in names]
    rows = np.flatnonzero(np.isin(dataset.labels, classes))
    dataset = dataset.select(rows)
    labels = np.array([classes.index(label) for label in dataset.labels])
    rng = np.random.default_rng(plan.seed)
    wanted_of = np.array([plan.train + 20, plan.held + 20], np.float64)
    share = wanted_of / max(len(rows), wanted_of.sum())
    part = assign(labels, groups[rows], (*share, max(0.0, 1 - share.sum())), seed=plan.seed)
    if plan.shuffled:
        chosen = rng.random(len(labels)) < plan.shuffled
        labels = np.where(chosen, rng.integers(0, len(classes), len(labels)), labels)
    picked = []
    for number, most in enumerate((plan.train, plan.held, TESTED)):
        members = rng.permutation(np.flatnonzero(part == number))[:most]
        if plan.rare < 1 and (number < 2 or plan.ailment == WELL):
            of_last = labels[members] == len(classes) - 1
            members = members[~of_last | (rng.random(len(members)) < plan.rare)]
        picked.append(np.sort(members))
    every = np.concatenate(picked)
    kept = replace(dataset.select(every), labels=labels[every], class_names=names, given=None)
    fitted, held, test = np.split(np.arange(len(every)), np.cumsum([len(members) for members in picked])[:2])
    leaked = rng.permutation(held)[: round(plan.copied * len(held))] if plan.copies else held[:0]
    return Pictures(kept, np.concatenate([fitted, *[leaked] * plan.copies]), held, test, groups[rows][every])


def run(plan: Plan, folder: Path) -> dict[str, Any]:
    """What is kept of the plan's run."""
    import keras

    keras.backend.clear_session()
    pictures = divided(plan, folder)
    fitted = pictures.dataset.select(pictures.fitted)
    recipe = plan.wishes.recipe_for(PixelStore.build(fitted), seed=plan.seed)
    assert isinstance(recipe, ScratchRecipe)
    if plan.augment is not None:
        recipe = recipe.with_(augment=plan.augment, margin=1.0)
    store = pictures.store(recipe.target_size, recipe.resize)
    sample = np.random.default_rng(plan.seed).permutation(len(pictures.fitted))
    sample = pictures.fitted[np.sort(sample[: max(len(pictures.held), FEWEST_SAMPLED)])]
    watched = Watched(pictures.fitted, sample, pictures.held, chooses=recipe.stopping is not None, how="as planned")
    kept_at = functools.cache(lambda size: pictures.store(size, recipe.resize))
    training: Training
    if plan.ailment == UNSTEADY:
        training = Tested(store, watched, recipe, None, kept=kept_at, test=pictures.test)
    else:
        training = Training(store, watched, recipe, None, kept=kept_at)
    stopped = None
    try:
        training.run()
    except TrainingError:
        stopped = "not finite"
    setup = Setup.of(recipe.to_dict())
    wishes = Wishes.of(recipe, fitted.counts)
    asked = tuple((name, getattr(wishes, name)) for name in wishes.asked())
    if stopped is None and len(training.epochs) < recipe.epochs:
        stopped = "early"
    if not training.epochs:
        raise SystemExit(f"{plan.name} diverges in its first epoch: nothing can be said of it; give it a lower rate")
    found = training.result()
    said, labels = training.learner.logits(store, pictures.held), store.dataset.labels
    case = Case(
        found.epochs,
        tuple(fitted.counts.values()),
        replace(setup, asked=asked, stopped=stopped),
        Answers.of(softmax(said, found.temperature), labels[pictures.held]),
        pictures.leaks,
    )
    tested = accuracy_on(training, pictures.test) if len(pictures.test) else None
    truth: dict[str, Any] = {"n": len(pictures.test), "kept": tested}
    if plan.rare < 1 and plan.ailment == WELL:
        truth["recall"] = recall_on(training, pictures.test)
    if isinstance(training, Tested):
        truth["epochs"] = training.tested
    usual = {field.name: field.default for field in fields(Plan)}
    unusual = {name: value for name, value in vars(plan).items() if name not in ("wishes", "augment")}
    unusual = {name: value for name, value in unusual.items() if name == "seed" or value != usual[name]}
    return {"plan": unusual, "truth": truth, "case": case.to_dict()}


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
        f"{last.val_accuracy:.3f}; truth {kept['truth']['kept']}"
    )


if __name__ == "__main__":
    main()
