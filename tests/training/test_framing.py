"""Whether pictures are cut or get bars is chosen on held-out pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fieldguide.data.dataset import Dataset
from fieldguide.data.split import Parts, split
from fieldguide.training.framing import framed
from fieldguide.training.looking import Eye
from fieldguide.training.recipe import Recipe

COUNT = 24  # pictures of each class


def parts_of(folder: Path, where: str) -> Parts:
    """Wide and high pictures of noise, with a coloured patch that tells the class: at one end, or in the middle."""
    rng = np.random.default_rng(0)
    for label, colour in enumerate(((250, 20, 20), (20, 20, 250))):
        place = folder / f"class {label}"
        place.mkdir(parents=True)
        for number in range(COUNT):
            pixels = rng.integers(100, 156, (96, 160, 3), dtype=np.uint8)
            if where == "end":
                pixels[:, :24] = colour
            else:
                pixels[44:52, 76:84] = colour
            picture = Image.fromarray(pixels if number % 2 else np.ascontiguousarray(pixels.transpose(1, 0, 2)))
            picture.save(place / f"{number}.png")
    return split(Dataset.from_directory(folder), test=0.0)


@pytest.mark.parametrize(("where", "rule"), [("end", "pad"), ("middle", "crop")])
def test_nothing_is_cut_off_where_the_ends_tell(where: str, rule: str, tmp_path: Path) -> None:
    recipe = Recipe(target_size=(64, 64), resize="auto", penalties=(0.3, 0.1), folds=3, reasons=("one", "two", "three"))
    found, trials = framed(recipe, parts_of(tmp_path / "photos", where), Eye(recipe.trunk, None, (64, 64)))
    assert found.resize == rule
    assert found.reasons[:2] + found.reasons[3:] == recipe.reasons
    assert "48 training pictures right out of fold" in found.reasons[2]
    assert found.reasons[2].endswith("%; the loss decided")
    assert found.reasons[2].startswith("bars added, nothing cut off: 100.0%" if rule == "pad" else "centre crop: ")
    assert [trial.name.rsplit(",", 1)[0] for trial in trials] == [
        "centre crop, 48 pictures",
        "bars added, nothing cut off, 48 pictures",
    ]
    assert not any(trial.chosen for trial in trials)


def test_a_rule_that_was_asked_for_is_taken(tmp_path: Path) -> None:
    recipe = Recipe(target_size=(64, 64), resize="squash")
    assert framed(recipe, parts_of(tmp_path / "photos", "end"), Eye(recipe.trunk, None, (64, 64))) == (recipe, ())
