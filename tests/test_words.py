"""Numbers and their nouns agree."""

from __future__ import annotations

import pytest

from fieldguide.words import are, counted


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 classes"), (1, "1 class"), (2, "2 classes"), (1200, "1,200 classes")]
)
def test_a_noun_follows_its_number(number: int, text: str) -> None:
    assert counted(number, "class", "classes") == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 files are"), (1, "1 file is"), (1200, "1,200 files are")])
def test_a_verb_follows_its_number(number: int, text: str) -> None:
    assert are(number, "file") == text
