"""The demonstration: the whole way on the sample pictures, as often as one likes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fieldguide.demo import run_demo

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.mark.long
@pytest.mark.keras
def test_a_stranger_gets_a_classifier_and_sees_it_work(tmp_path: Path) -> None:
    demo = run_demo(tmp_path / "demo")
    assert demo.outcome.score is not None
    assert demo.outcome.score.n == 200
    assert demo.outcome.score.accuracy.low > 0.95
    assert demo.photos == tmp_path / "demo" / "horses_or_humans" / "photos"
    assert (demo.outcome.folder / "report.html").is_file()
    assert [entry.label for entry in demo.predictions] == ["horses"] * 3 + ["humans"] * 3
    trained_on = {path.read_bytes() for path in demo.outcome.run.parts.train.paths}
    assert not any(entry.path.read_bytes() in trained_on for entry in demo.predictions)
    text = str(demo)
    assert "Pictures it has never seen" in text
    assert text.splitlines()[-1].endswith("train PHOTOS")
    fields = json.loads(json.dumps(demo.to_dict(), allow_nan=False))
    assert len(fields["predictions"]) == 6
    again = run_demo(tmp_path / "demo")
    assert (demo.outcome.folder.name, again.outcome.folder.name) == ("run-1", "run-2")
    assert (again.outcome.run.decoded, again.outcome.run.computed) == (0, 0)
    assert again.outcome.score is not None
    assert again.outcome.score.probabilities.tobytes() == demo.outcome.score.probabilities.tobytes()
