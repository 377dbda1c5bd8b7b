"""Warnings point at a line of the person's own: of a script, a notebook's cell, or the call of `fit`."""

from __future__ import annotations

import runpy
import threading
import warnings
from pathlib import Path

import pytest
from pictures import folder_of

from fieldguide.preprocessing.warning import warn


def lines_warned_of(source: str, tmp_path: Path) -> list[tuple[str, str]]:
    """The first words and the source line of each warning of a script, all of which must be the script's own."""
    script = tmp_path / "notebook.py"
    script.write_text(source, encoding="utf-8")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", message="__array__ implementation", category=DeprecationWarning)
        runpy.run_path(str(script))
    assert {each.filename for each in said} <= {str(script)}
    lines = source.splitlines()
    return [(str(each.message).split("=")[0].split(" ")[0], lines[each.lineno - 1]) for each in said]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes, with a file that is no picture; and one of digits."""
    folder_of(tmp_path / "photos", {"cats": 3, "dogs": 3})
    (tmp_path / "photos" / "cats" / "1.jpg").write_bytes(b"no picture")
    return tmp_path / "photos"


def test_of_what_is_found_and_what_cannot_be_done(photos: Path, tmp_path: Path) -> None:
    source = f"""
import numpy as np
import fieldguide as fg
settled = fg.ImageDataGenerator(featurewise_std_normalization=True)
tilted = fg.ImageDataGenerator(shear_range=0.2)
flow = settled.flow_from_directory({str(photos)!r}, target_size=(8, 8))
batch = settled.flow(np.zeros((2, 8, 8, 3)))[0]
batch = next(settled.flow(np.zeros((2, 8, 8, 3))))
batch = settled.standardize(np.zeros((8, 8, 3)))
narrow = tilted.flow(np.zeros((2, 8, 8, 7)))
tilted.fit(np.zeros((2, 8, 8, 7)))
data = fg.image_dataset_from_directory({str(photos)!r}, image_size=(8, 8))
fg.save_img({str(tmp_path / "clear.jpg")!r}, np.zeros((8, 8, 4)))
"""
    said = lines_warned_of(source, tmp_path)
    assert len(said) == 10
    first_words = ["featurewise_std_normalization", "shear_range", "1", *3 * ["featurewise_center"], "x", "x", "1"]
    assert [word for word, _ in said] == [*first_words, "JPEG"]
    assert [line for _, line in said] == source.splitlines()[3:]


def test_of_the_rows_of_a_dataframe(photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed: it is the user's, not fieldguide's")
    source = f"""
import pandas
import fieldguide as fg
table = pandas.DataFrame(dict(filename=["cats/0.jpg", "cats/1.jpg", "dogs/1.jpg"], label=list("aab")))
generator = fg.ImageDataGenerator()
flow = generator.flow_from_dataframe(table, {str(photos)!r}, y_col="label", target_size=(8, 8), sort=False)
"""
    said = lines_warned_of(source, tmp_path)
    assert said == [("sort", source.splitlines()[-1]), ("1", source.splitlines()[-1])]


@pytest.mark.keras
@pytest.mark.parametrize(
    "call", ["next(flow)", "for batch in flow: break", "flow[0]", "model.fit(flow, verbose=0)",
             "flow.workers = 2; model.fit(flow, verbose=0)"],
)  # fmt: skip
def test_of_a_file_whose_damage_shows_in_mid_epoch(call: str, photos: Path, tmp_path: Path) -> None:
    source = f"""
import pathlib
import keras
import fieldguide as fg
flow = fg.ImageDataGenerator().flow_from_directory(
    {str(photos)!r}, target_size=(8, 8), class_mode="binary", cache=False, classes=["dogs", "cats"])
pathlib.Path({str(photos / "dogs" / "0.jpg")!r}).write_bytes(b"no picture any more")
model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
model.compile("sgd", "mse")
{call}
"""
    said = lines_warned_of(source, tmp_path)
    assert [line for _, line in said[1:]] == [call]


def test_where_no_line_is_known_it_is_a_warning_all_the_same() -> None:
    with pytest.warns(DeprecationWarning, match="^old$") as said:
        warn("old", DeprecationWarning)
    assert said[0].filename == __file__
    with pytest.warns(UserWarning, match="^from a thread$") as said:
        thread = threading.Thread(target=warn, args=("from a thread",))
        thread.start()
        thread.join()
    assert said[0].filename == __file__  # where the main thread waits
