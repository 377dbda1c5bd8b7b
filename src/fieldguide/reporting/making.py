"""How a run came about, folded away at the end of its report: choices, time, recipe, versions, what is where."""

from __future__ import annotations

import platform
from collections.abc import Mapping

from fieldguide.console import clock
from fieldguide.evaluation.doubted import doubted
from fieldguide.evaluation.suspect_table import SUSPECTS_FILE
from fieldguide.reporting import plots
from fieldguide.reporting.card import versions
from fieldguide.reporting.markup import bullets, details, escape, name, percent, scrolling, section
from fieldguide.reporting.passes import passes
from fieldguide.training.fit import Run
from fieldguide.training.record import Trial
from fieldguide.training.scratch_recipe import ScratchRecipe

RUN_FILES = {
    "model.keras": "the classifier: pixels in, probabilities out",
    "card.json": "classes, input size, data fingerprint, all figures of this page, versions",
    "report.html": "this page",
    "history.csv": "the curves",
    "predictions.csv": "every measured picture with its probabilities, and the margin between its first two classes",
    "skipped.csv": "files that were left out, and why",
}

DOUBTED_FILES = {SUSPECTS_FILE: "the pictures that were learnt from, the label most in doubt first"}
CORRECTED_FILES = {"corrected.csv": "the corrections that its labels are by"}

SCRATCH_FILES = {
    "asked.json": "what was asked for, so that it can be resumed",
    "checkpoints": "a folder: where the training stands, so that epochs can be added",
}

_BALANCED_HEAD = '<th scope="col" class="number">balanced accuracy</th>'


def making(run: Run, command: str | None = None, *, measured: bool = True) -> str:
    """Choices, time, recipe, versions, and what is in the run folder.

    Args:
        run: from `train`.
        measured: whether there is a score.
        command: that repeats it, if there is one; a line for each step.
    """
    total = sum(stage.seconds for stage in run.stages)
    return section(
        "making",
        "How it was made",
        details("What was chosen, and on what", _choices(run))
        + details(f"How the time was spent: {clock(total)}", _times(run, total))
        + details("Recipe and reasons", bullets([escape(reason) for reason in run.recipe.reasons]) + _recipe(run))
        + details("Versions, seed, fingerprint, licence", _origins(run))
        + (details("To repeat it", _repeat(command)) if command else "")
        + details("What is in the run folder", _folder(run, measured)),
    )


def _choices(run: Run) -> str:
    choices = run.choices
    if isinstance(run.recipe, ScratchRecipe):
        return (
            f"<p>After each epoch it was measured on {escape(choices.how)}; {escape(choices.fine_tune_reason)}.</p>"
            f"<p>Temperature {choices.temperature:.2f}. Class weights: power {choices.class_weight_power:g} "
            "(0: every picture counts alike; 1: every class).</p>"
        )
    balanced = any(trial.balanced is not None for trial in choices.trials)
    rows = "".join(
        f'<tr><th scope="row">{escape(trial.name)}</th><td class="number">{trial.loss:.4f}</td>'
        f'<td class="number">{percent(trial.accuracy)}</td>'
        + (f'<td class="number">{_balanced(trial)}</td>' if balanced else "")
        + f"<td>{'chosen' if trial.chosen else ''}</td></tr>"
        for trial in choices.trials
    )
    head = (
        '<tr><th scope="col">setting</th><th scope="col" class="number">loss</th>'
        '<th scope="col" class="number">accuracy</th>'
        f"{_BALANCED_HEAD if balanced else ''}"
        '<th scope="col"></th></tr>'
    )
    table = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>" if rows else ""
    return (
        f"<p>Chosen {escape(choices.how)}. The accuracy there, {choices.held_out.percent.replace('-', '&ndash;')}, "
        "chose, so it is not quoted as the result.</p>"
        + (f"<p>Which figure counts: {escape(choices.judged_by)}.</p>" if choices.judged_by else "")
        + scrolling("Settings that were tried", table)
        + f"<p>Temperature {choices.temperature:.2f}. Class weights: power {choices.class_weight_power:g} "
        "(0: every picture counts alike; 1: every class).</p>"
        f"<p>Fine-tuning: {'yes' if choices.fine_tuned else 'no'}; {escape(choices.fine_tune_reason.rstrip('.'))}.</p>"
    )


def _balanced(trial: Trial) -> str:
    return "" if trial.balanced is None else percent(trial.balanced)


def _times(run: Run, total: float) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(stage.name)}</th><td class="number">{stage.seconds:.1f} s</td>'
        f'<td class="wide">{plots.share_bar(stage.seconds / total if total else 0.0)}</td></tr>'
        for stage in run.stages
        if stage.seconds >= 0.05
    )
    spared = " ".join(escape(line) for line in passes(run))
    return f"<table><tbody>{rows}</tbody></table>" + (f"<p>{spared}</p>" if spared else "")


def _recipe(run: Run) -> str:
    settings = {key: value for key, value in run.recipe.to_dict().items() if key != "reasons"}
    return _facts({key: escape(value) for key, value in settings.items()})


def _origins(run: Run) -> str:
    found = {key: escape(value) for key, value in versions().items()}
    return _facts(
        {
            "seed": str(run.parts.seed),
            "data fingerprint": f"<code>{escape(run.fingerprint)}</code>",
            "weights": escape(run.weights_note),
            **found,
        }
    )


def _repeat(command: str) -> str:
    run = " RUN is a new folder." if "\n" in command else ""
    same = f"The same files on the same kind of machine ({escape(platform.machine())}) give the same classifier.{run}"
    return f"<pre><code>{escape(command)}</code></pre><p>{same}</p>"


def _folder(run: Run, measured: bool) -> str:
    where = f"<p>In {name(run.folder)}:</p>" if run.folder is not None else ""
    there = {file: what for file, what in RUN_FILES.items() if file != "predictions.csv" or measured}
    there |= DOUBTED_FILES if doubted(run) is not None else {}
    there |= CORRECTED_FILES if run.parts.train.corrected is not None else {}
    there |= SCRATCH_FILES if isinstance(run.recipe, ScratchRecipe) else {}
    return where + _facts({f"<code>{file}</code>": what for file, what in there.items()})


def _facts(pairs: Mapping[str, str]) -> str:
    return '<dl class="facts">' + "".join(f"<dt>{key}</dt><dd>{value}</dd>" for key, value in pairs.items()) + "</dl>"
