"""Curves of trainings that never were, with a known ailment and the noise of a finite number of pictures."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from fieldguide.evaluation.case import CONFIDENCES, Answers, Case, Setup
from fieldguide.training.record import Epoch

Course = Callable[[int], float]  # from an epoch, from 1, to the share of all pictures in the world that would be right

SETUP = Setup(net="classic", size="small", epochs=30, optimiser="adam", rate=1e-3, schedule="constant", augment="none")


def rising(low: float, high: float, epochs: float) -> Course:
    """From one share to another, two thirds of the way in so many epochs."""
    return lambda epoch: high - (high - low) * math.exp(-epoch / epochs)


def level(share: float) -> Course:
    """The same share always."""
    return lambda epoch: share


def simulate(
    trained: Course,
    held: Course,
    *,
    fitted: Course | None = None,
    val_loss: Course | None = None,
    n: int = 800,
    val_n: int = 400,
    classes: int = 2,
    epochs: int = 30,
    seed: int = 0,
    setup: Setup = SETUP,
) -> Case:
    """A case whose accuracies follow these courses.

    A picture has a difficulty of its own and is right in the epochs whose share exceeds it, give or take: the same
    pictures are measured in every epoch, as in a real training.

    Args:
        trained: share of training pictures that are right.
        held: of held-out pictures.
        fitted: of those that the fit itself sees; default `trained`.
        val_loss: of held-out pictures; default what their accuracy suggests.
        n: training pictures.
        val_n: held-out pictures.
        classes: of equal size.
        epochs: how many.
        seed: of the pictures.
        setup: what was set.
    """
    rng = np.random.default_rng(seed)
    difficulty, val_difficulty = rng.random(n), rng.random(val_n)
    blind = math.log(classes)

    def measure(share: float, hard: np.ndarray) -> float:
        return float((hard < share + rng.normal(0, 0.01, len(hard))).mean())

    done = []
    for number in range(1, epochs + 1):
        share, val_share = measure(trained(number), difficulty), measure(held(number), val_difficulty)
        done.append(
            Epoch(
                "scratch",
                number,
                loss_of(share, blind, classes) * (1 + rng.normal(0, 0.005)),
                share,
                val_loss(number) if val_loss else loss_of(val_share, blind, classes) * (1 + rng.normal(0, 0.02)),
                val_share,
                chosen=False,
                n=n,
                val_n=val_n,
                fitted_loss=loss_of((fitted or trained)(number), blind, classes),
                fitted_accuracy=(fitted or trained)(number),
                rate=setup.rate,
            )
        )
    best = int(np.argmin([epoch.val_loss for epoch in done]))
    done[best] = replace(done[best], chosen=True)
    counts = tuple(n // classes for _ in range(classes))
    answers = answered(done[best].val_accuracy, val_n, classes, rng)
    return Case(tuple(done), counts, setup, answers)


def loss_of(share: float, blind: float, classes: int) -> float:
    """A loss that goes with an accuracy: a blind guess's at chance, next to nothing where all are right."""
    skill = (share - 1 / classes) / (1 - 1 / classes)
    return blind * (0.005 + 0.995 * (1 - skill)) if skill < 1 else 0.005 * blind


def answered(share: float, n: int, classes: int, rng: np.random.Generator, *, telling: float = 0.5) -> Answers:
    """Answers of which a share is right, the right ones surer.

    Args:
        share: that is right.
        n: pictures.
        classes: of equal size.
        rng: draws how sure each answer is.
        telling: how far the chance that a right answer is surer than a wrong one lies above a half, for each share of
            skill; 0 where the wrong ones are as sure.
    """
    labels = np.arange(n) % classes
    right = np.arange(n) < round(share * n)
    answers = np.where(right, labels, (labels + 1) % classes)
    skill = max(0.0, (share - 1 / classes) / (1 - 1 / classes))
    apart = math.sqrt(2) * NormalDist().inv_cdf(min(0.99, 0.5 + telling * skill))
    sure = rng.normal(np.where(right, apart, 0.0), 1)
    stated = 1 / classes + (0.999 - 1 / classes) / (1 + np.exp(-sure))
    confusion = np.bincount(labels * classes + answers, minlength=classes * classes).reshape(classes, classes)
    place = np.searchsorted(CONFIDENCES, stated, side="right")
    bins = len(CONFIDENCES) + 1
    counted = [tuple(np.bincount(place[which], minlength=bins).tolist()) for which in (right, ~right)]
    return Answers(tuple(tuple(row) for row in confusion.tolist()), *counted)
