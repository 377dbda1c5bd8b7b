"""What a training cannot do is refused before a picture is read: the pictures here are texts, which reading would tell.

Every row is one bad input through the real command line, as in `test_errors.py`.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from pictures import folder_of

from fieldguide.cli import main
from fieldguide.data.dataset import Dataset
from fieldguide.data.split import refuse_untaught, split
from fieldguide.errors import InputError

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

OTHER = ["--backbone", "mobilenet_v2", "--weights", "random"]


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two class folders of six files each that are no pictures, in a folder that commands run in."""
    monkeypatch.chdir(tmp_path)
    for name in ("cats", "dogs"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(6):
            (tmp_path / "photos" / name / f"{number}.jpg").write_text("no picture")
    return tmp_path


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What is said of a command that cannot be done and leaves nothing."""
    before = sorted(Path().rglob("*"))
    assert main(arguments) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert sorted(Path().rglob("*")) == before
    assert "Traceback" not in said
    return said


# Arguments after `train photos` -> what is said.
OF_BACKBONES = [
    (["--cut", "block_9_ad"], "MobileNetV2 has no layer 'block_9_ad'; choose .* such as .*block_9_add"),
    (["--cut", "block_9_expand"], "MobileNetV2 cannot be cut after 'block_9_expand', because a shortcut"),
    (["--freeze", "until", "blok_12_add"], "MobileNetV2 has no layer 'blok_12_add'; .* such as .*block_12_add"),
    (["--cut", "block_5_add", "--freeze", "until", "block_12_add"], "MobileNetV2 up to block_5_add has no layer"),
    (["--weights", "lost.h5"], "cannot read the weights lost.h5: it does not exist"),
    (["--weights", "wrong.h5"], "wrong.h5 does not fit MobileNetV2: .*Name a file with the weights of MobileNetV2"),
    (["--weights", "best.bin"], "--weights is 'best.bin'; expected 'imagenet', 'random', a file that ends in .h5"),
]
OTHERS = [
    (
        ["--backbone", "inception_v3", "--weights", "random", "--side", "64"],
        "--side is .64, 64.; .* at least 75",
    ),
    (["--backbone", "efficientnet_b7", "--weights", "random"], "--side is .600, 600.; expected .* 32 to 512"),
    (["--backbone", "inception_v9"], "no backbone named 'inception_v9' .* choose one of: inception_v3"),
    (["--backbone", "vgg16"], "whose weights do not come with fieldguide; expected weights: 'imagenet'"),
    (["--cut", "block9"], "--cut is 'block9', which does not end a block"),
    (["--freeze", "until", "block9"], "'block9' does not end a block of EfficientNet-Lite0; choose one of block1a"),
    (
        ["--cut", "block3b_add", "--freeze", "until", "block5c_add"],
        "--freeze is 'block5c_add', and .* cut at",
    ),
    (["--folds", "7"], "class 'cats' in photos has 6 pictures: each of the 7 folds needs one"),
    (["--corrections", "others.csv"], "others.csv is of other pictures: cats/kitten.jpg is not in photos"),
    (["--loss", "categorical_crossentropy", "--dense", "8"], "--loss is 'categorical_crossentropy'; .* follows from"),
    (["--loss", "focal", "--recipe", "features"], "--loss is 'focal', which is for what is trained in epochs"),
    (["--mix", "mix_up", "--freeze", "all"], "--mix is 'mix_up', which is for what is trained in epochs"),
    (["--mix", "cut_mix", "--dense", "8"], "--mix is .*; expected fg.Mixing"),
    (["--gamma", "3", "--dense", "8"], "--gamma is of the focal loss: add --loss focal"),
    (["--gamma", "-1", "--loss", "focal", "--dense", "8"], "--gamma is -1.0; expected a number from 0 to 10"),
    (["--sampling", "even"], "--sampling is 'even'; expected one of plain, balanced"),
    (
        ["--sampling", "balanced", "--class-weights", "1"],
        "--class-weights is 1 and sampling balanced, which",
    ),
    (["--class-weights", "2"], "--class-weights is 2.0; expected a number from 0 to 1"),
    (["--judge-by", "accuracy"], "--judge-by is 'accuracy'; expected one of auto, pictures, classes"),
    (
        ["--recipe", "scratch", "--loss", "categorical_crossentropy"],
        "--loss is .*; expected one of cross_entropy",
    ),
    (["--recipe", "scratch", "--sampling", "balanced", "--class-weights", "0.5"], "would even the classes out twice"),
    (["--recipe", "scratch", "--judge-by", "classes"], "--judge-by is for a backbone, and the recipe is scratch"),
]


@pytest.mark.keras
@pytest.mark.parametrize(("arguments", "said"), OF_BACKBONES)
def test_a_backbone_that_cannot_be_made(
    texts: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    with h5py.File(texts / "wrong.h5", "w") as file:
        file.attrs["layer_names"] = [b"Conv1"]
        group = file.create_group("Conv1")
        group.attrs["weight_names"] = [b"Conv1/kernel:0"]
        group["Conv1/kernel:0"] = np.zeros((3, 3, 3, 8), np.float32)
    given = OTHER[:2] if "--weights" in arguments else OTHER
    found = refused(["train", "photos", *given, *arguments], capsys)
    assert re.search(said, found), found


@pytest.mark.parametrize(("arguments", "said"), OTHERS)
def test_what_cannot_be_asked_for(
    texts: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    line = "cats/kitten.jpg," + "0" * 64 + ",cats,dogs,2026-01-01T00:00:00+00:00\n"
    (texts / "others.csv").write_text("file,sha256,was,now,when\n" + line)
    found = refused(["train", "photos", *arguments], capsys)
    assert re.search(said, found), found


@pytest.mark.parametrize("part", ["test", "validation"])
def test_a_class_that_nothing_teaches(texts: Path, capsys: pytest.CaptureFixture[str], part: str) -> None:
    for name, classes in {"train": ("cats", "dogs"), part: ("cats", "dogs", "owls")}.items():
        for each in classes:
            shutil.copytree("photos/cats", f"divided/{name}/{each}")
    found = refused(["train", "divided"], capsys)
    assert f"class 'owls' is in {part} only (divided/{part}/owls): nothing can be learnt of it; put" in found
    assert f"into divided/train/owls, or move divided/{part}/owls away" in found
    data = Dataset.from_directory("divided")
    with pytest.raises(InputError, match="'owls' is in"):
        split(data)
    refuse_untaught(Dataset.from_directory("photos"))  # which is not divided


def test_folds_larger_than_what_is_left_of_a_class_without_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder_of(tmp_path / "photos", {"cats": 6, "dogs": 3})
    for number in range(3):
        shutil.copy("photos/dogs/0.jpg", f"photos/dogs/copy{number}.jpg")
    found = refused(["train", "photos", "--folds", "5"], capsys)
    assert "class 'dogs' in photos has 6 readable pictures, which come to 3 different ones" in found
    assert "The most folds that work are 3" in found
