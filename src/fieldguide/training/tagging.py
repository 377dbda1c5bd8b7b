"""From divided pictures of several labels to a classifier: features, a head, thresholds, calibration, saving."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fieldguide.bounds import whole as whole_number
from fieldguide.data.arguments import said
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.data.tag_split import TagParts
from fieldguide.errors import InputError, InputTypeError
from fieldguide.files import path_of, require_writable
from fieldguide.model.backbones import backbone
from fieldguide.model.classifier import MODEL_FILE
from fieldguide.model.tag_classifier import TagClassifier
from fieldguide.model.trunk import BUNDLED
from fieldguide.training import features as frozen
from fieldguide.training.arguments import require_free
from fieldguide.training.logistic import Examples
from fieldguide.training.recipe import Recipe
from fieldguide.training.record import Stage, Watch
from fieldguide.training.saving import saved
from fieldguide.training.stores import store_of
from fieldguide.training.tag_choose import TagChosen, choose_tags, clearly_lower, fitted_tags, tag_folds
from fieldguide.training.thresholds import Threshold

ROOM = 60_000_000  # bytes, of the backbone with a head
FEWEST_HELD_OUT = 2  # different pictures, to choose anything by


@dataclass(frozen=True, eq=False)
class TagRun:
    """A finished training for several labels."""

    folder: Path | None  # where model.keras was written
    classifier: TagClassifier
    parts: TagParts
    reasons: tuple[str, ...]  # one line for each thing that was chosen before anything was fitted
    how: str  # pictures were held out to choose by
    penalties: tuple[float, ...]  # L2, of each class
    thresholds: tuple[Threshold, ...]  # of each class
    reading: str  # what the head reads, in words
    held_out: TagChosen  # what was said of the pictures that chose
    train_probabilities: np.ndarray  # float32 (n, classes), of the pictures that it was fitted to
    stages: tuple[Stage, ...]
    fingerprint: str  # of the training pictures and labels
    weights_note: str  # licence and source of the backbone's weights
    agreement: float | None  # largest difference between the saved Keras model's probabilities and the engine's

    def __str__(self) -> str:
        seconds = sum(stage.seconds for stage in self.stages)
        return f"{self.classifier!r}, trained on {len(self.parts.train):,} pictures in {seconds:.1f} s"

    def to_dict(self) -> dict[str, object]:
        """What was done, ready for JSON."""
        tried = [{"penalty": penalty, "loss": loss} for penalty, loss in self.held_out.tried]
        return {
            "recipe": {"reasons": list(self.reasons), "reading": self.reading},
            "parts": self.parts.to_dict(),
            "choices": {
                "how": self.how,
                "penalties": list(self.penalties),
                "thresholds": [each.to_dict() for each in self.thresholds],
                "temperature": self.classifier.temperature,
                "tried": tried,
            },
            "seconds": {stage.name: round(stage.seconds, 3) for stage in self.stages},
            "fingerprint": self.fingerprint,
            "weights": self.weights_note,
            "agreement": self.agreement,
        }


def train_tags(parts: TagParts, *, folder: str | Path | None = None, seed: int = 0) -> TagRun:
    """A classifier for several labels, trained, calibrated, and with a threshold for each class.

    The bundled backbone stays as it is. Each class is a logistic regression of its own on what that sees, its penalty
    and its threshold chosen on pictures that were held out of the fits: those of `parts.validation`, or where it is
    empty, parts of `parts.train`. `parts.test` chooses nothing.

    Args:
        parts: from `split_tags`.
        folder: where `model.keras` goes; with None nothing is written.
        seed: of the folds.

    Returns:
        A TagRun. The same parts and seed give the same classifier on the same machine.

    Raises:
        InputTypeError: if parts, folder or seed are of another kind.
        InputError: if the parts cannot be trained on, or the folder holds a training already.
        FileError: if the folder or the cache cannot be written.

    Example:
        >>> import fieldguide as fg
        >>> files = [*sorted(Path("photos/horses").iterdir())[1:25], *sorted(Path("photos/humans").iterdir())[1:25]]
        >>> rows = [f"{file},{'horse' if file.parent.name == 'horses' else 'human;upright'}" for file in files]
        >>> _ = Path("tags.csv").write_text("\\n".join(["file,labels", *rows]) + "\\n")
        >>> parts = fg.split_tags(fg.TaggedDataset.from_table("tags.csv"), test=0.25)
        >>> run = fg.train_tags(parts)
        >>> run.classifier.class_names, len(run.thresholds)
        (('horse', 'human', 'upright'), 3)
    """
    if not isinstance(parts, TagParts):
        raise InputTypeError(f"parts is {said(parts)}; expected parts of several labels, as fg.split_tags gives them.")
    seed = whole_number("seed", seed, "a whole number, 0 or larger", least=0)
    place = None
    if folder is not None:
        place = path_of("folder", folder, "runs/first")
        require_free(place, resumable=False)
        place = require_writable(place, ROOM)
    watch = Watch()
    with watch.stage("preparing"):
        recipe = recipe_for(PixelStore.build(parts.train.pictures), seed)
        store = store_of(_whole(parts), recipe.target_size, recipe.resize)
        learnt = len(parts.train)
        labels = np.concatenate([parts.train.labels, parts.validation.labels])
        folds, how = tag_folds(parts, folds=recipe.folds, seed=seed)
        if not folds or sum(len(fold.held) for fold in folds) < FEWEST_HELD_OUT:
            raise InputError(f"{parts.train.table.path} has too few different pictures to hold some out: add rows.")
    with watch.stage("features"):
        seen = frozen.compute(store, trunk=recipe.trunk).values
    with watch.stage("head"):
        width = BUNDLED.features(recipe.target_size)
        trunk, reading = BUNDLED, "the last map"
        values = np.ascontiguousarray(seen[: len(labels), -width:])
        examples = Examples(values, labels, labels.shape[1])
        chosen = choose_tags(examples, folds, recipe.penalties)
        if seen.shape[1] > width:
            more = Examples(np.ascontiguousarray(seen[: len(labels)]), labels, labels.shape[1])
            if clearly_lower(other := choose_tags(more, folds, recipe.penalties), chosen):
                trunk, reading, examples, chosen = recipe.trunk, "the maps of all blocks", more, other
        head = fitted_tags(examples, np.arange(learnt), chosen.penalties).cooled(chosen.temperature)
    classifier = TagClassifier(
        head,
        parts.train.class_names,
        thresholds=[each.value for each in chosen.thresholds],
        target_size=recipe.target_size,
        resize=recipe.resize,
        trunk=trunk,
        temperature=chosen.temperature,
        seen=store.marks[: len(labels)],
    )
    agreement = None
    if place is not None:
        with watch.stage("saving"):
            agreement = saved(classifier, place / MODEL_FILE, store)
    known = backbone(recipe.backbone)
    return TagRun(
        folder=place,
        classifier=classifier,
        parts=parts,
        reasons=recipe.reasons,
        how=how,
        penalties=tuple(chosen.penalties.tolist()),
        thresholds=chosen.thresholds,
        reading=reading,
        held_out=chosen,
        train_probabilities=head.probabilities(examples.features[:learnt]),
        stages=tuple(watch.stages),
        fingerprint=_fingerprint(store, labels, parts.train.class_names),
        weights_note=f"{known.title}: {known.source}; {known.licence}",
        agreement=agreement,
    )


def recipe_for(store: PixelStore, seed: int) -> Recipe:
    """How these pictures are seen, with the reason for each choice.

    Args:
        store: of the training pictures.
        seed: of everything random.
    """
    recipe = Recipe.auto(store, seed=seed, fine_tune=False)
    about_size = recipe.reasons[1]
    if recipe.resize == "auto":  # a label may be of what stands at an edge, and a crop would cut it off
        recipe = recipe.with_(resize="pad")
        about_size += "; bars added, so that nothing is cut off that a label may be of"
    maps = "the maps of all blocks where they are clearly better on held-out pictures, else the last one"
    reasons = (
        f"backbone {backbone(recipe.backbone).title}: comes with fieldguide, and stays as it is",
        about_size,
        "head: a sigmoid for each class with binary cross-entropy, its L2 penalty chosen on held-out pictures",
        f"it reads {maps if recipe.maps == 'auto' else 'the last map'}",
        "a threshold for each class: the highest F1 on held-out pictures",
    )
    return recipe.with_(reasons=reasons, views=1, views_if_better=False)


def _whole(parts: TagParts) -> Dataset:
    """The pictures of all parts as one data set: train, then validation, then test."""
    every = [part.pictures for part in (parts.train, parts.validation, parts.test)]
    paths = tuple(path for part in every for path in part.paths)
    return replace(every[0], paths=paths, labels=np.zeros(len(paths), np.int32), given=None, skipped=())


def _fingerprint(store: PixelStore, labels: np.ndarray, class_names: tuple[str, ...]) -> str:
    """One name for these pictures and labels, whatever their place and order."""
    names = [name.encode("utf-8", "surrogateescape") for name in class_names]
    entries = sorted(
        digest + b"\0".join(names[label] for label in np.flatnonzero(row))
        for digest, row in zip(store.digests[: len(labels)], labels, strict=True)
    )
    return hashlib.blake2b(b"".join(entries), digest_size=16).hexdigest()
