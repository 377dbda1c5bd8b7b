"""A table as a person keeps it: the columns and cells of a CSV, TSV or Parquet file, as text."""

from __future__ import annotations

import csv
import importlib
import importlib.util
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fieldguide.data.tables import one_line
from fieldguide.errors import FileError, InputError
from fieldguide.files import explained, path_of

ENDINGS = (".csv", ".tsv", ".tab", ".parquet")
_DELIMITERS = (",", ";", "\t")  # of a .csv file; semicolons are what spreadsheets write where the comma is in numbers
LISTED = 12  # columns that a message names


@dataclass(frozen=True, eq=False)
class TableFile:
    """The cells of a table below its header, as text without the spaces around it."""

    path: Path
    columns: tuple[str, ...]  # a name may stand twice, where the column is not used
    rows: tuple[tuple[str, ...], ...]  # a cell for each column; empty where there is no value
    lines: tuple[int, ...]  # where each row begins: the line of a text file, else the number of the row

    @property
    def counted(self) -> str:
        """What `lines` counts."""
        return "row" if self.path.suffix.lower() == ".parquet" else "line"

    def place(self, row: int) -> str:
        """Where a row stands, for a message: "line 3"."""
        return f"{self.counted} {self.lines[row]}"

    def named(self) -> str:
        """The names of the columns, for a message."""
        shown = ", ".join(f"'{one_line(name)}'" for name in self.columns[:LISTED])
        return shown + (f" and {len(self.columns) - LISTED} more" if len(self.columns) > LISTED else "")


def is_table(path: str | Path) -> bool:
    """Whether a path is named like a table, and no folder.

    Example:
        >>> is_table("labels.csv"), is_table("photos")
        (True, False)
    """
    return Path(path).suffix.lower() in ENDINGS and not os.path.isdir(path)  # noqa: PTH112 - False where it cannot be told


def read_table_file(table: str | Path) -> TableFile:
    """The cells of a table.

    Args:
        table: a CSV file (commas, semicolons or tabs, with a header, in UTF-8), a TSV or a Parquet file.

    Raises:
        InputTypeError: it is no path.
        FileError: it cannot be read.
        InputError: it is no such table, has no rows, or needs a package that is not installed.
    """
    path = path_of("table", table, "labels.csv")
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{path} is no table by its name: expected one that ends in {', '.join(ENDINGS)}.")
    with explained(path, "read the table"):
        path.stat()
        if path.is_dir():
            raise FileError(f"{path} is a folder, and a table was expected.")
        if not path.is_file():  # reading a pipe would wait for somebody to write to it
            raise FileError(f"{path} is a device or a pipe: a table is read from a file.")
        content = path.read_bytes()
    header, rows, lines = _parquet(path) if path.suffix.lower() == ".parquet" else _text(path, content)
    columns = tuple(one_line(name.strip()) for name in header)
    if not rows:
        raise InputError(f"{path} has no rows below its header: expected one for each picture.")
    return TableFile(path, columns, tuple(tuple(cell.strip() for cell in row) for row in rows), tuple(lines))


def _text(path: Path, content: bytes) -> tuple[Sequence[str], list[list[str]], list[int]]:
    """Header, rows and the line of each, of a text file."""
    expected = "expected a table with a header, such as file,label"
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f'{path} is no text in UTF-8; {expected}: save it as "CSV UTF-8".') from None
    if "\0" in text:
        raise InputError(f"{path} is no text: {expected}.")
    first = text.lstrip("\r\n").partition("\n")[0]
    tabs = path.suffix.lower() in (".tsv", ".tab")
    found = [each for each in _DELIMITERS if each in first]
    delimiter = "\t" if tabs else found[0] if found else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    rows, lines = [], []
    after = 1  # the line at which the next row begins; a quoted cell may hold several
    try:
        for row in reader:
            line, after = after, reader.line_num + 1
            if not any(cell.strip() for cell in row):
                continue
            if not header:
                header = row
                continue
            if len(row) != len(header):
                raise InputError(
                    f"{path}, line {line}, has {len(row)} cells, and the header {len(header)}: mend the "
                    "line; a cell that holds the separator stands in quotation marks."
                )
            rows.append(row)
            lines.append(line)
    except csv.Error as error:
        if "end of data" in str(error):
            what = "opens a quotation mark that is not closed in it, which would take in the lines after it"
            raise InputError(f"{path}, line {after}, {what}: close it, or take it out.") from None
        if reader.line_num > after:
            what = f"holds a cell in quotation marks that goes on to line {reader.line_num}, with more behind its end"
            raise InputError(f"{path}, line {after}, {what}: a quotation mark is missing, or one too many.") from None
        raise InputError(f"{path}, line {after}, is no line of a table ({error}); {expected}.") from None
    if not header:
        raise InputError(f"{path} is empty; {expected}.")
    return header, rows, lines


def _parquet(path: Path) -> tuple[Sequence[str], list[list[str]], list[int]]:
    """Header, rows and their numbers from 1, of a Parquet file."""
    if importlib.util.find_spec("pyarrow") is None:
        raise InputError(
            f"{path} is a Parquet file, and the package that reads such files is not installed: `pip install pyarrow`, "
            "or save the table as CSV."
        )
    try:
        found = importlib.import_module("pyarrow.parquet").ParquetFile(path).read()
        columns = [column.to_pylist() for column in found.columns]  # by place: two may have one name
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a Parquet file: write it again, or save it as CSV.") from error
    cells = [[cell_text(value) for value in column] for column in columns]
    rows = [list(row) for row in zip(*cells, strict=True)]
    return [str(name) for name in found.column_names], rows, [*range(1, len(rows) + 1)]


def cell_text(value: object) -> str:
    """A value of a table that knows types, as it would stand in a text file.

    Example:
        >>> cell_text(3.0), cell_text(True), cell_text(None), cell_text(["beach", "sunset"])
        ('3', '1', '', 'beach;sunset')
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return ";".join(cell_text(each) for each in value)
    if value is None or value != value or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
