"""Pictures named by a table: which column is which, which files are there, and nothing lost without a word."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from pictures import put

from fieldguide.data.check import Finding, check
from fieldguide.data.columns import TableOptions
from fieldguide.data.corrections import Corrections
from fieldguide.data.dataset import Dataset
from fieldguide.data.labelled import labelled
from fieldguide.data.split import refuse_untaught, split
from fieldguide.data.table_file import cell_text, is_table, read_table_file
from fieldguide.errors import FieldguideError, FileError, InputError, InputKeyError, InputTypeError
from fieldguide.place import require_outside

ROWS = [("a.jpg", "cat"), ("b.jpg", "dog"), ("c.jpg", "cat"), ("d.jpg", "dog")]


def written(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]], delimiter: str = ",") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle, delimiter=delimiter).writerows([header, *rows])
    return path


def files(folder: Path, *names: str) -> Path:
    """Files that nobody reads."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return files(tmp_path, "a.jpg", "b.jpg", "c.jpg", "d.jpg")


def table(place: Path, header: Sequence[str], rows: Sequence[Sequence[str]] = ROWS) -> Path:
    return written(place / "labels.csv", header, rows)


def names(data: Dataset) -> list[str]:
    return [data.name(row) for row in range(len(data))]


def refusal(path: Path, options: TableOptions | None = None) -> str:
    with pytest.raises(FieldguideError) as caught:
        Dataset.from_options(path, options or TableOptions())
    assert str(caught.value).endswith(".")
    return str(caught.value)


# ------------------------------------------------------------------ columns


@pytest.mark.parametrize(
    "header",
    [("file", "label"), ("Image Path", "Species"), ("x", "label"), ("file", "anything"), ("filename", "class")],
)
def test_columns_are_guessed_by_name_content_or_as_the_only_ones_left(header: tuple[str, str], place: Path) -> None:
    data = Dataset.from_table(table(place, header))
    assert data.class_names == ("cat", "dog")
    assert names(data) == ["a.jpg", "c.jpg", "b.jpg", "d.jpg"]  # class by class, whatever the order of the rows
    assert data.labels.tolist() == [0, 0, 1, 1]
    assert data.skipped == () and data.given is None
    assert data.source == place / "labels.csv" and data.words == [str(place / "labels.csv")]


def test_the_order_of_the_rows_changes_nothing(place: Path) -> None:
    one = Dataset.from_table(table(place, ("file", "label")))
    other = Dataset.from_table(table(place, ("file", "label"), ROWS[::-1]))
    assert one.paths == other.paths and one.labels.tolist() == other.labels.tolist()


def test_columns_that_are_named_are_taken(place: Path) -> None:
    rows = [(name, f"{name}.png", label, "x") for name, label in ROWS]
    path = table(place, ("first", "second", "animal", "note"), rows)
    data = Dataset.from_table(path, file_column="first", label_column="animal")
    assert data.class_names == ("cat", "dog")
    assert data.words[1:] == ["--file-column", "first", "--label-column", "animal"]


def test_parts_are_taken_from_a_column_that_holds_some(place: Path) -> None:
    parts = ("train", "Train", "VAL", "test")
    path = table(place, ("file", "label", "split"), [(*row, part) for row, part in zip(ROWS, parts, strict=True)])
    data = Dataset.from_table(path)
    assert data.given is not None and dict(zip(names(data), data.given.tolist(), strict=True)) == {
        "a.jpg": 0, "b.jpg": 0, "c.jpg": 1, "d.jpg": 2,
    }  # fmt: skip
    other = table(place, ("file", "label", "set"), [(*row, "set of 2024") for row in ROWS])
    assert Dataset.from_table(other).given is None  # named like parts, and holding none
    text = refusal(other, TableOptions(part_column="set"))
    assert "line 2, holds 'set of 2024' in column 'set'; expected train, validation or test" in text
    half = table(place, ("file", "label", "split"), [(*ROWS[0], "train"), (*ROWS[1], "")])
    assert "line 3, holds nothing in column 'split'" in refusal(half)


def test_a_column_of_0_and_1_for_each_class_with_one_1_a_row_is_a_label(place: Path) -> None:
    rows = [(name, str(int(label == "cat")), str(int(label == "dog"))) for name, label in ROWS]
    data = Dataset.from_table(table(place, ("file", "cat", "dog"), rows))
    assert data.class_names == ("cat", "dog") and data.counts == {"cat": 2, "dog": 2}


def test_columns_that_are_not_read_may_be_called_alike(place: Path) -> None:
    path = table(place, ("file", "label", "note", "note", "", ""), [(*row, "x", "y", "", "") for row in ROWS])
    assert Dataset.from_table(path).counts == {"cat": 2, "dog": 2}
    assert "several columns named 'note'" in refusal(path, TableOptions(label_columns=("note",)))
    marks = [(name, str(int(label == "cat")), str(int(label == "dog")), "", "") for name, label in ROWS]
    path = table(place, ("file", "cat", "dog", "", ""), marks)  # as spreadsheets write what was once filled
    assert Dataset.from_table(path).counts == {"cat": 2, "dog": 2}
    path = table(place, ("", "", "label"), [(str(row), *each) for row, each in enumerate(ROWS)])
    assert Dataset.from_table(path).counts == {"cat": 2, "dog": 2}


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        (("a.jpg", "cat"), ROWS[1:], "which is no header: put a line such as file,label above"),
        (("who", "what"), [("x", "y")], "no column that looks like one of picture files; it has 'who', 'what'"),
        (("file", "image", "label"), [("a.jpg", "b.jpg", "cat")], "several columns that may be those of the picture"),
        (("file", "label", "class"), [("a.jpg", "1", "cat")], "several columns that may hold the labels ('label', 'cl"),
        (("file", "one", "two"), [("a.jpg", "x", "y")], "no column that looks like one of labels; it has 'file', 'o"),
        (("file", "label", "label"), [("a.jpg", "x", "y")], "several columns named 'label'"),
        (("photo", "photo", "label"), [("a.jpg", "b.jpg", "y")], "several columns named 'photo'"),
        (("file", "label"), [("a.jpg", "cat"), ("b.jpg", "dog", "x")], "line 3, has 3 cells, and the header 2"),
        (("file", "label"), [("a.jpg", "cat"), ("", "dog")], "line 3, names no file"),
        (("file", "label"), [], "has no rows below its header"),
        (("file", "label"), [("a.jpg", "cat"), ("b.jpg", "Cat")], "the labels 'Cat' and 'cat' in"),
        (("file", "label"), [("a.jpg", "cat"), ("b.jpg", "cat")], "one class only, 'cat'"),
        (("file", "label"), [("a.jpg", ""), ("b.jpg", "")], "has no label: a classifier needs at least two"),
        (("file", "label"), [("a.jpg", "cat"), ("e.jpg", "dog")], "none of the files of class 'dog' in"),
        (("file", "label"), [("x/a.jpg", "cat"), ("x/b.jpg", "dog")], "none of the 2 files that"),
        (("file", "labels"), [("a.jpg", "cat;dog"), ("b.jpg", "dog")], "several labels, or none, where one each was"),
        (
            ("file", "cat", "dog"),
            [("a.jpg", "1", "1"), ("b.jpg", "0", "0")],
            "and fg.TaggedDataset.from_table reads it",
        ),
        (("file", "label", "part", "split"), [("a.jpg", "c", "train", "val")], "may be those of the parts"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(
    header: tuple[str, ...], rows: list[tuple[str, ...]], said: str, place: Path
) -> None:
    assert said in refusal(table(place, header, rows))


def test_what_was_named_and_is_not_there_is_refused(place: Path) -> None:
    path = table(place, ("file", "label"))
    with pytest.raises(
        InputKeyError, match=r"label_column \(--label-column\) is 'species', and .* no such column; it has 'file', 'la"
    ):
        Dataset.from_table(path, label_column="species")
    with pytest.raises(InputTypeError, match="file_column is 3"):
        Dataset.from_table(path, file_column=3)  # type: ignore[arg-type]
    with pytest.raises(FileError, match="does not exist"):
        Dataset.from_table(place / "lost.csv")
    with pytest.raises(InputError, match=r"no table by its name: expected one that ends in \.csv"):
        Dataset.from_table(place / "a.jpg")
    rows = [("a.jpg", "1", "0"), ("b.jpg", "maybe", "1")]
    marks = TableOptions(label_columns=("cat", "dog"))
    assert "line 3, holds 'maybe' in column 'cat'; expected 0 or 1" in refusal(
        table(place, ("file", "cat", "dog"), rows), marks
    )


# ------------------------------------------------------------------ files


def test_every_row_and_every_picture_beside_is_accounted_for(place: Path) -> None:
    files(place, "e.jpg", "notes.txt", ".hidden.jpg", "other/f.jpg")
    rows = [*ROWS, ("a.jpg", "cat"), ("b.jpg", "cat"), ("lost.jpg", "dog"), ("other", "dog"), ("./d.jpg", "")]
    data = Dataset.from_table(table(place, ("file", "label"), rows))
    assert names(data) == ["a.jpg", "c.jpg", "d.jpg"]
    assert {entry.path.name: entry.reason for entry in data.skipped} == {
        "lost.jpg": "no such file (line 8 of the table)",
        "other": "a folder (line 9 of the table)",
        "b.jpg": "two labels: 'dog' (line 3), 'cat' (line 7)",
        "e.jpg": "the table does not name it",
    }
    assert data.table is not None
    assert data.table.repeated == ("a.jpg (lines 2, 6)", "d.jpg (lines 5, 10)")
    assert data.table.contradicting == ("b.jpg: 'dog' (line 3), 'cat' (line 7)",)
    assert len(data.select([0, 1]).words) == 1  # parts of it know where they are from


def test_a_class_that_only_the_test_part_has_is_refused(place: Path) -> None:
    parts = ("train", "test", "train", "test")
    rows = [(*row, part) for row, part in zip(ROWS, parts, strict=True)]
    data = Dataset.from_table(table(place, ("file", "label", "split"), rows))
    with pytest.raises(
        InputError, match=r"class 'dog' has no training picture in .*labels\.csv: nothing can be learnt"
    ):
        refuse_untaught(data)


def test_a_row_without_a_label_and_one_in_two_parts_are_left_out(place: Path) -> None:
    rows = [(*row, "train") for row in ROWS] + [("a.jpg", "cat", "test"), ("e.jpg", "", "test")]
    files(place, "e.jpg")
    data = Dataset.from_table(table(place, ("file", "label", "part"), rows))
    assert {entry.path.name: entry.reason for entry in data.skipped} == {
        "a.jpg": "two parts: train and test",
        "e.jpg": "no label (line 7 of the table)",
    }


def test_a_class_that_only_disputed_rows_name_is_told_with_those(place: Path) -> None:
    data = Dataset.from_table(table(place, ("file", "label"), [*ROWS, ("a.jpg", "owl")]))
    assert data.class_names == ("cat", "dog") and [entry.path.name for entry in data.skipped] == ["a.jpg"]


def test_files_are_relative_to_the_folder_that_is_named_and_all_of_it_is_looked_through(place: Path) -> None:
    files(place, "photos/x/1.jpg", "photos/y/2.jpg", "photos/y/deep/3.jpg")
    path = table(place, ("file", "label"), [("x/1.jpg", "cat"), ("y\\2", "dog")])  # as Windows writes it, unfinished
    data = Dataset.from_table(path, folder=place / "photos")
    assert names(data) == ["x/1.jpg", "y/2.jpg"]
    assert [entry.path.name for entry in data.skipped] == ["3.jpg"]
    assert data.words == [str(path), "--pictures", str(place / "photos")]
    whole = [(str(place / "photos" / "x" / "1.jpg"), "cat"), (str(place / "a.jpg"), "dog")]
    assert len(Dataset.from_table(table(place, ("file", "label"), whole), folder=place / "photos")) == 2


def test_a_name_too_long_for_the_file_system_is_a_missing_file(place: Path) -> None:
    long = ["n" * 300 + ".jpg", "n" * 300, "deep/" * 2000 + "n.jpg"]
    data = Dataset.from_table(table(place, ("file", "label"), [*ROWS, *((name, "cat") for name in long)]))
    assert [entry.reason for entry in data.skipped] == [
        f"no such file (line {line} of the table)" for line in (6, 7, 8)
    ]
    assert not is_table("p" * 300) and is_table("p" * 300 + ".csv")
    with pytest.raises(FileError, match="the name is too long"):
        labelled("p" * 300 + ".csv")


def test_names_are_seen_from_the_root_however_that_was_written(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files(place, "sub/x.jpg", "elsewhere/deep/y.jpg")
    path = table(place, ("file", "label"))
    for folder in (place / "sub" / "..", place / "." / "sub" / ".." / "sub" / "..", f"{place}//"):
        data = Dataset.from_table(path, folder=folder)
        assert names(data) == ["a.jpg", "c.jpg", "b.jpg", "d.jpg"] and data.root == place
        assert [data.root / entry.path for entry in data.skipped] == [
            place / "elsewhere" / "deep" / "y.jpg", place / "sub" / "x.jpg",
        ]  # fmt: skip
    monkeypatch.chdir(place / "sub")
    for source in (Path("../labels.csv"), Path("../sub/../labels.csv")):
        data = Dataset.from_table(source)
        assert names(data) == ["a.jpg", "c.jpg", "b.jpg", "d.jpg"] and data.root == Path("..")
        assert data.source == source  # as it was named
    (place / "link").symlink_to(place / "elsewhere" / "deep")
    files(place, "elsewhere/a.jpg", "elsewhere/b.jpg", "elsewhere/c.jpg", "elsewhere/d.jpg")
    data = Dataset.from_table(path, folder=place / "link" / "..")
    assert data.paths[0] == (place / "elsewhere" / "a.jpg").resolve() and names(data)[0] == "a.jpg"
    assert [entry.path for entry in data.skipped] == [(place / "elsewhere" / "deep" / "y.jpg").resolve()]


# ------------------------------------------------------------------ kinds of tables


def test_separators_tabs_and_marks_of_a_spreadsheet(place: Path) -> None:
    for name, delimiter in (("t.tsv", "\t"), ("s.csv", ";"), ("u.csv", "\t")):
        assert len(Dataset.from_table(written(place / name, ("file", "label"), ROWS, delimiter))) == 4
    (place / "bom.csv").write_bytes(b'\xef\xbb\xbffile,label\r\n\r\n a.jpg , cat\r\n"b.jpg",dog\r\n')
    assert Dataset.from_table(place / "bom.csv").counts == {"cat": 1, "dog": 1}
    (place / "latin.csv").write_bytes("file,label\na.jpg,Käfer\n".encode("latin-1"))
    assert 'save it as "CSV UTF-8"' in refusal(place / "latin.csv")
    (place / "empty.csv").write_text("\n\n")
    assert "is empty; expected a table with a header" in refusal(place / "empty.csv")
    (place / "zeros.csv").write_bytes(b"\0\0")
    assert "is no text" in refusal(place / "zeros.csv")


def test_a_parquet_file_without_a_package_that_reads_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "labels.parquet").write_bytes(b"PAR1")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = refusal(place / "labels.parquet")
    assert "the package that reads such files is not installed: `pip install pyarrow`" in said


def test_a_parquet_file(place: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {"file": [name for name, _ in ROWS], "label": [label for _, label in ROWS]}
    parquet.write_table(pyarrow.table(columns), place / "labels.parquet")
    assert Dataset.from_table(place / "labels.parquet").counts == {"cat": 2, "dog": 2}
    names, arrays = ["note", "file", "label", "note"], [["x"] * 4, columns["file"], columns["label"], [1, 2, 3, None]]
    parquet.write_table(pyarrow.Table.from_arrays([pyarrow.array(each) for each in arrays], names), place / "b.parquet")
    assert Dataset.from_table(place / "b.parquet").counts == {"cat": 2, "dog": 2}
    assert "several columns named 'note'" in refusal(place / "b.parquet", TableOptions(part_column="note"))
    (place / "broken.parquet").write_bytes(b"PAR1 and no more")
    assert "cannot be read as a Parquet file" in refusal(place / "broken.parquet")


def test_cells_of_a_table_that_knows_types() -> None:
    assert [cell_text(value) for value in (1, 2.5, False, float("nan"), ("a", "b"))] == ["1", "2.5", "0", "", "a;b"]


def test_a_folder_named_like_a_table_is_none(tmp_path: Path) -> None:
    (tmp_path / "odd.csv").mkdir()
    assert not is_table(tmp_path / "odd.csv") and is_table(tmp_path / "labels.TSV")
    with pytest.raises(FileError, match="is a folder, and a table was expected"):
        read_table_file(tmp_path / "odd.csv")


@pytest.mark.skipif(sys.platform == "win32", reason="no such device")
def test_a_device_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "null.csv").symlink_to("/dev/null")
    assert "is a device or a pipe" in refusal(tmp_path / "null.csv")


# ------------------------------------------------------------------ what comes after


def test_options_are_refused_beside_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--pictures, --part-column are for a table of labels, and .* is none"):
        labelled(tmp_path, TableOptions(folder=tmp_path, part_column="part"))


def test_options_survive_being_written_down() -> None:
    options = TableOptions(Path("photos"), "f", ("a", "b"), "p", "|")
    assert TableOptions.from_dict(options.to_dict()) == options
    assert options.words()[2:] == ["--file-column", "f", "--label-column", "a", "b", "--part-column", "p",
                                   "--separator", "|"]  # fmt: skip
    with pytest.raises(TypeError):
        TableOptions.from_dict({**options.to_dict(), "folder": 3})


def test_check_split_and_corrections_take_it_as_a_folder(tmp_path: Path) -> None:
    rows = []
    for number in range(8):
        rows.append((f"photos/{number}.jpg", "cat" if number % 2 else "dog"))
        put(tmp_path / rows[-1][0], number)
    put(tmp_path / "photos" / "more.jpg", 9)
    odd = [("photos/0.jpg", "cat"), ("photos/1.jpg", "cat")]
    data = Dataset.from_table(table(tmp_path, ("file", "label"), [*rows, *odd]))
    findings = check(data)
    kinds = {one.kind: (one.level, one.paths) for one in findings.findings}
    assert kinds["rows disagree"] == ("problem", ("photos/0.jpg: 'dog' (line 2), 'cat' (line 10)",))
    assert kinds["not named"] == ("warning", ("photos/more.jpg",))
    assert kinds["rows repeated"] == ("note", ("photos/1.jpg (lines 3, 11)",))
    assert findings.found == findings.read + len(findings.skipped) == 9
    assert str(findings).startswith(f"{tmp_path / 'labels.csv'}: 9 files found, 7 read, 2 skipped")
    assert findings.to_dict()["table"] == data.table.to_dict()  # type: ignore[union-attr]
    file = Corrections.record(tmp_path / "c.csv", data, {"photos/2.jpg": "cat", "photos/4.jpg": None})
    mended = Corrections.read(file).apply(data)
    assert mended.counts == {"cat": 5, "dog": 1} and mended.table == data.table
    parts = split(data, test=0.3)
    assert len(parts.train) + len(parts.test) == 7 and parts.train.table == data.table


def test_a_class_of_which_nothing_can_be_read_speaks_of_rows(place: Path) -> None:
    put(place / "a.jpg", 1)
    put(place / "c.jpg", 2)
    for rows, said in (
        (
            ROWS,
            r"no picture of class 'dog' can be read \(2 tried; b\.jpg: .*\): replace its files, or take its rows out",
        ),
        (
            ROWS[:3],
            r"of class 'dog' can be read \(1 tried; .*\): replace its file, or take its rows out of labels\.csv",
        ),
        ([*ROWS[:3], ("d.jpg", "owl")], r"of class 'dog' \(and of 1 more class\) can be read \(1 tried; "),
    ):
        with pytest.raises(InputError, match=said):
            check(Dataset.from_table(table(place, ("file", "label"), rows)))


def test_corrections_of_a_table_speak_of_the_table(place: Path) -> None:
    rows = [*ROWS, ("e.jpg", "owl"), ("f.jpg", "owl")]
    for number, (name, _) in enumerate(rows):
        put(place / name, number)
    whole = Dataset.from_table(table(place, ("file", "label"), rows))
    file = Corrections.record(place / "c.csv", whole, {"a.jpg": "dog", "c.jpg": "dog"})
    asked = Corrections.read(file)
    with pytest.raises(
        InputError, match=r"leaves no picture of class 'cat' in .*labels\.csv: .* take the rows of that c"
    ):
        asked.apply(whole)
    Corrections.record(file, whole, {"e.jpg": None, "f.jpg": None})
    with pytest.raises(
        InputError, match=r"no picture of the classes 'cat', 'owl' in .* take the rows of those classes"
    ):
        Corrections.read(file).apply(whole)
    few = Dataset.from_table(table(place, ("file", "label"), rows[1:]))
    with pytest.raises(InputError, match=r"a\.jpg is not in .*labels\.csv\. Name the table that it was made for"):
        asked.apply(few)
    other = Dataset.from_table(table(place, ("file", "label"), [("a.jpg", "owl"), *rows[1:]]))
    with pytest.raises(InputError, match=r"was of class 'cat', and it is of 'owl' in .*labels\.csv: name the pictures"):
        asked.apply(other)
    without = Dataset.from_table(
        table(place, ("file", "label"), [(name, label.replace("dog", "ox")) for name, label in rows])
    )
    with pytest.raises(
        InputError, match=r"which .*labels\.csv has no row of \(cat, owl, ox\): mend .*add rows of that"
    ):
        asked.apply(without)
    mended = Corrections.read(Corrections.record(place / "d.csv", whole, {"a.jpg": "dog"})).apply(whole)
    with pytest.raises(InputError, match=r"to what Dataset\.from_table gives"):
        asked.apply(mended)


def test_a_table_is_never_written_over(place: Path) -> None:
    path = table(place, ("file", "label"))
    with pytest.raises(InputError, match=r"labels\.csv is the table of labels, which is left as it is: name another f"):
        require_outside(path, path, asked="--corrections", what="file")
    require_outside(place / "runs", path)


def test_check_points_out_labels_that_may_be_several(place: Path) -> None:
    rows = [("a.jpg", "cat, pet"), ("b.jpg", "dog"), ("c.jpg", "cat, pet"), ("d.jpg", "dog")]
    for number, (name, _) in enumerate(rows):
        put(place / name, number)

    def joined(path: Path) -> Finding | None:
        return {one.kind: one for one in check(Dataset.from_table(path)).findings}.get("joined")

    found = joined(table(place, ("file", "label"), rows))
    assert found is not None and found.level == "note"  # as in "bear, polar": nothing else is called so
    assert found.text == (
        "1 class with a comma in the name, such as 'cat, pet': where these are several labels, say separator "
        "(--separator) ,"
    )
    found = joined(table(place, ("file", "label"), [(name, label.replace("dog", "pet")) for name, label in rows]))
    assert found is not None and found.level == "warning"  # one of its pieces is a label too
    marks = [(name, str(int(label != "dog")), str(int(label == "dog"))) for name, label in rows]
    assert joined(table(place, ("file", '"cat, pet"', "dog"), marks)) is None  # no separator would part these
