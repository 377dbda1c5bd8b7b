"""Writes the figures of README.md and docs/ from benchmarks/results/*.csv, so that none is typed by hand.

python3 scripts/figures            writes them between the marks in these pages
python3 scripts/figures --print    prints them instead
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from batch_figures import drop_in_line, from_arrays, from_files, in_fit
from figure_cells import Row, read
from learning_figures import from_scratch, frozen_cut, resume_kills, time_to_accuracy, transfer
from speed_figures import decode, frozen_features, scale, startup

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS = ROOT / "benchmarks" / "results"
DROP_IN = Path("docs") / "coming-from-imagedatagenerator.md"
BLOCK = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- /figures -->)", re.DOTALL)
NOTHING = "Not measured yet.\n"
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
    return "\n".join([*parts, *drop_in_line(results, DROP_IN)]) if parts else NOTHING


def drop_in(results: Path) -> str:
    """The tables of the page about `ImageDataGenerator` for which there are results."""
    return "\n".join(_sections(results, DROP_IN_SECTIONS)) or NOTHING


def _sections(results: Path, sections: Mapping[str, Callable[[Sequence[Row]], str]]) -> list[str]:
    return [write(rows) for name, write in sections.items() if (rows := read(results, name))]


if __name__ == "__main__":
    main()
