"""Relabelling from the command line: what a session leaves, how the next one goes on, and what is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from pictures import folder_of, put
from suspected_runs import suspected_run

from fieldguide.data.corrections import Corrections
from fieldguide.data.dataset import Dataset
from fieldguide.errors import FieldguideError, FileError, InputError, MissingFileError, ModelError
from fieldguide.relabelling.relabel import _card, open_session, training
from fieldguide.relabelling.session import LEFT_OUT, Session


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder_of(tmp_path / "photos", {"cats": 8, "dogs": 8})
    suspected_run(tmp_path / "run", tmp_path / "photos")
    return tmp_path / "run"


def opened(run: Path, path: Path | None = None, *, everything: bool = False) -> Session:
    return open_session(run, _card(run), path or run / "corrections.csv", everything=everything)


def names(session: Session) -> list[str]:
    return [session.data.name(item.row) for item in session.items]


def test_the_suspects_come_in_order_and_all_pictures_if_asked(run: Path) -> None:
    assert names(opened(run)) == ["cats/0.jpg", "cats/1.jpg", "cats/2.jpg"]
    every = opened(run, everything=True)
    assert names(every)[:3] == names(opened(run)) and len(every.items) == 16
    assert not (run / "corrections.csv").exists()  # made with the first decision


def test_a_session_goes_on_where_the_last_one_ended(run: Path) -> None:
    first = opened(run)
    first.decide(0, 1)
    first.decide(1, 0)
    first.decide(2, LEFT_OUT)
    assert first.undo() == 2
    again = opened(run)
    assert again.decisions == first.decisions == {0: 1, 1: 0}
    assert again.undo() is None and not again.can_undo
    again.decide(0, LEFT_OUT)
    again.decide(0, 0)
    assert again.undo() == 0
    assert opened(run).decisions == {0: LEFT_OUT, 1: 0}
    assert opened(run, everything=True).decisions == {0: LEFT_OUT, 1: 0}


def test_a_decision_on_a_picture_that_changed_counts_for_nothing(run: Path) -> None:
    opened(run).decide(0, 1)
    put(run.parent / "photos" / "cats" / "0.jpg", 500)
    again = opened(run)
    assert again.decisions == {}
    again.decide(0, 0)
    Corrections.read(run / "corrections.csv").apply(again.data)


def test_a_run_with_corrected_labels_begins_with_its_corrections(run: Path) -> None:
    data = Dataset.from_directory(run.parent / "photos")
    Corrections.record(run / "corrected.csv", data, {"dogs/7.jpg": None, "cats/0.jpg": "cats"})
    session = opened(run)
    assert session.decisions == {0: 0}
    session.decide(1, 1)
    standing = Corrections.read(run / "corrections.csv").standing
    assert {name: line.now for name, line in standing.items()} == {
        "dogs/7.jpg": None, "cats/0.jpg": "cats", "cats/1.jpg": "dogs",
    }  # fmt: skip


def test_pictures_that_are_gone_are_left_aside(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run.parent / "photos" / "cats" / "1.jpg").unlink()
    assert names(opened(run)) == ["cats/0.jpg", "cats/2.jpg"]
    assert "1 picture is not in" in capsys.readouterr().err
    session = opened(run)
    (run.parent / "photos" / "cats" / "0.jpg").unlink()
    with pytest.raises(InputError, match=r"cats/0\.jpg cannot be read"):
        session.decide(0, 1)
    assert session.decisions == {} and not (run / "corrections.csv").exists()


def _no_suspects(run: Path) -> None:
    (run / "suspects.csv").unlink()


def _no_card(run: Path) -> None:
    (run / "card.json").unlink()


def _damaged_card(run: Path) -> None:
    (run / "card.json").write_text('{"data": 3}')


def _moved(run: Path) -> None:
    (run.parent / "photos").rename(run.parent / "elsewhere")


def _other_classes(run: Path) -> None:
    (run.parent / "photos" / "cats").rename(run.parent / "photos" / "apes")


def _other_pictures(run: Path) -> None:
    for path in (run.parent / "photos").glob("*/*.jpg"):
        path.rename(path.with_suffix(".jpeg"))


def _nothing_in_doubt(run: Path) -> None:
    table = run / "suspects.csv"
    table.write_text(table.read_text().replace(",yes", ",no"))


def _other_file(run: Path) -> None:
    (run / "corrections.csv").write_text("dear diary\n")


@pytest.mark.parametrize(
    ("spoil", "kind", "expected"),
    [
        (
            _no_suspects,
            FileError,
            r"run holds no suspects\.csv\. No label can be doubted by a training from .* name another run",
        ),
        (_no_card, FileError, r"run holds no card\.json: name the folder of a run that `fieldguide train` finished"),
        (_damaged_card, ModelError, r"card\.json is damaged: train again"),
        (_moved, InputError, r"the pictures of .*run are not at .*photos, seen from here: name .* with --pictures"),
        (_other_classes, InputError, r"its suspects are of class 'cats', which .*photos has no folder of \(apes, dogs"),
        (_other_pictures, InputError, r"none of its suspects is in .*photos, such as cats/0\.jpg\. Name the folder"),
        (_nothing_in_doubt, InputError, r"no label of .*run is in doubt: add --all"),
        (_other_file, InputError, r"corrections\.csv begins with 'dear diary'; expected corrections"),
    ],
)
def test_what_cannot_be_relabelled_is_named(
    spoil: object, kind: type[FieldguideError], expected: str, run: Path
) -> None:
    assert callable(spoil)
    spoil(run)
    with pytest.raises(kind, match=expected):
        opened(run)


def test_other_refusals(run: Path) -> None:
    with pytest.raises(MissingFileError, match="there is no run at"):
        opened(run.parent / "lost")
    with pytest.raises(InputError, match=r"lies in .* with --corrections"):
        opened(run, run.parent / "photos" / "corrections.csv")
    with pytest.raises(FileError, match="it is a folder"):
        opened(run, run.parent)


def test_the_command_that_trains_again_is_that_of_the_run() -> None:
    card = {"command": "fieldguide train old --recipe scratch --corrections a.csv --output RUN\nfieldguide train --re"}
    assert training(card, ["my photos"], Path("c.csv")) == (
        "fieldguide train 'my photos' --recipe scratch --corrections c.csv"
    )
    assert training({}, ["photos"], Path("c.csv")) == "fieldguide train photos --corrections c.csv"


@pytest.mark.parametrize("how", ["interrupted", "told to end", "finished"])
def test_from_the_first_line_to_the_last(how: str, run: Path) -> None:
    command = [sys.executable, "-m", "fieldguide", "relabel", str(run), "--no-browser"]
    command += ["--json"] if how == "finished" else []
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs are deaf to it
    )
    assert process.stdout is not None and process.stderr is not None
    assert process.stderr.readline() == (
        f"3 pictures, 0 decided. Every decision is kept in {run / 'corrections.csv'} at once.\n"
    )
    url = process.stderr.readline().split()[1]

    def post(what: str, body: dict[str, int]) -> None:
        headers = {"Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(url + what, json.dumps(body).encode(), headers)).close()

    post("decide", {"place": 0, "label": 1})
    post("decide", {"place": 1, "label": 0})
    post("decide", {"place": 2, "label": -1})
    if how == "finished":
        post("end", {})
    else:
        os.kill(process.pid, signal.SIGINT if how == "interrupted" else signal.SIGTERM)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == (143 if how == "told to end" else 0)
    following = f"fieldguide train {run.parent / 'photos'} --seed 3 --corrections {run / 'corrections.csv'}"
    if how == "finished":
        counts = {"pictures": 3, "changed": 1, "left_out": 1, "confirmed": 1, "made": 3}
        assert json.loads(said) == {"corrections": str(run / "corrections.csv"), **counts, "next": following}
        return
    first, kept, last = said.splitlines()
    assert first == "3 of 3 labels decided, 3 of them in this session: 1 changed, 1 right, 1 picture left out"
    assert kept.split() == ["Kept", "in", str(run / "corrections.csv")]
    assert last.endswith(following.removeprefix("fieldguide"))
