"""The table of suspects is read back as it was written, and a foreign file is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fieldguide.errors import InputError
from fieldguide.evaluation.suspect_table import read_suspects, write_suspects
from fieldguide.evaluation.suspects import find_suspects


def test_the_whole_ranking_is_read_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    stated = rng.dirichlet(np.ones(3) * 0.2, 60) * 0.3
    stated[np.arange(60), labels] += 0.7
    labels[:4] = (labels[:4] + 1) % 3
    suspects = find_suspects(stated, labels, ["=apes", "bats", "ca,ts"])
    files = [f"-{row}.jpg" for row in range(60)]
    found = read_suspects(write_suspects(tmp_path / "suspects.csv", suspects, files))
    assert [one.rank for one in found] == list(range(1, 61))
    assert sorted(one.file for one in found) == sorted(files)
    assert [one.suspect for one in found] == [place < suspects.count for place in range(60)]
    for one, listed in zip(found, suspects.listed(60), strict=True):
        assert (one.file, one.label, one.suggested) == (files[listed.row], listed.given, listed.suggested)
        assert one.label_probability == pytest.approx(listed.given_probability, abs=1e-6)
        assert one.suggested_probability == pytest.approx(listed.suggested_probability, abs=1e-6)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x,a.jpg,cat,dog,0.1,0.9,yes", "line 2, is no line of a list of suspects"),
        ("1,a.jpg,cat,dog,0.1,1.9,yes", "line 2, is no line"),
        ("1,a.jpg,cat,dog,nan,0.9,yes", "line 2, is no line"),
        ("1,a.jpg,cat,dog,0.1,0.9,perhaps", "line 2, is no line"),
        ("1,,cat,dog,0.1,0.9,yes", "line 2, is no line"),
        ("1,a.jpg,cat", "line 2, has 3 cells"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(line: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "suspects.csv"
    path.write_text(f"rank,file,label,suggested,label_probability,suggested_probability,suspect\n{line}\n")
    with pytest.raises(InputError, match=expected):
        read_suspects(path)


def test_foreign_files_and_other_numbers_of_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("file,reason\na.jpg,gone\n")
    with pytest.raises(InputError, match="begins with 'file,reason'; expected a list of suspects"):
        read_suspects(tmp_path / "other.csv")
    suspects = find_suspects(np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([0, 1]), ["cat", "dog"])
    with pytest.raises(InputError, match="1 files were given for 2 pictures"):
        write_suspects(tmp_path / "suspects.csv", suspects, ["a.jpg"])
