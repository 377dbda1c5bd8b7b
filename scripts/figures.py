"""Writes the figures of README.md and docs/ from benchmarks/results/*.csv, so that none is typed by hand.

python3 scripts/figures.py            writes them between the marks in these pages
python3 scripts/figures.py --print    prints them instead
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
DROP_IN = Path("docs") / "coming-from-imagedatagenerator.md"
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
FROM_SCRATCH = {
    "scratch": "**fieldguide train --recipe scratch**, cats and dogs",
    "quick": "**fieldguide train --recipe scratch --epochs 20**, cats and dogs",
    "classic": "the course's network with `ImageDataGenerator`, its best of 60 epochs",
    "overfitting": "the course's network without augmentation, 20 epochs",
    "rock_paper_scissors": "**fieldguide train --recipe scratch**, rock-paper-scissors",
    "grey_hands": "the same with `--grayscale --dropout 0.5`",
}
TRANSFER = {
    "trashnet": "six kinds of waste (TrashNet)",
    "caltech_50": "50 classes of Caltech-101, 24 pictures of each",
    "cats_vs_dogs_20": "cats and dogs, 20 photos of each",
    "cats_vs_dogs_50": "cats and dogs, 50 photos of each",
    "cats_vs_dogs_200": "cats and dogs, 200 photos of each",
}
BESIDE = ("fieldguide", "fastai")
SEEDED = ("scratch", "rock_paper_scissors", "grey_hands")
ENGINES = {
    "keras_predict": "`keras.Model.predict`",
    "engine": "fieldguide (LiteRT)",
    "engine_with_cut": "the same, with the activations that fine-tuning starts from",
}
FROM_ARRAYS = {
    "flow": "**fieldguide**, `flow`",
    "keras_generator": "Keras, `ImageDataGenerator.flow`",
    "keras_layers": "Keras's random layers, in `tf.data`",
    "keras_layers_in_step": "Keras's random layers, in a compiled step",
    "albumentations_one_thread": "albumentations, one thread",
    "albumentations_own_threads": "albumentations, with OpenCV's threads",
    "albumentations_pool": "albumentations, a pool of threads",
    "warp_own_threads": "`cv2.warpAffine` alone, with OpenCV's threads",
    "warp_pool": "`cv2.warpAffine` alone, a pool of threads",
    "warp_pool_and_own": "`cv2.warpAffine` alone, both",
    "warp_pool_float": "`cv2.warpAffine` alone, from float32, a pool of threads",
    "warp_pool_fresh": "`cv2.warpAffine` alone, a pool of threads, new memory for each batch",
    "floor": "uint8 to float32 times 1/255 alone",
}
FROM_FILES = {
    "fieldguide": "**fieldguide**, `flow_from_directory`",
    "keras_generator": "Keras, `ImageDataGenerator.flow_from_directory`",
    "fieldguide_not_kept": "fieldguide with `cache=False`",
    "fieldguide_again": "fieldguide, run again with what the first run kept",
}
IN_FIT = {
    "fieldguide": "**fieldguide**",
    "keras_generator": "Keras",
    "keras_generator_workers": "Keras with `workers=2`",
    "constant_batch": "one constant batch, as an array",
    "constant_tensor": "one constant batch, as a tensor",
}


def main() -> None:
    for name, found in {Path("README.md"): figures(RESULTS), DROP_IN: drop_in(RESULTS)}.items():
        if "--print" in sys.argv[1:]:
            print(f"{name}\n\n{found}")
            continue
        page = ROOT / name
        text = page.read_text(encoding="utf-8")
        page.write_text(BLOCK.sub(lambda _, found=found: found, text), encoding="utf-8")


def figures(results: Path) -> str:
    """All tables of the README for which there are results, as Markdown."""
    parts = _sections(results, SECTIONS)
    return "\n".join([*parts, *_drop_in_line(results)]) if parts else NOTHING


def drop_in(results: Path) -> str:
    """The tables of the page about `ImageDataGenerator` for which there are results."""
    return "\n".join(_sections(results, DROP_IN_SECTIONS)) or NOTHING


def _sections(results: Path, sections: Mapping[str, Callable[[Sequence[Row]], str]]) -> list[str]:
    return [write(rows) for name, write in sections.items() if (rows := _read(results, name))]


def _read(results: Path, name: str) -> list[Row]:
    """The rows of a result; none where it was not measured."""
    path = results / f"{name}.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


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


def from_scratch(rows: Sequence[Row]) -> str:
    lines = [
        [
            FROM_SCRATCH[row["row"]] + (f", seed {row['seed']}" if row["row"] in SEEDED else ""),
            f"{float(row['seconds']):,.0f}",
            f"{100 * float(row['train_accuracy']):.1f}%" if row["train_accuracy"] else "",
            f"{100 * float(row['accuracy']):.1f}% ({100 * float(row['low']):.1f}-{100 * float(row['high']):.1f}%)",
            f"{int(row['pictures']):,}",
        ]
        for row in rows
    ]
    text = (
        "2,000 training and 1,000 validation photos of cats and dogs (Kaggle), and rock-paper-scissors at 28 x 28 as "
        "it comes divided, 2,520 and 372 pictures. No pretrained weights. No run chose anything on the pictures that "
        "measure, but the classic row, whose best epoch counts; the default recipe was settled with four trials on the "
        "1,000 photos, and what it does with small pictures with thirty-six on the 372; grey pictures and dropout were "
        "chosen on hands held out of the 2,520 (`benchmarks/unseen_hands.py`). "
        "Both accuracies are of pictures as they are; seconds are of the whole process, of the classic row up to its "
        "best epoch, and but for the rows of 1,000 photos with other work beside it."
    )
    said = "".join(
        f"\nOf the run without augmentation fieldguide says: \u201c{row['verdict']}\u201d\n"
        for row in rows
        if row["row"] == "overfitting"
    )
    if ratios := [float(row["times_quick"]) for row in rows if row["row"] == "classic" and row["times_quick"]]:
        said += f"\nThe classic way takes {_times(ratios[0])} times as long as the short run beside it.\n"
    head = ["", "seconds", "accuracy in training", "accuracy (95% CI)", "pictures"]
    return _section("From random weights", text, head, lines, rows[0]) + said


def transfer(rows: Sequence[Row]) -> str:
    """Each task's mean over the seeds, of both contenders."""
    lines = []
    for task, title in TRANSFER.items():
        of = {name: [row for row in rows if (row["task"], row["contender"]) == (task, name)] for name in BESIDE}
        if not of["fieldguide"]:
            continue
        ratios = sorted(float(row["times_fieldguide"]) for row in of["fastai"] if row["times_fieldguide"])
        times = " to ".join(_times(ratio) for ratio in dict.fromkeys((ratios[0], ratios[-1]))) if ratios else ""
        lines.append([title, *(_over_seeds(of[name]) for name in BESIDE), times])
    seeds_of = sorted({row["seed"] for row in rows})
    text = (
        f"The same backbone, weights and pictures, divided {len(seeds_of)} times (seeds {seeds_of[0]} to "
        f"{seeds_of[-1]}, copies kept together); of TrashNet the mean of the classes' accuracies, "
        "at a size that was settled with its measured "
        "pictures in view. The mean over the "
        "seeds, in brackets the least and the most, and how many times as long fastai took, whole processes one after "
        "the other, other work beside them; the intervals of each run are in `benchmarks/results/transfer.csv`."
    )
    return _section("Few pictures", text, ["", "fieldguide", "fastai", "times as long"], lines, rows[0])


def _over_seeds(rows: Sequence[Row]) -> str:
    """The mean over the seeds, the least and the most, and how many seeds where it is not each."""
    if not rows:
        return "not measured yet"
    column = "balanced" if rows[0]["task"] == "trashnet" else "accuracy"
    values = [100 * float(row[column]) for row in rows]
    if len(values) == 1:
        return f"{values[0]:.1f}% (seed {rows[0]['seed']} only)"
    return f"{sum(values) / len(values):.1f}% ({min(values):.1f}-{max(values):.1f}%), {len(values)} seeds"


def frozen_cut(rows: Sequence[Row]) -> str:
    lines = [[row["row"], f"{float(row['seconds']):,.0f}", _times(float(row["times_as_quick"]))] for row in rows]
    text = (
        "InceptionV3 at `mixed7`, frozen, with 1,024 hidden units, 20 epochs on 2,000 photos at 150 x 150, random "
        "weights; whole processes, the classic one extrapolated from two epochs."
    )
    return _section("Frozen training at `mixed7`", text, ["", "seconds", "times as quick"], lines, rows[0])


def resume_kills(rows: Sequence[Row]) -> str:
    row = rows[0]
    return (
        f"### Killed and resumed\n\n{row['kills']} kills (SIGKILL) at random moments of {row['trainings']} trainings "
        f"from random weights, {row['before_the_first_checkpoint']} of them before the first checkpoint, "
        f"{row['between_checkpoints']} between two and {row['after_the_last_one']} after the last: "
        f"{row['same_weights']} of {row['trainings']} ended with the weights of an uninterrupted training, bit by bit. "
        f"On {_where(row)}.\n"
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


def from_files(rows: Sequence[Row]) -> str:
    """Each contender's first epoch and later ones, at each size of pictures."""
    found = {(row["side"], row["row"], row["epoch"]): row for row in rows}
    lines = []
    for side in dict.fromkeys(row["side"] for row in rows):
        for name, title in FROM_FILES.items():
            epochs = [found.get((side, name, epoch)) for epoch in ("first", "later")]
            if any(epochs):
                lines.append([f"{side} x {side}", title, *(cell for row in epochs for cell in _against(row, OF_FILES))])
    text = (
        f"{int(rows[0]['pictures']):,} JPEG files of cats and dogs (Kaggle), batches of {rows[0]['batch']}; median of "
        f"{rows[0]['rounds']} rounds, each in new processes with an empty cache. The first epoch includes finding the "
        "files. Times: how many times as fast fieldguide is than the row, in the same round."
    )
    head = ["", "", "first epoch, pictures a second", "times", "later epochs, pictures a second", "times"]
    return _section("From JPEG files", text, head, lines, rows[0])


def from_arrays(rows: Sequence[Row]) -> str:
    """Each contender's rate at each size of pictures."""
    found = {(row["side"], row["row"]): row for row in rows}
    sides = list(dict.fromkeys(row["side"] for row in rows))
    lines = [
        [title, *(cell for side in sides for cell in _against(found.get((side, name)), OF_ARRAYS))]
        for name, title in FROM_ARRAYS.items()
        if any((side, name) in found for side in sides)
    ]
    text = (
        f"{rows[0]['pictures']} pictures in memory, batches of {rows[0]['batch']}; median of {rows[0]['rounds']} "
        "rounds, in turns. Times: how many times as fast fieldguide's `flow` is than the row, with the least and the "
        "most over the rounds. `cv2.warpAffine` alone draws nothing, and all but one row write to memory that is "
        "there already: what a processor can do at the most."
    )
    head = ["", *(word for side in sides for word in (f"{side} x {side}, pictures a second", "times"))]
    return _section("From arrays", text, head, lines, rows[0])


def in_fit(rows: Sequence[Row]) -> str:
    """What the input costs while a network trains."""
    lines = [
        [
            IN_FIT[row["row"]],
            f"{float(row['seconds']):.1f}",
            f"{float(row['first_seconds']):.1f}",
            _span(row, OF_FILES, _times),
            _span(row, "input_share", _percent),
            _span(row, "input_cpu_share", _percent),
        ]
        for row in rows
        if row["row"] in IN_FIT
    ]
    text = (
        f"The course's network, three blocks of convolution and pooling, at {rows[0]['side']} x {rows[0]['side']}, "
        f"{int(rows[0]['pictures']):,} JPEG files; median of {rows[0]['rounds']} epochs after the first, in turns. The "
        "input's share is what goes away with one constant batch, handed over as a generator's are."
    )
    head = [
        "",
        "seconds of an epoch",
        "of the first",
        "times fieldguide is as fast",
        "input's share of the time",
        "of the processor's time",
    ]
    return _section("In `model.fit`", text, head, lines, rows[0])


def _drop_in_line(results: Path) -> list[str]:
    """One sentence of the README, of what was measured beside Keras's generator."""
    files, arrays = (
        [row for row in _read(results, name) if row["row"] == "keras_generator"]
        for name in ("generator_files", "augmentation")
    )
    measured = {
        "from JPEG files": [(row, OF_FILES) for row in files if row["epoch"] == "later"],
        "from JPEG files in the first epoch": [(row, OF_FILES) for row in files if row["epoch"] == "first"],
        "from arrays": [(row, OF_ARRAYS) for row in arrays],
    }
    said = [
        f"{what} "
        + ", ".join(f"{_times(float(row[column]))} at {row['side']} x {row['side']}" for row, column in ratios)
        for what, ratios in measured.items()
        if ratios
    ]
    if not said:
        return []
    text = f"Times Keras's `ImageDataGenerator`, with the classic recipe on the same machine: {'; '.join(said)}."
    return [f"### Batches to train on\n\n{text} [All of it]({DROP_IN.as_posix()}#how-fast).\n"]


OF_FILES, OF_ARRAYS = "fieldguide_is_times", "flow_is_times"  # columns

SECTIONS: dict[str, Callable[[Sequence[Row]], str]] = {
    "time_to_accuracy": time_to_accuracy,
    "transfer": transfer,
    "frozen_cut": frozen_cut,
    "from_scratch": from_scratch,
    "resume_kills": resume_kills,
    "frozen_features": frozen_features,
    "decode": decode,
    "scale": scale,
    "startup": startup,
}
DROP_IN_SECTIONS: dict[str, Callable[[Sequence[Row]], str]] = {
    "generator_files": from_files,
    "augmentation": from_arrays,
    "generator_fit": in_fit,
}


def _section(title: str, text: str, head: Sequence[str], lines: Sequence[Sequence[str]], machine: Row) -> str:
    """A heading, a sentence with the hardware, and a table."""
    table = [head, ["---"] + ["---:" for _ in head[1:]], *lines]
    body = "\n".join("| " + " | ".join(cells) + " |" for cells in table)
    return f"### {title}\n\n{text} On {_where(machine)}.\n\n{body}\n"


def _where(machine: Row) -> str:
    return f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}; {machine['versions']}"


def _against(row: Row | None, column: str) -> list[str]:
    """A rate, and how many times as fast fieldguide is; two empty cells for what was not measured."""
    return [f"{float(row['pictures_per_second']):,.0f}", _span(row, column, _times)] if row else ["", ""]


def _span(row: Row, column: str, written: Callable[[float], str]) -> str:
    """The median, and in brackets the least and the most."""
    middle, least, most = (written(float(row[column + end])) for end in ("", "_least", "_largest"))
    return middle if least == most else f"{middle} ({least} to {most})"


def _times(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio >= 10 else f"{ratio:.2f}"


def _percent(share: float) -> str:
    return f"{round(100 * share)}%"


def _accuracy(row: Row) -> str:
    if not row["accuracy"]:
        return ""
    value, low, high = (100 * float(row[name]) for name in ("accuracy", "accuracy_low", "accuracy_high"))
    return f"{value:.1f}% ({low:.1f}-{high:.1f}%)"


if __name__ == "__main__":
    main()
