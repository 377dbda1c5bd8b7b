"""A larger input is taken where it tells more, and not tried where nothing is told wrong."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from fieldguide.data.dataset import Dataset
from fieldguide.data.split import split
from fieldguide.errors import InputError
from fieldguide.evaluation.evaluate import evaluate
from fieldguide.model.loading import load
from fieldguide.training.fit import train
from fieldguide.training.recipe import Recipe

SMALL, LARGE = (32, 32), (96, 96)


def stripes(folder: Path, *, tinted: bool) -> Path:
    """Fine stripes, upright or level, which are grey where they are shrunk; and if tinted, of another colour."""
    rng = np.random.default_rng(0)
    for name in ("level", "upright"):
        (folder / name).mkdir(parents=True)
        for number in range(24):
            lines: np.ndarray = np.where(np.arange(96) % 3 == 0, 200, 80).astype(np.float32)
            picture = np.tile(lines, (96, 1)) if name == "upright" else np.tile(lines[:, None], (1, 96))
            picture = np.stack([picture] * 3, axis=-1) * rng.uniform(0.6, 1.0) + rng.normal(0, 60, (96, 96, 3))
            if tinted and name == "level":
                picture[..., 0] *= 0.2
            cv2.imwrite(str(folder / name / f"{number}.png"), np.clip(picture, 0, 255).astype(np.uint8))
    return folder


def test_what_only_a_larger_input_shows_is_learnt_there(tmp_path: Path) -> None:
    parts = split(Dataset.from_directory(stripes(tmp_path / "fine", tinted=False)), test=0.25, seed=0)
    run = train(parts, recipe=Recipe(target_size=SMALL, larger=LARGE))
    assert isinstance(run.recipe, Recipe)
    assert run.recipe.target_size == run.classifier.target_size == LARGE
    assert run.choices.held_out.value > 0.9
    assert any(reason.startswith("input 96x96 was taken: 100.0% right") for reason in run.recipe.reasons)
    names = {trial.name.split(",")[0]: trial.chosen for trial in run.choices.trials if trial.chosen}
    assert names == {"96x96": True}
    assert {trial.name.split(",")[0] for trial in run.choices.trials} == {"32x32", "96x96"}


@pytest.mark.keras
@pytest.mark.parametrize(
    "more",
    [{"dense": (8,), "head_epochs": 30}, {"fine_tune_epochs": 1, "fine_tune": "always", "start": "block7a_project_bn"}],
    ids=["hidden layer", "fine-tuned"],
)
def test_what_is_trained_afterwards_is_trained_and_promised_at_the_size_that_was_taken(
    more: dict[str, object], tmp_path: Path
) -> None:
    parts = split(Dataset.from_directory(stripes(tmp_path / "fine", tinted=False)), test=0.25, seed=0)
    recipe = Recipe(target_size=SMALL, larger=LARGE, error_rate=0.2).with_(**more)
    run = train(parts, recipe=recipe, folder=tmp_path / "run")
    assert isinstance(run.recipe, Recipe)
    assert run.recipe.target_size == run.classifier.target_size == LARGE
    assert run.agreement is not None and run.agreement < 1e-3
    assert run.classifier.naming is not None
    back = load(tmp_path / "run")
    assert back.target_size == LARGE and back.naming == run.classifier.naming
    assert evaluate(back, parts.test).accuracy.value > 0.8


def test_where_nothing_is_told_wrong_nothing_larger_is_tried(tmp_path: Path) -> None:
    parts = split(Dataset.from_directory(stripes(tmp_path / "tinted", tinted=True)), test=0.25, seed=0)
    run = train(parts, recipe=Recipe(target_size=SMALL, larger=LARGE))
    assert isinstance(run.recipe, Recipe)
    assert run.recipe.target_size == run.classifier.target_size == SMALL
    assert any(reason.endswith("96x96 was not tried") for reason in run.recipe.reasons)


@pytest.mark.parametrize(
    ("larger", "expected"),
    [
        ((224, 224), "expected more pixels than target_size has"),
        ((128, 128), "expected more pixels than target_size has"),
        ((256, 32), "expected more pixels than target_size has"),
        ((600, 600), r"expected \(height, width\), each up to 512 pixels"),
        ((320,), r"expected \(height, width\), each up to 512 pixels"),
        (320, r"expected \(height, width\), each up to 512 pixels"),
    ],
)
def test_a_size_that_is_no_larger_one_is_refused(larger: object, expected: str) -> None:
    with pytest.raises(InputError, match=f"larger is .*; {expected}"):
        Recipe(larger=larger)  # type: ignore[arg-type]


def test_a_wide_size_is_larger_by_its_pixels() -> None:
    assert Recipe(target_size=(224, 224), larger=(192, 512)).larger == (192, 512)
    assert Recipe(larger=[256, 256]).larger == (256, 256)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="--larger: the input is 512x512 pixels, and 512 on a side are the most"):
        Recipe(target_size=(512, 512)).with_larger()
