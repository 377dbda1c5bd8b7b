"""From JPEG files to augmented batches: fieldguide's `ImageDataGenerator` beside Keras's, first epoch and later ones.

python benchmarks/generator_files.py --data DATA [--sides 150 224] [--rounds 5] [--quick]

Both read DATA/train by `flow_from_directory` with the classic recipe and the same arguments. Every round starts new
processes, fieldguide's with an empty cache; the first epoch includes finding (and checking) the files, imports are not
timed. `fieldguide_again` is the first epoch of a new process with the cache that the first one left, as on the second
run of a notebook; `fieldguide_not_kept` is `cache=False`. Ratios are taken within a round.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import measure
import turns
from classic import BATCH
from photos import training_folder
from turns import Ratio, Turn

HERE = Path(__file__).resolve().parent
NAMES = ("keras_generator", "fieldguide", "fieldguide_not_kept")
PACKAGES = ("fieldguide", "keras", "tensorflow", "scipy", "pillow", "numpy", "opencv-python-headless")
REQUIRED = {"first": 3.0, "later": 15.0}  # times Keras's generator

Found = dict[tuple[str, str], list[Turn]]  # by epoch ("first", "later") and contender


def main() -> None:
    arguments = parse()
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory(dir=arguments.work) as work:
        folder = training_folder(arguments.data, Path(work), arguments.few)
        for side in arguments.sides:
            found: Found = {}
            for number in range(arguments.rounds):
                with tempfile.TemporaryDirectory(dir=work) as place:
                    for key, each in one_round(folder, side, number, Path(place), arguments.later).items():
                        found.setdefault(key, []).extend(each)
            fixed = {"side": side, "batch": BATCH, "rounds": arguments.rounds}
            rows += [{**row, **fixed} for row in compared(found)]
    machine = {**measure.hardware(), "versions": measure.versions(sys.executable, PACKAGES)}
    for row in rows:
        print(
            f"{row['side']:>4} {row['epoch']:<6}{row['row']:<22}{row['seconds']:>8.2f} s"
            f"{row['pictures_per_second']:>8.0f}/s{row['fieldguide_is_times']:>8.2f}x "
            f"({row['fieldguide_is_times_least']:.2f}-{row['fieldguide_is_times_largest']:.2f})"
            f"  {row['required']:>4} {row['met']}"
        )
    measure.write_csv(arguments.results / "generator_files.csv", [{**row, **machine} for row in rows])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ class folders")
    parser.add_argument("--sides", type=int, nargs="+", default=[150, 224])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--later", type=int, default=2, help="epochs after the first in each round (default 2)")
    parser.add_argument("--few", type=int, help="only so many pictures of each class")
    parser.add_argument("--quick", action="store_true", help="100 pictures of each class, one round: to see it run")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--work", type=Path, help="where to put a temporary folder (default: the system's)")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.few, arguments.rounds = 100, 1
    return arguments


def one_round(folder: Path, side: int, number: int, place: Path, later: int) -> Found:
    """Every contender in a new process: its first epoch, then later ones, in turns."""
    commands = {}
    for name in (*NAMES[number % len(NAMES) :], *NAMES[: number % len(NAMES)]):
        script = [sys.executable, str(HERE / "generator_contenders.py")]
        commands[name] = [*script, name, str(folder), "--side", str(side)]
    environments = {name: {"FIELDGUIDE_CACHE": str(place / f"cache-{name}")} for name in commands}
    found: Found = {}
    with turns.started(commands, place, environments) as contenders:
        found |= {("first", name): [first_epoch(contender)] for name, contender in contenders.items()}
        after = turns.take_turns(contenders, later, "epoch", warm_up=False)
        found |= {("later", name): each for name, each in after.items()}
    again, environment = {"fieldguide_again": commands["fieldguide"]}, environments["fieldguide"]
    with turns.started(again, place, {"fieldguide_again": environment}) as contenders:
        found["first", "fieldguide_again"] = [first_epoch(contenders["fieldguide_again"])]
    return found


def first_epoch(contender: turns.Contender) -> Turn:
    """Finding the files, and going through them."""
    listing, epoch = contender.turn("list"), contender.turn("epoch")
    return Turn(listing.seconds + epoch.seconds, listing.cpu_seconds + epoch.cpu_seconds, epoch.pictures)


def compared(found: Mapping[tuple[str, str], Sequence[Turn]]) -> list[dict[str, object]]:
    """A row for each contender and kind of epoch."""
    rows: list[dict[str, object]] = []
    for (epoch, name), each in sorted(found.items()):
        times = Ratio.of(found[epoch, "fieldguide"], each)
        required = REQUIRED[epoch] if name == "keras_generator" else None
        rows.append(
            {
                "epoch": epoch,
                "row": name,
                **Ratio.over([turn.seconds for turn in each]).columns("seconds"),
                "cpu_seconds": Ratio.over([turn.cpu_seconds for turn in each]).median,
                "pictures_per_second": Ratio.over([turn.rate for turn in each]).median,
                **times.columns("fieldguide_is_times"),
                "required": "" if required is None else required,
                "met": "" if required is None else "yes" if times.median >= required else "no",
                "pictures": each[0].pictures,
            }
        )
    return rows


if __name__ == "__main__":
    main()
