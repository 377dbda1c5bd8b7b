"""Tables of how fast pictures are read and looked at, and what that takes."""

from __future__ import annotations

from collections.abc import Sequence

from figure_cells import Row, section

ENGINES = {
    "keras_predict": "`keras.Model.predict`",
    "engine": "fieldguide (LiteRT)",
    "engine_with_cut": "the same, with the activations that fine-tuning starts from",
}


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
    return section(
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
    return section("Decoding and resizing", text, head, lines, rows[0])


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
    return section("Many pictures", "Nothing kept from before; memory without mapped files.", head, lines, rows[0])


def startup(rows: Sequence[Row]) -> str:
    lines = [[row["what"], f"{float(row['value']):.2f}"] for row in rows]
    return section("Start and size", f"Medians of {rows[0]['runs']} runs.", ["", ""], lines, rows[0])
