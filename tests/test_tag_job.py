"""The main job for several labels: what it says, what it leaves, and what the saved model is to every command."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from model_files import with_note
from pictures import put

from fieldguide.cli import main
from fieldguide.data.tag_check import check_tags
from fieldguide.data.tag_split import split_tags
from fieldguide.data.tagged import TaggedDataset
from fieldguide.errors import InputError, InputTypeError, ModelError
from fieldguide.evaluation.evaluate import evaluate
from fieldguide.evaluation.explaining import explain
from fieldguide.evaluation.tag_evaluate import evaluate_tags
from fieldguide.evaluation.tag_metrics import tag_score
from fieldguide.evaluation.tag_verdict import tag_verdict, trained_precision
from fieldguide.model.classifier import Classifier
from fieldguide.model.head import Head
from fieldguide.model.loading import load
from fieldguide.model.tag_classifier import TagClassifier
from fieldguide.model.tag_predictions import TagPrediction, tag_title
from fieldguide.tag_job import TagOutcome, run_tag_job
from fieldguide.training.choose import Fold
from fieldguide.training.logistic import Examples, fit
from fieldguide.training.tag_choose import choose_tags, fitted_tags, problem_of, tag_folds
from fieldguide.training.tagging import train_tags

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

CLASSES = ("horse", "human", "upright")


@pytest.fixture(scope="module")
def place(sample_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table of 40 real pictures: horses, humans that stand upright, some of which nothing is said."""
    folder = tmp_path_factory.mktemp("tagged")
    rows = [("file", "tags"), ("lost.jpg", "horse")]
    for kind, tags in (("horses", "horse"), ("humans", "human;upright")):
        found = [path for path in sorted((sample_photos / "train" / kind).iterdir()) if path.stem[-1].isdigit()]
        for path in found[:: len(found) // 20][:20]:
            shutil.copy2(path, folder / path.name)
            rows.append((path.name, tags if len(rows) % 7 else ""))
    with (folder / "tags.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows(rows)
    return folder


@pytest.fixture(scope="module")
def outcome(place: Path, tmp_path_factory: pytest.TempPathFactory) -> TagOutcome:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(tmp_path_factory.mktemp("tag-cache")))
        patch.chdir(place.parent)
        return run_tag_job(f"{place.name}/tags.csv", folder=tmp_path_factory.mktemp("run") / "run", test=0.3)


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_the_run_folder_holds_everything_and_agrees_with_itself(outcome: TagOutcome, place: Path) -> None:
    files = {path.name for path in outcome.folder.iterdir()}
    assert files == {"model.keras", "card.json", "report.html", "predictions.csv", "skipped.csv"}
    score, run = outcome.score, outcome.run
    assert score is not None and score.n == len(run.parts.test) == 12 and len(run.parts.train) == 28
    card = json.loads((outcome.folder / "card.json").read_text())
    assert card["several_labels"] and card["class_names"] == list(CLASSES)
    assert card["thresholds"] == list(run.classifier.thresholds) == [each.value for each in run.thresholds]
    assert card["metrics"]["mean_average_precision"]["value"] == score.mean_average_precision.value > 0.8
    assert card["command"] == f"fieldguide train {place.name}/tags.csv --test 0.3"
    assert card["agreement"] < 1e-3 and card["choices"]["how"].startswith("out of fold: 5 times")
    with (outcome.folder / "predictions.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == score.n and {row["part"] for row in rows} == {"test"}
    for row, said, truth in zip(rows, score.said, score.labels, strict=True):
        assert row["said"] == ";".join(name for name, on in zip(CLASSES, said, strict=True) if on)
        assert row["labels"] == ";".join(name for name, on in zip(CLASSES, truth, strict=True) if on)
    assert "lost.jpg,no such file (line 2 of the table)" in (outcome.folder / "skipped.csv").read_text()


@pytest.mark.keras
def test_what_the_terminal_and_the_page_say(outcome: TagOutcome) -> None:
    text = str(outcome)
    none = sum(part.unlabelled for part in (outcome.run.parts.train, outcome.run.parts.test))
    assert none and f"3 classes, several or none for a picture ({none} of none)" in " ".join(text.split())
    assert "rare labels first (seed 0)" in text
    assert "Result     mean average precision" in text and "all labels right for" in text
    assert max(map(len, text.splitlines()[:20])) <= 80
    assert f"predict {outcome.folder} NEW-PICTURES" in text
    assert outcome.to_dict()["several_labels"] is True
    page = (outcome.folder / "report.html").read_text(encoding="utf-8")
    assert "<bdi>horse, human, upright</bdi>: mean average precision" in page
    assert page.count("Precision against recall: ") == 2 * len(CLASSES)  # the label and the title of each figure
    for title in ("Class by class", "Where it goes wrong", "The pictures", "How it was made"):
        assert title in page
    assert "lost.jpg" in page and "<script" not in page


@pytest.mark.keras
@pytest.mark.parametrize(
    ("pictures", "wrong", "said"),
    [
        (600, 0.3, r"It overfits: mean average precision 1\.000 on the pictures it learnt from, 0\.\d+ on 600 unseen"),
        (600, 0.0, r"It does not overfit: mean average precision 1\.000 on the pictures it learnt from, 1\.000 on 600"),
        (
            9,
            0.3,
            r"Whether it overfits cannot be told: mean average precision 1\.000 on the pictures it learnt from, 0",
        ),
    ],
)
def test_the_verdict_claims_what_the_interval_of_the_gap_bears(
    outcome: TagOutcome, pictures: int, wrong: float, said: str
) -> None:
    rng = np.random.default_rng(3)
    labels = rng.random((pictures, len(CLASSES))) < 0.5
    stated = np.where(rng.random(labels.shape) < wrong, ~labels, labels) * 0.8 + 0.2 * rng.random(labels.shape)
    score = tag_score(stated, labels, CLASSES, [f"{each}.jpg" for each in range(pictures)], thresholds=[0.5] * 3)
    run = replace(outcome.run, train_probabilities=outcome.run.parts.train.labels.astype(np.float32))
    assert re.match(said, tag_verdict(run, score))
    none = tag_score(stated[:1], labels[:1] & False, CLASSES, ["0.jpg"], thresholds=[0.5] * 3)
    assert tag_verdict(run, none) == "Nothing can be told: the one unseen picture shows none of the classes."
    assert trained_precision(run, score).low < trained_precision(run, score).value == 1


@pytest.mark.keras
def test_the_saved_model_is_understood(
    outcome: TagOutcome, place: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    guide = load(outcome.folder)
    assert isinstance(guide, TagClassifier) and guide.thresholds == outcome.run.classifier.thresholds
    assert repr(guide) == "<TagClassifier of 3 classes (horse, human, upright) at 224x224>"
    score = outcome.score
    assert score is not None
    predictions = guide.predict([place / name for name in score.names])
    stated = np.array([one.probabilities for one in predictions])
    np.testing.assert_allclose(stated, score.probabilities, atol=1e-5)
    assert [set(str(one.label).split(";")) - {""} for one in predictions] == [
        {name for name, on in zip(CLASSES, said, strict=True) if on} for said in score.said
    ]
    (tmp_path / "notes.txt").write_text("none")
    run, file = str(outcome.folder), str(place / score.names[0])
    assert main(["predict", run, file, str(tmp_path / "notes.txt")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["file", "shows"] and "not read: not a picture: text" in lines[2]
    assert main(["predict", run, file, "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert ";".join(told["labels"]) == predictions[0].label and set(told["probabilities"]) == set(CLASSES)
    assert main(["predict", run, file, str(tmp_path / "notes.txt"), "--csv", str(tmp_path / "out.csv")]) == 0
    with (tmp_path / "out.csv").open(newline="") as handle:
        first, second = csv.DictReader(handle)
    assert first["labels"] == predictions[0].label and second["error"] == "not a picture: text"
    assert predictions.to_csv(tmp_path / "again.csv").read_text().startswith("file,labels,horse,human,upright,error\n")


@pytest.mark.keras
def test_every_label_that_is_said_is_explained(
    outcome: TagOutcome, place: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    guide = load(outcome.folder)
    assert isinstance(guide, TagClassifier)
    found, predicted = explain(guide, place.glob("*.jpg")), guide.predict(place.glob("*.jpg"))
    several = 0
    for entry, said in zip(found.entries, predicted, strict=True):
        assert isinstance(said, TagPrediction) and entry.prediction.label == said.label
        if said.labels:
            assert (entry.class_name, *entry.other_names) == said.labels
        several += len(said.labels) > 1
        scores = guide.head.logits(guide.engine.features(entry.pixels[None]))[0] - guide.head.bias
        for heat in (entry.heat, *entry.others):  # nothing of the logit is left out
            assert heat.values.sum() == pytest.approx(scores[heat.class_index], abs=1e-3)
    assert several > 5
    asked = explain(guide, place.glob("*.jpg"), class_name="upright")
    assert {entry.class_name for entry in asked.entries} == {"upright"}
    first = next(entry for entry in found.entries if entry.prediction.label == "human;upright")
    assert re.match(r"for (human|upright) it (looks|finds) .*; for (human|upright) it (looks|finds) ", first.sentence)
    assert main(["explain", str(outcome.folder), str(place), "--output", str(tmp_path / "looks")]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(tag_title()) and f"evaluate {outcome.folder} TABLE" in printed
    page = (tmp_path / "looks" / "explanation.html").read_text(encoding="utf-8")
    assert page.count("<li><h3>") == 40 and 'alt="For upright it ' in page
    assert re.search(r"Said: <bdi>horse</bdi> of \d+, <bdi>human</bdi> of \d+, <bdi>upright</bdi> of \d+\.", page)


@pytest.mark.keras
def test_the_report_shows_what_spoke_for_a_label_that_is_wrong(outcome: TagOutcome) -> None:
    score = outcome.score
    assert score is not None
    wrong = int((score.said != score.labels).sum())
    assert wrong
    page = (outcome.folder / "report.html").read_text(encoding="utf-8")
    part = page.split('id="mistakes"')[1].split("</section>")[0]
    assert part.count("<li>") == wrong and part.count("<figure>") == 2 * wrong
    assert part.count('alt="For ') == wrong and "what was used, not why" in part


@pytest.mark.keras
def test_it_is_measured_on_a_table_and_refused_where_one_label_is_expected(
    outcome: TagOutcome, place: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = str(outcome.folder)
    assert main(["evaluate", run, str(place / "tags.csv")]) == 0
    printed = capsys.readouterr().out
    assert "n=12 tags pictures" in printed and "28 pictures left out that it learnt from" in printed
    assert main(["relabel", run, "--no-browser"]) == 2
    assert "several labels each, and relabelling is for those with one" in capsys.readouterr().err
    assert main(["similar", run, str(next(place.glob("*.jpg"))), str(place), "--output", str(tmp_path / "s")]) == 2
    assert "several labels for a picture, and what is said of" in capsys.readouterr().err
    with pytest.raises(InputTypeError, match=r"expected one label: use fg\.evaluate_tags"):
        evaluate(outcome.run.classifier, outcome.run.parts.test)  # type: ignore[arg-type]


@pytest.mark.keras
def test_a_note_whose_thresholds_make_no_sense_is_refused(outcome: TagOutcome, tmp_path: Path) -> None:
    for number, thresholds in enumerate(([0.5], [0.5, 0.5, 2.0], "abc", [0.5, 0.5, None], [])):
        path = with_note(outcome.folder / "model.keras", tmp_path / f"{number}.keras", {"thresholds": thresholds})
        with pytest.raises(ModelError, match="what its note says makes no sense"):
            load(path)


# ------------------------------------------------------------------ without a saved model


def test_what_is_for_one_label_only_is_refused(place: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table = str(place / "tags.csv")
    for flags, said in (
        (["--folds", "3"], "--folds is for pictures with one label each"),
        (["--recipe", "scratch"], "--recipe is scratch, and"),
        (["--dropout", "0.5", "--epochs", "3"], "--dropout, --epochs are for pictures with one label each"),
        (["--dropout", "0"], "--dropout is for pictures with one label each"),  # given is given
        (["--log", "tensorboard"], "--log is for pictures with one label each"),
        (["--test", "0.9", "--validation", "0.3"], "leave nothing to train on"),
    ):
        assert main(["train", table, "--output", str(tmp_path / "run"), *flags]) == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    assert main(["rate", table]) == 2
    assert "several labels, or none, where one each was expected" in capsys.readouterr().err


def test_check_looks_at_tags(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(place / "tags.csv")]) == 0
    printed = capsys.readouterr().out
    assert "40 files found, 40 read, 0 skipped, 1 missing" in printed and "3 classes: horse 1" in printed
    assert "3 classes shown by fewer than 30 pictures" in printed


def test_a_validation_part_chooses_and_a_share_beside_given_parts_is_refused(tmp_path: Path) -> None:
    rows = []
    for number in range(24):
        put(tmp_path / f"{number}.jpg", number)
        rows.append(
            (f"{number}.jpg", ("a;b", "a", "b", "")[number % 4], ("train", "train", "val", "test")[number // 6])
        )
    with (tmp_path / "tags.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([("file", "tags", "part"), *rows])
    with pytest.raises(InputError, match="says which picture is of which part: leave out --test"):
        run_tag_job(tmp_path / "tags.csv", folder=tmp_path / "run", test=0.3)
    parts = split_tags(TaggedDataset.from_table(tmp_path / "tags.csv"))
    folds, how = tag_folds(parts, folds=5, seed=0)
    assert how == "on the 6 pictures of the validation part"
    assert folds[0].held.tolist() == [12, 13, 14, 15, 16, 17] and folds[0].fitted.tolist() == list(range(12))
    run = train_tags(parts)
    assert run.folder is None and run.agreement is None and run.how == how
    assert len(run.classifier.seen) == 18
    score = evaluate_tags(run.classifier, parts.test)
    assert score.n == 6 and score.class_names == ("a", "b")
    with pytest.raises(InputError, match="learnt from or was chosen by every one of the 12 pictures"):
        evaluate_tags(run.classifier, parts.train)
    assert evaluate_tags(run.classifier, parts.train, include_seen=True).n == 12
    other = Classifier(Head(np.zeros((1280, 1), np.float32), np.zeros(1, np.float32)), ("a", "b"))
    with pytest.raises(InputTypeError, match=r"fg\.evaluate measures the others"):
        evaluate_tags(other, parts.test)
    with pytest.raises(InputError, match="a head without independent units and 2 thresholds came for 2 classes"):
        TagClassifier(other.head, ("a", "b"), thresholds=(0.5, 0.5))
    with pytest.raises(InputTypeError, match=r"expected parts of several labels, as fg\.split_tags gives them"):
        train_tags(tmp_path)  # type: ignore[arg-type]


def test_a_validation_picture_that_stands_in_train_chooses_nothing_and_none_measured_is_explained(
    tmp_path: Path,
) -> None:
    rows = []
    for number in range(24):
        put(tmp_path / f"{number}.jpg", number % 12 if number >= 18 else number)
        tags = ("a;b", "a", "b", "")[number % 4]
        rows.append((f"{number}.jpg", tags, ("train", "train", "val", "test")[number // 6]))
    shutil.copy(tmp_path / "2.jpg", tmp_path / "14.jpg")
    with (tmp_path / "tags.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([("file", "tags", "part"), *rows])
    parts = split_tags(TaggedDataset.from_table(tmp_path / "tags.csv"))
    folds, how = tag_folds(parts, folds=5, seed=0)
    assert how == "on the 5 pictures of the validation part; 1 more stands in train too and chooses nothing"
    assert folds[0].held.tolist() == [12, 13, 15, 16, 17]
    outcome = run_tag_job(tmp_path / "tags.csv", folder=tmp_path / "run")
    assert outcome.score is None
    why = "every one of the 6 test pictures stands in another part too; add pictures that stand in no other part"
    assert f"not measured: {why}" in " ".join(str(outcome).split())
    assert why in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_where_most_of_validation_leaks_the_training_pictures_choose_out_of_fold(tmp_path: Path) -> None:
    rows = []
    for number in range(30):
        put(tmp_path / f"{number}.jpg", number - 20 if 20 <= number < 25 else number)
        part = "train" if number < 20 else "val" if number < 27 else "test"
        rows.append((f"{number}.jpg", ("a;b", "a", "b", "")[number % 4], part))
    with (tmp_path / "tags.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([("file", "tags", "part"), *rows])
    folds, how = tag_folds(split_tags(TaggedDataset.from_table(tmp_path / "tags.csv")), folds=5, seed=0)
    assert len(folds) == 5 and sorted(np.concatenate([fold.held for fold in folds]).tolist()) == list(range(20))
    assert how.endswith("training pictures was held out, since most of the validation part stands in train too")


def test_where_no_measured_picture_shows_a_class_nothing_is_claimed(tmp_path: Path) -> None:
    rows = []
    for number in range(30):
        put(tmp_path / f"{number}.jpg", number)
        rows.append((f"{number}.jpg", *((("a;b", "a", "b", "")[number % 4], "train") if number < 24 else ("", "test"))))
    with (tmp_path / "tags.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([("file", "tags", "part"), *rows])
    outcome = run_tag_job(tmp_path / "tags.csv", folder=tmp_path / "run")
    assert outcome.verdict == "Nothing can be told: none of the 6 unseen pictures shows any of the classes."
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "None of the 6 pictures that measure shows any of the classes" in page
    assert not re.search(r"\bnan\b", re.sub(r"<[^>]*>", " ", page))


def test_a_class_that_every_picture_shows_is_found_by_check(tmp_path: Path) -> None:
    with (tmp_path / "tags.csv").open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(("file", "tags", "note"))
        for number in range(12):
            put(tmp_path / f"{number}.jpg", number)
            writer.writerow((f"{number}.jpg", "a;b" if number % 2 else "a", "two\nlines" if number == 3 else ""))
    data = TaggedDataset.from_table(tmp_path / "tags.csv", label_columns="tags")
    found = {one.kind: one for one in check_tags(data).findings}
    assert found["untaught"].text == "every picture to learn from shows 'a': `train` refuses that"
    assert found["lines in a cell"].paths == ("line 5, column 'note'",)
    with pytest.raises(InputError, match="0 readable pictures do not show 'a'"):
        split_tags(data)


def test_each_class_is_a_regression_of_its_own() -> None:
    rng = np.random.default_rng(5)
    features = rng.normal(size=(120, 6)).astype(np.float32)
    labels = features[:, :3] + 0.5 * rng.normal(size=(120, 3)) > np.array([0.0, 0.5, 1.0])

    rows = np.arange(90)
    together = Examples(features, labels, 3)
    penalties = np.array([0.1, 0.01, 0.3])
    heads, _ = fit(together, [problem_of(together, rows)], penalty=penalties, tolerance=1e-7)
    for label, penalty in enumerate(penalties):
        alone = Examples(features, labels[:, label].astype(np.int64), 2)
        own, _ = fit(alone, [problem_of(together, rows)], penalty=float(penalty), tolerance=1e-7)
        np.testing.assert_allclose(heads[0].kernel[:, label], own[0].kernel[:, 0], atol=2e-4)
    folds = [Fold(rows, np.arange(90, 120)), Fold(np.arange(30, 120), np.arange(30))]
    chosen = choose_tags(together, folds, (1.0, 0.1, 0.01, 0.001))
    assert chosen.logits.shape == chosen.truth.shape == (60, 3) and len(chosen.rows) == 60
    assert (chosen.truth == labels[chosen.rows]).all()
    assert set(chosen.penalties.tolist()) <= {1.0, 0.1, 0.01, 0.001}
    assert chosen.probabilities.min() >= 0 and chosen.probabilities.max() <= 1


def test_a_fit_in_fewer_dimensions_is_the_same_fit() -> None:
    rng = np.random.default_rng(6)
    features = (3 + rng.normal(size=(50, 200)) * rng.uniform(0.1, 5, 200)).astype(np.float32)
    features[:, 7] = 1.0  # the same everywhere carries nothing
    examples = Examples(features, rng.random((50, 3)) < 0.4, 3)
    rows, penalties = np.arange(40), np.array([0.3, 0.1, 0.03])
    (own,), _ = fit(examples, [problem_of(examples, rows)], penalty=penalties, tolerance=1e-7)
    found = fitted_tags(examples, rows, penalties)
    assert found.independent
    np.testing.assert_allclose(found.logits(features), own.logits(features), atol=0.03)
