"""The main job from a table: what it says of itself, how it is repeated, resumed and relabelled."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from pictures import put

from fieldguide.asked import Asked
from fieldguide.cli import main
from fieldguide.data.columns import TableOptions
from fieldguide.errors import InputError
from fieldguide.job import run_job
from fieldguide.relabelling.relabel import open_session, training
from fieldguide.training.wishes import Wishes

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

OPTIONS = TableOptions(Path("photos"), label_columns=("animal",))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [(f"{number}.jpg", "cat" if number % 2 else "dog", "x") for number in range(20)]
    for number, (name, *_) in enumerate(rows):
        put(tmp_path / "photos" / name, number)
    with Path("labels.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([("file", "animal", "note"), *rows, ("lost.jpg", "dog", "")])
    return tmp_path


@pytest.mark.keras
def test_a_run_from_a_table_says_so_and_is_repeated_and_relabelled(place: Path) -> None:
    outcome = run_job("labels.csv", test=0.25, wishes=Wishes("features"), table=OPTIONS)
    assert outcome.folder.parent == Path("runs") and outcome.folder.name.startswith("labels-2")
    card = json.loads((outcome.folder / "card.json").read_text())
    command = "fieldguide train labels.csv --pictures photos --label-column animal --recipe features --test 0.25"
    assert card["command"] == command
    assert card["data"]["table"]["path"] == "labels.csv" and card["data"]["root"] == "photos"
    page = (outcome.folder / "report.html").read_text(encoding="utf-8")
    assert command in page and "<title>labels.csv: fieldguide report</title>" in page
    assert "20 files found, 20 read, 0 skipped, 1 missing; 2" in str(outcome)
    assert (outcome.to_dict()["skipped"], outcome.to_dict()["missing"]) == (0, 1)
    assert "20 files found, 20 read as pictures, 0 skipped, 1 missing." in page
    assert "lost.jpg" in (outcome.folder / "skipped.csv").read_text()
    lines = ["rank,file,label,suggested,label_probability,suggested_probability,suspect", "1,0.jpg,dog,cat,0.1,0.9,yes"]
    (outcome.folder / "suspects.csv").write_text("\n".join(lines) + "\n")
    session = open_session(outcome.folder, card, Path("c.csv"), everything=True)
    assert len(session.items) == 1 and session.data.class_names == ("cat", "dog")
    assert training(card, session.data.words, Path("c.csv")) == (
        "fieldguide train labels.csv --pictures photos --label-column animal --recipe features --test 0.25 "
        "--corrections c.csv"
    )
    Path("photos").rename("moved")
    moved = open_session(outcome.folder, card, Path("d.csv"), pictures=Path("moved"), everything=True)
    assert training(card, moved.data.words, Path("d.csv")).startswith("fieldguide train labels.csv --pictures moved ")
    Path("labels.csv").rename("gone.csv")
    with pytest.raises(InputError, match=r"the table that .* was trained from is not at labels\.csv"):
        open_session(outcome.folder, card, Path("c.csv"), pictures=Path("moved"))


@pytest.mark.parametrize("labels", [("cat", "dog"), ("cat", "dog;bird")])
def test_a_table_is_read_once(
    labels: tuple[str, str], place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(f"photos/{number}.jpg", labels[number % 2]) for number in range(2)]
    with Path("once.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([("file", "label"), *rows])
    read: list[str] = []
    whole = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path.name) or whole(path))  # type: ignore[func-returns-value]
    assert main(["check", "once.csv"]) == 0
    assert read.count("once.csv") == 1
    assert main(["train", "once.csv", "--output", "run"]) == 2  # too few pictures
    assert read.count("once.csv") == 2, capsys.readouterr().err
    assert not Path("run").exists()


def test_what_was_asked_is_read_back_from_anywhere(place: Path) -> None:
    asked = Asked(Path("labels.csv"), None, None, 0, Wishes("scratch"), table=OPTIONS)
    asked.write(place)
    whole = replace(OPTIONS, folder=place / "photos")
    assert Asked.read(place) == replace(asked, source=place / "labels.csv", table=whole)


def test_commands_take_a_table_and_refuse_its_flags_elsewhere(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "labels.csv", "--pictures", "photos", "--label-column", "animal"]) == 0
    printed = capsys.readouterr().out
    assert "lost.jpg: no such file (line 22 of the table)" in printed
    assert "labels.csv: 20 files found, 20 read, 0 skipped, 1 missing" in printed
    assert main(["check", "photos", "--pictures", "photos"]) == 2
    assert "--pictures is for a table of labels" in capsys.readouterr().err
    assert main(["train", "--resume", "run", "--pictures", "photos"]) == 2
    assert "--pictures cannot be given with --resume" in capsys.readouterr().err
