"""The flags of the commands that train: what they are called, and how their values are read."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fieldguide.data.columns import TableOptions
from fieldguide.typed import any_whole, number, share, whole

# The flags of a training from scratch, by the wishes that they are for: kind, what stands for the value, what it is,
# and what is taken if nothing is said.
_SCRATCH: Mapping[str, tuple[str, str, str, str]] = MappingProxyType(
    {
        "net": ("text", "FAMILY", "the network: plain, residual, or the classic one of courses", "plain"),
        "size": (
            "text",
            "SIZE",
            "of the network: tiny, small, medium or large; of the classic family also deep",
            "small",
        ),
        "side": ("whole", "PIXELS", "of its input", "by the pictures' size"),
        "grayscale": ("flag", "", "make the pictures grey first", "no"),
        "mirrored": ("flag", "", "answer by the average over a picture and its mirror image", "if varied by flips"),
        "dropout": ("number", "SHARE", "of the values taken out before the last layers", "0"),
        "block_dropout": ("number", "SHARE", "of the channels taken out between blocks", "0"),
        "l2": ("number", "PENALTY", "on the kernels, in the loss", "0"),
        "batch_norm": ("flag", "", "batch normalisation", "yes; of the classic network no"),
        "pooling": (
            "text",
            "KIND",
            "before the last layers: average or flatten",
            "average; of the classic network flatten",
        ),
        "augment": (
            "text",
            "PRESET",
            "none, light, medium, strong or crops",
            "crops; below a side of 64 pixels strong",
        ),
        "mix": ("text", "KIND", "mix pictures with one another: none, mix_up, cut_mix or both", "none"),
        "epochs": ("whole", "N", "at the most", "by the number of pictures"),
        "batch_size": ("whole", "N", "pictures learnt from at once", "32"),
        "optimiser": ("text", "NAME", "adamw, adam, sgd or rmsprop", "adamw"),
        "rate": ("number", "RATE", "learning rate, at its peak", "by the optimiser"),
        "schedule": ("text", "NAME", "of the rate: cosine, one_cycle, plateau or constant", "cosine"),
        "weight_decay": ("number", "SHARE", "by which weights shrink, times the rate; of adamw and sgd only", "0.05"),
        "label_smoothing": ("number", "SHARE", "of each label, spread over all classes", "0.1"),
        "class_weights": ("number", "POWER", "0 counts every picture alike, 1 every class", "by the imbalance"),
        "sampling": ("text", "HOW", "plain: each picture once an epoch, balanced: each class equally often", "plain"),
        "loss": ("text", "NAME", "cross_entropy, or focal: what is told well already counts less", "cross_entropy"),
        "gamma": ("number", "POWER", "of the focal loss: how much less", "2"),
        "average": ("number", "SHARE", "moving average of the weights; 0 for none", "0.995"),
        "patience": ("whole", "N", "early stopping: end after so many epochs without an improvement", "no"),
        "metric": ("text", "NAME", "of early stopping: val_loss, val_accuracy, loss or accuracy", "val_loss"),
        "minimum": ("number", "AMOUNT", "that counts as an improvement", "0"),
        "target": ("two", "SHARE", "end once training and held-out accuracy are this high, such as 0.95 0.8", "no"),
        "precision": ("text", "NAME", "auto, float32, bfloat16 or float16", "auto"),
    }
)
_ASIDE_IN_RATE = ("rate", "schedule", "epochs", "patience", "metric", "minimum", "target")
# The flags of a training on a pretrained backbone that one from scratch has not: likewise, and for "words" how many.
_BACKBONES: Mapping[str, tuple[str, str, str, str]] = MappingProxyType(
    {
        "backbone": ("text", "NAME", "the pretrained network, one of keras.applications", "efficientnet_lite0"),
        "weights": ("text", "WEIGHTS", "of another backbone: imagenet (downloads them), random, or a file", "none"),
        "cut": ("text", "LAYER", "the layer at which the backbone ends, such as mixed7", "its last map"),
        "maps": ("text", "WHICH", "maps that the head reads: last, all, or auto: all if they help", "auto"),
        "frame": ("text", "RULE", "how pictures are brought into shape: crop, pad, squash, auto", "by the pictures"),
        "target_size": ("wholes", "PIXELS", "height and width of the input, where it is no square", "by --side"),
        "views": ("whole", "N", "of each picture: as it is, and varied by --augment", "1 to 4, by their number"),
        "dense": ("wholes", "WIDTH", "hidden layers of the head, each with so many units", "no"),
        "freeze": ("words", "WHAT", "all, none, until LAYER, or blocks N: all but the last N", "by the pictures"),
        "gradual": ("flag", "", "in fine-tuning, stages join in one after the other", "no"),
        "larger": ("flag", "", "try a larger input too, and take it if it helps: two to three times as long", "no"),
        "fine_tune_epochs": ("whole", "N", "of fine-tuning, at the most", "2 to 12, by their number"),
        "fine_tune_rate": ("number", "RATE", "learning rate of fine-tuning, at its peak", "0.0001"),
        "judge_by": (
            "text",
            "WHAT",
            "what counts alike where settings are chosen: pictures, classes, or auto: classes if they differ much",
            "auto",
        ),
    }
)
_REFUSED_IN_COMPARE = ("patience", "metric", "minimum", "target")


def add_rate(rate: argparse.ArgumentParser) -> None:
    """The arguments of `rate`."""
    rate.add_argument("folder", type=Path, help="a folder of class folders, divided or not, or a table of labels")
    rate.add_argument("--output", type=Path, metavar="FILE", help="where the plot goes (rates.svg)")
    rate.add_argument("--steps", type=any_whole, metavar="N", help="rates that are tried, five times (100)")
    rate.add_argument("--seed", type=whole, default=0, help="of everything random (%(default)s)")
    add_table(rate)
    aside = dict.fromkeys(_ASIDE_IN_RATE, "left aside here, and taken up into the command that is suggested")
    title = "as for `train --recipe scratch` (in brackets what is taken otherwise)"
    _add_scratch(rate, title, {**aside, "rate": "left aside here: it is what is looked for"})


def add_train(train: argparse.ArgumentParser) -> None:
    """The arguments of `train`."""
    train.add_argument(
        "folder",
        type=Path,
        nargs="?",
        help="FOLDER/<class>/*.jpg, or FOLDER/train/<class>/*.jpg and so on; or a table of files and labels, such as "
        "labels.csv",
    )
    train.add_argument("--output", type=Path, metavar="RUN", help="a new folder for the run (runs/<name>-<time>)")
    train.add_argument(
        "--resume", type=Path, metavar="RUN", help="go on with an interrupted run from scratch, or add epochs to one"
    )
    train.add_argument(
        "--test",
        type=share,
        metavar="SHARE",
        help="share of the pictures that only measure (0.2); not where the folder comes divided",
    )
    train.add_argument(
        "--validation",
        type=share,
        metavar="SHARE",
        help="share that makes choices (0: choices are made out of fold within train; from scratch 0.15); not where it "
        "comes divided",
    )
    train.add_argument(
        "--folds",
        type=any_whole,
        metavar="K",
        help="measure on all pictures, each by one of K models that learnt from the others: for small data, without "
        "--test and --validation",
    )
    train.add_argument("--seed", type=whole, default=None, help="of everything random (0)")
    train.add_argument(
        "--error-rate",
        type=number,
        metavar="SHARE",
        help="of new pictures of the same kind, whose class may stay unnamed, and that may be called unlike all that "
        "was learnt from (0.05)",
    )
    add_corrections(train)
    add_table(train)
    train.add_argument(
        "--recipe",
        default=None,
        help="features (a frozen backbone), finetune, scratch (random weights) or auto: features, then fine-tuning if "
        "it helps (auto)",
    )
    train.add_argument(
        "--log", action="append", default=[], metavar="TOOL", help="also write a log for tensorboard or mlflow"
    )
    group = train.add_argument_group(
        "with a pretrained backbone (in brackets what is taken if nothing is said)",
        "Of the flags below these hold as well: --side, --augment, --pooling, --dropout, --epochs, --rate, "
        "--batch-size, --patience, --class-weights, --sampling, and for what is trained in epochs --loss, --gamma, "
        "--label-smoothing, --mix.",
    )
    _add_flags(group, _BACKBONES, {})
    title = "with --recipe scratch (in brackets what is taken if nothing is said)"
    _add_scratch(train, title, _OTHERWISE)


# What `train` takes if nothing is said of flags that both kinds of network have.
_OTHERWISE: Mapping[str, str] = MappingProxyType(
    {
        "epochs": "by the number of pictures; with --resume, in all; of hidden layers on a backbone 20",
        "side": "by the pictures' size; of a backbone what it was trained at, or 128 where pictures are small",
        "pooling": "average; of the classic network flatten; on a backbone also max",
        "augment": "crops; below a side of 64 pixels strong; of a backbone's --views light",
        "rate": "by the optimiser; of hidden layers on a backbone 0.001",
        "label_smoothing": "0.1; on a backbone 0",
        "patience": "no; on a backbone 3",
        "class_weights": "by the imbalance; of a backbone's head chosen",
    }
)


def add_corrections(command: argparse.ArgumentParser) -> None:
    """The flag of commands that take corrected labels."""
    command.add_argument(
        "--corrections", type=Path, metavar="FILE", help="labels that were corrected, by `fieldguide relabel`"
    )


def add_table(command: argparse.ArgumentParser) -> None:
    """The flags of commands that take a table of labels in place of a folder."""
    group = command.add_argument_group("with a table of labels (what is not said is guessed)")
    group.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="what its file names are relative to (the table's own folder)"
    )
    group.add_argument("--file-column", metavar="NAME", help="the column of picture files")
    group.add_argument(
        "--label-column",
        nargs="+",
        metavar="NAME",
        default=(),
        help="the column of labels, or several of 0 and 1, each named like its class",
    )
    group.add_argument("--part-column", metavar="NAME", help="the column that says train, validation or test")
    group.add_argument("--separator", metavar="TEXT", help="between the labels of a picture that has several (; or |)")


def table_options(options: argparse.Namespace) -> TableOptions:
    """What was said of a table."""
    return TableOptions(
        folder=options.pictures,
        file_column=options.file_column,
        label_columns=tuple(options.label_column),
        part_column=options.part_column,
        separator=options.separator,
    )


def add_relabel(relabel: argparse.ArgumentParser) -> None:
    """The arguments of `relabel`."""
    relabel.add_argument("folder", type=Path, metavar="RUN", help="the folder of a run")
    relabel.add_argument(
        "--corrections",
        type=Path,
        metavar="FILE",
        help="where decisions are kept (corrections.csv in the run's folder)",
    )
    relabel.add_argument("--pictures", type=Path, metavar="FOLDER", help="where its pictures are now, if they moved")
    relabel.add_argument("--all", action="store_true", help="all pictures, not only the suspects")
    relabel.add_argument("--port", type=whole, default=0, metavar="N", help="of the page's address (any that is free)")
    relabel.add_argument("--no-browser", action="store_true", help="only print the page's address")


def add_compare(compare: argparse.ArgumentParser) -> None:
    """The arguments of `compare`."""
    compare.add_argument(
        "folder", type=Path, help="FOLDER/<class>/*.jpg, or FOLDER/train/<class>/*.jpg and so on; or a table of labels"
    )
    kinds = compare.add_mutually_exclusive_group(required=True)
    for kind, text in {
        "complexity": "every size of a network, tiny to large: training and held-out accuracy by parameters",
        "data_size": "more and more of the pictures, and what still more would bring",
        "recipes": "with and without augmentation and dropout",
    }.items():
        flag = "--" + kind.replace("_", "-")
        kinds.add_argument(flag, dest="kind", action="store_const", const=kind, help=text)
    compare.add_argument("--seeds", type=any_whole, metavar="N", default=3, help="runs of each (%(default)s)")
    compare.add_argument(
        "--workers",
        type=any_whole,
        metavar="N",
        help="networks trained at once, each on one core; the results are the same (as many as cores and memory allow)",
    )
    compare.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="where it is kept, and taken up again by the same command (runs/<name>-<what is compared>)",
    )
    compare.add_argument(
        "--test",
        type=share,
        metavar="SHARE",
        help="share of the pictures that measure (0.2); not where the folder comes divided",
    )
    compare.add_argument("--seed", type=whole, default=0, help="of the first run of each (%(default)s)")
    compare.add_argument(
        "--recipe",
        default=None,
        help="of --data-size: features (a frozen backbone) or scratch (features); the others are from scratch",
    )
    add_table(compare)
    refused = dict.fromkeys(_REFUSED_IN_COMPARE, "refused: every run trains all its epochs")
    _add_scratch(
        compare,
        "of networks from scratch (in brackets what is taken if nothing is said)",
        {
            **refused,
            "net": "classic; with --data-size plain",
            "size": "small; not with --complexity, which trains every size from tiny to large",
            "side": "64, or less if the pictures are small; with --data-size by their size",
            "dropout": "0; with --recipes 0.5 where dropout is compared",
            "augment": "with --complexity none, with --recipes medium where it is compared, with --data-size crops",
            "epochs": "30; with --data-size by the number of pictures",
            "schedule": "cosine; plateau is refused",
        },
    )


def _add_scratch(command: argparse.ArgumentParser, title: str, otherwise: Mapping[str, str]) -> None:
    """The flags of trainings from scratch; `otherwise` says of some what this command takes if nothing is said."""
    group = command.add_argument_group(title)
    _add_flags(group, _SCRATCH, otherwise)
    group.add_argument("--optimizer", dest="optimiser", help=argparse.SUPPRESS)  # as it is spelt elsewhere


def _add_flags(
    group: argparse._ArgumentGroup, flags: Mapping[str, tuple[str, str, str, str]], otherwise: Mapping[str, str]
) -> None:
    for name, (kind, unit, what, usual) in flags.items():
        flag, text = "--" + name.replace("_", "-"), f"{what} ({otherwise.get(name, usual)})"
        if kind == "flag":
            group.add_argument(flag, dest=name, action=argparse.BooleanOptionalAction, default=None, help=text)
        elif kind == "two":
            group.add_argument(flag, dest=name, type=number, nargs=2, metavar=(unit, unit), help=text)
        elif kind in ("words", "wholes"):
            group.add_argument(
                flag, dest=name, type=any_whole if kind == "wholes" else str, nargs="+", metavar=unit, help=text
            )
        else:
            group.add_argument(flag, dest=name, type=_KINDS[kind], metavar=unit, help=text)


def wished(options: argparse.Namespace) -> dict[str, Any]:
    """The settings of a training that were given, by name."""
    named = [name for name in (*_SCRATCH, *_BACKBONES, "error_rate") if getattr(options, name, None) is not None]
    given = {name: getattr(options, name) for name in named}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


_KINDS: Mapping[str, Callable[[str], Any]] = MappingProxyType({"whole": any_whole, "number": number, "text": str})
