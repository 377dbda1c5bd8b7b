"""Which classes have no picture in the part that measures, so that no figure is about them, and why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fieldguide.data.check import LEVELS, Finding, Findings
from fieldguide.data.dataset import Dataset
from fieldguide.data.split import Parts
from fieldguide.data.twins import Twins
from fieldguide.words import counted

NAMED = 3  # classes, each with why


def with_unmeasured(findings: Findings, parts: Parts, dataset: Dataset, twins: Twins) -> Findings:
    """The findings and, before others as grave, a warning for each class that nothing is measured of.

    Args:
        findings: of the pictures.
        parts: that they were divided into. Where none measures at all, the result says that, and no class is named.
        dataset: that was divided.
        twins: by which it was.
    """
    without = [name for name, count in parts.test.counts.items() if not count] if len(parts.test) else []
    if not without:
        return findings
    found = [Finding("not measured", "warning", _why(name, parts, dataset, twins)) for name in without[:NAMED]]
    if (more := len(without) - NAMED) > 0:
        others = f"{counted(more, 'more class', 'more classes')} {'has' if more == 1 else 'have'}"
        found.append(Finding("not measured", "warning", f"{others} no {parts.measured} picture either"))
    ordered = sorted([*found, *findings.findings], key=lambda one: LEVELS.index(one.level))
    return replace(findings, findings=tuple(ordered))


def _why(name: str, parts: Parts, dataset: Dataset, twins: Twins) -> str:
    """That nothing is measured of a class, and what led to it."""
    untold = f"'{name}' has no {parts.measured} picture, and no figure says how well it is recognised"
    if parts.shares is None:
        return f"{untold}: the {'folder came without' if dataset.table is None else 'table names none'}"
    rows = dataset.labels == dataset.class_names.index(name)
    files, different = int(rows.sum()), len(np.unique(twins.groups[rows]))
    alike = "copies or frames of one film"
    if np.isin(twins.groups[rows], twins.groups[~rows]).any():
        taken = f"pictures of it are copies or look-alikes of pictures of other classes, and stay with them ({alike})"
        return f"{untold}: {taken}. See which with `fieldguide check`"
    if files == different:
        return f"{untold}: {counted(files, 'picture')} of it are too few to divide"
    if different == 1:
        taken = f"all its {files:,} pictures were taken for one group of look-alikes ({alike}), which stays together"
    else:
        taken = f"its {files:,} pictures come to only {different:,} different ones: look-alikes ({alike}) stay together"
    return f"{untold}: {taken}. Add pictures taken apart from these"
