"""Tables of how fast batches come, beside Keras's `ImageDataGenerator`, and one line of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from figure_cells import Row, against, percent, read, section, span, times

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
OF_FILES, OF_ARRAYS = "fieldguide_is_times", "flow_is_times"  # columns


def from_files(rows: Sequence[Row]) -> str:
    """Each contender's first epoch and later ones, at each size of pictures."""
    found = {(row["side"], row["row"], row["epoch"]): row for row in rows}
    lines = []
    for side in dict.fromkeys(row["side"] for row in rows):
        for name, title in FROM_FILES.items():
            epochs = [found.get((side, name, epoch)) for epoch in ("first", "later")]
            if any(epochs):
                lines.append([f"{side} x {side}", title, *(cell for row in epochs for cell in against(row, OF_FILES))])
    text = (
        f"{int(rows[0]['pictures']):,} JPEG files of cats and dogs (Kaggle), batches of {rows[0]['batch']}; median of "
        f"{rows[0]['rounds']} rounds, each in new processes with an empty cache. The first epoch includes finding the "
        "files. Times: how many times as fast fieldguide is than the row, in the same round."
    )
    head = ["", "", "first epoch, pictures a second", "times", "later epochs, pictures a second", "times"]
    return section("From JPEG files", text, head, lines, rows[0])


def from_arrays(rows: Sequence[Row]) -> str:
    """Each contender's rate at each size of pictures."""
    found = {(row["side"], row["row"]): row for row in rows}
    sides = list(dict.fromkeys(row["side"] for row in rows))
    lines = [
        [title, *(cell for side in sides for cell in against(found.get((side, name)), OF_ARRAYS))]
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
    return section("From arrays", text, head, lines, rows[0])


def in_fit(rows: Sequence[Row]) -> str:
    """What the input costs while a network trains."""
    lines = [
        [
            IN_FIT[row["row"]],
            f"{float(row['seconds']):.1f}",
            f"{float(row['first_seconds']):.1f}",
            span(row, OF_FILES, times),
            span(row, "input_share", percent),
            span(row, "input_cpu_share", percent),
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
    return section("In `model.fit`", text, head, lines, rows[0])


def drop_in_line(results: Path, page: Path) -> list[str]:
    """One sentence of the README, of what was measured beside Keras's generator."""
    files, arrays = (
        [row for row in read(results, name) if row["row"] == "keras_generator"]
        for name in ("generator_files", "augmentation")
    )
    measured = {
        "from JPEG files": [(row, OF_FILES) for row in files if row["epoch"] == "later"],
        "from JPEG files in the first epoch": [(row, OF_FILES) for row in files if row["epoch"] == "first"],
        "from arrays": [(row, OF_ARRAYS) for row in arrays],
    }
    said = [
        f"{what} "
        + ", ".join(f"{times(float(row[column]))} at {row['side']} x {row['side']}" for row, column in ratios)
        for what, ratios in measured.items()
        if ratios
    ]
    if not said:
        return []
    text = f"Times Keras's `ImageDataGenerator`, with the classic recipe on the same machine: {'; '.join(said)}."
    return [f"### Batches to train on\n\n{text} [All of it]({page.as_posix()}#how-fast).\n"]
