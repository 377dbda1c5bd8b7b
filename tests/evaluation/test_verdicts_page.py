"""docs/verdicts.md names each kind of verdict and each threshold with its value, and shows real curves."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from fieldguide.evaluation import doubts, fitting, pace, signs
from fieldguide.evaluation.ailment import KINDS

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PAGE = (REPOSITORY / "docs" / "verdicts.md").read_text(encoding="utf-8")
SCRIPT = REPOSITORY / "scripts" / "make_verdict_images.py"
MODULES = (signs, doubts, pace, fitting)


def thresholds() -> dict[str, float]:
    """The named numbers of the modules that judge."""
    return {
        f"{module.__name__.rpartition('.')[2]}.{name}": value
        for module in MODULES
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, int | float)
    }


def test_every_kind_has_a_section() -> None:
    titles = {line.removeprefix("## ").lower() for line in PAGE.splitlines() if line.startswith("## ")}
    assert set(KINDS) <= titles


@pytest.mark.parametrize(("name", "value"), thresholds().items(), ids=thresholds())
def test_every_threshold_is_on_the_page(name: str, value: float) -> None:
    shown = f"1/{round(1 / value)}" if value == pace.LOW else f"{value:g}"
    assert f"`{name.rpartition('.')[2]}` = {shown}" in PAGE


def test_the_pictures_are_those_of_the_runs() -> None:
    script = runpy.run_path(str(SCRIPT))
    for name, run in script["SHOWN"].items():
        assert f"images/verdicts/{name}.svg" in PAGE
        drawn = script["drawn"](script["signs_of"](run))
        assert (script["IMAGES"] / f"{name}.svg").read_text(encoding="utf-8") == drawn, f"{name}: run {SCRIPT.name}"
