"""`explain` and `similar` write into new folders outside of the pictures', and print where."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from fieldguide.cli import main
from fieldguide.evaluation.explaining import Explanation, Explanations
from fieldguide.evaluation.heatmaps import Heat
from fieldguide.explanations import write_explanations
from fieldguide.job import Outcome
from fieldguide.model.predictions import Prediction
from fieldguide.model.tag_predictions import TagPrediction
from fieldguide.neighbours import write_similar
from fieldguide.reporting.looks import write_looks

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture
def here(
    small_job: Outcome, small_photos: Path, small_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The current folder: `new`, with three pictures and a file that is none, and the classifier's pictures."""
    monkeypatch.setenv("FIELDGUIDE_CACHE", str(small_cache))
    (tmp_path / "new").mkdir()
    for name in ("horses", "humans"):
        for path in sorted((small_photos / name).glob("*[0-9].jpg"))[:2]:
            shutil.copy2(path, tmp_path / "new")
    odd = min((tmp_path / "new").iterdir())
    odd.rename(odd.with_name("<b> & \u202e\u00e9" + "n" * 150 + ".jpg"))
    (tmp_path / "new" / "notes.txt").write_text("no picture")
    shutil.copytree(small_photos, tmp_path / "photos")
    (tmp_path / "run").symlink_to(small_job.folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_explain_writes_overlays_and_a_page(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "run", "new"]) == 0
    written = capfd.readouterr()
    (folder,) = here.glob("explanations-*")
    assert f"Page       {folder.name}/explanation.html" in written.out
    assert "fieldguide similar run " in written.out
    assert "1 of 5 files could not be read:\n  new/notes.txt: not a picture: text" in written.out
    assert max(map(len, written.out.split("\nPage")[0].splitlines())) <= 80
    files = sorted(path.name for path in folder.iterdir())
    overlays = [name for name in files if name.endswith(".jpg")]
    assert {name[:3] for name in overlays} == {"001", "002", "003", "004"}
    drawn = [cv2.imread(str(folder / name)) for name in overlays]
    assert {None if one is None else one.shape for one in drawn} == {(336, 336, 3)}
    page = (folder / "explanation.html").read_text()
    assert page.count("<li><h3>") == 4
    assert page.count('<img src="data:image/jpeg;base64,') == 4 + len(overlays)
    assert 'alt="For humans it looks' in page
    assert "style=" not in page.split("</style>")[1]  # the page's policy would not let it count
    assert "&lt;b&gt;" in page and "<b> &" not in page and "\u202e" not in page
    assert "notes.txt</bdi>: not a picture: text" in page
    assert main(["explain", "run", "new"]) == 0  # once more, and nothing is overwritten
    assert len(list(here.glob("explanations-*"))) == 2


def test_where_it_does_not_know_the_class_that_is_explained_is_named(tmp_path: Path) -> None:
    classes, pixels = ("horses", "humans"), np.full((56, 56, 3), 90, np.uint8)
    values = np.zeros((7, 7), np.float32)
    values[1, 1] = 1
    answers = ((0.98, ("horses",), True), (0.6, classes, False), (0.97, ("horses",), False))
    entries = [
        Explanation(
            Prediction(Path(f"{place}.jpg"), classes, np.array([sure, 1 - sure], np.float32), "", named, unlike),
            pixels,
            Heat(values, 0, "top_activation", "hirescam"),
        )
        for place, (sure, named, unlike) in enumerate(answers)
    ]
    found = Explanations(classes, tuple(entries))
    lines = str(found).splitlines()
    assert [line[len("0.jpg") :].split() for line in lines[1::3]] == [
        ["unlike", "anything", "it", "learnt", "from"],
        ["not", "sure:", "horses", "or", "humans"],
        ["97.0%", "horses"],
    ]
    looks = "looks at the upper left: 100% of the weight lies in that quarter"
    assert lines[2::3] == [f"  for horses it {looks}", f"  for horses it {looks}", f"  {looks} of the"]
    page = write_looks(found, tmp_path / "looks").read_text()
    assert [each.split("</h3>")[0] for each in page.split("<li><h3>")[1:]] == [
        "Unlike anything it learnt from",
        "Not sure: horses or humans",
        "<bdi>horses</bdi> 97.0%",
    ]
    assert "Taken for: 1 <bdi>horses</bdi>. Not sure: 1. Unlike anything it learnt from: 1." in page


def test_every_map_has_a_file_of_its_own_and_labels_are_counted_whatever_they_are_called(tmp_path: Path) -> None:
    classes = ("red;green", "outdoor activity: riding", "outdoor activity: running", "indoors")
    shares = np.array([0.9, 0.8, 0.7, 0.1], np.float32)
    heats = [Heat(np.eye(7, dtype=np.float32), place, "top_activation", "hirescam") for place in range(3)]
    said = TagPrediction(Path("a.jpg"), classes, shares, thresholds=(0.5,) * 4)
    entry = Explanation(said, np.full((56, 56, 3), 90, np.uint8), heats[0], tuple(heats[1:]))
    page = write_looks(Explanations(classes, (entry,)), tmp_path / "looks").read_text()
    assert sorted(path.name for path in (tmp_path / "looks").glob("*.jpg")) == [
        "001-a-2-for-outdoor-activity.jpg", "001-a-for-outdoor-activity.jpg", "001-a.jpg",
    ]  # fmt: skip
    each = (
        "<bdi>red;green</bdi> of 1, <bdi>outdoor activity: riding</bdi> of 1, <bdi>outdoor activity: running</bdi> of 1"
    )
    assert f"Said: {each}." in page and "what speaks for the class below the map" in page


def test_similar_writes_a_page(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    picture = sorted((here / "new").glob("h*.jpg"))[-1].relative_to(here)
    assert main(["similar", "run", str(picture), "photos", "--most", "5"]) == 0
    written = capfd.readouterr()
    (folder,) = here.glob("similar-*")
    assert written.out.endswith(f"Page       {folder.name}/similar.html\n")
    assert written.out.startswith(f"{picture}: humans (")
    page = (folder / "similar.html").read_text()
    assert page.count('<img src="data:image/jpeg;base64,') == 6
    assert "of the 5 nearest of 59 pictures in <bdi>photos</bdi> are <bdi>humans</bdi></h1>" in page
    assert main(["similar", "run", str(picture), "photos", "--output", "alike", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert len(told["neighbours"]) == 8
    assert told["page"] == "alike/similar.html"
    assert told["itself"] == [f"photos/humans/{picture.name}"]


def test_a_class_may_be_asked_for(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "run", "new", "--class", "humans", "--output", "out", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert {entry["explained"] for entry in told["explanations"]} == {"humans"}
    assert told["page"] == "out/explanation.html"
    assert (here / "out" / "explanation.html").exists()


def test_pictures_that_cannot_be_read_leave_no_page(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = sorted(here.iterdir())
    assert main(["explain", "run", "new/notes.txt"]) == 1
    assert capfd.readouterr().out == "1 of 1 file could not be read:\n  new/notes.txt: not a picture: text\n"
    assert sorted(here.iterdir()) == before


def test_nothing_is_written_among_the_pictures(here: Path) -> None:
    os.chdir("new")
    before = sorted(Path().iterdir())
    written = write_explanations("../run", ["."])
    assert written.page is not None
    assert written.page.parent.resolve().parent == here
    found = write_similar("../run", before[-2], ".", most=2)
    assert found.page.parent.resolve().parent == here
    assert sorted(Path().iterdir()) == before


def test_with_the_bundled_backbone_neither_keras_nor_tensorflow_is_loaded(here: Path) -> None:
    code = (
        "import sys, fieldguide as fg\n"
        f"guide, new = fg.load({str(here / 'run')!r}), {str(here / 'new')!r}\n"
        "print(len(fg.explain(guide, new)), len(fg.embed(guide, new)), len(fg.embed(None, new)))\n"
        "print({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["4 4 4", "set()"]
