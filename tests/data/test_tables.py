"""Names come back from cells as they were, no cell is a formula, and what is no such table is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldguide.data.tables import cell, one_line, rows_of, table_text, text_of
from fieldguide.errors import FileError, InputError

NAMES = [
    "=1+1",
    "'=1",
    "''=1",
    "-",
    "'-",
    "?",
    "+a",
    "@b",
    "\uff1dwide",
    "'t is",
    "plain",
    '"quoted", with comma',
    "a-b",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_comes_back_from_its_cell_and_is_no_formula(name: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(table_text([["name"], [cell(name)]]), encoding="utf-8")
    ((_, (found,)),) = rows_of(path, ["name"], "names")
    assert text_of(found) == name
    assert found[0] not in "=+-@?\uff1d"


def test_a_name_is_one_line_that_utf_8_can_hold() -> None:
    assert one_line("a\r\nb\x1b\udcff é 鳥") == "a\\r\\nb\\x1b\\udcff é 鳥"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", r"begins with nothing; expected names, with the columns a,b"),
        (b"file;now\n", r"begins with 'file;now'; expected names, with the columns a,b"),
        (b"a,b\n1\n", r"line 2, has 1 cells; expected 2, a,b: mend the line"),
        (b"a,b\n1,2,3\n", r"line 2, has 3 cells"),
        (b"\xff\xfe\0", r"is no text in UTF-8; expected names"),
        (b"\x89PNG\r\n", r"is no text in UTF-8"),
        (b"a,b\n1\n2,3\n", r"line 2, has 1 cells"),
        (b'a,b\n1,"2\n3,4\n5,6', r"line 2, is no line of a table"),
        (b'a,b\n1,"2"3\n4,5\n', r"line 2, is no line of a table"),
        (b'"a,b', r"line 1, is no line of a table"),
    ],
)
def test_what_is_no_such_table_is_named(content: bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=expected):
        list(rows_of(path, ["a", "b"], "names", torn=True))


def test_a_spreadsheets_mark_and_empty_lines_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"\xef\xbb\xbfa,b\r\n1,2\r\n\r\n")
    assert [row for _, row in rows_of(path, ["a", "b"], "names")] == [["1", "2"]]


def test_a_last_line_cut_short_is_passed_over_only_where_it_may_be(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"a,b\n1,2\n3")
    assert [row for _, row in rows_of(path, ["a", "b"], "names", torn=True)] == [["1", "2"]]
    path.write_bytes(b'a,b\n1,2\n"3, and')
    assert [row for _, row in rows_of(path, ["a", "b"], "names", torn=True)] == [["1", "2"]]
    path.write_bytes(b"a,b\n1,2\n3")
    with pytest.raises(InputError, match="line 3, has 1 cells"):
        list(rows_of(path, ["a", "b"], "names"))
    with pytest.raises(FileError, match="does not exist"):
        list(rows_of(tmp_path / "none.csv", ["a"], "names"))
