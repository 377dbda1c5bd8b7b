"""Classifiers of networks trained from scratch: they predict, are saved, come back and are measured like any other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_files import with_note
from pictures import folder_of
from small_nets import SIDE, SMALL, noise, trained

from fieldguide.data import decode
from fieldguide.data.dataset import Dataset
from fieldguide.errors import InputError, ModelError
from fieldguide.evaluation.evaluate import evaluate
from fieldguide.files import cache_folder
from fieldguide.model import archive
from fieldguide.model.classifier import Classifier
from fieldguide.model.head import Head
from fieldguide.model.loading import load
from fieldguide.model.nets import Net
from fieldguide.model.trunk import Trunk

NAMES = ("cats", "dogs", "foxes")
CASES = [
    ("classic-tiny-dropped", 2),
    ("residual-tiny-plain", 3),
    ("residual-tiny-all", 2),
    ("classic-tiny-normed", 3),
    ("plain-tiny-mirrored", 3),
]


def guide(name: str = "residual-tiny-plain", classes: int = 3, **more: Any) -> Classifier:
    """A classifier whose weights were drawn at random: it says something definite of every picture."""
    weights, head = trained(SMALL[name], classes)
    return Classifier(head, NAMES[:classes], net=SMALL[name], weights=weights, **more)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "photos", {"cats": 4, "dogs": 3, "foxes": 2})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole model file of a residual network with three classes."""
    return guide().save(tmp_path_factory.mktemp("model") / "guide.keras")


def test_it_predicts_files_as_it_does_their_pixels(photos: Path) -> None:
    made = guide(resize="pad")
    assert (made.target_size, made.trunk, made.net) == (SIDE, None, SMALL["residual-tiny-plain"])
    assert repr(made) == "<Classifier of 3 classes (cats, dogs, foxes) at 48x64>"
    found = made.predict(photos)
    assert len(found) == 9
    pixels = np.stack([decode.read(entry.path, SIDE, "pad").pixels for entry in found])
    stated = np.stack([entry.probabilities for entry in found if entry.probabilities is not None])
    np.testing.assert_array_equal(stated, made.probabilities(pixels))
    np.testing.assert_allclose(stated.sum(axis=1), 1, rtol=1e-6)
    assert len({entry.label for entry in found}) > 1


@pytest.mark.keras
@pytest.mark.parametrize(("name", "classes"), CASES)
def test_what_was_saved_comes_back_whole(name: str, classes: int, tmp_path: Path) -> None:
    import keras

    made = guide(name, classes, resize="squash", temperature=1.5, seen=np.array([7, 2**63], np.uint64))
    path = made.save(tmp_path / "guide.keras")
    back = load(path)
    assert (back.net, back.trunk, back.class_names) == (made.net, None, made.class_names)
    assert (back.target_size, back.resize, back.temperature) == (SIDE, "squash", 1.5)
    assert back.seen.tolist() == [7, 2**63]
    assert back.weights is not None and made.weights is not None
    assert set(back.weights) == set(made.weights)
    for key, value in back.weights.items():
        np.testing.assert_array_equal(value, made.weights[key])
    pixels = noise(5)
    stated = made.probabilities(pixels)
    np.testing.assert_array_equal(back.probabilities(pixels), stated)
    opened = np.asarray(keras.models.load_model(path)(pixels.astype(np.float32)))  # in safe mode
    np.testing.assert_allclose(opened, stated[:, 1:] if classes == 2 else stated, atol=1e-4)
    given = np.asarray(back.keras_model(pixels.astype(np.float32)))
    np.testing.assert_allclose(given, opened, atol=1e-6)
    note = archive.read_note(path)
    assert (note.net, note.tuned) == (made.net, False)


def test_loading_and_predicting_load_neither_keras_nor_tensorflow(model: Path, photos: Path) -> None:
    code = (
        "import sys\nfrom fieldguide.cli import main\n"
        f"status = main(['predict', {str(model)!r}, {str(photos)!r}])\n"
        "print([name for name in ('keras', 'tensorflow', 'jax', 'torch') if name in sys.modules], status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    *rows, last = done.stdout.splitlines()
    assert last in ("[] 0", "[] None")
    assert len(rows) == 10
    assert "cats" in done.stdout


# Measuring


@pytest.mark.parametrize(("name", "classes"), CASES[:2])
def test_it_is_measured_by_its_own_probabilities_and_nothing_is_kept(name: str, classes: int, tmp_path: Path) -> None:
    photos = folder_of(tmp_path / "photos", dict(zip(NAMES[:classes], (4, 3, 2), strict=False)))
    (photos / "cats" / "notes.txt").write_text("no picture")
    made = guide(name, classes)
    score = evaluate(made, Dataset.from_directory(photos))
    stated = {entry.path: np.array(entry.probabilities) for entry in made.predict(photos)}
    assert (score.n, len(score.skipped)) == (9 if classes == 3 else 7, 1)
    for picture, given in zip(score.names, score.probabilities, strict=True):
        np.testing.assert_allclose(given, stated[photos / picture], atol=1e-6)
    kept = [path for path in cache_folder().rglob("*") if path.is_file()]
    assert kept, "the pixels are kept"
    assert not (cache_folder() / "features").exists()


# Parts that do not fit


def test_parts_that_do_not_fit_together_are_refused() -> None:
    net = SMALL["classic-tiny-plain"]
    weights, head = trained(net)
    with pytest.raises(InputError, match=r"target_size is \(224, 224\), and the network takes \(48, 64\): leave"):
        Classifier(head, NAMES[:2], net=net, weights=weights, target_size=(224, 224))
    short = Head(head.kernel[:-1], head.bias)
    with pytest.raises(InputError, match="the head takes 127 features, and the classic network, tiny gives 128"):
        Classifier(short, NAMES[:2], net=net, weights=weights)
    with pytest.raises(InputError, match="conv1/bias is missing from the weights"):
        Classifier(head, NAMES[:2], net=net)
    with pytest.raises(InputError, match="3 classes were given to a head with 1 output units"):
        Classifier(head, NAMES, net=net, weights=weights)


GOOD = SMALL["residual-tiny-plain"].to_dict()


@pytest.mark.parametrize(
    "fields",
    [
        {"net": {**GOOD, "depth": 9}},
        {"net": {name: value for name, value in GOOD.items() if name != "l2"}},
        {"net": {**GOOD, "size": "huge"}},
        {"net": {**GOOD, "dropout": "0.5"}},
        {"net": {**GOOD, "target_size": [10**6, 10**6]}},
        {"net": {**GOOD, "target_size": [64, 48]}},
        {"net": [GOOD]},
        {"net": None},
        {"trunk": Trunk().to_dict()},
        {"target_size": [48.0, 64]},
        {"target_size": [64, 64]},
        {"format": 2},
    ],
    ids=lambda fields: json.dumps(fields)[-40:],
)
def test_a_note_whose_network_makes_no_sense_is_refused(fields: dict[str, Any], model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"odd\.keras is damaged: what its note says makes no sense"):
        load(with_note(model, tmp_path / "odd.keras", fields))


@pytest.mark.parametrize(
    "net",
    [
        {**GOOD, "size": "small"},
        {**GOOD, "family": "classic"},
        {**GOOD, "batch_norm": False},
        {**GOOD, "pooling": "flatten"},
        {**GOOD, "grayscale": True},
    ],
    ids=["size", "family", "batch_norm", "pooling", "grayscale"],
)
def test_weights_of_another_network_than_the_notes_are_refused(
    net: dict[str, Any], model: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"odd\.keras is (damaged|not usable): its"):
        load(with_note(model, tmp_path / "odd.keras", {"net": net}))


def test_more_classes_than_the_head_has_are_refused(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"odd\.keras is damaged: its layers are not those of its 4 classes"):
        load(with_note(model, tmp_path / "odd.keras", {"class_names": [*NAMES, "wolves"]}))


def test_a_member_far_larger_than_the_network_is_not_read(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "huge.keras"
    with zipfile.ZipFile(model) as file, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(archive.NOTE, file.read(archive.NOTE))
        packed.writestr("config.json", "{}")
        packed.writestr("model.weights.h5", bytes(20_000_000))
    with pytest.raises(ModelError, match=r"huge\.keras is not usable: its model\.weights\.h5 would have 20,000,000"):
        archive.read_weights(path)


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    weights, head = trained(Net("classic", "tiny", target_size=SIDE))
    weights["conv1/kernel"][0, 0, 0, 0] = np.nan
    broken = Classifier(head, NAMES[:2], net=Net("classic", "tiny", target_size=SIDE), weights=weights)
    with pytest.raises(ModelError, match="some of its weights are no numbers"):
        load(broken.save(tmp_path / "odd.keras"))
