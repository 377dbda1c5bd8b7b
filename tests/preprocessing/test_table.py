"""What a dataframe names is what Keras's own iterator takes, but for what is mended."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import encoded, put, scene

from fieldguide.errors import InputError, InputKeyError, InputTypeError
from fieldguide.preprocessing.table import CLASS_MODES, Table, read_table

pandas = pytest.importorskip("pandas", reason="pandas is not installed: it is the user's, not fieldguide's")

PICTURE = encoded(scene(0, 8, 8))
NAMES = [f"{number}.jpg" for number in range(8)] + ["9.PNG", "sub/a.jpg"]
ABSENT = ["gone.jpg", "notes.txt", "sub"]
LABELS = ("cat", "dog", "Ant", "é")


def lay(root: Path) -> Path:
    (root / "sub").mkdir(parents=True)
    for name in (*NAMES, "notes.txt"):
        (root / name).write_bytes(PICTURE)
    return root


def keras_takes(frame: Any, directory: object, split: tuple[float, float] | None = None, **arguments: Any) -> Any:
    from keras.src.legacy.preprocessing.image import DataFrameIterator, ImageDataGenerator

    subset = None if split is None else "validation" if split[0] == 0 else "training"
    generator = ImageDataGenerator(validation_split=0.0 if split is None else split[1 if split[0] == 0 else 0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return DataFrameIterator(frame, directory, generator, subset=subset, **arguments)


def same(ours: Table, keras: Any) -> None:
    assert ours.filenames == keras.filenames
    assert ours.filepaths == keras.filepaths
    assert ours.classes == getattr(keras, "classes", None)
    assert ours.class_indices == getattr(keras, "class_indices", None)
    assert (ours.weights is None) == (keras.sample_weight is None)
    if ours.weights is not None:
        np.testing.assert_array_equal(ours.weights, keras.sample_weight)
        assert ours.weights.dtype == keras.sample_weight.dtype
    targets = getattr(keras, "_targets", None)
    assert (ours.targets is None) == (targets is None)
    for one, other in zip(listed(ours.targets), listed(targets), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


def listed(targets: Any) -> list[Any]:
    return targets if isinstance(targets, list) else [targets] if targets is not None else []


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(NAMES * 2 + ABSENT),
            st.sampled_from(LABELS[:2]) | st.sampled_from(LABELS),
            st.lists(st.sampled_from(LABELS), min_size=1, max_size=3),
            st.integers(-5, 5),
            st.floats(-2, 2),
        ),
        min_size=1,
        max_size=20,
    ),
    mode=st.sampled_from([*CLASS_MODES, "lists", "tuples"]),
    classes=st.none() | st.lists(st.sampled_from(LABELS), min_size=1, max_size=3),
    split=st.none() | st.tuples(st.just(0.0), st.floats(0.1, 0.9)) | st.tuples(st.floats(0.1, 0.9), st.just(1.0)),
    weighted=st.sampled_from((None, "whole", "number")),
    validate=st.booleans(),
)
def test_a_table_is_read_as_keras_reads_it(
    rows: list[Any],
    mode: str | None,
    classes: list[str] | None,
    split: tuple[float, float] | None,
    weighted: str | None,
    validate: bool,
) -> None:
    frame = pandas.DataFrame(rows, columns=["file", "label", "many", "whole", "number"])
    frame.index = frame.index[::-1] * 3  # no row is where its index says
    frame["tuples"] = frame["many"].map(tuple)
    y_col: Any = {"multi_output": ["whole", "number"], "raw": "number", "lists": "many", "tuples": "tuples"}.get(
        mode or "", "label"
    )
    arguments: dict[str, Any] = {
        "x_col": "file",
        "y_col": y_col,
        "weight_col": weighted,
        "classes": classes,
        "class_mode": "categorical" if mode in ("lists", "tuples") else mode,
        "validate_filenames": validate,
    }
    with tempfile.TemporaryDirectory() as place:
        root = lay(Path(place) / "root")
        try:
            keras = keras_takes(frame, place + "/root", split, **arguments)
        except ValueError:
            with pytest.raises(InputError):
                read_table(frame, root, split=split, **arguments)
            return
        if keras.samples == 0:
            with pytest.raises(InputError):
                read_table(frame, root, split=split, **arguments)
            return
        same(read_table(frame, root, split=split, **arguments), keras)


def frame_of(**columns: Any) -> Any:
    """A table of the first pictures with these columns."""
    count = len(next(iter(columns.values())))
    return pandas.DataFrame({"filename": NAMES[:count], **columns})


def test_whole_paths_need_no_directory(tmp_path: Path) -> None:
    lay(tmp_path / "root")
    frame = frame_of(**{"class": ["a", "b"]})
    frame["filename"] = [str(tmp_path / "root" / name) for name in frame["filename"]]
    same(read_table(frame), keras_takes(frame, None))
    same(read_table(frame, tmp_path / "elsewhere"), keras_takes(frame, str(tmp_path / "elsewhere")))


@pytest.mark.parametrize("columns", ["whole", ["whole"], ["whole", "number"]])
def test_raw_values_of_one_column_or_more(columns: Any, tmp_path: Path) -> None:
    lay(tmp_path / "root")
    frame = frame_of(whole=[1, 2, 3], number=[0.5, 1.5, 2.5])
    arguments = {"y_col": columns, "class_mode": "raw"}
    same(read_table(frame, tmp_path / "root", **arguments), keras_takes(frame, str(tmp_path / "root"), **arguments))


def test_raw_lists_become_an_array(tmp_path: Path) -> None:
    frame = frame_of(box=[[1, 2, 3, 4], [5, 6, 7, 8]])
    lay(tmp_path / "root")
    assert keras_takes(frame, str(tmp_path / "root"), y_col="box", class_mode="raw").labels.dtype == object
    targets = read_table(frame, tmp_path / "root", y_col="box", class_mode="raw").targets
    np.testing.assert_array_equal(targets, [[1, 2, 3, 4], [5, 6, 7, 8]])


def test_nullable_numbers_are_numbers(tmp_path: Path) -> None:
    lay(tmp_path / "root")
    frame = frame_of(value=pandas.array([1, 2], "Int64"), weight=pandas.array([0.5, 1], "Float64"))
    table = read_table(frame, tmp_path / "root", y_col="value", class_mode="raw", weight_col="weight")
    assert isinstance(table.targets, np.ndarray)
    assert table.targets.dtype == np.int64
    assert table.weights is not None
    assert table.weights.dtype == np.float64


def test_a_picture_without_any_label_is_kept_whether_or_not_classes_are_given(tmp_path: Path) -> None:
    lay(tmp_path / "root")
    frame = frame_of(**{"class": [["cat"], [], ["dog"], ["cat", "dog"]]})
    root = str(tmp_path / "root")
    assert keras_takes(frame, root).classes == [[0], [], [1], [0, 1]]
    assert keras_takes(frame, root, classes=["cat", "dog"]).classes == [[0], [1], [0, 1]]  # the second row is lost
    assert read_table(frame, root).classes == [[0], [], [1], [0, 1]]
    table = read_table(frame, root, classes=["cat", "bird"])
    assert table.classes == [[0], [], [0]]
    assert table.excluded == 1
    assert table.notes() == ["classes names 'bird', which no row of column 'class' has; its labels are 'cat', 'dog'."]


def test_missing_files_are_counted_and_named(tmp_path: Path) -> None:
    lay(tmp_path / "root")
    frame = frame_of(**{"class": list("ababab")})
    frame["filename"] = ["0.jpg", "gone.jpg", "sub", "notes.txt", "1.jpg", "lost.jpg"]
    table = read_table(frame, tmp_path / "root")
    assert table.filenames == ["0.jpg", "1.jpg"]
    assert table.class_indices == {"a": 0}
    (note,) = table.notes()
    assert note == (
        f"4 files of {tmp_path / 'root'} are left out: gone.jpg (no such file), sub (its name has no picture's ending),"
        " notes.txt (its name has no picture's ending) and 1 more."
    )


def test_unreadable_files_are_left_out_after_the_split(tmp_path: Path) -> None:
    for number in range(8):
        put(tmp_path / f"{number}.jpg", number)
    (tmp_path / "1.jpg").write_text("no picture")
    frame = frame_of(**{"class": list("abababab")}, weight=range(8))
    table = read_table(frame, tmp_path, split=(0, 0.5), weight_col="weight", validate_filenames=True)
    assert table.filenames == ["0.jpg", "2.jpg", "3.jpg"]
    assert table.classes == [0, 0, 1]
    assert table.weights is not None
    assert table.weights.tolist() == [0, 2, 3]
    assert [item.reason for item in table.skipped] == ["not a picture: text"]
    assert read_table(frame, tmp_path, split=(0, 0.5), validate_filenames=False).filenames[1] == "1.jpg"


@pytest.mark.parametrize(
    ("columns", "arguments", "kind", "message"),
    [
        ({"class": ["a"]}, {"class_mode": "one-hot"}, InputError, r"class_mode is 'one-hot'; expected one of 'binary'"),
        ({"class": ["a"]}, {"x_col": "file"}, InputKeyError, r"x_col is 'file', .* it has 'filename', 'class'\.$"),
        ({"label": ["a"]}, {}, InputKeyError, r"y_col is 'class', .* it has 'filename', 'label'\.$"),
        ({"class": ["a"]}, {"weight_col": "w"}, InputKeyError, r"weight_col is 'w', but"),
        ({"class": ["a"]}, {"y_col": ["class"]}, InputTypeError, r"expected the name of one column"),
        ({"class": ["a"]}, {"class_mode": "multi_output"}, InputTypeError, r"takes a list of columns"),
        ({"class": [1, 2]}, {"class_mode": "sparse"}, InputTypeError, r"row 0 .* is 1; .*astype\(str\), or .*'raw'"),
        ({"class": [1, 2]}, {"class_mode": "binary"}, InputTypeError, r"takes strings: use"),
        ({"class": [1, 2]}, {}, InputTypeError, r"takes strings, or lists or tuples of strings: use"),
        ({"class": ["a", None]}, {}, InputTypeError, r"row 1 .* has no label \(nan\).*dropna\(subset=\['class'\]\)"),
        ({"class": ["a", float("nan")]}, {"class_mode": "sparse"}, InputTypeError, r"row 1 .* has no label"),
        ({"class": [["a"], "b"]}, {"class_mode": "sparse"}, InputTypeError, r"row 0 .* is \['a'\]"),
        ({"class": [["a", 1], "b"]}, {}, InputTypeError, r"are not all strings"),
        ({"class": list("abc")}, {"class_mode": "binary"}, InputError, r"takes 2 classes, and column 'class' has 3"),
        ({"class": list("ab")}, {"class_mode": "binary", "classes": ["a"]}, InputError, r"and classes has 1"),
        ({"class": ["a"]}, {"classes": "cat"}, InputTypeError, r"classes is 'cat'; expected a list"),
        ({"class": ["a"]}, {"classes": ["x"]}, InputError, r"names 'x', which no row .* has; its labels are 'a'"),
        ({"class": ["a"], "w": ["1"]}, {"weight_col": "w"}, InputTypeError, r"expected numbers"),
        ({"class": ["a", "b"], "w": [1, None]}, {"weight_col": "w"}, InputError, r"row 1 of column weight_col='w'"),
        ({"class": ["a"]}, {"split": (0, 0.2)}, InputError, r"of 1 pictures none .* change validation_split"),
        ({"x": [[1], [1, 2]]}, {"y_col": ["x"], "class_mode": "multi_output"}, InputError, r"differ in shape"),
        ({"x": [[1], [1, 2]]}, {"y_col": "x", "class_mode": "raw"}, InputError, r"differ in shape"),
        ({"class": [], "x": []}, {}, InputError, r"has no rows"),
    ],
)
def test_what_cannot_be_used(
    columns: dict[str, Any], arguments: dict[str, Any], kind: type[Exception], message: str, tmp_path: Path
) -> None:
    lay(tmp_path / "root")
    with pytest.raises(kind, match=message) as caught:
        read_table(frame_of(**columns), tmp_path / "root", **arguments)
    assert caught.type is kind


def test_names_that_are_none(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"filename": ["1.jpg", 2], "class": ["a", "b"]})
    with pytest.raises(InputTypeError, match=r"row 1 of column x_col='filename' is 2; expected names of files"):
        read_table(frame, tmp_path)
    with pytest.raises(InputTypeError, match=r"dataframe is a dict"):
        read_table({"filename": ["1.jpg"]}, tmp_path)
    frame = pandas.DataFrame([["1.jpg", "a", "b"]], columns=["filename", "class", "class"])
    with pytest.raises(InputError, match=r"2 columns of that name"):
        read_table(frame, tmp_path)


def test_no_file_found(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"filename": ["1", "2.jpg"], "class": ["a", "b"]})
    with pytest.raises(InputError, match=r"none of the 2 files .*/1 \(its name has no .*\), .*2\.jpg \(no such file\)"):
        read_table(frame, tmp_path)
    with pytest.raises(InputError, match=r"in the current folder .*; pass directory"):
        read_table(frame)


def test_classes_may_be_an_array(tmp_path: Path) -> None:
    lay(tmp_path / "root")
    frame = frame_of(**{"class": list("bab")})
    table = read_table(frame, tmp_path / "root", classes=frame["class"].unique(), class_mode="binary")
    assert table.class_indices == {"b": 0, "a": 1}
    assert table.num_classes == 2


def test_classes_that_are_not_used_are_noted(tmp_path: Path) -> None:
    lay(tmp_path / "root")
    table = read_table(frame_of(y=[1, 2]), tmp_path / "root", y_col="y", class_mode="raw", classes=["a"])
    assert table.notes() == ["classes is not used with class_mode='raw': leave it out."]
    assert table.num_classes is None
