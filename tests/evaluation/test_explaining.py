"""An explanation holds the prediction, the map of its class and of a close one; every picture is counted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_nets import SIDE

from fieldguide.answers.naming import Naming
from fieldguide.data import decode
from fieldguide.errors import InputError, InputTypeError
from fieldguide.evaluation import explaining as module
from fieldguide.evaluation.explaining import CLOSE, explain
from fieldguide.evaluation.heatmaps import classifier_heat_maps
from fieldguide.job import Outcome
from fieldguide.model.classifier import Classifier
from fieldguide.model.head import Head


@pytest.fixture
def few(small_photos: Path, tmp_path: Path) -> Path:
    """Four pictures, and a file that is none."""
    folder = tmp_path / "few"
    folder.mkdir()
    for name in ("horses", "humans"):
        for path in sorted((small_photos / name).glob("*[0-9].jpg"))[:2]:
            shutil.copy2(path, folder / path.name)
    (folder / "notes.txt").write_text("no picture")
    return folder


def of_three(scale: float, *, naming: Naming | None = None) -> Classifier:
    """A classifier of three classes, the surer the larger the scale."""
    kernel = np.random.default_rng(1).normal(0, scale, (1280, 3)).astype(np.float32)
    return Classifier(Head(kernel, np.zeros(3, np.float32)), ("a", "b", "c"), target_size=SIDE, naming=naming)


def test_it_is_what_the_classifier_predicts_and_the_map_of_that_class(small_job: Outcome, few: Path) -> None:
    guide = small_job.run.classifier
    found, predicted = explain(guide, few), guide.predict(few)
    sound = [each for each in predicted if each.label is not None]
    assert [each.prediction.path for each in found.entries] == [each.path for each in sound]
    assert [each.class_name for each in found.entries] == [each.label for each in sound]
    for entry, each in zip(found.entries, sound, strict=True):
        assert entry.prediction.probability == pytest.approx(each.probability, abs=1e-6)
        pixels = decode.read(each.path, (224, 224)).pixels
        np.testing.assert_array_equal(entry.pixels, pixels)
        label = guide.class_names.index(each.label or "")
        (heat,) = classifier_heat_maps(guide, pixels[None], classes=label)
        np.testing.assert_allclose(entry.heat.values, heat.values, atol=1e-5)
    assert [(each.path.name, each.reason) for each in found.skipped] == [("notes.txt", "not a picture: text")]
    assert str(found).endswith(f"1 of 5 files could not be read:\n  {few / 'notes.txt'}: not a picture: text")


def test_a_class_that_is_close_is_shown_beside(few: Path) -> None:
    unsure, sure = explain(of_three(0.001), few), explain(of_three(3.0), few)
    assert all(len(entry.others) == 1 for entry in unsure.entries)
    assert all(not entry.others for entry in sure.entries)
    for entry in unsure.entries:
        order = np.argsort(-entry.prediction.probabilities)  # type: ignore[operator]
        (other,), (name,) = entry.others, entry.other_names
        assert (entry.heat.class_index, other.class_index) == tuple(order[:2])
        assert entry.probability_of(other) >= CLOSE
        assert f"; for {name} it looks" in entry.sentence or "it finds nothing" in entry.sentence


def test_where_it_is_not_sure_the_classes_that_it_names_are_shown(few: Path) -> None:
    sure = explain(of_three(0.3), few).entries
    shares = [np.sort(entry.prediction.probabilities)[::-1] for entry in sure]  # type: ignore[arg-type]
    gap = float(np.median([np.log(first / second) for first, second, _ in shares])) + 1e-3
    named = explain(of_three(0.3, naming=Naming(0.05, gap, 100)), few).entries
    unsure = [entry for entry in named if entry.prediction.named is not None and len(entry.prediction.named) == 2]
    assert unsure
    for entry in unsure:
        assert (entry.class_name, *entry.other_names) == entry.prediction.named
        assert entry.sentence.startswith(f"for {entry.class_name} it ")


def test_a_class_that_is_asked_for_is_compared_with_the_most_probable_one(few: Path) -> None:
    for entry in explain(of_three(3.0), few, class_name="b").entries:
        assert entry.class_name == "b"
        if entry.prediction.label == "b":
            assert not entry.others
        else:
            assert entry.other_names == (entry.prediction.label,)
            assert entry.sentence.startswith("for b it ")


def test_json_holds_the_map(few: Path) -> None:
    found = explain(of_three(0.01), few)
    told = json.loads(json.dumps(found.to_dict()))
    entry = told["explanations"][0]
    assert np.array(entry["map"]).shape == found.entries[0].heat.values.shape
    assert entry["explained"] == entry["label"]
    assert tuple(each["explained"] for each in entry["others"]) == found.entries[0].other_names
    assert entry["sentence"] == str(found.entries[0].focus)
    assert len(told["explanations"]) + len(told["skipped"]) == 5


def test_what_cannot_be_explained_is_refused(few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputTypeError, match=r"classifier is 3 \(int\); expected a Classifier"):
        explain(3, few)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="there is no class 'd'; the classifier's are a, b, c"):
        explain(of_three(1), few, class_name="d")
    with pytest.raises(InputError, match="method is 'magic'"):
        explain(of_three(1), few, method="magic")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no file was found"):
        explain(of_three(1), tmp_path / "empty")
    monkeypatch.setattr(module, "MOST", 4)
    with pytest.raises(InputError, match="there are more than 4 files, and each explanation is made to be looked at"):
        explain(of_three(1), few)
