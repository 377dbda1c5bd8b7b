"""The rules of saying 'not sure' and 'unlike all of it' come back from a model file, and damage to them is refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_files import changed

from fieldguide.answers.naming import Naming
from fieldguide.answers.novelty import MOST_BYTES, Novelty
from fieldguide.errors import InputError, ModelError
from fieldguide.job import Outcome
from fieldguide.model import archive
from fieldguide.model.classifier import Classifier
from fieldguide.model.head import Head
from fieldguide.model.loading import load
from fieldguide.model.rules import Outline, good_rules, naming_of, outline_of, packed, unpacked

NAMING = {"error_rate": 0.05, "gap": 1.5, "n": 40}
OUTLINE = {"features": 1280, "rank": 40, "references": 49, "threshold": 0.5, "false_alarms": 0.05, "n": 49}


def fields(**changes: object) -> dict[str, Any]:
    return {"format": 5, "naming": NAMING, "novelty": OUTLINE, **changes}


def test_good_rules_are_taken() -> None:
    assert good_rules(fields())
    assert naming_of(fields()) == Naming(0.05, 1.5, 40)
    assert outline_of(fields()) == Outline(1280, 40, 49, 0.5, 0.05, 49)
    assert good_rules(fields(naming=None, novelty=None))
    assert naming_of(fields(naming={**NAMING, "gap": None})) == Naming(0.05, float("inf"), 40)


def test_before_format_five_there_were_none() -> None:
    before = {"format": 4, "naming": "nonsense"}
    assert good_rules(before)
    assert naming_of(before) is None
    assert outline_of(before) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"naming": 5},
        {"naming": {"gap": 1.5, "n": 40}},
        {"naming": {**NAMING, "error_rate": 1.0}},
        {"naming": {**NAMING, "error_rate": "0.05"}},
        {"naming": {**NAMING, "gap": -0.1}},
        {"naming": {**NAMING, "gap": float("nan")}},
        {"naming": {**NAMING, "gap": 1e9}},
        {"naming": {**NAMING, "n": 0}},
        {"naming": {**NAMING, "n": True}},
        {"naming": {**NAMING, "more": 1}},
        {"novelty": []},
        {"novelty": {**OUTLINE, "rank": 0}},
        {"novelty": {**OUTLINE, "rank": 1.0}},
        {"novelty": {**OUTLINE, "features": 10**9}},
        {"novelty": {**OUTLINE, "references": 10**6, "rank": 64}},
        {"novelty": {**OUTLINE, "threshold": float("inf")}},
        {"novelty": {**OUTLINE, "threshold": None}},
        {"novelty": {**OUTLINE, "false_alarms": 0.0}},
        {"novelty": {name: value for name, value in OUTLINE.items() if name != "n"}},
    ],
)
def test_rules_that_make_no_sense_are_none(changes: dict[str, object]) -> None:
    assert not good_rules(fields(**changes))


def test_a_missing_rule_is_none() -> None:
    for name in ("naming", "novelty"):
        assert not good_rules({key: value for key, value in fields().items() if key != name})


def test_arrays_come_back_bit_by_bit() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    novelty = Novelty.fit(np.eye(3, 12)[labels] + rng.normal(0, 0.1, (60, 12)), labels)
    again = unpacked("model.keras", packed(novelty), Outline.of(novelty))
    np.testing.assert_array_equal(again.basis, novelty.basis)
    np.testing.assert_array_equal(again.references, novelty.references)
    assert (again.threshold, again.false_alarms, again.n) == (novelty.threshold, novelty.false_alarms, novelty.n)
    with pytest.raises(
        ModelError, match=r"model\.keras is damaged: what it knows .* has .* bytes, and .* were expected"
    ):
        unpacked("model.keras", packed(novelty)[:-2], Outline.of(novelty))
    broken = b"\x00\x7e" + packed(novelty)[2:]  # no number, as float16
    with pytest.raises(ModelError, match=r"model\.keras is damaged: some of what it knows .* are no numbers"):
        unpacked("model.keras", broken, Outline.of(novelty))


# Whole files


@pytest.fixture
def model(small_job: Outcome) -> Path:
    return small_job.folder / "model.keras"


def test_a_loaded_classifier_answers_as_the_trained_one(small_job: Outcome, model: Path) -> None:
    trained, again = small_job.run.classifier, load(model)
    assert trained.naming is not None
    assert again.naming == trained.naming
    assert trained.novelty is not None
    assert again.novelty is not None
    np.testing.assert_array_equal(again.novelty.references, trained.novelty.references)
    assert again.novelty.threshold == trained.novelty.threshold
    with zipfile.ZipFile(model) as file:
        assert 0 < file.getinfo(archive.LEARNT).file_size <= MOST_BYTES


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_a_copy_of_a_copy_answers_the_same(model: Path, small_photos: Path, tmp_path: Path) -> None:
    before = load(model)
    again = load(load(before.save(tmp_path / "one.keras")).save(tmp_path / "two.keras"))
    pictures = sorted((small_photos / "horses").glob("*.jpg"))[:4]
    for one, other in zip(before.predict(pictures), again.predict(pictures), strict=True):
        assert (one.named, one.unlike) == (other.named, other.unlike)


def test_damaged_rules_are_refused(model: Path, tmp_path: Path) -> None:
    def cut(members: dict[str, bytes]) -> None:
        members[archive.LEARNT] = members[archive.LEARNT][:-1]

    def lost(members: dict[str, bytes]) -> None:
        del members[archive.LEARNT]

    def large(members: dict[str, bytes]) -> None:
        members[archive.LEARNT] = bytes(MOST_BYTES + 1)

    def nonsense(members: dict[str, bytes]) -> None:
        note = json.loads(members[archive.NOTE])
        members[archive.NOTE] = json.dumps({**note, "naming": {**note["naming"], "gap": "wide"}}).encode()

    def of_another(members: dict[str, bytes]) -> None:
        note = json.loads(members[archive.NOTE])
        outline = {**OUTLINE, "features": 5000, "rank": 1, "references": 1}
        members[archive.NOTE] = json.dumps({**note, "novelty": outline}).encode()
        members[archive.LEARNT] = bytes(2 * 5001)

    for change, said in {
        cut: "bytes, and .* were expected",
        lost: r"it holds no learnt\.bin",
        large: r"its learnt\.bin would have 1,000,001 bytes",
        nonsense: "what its note says makes no sense",
        of_another: "is of 5,000 features, and its network has",
    }.items():
        with pytest.raises(ModelError, match=rf"odd\.keras .*{said}"):
            load(changed(model, tmp_path / "odd.keras", change))


def test_novelty_of_more_features_than_the_head_takes_is_refused() -> None:
    labels = np.arange(40) % 2
    novelty = Novelty.fit(np.random.default_rng(0).normal(size=(40, 12)), labels)
    with pytest.raises(InputError, match="novelty was fitted on 12 features of a picture, and the head takes 8"):
        Classifier(Head(np.zeros((8, 1), np.float32), np.zeros(1, np.float32)), ["cats", "dogs"], novelty=novelty)
