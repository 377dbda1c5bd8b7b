"""The main job leaves a run folder that is complete, tells where its time went, and never writes into another."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from pictures import encoded, folder_of, scene

from fieldguide.console import command
from fieldguide.data.check import Finding
from fieldguide.data.corrections import Corrections
from fieldguide.data.dataset import Dataset
from fieldguide.data.parts import Leak
from fieldguide.errors import FileError, InputError
from fieldguide.evaluation.ailment import GOOD, OVERFITTING, POSSIBLE, SHOWN, UNSTABLE, Ailment
from fieldguide.evaluation.diagnose import diagnose
from fieldguide.evaluation.evaluate import evaluate
from fieldguide.evaluation.remedies import Remedy
from fieldguide.intervals import wilson
from fieldguide.job import Outcome, run_job
from fieldguide.reporting.card import versions
from fieldguide.reporting.making import making
from fieldguide.reporting.sections import comparison
from fieldguide.training.wishes import Wishes

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

ALL_FILES = [
    *("card.json", "history.csv", "model.keras", "predictions.csv", "report.html", "skipped.csv", "suspects.csv")
]
OF_FEW = ALL_FILES[:-1]  # fewer than 20 pictures tell nothing of labels


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def test_a_run_folder_holds_these_files_and_no_others(small_job: Outcome) -> None:
    assert sorted(path.name for path in small_job.folder.iterdir()) == ALL_FILES


def test_the_card_says_what_the_classifier_is_and_what_it_is_worth(small_job: Outcome) -> None:
    card = json.loads((small_job.folder / "card.json").read_text())
    assert card["class_names"] == ["horses", "humans"]
    assert card["input"]["target_size"] == [224, 224]
    assert card["input"]["resize"] == "crop"
    assert card["output"] == "sigmoid: probability of the second class"
    assert card["data"]["fingerprint"] == small_job.run.fingerprint
    assert card["data"]["read"] + len(card["data"]["skipped"]) == card["data"]["found"] == 61
    assert card["parts"]["train"] + card["parts"]["test"] == card["data"]["read"] == 60
    assert card["parts"]["seed"] == card["recipe"]["seed"] == 0
    assert card["measured_on"] == "test"
    accuracy = card["metrics"]["accuracy"]
    expected = wilson(round(accuracy["value"] * card["metrics"]["n"]), card["metrics"]["n"])
    assert (accuracy["low"], accuracy["high"]) == pytest.approx((expected.low, expected.high))
    assert card["temperature"] == card["choices"]["temperature"]
    assert "Apache-2.0" in card["weights"]
    assert card["agreement"] < 1e-3
    assert card["diagnosis"]["verdict"]
    assert card["versions"] == versions()
    assert card["command"] == f"fieldguide train {small_job.run.parts.train.root} --test 0.25"
    assert {"python", "keras", "numpy", "ai-edge-litert"} <= set(card["versions"])


def test_which_figure_counted_in_choices_is_said_with_the_reason(small_job: Outcome) -> None:
    assert "choices were made by it" not in str(small_job)
    why = "'horses' has 20 times the pictures of 'humans' (40 and 2): balanced accuracy counts"
    run = replace(small_job.run, choices=replace(small_job.run.choices, by_classes=True, judged_by=why))
    said = " ".join(str(replace(small_job, run=run)).split())
    assert why in said
    assert re.search(r"balanced accuracy \S+% \(95% CI \S+\); choices were made by it, on other pictures", said)
    assert small_job.score is not None
    for part in (comparison(run, small_job.score), making(run)):
        assert why in unescape(part)
    assert why not in unescape(comparison(small_job.run, small_job.score) + making(small_job.run))


def test_all_of_the_time_is_accounted_for(small_job: Outcome) -> None:
    card = json.loads((small_job.folder / "card.json").read_text())
    names = list(card["seconds"])
    assert names[:2] == ["reading pictures", "checking, dividing"]
    assert names[-3:] == ["saving", "measuring", "report"]
    assert names == [stage.name for stage in small_job.stages]
    assert sum(card["seconds"].values()) == pytest.approx(small_job.seconds, abs=0.5)
    longest = max(small_job.stages, key=lambda stage: stage.seconds)  # others may be too short to be said
    assert f"{longest.name} {longest.seconds:.1f}" in " ".join(str(small_job).split())


def test_the_history_marks_the_chosen_epoch(small_job: Outcome) -> None:
    rows = table(small_job.folder / "history.csv")
    measured = ["phase", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "chosen", "n", "val_n"]
    assert list(rows[0]) == [*measured, "fitted_loss", "fitted_accuracy", "rate"]
    assert len(rows) == len(small_job.run.epochs)
    assert [row["chosen"] for row in rows].count("True") == 1
    for row, epoch in zip(rows, small_job.run.epochs, strict=True):
        assert (row["phase"], float(row["val_loss"])) == (epoch.phase, epoch.val_loss)


def test_what_was_skipped_is_named_with_the_reason(small_job: Outcome) -> None:
    (row,) = table(small_job.folder / "skipped.csv")
    assert row["file"] == "horses/horse-truncated.jpg"
    assert "truncated" in row["reason"]


def test_the_summary_is_one_screen_and_ends_with_what_to_do(small_job: Outcome) -> None:
    lines = str(small_job).splitlines()
    assert len(lines) < 40
    of_files = " " * 13  # a line of a path is left whole
    own = [line for line in lines if str(small_job.folder) not in line and not line.startswith(of_files)]
    assert max(map(len, own)) <= 80
    assert "61 files found, 60 read, 1 skipped; 2 classes" in lines[0]
    ending = " ".join(str(small_job).split("Try next")[1].split())
    assert f"predict {small_job.folder} NEW-PICTURES" in ending
    assert str(small_job.folder / "report.html") in str(small_job)


def test_the_outcome_goes_into_json(small_job: Outcome) -> None:
    fields = json.loads(json.dumps(small_job.to_dict(), allow_nan=False))
    assert fields["folder"] == str(small_job.folder)
    assert fields["skipped"] == 1
    assert fields["metrics"]["n"] == fields["parts"]["test"] == len(small_job.run.parts.test)
    assert fields["diagnosis"] == json.loads((small_job.folder / "card.json").read_text())["diagnosis"]
    following = f"fieldguide predict {small_job.folder} NEW-PICTURES"
    assert fields["next"] == {"what": "Classify new pictures", "command": following}


def test_a_folder_that_holds_something_is_left_alone(small_photos: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match=r"holds something already: name a new folder with --output"):
        run_job(small_photos, folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    assert (tmp_path / "letter.txt").read_text() == "dear"


def test_labels_that_are_corrected_already_are_refused(small_photos: Path, tmp_path: Path) -> None:
    data = Dataset.from_directory(small_photos)
    name = data.name(0)
    file = Corrections.record(tmp_path / "c.csv", data, {name: "humans" if name.startswith("horses") else "horses"})
    with pytest.raises(InputError, match=r"the labels of source are corrected already: give the file as corrections="):
        run_job(Corrections.read(file).apply(data), folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("existing", [True, False])
def test_bad_pictures_leave_no_folder_behind(existing: bool, tmp_path: Path) -> None:
    photos = folder_of(tmp_path / "photos", {"cats": 1, "dogs": 4})
    if existing:
        (tmp_path / "runs").mkdir()
    with pytest.raises(InputError, match="class 'cats'"):
        run_job(photos, folder=tmp_path / "runs" / "deep" / "run")
    assert (tmp_path / "runs").exists() == existing
    assert not (tmp_path / "runs" / "deep").exists()


def test_a_run_among_the_pictures_is_refused_before_they_are_read(tmp_path: Path) -> None:
    photos = divided(tmp_path / "photos")
    for inside in (photos / "run", photos / "train" / "run", photos):
        with pytest.raises(InputError, match=r"would be taken for .* the next time: .* with --output, such as"):
            run_job(photos, folder=inside)
    assert sorted(path.name for path in photos.iterdir()) == ["train", "validation"]
    assert not list(photos.rglob("run"))


@pytest.mark.keras
@pytest.mark.parametrize(
    ("called", "here", "source", "runs"),
    [("photos", "photos", ".", "../runs"), ("runs", ".", "runs", "fieldguide-runs")],
)
def test_runs_go_beside_the_pictures_where_they_would_lie_among_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: str, here: str, source: str, runs: str
) -> None:
    photos = folder_of(tmp_path / called, {"cats": 4, "dogs": 4})
    monkeypatch.chdir(tmp_path / here)
    first, second = (run_job(source, wishes=Wishes("features")) for _ in range(2))
    assert {outcome.folder.parent for outcome in (first, second)} == {Path(runs)}
    assert sorted(path.name for path in photos.iterdir()) == ["cats", "dogs"]
    assert second.run.classifier.class_names == ("cats", "dogs")
    assert len(list(Path(runs).iterdir())) == 2


def test_a_file_in_the_place_of_the_run_is_refused(small_photos: Path, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("in the way")
    with pytest.raises(FileError, match=r"run is a file; a folder was expected"):
        run_job(small_photos, folder=tmp_path / "run")
    with pytest.raises(FileError, match="cannot use the folder"):
        run_job(small_photos, folder=tmp_path / "run" / "below")
    assert (tmp_path / "run").read_text() == "in the way"


def odd_photos(root: Path) -> Path:
    """A divided folder whose classes and files have spaces, letters of other scripts and very long names."""
    photos = root / "my photos (2)"
    counts = {"Äpfel & Öl": 4, "猫 <cat>": 4, "l" * 120: 4}
    folder_of(photos / "train", counts)
    folder_of(photos / "validation", dict.fromkeys(counts, 2), first_seed=100)
    cats = photos / "train" / "猫 <cat>"
    shutil.move(cats / "0.jpg", cats / ("ñ" * 120 + ".jpg"))
    shutil.move(cats / "1.jpg", cats / "caf\udce9.jpg")
    (photos / "train" / "Äpfel & Öl" / "loop").symlink_to(photos / "train" / "Äpfel & Öl")
    (photos / "train" / ".ipynb_checkpoints").mkdir()
    (photos / "train" / "Thumbs.db").touch()
    return photos


@pytest.mark.keras
def test_odd_names_and_given_parts_come_through_and_runs_are_never_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = odd_photos(tmp_path)
    monkeypatch.chdir(tmp_path)
    first, second = run_job(photos), run_job(photos)
    assert first.folder != second.folder
    for outcome in (first, second):
        assert outcome.folder.parent == Path("runs")
        assert outcome.folder.name.startswith("my photos (2)-")
        assert sorted(path.name for path in outcome.folder.iterdir()) == OF_FEW
    assert len(list((tmp_path / "runs").iterdir())) == 2
    card = json.loads((first.folder / "card.json").read_text(encoding="utf-8"))
    assert card["class_names"] == sorted(["Äpfel & Öl", "猫 <cat>", "l" * 120])
    assert card["output"] == "softmax"
    assert card["data"]["read"] == 18
    assert card["data"]["found"] == card["data"]["read"] + len(card["data"]["skipped"])
    assert first.score is not None
    assert (first.score.part, first.score.n) == ("validation", 6)
    rows = table(first.folder / "predictions.csv")
    assert {row["file"].split("/")[0] for row in rows} == {"validation"}
    assert first.run.parts.how == "as the folder came, and nothing is chosen on validation"
    assert first.run.choices.how.startswith("out of fold")
    one, other = ((outcome.folder / "predictions.csv").read_bytes() for outcome in (first, second))
    assert one == other


@pytest.mark.keras
def test_without_a_measuring_part_there_is_a_model_and_no_figure(tmp_path: Path) -> None:
    photos = folder_of(tmp_path / "photos", {"cats": 4, "dogs": 4})
    outcome = run_job(photos, folder=tmp_path / "run", test=0.0, wishes=Wishes("features"))
    assert (outcome.score, outcome.diagnosis) == (None, None)
    assert sorted(path.name for path in outcome.folder.iterdir()) == [
        "card.json",
        "history.csv",
        "model.keras",
        "report.html",
        "skipped.csv",
    ]
    card = json.loads((outcome.folder / "card.json").read_text())
    assert card["metrics"] is None
    assert card["measured_on"] is None
    assert "not measured: no picture was kept for it" in " ".join(str(outcome).split())
    assert f"Report     {tmp_path / 'run' / 'report.html'}" in str(outcome).splitlines()
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert card["command"] == f"fieldguide train {photos} --recipe features --test 0.0"
    assert card["command"] in page
    assert "not measured" in page and "predictions.csv" not in page


@pytest.mark.parametrize(
    ("shares", "flags"), [({"test": 0.2}, "--test"), ({"validation": 0.0, "test": 0.5}, "--validation and --test")]
)
def test_a_share_of_a_divided_folder_is_refused(shares: dict[str, Any], flags: str, tmp_path: Path) -> None:
    photos = odd_photos(tmp_path)
    with pytest.raises(InputError, match=rf"comes divided into train and validation.*: leave out {flags}\."):
        run_job(photos, folder=tmp_path / "run", **shares)
    assert not (tmp_path / "run").exists()


def test_measured_pictures_that_leak_are_not_called_independent(small_job: Outcome) -> None:
    said = "(they took no part in the training or in any choice)"
    assert said in " ".join(str(small_job).split())
    run, parts = small_job.run, small_job.run.parts
    leak = Leak(parts.train.name(0), "train", parts.test.name(0), "test")
    leaking = " ".join(str(replace(small_job, run=replace(run, parts=replace(parts, leaks=(leak,))))).split())
    assert said not in leaking
    assert "(some of them stand in another part too, which flatters the figure: 1 among the training" in leaking


def divided(root: Path) -> Path:
    """A folder of 10 + 6 pictures of each of two classes, divided into train and validation."""
    folder_of(root / "train", {"cats": 10, "dogs": 10})
    return folder_of(root / "validation", {"cats": 6, "dogs": 6}, first_seed=100).parent


@pytest.mark.keras
def test_pictures_that_leak_are_left_out_of_every_figure(tmp_path: Path) -> None:
    photos = divided(tmp_path / "photos")
    shutil.copy(photos / "train" / "cats" / "3.jpg", photos / "validation" / "cats" / "same.jpg")
    (photos / "validation" / "dogs" / "resaved.jpg").write_bytes(encoded(scene(12), 70))  # train/dogs/2.jpg
    outcome = run_job(photos, folder=tmp_path / "run", wishes=Wishes("features"))
    assert set(outcome.run.parts.leaked_measured) == {"validation/cats/same.jpg", "validation/dogs/resaved.jpg"}
    assert outcome.score is not None
    assert outcome.diagnosis is not None
    assert (outcome.score.n, len(outcome.score.seen)) == (12, 2)
    left_out = (
        "2 validation pictures were left out of every figure, since they stand in another part too (2 among the "
        "training pictures)."
    )
    assert left_out in outcome.diagnosis.evidence
    assert left_out in " ".join(str(outcome).split())
    assert (
        "Remove the pictures that stand in two parts from one of them, and measure again." in outcome.diagnosis.advice
    )
    rows = (outcome.folder / "predictions.csv").read_text().splitlines()
    assert len(rows) == 13
    assert not any("same.jpg" in row or "resaved.jpg" in row for row in rows)
    from_python = evaluate(outcome.run.classifier, outcome.run.parts.test)  # knows of the same bytes only
    evidence = " ".join(diagnose(outcome.run, from_python).evidence)
    assert "1 test picture was left out of every figure" in evidence
    assert "1 of the 13 pictures measured stands in another part too" in evidence


@pytest.mark.keras
def test_where_every_measured_picture_leaks_nothing_is_measured(tmp_path: Path) -> None:
    folder_of(tmp_path / "photos" / "train", {"cats": 6, "dogs": 6})
    folder_of(tmp_path / "photos" / "validation", {"cats": 3, "dogs": 0})
    shutil.copy(tmp_path / "photos/train/dogs/0.jpg", tmp_path / "photos/validation/dogs/0.jpg")
    outcome = run_job(tmp_path / "photos", folder=tmp_path / "run", wishes=Wishes("features"))
    assert outcome.score is None
    said = "not measured: every one of the 4 validation pictures stands in another part too"
    assert said in " ".join(str(outcome).split())
    page = (outcome.folder / "report.html").read_text()
    assert "Cats or dogs: not measured" in re.sub("<[^>]*>", "", page)
    assert "every one of the 4 validation pictures stands in another part too" in page


@pytest.mark.keras
def test_a_training_from_scratch_is_judged_without_a_measuring_part(tmp_path: Path) -> None:
    photos = folder_of(tmp_path / "photos", {"cats": 12, "dogs": 12})
    wishes = Wishes("scratch", size="tiny", side=32, epochs=2)
    outcome = run_job(photos, folder=tmp_path / "run", wishes=wishes, test=0.0)
    assert outcome.score is None and outcome.diagnosis is not None
    said = " ".join(str(outcome).split())
    assert f"Verdict {outcome.diagnosis.verdict}" in said
    card = json.loads((outcome.folder / "card.json").read_text())
    assert card["diagnosis"]["ailments"][0]["sentence"] == outcome.diagnosis.verdict
    assert outcome.diagnosis.verdict in (outcome.folder / "report.html").read_text()
    remedies = [one.remedy.command for one in outcome.diagnosis.ailments if one.remedy is not None]
    assert all("--test 0" in command for command in remedies if command.startswith("fieldguide train"))


def test_pictures_held_out_of_train_are_told_of_where_it_is_divided(tmp_path: Path, small_job: Outcome) -> None:
    photos = folder_of(tmp_path / "photos", {"cats": 12, "dogs": 12})
    wishes = Wishes("scratch", size="tiny", side=32, epochs=1)
    outcome = run_job(photos, folder=tmp_path / "run", wishes=wishes, test=0.0, validation=0.0)
    lines = str(outcome).splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("Divided    24 train"))
    told = " ".join(" ".join(lines[start : start + 3]).split())
    assert "(4 pictures held out of the 24 for training)" in told
    assert "held out of the" not in str(small_job).split("\n\n")[0]


def test_files_that_were_left_out_are_named_where_their_reasons_are(small_job: Outcome) -> None:
    found = [Finding("skipped", "warning", "5 files left out", tuple("abcde"))]
    found.append(Finding("copies", "warning", "4 copies", tuple("abcd")))
    text = str(replace(small_job, findings=replace(small_job.findings, findings=tuple(found))))
    assert "... and 3 more, in skipped.csv" in text
    assert "... and 2 more, in card.json" in text


def test_what_ails_a_training_is_told_with_the_command_to_try_next(small_job: Outcome) -> None:
    ill = Ailment(
        OVERFITTING, "It overfits.", ("Evidence.",), (), SHOWN, Remedy("Vary more", "fieldguide train 'my p' --x")
    )
    other = replace(ill, kind=UNSTABLE, sentence="It is unstable.", sure=POSSIBLE, remedy=None)
    assert small_job.diagnosis is not None

    def ending(*found: Ailment) -> list[str]:
        diagnosis = replace(small_job.diagnosis, verdict=found[0].sentence, ailments=found)  # type: ignore[type-var]
        return str(replace(small_job, diagnosis=diagnosis)).splitlines()

    lines = ending(ill, other)
    place = lines.index("Verdict    It overfits.")
    assert lines[place + 1 : place + 3] == [
        "           (shown: a test or an interval excludes chance)",
        "Besides    It is unstable. (possible)",
    ]
    assert lines[-2:] == ["Try next   Vary more:", f"           {command()} train 'my p' --x"]
    told = replace(small_job, diagnosis=replace(small_job.diagnosis, ailments=(ill, other))).to_dict()
    assert told["next"] == {"what": "Vary more", "command": "fieldguide train 'my p' --x"}
    assert told["diagnosis"]["ailments"][0] == ill.to_dict()  # type: ignore[index]
    assert "NEW-PICTURES" in ending(other, ill)[-1], "what explains the rest comes first, and it has no remedy"
    well = replace(ill, kind=GOOD, sentence="It fits well.")
    lines = ending(well)
    assert "NEW-PICTURES" in lines[-1]
    assert not any("(shown" in line for line in lines)


def test_paths_and_commands_can_be_copied_however_long(small_job: Outcome) -> None:
    deep = Path("runs", "a long name " * 12)
    lines = str(replace(small_job, folder=deep)).splitlines()
    assert f"Report     {deep / 'report.html'}" in lines
    assert any(line.startswith("Try next") and line.endswith(f"predict '{deep}' NEW-PICTURES") for line in lines)


@pytest.mark.keras
def test_in_folds_all_pictures_measure_and_all_are_learnt_from(tmp_path: Path) -> None:
    photos = folder_of(tmp_path / "photos", {"cats": 6, "dogs": 7})
    outcome = run_job(photos, folder=tmp_path / "run", folds=3, wishes=Wishes("features"))
    assert sorted(path.name for path in outcome.folder.iterdir()) == OF_FEW
    assert outcome.score is not None and outcome.score.n == len(outcome.run.parts.train) == 13
    card = json.loads((outcome.folder / "card.json").read_text())
    assert card["measured_on"] == "cross-validation"
    assert card["command"] == f"fieldguide train {photos} --recipe features --folds 3"
    assert [fold["n"] for fold in card["metrics"]["folds"]] == [5, 4, 4]
    assert card["parts"]["train"] == 13
    rows = table(outcome.folder / "predictions.csv")
    assert [row["part"] for row in rows].count("fold 1") == 5
    assert {row["part"] for row in rows} == {"fold 1", "fold 2", "fold 3"}
    said = " ".join(str(outcome).split())
    assert "Divided into 3 folds by class (seed 0), of which each was predicted by a model of the others" in said
    assert "n=13 pictures, each by a model that had not seen it over the 3 folds the accuracy goes from" in said
    assert "they took no part" not in said
    with pytest.raises(InputError, match="learnt from or was chosen by every one of the 13"):  # none is left to measure
        evaluate(outcome.run.classifier, outcome.run.parts.train)
