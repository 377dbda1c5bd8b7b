"""Embeddings are what the network sees, at length 1; kept by content, and the nearest are found block by block."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from small_nets import SIDE, trained

from fieldguide.data import decode
from fieldguide.data.dataset import Dataset
from fieldguide.errors import FileError, InputError, InputTypeError
from fieldguide.job import Outcome
from fieldguide.model.classifier import Classifier
from fieldguide.model.engine import LiteEngine
from fieldguide.model.head import Head
from fieldguide.model.nets import Net
from fieldguide.model.trunk import Trunk
from fieldguide.training import embeddings as module
from fieldguide.training.embeddings import Embeddings, embed, of_pairs

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def points(count: int, seed: int = 0, mark: str = "one") -> Embeddings:
    values = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return Embeddings(values, tuple(Path(f"{row}.jpg") for row in range(count)), (), "a network", mark)


@pytest.fixture
def few(small_photos: Path, tmp_path: Path) -> Path:
    """Six pictures, one of them twice, and two files that cannot be read."""
    folder = tmp_path / "few"
    folder.mkdir()
    for name in ("horses", "humans"):
        for path in sorted((small_photos / name).glob("*[0-9].jpg"))[:3]:
            shutil.copy2(path, folder / path.name)
    first = min(folder.iterdir())
    shutil.copy2(first, folder / "zz-copy.jpg")
    (folder / "notes.txt").write_text("no picture")
    shutil.copy2(small_photos / "horses" / "horse-truncated.jpg", folder)
    return folder


def test_they_are_the_averages_of_the_last_map_at_length_1(few: Path) -> None:
    found = embed(None, few)
    pixels = np.stack([decode.read(path, (224, 224)).pixels for path in found.paths])
    features = LiteEngine(target_size=(224, 224), cut=None).features(pixels)
    assert found.values.dtype == np.float32
    assert found.values.shape == (7, 1280)
    np.testing.assert_allclose(found.values, features / np.linalg.norm(features, axis=1, keepdims=True), atol=1e-6)
    assert [(path.path.name, path.reason.split(":")[0]) for path in found.skipped] == [
        ("horse-truncated.jpg", "truncated"),
        ("notes.txt", "not a picture"),
    ]
    assert len(found) + len(found.skipped) == len(list(few.iterdir()))
    assert found.to_dict()["files"] == [str(path) for path in found.paths]


def test_they_are_kept_and_no_picture_is_read_again(few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = embed(None, few)
    monkeypatch.setattr(module.decode, "decode", None)  # whoever calls it now fails
    (few / "notes.txt").unlink()
    (few / "horse-truncated.jpg").unlink()
    np.testing.assert_array_equal(embed(None, few).values, first.values)


def test_those_of_a_training_are_there_already(
    small_job: Outcome, small_photos: Path, small_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDGUIDE_CACHE", str(small_cache))
    monkeypatch.setattr(module.decode, "decode", None)
    data = Dataset.from_directory(small_photos).select(np.arange(30))
    sound = data.select(np.array(["truncated" not in path.name for path in data.paths]))
    found = embed(small_job.run.classifier, sound)
    assert len(found) == len(sound)
    assert found.mark == embed(None, sound).mark


def test_of_a_head_that_reads_several_maps_the_last_one_alone_counts(few: Path) -> None:
    trunk = Trunk(taps=("block1a_project_bn",), cut="block3b_add", pooling="max")
    head = Head(np.ones((trunk.features(SIDE), 1), np.float32), np.zeros(1, np.float32))
    guide = Classifier(head, "ab", target_size=SIDE, trunk=trunk, resize="squash")
    found = embed(guide, few)
    pixels = np.stack([decode.read(path, SIDE, "squash").pixels for path in found.paths])
    plain = LiteEngine(target_size=SIDE, trunk=Trunk(cut="block3b_add"), cut=None).features(pixels)
    np.testing.assert_allclose(found.values, plain / np.linalg.norm(plain, axis=1, keepdims=True), atol=1e-6)
    with pytest.raises(InputError, match="or in another way: embed both with the same classifier"):
        found.nearest(embed(None, few))


def test_of_a_network_from_scratch_too(few: Path) -> None:
    net = Net("plain", "tiny", target_size=SIDE)
    weights, head = trained(net)
    guide = Classifier(head, "ab", net=net, weights=weights)
    found, again = embed(guide, few), embed(guide, few)
    assert found.values.shape == (7, net.features)
    np.testing.assert_array_equal(found.values, again.values)
    features = guide.engine.features(np.stack([decode.read(path, SIDE).pixels for path in found.paths]))
    np.testing.assert_allclose(
        found.values, features / np.linalg.norm(features, axis=1, keepdims=True), atol=1e-5, rtol=1e-4
    )


def test_a_copy_is_the_nearest(few: Path) -> None:
    found = embed(None, few)
    rows, similarities = found.nearest(k=1)
    last = found.names.index(str(few / "zz-copy.jpg"))
    assert (rows[0, 0], rows[last, 0]) == (last, 0)
    assert similarities[0, 0] == pytest.approx(1, abs=1e-5)
    assert similarities.max() <= 1


@pytest.mark.parametrize("at_once", [1, 100, 1 << 24])
def test_the_nearest_are_those_of_the_whole_table(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_AT_ONCE", at_once)
    few, many = points(7), points(40, seed=1)
    rows, similarities = few.nearest(many, k=5)
    table = few.values @ many.values.T
    np.testing.assert_array_equal(rows, np.argsort(-table, axis=1)[:, :5])
    np.testing.assert_allclose(similarities, -np.sort(-table, axis=1)[:, :5], atol=1e-6)
    among, _ = many.nearest(k=39)
    assert all(sorted([row, *others]) == list(range(40)) for row, others in enumerate(among.tolist()))
    assert many.nearest(k=1000)[0].shape == (40, 39)
    assert points(1).nearest(k=3)[0].shape == (1, 0)


def test_what_is_no_embedding_is_refused() -> None:
    with pytest.raises(InputTypeError, match=r"other is 3 \(int\); expected Embeddings, as fg\.embed gives them"):
        points(2).nearest(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="k is 0; expected a whole number, 1 or larger"):
        points(2).nearest(k=0)
    with pytest.raises(InputError, match="embed both with the same classifier"):
        points(2).nearest(points(2, mark="other"))
    with pytest.raises(InputTypeError, match=r"classifier is 'runs/first' \(str\); expected a Classifier"):
        embed("runs/first", ".")  # type: ignore[arg-type]
    with pytest.raises(FileError, match=r"there is no picture at new/\*\.jpg"):
        embed(None, "new/*.jpg")


def test_pairs_at_random_are_never_one_picture_twice() -> None:
    few, many = points(30), points(900)
    exact = of_pairs(few)
    table = few.values @ few.values.T
    np.testing.assert_allclose(exact, np.sort(table[np.triu_indices(30, 1)]), atol=1e-6)
    drawn = of_pairs(many, most=5000)
    assert len(drawn) == 5000
    assert drawn.max() < 0.9999
    np.testing.assert_array_equal(drawn, of_pairs(many, most=5000))
