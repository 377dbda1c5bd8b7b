"""What a run for several labels leaves in its folder besides the model and the page: the card and two tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from fieldguide.data.check import Findings
from fieldguide.data.dataset import relative
from fieldguide.data.decode import BACKGROUND, DECODER_VERSION
from fieldguide.data.tables import table_text
from fieldguide.evaluation.tag_metrics import TagScore
from fieldguide.files import write_text
from fieldguide.model.note import FORMAT
from fieldguide.model.predictions import columns
from fieldguide.model.tag_predictions import JOINED
from fieldguide.reporting.card import CARD_FILE, SKIPPED_FILE, versions
from fieldguide.training.tagging import TagRun
from fieldguide.version import __version__


def tag_card(
    run: TagRun, score: TagScore | None, *, findings: Findings, verdict: str | None, command: str
) -> dict[str, object]:
    """What the classifier is, what it was made from and what it is worth, ready for JSON.

    Args:
        run: from `train_tags`.
        score: on pictures that chose nothing; None where none were kept for it.
        findings: from `check_tags`.
        verdict: in a sentence; None where nothing was measured.
        command: that makes the same run again.
    """
    classifier = run.classifier
    return {
        "format": FORMAT,
        "fieldguide": __version__,
        "class_names": list(classifier.class_names),
        "several_labels": True,
        "thresholds": list(classifier.thresholds),
        "input": {
            "target_size": list(classifier.target_size),
            "resize": classifier.resize,
            "pixels": "RGB, 0..255, after EXIF orientation",
            "background": list(BACKGROUND),
            "decoder": DECODER_VERSION,
        },
        "output": "sigmoid: probability of each class, by itself",
        "temperature": classifier.temperature,
        "data": {**findings.to_dict(), "fingerprint": run.fingerprint},
        "measured_on": score.part if score else None,
        "metrics": score.to_dict() if score else None,
        "verdict": verdict,
        **run.to_dict(),
        "command": command,
        "versions": versions(),
    }


def write_tag_files(
    run: TagRun, score: TagScore | None, folder: Path, *, findings: Findings, verdict: str | None, command: str
) -> None:
    """Writes skipped.csv, predictions.csv and card.json into the run's folder, each atomically, the card last.

    Args:
        run: from `train_tags`.
        score: as of `tag_card`.
        folder: of the run.
        findings: as of `tag_card`.
        verdict: as of `tag_card`.
        command: as of `tag_card`.

    Raises:
        FileError: if they cannot be written.
    """
    root = Path(findings.root)
    skipped = [[relative(entry.path, root), entry.reason] for entry in findings.skipped]
    write_text(folder / SKIPPED_FILE, table_text([["file", "reason"], *skipped]))
    if score is not None:
        write_text(folder / "predictions.csv", table_text(_predictions(score)))
    fields = tag_card(run, score, findings=findings, verdict=verdict, command=command)
    write_text(folder / CARD_FILE, json.dumps(fields, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _predictions(score: TagScore) -> list[list[str]]:
    names, said = np.array(score.class_names, object), score.said
    rows = [columns(("file", "part", "labels", "said"), score.class_names)]
    for row, file in enumerate(score.names):
        sets = [JOINED.join(names[each[row]]) for each in (score.labels, said)]
        rows.append([file, score.part, *sets, *(f"{share:.6f}" for share in score.probabilities[row])])
    return rows
