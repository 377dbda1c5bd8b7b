"""Similar pictures: a picture of a class is like others of it, itself is left out, and what is unlike all is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_nets import noise

from fieldguide.cli import main
from fieldguide.data.listed import listed
from fieldguide.errors import InputError
from fieldguide.evaluation.likeness import Similar, similar
from fieldguide.job import Outcome


@pytest.fixture(scope="module")
def unseen(sample_photos: Path) -> dict[str, Path]:
    return {name: min((sample_photos / "validation" / name).glob("*.jpg")) for name in ("horses", "humans")}


@pytest.fixture
def asked(small_job: Outcome, small_photos: Path, small_cache: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("FIELDGUIDE_CACHE", str(small_cache))

    def ask(picture: Path, folder: Path = small_photos, most: int = 8) -> Similar:
        return similar(small_job.run.classifier, picture, listed(folder), most=most)

    return ask


def test_a_picture_is_like_others_of_its_class(asked, unseen: dict[str, Path]) -> None:  # type: ignore[no-untyped-def]
    for name, picture in unseen.items():
        found = asked(picture)
        assert found.prediction.label == name
        assert len(found.neighbours) == 8
        assert found.agreeing >= 7
        values = [each.similarity for each in found.neighbours]
        assert values == sorted(values, reverse=True)
        assert all(0 <= each.above <= 1 for each in found.neighbours)
        assert found.searched == 60
        assert [each.path.name for each in found.skipped] == ["horse-truncated.jpg"]
        if found.agreeing == 8:
            assert f"All 8 nearest are in '{name}', the predicted class." in found.sentences
        assert found.pairs == 60 * 59 // 2
        assert -1 <= found.typical < found.own[1] <= 1


def test_itself_and_its_copies_are_left_out(asked, small_photos: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    picture = min((small_photos / "humans").glob("*.jpg"))
    found = asked(picture)
    assert found.itself == (picture,)
    assert picture not in [each.path for each in found.neighbours]
    assert found.searched == 59
    assert len(found.neighbours) == 8
    assert f"The picture itself is in {small_photos} and left out: humans/{picture.name}." in found.sentences


def test_noise_is_like_nothing(asked, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    import cv2

    cv2.imwrite(str(tmp_path / "noise.png"), noise(1, (300, 300))[0])
    found = asked(tmp_path / "noise.png")
    assert found.unlike
    assert any("is much like it: of its own pictures, 95 in 100 have a nearer one" in line for line in found.sentences)


def test_a_folder_without_classes(asked, small_photos: Path, unseen: dict[str, Path]) -> None:  # type: ignore[no-untyped-def]
    found = asked(unseen["horses"], small_photos / "horses", most=3)
    assert len(found.neighbours) == 3
    assert {each.class_name for each in found.neighbours} == {None}
    assert not any("predicted class" in line for line in found.sentences)
    told = json.loads(json.dumps(found.to_dict()))
    assert [each["file"] for each in told["neighbours"]] == [str(each.path) for each in found.neighbours]


def test_another_class_is_said(asked, small_photos: Path, unseen: dict[str, Path], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for place, path in enumerate(sorted((small_photos / "horses").glob("*[0-9].jpg"))[:3]):
        name = "humans" if place == 2 else "ponies"
        (tmp_path / name).mkdir(exist_ok=True)
        shutil.copy2(path, tmp_path / name)
    found = asked(unseen["horses"], tmp_path)
    assert found.sentences[0] == "None of the 3 nearest is in 'horses', the predicted class: 2 ponies, 1 humans."
    shutil.rmtree(tmp_path / "humans")
    found = asked(unseen["horses"], tmp_path)
    assert found.sentences[0] == "The 2 nearest are 2 ponies, and the classifier has no such classes."


def test_classes_come_from_a_table_too(
    small_job: Outcome, small_photos: Path, unseen: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{path},horses" for path in sorted((small_photos / "horses").glob("*[0-9].jpg"))[:4]]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *rows]) + "\n")
    arguments = ["similar", str(small_job.folder), str(unseen["horses"]), str(tmp_path / "labels.csv")]
    assert main([*arguments, "--output", str(tmp_path / "page")]) == 0
    assert "All 4 nearest are in 'horses', the predicted class." in " ".join(capsys.readouterr().out.split())


def test_what_a_table_names_and_is_not_compared_with_is_said(
    small_job: Outcome,
    small_photos: Path,
    unseen: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for place, path in enumerate(sorted((small_photos / "horses").glob("*[0-9].jpg"))[:5]):
        shutil.copy2(path, tmp_path / f"{place}.jpg")
    rows = [
        "0.jpg,horses,a",
        "1.jpg,horses,b",
        "2.jpg,horses,a",
        "3.jpg,horses,a",
        "3.jpg,humans,b",
        "lost.jpg,horses,a",
    ]
    (tmp_path / "labels.csv").write_text("\n".join(["file,kind,class", *rows]) + "\n")
    monkeypatch.chdir(tmp_path)
    asked = ["similar", str(small_job.folder), str(unseen["horses"]), "labels.csv", "--label-column", "kind"]
    assert main(asked) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "All 3 nearest are in 'horses'" in printed and "3 files are left out; the page says why." in printed
    assert "two pictures of labels.csv picked at random" in printed
    (folder,) = tmp_path.glob("similar-*")  # beside the table, which names what is a picture and what is not
    page = (folder / "similar.html").read_text()
    assert "3 of the 3 nearest of 3 pictures in <bdi>labels.csv</bdi> are <bdi>horses</bdi>" in page
    for told in ("lost.jpg</bdi>: no such file", "3.jpg</bdi>: two labels", "4.jpg</bdi>: the table does not name it"):
        assert told in page
    assert main([*asked[:3], ".", "--label-column", "kind"]) == 2
    assert capsys.readouterr().err.startswith("fieldguide: --label-column ")


def test_what_cannot_be_compared_is_refused(asked, small_photos: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    picture = min((small_photos / "humans").glob("*.jpg"))
    with pytest.raises(InputError, match="most is 0; expected a whole number from 1 to 100, such as 8"):
        asked(picture, most=0)
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(InputError, match=r"notes\.txt is not one picture that can be read \(not a picture: text\)"):
        asked(tmp_path / "notes.txt")
    with pytest.raises(InputError, match=r"holds no other picture that can be read \(1 tried; notes\.txt: not a pict"):
        asked(picture, tmp_path)
    (tmp_path / "one").mkdir()
    shutil.copy2(picture, tmp_path / "one")
    with pytest.raises(InputError, match="holds no other picture that can be read: name a folder"):
        asked(picture, tmp_path / "one")
    other = sorted((small_photos / "humans").glob("*.jpg"))[1]
    found = asked(other, tmp_path / "one")
    assert found.typical is None and found.own is None and not found.unlike
    assert np.isfinite(found.neighbours[0].similarity)
