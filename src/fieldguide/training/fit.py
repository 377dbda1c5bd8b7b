"""From divided pictures to a classifier: features, head, perhaps the last blocks, calibration, saving."""

from __future__ import annotations

import importlib
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fieldguide.calibration import fit_temperature, softmax
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import Parts
from fieldguide.errors import InputError, ModelError
from fieldguide.files import require_writable
from fieldguide.intervals import Estimate, wilson
from fieldguide.model.backbones import backbone as backbone_named
from fieldguide.model.classifier import MODEL_FILE, Classifier, load
from fieldguide.model.head import Head
from fieldguide.training import features as frozen
from fieldguide.training.choose import Chosen, choose, folds_for, learning_curve
from fieldguide.training.finetune import ROOM_TO_GAIN, clearly_better, fine_tune
from fieldguide.training.logistic import Examples, fit, problem_for
from fieldguide.training.recipe import Recipe
from fieldguide.training.record import Choices, Epoch, Stage, Watch

AGREEMENT = 1e-3  # largest difference of a probability between the saved Keras model and the fast engine
CHECKED_PICTURES = 8
ROOM_FOR_A_MODEL = 40_000_000  # bytes


@dataclass(frozen=True, eq=False)
class Run:
    """A finished training.

    Example:
        >>> print(run)
        <Classifier of 2 classes (horses, humans) at 224x224>, trained on 52 pictures in ... s
        >>> run.choices.how
        'out of fold: 5 times a part of the 52 training pictures was held out'
    """

    folder: Path | None  # where model.keras was written
    classifier: Classifier
    parts: Parts
    recipe: Recipe
    epochs: tuple[Epoch, ...]
    choices: Choices
    train_accuracy: Estimate  # of the final classifier on the pictures it was trained on
    stages: tuple[Stage, ...]
    fingerprint: str  # of the training pictures and labels
    weights_note: str  # licence and source of the backbone's weights
    agreement: float | None  # largest difference between the saved Keras model's probabilities and the engine's
    decoded: int = 0  # pictures that were decoded in this training; the others were kept from before
    computed: int = 0  # pictures that went through the frozen network now; likewise

    def __str__(self) -> str:
        return (
            f"{self.classifier!r}, trained on {len(self.parts.train):,} pictures in "
            f"{sum(stage.seconds for stage in self.stages):.1f} s"
        )

    def to_dict(self) -> dict[str, object]:
        """What was done, ready for JSON."""
        return {
            "recipe": self.recipe.to_dict(),
            "parts": self.parts.to_dict(),
            "choices": self.choices.to_dict(),
            "train_accuracy": self.train_accuracy.to_dict(),
            "seconds": {stage.name: round(stage.seconds, 3) for stage in self.stages},
            "fingerprint": self.fingerprint,
            "weights": self.weights_note,
            "agreement": self.agreement,
        }


def train(parts: Parts, *, recipe: Recipe | None = None, folder: str | Path | None = None) -> Run:
    """A trained and calibrated classifier, with the record of how it came about.

    Every choice (penalty, class weights, temperature, whether to fine-tune) is made on pictures that were held out of
    the fits compared: those of `parts.validation`, or where it is empty, parts of `parts.train`. `parts.test` is not
    touched; only its features are computed in passing, so that measuring is quick.

    Args:
        parts: from `fieldguide.split`.
        recipe: default `Recipe.auto` of the training part.
        folder: where `model.keras` goes; with None nothing is written.

    Returns:
        A Run. The same parts and recipe give the same classifier on the same machine.

    Raises:
        InputError: if the parts cannot be trained on.
        FileError: if the folder or the cache cannot be written.

    Example:
        >>> import fieldguide as fg
        >>> parts = fg.split(fg.Dataset.from_directory("photos"))
        >>> run = fg.train(parts, folder="runs/second")
        >>> run.classifier.class_names
        ('horses', 'humans')
    """
    place = require_writable(folder, ROOM_FOR_A_MODEL) if folder is not None else None
    watch = Watch()
    with watch.stage("preparing"):
        recipe = recipe or Recipe.auto(parts.train)
        store = _whole_store(parts, recipe)
    loading = threading.Thread(target=importlib.import_module, args=("keras",), daemon=True)
    with watch.stage("features"):
        if place is not None:
            loading.start()  # takes seconds, which the engine spends outside the interpreter's lock
        try:
            features = frozen.compute(store, backbone=recipe.backbone, with_cut=recipe.fine_tune_epochs > 0)
        finally:
            # Also after an error: a program that ends while Keras is being loaded may crash. And the fits call NumPy
            # often and briefly, and would wait for the interpreter's lock at every call.
            if place is not None:
                loading.join()
    with watch.stage("head"):
        learnt = _fit_head(features.values, parts, recipe)
    with watch.stage("fine-tuning"):
        learnt = _fine_tuned(learnt, features, parts, recipe)
    classifier = Classifier(
        learnt.head.cooled(learnt.choices.temperature),
        parts.train.class_names,
        target_size=recipe.target_size,
        resize=recipe.resize,
        backbone=recipe.backbone,
        weights=learnt.weights,
        temperature=learnt.choices.temperature,
    )
    agreement = None
    if place is not None:
        with watch.stage("saving"):
            agreement = _save(classifier, place / MODEL_FILE, store.read(range(min(CHECKED_PICTURES, len(store)))))
    return Run(
        folder=place,
        classifier=classifier,
        parts=parts,
        recipe=recipe,
        epochs=learnt.epochs,
        choices=learnt.choices,
        train_accuracy=learnt.train_accuracy,
        stages=tuple(watch.stages),
        fingerprint=store.fingerprint,
        weights_note=_weights_note(recipe.backbone),
        agreement=agreement,
        decoded=store.decoded,
        computed=features.computed,
    )


@dataclass(frozen=True, eq=False)
class _Learnt:
    """What has been learnt so far."""

    head: Head  # not yet calibrated
    weights: dict[str, np.ndarray] | None  # of the backbone, once it was trained too
    epochs: tuple[Epoch, ...]
    choices: Choices
    train_accuracy: Estimate
    chosen: Chosen


def _whole_store(parts: Parts, recipe: Recipe) -> PixelStore:
    """The pictures of all parts, one after the other, at the recipe's size."""
    every = (parts.train, parts.validation, parts.test)
    whole = replace(
        parts.train,
        paths=sum((part.paths for part in every), ()),
        labels=np.concatenate([part.labels for part in every]),
        given=None,
        skipped=(),
    )
    store = PixelStore.build(whole, target_size=recipe.target_size, resize=recipe.resize)
    if len(store) < len(whole):
        lost = store.dataset.skipped[0]
        raise InputError(
            f"{lost.path} could be read when the pictures were divided and cannot be read now ({lost.reason}): "
            "run the command again."
        )
    return store


def _fit_head(values: np.ndarray, parts: Parts, recipe: Recipe) -> _Learnt:
    """The head on the frozen backbone: settings chosen on held-out pictures, then fitted to all of train."""
    count, classes = len(parts.train), len(parts.train.class_names)
    labels = np.concatenate([parts.train.labels, parts.validation.labels])
    seen = Examples(values[: len(labels)], labels, classes)
    folds, how = folds_for(labels, parts.groups, len(parts.validation), recipe)
    if not folds:
        raise InputError(
            f"{parts.train.root} has too few different pictures to train on: in each class at least two are needed "
            "that are no copies of each other, besides those that measure, and 50 are a sensible beginning."
        )
    chosen = choose(seen, folds, recipe)
    epochs = learning_curve(seen, folds[0], chosen.penalty, chosen.power)
    head = _fitted(seen, np.arange(count), chosen)
    right = int((head.probabilities(values[:count]).argmax(axis=1) == parts.train.labels).sum())
    choices = Choices(
        how=how,
        trials=chosen.trials,
        penalty=chosen.penalty,
        class_weight_power=chosen.power,
        temperature=chosen.temperature,
        held_out=wilson(int(chosen.right.sum()), len(chosen.right)),
        fine_tuned=False,
        fine_tune_reason="",
    )
    epochs = (*epochs[:-1], replace(epochs[-1], chosen=True))  # trained to convergence
    return _Learnt(head, None, epochs, choices, wilson(right, count), chosen)


def _fitted(examples: Examples, rows: np.ndarray, chosen: Chosen) -> Head:
    """The head with the chosen settings, fitted to these rows."""
    heads, _ = fit(examples, [problem_for(examples, rows, chosen.power)], penalty=chosen.penalty)
    return heads[0]


def _fine_tuned(learnt: _Learnt, features: frozen.Features, parts: Parts, recipe: Recipe) -> _Learnt:
    """What was learnt, with the last blocks trained too where that clearly helps on held-out pictures."""
    wrong = 1 - learnt.choices.held_out.value
    if not recipe.fine_tune_epochs:
        return _without(learnt, "the recipe leaves the backbone as it is")
    if wrong < ROOM_TO_GAIN:
        return _without(
            learnt,
            f"not tried: the head errs on {100 * wrong:.1f}% of the held-out pictures, and below "
            f"{100 * ROOM_TO_GAIN:.0f}% they are too few to show a gain",
        )
    labels = np.concatenate([parts.train.labels, parts.validation.labels])
    chosen = learnt.chosen
    fold = chosen.folds[0]
    examples = Examples(features.values[: len(labels)], labels, len(parts.train.class_names))
    head = _fitted(examples, fold.fitted, chosen)
    tuned = fine_tune(features, examples, fold, head, recipe=recipe, power=chosen.power)
    before = head.logits(examples.features[fold.held])
    truth = labels[fold.held]
    was, now = (wilson(int((softmax(x).argmax(axis=1) == truth).sum()), len(truth)) for x in (before, tuned.logits))
    if not clearly_better(tuned.logits, before, truth):
        reason = (
            f"tried and dropped: on the {len(truth):,} held-out pictures accuracy went from {100 * was.value:.1f}% to "
            f"{100 * now.value:.1f}%, and the loss did not fall clearly"
        )
        return replace(
            _without(learnt, reason), epochs=(*learnt.epochs, *(replace(e, chosen=False) for e in tuned.epochs))
        )
    best = next(epoch for epoch in tuned.epochs if epoch.chosen)
    choices = replace(
        learnt.choices,
        temperature=fit_temperature(tuned.logits, truth),
        held_out=now,
        fine_tuned=True,
        fine_tune_reason=(
            f"kept: on the {len(truth):,} held-out pictures accuracy went from {100 * was.value:.1f}% to "
            f"{100 * now.value:.1f}%, and the loss fell clearly"
        ),
    )
    return _Learnt(
        head=tuned.head,
        weights=tuned.weights,
        epochs=(*(replace(epoch, chosen=False) for epoch in learnt.epochs), *tuned.epochs),
        choices=choices,
        train_accuracy=wilson(round(best.accuracy * len(fold.fitted)), len(fold.fitted)),
        chosen=chosen,
    )


def _without(learnt: _Learnt, reason: str) -> _Learnt:
    return replace(learnt, choices=replace(learnt.choices, fine_tune_reason=reason))


def _save(classifier: Classifier, path: Path, pixels: np.ndarray) -> float:
    """Writes the model; the largest difference of its probabilities, as Keras computes them, from the engine's.

    Raises:
        ModelError: if they disagree.
    """
    classifier.save(path)
    given = np.asarray(classifier.keras_model.predict_on_batch(pixels.astype(np.float32)))
    if given.shape[1] == 1:
        given = np.concatenate([1 - given, given], axis=1)
    difference = float(np.abs(given - load(path).probabilities(pixels)).max())
    if not difference <= AGREEMENT:
        raise ModelError(
            f"{path} disagrees with its own fast forward pass by {difference:.4f} in a probability; "
            f"at most {AGREEMENT} was expected. Please report this with the versions of Keras and ai-edge-litert."
        )
    return difference


def _weights_note(name: str) -> str:
    spec = backbone_named(name)
    return f"{spec.title}: {spec.source}; {spec.licence}"
