"""Bad input gets one or two sentences that name what is wrong with which file or flag, exit code 2, and leaves nothing.

Every row of the table is one bad input through the real command line. What is not bad input but odd (names in any
script, links that loop) is shown to work in `tests/test_job.py`; what may go wrong with a model file is in
`tests/model/test_archive.py`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pictures import folder_of

from fieldguide.cli import main
from fieldguide.job import Outcome
from fieldguide.model.archive import NOTE

COMMAND = [sys.executable, "-m", "fieldguide"]


@dataclass(frozen=True)
class Place:
    """Where a bad input is laid out."""

    root: Path  # an empty folder; commands run in it
    photos: Path  # sound class folders, cats and dogs
    run: Path  # a finished run


def empty(place: Place) -> list[str]:
    (place.root / "nothing").mkdir()
    return ["train", "nothing"]


def divided_in_folds(place: Place) -> list[str]:
    for part in ("train", "test"):
        folder_of(place.root / "divided" / part, {"cats": 3, "dogs": 3}, first_seed=len(part))
    return ["train", "divided", "--folds", "3"]


def only_files(place: Place) -> list[str]:
    (place.root / "flat").mkdir()
    shutil.copy(place.photos / "cats" / "0.jpg", place.root / "flat")
    return ["train", "flat"]


def a_file(place: Place) -> list[str]:
    (place.root / "photos.zip").write_text("a file")
    return ["train", "photos.zip"]


def one_class(place: Place) -> list[str]:
    shutil.rmtree(place.photos / "dogs")
    return ["train", "photos"]


def one_picture(place: Place) -> list[str]:
    for path in sorted((place.photos / "dogs").iterdir())[1:]:
        path.unlink()
    return ["train", "photos"]


def two_pictures(place: Place) -> list[str]:
    for path in sorted(place.photos.rglob("*.jpg")):
        if int(path.stem) > 1:
            path.unlink()
    return ["train", "photos"]


def nothing_readable(place: Place) -> list[str]:
    for path in (place.photos / "dogs").iterdir():
        path.write_text("no picture")
    return ["check", "photos"]


def empty_class(place: Place) -> list[str]:
    (place.photos / "foxes").mkdir()
    return ["train", "photos"]


def two_cases(place: Place) -> list[str]:
    shutil.copytree(place.photos / "cats", place.photos / "Cats")
    return ["train", "photos"]


def loop(place: Place) -> list[str]:
    (place.root / "loop").symlink_to("loop")
    return ["train", "loop"]


def bombs(place: Place) -> list[str]:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )
    for path in (place.photos / "dogs").iterdir():
        path.write_bytes(bomb)
    return ["train", "photos"]


def parts_and_classes(place: Place) -> list[str]:
    shutil.copytree(place.photos, place.root / "mixed" / "train")
    shutil.copytree(place.photos / "cats", place.root / "mixed" / "cats")
    return ["train", "mixed"]


def the_same_part_twice(place: Place) -> list[str]:
    for name in ("train", "val", "valid"):
        shutil.copytree(place.photos, place.root / "twice" / name)
    return ["train", "twice"]


def nothing_to_train_on(place: Place) -> list[str]:
    shutil.copytree(place.photos, place.root / "divided" / "test")
    shutil.copytree(place.photos / "cats", place.root / "divided" / "train" / "cats")
    return ["train", "divided"]


def a_quotation_mark_left_open(place: Place) -> list[str]:
    (place.root / "labels.csv").write_text('file,label\nphotos/cats/0.jpg,"cat\nphotos/dogs/0.jpg,dog\n')
    return ["train", "labels.csv"]


def only_test_rows(place: Place) -> list[str]:
    rows = [f"photos/{kind}/{number}.jpg,{kind},test" for kind in ("cats", "dogs") for number in range(3)]
    (place.root / "labels.csv").write_text("\n".join(["file,label,split", *rows]) + "\n")
    return ["train", "labels.csv"]


def a_class_of_tags_that_is_not_there(place: Place) -> list[str]:
    (place.root / "tags.csv").write_text("file,tags\nphotos/cats/0.jpg,cat;pet\nlost.jpg,owl\n")
    return ["check", "tags.csv"]


def corrections_of_others(place: Place) -> list[str]:
    from fieldguide.data.corrections import Corrections
    from fieldguide.data.dataset import Dataset

    Corrections.record(place.root / "c.csv", Dataset.from_directory(place.photos), {"cats/0.jpg": "dogs"})
    shutil.copy(place.photos / "cats" / "1.jpg", place.photos / "cats" / "0.jpg")
    return ["train", "photos", "--corrections", "c.csv"]


def corrections_of_another_kind(place: Place) -> list[str]:
    (place.root / "diary.csv").write_text("dear diary\n")
    return ["check", "photos", "--corrections", "diary.csv"]


def without_suspects(place: Place) -> list[str]:
    shutil.copytree(place.run, place.root / "run", ignore=shutil.ignore_patterns("suspects.csv"))
    return ["relabel", "run", "--no-browser"]


def output_taken(place: Place) -> list[str]:
    (place.root / "run").mkdir()
    (place.root / "run" / "letter.txt").write_text("dear")
    return ["train", "photos", "--output", "run"]


def output_is_a_file(place: Place) -> list[str]:
    (place.root / "run").write_text("a file")
    return ["train", "photos", "--output", "run"]


def output_below_a_file(place: Place) -> list[str]:
    (place.root / "file").write_text("a file")
    return ["train", "photos", "--output", "file/run"]


def demo_in_a_file(place: Place) -> list[str]:
    (place.root / "file").write_text("a file")
    return ["demo", "--folder", "file"]


def cache_is_a_file(place: Place) -> list[str]:
    (place.root / "cache-file").write_text("a file")
    os.environ["FIELDGUIDE_CACHE"] = str(place.root / "cache-file")  # put back with the fixture `own_cache`
    return ["check", "photos"]


def no_model(place: Place) -> list[str]:
    return ["predict", "missing.keras", "photos"]


def no_run(place: Place) -> list[str]:
    return ["predict", "photos", "photos/cats/0.jpg"]


def truncated_model(place: Place) -> list[str]:
    content = (place.run / "model.keras").read_bytes()
    (place.root / "short.keras").write_bytes(content[: len(content) // 2])
    return ["predict", "short.keras", "photos"]


def newer_model(place: Place) -> list[str]:
    with zipfile.ZipFile(place.root / "newer.keras", "w") as file:
        file.writestr(NOTE, json.dumps({"format": 99, "fieldguide": "9.0"}))
    return ["evaluate", "newer.keras", "photos"]


def foreign_model(place: Place) -> list[str]:
    with zipfile.ZipFile(place.root / "foreign.keras", "w") as file:
        file.writestr("config.json", "{}")
    return ["predict", "foreign.keras", "photos"]


def picture_as_model(place: Place) -> list[str]:
    return ["predict", "photos/cats/0.jpg", "photos"]


def no_picture(place: Place) -> list[str]:
    return ["predict", str(place.run), "photos/cats/0.jpg", "new/*.jpg"]


def empty_folder_of_pictures(place: Place) -> list[str]:
    (place.root / "new").mkdir()
    return ["predict", str(place.run), "new"]


def csv_is_a_folder(place: Place) -> list[str]:
    (place.root / "out.csv").mkdir()
    return ["predict", str(place.run), "photos", "--csv", "out.csv"]


def unknown_class(place: Place) -> list[str]:
    return ["evaluate", str(place.run), "photos"]


def divided_to_measure(place: Place) -> list[str]:
    for part in ("train", "test"):
        shutil.copytree(place.photos, place.root / "divided" / part)
    return ["evaluate", str(place.run), "divided"]


def too_many_to_explain(place: Place) -> list[str]:
    folder_of(place.root / "many", {"cats": 1})
    for number in range(200):
        os.link(place.root / "many" / "cats" / "0.jpg", place.root / "many" / "cats" / f"copy-{number}.jpg")
    return ["explain", str(place.run), "many"]


def nothing_to_explain(place: Place) -> list[str]:
    (place.root / "nothing").mkdir()
    return ["explain", str(place.run), "nothing"]


def explanations_in_a_file(place: Place) -> list[str]:
    (place.root / "file").write_text("a file")
    return ["explain", str(place.run), "photos", "--output", "file"]


def explanations_taken(place: Place) -> list[str]:
    (place.root / "full").mkdir()
    (place.root / "full" / "letter.txt").write_text("dear")
    return ["explain", str(place.run), "photos", "--output", "full"]


def similar_to_a_text(place: Place) -> list[str]:
    (place.root / "a.txt").write_text("no picture")
    return ["similar", str(place.run), "a.txt", "photos"]


def pictures_of_text(place: Place) -> list[str]:
    (place.root / "texts").mkdir()
    (place.root / "texts" / "a.txt").write_text("no picture")
    return ["augment", "texts"]


def sheet_in_a_folder(place: Place) -> list[str]:
    (place.root / "sheet.png").mkdir()
    return ["augment", "photos", "--output", "sheet.png"]


def sheet_below_a_file(place: Place) -> list[str]:
    (place.root / "file").write_text("a file")
    return ["augment", "photos", "--output", "file/sheet.png"]


def nothing_to_show(place: Place) -> list[str]:
    (place.root / "nothing").mkdir()
    return ["augment", "nothing"]


TABLE: list[tuple[Callable[[Place], list[str]], str]] = [
    (lambda place: ["train", "nowhere"], r"cannot read the folder nowhere: it does not exist: check the spelling"),
    (lambda place: ["check", "nowhere"], r"cannot read the folder nowhere"),
    (lambda place: ["evaluate", str(place.run), "nowhere"], r"cannot read the folder nowhere"),
    (lambda place: ["train", "p" * 300], r"p{300}: the name is too long"),
    (lambda place: ["predict", "m" * 300, "photos"], r"m{300}: the name is too long"),
    (lambda place: ["predict", str(place.run), "n" * 300], r"there is no picture at n{300}"),
    (empty, r"nothing holds no class folders; expected one folder of pictures for each class"),
    (only_files, r"flat holds no class folders"),
    (a_file, r"photos\.zip is a file; a folder with one folder of pictures for each class was expected"),
    (one_class, r"photos holds one class only, 'cats': a classifier needs at least two; add a folder"),
    (one_picture, r"class 'dogs' in .*photos has 1 readable picture"),
    (two_pictures, r"photos has too few different pictures to train on"),
    (nothing_readable, r"no picture of class 'dogs' can be read \(6 tried; dogs/0\.jpg: .+\): replace"),
    (empty_class, r"the class folder 'foxes' in photos holds no files: add pictures, or remove the folder"),
    (two_cases, r"the class folders 'Cats' and 'cats' in photos differ only by case or spaces: merge them"),
    (loop, r"loop: it is a loop of symbolic links"),
    (
        bombs,
        r"no picture of class 'dogs' can be read \(6 tried; dogs/0\.jpg: too large: .* megapixels, the limit is 200\)",
    ),
    (parts_and_classes, r"mixed holds both parts \(train\) and other folders \(cats\): move the others away"),
    (the_same_part_twice, r"twice holds the same part twice \(train, val, valid\): merge them"),
    (nothing_to_train_on, r"class 'dogs' is in test only \(divided/test/dogs\): .* into divided/train/dogs, or move"),
    (a_quotation_mark_left_open, r"labels\.csv, line 2, opens a quotation mark that is not closed in it"),
    (only_test_rows, r"labels\.csv says train for no picture: say it for some, or rename the column"),
    (
        a_class_of_tags_that_is_not_there,
        r"none of the files of class 'owl' in tags\.csv is there, such as that of line 3",
    ),
    (lambda place: ["check", "p" * 300 + ".csv"], r"p{300}\.csv: the name is too long"),
    (corrections_of_others, r"c\.csv was made for other pictures: cats/0\.jpg in photos is another picture now\. Look"),
    (corrections_of_another_kind, r"diary\.csv begins with 'dear diary'; expected corrections, which"),
    (lambda place: ["train", "photos", "--corrections", "lost.csv"], r"cannot read lost\.csv: it does not exist"),
    (without_suspects, r"run holds no suspects\.csv\. No label can be doubted by a training from .* name another run"),
    (lambda place: ["relabel", "photos", "--no-browser"], r"photos holds no card\.json: name the folder of a run that"),
    (output_taken, r"run holds something already: name a new folder with --output"),
    (output_is_a_file, r"run is a file; a folder was expected: name a new one with --output"),
    (output_below_a_file, r"cannot use the folder file/run: "),
    (demo_in_a_file, r"file is a file; a folder was expected|cannot use the folder file"),
    (cache_is_a_file, r"cache-file"),
    (no_model, r"there is no model at missing\.keras: name a run folder or a \.keras file"),
    (no_run, r"photos holds no model\.keras: name a run folder that `fieldguide train` finished"),
    (truncated_model, r"short\.keras is damaged or no model"),
    (newer_model, r"newer\.keras has format 99, written by fieldguide '9\.0'.*upgrade fieldguide"),
    (foreign_model, r"foreign\.keras was not written by fieldguide"),
    (picture_as_model, r"photos/cats/0\.jpg is damaged or no model: a \.keras file was expected"),
    (no_picture, r"there is no picture at new/\*\.jpg: name a file, a folder or a pattern"),
    (empty_folder_of_pictures, r"new holds no files: name a folder of pictures"),
    (csv_is_a_folder, r"cannot write .*out\.csv: it is a folder, and a file was expected"),
    (unknown_class, r"photos has a folder 'cats', which is no class of this classifier \(horses, humans\)"),
    (
        divided_to_measure,
        r"divided is divided into train, test, and .*: name the part to measure on, such as divided/te",
    ),
    (lambda place: ["train", "photos", "--test", "0.6", "--validation", "0.5"], r"share of 0\.5 .* share of 0\.6"),
    (divided_in_folds, r"divided comes divided into train and test, .* name one of the parts, such as divided/train"),
    (
        lambda place: ["train", "photos", "--folds", "7"],
        r"class 'cats' in photos has 6 pictures: each of the 7 folds needs .* The most folds that work are 6",
    ),
    (
        lambda place: ["train", "photos", "--folds", "1"],
        r"folds is 1; expected a whole number from 2 to 100, such as 5",
    ),
    (
        lambda place: ["train", "photos", "--folds", "3", "--test", "0.2"],
        r"--folds 3 measures on all pictures, and --test would set some aside: leave it out, or --folds",
    ),
    (
        lambda place: ["train", "photos", "--folds", "3", "--recipe", "scratch"],
        r"--folds 3 is for recipes on a network that has learnt to see, and the recipe is scratch",
    ),
    (lambda place: ["train", "--resume", "run", "--folds", "3"], r"--folds cannot be given with --resume"),
    (
        lambda place: ["predict", str(place.run), "--csv", "photos/cats/0.jpg", "photos/cats/1.jpg"],
        r"--csv writes a table, and photos/cats/0\.jpg is no name of one: give it a name that ends in \.csv",
    ),
    (too_many_to_explain, r"there are more than 200 files, and each explanation is made to be looked at: name some"),
    (nothing_to_explain, r"no file was found: name pictures, or a folder of pictures"),
    (explanations_in_a_file, r"file is a file; a folder was expected: name a new one with --output"),
    (explanations_taken, r"full holds something already: name a new folder with --output"),
    (
        lambda place: ["explain", str(place.run), "photos", "--output", "photos/looks"],
        r"photos/looks lies in photos, where it would be taken for pictures of a class the next time",
    ),
    (lambda place: ["explain", str(place.run), "n" * 300], r"there is no picture at n{300}"),
    (
        lambda place: ["explain", str(place.run), "photos", "--class", "ponies"],
        r"there is no class 'ponies'; the classifier's are horses, humans",
    ),
    (lambda place: ["explain", "missing.keras", "photos"], r"there is no model at missing\.keras"),
    (lambda place: ["similar", str(place.run), "photos/cats/0.jpg", "nowhere"], r"cannot read the folder nowhere"),
    (lambda place: ["similar", str(place.run), "nowhere.jpg", "photos"], r"there is no picture at nowhere\.jpg"),
    (similar_to_a_text, r"a\.txt is not one picture that can be read \(not a picture: text\): name a picture file"),
    (
        lambda place: ["similar", str(place.run), "photos/cats/0.jpg", "photos", "--most", "0"],
        r"most is 0; expected a whole number from 1 to 100, such as 8",
    ),
    (
        lambda place: ["similar", str(place.run), "photos/cats/0.jpg", "photos", "--output", "photos/alike"],
        r"photos/alike lies in photos",
    ),
    (lambda place: ["augment", "nowhere"], r"cannot read the folder nowhere: it does not exist: check the spelling"),
    (lambda place: ["augment", "p" * 300], r"p{300}: the name is too long"),
    (nothing_to_show, r"nothing holds no files: name a folder of pictures"),
    (pictures_of_text, r"texts/a\.txt cannot be read \(not a picture: text\): name a picture, or a folder"),
    (sheet_in_a_folder, r"cannot write .*sheet\.png: it is a folder, and a file was expected"),
    (sheet_below_a_file, r"cannot write .*file/sheet\.png: "),
    (
        lambda place: ["augment", "photos", "--output", "sheet.gif"],
        r"a contact sheet is a picture, and sheet\.gif is no name of one: give it a name that ends in \.png or \.jpg",
    ),
    (
        lambda place: ["augment", "photos", "--output", "photos/cats/0.jpg"],
        r"photos/cats/0\.jpg is one of the pictures: name another file with --output",
    ),
    (
        lambda place: ["augment", "photos", "--output", "photos/dogs/sheet.png"],
        r"photos/dogs/sheet\.png would lie among the pictures and count as one: name another place with --output",
    ),
    (lambda place: ["augment", "photos", "--pictures", "0"], r"pictures is 0; expected a number from 1 to 50"),
    (lambda place: ["augment", "photos", "--draws", "21"], r"draws is 21; expected a number from 1 to 20"),
    (
        lambda place: ["augment", "photos", "--preset", "huge"],
        r"--preset is 'huge'; expected one of light, medium, str",
    ),
    (
        lambda place: ["augment", "photos", "--rotation", "400"],
        r"--rotation is 400; expected a number from 0 to 180",
    ),
    (lambda place: ["augment", "photos", "--zoom", "nan"], r"--zoom is nan; expected a number from 0 to 0\.99"),
    (
        lambda place: ["augment", "photos", "--brightness", "2", "1"],
        r"--brightness is \(2, 1\): its first number is",
    ),
    (
        lambda place: ["augment", "photos", "--fill-mode", "mirror"],
        r"--fill-mode is 'mirror'; expected one of nearest, c",
    ),
]

FLAGS = [
    (
        ["train", "photos", "--test", "1.5"],
        r"--test: '1\.5' was given; expected a share from 0 to below 1, such as 0\.2",
    ),
    (["train", "photos", "--test", "nan"], r"--test: 'nan' was given"),
    (["train", "photos", "--validation", "a fifth"], r"--validation: 'a fifth' was given; expected a share"),
    (["train", "photos", "--seed", "-1"], r"--seed: '-1' was given; expected a whole number, 0 or larger"),
    (["train", "photos", "--folds", "a few"], r"--folds: 'a few' was given; expected a whole number"),
    (["train", "photos", "--seed", "x"], r"--seed: 'x' was given; expected a whole number"),
    (["check"], r"the following arguments are required: folder"),
    (["predict", "run"], r"the following arguments are required: pictures"),
    (["trian", "photos"], r"there is no command 'trian' \(did you mean train\?\); there are .*train"),
    (["check", "photos", "--epochs", "3"], r"unrecognized arguments: --epochs 3"),
    (
        ["compare", "photos", "--complexity", "--folder", "x"],
        r"arguments: --folder x\. `fieldguide compare --help` exp",
    ),
    (["--folder"], r"unrecognized arguments: --folder\. `fieldguide --help` explains"),
    (["train", "photos", "--epochs", "many"], r"--epochs: 'many' was given; expected a whole number"),
    (["rate", "photos", "--steps", "1e3"], r"--steps: '1e3' was given; expected a whole number, such as 10"),
    (["train", "photos", "--rate", "quick"], r"--rate: 'quick' was given; expected a number"),
    (["explain", "run"], r"the following arguments are required: pictures"),
    (["similar", "run", "a.jpg"], r"the following arguments are required: folder"),
    (["similar", "run", "a.jpg", "photos", "--most", "x"], r"--most: 'x' was given; expected a whole number"),
    (["augment"], r"the following arguments are required: folder"),
    (
        ["augment", "photos", "--rotation", "much"],
        r"--rotation: 'much' was given; expected a number",
    ),
    (["augment", "photos", "--brightness", "0.8"], r"--brightness: expected 2 arguments"),
    (["augment", "photos", "--draws", "2.5"], r"--draws: '2\.5' was given; expected a whole number, 0 or larger"),
    (["augment", "photos", "--seed", "-1"], r"--seed: '-1' was given; expected a whole number, 0 or larger"),
]


@pytest.fixture
def place(tmp_path: Path, small_job: Outcome, monkeypatch: pytest.MonkeyPatch) -> Place:
    root = tmp_path / "here"
    root.mkdir()
    monkeypatch.chdir(root)
    return Place(root, folder_of(root / "photos", {"cats": 6, "dogs": 6}), small_job.folder)


def everything(folder: Path) -> dict[str, int]:
    """Each path below a folder with the time of its last change."""
    return {str(path.relative_to(folder)): path.lstat().st_mtime_ns for path in folder.rglob("*")}


def sentences(text: str) -> list[str]:
    return [each for each in re.split(r"(?<=[.!?])\s+(?=[A-Z`])", text.strip()) if each]


def says(stderr: str, expected: str) -> None:
    assert "Traceback" not in stderr
    assert stderr.startswith("fieldguide: "), stderr
    message = stderr.removeprefix("fieldguide: ")
    assert message.count("\n") == 1 and message.endswith(".\n"), stderr
    assert re.search(expected, message), stderr
    assert len(sentences(message)) <= 2, stderr
    assert "Errno" not in message and "[" not in message.replace("[0-9", "")


@pytest.mark.parametrize(("lay_out", "expected"), TABLE, ids=[expected[:40] for _, expected in TABLE])
def test_bad_input_is_named_and_leaves_nothing(
    lay_out: Callable[[Place], list[str]], expected: str, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = lay_out(place)
    before = everything(place.root)
    for more in ([], ["--json"]):
        assert main([*arguments, *more]) == 2
        written = capfd.readouterr()
        assert written.out == ""
        says(written.err, expected)
    assert everything(place.root) == before


@pytest.mark.parametrize(("arguments", "expected"), FLAGS, ids=[" ".join(arguments) for arguments, _ in FLAGS])
def test_a_flag_that_makes_no_sense_is_named(
    arguments: list[str], expected: str, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    before = everything(place.root)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    written = capfd.readouterr()
    assert written.out == ""
    says(written.err, expected)
    assert everything(place.root) == before


def test_debug_shows_where_it_came_from(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "nowhere", "--debug"]) == 2
    written = capfd.readouterr()
    assert written.out == ""
    assert written.err.startswith("Traceback (most recent call last):")
    assert "dataset.py" in written.err
    assert written.err.splitlines()[-1].startswith("fieldguide: cannot read the folder nowhere")


@pytest.mark.parametrize("more", [[], ["--debug"]])
def test_a_shell_sees_the_same(more: list[str], place: Place) -> None:
    done = subprocess.run([*COMMAND, "train", "nowhere", *more], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert ("Traceback" in done.stderr) == bool(more)
    if not more:
        says(done.stderr, "cannot read the folder nowhere")


# Disks that are full or may not be written


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts small disks with the options given, where that is allowed."""
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("this user may not mount a small disk")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_too_small_for_a_run_is_refused_before_the_work(
    place: Place, disk: Callable[[str], Path], own_cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    small = disk("size=1M")
    assert main(["train", "photos", "--output", str(small / "run")]) == 2
    says(capfd.readouterr().err, r"the disk of .*run has 1\.0 MB free and 60\.0 MB are needed: free some space")
    assert list(small.iterdir()) == []
    assert list(own_cache.rglob("segment-*")) == []


def test_a_read_only_disk_is_refused_before_the_work(
    place: Place, disk: Callable[[str], Path], own_cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sealed = disk("ro,size=1M")
    assert main(["train", "photos", "--output", str(sealed / "run")]) == 2
    says(
        capfd.readouterr().err, r"cannot use the folder .*run: the disk is read-only: name a folder that can be written"
    )
    assert main(["demo", "--folder", str(sealed / "demo")]) == 2
    says(capfd.readouterr().err, "the disk is read-only")
    assert main(["predict", str(place.run), "photos", "--csv", str(sealed / "out.csv")]) == 2
    says(capfd.readouterr().err, r"cannot write .*out\.csv: the disk is read-only")
    assert list(own_cache.rglob("segment-*")) == []


def test_a_table_that_fills_the_disk_is_not_left_half_written(
    place: Place, disk: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    small = disk("size=8k")
    (small / "before.txt").write_text("as it was")
    many = ["photos"] * 12
    assert main(["predict", str(place.run), *many, "--csv", str(small / "out.csv")]) == 2
    written = capfd.readouterr()
    assert written.out == ""
    says(written.err, r"cannot write .*out\.csv: the disk is full: free some space")
    assert [path.name for path in small.iterdir()] == ["before.txt"]
    assert (small / "before.txt").read_text() == "as it was"


def test_a_cache_on_a_small_disk_is_an_error_and_stays_usable(
    place: Place, disk: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    small = disk("size=1M")
    monkeypatch.setenv("FIELDGUIDE_CACHE", str(small / "cache"))
    assert main(["train", "photos", "--output", "run"]) == 2
    written = capfd.readouterr()
    assert written.out == ""
    says(written.err, r"1\.\d MB .*(cache|pictures).*")
    assert not (place.root / "run").exists()
    few = folder_of(place.root / "few", {"cats": 1, "dogs": 1})
    assert main(["check", str(few)]) == 0  # two pictures fit


def test_a_model_that_fills_the_disk_leaves_nothing(
    small_job: Outcome, disk: Callable[[str], Path], recwarn: pytest.WarningsRecorder
) -> None:
    from fieldguide.errors import FileError

    small = disk("size=1M")
    with pytest.raises(FileError, match=r"cannot write .*model\.keras: the disk is full"):
        small_job.run.classifier.save(small / "model.keras")
    assert list(small.iterdir()) == []


# Permissions, which do not stop everyone: asked as a user of no rights


AS_NOBODY = """
import os, sys
import fieldguide.cli, fieldguide.job, fieldguide.data.check, fieldguide.model.classifier, fieldguide.predict
import PIL.JpegImagePlugin, cv2, h5py, sqlite3, scipy.optimize
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(fieldguide.cli.main(sys.argv[1:]))
"""


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="folders are shut in another way there")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["check", "shut"], r"cannot read the folder shut: permission is denied: change the permissions"),
        (["train", "photos", "--output", "shut/run"], r"cannot use the folder shut/run: permission is denied"),
        (["predict", "shut/run", "photos"], r"cannot read the model shut/run: permission is denied"),
        (["predict", "shut.keras", "photos"], r"cannot read the model shut\.keras: permission is denied"),
    ],
)
def test_what_may_not_be_read_or_written_is_said(arguments: list[str], expected: str, place: Place) -> None:
    shutil.copy(place.run / "model.keras", "shut.keras")
    for folder in (place.root, *place.root.parents):
        if "pytest" in folder.name or "pytest" in str(folder.parent):
            folder.chmod(0o755)
    Path("shut").mkdir(mode=0o000)
    Path("shut.keras").chmod(0o000)
    before = everything(place.root)
    try:
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, *arguments], capture_output=True, text=True, check=False
        )
    finally:
        Path("shut").chmod(0o755)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    says(done.stderr, expected)
    assert everything(place.root).keys() == before.keys()
