"""What is found in class folders is what Keras's own iterator finds, but for what is mended."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import encoded, put, scene

from fieldguide.errors import FileError, InputError, InputTypeError
from fieldguide.preprocessing.listing import Listing, list_directory

PICTURE = encoded(scene(0, 8, 8))
FOLDERS = ("cats", "cats-2", "cats 3", "Dogs", "dogs", "x.y")
BELOW = ("", "old", "old/er", "old-er", "old.er", "cats")  # "-" and "." sort before "/", "e" after it
NAMES = ("1.jpg", "10.JPG", "2.jpeg", "b.Png", "B.bmp", "scanjpg", "z.ppm", "t.tif", "t.tiff", "notes.txt", "é.jpg")


def lay(root: Path, files: Iterable[str]) -> Path:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PICTURE)
    return root


def keras_finds(
    root: Path, classes: list[str] | None, subset: str | None, share: float, follow: bool = False
) -> object:
    from keras.src.legacy.preprocessing.image import DirectoryIterator, ImageDataGenerator

    generator = ImageDataGenerator(validation_split=share)
    return DirectoryIterator(str(root), generator, classes=classes, subset=subset, follow_links=follow)


def split_of(subset: str | None, share: float) -> tuple[float, float] | None:
    return {"training": (share, 1.0), "validation": (0.0, share)}.get(subset or "")


def same(ours: Listing, keras: object) -> None:
    for name in ("filenames", "filepaths", "class_indices"):
        assert getattr(ours, name) == getattr(keras, name)
    np.testing.assert_array_equal(ours.classes, keras.classes)  # type: ignore[attr-defined]
    assert ours.classes.dtype == keras.classes.dtype  # type: ignore[attr-defined]
    assert len(ours.class_indices) == keras.num_classes  # type: ignore[attr-defined]


@pytest.mark.filterwarnings('ignore:Using ".tiff" files:UserWarning')
@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    files=st.sets(st.tuples(*map(st.sampled_from, (FOLDERS, BELOW, NAMES))), min_size=1, max_size=25),
    order=st.none() | st.permutations(FOLDERS),
    subset=st.sampled_from((None, "training", "validation")),
    share=st.floats(0.05, 0.95),
)
def test_a_tree_is_listed_as_keras_lists_it(
    files: set[tuple[str, str, str]], order: list[str] | None, subset: str | None, share: float
) -> None:
    with tempfile.TemporaryDirectory() as place:
        root = lay(Path(place), ("/".join(parts) for parts in files))
        classes = [name for name in order if (root / name).is_dir()][:3] if order else None
        keras = keras_finds(root, classes, subset, share)
        if keras.samples == 0:  # type: ignore[attr-defined]
            with pytest.raises(InputError):
                list_directory(root, classes=classes, split=split_of(subset, share))
            return
        listing = list_directory(place, classes=classes, split=split_of(subset, share))
        same(listing, keras)
        assert listing.skipped == ()


@pytest.mark.parametrize("classes", [["."], [""]])
def test_the_directory_itself_may_be_the_class(classes: list[str], tmp_path: Path) -> None:
    lay(tmp_path, ["1.jpg", "2.jpg", "more/3.jpg"])
    same(list_directory(tmp_path, classes=classes), keras_finds(tmp_path, classes, None, 0.0))


@pytest.mark.parametrize("follow", [False, True])
def test_links_are_followed_as_keras_follows_them(follow: bool, tmp_path: Path) -> None:
    root = lay(tmp_path / "root", ["cats/1.jpg"])
    elsewhere = lay(tmp_path / "elsewhere", ["2.jpg", "sub/3.jpg"])
    (root / "dogs").symlink_to(elsewhere)
    (root / "cats" / "more").symlink_to(elsewhere)
    same(list_directory(root, follow_links=follow), keras_finds(root, None, None, 0.0, follow))


def test_a_link_that_leads_back_is_not_followed(tmp_path: Path) -> None:
    lay(tmp_path, ["cats/1.jpg"])
    (tmp_path / "cats" / "again").symlink_to(tmp_path / "cats")
    assert len(keras_finds(tmp_path, None, None, 0.0, True).filenames) > 10  # type: ignore[attr-defined]
    (tmp_path / "cats" / "up").symlink_to(tmp_path)  # with two such links Keras's walk would not end in our time
    assert list_directory(tmp_path, follow_links=True).filenames == ["cats/1.jpg"]


def test_hidden_folders_are_no_classes_and_hidden_files_no_pictures(tmp_path: Path) -> None:
    lay(tmp_path, ["cats/1.jpg", "dogs/2.jpg", "dogs/._2.jpg", ".ipynb_checkpoints/1.jpg", "__pycache__/1.jpg"])
    lay(tmp_path, ["cats/.ipynb_checkpoints/1-checkpoint.jpg", "__MACOSX/3.jpg"])
    listing = list_directory(tmp_path)
    assert listing.class_indices == {"cats": 0, "dogs": 1}
    assert listing.filenames == ["cats/1.jpg", "dogs/2.jpg"]
    assert listing.notes() == []
    assert list_directory(tmp_path, classes=[".ipynb_checkpoints"]).filenames == [".ipynb_checkpoints/1.jpg"]


def test_webp_and_gif_are_seen(tmp_path: Path) -> None:
    for ending, form in (("webp", "WEBP"), ("GIF", "GIF")):
        (tmp_path / "cats").mkdir(exist_ok=True)
        scene(1).save(tmp_path / "cats" / f"1.{ending}", form)
    assert list_directory(tmp_path).filenames == ["cats/1.GIF", "cats/1.webp"]


def test_unreadable_files_are_left_out_after_the_split(tmp_path: Path) -> None:
    for number in range(10):
        put(tmp_path / "cats" / f"{number}.jpg", number)
    (tmp_path / "cats" / "0.jpg").write_text("no picture")
    (tmp_path / "cats" / "5.jpg").write_bytes(b"")
    validation, training = list_directory(tmp_path, split=(0, 0.4)), list_directory(tmp_path, split=(0.4, 1))
    assert validation.filenames == [f"cats/{number}.jpg" for number in (1, 2, 3)]
    assert training.filenames == [f"cats/{number}.jpg" for number in (4, 6, 7, 8, 9)]
    assert len(training.classes) == 5
    assert [item.path for item in training.skipped] == [tmp_path / "cats" / "5.jpg"]
    assert validation.notes() == [f"1 file of {tmp_path} is left out: cats/0.jpg (not a picture: text)."]


def test_many_files_left_out_are_counted(tmp_path: Path) -> None:
    put(tmp_path / "cats" / "good.jpg", 1)
    for number in range(5):
        (tmp_path / "cats" / f"{number}.jpg").write_bytes(b"")
    (note,) = list_directory(tmp_path).notes()
    assert note.startswith(f"5 files of {tmp_path} are left out: cats/0.jpg (an empty file), cats/1.jpg")
    assert note.endswith(" and 2 more.")


def test_nested_classes_are_found_where_they_are(tmp_path: Path) -> None:
    lay(tmp_path, ["birds/owls/1.jpg", "birds/gulls/2.jpg", "owls/3.jpg"])
    from keras.src.legacy.preprocessing.image import _list_valid_filenames_in_directory

    with pytest.raises(KeyError):  # it looks for the last part of the name only
        _list_valid_filenames_in_directory(str(tmp_path / "birds/owls"), ("jpg",), None, {"birds/owls": 0}, False)
    listing = list_directory(tmp_path, classes=("birds/owls", "owls"))
    assert listing.class_indices == {"birds/owls": 0, "owls": 1}
    assert listing.filenames == ["birds/owls/1.jpg", "owls/3.jpg"]
    assert all(Path(path).is_file() for path in listing.filepaths)


def test_class_indices_of_another_iterator_may_be_given(tmp_path: Path) -> None:
    lay(tmp_path, ["cats/1.jpg", "dogs/2.jpg"])
    indices = list_directory(tmp_path).class_indices
    assert list_directory(tmp_path, classes=indices).class_indices == indices
    assert list_directory(tmp_path, classes=indices.keys()).class_indices == indices
    assert list_directory(tmp_path, classes=np.array(["dogs", "cats"])).class_indices == {"dogs": 0, "cats": 1}
    assert list_directory(tmp_path, classes=[]).class_indices == indices


def test_an_empty_class_folder_is_named(tmp_path: Path) -> None:
    lay(tmp_path, ["cats/1.jpg", "foxes/notes.txt"])
    (tmp_path / "dogs").mkdir()
    listing = list_directory(tmp_path)
    assert listing.empty == ("dogs", "foxes")
    assert listing.class_indices == {"cats": 0, "dogs": 1, "foxes": 2}
    assert listing.notes() == [f"no picture was found in 'dogs', 'foxes' of {tmp_path}, which still counts as a class."]


def test_a_closed_folder_is_named(tmp_path: Path, bound_by_permissions: None) -> None:
    lay(tmp_path, ["cats/1.jpg", "cats/private/2.jpg"])
    (tmp_path / "cats" / "private").chmod(0)
    listing = list_directory(tmp_path)
    (tmp_path / "cats" / "private").chmod(0o700)
    assert [item.path.name for item in listing.skipped] == ["private"]


def test_a_missing_directory_and_a_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"fotos: it does not exist"):
        list_directory(tmp_path / "fotos")
    with pytest.raises(FileError, match=r"it does not exist"):
        list_directory(tmp_path / "fotos", classes=["cats"])
    with pytest.raises(FileError, match=r"1\.jpg is a file; a folder"):
        list_directory(put(tmp_path / "1.jpg", 1))


@pytest.mark.parametrize(
    ("files", "arguments", "message"),
    [
        (["cats/1.jpg"], {"classes": ["cats", "dgos"]}, r"names 'dgos', but .* has no such folder; it has 'cats'\.$"),
        (["1.jpg"], {"classes": ["cats"]}, r"no such folder; it has no folders\.$"),
        (["cats/1.jpg"], {"classes": ["cats", "cats"]}, r"classes names 'cats' more than once"),
        (["notes.txt"], {}, r"holds no class folders; expected one folder"),
        (["1.jpg", "2.png"], {}, r"no class folders but 2 pictures: .* pass classes=\['\.'\]"),
        (["1.jpg", ".ipynb_checkpoints/2.jpg"], {}, r"no class folders but 1 picture:"),
        (["cats/notes.txt", "dogs/a.heic"], {}, r"no picture was found in 'cats', 'dogs' of .*: expected files .* jpg"),
        (["cats/1.jpg", "cats/2.jpg"], {"split": (0, 0.2)}, r"from 0 to 0\.2 .*\(the largest has 2\): add pictures"),
    ],
)
def test_what_cannot_be_listed(files: list[str], arguments: dict, message: str, tmp_path: Path) -> None:
    lay(tmp_path, files)
    with pytest.raises(InputError, match=message):
        list_directory(tmp_path, **arguments)


def test_nothing_readable(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "1.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"no picture of .* can be read: 1 file .* cats/1\.jpg \(an empty file\)"):
        list_directory(tmp_path)


@pytest.mark.parametrize("classes", ["cats", {"cats"}, [1], 5])
def test_classes_of_a_wrong_kind(classes: object, tmp_path: Path) -> None:
    lay(tmp_path, ["cats/1.jpg"])
    with pytest.raises(InputTypeError, match=r"^classes is "):
        list_directory(tmp_path, classes=classes)  # type: ignore[arg-type]


def test_a_directory_of_a_wrong_kind() -> None:
    with pytest.raises(InputTypeError, match=r"directory is 5"):
        list_directory(5)  # type: ignore[arg-type]


def test_real_pictures(shared_data: Path) -> None:
    folder = shared_data / "caltech_50"
    same(list_directory(folder), keras_finds(folder, None, None, 0.0))
