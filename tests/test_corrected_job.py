"""The main job with corrected labels: they are learnt from, said, kept in the run, and the same when it is resumed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from pictures import folder_of

from fieldguide.asked import Asked
from fieldguide.cli import main
from fieldguide.console import Progress
from fieldguide.data.corrections import Corrections
from fieldguide.data.dataset import Dataset
from fieldguide.errors import InputError
from fieldguide.job import resume_job, run_job
from fieldguide.training.wishes import Wishes

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

WISHES = Wishes("scratch", size="tiny", side=32, epochs=1, batch_size=4, augment="none")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder_of(tmp_path / "photos", {"cats": 10, "dogs": 10})
    decisions = {"cats/0.jpg": "dogs", "cats/1.jpg": None, "cats/2.jpg": "cats"}
    Corrections.record("c.csv", Dataset.from_directory("photos"), decisions)
    return tmp_path


def test_corrected_labels_are_learnt_from_and_said(place: Path) -> None:
    outcome = run_job("photos", folder="run", test=0.25, corrections="c.csv", wishes=Wishes("features"))
    said = "1 label corrected, 1 picture left out, 1 confirmed"
    assert f"Corrected  {said}, by c.csv" in str(outcome)
    card = json.loads((outcome.folder / "card.json").read_text())
    assert card["data"]["corrections"] == {"file": "c.csv", "changed": 1, "left_out": 1, "confirmed": 1}
    assert card["data"]["counts"] == {"cats": 8, "dogs": 11}
    assert card["data"]["found"] == 20 and card["data"]["read"] == 19
    assert card["command"] == "fieldguide train photos --recipe features --test 0.25 --corrections c.csv"
    with (outcome.folder / "skipped.csv").open(newline="") as handle:
        assert list(csv.DictReader(handle)) == [{"file": "cats/1.jpg", "reason": "left out by c.csv"}]
    page = (outcome.folder / "report.html").read_text(encoding="utf-8")
    assert f"Labels as in <bdi>c.csv</bdi>: {said}." in page
    assert "<code>corrected.csv</code>" in page
    assert (outcome.folder / "corrected.csv").read_bytes() == Path("c.csv").read_bytes()
    parts = outcome.run.parts
    labels = {part.name(row): part.labels[row] for part in (parts.train, parts.test) for row in range(len(part))}
    assert labels["cats/0.jpg"] == 1 and labels["cats/2.jpg"] == 0 and "cats/1.jpg" not in labels


@pytest.mark.keras
def test_a_resumed_run_has_the_corrections_that_it_began_with(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Path("c.csv").read_bytes()
    with monkeypatch.context() as patch:
        advance, seen = Progress.advance, []

        def advanced(bar: Progress, count: int = 1) -> None:
            advance(bar, count)
            seen.extend([bar.title] if bar.title == "Training" or " train " in bar.title else [])
            if len(seen) == 1:
                raise KeyboardInterrupt

        patch.setattr(Progress, "advance", advanced)
        with pytest.raises(KeyboardInterrupt, match=r"--resume"):
            run_job("photos", folder="run", wishes=WISHES, corrections="c.csv")
    assert sorted(path.name for path in Path("run").iterdir() if path.is_file()) == ["asked.json", "corrected.csv"]
    Corrections.record("c.csv", Dataset.from_directory("photos"), {"dogs/0.jpg": None})  # the file itself may grow
    resumed = resume_job("run")
    assert (resumed.folder / "corrected.csv").read_bytes() == before
    assert str(resumed.findings.corrected) == "1 label corrected, 1 picture left out, 1 confirmed"
    assert resumed.findings.skipped[0].reason == "left out by c.csv"
    asked = Asked.read(resumed.folder)
    assert asked.command().endswith("--batch-size 4 --corrections c.csv")
    (resumed.folder / "corrected.csv").write_text("dear diary\n")
    with pytest.raises(InputError, match=r"corrected\.csv begins with 'dear diary'"):
        Asked.read(resumed.folder)


def test_check_takes_corrections(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "photos", "--corrections", "c.csv"]) == 0
    said = capsys.readouterr().out
    assert "c.csv: 1 label corrected, 1 picture left out, 1 confirmed" in said
    assert "2 classes: cats 8, dogs 11" in said
    assert "cats/1.jpg: left out by c.csv" in said


def test_they_are_not_taken_beside_resume(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--resume", "run", "--corrections", "c.csv"]) == 2
    assert "--corrections cannot be given with --resume" in capsys.readouterr().err


@pytest.mark.parametrize("wishes", [Wishes(), WISHES])
def test_what_is_refused_leaves_nothing(wishes: Wishes, place: Path) -> None:
    (place / "photos" / "cats" / "0.jpg").unlink()
    with pytest.raises(InputError, match=r"c\.csv is of other pictures: cats/0\.jpg is not in photos"):
        run_job("photos", folder="run", wishes=wishes, corrections="c.csv")
    assert not (place / "run").exists()


@pytest.mark.keras
def test_a_training_that_is_refused_takes_the_corrections_away_again(place: Path) -> None:
    with pytest.raises(InputError):
        run_job("photos", folder="run", wishes=Wishes("scratch", size="huge"), corrections="c.csv")
    assert not (place / "run").exists()
