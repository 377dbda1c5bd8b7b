"""Cells of a text file: no row is taken into another one's cell, and each is known by the line where it begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldguide.data.columns import TableOptions, columns_of
from fieldguide.data.table_file import read_table_file
from fieldguide.errors import InputError


def written(place: Path, text: str) -> Path:
    (place / "labels.csv").write_text(text)
    return place / "labels.csv"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ('a.jpg,cat\nb.jpg,"dog\nc.jpg,cat\nd.jpg,dog\n', "line 3, opens a quotation mark that is not closed"),
        ('a.jpg,cat\nb.jpg,"dog', "line 3, opens a quotation mark that is not closed"),
        ('a.jpg,cat\nb.jpg,"dog\nc.jpg,"cat"\nd.jpg,dog\n', "line 3, holds a cell in quotation marks that goes on to"),
        (
            'a.jpg,"two\nlines"z\nb.jpg,dog\n',
            "line 2, holds a cell in quotation marks that goes on to line 3, with more",
        ),
        ('a.jpg,"cat"s\nb.jpg,dog\n', "line 2, is no line of a table"),
        ('a.jpg,cat,"x\ny",z\nb.jpg,dog\n', "line 2, has 4 cells"),
    ],
)
def test_a_quotation_mark_takes_no_rows_in(rows: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"labels\.csv, {said}"):
        read_table_file(written(tmp_path, f"file,label\n{rows}"))


def test_two_quotation_marks_too_many_take_no_rows_in_either(tmp_path: Path) -> None:
    table = read_table_file(written(tmp_path, 'file,label\na.jpg,cat\nb.jpg,"dog\nc.jpg,cat"\nd.jpg,dog\n'))
    with pytest.raises(InputError, match=r"line 3, holds a line break in column 'label': a quotation mark may stand"):
        columns_of(table, TableOptions())


def test_a_cell_of_several_lines_is_one_and_rows_are_known_by_where_they_begin(tmp_path: Path) -> None:
    text = 'file,label,note\n\na.jpg,cat,"two\nlines"\nb.jpg,"a ""dog""",5" wide\n'
    table = read_table_file(written(tmp_path, text))
    assert table.rows == (("a.jpg", "cat", "two\nlines"), ("b.jpg", 'a "dog"', '5" wide'))
    assert table.lines == (3, 5)
    assert columns_of(table, TableOptions()).labels == (1,)
