"""The curves of a training as SVG: loss, accuracy with its uncertainty, and learning rate, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fieldguide.evaluation.signs import smoothed
from fieldguide.intervals import wilson
from fieldguide.reporting import svg
from fieldguide.reporting.marks import ROW_HEIGHT, Label, Marks, drawn, rate_changes, rows_of
from fieldguide.reporting.svg import BOTTOM, LEFT, RIGHT, TOP
from fieldguide.training.record import Epoch

PANEL_WIDTH, PANEL_HEIGHT, RATE_HEIGHT = 520, 310, 180
LABEL_ROOM = 36  # between the numbers of two epochs
PHASES = {"head": "epochs of the head", "fine-tune": "epochs of fine-tuning", "scratch": "epochs"}
SMALLEST_PHASE = 0.4  # of the width of a panel, before all phases are fitted in
SMOOTHED_FROM = 15  # epochs of a phase, from which on a smoothed line leads and the raw one stays faint
NO_MARKS = Marks()
LONGEST_RATE = 5  # letters of a label of the rate's axis


@dataclass(frozen=True)
class _Curve:
    """What is drawn in one panel."""

    title: str
    training: Sequence[float]
    held: Sequence[float]
    bounds: tuple[float, float]
    shown: Callable[[float], str]
    sizes: tuple[Sequence[int], Sequence[int]] | None = None  # pictures that shares are of; None for no shares


def curves(epochs: Sequence[Epoch], marks: Marks = NO_MARKS) -> tuple[str, ...]:
    """Loss and accuracy over the epochs, for training and for held-out pictures, and the learning rate if it is known.

    Phases follow one another with a line between them; the epoch whose weights were kept and sudden changes of the
    learning rate are marked. Where a phase is long, running medians lead and the figures themselves are faint.
    Accuracies have their 95% intervals behind them, where the number of pictures is known.

    Args:
        epochs: in order.
        marks: what else is marked.
    """
    losses = [value for epoch in epochs for value in (epoch.loss, epoch.val_loss) if math.isfinite(value)]
    shares = [value for epoch in epochs for value in (epoch.accuracy, epoch.val_accuracy) if math.isfinite(value)]
    sizes = ([epoch.n for epoch in epochs], [epoch.val_n for epoch in epochs])
    loss = _Curve(
        "Loss",
        [epoch.loss for epoch in epochs],
        [epoch.val_loss for epoch in epochs],
        (0.0, svg.round_up(_sensible(losses))),
        lambda value: f"{value:g}",
    )
    accuracy = _Curve(
        "Accuracy",
        [epoch.accuracy for epoch in epochs],
        [epoch.val_accuracy for epoch in epochs],
        (max(0.0, 1 - svg.round_up(1 - min(shares, default=0.0))), 1.0),
        lambda value: f"{100 * value:g}%",
        sizes,
    )
    rates = (_rates(epochs),) if any(epoch.rate is not None for epoch in epochs) else ()
    return (_panel(epochs, loss, marks), _panel(epochs, accuracy, marks), *rates)


def _sensible(losses: Sequence[float]) -> float:
    """The largest loss to be shown: a few wild ones must not flatten all others."""
    if not losses:
        return 1.0
    usual = float(np.quantile(losses, 0.9))
    return min(max(losses), 2 * usual) if len(losses) >= 2 * SMOOTHED_FROM else max(losses)


def _panel(epochs: Sequence[Epoch], curve: _Curve, marks: Marks) -> str:
    _, y = svg.scales((0.0, 1.0), curve.bounds, PANEL_WIDTH, PANEL_HEIGHT)
    low, high = curve.bounds

    def within(value: float) -> float:
        return y(min(max(value, low), high))

    x, borders = _places([epoch.phase for epoch in epochs])
    spans = _spans(epochs)
    bands, raw, lines = [], [], []
    for kind, values, of in zip(
        ("training", "held"), (curve.training, curve.held), curve.sizes or ((), ()), strict=True
    ):
        for start, end in spans:
            if of:
                bands.append(_band(kind, x[start:end], values[start:end], of[start:end], within))
            points = [(x[place], within(values[place])) for place in range(start, end) if math.isfinite(values[place])]
            if end - start < SMOOTHED_FROM:
                lines.append(svg.line(kind, points))
                continue
            raw.append(svg.line(f"{kind} raw", points))
            finite = [place for place in range(start, end) if math.isfinite(values[place])]
            medians = smoothed(np.array([values[place] for place in finite]))
            lines.append(
                svg.line(kind, [(x[place], within(value)) for place, value in zip(finite, medians, strict=True)])
            )
    held = [within(value) if math.isfinite(value) else math.nan for value in curve.held]
    axes = (*_axis(epochs, spans, x, borders, PANEL_HEIGHT), *_sizes(marks, x))
    grid = svg.grid(curve.bounds, svg.ticks(*curve.bounds), y, PANEL_WIDTH, curve.shown)
    parts = [*_by_heart(marks, x), grid, *bands, *raw, *axes, *lines, *_changes(epochs, marks, x)]
    parts += [*_best(marks, x, held), *_chosen(epochs, x, held)]
    labels = rows_of(_labels(epochs, marks, x), LEFT, PANEL_WIDTH - RIGHT)
    above = ROW_HEIGHT * max((row for _, _, row in labels), default=0)  # room for labels one above the other
    parts += [drawn(label, start, TOP - 6 - ROW_HEIGHT * row) for label, start, row in labels]
    finite_values = [[value for value in values if math.isfinite(value)] for values in (curve.training, curve.held)]
    told = "; ".join(
        f"{label} from {curve.shown(svg.rounded(values[0]))} to {curve.shown(svg.rounded(values[-1]))}"
        for label, values in zip(("training", "held out"), finite_values, strict=True)
        if values
    )
    told = "; ".join([told, *(label.words for label, _, _ in labels)])
    body = "".join(parts)
    body = svg.text(0, svg.HEADING, curve.title, "start", "heading") + (svg.lowered(body, above) if above else body)
    return svg.figure(PANEL_WIDTH, PANEL_HEIGHT + above, f"{curve.title} over the epochs", told, body)


def _rates(epochs: Sequence[Epoch]) -> str:
    """The learning rate at the end of every epoch."""
    rates = [epoch.rate or 0.0 for epoch in epochs]
    bounds = (0.0, _round_up(max(rates)))
    _, y = svg.scales((0.0, 1.0), bounds, PANEL_WIDTH, RATE_HEIGHT)
    x, borders = _places([epoch.phase for epoch in epochs])
    # A label of the middle only where it fits into the margin.
    ticks = [tick for tick in (0.0, bounds[1] / 2, bounds[1]) if tick == bounds[1] or len(_rate(tick)) <= LONGEST_RATE]
    parts = [
        svg.grid(bounds, ticks, y, PANEL_WIDTH, _rate),
        svg.text(0, svg.HEADING, "Learning rate", "start", "heading"),
        *_axis(epochs, _spans(epochs), x, borders, RATE_HEIGHT),
        svg.line("rate", [(x[place], y(rate)) for place, rate in enumerate(rates)]),
    ]
    told = f"at most {max(rates):.2g}, {rates[-1]:.2g} at the end"
    return svg.figure(PANEL_WIDTH, RATE_HEIGHT, "Learning rate over the epochs", told, "".join(parts))


def _rate(rate: float) -> str:
    """A learning rate in few letters: 0.003, 5e-4."""
    plain = f"{rate:.2g}".replace("e-0", "e-")
    return plain if len(plain) <= LONGEST_RATE else f"{rate:.1e}".replace(".0e", "e").replace("e-0", "e-")


def _round_up(rate: float) -> float:
    """The end of an axis that holds a learning rate: a round number."""
    if rate <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(rate))
    return next(
        power * factor for factor in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0) if rate <= power * factor * (1 + 1e-9)
    )


def _band(
    kind: str, x: Sequence[float], shares: Sequence[float], sizes: Sequence[int], y: Callable[[float], float]
) -> str:
    """The 95% intervals of shares, as an area."""
    if not all(sizes) or not all(math.isfinite(share) for share in shares) or len(x) < 2:
        return ""
    known = [wilson(share * size, size) for share, size in zip(shares, sizes, strict=True)]
    lows, highs = np.array([one.low for one in known]), np.array([one.high for one in known])
    if len(x) >= SMOOTHED_FROM:
        lows, highs = smoothed(lows), smoothed(highs)
    points = [*zip(x, highs, strict=True), *reversed([*zip(x, lows, strict=True)])]
    drawn = " ".join(f"{across:.1f},{y(value):.1f}" for across, value in points)
    return f'<polygon class="{kind} area" points="{drawn}"/>'


def _axis(
    epochs: Sequence[Epoch],
    spans: Sequence[tuple[int, int]],
    x: Sequence[float],
    borders: Sequence[float],
    height: int,
) -> list[str]:
    """The numbers of the epochs, the names of the phases, and the lines between them."""
    parts, floor = [], height - BOTTOM
    for order, (start, end) in enumerate(spans):
        phase = epochs[start:end]
        every = max(1, round(svg.step(len(phase) * (1 if len(spans) == 1 else len(spans) - 0.5))))
        if order:
            border = borders[order - 1]
            parts.append(f'<line class="border" x1="{border:.1f}" x2="{border:.1f}" y1="{TOP}" y2="{floor}"/>')
        for place, epoch in enumerate(phase, start):
            if end < len(epochs) and x[end] - x[place] < LABEL_ROOM:
                continue  # the next phase begins with a label of its own
            if epoch.epoch % every == 0 or (epoch.epoch == 1 and every < 3):
                parts.append(svg.text(x[place], floor + svg.TICKS, str(epoch.epoch), "middle"))
        edge, anchor = (LEFT, "start") if order == 0 else (PANEL_WIDTH - RIGHT, "end")
        parts.append(svg.text(edge, height - svg.NAME, PHASES.get(phase[0].phase, phase[0].phase), anchor, "muted"))
    return parts


def _changes(epochs: Sequence[Epoch], marks: Marks, x: Sequence[float]) -> list[str]:
    """A mark where the learning rate fell at once, and where epochs were added."""
    told = {
        place: f"learning rate from {epochs[place - 1].rate:.2g} to {epochs[place].rate:.2g}"
        for place in rate_changes(epochs)
    } | dict.fromkeys(marks.added, "epochs were added")
    return [_upright("change", (x[place - 1] + x[place]) / 2, words) for place, words in told.items()]


def _sizes(marks: Marks, x: Sequence[float]) -> list[str]:
    """A line where the pictures that are learnt from began to be of another size."""
    return [_upright("border", (x[place - 1] + x[place]) / 2) for place, _ in marks.grown]


def _by_heart(marks: Marks, x: Sequence[float]) -> list[str]:
    """A shade over the epochs in which it learnt by heart."""
    if marks.since is None:
        return []
    start = (x[marks.since - 1] + x[marks.since]) / 2 if marks.since else float(LEFT)
    size = f'width="{PANEL_WIDTH - RIGHT - start:.1f}" height="{PANEL_HEIGHT - TOP - BOTTOM}"'
    return [f'<rect class="since" x="{start:.1f}" y="{TOP}" {size}/>']


def _best(marks: Marks, x: Sequence[float], y: Sequence[float]) -> list[str]:
    """The mark of the epoch with the lowest loss on held-out pictures."""
    if marks.best is None:
        return []
    ring = f'<circle class="ring" cx="{x[marks.best]:.1f}" cy="{y[marks.best]:.1f}" r="6"/>'
    return [_upright("best", x[marks.best]), ring]


def _chosen(epochs: Sequence[Epoch], x: Sequence[float], y: Sequence[float]) -> list[str]:
    """The mark of the epoch whose weights were kept."""
    parts = []
    for place, epoch in enumerate(epochs):
        if epoch.chosen:
            parts.append(_upright("chosen", x[place]))
            if math.isfinite(y[place]):
                parts.append(f'<circle class="accent" cx="{x[place]:.1f}" cy="{y[place]:.1f}" r="4"/>')
    return parts


def _labels(epochs: Sequence[Epoch], marks: Marks, x: Sequence[float]) -> list[Label]:
    """What the marks are called, those that matter most first."""
    labels = []
    for place, epoch in enumerate(epochs):
        if epoch.chosen:
            kept = "its last" if epoch.phase == "head" else "best and kept" if place == marks.best else "kept"
            labels.append(Label(x[place], f"epoch {epoch.epoch}, {kept}", "kept", "strong"))
    if marks.best is not None and not epochs[marks.best].chosen:
        labels.append(Label(x[marks.best], f"epoch {epochs[marks.best].epoch}, best", "best", "strong"))
    if marks.since is not None:
        middle = (x[marks.since] + PANEL_WIDTH - RIGHT) / 2
        labels.append(Label(middle, f"by heart from epoch {epochs[marks.since].epoch} on", "since"))
    labels += [Label((x[place - 1] + x[place]) / 2, "epochs added") for place in marks.added]
    return labels + [Label((x[place - 1] + x[place]) / 2, words) for place, words in marks.grown]


def _upright(kind: str, x: float, told: str = "") -> str:
    """A line from top to bottom of a panel."""
    place = f'class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{PANEL_HEIGHT - BOTTOM}"'
    return f"<line {place}><title>{told}</title></line>" if told else f"<line {place}/>"


def _spans(epochs: Sequence[Epoch]) -> list[tuple[int, int]]:
    """Where each phase begins and ends."""
    starts = [place for place, epoch in enumerate(epochs) if place == 0 or epoch.phase != epochs[place - 1].phase]
    return list(zip(starts, [*starts[1:], len(epochs)], strict=True))


def _places(phases: Sequence[str]) -> tuple[list[float], list[float]]:
    """Where the epochs lie across a panel, and the borders between phases; a short phase is given room to be seen."""
    lengths: list[int] = []
    for place, phase in enumerate(phases):
        if place and phase == phases[place - 1]:
            lengths[-1] += 1
        else:
            lengths.append(1)
    shares = [max(length / len(phases), SMALLEST_PHASE if len(lengths) > 1 else 0.0) for length in lengths]
    places, borders, left = [], [], float(LEFT)
    for length, share in zip(lengths, shares, strict=True):
        width = (PANEL_WIDTH - LEFT - RIGHT) * share / sum(shares)
        places += [left + width * (place + 0.5) / length for place in range(length)]
        left += width
        borders.append(left)
    return places, borders[:-1]
