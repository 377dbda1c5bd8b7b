"""Writes the figures of the README from benchmarks/results/*.csv, so that none is typed by hand.

python3 scripts/figures.py            writes them between the marks in README.md
python3 scripts/figures.py --print    prints them instead
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
BLOCK = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- /figures -->)", re.DOTALL)
NOTHING = "Not measured yet.\n"

Row = dict[str, str]
CONTENDERS = {
    "fieldguide": "**fieldguide train**: checks, features, head, calibration, report",
    "fieldguide_warm": "the same again, with pixels and features kept",
    "hand_written": "hand-written script (ONNX Runtime, scikit-learn): no checks, no report",
    "fastai": "fastai, `vision_learner(...).fine_tune(2)`, same backbone and weights",
    "classic": "InceptionV3 at `mixed7`, 150x150, `ImageDataGenerator`, 20 epochs (extrapolated; random weights)",
}
ENGINES = {
    "keras_predict": "`keras.Model.predict`",
    "engine": "fieldguide (LiteRT)",
    "engine_with_cut": "the same, with the activations that fine-tuning starts from",
}


def main() -> None:
    found = figures(RESULTS)
    if "--print" in sys.argv[1:]:
        print(found, end="")
        return
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    readme.write_text(BLOCK.sub(lambda _: found, text), encoding="utf-8")


def figures(results: Path) -> str:
    """All tables for which there are results, as Markdown."""
    parts = []
    for name, write in SECTIONS.items():
        path = results / f"{name}.csv"
        if path.exists():
            with path.open(encoding="utf-8", newline="") as handle:
                parts.append(write(list(csv.DictReader(handle))))
    return "\n".join(parts) if parts else NOTHING


def time_to_accuracy(rows: Sequence[Row]) -> str:
    ours = rows[0]
    lines = [
        [
            CONTENDERS.get(row["row"], row["row"]),
            f"{float(row['seconds']):,.0f}",
            f"{float(row['times_fieldguide']):.1f}" if row["times_fieldguide"] else "",
            f"{float(row['cpu_seconds']):,.0f}" if row["cpu_seconds"] else "",
            _accuracy(row),
        ]
        for row in rows
    ]
    rounds = f"median of {ours['runs']} rounds" if int(ours["runs"]) > 1 else "one round"
    if once := [row["row"] for row in rows if row["runs"] == "1"]:
        names = {"fastai": "fastai", "classic": "InceptionV3"}
        rounds += f"; {' and '.join(names.get(row, row) for row in once)} ran in the first round only"
    return _section(
        "From files to a saved, measured classifier",
        f"2,000 training and {int(ours['count']):,} validation photos of cats and dogs (Kaggle); seconds from start to "
        f"end of the process ({rounds}); how many times fieldguide's is taken within a round; accuracy on the "
        "validation photos, which chose nothing.",
        ["", "seconds", "times fieldguide's", "processor seconds", "accuracy (95% CI)"],
        lines,
        ours,
    )


def frozen_features(rows: Sequence[Row]) -> str:
    shown = [row for row in rows if row["row"] in ENGINES]
    lines = [
        [
            ENGINES[row["row"]],
            f"{float(row['pictures_per_second']):.0f}",
            f"{float(row['times_keras_predict']):.1f}",
            f"{float(row['least_ratio']):.1f}-{float(row['largest_ratio']):.1f}",
        ]
        for row in shown
    ]
    most = max(float(row["largest_difference"]) for row in shown)
    text = (
        f"Same backbone, size and batch, {rows[0]['pictures']} photos; median of {rows[0]['rounds']} rounds; features "
        f"differ by {most:.1e} at most."
    )
    return _section(
        "Features on a processor", text, ["", "pictures a second", "times Keras's", "over the rounds"], lines, rows[0]
    )


def decode(rows: Sequence[Row]) -> str:
    lines = [
        [
            row["set"],
            row["contender"],
            f"{float(row['pictures_per_second']):.0f}",
            f"{float(row['fieldguide_is_times_as_fast']):.2f}",
            f"{float(row['fieldguide_needs_times_less_processor']):.2f}",
            f"{float(row['psnr_mean_db']):.1f}",
        ]
        for row in rows
    ]
    text = (
        f"Files to 224 x 224 pixels, all in threads; median of {rows[0]['rounds']} rounds; PSNR to an ideal reduction "
        "(Lanczos-3 in float64). Ratios are fieldguide's advantage over the row: above 1 it is faster."
    )
    head = ["pictures", "by", "pictures a second", "ratio by the clock", "ratio by processor time", "PSNR in dB"]
    return _section("Decoding and resizing", text, head, lines, rows[0])


def scale(rows: Sequence[Row]) -> str:
    lines = [
        [
            f"`fieldguide {row['command']}`",
            f"{int(row['pictures']):,}",
            f"{float(row['seconds']):,.0f}",
            f"{float(row['ms_per_picture']):.1f}",
            f"{float(row['peak_private_mb']):,.0f}" if row["peak_private_mb"] else "",
        ]
        for row in rows
    ]
    head = ["", "pictures", "seconds", "ms a picture", "memory in MB"]
    return _section("Many pictures", "Nothing kept from before; memory without mapped files.", head, lines, rows[0])


def startup(rows: Sequence[Row]) -> str:
    lines = [[row["what"], f"{float(row['value']):.2f}"] for row in rows]
    return _section("Start and size", f"Medians of {rows[0]['runs']} runs.", ["", ""], lines, rows[0])


SECTIONS: dict[str, Callable[[Sequence[Row]], str]] = {
    "time_to_accuracy": time_to_accuracy,
    "frozen_features": frozen_features,
    "decode": decode,
    "scale": scale,
    "startup": startup,
}


def _section(title: str, text: str, head: Sequence[str], lines: Sequence[Sequence[str]], machine: Row) -> str:
    """A heading, a sentence with the hardware, and a table."""
    where = f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}; {machine['versions']}"
    table = [head, ["---"] + ["---:" for _ in head[1:]], *lines]
    body = "\n".join("| " + " | ".join(cells) + " |" for cells in table)
    return f"### {title}\n\n{text} On {where}.\n\n{body}\n"


def _accuracy(row: Row) -> str:
    if not row["accuracy"]:
        return ""
    value, low, high = (100 * float(row[name]) for name in ("accuracy", "accuracy_low", "accuracy_high"))
    return f"{value:.1f}% ({low:.1f}-{high:.1f}%)"


if __name__ == "__main__":
    main()
