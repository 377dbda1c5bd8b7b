"""A classifier brought back from its file."""

from __future__ import annotations

from pathlib import Path

from fieldguide import files
from fieldguide.errors import FileError, ModelError
from fieldguide.model import archive
from fieldguide.model.classifier import MODEL_FILE, Classifier
from fieldguide.model.sound import compare_readers, sound
from fieldguide.model.tag_classifier import TagClassifier
from fieldguide.model.trunk import BUNDLED


def load(path: str | Path) -> Classifier:
    """The classifier in a run folder or a `.keras` file that fieldguide wrote.

    Args:
        path: a run folder such as `runs/photos-20261123-1412`, or the `model.keras` in it.

    Returns:
        A Classifier; a TagClassifier where pictures have several labels.

    Raises:
        InputTypeError: if the path is none.
        FileError: if there is nothing to read.
        ModelError: if the file is damaged, of a newer version, or not fieldguide's.

    Warns:
        UserWarning: if pictures were read in another way when it was trained.

    Example:
        >>> import fieldguide as fg
        >>> fg.load("runs/first").class_names
        ('horses', 'humans')
    """
    path = files.path_of("path", path, "runs/first")
    with files.explained(path, "read the model"):
        if path.is_dir():
            if not (path / MODEL_FILE).exists():
                raise ModelError(
                    f"{path} holds no {MODEL_FILE}: name a run folder that `fieldguide train` finished, or a model."
                )
            path = path / MODEL_FILE
        if not path.exists():
            raise FileError(
                f"there is no model at {path}: name a run folder or a .keras file; `fieldguide train` makes one."
            )
        if not path.is_file():  # reading a pipe would wait for somebody to write to it
            raise FileError(f"{path} is a device or a pipe: a model is read from a file or a run folder.")
    note = archive.read_note(path)
    compare_readers(path, note)
    head, weights = sound(path, archive.read_weights(path), note)
    if note.thresholds:
        return TagClassifier(
            head,
            note.class_names,
            thresholds=note.thresholds,
            target_size=note.target_size,
            resize=note.resize,
            trunk=note.trunk or BUNDLED,
            weights=weights,
            temperature=note.temperature,
            seen=archive.read_seen(path),
        )
    novelty = archive.read_novelty(path, note)
    if novelty is not None and len(novelty.basis) > head.inputs:
        raise ModelError(
            f"{path} is damaged: what it knows of the pictures it learnt from is of {len(novelty.basis):,} features, "
            f"and its network has {head.inputs:,} only. Copy it again, or train it again."
        )
    return Classifier(
        head,
        note.class_names,
        target_size=note.target_size,
        resize=note.resize,
        trunk=note.trunk or BUNDLED,
        net=note.net,
        weights=weights,
        temperature=note.temperature,
        seen=archive.read_seen(path),
        naming=note.naming,
        novelty=novelty,
    )
