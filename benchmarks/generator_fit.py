"""What the input costs in `model.fit`: an epoch of the course's network with Keras's generator, with fieldguide's, and
with the same steps on one constant batch.

python benchmarks/generator_fit.py --data DATA [--side 150] [--rounds 15] [--quick]

The network is the course's, three blocks of convolution and pooling; files are read from DATA/train with the classic
recipe in batches of 32. Each contender has a process of its own; the first epoch, which also traces the network and, in
fieldguide's case, decodes the files, is a row's `first_seconds`; the epochs after it take turns. `input_share` is the
part of an epoch that goes away with `constant_batch`, arrays that are there already, handed over as every generator's
are; `input_cpu_share` is the same of the processor's time, which scatters less where other work comes and goes.
`constant_tensor` is a tensor handed over by `tf.data`, which costs least. Shares and ratios are taken within a round;
the rounds are many, since one epoch may take a fifth longer than the next.
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
NAMES = ("keras_generator", "keras_generator_workers", "fieldguide", "constant_batch", "constant_tensor")
PACKAGES = ("fieldguide", "keras", "tensorflow", "scipy", "pillow", "numpy", "opencv-python-headless")
LARGEST_SHARE = 0.1


def main() -> None:
    arguments = parse()
    with tempfile.TemporaryDirectory(dir=arguments.work) as place:
        folder = training_folder(arguments.data, Path(place), arguments.few)
        script = [sys.executable, str(HERE / "generator_contenders.py")]
        commands = {name: [*script, name, str(folder), "--side", str(arguments.side)] for name in NAMES}
        cache = {"FIELDGUIDE_CACHE": str(Path(place) / "cache")}
        with turns.started(commands, Path(place), dict.fromkeys(NAMES, cache)) as contenders:
            for contender in contenders.values():
                contender.turn("list")
            first = {name: contender.turn("fit") for name, contender in contenders.items()}
            found = turns.take_turns(contenders, arguments.rounds, "fit", warm_up=False)
    fixed = {"side": arguments.side, "batch": BATCH, "rounds": arguments.rounds, **measure.hardware()}
    fixed["versions"] = measure.versions(sys.executable, PACKAGES)
    rows = compared(first, found)
    for row in rows:
        print(
            f"{row['row']:<26}{row['seconds']:>8.2f} s (first {row['first_seconds']:.2f})"
            f"{row['fieldguide_is_times']:>7.2f}x  input {100 * row['input_share']:>5.1f}% "
            f"({100 * row['input_share_least']:.1f}-{100 * row['input_share_largest']:.1f}), "
            f"of processor time {100 * row['input_cpu_share']:.1f}%  {row['met']}"
        )
    measure.write_csv(arguments.results / "generator_fit.csv", [{**row, **fixed} for row in rows])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ class folders")
    parser.add_argument("--side", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--few", type=int, help="only so many pictures of each class")
    parser.add_argument("--quick", action="store_true", help="100 pictures of each class, two rounds: to see it run")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--work", type=Path, help="where to put a temporary folder (default: the system's)")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.few, arguments.rounds = 100, 2
    return arguments


def compared(first: Mapping[str, Turn], found: Mapping[str, Sequence[Turn]]) -> list[dict[str, object]]:
    """A row for each contender: its epochs, and what of them is the input's."""
    rows: list[dict[str, object]] = []
    for name, each in found.items():
        rounds = list(zip(each, found["constant_batch"], strict=True))
        share = Ratio.over([1 - constant.seconds / turn.seconds for turn, constant in rounds])
        cpu_share = Ratio.over([1 - constant.cpu_seconds / turn.cpu_seconds for turn, constant in rounds])
        required = LARGEST_SHARE if name == "fieldguide" else None
        rows.append(
            {
                "row": name,
                **Ratio.over([turn.seconds for turn in each]).columns("seconds"),
                "first_seconds": first[name].seconds,
                "cpu_seconds": Ratio.over([turn.cpu_seconds for turn in each]).median,
                **Ratio.of(found["fieldguide"], each).columns("fieldguide_is_times"),
                **share.columns("input_share"),
                **cpu_share.columns("input_cpu_share"),
                "required_below": "" if required is None else required,
                "met": "" if required is None else "yes" if share.median < required else "no",
                "pictures": each[0].pictures,
            }
        )
    return rows


if __name__ == "__main__":
    main()
