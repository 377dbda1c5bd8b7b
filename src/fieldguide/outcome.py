"""What the main job came to, and how the terminal says it: one screen."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from fieldguide.console import called, clock
from fieldguide.data.check import Findings
from fieldguide.evaluation.ailment import Ailment
from fieldguide.evaluation.diagnose import Diagnosis
from fieldguide.evaluation.evidence import on_leaks
from fieldguide.evaluation.folds import on_the_spread
from fieldguide.evaluation.metrics import Score
from fieldguide.evaluation.remedies import Remedy
from fieldguide.evaluation.replied import on_the_promises
from fieldguide.model.classifier import MODEL_FILE
from fieldguide.reporting.card import CARD_FILE, SKIPPED_FILE
from fieldguide.reporting.diagnosis import SURE
from fieldguide.reporting.sections import covered, independence, why_unmeasured
from fieldguide.summary import in_blocks, line, whole
from fieldguide.training.fit import Run
from fieldguide.training.record import Stage
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.watching import OUT_OF_TRAIN
from fieldguide.words import counted

REPORT_FILE = "report.html"
CLASSIFY = "Classify new pictures"
SHOWN_FINDINGS, SHOWN_PATHS = 3, 2  # of each level, of each finding: the summary is one screen


def on_findings(findings: Findings) -> list[str]:
    """The problems and warnings of pictures in lines of the summary, each with the first files that it concerns.

    Args:
        findings: from a check.
    """
    lines = []
    for level in ("problem", "warning"):
        for finding in [one for one in findings.findings if one.level == level][:SHOWN_FINDINGS]:
            lines.append(line(level.capitalize(), finding.text))
            lines += [whole("", f"  {path}") for path in finding.paths[:SHOWN_PATHS]]
            if len(finding.paths) > SHOWN_PATHS:
                place = SKIPPED_FILE if finding.kind == "skipped" else CARD_FILE
                lines.append(line("", f"  ... and {len(finding.paths) - SHOWN_PATHS:,} more, in {place}"))
    if notes := sum(finding.level == "note" for finding in findings.findings):
        lines.append(line("Notes", f"{counted(notes, 'note')}, in the report"))
    return lines


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the main job came to."""

    folder: Path
    findings: Findings
    run: Run
    score: Score | None  # None where no picture was kept to measure with
    diagnosis: Diagnosis | None
    stages: tuple[Stage, ...]
    seconds: float  # of this process

    def __str__(self) -> str:
        return in_blocks(self._data(), self._recipe(), self._result(), self._places())

    def to_dict(self) -> dict[str, object]:
        """The result, ready for JSON; `card.json` in the folder has all of it."""
        return {
            "folder": str(self.folder),
            "class_names": list(self.run.classifier.class_names),
            "parts": self.run.parts.to_dict(),
            "metrics": self.score.to_dict() if self.score else None,
            "verdict": self.diagnosis.verdict if self.diagnosis else None,
            "diagnosis": self.diagnosis.to_dict() if self.diagnosis else None,
            "findings": self.findings.to_dict()["findings"],
            "skipped": len(self.findings.skipped) - self.findings.missing,
            "missing": self.findings.missing,
            "seconds": round(self.seconds, 2),
            "next": self.next.to_dict(),
        }

    @property
    def next(self) -> Remedy:
        """What is to be tried first against what ails it; if nothing does, the classifier."""
        for one in self._ill()[:1]:
            if one.remedy is not None:
                return one.remedy
        return Remedy(CLASSIFY, f"fieldguide predict {shlex.quote(str(self.folder))} NEW-PICTURES")

    def _data(self) -> list[str]:
        found, parts = self.findings, self.run.parts
        divided = parts.how if self.score and self.score.folds else f"{parts}; {parts.how}"
        lines = [line("Pictures", f"{found.tally}; {len(found.counts)} classes"), line("Divided", divided)]
        if found.corrected is not None:
            lines.append(line("Corrected", f"{found.corrected}, by {found.corrected.file}"))
        if isinstance(self.run.recipe, ScratchRecipe) and OUT_OF_TRAIN in (how := self.run.choices.how):
            lines.append(line("", f"({how})"))
        lines += on_findings(found)
        return lines

    def _recipe(self) -> list[str]:
        recipe, choices = self.run.recipe, self.run.choices
        if isinstance(recipe, ScratchRecipe):
            planned = [*recipe.reasons, f"watched after each epoch: {choices.how}"]
            became = [choices.fine_tune_reason]
        else:
            planned = [*recipe.reasons, *([choices.judged_by] if choices.judged_by else [])]
            became = [f"the head reads {choices.reading}"] if choices.reading else []
            became += [f"fine-tuning {choices.fine_tune_reason}"] if recipe.fine_tune_epochs else []
            became.append(f"{choices.trained:,} parameters trained, {choices.frozen:,} frozen")
        return [
            line("" if place else title, said)
            for title, lines in (("Recipe", planned), ("Chosen", became))
            for place, said in enumerate(lines)
        ]

    def _result(self) -> list[str]:
        score = self.score
        if score is None:
            return [line("Result", why_unmeasured(self.run.parts)), *self._verdict()]
        counts = "; choices were made by it, on other pictures" if self.run.choices.by_classes else ""
        lines = [
            line("Result", f"accuracy {score.accuracy.percent}, n={score.n:,} {score.pictures}{covered(score)}"),
            *([line("", on_the_spread(score.folds))] if score.folds else []),
            line("", f"({independence(self.run, score)})"),
            *([line("", on_leaks(self.run.parts, score))] if score.seen else []),
            line("", f"balanced accuracy {score.balanced_accuracy.percent}{counts}"),
            line("", f"calibration error {score.calibration_error}"),
            *(line("", said) for said in self._promises(score)),
        ]
        return lines + self._verdict()

    def _promises(self, score: Score) -> list[str]:
        """Whether the true class was named as often as promised, the classes of which it was not, and what is not."""
        why = self.run.promises.why
        if score.replied is None:
            return [*why]
        first, *others = on_the_promises(score.replied)
        return [first, *(each for each in others if each.startswith("  less often")), *why]

    def _verdict(self) -> list[str]:
        """The verdict, and of a training from scratch how sure it is and what else ails it."""
        if self.diagnosis is None:
            return []
        ill = self._ill()
        sure = [line("", f"({SURE[ill[0].sure]})")] if ill else []
        return [
            line("Verdict", self.diagnosis.verdict),
            *sure,
            *(line("Besides", f"{one.sentence} ({one.sure})") for one in ill[1:]),
        ]

    def _ill(self) -> list[Ailment]:
        return [one for one in self.diagnosis.ailments if one.ill] if self.diagnosis else []

    def _places(self) -> list[str]:
        spent = "; ".join(f"{stage.name} {stage.seconds:.1f}" for stage in self.stages if stage.seconds >= 0.05)
        earlier = sum(stage.before for stage in self.stages)
        resumed = f" now, {clock(earlier)} before it was resumed" if earlier else ""
        return [
            line("Time", f"{clock(self.seconds)}{resumed} ({spent})"),
            whole("Report", str(self.folder / REPORT_FILE)),
            whole("Model", str(self.folder / MODEL_FILE)),
            *self._next(),
        ]

    def _next(self) -> list[str]:
        """The same as it can be called from here, against an ailment with what it is for."""
        if self.next.what == CLASSIFY:
            return [whole("Try next", called(self.next.command))]
        return [line("Try next", f"{self.next.what}:"), whole("", called(self.next.command))]
