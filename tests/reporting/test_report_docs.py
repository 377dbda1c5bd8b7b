"""The examples of the pages about scores and reports, run as a reader would: in a Python of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent
READER = """
import doctest, sys
from pathlib import Path
import numpy as np
from finished_runs import dataset, finished_run, scored
labels = np.arange(100) % 2
run = finished_run(dataset(("owl", "wren"), labels), dataset(("owl", "wren"), labels, first=100))
names = {"run": run, "score_of_run": scored(run, range(3)), "folder": Path(sys.argv[2])}
result = doctest.testfile(sys.argv[1], module_relative=False, globs=names)
sys.exit(result.failed or not result.attempted)
"""


@pytest.mark.parametrize("page", ["metrics.md", "report.md"])
def test_the_examples_give_what_the_page_says(page: str, tmp_path: Path) -> None:
    paths = os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY / "tests")])
    command = [sys.executable, "-c", READER, str(REPOSITORY / "docs" / page), str(tmp_path)]
    found = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths}, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
