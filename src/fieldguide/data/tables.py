"""Tables as CSV files that people open in a spreadsheet and that are read back: safe cells, known columns."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from fieldguide.errors import InputError
from fieldguide.files import explained

# A spreadsheet takes a cell for a formula that begins so, in wide letters too; a question mark is one of our own marks.
_TAKEN = re.compile(r"'*[=+\-@?\uff1d\uff0b\uff0d\uff20]")


def one_line(text: str) -> str:
    """A name in printable letters: control characters, and bytes that are no UTF-8, are written as escapes.

    Example:
        >>> one_line("owls/by\\nnight.jpg")
        'owls/by\\\\nnight.jpg'
    """
    return "".join(
        character.encode("unicode_escape").decode() if unicodedata.category(character) in ("Cc", "Cs") else character
        for character in text
    )


def cell(text: str) -> str:
    """A name as a cell that no spreadsheet takes for a formula.

    Example:
        >>> cell("=1+1.jpg"), cell("owl.jpg"), cell("'-")
        ("'=1+1.jpg", 'owl.jpg', "''-")
    """
    line = one_line(text)
    return "'" + line if _TAKEN.match(line) else line


def text_of(found: str) -> str:
    """The name, in one line, that stands in a cell.

    Example:
        >>> text_of("'=1+1.jpg"), text_of("'t is.jpg")
        ('=1+1.jpg', "'t is.jpg")
    """
    return found[1:] if found.startswith("'") and _TAKEN.match(found) else found


def table_text(rows: Iterable[Sequence[object]]) -> str:
    """Rows as the text of a CSV file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def rows_of(path: Path, columns: Sequence[str], what: str, *, torn: bool = False) -> Iterator[tuple[str, list[str]]]:
    """The rows of a table below its header, each with the place where it stands: "FILE, line 3".

    Args:
        path: of the file.
        columns: that it must have, in this order.
        what: it should be, as a noun and what makes one: "a list of suspects, which `fieldguide train` writes".
        torn: whether the last line may be cut short, as by a power failure; it is passed over then.

    Raises:
        FileError: it cannot be read.
        InputError: it is no such table.
    """
    with explained(path, "read"):
        content = path.read_bytes()
    expected = f"expected {what}, with the columns {','.join(columns)}"
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path} is no text in UTF-8; {expected}.") from None
    whole = text.endswith("\n")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1  # at which the row begins that is being read
    before: tuple[int, list[str]] | None = None
    try:
        header = next(reader, [])
        if header != list(columns):
            raise InputError(f"{path} begins with {_shortened(header)}; {expected}.")
        line = reader.line_num + 1
        for row in reader:
            if before is not None:
                yield _checked(path, before, columns)
            before = (line, row) if row else None
            line = reader.line_num + 1
        if before is not None and (whole or not torn or len(before[1]) == len(columns)):
            yield _checked(path, before, columns)
    except csv.Error as error:
        if torn and not whole and reader.line_num == line > 1:  # cut short within a quoted cell
            if before is not None:
                yield _checked(path, before, columns)
            return
        raise InputError(f"{path}, line {line}, is no line of a table ({error}); {expected}.") from None


def _checked(path: Path, found: tuple[int, list[str]], columns: Sequence[str]) -> tuple[str, list[str]]:
    line, row = found
    if len(row) != len(columns):
        raise InputError(
            f"{path}, line {line}, has {len(row)} cells; expected {len(columns)}, {','.join(columns)}: mend the line, "
            "or take it out."
        )
    return f"{path}, line {line}", row


def _shortened(header: Sequence[str]) -> str:
    line = one_line(",".join(header))
    return f"'{line[:60]}{'...' if len(line) > 60 else ''}'" if line else "nothing"
