"""A classifier takes files as they are and says the same of a picture wherever and however it comes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from fieldguide.data import decode
from fieldguide.errors import FileError, InputError
from fieldguide.job import Outcome
from fieldguide.model import classifier as module
from fieldguide.model.classifier import Classifier
from fieldguide.model.head import Head
from fieldguide.model.lite0 import read_weights
from fieldguide.model.loading import load
from fieldguide.model.trunk import BUNDLED

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SIDE = (48, 64)


def made(classes: int = 3, target_size: tuple[int, int] = SIDE, **more: object) -> Classifier:
    """A classifier whose head was drawn at random: it says something definite of every picture."""
    rng = np.random.default_rng(classes)
    units = 1 if classes == 2 else classes
    head = Head(rng.normal(0, 0.3, (1280, units)).astype(np.float32), rng.normal(0, 1, units).astype(np.float32))
    return Classifier(head, [f"class {n}" for n in range(classes)], target_size=target_size, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def pictures(small_photos: Path) -> list[Path]:
    return sorted(path for path in small_photos.rglob("*.jpg") if "truncated" not in path.name)


# Probabilities


@pytest.mark.parametrize("classes", [2, 3])
def test_a_pictures_probabilities_do_not_depend_on_its_batch(classes: int, pictures: list[Path]) -> None:
    guide = made(classes)
    pixels = np.stack([decode.read(path, SIDE).pixels for path in pictures[:40]])
    together = guide.probabilities(pixels)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together.sum(axis=1), 1, rtol=1e-6)
    for size in (1, 7, 32):
        parts = [guide.probabilities(pixels[start : start + size]) for start in range(0, 40, size)]
        np.testing.assert_allclose(np.concatenate(parts), together, atol=1e-5)


def test_files_and_their_pixels_are_the_same_to_it(pictures: list[Path]) -> None:
    guide = made(resize="pad")
    found = guide.predict(pictures[:3])
    pixels = np.stack([decode.read(path, SIDE, "pad").pixels for path in pictures[:3]])
    given = np.stack([entry.probabilities for entry in found if entry.probabilities is not None])
    np.testing.assert_allclose(given, guide.probabilities(pixels), atol=1e-6)


def test_of_two_classes_the_head_states_the_second() -> None:
    head = Head(np.zeros((1280, 1), np.float32), np.array([2.0], np.float32))
    sure = Classifier(head, ("no", "yes"), target_size=SIDE)
    stated = sure.probabilities(np.zeros((1, *SIDE, 3), np.uint8))[0]
    assert stated[1] == pytest.approx(1 / (1 + np.exp(-2)))


def test_pixels_of_another_kind_are_refused() -> None:
    with pytest.raises(InputError, match="expects uint8"):
        made().probabilities(np.zeros((1, *SIDE, 3), np.float32))
    with pytest.raises(InputError, match="expects uint8"):
        made().probabilities(np.zeros((1, 32, 32, 3), np.uint8))


@pytest.mark.parametrize(("units", "names"), [(2, "ab"), (1, "abc"), (3, "ab"), (3, "abcd")])
def test_a_head_that_does_not_fit_the_classes_is_refused(units: int, names: str) -> None:
    head = Head(np.zeros((1280, units), np.float32), np.zeros(units, np.float32))
    with pytest.raises(InputError, match=rf"{len(names)} classes were given to a head with {units} output units"):
        Classifier(head, names)


# Files


def test_order_is_that_of_the_files_whatever_their_number(pictures: list[Path]) -> None:
    guide = made()
    asked = [pictures[place % len(pictures)] for place in range(3 * module.BATCH + 5)]
    found = guide.predict(asked)
    assert [entry.path for entry in found] == asked
    for place in range(len(pictures), len(asked)):
        np.testing.assert_allclose(found[place].probabilities, found[place - len(pictures)].probabilities, atol=1e-6)


def test_what_cannot_be_read_keeps_its_place_and_says_why(pictures: list[Path], tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    short = tmp_path / "short.jpg"
    short.write_bytes(pictures[0].read_bytes()[:3000])
    asked = [tmp_path / "empty.jpg", pictures[0], tmp_path / "notes.txt", short, pictures[1], tmp_path / "gone.jpg"]
    found = made().predict(asked)
    assert [entry.path for entry in found] == asked
    assert [entry.probabilities is None for entry in found] == [True, False, True, True, False, True]
    assert found[0].reason == "an empty file"
    assert "truncated" in found[3].reason
    assert found[5].reason == "a link to a file that does not exist"
    assert all(entry.reason for entry in found.skipped)
    assert len(found.skipped) == 4


def test_files_none_of_which_can_be_read_are_all_listed(tmp_path: Path) -> None:
    for number in range(module.BATCH + 3):
        (tmp_path / f"{number:03}.jpg").write_text("no picture")
    found = made().predict(tmp_path)
    assert len(found) == len(found.skipped) == module.BATCH + 3


@pytest.mark.parametrize(
    "name",
    ["with space.jpg", "Äpfel und Öl.jpg", "猫.jpg", "[brackets].jpg", "-dash.jpg", "n" * 251 + ".jpg", "noextension"],
)
def test_odd_names_are_names(name: str, pictures: list[Path], tmp_path: Path) -> None:
    shutil.copy(pictures[0], tmp_path / name)
    found = made().predict(tmp_path / name)
    assert [entry.path for entry in found] == [tmp_path / name]
    assert not found.skipped


def test_a_name_that_is_not_utf_8_is_a_name_too(pictures: list[Path], tmp_path: Path) -> None:
    shutil.copy(pictures[0], tmp_path / "caf\udce9.jpg")
    (entry,) = made().predict(tmp_path)
    assert entry.probabilities is not None
    assert entry.path.name == "caf\udce9.jpg"


# Saving and loading


@pytest.mark.keras
def test_what_was_saved_comes_back_whole(pictures: list[Path], tmp_path: Path) -> None:
    guide = made(target_size=(32, 48), resize="squash", temperature=2, seen=np.array([7, 2**63, 7, 3], np.uint64))
    assert guide.save(tmp_path / "deep" / "er" / "guide.keras") == tmp_path / "deep" / "er" / "guide.keras"
    assert [path.name for path in (tmp_path / "deep" / "er").iterdir()] == ["guide.keras"]
    back = load(tmp_path / "deep" / "er" / "guide.keras")
    assert (back.class_names, back.target_size, back.resize) == (guide.class_names, (32, 48), "squash")
    assert (back.temperature, back.trunk, back.weights) == (2.0, BUNDLED, None)
    assert back.seen.tolist() == guide.seen.tolist() == [3, 7, 2**63]
    np.testing.assert_array_equal(back.head.kernel, guide.head.kernel)
    np.testing.assert_array_equal(back.head.bias, guide.head.bias)
    one, other = (each.predict(pictures[:4]) for each in (guide, back))
    assert [entry.row() for entry in one] == [entry.row() for entry in other]


@pytest.mark.keras
def test_weights_that_are_not_the_bundled_ones_are_used_whatever_the_note_says(tmp_path: Path) -> None:
    weights = read_weights()
    weights["top_bn/beta"] = weights["top_bn/beta"] + np.float32(0.1)
    guide = made(target_size=(32, 32), weights=weights)
    back = load(guide.save(tmp_path / "guide.keras"))
    assert back.weights is not None
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(back.probabilities(pixels), guide.probabilities(pixels))
    plain = made(target_size=(32, 32)).probabilities(pixels)
    assert np.abs(plain - guide.probabilities(pixels)).max() > 1e-3


def test_a_model_has_the_ending_that_keras_wants(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be saved as .*guide\.h5: give it a name that ends in \.keras"):
        made().save(tmp_path / "guide.h5")
    assert list(tmp_path.iterdir()) == []


def test_a_run_folder_and_its_model_are_the_same(small_job: Outcome) -> None:
    one, other = load(small_job.folder), load(str(small_job.folder / "model.keras"))
    assert repr(one) == repr(other) == "<Classifier of 2 classes (horses, humans) at 224x224>"
    np.testing.assert_array_equal(one.head.kernel, other.head.kernel)


def test_a_name_that_fits_nothing_is_refused_before_anything_is_read(tmp_path: Path, pictures: list[Path]) -> None:
    with pytest.raises(FileError, match=r"there is no picture at .*missing\.jpg: name a file, a folder or a pattern"):
        made().predict([pictures[0], tmp_path / "missing.jpg"])


def test_many_classes_are_not_all_in_its_name() -> None:
    assert repr(made(6)) == "<Classifier of 6 classes (class 0, class 1, class 2, class 3, ...) at 48x64>"
