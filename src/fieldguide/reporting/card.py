"""What a run leaves in its folder besides the model and the page: the card and three tables."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import platform
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

from fieldguide.data.check import Findings
from fieldguide.data.dataset import relative
from fieldguide.data.decode import BACKGROUND, DECODER_VERSION
from fieldguide.evaluation.diagnose import Diagnosis
from fieldguide.evaluation.doubted import doubted
from fieldguide.evaluation.explain import margins
from fieldguide.evaluation.metrics import Score
from fieldguide.evaluation.suspect_table import SUSPECTS_FILE, write_suspects
from fieldguide.files import write_text
from fieldguide.model.note import FORMAT
from fieldguide.model.predictions import columns
from fieldguide.training.fit import Run
from fieldguide.training.record import Epoch
from fieldguide.version import __version__

CARD_FILE, SKIPPED_FILE, PREDICTIONS_FILE = "card.json", "skipped.csv", "predictions.csv"
PREDICTION_COLUMNS = ("file", "part", "label", "predicted", "margin")
_PACKAGES = (
    "keras",
    "tensorflow",
    "tensorflow-cpu",
    "jax",
    "ai-edge-litert",
    "numpy",
    "scipy",
    "opencv-python-headless",
    "pillow",
)


def card(
    run: Run,
    score: Score | None,
    *,
    findings: Findings,
    diagnosis: Diagnosis | None,
    command: str | None = None,
) -> dict[str, object]:
    """What the classifier is, what it was made from and what it is worth, ready for JSON.

    Args:
        run: from `train`.
        score: on pictures that chose nothing; None where none were kept for it.
        findings: from `check`.
        diagnosis: from `diagnose`.
        command: that makes the same run again; a line for each step.
    """
    classifier = run.classifier
    return {
        "format": FORMAT,
        "fieldguide": __version__,
        "class_names": list(classifier.class_names),
        "input": {
            "target_size": list(classifier.target_size),
            "resize": classifier.resize,
            "pixels": "RGB, 0..255, after EXIF orientation",
            "background": list(BACKGROUND),
            "decoder": DECODER_VERSION,
        },
        "output": "sigmoid: probability of the second class" if len(classifier.class_names) == 2 else "softmax",
        "temperature": classifier.temperature,
        "data": {**findings.to_dict(), "fingerprint": run.fingerprint},
        "measured_on": score.part if score else None,
        "metrics": score.to_dict() if score else None,
        "diagnosis": diagnosis.to_dict() if diagnosis else None,
        **run.to_dict(),
        "command": command,
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that computed something, and the machine's kind."""
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def write_card(
    run: Run,
    score: Score | None,
    *,
    findings: Findings,
    diagnosis: Diagnosis | None,
    command: str | None = None,
) -> Path:
    """Writes card.json into the run's folder, atomically.

    Raises:
        FileError: if it cannot be written.
    """
    path = _folder_of(run) / CARD_FILE
    fields = card(run, score, findings=findings, diagnosis=diagnosis, command=command)
    text = json.dumps(fields, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")
    return path


def write_tables(run: Run, score: Score | None, findings: Findings) -> None:
    """Writes history.csv, skipped.csv, suspects.csv and, of a score, predictions.csv into the run's folder.

    Each is written atomically. Where no label can be doubted there is no suspects.csv.

    Raises:
        FileError: if they cannot be written.
    """
    folder, root = _folder_of(run), Path(findings.root)
    skipped = ([relative(entry.path, root), entry.reason] for entry in findings.skipped)
    _write_csv(folder / SKIPPED_FILE, ["file", "reason"], skipped)
    fields = [field.name for field in dataclasses.fields(Epoch)]
    history = ([epoch.to_dict()[field] for field in fields] for epoch in run.epochs)
    _write_csv(folder / "history.csv", fields, history)
    if (found := doubted(run)) is not None:
        write_suspects(folder / SUSPECTS_FILE, found.suspects, found.files)
    if score is not None:
        _write_csv(folder / PREDICTIONS_FILE, columns(PREDICTION_COLUMNS, score.class_names), _rows(score))


def _folder_of(run: Run) -> Path:
    if run.folder is None:
        raise ValueError("the run has no folder")
    return run.folder


def _rows(score: Score) -> Iterable[Sequence[object]]:
    names = score.class_names
    fold_of = {int(row): number for number, fold in enumerate(score.folds, start=1) for row in fold.rows}
    lead = margins(score.probabilities)
    for row, name in enumerate(score.names):
        part = f"fold {fold_of[row]}" if score.folds else score.part
        shares = [f"{share:.6f}" for share in score.probabilities[row]]
        yield [name, part, names[score.labels[row]], names[score.predicted[row]], f"{lead[row]:.6f}", *shares]


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, text.getvalue())
