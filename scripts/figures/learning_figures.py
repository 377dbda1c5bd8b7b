"""Tables of what trainings come to: accuracy and time."""

from __future__ import annotations

from collections.abc import Sequence

from figure_cells import Row, accuracy, section, times, where

CONTENDERS = {
    "fieldguide": "**fieldguide train**: checks, features, head, calibration, report",
    "fieldguide_warm": "the same again, with pixels and features kept",
    "hand_written": "hand-written script (ONNX Runtime, scikit-learn): no checks, no report",
    "fastai": "fastai, `vision_learner(...).fine_tune(2)`, same backbone and weights",
    "classic": "InceptionV3 at `mixed7`, 150x150, `ImageDataGenerator`, 20 epochs (extrapolated; random weights)",
}
FROM_SCRATCH = {
    "scratch": "**fieldguide train --recipe scratch**, cats and dogs",
    "quick": "**fieldguide train --recipe scratch --epochs 20 --no-mirrored**, cats and dogs",
    "classic": "the course's network with `ImageDataGenerator`, its best of 60 epochs",
    "overfitting": "the course's network without augmentation, 20 epochs",
    "rock_paper_scissors": "**fieldguide train --recipe scratch**, rock-paper-scissors",
    "grey_hands": "the same with `--no-mirrored --grayscale --dropout 0.5`",
    "mirrored_hands": "**fieldguide train --recipe scratch --grayscale --dropout 0.5**, rock-paper-scissors",
}
TRANSFER = {
    "trashnet": "six kinds of waste (TrashNet)",
    "caltech_50": "50 classes of Caltech-101, 24 pictures of each",
    "cats_vs_dogs_20": "cats and dogs, 20 photos of each",
    "cats_vs_dogs_50": "cats and dogs, 50 photos of each",
    "cats_vs_dogs_200": "cats and dogs, 200 photos of each",
}
BESIDE = ("fieldguide", "fastai")
SEEDED = ("scratch", "rock_paper_scissors", "grey_hands", "mirrored_hands")


def time_to_accuracy(rows: Sequence[Row]) -> str:
    ours = rows[0]
    lines = [
        [
            CONTENDERS.get(row["row"], row["row"]),
            f"{float(row['seconds']):,.0f}",
            f"{float(row['times_fieldguide']):.1f}" if row["times_fieldguide"] else "",
            f"{float(row['cpu_seconds']):,.0f}" if row["cpu_seconds"] else "",
            accuracy(row),
        ]
        for row in rows
    ]
    rounds = f"median of {ours['runs']} rounds" if int(ours["runs"]) > 1 else "one round"
    if once := [row["row"] for row in rows if row["runs"] == "1"]:
        names = {"fastai": "fastai", "classic": "InceptionV3"}
        beside = {row["note"].partition(";")[0] for row in rows if row["row"] in once and "earlier run" in row["note"]}
        when = f", {', '.join(sorted(beside))}" if beside else " in the first round only"
        rounds += f"; {' and '.join(names.get(row, row) for row in once)} ran once{when}"
    return section(
        "From files to a saved, measured classifier",
        f"2,000 training and {int(ours['count']):,} validation photos of cats and dogs (Kaggle); seconds from start to "
        f"end of the process ({rounds}); how many times fieldguide's is taken within a round; accuracy on the "
        "validation photos, which chose nothing.",
        ["", "seconds", "times fieldguide's", "processor seconds", "accuracy (95% CI)"],
        lines,
        ours,
    )


def transfer(rows: Sequence[Row]) -> str:
    """Each task's mean over the seeds, of both contenders."""
    lines = []
    for task, title in TRANSFER.items():
        of = {name: [row for row in rows if (row["task"], row["contender"]) == (task, name)] for name in BESIDE}
        if not of["fieldguide"]:
            continue
        ratios = sorted(float(row["times_fieldguide"]) for row in of["fastai"] if row["times_fieldguide"])
        longer = " to ".join(times(ratio) for ratio in dict.fromkeys((ratios[0], ratios[-1]))) if ratios else ""
        lines.append([title, *(_over_seeds(of[name]) for name in BESIDE), longer])
    seeds_of = sorted({row["seed"] for row in rows})
    text = (
        f"The same backbone, weights and pictures, divided {len(seeds_of)} times (seeds {seeds_of[0]} to "
        f"{seeds_of[-1]}, copies kept together); of TrashNet the mean of the classes' accuracies, "
        "at a size that was settled with its measured "
        "pictures in view. The mean over the "
        "seeds, in brackets the least and the most, and how many times as long fastai took, whole processes one after "
        "the other, other work beside them; the intervals of each run are in `benchmarks/results/transfer.csv`."
    )
    return section("Few pictures", text, ["", "fieldguide", "fastai", "times as long"], lines, rows[0])


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
    names = {
        "classic": "the whole network in every epoch, `ImageDataGenerator`",
        "fieldguide, 1 views": "**fieldguide train**, each photo as it is",
        "fieldguide, 4 views": "**fieldguide train --views 4**, each photo also varied three times",
    }
    lines = [[names[row["row"]], f"{float(row['seconds']):,.0f}", times(float(row["times_as_quick"]))] for row in rows]
    text = (
        "InceptionV3 at `mixed7`, frozen, with 1,024 hidden units, 20 epochs on 2,000 photos at 150 x 150, random "
        "weights; whole processes, the classic one extrapolated from two epochs."
    )
    return section("Frozen training at `mixed7`", text, ["", "seconds", "times as quick"], lines, rows[0])


def from_scratch(rows: Sequence[Row]) -> str:
    lines = [
        [
            FROM_SCRATCH[row["row"]] + (f", seed {row['seed']}" if row["row"] in SEEDED else ""),
            f"{float(row['seconds']):,.0f}" if row["seconds"] else "",
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
        "Without `--no-mirrored` each picture is answered by the average over it and its mirror image. "
        "Both accuracies are of pictures that are not varied; seconds are of the whole process, of the classic row "
        "up to its best epoch, and but for the rows of 1,000 photos with other work beside it."
    )
    said = "".join(
        f"\nOf the run without augmentation fieldguide says: \u201c{row['verdict']}\u201d\n"
        for row in rows
        if row["row"] == "overfitting"
    )
    if ratios := [float(row["times_quick"]) for row in rows if row["row"] == "classic" and row["times_quick"]]:
        said += f"\nThe classic way takes {times(ratios[0])} times as long as the short run beside it.\n"
    head = ["", "seconds", "accuracy in training", "accuracy (95% CI)", "pictures"]
    return section("From random weights", text, head, lines, rows[0]) + said


def resume_kills(rows: Sequence[Row]) -> str:
    row = rows[0]
    return (
        f"### Killed and resumed\n\n{row['kills']} kills (SIGKILL) at random moments of {row['trainings']} trainings "
        f"from random weights, {row['before_the_first_checkpoint']} of them before the first checkpoint, "
        f"{row['between_checkpoints']} between two and {row['after_the_last_one']} after the last: "
        f"{row['same_weights']} of {row['trainings']} ended with the weights of an uninterrupted training, bit by bit. "
        f"On {where(row)}.\n"
    )
