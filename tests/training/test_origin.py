"""What a training began with: every change of its pictures is noticed, and said in words a person can use."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fieldguide as fg
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError
from fieldguide.training import origin as origins
from fieldguide.training.origin import origin, refuse_changes
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.stores import whole_store
from fieldguide.training.watching import Watched, watch

RECIPE = ScratchRecipe()


@pytest.fixture
def photos(small_photos: Path, tmp_path: Path) -> Path:
    """A folder that comes divided."""
    folder = tmp_path / "photos"
    for part, chosen in (("train", slice(0, 6)), ("validation", slice(6, 9)), ("test", slice(9, 12))):
        for name in ("horses", "humans"):
            (folder / part / name).mkdir(parents=True)
            for place, path in enumerate(sorted((small_photos / name).glob("*[0-9].*"))[chosen]):
                shutil.copy2(path, folder / part / name / f"{place}{path.suffix}")
    return folder


def began(photos: Path) -> dict[str, Any]:
    """What a training on the folder would begin with now, as a checkpoint gives it back."""
    parts = fg.split(fg.Dataset.from_directory(photos))
    store = whole_store(parts, (32, 32), "squash")
    return json.loads(json.dumps(origin(store, watch(parts, RECIPE), RECIPE, "float32")))


def suffixed(folder: Path, stem: str) -> Path:
    (found,) = folder.glob(f"{stem}.*")
    return found


def delete(photos: Path) -> None:
    suffixed(photos / "train" / "horses", "2").unlink()


def add(photos: Path) -> None:
    source = suffixed(photos / "test" / "horses", "0")
    content = fg.load_img(source)
    content.rotate(90).save(photos / "validation" / "horses" / "9.png")


def move(photos: Path) -> None:
    source = suffixed(photos / "train" / "humans", "5")
    source.rename(photos / "validation" / "humans" / f"5{source.suffix}")


def rename(photos: Path) -> None:
    source = suffixed(photos / "train" / "humans", "0")
    source.rename(source.with_stem("8"))


def alter(photos: Path) -> None:
    fg.load_img(suffixed(photos / "train" / "horses", "1")).rotate(90).save(photos / "new.png")
    (photos / "new.png").rename(suffixed(photos / "train" / "horses", "1"))


def label(photos: Path) -> None:
    source = suffixed(photos / "train" / "humans", "5")
    source.rename(photos / "train" / "horses" / f"7{source.suffix}")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (delete, r"train has 1 picture fewer; gone: train/horses/2\.\w+"),
        (add, r"validation has 1 picture more; new: validation/horses/9\.png"),
        (
            move,
            r"train has 1 picture fewer; validation has 1 picture more; renamed: train/humans/5\.\w+ to validation/h.*",
        ),
        (rename, r"renamed: train/humans/0\.\w+ to train/humans/8\.\w+"),
        (alter, r"altered: train/horses/1\.\w+"),
        (label, r"renamed: train/humans/5\.\w+ to train/horses/7\.\w+"),
    ],
)
def test_every_change_of_the_pictures_is_named(photos: Path, change: Callable[[Path], None], said: str) -> None:
    before = began(photos)
    refuse_changes(photos, before, began(photos))
    change(photos)
    with pytest.raises(
        InputError,
        match=rf"^the run in runs/x cannot be resumed, since it began otherwise: the pictures or their classes are not "
        rf"the same \({said}\)\. Give the same pictures and settings, or train in a new folder\.$",
    ):
        refuse_changes(Path("runs/x"), before, began(photos))


def test_whether_mirror_images_are_looked_at_changes_no_weight(small_store: PixelStore) -> None:
    rows = np.arange(len(small_store))
    watched = Watched(rows[:20], rows[:5], rows[20:], False, "in this order")
    before, now = (
        json.loads(json.dumps(origin(small_store, watched, recipe, "float32")))
        for recipe in (RECIPE, RECIPE.with_(net=replace(RECIPE.net, mirrored=True)))
    )
    refuse_changes(None, before, now)
    refuse_changes(None, now, before)


def test_files_may_be_renamed_as_long_as_their_order_stays(photos: Path) -> None:
    before = began(photos)
    for folder, stem, name in (("train/humans", "5", "8"), ("test/horses", "0", "00"), ("validation/humans", "2", "x")):
        source = suffixed(photos / folder, stem)
        source.rename(source.with_stem(name))
    refuse_changes(photos, before, began(photos))


def test_no_more_than_the_first_few_files_are_named(photos: Path) -> None:
    before = began(photos)
    for stem in "12345":
        suffixed(photos / "train" / "horses", stem).unlink()
    with pytest.raises(
        InputError, match=r"train has 5 pictures fewer; gone: (train/horses/\d\.\w+(, )?){3} and 2 more\)"
    ):
        refuse_changes(None, before, began(photos))


def test_another_division_of_the_same_pictures_is_named(small_photos: Path) -> None:
    data = fg.Dataset.from_directory(small_photos)
    found = []
    for seed in (0, 1):
        parts = fg.split(data, validation=0.2, test=0.2, seed=seed)
        found.append(origin(whole_store(parts, (32, 32), "squash"), watch(parts, RECIPE), RECIPE, "float32"))
    with pytest.raises(InputError, match=r"are not the same \(moved: \S+ from \w+ to \w+, .* and \d+ more\)\. Give"):
        refuse_changes(None, *found)


def test_other_classes_are_named_alone(small_store: PixelStore) -> None:
    before = origin(small_store, held_out(small_store), RECIPE, "float32")
    names = replace(small_store, dataset=replace(small_store.dataset, class_names=("horses", "people")))
    with pytest.raises(InputError, match=r"otherwise: the classes were horses, humans and are horses, people\. Give"):
        refuse_changes(None, before, origin(names, held_out(names), RECIPE, "float32"))


def test_other_labels_and_another_order_are_noticed(small_store: PixelStore) -> None:
    before = origin(small_store, held_out(small_store), RECIPE, "float32")
    labels = small_store.dataset.labels.copy()
    labels[3] = 1 - labels[3]
    others = replace(small_store, dataset=replace(small_store.dataset, labels=labels))
    turned = small_store.select(small_store.dataset.select(np.arange(len(small_store))[::-1]))
    for changed in (others, turned):
        with pytest.raises(InputError, match=r"the folder: other pictures, other labels or another order"):
            refuse_changes(None, before, origin(changed, held_out(changed), RECIPE, "float32"))


def test_other_rows_are_noticed_where_nothing_else_explains_them(small_store: PixelStore) -> None:
    before = origin(small_store, held_out(small_store), RECIPE, "float32")
    with pytest.raises(InputError, match="otherwise: other pictures of the same parts are learnt from or looked at"):
        refuse_changes(None, before, origin(small_store, held_out(small_store, every=4), RECIPE, "float32"))
    other = origin(small_store, held_out(small_store, every=4), RECIPE.with_(seed=3), "float32")
    with pytest.raises(InputError, match=r"otherwise: recipe: seed was 0 and is 3\. Give"):
        refuse_changes(None, before, other)


def test_of_many_pictures_the_names_are_left_out(small_store: PixelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origins, "MOST_NAMED", 59)
    before = origin(small_store, held_out(small_store), RECIPE, "float32")
    assert before["parts"]["the folder"]["files"] == {}
    fewer = small_store.select(small_store.dataset.select(np.arange(1, len(small_store))))
    with pytest.raises(InputError, match=r"the same \(the folder has 1 picture fewer\)"):
        refuse_changes(None, before, origin(fewer, held_out(fewer), RECIPE, "float32"))


def held_out(store: PixelStore, every: int = 3) -> Watched:
    held = np.arange(0, len(store), every)
    fitted = np.setdiff1d(np.arange(len(store)), held)
    return Watched(fitted, fitted, held, True, "some")
