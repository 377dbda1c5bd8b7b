"""A reader's folder for the examples: made once, then a copy for each test."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from readers_folder import ReadersFolder, make


@pytest.fixture(scope="session")
def first_copy(tmp_path_factory: pytest.TempPathFactory) -> ReadersFolder:
    """The folder that all others are copied from, and what was computed for it, kept beside it."""
    base = tmp_path_factory.mktemp("reader")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(base / "cache"))
        return make(base / "folder", base / "sample")


@pytest.fixture
def reader(
    first_copy: ReadersFolder, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> ReadersFolder:
    """A reader's folder of this test's own, which is also the current folder; the cache is shared by all such tests."""
    monkeypatch.setenv("FIELDGUIDE_CACHE", str(first_copy.root.parent / "cache"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    copy = first_copy.copy(tmp_path / "folder")
    monkeypatch.chdir(copy.root)
    return copy
