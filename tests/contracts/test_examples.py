"""The notebooks in examples/ are those of their sources, and run from top to bottom."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SOURCES = sorted((REPOSITORY / "examples").glob("*.py"))
NOTEBOOKS = sorted((REPOSITORY / "examples").glob("*.ipynb"))


def code(notebook: Path) -> list[str]:
    """The cells that run."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_every_notebook_is_built_from_its_source() -> None:
    build = runpy.run_path(str(REPOSITORY / "scripts" / "make_notebooks.py"))["notebook"]
    assert SOURCES
    assert [path.stem for path in NOTEBOOKS] == [path.stem for path in SOURCES]
    assert [path.name for path in SOURCES if build(path.read_text()) != path.with_suffix(".ipynb").read_text()] == []


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore:1 file of .* is left out:UserWarning")  # which the notebook speaks of
@pytest.mark.filterwarnings("ignore:shear_range=0.2 is 0.2 degrees:UserWarning")  # likewise
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    names: dict[str, object] = {"__name__": "__main__"}
    for number, cell in enumerate(code(notebook)):
        exec(compile(cell, f"{notebook.name}[{number}]", "exec"), names)
    said = capsys.readouterr().out
    assert "Found 321 images belonging to 2 classes." in said
    assert "horse-truncated.jpg - truncated" in said
    assert "is a human with a probability of" in said


def test_the_notebook_needs_no_other_line_changed() -> None:
    """Of fieldguide it imports what Keras's module has too, and the sample pictures."""
    lines = "\n".join(code(REPOSITORY / "examples" / "imagedatagenerator.ipynb")).splitlines()
    imports = [line.partition("  #")[0] for line in lines if "fieldguide" in line and "import" in line]
    assert imports == [
        "from fieldguide.preprocessing.image import ImageDataGenerator",
        "from fieldguide import samples",
        "from fieldguide.preprocessing.image import img_to_array, load_img",
    ]
