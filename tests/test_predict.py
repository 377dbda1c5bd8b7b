"""Predictions are written as they come: in order, whole or not at all, in memory that does not grow."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from fieldguide.errors import FileError, InputError, ModelError
from fieldguide.job import Outcome
from fieldguide.model.classifier import BATCH
from fieldguide.model.loading import load
from fieldguide.parallel import thread_count
from fieldguide.predict import write_predictions


@pytest.fixture
def new(small_photos: Path, tmp_path: Path) -> Path:
    """Three pictures and a text file, in the order a, b, c, d."""
    folder = tmp_path / "new"
    folder.mkdir()
    horse, human = (sorted(path for path in (small_photos / name).glob("*[0-9].jpg")) for name in ("horses", "humans"))
    for name, path in zip("abd", (horse[0], human[0], horse[1]), strict=True):
        os.link(path, folder / f"{name}.jpg")
    (folder / "c.txt").write_text("no picture")
    return folder


def test_a_table_goes_to_stdout(small_job: Outcome, new: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert write_predictions(small_job.folder, [new]) == (1, 4)
    written = capsys.readouterr()
    lines = written.out.splitlines()
    assert lines[0].split() == ["file", "sure", "class"]
    assert [line.split()[-1] for line in (lines[1], lines[2], lines[4])] == ["horses", "humans", "horses"]
    assert "not read: " in lines[3]
    assert len(lines) == 5
    assert written.err == ""


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_no_bar_is_drawn_between_rows_on_a_terminal(
    small_job: Outcome, new: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fieldguide.console.SHOW_AFTER_SECONDS", 0.0)
    out, err = Terminal(), Terminal()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        write_predictions(small_job.folder, [new])
        assert len(out.getvalue().splitlines()) == 5
        assert err.getvalue() == ""
        write_predictions(small_job.folder, [new], csv_path=tmp_path / "out.csv")
        assert "Predicting" in err.getvalue()


def test_json_is_one_array_of_what_predict_gives(
    small_job: Outcome, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_predictions(small_job.folder, [str(new)], style="json")
    fields = json.loads(capsys.readouterr().out)
    assert fields == [entry.to_dict() for entry in load(small_job.folder).predict(new)]
    assert [Path(entry["file"]).name for entry in fields] == ["a.jpg", "b.jpg", "c.txt", "d.jpg"]


def test_csv_parses_back(small_job: Outcome, new: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_predictions(small_job.folder, [new], csv_path=tmp_path / "deep" / "out.csv")
    with (tmp_path / "deep" / "out.csv").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["label"] for row in rows] == ["horses", "humans", "", "horses"]
    assert [bool(row["error"]) for row in rows] == [False, False, True, False]
    for row in (rows[0], rows[1], rows[3]):
        assert float(row["horses"]) + float(row["humans"]) == pytest.approx(1, abs=2e-6)
        assert float(row["probability"]) == max(float(row["horses"]), float(row["humans"]))
    load(small_job.folder).predict(new).to_csv(tmp_path / "other.csv")
    assert (tmp_path / "other.csv").read_bytes() == (tmp_path / "deep" / "out.csv").read_bytes()
    assert capsys.readouterr().out == ""


def test_a_csv_file_appears_whole_or_stays_as_it_was(small_job: Outcome, new: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("from yesterday")
    with pytest.raises(FileError, match="there is no picture at"):
        write_predictions(small_job.folder, [new, tmp_path / "missing"], csv_path=out)
    with pytest.raises(ModelError):
        write_predictions(new / "a.jpg", [new], csv_path=out)
    assert out.read_text() == "from yesterday"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "out.csv"]


@pytest.mark.parametrize("style", ["table", "json"])
def test_of_no_files_nothing_is_written(
    style: str, small_job: Outcome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    for out in (None, tmp_path / "out.csv"):
        with pytest.raises(InputError, match=r"empty holds no files: name a folder of pictures"):
            write_predictions(small_job.folder, [tmp_path / "empty"], style=style, csv_path=out)
    assert capsys.readouterr().out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_an_unknown_style_is_refused(small_job: Outcome, new: Path) -> None:
    with pytest.raises(InputError, match="style is 'xml'; expected one of table, json"):
        write_predictions(small_job.folder, [new], style="xml")


def test_files_are_taken_up_only_a_little_ahead(small_job: Outcome, new: Path) -> None:
    taken = 0

    def endless() -> Iterator[Path]:
        nonlocal taken
        while True:
            taken += 1
            yield new / "a.jpg"

    given = 0
    for entry in load(small_job.folder).stream(endless()):
        given += 1
        assert entry.label == "horses"
        assert taken - given <= (thread_count() + 1) * BATCH
        if given == 4 * BATCH:
            break
    assert taken >= given


COUNT = """
import resource, sys
from itertools import islice
from pathlib import Path
import fieldguide as fg
guide, folder = fg.load(sys.argv[1]), Path(sys.argv[2])
def largest_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
stream, done = guide.stream(sorted(folder.iterdir())), 0
for done, prediction in enumerate(stream, 1):
    assert prediction.label is not None
    if done == 200:
        before = largest_bytes()
print(done, largest_bytes() - before)
print([name for name in ("keras", "tensorflow", "jax", "scipy") if name in sys.modules])
"""


@pytest.mark.long
def test_memory_does_not_grow_with_the_number_of_pictures(small_job: Outcome, new: Path, tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(2000):
        os.link(new / "a.jpg", many / f"{number:04}.jpg")
    command = [sys.executable, "-c", COUNT, str(small_job.folder), str(many)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    count, grown = map(int, done.stdout.splitlines()[0].split())
    assert count == 2000
    assert grown < 20_000_000, "1,800 pictures are 270 MB of pixels"


def test_predicting_loads_neither_keras_nor_tensorflow(small_job: Outcome, new: Path) -> None:
    code = (
        "import sys\nfrom fieldguide.cli import main\n"
        f"assert main(['predict', {str(small_job.folder)!r}, {str(new)!r}]) == 0\n"
        "print([name for name in ('keras', 'tensorflow', 'jax', 'scipy', 'matplotlib') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert done.stderr == "fieldguide: 1 of 4 files could not be read; each is listed with its reason.\n"


def test_a_picture_of_something_else_is_called_unlike_all_that_was_learnt(
    small_job: Outcome, new: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stripes = np.zeros((224, 224, 3), np.uint8)
    stripes[::16] = 255
    assert cv2.imwrite(str(new / "e.png"), stripes)
    write_predictions(small_job.folder, [new], csv_path=tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["unlike"] for row in rows] == ["no", "no", "", "no", "yes"]
    assert [row["named"] for row in rows[:4]] == ["horses", "humans", "", "horses"]
    assert rows[4]["label"]  # the most probable class is there all the same
    capsys.readouterr()
    write_predictions(small_job.folder, [new])
    *_, last = capsys.readouterr().out.splitlines()
    assert last.endswith("        unlike anything it learnt from")
    assert len(last) <= 80
