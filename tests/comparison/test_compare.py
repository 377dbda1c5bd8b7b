"""Comparisons on real pictures: what is left in the folder, what is gone on with, and what is refused."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fieldguide import files
from fieldguide.augmentation.presets import preset_called
from fieldguide.cli import main
from fieldguide.comparison.advice import Advice
from fieldguide.comparison.compare import ROOM_FOR_RESULTS, _folder, compare, run_comparison
from fieldguide.comparison.outcome import Comparison
from fieldguide.comparison.pictures import Pictures
from fieldguide.comparison.plan import plan
from fieldguide.comparison.record import Result, given_up, take_up
from fieldguide.comparison.running import Board, run_all
from fieldguide.console import called
from fieldguide.data.dataset import Dataset
from fieldguide.data.split import Parts, split
from fieldguide.errors import FileError, InputError, InputTypeError, ModelError, TrainingError
from fieldguide.model.nets import Net
from fieldguide.reporting.markup import escape
from fieldguide.training.checkpoint import room
from fieldguide.training.optimiser import Optimiser
from fieldguide.training.recipe import Recipe
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.wishes import Wishes

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SCRATCH = ScratchRecipe(
    net=Net("classic", "tiny", target_size=(32, 32)), optimiser=Optimiser(rate=3e-3), epochs=2, batch_size=16
)
HEAD = Recipe(target_size=(96, 96), penalties=(0.1, 0.01), folds=2)


@pytest.fixture(scope="module")
def warm_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of this file, so that pictures are decoded once."""
    return tmp_path_factory.mktemp("compare-cache")


@pytest.fixture(autouse=True)
def one_cache(warm_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDGUIDE_CACHE", str(warm_cache))


@pytest.fixture(scope="module")
def parts(small_photos: Path, warm_cache: Path) -> Parts:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(warm_cache))
        return split(Dataset.from_directory(small_photos), test=0.25)


@pytest.fixture(scope="module")
def sizes(parts: Parts, warm_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """A comparison of numbers of pictures, done once for all tests that look at it and change nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGUIDE_CACHE", str(warm_cache))
        return compare(
            parts,
            "data_size",
            folder=tmp_path_factory.mktemp("sizes") / "run",
            seeds=2,
            recipe=HEAD,
            command="again & on",
        )


def copied(comparison: Comparison, folder: Path) -> Path:
    return Path(shutil.copytree(comparison.folder, folder / "copy"))


def table_of(comparison: Comparison) -> str:
    """All that is said but the time and the places."""
    return str(comparison).split("\nTime ")[0]


# What is left


def test_more_pictures_are_compared_with_fewer(sizes: Comparison, parts: Parts) -> None:
    assert [round(point.x) for point in sizes.points] == sorted({round(point.x) for point in sizes.points})
    assert sizes.points[-1].x == len(parts.train)
    assert sizes.curve is not None
    for point in sizes.points:
        assert point.right.shape == (2, len(parts.test))
        assert point.accuracy.low <= point.accuracy.value <= point.accuracy.high
        for run in point.results:
            assert run.train_n == point.x
            assert run.n == len(parts.test)
    assert sizes.points[-1].accuracy.value > 0.8, "a frozen backbone knows horses from humans"


def test_the_words_fit_the_terminal_and_end_with_where_to_look(sizes: Comparison) -> None:
    lines = str(sizes).splitlines()
    assert lines[0].startswith("training pictures  training  held out (95% CI)")
    assert max(len(line) for line in lines if not line.startswith(("Page", "Try next"))) <= 80
    assert lines[-2] == f"Page       {sizes.folder / 'comparison.html'}"
    assert lines[-1] == (
        "Try next   fieldguide.train in Python, with the recipe of that run: the command line cannot ask for its "
        "target_size, penalties, folds"
    )


def test_the_table_has_a_row_for_each_run(sizes: Comparison) -> None:
    with (sizes.folder / "comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert [float(row["accuracy"]) for row in rows] == pytest.approx(
        [run.accuracy for point in sizes.points for run in point.results], abs=1e-6
    )
    assert {row["seed"] for row in rows} == {"0", "1"}


def test_the_record_is_what_to_dict_says(sizes: Comparison) -> None:
    record = json.loads((sizes.folder / "comparison.json").read_text())
    assert record == json.loads(json.dumps(sizes.to_dict()))
    assert record["kind"] == "data_size"
    assert len(record["points"]) == 6
    assert record["baseline"] == {"class": "horses", "accuracy": 0.5, "n": 14}
    assert record["better_than_baseline"] == [record["choice"]] == [record["points"][-1]["name"]]
    assert record["curve"]["largest"] == sizes.points[-1].x
    assert record["next"] == {"what": str(sizes.next), "command": None}


def test_the_command_to_try_next_can_be_given_from_here(sizes: Comparison) -> None:
    found = replace(sizes, next=Advice(("fieldguide", "train", "my photos")))
    said = "fieldguide train 'my photos'"
    assert found.to_dict()["next"] == {"what": "Train what was chosen", "command": said}
    assert str(found).splitlines()[-1] == f"Try next   {called(said)}"


def test_the_page_shows_what_a_guess_would_reach_and_what_to_try_next(sizes: Comparison) -> None:
    page = (sizes.folder / "comparison.html").read_text()
    assert '<line class="guess"' in page
    row = re.search(r'<tr><th scope="row">always the commonest class</th>.*?</tr>', page)
    assert row
    assert "50.0%" in row[0]
    folded = "".join(re.findall(r"<details>.*?</details>", page, re.DOTALL))
    assert escape(str(sizes.next)) in page
    assert escape(str(sizes.next)) not in folded


def test_the_page_opens_offline_and_runs_nothing(sizes: Comparison) -> None:
    page = (sizes.folder / "comparison.html").read_text()
    assert "default-src 'none'" in page
    assert not re.search(r"<script|javascript:|https?://|src=\"(?!data:)|@import|url\(", page)
    assert page.count('<svg class="plot panel"') == 1
    assert "again &amp; on" in page
    assert f"<h1>{sizes.finding.headline.replace('-', chr(0x2011))}</h1>" in page
    assert page.count("<li>") >= len(sizes.finding.sentences)
    assert "cannot ask for its target_size" in page
    for point in sizes.points:
        assert f"{100 * point.accuracy.value:.1f}%" in page


# Going on


def test_finished_runs_are_not_made_again(sizes: Comparison, parts: Parts, tmp_path: Path) -> None:
    folder = copied(sizes, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("result.json")}
    again = compare(parts, "data_size", folder=folder, seeds=2, recipe=HEAD)
    assert len(before) == 12
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("result.json")} == before
    assert table_of(again) == table_of(sizes)


def test_a_lost_run_is_made_again_with_the_same_result_and_more_seeds_are_added(
    sizes: Comparison, parts: Parts, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = copied(sizes, tmp_path)
    shutil.rmtree(folder / "runs" / "8-pictures-2")
    (folder / "runs" / "12-pictures-1" / "result.json").write_text('{"format": 1')
    more = compare(parts, "data_size", folder=folder, seeds=3, recipe=HEAD)
    said = capfd.readouterr().err
    assert "10 runs of 18 kept from before" in said
    assert "12-pictures-1/result.json is damaged or of another version: this run is made again." in said
    assert [len(point.results) for point in more.points] == [3] * 6
    for before, after in zip(sizes.points, more.points, strict=True):
        assert [run.wrong for run in after.results[:2]] == [run.wrong for run in before.results]
    fewer = compare(parts, "data_size", folder=folder, seeds=2, recipe=HEAD)
    assert table_of(fewer) == table_of(sizes)


# What is refused


def test_another_comparison_is_not_mixed_in(sizes: Comparison, parts: Parts, tmp_path: Path) -> None:
    folder = copied(sizes, tmp_path)
    with pytest.raises(InputError, match="holds another comparison, of data_size: name a new folder"):
        compare(parts, "complexity", folder=folder, recipe=SCRATCH)


def test_changed_settings_and_pictures_are_named(sizes: Comparison, parts: Parts, tmp_path: Path) -> None:
    folder = copied(sizes, tmp_path)
    with pytest.raises(InputError, match=r"began otherwise: recipe: folds was 2 and is 3. Give the same pictures"):
        compare(parts, "data_size", folder=folder, recipe=HEAD.with_(folds=3))
    fewer = Parts(
        parts.train.select(np.arange(1, len(parts.train))), parts.validation, parts.test, parts.groups[1:], 0, parts.how
    )
    with pytest.raises(InputError, match="began otherwise: the training pictures or their classes are not the same"):
        compare(fewer, "data_size", folder=folder, recipe=HEAD)
    others = Parts(
        parts.train, parts.validation, parts.test.select(np.arange(1, len(parts.test))), parts.groups, 0, parts.how
    )
    with pytest.raises(InputError, match="the pictures that measure or their classes are not the same"):
        compare(others, "data_size", folder=folder, recipe=HEAD)
    turned = replace(parts, test=parts.test.select(np.arange(len(parts.test))[::-1]))
    with pytest.raises(
        InputError, match="began otherwise: the pictures that measure are the same, but come in another"
    ):
        compare(turned, "data_size", folder=folder, recipe=HEAD)


def test_files_of_a_divided_folder_that_are_renamed_are_not_paired_with_others(
    small_photos: Path, tmp_path: Path
) -> None:
    divided = tmp_path / "divided"
    for name in ("horses", "humans"):
        pictures = sorted((small_photos / name).glob("*[0-9].jpg"))
        for part, chosen in (("train", pictures[:20]), ("test", pictures[20:])):
            (divided / part / name).mkdir(parents=True)
            for path in chosen:
                shutil.copy(path, divided / part / name)

    def begun() -> None:
        parts = split(Dataset.from_directory(divided))
        take_up(tmp_path / "run", {"kind": "data_size", **Pictures.of(parts, HEAD).digests()})

    begun()
    begun()
    first = min((divided / "test" / "horses").iterdir())
    first.rename(first.with_name("zebra.jpg"))
    with pytest.raises(InputError, match="that measure are the same, but come in another order: files or folders were"):
        begun()
    first.with_name("zebra.jpg").rename(first)
    begun()
    for one, other in (("train", "test"), ("test", "train")):
        moved = min((divided / one / "humans").glob("*[0-9].jpg"))
        moved.rename(divided / other / "humans" / f"from-{one}.jpg")
    with pytest.raises(InputError, match="the same pictures are divided otherwise into those that are learnt from"):
        begun()


def test_a_run_of_other_settings_is_noticed(sizes: Comparison, parts: Parts, tmp_path: Path) -> None:
    folder = copied(sizes, tmp_path)
    shutil.copy(folder / "runs/8-pictures-1/result.json", folder / "runs/8-pictures-2/result.json")
    with pytest.raises(InputError, match=r"8-pictures-2 was made otherwise: .*recipe: seed was 0 and is 1"):
        compare(parts, "data_size", folder=folder, seeds=2, recipe=HEAD)


def test_a_folder_of_something_else_is_left_alone(parts: Parts, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="holds something else already: name a new folder with --output"):
        compare(parts, "data_size", folder=tmp_path, recipe=HEAD)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_comparison_goes_nowhere_among_the_pictures(
    parts: Parts, small_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "would be taken for pictures of a class the next time"
    with pytest.raises(InputError, match=said):
        run_comparison(small_photos, "data_size", folder=small_photos / "sizes")
    with pytest.raises(InputError, match=said):
        compare(parts, "data_size", folder=small_photos / "horses" / "sizes", recipe=HEAD)
    monkeypatch.chdir(small_photos)
    assert _folder(".", "data_size", None) == Path("../runs") / f"{small_photos.name}-data-size"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").symlink_to(small_photos)
    assert _folder("runs", "data_size", None).parent.resolve() == small_photos.parent / "runs"
    assert not list(small_photos.rglob("sizes"))


@pytest.mark.parametrize(
    ("data", "recipe", "said"),
    [
        ("two", None, r"data is 'two' \(str\); .* such as fg.Dataset.from_directory\('two'\)"),
        (None, "scratch", r"recipe is 'scratch' \(str\); .* such as fg.Recipe.auto\(parts.train\) or fg.Scratch"),
    ],
)
def test_what_is_of_another_kind_is_named(parts: Parts, tmp_path: Path, data: Any, recipe: Any, said: str) -> None:
    with pytest.raises(InputTypeError, match=said):
        compare(data or parts, "data_size", folder=tmp_path / "run", recipe=recipe)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("text", ['{"format": 1', '{"kind": "recipes"}', "[1]"])
def test_a_damaged_note_is_said_to_be_damaged(parts: Parts, tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(ModelError, match=r"plan.json is damaged: name a new folder"):
        compare(parts, "data_size", folder=tmp_path, recipe=HEAD)


def test_a_newer_note_is_said_to_be_newer(parts: Parts, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"format": 9, "kind": "recipes"}')
    with pytest.raises(ModelError, match="has format 9; this version reads 1: upgrade fieldguide"):
        compare(parts, "data_size", folder=tmp_path, recipe=HEAD)


def test_too_few_pictures_for_a_ladder_are_named(small_photos: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    for name in ("horses", "humans"):
        (few / name).mkdir(parents=True)
        for path in sorted((small_photos / name).glob("*[0-9].jpg"))[:15]:
            shutil.copy(path, few / name)
    with pytest.raises(InputError, match="different training pictures; at least 16 of each class are needed"):
        run_comparison(few, "data_size", folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_nothing_to_measure_on_is_refused(small_photos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no picture of .* is left to measure on"):
        run_comparison(small_photos, "data_size", folder=tmp_path / "run", test=0.0)


@pytest.mark.parametrize("workers", [1, 2])
def test_room_for_the_largest_networks_is_asked_for_before_anything_slow(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    largest = replace(SCRATCH.net, size="large").parameters(1)
    free = workers * room(largest) + ROOM_FOR_RESULTS
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: SimpleNamespace(free=free - 1))
    monkeypatch.setenv("FIELDGUIDE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(FileError, match=rf"{files.size_text(free)} are needed: free some space"):
        compare(parts, "complexity", folder=tmp_path / "run", recipe=SCRATCH, workers=workers)
    assert not (tmp_path / "cache").exists(), "a picture was decoded"


def test_what_leaks_is_not_measured(small_photos: Path, tmp_path: Path) -> None:
    divided = tmp_path / "divided"
    for name in ("horses", "humans"):
        pictures = sorted((small_photos / name).glob("*[0-9].jpg"))
        for part, chosen in (("train", pictures[:20]), ("validation", pictures[18:])):
            (divided / part / name).mkdir(parents=True)
            for path in chosen:
                shutil.copy(path, divided / part / name)
    parts = split(Dataset.from_directory(divided))
    assert len(parts.leaked_measured) == 4
    found = compare(parts, "data_size", folder=tmp_path / "run", seeds=1, recipe=HEAD)
    assert found.measured == f"{len(parts.test) - 4} pictures of validation"
    with pytest.raises(InputError, match="comes divided, and is taken as it is: leave out --test"):
        run_comparison(divided, "data_size", folder=tmp_path / "other", test=0.3)


# The command


def test_the_command_prints_json_and_nothing_else(
    small_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compare", str(small_photos), "--data-size", "--seeds", "1", "--json"]) == 0
    written = capfd.readouterr()
    record = json.loads(written.out)
    assert record["folder"] == f"runs/{small_photos.name}-data-size"
    assert record["seeds"] == 1
    assert "Run 1 of 6: 8 pictures, seed 0" in written.err
    assert "cannot be told from one run of each size" in record["sentences"][0]
    page = (tmp_path / record["folder"] / "comparison.html").read_text()
    assert f"fieldguide compare {small_photos} --data-size --seeds 1" in page
    assert f"fieldguide train {small_photos} --recipe features" in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data-size", "--seeds", "-3"], "fieldguide: --seeds is -3; expected a whole number of runs"),
        (["--data-size", "--workers", "0"], "fieldguide: --workers is 0; expected a whole number of runs at once"),
        (
            ["--data-size", "--epochs", "3"],
            "--epochs is for --recipe scratch and for heads with hidden layers, and the recipe is features",
        ),
        (["--complexity", "--size", "tiny"], "--complexity trains every size"),
        (["--recipes", "--dropout", "0"], "leave out --dropout 0"),
        (["--complexity", "--patience", "3"], "--patience chooses on pictures that are held out of train"),
        (["--complexity", "--minimum", "0.01"], "--minimum chooses on pictures that are held out of train"),
        (["--data-size", "--metric", "loss"], "--metric chooses on pictures that are held out of train"),
        (
            ["--recipes", "--metric", "loss", "--minimum", "0.01", "--schedule", "plateau"],
            "--metric, --minimum, --schedule plateau choose on pictures",
        ),
    ],
)
def test_the_command_refuses_what_cannot_be(
    small_photos: Path, arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(small_photos), *arguments]) == 2
    assert said in capfd.readouterr().err


# From scratch


@pytest.mark.keras
@pytest.mark.long
def test_sizes_of_a_network_are_compared_by_their_parameters(parts: Parts, tmp_path: Path) -> None:
    found = compare(parts, "complexity", folder=tmp_path / "run", seeds=1, recipe=SCRATCH)
    assert [point.name for point in found.points] == ["tiny", "small", "medium", "large"]
    assert found.points[0].x == SCRATCH.net.parameters(1)
    for point in found.points:
        (run,) = point.results
        assert (run.epochs, run.train_n, run.n) == (2, len(parts.train), len(parts.test))
        assert run.ended == "all 2 epochs were trained"
    assert not list((tmp_path / "run").rglob("last.npz")), "checkpoints go once a run is finished"
    assert "parameters" in str(found).splitlines()[0]


@pytest.mark.keras
@pytest.mark.long
def test_pictures_from_scratch_take_the_same_steps(parts: Parts, tmp_path: Path) -> None:
    growing = SCRATCH.with_(
        net=Net("residual", "tiny", target_size=(48, 48)),
        augment=preset_called("crops").settings,
        margin=1.25,
        growth=((0.5, 0.67),),
    )
    found = compare(parts, "data_size", folder=tmp_path / "run", seeds=1, recipe=growing)
    assert [point.results[0].train_n for point in found.points] == [round(point.x) for point in found.points]
    assert found.points[0].results[0].epochs >= 2


@pytest.mark.keras
def test_a_run_that_diverges_is_named_and_the_others_are_kept(
    parts: Parts, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wild = Optimiser("sgd", rate=10.0, schedule="constant", warm_up=0.0, weight_decay=0.0)
    tame, *others = plan("recipes", parts, SCRATCH, 1)
    planned = [tame, replace(others[0], recipe=SCRATCH.with_(optimiser=wild)), *others[1:]]
    pictures = Pictures.of(parts, SCRATCH)
    with pytest.raises(TrainingError, match=r"^run augmentation-1: the loss .* too high"):
        run_all(pictures, planned, tmp_path, 1)
    kept = tmp_path / "runs" / "plain-1" / "result.json"
    assert list(tmp_path.rglob("result.json")) == [kept]
    before = kept.stat().st_mtime_ns
    results = run_all(pictures, [tame, others[1]], tmp_path)
    assert "1 run of 2 kept from before" in capfd.readouterr().err
    assert [result.point for result in results] == ["plain", "dropout"]
    assert kept.stat().st_mtime_ns == before


@pytest.mark.keras
def test_advice_after_a_divergence_can_be_followed(
    small_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["compare", str(small_photos), "--complexity", "--seeds", "1", "--side", "32", "--epochs", "1"]
    command += ["--workers", "1"]
    wild = ["--optimiser", "sgd", "--schedule", "constant", "--weight-decay", "0", "--l2", "0.1", "--batch-size", "4"]
    assert main([*command, *wild, "--rate", "10"]) == 2
    said = capfd.readouterr().err
    assert "run large-1: the loss" in said and "try --rate 1." in said
    assert "--output" not in said
    folder = Path("runs") / f"{small_photos.name}-complexity"
    assert list(folder.iterdir()) == []
    assert main([*command, *wild, "--rate", "0.0001"]) == 0
    assert (
        given_up(folder)
        == f" A comparison is of one recipe: with another one name a new folder, such as --output {folder}-2."
    )
    (tmp_path / f"{folder}-2").mkdir()
    assert given_up(folder).endswith(f"--output {folder}-3.")
    monkeypatch.chdir(folder)
    assert given_up(Path()).endswith(f"--output ../{folder.name}-3.")


@pytest.mark.parametrize(
    ("epochs", "holds"),
    [
        (0, "nothing of a run yet"),
        (1, "the run under way up to its last whole epoch"),
        (None, "1 finished run"),
    ],
)
def test_ctrl_c_says_what_is_kept_and_how_it_goes_on(
    small_photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    epochs: int | None,
    holds: str,
) -> None:
    def reached(board: Board, number: int, now: int) -> None:
        if now == epochs:
            raise KeyboardInterrupt

    def made(board: Board, number: int, result: Result) -> None:
        keep(board, number, result)
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    words = ["compare", str(small_photos), "--complexity", "--seeds", "1", "--side", "32", "--epochs", "2"]
    keep = Board.made
    with monkeypatch.context() as patch:
        patch.setattr(Board, "reached", reached)
        patch.setattr(Board, "made", made)
        assert main([*words, "--batch-size", "16", "--workers", "1"]) == 130
    said = capfd.readouterr().err.splitlines()[-1]
    begun = f"fieldguide: interrupted; runs/{small_photos.name}-complexity holds {holds}; `"
    assert said.startswith(begun) and said.endswith("` goes on.")
    again = shlex.split(said.removeprefix(begun).removesuffix("` goes on."))
    assert again[again.index("compare") :][:3] == words[:3]
    assert again[-2:] == ["--workers", "1"]
    if epochs is None:
        assert main(again[again.index("compare") :]) == 0
        assert "1 run of 4 kept from before" in capfd.readouterr().err


KILLED = """
import sys
from fieldguide.comparison.compare import compare
from fieldguide.data.dataset import Dataset
from fieldguide.data.split import split
from fieldguide.training.scratch_recipe import ScratchRecipe
import json
recipe = ScratchRecipe.from_dict(json.loads(sys.argv[3]))
compare(split(Dataset.from_directory(sys.argv[1]), test=0.25), "recipes", folder=sys.argv[2], seeds=1, recipe=recipe)
"""


@pytest.mark.keras
@pytest.mark.long
def test_a_killed_comparison_goes_on_and_says_the_same(parts: Parts, small_photos: Path, tmp_path: Path) -> None:
    recipe = SCRATCH.with_(epochs=40)
    straight = compare(parts, "recipes", folder=tmp_path / "straight", seeds=1, recipe=recipe)
    folder = tmp_path / "killed"
    arguments = [str(small_photos), str(folder), json.dumps(recipe.to_dict())]
    process = subprocess.Popen([sys.executable, "-c", KILLED, *arguments], env=dict(os.environ))
    checkpoint = folder / "runs" / "augmentation-1" / "checkpoints" / "last.npz"
    for _ in range(3000):
        if checkpoint.exists() or process.poll() is not None:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoint.exists(), "it was to be killed in the middle of its second run"
    assert [path.parent.name for path in folder.rglob("result.json")] == ["plain-1"]
    assert not (folder / "comparison.html").exists()
    again = compare(parts, "recipes", folder=folder, seeds=1, recipe=recipe)
    assert table_of(again) == table_of(straight)
    for before, after in zip(straight.points, again.points, strict=True):
        assert [run.wrong for run in after.results] == [run.wrong for run in before.results]


def test_wishes_may_be_left_out(small_photos: Path, tmp_path: Path) -> None:
    found = run_comparison(small_photos, "data_size", folder=tmp_path / "run", seeds=1, wishes=Wishes("features"))
    assert found.seeds == 1
