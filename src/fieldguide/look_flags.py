"""Arguments of the commands that explain what a classifier says of pictures."""

from __future__ import annotations

import argparse
from pathlib import Path

from fieldguide.flags import add_table
from fieldguide.typed import whole


def add_explain(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `fieldguide explain`."""
    parser.add_argument("model", type=Path, help="a run folder or a .keras file")
    parser.add_argument(
        "pictures", nargs="+", help="files, folders or patterns such as 'new/*.jpg', at most 200 files in all"
    )
    parser.add_argument(
        "--class", dest="class_name", metavar="NAME", help="the class to explain (the most probable one of each)"
    )
    _add_output(parser, "explanations")


def add_similar(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `fieldguide similar`."""
    parser.add_argument("model", type=Path, help="a run folder or a .keras file")
    parser.add_argument("picture", type=Path, help="a picture file")
    parser.add_argument(
        "folder",
        type=Path,
        help="where to look: class folders, such as what it learnt from, a folder of pictures, or a table of labels",
    )
    parser.add_argument("--most", type=whole, metavar="N", default=8, help="how many are shown (%(default)s)")
    _add_output(parser, "similar")
    add_table(parser)


def _add_output(parser: argparse.ArgumentParser, kind: str) -> None:
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help=f"a new or empty folder for the page, outside of the pictures' ({kind}-<time>)",
    )
