"""The page about ImageDataGenerator leaves nothing of Keras's class out, and its figures are those of the results."""

from __future__ import annotations

import inspect
import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras.src.legacy.preprocessing import image as keras_image

import fieldguide as fg
from fieldguide.preprocessing import image

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PAGE = REPOSITORY / "docs" / "coming-from-imagedatagenerator.md"
FLOWS = ("flow", "flow_from_directory", "flow_from_dataframe")
# Keras's own housekeeping: a generator of indices, where a subset begins, and the like.
INSIDE = {"get_classes", "index_generator", "set_processing_attrs", "on_epoch_begin", "df"}

Script = dict[str, Any]


@pytest.fixture(scope="module")
def script() -> Script:
    return runpy.run_path(str(REPOSITORY / "scripts" / "figures"))


def in_code() -> set[str]:
    """Every name that the page's tables and sentences write as code."""
    text = re.sub(r"^```.*?^```$", "", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return {name for code in re.findall(r"`([^`\n]+)`", text) for name in re.findall(r"\w+", code)}


@pytest.mark.parametrize("method", ["__init__", *FLOWS])
@pytest.mark.parametrize("kind", [keras_image.ImageDataGenerator, fg.ImageDataGenerator], ids=["keras", "fieldguide"])
def test_every_argument_is_in_the_page(kind: type, method: str) -> None:
    parameters = inspect.signature(getattr(kind, method)).parameters.values()
    names = {one.name for one in parameters if one.kind is not inspect.Parameter.VAR_KEYWORD} - {"self"}
    assert len(names) > 10
    assert names - in_code() == set()


def test_every_method_and_function_is_in_the_page() -> None:
    methods = {name for name in vars(keras_image.ImageDataGenerator) if not name.startswith("_")}
    assert len(methods) >= 8
    assert methods - in_code() == set()
    assert set(image.__all__) - in_code() == set()


def test_every_attribute_of_batches_is_in_the_page() -> None:
    pictures = np.zeros((4, 8, 8, 3), np.float32)
    batches = keras_image.ImageDataGenerator().flow(pictures, np.arange(4))
    classes = (keras_image.DirectoryIterator, keras_image.DataFrameIterator, type(batches))
    names = {name for kind in classes for name in dir(kind)} | set(vars(batches))
    wanted = {name for name in names if not name.startswith("_")} - INSIDE
    assert len(wanted) > 20
    assert wanted - in_code() == set()


def test_every_picture_of_the_page_is_made_by_the_script() -> None:
    shown = set(re.findall(r"\]\(images/([\w-]+)\.png\)", PAGE.read_text(encoding="utf-8")))
    made = (REPOSITORY / "scripts" / "make_generator_images.py").read_text(encoding="utf-8")
    assert len(shown) == 5
    assert {name for name in shown if f'"{name}"' not in made} == set()


def test_the_speeds_are_those_of_the_results(script: Script) -> None:
    (shown,) = script["BLOCK"].findall(PAGE.read_text(encoding="utf-8"))
    assert shown in (script["drop_in"](REPOSITORY / "benchmarks" / "results"), script["NOTHING"])


def write(path: Path, *rows: dict[str, object]) -> None:
    lines = [",".join(rows[0]), *(",".join(str(value) for value in row.values()) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_results_become_tables_and_a_line_of_the_readme(script: Script, tmp_path: Path) -> None:
    assert script["drop_in"](tmp_path) == script["NOTHING"]
    fixed = {"batch": 32, "rounds": 5, "cpu": "AMD EPYC", "cores": 2, "system": "Linux", "versions": "python 3.11"}

    def spread(name: str, middle: float) -> dict[str, object]:
        return {name: middle, f"{name}_least": middle - 0.5, f"{name}_largest": middle + 0.5}

    def epoch(name: str, which: str, rate: float, times: float) -> dict[str, object]:
        ratio = spread("fieldguide_is_times", times)
        return {
            "epoch": which,
            "row": name,
            "pictures_per_second": rate,
            **ratio,
            "side": 150,
            "pictures": 2000,
        } | fixed

    write(
        tmp_path / "generator_files.csv",
        epoch("fieldguide", "first", 900.0, 1.5),
        epoch("fieldguide_again", "first", 1800.0, 0.75),
        epoch("keras_generator", "first", 250.0, 3.5),
        epoch("fieldguide", "later", 6000.0, 1.5),
        epoch("keras_generator", "later", 300.0, 20.0),
    )
    page = script["drop_in"](tmp_path)
    assert "### From JPEG files" in page
    assert "| 150 x 150 | Keras, `ImageDataGenerator.flow_from_directory` | 250 | 3.50 (3.00 to 4.00) |" in page
    assert "| 300 | 20.0 (19.5 to 20.5) |" in page
    assert "what the first run kept | 1,800 | 0.75 (0.25 to 1.25) |  |  |" in page
    assert "### From arrays" not in page
    (line,) = script["drop_in_line"](tmp_path, script["DROP_IN"])
    assert "from JPEG files 20.0 at 150 x 150; from JPEG files in the first epoch 3.50 at 150 x 150." in line

    share = {"input_share": 0.33, "input_share_least": 0.29, "input_share_largest": 0.37}
    share |= {"input_cpu_share": 0.31, "input_cpu_share_least": 0.3, "input_cpu_share_largest": 0.32}
    fit = {"row": "keras_generator", "seconds": 30.0, "first_seconds": 31.0, **spread("fieldguide_is_times", 1.5)}
    write(tmp_path / "generator_fit.csv", {**fit, **share, "side": 150, "pictures": 2000, **fixed})
    rate = {"row": "keras_generator", "pictures_per_second": 283.0, **spread("flow_is_times", 12.0), "pictures": 512}
    write(tmp_path / "augmentation.csv", {**rate, "side": 150, **fixed}, {**rate, "side": 224, **fixed})
    page = script["drop_in"](tmp_path)
    assert "| Keras | 30.0 | 31.0 | 1.50 (1.00 to 2.00) | 33% (29% to 37%) | 31% (30% to 32%) |" in page
    assert "| 283 | 12.0 (11.5 to 12.5) | 283 | 12.0 (11.5 to 12.5) |" in page
    (line,) = script["drop_in_line"](tmp_path, script["DROP_IN"])
    assert "from arrays 12.0 at 150 x 150, 12.0 at 224 x 224" in line
