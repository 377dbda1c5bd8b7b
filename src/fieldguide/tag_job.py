"""The main job for pictures of several labels, in one call: check, split, train, measure, report."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass, replace
from pathlib import Path

from fieldguide.asked import Asked
from fieldguide.console import called, clock
from fieldguide.data.check import Findings
from fieldguide.data.columns import TableOptions
from fieldguide.data.labelled import FOLDERS
from fieldguide.data.pixels import PixelStore
from fieldguide.data.tag_check import check_tags
from fieldguide.data.tag_split import split_readable
from fieldguide.data.tagged import TaggedDataset
from fieldguide.data.twins import find_twins
from fieldguide.errors import InputError
from fieldguide.evaluation.tag_evaluate import evaluate_tags
from fieldguide.evaluation.tag_metrics import TagScore, class_lines
from fieldguide.evaluation.tag_verdict import tag_verdict
from fieldguide.job import new_folder
from fieldguide.model.classifier import MODEL_FILE
from fieldguide.outcome import CLASSIFY, REPORT_FILE, on_findings
from fieldguide.reporting.sections import why_unmeasured
from fieldguide.reporting.tag_card import write_tag_files
from fieldguide.reporting.tag_page import tag_report
from fieldguide.summary import in_blocks, line, whole
from fieldguide.training.record import Stage, Watch, merged
from fieldguide.training.tagging import TagRun, train_tags
from fieldguide.training.wishes import Wishes

RECIPES = ("auto", "features")


@dataclass(frozen=True, eq=False)
class TagOutcome:
    """What the main job came to, for several labels."""

    folder: Path
    findings: Findings
    run: TagRun
    score: TagScore | None  # None where no picture was kept to measure with
    verdict: str | None
    stages: tuple[Stage, ...]
    seconds: float

    def __str__(self) -> str:
        return in_blocks(self._data(), self._recipe(), self._result(), self._places())

    def to_dict(self) -> dict[str, object]:
        """The result, ready for JSON; `card.json` in the folder has all of it."""
        return {
            "folder": str(self.folder),
            "class_names": list(self.run.classifier.class_names),
            "several_labels": True,
            "parts": self.run.parts.to_dict(),
            "metrics": self.score.to_dict() if self.score else None,
            "verdict": self.verdict,
            "findings": self.findings.to_dict()["findings"],
            "skipped": len(self.findings.skipped) - self.findings.missing,
            "missing": self.findings.missing,
            "seconds": round(self.seconds, 2),
            "next": {"what": CLASSIFY, "command": self.next},
        }

    @property
    def next(self) -> str:
        """The command to try next."""
        return f"fieldguide predict {shlex.quote(str(self.folder))} NEW-PICTURES"

    def _data(self) -> list[str]:
        found, parts = self.findings, self.run.parts
        none = sum(part.unlabelled for part in (parts.train, parts.validation, parts.test))
        of_none = f" ({none:,} of none)" if none else ""
        return [
            line("Pictures", f"{found.tally}; {len(found.counts)} classes, several or none for a picture{of_none}"),
            line("Divided", f"{parts}; {parts.how}"),
            *on_findings(found),
        ]

    def _recipe(self) -> list[str]:
        reasons = [*self.run.reasons, f"chosen {self.run.how}; the head reads {self.run.reading}"]
        return [line("" if place else "Recipe", reason) for place, reason in enumerate(reasons)]

    def _result(self) -> list[str]:
        score = self.score
        if score is None:
            return [line("Result", why_unmeasured(self.run.parts))]
        known = score.mean_average_precision
        lines = [
            line("Result", f"mean average precision {known}, n={score.n:,} {score.pictures}"),
            line("", "(they took no part in the training or in any choice)"),
            line("", f"all labels right for {score.exact.percent}"),
            "",
            *class_lines(score.classes),
            "",
        ]
        return [*lines, line("Verdict", self.verdict or "")]

    def _places(self) -> list[str]:
        spent = "; ".join(f"{stage.name} {stage.seconds:.1f}" for stage in self.stages if stage.seconds >= 0.05)
        return [
            line("Time", f"{clock(self.seconds)} ({spent})"),
            whole("Report", str(self.folder / REPORT_FILE)),
            whole("Model", str(self.folder / MODEL_FILE)),
            whole("Try next", called(self.next)),
        ]


def run_tag_job(
    source: str | Path | TaggedDataset,
    *,
    folder: str | Path | None = None,
    validation: float | None = None,
    test: float | None = None,
    seed: int = 0,
    table: TableOptions = FOLDERS,
) -> TagOutcome:
    """A run folder with classifier, card, tables and report, from a table of pictures with several labels.

    Args:
        source: the table, or what was read from it.
        folder: where the run goes; default a new one in `runs/`, named after the table and the time.
        validation: share of the pictures that make choices; with 0, the default, they are made out of fold.
        test: share of the pictures that only measure, by default 0.2.
        seed: of everything random.
        table: what is said of the table, if it is still to be read.

    Raises:
        InputError: if the pictures cannot be trained on or divided so, a share is given for a table that says the
            parts, or the folder is taken.
        FileError: if something cannot be read or written.
    """
    started = time.perf_counter()
    read = source if isinstance(source, TaggedDataset) else None
    if isinstance(source, TaggedDataset):
        table = source.table.options
        source = source.table.path
    asked = Asked(Path(source), validation, test, seed, Wishes(), table=table)
    chooses, measures = asked.shares()  # refused now, before anything is read
    watch = Watch()
    with watch.stage("reading pictures"):
        data = TaggedDataset.from_options(source, table) if read is None else read
    given = [flag for flag, share in (("--validation", validation), ("--test", test)) if share is not None]
    if data.given is not None and len(set(data.given.tolist())) > 1 and given:
        raise InputError(f"{source} says which picture is of which part: leave out {' and '.join(given)}.")
    with new_folder(Path(source), folder) as place:
        with watch.stage("reading pictures"):
            store = PixelStore.build(data.pictures)
            data = data.readable(store.dataset)
        with watch.stage("checking, dividing"):
            twins = find_twins(store)
            findings = check_tags(data, store, twins)
            parts = split_readable(data, twins, validation=chooses, test=measures, seed=seed)
        run = train_tags(parts, folder=place, seed=seed)
        watch.stages += run.stages
        with watch.stage("measuring"):
            score = _measured(run)
            verdict = None if score is None else tag_verdict(run, score)
        command = asked.command()
        with watch.stage("report"):
            run = replace(run, stages=merged(watch.stages))
            tag_report(run, score, place / REPORT_FILE, findings=findings, command=command)
        run = replace(run, stages=merged(watch.stages))
        write_tag_files(run, score, place, findings=findings, verdict=verdict, command=command)
    return TagOutcome(place, findings, run, score, verdict, run.stages, time.perf_counter() - started)


def refuse_for_tags(source: Path, asked: dict[str, object]) -> None:
    """Sees to it that nothing is asked for that is done for pictures of one label only.

    Args:
        source: the table.
        asked: flag -> what was given; None or nothing where it was left out.

    Raises:
        InputError: something is.
    """
    recipe = asked.get("--recipe")
    if recipe is not None and recipe not in RECIPES:
        raise InputError(
            f"--recipe is {recipe}, and {source} gives pictures several labels, which are learnt on a frozen backbone "
            f"only: give {' or '.join(RECIPES)}, or leave it out."
        )
    beside = [
        flag
        for flag, value in asked.items()
        if flag != "--recipe" and value is not None and value is not False and value not in ((), [])
    ]
    if beside:
        raise InputError(
            f"{', '.join(beside)} {'is' if len(beside) == 1 else 'are'} for pictures with one label each, and {source} "
            "gives them several, or none: leave that out, or give each one label."
        )


def _measured(run: TagRun) -> TagScore | None:
    """The score on the pictures that were kept for it and stand in no other part; None where there are none."""
    parts = run.parts
    if len(parts.leaked_measured) == len(parts.test):
        return None
    return evaluate_tags(run.classifier, parts.test, part=parts.measured, seed=parts.seed, leaked=parts.leaked_measured)
