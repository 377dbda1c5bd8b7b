"""The command line as a shell sees it: results on stdout, the rest on stderr, and exit codes one can rely on."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pictures import encoded, folder_of, scene

from fieldguide.cli import main
from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.job import Outcome
from fieldguide.version import __version__

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

COMMAND = [sys.executable, "-m", "fieldguide"]
COMMANDS = (
    "demo",
    "check",
    "train",
    "rate",
    "compare",
    "evaluate",
    "predict",
    "explain",
    "similar",
    "augment",
    "cache",
)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "photos", {"cats": 4, "dogs": 4})


# Without a command


def test_the_bare_command_says_what_to_try_first(capfd: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    written = capfd.readouterr()
    assert all(f"fieldguide {command}" in written.out for command in ("demo", "check", "train"))
    assert max(map(len, written.out.splitlines())) <= 80
    assert written.err == ""


@pytest.mark.parametrize(
    ("arguments", "expected"), [(["--version"], f"fieldguide {__version__}"), (["--help"], "usage")]
)
def test_version_and_help_go_to_stdout(arguments: list[str], expected: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert capfd.readouterr().out.startswith(expected)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_in_80_columns(
    command: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    text = capfd.readouterr().out
    assert text.startswith(f"usage: fieldguide {command} ")
    assert "--json" in text and "--debug" in text
    assert max(map(len, text.splitlines())) <= 80


def test_help_names_every_command(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capfd.readouterr().out
    assert [command for command in COMMANDS if f"    {command} " not in text] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "photos", "--epochs", "1.5"], "--epochs: '1.5' was given; expected a whole number, such as 10"),
        (["compare", "photos"], "one of the arguments --complexity --data-size --recipes is required"),
        (["rate"], "the following arguments are required: folder"),
        (
            ["trian", "photos"],
            "there is no command 'trian' (did you mean train?); there are demo, check, train, rate, ",
        ),
        (["photos"], "there is no command 'photos'; there are demo, check, train, rate, "),
        (["C:\\it's (choose from"], "there is no command 'C:\\it's (choose from'; there are demo, "),
        (["check", "photos", "--fast"], "unrecognized arguments: --fast. "),
        (["train", "photos", "--foldz", "5"], "unrecognized arguments: --foldz 5 (did you mean --folds?)"),
        (["train", "photos", "--weigths=x"], "unrecognized arguments: --weigths=x (did you mean --weights?)"),
    ],
)
def test_a_wrong_argument_is_named_in_a_line(
    arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    written = capfd.readouterr()
    assert written.out == ""
    (line,) = written.err.splitlines()
    assert line.startswith(f"fieldguide: {said}")
    assert re.search(r"\. `fieldguide[ a-z]* --help` explains the arguments\.$", line)


# Data on stdout


def test_check_prints_json_and_nothing_else(photos: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(photos), "--json"]) == 0
    written = capfd.readouterr()
    assert json.loads(written.out)["counts"] == {"cats": 4, "dogs": 4}
    assert written.err == ""


def test_check_tells_by_its_exit_code_that_it_found_problems(photos: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(photos)]) == 0
    shutil.copy(photos / "cats" / "0.jpg", photos / "dogs" / "same.jpg")
    assert main(["check", str(photos)]) == 1
    assert "problem: 1 picture is under two labels" in capfd.readouterr().out


@pytest.mark.keras
def test_train_prints_json_and_nothing_else(photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", str(photos), "--output", str(tmp_path / "run"), "--test", "0.25", "--seed", "3"]
    assert main([*arguments, "--recipe", "features", "--json"]) == 0
    written = capfd.readouterr()
    fields = json.loads(written.out)
    assert fields["folder"] == str(tmp_path / "run")
    assert fields["parts"] == {**fields["parts"], "train": 6, "test": 2, "seed": 3}
    assert "Traceback" not in written.err


def test_evaluate_prints_words_or_json(
    small_job: Outcome, sample_photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    later = tmp_path / "later"
    for name in ("horses", "humans"):
        (later / name).mkdir(parents=True)
        for path in sorted((sample_photos / "validation" / name).iterdir())[:3]:
            shutil.copy2(path, later / name)
    assert main(["evaluate", str(small_job.folder), str(later)]) == 0
    words = capfd.readouterr()
    assert words.out.startswith("accuracy ")
    assert "n=6 pictures in later" in words.out
    assert words.err == ""
    assert main(["evaluate", str(small_job.folder / "model.keras"), str(later), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["n"] == 6


def test_predict_of_nothing_that_can_be_read_is_a_problem(
    small_job: Outcome, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    assert main(["predict", str(small_job.folder), str(tmp_path / "notes.txt")]) == 1
    assert "1 of 1 files could not be read" in capfd.readouterr().err


def test_predict_says_on_stderr_what_was_not_read(
    small_job: Outcome, small_photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = [str(path) for path in sorted((small_photos / "horses").iterdir())[:3]]
    assert main(["predict", str(small_job.folder), *asked, "--json"]) == 0
    written = capfd.readouterr()
    assert [entry["file"] for entry in json.loads(written.out)] == asked
    assert written.err == "fieldguide: 1 of 3 files could not be read; each is listed with its reason.\n"
    out = tmp_path / "out.csv"
    assert main(["predict", str(small_job.folder), *asked, "--csv", str(out)]) == 0
    assert capfd.readouterr().out == f"{out}\n"
    assert main(["predict", str(small_job.folder), *asked, "--csv", str(out), "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {"csv": str(out), "files": 3, "failed": 1}
    assert len(out.read_text().splitlines()) == 4


def test_cache_shows_its_size_and_clears_it(photos: Path, own_cache: Path, capfd: pytest.CaptureFixture[str]) -> None:
    main(["check", str(photos)])
    capfd.readouterr()
    assert main(["cache", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["total_bytes"] > 8 * 224 * 224 * 3
    assert main(["cache"]) == 0
    assert str(own_cache) in capfd.readouterr().out
    assert main(["cache", "--clear"]) == 0
    assert capfd.readouterr().out.startswith("cleared: ")
    assert list(own_cache.rglob("segment-*")) == []
    assert list((photos / "cats").iterdir()) != []


def test_json_is_json_whatever_the_terminals_encoding(photos: Path) -> None:
    (photos / "cats").rename(photos / "🐈 café")
    shutil.copy(photos / "dogs" / "0.jpg", photos / "dogs" / "caf\udce9.jpg")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run([*COMMAND, "check", str(photos), "--json"], env=environment, capture_output=True, check=True)
    fields = json.loads(done.stdout)
    assert "🐈 café" in fields["counts"]
    names = [path for finding in fields["findings"] for path in finding["paths"]]
    assert any("caf\udce9.jpg" in name for name in names)
    plain = subprocess.run([*COMMAND, "check", str(photos)], env=environment, capture_output=True, check=False)
    assert plain.returncode == 0, plain.stderr
    assert b"\\U0001f408 caf\\xe9" in plain.stdout


def test_no_colour_codes_are_printed(photos: Path, capfd: pytest.CaptureFixture[str]) -> None:
    main(["check", str(photos)])
    main(["check", str(photos / "nowhere")])
    written = capfd.readouterr()
    assert "\x1b" not in written.out + written.err


# When it ends early


def test_output_that_nobody_reads_to_the_end_is_no_error(small_job: Outcome, small_photos: Path) -> None:
    many = [str(small_photos)] * 3
    code = f"import sys; from fieldguide.cli import main; sys.exit(main({['predict', str(small_job.folder), *many]!r}))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None and running.stderr is not None
        assert running.stdout.readline().split()[0] == b"file"
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(60) == 0


@pytest.mark.parametrize("arguments", [[], ["check", "PHOTOS"], ["cache"]])
def test_a_closed_pipe_from_the_start_is_no_error(arguments: list[str], photos: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    given = [str(photos) if each == "PHOTOS" else each for each in arguments]
    try:
        done = subprocess.run([*COMMAND, *given], stdout=writing, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("arguments", [[], ["check", "PHOTOS"]])
def test_output_to_a_full_disk_is_an_error_in_words(arguments: list[str], photos: Path) -> None:
    given = [str(photos) if each == "PHOTOS" else each for each in arguments]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*COMMAND, *given], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("fieldguide: cannot write the output: the disk is full")
    assert "Traceback" not in done.stderr


def kept_rows(cache: Path) -> int:
    return sum(path.stat().st_size for path in cache.rglob("thumbnail.bin")) // (32 * 32 * 3)


def interrupted(
    arguments: list[str], ready: object, sent: signal.Signals = signal.SIGINT
) -> subprocess.CompletedProcess[str]:
    """Runs a command and presses Ctrl-C, or sends another signal, as soon as `ready()` is true."""
    assert callable(ready)
    # Where the tests run in the background, Ctrl-C is ignored, and by default in what they start, too.
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as running:
        until = time.monotonic() + 60
        while not ready():
            assert running.poll() is None, "it ended before it could be interrupted"
            assert time.monotonic() < until
            time.sleep(0.01)
        running.send_signal(sent)
        stdout, stderr = running.communicate(timeout=60)
    return subprocess.CompletedProcess(arguments, running.returncode, stdout, stderr)


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent in another way there")
def test_an_interrupted_reading_goes_on_where_it_was(tmp_path: Path, own_cache: Path) -> None:
    photos, whole = tmp_path / "photos", encoded(scene(1, 900, 1200))
    for number in range(600):
        path = photos / f"class {number % 2}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(whole + number.to_bytes(4, "big"))  # other bytes after the picture's end: another file
    # Rows are written 64 at a time, and those that are just being written may be lost.
    done = interrupted(["train", str(photos), "--output", str(tmp_path / "run")], lambda: kept_rows(own_cache) >= 128)
    assert done.returncode == 130, done.stderr
    assert done.stdout == ""
    assert done.stderr.endswith("fieldguide: interrupted; what was read so far is kept, run the command again.\n")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()
    kept = kept_rows(own_cache)
    assert 64 <= kept < 600
    store = PixelStore.build(Dataset.from_directory(photos))
    assert len(store) == 600
    assert store.decoded == 600 - kept


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent in another way there")
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_table_of_predictions_is_not_left_half_written(
    sent: signal.Signals, code: int, small_job: Outcome, small_photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    arguments = ["predict", str(small_job.folder), *[str(small_photos)] * 100, "--csv", str(out / "all.csv")]
    done = interrupted(arguments, lambda: any(out.iterdir()), sent)
    assert done.returncode == code, done.stderr
    assert done.stderr.endswith("fieldguide: interrupted.\n")
    assert list(out.iterdir()) == []
