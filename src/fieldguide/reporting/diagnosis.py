"""What a training shows: the verdict, what it rests on and what to try next, with the curves beside it."""

from __future__ import annotations

from fieldguide.evaluation.ailment import CERTAIN, LIKELY, POSSIBLE, SHOWN, Ailment, Figure
from fieldguide.evaluation.diagnose import Diagnosis
from fieldguide.reporting import plots
from fieldguide.reporting.curves import SMOOTHED_FROM, curves
from fieldguide.reporting.marks import Marks, rate_changes
from fieldguide.reporting.markup import bullets, command, escape, percent, section, sentence
from fieldguide.training.fit import Run
from fieldguide.training.recipe import Recipe
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.words import counted

SURE = {
    CERTAIN: "certain: it was counted",
    SHOWN: "shown: a test or an interval excludes chance",
    LIKELY: "likely: hardly anything else leaves such figures",
    POSSIBLE: "possible: other causes leave such figures too",
}
_POINTS = ("gap", "held-out accuracy above", "median change", "largest fall")  # differences of shares begin so


def evidence(run: Run, diagnosis: Diagnosis | None) -> str:
    """Does it overfit, or what ails it: what says so, the curves, what would help.

    Args:
        run: from `train`.
        diagnosis: of it; None where nothing was measured.
    """
    figure = _curves(run, diagnosis)
    if diagnosis is None:
        return section("overfitting", "The training", figure)
    measured = bullets([sentence(line) for line in diagnosis.evidence])
    advice = "<h3>What would help</h3>" + bullets([sentence(line) for line in diagnosis.advice])
    advice = advice if diagnosis.advice else ""
    if not diagnosis.ailments:
        return section("overfitting", "Does it overfit?", measured + figure + advice)
    first, *others = diagnosis.ailments
    body = _block(first, "ailment first", figure) + "".join(_block(one, "ailment") for one in others)
    return section("overfitting", "Diagnosis", f"{body}<h3>Measured at the end</h3>{measured}{advice}")


def _block(one: Ailment, kind: str, curves: str = "") -> str:
    """One finding: what it is, how sure that is, its figures, what shows it, and the command to try next."""
    sure = f", {escape(SURE[one.sure])}" if one.ill else ""
    figures = "".join(_figure(figure) for figure in one.figures)
    remedy = ""
    if one.remedy is not None:
        remedy = f"<p><b>Next.</b> {escape(one.remedy.what)}.</p><pre><code>{command(one.remedy.command)}</code></pre>"
    return (
        f'<article class="{kind}"><p class="kind"><b>{escape(one.kind.capitalize())}</b>{sure}</p>'
        f"<h3>{sentence(one.sentence)}</h3>"
        + (f'<dl class="figures">{figures}</dl>' if figures else "")
        + curves
        + bullets([sentence(line) for line in one.evidence])
        + f"{remedy}</article>"
    )


def _figure(figure: Figure) -> str:
    """A number that a finding rests on, with its interval."""
    said = f"<b>{_said(figure)}</b>"
    if figure.low is not None and figure.high is not None:
        unit = " points" if figure.name.startswith(_POINTS) else "%"
        low, high = (f"{100 * end:.1f}" for end in (figure.low, figure.high))
        between = f"{low} to {high}" if figure.low < 0 else f"{low}&ndash;{high}"
        of = f", n={figure.n:,}" if figure.n and unit == "%" else ""
        said += f'<span class="note">95% CI {between}{unit}{of}</span>'
    return f"<div><dt>{escape(figure.name)}</dt><dd>{said}</dd></div>"


def _said(figure: Figure) -> str:
    """Losses are in nats, differences in points, all others are shares."""
    if figure.name.endswith("loss"):
        return f"{figure.value:.3f}"
    if figure.name.startswith(_POINTS):
        return f"{100 * figure.value:.1f} points"
    return percent(figure.value)


def _curves(run: Run, diagnosis: Diagnosis | None) -> str:
    """The curves with what their lines are; nothing where there are none."""
    if not run.epochs:
        return ""
    marks = Marks.of(run, diagnosis)
    kinds = {"learning rate changed": {*rate_changes(run.epochs)} - {*marks.added}, "epochs added": marks.added}
    changed = " or ".join(words for words, places in kinds.items() if places)
    keys = {"training": "training", "held": _held(run)} | ({"change": changed} if changed else {})
    legend = "".join(f"<span>{plots.key(kind)}{what}</span>" for kind, what in keys.items())
    both = isinstance(run.recipe, ScratchRecipe) and run.recipe.net.mirrored
    mirrored = ", while the classifier that is kept looks at each picture's mirror image too" if both else ""
    return (
        f'<figure><p class="legend">{legend}</p><div class="stack">{"".join(curves(run.epochs, marks))}</div>'
        "<figcaption>Where the dashed line of the loss keeps falling and the full line rises, a model learns by "
        f"heart. {_on_the_lines(run)} {_on_what_was_kept(run, marks)} Loss is cross-entropy in nats; both lines are "
        f"measured without augmentation{mirrored}.</figcaption></figure>"
    )


def _held(run: Run) -> str:
    """What the second curve is of."""
    if isinstance(run.recipe, ScratchRecipe):
        return escape(run.choices.how)
    return "held-out pictures, which choose"


def _on_the_lines(run: Run) -> str:
    """What faint lines and shades are, where there are any."""
    lines, phases = [], [epoch.phase for epoch in run.epochs]
    if max(phases.count(phase) for phase in phases) >= SMOOTHED_FROM:
        lines.append("Thick lines are running medians of five epochs, thin ones the epochs as they were.")
    if all(epoch.n and epoch.val_n for epoch in run.epochs):
        lines.append("Bands are 95% intervals.")
    return " ".join(lines)


def _on_what_was_kept(run: Run, marks: Marks) -> str:
    """What the marked epochs have to do with the classifier that was kept, and what an epoch of the head is."""
    lines = []
    dense = isinstance(run.recipe, Recipe) and bool(run.recipe.dense)
    if any(epoch.phase == "head" for epoch in run.epochs) and not dense:
        lines.append(
            "An epoch of the head is one step of L-BFGS, which looks at all of its pictures at once and also keeps the "
            "head's coefficients small, so that the loss alone may rise a little on the way."
        )
    kept = next((epoch.phase for epoch in run.epochs if epoch.chosen), "")
    if kept == "head" and not len(run.parts.validation) and not dense:
        held = counted(max(epoch.val_n for epoch in run.epochs), "held-out picture")
        lines.append(
            f"The curve is of one fold of those that chose, fitted without its {held} and marked where it ended: it "
            "shows how the fit went, and not what to expect. The head that was kept was fitted in the same way to all "
            "training pictures."
        )
    elif kept and marks.best is not None:
        lines.append(
            "Best is the epoch with the lowest loss on held-out pictures near the lowest of its running median: a "
            "single low epoch elsewhere may be chance. Kept is the one whose weights the classifier has."
        )
    elif kept:
        lines.append("The weights of the marked epoch were kept.")
    return " ".join(lines)
