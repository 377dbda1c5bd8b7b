"""Runs go beside the pictures, from wherever a command is given."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from fieldguide.asked import FILE
from fieldguide.comparison.outcome import RECORD_FILE
from fieldguide.data.dataset import Dataset
from fieldguide.errors import InputError
from fieldguide.model.classifier import MODEL_FILE
from fieldguide.place import MARKS, are_of_runs, free, require_outside, require_run_outside, runs_folder, usual_file


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for part in ("train", "validation"):
        for name in ("cats", "dogs"):
            (folder / part / name).mkdir(parents=True)
    (tmp_path / "link").symlink_to(folder)
    return folder


@pytest.mark.parametrize(
    ("here", "pictures", "runs"),
    [
        (".", "photos", "runs"),
        ("photos", ".", "../runs"),
        ("photos", "../photos", "../runs"),
        ("photos", "../link", "../runs"),
        ("link", ".", "../runs"),
        ("photos/train", "..", "../../runs"),
        ("photos/train/cats", "..", "../../runs"),
        ("photos", "train", "runs"),
        ("photos/train", ".", "../runs"),
        (".", "runs", "fieldguide-runs"),
        ("runs", ".", "../fieldguide-runs"),
        ("runs/cats", "..", "../../fieldguide-runs"),
        (".", "runs/cats", "runs"),
    ],
)
def test_runs_are_never_among_the_pictures(
    photos: Path, monkeypatch: pytest.MonkeyPatch, here: str, pictures: str, runs: str
) -> None:
    if "runs" in (here.split("/")[0], pictures.split("/")[0]):  # pictures that are called so
        (photos.parent / "runs" / "cats").mkdir(parents=True)
    monkeypatch.chdir(photos.parent / here)
    assert runs_folder(pictures) == Path(runs)
    require_outside(runs_folder(pictures) / "run", pictures)


@pytest.mark.parametrize("inside", ["photos/run", "photos/train/run", "link/deep/down/run", "photos/../photos/run"])
@pytest.mark.parametrize("pictures", ["photos", "link"])
def test_a_folder_among_the_pictures_is_refused_with_one_that_is_not(
    photos: Path, monkeypatch: pytest.MonkeyPatch, inside: str, pictures: str
) -> None:
    monkeypatch.chdir(photos.parent)
    with pytest.raises(InputError, match=r"would be taken for pictures of a class .* such as runs/run\.$"):
        require_outside(inside, pictures)


def test_another_place_is_asked_for_as_it_was_given(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos.parent)
    with pytest.raises(InputError, match=r"name a folder outside of it with folder=, such as runs/run\.$"):
        require_outside("photos/run", "photos", asked="folder=")
    with pytest.raises(InputError, match=r"taken for one of the pictures .* name a file outside of it with --output"):
        require_outside("photos/rates.svg", "photos", what="file")


@pytest.mark.parametrize("same", ["photos", "photos/", "link", "photos/train/..", "../here/photos"])
@pytest.mark.parametrize("pictures", ["photos", "link"])
def test_the_folder_of_the_pictures_itself_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same: str, pictures: str
) -> None:
    (tmp_path / "here" / "photos" / "train").mkdir(parents=True)
    (tmp_path / "here" / "link").symlink_to("photos")
    monkeypatch.chdir(tmp_path / "here")
    such = "runs/link" if same == "link" else "runs/photos"
    with pytest.raises(
        InputError, match=rf"is the folder of the pictures, where .* outside of it with folder=, such as {such}\.$"
    ):
        require_outside(same, pictures, asked="folder=")
    with pytest.raises(InputError, match=r"is the folder of the pictures, which no run is kept in: name that of a run"):
        require_run_outside(same, pictures)


def test_here_and_above_are_named_like_the_folders_that_they_are(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)
    with pytest.raises(InputError, match=r"^\. is the folder of the pictures, .*, such as \.\./runs/photos\.$"):
        require_outside(".", ".")
    monkeypatch.chdir("train")
    with pytest.raises(InputError, match=r"^\.\. is the folder of the pictures, .*, such as \.\./\.\./runs/photos\.$"):
        require_outside("..", photos)
    assert free(Path("cats")) == Path("cats-2")
    assert (free(Path()), free(Path(".."))) == (Path("../train-2"), Path("../../photos-2"))
    (photos / "train-2").mkdir()
    assert free(Path()) == Path("../train-3")
    run_in(photos / "run")
    monkeypatch.chdir(photos / "run")
    with pytest.raises(InputError, match="lies among its pictures") as told:
        require_run_outside(".", photos)
    followed(told)
    assert (photos.parent / "runs" / "run" / FILE).exists()


@pytest.mark.parametrize(
    ("here", "pictures", "plot"),
    [(".", "photos", "x.svg"), ("photos", ".", "../x.svg"), ("photos/train", "..", "../../x.svg")],
)
def test_a_file_for_which_no_place_is_named_is_never_among_the_pictures(
    photos: Path, monkeypatch: pytest.MonkeyPatch, here: str, pictures: str, plot: str
) -> None:
    monkeypatch.chdir(photos.parent / here)
    assert usual_file("x.svg", pictures) == Path(plot)
    require_outside(plot, pictures, what="file")


@pytest.mark.parametrize("outside", ["run", "photos-2/run", "photo", "..", "runs/photos"])
def test_a_folder_elsewhere_is_taken(photos: Path, monkeypatch: pytest.MonkeyPatch, outside: str) -> None:
    monkeypatch.chdir(photos.parent)
    require_outside(outside, "photos")


def test_the_marks_are_the_files_of_a_run() -> None:
    assert MARKS == (FILE, MODEL_FILE, RECORD_FILE)


def run_in(folder: Path, mark: str = FILE) -> Path:
    """A folder that looks like that of a run."""
    folder.mkdir(parents=True)
    for name in (mark, "report.html"):
        (folder / name).write_text("{}", encoding="utf-8")
    return folder


def followed(error: pytest.ExceptionInfo[InputError]) -> str:
    """Does what a message says, and gives the message."""
    (command,) = re.findall(r"`(.+?)`", str(error.value))
    subprocess.run(command, shell=True, check=True)
    return str(error.value)


def test_a_run_that_is_asked_for_where_one_lies_among_the_pictures_is_moved_out(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos.parent)
    run_in(photos / "my run")
    with pytest.raises(
        InputError, match=r"and holds a run: move that out with .* loses nothing, and name another"
    ) as told:
        require_outside("photos/my run", "photos")
    said = followed(told)
    assert "`mkdir -p runs && mv 'photos/my run' 'runs/my run'`" in said
    assert said.endswith("with --output, such as runs/my run-2.")
    assert sorted(path.name for path in Path("runs/my run").iterdir()) == sorted([FILE, "report.html"])
    with pytest.raises(InputError, match=r"--output, such as runs/my run-2\.$"):  # where the other one is now
        require_outside("photos/my run", "photos")
    assert not Path("runs/my run-2").exists()


def test_a_run_that_is_to_go_on_is_moved_out_from_wherever_it_is_named(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos / "train")
    run_in(photos / "train" / "cats" / "run")
    (photos.parent / "runs" / "run").mkdir(parents=True)
    with pytest.raises(
        InputError, match=r"lies among its pictures, in \S+, where .*, and go on there with --resume"
    ) as told:
        require_run_outside("cats/run", photos)
    out = photos.parent / "runs" / "run-2"
    assert Path(followed(told).rpartition(" ")[2].rstrip(".")).resolve() == out
    assert (out / FILE).exists()
    require_run_outside(out, photos)


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("inside", ["run", "runs", "train/run"])
def test_a_run_among_classes_is_moved_out(
    photos: Path, monkeypatch: pytest.MonkeyPatch, mark: str, inside: str
) -> None:
    monkeypatch.chdir(photos.parent)
    place = photos / inside
    run_in(place / "first" if inside == "runs" else place, mark)
    for part in ("train", "validation"):
        for name in ("cats", "dogs"):
            (photos / part / name / "1.jpg").write_bytes(b"a picture")
    with pytest.raises(InputError, match=f"the folder '{place.name}' in .* holds a run and no pictures") as told:
        Dataset.from_directory("photos")
    followed(told)
    assert Path("runs/first" if inside == "runs" else "runs/run", mark).exists()
    assert len(Dataset.from_directory("photos")) == 4


def test_a_class_with_a_file_named_like_a_runs_is_a_class(photos: Path) -> None:
    model = photos / "train" / "cats" / MODEL_FILE
    for other in ("1.jpg", "1.JPEG", "1"):
        assert not are_of_runs([model, model.with_name(other)])
    assert not are_of_runs([model.with_name("notes.txt")])
    assert not are_of_runs([])
    assert are_of_runs([model, model.with_name("notes.txt")])


def test_a_folder_of_runs_is_no_folder_of_pictures(tmp_path: Path) -> None:
    for name in ("first", "second"):
        run_in(tmp_path / "runs" / name)
    with pytest.raises(InputError, match="runs holds runs; expected one folder of pictures for each class"):
        Dataset.from_directory(tmp_path / "runs")
