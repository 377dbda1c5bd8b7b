"""Predictions as text, JSON and CSV that parse back, and the files that names, folders and patterns stand for."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fieldguide.errors import FileError, InputTypeError
from fieldguide.model.predictions import Prediction, Predictions, find_pictures, header, title

NAMES = ("cats", "dogs, big")


def prediction(path: str, second: float | None, reason: str = "") -> Prediction:
    probabilities = None if second is None else np.array([1 - second, second], np.float32)
    return Prediction(Path(path), NAMES, probabilities, reason)


SURE = prediction("a/one.jpg", 0.25)
UNREAD = prediction("b.txt", None, 'no picture, "text"')
TABLE = Predictions(NAMES, (SURE, UNREAD, prediction("c.jpg", 0.9)))


def test_the_most_probable_class_is_the_label() -> None:
    assert (SURE.label, SURE.probability) == ("cats", 0.75)
    assert (UNREAD.label, UNREAD.probability) == (None, None)


def test_predictions_are_a_sequence_that_counts_what_was_not_read() -> None:
    assert len(TABLE) == 3
    assert TABLE[1] is UNREAD
    assert [entry.path.name for entry in TABLE[1:]] == ["b.txt", "c.jpg"]
    assert list(TABLE) == list(TABLE.entries)
    assert TABLE.skipped == (UNREAD,)


def test_a_table_for_people_is_in_columns() -> None:
    lines = str(TABLE).splitlines()
    assert lines[0] == title()
    assert lines[1] == f"{'a/one.jpg':<40}   75.0%  cats"
    assert lines[2] == f'{"b.txt":<40}  not read: no picture, "text"'
    assert lines[3].endswith(" 90.0%  dogs, big")
    deep = prediction("x" * 30 + "/" + "y" * 30 + ".jpg", 0.5)
    assert str(deep).startswith("...xx")
    assert len(str(deep).split("  ")[0]) == 40


def test_json_holds_the_probability_of_every_class() -> None:
    fields = json.loads(json.dumps(TABLE.to_dict()))
    assert fields["class_names"] == list(NAMES)
    assert fields["predictions"][0] == {
        "file": "a/one.jpg",
        "label": "cats",
        "probability": 0.75,
        "probabilities": {"cats": 0.75, "dogs, big": 0.25},
    }
    assert fields["predictions"][1] == {"file": "b.txt", "label": None, "error": 'no picture, "text"'}


def answered(second: float, named: tuple[str, ...] | None, unlike: bool | None = False) -> Prediction:
    return Prediction(Path("a.jpg"), NAMES, np.array([1 - second, second], np.float32), "", named, unlike)


def test_the_answer_is_a_class_several_or_none() -> None:
    assert SURE.reply is None
    one, both = answered(0.9, ("dogs, big",)), answered(0.6, ("dogs, big", "cats"))
    strange = answered(0.99, ("dogs, big",), unlike=True)
    assert strange.doubt == "unlike anything it learnt from"
    assert answered(0.99, ("dogs, big",)).doubt == answered(0.9, None, unlike=None).doubt == ""
    assert [str(entry)[42:] for entry in (one, both, strange)] == [
        " 90.0%  dogs, big",
        "        not sure: dogs, big or cats",
        "        unlike anything it learnt from",
    ]
    assert max(len(str(entry)) for entry in (one, both, strange)) <= 80
    assert str(answered(0.9, None, unlike=False))[42:] == " 90.0%  dogs, big"  # of a rule for unlike ones alone
    assert strange.label == "dogs, big"
    fields = json.loads(json.dumps(both.to_dict()))
    assert (fields["named"], fields["unlike"], fields["answer"]) == (
        ["dogs, big", "cats"],
        False,
        "not sure: dogs, big or cats",
    )
    assert "named" not in SURE.to_dict()


def test_long_names_are_cut_so_that_a_line_fits() -> None:
    names = ("great crested grebe", "little grebe", "black-throated loon", "coot", "moorhen")
    shares = np.array([0.4, 0.3, 0.2, 0.1, 0.0], np.float32)
    for named in (names[:1], names[:2], names[:3], names[:4], names[3:]):
        entry = Prediction(Path("x" * 60), names, shares, "", named, None)
        assert len(str(entry)) <= 80, entry
    three = str(Prediction(Path("a.jpg"), names, shares, "", names[:3], None))
    assert three.endswith("a.jpg" + 37 * " " + "not sure: grea..., litt... or blac...")


def test_a_csv_file_says_what_was_answered_in_its_last_columns(tmp_path: Path) -> None:
    entries = (answered(0.6, ("dogs, big", "cats")), answered(0.9, ("dogs, big",), unlike=True), UNREAD)
    Predictions(NAMES, entries, replying=True).to_csv(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert list(rows[0]) == [*header(NAMES), "named", "unlike", "answer"]
    assert [(row["named"], row["unlike"], row["answer"]) for row in rows] == [
        ("dogs, big | cats", "no", "not sure: dogs, big or cats"),
        ("dogs, big", "yes", "unlike anything it learnt from"),
        ("", "", ""),
    ]


def test_a_csv_file_parses_back(tmp_path: Path) -> None:
    odd = prediction("line\nbreak.jpg", 0.5)
    table = Predictions(NAMES, (*TABLE.entries, odd))
    assert table.to_csv(tmp_path / "out.csv") == tmp_path / "out.csv"
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert list(rows[0]) == header(NAMES) == ["file", "label", "probability", "cats", "dogs, big", "error"]
    assert [row["file"] for row in rows] == ["a/one.jpg", "b.txt", "c.jpg", "line\nbreak.jpg"]
    assert rows[0]["probability"] == "0.750000"
    assert float(rows[2]["dogs, big"]) == pytest.approx(0.9)
    assert (rows[1]["label"], rows[1]["probability"], rows[1]["error"]) == ("", "", 'no picture, "text"')


def test_a_class_may_be_called_like_a_column() -> None:
    names = header(("file", "hammer", "error"))
    assert names == ["file", "label", "probability", "probability of file", "hammer", "probability of error", "error"]


def test_a_name_with_odd_bytes_is_written_as_an_escape(tmp_path: Path) -> None:
    Predictions(NAMES, (prediction("caf\udce9.jpg", 0.5),)).to_csv(tmp_path / "out.csv")
    assert "caf\\udce9.jpg" in (tmp_path / "out.csv").read_text(encoding="utf-8")


def test_a_csv_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"cannot write .*: it is a folder"):
        TABLE.to_csv(tmp_path)


# Which files


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b/2.jpg", "b/1.jpg", "a.jpg", "b/c/3.png", ".hidden/x.jpg", "b/.secret.jpg", "z.txt", "[1].jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("a.jpg", ["a.jpg"]),
        ("b", ["b/1.jpg", "b/2.jpg", "b/c/3.png"]),
        (".", ["[1].jpg", "a.jpg", "z.txt", "b/1.jpg", "b/2.jpg", "b/c/3.png"]),
        ("*.jpg", ["[1].jpg", "a.jpg"]),
        ("b/?.jpg", ["b/1.jpg", "b/2.jpg"]),
        ("**/*.png", ["b/c/3.png"]),
        ("**/b/*.jpg", ["b/1.jpg", "b/2.jpg"]),
        ("b/**", ["b/1.jpg", "b/2.jpg", "b/c/3.png"]),
        ("*", ["[1].jpg", "a.jpg", "z.txt"]),  # a pattern stands for files
        ("[1].jpg", ["[1].jpg"]),  # a name that is there is no pattern
        (["z.txt", "b/c", "a.jpg"], ["z.txt", "b/c/3.png", "a.jpg"]),
        (Path("b/.secret.jpg"), ["b/.secret.jpg"]),  # named, so it is wanted
        ("empty", []),
        ([], []),
    ],
)
def test_names_folders_and_patterns(asked: str | list[str], expected: list[str], tree: Path) -> None:
    assert [path.as_posix() for path in find_pictures(asked)] == expected


@pytest.mark.parametrize(
    "asked", ["c.jpg", "b/*.gif", ["a.jpg", "nowhere/"], "nowhere/**", "a.jpg/**/*.jpg", "", "x" * 5000, "[2].jpg"]
)
def test_what_fits_nothing_is_refused_at_once(asked: str | list[str], tree: Path) -> None:
    with pytest.raises(FileError, match="there is no picture at "):
        find_pictures(asked)


@pytest.mark.parametrize("asked", [np.zeros((2, 4, 4, 3)), 3, ["a.jpg", 3], None])
def test_what_is_no_name_is_refused_at_once(asked: object, tree: Path) -> None:
    with pytest.raises(InputTypeError, match=r"expected the name of a file, a folder or a pattern, or several\. Of"):
        find_pictures(asked)  # type: ignore[arg-type]


def test_linked_folders_are_searched_once_and_loops_end(tree: Path) -> None:
    (tree / "outside").mkdir()
    (tree / "outside" / "4.jpg").touch()
    (tree / "b" / "link").symlink_to(tree / "outside")
    (tree / "b" / "loop").symlink_to(tree / "b")
    (tree / "b" / "self").symlink_to(tree / "b" / "self")
    found = [path.as_posix() for path in find_pictures("b")]
    assert found == ["b/1.jpg", "b/2.jpg", "b/self", "b/c/3.png", "b/link/4.jpg"]


def test_patterns_end_where_links_lead_in_circles(tree: Path) -> None:
    (tree / "b" / "one").symlink_to(tree / "b")
    (tree / "b" / "two").symlink_to(tree / "b")
    assert [path.as_posix() for path in find_pictures("**/*.jpg")] == ["[1].jpg", "a.jpg", "b/1.jpg", "b/2.jpg"]
    (tree / "also").symlink_to(tree / "b")  # another way to the same pictures, which a pattern may ask for
    assert [path.as_posix() for path in find_pictures("**/b/1.*")] == ["b/1.jpg"]
    assert [path.as_posix() for path in find_pictures("**/also/1.*")] == ["also/1.jpg"]


def test_files_are_found_as_they_are_asked_for(tree: Path) -> None:
    found = find_pictures("b")
    assert next(found).name == "1.jpg"
    (tree / "b" / "c" / "5.png").touch()
    assert [path.name for path in found] == ["2.jpg", "3.png", "5.png"]


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid"), reason="folders are shut in another way there")
def test_a_folder_that_may_not_be_read_is_reported(tree: Path) -> None:
    """Run by a user of no rights, where the tests are run by one whom no permission stops."""
    (tree / "b" / "shut").mkdir(mode=0o000)
    (tree / "b" / "c").chmod(0o744)  # others may list it and not enter
    code = (
        "import os\n"
        "from pathlib import Path\n"
        "from fieldguide.model.classifier import _shut\n"
        "from fieldguide.model.predictions import find_pictures\n"
        f"os.chdir({str(tree)!r})\n"
        "if os.geteuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "print([path.as_posix() for path in find_pictures('b')])\n"
        "print(_shut(Path('b/shut')))\n"
    )
    for folder in (tree, *tree.parents):
        if folder.stat().st_uid == os.geteuid() and "pytest" in str(folder):
            folder.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    for folder in (tree / "b" / "shut", tree / "b" / "c"):
        folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    found, reason = done.stdout.splitlines()
    assert found == "['b/1.jpg', 'b/2.jpg', 'b/c/3.png', 'b/shut']"
    assert reason.startswith("the folder cannot be read: permission is denied")
