"""What the commands do where a table gives pictures several labels, or none."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from fieldguide.data.check import Findings
from fieldguide.data.tag_check import check_tags
from fieldguide.data.tagged import TaggedDataset
from fieldguide.evaluation.tag_evaluate import evaluate_tags
from fieldguide.evaluation.tag_metrics import TagScore
from fieldguide.flags import table_options
from fieldguide.model.classifier import Classifier
from fieldguide.tag_job import TagOutcome, refuse_for_tags, run_tag_job


def check_table(data: TaggedDataset, options: argparse.Namespace) -> Findings:
    """What `check` finds.

    Args:
        data: the pictures of the table.
        options: of the command.
    """
    refuse_for_tags(options.folder, {"--corrections": options.corrections})
    return check_tags(data)


def train_table(data: TaggedDataset, options: argparse.Namespace, asked: Mapping[str, Any]) -> TagOutcome:
    """What `train` comes to.

    Args:
        data: the pictures of the table.
        options: of the command.
        asked: settings of a training that were given.
    """
    given = {f"--{name.replace('_', '-')}": True for name in asked}
    beside = {"--folds": options.folds, "--corrections": options.corrections, "--log": options.log}
    refuse_for_tags(options.folder, {"--recipe": options.recipe, **beside, **given})
    return run_tag_job(
        data,
        folder=options.output,
        validation=options.validation,
        test=options.test,
        seed=options.seed or 0,
    )


def evaluate_table(classifier: Classifier, options: argparse.Namespace) -> TagScore:
    """What `evaluate` finds.

    Args:
        classifier: of several labels.
        options: of the command.
    """
    data = TaggedDataset.from_options(options.folder, table_options(options), fewest_classes=1)
    return evaluate_tags(classifier, data, part=options.folder.stem, include_seen=options.include_seen)
