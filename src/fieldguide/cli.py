"""The command line: reads arguments, calls one function, prints what it returns."""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fieldguide import console, files
from fieldguide.errors import FieldguideError
from fieldguide.version import __version__

DONE, PROBLEMS, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

FIRST_STEPS = """\
fieldguide turns folders of labelled pictures into a classifier you can trust.

Three commands to try first:
  fieldguide demo               the whole way on sample pictures, in seconds
  fieldguide check PHOTOS       what is wrong with your pictures
  fieldguide train PHOTOS       PHOTOS/<class>/*.jpg -> classifier and report

`fieldguide --help` lists them all, `fieldguide COMMAND --help` explains one.
"""

# The flags of `augment`, by the settings that they are for.
_AMOUNTS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "rotation_range": ("--rotation", "DEGREES", "turned by up to so much either way"),
        "shift": ("--shift", "SHARE", "moved by up to this share of width and height"),
        "width_shift_range": ("--width-shift", "SHARE", "to the left or right only"),
        "height_shift_range": ("--height-shift", "SHARE", "up or down only"),
        "shear_range": ("--shear", "DEGREES", "sheared by up to so much either way"),
        "zoom_range": (
            "--zoom",
            "SHARE",
            "made larger or smaller by up to this share, or two factors, such as 0.8 1.2",
        ),
        "channel_shift_range": ("--channel-shift", "LEVELS", "each colour raised or lowered by up to so much, of 255"),
        "erasing": ("--erasing", "SHARE", "of the pictures, in which a rectangle is painted over"),
    }
)
_FLIPS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "horizontal_flip": ("--flip", "mirrored, half of the time"),
        "vertical_flip": ("--vertical-flip", "turned upside down, half of the time"),
    }
)
_FACTORS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "brightness_range": ("--brightness", "factors of all levels, such as 0.8 1.2"),
        "contrast_range": ("--contrast", "factors of the distance to the mean level"),
    }
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0 done, 1 problems found, 2 bad input, 130 interrupted."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file name may hold bytes that the terminal's encoding lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = _parser()
    options = parser.parse_args(_zoom_joined(sys.argv[1:] if arguments is None else arguments, parser))
    try:
        code = _run(options)
        sys.stdout.flush()  # here, where what goes wrong with it is handled
        return code
    except FieldguideError as error:
        _show_trace(options)
        print(f"fieldguide: {console.shown(str(error))}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        _show_trace(options)
        kept = "" if options.command == "predict" else "; what was read so far is kept, run the command again"
        print(f"\nfieldguide: interrupted{kept}.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output is gone, as with `| head`: the rest has no taker.
        _drop_output()
        return DONE
    except OSError as error:
        if error.filename is not None:
            raise
        # No file has failed, so it is our own output, sent to a full disk.
        _show_trace(options)
        print(f"fieldguide: cannot write the output: {files.plain_reason(error)}.", file=sys.stderr)
        _drop_output()
        return BAD_INPUT


def _run(options: argparse.Namespace) -> int:
    if options.command is None:
        print(FIRST_STEPS, end="")
        return DONE
    if options.debug:
        return int(options.run(options))
    with console.native_notes_aside():
        return int(options.run(options))


def _show_trace(options: argparse.Namespace) -> None:
    if options.command is not None and options.debug:
        traceback.print_exc()


def _drop_output() -> None:
    """Sends what is still to be written to stdout nowhere, so that the interpreter does not fail on it as it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _demo(options: argparse.Namespace) -> int:
    from fieldguide.demo import run_demo

    return _print(run_demo(options.folder), options)


def _check(options: argparse.Namespace) -> int:
    from fieldguide.data.check import check
    from fieldguide.data.dataset import Dataset

    findings = check(Dataset.from_directory(options.folder))
    _print(findings, options)
    return PROBLEMS if findings.worst == "problem" else DONE


def _train(options: argparse.Namespace) -> int:
    from fieldguide.job import run_job

    outcome = run_job(
        options.folder,
        folder=options.output,
        validation=options.validation,
        test=options.test,
        seed=options.seed,
        fine_tune=options.fine_tune,
    )
    return _print(outcome, options)


def _evaluate(options: argparse.Namespace) -> int:
    from fieldguide.data.dataset import Dataset
    from fieldguide.evaluation.evaluate import evaluate
    from fieldguide.model.classifier import load

    classifier = load(options.model)
    data = Dataset.from_directory(options.folder, fewest_classes=1)
    part = options.folder.resolve().name
    return _print(evaluate(classifier, data, part=part, include_seen=options.include_seen), options)


def _predict(options: argparse.Namespace) -> int:
    from fieldguide.predict import write_predictions

    with_json = "json" if options.json else "table"
    failed, total = write_predictions(options.model, options.pictures, csv_path=options.csv, style=with_json)
    if options.csv is not None:
        print(json.dumps({"csv": str(options.csv), "files": total, "failed": failed}) if options.json else options.csv)
    if failed:
        print(
            f"fieldguide: {failed:,} of {total:,} files could not be read; each is listed with its reason.",
            file=sys.stderr,
        )
    return PROBLEMS if failed == total else DONE


def _augment(options: argparse.Namespace) -> int:
    from fieldguide.augment import chosen_settings, write_sheet

    named = {name: flag for name, (flag, *_) in {**_AMOUNTS, **_FLIPS, **_FACTORS}.items()}
    chosen = chosen_settings(vars(options), {**named, "fill_mode": "--fill-mode", "preset": "--preset"})
    written = write_sheet(
        options.folder,
        chosen.settings,
        output=options.output,
        pictures=options.pictures,
        draws=options.draws,
        seed=options.seed,
    )
    return _print(replace(written, preset=chosen.preset), options)


def _cache(options: argparse.Namespace) -> int:
    from fieldguide.cache import cache_size, clear_cache

    if not options.clear:
        return _print(cache_size(), options)
    before = clear_cache()
    return _print(before, options, title="cleared:")


def _print(result: Any, options: argparse.Namespace, title: str = "") -> int:
    """A result's words, or with --json its figures, on stdout."""
    if options.json:
        # Escapes, not letters: whatever the encoding of the output, it is JSON.
        print(json.dumps(result.to_dict(), indent=1))
    else:
        print("\n".join(console.shown(line) for line in f"{title} {result}".lstrip().split("\n")))
    return DONE


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print the result as JSON")
    common.add_argument("--debug", action="store_true", help="show where in the code an error came from")
    parser = argparse.ArgumentParser(
        prog="fieldguide",
        description="Turns folders of labelled pictures into an image classifier that people can trust.",
    )
    parser.add_argument("--version", action="version", version=f"fieldguide {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, parents=[common], help=text, description=text[0].upper() + text[1:] + ".")
        added.set_defaults(run=run)
        return added

    demo = command("demo", _demo, "the whole way on the sample pictures that come with fieldguide")
    demo.add_argument(
        "--folder", type=Path, default=Path("fieldguide-demo"), help="where pictures and runs go (%(default)s)"
    )

    check = command(
        "check", _check, "what is wrong with a folder of pictures: unreadable files, copies, leaks, imbalance"
    )
    check.add_argument("folder", type=Path, help="a folder of class folders")

    train = command("train", _train, "a classifier, a report and a verdict from a folder of pictures")
    train.add_argument("folder", type=Path, help="FOLDER/<class>/*.jpg, or FOLDER/train/<class>/*.jpg and so on")
    train.add_argument("--output", type=Path, metavar="RUN", help="a new folder for the run (runs/<name>-<time>)")
    train.add_argument(
        "--test",
        type=_share,
        metavar="SHARE",
        help="share of the pictures that only measure (0.2); not where the folder comes divided",
    )
    train.add_argument(
        "--validation",
        type=_share,
        metavar="SHARE",
        help="share that makes choices (0: choices are made out of fold within train); not where it comes divided",
    )
    train.add_argument("--seed", type=_whole, default=0, help="of everything random (%(default)s)")
    train.add_argument("--no-fine-tune", dest="fine_tune", action="store_false", help="never train the backbone itself")

    evaluate = command("evaluate", _evaluate, "how well a classifier does on labelled pictures, with intervals")
    evaluate.add_argument("model", type=Path, help="a run folder or a .keras file")
    evaluate.add_argument(
        "folder", type=Path, help="a folder of class folders; pictures that the classifier learnt from are left out"
    )
    evaluate.add_argument(
        "--include-seen", action="store_true", help="measure on those too: the figures will be too good"
    )

    predict = command("predict", _predict, "the class of pictures")
    predict.add_argument("model", type=Path, help="a run folder or a .keras file")
    predict.add_argument("pictures", nargs="+", help="files, folders or patterns such as 'new/*.jpg'")
    predict.add_argument("--csv", type=Path, metavar="FILE", help="write a CSV file instead of printing a table")

    _add_augment(command("augment", _augment, "a contact sheet of pictures and of what augmentation makes of them"))

    cache = command("cache", _cache, "how much is kept of decoded pictures and features, and where")
    cache.add_argument("--clear", action="store_true", help="remove all of it; it is computed again when needed")
    return parser


def _add_augment(augment: argparse.ArgumentParser) -> None:
    """The arguments of `augment`, which are the settings of the engine by shorter names."""
    augment.add_argument("folder", type=Path, help="a folder of class folders, of pictures, or one picture")
    augment.add_argument(
        "--output", type=Path, metavar="FILE", default=Path("augmented.png"), help="where the sheet goes (%(default)s)"
    )
    augment.add_argument("--pictures", type=_whole, metavar="N", default=8, help="how many are shown (%(default)s)")
    augment.add_argument("--draws", type=_whole, metavar="N", default=6, help="how many of each (%(default)s)")
    augment.add_argument("--seed", type=_whole, default=0, help="of the draws (%(default)s)")
    augment.add_argument(
        "--preset", metavar="NAME", help="light, medium or strong; medium if nothing else is asked for"
    )
    for setting, (flag, unit, text) in _AMOUNTS.items():
        kind = _share_or_factors if flag == "--zoom" else _number
        augment.add_argument(flag, dest=setting, type=kind, metavar=unit, help=text)
    for setting, (flag, text) in _FLIPS.items():
        augment.add_argument(flag, dest=setting, action=argparse.BooleanOptionalAction, default=None, help=text)
    for setting, (flag, text) in _FACTORS.items():
        augment.add_argument(flag, dest=setting, type=_number, nargs=2, metavar=("LOW", "HIGH"), help=text)
    augment.add_argument(
        "--fill-mode", metavar="MODE", help="beyond the edge: nearest, constant (black), reflect or wrap"
    )


def _zoom_joined(arguments: Sequence[str], parser: argparse.ArgumentParser) -> Sequence[str]:
    """The arguments, with the two factors of --zoom as one word: argparse knows no flag of one or two values.

    The second number is the folder, such as 2024, where nothing else is.
    """
    joined: list[str] = []
    for word in arguments:
        flag, given = ["", "", *" ".join(joined[-2:]).replace("=", " ").split(" ")][-2:]
        zooms = len(flag) > 2 and "--zoom".startswith(flag)  # by its first letters too, as argparse takes it
        if zooms and _is_number(given) and _is_number(word):
            joined[-1] += f",{word}"
        else:
            joined.append(word)
    if joined != list(arguments):
        _, unknown = parser.parse_known_args(arguments)
        return joined if unknown else arguments
    return joined


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _share_or_factors(text: str) -> float | list[float]:
    numbers = [_number(part) for part in text.split(",")]
    return numbers if len(numbers) > 1 else numbers[0]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} was given; expected a number, such as 0.2") from None


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} was given; expected a whole number, 0 or larger")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError(f"{text!r} was given; expected a share from 0 to below 1, such as 0.2")
    return share


if __name__ == "__main__":
    sys.exit(main())
