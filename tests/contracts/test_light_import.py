"""Importing fieldguide and asking for help load no heavy library, so both are quick."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("PIL", "ai_edge_litert", "cv2", "jax", "keras", "matplotlib", "numpy", "scipy", "tensorflow", "torch")
REPORT = f"import sys; print([name for name in {HEAVY} if name in sys.modules])"
HELP = """
import runpy, sys
sys.argv = ["fieldguide", *{arguments}]
try:
    runpy.run_module("fieldguide", run_name="__main__")
except SystemExit as done:
    assert done.code in (0, None), done.code
"""


def output_of(code: str) -> str:
    """What a fresh interpreter prints last."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "import fieldguide; fieldguide.__version__, dir(fieldguide)",
        "import fieldguide.cli",
        "import fieldguide; fieldguide.InputError; fieldguide.samples.names()",
        HELP.format(arguments=[]),
        HELP.format(arguments=["--help"]),
        HELP.format(arguments=["--version"]),
        HELP.format(arguments=["train", "--help"]),
        HELP.format(arguments=["predict", "--help"]),
    ],
    ids=["import", "import cli", "errors and samples", "bare", "--help", "--version", "train --help", "predict --help"],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    assert output_of(f"{code}\n{REPORT}").splitlines()[-1] == "[]"


def test_nothing_in_the_package_hides_a_public_name() -> None:
    """A module or folder of the same name would take its place once it had been imported."""
    import fieldguide

    beside = {path.stem for path in Path(fieldguide.__file__).parent.iterdir()}
    assert "job" in beside
    assert beside & set(fieldguide.__all__) == set()


def test_a_heavy_library_would_be_seen() -> None:
    assert output_of(f"import numpy\n{REPORT}").splitlines()[-1] == "['numpy']"


def test_python_m_fieldguide_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "fieldguide"], capture_output=True, text=True, check=True)
    assert "fieldguide demo" in done.stdout
    assert done.stderr == ""
