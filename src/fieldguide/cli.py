"""The command line: reads arguments, calls one function, prints what it returns."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fieldguide import console, files
from fieldguide.ending import ended_tidily
from fieldguide.errors import FieldguideError, InputError
from fieldguide.flags import (
    add_compare,
    add_corrections,
    add_rate,
    add_relabel,
    add_table,
    add_train,
    table_options,
    wished,
)
from fieldguide.look_flags import add_explain, add_similar
from fieldguide.parser import BAD_INPUT, Parser
from fieldguide.sheet_flags import AMOUNTS, FACTORS, FLIPS, add_augment, zoom_joined
from fieldguide.version import __version__
from fieldguide.words import capital

DONE, PROBLEMS, INTERRUPTED, TERMINATED = 0, 1, 130, 143  # exit codes, besides BAD_INPUT

FIRST_STEPS = """\
fieldguide turns folders of labelled pictures into a classifier you can trust.

Three commands to try first:
  fieldguide demo               the whole way on sample pictures, in seconds
  fieldguide check PHOTOS       what is wrong with your pictures
  fieldguide train PHOTOS       PHOTOS/<class>/*.jpg -> classifier and report

`fieldguide --help` lists them all, `fieldguide COMMAND --help` explains one.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0 done, 1 problems found, 2 bad input, 130 interrupted, 143 ended."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file name may hold bytes that the terminal's encoding lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = _parser()
    options, unknown = parser.parse_known_args(zoom_joined(sys.argv[1:] if arguments is None else arguments, parser))
    if unknown:  # said by the command, whose help explains what it takes
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    ended: list[int] = []
    try:
        with ended_tidily(ended):
            code = _run(options)
            sys.stdout.flush()  # here, where what goes wrong with it is handled
        return TERMINATED if ended else code
    except FieldguideError as error:
        _show_trace(options)
        print(f"fieldguide: {console.shown(str(error))}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt as interruption:
        _show_trace(options)
        kept = "" if options.command == "predict" else "what was read so far is kept, run the command again"
        then = str(interruption) or kept  # where there is more to say than of other commands, it comes with it
        print(f"\nfieldguide: interrupted{'; ' if then else ''}{console.shown(then)}.", file=sys.stderr)
        return TERMINATED if ended else INTERRUPTED
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
    from fieldguide.data.corrections import Corrections
    from fieldguide.data.dataset import Dataset
    from fieldguide.data.labelled import pictures_of

    mended = None if options.corrections is None else Corrections.read(options.corrections)
    data = pictures_of(options.folder, table_options(options))
    if isinstance(data, Dataset):
        findings = check(data if mended is None else mended.apply(data))
    else:
        from fieldguide.tag_commands import check_table  # which brings the whole training with it

        findings = check_table(data, options)
    _print(findings, options)
    return PROBLEMS if findings.worst == "problem" else DONE


def _train(options: argparse.Namespace) -> int:
    from fieldguide.data.labelled import pictures_of
    from fieldguide.data.table_file import is_table
    from fieldguide.data.tagged import TaggedDataset
    from fieldguide.job import resume_job, run_job
    from fieldguide.tag_commands import train_table
    from fieldguide.training.wishes import Wishes

    asked = wished(options)
    if options.resume is not None:
        _refuse_beside_resume(options, asked)
        return _print(resume_job(options.resume, epochs=asked.get("epochs")), options)
    if options.folder is None:
        raise InputError("no folder of pictures was named: fieldguide train PHOTOS, or --resume RUN.")
    # A folder is read once the settings are known to be sound; a table says which settings there are.
    source = pictures_of(options.folder, table_options(options)) if is_table(options.folder) else options.folder
    if isinstance(source, TaggedDataset):
        return _print(train_table(source, options, asked), options)
    outcome = run_job(
        source,
        folder=options.output,
        validation=options.validation,
        test=options.test,
        folds=options.folds,
        seed=options.seed or 0,
        wishes=Wishes(options.recipe or "auto", **asked),
        logs=tuple(options.log),
        corrections=options.corrections,
        table=table_options(options),
    )
    return _print(outcome, options)


def _rate(options: argparse.Namespace) -> int:
    from fieldguide.rate import search_rate
    from fieldguide.training.rates import STEPS
    from fieldguide.training.wishes import Wishes

    wishes = Wishes("scratch", **wished(options))
    steps = STEPS if options.steps is None else options.steps
    found = search_rate(
        options.folder,
        wishes=wishes,
        output=options.output,
        seed=options.seed,
        steps=steps,
        table=table_options(options),
    )
    return _print(found, options)


def _refuse_beside_resume(options: argparse.Namespace, asked: Mapping[str, Any]) -> None:
    """A run goes on as it began, so that nothing but more epochs can be asked of it."""
    named = ("folder", "output", "validation", "test", "folds", "seed", "recipe", "corrections")
    beside = [name for name in named if getattr(options, name) is not None]
    beside += [name for name in asked if name != "epochs"] + (["log"] if options.log else [])
    beside += [flag.removeprefix("--") for flag in table_options(options).words() if flag.startswith("--")]
    if beside:
        words = ["the folder" if name == "folder" else "--" + name.replace("_", "-") for name in beside]
        raise InputError(
            f"{', '.join(words)} cannot be given with --resume: a run goes on with the pictures and settings that it "
            "began with. Leave out all but --epochs, or train in a new folder."
        )


def _compare(options: argparse.Namespace) -> int:
    from fieldguide.comparison.compare import run_comparison
    from fieldguide.comparison.plan import refuse_choosing
    from fieldguide.training.wishes import Wishes

    asked = wished(options)
    refuse_choosing(asked)  # before what is missing beside them is asked for
    recipe = options.recipe or ("scratch" if options.kind != "data_size" else "features")
    compared = run_comparison(
        options.folder,
        options.kind,
        folder=options.output,
        seeds=options.seeds,
        test=options.test,
        seed=options.seed,
        wishes=Wishes(recipe, **asked),
        workers=options.workers,
        table=table_options(options),
    )
    return _print(compared, options)


def _evaluate(options: argparse.Namespace) -> int:
    from fieldguide.data.labelled import labelled
    from fieldguide.evaluation.evaluate import evaluate
    from fieldguide.model.loading import load
    from fieldguide.model.tag_classifier import TagClassifier
    from fieldguide.tag_commands import evaluate_table

    classifier = load(options.model)
    if isinstance(classifier, TagClassifier):
        return _print(evaluate_table(classifier, options), options)
    data = labelled(options.folder, table_options(options), fewest_classes=1)
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


def _explain(options: argparse.Namespace) -> int:
    from fieldguide.explanations import write_explanations

    written = write_explanations(options.model, options.pictures, class_name=options.class_name, output=options.output)
    _print(written, options)
    return DONE if written.page is not None else PROBLEMS


def _similar(options: argparse.Namespace) -> int:
    from fieldguide.neighbours import write_similar

    found = write_similar(
        options.model,
        options.picture,
        options.folder,
        most=options.most,
        output=options.output,
        table=table_options(options),
    )
    return _print(found, options)


def _augment(options: argparse.Namespace) -> int:
    from fieldguide.augment import write_sheet
    from fieldguide.chosen import chosen_settings

    named = {name: flag for name, (flag, *_) in {**AMOUNTS, **FLIPS, **FACTORS}.items()}
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


def _relabel(options: argparse.Namespace) -> int:
    from fieldguide.relabelling.relabel import relabel

    done = relabel(
        options.folder,
        corrections=options.corrections,
        pictures=options.pictures,
        everything=options.all,
        port=options.port,
        browser=not options.no_browser,
    )
    return _print(done, options)


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
    common = Parser(add_help=False)
    common.add_argument("--json", action="store_true", help="print the result as JSON")
    common.add_argument("--debug", action="store_true", help="show where in the code an error came from")
    parser = Parser(
        prog="fieldguide",
        description="Turns folders of labelled pictures into an image classifier that people can trust.",
    )
    parser.add_argument("--version", action="version", version=f"fieldguide {__version__}")
    parser.set_defaults(parser=parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, parents=[common], help=text, description=capital(text) + ".")
        added.set_defaults(run=run, parser=added)
        return added

    demo = command("demo", _demo, "the whole way on the sample pictures that come with fieldguide")
    demo.add_argument(
        "--folder", type=Path, default=Path("fieldguide-demo"), help="where pictures and runs go (%(default)s)"
    )

    check = command(
        "check", _check, "what is wrong with a folder of pictures: unreadable files, copies, leaks, imbalance"
    )
    check.add_argument("folder", type=Path, help="a folder of class folders, or a table of files and labels")
    add_corrections(check)
    add_table(check)

    train = command("train", _train, "a classifier, a report and a verdict from a folder of pictures")
    add_train(train)

    add_rate(command("rate", _rate, "the learning rate to begin with, for a training from random weights"))
    add_compare(command("compare", _compare, "what the network's size, the number of pictures or a recipe changes"))

    add_relabel(command("relabel", _relabel, "labels that are in doubt, one by one in the browser, to be put right"))

    evaluate = command("evaluate", _evaluate, "how well a classifier does on labelled pictures, with intervals")
    evaluate.add_argument("model", type=Path, help="a run folder or a .keras file")
    evaluate.add_argument(
        "folder",
        type=Path,
        help="a folder of class folders, or a table of files and labels; pictures that the classifier learnt from are "
        "left out",
    )
    evaluate.add_argument(
        "--include-seen", action="store_true", help="measure on those too: the figures will be too good"
    )
    add_table(evaluate)

    predict = command("predict", _predict, "the class of pictures")
    predict.add_argument("model", type=Path, help="a run folder or a .keras file")
    predict.add_argument("pictures", nargs="+", help="files, folders or patterns such as 'new/*.jpg'")
    predict.add_argument("--csv", type=Path, metavar="FILE", help="write a CSV file instead of printing a table")

    add_explain(command("explain", _explain, "what a classifier looked at in pictures, as heat maps and in words"))
    add_similar(command("similar", _similar, "the pictures of a folder that a classifier takes to be most like one"))
    add_augment(command("augment", _augment, "a contact sheet of pictures and of what augmentation makes of them"))

    cache = command("cache", _cache, "how much is kept of decoded pictures and features, and where")
    cache.add_argument("--clear", action="store_true", help="remove all of it; it is computed again when needed")
    return parser


if __name__ == "__main__":
    sys.exit(main())
