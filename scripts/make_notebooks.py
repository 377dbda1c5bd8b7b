"""Builds the notebooks of examples/ from their sources, which are text with `# %%` between cells.

python3 scripts/make_notebooks.py
"""

from __future__ import annotations

import json
import re
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
MARK = re.compile(r"^# %%( \[markdown\])?\n", re.MULTILINE)


def main() -> None:
    for source in sorted(EXAMPLES.glob("*.py")):
        source.with_suffix(".ipynb").write_text(notebook(source.read_text(encoding="utf-8")), encoding="utf-8")


def notebook(text: str) -> str:
    """A notebook as JSON, without outputs and with cells named by their place: the same text gives the same file."""
    written = [_cell(number, kind, content) for number, (kind, content) in enumerate(cells(text))]
    about = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    whole = {"cells": written, "metadata": about, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def cells(text: str) -> list[tuple[str, str]]:
    """Kind ("markdown" or "code") and content of each cell."""
    _, *parts = MARK.split(text)
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return [("markdown", _prose(content)) if marked else ("code", content.strip("\n")) for marked, content in pairs]


def _prose(comment: str) -> str:
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in comment.strip("\n").splitlines())


def _cell(number: int, kind: str, content: str) -> dict[str, object]:
    cell: dict[str, object] = {"cell_type": kind, "id": f"cell-{number:02}", "metadata": {}}
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return cell | {"source": content.splitlines(keepends=True)}


if __name__ == "__main__":
    main()
