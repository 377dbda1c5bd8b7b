"""Lines of what the terminal says at the end of a job: a title, and beside it words, a path or a command."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

SUMMARY_WIDTH, TITLE_WIDTH = 80, 11  # columns


def in_blocks(*blocks: Sequence[str]) -> str:
    """Blocks of lines, an empty line between them."""
    return "\n\n".join("\n".join(block) for block in blocks)


def line(title: str, text: str) -> str:
    """One entry of the summary, wrapped to the terminal's usual width."""
    indent = " " * TITLE_WIDTH
    return textwrap.fill(
        f"{title:<{TITLE_WIDTH}}{text}",
        SUMMARY_WIDTH,
        subsequent_indent=indent + ("    " if text.startswith("  ") else ""),
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )


def whole(title: str, text: str) -> str:
    """One entry with a path or a command: on one line, however long, so that it can be copied."""
    return f"{title:<{TITLE_WIDTH}}{text}"
