"""Columns that were named: of the right type, each once, for one thing; and one set of words for parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fieldguide.data.columns import TableOptions, columns_of, part_of
from fieldguide.data.dataset import Dataset
from fieldguide.data.division import PART_CALLED, divided_by
from fieldguide.data.table_file import TableFile
from fieldguide.data.tagged import TaggedDataset
from fieldguide.errors import FieldguideError, InputError, InputTypeError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "t.csv").write_text("file,x,y,part\na.jpg,1,0,train\nb.jpg,1,1,test\n")
    return tmp_path / "t.csv"


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"label_columns": 3}, InputTypeError, "label_columns is 3; expected the name of a column, or a list"),
        ({"label_columns": None}, InputTypeError, "label_columns is None; expected the name of a column, or a list"),
        ({"label_columns": (None, "x")}, InputTypeError, "label_column is None; expected a text, the name of a column"),
        (
            {"label_columns": ["x", "x"]},
            InputError,
            r"label_column \(--label-column\) is 'x' more than once: name each column of labels",
        ),
        (
            {"label_columns": "x", "file_column": "x"},
            InputError,
            r"file_column \(--file-column\) and label_column \(--label-column\) are both 'x'",
        ),
        (
            {"label_columns": ["x", "y"], "part_column": "y"},
            InputError,
            r"part_column \(--part-column\) and label_column \(--label-column\) are both 'y'",
        ),
        (
            {"file_column": "x", "part_column": "x"},
            InputError,
            r"file_column \(--file-column\) and part_column \(--part-column\) are both 'x'",
        ),
        ({"file_column": ["x"]}, InputTypeError, r"file_column is \['x'\]; expected a text"),
    ],
)
def test_odd_names_of_columns_are_refused(
    given: dict[str, Any], kind: type[FieldguideError], said: str, path: Path
) -> None:
    with pytest.raises(kind, match=said):
        TaggedDataset.from_table(path, **given)


def test_of_one_label_likewise(path: Path) -> None:
    with pytest.raises(InputTypeError, match=r"label_column is \['x'\]; expected a text, the name of a column"):
        Dataset.from_table(path, label_column=["x"])  # type: ignore[arg-type]
    with pytest.raises(
        InputError, match=r"file_column \(--file-column\) and label_column \(--label-column\) are both 'x'"
    ):
        Dataset.from_table(path, file_column="x", label_column="x")


def test_parts_are_called_alike_in_folders_and_in_tables(tmp_path: Path) -> None:
    for name, part in PART_CALLED.items():
        table = TableFile(tmp_path / "t.csv", ("file", "label", "part"), (("a.jpg", "x", name.upper()),), (2,))
        column = columns_of(table, TableOptions()).part
        assert column is not None and part_of(table, 0, column) == part
        root, other = tmp_path / name, "train" if part else "test"
        for folder in (name, other):
            (root / folder / "cats").mkdir(parents=True)
        assert divided_by(root, [name, other])[name] == part
