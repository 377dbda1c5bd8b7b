"""Which files are pictures of which class: every file is counted, once, whatever lies in the folder."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
from pictures import folder_of, put

from fieldguide.data.dataset import Dataset, Skipped
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import FileError, InputError

NOT_IN_A_CLASS = "not in a class folder: move it into the folder of its class"
linux_names = pytest.mark.skipif(sys.platform == "darwin", reason="file names are Unicode, of one case, there")


def touch(root: Path, *names: str) -> Path:
    """Files that nobody reads, and their folders."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def names_of(data: Dataset) -> list[str]:
    return [data.name(row) for row in range(len(data))]


def skipped_of(data: Dataset) -> dict[str, str]:
    return {entry.path.relative_to(data.root).as_posix(): entry.reason for entry in data.skipped}


def files_below(root: Path) -> int:
    """Files and links to files, hidden or not, without following links to folders."""
    return sum(len(files) for _, _, files in os.walk(root))


def refusal(root: Path) -> str:
    with pytest.raises((InputError, FileError)) as caught:
        Dataset.from_directory(root)
    text = str(caught.value)
    assert str(root) in text
    assert text.endswith(".")
    return text


# ------------------------------------------------------------------ what is found


def test_class_folders_become_classes_in_sorted_order(tmp_path: Path) -> None:
    data = Dataset.from_directory(touch(tmp_path, "dogs/1.jpg", "cats/2.jpg", "cats/10.jpg", "emus/z"))
    assert data.class_names == ("cats", "dogs", "emus")
    assert names_of(data) == ["cats/10.jpg", "cats/2.jpg", "dogs/1.jpg", "emus/z"]
    assert data.labels.tolist() == [0, 0, 1, 2]
    assert data.labels.dtype == np.int32
    assert data.counts == {"cats": 2, "dogs": 1, "emus": 1}
    assert (data.found, data.skipped, data.hidden, data.given) == (4, (), 0, None)
    assert str(data) == "4 pictures in 3 classes (cats 2, dogs 1, emus 1)"


def test_folders_inside_a_class_belong_to_it(tmp_path: Path) -> None:
    data = Dataset.from_directory(touch(tmp_path, "a/x.jpg", "a/2024/may/1.jpg", "a/2023/1.jpg", "b/a/1.jpg"))
    assert names_of(data) == ["a/x.jpg", "a/2023/1.jpg", "a/2024/may/1.jpg", "b/a/1.jpg"]
    assert data.labels.tolist() == [0, 0, 0, 1]


def test_hidden_files_and_folders_are_neither_pictures_nor_classes(tmp_path: Path) -> None:
    hidden = [".DS_Store", ".ipynb_checkpoints/a.jpg", "a/Thumbs.db", "a/desktop.ini", "b/.x/1.jpg", "__MACOSX/a/1.jpg"]
    data = Dataset.from_directory(touch(tmp_path, "a/1.jpg", "b/1.jpg", *hidden))
    assert data.class_names == ("a", "b")
    assert names_of(data) == ["a/1.jpg", "b/1.jpg"]
    assert data.skipped == ()
    assert data.hidden == len(hidden)


def test_what_python_leaves_beside_pictures_is_no_class(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "b/1.jpg", "b/__pycache__/x.pyc")
    (tmp_path / "__pycache__").mkdir()
    data = Dataset.from_directory(tmp_path)
    assert (data.class_names, len(data), data.hidden) == (("a", "b"), 2, 2)
    divided = touch(tmp_path / "divided", *(f"{part}/{name}/1.jpg" for part in ("train", "test") for name in "ab"))
    for folder in (divided, divided / "train"):
        (folder / "__pycache__").mkdir()
    assert Dataset.from_directory(divided).given is not None


def test_loose_files_are_skipped_with_the_reason(tmp_path: Path) -> None:
    data = Dataset.from_directory(touch(tmp_path, "a/1.jpg", "b/1.jpg", "stray.jpg", "labels.csv"))
    assert skipped_of(data) == {"stray.jpg": NOT_IN_A_CLASS, "labels.csv": NOT_IN_A_CLASS}
    assert data.found == 4


def test_every_extension_counts_as_found(tmp_path: Path) -> None:
    data = Dataset.from_directory(touch(tmp_path, "a/1", "a/2.txt", "a/3.JPEG", "b/4.jpg.png"))
    assert len(data) == data.found == 4


@linux_names
def test_odd_names_are_taken_as_they_are(tmp_path: Path) -> None:
    bytes_name = os.fsdecode(b"caf\xe9")
    classes = ["Größe", "with space", "日本", bytes_name, "x" * 250, "-rf", "a'b\"c"]
    for name in classes:
        put(tmp_path / name / f"{name[:240]}.jpg", len(name))
    data = Dataset.from_directory(tmp_path)
    assert data.class_names == tuple(sorted(classes))
    store = PixelStore.build(data, target_size=(16, 16))
    assert len(store) == len(classes)
    assert len(store.fingerprint) == 32
    assert Dataset.from_directory(tmp_path).to_dict()["found"] == len(classes)


# ------------------------------------------------------------------ links


def test_a_link_to_a_folder_elsewhere_is_followed(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/1.jpg", "elsewhere/2.jpg", "photos/a/1.jpg", "photos/b/1.jpg")
    (tmp_path / "photos" / "c").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos" / "a" / "more").symlink_to(tmp_path / "elsewhere" / "1.jpg")
    data = Dataset.from_directory(tmp_path / "photos")
    assert data.counts == {"a": 2, "b": 1, "c": 2}


def test_loops_of_links_end(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "a/deep/2.jpg", "b/1.jpg")
    (tmp_path / "a" / "deep" / "up").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "root").symlink_to(tmp_path)
    (tmp_path / "b" / "here").symlink_to(".")
    data = Dataset.from_directory(tmp_path)
    assert names_of(data) == ["a/1.jpg", "a/deep/2.jpg", "b/1.jpg"]
    assert skipped_of(data) == {
        "a/deep/up": "a link to a, which is read already",
        "a/root": "a link to ., which is read already",
        "b/here": "a link to b, which is read already",
    }
    assert data.found == files_below(tmp_path) + 3


def test_a_link_into_another_class_takes_nothing_from_it(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "b/1.jpg", "b/deep/2.jpg")
    (tmp_path / "a" / "borrowed").symlink_to(tmp_path / "b")
    data = Dataset.from_directory(tmp_path)
    assert names_of(data) == ["a/1.jpg", "b/1.jpg", "b/deep/2.jpg"]
    assert skipped_of(data) == {"a/borrowed": "a link to b, which is read already"}


def test_a_link_into_another_part_takes_nothing_from_it(tmp_path: Path) -> None:
    touch(tmp_path, "train/a/1.jpg", "train/b/1.jpg", "validation/a/2.jpg", "validation/b/2.jpg")
    (tmp_path / "train" / "a" / "borrowed").symlink_to(tmp_path / "validation" / "b")
    data = Dataset.from_directory(tmp_path)
    assert names_of(data) == ["train/a/1.jpg", "train/b/1.jpg", "validation/a/2.jpg", "validation/b/2.jpg"]
    assert skipped_of(data) == {"train/a/borrowed": "a link to validation/b, which is read already"}


@pytest.mark.parametrize(("name", "target"), [("c", "a"), ("c", ".")])
def test_one_folder_under_two_class_names_is_refused(tmp_path: Path, name: str, target: str) -> None:
    touch(tmp_path, "a/1.jpg", "b/1.jpg")
    (tmp_path / name).symlink_to(target)
    assert f"{name} and {target} in {tmp_path} are one folder: remove the link" in refusal(tmp_path)


def test_links_that_lead_nowhere_are_counted_wherever_they_lie(tmp_path: Path) -> None:
    folder_of(tmp_path, {"a": 2, "b": 2})
    for folder in (tmp_path, tmp_path / "a"):
        (folder / "broken.jpg").symlink_to("missing.jpg")
        (folder / "self").symlink_to("self")
    data = Dataset.from_directory(tmp_path)
    assert skipped_of(data) == {"broken.jpg": NOT_IN_A_CLASS, "self": NOT_IN_A_CLASS}
    assert data.found == 8
    store = PixelStore.build(data, target_size=(16, 16))
    assert skipped_of(store.dataset) == {
        "broken.jpg": NOT_IN_A_CLASS,
        "self": NOT_IN_A_CLASS,
        "a/broken.jpg": "a link to a file that does not exist",
        "a/self": "a link that leads back to itself",
    }
    assert len(store) + len(store.dataset.skipped) == store.dataset.found == 8


def test_pipes_and_sockets_are_counted_and_never_waited_for(tmp_path: Path) -> None:
    folder_of(tmp_path, {"a": 2, "b": 2})
    os.mkfifo(tmp_path / "a" / "pipe")
    os.mkfifo(tmp_path / "pipe")
    listener = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    try:
        os.chdir(tmp_path / "b")  # the path of a socket may not be long
        listener.bind("socket")
    finally:
        os.chdir(here)
        listener.close()
    store = PixelStore.build(Dataset.from_directory(tmp_path), target_size=(16, 16))
    assert skipped_of(store.dataset) == {
        "pipe": NOT_IN_A_CLASS,
        "a/pipe": "not a file: a named pipe",
        "b/socket": "not a file: a socket",
    }
    assert store.dataset.found == 7


def test_a_path_too_long_to_open_is_skipped_with_the_reason(tmp_path: Path) -> None:
    folder_of(tmp_path, {"a": 1, "b": 1})
    here = Path.cwd()
    try:
        os.chdir(tmp_path / "a")
        for _ in range(20):
            os.mkdir("d" * 250)  # noqa: PTH102 - deeper than a path may be long
            os.chdir("d" * 250)
        Path("1.jpg").write_bytes(b"")
    finally:
        os.chdir(here)
    store = PixelStore.build(Dataset.from_directory(tmp_path), target_size=(16, 16))
    (entry,) = store.dataset.skipped
    assert entry.reason == "cannot be read: File name too long"
    assert store.dataset.found == 3


# ------------------------------------------------------------------ parts that are given


@pytest.mark.parametrize("train", ["train", "Training"])
@pytest.mark.parametrize(
    ("others", "parts"),
    [((), {0}), (("validation",), {0, 1}), (("val",), {0, 1}), (("VALID", "test"), {0, 1, 2}), (("testing",), {0, 2})],
)
def test_given_parts_are_taken_as_they_are(
    tmp_path: Path, train: str, others: tuple[str, ...], parts: set[int]
) -> None:
    for part in (train, *others):
        touch(tmp_path, f"{part}/cats/1.jpg", f"{part}/cats/2.jpg", f"{part}/dogs/1.jpg")
    touch(tmp_path, "readme.txt", f"{train}/notes.txt", ".hidden/x/1.jpg")
    data = Dataset.from_directory(tmp_path)
    assert data.class_names == ("cats", "dogs")
    assert data.given is not None
    assert data.given.dtype == np.int8
    assert set(data.given.tolist()) == parts
    assert data.given.tolist() == sorted(data.given.tolist())
    assert [data.name(row).split("/")[0] for row in range(0, len(data), 3)] == [train, *others]
    assert skipped_of(data) == {"readme.txt": NOT_IN_A_CLASS, f"{train}/notes.txt": NOT_IN_A_CLASS}
    assert data.hidden == 1


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    data = Dataset.from_directory(touch(tmp_path, "train/1.jpg", "bus/1.jpg"))
    assert data.class_names == ("bus", "train")
    assert data.given is None


def test_a_class_may_be_called_test_and_hold_folders(tmp_path: Path) -> None:
    data = Dataset.from_directory(touch(tmp_path, "test/blood/1.jpg", "control/1.jpg"))
    assert data.class_names == ("control", "test")


def test_parts_beside_classes_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "birds/1.jpg")
    assert "holds both parts (train, val) and other folders (birds): move the others away" in refusal(tmp_path)


def test_one_part_twice_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "valid/b/1.jpg")
    assert "holds the same part twice (train, val, valid): merge them" in refusal(tmp_path)


def test_parts_without_one_to_train_on_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "val/a/1.jpg", "test/b/1.jpg")
    assert "holds test and val, but no train folder: add one" in refusal(tmp_path)


def test_a_class_of_a_measuring_part_only_is_still_a_class(tmp_path: Path) -> None:
    data = Dataset.from_directory(touch(tmp_path, "train/a/1.jpg", "train/b/1.jpg", "test/c/1.jpg"))
    assert data.counts == {"a": 1, "b": 1, "c": 1}


# ------------------------------------------------------------------ what is refused


def test_folders_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "file")
    (tmp_path / "loop").symlink_to("loop")
    assert "it does not exist: check the spelling" in refusal(tmp_path / "missing")
    assert "is a file; a folder with one folder of pictures for each class was expected" in refusal(tmp_path / "file")
    assert "a part of the path is a file, not a folder" in refusal(tmp_path / "file" / "below")
    assert "it is a loop of symbolic links: name the real folder" in refusal(tmp_path / "loop")
    assert "the name is too long" in refusal(tmp_path / ("x" * 300))


@pytest.mark.usefixtures("bound_by_permissions")
def test_folders_without_permission_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "photos/a/1.jpg", "photos/b/1.jpg", "photos/b/deep/1.jpg")
    for path, reason in (("photos/b", "permission is denied: change"), ("photos", "permission is denied: change")):
        (tmp_path / path).chmod(0)
        assert reason in refusal(tmp_path / "photos")
        (tmp_path / path).chmod(0o700)
    (tmp_path / "photos/b/deep").chmod(0)
    data = Dataset.from_directory(tmp_path / "photos")
    (tmp_path / "photos/b/deep").chmod(0o700)
    assert skipped_of(data)["b/deep"].startswith("the folder cannot be read: permission is denied")


@pytest.mark.parametrize("loose", [(), ("1.jpg", "2.jpg"), (".hidden/1.jpg",)])
def test_a_folder_without_class_folders_is_refused(tmp_path: Path, loose: tuple[str, ...]) -> None:
    text = refusal(touch(tmp_path, *loose))
    assert f"holds no class folders; expected one folder of pictures for each class, such as {tmp_path}/cats" in text


def test_one_class_is_refused(tmp_path: Path) -> None:
    text = refusal(touch(tmp_path, "cats/1.jpg", ".hidden/1.jpg"))
    assert "holds one class only, 'cats': a classifier needs at least two" in text


def test_an_empty_class_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "b/1.jpg", "c/.DS_Store")
    assert f"the class folder 'c' in {tmp_path} holds no files: add pictures, or remove the folder" in refusal(tmp_path)


@linux_names
@pytest.mark.parametrize("other", ["CATS", "cats ", " Cats", "cAts"])
def test_classes_that_differ_by_case_or_spaces_are_refused(tmp_path: Path, other: str) -> None:
    text = refusal(touch(tmp_path, "cats/1.jpg", "dogs/1.jpg", f"{other}/2.jpg"))
    assert "differ only by case or spaces: merge them" in text
    assert f"'{other}'" in text


@linux_names
def test_classes_that_look_the_same_are_refused(tmp_path: Path) -> None:
    text = refusal(touch(tmp_path, "caf\u00e9/1.jpg", "cafe\u0301/1.jpg", "tea/1.jpg"))
    assert "differ only by case or spaces" in text


@linux_names
def test_classes_that_differ_by_case_between_parts_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "train/Cats/1.jpg", "train/dogs/1.jpg", "test/cats/1.jpg", "test/dogs/1.jpg")
    assert "'Cats' and 'cats'" in refusal(tmp_path)


# ------------------------------------------------------------------ what can be done with it


def test_selected_rows_keep_their_labels_and_parts(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{part}/{name}/{n}.jpg" for part in ("train", "val") for name in "ab" for n in range(3)))
    data = Dataset.from_directory(tmp_path)
    some = data.select([7, 0, 5])
    assert names_of(some) == ["val/a/1.jpg", "train/a/0.jpg", "train/b/2.jpg"]
    assert some.labels.tolist() == [0, 0, 1]
    assert some.given is not None
    assert some.given.tolist() == [1, 0, 0]
    assert names_of(data.select(data.labels == 1)) == [name for name in names_of(data) if "/b/" in name]
    assert len(data.select([])) == 0
    assert data.select([]).counts == {"a": 0, "b": 0}
    with pytest.raises(IndexError):
        data.select([12])


def test_what_cannot_be_read_moves_to_skipped(tmp_path: Path) -> None:
    data = Dataset.from_directory(touch(tmp_path, "a/1.jpg", "a/2.jpg", "b/1.jpg", "stray"))
    less = data.without({1: "truncated"})
    assert names_of(less) == ["a/1.jpg", "b/1.jpg"]
    assert less.skipped == (*data.skipped, Skipped(tmp_path / "a" / "2.jpg", "truncated"))
    assert less.found == data.found == 4
    assert data.without({}) is data


def test_names_of_pictures_elsewhere_are_whole(tmp_path: Path) -> None:
    data = Dataset(tmp_path / "root", (Path("/elsewhere/1.jpg"),), np.zeros(1, np.int32), ("a",))
    assert data.name(0) == "/elsewhere/1.jpg"


def test_the_same_folder_gives_the_same_data(sample_photos: Path) -> None:
    one, other = Dataset.from_directory(sample_photos), Dataset.from_directory(str(sample_photos))
    assert one.paths == other.paths
    assert (one.labels == other.labels).all()
    assert one.found == files_below(sample_photos)
    assert one.to_dict() == {
        "root": str(sample_photos), "found": 522, "read": 522, "skipped": 0, "hidden": 0,
        "classes": {"horses": 261, "humans": 261},
    }  # fmt: skip


def test_random_trees_are_counted_file_by_file(tmp_path: Path) -> None:
    for seed in range(30):
        rng = np.random.default_rng((seed, 9))
        root = tmp_path / str(seed)
        touch(root, "a/0.jpg", "b/0.jpg")
        for number in range(int(rng.integers(5, 40))):
            depth = int(rng.integers(0, 4))
            place = root.joinpath(*(str(rng.choice(["a", "b", "c", ".h", "x y"])) for _ in range(depth)))
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{rng.choice(['', '.'])}{number}.jpg").write_bytes(b"")
        for folder in [folder for folder, below, files in os.walk(root) if not below and not files]:
            (Path(folder) / "0.jpg").write_bytes(b"")
        shown = [path for path in root.rglob("*") if path.is_file() and not _is_below_hidden(path.relative_to(root))]
        for name in {path.relative_to(root).parts[0] for path in root.rglob("*") if path.is_dir()} - {".h"}:
            if not any(path.relative_to(root).parts[0] == name for path in shown):
                shown.append(put(root / name / "shown.jpg", seed))
        data = Dataset.from_directory(root)
        assert {*data.paths, *(entry.path for entry in data.skipped)} == set(shown)
        assert data.found == len(shown)
        for row, path in enumerate(data.paths):
            assert path.relative_to(root).parts[0] == data.class_names[data.labels[row]]


def _is_below_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
