"""Text that is safe inside a page, whatever a folder or file is called."""

from __future__ import annotations

import html
import re
import unicodedata

from fieldguide.console import JOINERS
from fieldguide.intervals import Estimate

_SHOWN_INSTEAD = "\N{REPLACEMENT CHARACTER}"


def escape(value: object) -> str:
    """`value` as text for HTML and SVG, in elements and quoted attributes.

    Control characters, those that turn the direction of writing among them, are shown as a replacement character.
    Bytes of a file name that are no UTF-8 are shown as escapes such as \\udcff.

    Example:
        >>> escape('<script>"&')
        '&lt;script&gt;&quot;&amp;'
    """
    text = str(value).encode("utf-8", "backslashreplace").decode("utf-8")
    # Cc: control, Cf: format, Cn: not a character, Zl and Zp: line and paragraph separators.
    odd = {"Cc", "Cf", "Cn", "Zl", "Zp"}
    text = "".join(
        _SHOWN_INSTEAD if unicodedata.category(letter) in odd and letter not in JOINERS else letter for letter in text
    )
    return html.escape(text, quote=True)


def sentence(text: str) -> str:
    """A sentence of a diagnosis for HTML, with dashes between the ends of its intervals.

    Example:
        >>> sentence("right for 98.4% (95% CI 97.6-99.0%)")
        'right for 98.4% (95% CI 97.6&ndash;99.0%)'
    """
    return re.sub(r"(?<=CI )(\d+\.\d)-(?=\d+\.\d%)", r"\1&ndash;", escape(text))


def command(text: str) -> str:
    """A command whose flags are not broken at their hyphens where it takes several lines.

    Example:
        >>> command("fieldguide train photos --batch-size 16")
        'fieldguide train photos <span>--batch-size</span> 16'
    """
    words = (escape(word) for word in text.split(" "))
    return " ".join(f"<span>{word}</span>" if word.startswith("--") else word for word in words)


def name(value: object) -> str:
    """A class or file name, set apart so that names written from right to left do not turn the text around them."""
    return f"<bdi>{escape(value)}</bdi>"


def file_name(value: object) -> str:
    """A relative path that may break after its slashes."""
    return name(value).replace("/", "/<wbr>").replace("</<wbr>bdi>", "</bdi>")


def short(value: object, length: int) -> str:
    """A name escaped and cut to `length` letters with an ellipsis."""
    text = str(value)
    return escape(text if len(text) <= length else text[: length - 1] + "\N{HORIZONTAL ELLIPSIS}")


def percent(share: float) -> str:
    """A share as '98.4%'."""
    return f"{100 * share:.1f}%"


def interval(estimate: Estimate) -> str:
    """The interval of a share: '97.6&ndash;99.0%'."""
    return f"{100 * estimate.low:.1f}&ndash;{100 * estimate.high:.1f}%"


def details(summary: str, *body: str) -> str:
    """A part folded away behind its summary."""
    return f"<details><summary>{summary}</summary>\n<div>{''.join(body)}</div></details>"


def scrolling(label: str, body: str) -> str:
    """Something wide that scrolls by itself, also by keyboard, instead of widening the page."""
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(label)}">{body}</div>'


def bullets(lines: list[str] | tuple[str, ...]) -> str:
    """A list of lines that are markup already."""
    return "<ul>" + "".join(f"<li>{line}</li>" for line in lines) + "</ul>" if lines else ""


def section(key: str, title: str, body: str) -> str:
    """A part of the page under a heading.

    Args:
        key: its id, of letters only.
        title: markup.
        body: markup.
    """
    return f'<section aria-labelledby="{key}"><h2 id="{key}">{title}</h2>\n{body}</section>\n'
