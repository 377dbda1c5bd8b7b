"""From divided pictures to a classifier: features, head, perhaps the last blocks, calibration, saving."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from fieldguide import console
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import Parts
from fieldguide.errors import TrainingError
from fieldguide.files import path_of, require_writable
from fieldguide.intervals import Estimate
from fieldguide.model.backbones import backbone as backbone_named
from fieldguide.model.classifier import MODEL_FILE, Classifier
from fieldguide.model.head import units_for
from fieldguide.model.trunk_model import map_model, weights_of
from fieldguide.place import require_outside, require_run_outside
from fieldguide.training import checkpoint as checkpoints
from fieldguide.training.arguments import require_free, require_parts, require_recipe, require_resumable
from fieldguide.training.buildable import require_buildable
from fieldguide.training.enlarging import enlarged
from fieldguide.training.framing import framed
from fieldguide.training.logs import refuse_unknown
from fieldguide.training.looking import Eye, Looking
from fieldguide.training.phases import fine_tuned, fit_head, hold_out
from fieldguide.training.promises import Origins, Promises, promises_of, promises_of_net
from fieldguide.training.recipe import Recipe
from fieldguide.training.record import Answers, Choices, Epoch, Look, Schedule, Stage, Watch
from fieldguide.training.saving import saved
from fieldguide.training.scratch import Scratched, Training
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.stores import at_size, whole_store
from fieldguide.training.watching import watch as watched

ROOM_FOR_A_MODEL = 40_000_000  # bytes, of the backbone with a head
ROOM_FOR_A_DENSE_HEAD = 200_000_000  # bytes: 1,024 hidden units on the flattened map that the course takes have 154 MB
ROOM_FOR_THE_REST = 5_000_000  # bytes, of a model's archive besides its weights, and of logs


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
    recipe: Recipe | ScratchRecipe
    epochs: tuple[Epoch, ...]
    choices: Choices
    train_accuracy: Estimate  # of the final classifier on the pictures it was trained on
    stages: tuple[Stage, ...]
    fingerprint: str  # of the training pictures and labels
    weights_note: str  # licence and source of the backbone's weights
    agreement: float | None  # largest difference between the saved Keras model's probabilities and the engine's
    decoded: int = 0  # pictures that were decoded now, at the size that was kept; the others were known from before
    held: Answers | None = None  # of pictures held out of the network that is kept, or where it is frozen, of heads
    answers: Answers | None = None  # of the head on the frozen trunk, on pictures it was not fitted to
    schedules: tuple[Schedule, ...] = ()  # of a training from random weights: its own, and those of added epochs
    looks: tuple[Look, ...] = ()  # of a frozen network, all of them, also those that were only tried
    promises: Promises = field(default_factory=Promises)  # the classifier's own, and why it has none

    @property
    def computed(self) -> int:
        """How often a picture went through the frozen network now, in all that was tried."""
        return sum(look.computed for look in self.looks)

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
            "promises": self.promises.to_dict(),
        }


def train(
    parts: Parts,
    *,
    recipe: Recipe | ScratchRecipe | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    logs: Sequence[str] = (),
    notice: str | None = None,
) -> Run:
    """A trained and calibrated classifier, with the record of how it came about.

    Every choice (penalty, class weights, temperature, whether to fine-tune, which epoch to keep) is made on pictures
    that were held out of the fits compared: those of `parts.validation`, or where it is empty, parts of `parts.train`.
    `parts.test` chooses nothing: its features are computed in passing, so that measuring is quick, and a training from
    random weights that has nothing to choose looks at it after each epoch, for the curves.

    Args:
        parts: from `fieldguide.split`.
        recipe: default `Recipe.auto` of the training part.
        folder: where `model.keras` goes, and the checkpoints of a training from random weights: outside of the
            pictures' folder, and without a training in it. With None nothing is written.
        resume: go on from the last checkpoint in `folder`. The result is the same as without the interruption. With
            more epochs in the recipe a finished training is prolonged.
        logs: "tensorboard" and "mlflow", for a training from random weights in a folder.
        notice: to be said once a training from random weights begins, when pictures and settings have been checked.

    Returns:
        A Run. The same parts and recipe give the same classifier on the same machine.

    Raises:
        InputTypeError: if parts, recipe, folder or logs are of another kind.
        InputError: if the parts cannot be trained on, the folder is that of the pictures or lies in it, or holds a
            training already and `resume` is not given, or pictures or settings of a resumed run have changed.
        FileError: if the folder or the cache cannot be written, or there is nothing to resume.
        TrainingError: if the loss is no number any more; the weights of the last whole epoch, or with early stopping of
            the best one, are kept in the folder.

    Example:
        >>> import fieldguide as fg
        >>> parts = fg.split(fg.Dataset.from_directory("photos"))
        >>> run = fg.train(parts, folder="runs/second")
        >>> run.classifier.class_names
        ('horses', 'humans')
    """
    require_parts(parts)
    require_recipe(recipe)
    refuse_unknown(logs)
    if isinstance(recipe, Recipe):
        require_buildable(recipe)
    require_resumable(recipe, folder, resume=resume, logs=logs)
    if folder is not None:
        folder = path_of("folder", folder, "runs/first")
        if resume:
            require_run_outside(folder, parts.train.source, asked="folder=")
        else:
            require_outside(folder, parts.train.source, asked="folder=")
            require_free(folder, resumable=isinstance(recipe, ScratchRecipe))
    place = require_writable(folder, _room(parts, recipe)) if folder is not None else None
    watch = Watch()
    if isinstance(recipe, ScratchRecipe):
        return _from_scratch(parts, recipe, place, watch, resume=resume, logs=logs, notice=notice)
    return _transferred(parts, recipe, place, watch)


def _room(parts: Parts, recipe: Recipe | ScratchRecipe | None) -> int:
    """Bytes that are written at the most."""
    if recipe is None:
        return ROOM_FOR_A_MODEL
    if isinstance(recipe, Recipe):
        head = ROOM_FOR_A_DENSE_HEAD if recipe.dense else 0
        return ROOM_FOR_A_MODEL + head + (0 if recipe.trunk.bundled else 4 * recipe.trunk.spec.parameters)
    parameters = recipe.net.parameters(units_for(len(parts.train.class_names)))
    return ROOM_FOR_THE_REST + 4 * parameters + checkpoints.room(parameters)


def _from_scratch(
    parts: Parts,
    recipe: ScratchRecipe,
    place: Path | None,
    watch: Watch,
    *,
    resume: bool,
    logs: Sequence[str],
    notice: str | None,
) -> Run:
    """A network trained from random weights."""
    with watch.stage("preparing"):
        store, rows = whole_store(parts, recipe.target_size, recipe.resize), watched(parts, recipe)
        kept = cache(lambda size: at_size(store, size, rows.fitted))
        training = Training(store, rows, recipe, place, logs, kept)
        if resume and place is not None:
            training.take_up(checkpoints.read(place))
    for line in filter(None, (notice, recipe.never_stops)):
        console.say(line)
    with watch.stage("training", before=training.seconds):
        try:
            training.run()
        except TrainingError:
            if place is not None and training.epochs:
                _classifier_of(training.result(), recipe, parts, store).save(place / MODEL_FILE)
            raise
        found = training.result()
    with watch.stage("promises"):
        promises = promises_of_net(found, training.watched, recipe, store, Origins.of(parts, store))
    classifier = _classifier_of(found, recipe, parts, store, promises)
    agreement = None
    if place is not None:
        with watch.stage("saving"):
            agreement = saved(classifier, place / MODEL_FILE, store)
    choices = Choices(
        how=training.watched.how,
        trials=(),
        penalty=0.0,
        class_weight_power=recipe.class_weights,
        temperature=found.temperature,
        held_out=found.held_out,
        fine_tuned=False,
        fine_tune_reason=f"trained from random weights: {found.ended}",
    )
    return Run(
        folder=place,
        classifier=classifier,
        parts=parts,
        recipe=recipe,
        epochs=found.epochs,
        choices=choices,
        train_accuracy=found.train_accuracy,
        stages=tuple(watch.stages),
        fingerprint=store.fingerprint,
        weights_note="random at the beginning: no other pictures than these were learnt from",
        agreement=agreement,
        decoded=store.decoded,
        schedules=training.schedules,
        promises=promises,
    )


def _classifier_of(
    found: Scratched, recipe: ScratchRecipe, parts: Parts, store: PixelStore, promises: Promises | None = None
) -> Classifier:
    """The classifier that a training from random weights has come to."""
    return Classifier(
        found.head.cooled(found.temperature),
        parts.train.class_names,
        net=recipe.net,
        resize=recipe.resize,
        weights=found.weights,
        temperature=found.temperature,
        seen=store.marks[: len(parts.train) + len(parts.validation)],
        naming=promises.naming if promises else None,
        novelty=promises.novelty if promises else None,
    )


def _transferred(parts: Parts, recipe: Recipe | None, place: Path | None, watch: Watch) -> Run:
    """A head on a network that has learnt from other pictures, perhaps with its last blocks fine-tuned."""
    with watch.stage("preparing"):
        recipe = recipe or Recipe.auto(parts.train)
        held_out = hold_out(parts, recipe)
        start = None if held_out.objection else recipe.start
        eye = Eye(recipe.trunk, _weights(recipe), recipe.target_size, start)
        recipe, tried = framed(recipe, parts, eye)
        store = whole_store(parts, recipe.target_size, recipe.resize)
    loading = threading.Thread(target=importlib.import_module, args=("keras",), daemon=True)
    with watch.stage("features"):
        if place is not None:
            loading.start()  # takes seconds, which the engine spends outside the interpreter's lock
        try:
            looking = Looking(eye, store, parts, recipe.augment)
            seen = looking.seen(1 if recipe.views_if_better else recipe.views)
        finally:
            # Also after an error: a program that ends while Keras is being loaded may crash. And the fits call NumPy
            # often and briefly, and would wait for the interpreter's lock at every call.
            if place is not None:
                with console.progress("Loading Keras", 0) as bar:
                    while loading.is_alive():
                        loading.join(0.1)
                        bar.advance(0)
    with watch.stage("head"):
        learnt = fit_head(seen, looking, recipe, held_out, tried)
    if recipe.larger is not None:
        with watch.stage("larger input"):
            learnt, looking, recipe = enlarged(learnt, looking, recipe, held_out)
            store = looking.store
    with watch.stage("fine-tuning"):
        learnt = fine_tuned(learnt, recipe, held_out)
    with watch.stage("promises"):
        promises = promises_of(learnt, Origins.of(parts, store), recipe)
    classifier = Classifier(
        learnt.head.cooled(learnt.choices.temperature),
        parts.train.class_names,
        target_size=recipe.target_size,
        resize=recipe.resize,
        trunk=learnt.seen.trunk,
        weights=learnt.weights,
        temperature=learnt.choices.temperature,
        seen=store.marks[: len(parts.train) + len(parts.validation)],
        naming=promises.naming,
        novelty=promises.novelty,
    )
    agreement = None
    if place is not None:
        with watch.stage("saving"):
            agreement = saved(classifier, place / MODEL_FILE, store)
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
        weights_note=_weights_note(recipe),
        agreement=agreement,
        decoded=store.decoded,
        held=learnt.held,
        answers=learnt.chosen.answers,
        looks=tuple(eye.looks),
        promises=promises,
    )


def _weights(recipe: Recipe) -> Mapping[str, np.ndarray] | None:
    """The weights of a backbone as arrays, None for the bundled ones."""
    if recipe.weights is None:
        return None
    console.say(f"Taking the weights of {recipe.trunk.spec.title}: {recipe.weights}")
    model = map_model(recipe.trunk, recipe.target_size, recipe.weights, seed=recipe.seed)
    return weights_of(model, recipe.trunk)


def _weights_note(recipe: Recipe) -> str:
    spec = backbone_named(recipe.backbone)
    if recipe.weights == "random":
        return f"{spec.title}: random weights, which have learnt from no pictures"
    if recipe.weights not in (None, "imagenet"):
        return f"{spec.title}: from {recipe.weights}, whose licence is not known here"
    return f"{spec.title}: {spec.source}; {spec.licence}"
