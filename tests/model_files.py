"""Model files with something changed in them, for tests of what reads them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fieldguide.model.archive import NOTE


def changed(model: Path, path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """A copy of a whole model file with members changed, added or taken out."""
    with zipfile.ZipFile(model) as file:
        members = {name: file.read(name) for name in file.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def with_note(model: Path, path: Path, fields: dict[str, Any]) -> Path:
    """A copy of a whole model file whose note says something else."""

    def change(members: dict[str, bytes]) -> None:
        members[NOTE] = json.dumps({**json.loads(members[NOTE]), **fields}).encode()

    return changed(model, path, change)
