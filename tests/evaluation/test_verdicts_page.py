"""docs/verdicts.md names each kind of verdict and each threshold with its value, and shows real curves."""

from __future__ import annotations

import re
import runpy
from fractions import Fraction
from pathlib import Path

import pytest

from fieldguide.evaluation import collapse, doubts, fitting, pace, signs
from fieldguide.evaluation.ailment import GOOD, KINDS, UNCLEAR
from fieldguide.training.optimiser import USUAL_RATES
from fieldguide.training.usual import LOOKS

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PAGE = (REPOSITORY / "docs" / "verdicts.md").read_text(encoding="utf-8")
SCRIPT = REPOSITORY / "scripts" / "make_verdict_images.py"
MODULES = (signs, doubts, pace, collapse, fitting)


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


def test_every_threshold_on_the_page_has_the_value_of_a_module() -> None:
    values = {**thresholds(), "usual.LOOKS": LOOKS}
    for name, shown in re.findall(r"`([A-Z][A-Z_]*)` = ([0-9./]+[0-9]|[0-9])", PAGE):
        known = {value for full, value in values.items() if full.endswith(f".{name}")}
        assert [float(Fraction(shown))] == [pytest.approx(value) for value in known], f"{name} = {shown}"
    for kind, rate in {"AdamW": "adamw", "Adam and RMSprop": "adam", "SGD with momentum": "sgd"}.items():
        assert f"{USUAL_RATES[rate]:g} for {kind}" in " ".join(PAGE.split())


@pytest.mark.parametrize("kind", KINDS)
def test_a_section_says_in_plain_words_what_it_means_before_how_it_is_told(kind: str) -> None:
    (section,) = (body for body in PAGE.split("\n## ")[1:] if body.partition("\n")[0].lower() == kind)
    plain, told, rest = section.partition("**How it is told.**")
    assert told
    assert re.search(r"^In (the|a) picture", plain, re.MULTILINE), "what to look for"
    assert not re.search(r"[0-9]|`", plain.split("](")[-1].partition(")")[2]), "no figure and no flag"
    assert len(plain) < 900
    assert "What to do" in rest or kind in (GOOD, UNCLEAR)


def test_the_pictures_are_those_of_the_runs() -> None:
    script = runpy.run_path(str(SCRIPT))
    for name, run in script["SHOWN"].items():
        assert f"images/verdicts/{name}.svg" in PAGE
        drawn = script["drawn"](script["signs_of"](run))
        assert (script["IMAGES"] / f"{name}.svg").read_text(encoding="utf-8") == drawn, f"{name}: run {SCRIPT.name}"
